"""Random numbers as functions of a key: the same key gives the same numbers."""

import math

import numpy as np

from .. import dtypes
from ..kernel.config import settings
from .comparison import less
from .declare import Dims, Tensor, composite, primitive
from .elementwise import cast, clip, erfinv
from .shaping import explicit
from .tensor import numpy_dtype


def _random_shape(key, shape, dtype="float32"):
    return explicit(shape)


def _generator(key):
    """A generator that depends on the two numbers of `key` (operation, count) and nothing else."""
    return np.random.Generator(np.random.Philox(key=np.asarray(key, "int64").view("uint64")))


@primitive(shape=_random_shape, dtype=dtypes.asked, differentiable=False)
def random_uniform(key: Tensor, shape: Dims, dtype="float32"):
    """Numbers in [0, 1), evenly distributed: `shape`, of the floating type `dtype`. `key`: (2,), int64."""
    kind = numpy_dtype(dtypes.canonical(dtype))
    if kind == "float16":  # as many steps as its fraction has: float32 could be rounded up to 1
        return (_generator(key).integers(0, 2048, shape) / 2048).astype(kind)
    return _generator(key).random(shape, kind)


@primitive(shape=_random_shape, dtype=dtypes.asked, differentiable=False)
def random_normal(key: Tensor, shape: Dims, dtype="float32"):
    """Numbers with mean 0 and deviation 1, normally distributed: `shape`, of type `dtype`. `key`: (2,), int64."""
    kind = numpy_dtype(dtypes.canonical(dtype))
    return _generator(key).standard_normal(shape, "float64" if kind == "float64" else "float32").astype(kind)


@composite(differentiable=False)
def random_truncated_normal(key: Tensor, shape: Dims, dtype=None):
    """Normal numbers with mean 0 and deviation 1, only those within -2..2: `shape`, of type `dtype`."""
    inside = math.erf(math.sqrt(2))  # the part of the distribution within two deviations
    uniform = random_uniform(key, shape, dtype or settings.floatx)
    return clip(erfinv((uniform * 2.0 - 1.0) * inside) * math.sqrt(2), -2.0, 2.0)


@composite(differentiable=False)
def random_binomial(key: Tensor, shape: Dims, p: Tensor = 0.5, dtype=None):
    """1 with the probability `p` (a number, or broadcast), else 0: `shape`, of type `dtype`."""
    dtype = dtype or settings.floatx
    return cast(less(random_uniform(key, shape, "float32"), cast(p, "float32")), dtype)
