"""Convolutions: one n-dimensional operation with its two adjoints, the same depthwise, and Keras' names for them.

The n-dimensional operations take (batch, *spatial, channels), a kernel (*size, in, out), and tuples of ints.
Each of the three `convolution`, `convolution_transpose`, `convolution_kernel_gradient` is linear in both of
its tensors, and their gradients are one another, so derivatives of any order stay inside the family.
"""

from .. import dtypes
from ..errors import ArgumentError, ShapeError
from ..kernel.config import settings
from ..shapes import describe, size_of
from .declare import Dims, Tensor, composite, static_dims
from .linalg import matmul
from .reductions import sum
from .shaping import reshape, transpose
from .tensor import SymbolicTensor
from .windows import accumulate_windows, dims_of, extract_windows, output_lengths, per_dimension, spatial_dims


# the n-dimensional family -----------------------------------------------------------------------------------
def _check_kernel(x, kernel, channels_axis, what):
    rank = len(x.shape) - 2
    if rank < 1 or len(kernel.shape) != rank + 2:
        raise ShapeError(
            f"input {describe(x.shape)} and kernel {describe(kernel.shape)}: the input is (batch, *spatial, "
            "channels), the kernel has as many dimensions."
        )
    have, due = x.shape[-1], kernel.shape[channels_axis]
    if None not in (have, due) and have != due:
        raise ShapeError(
            f"input {describe(x.shape)} has {have} channels, but the kernel {describe(kernel.shape)} {what} {due}. "
            "Check data_format, or make a kernel for this input."
        )


def _convolution_shape(x, kernel, strides, padding, dilation):
    _check_kernel(x, kernel, -2, "takes")
    lengths = output_lengths(x.shape[1:-1], kernel.shape[:-2], strides, dilation, padding)
    return (x.shape[0], *lengths, kernel.shape[-1])


def _transpose_shape(g, kernel, spatial, strides, padding, dilation):
    _check_kernel(g, kernel, -1, "has, at its end,")
    spatial = _checked_spatial(g, kernel.shape[:-2], spatial, strides, padding, dilation)
    return (g.shape[0], *spatial, kernel.shape[-2])


def _checked_spatial(g, size, spatial, strides, padding, dilation):
    spatial = tuple(None if d == -1 else d for d in spatial)
    due = output_lengths(spatial, size, strides, dilation, padding)
    for have, need in zip(g.shape[1:-1], due, strict=True):
        if None not in (have, need) and have != need:
            raise ShapeError(
                f"input {describe(g.shape)} cannot become spatial shape {describe(spatial)}: that one would shrink "
                f"to {describe(due)} (kernel {describe(size)}, strides {strides}, padding {padding!r}). "
                "Change output_shape."
            )
    return spatial


def _kernel_gradient_shape(x, g, size, strides, padding, dilation):
    return (*size, x.shape[-1], g.shape[-1])


def _rows(x, columns):
    """`x` as a matrix with that many columns."""
    return reshape(x, (-1, columns))


@composite(shape=_convolution_shape, dtype=dtypes.promoted)
def convolution(x: Tensor, kernel: Tensor, strides, padding, dilation):
    """Cross-correlation of `x` (batch, *spatial, in) with `kernel` (*size, in, out): (batch, *out, out).

    `padding`: "valid", "same" or a tuple of pairs (before, after).
    """
    size = kernel.shape[:-2]
    windows = extract_windows(x, size, strides, dilation, padding)
    columns = size_of(kernel.shape[:-1])
    product = matmul(_rows(windows, columns), _rows(kernel, kernel.shape[-1]))
    return reshape(product, (*dims_of(windows, 0, 1 + len(size)), kernel.shape[-1]))


@convolution.gradient
def _(g, out, x, kernel, strides, padding, dilation):
    return (
        convolution_transpose(g, kernel, spatial_dims(x), strides, padding, dilation),
        convolution_kernel_gradient(x, g, kernel.shape[:-2], strides, padding, dilation),
    )


