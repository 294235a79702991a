"""Convolutions over one, two and three spatial axes, transposed and by channel; resizing, padding, cropping."""

from __future__ import annotations

import warnings

from .. import backend as K
from ..backend.windows import output_lengths
from ..errors import ArgumentError, ShapeError
from ..shapes import describe
from .input_spec import InputSpec
from .settings import keep, told, weight_settings
from .spatial import _Spatial, sizes

_SETTINGS = (
    "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation", "use_bias",
    "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "activity_regularizer",
    "kernel_constraint", "bias_constraint",
)  # fmt: skip


class _Conv(_Spatial):
    """activation(convolution(inputs, kernel) + bias).

    Input: (batch, *spatial, channels), channels known. Weights: kernel (*kernel_size, channels, filters),
    bias (filters,).
    """

    settings = _SETTINGS
    _paddings: tuple[str, ...] = ("valid", "same")

    def __init__(self, given, **kwargs):
        super().__init__(**kwargs)
        keep(self, self.settings, given)
        for name in ("kernel_size", "strides", "dilation_rate"):
            setattr(self, name, sizes(given.get(name, 1), self.rank, name, self._told()))
        self.padding = str(self.padding).lower()
        if self.padding not in self._paddings:
            raise ArgumentError(
                f"{self._told()}: padding={self.padding!r}; use one of {', '.join(self._paddings)}."
            )
        self._set_data_format(self.data_format)
        if self.padding == "causal" and self.data_format != "channels_last":
            raise ArgumentError(
                f"{self._told()}: padding='causal' goes with data_format='channels_last' only."
            )
        if "filters" in self.settings:
            (self.filters,) = sizes(self.filters, 1, "filters", self._told())

    def _channels(self, input_shape):
        found = input_shape[self._channel_axis]
        if found is None:
            raise ShapeError(
                f"{self._told()}: input 0 has shape {describe(tuple(input_shape))}; the number of channels must be known. "
                "Give input_shape=(..., channels)."
            )
        return found

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self.compute_output_shape(input_shape)  # says so if a window does not fit
        self._add_kernels(channels)
        self.bias = None
        if self.use_bias:
            size = self._output_channels(channels)
            self.bias = self.add_weight("bias", (size,), **weight_settings(self, "bias"))
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})
        self.built = True

    def _add_kernels(self, channels):
        self.kernel = self.add_weight(
            "kernel", (*self.kernel_size, channels, self.filters), **weight_settings(self, "kernel")
        )

    def _output_channels(self, channels):
        return self.filters

    def _convolved(self, inputs):
        run = {1: K.conv1d, 2: K.conv2d, 3: K.conv3d}[self.rank]
        return run(inputs, self.kernel, **self._how())

    def _how(self):
        return {
            "strides": self.strides, "padding": self.padding, "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }  # fmt: skip

    def call(self, inputs):
        outputs = self._convolved(inputs)
        if self.use_bias:
            outputs = K.bias_add(outputs, self.bias, data_format=self.data_format)
        return self.activation(outputs)

    def _lengths(self, lengths):
        padding = self.padding
        if padding == "causal":
            padding = (((self.kernel_size[0] - 1) * self.dilation_rate[0], 0),)
        return output_lengths(lengths, self.kernel_size, self.strides, self.dilation_rate, padding)

    def compute_output_shape(self, input_shape):
        channels = self._output_channels(input_shape[self._channel_axis])
        return self._with_spatial(input_shape, self._lengths, channels)

    def get_config(self):
        return {**super().get_config(), **told(self, self.settings)}


class Conv1D(_Conv):
    """(batch, steps, channels) -> (batch, new steps, filters). padding='causal' looks only back."""

    rank, _paddings = 1, ("valid", "same", "causal")

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", data_format="channels_last", dilation_rate=1,
        activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
        kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)


class Conv2D(_Conv):
    """(batch, rows, cols, channels) -> (batch, new rows, new cols, filters)."""

    rank = 2

    def __init__(
        self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1),
        activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
        kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)


class Conv3D(_Conv):
    """(batch, dim1, dim2, dim3, channels) -> (batch, new dims..., filters)."""

    rank = 3

    def __init__(
        self, filters, kernel_size, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1),
        activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
        kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)


# transposed ------------------------------------------------------------------------------------------------------
def transposed_length(length, stride, size, padding, output_padding, dilation=1):
    """The size of a transposed convolution's output along one axis; None if `length` is unknown.

    `output_padding` None: the whole of what the windows reach, Keras 2.3.1's rule.
    """
    if length is None:
        return None
    window = (size - 1) * dilation + 1
    if output_padding is None:
        return length * stride + (max(window - stride, 0) if padding == "valid" else 0)
    cut = window // 2 if padding == "same" else 0
    return (length - 1) * stride + window - 2 * cut + output_padding


