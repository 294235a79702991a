"""Sums, products, extremes and running totals along axes."""

import numpy as np

from .. import dtypes
from ..kernel.config import settings
from ..shapes import normalize_axes, normalize_axis, reduced, reduction, same_first, size_of
from .comparison import equal, greater, less, logical_not, where
from .declare import Tensor, composite, primitive
from .elementwise import cast, exp, isfinite, log, product, sqrt, square, stop_gradient
from .indexing import along, concatenate, reverse
from .shaping import (
    broadcast_to,
    dims_of,
    expand_dims,
    iota,
    ones_like,
    resized,
    sizes_of,
    transpose,
)
from .special import quiet


def _kept(value, x, axis, keepdims):
    """A reduced `value` with the axes that were reduced in `x` as size 1."""
    axes = normalize_axes(axis, x.ndim)
    return value if keepdims or not axes else expand_dims(value, axes)


# sums and products -------------------------------------------------------------------------------------------
@primitive(shape=reduction, dtype=dtypes.numeric)
@quiet
def sum(x: Tensor, axis=None, keepdims=False):
    """The sum over `axis` (None: all; a tuple: several), which goes or, with `keepdims`, stays as 1."""
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


@sum.gradient
def _(g, out, x, axis, keepdims):
    return broadcast_to(_kept(g, x, axis, keepdims), dims_of(x))


