"""Resizing and padding of images, volumes and sequences."""

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, ShapeError
from ..shapes import describe
from .convolution import data_format_of, from_channels_last, to_channels_last
from .declare import Tensor, as_tensor, composite
from .elementwise import cast, floor_divide, maximum, minimum, mod
from .indexing import along, concatenate, gather, pad
from .reductions import sum
from .shaping import iota, repeat, reshape, shape, zeros_like
from .windows import dims_of


def _spatial_axes(rank, data_format):
    first = data_format_of(data_format) == "channels_first"
    return range(2, rank) if first else range(1, rank - 1)


def _bilinear(x, axis, factor):
    """Linear between neighbours at output / factor, as Keras 2.3.1 has it (corners not aligned)."""
    size = x.shape[axis] if x.shape[axis] is not None else shape(x)[axis]
    position = iota((size * factor,), 0, "int64")
    low = floor_divide(position, factor)
    high = minimum(low + 1, size - 1)
    weight = cast(mod(position, factor), x.dtype) / float(factor)
    weight = reshape(weight, tuple(-1 if i == axis else 1 for i in range(len(x.shape))))
    below = gather(x, low, axis)
    return below + (gather(x, high, axis) - below) * weight


def _between_middles(x, axis, factor):
    """Linear between neighbours at (output + 1/2) / factor - 1/2, as later Kerases have it."""
    size = x.shape[axis] if x.shape[axis] is not None else shape(x)[axis]
    # in halves, and one input further on, so that nothing is negative
    position = 2 * iota((size * factor,), 0, "int64") + 1 + factor
    high = floor_divide(position, 2 * factor)
    weight = cast(mod(position, 2 * factor), x.dtype) / float(2 * factor)
    weight = reshape(weight, tuple(-1 if i == axis else 1 for i in range(len(x.shape))))
    below = gather(x, maximum(high - 1, 0), axis)
    return below + (gather(x, minimum(high, size - 1), axis) - below) * weight


def _bilinear_back(g, axis, factor, size):
    """The adjoint of `_bilinear`; `size`: what `g` is to have at `axis`."""
    parts = reshape(g, (*dims_of(g, 0, axis), *size, factor, *dims_of(g, axis + 1)))
    weight = np.arange(factor).reshape([-1 if i == axis + 1 else 1 for i in range(len(parts.shape))]) / factor
    low = sum(parts * as_tensor(1.0 - weight, g.dtype), axis + 1)
    high = sum(parts * as_tensor(weight, g.dtype), axis + 1)  # goes to the next place, at the end to its own
    before, last = along(high, axis, 0, -1), along(high, axis, -1, None)
    return low + concatenate([zeros_like(last), before], axis) + concatenate([zeros_like(before), last], axis)


def _enlarged_shape(x, factors):
    lengths = (None if n is None else n * f for n, f in zip(x.shape[1:-1], factors, strict=True))
    return (x.shape[0], *lengths, x.shape[-1])


@composite(shape=_enlarged_shape, dtype=dtypes.floating, rule_if_fused=True)
def enlarge_bilinear(x: Tensor, factors):
    """`x` (batch, rows, cols, channels) with rows and cols multiplied by two whole `factors`; linear in between."""
    for axis, factor in enumerate(factors, 1):
        x = _bilinear(x, axis, factor) if factor != 1 else x
    return x


@enlarge_bilinear.gradient
def _(g, out, x, factors):
    return enlarge_bilinear_gradient(g, x, factors)


@composite(shape=lambda g, x, factors: x.shape, dtype=dtypes.promoted, level="training")
def enlarge_bilinear_gradient(g: Tensor, x: Tensor, factors):
    """The adjoint of `enlarge_bilinear`: `g` (batch, rows, cols, channels) in the shape of `x`, which alone is read."""
    for axis, factor in enumerate(factors, 1):
        g = _bilinear_back(g, axis, factor, dims_of(x, axis, axis + 1)) if factor != 1 else g
    return g