class _ConvTranspose:
    """The gradient of a convolution as a layer. Weights: kernel (*kernel_size, filters, channels), bias (filters,)."""

    def __init__(self, given, **kwargs):
        # past the constructor of Conv2D or Conv3D, which has other arguments
        _Conv.__init__(self, given, **kwargs)
        if self.output_padding is not None:
            padding = self.output_padding
            self.output_padding = tuple(padding) if hasattr(padding, "__iter__") else (padding,) * self.rank
            for stride, pad in zip(self.strides, self.output_padding, strict=True):
                if pad >= stride:
                    raise ArgumentError(
                        f"{self._told()}: output_padding={self.output_padding} must be below strides={self.strides}."
                    )

    def _add_kernels(self, channels):
        self.kernel = self.add_weight(
            "kernel", (*self.kernel_size, self.filters, channels), **weight_settings(self, "kernel")
        )

    def _lengths(self, lengths):
        padding = self.output_padding or (None,) * self.rank
        each = zip(lengths, self.strides, self.kernel_size, padding, self.dilation_rate, strict=True)
        return [
            None if n is None else transposed_length(n, s, k, self.padding, p, d) for n, s, k, p, d in each
        ]

    def _convolved(self, inputs):
        static, dynamic = K.int_shape(inputs), K.shape(inputs)
        known = [dynamic[i] if size is None else size for i, size in enumerate(static)]
        shape = self._with_spatial(known, self._lengths, self.filters)
        how = self._how()
        if self.rank == 3:
            how.pop("dilation_rate")
        run = {2: K.conv2d_transpose, 3: K.conv3d_transpose}[self.rank]
        return run(inputs, self.kernel, shape, **how)


class Conv2DTranspose(_ConvTranspose, Conv2D):
    """(batch, rows, cols, channels) -> (batch, new rows, new cols, filters), larger by the strides."""

    settings = (*_SETTINGS, "output_padding")

    def __init__(
        self, filters, kernel_size, strides=(1, 1), padding="valid", output_padding=None, data_format=None,
        dilation_rate=(1, 1), activation=None, use_bias=True, kernel_initializer="glorot_uniform",
        bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None,
        kernel_constraint=None, bias_constraint=None, **kwargs,
    ):  # fmt: skip
        _ConvTranspose.__init__(self, locals(), **kwargs)


def _without_dilation(kwargs):
    """Keras 2.3.1 takes a dilation_rate here and leaves it unused, so only 1 is taken."""
    rate = kwargs.pop("dilation_rate", 1)
    if any(r != 1 for r in (rate if hasattr(rate, "__iter__") else [rate])):
        raise ArgumentError(
            f"Conv3DTranspose: dilation_rate={rate!r}; it is not dilated, so only 1 is possible."
        )
    return kwargs


class Conv3DTranspose(_ConvTranspose, Conv3D):
    """(batch, dim1, dim2, dim3, channels) -> (batch, new dims..., filters), larger by the strides."""

    settings = (*(s for s in _SETTINGS if s != "dilation_rate"), "output_padding")

    def __init__(
        self, filters, kernel_size, strides=(1, 1, 1), padding="valid", output_padding=None, data_format=None,
        activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
        kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        bias_constraint=None, **kwargs,
    ):  # fmt: skip
        _ConvTranspose.__init__(self, locals(), **_without_dilation(kwargs))


# by channel ------------------------------------------------------------------------------------------------------
_DEPTHWISE = tuple(s.replace("kernel_", "depthwise_") if s != "kernel_size" else s for s in _SETTINGS)


# of a kernel that DepthwiseConv2D does not have, in the names of Keras 2 and 1
_OF_NO_KERNEL = (
    "kernel_initializer", "kernel_regularizer", "kernel_constraint", "init", "W_regularizer", "W_constraint"
)  # fmt: skip


def _without_kernel(kwargs):
    """Keras 2.3.1 takes arguments for a kernel here and leaves them unused, without a word."""
    unused = [name for name in _OF_NO_KERNEL if name in kwargs]
    if unused:
        warnings.warn(
            f"DepthwiseConv2D does not use {', '.join(unused)}, as in Keras 2.3.1. Its kernel is the depthwise one: "
            "depthwise_initializer, depthwise_regularizer and depthwise_constraint are what it heeds.",
            stacklevel=3,
        )
    return {name: value for name, value in kwargs.items() if name not in unused}


