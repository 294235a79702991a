"""Shapes: asking for them, changing them, spreading over them and summing back."""

from __future__ import annotations

import math

import numpy as np

from kcore.extending import normalize_axis
from kcore.extending import reshaped as reshaped_shape

from ..values import HELD, Value, constant, first_shape, mx, of, raw, scope
from .sums import by_channels, filled, sum_over
from .wrapping import reshaped, spread


def shape(x):
    return constant(np.array(x.shape, "int64"), "int64")


def reshape(x, shape):
    target = tuple(reshaped_shape(x.shape, shape))
    if target == x.shape:
        return x
    if _images(x) and len(target) > 2 and (target[0], target[-1]) == (x.shape[0], x.shape[-1]):
        return Value(None, target, x.dtype, first=x.first.reshape(first_shape(target)))
    return reshaped(raw(x), target)


def transpose(x, perm=None):
    order = tuple(reversed(range(x.ndim))) if perm is None else tuple(normalize_axis(p, x.ndim) for p in perm)
    if order == tuple(range(x.ndim)):
        return x
    if x.first is not None and x._data is None and order == (0, x.ndim - 1, *range(1, x.ndim - 1)):
        return x.first
    if x.order == order:
        made = Value(x.base, tuple(x.shape[i] for i in order), x.dtype)
        if order == (1, 0):
            made.turned = x
        return made
    data = raw(x)
    made = Value(_transposed(data, x.shape, order), tuple(x.shape[i] for i in order), x.dtype)
    if order == (1, 0):
        made.turned = x
    elif x.ndim > 2 and order == (0, *range(2, x.ndim), 1):
        made.first = data
    return made


def _transposed(data, shape, order):
    """Axes that stay neighbours go as one, and axes of size 1 not at all: MXNet knows six."""
    live = [i for i in order if shape[i] != 1]
    groups: list[list[int]] = []
    for i in live:
        between = range(groups[-1][-1] + 1, i) if groups else ()
        if groups and groups[-1][-1] < i and all(shape[j] == 1 for j in between):
            groups[-1].append(i)
        else:
            groups.append([i])
    target = tuple(shape[i] for i in order)
    if len(groups) < 2:
        return reshaped(data, target)
    ordered = sorted(range(len(groups)), key=lambda g: groups[g][0])
    merged = [int(np.prod([shape[i] for i in groups[g]])) for g in ordered]
    axes = tuple(ordered.index(g) for g in range(len(groups)))
    F = of(data)
    if tuple(merged) != tuple(shape):
        data = data.reshape(tuple(merged))
    made = F.transpose(data, axes=axes) if len(axes) <= 6 else _in_turns(F, data, merged, axes)
    return made if tuple(merged[a] for a in axes) == target else made.reshape(target)


def _in_turns(F, data, sizes, axes):
    """A transposition of many axes: each wanted axis is brought to its place with at most four groups at a time."""
    current = list(range(len(sizes)))
    for place, axis in enumerate(axes):
        at = current.index(axis)
        if at != place:
            size = lambda group: int(np.prod([sizes[a] for a in group])) if group else 1
            parts = [size(current[:place]), size(current[place:at]), sizes[axis], size(current[at + 1 :])]
            data = F.transpose(data.reshape(tuple(parts)), axes=(0, 2, 1, 3))
            current.insert(place, current.pop(at))
    return data


def broadcast_to(x, shape):
    shape = tuple(shape)
    if _images(x) and x.ndim == len(shape) and (shape[0], shape[-1]) == (x.shape[0], x.shape[-1]):
        return Value(None, shape, x.dtype, first=x.first.broadcast_to(first_shape(shape)))
    made = Value(spread(x, shape), shape, x.dtype)
    if scope.trace is not None and 2 < x.ndim == len(shape) and math.prod(x.shape[1:-1]) == 1 and not x.known:
        # spread over places, as what global pooling hands back: in either order, the graph takes what is read
        made.first = raw(x).reshape(first_shape(x.shape)).broadcast_to(first_shape(shape))
    return made


def sum_to_like(x, like):
    if x.shape == like.shape:
        return x
    lead = max(0, x.ndim - like.ndim)
    axes = tuple(i for i, d in enumerate(x.shape) if i < lead or (d != 1 and like.shape[i - x.ndim] == 1))
    if x.first is not None and x._data is None and axes == tuple(range(x.ndim - 1)):
        return reshaped(by_channels(x), like.shape)
    kept = tuple(1 if i in axes else d for i, d in enumerate(x.shape))
    if _images(x) and x.ndim == like.ndim and not {0, x.ndim - 1} & set(axes):
        of_first = Value(x.first, first_shape(x.shape), x.dtype)
        return Value(None, kept, x.dtype, first=sum_over(x.first, of_first, tuple(a + 1 for a in axes)))
    data = raw(x)
    if axes:
        data = sum_over(data, x, axes)
    short = kept[lead:]
    return spread(Value(reshaped(data, short), short, x.dtype), like.shape)


