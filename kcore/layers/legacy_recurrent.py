"""The bases on which layers of one's own stood before cells: Keras 2.0's `Recurrent` and `ConvRecurrent2D`."""

from __future__ import annotations

from .. import backend as K
from ..errors import ArgumentError
from .base import Layer
from .input_spec import InputSpec
from .nesting import is_shape_list, to_list
from .spatial import sizes


class Recurrent(Layer):
    """Base of recurrent layers that say what one step does, without a cell: (batch, time, features).

    A subclass sets `units` and `states` (None per state) and defines `step(inputs, states) -> (output, new states)`;
    it may define `preprocess_input`, `get_constants` (further entries of the states that `step` is given) and
    `get_initial_state`. The new states begin with the output.
    """

    def __init__(
        self, return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False,
        implementation=0, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.return_sequences, self.return_state, self.go_backwards = (
            return_sequences,
            return_state,
            go_backwards,
        )
        self.stateful, self.unroll, self.implementation = stateful, unroll, implementation
        self.supports_masking = True
        self.input_spec = [InputSpec(ndim=3)]
        self.state_spec = None
        self.dropout = self.recurrent_dropout = 0
        self.states = [None]

    def compute_output_shape(self, input_shape):
        shape = input_shape[0] if is_shape_list(input_shape) else input_shape
        output = (shape[0], shape[1], self.units) if self.return_sequences else (shape[0], self.units)
        return [output, *[(shape[0], self.units)] * len(self.states)] if self.return_state else output

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, list) else mask
        output = mask if self.return_sequences else None
        return [output, *[None] * len(self.states)] if self.return_state else output

    def step(self, inputs, states):
        """(output, new states) of one step, from (batch, features) and the states before it."""
        raise NotImplementedError(f"{type(self).__name__} must define step(inputs, states).")

    def get_constants(self, inputs, training=None):
        """Tensors that every step is given behind its states."""
        return []

    def get_initial_state(self, inputs):
        """Zeros (batch, units) for each state."""
        zeros = K.expand_dims(K.sum(K.zeros_like(inputs), axis=(1, 2)))
        return [K.tile(zeros, [1, self.units]) for _ in self.states]

    def preprocess_input(self, inputs, training=None):
        """What the steps are cut from."""
        return inputs

    def __call__(self, inputs, initial_state=None, **kwargs):
        if initial_state is not None:
            inputs, self.input_spec = [inputs, *to_list(initial_state)], None
        return super().__call__(inputs, **kwargs)

    def call(self, inputs, mask=None, training=None, initial_state=None):
        if isinstance(inputs, list):
            inputs, *initial_state = inputs
            mask = mask[0] if isinstance(mask, list) else mask
        start = initial_state or (self.states if self.stateful else self.get_initial_state(inputs))
        if len(start) != len(self.states):
            raise ArgumentError(
                f"{self._told()} has {len(self.states)} states; {len(start)} initial ones were given."
            )
        last, outputs, states = K.rnn(
            self.step, self.preprocess_input(inputs, training=None), start, go_backwards=self.go_backwards, mask=mask,
            constants=self.get_constants(inputs, training=None), unroll=self.unroll, input_length=inputs.shape[1],
        )  # fmt: skip
        if self.stateful:
            self.add_update(list(zip(self.states, states, strict=True)), inputs)
        output = outputs if self.return_sequences else last
        return [output, *states] if self.return_state else output

    def reset_states(self, states=None):
        """Zeros, or the values `states`, into the states that a stateful layer keeps; the batch must be fixed."""
        if not self.stateful:
            raise AttributeError(f"{self._told()} keeps no states: it is not stateful.")
        shape = getattr(self, "batch_input_shape", None) or self._inbound_nodes[0].input_shapes[0]
        if shape[0] is None:
            raise ArgumentError(f"{self._told()} is stateful: give it a fixed batch by batch_input_shape.")
        if self.states[0] is None:
            self.states = [K.zeros((shape[0], self.units), dtype=self.compute_dtype) for _ in self.states]
        given = [K.get_value(s) * 0 for s in self.states] if states is None else to_list(states)
        K.batch_set_value(list(zip(self.states, given, strict=True)))

    def get_config(self):
        names = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "implementation")
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


class ConvRecurrent2D(Recurrent):
    """`Recurrent` over (batch, time, rows, cols, channels): keeps the settings of the convolution of a step."""

    def __init__(
        self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1),
        return_sequences=False, go_backwards=False, stateful=False, **kwargs,
    ):  # fmt: skip
        super().__init__(
            return_sequences=return_sequences, go_backwards=go_backwards, stateful=stateful, **kwargs
        )
        self.filters = filters
        self.kernel_size = sizes(kernel_size, 2, "kernel_size", self._told())
        self.strides = sizes(strides, 2, "strides", self._told())
        self.dilation_rate = sizes(dilation_rate, 2, "dilation_rate", self._told())
        self.padding, self.data_format = str(padding).lower(), K.normalize_data_format(data_format)
        self.input_spec, self.state_spec = [InputSpec(ndim=5)], None

    def compute_output_shape(self, input_shape):
        shape = input_shape[0] if is_shape_list(input_shape) else input_shape
        first = self.data_format == "channels_first"
        space = [self._length(n, axis) for axis, n in enumerate(shape[3:5] if first else shape[2:4])]
        step = (self.filters, *space) if first else (*space, self.filters)
        output = (shape[0], shape[1], *step) if self.return_sequences else (shape[0], *step)
        return [output, *[(shape[0], *step)] * 2] if self.return_state else output

    def _length(self, length, axis):
        """What a step's convolution makes of a length."""
        if length is None:
            return None
        window = (self.kernel_size[axis] - 1) * self.dilation_rate[axis]
        return -(-(length - (window if self.padding == "valid" else 0)) // self.strides[axis])

    def get_config(self):
        names = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
        config = {**super().get_config(), **{n: getattr(self, n) for n in names}}
        for name in ("return_state", "unroll", "implementation"):
            config.pop(name)
        return config
