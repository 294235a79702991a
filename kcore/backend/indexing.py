"""Cutting, joining, looking up, sorting and writing at places."""

import builtins

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, ShapeError, Unsupported
from ..kernel.config import settings
from ..shapes import describe, merge_dimension, normalize_axes, normalize_axis, same_first
from .comparison import equal, less, where
from .declare import Tensor, Tensors, as_tensor, composite, primitive
from .elementwise import cast, product
from .shaping import arange, expand_dims, flatten, iota, resized, sizes_of, transpose, zeros_like
from .tensor import Constant, SymbolicTensor, is_symbolic

_cut = builtins.slice


def _index_types(given, floatx):
    """Values as given; places as whole numbers."""
    places = [d if dtypes.is_integer(d) else "int32" for d in given[1:2]]
    return [given[0], *places, *[given[0]] * (len(given) - 2)]


_indexed = dtypes.Rule(_index_types, lambda given, attributes: given[0])


# cutting and joining -----------------------------------------------------------------------------------------
def _cuts(begin, end, step):
    return tuple(_cut(*c) for c in zip(begin, end, step, strict=True))


def _sliced(x, begin, end, step):
    if not len(begin) == len(end) == len(step) == x.ndim:
        raise ShapeError(f"begin, end and step need {x.ndim} entries each, one for each axis.")
    if 0 in step:
        raise ArgumentError("a step of 0 leads nowhere.")
    return tuple(_cut_size(d, c) for d, c in zip(x.shape, _cuts(begin, end, step), strict=True))


def _cut_size(size, cut):
    if size is not None:
        return len(range(*cut.indices(size)))
    return 0 if cut.start is not None and cut.start == cut.stop else None


@primitive(shape=_sliced, dtype=dtypes.same)
def slice(x: Tensor, begin, end, step):
    """x[begin[0]:end[0]:step[0], ...] as in NumPy: a number or None for every axis, negative from the end."""
    return x[_cuts(begin, end, step)]


@slice.gradient
def _(g, out, x, begin, end, step):
    return unslice(g, x, begin, end, step)


@primitive(shape=lambda x, like, *where: like.shape, dtype=dtypes.same, level="training")
def unslice(x: Tensor, like: Tensor, begin, end, step):
    """Zeros in the shape of `like` with `x` at the places that `slice` would have taken."""
    result = np.zeros(like.shape, x.dtype)
    result[_cuts(begin, end, step)] = x
    return result


@unslice.gradient
def _(g, out, x, like, begin, end, step):
    return slice(g, begin, end, step), None


def along(x, axis, begin, end, step=1):
    """`x` cut along one axis only."""
    axis = normalize_axis(axis, x.ndim)
    at = lambda value, other: tuple(value if i == axis else other for i in range(x.ndim))
    return slice(x, at(begin, None), at(end, None), at(step, 1))


def _joined(tensors, axis=-1):
    if not tensors:
        raise ArgumentError("there is no tensor to join; at least one is needed.")
    first = tensors[0]
    axis = normalize_axis(axis, first.ndim)
    result = list(first.shape)
    for other in tensors[1:]:
        if other.ndim != first.ndim:
            raise ShapeError(f"ranks differ: {describe(first.shape)} and {describe(other.shape)}.")
        for i, (d, e) in enumerate(zip(result, other.shape, strict=True)):
            if i == axis:
                result[i] = None if d is None or e is None else d + e
            elif d is not None and e is not None and d != e:
                raise ShapeError(
                    f"{describe(first.shape)} and {describe(other.shape)} differ in axis {i}; only axis {axis} may."
                )
            else:
                result[i] = merge_dimension(d, e)
    return tuple(result)


@primitive(shape=_joined, dtype=dtypes.promoted)
def concatenate(tensors: Tensors, axis=-1):
    """The tensors one behind the other along `axis`; all other sizes are equal."""
    return np.concatenate(tensors, axis)


@concatenate.gradient
def _(g, out, tensors, axis):
    sizes = [t.shape[axis] for t in tensors]
    return [_part(g, i, sizes, tensors, axis) for i in range(len(tensors))]


def _part(g, i, sizes, tensors, axis):
    """What of `g` lies where tensor `i` was put; counted from the end where the front is not known."""
    before, after = sizes[:i], sizes[i + 1 :]
    if None not in sizes[: i + 1]:
        return along(g, axis, sum(before), sum(before) + sizes[i])
    if None not in before:
        begin = sum(before)
    elif None not in sizes[i:]:
        begin = -sum(sizes[i:]) or None
    else:
        return _part_while_running(g, i, tensors, axis)
    if None in after:
        return _part_while_running(g, i, tensors, axis)
    if begin is None:  # nothing at all, at the end
        return along(g, axis, 0, 0)
    return along(g, axis, begin, -sum(after) or None)