def assigned(F, base, part, begin, end, step):
    """`base` with `part` at those places."""
    return without_gradient(F._internal._slice_assign(base, part, begin=begin, end=end, step=step))


def without_gradient(data):
    """MXNet builds gradients of its own of every graph; for operations that have none it needs to be told so."""
    return mx.sym.BlockGrad(data) if isinstance(data, mx.sym.Symbol) else data


def pad(x, paddings, value=0.0):
    if not any(map(any, paddings)):
        return x
    shape = tuple(d + a + b for d, (a, b) in zip(x.shape, paddings, strict=True))
    spatial = x.ndim > 2 and not any(map(any, (paddings[0], paddings[-1])))
    if spatial and _images(x):
        first = padded_first(x.first, first_shape(x.shape), paddings[1:-1], value, x.dtype)
        made = Value(None, shape, x.dtype, first=first)
    else:
        made = Value(_padded(x, shape, paddings, value), shape, x.dtype)
    if spatial and value == 0 and scope.trace is not None:
        made.padded = x, tuple(paddings[1:-1])
    return made


def _padded(x, shape, paddings, value):
    data = raw(x)
    F = of(data)
    base = filled(F, shape, value, x.dtype, data)
    begin = tuple(a for a, _ in paddings)
    end = tuple(a + d for a, d in zip(begin, x.shape, strict=True))
    return assigned(F, base, data, begin, end, (1,) * x.ndim)


def _images(x):
    """Whether it is laid out with its channels first, and only so."""
    return x.first is not None and x._data is None and x.order is None


def padded_first(data, shape, amounts, fill=0.0, dtype="float32"):
    """`data` (batch, channels, *spatial) of that shape, padded."""
    if not any(map(any, amounts)):
        return data
    F = of(data)
    whole = (*shape[:2], *(d + a + b for d, (a, b) in zip(shape[2:], amounts, strict=True)))
    if len(amounts) in (2, 3) and math.isfinite(fill) and dtype in ("float32", "float64"):
        width = (0, 0, 0, 0, *(n for pair in amounts for n in pair))
        return F.pad(data, mode="constant", pad_width=width, constant_value=fill)
    begin = (0, 0, *(a for a, _ in amounts))
    end = (*shape[:2], *(a + d for (a, _), d in zip(amounts, shape[2:], strict=True)))
    return assigned(F, filled(F, whole, fill, dtype, data), data, begin, end, (1,) * len(whole))


def concatenate(tensors, axis=-1):
    kept = [t for t in tensors if t.size]
    if len(kept) == 1:
        return kept[0]
    axis = normalize_axis(axis, kept[0].ndim)
    if axis == kept[0].ndim - 1 and axis > 1 and all(t.first is not None and t._data is None for t in kept):
        firsts = [t.first for t in kept]
        shape = (*kept[0].shape[:-1], sum(t.shape[-1] for t in kept))
        return Value(None, shape, kept[0].dtype, first=of(firsts[0]).concat(*firsts, dim=1))
    data = [raw(t) for t in kept]
    F = of(data[0])
    if HELD[kept[0].dtype] == "float32" and kept[0].ndim not in (2, 4) and (axis or kept[0].ndim == 1):
        # oneDNN joins matrices and images; anything else MXNet joins an element at a time
        before = math.prod(kept[0].shape[:axis])
        rows = [d.reshape((before, -1)) for d in data]
        shape = list(kept[0].shape)
        shape[axis] = sum(t.shape[axis] for t in kept)
        return F.concat(*rows, dim=1).reshape(tuple(shape))
    return F.concat(*data, dim=axis)


def reverse(x, axes):
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    data = raw(x)
    return of(data).reverse(data, axis=tuple(normalize_axis(a, x.ndim) for a in axes)) if axes else data


def iota(shape, axis=0, dtype="int32"):
    raise AssertionError("the wrapper has worked this out")


PRIMITIVES = {
    "shape": shape, "reshape": reshape, "transpose": transpose, "broadcast_to": broadcast_to,
    "sum_to_like": sum_to_like, "iota": iota, "concatenate": concatenate, "pad": pad, "reverse": reverse,
}  # fmt: skip
