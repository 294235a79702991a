"""Pooling: the largest or the mean of each window, with gradients that stay inside the family.

The n-dimensional operations take (batch, *spatial, channels); `padding` is "valid" or "same".
"""

import math

import numpy as np

from .. import dtypes
from ..errors import ArgumentError
from ..shapes import describe
from .convolution import data_format_of, expect_rank, from_channels_last, padding_mode, to_channels_last
from .declare import Tensor, as_tensor, composite
from .indexing import one_hot
from .reductions import argmax, max, sum
from .shaping import broadcast_to, reshape, transpose
from .windows import (
    accumulate_windows,
    all_padding_amounts,
    dims_of,
    extract_windows,
    output_lengths,
    per_dimension,
    positions,
    spatial_dims,
)


def _pooled_shape(x, size, strides, padding):
    if len(size) != len(x.shape) - 2:
        raise ArgumentError(f"a window of {len(size)} dimensions for an input of shape {describe(x.shape)}.")
    lengths = output_lengths(x.shape[1:-1], size, strides, (1,) * len(size), padding)
    return (x.shape[0], *lengths, x.shape[-1])


def _like_second(g, x, *rest):
    return x.shape


def _selected_shape(h, x, size, strides, padding):
    return _pooled_shape(x, size, strides, padding)


def _window_axes(size):
    return tuple(range(1 + len(size), 1 + 2 * len(size)))


# the largest ------------------------------------------------------------------------------------------------
@composite(shape=_pooled_shape, dtype=dtypes.same)
def max_pool(x: Tensor, size, strides, padding):
    """The largest element of each window; padding counts as minus infinity. (batch, *out, channels)."""
    windows = extract_windows(x, size, strides, (1,) * len(size), padding, -math.inf)
    return max(windows, axis=_window_axes(size))


@max_pool.gradient
def _(g, out, x, size, strides, padding):
    return max_pool_gradient(g, x, size, strides, padding)


def _first_largest(x, size, strides, padding):
    """1 where a window's first largest element stands, else 0: (batch, *out, *size, channels)."""
    windows = extract_windows(x, size, strides, (1,) * len(size), padding, -math.inf)
    head = dims_of(windows, 0, 1 + len(size))
    flat = reshape(windows, (*head, math.prod(size), *dims_of(x, len(size) + 1)))
    chosen = argmax(flat, axis=-2)
    marks = one_hot(chosen, math.prod(size), dtype=x.dtype)
    order = (*range(1 + len(size)), 2 + len(size), 1 + len(size))
    return reshape(transpose(marks, order), (*head, *size, *dims_of(x, len(size) + 1)))


@composite(shape=_like_second, dtype=dtypes.promoted, level="training")
def max_pool_gradient(g: Tensor, x: Tensor, size, strides, padding):
    """`g` (batch, *out, channels) carried to the first largest element of each window of `x`. Shape of `x`."""
    spread = reshape(g, (*dims_of(g, 0, -1), *(1,) * len(size), *dims_of(g, len(size) + 1)))
    marked = _first_largest(x, size, strides, padding) * spread
    return accumulate_windows(marked, spatial_dims(x), strides, (1,) * len(size), padding)


@max_pool_gradient.gradient
def _(h, out, g, x, size, strides, padding):
    return max_pool_selected(h, x, size, strides, padding), None  # where the largest stands does not change


@composite(shape=_selected_shape, dtype=dtypes.promoted, level="training")
def max_pool_selected(h: Tensor, x: Tensor, size, strides, padding):
    """Of each window of `h` the element at the place where `x`, of the same shape, is largest."""
    windows = extract_windows(h, size, strides, (1,) * len(size), padding)
    return sum(windows * _first_largest(x, size, strides, padding), axis=_window_axes(size))


@max_pool_selected.gradient
def _(g, out, h, x, size, strides, padding):
    return max_pool_gradient(g, x, size, strides, padding), None


