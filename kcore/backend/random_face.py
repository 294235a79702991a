"""Keras 2's random functions: symbolic tensors that are drawn anew at each run of a program."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import canonical
from ..kernel.config import settings
from .declare import operation, read_dtype
from .random_state import draw_seed, make_key
from .values import known_sizes, told_name
from .variables import Variable


def _type(dtype: Any) -> str:
    return settings.floatx if dtype is None else canonical(dtype)


def random_uniform(
    shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Uniform in [minval, maxval)."""
    drawn = operation("random_uniform")(make_key(seed), shape, _type(dtype))
    return drawn * (maxval - minval) + minval


def random_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Normal with `mean` and standard deviation `stddev`."""
    return operation("random_normal")(make_key(seed), shape, _type(dtype)) * stddev + mean


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Normal, cut off at two standard deviations."""
    return operation("random_truncated_normal")(make_key(seed), shape, _type(dtype)) * stddev + mean


def random_binomial(shape: Any, p: Any = 0.0, dtype: Any = None, seed: int | None = None) -> Any:
    """1 with probability `p`, else 0."""
    kind = _type(dtype)
    drawn = operation("random_uniform")(
        make_key(seed), shape, "float32" if kind not in ("float64",) else kind
    )
    return operation("cast")(operation("less")(drawn, p), kind)


def dropout(x: Any, level: Any, noise_shape: Any = None, seed: int | None = None) -> Any:
    """`x` with a share `level` of values set to zero and the others scaled by 1 / (1 - level).

    noise_shape: shape of the mask, broadcast against x (None or -1: as x).
    """
    shape = operation("shape")(x)
    if noise_shape is not None:
        shape = [shape[i] if n in (None, -1) else n for i, n in enumerate(noise_shape)]
    kept = 1.0 - level
    kind = read_dtype(x) if hasattr(x, "dtype") else None
    drawn = operation("random_uniform")(make_key(seed), shape, kind)
    mask = operation("cast")(operation("less")(drawn, kept), str(kind))
    return x * mask / kept


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """A variable of `shape`, uniform in [low, high)."""
    state = np.random.RandomState(draw_seed() if seed is None else seed)
    return Variable(state.uniform(low, high, known_sizes("a variable", shape)), _type(dtype), told_name(name))


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """A variable of `shape`, normal with mean `mean` and standard deviation `scale`."""
    state = np.random.RandomState(draw_seed() if seed is None else seed)
    return Variable(
        state.normal(mean, scale, known_sizes("a variable", shape)), _type(dtype), told_name(name)
    )