def _part_while_running(g, i, tensors, axis):
    offset = 0
    for t in tensors[:i]:
        offset = sizes_of(t)[axis] + offset
    size = cast(as_tensor(sizes_of(tensors[i])[axis]), "int64")
    return gather(g, iota((size,), 0, "int64") + offset, axis)


def _padded(x, paddings, value=0.0):
    if len(paddings) != x.ndim or any(len(p) != 2 or min(p) < 0 for p in paddings):
        raise ArgumentError(f"paddings={paddings} must be {x.ndim} pairs (before, after) of 0 or more.")
    return tuple(None if d is None else d + p + q for d, (p, q) in zip(x.shape, paddings, strict=True))


@primitive(shape=_padded, dtype=dtypes.same)
def pad(x: Tensor, paddings, value=0.0):
    """`x` with (before, after) elements `value` added to each axis."""
    return np.pad(x, paddings, constant_values=np.asarray(value, x.dtype))


@pad.gradient
def _(g, out, x, paddings, value):
    begin, end = zip(*((p, -q or None) for p, q in paddings), strict=True) if paddings else ((), ())
    return slice(g, begin, end, (1,) * len(begin))


def _turned(x, axes):
    normalize_axes(axes, x.ndim)
    return x.shape


@primitive(shape=_turned, dtype=dtypes.same)
def reverse(x: Tensor, axes):
    """`x` turned round along `axes` (a number or several). Same shape."""
    return np.flip(x, axes)


@reverse.gradient
def _(g, out, x, axes):
    return reverse(g, axes)


# looking up and writing --------------------------------------------------------------------------------------
def _gathered(reference, indices, axis=0):
    axis = normalize_axis(axis, reference.ndim)
    return (*reference.shape[:axis], *indices.shape, *reference.shape[axis + 1 :])


@primitive(shape=_gathered, dtype=_indexed)
def gather(reference: Tensor, indices: Tensor, axis=0):
    """The slices of `reference` along `axis` at `indices` (any shape, which takes the place of the axis)."""
    return np.take(reference, indices, axis)


@gather.gradient
def _(g, out, x, indices, axis):
    axis = normalize_axis(axis, x.ndim)
    if axis == 0:
        return gather_gradient(g, indices, x), None
    zeros = zeros_like(x)
    moved, back = _to_front(x.ndim, axis)
    width = indices.ndim
    order = (*range(axis, axis + width), *range(axis), *range(axis + width, g.ndim))
    return transpose(scatter_add(transpose(zeros, moved), indices, transpose(g, order)), back), None


@composite(shape=lambda g, indices, like: like.shape, dtype=_indexed, level="training")
def gather_gradient(g: Tensor, indices: Tensor, like: Tensor):
    """Zeros in the shape of `like`, with `g` (indices.shape + like.shape[1:]) added to the rows `indices`."""
    return scatter_add(zeros_like(like), indices, g)


@gather_gradient.gradient
def _(h, out, g, indices, like):
    return gather(h, indices), None, None


def _to_front(rank, axis):
    """The order of axes with `axis` first, and the order that undoes it."""
    order = (axis, *(i for i in range(rank) if i != axis))
    return order, tuple(int(i) for i in np.argsort(order))


def _scattered(x, indices, updates):
    wanted = (*indices.shape, *x.shape[1:])
    fits = len(wanted) == updates.ndim and all(
        None in (a, b) or a == b for a, b in zip(wanted, updates.shape, strict=True)
    )
    if not fits:
        raise ShapeError(f"updates have shape {describe(updates.shape)}; {describe(wanted)} expected.")
    return x.shape


@primitive(shape=_scattered, dtype=_indexed, level="training")
def scatter_add(x: Tensor, indices: Tensor, updates: Tensor):
    """`x` with `updates` (indices.shape + x.shape[1:]) added to its rows `indices`; repeated ones add up."""
    result = np.array(x)
    rows = indices.reshape(-1)
    if rows.size == 0:
        return result
    rows = np.where(rows < 0, rows + len(x), rows)
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    flat = updates.reshape(rows.size, *x.shape[1:])[order]
    with np.errstate(all="ignore"):
        result[ordered[starts]] += np.add.reduceat(flat, starts, axis=0, dtype=x.dtype)
    return result


@scatter_add.gradient
def _(g, out, x, indices, updates):
    return g, None, gather(g, indices)


@primitive(shape=_scattered, dtype=_indexed, level="training")
def scatter_update(x: Tensor, indices: Tensor, updates: Tensor):
    """`x` with its rows `indices` replaced by `updates`; of repeated ones the last counts."""
    result = np.array(x)
    result[indices] = updates
    return result


