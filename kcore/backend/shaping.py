"""Shapes: asking for them, changing them, spreading over them and summing back."""

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, ShapeError
from ..shapes import broadcast_shapes, describe, normalize_axes, normalize_axis, reshaped, same_first
from .declare import Dims, Tensor, as_tensor, composite, primitive
from .elementwise import cast, maximum, product
from .tensor import Constant, is_symbolic, numpy_dtype


def explicit(shape):
    """A shape in which nothing is left open: sizes are 0 or more, None where computed while running."""
    if any(d is not None and d < 0 for d in shape):
        raise ArgumentError(f"the shape {describe(shape)} has a negative size; all sizes must be given.")
    return tuple(shape)


@primitive(shape=lambda x: (x.ndim,), dtype=dtypes.fixed("int64"), differentiable=False)
def shape(x: Tensor):
    """The sizes of `x` while running: (rank,), int64."""
    return np.array(x.shape, "int64")


def dims_of(x):
    """The shape of `x` for a shape argument: a tuple where all is known, else computed while running."""
    return shape(x) if None in x.shape else x.shape


def sizes_of(x):
    """The sizes of `x` one by one: an int where known, else a symbolic whole number."""
    return [shape(x)[i] if d is None else d for i, d in enumerate(x.shape)]


def resized(x, sizes):
    """`x` reshaped to sizes that may be symbolic; at most one unknown needs nothing computed."""
    unknown = [i for i, s in enumerate(sizes) if is_symbolic(s)]
    if len(unknown) == 1 and 0 not in [s for s in sizes if not is_symbolic(s)]:
        sizes = [-1 if i in unknown else s for i, s in enumerate(sizes)]
    return reshape(x, tuple(sizes))


@primitive(shape=lambda x, shape: reshaped(x.shape, shape), dtype=dtypes.same)
def reshape(x: Tensor, shape: Dims):
    """The values of `x`, in order, in another shape; one size may be -1: whatever is left."""
    return np.reshape(x, shape)


@reshape.gradient
def _(g, out, x, shape):
    return resized(g, sizes_of(x))


def _transposed(x, perm=None):
    order = _order(perm, x.ndim)
    return tuple(x.shape[i] for i in order)


def _order(perm, rank):
    if perm is None:
        return tuple(reversed(range(rank)))
    order = tuple(normalize_axis(int(p), rank, "perm") for p in perm)
    if sorted(order) != list(range(rank)):
        raise ShapeError(f"perm={tuple(perm)} does not name each of the {rank} axes once.")
    return order


@primitive(shape=_transposed, dtype=dtypes.same)
def transpose(x: Tensor, perm=None):
    """`x` with axis perm[i] as its i-th; None turns the order round."""
    return np.transpose(x, perm)


@transpose.gradient
def _(g, out, x, perm):
    return transpose(g, None if perm is None else tuple(int(i) for i in np.argsort(_order(perm, x.ndim))))


def _spread(x, shape):
    shape = explicit(shape)
    result = broadcast_shapes(x.shape, shape)
    fits = len(result) == len(shape) and all(s in (None, r) for s, r in zip(shape, result, strict=True))
    if not fits:
        raise ShapeError(f"{describe(x.shape)} does not broadcast to {describe(shape)}.")
    return result


@primitive(shape=_spread, dtype=dtypes.same)
def broadcast_to(x: Tensor, shape: Dims):
    """`x` repeated along axes of size 1, and along new leading ones, until it has `shape`."""
    return np.broadcast_to(x, shape)


@broadcast_to.gradient
def _(g, out, x, shape):
    return sum_to_like(g, x)


@primitive(shape=lambda x, like: like.shape, dtype=dtypes.same, level="training")
def sum_to_like(x: Tensor, like: Tensor):
    """`x` in the shape of `like`: sums over axes that `like` lacks or has of size 1, spreads over the rest."""
    if x.shape == like.shape:
        return x
    lead = max(0, x.ndim - like.ndim)
    axes = tuple(i for i, d in enumerate(x.shape) if i < lead or (d != 1 and like.shape[i - x.ndim] == 1))
    kept = np.sum(x, axis=axes, keepdims=True, dtype=x.dtype)
    return np.broadcast_to(np.reshape(kept, kept.shape[lead:]), like.shape)


@sum_to_like.gradient
def _(g, out, x, like):
    return sum_to_like(g, x), None


@primitive(
    shape=lambda shape, axis=0, dtype="int32": explicit(shape), dtype=dtypes.asked, differentiable=False
)
def iota(shape: Dims, axis=0, dtype="int32"):
    """A tensor of `shape` whose elements are their own index along `axis`."""
    along = [1] * len(shape)
    along[axis] = -1
    numbers = np.arange(shape[axis]).astype(numpy_dtype(dtypes.canonical(dtype)))
    return np.broadcast_to(numbers.reshape(along), shape)


