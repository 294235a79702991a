"""Cells: one time step of a recurrent layer, and stacks of cells."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np

from .. import activations, objects
from .. import backend as K
from ..backend.declare import operation
from ..errors import ArgumentError, ShapeError
from ..shapes import describe
from .base import Layer
from .settings import keep, told, weight_settings

_ALL = (
    "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer",
    "bias_initializer", "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer",
    "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "implementation",
    "reset_after",
)  # fmt: skip


def _all_but(*names):
    return tuple(n for n in _ALL if n not in names)


SIMPLE_RNN_SETTINGS = _all_but("recurrent_activation", "unit_forget_bias", "implementation", "reset_after")
GRU_SETTINGS = _all_but("unit_forget_bias")
LSTM_SETTINGS = _all_but("reset_after")


def forget_bias_of_one(initializer, first, units, rest):
    """An initializer of a bias that is 1 at the `units` places after the `first` ones."""

    def initial(shape, dtype=None):
        parts = [K.eval(initializer((first,))), np.ones(units), K.eval(initializer((rest,)))]
        return np.concatenate(parts)

    return initial


class _GatedCell(Layer):
    """What SimpleRNN, GRU and LSTM share: weights for all gates side by side, dropout, input apart from state.

    `call` is `step(project(inputs), states)`. As `project` does not depend on the state, a recurrent layer
    projects a whole sequence at once before its loop.
    """

    gates = 1
    settings: tuple[str, ...] = ()
    implementation = 2
    _own_class: type  # the class whose step the operation for all steps computes

    def __init__(self, given, **kwargs):
        super().__init__(**kwargs)
        keep(self, self.settings, given)
        if not isinstance(self.units, (int, np.integer)) or self.units < 1:
            raise ArgumentError(f"{self._told()}: units={self.units!r}; a whole number above 0 is needed.")
        self.dropout = min(1.0, max(0.0, self.dropout))
        self.recurrent_dropout = min(1.0, max(0.0, self.recurrent_dropout))
        self.state_size = self.output_size = self.units
        self._masks = None

    def build(self, input_shape):
        features = input_shape[-1]
        if features is None:
            raise ShapeError(
                f"{self._told()}: inputs have shape {describe(tuple(input_shape))}; the number of features must be known."
            )
        width = self.gates * self.units
        self.kernel = self.add_weight("kernel", (features, width), **weight_settings(self, "kernel"))
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", (self.units, width), **weight_settings(self, "recurrent")
        )
        self.bias = None
        if self.use_bias:
            settings = weight_settings(self, "bias")
            self.bias = self.add_weight("bias", self._bias_shape(), **{**settings, **self._bias_start()})
        self.built = True

    def _bias_shape(self):
        return (self.gates * self.units,)

    def _bias_start(self):
        return {}

    # dropout: one mask for all steps ---------------------------------------------------------------------------
    def prepare(self, batch, training=None):
        """Draws the masks that hold for all steps of a call; `batch`: the number of samples."""
        self._masks = (
            self._draw(self.dropout, batch, self.kernel.shape[0], training),
            self._draw(self.recurrent_dropout, batch, self.units, training),
        )

    def release(self):
        self._masks = None

    def _draw(self, rate, batch, size, training):
        if not 0.0 < rate < 1.0:
            return None
        ones = K.ones([batch, size], dtype=self.compute_dtype)
        count = self.gates if self.implementation == 1 else 1
        return [
            K.in_train_phase(lambda: K.dropout(ones, rate), ones, training=training) for _ in range(count)
        ]

    def _mask(self, which):
        return self._masks[which] if self._masks else None

    def _through(self, x, weight, masks):
        """x . weight, `x` through the mask, or each gate through its own."""
        if masks is None:
            return K.dot(x, weight)
        if K.ndim(x) == 3:
            masks = [K.expand_dims(m, 1) for m in masks]
        if len(masks) == 1:
            return K.dot(x * masks[0], weight)
        return K.concatenate([K.dot(x * m, self._gate(weight, i)) for i, m in enumerate(masks)])

    def _gate(self, x, i):
        return x[..., i * self.units : (i + 1) * self.units]

    # all steps at once -----------------------------------------------------------------------------------------
    @property
    def has_sequence(self):
        """Whether all steps can be one operation: the usual activations, nothing dropped between steps."""
        kind, own = type(self), self._own_class
        usual = (kind.step, kind.project, kind.call) == (own.step, _GatedCell.project, _GatedCell.call)
        usual = usual and self.activation is activations.tanh and self._mask(1) is None
        return usual and getattr(self, "recurrent_activation", activations.sigmoid) is activations.sigmoid

    def sequence(self, inputs, states, mask=None):
        """(outputs, last states) of all steps; inputs and outputs (time, batch, ...), `mask` (time, batch, 1)."""
        raise NotImplementedError

    def _project_steps(self, inputs):
        """`project` for inputs (time, batch, features)."""
        masks = self._mask(0)
        if masks is not None and len(masks) > 1:  # each gate sees inputs of its own
            output = K.concatenate(
                [K.dot(inputs * m, self._gate(self.kernel, i)) for i, m in enumerate(masks)]
            )
        else:
            output = K.dot(inputs if masks is None else inputs * masks[0], self.kernel)
        bias = self._input_bias()
        return output if bias is None else output + bias

    # the step --------------------------------------------------------------------------------------------------
    def project(self, inputs):
        """(batch, ..., features) -> (batch, ..., gates * units): all that a step needs of its input."""
        output = self._through(inputs, self.kernel, self._mask(0))
        bias = self._input_bias()
        return output if bias is None else output + bias

    def _input_bias(self):
        return self.bias

    def step(self, projected, states):
        """(output, new states) of one step; `projected` (batch, gates * units)."""
        raise NotImplementedError

    def call(self, inputs, states, training=None):
        alone = self._masks is None
        if alone:
            self.prepare(K.shape(inputs)[0], training)
        result = self.step(self.project(inputs), states)
        if alone:
            self.release()
        return result

    def get_config(self):
        return {**super().get_config(), **told(self, self.settings)}


class SimpleRNNCell(_GatedCell):
    """activation(x . kernel + h . recurrent_kernel + bias). State: h (batch, units)."""

    settings = SIMPLE_RNN_SETTINGS

    def __init__(
        self, units, activation="tanh", use_bias=True, kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal", bias_initializer="zeros", kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, kernel_constraint=None, recurrent_constraint=None,
        bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)

    def sequence(self, inputs, states, mask=None):
        masks = self._mask(0)
        if masks is None or len(masks) == 1:
            inputs = inputs if masks is None else inputs * masks[0]
            outputs, last = operation("simple_rnn_layer")(
                inputs, *states, self.kernel, self.recurrent_kernel, self.bias, mask
            )
            return outputs, [last]
        outputs = operation("simple_rnn_sequence")(
            self._project_steps(inputs), *states, self.recurrent_kernel, mask
        )
        return outputs, [outputs[-1]]

    def step(self, projected, states):
        output = self.activation(projected + self._through(states[0], self.recurrent_kernel, self._mask(1)))
        return output, [output]


class GRUCell(_GatedCell):
    """Gated recurrent unit (Cho et al., 2014). State: h (batch, units). Gates in the order z, r, h.

    `reset_after`: the reset gate acts after the product with the recurrent kernel, which then has a bias of its
    own; bias (2, 3 * units).
    """

    gates, settings = 3, GRU_SETTINGS

    def __init__(
        self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal", bias_initializer="zeros",
        kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None, kernel_constraint=None,
        recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, implementation=2,
        reset_after=False, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)

    def _bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _input_bias(self):
        return self.bias[0] if self.reset_after and self.use_bias else self.bias

    def sequence(self, inputs, states, mask=None):
        masks = self._mask(0)
        if self.reset_after and (masks is None or len(masks) == 1):
            inputs = inputs if masks is None else inputs * masks[0]
            outputs, last = operation("gru_layer")(
                inputs, *states, self.kernel, self.recurrent_kernel, self.bias, mask
            )
            return outputs, [last]
        bias = self.bias[1] if self.reset_after and self.use_bias else None
        outputs, _ = operation("gru_sequence")(
            self._project_steps(inputs), *states, self.recurrent_kernel, bias, mask, bool(self.reset_after)
        )
        return outputs, [outputs[-1]]

    def step(self, projected, states):
        before, masks = states[0], self._mask(1)
        if (
            masks is not None and len(masks) == 1
        ):  # Keras 2.3.1, implementation 2: also where h is carried over
            before, masks = before * masks[0], None
        if self.reset_after:
            inner = self._through(before, self.recurrent_kernel, masks)
            if self.use_bias:
                inner = inner + self.bias[1]
        else:
            inner = self._through(before, self.recurrent_kernel[:, : 2 * self.units], masks and masks[:2])
        z = self.recurrent_activation(self._gate(projected, 0) + self._gate(inner, 0))
        r = self.recurrent_activation(self._gate(projected, 1) + self._gate(inner, 1))
        if self.reset_after:
            reset = r * self._gate(inner, 2)
        else:
            reset = self._through(r * before, self._gate(self.recurrent_kernel, 2), masks and masks[2:])
        candidate = self.activation(self._gate(projected, 2) + reset)
        output = z * before + (1.0 - z) * candidate
        return output, [output]


class LSTMCell(_GatedCell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997). States: h, c (batch, units).

    Gates in the order i, f, c, o. `unit_forget_bias`: the bias of f starts at 1.
    """

    gates, settings = 4, LSTM_SETTINGS

    def __init__(
        self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal", bias_initializer="zeros",
        unit_forget_bias=True, kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None,
        kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0,
        implementation=2, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)
        self.state_size = (self.units, self.units)

    def _bias_start(self):
        if not self.unit_forget_bias:
            return {}
        return {
            "initializer": forget_bias_of_one(self.bias_initializer, self.units, self.units, 2 * self.units)
        }

    def sequence(self, inputs, states, mask=None):
        masks = self._mask(0)
        if masks is not None and len(masks) > 1:
            outputs, carried, _ = operation("lstm_sequence")(
                self._project_steps(inputs), *states, self.recurrent_kernel, mask
            )
            return outputs, [outputs[-1], carried[-1]]
        inputs = inputs if masks is None else inputs * masks[0]
        outputs, *last = operation("lstm_layer")(
            inputs, *states, self.kernel, self.recurrent_kernel, self.bias, mask
        )
        return outputs, last

    def step(self, projected, states):
        hidden, carried = states
        z = projected + self._through(hidden, self.recurrent_kernel, self._mask(1))
        i = self.recurrent_activation(self._gate(z, 0))
        f = self.recurrent_activation(self._gate(z, 1))
        carried = f * carried + i * self.activation(self._gate(z, 2))
        output = self.recurrent_activation(self._gate(z, 3)) * self.activation(carried)
        return output, [output, carried]