# the mean ---------------------------------------------------------------------------------------------------
def window_counts(spatial, size, strides, padding, dtype):
    """How many elements of each window are not padding, (1, *out, 1), a NumPy array."""
    ones = (1,) * len(size)
    amounts = all_padding_amounts(spatial, size, strides, ones, padding)
    lengths = output_lengths(spatial, size, strides, ones, padding)
    inside = np.zeros((1, *(n + a + b for n, (a, b) in zip(spatial, amounts, strict=True))), dtype)
    inside[(0, *(slice(a, a + n) for n, (a, _) in zip(spatial, amounts, strict=True)))] = 1
    counts = np.zeros((1, *lengths), dtype)
    for _, index in positions(size, strides, ones, lengths):
        counts += inside[index]
    return counts[..., None]


def _counts(spatial, size, strides, padding, dtype):
    """`window_counts` as a number or a tensor, also for sizes that are only known while running."""
    if padding == "valid":
        return float(math.prod(size))
    if all(isinstance(d, int) for d in spatial):
        return window_counts(spatial, size, strides, padding, "float32")
    ones = broadcast_to(as_tensor(1.0, dtype), (1, *spatial, 1))
    return sum(extract_windows(ones, size, strides, (1,) * len(size), padding), axis=_window_axes(size))


@composite(shape=_pooled_shape, dtype=dtypes.floating)
def avg_pool(x: Tensor, size, strides, padding):
    """The mean of each window, padding left out of the count. (batch, *out, channels)."""
    windows = extract_windows(x, size, strides, (1,) * len(size), padding)
    return sum(windows, axis=_window_axes(size)) / as_tensor(
        _counts(spatial_dims(x), size, strides, padding, x.dtype), x.dtype
    )


@avg_pool.gradient
def _(g, out, x, size, strides, padding):
    return avg_pool_gradient(g, x, size, strides, padding)


@composite(shape=_like_second, dtype=dtypes.promoted, level="training")
def avg_pool_gradient(g: Tensor, x: Tensor, size, strides, padding):
    """`g` (batch, *out, channels) shared out evenly over the windows of `x` (only its shape is read)."""
    share = g / as_tensor(_counts(spatial_dims(x), size, strides, padding, x.dtype), x.dtype)
    head, channels = dims_of(g, 0, -1), dims_of(g, len(size) + 1)
    spread = broadcast_to(reshape(share, (*head, *(1,) * len(size), *channels)), (*head, *size, *channels))
    return accumulate_windows(spread, spatial_dims(x), strides, (1,) * len(size), padding)


@avg_pool_gradient.gradient
def _(h, out, g, x, size, strides, padding):
    return avg_pool(h, size, strides, padding), None


# Keras' names -----------------------------------------------------------------------------------------------
def _keras_pool(x, rank, pool_size, strides, padding, data_format, pool_mode):
    expect_rank(x, rank + 2)
    data_format = data_format_of(data_format)
    size = per_dimension(pool_size, rank, "pool_size")
    strides = size if strides is None else per_dimension(strides, rank, "strides")
    operation = {"max": max_pool, "avg": avg_pool}.get(pool_mode)
    if operation is None:
        raise ArgumentError(f"pool_mode={pool_mode!r}: use 'max' or 'avg'.")
    out = operation(to_channels_last(x, data_format), size, strides, padding_mode(padding))
    return from_channels_last(out, data_format)


@composite
def pool1d(x: Tensor, pool_size, strides=1, padding="valid", data_format=None, pool_mode="max"):
    """Pooling of `x` (batch, steps, channels). `strides=None`: as `pool_size`."""
    return _keras_pool(x, 1, pool_size, strides, padding, data_format, pool_mode)


@composite
def pool2d(x: Tensor, pool_size, strides=(1, 1), padding="valid", data_format=None, pool_mode="max"):
    """Pooling of `x` (batch, rows, cols, channels); `pool_mode` 'max' or 'avg'."""
    return _keras_pool(x, 2, pool_size, strides, padding, data_format, pool_mode)


@composite
def pool3d(x: Tensor, pool_size, strides=(1, 1, 1), padding="valid", data_format=None, pool_mode="max"):
    """Pooling of `x` (batch, d1, d2, d3, channels); `pool_mode` 'max' or 'avg'."""
    return _keras_pool(x, 3, pool_size, strides, padding, data_format, pool_mode)