def arange(start, stop=None, step=1, dtype="int32"):
    """`start`, start + step, ... before `stop` (alone: 0 to `start`): (n,). The numbers may be symbolic."""
    if stop is None:
        start, stop = 0, start
    start, stop, step = (v.value.item() if isinstance(v, Constant) else v for v in (start, stop, step))
    if not any(map(is_symbolic, (start, stop, step))):
        return Constant(np.arange(start, stop, step), dtypes.canonical(dtype))
    start, stop, step = (as_tensor(v) for v in (start, stop, step))
    # minus the rounded-down quotient of the negative is the quotient rounded up
    count = -((start - stop) // step)
    count = maximum(count, 0)
    numbers = iota((count,), 0, start.dtype)
    return cast(numbers * step + start, dtype)


# written in the operations above -----------------------------------------------------------------------------
@composite
def expand_dims(x: Tensor, axis=-1):
    """`x` with a new axis of size 1 at `axis` of the result (a tuple: several)."""
    many = axis if isinstance(axis, tuple) else (axis,)
    places = normalize_axes(many, x.ndim + len(many))
    sizes = iter(sizes_of(x))
    return resized(x, [1 if i in places else next(sizes) for i in range(x.ndim + len(many))])


@composite
def squeeze(x: Tensor, axis=None):
    """`x` without `axis` (a tuple: several; None: all of size 1), which must have size 1."""
    axes = [i for i, d in enumerate(x.shape) if d == 1] if axis is None else normalize_axes(axis, x.ndim)
    for i in axes:
        if x.shape[i] not in (1, None):
            raise ShapeError(f"axis {i} of {describe(x.shape)} has not size 1 and cannot be squeezed.")
    return resized(x, [s for i, s in enumerate(sizes_of(x)) if i not in axes])


@composite
def flatten(x: Tensor):
    """All values of `x`, in order: (n,)."""
    return reshape(x, (-1,))


@composite
def batch_flatten(x: Tensor):
    """(batch, ...) -> (batch, n): every sample's values in a row."""
    first, *rest = sizes_of(x)
    return resized(x, [first, product(rest)])


@composite
def moveaxis(x: Tensor, source, destination):
    """`x` with the axes `source` moved to the places `destination`; the others keep their order."""
    rank = x.ndim
    sources = [normalize_axis(s, rank, "source") for s in _many(source)]
    places = [normalize_axis(d, rank, "destination") for d in _many(destination)]
    order = [i for i in range(rank) if i not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return transpose(x, tuple(order))


def _many(axes):
    return tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)


@composite
def swapaxes(x: Tensor, axis1, axis2):
    """`x` with two axes exchanged."""
    order = list(range(x.ndim))
    a, b = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    order[a], order[b] = b, a
    return transpose(x, tuple(order))


@composite(differentiable=False)
def full_like(x: Tensor, value: Tensor, dtype=None):
    """`value` (a number) in the shape of `x`; of the type of `x` unless `dtype` is given."""
    return broadcast_to(cast(value, dtype or x.dtype), dims_of(x))


@composite(differentiable=False)
def zeros_like(x: Tensor, dtype=None):
    """Zeros in the shape of `x`; of the type of `x` unless `dtype` is given."""
    return broadcast_to(Constant(0, dtypes.canonical(dtype or x.dtype)), dims_of(x))


@composite(differentiable=False)
def ones_like(x: Tensor, dtype=None):
    """Ones in the shape of `x`; of the type of `x` unless `dtype` is given."""
    return broadcast_to(Constant(1, dtypes.canonical(dtype or x.dtype)), dims_of(x))


@composite
def tile(x: Tensor, n: Dims):
    """`x` laid n[i] times along axis i. With fewer numbers than axes, the last axes are meant."""
    times = list(n) if isinstance(n, tuple) else [n[i] for i in range(n.shape[0])]
    times = [1] * (x.ndim - len(times)) + times
    sizes = [1] * (len(times) - x.ndim) + sizes_of(x)
    apart = resized(x, [d for size in sizes for d in (1, size)])
    spread = broadcast_to(apart, [d for t, size in zip(times, sizes, strict=True) for d in (t, size)])
    return resized(spread, [product(pair) for pair in zip(times, sizes, strict=True)])


@composite
def repeat(x: Tensor, n: Dims, axis=0):
    """Every slice of `x` along `axis` n times in a row."""
    times = n[0]
    axis = normalize_axis(axis, x.ndim)
    sizes = sizes_of(x)
    apart = resized(x, [*sizes[: axis + 1], 1, *sizes[axis + 1 :]])
    spread = broadcast_to(apart, [*sizes[: axis + 1], times, *sizes[axis + 1 :]])
    return resized(spread, [*sizes[:axis], product((sizes[axis], times)), *sizes[axis + 1 :]])


@primitive(shape=same_first, dtype=dtypes.same, level="optional")
def printed(x: Tensor, message=""):
    """`x` as it is; `message` and the values are printed each time it is computed."""
    print(message, x)
    return x


@printed.gradient
def _(g, out, x, message):
    return g
