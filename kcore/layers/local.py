"""Locally connected layers: convolutions with weights of their own at every place."""

from __future__ import annotations

from .. import backend as K
from ..backend.windows import output_lengths
from ..errors import ArgumentError, ShapeError
from ..shapes import describe, size_of
from .input_spec import InputSpec
from .settings import keep, told, weight_settings
from .spatial import _Spatial, sizes

_SETTINGS = (
    "filters", "kernel_size", "strides", "padding", "data_format", "activation", "use_bias", "kernel_initializer",
    "bias_initializer", "kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint",
    "bias_constraint",
)  # fmt: skip


class _LocallyConnected(_Spatial):
    """activation(local convolution + bias).

    Weights: kernel (places, values per window, filters), bias (*places, filters).
    """

    rank = 1
    settings = _SETTINGS

    def __init__(self, given, **kwargs):
        super().__init__(**kwargs)
        keep(self, self.settings, given)
        self.kernel_size = sizes(self.kernel_size, self.rank, "kernel_size", self._told())
        self.strides = sizes(self.strides, self.rank, "strides", self._told())
        self.padding = str(self.padding).lower()
        if self.padding != "valid":
            raise ArgumentError(f"{self._told()}: padding={self.padding!r}; only 'valid' is possible here.")
        self._set_data_format(given["data_format"])

    def _lengths(self, lengths):
        return output_lengths(lengths, self.kernel_size, self.strides, (1,) * self.rank, "valid")

    def build(self, input_shape):
        shape = tuple(input_shape)
        if None in shape[1:]:
            raise ShapeError(
                f"{self._told()}: inputs have shape {describe(shape)}; all sizes but the batch's must be known, as every "
                "place has weights of its own. Give input_shape=(...) in full."
            )
        window = size_of((*self.kernel_size, shape[self._channel_axis]))
        output = self.compute_output_shape(shape)
        places = tuple(output[axis] for axis in self._spatial_axes())
        self.kernel = self.add_weight(
            "kernel", (size_of(places), window, self.filters), **weight_settings(self, "kernel")
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight("bias", (*places, self.filters), **weight_settings(self, "bias"))
        self.input_spec = InputSpec(ndim=self.rank + 2, axes=dict(enumerate(shape[1:], 1)))
        self._built_places = places
        self.built = True

    def call(self, inputs):
        output = self._convolved(inputs)
        if self.use_bias:
            output = K.bias_add(output, self.bias, data_format=self.data_format)
        return self.activation(output)

    def compute_output_shape(self, input_shape):
        return self._with_spatial(input_shape, self._lengths, self.filters)

    def get_config(self):
        return {**super().get_config(), **told(self, self.settings)}


class LocallyConnected1D(_LocallyConnected):
    """(batch, steps, channels) -> (batch, places, filters)."""

    rank = 1
    # Keras 2.3.1: only channels last, and not in the config
    settings = tuple(s for s in _SETTINGS if s != "data_format")

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", data_format=None, activation=None, use_bias=True,
        kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
        activity_regularizer=None, kernel_constraint=None, bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__({**locals(), "data_format": "channels_last"}, **kwargs)

    def _convolved(self, inputs):
        return K.local_conv1d(inputs, self.kernel, self.kernel_size, self.strides, "channels_last")


class LocallyConnected2D(_LocallyConnected):
    """(batch, rows, cols, channels) -> (batch, place rows, place cols, filters)."""

    rank = 2

    def __init__(
        self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None, activation=None, use_bias=True,
        kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
        activity_regularizer=None, kernel_constraint=None, bias_constraint=None, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)

    def _convolved(self, inputs):
        return K.local_conv2d(
            inputs, self.kernel, self.kernel_size, self.strides, self._built_places, self.data_format
        )
