"""Layers that apply another layer: to every time step, or in both directions of time."""

from __future__ import annotations

from .. import backend as K
from .. import objects
from ..backend.tensor import SymbolicTensor
from ..backend.values import keeping_uids
from ..errors import ArgumentError, ShapeError
from .base import Layer
from .folding import samples_as_steps, steps_as_samples
from .input_spec import InputSpec
from .naming import name_scope
from .nesting import is_shape_list, to_list
from .recurrent import joinable, split_inputs
from .recurrent_cells import takes


class Wrapper(Layer):
    """A layer around `layer`, whose weights and losses are its own."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ArgumentError(f"{self._told()} wraps a layer; {layer!r} was given.")
        self.layer = layer
        if not self._trainable:
            layer.trainable = False

    @property
    def trainable(self):
        """That of the layer within."""
        layer = self.__dict__.get("layer")
        return self._trainable if layer is None else layer.trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = value
        for layer in self._sublayers:
            layer.trainable = value

    @property
    def activity_regularizer(self):
        """That of the layer within; it is applied to the wrapper's output."""
        return getattr(self.__dict__.get("layer"), "activity_regularizer", None)

    @activity_regularizer.setter
    def activity_regularizer(self, value):
        if "layer" in self.__dict__:
            self.layer.activity_regularizer = value

    @property
    def losses(self):
        """Those of the layer's weights; penalties on outputs are only in a model's losses (Keras 2)."""
        return [loss for layer in self._sublayers for loss in layer.losses]

    def get_config(self):
        return {**super().get_config(), "layer": objects.config_of(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        return cls(objects.deserialize("layers", config.pop("layer"), custom_objects), **config)


class TimeDistributed(Wrapper):
    """Applies `layer` to every step of (batch, time, ...), each with the same weights."""

    def get_weights(self):
        """As the layer within gives them: a model goes through its layers."""
        return self.layer.get_weights()

    def set_weights(self, weights):
        self.layer.set_weights(weights)

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True
        self.input_spec = InputSpec(min_ndim=3)

    def build(self, input_shape):
        self.input_spec = InputSpec(shape=(None, None, *input_shape[2:]))
        inner = (input_shape[0], *input_shape[2:])
        self.layer._check_inputs([K.placeholder(inner)])
        if not self.layer.built:
            self.layer._build([inner])
        self.built = True

    def compute_output_shape(self, input_shape):
        inner = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (inner[0], input_shape[1], *inner[1:])

    def call(self, inputs, training=None, mask=None):
        given = {"training": training} if takes(self.layer, "training") else {}
        inner_mask = self._inner_mask(mask)
        if inner_mask is not None and takes(self.layer, "mask"):
            given["mask"] = inner_mask
        inner = steps_as_samples(inputs)
        self.layer._check_inputs([inner])
        output = self.layer._call_as_part(inner, **given)
        return samples_as_steps(output, inputs)

    def compute_mask(self, inputs, mask=None):
        """What the layer within makes of its steps (as Masking does), else the mask of steps given, (batch, time)."""
        if mask is not None and K.ndim(mask) == 2:
            own = self.layer.compute_mask(steps_as_samples(inputs), None)
            return mask if own is None else samples_as_steps(own, inputs)
        inner_mask = self._inner_mask(mask)
        output = None
        if inner_mask is None or self.layer.supports_masking:
            output = self.layer.compute_mask(steps_as_samples(inputs), inner_mask)
        if output is not None:
            return samples_as_steps(output, inputs)
        while mask is not None and K.ndim(mask) > 2:
            mask = K.any(mask, axis=-1)
        return mask

    def _inner_mask(self, mask):
        """The mask of (batch * time, ...) if it says more than which steps count."""
        return None if mask is None or K.ndim(mask) < 3 else steps_as_samples(mask)


_MERGES = {
    "concat": lambda a, b: K.concatenate([a, b]),
    "sum": lambda a, b: a + b,
    "ave": lambda a, b: (a + b) / 2.0,
    "mul": lambda a, b: a * b,
    None: lambda a, b: [a, b],
}


def _copied(layer, config):
    """Another layer of the same class; cells of the user's own are known without being registered."""
    inside, classes = [layer], {}
    while inside:
        item = inside.pop()
        classes[type(item).__name__] = type(item)
        inside.extend(item._sublayers)
    with objects.CustomObjectScope(classes):
        made = type(layer).from_config(config)
    _told_as(layer, made)
    return made


def _told_as(layer, copy):
    """A config always tells a type: whether the copy was given one is as with the layer itself."""
    copy._policy_told = layer._policy_told
    for inner, other in zip(layer._sublayers, copy._sublayers, strict=False):
        _told_as(inner, other)


class Bidirectional(Wrapper):
    """Runs a recurrent layer and a copy of it backwards; `merge_mode`: sum, mul, concat, ave, or None (a list).

    With return_state the states follow, the forward layer's first. Initial states likewise: half and half.
    """

    def __init__(self, layer, merge_mode="concat", weights=None, **kwargs):
        if merge_mode not in _MERGES:
            raise ArgumentError(
                f"Bidirectional: merge_mode={merge_mode!r}; use one of 'sum', 'mul', 'concat', 'ave' or None."
            )
        config = layer.get_config()
        super().__init__(layer, **kwargs)
        self._tracked.remove(layer)  # it stands for the two that are made from it
        with keeping_uids():  # Keras 2 counts no further cell for it
            self.forward_layer = _copied(layer, {**config, "name": f"forward_{layer.name}"})
        backward = {**config, "name": f"backward_{layer.name}", "go_backwards": not config["go_backwards"]}
        self.backward_layer = _copied(layer, backward)
        self.merge_mode = merge_mode
        if weights:
            half = len(weights) // 2
            self.forward_layer._initial_weights = weights[:half]
            self.backward_layer._initial_weights = weights[half:]
        self.stateful = layer.stateful
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec
        self._num_constants = None

    @property
    def trainable(self):
        """Its own: what is set holds for both layers, but each can be set apart later."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = value
        for layer in self._sublayers:
            layer.trainable = value

    @property
    def _both(self):
        return self.forward_layer, self.backward_layer

    @property
    def _parts_to_type(self):
        return [self.layer, *self._both]  # the first is told in the config

    def get_weights(self):
        return [w for layer in self._both for w in layer.get_weights()]

    def set_weights(self, weights):
        count = len(self.forward_layer.weights)
        if len(weights) != 2 * count:
            raise ShapeError(f"{self._told()}: {len(weights)} weights were given; it has {2 * count}.")
        self.forward_layer.set_weights(weights[:count])
        self.backward_layer.set_weights(weights[count:])

    def build(self, input_shape):
        shapes = input_shape if is_shape_list(input_shape) else [input_shape]
        for layer in self._both:
            layer._num_constants = self._num_constants
            with name_scope(layer.name):
                layer._build([shapes[0], *(shapes[-self._num_constants :] if self._num_constants else [])])
        self.input_spec = self.forward_layer.input_spec
        self.built = True

    def compute_output_shape(self, input_shape):
        shape = self.forward_layer.compute_output_shape(input_shape)
        output, *states = shape if self.return_state else [shape]
        if self.merge_mode == "concat":
            outputs = [(*output[:-1], output[-1] * 2)]
        else:
            outputs = [output] if self.merge_mode else [output, output]
        shapes = [*outputs, *states, *states]
        return shapes if len(shapes) > 1 else shapes[0]

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, list) else mask
        output = mask if self.return_sequences else None
        outputs = [output] if self.merge_mode else [output, output]
        if self.return_state:
            outputs += [None] * (2 * len(self.forward_layer.states))
        return outputs if len(outputs) > 1 else outputs[0]

    def _check_inputs(self, values):
        count = len(values) - 1 - (self._num_constants or 0)
        if count % 2:
            raise ArgumentError(
                f"{self._told()}: {count} initial states were given; it takes as many for each direction."
            )
        constants = values[1 + count :]
        self.forward_layer._check_inputs([values[0], *values[1 : 1 + count // 2], *constants])
        self.backward_layer._check_inputs([values[0], *values[1 + count // 2 : 1 + count], *constants])

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        inputs, initial_state, constants = split_inputs(inputs, initial_state, constants, self._num_constants)
        if constants is not None:
            self._num_constants = len(constants)
            for layer in self._both:
                layer._num_constants = self._num_constants
        further = [*(initial_state or []), *(constants or [])]
        if not further:
            return super().__call__(inputs, **kwargs)
        if joinable([inputs, *further]):
            return super().__call__([inputs, *further], **kwargs)
        made = [
            [v if isinstance(v, SymbolicTensor) else K.constant(v) for v in x or []]
            for x in (initial_state, constants)
        ]
        return super().__call__(inputs, initial_state=made[0] or None, constants=made[1] or None, **kwargs)

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        if isinstance(inputs, (list, tuple)):
            inputs, initial_state, constants = split_inputs(inputs, None, None, self._num_constants)
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        half = len(initial_state or []) // 2
        outputs, states = [], []
        for layer, start in zip(self._both, (slice(0, half), slice(half, None)), strict=True):
            given = {"mask": mask, "initial_state": initial_state[start] if initial_state else None}
            if takes(layer, "training"):
                given["training"] = training
            if constants is not None:
                given["constants"] = constants
            output, *last = to_list(layer._call_as_part(inputs, **given))
            outputs.append(output)
            states.extend(last)
        if self.return_sequences:
            outputs[1] = K.reverse(outputs[1], 1)
        merged = to_list(_MERGES[self.merge_mode](*outputs))
        results = [*merged, *states]
        return results if len(results) > 1 else results[0]

    def reset_states(self):
        for layer in self._both:
            layer.reset_states()

    def get_config(self):
        config = {**super().get_config(), "merge_mode": self.merge_mode}
        if self._num_constants is not None:
            config["num_constants"] = self._num_constants
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        count = config.pop("num_constants", None)
        made = super().from_config(config, custom_objects)
        made._num_constants = count
        return made