for _kind in (SimpleRNNCell, GRUCell, LSTMCell):
    _kind._own_class = _kind


def _stored_gates(stored, gates, units, by_rows):
    """A kernel in the layout of cuDNN's files, each gate transposed, as (features, gates * units).

    by_rows: the gates' numbers also stand as (units, features) in memory, as those of the input kernel do.
    """
    parts = []
    for i in range(gates):
        part = stored[:, i * units : (i + 1) * units]
        parts.append(K.transpose(K.reshape(part, (units, stored.shape[0])) if by_rows else part))
    return K.concatenate(parts)


class _StoredLikeCuDNN:
    """Weights kept in the layout of cuDNN's files, so that these load; the computation is the plain cell's."""

    def build(self, input_shape):
        super().build(input_shape)
        self.stored = (self.kernel, self.recurrent_kernel, self.bias)
        kernel, recurrent, bias = self.stored
        with self._computing():
            self.kernel = _stored_gates(kernel, self.gates, self.units, True)
            self.recurrent_kernel = _stored_gates(recurrent, self.gates, self.units, False)
            halves = K.reshape(bias, (2, self.gates * self.units))
            self.bias = halves if self.gates == 3 else halves[0] + halves[1]

    def _bias_shape(self):
        return (2 * self.gates * self.units,)


