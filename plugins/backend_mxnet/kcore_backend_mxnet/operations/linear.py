"""Products of matrices."""

from __future__ import annotations

import numpy as np

from kcore.extending import broadcast_shapes

from ..values import HELD, Value, constant, of, raw
from .elements import FLOATS, converted
from .wrapping import spread


def _matrix(value):
    """What MXNet holds, and whether it is to be taken as its transpose."""
    return (raw(value.turned), True) if value.turned is not None else (raw(value), False)


def matmul(x, y):
    if x.size == 0 or y.size == 0:
        lead = broadcast_shapes(x.shape[:-2], y.shape[:-2])
        shape = (*lead, x.shape[-2], y.shape[-1])
        return constant(np.zeros(shape, "float32" if x.dtype == "bfloat16" else x.dtype), x.dtype)
    if x.dtype not in FLOATS:
        wide = [Value(converted(raw(v), v.dtype, "float64"), v.shape, "float64") for v in (x, y)]
        made = _product(*wide)
        return of(made).cast(made, HELD[x.dtype])
    return _product(x, y)


def _by_layer(x, y):
    """A matrix `y` by way of a dense layer, whose weights are the transpose: it has the faster product."""
    data = raw(x)
    F = of(data)
    weights = raw(y.turned) if y.turned is not None else F.transpose(raw(y))
    rows = data if x.ndim == 2 else data.reshape((-1, x.shape[-1]))
    made = F.FullyConnected(rows, weights, num_hidden=y.shape[-1], no_bias=True)
    return made if x.ndim == 2 else made.reshape((*x.shape[:-1], y.shape[-1]))


def _product(x, y):
    if y.ndim == 2:
        if HELD[x.dtype] == "float32":
            return _by_layer(x, y)
        if x.ndim == 2:
            (a, over), (b, turned) = _matrix(x), _matrix(y)
            return of(a).dot(a, b, transpose_a=over, transpose_b=turned)
        b, turned = _matrix(y)
        rows = raw(x).reshape((-1, x.shape[-1]))
        return of(rows).dot(rows, b, transpose_b=turned).reshape((*x.shape[:-1], y.shape[-1]))
    lead = tuple(broadcast_shapes(x.shape[:-2], y.shape[:-2]))
    a = spread(x, (*lead, *x.shape[-2:])).reshape((-1, *x.shape[-2:]))
    b = spread(y, (*lead, *y.shape[-2:])).reshape((-1, *y.shape[-2:]))
    return of(a).batch_dot(a, b).reshape((*lead, x.shape[-2], y.shape[-1]))


PRIMITIVES = {"matmul": matmul}