class DepthwiseConv2D(Conv2D):
    """Convolves each channel alone: (batch, rows, cols, channels) -> (batch, ..., channels * depth_multiplier).

    Weights: depthwise_kernel (*kernel_size, channels, depth_multiplier), bias (channels * depth_multiplier,).
    """

    settings = (*_DEPTHWISE[1:], "depth_multiplier")

    def __init__(
        self, kernel_size, strides=(1, 1), padding="valid", depth_multiplier=1, data_format=None,
        dilation_rate=(1, 1), activation=None, use_bias=True, depthwise_initializer="glorot_uniform",
        bias_initializer="zeros", depthwise_regularizer=None, bias_regularizer=None, activity_regularizer=None,
        depthwise_constraint=None, bias_constraint=None, **kwargs,
    ):  # fmt: skip
        _Conv.__init__(self, locals(), **_without_kernel(kwargs))  # past Conv2D's, which has other arguments

    def _add_kernels(self, channels):
        self.depthwise_kernel = self.add_weight(
            "depthwise_kernel",
            (*self.kernel_size, channels, self.depth_multiplier),
            **weight_settings(self, "depthwise"),
        )

    def _output_channels(self, channels):
        return None if channels is None else channels * self.depth_multiplier

    def _convolved(self, inputs):
        return K.depthwise_conv2d(inputs, self.depthwise_kernel, **self._how())


class _SeparableConv(_Conv):
    """A convolution of each channel alone, then one of size 1 across channels.

    Weights: depthwise_kernel (*kernel_size, channels, depth_multiplier), pointwise_kernel (1, ...,
    channels * depth_multiplier, filters), bias (filters,).
    """

    settings = (
        *_DEPTHWISE, "depth_multiplier", "pointwise_initializer", "pointwise_regularizer", "pointwise_constraint"
    )  # fmt: skip

    def _add_kernels(self, channels):
        self.depthwise_kernel = self.add_weight(
            "depthwise_kernel",
            (*self.kernel_size, channels, self.depth_multiplier),
            **weight_settings(self, "depthwise"),
        )
        ones = (1,) * self.rank
        self.pointwise_kernel = self.add_weight(
            "pointwise_kernel", (*ones, channels * self.depth_multiplier, self.filters),
            **weight_settings(self, "pointwise"),
        )  # fmt: skip

    def _convolved(self, inputs):
        run = {1: K.separable_conv1d, 2: K.separable_conv2d}[self.rank]
        return run(inputs, self.depthwise_kernel, self.pointwise_kernel, **self._how())


class SeparableConv1D(_SeparableConv):
    """(batch, steps, channels) -> (batch, new steps, filters)."""

    rank, _paddings = 1, ("valid", "same", "causal")

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", data_format="channels_last", dilation_rate=1,
        depth_multiplier=1, activation=None, use_bias=True, depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform", bias_initializer="zeros", depthwise_regularizer=None,
        pointwise_regularizer=None, bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None,
        pointwise_constraint=None, bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)


class SeparableConv2D(_SeparableConv):
    """(batch, rows, cols, channels) -> (batch, new rows, new cols, filters)."""

    rank = 2

    def __init__(
        self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1),
        depth_multiplier=1, activation=None, use_bias=True, depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform", bias_initializer="zeros", depthwise_regularizer=None,
        pointwise_regularizer=None, bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None,
        pointwise_constraint=None, bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)


# resizing, padding, cropping --------------------------------------------------------------------------------------
class _UpSampling(_Spatial):
    """Repeats rows, columns, ... `size` times."""

    def __init__(self, size, data_format, **kwargs):
        super().__init__(**kwargs)
        self.size = sizes(size, self.rank, "size", self._told())
        self._set_data_format(data_format)

    def compute_output_shape(self, input_shape):
        def scaled(lengths):
            return [None if n is None else n * s for n, s in zip(lengths, self.size, strict=True)]

        return self._with_spatial(input_shape, scaled)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}


class UpSampling1D(_UpSampling):
    """(batch, steps, features) -> (batch, steps * size, features)."""

    rank = 1

    def __init__(self, size=2, **kwargs):
        super().__init__(size, "channels_last", **kwargs)

    def call(self, inputs):
        return K.repeat_elements(inputs, self.size[0], axis=1)

    def get_config(self):
        config = {**super().get_config(), "size": self.size[0]}
        del config["data_format"]
        return config


class UpSampling2D(_UpSampling):
    """(batch, rows, cols, channels), rows and columns times `size`.

    interpolation: 'nearest', 'bilinear' as in Keras 2.3.1, or 'bilinear_half_pixel' as in later Kerases, for which the
    values stand in the middle of pixels.
    """

    rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(size, data_format, **kwargs)
        if interpolation not in ("nearest", "bilinear", "bilinear_half_pixel"):
            raise ArgumentError(
                f"{self._told()}: interpolation={interpolation!r}; use 'nearest', 'bilinear' or 'bilinear_half_pixel'."
            )
        self.interpolation = interpolation

    def call(self, inputs):
        return K.resize_images(inputs, *self.size, self.data_format, interpolation=self.interpolation)

    def get_config(self):
        return {**super().get_config(), "interpolation": self.interpolation}


