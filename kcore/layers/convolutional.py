"""Convolutions over one, two and three spatial axes."""

from __future__ import annotations

from .. import activations, constraints, initializers, regularizers
from .. import backend as K
from ..backend.windows import output_lengths
from ..errors import ArgumentError, ShapeError
from ..shapes import describe
from .base import InputSpec, Layer

_PADDINGS = ("valid", "same", "causal")


def sizes(value, rank, name, layer):
    """A number or a sequence as a tuple of `rank` numbers."""
    found = (value,) * rank if isinstance(value, int) else tuple(int(v) for v in value)
    if len(found) != rank:
        raise ArgumentError(f"{layer}: {name}={value!r}; one number or {rank} are needed.")
    return found


class _Conv(Layer):
    """activation(convolution(inputs, kernel) + bias)."""

    def __init__(
        self, rank, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1,
        activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
        kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        told = self._told()
        self.rank, self.filters = rank, filters
        self.kernel_size = sizes(kernel_size, rank, "kernel_size", told)
        self.strides = sizes(strides, rank, "strides", told)
        self.dilation_rate = sizes(dilation_rate, rank, "dilation_rate", told)
        self.padding = str(padding).lower()
        if self.padding not in _PADDINGS or (self.padding == "causal" and rank != 1):
            raise ArgumentError(f"{told}: padding={padding!r}; use 'valid' or 'same' ('causal' for Conv1D).")
        self.data_format = K.normalize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=rank + 2)

    def _channel_axis(self):
        return 1 if self.data_format == "channels_first" else -1

    def _channels(self, input_shape):
        found = input_shape[self._channel_axis()]
        if found is None:
            raise ShapeError(f"{self._told()} needs a known number of channels; shape {describe(tuple(input_shape))}.")
        return found

    def _kernel_shape(self, channels):
        return (*self.kernel_size, channels, self.filters)

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self.kernel = self.add_weight(
            "kernel", self._kernel_shape(channels), initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self._add_bias(self.filters)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis(): channels})
        self.built = True

    def _add_bias(self, size):
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", (size,), initializer=self.bias_initializer, regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )  # fmt: skip

    def _convolved(self, inputs):
        plain = self.rank == 1
        run = {1: K.conv1d, 2: K.conv2d, 3: K.conv3d}[self.rank]
        return run(
            inputs, self.kernel, strides=self.strides[0] if plain else self.strides, padding=self.padding,
            data_format=self.data_format, dilation_rate=self.dilation_rate[0] if plain else self.dilation_rate,
        )  # fmt: skip

    def call(self, inputs):
        outputs = self._convolved(inputs)
        if self.use_bias:
            outputs = K.bias_add(outputs, self.bias, data_format=self.data_format)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        first = self.data_format == "channels_first"
        spatial = tuple(input_shape[2:] if first else input_shape[1:-1])
        lengths = output_lengths(spatial, self.kernel_size, self.strides, self.dilation_rate, self.padding)
        filters = self._output_channels(input_shape)
        return (input_shape[0], filters, *lengths) if first else (input_shape[0], *lengths, filters)

    def _output_channels(self, input_shape):
        return self.filters

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class Conv1D(_Conv):
    """(batch, steps, channels) -> (batch, new steps, filters); 'causal' looks only back."""

    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format="channels_last", **kwargs):
        super().__init__(1, filters, kernel_size, strides, padding, data_format, **kwargs)
        if self.padding == "causal" and self.data_format != "channels_last":
            raise ArgumentError(f"{self._told()}: padding='causal' works with data_format='channels_last' only.")


class Conv2D(_Conv):
    """(batch, rows, cols, channels) -> (batch, new rows, new cols, filters)."""

    def __init__(self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None, **kwargs):
        super().__init__(2, filters, kernel_size, strides, padding, data_format, **kwargs)


class Conv3D(_Conv):
    """(batch, dim1, dim2, dim3, channels) -> (batch, new dims..., filters)."""

    def __init__(self, filters, kernel_size, strides=(1, 1, 1), padding="valid", data_format=None, **kwargs):
        super().__init__(3, filters, kernel_size, strides, padding, data_format, **kwargs)


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
