"""Sums, products, extremes, running totals."""

from __future__ import annotations

from kcore.extending import normalize_axes, normalize_axis

from ..values import Value, first_shape, held_as, of, raw
from .elements import FLOATS
from .sums import by_channels, by_product
from .wrapping import reshaped


def _reducing(name):
    def run(x, axis=None, keepdims=False):
        axes = normalize_axes(axis, x.ndim)
        laid = x.first is not None and x._data is None
        if laid and axes and 0 not in axes:
            made = _of_images(run, x, axes, keepdims)
            if made is not None:
                return made
        if laid and axes == tuple(range(x.ndim - 1)):
            places = (0, *range(2, x.ndim))
            made = by_channels(x) if name == "sum" else getattr(of(x.first), name)(x.first, axis=places)
            return made.reshape((*(1,) * (x.ndim - 1), -1)) if keepdims else made
        if not axes:
            return raw(x)
        if x.order is not None and (keepdims or len(axes) == x.ndim):  # weights
            return _in_their_order(run, x, axes, keepdims)
        if laid and len(axes) == x.ndim:  # in whichever order
            x = Value(x.first, first_shape(x.shape), x.dtype)
        data = raw(x)
        F = of(data)
        if name == "sum":
            made = by_product(F, data, x, axes)
            if made is not None:
                kept = tuple(
                    1 if i in axes else d for i, d in enumerate(x.shape) if keepdims or i not in axes
                )
                return reshaped(made, kept)
        function = getattr(F, name)
        made = function(data, axis=tuple(axes), keepdims=keepdims)
        if name in ("max", "min") and x.dtype in FLOATS:
            # NaN anywhere gives NaN: a sum of zeros otherwise
            wrong = F.max(data != data, axis=tuple(axes), keepdims=keepdims)
            made = F.where(wrong, made * float("nan"), made)
        return made

    return run


def _in_their_order(reduce, x, axes, keepdims):
    """A reduction of values whose axes are held in another order, in which what is left stays."""
    held = Value(x.base, tuple(x.shape[i] for i in x.order), x.dtype)
    made = reduce(held, tuple(x.order.index(a) for a in axes), keepdims)
    kept = tuple(1 if i in axes else d for i, d in enumerate(x.shape))
    return held_as(made, kept, x.dtype, x.order) if keepdims else made


def _of_images(reduce, x, axes, keepdims):
    """A reduction that leaves the batch, of values with their channels first."""
    last = x.ndim - 1
    moved = tuple(1 if a == last else a + 1 for a in axes)
    made = reduce(Value(x.first, first_shape(x.shape), x.dtype), moved, keepdims)
    kept = tuple(1 if i in axes else d for i, d in enumerate(x.shape) if keepdims or i not in axes)
    if last in axes:  # what is left stands in the same order either way
        return reshaped(made, kept)
    if len(kept) == 2:
        return made
    return Value(None, kept, x.dtype, first=made)


def cumsum(x, axis=0):
    data = raw(x)
    return of(data).cumsum(data, axis=normalize_axis(axis, x.ndim))


def cumprod(x, axis=0):
    """Doubling: after k rounds each element is the product of up to 2 ** k of them."""
    axis = normalize_axis(axis, x.ndim)
    data, size, by = raw(x), x.shape[axis], 1
    F = of(data)
    while by < size:
        ones = F.ones_like(F.slice_axis(data, axis=axis, begin=0, end=by))
        earlier = F.concat(ones, F.slice_axis(data, axis=axis, begin=0, end=size - by), dim=axis)
        data = F.elemwise_mul(data, earlier)
        by *= 2
    return data


def _place(name):
    def run(x, axis=-1, keepdims=False):
        axis = normalize_axis(axis, x.ndim)
        data = raw(x)
        F = of(data)
        if x.dtype in FLOATS:  # the first NaN is the extreme
            wrong = F.cast(data != data, "float32")
            some = F.max(wrong, axis=axis, keepdims=True)
            plain = getattr(F, name)(data, axis=axis, keepdims=True)
            made = F.where(
                some, F.cast(F.argmax(wrong, axis=axis, keepdims=True), "float32"), F.cast(plain, "float32")
            )
        else:
            made = getattr(F, name)(F.cast(data, "float64"), axis=axis, keepdims=True)
        made = F.cast(made, "int64")
        shape = tuple(1 if i == axis else d for i, d in enumerate(x.shape))
        return reshaped(made, shape if keepdims else shape[:axis] + shape[axis + 1 :])

    return run


PRIMITIVES = {
    "sum": _reducing("sum"), "prod": _reducing("prod"), "max": _reducing("max"), "min": _reducing("min"),
    "cumsum": cumsum, "cumprod": cumprod, "argmax": _place("argmax"), "argmin": _place("argmin"),
}  # fmt: skip