class UpSampling3D(_UpSampling):
    """(batch, dim1, dim2, dim3, channels), the dims times `size`."""

    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(size, data_format, **kwargs)

    def call(self, inputs):
        return K.resize_volumes(inputs, *self.size, self.data_format)


class _Edges(_Spatial):
    """A layer that adds or removes pairs (before, after) at each spatial axis."""

    _argument = "padding"

    def __init__(self, amounts, data_format, **kwargs):
        super().__init__(**kwargs)
        setattr(self, self._argument, self._pairs(amounts))
        self._set_data_format(data_format)

    def _pairs(self, value):
        """A number, one per axis, or one pair per axis as pairs; for one axis just the pair."""
        listed = [value] * self.rank if not hasattr(value, "__iter__") else list(value)
        if self.rank == 1:
            listed = [listed if len(listed) != 1 else listed[0]]
        pairs = [tuple(v) if hasattr(v, "__iter__") else (v, v) for v in listed]
        flat = [v for pair in pairs for v in pair]
        if len(pairs) != self.rank or len(flat) != 2 * self.rank or any(int(v) != v or v < 0 for v in flat):
            raise ArgumentError(
                f"{self._told()}: {self._argument}={value!r}; give a whole number, or for each of {self.rank} axes one, or "
                "a pair (before, after)."
            )
        return pairs[0] if self.rank == 1 else tuple(pairs)

    def _amounts(self):
        kept = getattr(self, self._argument)
        return (kept,) if self.rank == 1 else kept

    def get_config(self):
        config = {**super().get_config(), self._argument: getattr(self, self._argument)}
        return config if self.rank == 1 else {**config, "data_format": self.data_format}


class _ZeroPadding(_Edges):
    """Zeros around the spatial axes."""

    def compute_output_shape(self, input_shape):
        def padded(lengths):
            return [
                None if n is None else n + a + b for n, (a, b) in zip(lengths, self._amounts(), strict=True)
            ]

        return self._with_spatial(input_shape, padded)


class ZeroPadding1D(_ZeroPadding):
    """(batch, steps, features) -> (batch, before + steps + after, features)."""

    rank = 1

    def __init__(self, padding=1, **kwargs):
        super().__init__(padding, "channels_last", **kwargs)

    def call(self, inputs):
        return K.temporal_padding(inputs, padding=self.padding)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around the images of (batch, rows, cols, channels)."""

    rank = 2

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)

    def call(self, inputs):
        return K.spatial_2d_padding(inputs, padding=self.padding, data_format=self.data_format)


class ZeroPadding3D(_ZeroPadding):
    """Zeros around the volumes of (batch, dim1, dim2, dim3, channels)."""

    rank = 3

    def __init__(self, padding=(1, 1, 1), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)

    def call(self, inputs):
        return K.spatial_3d_padding(inputs, padding=self.padding, data_format=self.data_format)


class _Cropping(_Edges):
    """Cuts off the ends of the spatial axes."""

    _argument = "cropping"

    def compute_output_shape(self, input_shape):
        def cropped(lengths):
            return [
                None if n is None else n - a - b for n, (a, b) in zip(lengths, self._amounts(), strict=True)
            ]

        shape = self._with_spatial(input_shape, cropped)
        if any(shape[axis] is not None and shape[axis] < 1 for axis in self._spatial_axes()):
            raise ShapeError(
                f"{self._told()}: input 0 has shape {describe(tuple(input_shape))}; cropping={self.cropping} leaves "
                "nothing of it. Crop less."
            )
        return shape

    def call(self, inputs):
        self.compute_output_shape(K.int_shape(inputs))
        key = [slice(None)] * K.ndim(inputs)
        for axis, (before, after) in zip(self._spatial_axes(), self._amounts(), strict=True):
            key[axis] = slice(before, -after if after else None)
        return inputs[tuple(key)]


class Cropping1D(_Cropping):
    """(batch, steps, features) without the first and last steps."""

    rank = 1

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(cropping, "channels_last", **kwargs)


class Cropping2D(_Cropping):
    """(batch, rows, cols, channels) without the edges of the images."""

    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """(batch, dim1, dim2, dim3, channels) without the edges of the volumes."""

    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
Deconv2D = Deconvolution2D = Convolution2DTranspose = Conv2DTranspose
Deconv3D = Deconvolution3D = Convolution3DTranspose = Conv3DTranspose
