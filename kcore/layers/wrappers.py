"""Layers around a layer."""

from __future__ import annotations

import copy
from typing import Any

from .. import backend as K
from .. import objects
from ..errors import ArgumentError, ShapeError
from ..shapes import describe
from .base import InputSpec, Layer, is_shape_list, to_list


class Wrapper(Layer):
    """Base of layers that apply an inner layer; its weights are theirs."""

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ArgumentError(f"{type(self).__name__} wraps a layer; {layer!r} was given.")
        super().__init__(**kwargs)
        self.layer = layer

    @property
    def activity_regularizer(self):
        return None

    @activity_regularizer.setter
    def activity_regularizer(self, value):
        pass  # the inner layer applies its own

    def get_config(self):
        return {**super().get_config(), "layer": objects.config_of(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        layer = objects.deserialize("layers", config.pop("layer"), custom_objects)
        return cls(layer, **config)


class TimeDistributed(Wrapper):
    """Applies a layer to every time step of (batch, time, ...)."""

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ShapeError(
                f"{self._told()}: input has shape {describe(tuple(input_shape))}; (batch, time, ...) expected. Add a time axis."
            )
        self.input_spec = InputSpec(ndim=len(input_shape))
        if not self.layer.built:
            self.layer._build([(None, *input_shape[2:])])
        self.built = True

    def compute_output_shape(self, input_shape):
        inner = self.layer.compute_output_shape((None, *input_shape[2:]))
        return (*input_shape[:2], *inner[1:])

    def _folded(self, x):
        """(batch, time, ...) -> (batch * time, ...)."""
        shape = K.int_shape(x)[2:]
        if None in shape:
            sizes = K.shape(x)
            return K.reshape(x, (-1, *(sizes[i + 2] if d is None else d for i, d in enumerate(shape))))
        return K.reshape(x, (-1, *shape))

    def call(self, inputs, training=None, mask=None):
        kwargs = {}
        code = type(self.layer).call.__code__
        takes = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if "training" in takes:
            kwargs["training"] = training
        inner_mask = None
        if mask is not None and "mask" in takes and K.ndim(mask) > 2:
            inner_mask = self._folded(mask)
        folded = self._folded(inputs)
        outputs, _, _ = self.layer._run(folded, inner_mask, kwargs)
        sizes = K.shape(inputs)
        batch_time = [sizes[i] if d is None else d for i, d in enumerate(K.int_shape(inputs)[:2])]
        rest = K.int_shape(outputs)[1:]
        out_sizes = K.shape(outputs)
        tail = [out_sizes[i + 1] if d is None else d for i, d in enumerate(rest)]
        return K.reshape(outputs, (*batch_time, *tail))

    def compute_mask(self, inputs, mask=None):
        """The inner layer's mask for each step, where it makes one; else the steps' own."""
        inner = None if mask is None or K.ndim(mask) <= 2 else self._folded(mask)
        made = self.layer.compute_mask(self._folded(inputs), inner) if self.layer.supports_masking else None
        if made is None:
            if mask is None:
                return None
            return mask if K.ndim(mask) == 2 else K.any(mask, axis=list(range(2, K.ndim(mask))))
        sizes = K.shape(inputs)
        rest = K.int_shape(made)[1:]
        return K.reshape(made, (sizes[0], sizes[1], *rest))


class Bidirectional(Wrapper):
    """Runs a recurrent layer forwards and a copy of it backwards.

    merge_mode: 'sum', 'mul', 'concat', 'ave', or None for a list of both outputs.
    """

    def __init__(self, layer, merge_mode="concat", weights=None, **kwargs):
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise ArgumentError(f"Bidirectional: merge_mode {merge_mode!r}; use 'sum', 'mul', 'ave', 'concat' or None.")
        super().__init__(layer, **kwargs)
        config = layer.get_config()
        backward = copy.deepcopy(config)
        backward["go_backwards"] = not config["go_backwards"]
        config["name"] = "forward_" + layer.name
        backward["name"] = "backward_" + layer.name
        table = {type(layer).__name__: type(layer)}
        with objects.CustomObjectScope(table):
            self.forward_layer = type(layer).from_config(config)
            self.backward_layer = type(layer).from_config(backward)
        self._tracked[:] = [self.forward_layer, self.backward_layer]
        self.merge_mode = merge_mode
        self.stateful = layer.stateful
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.supports_masking = True
        self._initial_weights = weights
        self._num_constants = None
        self.input_spec = layer.input_spec

    def build(self, input_shape):
        shape = input_shape[0] if is_shape_list(input_shape) else input_shape
        for inner in (self.forward_layer, self.backward_layer):
            if not inner.built:
                inner._build([tuple(shape)])
        self.built = True

    def compute_output_shape(self, input_shape):
        shapes = to_list_of_shapes(self.forward_layer.compute_output_shape(input_shape))
        output, states = shapes[0], shapes[1:] if self.return_state else []
        if self.merge_mode == "concat":
            output = (*output[:-1], None if output[-1] is None else output[-1] * 2)
        outputs = [output, output] if self.merge_mode is None else [output]
        found = [*outputs, *states, *states]
        return found if len(found) > 1 else found[0]

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        extra = [*to_list(initial_state if initial_state is not None else []), *to_list(constants or [])]
        if initial_state is not None and len(to_list(initial_state)) % 2:
            raise ArgumentError(
                f"{self._told()}: {len(to_list(initial_state))} initial states were given; an even number is needed, "
                "those of the forward layer first."
            )
        self._num_constants = len(to_list(constants)) if constants else None
        values = [*to_list(inputs), *extra]
        spec = to_list(self.input_spec)[:1] if self.input_spec is not None else [None]
        self.input_spec = [*spec, *[None] * (len(values) - 1)]
        outputs = super().__call__(values if len(values) > 1 else values[0], **kwargs)
        self.input_spec = spec
        return outputs

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        values = to_list(inputs)
        count = self._num_constants or 0
        fixed = values[len(values) - count :] if count else None
        states = values[1 : len(values) - count]
        half = len(states) // 2
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        results = []
        for layer, own in ((self.forward_layer, states[:half]), (self.backward_layer, states[half:])):
            kwargs: dict[str, Any] = {"mask": mask, "training": training}
            if own:
                kwargs["initial_state"] = own
            if fixed:
                kwargs["constants"] = fixed
            results.append(to_list(layer.call(values[0], **kwargs)))
            if layer.activity_regularizer is not None:
                self.add_loss([layer.activity_regularizer(results[-1][0])], values)
        y, back = results[0][0], results[1][0]
        if self.return_sequences:
            back = K.reverse(back, 1)
        outputs = self._merged(y, back)
        if self.return_state:
            return [*to_list(outputs), *results[0][1:], *results[1][1:]]
        return outputs

    def _merged(self, y, back):
        if self.merge_mode == "concat":
            return K.concatenate([y, back])
        if self.merge_mode == "sum":
            return y + back
        if self.merge_mode == "ave":
            return (y + back) / 2.0
        if self.merge_mode == "mul":
            return y * back
        return [y, back]

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        own = mask if self.return_sequences else None
        outputs = [own, own] if self.merge_mode is None else [own]
        if self.return_state:
            outputs += [None] * (2 * len(self.forward_layer.states))
        return outputs if len(outputs) > 1 else outputs[0]

    def reset_states(self):
        self.forward_layer.reset_states()
        self.backward_layer.reset_states()

    def get_config(self):
        config = {**super().get_config(), "merge_mode": self.merge_mode}
        if self._num_constants is not None:
            config["num_constants"] = self._num_constants
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        constants = config.pop("num_constants", None)
        made = super().from_config(config, custom_objects)
        made._num_constants = constants
        return made


def to_list_of_shapes(shapes):
    return list(shapes) if is_shape_list(shapes) else [shapes]