class _CuDNNGRUCell(_StoredLikeCuDNN, GRUCell):
    """GRUCell(reset_after=True), bias (6 * units,)."""


class _CuDNNLSTMCell(_StoredLikeCuDNN, LSTMCell):
    """LSTMCell, bias (8 * units,)."""

    def _bias_start(self):
        if not self.unit_forget_bias:
            return {}
        return {
            "initializer": forget_bias_of_one(
                self.bias_initializer, 5 * self.units, self.units, 2 * self.units
            )
        }


def state_sizes(cell):
    """The sizes of a cell's states as a list."""
    size = cell.state_size
    return list(size) if hasattr(size, "__len__") else [size]


def output_size(cell):
    size = getattr(cell, "output_size", None)
    return state_sizes(cell)[0] if size is None else size


def build_cell(cell, shape, others=()):
    """Builds a cell, if it is a layer and not built yet, for inputs (batch, features)."""
    if isinstance(cell, Layer) and not cell.built:
        cell.build([tuple(shape), *others] if others else tuple(shape))
        cell.built = True


class StackedRNNCells(Layer):
    """Cells on top of one another as one cell. States: those of all cells, first cell first."""

    def __init__(self, cells, **kwargs):
        self.reverse_state_order = kwargs.pop("reverse_state_order", False)
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
                raise ArgumentError(
                    f"{self._told()}: {cell!r} is no cell: it needs call(inputs, states) and state_size."
                )
        self.cells = list(cells)

    def _in_state_order(self):
        return self.cells[::-1] if self.reverse_state_order else self.cells

    @property
    def state_size(self):
        return tuple(size for cell in self._in_state_order() for size in state_sizes(cell))

    @property
    def output_size(self):
        return output_size(self.cells[-1])

    def build(self, input_shape):
        shape, others = input_shape, ()
        if isinstance(input_shape, list):
            shape, others = input_shape[0], input_shape[1:]
        for cell in self.cells:
            build_cell(cell, shape, others if takes(cell, "constants") else ())
            shape = (shape[0], output_size(cell))
        self.built = True

    def prepare(self, batch, training=None):
        for cell in self.cells:
            if hasattr(cell, "prepare"):
                cell.prepare(batch, training)

    def release(self):
        for cell in self.cells:
            if hasattr(cell, "release"):
                cell.release()

    def call(self, inputs, states, constants=None, training=None):
        left, own = list(states), {}
        for cell in self._in_state_order():
            count = len(state_sizes(cell))
            own[id(cell)], left = left[:count], left[count:]
        for cell in self.cells:
            given = {"training": training} if takes(cell, "training") else {}
            if constants is not None and takes(cell, "constants"):
                given["constants"] = constants
            with computing(cell):
                inputs, *own[id(cell)] = in_type_of(cell, [inputs, *own[id(cell)]])
                inputs, own[id(cell)] = cell.call(inputs, own[id(cell)], **given)
        return inputs, [state for cell in self._in_state_order() for state in own[id(cell)]]

    def get_config(self):
        return {**super().get_config(), "cells": [objects.config_of(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cells = [objects.deserialize("layers", cell, custom_objects) for cell in config.pop("cells")]
        return cls(cells, **config)


def computing(cell):
    """Within the block the weights of a cell are read in its compute type. A cell need not be a layer."""
    return cell._computing() if isinstance(cell, Layer) else nullcontext()


def in_type_of(cell, tensors):
    """Floating tensors in the compute type of a cell that is a layer; None as it is."""
    return cell._in_compute_type(tensors) if isinstance(cell, Layer) and tensors is not None else tensors


def takes(cell, argument):
    """Whether the cell's `call` has an argument of this name."""
    code = getattr(type(cell).call, "__code__", None)
    return code is not None and argument in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
