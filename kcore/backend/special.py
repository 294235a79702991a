"""Numerics behind the meanings: the error function and its inverse, vectorised, and quiet arithmetic."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, polynomial


def quiet(meaning: Callable[..., Any]) -> Callable[..., Any]:
    """`meaning` with overflow, 0/0 and the like giving inf and NaN without a warning."""

    @functools.wraps(meaning)
    def run(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return meaning(*args, **kwargs)

    return run


_NEAR = 1.5  # up to here the power series is exact enough


def erf(x: np.ndarray) -> np.ndarray:
    """The error function in float64, within a few units in the last place."""
    size = np.abs(x)
    near = size <= _NEAR
    squared = np.where(near, x * x, 0.0)
    inner = x * polynomial.polyval(squared, _maclaurin())
    outer = np.sign(x) * (1.0 - _erfc_above_one(np.where(near, _NEAR, size)))
    return np.where(near, inner, outer)


@functools.cache
def _maclaurin() -> np.ndarray:
    """Coefficients of erf(x) / x in powers of x**2 (Abramowitz and Stegun, 7.1.5)."""
    return np.array(
        [2 / math.sqrt(math.pi) * (-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(32)]
    )


# Shepherd and Laframboise, Math. Comp. 36 (1981): exp(x**2) erfc(x) is smooth in (x - k) / (x + k), k = 3.75.
_K = 3.75
_FAR = 27.0  # erfc is below the smallest float64 from here on


@functools.cache
def _scaled_erfc() -> np.ndarray:
    """Chebyshev coefficients of (1 + 2x) exp(x**2) erfc(x) over 1 <= x <= _FAR, from the C library's erfc."""
    low, high = (1 - _K) / (1 + _K), (_FAR - _K) / (_FAR + _K)

    def function(node: float) -> float:
        u = low + (node + 1) / 2 * (high - low)
        x = _K * (1 + u) / (1 - u)
        if x > 10:  # erfc is too small to divide by: its asymptotic series (Abramowitz and Stegun, 7.1.23)
            terms = [(-1) ** m * math.prod(range(1, 2 * m, 2)) / (2 * x * x) ** m for m in range(12)]
            return (1 + 2 * x) * sum(terms) / (x * math.sqrt(math.pi))
        return (1 + 2 * x) * math.erfc(x) / float(_gauss(np.float64(x)))

    return chebyshev.chebinterpolate(lambda nodes: np.array([function(float(n)) for n in nodes]), 30)


def _gauss(x: np.ndarray) -> np.ndarray:
    """exp(-x**2), with the part of x**2 that float64 rounds away: it counts where x is large."""
    short = x.astype("float32").astype("float64")  # its square is exact
    return np.exp(-short * short) * np.exp((short - x) * (short + x))


def _erfc_above_one(x: np.ndarray) -> np.ndarray:
    """1 - erf(x) for x >= 1, with a small relative error."""
    low, high = (1 - _K) / (1 + _K), (_FAR - _K) / (_FAR + _K)
    x = np.minimum(x, _FAR)
    u = ((x - _K) / (x + _K) - low) / (high - low) * 2 - 1
    return chebyshev.chebval(u, _scaled_erfc()) * _gauss(x) / (1 + 2 * x)


# Giles, "Approximating the erfinv function", GPU Computing Gems 2 (2010), single precision; highest power first.
_CENTRAL = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
    -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
    0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip


def _far_start(rest: np.ndarray) -> np.ndarray:
    """About the x with erfc(x) = rest, for a small rest, where single precision ends (A. and S., 7.1.23)."""
    x = np.sqrt(np.maximum(-np.log(rest), 2.0))
    for _ in range(2):
        x = np.sqrt(np.maximum(-np.log(rest * math.sqrt(math.pi) * x / (1 - 0.5 / (x * x))), 2.0))
    return x


def erfinv(p: np.ndarray) -> np.ndarray:
    """The inverse of erf in float64: a start in single precision, made exact by two steps of Newton's."""
    size = np.minimum(np.abs(p), np.nextafter(1.0, 0.0))
    w = -np.log((1 - size) * (1 + size))
    x = size * np.where(w < 5, np.polyval(_CENTRAL, w - 2.5), np.polyval(_TAIL, np.sqrt(w) - 3))
    x = np.where(w < 14, x, _far_start(1 - size))
    for _ in range(2):
        # far out the complement is used: 1 - size is exact there, erf(x) - size is not
        excess = np.where(x < _NEAR, erf(x) - size, (1 - size) - _erfc_above_one(np.maximum(x, _NEAR)))
        step = excess * (math.sqrt(math.pi) / 2) * np.exp(x * x)
        x = x - step / (1 + x * step)  # Halley: the second derivative is -2x times the first
    x = np.where(np.abs(p) == 1, np.inf, np.where(np.abs(p) <= 1, x, np.nan))
    return np.copysign(x, p)
