"""Products of matrices."""

from __future__ import annotations

import numpy as np

from kcore.extending import broadcast_shapes

from .. import native
from ..values import HELD, Value, constant, held_as, in_order, of, raw, scope
from . import reductions, shapes
from .elements import FLOATS, add, converted
from .wrapping import spread, wrapped

TURNED = (1, 0)
MANY = 4  # times as many rows as a kernel has inputs or outputs: turning them costs more than a dense layer saves


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
    if x.turned is not None and y.turned is None and scope.trace is not None:
        # the gradient of a kernel: as MXNet holds kernels
        if x.shape[1] >= MANY * min(x.shape[0], y.shape[-1]):
            made = F.dot(raw(y), raw(x.turned), transpose_a=True)
            return held_as(made, (x.shape[0], y.shape[-1]), x.dtype, TURNED)
        made = F.FullyConnected(in_order(y, TURNED), data, num_hidden=x.shape[0], no_bias=True, flatten=False)
        return held_as(made, (x.shape[0], y.shape[-1]), x.dtype, TURNED)
    weights = raw(y.turned) if y.turned is not None else in_order(y, TURNED)
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

# a dense layer and its gradients, as `rewriting` finds them ------------------------------------------------------
_add, _matmul, _transpose, _sum_over = (
    wrapped(name, function)
    for name, function in (
        ("add", add), ("matmul", matmul), ("transpose", shapes.transpose), ("sum", reductions.PRIMITIVES["sum"]),
    )
)  # fmt: skip


def _whole(*values):
    """Whether MXNet's dense layer can take these in the graph that is traced."""
    return scope.trace is not None and not any(v.known for v in values)


def dense(x, kernel, bias=None):
    """x @ kernel + bias."""
    if not _whole(x, kernel, *(() if bias is None else (bias,))):
        made = _matmul(x, kernel)
        return made if bias is None else _add(made, bias)
    rows = raw(x) if x.ndim == 2 else raw(x).reshape((-1, x.shape[-1]))
    record = scope.trace.native
    given = [rows, in_order(kernel, TURNED)] + ([] if bias is None else [raw(bias)])
    made = record.forward("FullyConnected", *given, num_hidden=kernel.shape[1], no_bias=bias is None)
    record.remember(("dense", id(x), id(kernel)), made, x, kernel)
    shape = (*x.shape[:-1], kernel.shape[1])
    return Value(made.made if x.ndim == 2 else made.made.reshape(shape), shape, x.dtype)


def dense_gradient(g, x, kernel, with_input, with_bias):
    """What x @ kernel (+ bias) hands back of `g` to the kernel, `with_input` to x and, `with_bias`, to the bias."""
    forward = scope.trace.native.find(("dense", id(x), id(kernel))) if _whole(g, x, kernel) else None
    if forward is not None:
        unwanted = () if with_input else (0,)
        made = native.backward(scope.trace.native, forward, [raw(g), *forward.inputs[:2]], unwanted=unwanted)
        found = [held_as(made[1], kernel.shape, x.dtype, TURNED)]
        found += [Value(made[0], x.shape, x.dtype)] if with_input else []
        if not with_bias:
            return found
        return [*found, Value(made[2], kernel.shape[1:], x.dtype) if len(made) > 2 else _sum_over(g, axis=0)]
    found = [_matmul(_transpose(x), g)]
    found += [_matmul(g, _transpose(kernel))] if with_input else []
    return [*found, _sum_over(g, axis=0)] if with_bias else found


INTERNAL = {"dense": dense, "dense_gradient": dense_gradient}