@composite(shape=_transpose_shape, dtype=dtypes.promoted)
def convolution_transpose(g: Tensor, kernel: Tensor, spatial: Dims, strides, padding, dilation):
    """The adjoint of `convolution` in its input: `g` (batch, *out, out) to (batch, *spatial, in).

    `kernel` is (*size, in, out) as there; strides, padding and dilation are those of the convolution that
    would make `g` of the result.
    """
    size, channels = kernel.shape[:-2], kernel.shape[-2]
    product = matmul(_rows(g, kernel.shape[-1]), transpose(_rows(kernel, kernel.shape[-1]), (1, 0)))
    windows = reshape(product, (*dims_of(g, 0, -1), *size, channels))
    return accumulate_windows(windows, spatial, strides, dilation, padding)


@convolution_transpose.gradient
def _(h, out, g, kernel, spatial, strides, padding, dilation):
    return (
        convolution(h, kernel, strides, padding, dilation),
        convolution_kernel_gradient(h, g, kernel.shape[:-2], strides, padding, dilation),
    )


@composite(shape=_kernel_gradient_shape, dtype=dtypes.promoted, level="training")
def convolution_kernel_gradient(x: Tensor, g: Tensor, size, strides, padding, dilation):
    """The adjoint of `convolution` in its kernel: `x` (batch, *spatial, in) and `g` (batch, *out, out) to
    (*size, in, out)."""
    windows = extract_windows(x, size, strides, dilation, padding)
    columns = size_of((*size, x.shape[-1]))
    product = matmul(transpose(_rows(windows, columns), (1, 0)), _rows(g, g.shape[-1]))
    return reshape(product, (*size, x.shape[-1], g.shape[-1]))


@convolution_kernel_gradient.gradient
def _(h, out, x, g, size, strides, padding, dilation):
    return (
        convolution_transpose(g, h, spatial_dims(x), strides, padding, dilation),
        convolution(x, h, strides, padding, dilation),
    )


# depthwise: each channel with its own filters ---------------------------------------------------------------
def _depthwise_shape(x, kernel, strides, padding, dilation):
    _check_kernel(x, kernel, -2, "takes")
    lengths = output_lengths(x.shape[1:-1], kernel.shape[:-2], strides, dilation, padding)
    return (x.shape[0], *lengths, size_of(kernel.shape[-2:]))


def _depthwise_transpose_shape(g, kernel, spatial, strides, padding, dilation):
    spatial = _checked_spatial(g, kernel.shape[:-2], spatial, strides, padding, dilation)
    return (g.shape[0], *spatial, kernel.shape[-2])


