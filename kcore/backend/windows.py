"""Sliding windows and their adjoint: the two primitives that convolution and pooling are made of.

`padding` is "valid" (none), "same" (ceil(length / stride) windows, the odd element goes to the
end) or a tuple with a pair (before, after) for each spatial dimension. "same" is resolved from the sizes
found while running, so spatial dimensions may be unknown while the graph is built.
"""

import itertools

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, ShapeError
from ..shapes import describe, merge_dimension, window_length
from .declare import Dims, Tensor, primitive
from .shaping import shape


def per_dimension(value, rank, what):
    """`value`, a number or one number for each of `rank` spatial dimensions, as a tuple of ints of at least 1."""
    values = tuple(value) if hasattr(value, "__iter__") else (value,) * rank
    if len(values) == 1:
        values *= rank
    if len(values) != rank or any(v is None or int(v) != v or v < 1 for v in values):
        raise ArgumentError(f"{what}={value!r}: give a whole number above 0, or {rank} of them.")
    return tuple(int(v) for v in values)


def padding_amounts(length, size, stride, dilation, padding):
    """The pair (before, after) for one dimension of a known `length`."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        total = max((-(-length // stride) - 1) * stride + (size - 1) * dilation + 1 - length, 0)
        return total // 2, total - total // 2
    return padding


def all_padding_amounts(lengths, size, strides, dilation, padding):
    """A pair (before, after) for each spatial dimension."""
    each = padding if isinstance(padding, tuple) else (padding,) * len(lengths)
    return tuple(padding_amounts(*item) for item in zip(lengths, size, strides, dilation, each, strict=True))


def output_length(length, size, stride, dilation, padding):
    """How many windows one dimension gives; None if `length` is unknown. Too short a dimension is an error."""
    if length is None:
        return None
    if padding == "same":
        return -(-length // stride)
    before, after = padding_amounts(length, size, stride, dilation, padding)
    if length + before + after < (size - 1) * dilation + 1:
        raise ShapeError(
            f"a window of {size} (dilation {dilation}) does not fit into a dimension of {length} padded by "
            f"{before} + {after}. Use a smaller window, padding='same' or a larger input."
        )
    return window_length(length + before + after, size, stride, dilation)


def output_lengths(lengths, size, strides, dilation, padding):
    """`output_length` for each spatial dimension."""
    each = padding if isinstance(padding, tuple) else (padding,) * len(lengths)
    if not len(lengths) == len(size) == len(strides) == len(dilation) == len(each):
        raise ShapeError(
            f"{len(lengths)} spatial dimensions, but window {size}, strides {strides}, dilation {dilation} and "
            f"padding {padding!r}. Give one number for each spatial dimension."
        )
    return tuple(output_length(*item) for item in zip(lengths, size, strides, dilation, each, strict=True))


def spatial_dims(x):
    """The spatial sizes of `x` (batch, *spatial, channels) for a `Dims` argument, computed where unknown."""
    return dims_of(x, 1, len(x.shape) - 1)


def dims_of(x, first=0, last=None):
    """Sizes `first`..`last` of `x` as a tuple: numbers where known, symbolic numbers elsewhere."""
    sizes = x.shape[first:last]
    if None not in sizes:
        return tuple(sizes)
    found = shape(x)
    return tuple(found[first + i] if d is None else d for i, d in enumerate(sizes))


def pad_spatial(x, amounts, fill=0.0):
    """A NumPy array (batch, *spatial, channels) padded with `fill`; itself where there is nothing to pad."""
    if not any(map(any, amounts)):
        return x
    if x.dtype.kind in "iu" and np.isinf(fill):
        fill = np.iinfo(x.dtype).min if fill < 0 else np.iinfo(x.dtype).max
    lengths = [n + before + after for n, (before, after) in zip(x.shape[1:-1], amounts, strict=True)]
    padded = np.full((x.shape[0], *lengths, x.shape[-1]), fill, x.dtype)
    padded[inner(x.shape[1:-1], amounts)] = x
    return padded


def inner(lengths, amounts):
    """The index of what was there before padding."""
    spatial = [slice(before, before + n) for n, (before, _) in zip(lengths, amounts, strict=True)]
    return (slice(None), *spatial)


def positions(size, strides, dilation, lengths):
    """For each place in the window: its index there and the index of what it meets in the padded array."""
    for place in itertools.product(*map(range, size)):
        starts = [p * d for p, d in zip(place, dilation, strict=True)]
        ends = [a + (n - 1) * s + 1 if n else a for a, s, n in zip(starts, strides, lengths, strict=True)]
        spatial = map(slice, starts, ends, strides)
        yield place, (slice(None), *spatial)


def window_view(x, size, strides, dilation, lengths):
    """The windows of a padded NumPy array as a read-only view (batch, *lengths, *size, channels)."""
    steps = x.strides[1:-1]
    return np.lib.stride_tricks.as_strided(
        x,
        (x.shape[0], *lengths, *size, x.shape[-1]),
        (
            x.strides[0],
            *(t * s for t, s in zip(steps, strides, strict=True)),
            *(t * d for t, d in zip(steps, dilation, strict=True)),
            x.strides[-1],
        ),
        writeable=False,
    )


def _windows_shape(x, size, strides, dilation, padding="valid", fill=0.0):
    if len(x.shape) < 3 or len(size) != len(x.shape) - 2:
        raise ShapeError(
            f"input has shape {describe(x.shape)}; with a window of {len(size)} dimensions, rank {len(size) + 2} "
            "is expected: (batch, *spatial, channels)."
        )
    return (x.shape[0], *output_lengths(x.shape[1:-1], size, strides, dilation, padding), *size, x.shape[-1])


def _accumulated_shape(w, spatial, strides, dilation, padding="valid"):
    rank = len(spatial)
    if len(w.shape) != 2 * rank + 2:
        raise ShapeError(f"windows of shape {describe(w.shape)} do not fit {rank} spatial dimensions.")
    size = w.shape[1 + rank : -1]
    spatial = tuple(None if d == -1 else d for d in spatial)
    wanted = output_lengths(spatial, size, strides, dilation, padding)
    for found, due in zip(w.shape[1 : 1 + rank], wanted, strict=True):
        if None not in (found, due) and merge_dimension(found, due) != due:
            raise ShapeError(
                f"{describe(w.shape[1 : 1 + rank])} windows of {describe(size)}, but a tensor of spatial shape "
                f"{describe(spatial)} has {describe(wanted)} (strides {strides}, padding {padding!r})."
            )
    return (w.shape[0], *spatial, w.shape[-1])


@primitive(shape=_windows_shape, dtype=dtypes.same)
def extract_windows(x: Tensor, size, strides, dilation, padding="valid", fill=0.0):
    """All windows of `x` (batch, *spatial, channels), as (batch, *out, *size, channels).

    `size`, `strides`, `dilation`: a tuple of ints each. What lies in the padding reads as `fill`.
    """
    amounts = all_padding_amounts(x.shape[1:-1], size, strides, dilation, padding)
    lengths = output_lengths(x.shape[1:-1], size, strides, dilation, padding)
    return window_view(pad_spatial(x, amounts, fill), size, strides, dilation, lengths)


@extract_windows.gradient
def _(g, out, x, size, strides, dilation, padding, fill):
    return accumulate_windows(g, spatial_dims(x), strides, dilation, padding)


@primitive(shape=_accumulated_shape, dtype=dtypes.same, level="training")
def accumulate_windows(w: Tensor, spatial: Dims, strides, dilation, padding="valid"):
    """The adjoint of `extract_windows`: each element of the windows `w` (batch, *out, *size, channels) is added
    to the place that it was taken from. Result: (batch, *spatial, channels)."""
    rank = len(spatial)
    lengths, size = w.shape[1 : 1 + rank], w.shape[1 + rank : -1]
    amounts = all_padding_amounts(spatial, size, strides, dilation, padding)
    padded = [n + before + after for n, (before, after) in zip(spatial, amounts, strict=True)]
    total = np.zeros((w.shape[0], *padded, w.shape[-1]), w.dtype)
    for place, index in positions(size, strides, dilation, lengths):
        total[index] += w[(slice(None),) * (1 + rank) + place]
    return total[inner(spatial, amounts)]


@accumulate_windows.gradient
def _(g, out, w, spatial, strides, dilation, padding):
    rank = len(out.shape) - 2
    return extract_windows(g, w.shape[1 + rank : -1], strides, dilation, padding)
