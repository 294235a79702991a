"""Initial values of weights, drawn on the host: one seed gives the same weights on every engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import objects
from .backend.random_state import draw_seed
from .backend.tensor import numpy_dtype
from .dtypes import canonical
from .errors import ArgumentError
from .kernel.config import settings


def _typed(array: Any, dtype: Any) -> np.ndarray:
    return np.asarray(array, numpy_dtype(settings.floatx if dtype is None else canonical(dtype)))


class Initializer:
    """Called with a shape (and a dtype, floatx by default) it gives an array."""

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        raise NotImplementedError(
            f"{type(self).__name__} does not say how to make an array: define __call__."
        )

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        config.pop("dtype", None)
        return cls(**config)


class Zeros(Initializer):
    """All 0."""

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return _typed(np.zeros(tuple(shape)), dtype)


class Ones(Initializer):
    """All 1."""

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return _typed(np.ones(tuple(shape)), dtype)


class Constant(Initializer):
    """All `value`: a number, or an array of the shape asked for."""

    def __init__(self, value: Any = 0) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        value = np.asarray(self.value)
        shape = tuple(shape)
        if value.ndim and value.size == np.prod(shape, dtype=int):
            value = value.reshape(shape)
        return _typed(np.broadcast_to(value, shape).copy(), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class _Random(Initializer):
    seed: int | None

    def _state(self) -> np.random.RandomState:
        """The frozen generator of NumPy: its streams never change between versions."""
        return np.random.RandomState(draw_seed() if self.seed is None else self.seed)


class RandomNormal(_Random):
    """Normal with mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return _typed(self._state().normal(self.mean, self.stddev, tuple(shape)), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class RandomUniform(_Random):
    """Uniform from minval to maxval."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return _typed(self._state().uniform(self.minval, self.maxval, tuple(shape)), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


def _truncated(state: np.random.RandomState, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal values within two standard deviations: those outside are drawn again."""
    values = state.normal(size=shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = state.normal(size=int(outside.sum()))
        outside = np.abs(values) > 2
    return values


class TruncatedNormal(_Random):
    """Normal, cut off at two standard deviations."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return _typed(_truncated(self._state(), tuple(shape)) * self.stddev + self.mean, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


def _fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Inputs and outputs per unit: of a matrix its sides, of a kernel (..., in, out) times the window."""
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) in (3, 4, 5):
        window = float(np.prod(shape[:-2]))
        return shape[-2] * window, shape[-1] * window
    root = float(np.sqrt(np.prod(shape)))
    return root, root


class VarianceScaling(_Random):
    """Variance scale / n, n the fan in, out or their average (Glorot 2010, He 2015)."""

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "normal", seed: int | None = None
    ) -> None:
        if scale <= 0.0:
            raise ArgumentError(f"VarianceScaling: scale must be positive; {scale!r} was given.")
        self.scale, self.seed = scale, seed
        self.mode, self.distribution = str(mode).lower(), str(distribution).lower()
        if self.mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ArgumentError(
                f"VarianceScaling: mode {mode!r} is not known; use 'fan_in', 'fan_out' or 'fan_avg'."
            )
        if self.distribution not in ("normal", "uniform"):
            raise ArgumentError(
                f"VarianceScaling: distribution {distribution!r} is not known; 'normal' or 'uniform'."
            )

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        shape = tuple(shape)
        fan_in, fan_out = _fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = np.sqrt(3.0 * variance)
            return _typed(self._state().uniform(-limit, limit, shape), dtype)
        # standard deviation of a standard normal cut off at 2, as in Keras 2.3.1
        return _typed(_truncated(self._state(), shape) * np.sqrt(variance) / 0.87962566103423978, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale, "mode": self.mode, "distribution": self.distribution, "seed": self.seed}


class Orthogonal(_Random):
    """An orthogonal matrix times gain (Saxe et al., 2013); higher ranks are flattened to a matrix."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain, self.seed = gain, seed

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        shape = tuple(shape)
        rows, cols = int(np.prod(shape[:-1])), shape[-1]
        u, _, v = np.linalg.svd(self._state().normal(size=(rows, cols)), full_matrices=False)
        chosen = u if u.shape == (rows, cols) else v
        return _typed(self.gain * chosen.reshape(shape), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, "seed": self.seed}


class Identity(Initializer):
    """The identity matrix times gain; 2-D only."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
        shape = tuple(shape)
        if len(shape) != 2:
            raise ArgumentError(f"Identity makes matrices only; shape {shape} was asked for.")
        return _typed(self.gain * np.eye(*shape), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


def lecun_uniform(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


def lecun_normal(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(1.0, "fan_in", "normal", seed)


def glorot_uniform(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(1.0, "fan_avg", "uniform", seed)


def glorot_normal(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(1.0, "fan_avg", "normal", seed)


def he_uniform(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


def he_normal(seed: int | None = None) -> VarianceScaling:
    return VarianceScaling(2.0, "fan_in", "normal", seed)


zero = zeros = Zeros
one = ones = Ones
constant = Constant
uniform = random_uniform = RandomUniform
normal = random_normal = RandomNormal
truncated_normal = TruncatedNormal
identity = Identity
orthogonal = Orthogonal
_FUNCTIONS = {f.__name__: f for f in (
    lecun_uniform, lecun_normal, glorot_uniform, glorot_normal, he_uniform, he_normal
)}  # fmt: skip


def serialize(initializer: Any) -> Any:
    return objects.serialize(initializer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    if isinstance(config, str) and config in _FUNCTIONS:
        return _FUNCTIONS[config]()
    return objects.deserialize("initializers", config, custom_objects)


def get(identifier: Any) -> Any:
    """From a name, a config, a class, or a function of (shape, dtype)."""
    if isinstance(identifier, str) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier]()
    return objects.get("initializers", identifier)