def _depthwise_kernel_shape(x, g, size, strides, padding, dilation):
    return (*size, x.shape[-1], g.shape[-1] // x.shape[-1])


def _by_channel(g, rank, channels, multiplier):
    """(batch, *out, channels * multiplier) as (batch, *out, 1, ..., 1, channels, multiplier)."""
    return reshape(g, (*dims_of(g, 0, -1), *(1,) * rank, channels, multiplier))


@composite(shape=_depthwise_shape, dtype=dtypes.promoted)
def depthwise_convolution(x: Tensor, kernel: Tensor, strides, padding, dilation):
    """Each channel of `x` (batch, *spatial, in) with its filters of `kernel` (*size, in, multiplier).

    Result: (batch, *out, in * multiplier), the filters of one channel side by side.
    """
    size = kernel.shape[:-2]
    windows = extract_windows(x, size, strides, dilation, padding)
    head = dims_of(windows, 0, 1 + len(size))
    products = reshape(windows, (*head, *size, kernel.shape[-2], 1)) * kernel
    summed = sum(products, axis=tuple(range(1 + len(size), 1 + 2 * len(size))))
    return reshape(summed, (*head, size_of(kernel.shape[-2:])))


@depthwise_convolution.gradient
def _(g, out, x, kernel, strides, padding, dilation):
    return (
        depthwise_convolution_transpose(g, kernel, spatial_dims(x), strides, padding, dilation),
        depthwise_convolution_kernel_gradient(x, g, kernel.shape[:-2], strides, padding, dilation),
    )


@composite(shape=_depthwise_transpose_shape, dtype=dtypes.promoted, level="training")
def depthwise_convolution_transpose(g: Tensor, kernel: Tensor, spatial: Dims, strides, padding, dilation):
    """The adjoint of `depthwise_convolution` in its input: (batch, *out, in * multiplier) to
    (batch, *spatial, in)."""
    *size, channels, multiplier = kernel.shape
    windows = sum(_by_channel(g, len(size), channels, multiplier) * kernel, axis=-1)
    return accumulate_windows(windows, spatial, strides, dilation, padding)


@depthwise_convolution_transpose.gradient
def _(h, out, g, kernel, spatial, strides, padding, dilation):
    return (
        depthwise_convolution(h, kernel, strides, padding, dilation),
        depthwise_convolution_kernel_gradient(h, g, kernel.shape[:-2], strides, padding, dilation),
    )


@composite(shape=_depthwise_kernel_shape, dtype=dtypes.promoted, level="training")
def depthwise_convolution_kernel_gradient(x: Tensor, g: Tensor, size, strides, padding, dilation):
    """The adjoint of `depthwise_convolution` in its kernel: (*size, in, multiplier)."""
    rank, channels = len(size), x.shape[-1]
    windows = extract_windows(x, size, strides, dilation, padding)
    columns = reshape(windows, (*dims_of(windows, 0, 1 + rank), *size, channels, 1))
    products = columns * _by_channel(g, rank, channels, g.shape[-1] // channels)
    return sum(products, axis=tuple(range(1 + rank)))


@depthwise_convolution_kernel_gradient.gradient
def _(h, out, x, g, size, strides, padding, dilation):
    return (
        depthwise_convolution_transpose(g, h, spatial_dims(x), strides, padding, dilation),
        depthwise_convolution(x, h, strides, padding, dilation),
    )


# Keras' arguments -------------------------------------------------------------------------------------------
def data_format_of(data_format):
    """`data_format`, by default the one configured. Anything but Keras' two names is an error."""
    chosen = settings.image_data_format if data_format is None else str(data_format).lower()
    if chosen not in ("channels_last", "channels_first"):
        raise ArgumentError(f"data_format={data_format!r}: use 'channels_last' or 'channels_first'.")
    return chosen


def expect_rank(x, rank, what="input"):
    if len(x.shape) != rank:
        raise ShapeError(f"{what} has shape {describe(x.shape)}; rank {rank} is expected.")


def to_channels_last(x, data_format):
    """(batch, channels, *spatial) as (batch, *spatial, channels), if that is how `x` is laid out."""
    if data_format == "channels_last":
        return x
    return transpose(x, (0, *range(2, len(x.shape)), 1))


def from_channels_last(x, data_format):
    """The reverse of `to_channels_last`."""
    if data_format == "channels_last":
        return x
    return transpose(x, (0, len(x.shape) - 1, *range(1, len(x.shape) - 1)))


def padding_mode(padding, size=None, dilation=None):
    """Keras' name of a padding as the operations here take it; "causal" needs `size` and `dilation`."""
    mode = padding.lower() if isinstance(padding, str) else padding
    if mode == "causal" and size is not None:
        return tuple(((s - 1) * d, 0) for s, d in zip(size, dilation, strict=True))
    if mode not in ("valid", "same"):
        known = "'valid', 'same'" + (", 'causal'" if size is not None else "")
        raise ArgumentError(f"padding={padding!r}: use one of {known}.")
    return mode


def _keras_convolution(operation, x, kernel, rank, strides, padding, data_format, dilation_rate):
    expect_rank(x, rank + 2)
    expect_rank(kernel, rank + 2, "kernel")
    data_format = data_format_of(data_format)
    strides = per_dimension(strides, rank, "strides")
    dilation = per_dimension(dilation_rate, rank, "dilation_rate")
    mode = padding_mode(padding, *((kernel.shape[:-2], dilation) if rank == 1 else ()))
    out = operation(to_channels_last(x, data_format), kernel, strides, mode, dilation)
    return from_channels_last(out, data_format)


@composite
def conv1d(x: Tensor, kernel: Tensor, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """1-D convolution: `x` (batch, steps, in), `kernel` (size, in, out), result (batch, steps out, out).

    `padding` may be 'causal': output t then does not see later inputs.
    """
    return _keras_convolution(convolution, x, kernel, 1, strides, padding, data_format, dilation_rate)


@composite
def conv2d(
    x: Tensor, kernel: Tensor, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)
):
    """2-D convolution: `x` (batch, rows, cols, in), `kernel` (rows, cols, in, out)."""
    return _keras_convolution(convolution, x, kernel, 2, strides, padding, data_format, dilation_rate)


@composite
def conv3d(
    x: Tensor, kernel: Tensor, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1)
):
    """3-D convolution: `x` (batch, d1, d2, d3, in), `kernel` (d1, d2, d3, in, out)."""
    return _keras_convolution(convolution, x, kernel, 3, strides, padding, data_format, dilation_rate)


@composite
def depthwise_conv2d(
    x: Tensor,
    depthwise_kernel: Tensor,
    strides=(1, 1),
    padding="valid",
    data_format=None,
    dilation_rate=(1, 1),
):
    """2-D convolution of each channel alone: `depthwise_kernel` (rows, cols, in, multiplier)."""
    return _keras_convolution(
        depthwise_convolution, x, depthwise_kernel, 2, strides, padding, data_format, dilation_rate
    )


def _separable(x, depthwise, pointwise, rank, strides, padding, data_format, dilation_rate):
    if len(pointwise.shape) != rank + 2 or any(d != 1 for d in pointwise.shape[:-2]):
        raise ShapeError(
            f"pointwise kernel has shape {describe(pointwise.shape)}; {'1, ' * rank}in, out expected."
        )

    def both(x, kernel, strides, padding, dilation):
        ones = (1,) * rank
        return convolution(
            depthwise_convolution(x, kernel, strides, padding, dilation), pointwise, ones, "valid", ones
        )

    return _keras_convolution(both, x, depthwise, rank, strides, padding, data_format, dilation_rate)


@composite
def separable_conv1d(
    x: Tensor, depthwise_kernel: Tensor, pointwise_kernel: Tensor, strides=1, padding="valid", data_format=None,
    dilation_rate=1,
):  # fmt: skip
    """Depthwise (size, in, multiplier), then pointwise (1, in * multiplier, out) 1-D convolution."""
    return _separable(x, depthwise_kernel, pointwise_kernel, 1, strides, padding, data_format, dilation_rate)


@composite
def separable_conv2d(
    x: Tensor, depthwise_kernel: Tensor, pointwise_kernel: Tensor, strides=(1, 1), padding="valid",
    data_format=None, dilation_rate=(1, 1),
):  # fmt: skip
    """Depthwise (rows, cols, in, multiplier), then pointwise (1, 1, in * multiplier, out) 2-D convolution."""
    return _separable(x, depthwise_kernel, pointwise_kernel, 2, strides, padding, data_format, dilation_rate)


def _keras_transpose(x, kernel, output_shape, rank, strides, padding, data_format, dilation_rate):
    expect_rank(x, rank + 2)
    expect_rank(kernel, rank + 2, "kernel")
    data_format = data_format_of(data_format)
    known = static_dims(output_shape)
    if len(known) != rank + 2:
        raise ShapeError(f"output_shape={describe(known)} has {len(known)} entries; {rank + 2} are expected.")
    first = 1 if data_format == "channels_last" else 2
    spatial = []
    for axis in range(first, first + rank):
        if known[axis] not in (None, -1):
            spatial.append(known[axis])
        elif isinstance(output_shape, SymbolicTensor):
            spatial.append(output_shape[axis])
        else:
            raise ShapeError(f"output_shape={describe(known)}: the spatial sizes must be given.")
    channels = known[-1] if data_format == "channels_last" else known[1]
    if channels not in (None, -1, kernel.shape[-2]):
        raise ShapeError(
            f"output_shape={describe(known)} has {channels} channels, the kernel {describe(kernel.shape)} gives "
            f"{kernel.shape[-2]}. A transposed kernel is (*size, out, in)."
        )
    out = convolution_transpose(
        to_channels_last(x, data_format),
        kernel,
        tuple(spatial),
        per_dimension(strides, rank, "strides"),
        padding_mode(padding),
        per_dimension(dilation_rate, rank, "dilation_rate"),
    )
    return from_channels_last(out, data_format)


@composite
def conv2d_transpose(
    x: Tensor, kernel: Tensor, output_shape: Dims, strides=(1, 1), padding="valid", data_format=None,
    dilation_rate=(1, 1),
):  # fmt: skip
    """Transposed 2-D convolution: `kernel` (rows, cols, out, in), result of shape `output_shape` (its batch size
    is that of `x`)."""
    return _keras_transpose(x, kernel, output_shape, 2, strides, padding, data_format, dilation_rate)


@composite
def conv3d_transpose(
    x: Tensor, kernel: Tensor, output_shape: Dims, strides=(1, 1, 1), padding="valid", data_format=None
):
    """Transposed 3-D convolution: `kernel` (d1, d2, d3, out, in), result of shape `output_shape`."""
    return _keras_transpose(x, kernel, output_shape, 3, strides, padding, data_format, (1, 1, 1))


# locally connected: a kernel of its own at every place ------------------------------------------------------
def _local(x, kernel, kernel_size, strides, output_size, channels_first):
    """`kernel`: (places, size * in, out). In `channels_first` the channel varies slowest inside a window."""
    rank = len(kernel_size)
    windows = extract_windows(x, kernel_size, strides, (1,) * rank)
    if channels_first:
        order = (*range(1 + rank), 1 + 2 * rank, *range(1 + rank, 1 + 2 * rank))
        windows = transpose(windows, order)
    lengths = windows.shape[1 : 1 + rank]
    if output_size is not None and None in lengths:
        lengths = tuple(output_size)
    if None in lengths:
        raise ShapeError(
            f"input {describe(x.shape)}: a locally connected operation needs known spatial sizes."
        )
    places, width, filters = kernel.shape
    if places != size_of(lengths) or width != size_of((*kernel_size, x.shape[-1])):
        raise ShapeError(
            f"kernel has shape {describe(kernel.shape)}; for {describe(lengths)} windows of {describe(kernel_size)} "
            f"and {x.shape[-1]} channels it must be ({size_of(lengths)}, {size_of((*kernel_size, x.shape[-1]))}, out)."
        )
    by_place = transpose(reshape(windows, (-1, places, width)), (1, 0, 2))
    out = transpose(matmul(by_place, kernel), (1, 0, 2))
    return reshape(out, (-1, *lengths, filters))


@composite
def local_conv1d(inputs: Tensor, kernel: Tensor, kernel_size, strides, data_format=None):
    """1-D convolution with unshared weights: `inputs` (batch, steps, in), `kernel` (steps out, size * in, out)."""
    expect_rank(inputs, 3)
    expect_rank(kernel, 3, "kernel")
    data_format_of(data_format)  # Keras 2.3.1 checks it and then takes (batch, steps, in) in either case
    return _local(
        inputs,
        kernel,
        per_dimension(kernel_size, 1, "kernel_size"),
        per_dimension(strides, 1, "strides"),
        None,
        False,
    )


@composite
def local_conv2d(inputs: Tensor, kernel: Tensor, kernel_size, strides, output_shape, data_format=None):
    """2-D convolution with unshared weights: `kernel` (rows out * cols out, rows * cols * in, out)."""
    expect_rank(inputs, 4)
    expect_rank(kernel, 3, "kernel")
    data_format = data_format_of(data_format)
    size, strides = per_dimension(kernel_size, 2, "kernel_size"), per_dimension(strides, 2, "strides")
    out = _local(
        to_channels_last(inputs, data_format),
        kernel,
        size,
        strides,
        output_shape,
        data_format == "channels_first",
    )
    return from_channels_last(out, data_format)
