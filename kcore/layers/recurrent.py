"""Recurrent layers: a cell applied step by step along the time axis."""

from __future__ import annotations

from operator import attrgetter

import numpy as np

from .. import backend as K
from .. import objects, regularizers
from ..backend.tensor import SymbolicTensor
from ..errors import ArgumentError, ShapeError
from ..shapes import describe
from .base import Layer
from .input_spec import InputSpec
from .nesting import is_shape_list, to_list
from .recurrent_cells import (
    GRU_SETTINGS,
    LSTM_SETTINGS,
    SIMPLE_RNN_SETTINGS,
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
    _CuDNNGRUCell,
    _CuDNNLSTMCell,
    _GatedCell,
    build_cell,
    computing,
    in_type_of,
    output_size,
    state_sizes,
    takes,
)
from .settings import picked, told


def split_inputs(inputs, initial_state, constants, num_constants):
    """(inputs, initial states, constants) of a call in which they may all stand in one list."""
    if isinstance(inputs, (list, tuple)) and not (isinstance(inputs, tuple) and not inputs):
        if initial_state is not None or (constants is not None):
            raise ArgumentError(
                "initial states and constants are given either in the list of inputs or by keyword."
            )
        rest = list(inputs)
        if num_constants:
            rest, constants = rest[:-num_constants], rest[-num_constants:]
        inputs, initial_state = rest[0], rest[1:] or None
    listed = [None if x is None else to_list(x) for x in (initial_state, constants)]
    return inputs, listed[0], listed[1]


def joinable(tensors):
    """Whether tensors can be inputs of a layer's node: all come out of layers, or all are arrays."""
    symbolic = [isinstance(t, SymbolicTensor) for t in tensors]
    return not any(symbolic) or all(hasattr(t, "_keras_history") for t in tensors)


