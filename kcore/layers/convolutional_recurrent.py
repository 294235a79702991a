"""Recurrent layers whose steps are convolutions."""

from __future__ import annotations

import numpy as np

from .. import backend as K
from ..backend.windows import output_lengths
from ..errors import ShapeError
from ..shapes import describe
from .base import Layer
from .folding import samples_as_steps, steps_as_samples
from .recurrent import RNN, _OwnCellRNN
from .recurrent_cells import forget_bias_of_one
from .settings import keep, told, weight_settings
from .spatial import sizes

_SETTINGS = (
    "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation",
    "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer", "bias_initializer",
    "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "kernel_constraint",
    "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout",
)  # fmt: skip
_GATES = 4


class ConvLSTM2DCell(Layer):
    """LSTM with convolutions for products (Shi et al., 2015). Step input: (batch, rows, cols, channels).

    States: h, c (batch, new rows, new cols, filters). Weights: kernel (*kernel_size, channels, 4 * filters),
    recurrent_kernel (*kernel_size, filters, 4 * filters), bias (4 * filters,); gates in the order i, f, c, o.
    """

    def __init__(
        self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1),
        activation="tanh", recurrent_activation="hard_sigmoid", use_bias=True, kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal", bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, kernel_constraint=None, recurrent_constraint=None,
        bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        keep(self, _SETTINGS, locals())
        for name in ("kernel_size", "strides", "dilation_rate"):
            setattr(self, name, sizes(getattr(self, name), 2, name, self._told()))
        self.padding = str(padding).lower()
        self.data_format = K.normalize_data_format(data_format)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.state_size = (filters, filters)
        self.output_size = filters

    @property
    def _channel_axis(self):
        return 1 if self.data_format == "channels_first" else -1

    def build(self, input_shape):
        shape = input_shape[0] if isinstance(input_shape, list) else tuple(input_shape)
        channels = shape[self._channel_axis]
        if channels is None:
            raise ShapeError(
                f"{self._told()}: inputs have shape {describe(shape)}; the channels must be known."
            )
        width = _GATES * self.filters
        self.kernel = self.add_weight(
            "kernel", (*self.kernel_size, channels, width), **weight_settings(self, "kernel")
        )
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", (*self.kernel_size, self.filters, width), **weight_settings(self, "recurrent")
        )
        self.bias = None
        if self.use_bias:
            settings = weight_settings(self, "bias")
            if self.unit_forget_bias:
                settings["initializer"] = forget_bias_of_one(
                    self.bias_initializer, self.filters, self.filters, 2 * self.filters
                )
            self.bias = self.add_weight("bias", (width,), **settings)
        self.built = True

    def output_shape_for(self, step_shape):
        """(batch, new rows, new cols, filters) in the cell's data format."""
        first = self.data_format == "channels_first"
        spatial = tuple(step_shape[2:] if first else step_shape[1:-1])
        new = output_lengths(spatial, self.kernel_size, self.strides, self.dilation_rate, self.padding)
        return (step_shape[0], self.filters, *new) if first else (step_shape[0], *new, self.filters)

    def input_conv(self, x, w, b=None, padding="valid"):
        output = K.conv2d(
            x,
            w,
            strides=self.strides,
            padding=padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return output if b is None else K.bias_add(output, b, data_format=self.data_format)

    def recurrent_conv(self, x, w):
        return K.conv2d(x, w, strides=(1, 1), padding="same", data_format=self.data_format)

    # dropout: one mask per gate for all steps -------------------------------------------------------------------
    _masks = None

    def prepare_for(self, inputs, state, training=None):
        """Draws the masks of a call, shaped as one step's input (batch, rows, cols, channels) and its state."""
        self._masks = (
            _draw(self.dropout, K.ones_like(inputs), training),
            _draw(self.recurrent_dropout, K.ones_like(state), training),
        )

    def release(self):
        self._masks = None

    def _gate(self, x, i):
        part = slice(i * self.filters, (i + 1) * self.filters)
        return x[:, part] if self._channel_axis == 1 else x[..., part]

    def _convolved(self, x, weight, masks, convolve):
        if masks is None:
            return convolve(x, weight)
        parts = [
            convolve(x * m, weight[..., i * self.filters : (i + 1) * self.filters])
            for i, m in enumerate(masks)
        ]
        return K.concatenate(parts, axis=self._channel_axis)

    # the step --------------------------------------------------------------------------------------------------
    def project(self, inputs):
        """The input's part of all gates: (batch, new rows, new cols, 4 * filters)."""
        masks = self._masks[0] if self._masks else None
        output = self._convolved(
            inputs, self.kernel, masks, lambda x, w: self.input_conv(x, w, padding=self.padding)
        )
        return K.bias_add(output, self.bias, data_format=self.data_format) if self.use_bias else output

    def step(self, projected, states):
        hidden, carried = states
        masks = self._masks[1] if self._masks else None
        z = projected + self._convolved(hidden, self.recurrent_kernel, masks, self.recurrent_conv)
        i = self.recurrent_activation(self._gate(z, 0))
        f = self.recurrent_activation(self._gate(z, 1))
        carried = f * carried + i * self.activation(self._gate(z, 2))
        output = self.recurrent_activation(self._gate(z, 3)) * self.activation(carried)
        return output, [output, carried]

    def call(self, inputs, states, training=None):
        alone = self._masks is None
        if alone:
            self.prepare_for(inputs, states[0], training)
        result = self.step(self.project(inputs), states)
        if alone:
            self.release()
        return result

    def get_config(self):
        return {**super().get_config(), **told(self, _SETTINGS)}


def _draw(rate, ones, training):
    if not 0.0 < rate < 1.0:
        return None
    return [K.in_train_phase(lambda: K.dropout(ones, rate), ones, training=training) for _ in range(_GATES)]


class ConvRNN2D(RNN):
    """Applies a convolutional `cell` to each step of (batch, time, rows, cols, channels).

    The cell has `output_shape_for(step shape)`, `input_conv` and `kernel_size`, `filters`, `padding`, as
    ConvLSTM2DCell.
    """

    _input_rank = 5

    def _step_shape(self, input_shape):
        return self.cell.output_shape_for((input_shape[0], *input_shape[2:]))

    def _state_shapes(self, input_shape):
        return [self._step_shape(input_shape)] * len(self.cell.state_size)

    def _known_part(self, shape):
        first = self.cell.data_format == "channels_first"
        return (shape[2], None, None) if first else (None, None, shape[-1])

    def get_initial_state(self, inputs):
        """Zeros of a step's output shape: what a kernel of zeros makes of the first step."""
        cell = self.cell
        channels = K.int_shape(inputs)[2 if cell.data_format == "channels_first" else -1]
        kernel = K.constant(np.zeros((*cell.kernel_size, channels, cell.filters)), dtype=K.dtype(inputs))
        zeros = K.zeros_like(cell.input_conv(K.zeros_like(inputs[:, 0]), kernel, padding=cell.padding))
        return [zeros] * len(cell.state_size)

    def _rows_and_step(self, inputs, training, constants):
        cell = self.cell
        if constants is not None or type(cell) is not ConvLSTM2DCell:
            return super()._rows_and_step(inputs, training, constants)
        cell.prepare_for(inputs[:, 0], self.get_initial_state(inputs)[0], training)
        if 0.0 < cell.dropout < 1.0:  # masks are per sample, so the input goes through them step by step
            return inputs, cell.call
        return samples_as_steps(cell.project(steps_as_samples(inputs)), inputs), cell.step


class ConvLSTM2D(ConvRNN2D, _OwnCellRNN):
    """(batch, time, rows, cols, channels) -> (batch, new rows, new cols, filters); see ConvLSTM2DCell."""

    cell_class, cell_settings = ConvLSTM2DCell, _SETTINGS

    def __init__(
        self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1),
        activation="tanh", recurrent_activation="hard_sigmoid", use_bias=True, kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal", bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        recurrent_constraint=None, bias_constraint=None, return_sequences=False, go_backwards=False, stateful=False,
        dropout=0.0, recurrent_dropout=0.0, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)