@scatter_update.gradient
def _(g, out, x, indices, updates):
    return scatter_update(g, indices, zeros_like(updates)), None, gather(g, indices)


@primitive(shape=same_first, dtype=dtypes.fixed("int64"), differentiable=False)
def argsort(x: Tensor, axis=-1, descending=False):
    """The places that would sort `x` along `axis`; equal elements stay in order. Shape of `x`; int64."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    turned = np.argsort(np.flip(x, axis), axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(turned, axis)


# written in the operations above -----------------------------------------------------------------------------
@composite
def stack(tensors: Tensors, axis=0):
    """Tensors of one shape as slices along a new axis at `axis`."""
    if not tensors:
        raise ArgumentError("there is no tensor to stack; at least one is needed.")
    return concatenate([expand_dims(t, axis) for t in tensors], axis)


@composite
def split(x: Tensor, num_or_sizes, axis=-1):
    """`x` cut along `axis` into so many equal parts, or parts of the given sizes; a list."""
    total = x.shape[normalize_axis(axis, x.ndim)]
    sizes = num_or_sizes
    if isinstance(sizes, int):
        if total is None or total % sizes:
            raise ShapeError(f"axis {axis} of {describe(x.shape)} cannot be cut into {sizes} equal parts.")
        sizes = [total // sizes] * sizes
    if total is not None and sum(sizes) != total:
        raise ShapeError(f"the sizes {sizes} do not add up to axis {axis} of {describe(x.shape)}.")
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [along(x, axis, end - size, end) for end, size in zip(ends, sizes, strict=True)]


@composite
def unstack(x: Tensor, axis=0):
    """The slices of `x` along `axis`, without it; a list. The size must be known."""
    count = x.shape[normalize_axis(axis, x.ndim)]
    if count is None:
        raise ShapeError(f"axis {axis} of {describe(x.shape)} must be known to be taken apart.")
    return [_without(along(x, axis, i, i + 1), {normalize_axis(axis, x.ndim)}) for i in range(count)]


def _without(x, axes):
    """`x` without axes that are known to have size 1, whatever their static size says."""
    return resized(x, [s for i, s in enumerate(sizes_of(x)) if i not in axes]) if axes else x


@composite
def pad_reflected(x: Tensor, paddings, symmetric=False):
    """`x` continued by its mirror image, (before, after) elements on each axis; `symmetric` repeats the edge."""
    for axis, (before, after) in enumerate(paddings):
        parts = [x]
        edge = 0 if symmetric else 1
        if before:
            parts.insert(0, along(x, axis, before - 1 + edge, edge - 1 if edge else None, -1))
        if after:
            parts.append(along(x, axis, -1 - edge, -1 - edge - after, -1))
        x = concatenate(parts, axis) if len(parts) > 1 else x
    return x


@composite
def take_along_axis(x: Tensor, indices: Tensor, axis=-1):
    """x[..., indices[..., j, ...], ...] along `axis`; all other sizes of both are equal. Shape of `indices`."""
    axis = normalize_axis(axis, x.ndim)
    last = (*(i for i in range(x.ndim) if i != axis), axis)
    back = tuple(int(i) for i in np.argsort(last))
    rows, places = transpose(x, last), cast(transpose(indices, last), "int64")
    size, *_ = sizes_of(rows)[::-1]
    size = cast(as_tensor(size), "int64")
    places = where(less(places, 0), places + size, places)
    flat = resized(places, [product(sizes_of(places)[:-1]), sizes_of(places)[-1]])
    starts = expand_dims(iota((sizes_of(flat)[0],), 0, "int64"), 1) * size
    taken = gather(flatten(rows), flat + starts)
    return transpose(resized(taken, sizes_of(places)), back)


@composite(differentiable=False)
def one_hot(indices: Tensor, num_classes, dtype=None):
    """1 at the place `indices` of a new last axis of `num_classes`, 0 elsewhere (everywhere, if out of range)."""
    hot = equal(expand_dims(indices, -1), Constant(np.arange(num_classes), indices.dtype))
    return cast(hot, dtype or settings.floatx)


@composite
def sort(x: Tensor, axis=-1, descending=False):
    """`x` in order along `axis`. Same shape."""
    return take_along_axis(x, argsort(x, axis, descending), axis)


@composite
def top_k(x: Tensor, k=1):
    """The `k` largest elements along the last axis, largest first, and their places (int64): (..., k) each."""
    places = along(argsort(x, -1, True), -1, 0, k)
    return [take_along_axis(x, places, -1), places]


# Python's indexing -------------------------------------------------------------------------------------------
def getitem(x, key):
    """x[key]: whole numbers, slices, None, Ellipsis, and one list or tensor of places, as in NumPy."""
    key = key if isinstance(key, tuple) else (key,)
    bounds = [b for k in key for b in ((k.start, k.stop, k.step) if isinstance(k, _cut) else (k,))]
    if is_symbolic(x) or any(map(is_symbolic, bounds)):
        return _cut_out(as_tensor(x), key)
    return indexed(x, key)


@composite
def indexed(x: Tensor, key):
    """x[key] for a key of numbers, slices, None, Ellipsis, and one list of places, as a tuple."""
    return _cut_out(x, key)


def _cut_out(x, key):
    entries = _full_key(x, key)
    axis = 0
    cuts, dropped, new, lookups = [], set(), [], []
    for entry in entries:
        if entry is None:
            new.append(axis)
            continue
        cut, single = _entry(entry)
        if cut is None:
            lookups.append((axis, entry))
            cut = _cut(None)
        if single:
            _check_index(x, axis, entry)
            dropped.add(axis)
        cuts.append(cut)
        axis += 1
    if len([1 for _, e in lookups if not isinstance(e, _cut)]) > 1:
        raise Unsupported(
            "only one list or tensor of places is possible in one indexing; use K.gather for more."
        )
    if any(c != _cut(None) and c != _cut(None, None, 1) for c in cuts):
        x = slice(x, *zip(*((c.start, c.stop, 1 if c.step is None else c.step) for c in cuts), strict=True))
    return _looked_up(x, dropped, new, lookups)


def _full_key(x, key):
    """`key` with the Ellipsis, given or not, written out."""
    spelled = sum(1 for k in key if k is not None and k is not Ellipsis)
    if spelled > x.ndim:
        raise ShapeError(f"{spelled} indices are too many for shape {describe(x.shape)}.")
    dots = [i for i, k in enumerate(key) if k is Ellipsis] or [len(key)]
    if len(dots) > 1:
        raise ArgumentError("an index may hold one Ellipsis only.")
    return (*key[: dots[0]], *[_cut(None)] * (x.ndim - spelled), *key[dots[0] + 1 :])


def _entry(entry):
    """How an entry cuts its axis (None: it is looked up), and whether the axis then goes."""
    if isinstance(entry, (bool, np.bool_)):
        raise ArgumentError("a truth value is no index; use K.switch or K.gather.")
    if isinstance(entry, (int, np.integer)):
        return _cut(int(entry), int(entry) + 1 or None, 1), True
    if isinstance(entry, _cut):
        start, stop, step = (_number(v) for v in (entry.start, entry.stop, entry.step))
        if any(map(is_symbolic, (start, stop, step))):
            return None, False
        return _cut(start, stop, step), False
    return None, False


def _number(value):
    """A bound of a slice: None, an int, or a symbolic whole number."""
    if isinstance(value, Constant):
        return int(value.value)
    return value if value is None or is_symbolic(value) else value.__index__()


def _check_index(x, axis, index):
    size = x.shape[axis]
    if size is not None and not -size <= index < size:
        raise IndexError(f"index {index} is outside axis {axis} of {describe(x.shape)}.")


def _looked_up(x, dropped, new, lookups):
    """Looks up what `slice` cannot cut, then drops and adds axes."""
    for axis, entry in reversed(lookups):
        places = _places(x, axis, entry)
        x = gather(x, places, axis)
        if places.ndim != 1:
            extra = places.ndim - 1
            dropped = {d + extra if d > axis else d for d in dropped}
            new = [n + extra if n > axis else n for n in new]
    if not dropped and not new:
        return x
    sizes = []
    for axis, size in enumerate([*sizes_of(x), None]):
        sizes.extend([1] * new.count(axis))
        if axis < x.ndim and axis not in dropped:
            sizes.append(size)
    return resized(x, sizes)


def _places(x, axis, entry):
    if not isinstance(entry, _cut):
        places = as_tensor(np.asarray(entry) if isinstance(entry, (list, tuple)) else entry)
        if places.dtype == "bool":
            raise Unsupported("a mask of truth values is no index: its result has no shape. Use K.switch.")
        return places
    if entry.step not in (None, 1):
        raise Unsupported("a slice with symbolic bounds has step 1 only; use K.reverse or K.gather.")
    size = as_tensor(sizes_of(x)[axis])
    start = _bound(0 if entry.start is None else entry.start, size)
    stop = size if entry.stop is None else _bound(entry.stop, size)
    return arange(cast(start, "int64"), cast(stop, "int64"), 1, "int64")


def _bound(value, size):
    """A bound counted from the front and held inside the axis."""
    value, size = cast(as_tensor(value), "int64"), cast(size, "int64")
    value = where(less(value, 0), value + size, value)
    value = where(less(value, 0), 0, value)
    return where(less(size, value), size, value)


SymbolicTensor.operators.update(getitem=getitem, stack=stack)