@enlarge_bilinear_gradient.gradient
def _(h, out, g, x, factors):
    return enlarge_bilinear(h, factors), None


def _resized(x, factors, data_format):
    for axis, factor in zip(_spatial_axes(len(x.shape), data_format), factors, strict=True):
        x = repeat(x, factor, axis) if factor != 1 else x
    return x


def _check_interpolation(interpolation, allowed=("nearest", "bilinear")):
    if interpolation not in allowed:
        told = ", ".join(map(repr, allowed[:-1]))
        raise ArgumentError(f"interpolation is {told} or {allowed[-1]!r}; {interpolation!r} was given.")


@composite
def resize(x: Tensor, size, interpolation="bilinear", data_format=None):
    """`x` (batch, *spatial, channels) with spatial sizes `size`; those of `x` must be known.

    Output i stands at i * old / new, as in Keras 2.3.1 (corners not aligned); "nearest" rounds down.
    """
    _check_interpolation(interpolation)
    axes = list(_spatial_axes(len(x.shape), data_format))
    if len(axes) != len(size) or None in [x.shape[a] for a in axes]:
        raise ShapeError(
            f"{describe(x.shape)} cannot be resized to {tuple(size)}; give one size for each spatial axis, all of "
            "which must be known in the input."
        )
    for axis, new in zip(axes, size, strict=True):
        old = x.shape[axis]
        if old == new:
            continue
        position = np.arange(new) * (old / new)
        low = np.minimum(np.floor(position + 1e-9), old - 1).astype("int64")
        below = gather(x, as_tensor(low), axis)
        if interpolation == "nearest":
            x = below
            continue
        weight = np.clip(position - low, 0.0, 1.0).reshape(
            [-1 if i == axis else 1 for i in range(len(x.shape))]
        )
        above = gather(x, as_tensor(np.minimum(low + 1, old - 1)), axis)
        x = below + (above - below) * as_tensor(weight, x.dtype)
    return x


@composite
def resize_images(x: Tensor, height_factor, width_factor, data_format, interpolation="nearest"):
    """(batch, rows, cols, channels) with rows and cols multiplied by whole factors.

    interpolation: "nearest", "bilinear" as in Keras 2.3.1, "bilinear_half_pixel" as in later Kerases.
    """
    _check_interpolation(interpolation, ("nearest", "bilinear", "bilinear_half_pixel"))
    factors = (height_factor, width_factor)
    if interpolation == "nearest":
        return _resized(x, factors, data_format)
    if interpolation == "bilinear_half_pixel":
        for axis, factor in zip(_spatial_axes(len(x.shape), data_format), factors, strict=True):
            x = _between_middles(x, axis, factor) if factor != 1 else x
        return x
    data_format = data_format_of(data_format)
    return from_channels_last(enlarge_bilinear(to_channels_last(x, data_format), factors), data_format)


@composite
def resize_volumes(x: Tensor, depth_factor, height_factor, width_factor, data_format):
    """(batch, dim1, dim2, dim3, channels) with each value repeated."""
    return _resized(x, (depth_factor, height_factor, width_factor), data_format)


def _padded(x, amounts, data_format):
    paddings = [(0, 0)] * len(x.shape)
    for axis, amount in zip(_spatial_axes(len(x.shape), data_format), amounts, strict=True):
        paddings[axis] = tuple(amount)
    return pad(x, tuple(paddings))


@composite
def temporal_padding(x: Tensor, padding=(1, 1)):
    """(batch, time, features) with zeros before and after."""
    return pad(x, ((0, 0), tuple(padding), (0, 0)))


@composite
def spatial_2d_padding(x: Tensor, padding=((1, 1), (1, 1)), data_format=None):
    """Zeros around the rows and columns."""
    return _padded(x, padding, data_format)


@composite
def spatial_3d_padding(x: Tensor, padding=((1, 1), (1, 1), (1, 1)), data_format=None):
    """Zeros around three spatial axes."""
    return _padded(x, padding, data_format)
