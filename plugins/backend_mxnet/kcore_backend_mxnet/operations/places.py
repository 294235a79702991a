"""Cutting, looking up, sorting and writing at places."""

from __future__ import annotations

import math

import numpy as np

from kcore.extending import normalize_axis

from ..values import HELD, Value, constant, first_shape, of, raw
from .shapes import assigned, without_gradient
from .sums import filled, zeros_that_stay
from .wrapping import reshaped


def _plain(shape, begin, end, step):
    """Begin, end and step with everything positive, and the axes to be turned round."""
    starts, ends, steps, turned = [], [], [], []
    for axis, (size, cut) in enumerate(zip(shape, zip(begin, end, step, strict=True), strict=True)):
        places = range(*slice(*cut).indices(size))
        if places.step < 0:
            turned.append(axis)
            places = places[::-1]
        starts.append(places.start)
        ends.append(places[-1] + 1)
        steps.append(places.step)
    return tuple(starts), tuple(ends), tuple(steps), tuple(turned)


def cut(x, begin, end, step):
    if not begin:
        return x
    if x.first is not None and x._data is None and x.order is None:
        shape, moved = first_shape(x.shape), [first_shape(t) for t in (begin, end, step)]
        made = cut(Value(x.first, shape, x.dtype), *moved)
        lengths = [
            len(range(*slice(*c).indices(n))) for n, c in zip(x.shape, zip(begin, end, step), strict=True)
        ]
        return Value(None, tuple(lengths), x.dtype, first=made)
    starts, ends, steps, turned = _plain(x.shape, begin, end, step)
    data = raw(x)
    F = of(data)
    if starts != (0,) * x.ndim or ends != x.shape or any(s != 1 for s in steps):
        changed = [i for i in range(x.ndim) if (starts[i], ends[i], steps[i]) != (0, x.shape[i], 1)]
        if len(changed) == 1 and steps[changed[0]] == 1:
            i = changed[0]
            data = F.slice_axis(data, axis=i, begin=starts[i], end=ends[i])
        else:
            data = F.slice(data, begin=starts, end=ends, step=steps)
    return F.reverse(data, axis=turned) if turned else data


def unslice(x, like, begin, end, step):
    if not begin:
        return x
    if x.size == 0:
        return constant(np.broadcast_to(np.zeros((), HELD[x.dtype]), like.shape), x.dtype)
    if x.first is not None and x._data is None and x.order is None:
        moved = [first_shape(t) for t in (begin, end, step)]
        laid = Value(None, first_shape(like.shape), like.dtype)
        made = unslice(Value(x.first, first_shape(x.shape), x.dtype), laid, *moved)
        return Value(None, like.shape, x.dtype, first=made)
    starts, ends, steps, turned = _plain(like.shape, begin, end, step)
    data = raw(x)
    F = of(data)
    if turned:
        data = F.reverse(data, axis=turned)
    if x.shape == like.shape:
        return data
    rest = math.prod(like.shape[1:])
    if x.shape[1:] == like.shape[1:] and steps[0] == 1 and rest > 1:  # rows, with zeros before and after
        counts = (starts[0], like.shape[0] - ends[0])
        before, after = (zeros_that_stay(F, (n, rest), x.dtype, data) if n else None for n in counts)
        rows = [p for p in (before, data.reshape((-1, rest)), after) if p is not None]
        return F.concat(*rows, dim=0).reshape(like.shape)
    base = filled(F, like.shape, 0.0, x.dtype, data)
    return assigned(F, base, data, starts, ends, steps)


def _counted(indices, size):
    """Places from the front; whole numbers."""
    if indices.known:
        places = indices.asnumpy().astype(HELD[indices.dtype] if HELD[indices.dtype] == "int64" else "int32")
        return raw(constant(np.where(places < 0, places + size, places), places.dtype.name))
    data = raw(indices)
    F = of(data)
    if HELD[indices.dtype] not in ("int32", "int64"):
        data = F.cast(data, "int32")
    if indices.dtype.startswith("u") or indices.dtype == "bool":
        return data
    return data + (data < 0) * size


def gather(reference, indices, axis=0):
    axis = normalize_axis(axis, reference.ndim)
    places = _counted(indices, reference.shape[axis])
    if (
        reference.first is not None
        and reference._data is None
        and 0 < axis < reference.ndim - 1
        and indices.ndim == 1
    ):
        made = of(reference.first).take(reference.first, places, axis=axis + 1, mode="clip")
        shape = (*reference.shape[:axis], *indices.shape, *reference.shape[axis + 1 :])
        return Value(None, shape, reference.dtype, first=made)
    data = raw(reference)
    made = of(data).take(data, places, axis=axis, mode="clip")
    shape = (*reference.shape[:axis], *indices.shape, *reference.shape[axis + 1 :])
    return made if indices.shape else reshaped(made, shape)


def _rows(x, indices, updates):
    places = _counted(indices, x.shape[0])
    # MXNet would write beyond the array
    places = of(places).clip(places, a_min=0, a_max=x.shape[0] - 1).reshape((1, -1))
    count = indices.size
    return places, raw(updates).reshape((count, *x.shape[1:]))


def scatter_add(x, indices, updates):
    if indices.size == 0 or updates.size == 0:
        return x
    data = raw(x)
    F = of(data)
    places, rows = _rows(x, indices, updates)
    return data + without_gradient(F._internal._backward_gather_nd(rows, places, shape=x.shape))


def argsort(x, axis=-1, descending=False):
    data = raw(x)
    F = of(data)
    return F.cast(
        F.argsort(data, axis=normalize_axis(axis, x.ndim), is_ascend=not descending, dtype="int32"), "int64"
    )


PRIMITIVES = {
    "slice": cut, "unslice": unslice, "gather": gather, "scatter_add": scatter_add,
    "argsort": argsort,
}  # fmt: skip