class RNN(Layer):
    """Applies `cell` to each step of (batch, time, ...), or a list of cells one on top of the other.

    A cell has `state_size` (a number or several) and `call(inputs, states) -> (output, new states)`; its call may
    also take `training` and `constants`. Output: the last (batch, units), or with `return_sequences` all of
    (batch, time, units); with `return_state` followed by the last states. `stateful`: the states of one batch are
    the initial ones of the next. Masked steps keep states and output; with `zero_output_for_mask` (a word of later
    Kerases) their output in a sequence is zero. With `go_backwards` the last step comes first.
    """

    def __init__(
        self, cell, return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False,
        **kwargs,
    ):  # fmt: skip
        cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        length, features = kwargs.pop("input_length", None), kwargs.pop("input_dim", None)
        self.zero_output_for_mask = bool(kwargs.pop("zero_output_for_mask", False))
        if features is not None and "input_shape" not in kwargs:
            kwargs["input_shape"] = (length, features)
        super().__init__(**kwargs)
        if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
            raise ArgumentError(
                f"{self._told()}: {cell!r} is no cell: it needs call(inputs, states) and state_size."
            )
        self.cell = cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.supports_masking = True
        self.input_spec = [InputSpec(ndim=self._input_rank)]
        self._num_constants = None
        self._states = None
        self._built_for = None

    _input_rank = 3

    # shapes ----------------------------------------------------------------------------------------------------
    def _state_shapes(self, input_shape):
        """The shape of each state for inputs of `input_shape`."""
        return [(input_shape[0], size) for size in state_sizes(self.cell)]

    def _step_shape(self, input_shape):
        """The shape of the output of one step."""
        return (input_shape[0], output_size(self.cell))

    def compute_output_shape(self, input_shape):
        shape = input_shape[0] if is_shape_list(input_shape) else input_shape
        step = self._step_shape(shape)
        output = (step[0], shape[1], *step[1:]) if self.return_sequences else step
        return [output, *self._state_shapes(shape)] if self.return_state else output

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, list) else mask
        output = mask if self.return_sequences else None
        return [output] + [None] * len(state_sizes(self.cell)) if self.return_state else output

    def build(self, input_shape):
        shapes = input_shape if is_shape_list(input_shape) else [input_shape]
        shape = tuple(shapes[0])
        others = shapes[-self._num_constants :] if self._num_constants else []
        build_cell(self.cell, (shape[0], *shape[2:]), others)
        batch = shape[0] if self.stateful else None
        self.input_spec = [InputSpec(shape=(batch, None, *self._known_part(shape)))]
        self._built_for = shape
        if self.stateful:
            self.reset_states()
        self.built = True

    def _known_part(self, shape):
        """What later inputs must have in common with the one for which the layer was built."""
        return shape[2:]

    def _check_inputs(self, values):
        spec, self.input_spec = self.input_spec, self.input_spec[:1]
        try:
            super()._check_inputs(values[:1])
        finally:
            self.input_spec = spec
        states = values[1 : len(values) - (self._num_constants or 0)]
        if not states:
            return
        wanted = [s[1:] for s in self._state_shapes(tuple(values[0].shape))]
        if len(states) != len(wanted):
            raise ArgumentError(
                f"{self._told()}: {len(states)} initial states were given; it has {len(wanted)}."
            )
        for i, (state, shape) in enumerate(zip(states, wanted, strict=True)):
            found = tuple(state.shape)
            fits = len(found) == len(shape) + 1 and all(
                None in (a, b) or a == b for a, b in zip(found[1:], shape, strict=True)
            )
            if not fits:
                raise ShapeError(
                    f"{self._told()}: initial state {i} has shape {describe(found)}; {describe((None, *shape))} is needed."
                )

    # calling ---------------------------------------------------------------------------------------------------
    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        inputs, initial_state, constants = split_inputs(inputs, initial_state, constants, self._num_constants)
        if constants is not None:
            self._num_constants = len(constants)
        further = [*(initial_state or []), *(constants or [])]
        if not further:
            return super().__call__(inputs, **kwargs)
        if joinable([inputs, *further]):
            return super().__call__([inputs, *further], **kwargs)
        if initial_state is not None:
            kwargs["initial_state"] = [_tensor(t) for t in initial_state]
        if constants is not None:
            kwargs["constants"] = [_tensor(t) for t in constants]
        return super().__call__(inputs, **kwargs)

    def get_initial_state(self, inputs):
        """Zeros, one tensor (batch, size) per state."""
        batch = K.shape(inputs)[0]
        return [K.zeros([batch, size], dtype=K.dtype(inputs)) for size in state_sizes(self.cell)]

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        if isinstance(inputs, (list, tuple)):
            inputs, initial_state, constants = split_inputs(inputs, None, None, self._num_constants)
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        tensors = (in_type_of(self.cell, x) for x in (inputs, initial_state, constants))
        with computing(self.cell):
            return self._run_cell(*tensors, mask, training)

    def _run_cell(self, inputs, initial_state, constants, mask, training):
        """All steps, in the cell's types."""
        given = initial_state is not None
        if not given:
            initial_state = self.states if self.stateful else self.get_initial_state(inputs)
        if len(initial_state) != len(state_sizes(self.cell)):
            raise ArgumentError(
                f"{self._told()}: {len(initial_state)} initial states were given; it has {len(state_sizes(self.cell))}."
            )
        if self.unroll and K.int_shape(inputs)[1] is None:
            raise ShapeError(
                f"{self._told()}: unroll=True needs a known number of time steps; inputs have shape "
                f"{describe(K.int_shape(inputs))}. Give input_shape=(time, features)."
            )
        if hasattr(self.cell, "prepare"):
            self.cell.prepare(K.shape(inputs)[0], training)
        if constants is None and not self.unroll and getattr(self.cell, "has_sequence", False):
            fresh = not given and not self.stateful
            last, outputs, states = self._all_steps(inputs, initial_state, mask, fresh)
        else:
            rows, step = self._rows_and_step(inputs, training, constants)
            last, outputs, states = K.rnn(
                step, rows, initial_state, constants=constants, go_backwards=self.go_backwards, mask=mask,
                unroll=self.unroll, input_length=K.int_shape(inputs)[1],
            )  # fmt: skip
        if hasattr(self.cell, "release"):
            self.cell.release()
        if self.stateful:
            self.add_update([K.update(v, s) for v, s in zip(self.states, states, strict=True)], inputs)
        if mask is not None and self.zero_output_for_mask and self.return_sequences:
            outputs = _zeros_where_masked(outputs, K.reverse(mask, 1) if self.go_backwards else mask)
        output = outputs if self.return_sequences else last
        return [output, *states] if self.return_state else output

    def _all_steps(self, inputs, initial_state, mask, fresh):
        """Like `K.rnn`, by the one operation that the cell has for all steps. `fresh`: the states start as zeros."""
        rows = [K.permute_dimensions(inputs, (1, 0, 2))]
        if mask is not None:
            rows.append(K.permute_dimensions(mask if K.ndim(mask) == 3 else K.expand_dims(mask), (1, 0, 2)))
        if self.go_backwards:
            rows = [K.reverse(r, 0) for r in rows]
        outputs, states = self.cell.sequence(rows[0], initial_state, *rows[1:])
        if (
            mask is not None and not fresh
        ):  # before the first step that counts the output is zeros, not the state
            seen = K.cumsum(K.cast(rows[1], K.dtype(outputs)), 0)
            outputs = outputs * K.cast(K.greater(seen, 0), K.dtype(outputs))
        return outputs[-1], K.permute_dimensions(outputs, (1, 0, 2)), states

    def _rows_and_step(self, inputs, training, constants):
        """What the loop runs over and its step; the input's share of the work is done before, if the cell allows."""
        cell = self.cell
        if isinstance(cell, _GatedCell) and constants is None and type(cell).call is _GatedCell.call:
            return cell.project(inputs), cell.step
        given = {"training": training} if takes(cell, "training") else {}
        if constants is None:
            return inputs, lambda x, states: cell.call(x, states, **given)
        if not takes(cell, "constants"):
            raise ArgumentError(f"{self._told()}: constants were given, but its cell's call() takes none.")
        count = len(constants)
        return inputs, lambda x, states: cell.call(x, states[:-count], constants=states[-count:], **given)

    # states from batch to batch --------------------------------------------------------------------------------
    @property
    def states(self):
        """The variables that carry states from batch to batch, None each before there are any."""
        return [None] * len(state_sizes(self.cell)) if self._states is None else self._states

    @states.setter
    def states(self, value):
        self._states = value

    def reset_states(self, states=None):
        """Sets the states of a stateful layer to zeros, or to the arrays `states`."""
        if not self.stateful:
            raise AttributeError(f"{self._told()} has no states to reset: it is not stateful.")
        shape = self._built_for
        if shape is None or shape[0] is None:
            raise ShapeError(
                f"{self._told()} is stateful, so its batch size must be known. Give batch_input_shape=(batch, time, "
                "features) to the first layer, or batch_shape to Input()."
            )
        shapes = self._state_shapes(shape)
        if any(None in s for s in shapes):
            raise ShapeError(
                f"{self._told()} is stateful, so the shapes of its states, {', '.join(map(describe, shapes))}, must be "
                f"known in full; inputs have shape {describe(tuple(shape))}. Give batch_input_shape=(...) all sizes."
            )
        if self._states is None:
            kind = getattr(self.cell, "compute_dtype", self.compute_dtype)
            self._states = [
                K.variable(np.zeros(s), dtype=kind, name=f"{self.name}/state_{i}")
                for i, s in enumerate(shapes)
            ]
        values = [np.zeros(s) for s in shapes] if states is None else to_list(states)
        if len(values) != len(shapes):
            raise ArgumentError(f"{self._told()}: {len(values)} states were given; it has {len(shapes)}.")
        for i, (variable, value) in enumerate(zip(self._states, values, strict=True)):
            if np.shape(value) != variable.shape:
                raise ShapeError(
                    f"{self._told()}: state {i} has shape {describe(variable.shape)}; a value of shape "
                    f"{describe(np.shape(value))} was given."
                )
            K.set_value(variable, value)

    # configuration ---------------------------------------------------------------------------------------------
    def get_config(self):
        config = {
            **super().get_config(), "return_sequences": self.return_sequences, "return_state": self.return_state,
            "go_backwards": self.go_backwards, "stateful": self.stateful, "unroll": self.unroll,
        }  # fmt: skip
        if self._num_constants is not None:
            config["num_constants"] = self._num_constants
        if self.zero_output_for_mask:  # Keras 2 does not know the word
            config["zero_output_for_mask"] = True
        return {**config, **self._cell_config()}

    def _cell_config(self):
        return {"cell": objects.config_of(self.cell)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        count = config.pop("num_constants", None)
        if "cell" in config:
            config["cell"] = objects.deserialize("layers", config["cell"], custom_objects)
        layer = cls(**config)
        layer._num_constants = count
        return layer


def _zeros_where_masked(outputs, mask):
    """(batch, time, ...) with zeros in the steps that the mask (batch, time) leaves out."""
    kept = K.cast(mask, K.dtype(outputs))
    for _ in range(K.ndim(outputs) - 2):
        kept = K.expand_dims(kept)
    return outputs * kept


def _tensor(value):
    return value if isinstance(value, SymbolicTensor) else K.constant(value)


class _OwnCellRNN(RNN):
    """A recurrent layer that makes its cell itself: the cell's settings are arguments of the layer."""

    cell_class: type = _GatedCell
    cell_settings: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in cls.cell_settings:
            setattr(cls, name, property(attrgetter(f"cell.{name}")))

    def __init__(self, given, **kwargs):
        types = {k: kwargs[k] for k in ("dtype", "autocast") if k in kwargs}
        cell = self.cell_class(**self._cell_arguments(given), **types)
        flags = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")
        super().__init__(cell, **picked([f for f in flags if f in given], given), **kwargs)
        self.activity_regularizer = regularizers.get(given["activity_regularizer"])

    def _cell_arguments(self, given):
        return picked(self.cell_settings, given)

    def _cell_config(self):
        return {
            **told(self.cell, self.cell_settings),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if config.get("implementation") == 0:  # Keras 2.3.1 goes on with 1: a mask of dropout for each gate
            config = {**config, "implementation": 1}
        return super().from_config(config, custom_objects)


class SimpleRNN(_OwnCellRNN):
    """Fully connected recurrence, the output being the next state. (batch, time, features) -> (batch, units)."""

    cell_class, cell_settings = SimpleRNNCell, SIMPLE_RNN_SETTINGS

    def __init__(
        self, units, activation="tanh", use_bias=True, kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal", bias_initializer="zeros", kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, return_sequences=False,
        return_state=False, go_backwards=False, stateful=False, unroll=False, **kwargs,
    ):  # fmt: skip
        kwargs.pop("implementation", None)  # Keras 2.3.1 takes it and does without
        super().__init__(locals(), **kwargs)


class GRU(_OwnCellRNN):
    """Gated recurrent units; see GRUCell. (batch, time, features) -> (batch, units)."""

    cell_class, cell_settings = GRUCell, GRU_SETTINGS

    def __init__(
        self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal", bias_initializer="zeros",
        kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None,
        kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0,
        implementation=2, return_sequences=False, return_state=False, go_backwards=False, stateful=False,
        unroll=False, reset_after=False, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)


class LSTM(_OwnCellRNN):
    """Long short-term memory; see LSTMCell. (batch, time, features) -> (batch, units)."""

    cell_class, cell_settings = LSTMCell, LSTM_SETTINGS

    def __init__(
        self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal", bias_initializer="zeros",
        unit_forget_bias=True, kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None,
        activity_regularizer=None, kernel_constraint=None, recurrent_constraint=None, bias_constraint=None,
        dropout=0.0, recurrent_dropout=0.0, implementation=2, return_sequences=False, return_state=False,
        go_backwards=False, stateful=False, unroll=False, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)


_LEFT_OUT = (
    "activation",
    "recurrent_activation",
    "use_bias",
    "dropout",
    "recurrent_dropout",
    "implementation",
)


class _CuDNN(_OwnCellRNN):
    """Takes the weights that cuDNN's layers stored, and gives the same numbers, on every engine."""

    def get_config(self):
        config = super().get_config()
        del config["unroll"]
        return config


class CuDNNGRU(_CuDNN):
    """GRU(reset_after=True) with weights as cuDNN's layers store them."""

    cell_class, cell_settings = (
        _CuDNNGRUCell,
        tuple(n for n in GRU_SETTINGS if n not in (*_LEFT_OUT, "reset_after")),
    )

    def __init__(
        self, units, kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
        bias_initializer="zeros", kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None,
        activity_regularizer=None, kernel_constraint=None, recurrent_constraint=None, bias_constraint=None,
        return_sequences=False, return_state=False, stateful=False, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)

    def _cell_arguments(self, given):
        return {**super()._cell_arguments(given), "reset_after": True}


class CuDNNLSTM(_CuDNN):
    """LSTM with weights as cuDNN's layers store them."""

    cell_class, cell_settings = _CuDNNLSTMCell, tuple(n for n in LSTM_SETTINGS if n not in _LEFT_OUT)

    def __init__(
        self, units, kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal",
        bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None, recurrent_regularizer=None,
        bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, recurrent_constraint=None,
        bias_constraint=None, return_sequences=False, return_state=False, stateful=False, **kwargs,
    ):  # fmt: skip
        super().__init__(locals(), **kwargs)