@primitive(shape=reduction, dtype=dtypes.numeric)
@quiet
def prod(x: Tensor, axis=None, keepdims=False):
    """The product over `axis` (None: all), which goes or, with `keepdims`, stays as 1."""
    return np.prod(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


@prod.gradient
def _(g, out, x, axis, keepdims):
    axes = normalize_axes(axis, x.ndim)
    rest = [i for i in range(x.ndim) if i not in axes]
    order = (*rest, *axes)
    turned = transpose(x, order)
    sizes = sizes_of(turned)
    flat = resized(turned, [*sizes[: len(rest)], product(sizes[len(rest) :])])
    others = resized(_product_of_others(flat), sizes)
    back = tuple(int(i) for i in np.argsort(order))
    return _kept(g, x, axis, keepdims) * transpose(others, back)


def _product_of_others(x):
    """For every element the product of all others in its row: right also where some are 0."""
    first = ones_like(along(x, -1, 0, 1))
    before = concatenate([first, cumprod(along(x, -1, 0, -1), -1)], -1)
    after = reverse(cumprod(reverse(along(x, -1, 1, None), -1), -1), -1)
    return before * concatenate([after, first], -1)


@primitive(shape=same_first, dtype=dtypes.numeric)
@quiet
def cumsum(x: Tensor, axis=0):
    """Running sums along `axis`. Shape of `x`."""
    return np.cumsum(x, axis=axis, dtype=x.dtype)


@cumsum.gradient
def _(g, out, x, axis):
    return reverse(cumsum(reverse(g, axis), axis), axis)


@primitive(shape=same_first, dtype=dtypes.numeric)
@quiet
def cumprod(x: Tensor, axis=0):
    """Running products along `axis`. Shape of `x`. The gradient takes memory for the square of its size."""
    return np.cumprod(x, axis=axis, dtype=x.dtype)


@cumprod.gradient
def _(g, out, x, axis):
    # d out[k] / d x[i] is the product of x[j] for j <= k without i: no division, so zeros do no harm
    axis = normalize_axis(axis, x.ndim)
    last = (*(i for i in range(x.ndim) if i != axis), axis)
    row = transpose(x, last)
    size = sizes_of(row)[-1]
    i, k = iota((size, size), 0), iota((size, size), 1)
    factors = where(equal(i, k), 1.0, expand_dims(row, -2))  # (..., i, j)
    reached = where(less(k, i), 0.0, cumprod(factors, -1))
    gradient = sum(expand_dims(transpose(g, last), -2) * reached, -1)
    return transpose(gradient, tuple(int(p) for p in np.argsort(last)))


# extremes ----------------------------------------------------------------------------------------------------
@primitive(shape=reduction, dtype=dtypes.same)
def max(x: Tensor, axis=None, keepdims=False):
    """The largest element over `axis` (None: all); NaN if any is. Ties share the gradient evenly."""
    return np.max(x, axis=axis, keepdims=keepdims)


@max.gradient
def _(g, out, x, axis, keepdims):
    return _shared(g, out, x, axis, keepdims)


@primitive(shape=reduction, dtype=dtypes.same)
def min(x: Tensor, axis=None, keepdims=False):
    """The smallest element over `axis` (None: all); NaN if any is. Ties share the gradient evenly."""
    return np.min(x, axis=axis, keepdims=keepdims)


@min.gradient
def _(g, out, x, axis, keepdims):
    return _shared(g, out, x, axis, keepdims)


def _shared(g, out, x, axis, keepdims):
    """`g` for the elements equal to the extreme `out`, in equal parts."""
    best = cast(equal(x, _kept(out, x, axis, keepdims)), x.dtype)
    return _kept(g, x, axis, keepdims) / sum(best, axis, True) * best


def _one_axis(x, axis=-1, keepdims=False):
    return reduced(x.shape, normalize_axis(axis, x.ndim), keepdims)


@primitive(shape=_one_axis, dtype=dtypes.fixed("int64"), differentiable=False)
def argmax(x: Tensor, axis=-1, keepdims=False):
    """The place of the first largest element along `axis`; int64."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


@primitive(shape=_one_axis, dtype=dtypes.fixed("int64"), differentiable=False)
def argmin(x: Tensor, axis=-1, keepdims=False):
    """The place of the first smallest element along `axis`; int64."""
    return np.argmin(x, axis=axis, keepdims=keepdims)


# written in the operations above -----------------------------------------------------------------------------
def _count(x, axis):
    """How many elements of `x` are reduced to one: a number, or symbolic in the type of `x`."""
    axes = normalize_axes(axis, x.ndim)
    known = size_of([x.shape[i] for i in axes])
    return float(known) if known is not None else cast(product([sizes_of(x)[i] for i in axes]), x.dtype)


@composite
def mean(x: Tensor, axis=None, keepdims=False):
    """The mean over `axis` (None: all); floating."""
    if not dtypes.is_float(x.dtype):
        x = cast(x, settings.floatx)
    return sum(x, axis, keepdims) / _count(x, axis)


@composite
def var(x: Tensor, axis=None, keepdims=False):
    """The variance over `axis` (None: all), of the population; floating."""
    return mean(square(x - mean(x, axis, True)), axis, keepdims)


@composite
def std(x: Tensor, axis=None, keepdims=False):
    """The standard deviation over `axis` (None: all), of the population; floating."""
    return sqrt(var(x, axis, keepdims))


@composite
def logsumexp(x: Tensor, axis=None, keepdims=False):
    """log(sum(exp(x))) over `axis` (None: all), without overflow; floating."""
    top = stop_gradient(max(x, axis, True))
    top = where(isfinite(top), top, 0.0)
    total = log(sum(exp(x - top), axis, True)) + top
    axes = normalize_axes(axis, x.ndim)
    return total if keepdims else resized(total, [s for i, s in enumerate(sizes_of(total)) if i not in axes])


@composite(differentiable=False)
def any(x: Tensor, axis=None, keepdims=False):
    """Whether any element over `axis` (None: all) is true (other types: not zero); bool."""
    return greater(sum(cast(cast(x, "bool"), "int32"), axis, keepdims), 0)


@composite(differentiable=False)
def all(x: Tensor, axis=None, keepdims=False):
    """Whether all elements over `axis` (None: all) are true (other types: not zero); bool."""
    return equal(sum(cast(logical_not(x), "int32"), axis, keepdims), 0)
