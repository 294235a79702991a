"""Layers of general use: dense, activation, dropout, reshaping, masking, functions as layers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import numpy as np

from .. import activations, constraints, initializers, regularizers
from .. import backend as K
from ..errors import ArgumentError, ShapeError
from ..shapes import describe, reshaped, size_of
from .base import Layer
from .input_spec import InputSpec


class Dense(Layer):
    """activation(inputs . kernel + bias).

    Input: (batch, ..., features), features known. Output: (batch, ..., units).
    Weights: kernel (features, units), bias (units,).
    """

    def __init__(
        self, units, activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
        kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        bias_constraint=None, **kwargs,
    ):  # fmt: skip
        if "input_shape" not in kwargs and "input_dim" in kwargs:
            kwargs["input_shape"] = (kwargs.pop("input_dim"),)
        super().__init__(**kwargs)
        self.units = int(units)
        if self.units < 1 or self.units != units:
            raise ArgumentError(f"{self._told()}: units={units!r}; a whole number above 0 is needed.")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        features = input_shape[-1]
        if features is None:
            raise ShapeError(
                f"Dense {self.name!r} needs a known number of features; shape {describe(input_shape)}."
            )
        self.kernel = self.add_weight(
            "kernel", (features, self.units), initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", (self.units,), initializer=self.bias_initializer, regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )  # fmt: skip
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self.built = True

    def call(self, inputs):
        output = K.dot(inputs, self.kernel)
        if self.use_bias:
            output = K.bias_add(output, self.bias, data_format="channels_last")
        return self.activation(output)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
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


class Activation(Layer):
    """An activation function as a layer. Shape of the input."""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)

    def call(self, inputs):
        return self.activation(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class Dropout(Layer):
    """In training sets a share `rate` of the values to 0 and scales the others by 1 / (1 - rate)."""

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = min(1.0, max(0.0, rate))
        self.noise_shape = noise_shape
        self.seed = seed
        self.supports_masking = True

    def _get_noise_shape(self, inputs):
        if self.noise_shape is None:
            return None
        sizes = K.shape(inputs)
        return [sizes[i] if n is None else n for i, n in enumerate(self.noise_shape)]

    def call(self, inputs, training=None):
        if not 0.0 < self.rate < 1.0:
            return inputs

        def dropped():
            return K.dropout(inputs, self.rate, self._get_noise_shape(inputs), seed=self.seed)

        return K.in_train_phase(dropped, inputs, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}


class _SpatialDropout(Dropout):
    """Drops whole feature maps."""

    _rank = 3

    def __init__(self, rate, data_format=None, **kwargs):
        super().__init__(rate, **kwargs)
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self._rank)

    def _get_noise_shape(self, inputs):
        sizes = K.shape(inputs)
        ones = [1] * (self._rank - 2)
        if self.data_format == "channels_first":
            return [sizes[0], sizes[1], *ones]
        return [sizes[0], *ones, sizes[self._rank - 1]]

    def get_config(self):
        config = super().get_config()
        return {**config, "data_format": self.data_format}


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole features of (batch, time, features)."""

    def __init__(self, rate, **kwargs):
        super().__init__(rate, data_format="channels_last", **kwargs)

    def get_config(self):
        config = super().get_config()
        config.pop("data_format")
        return config


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of images."""

    _rank = 4


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of volumes."""

    _rank = 5


class Flatten(Layer):
    """(batch, ...) -> (batch, values per sample), channels last in the order of values.

    (batch, values) stays as it is: Keras 2.3.1 takes that within TimeDistributed only.
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.input_spec = InputSpec(min_ndim=2)
        self.data_format = K.normalize_data_format(data_format)

    def call(self, inputs):
        if self.data_format == "channels_first" and K.ndim(inputs) > 2:
            inputs = K.permute_dimensions(inputs, (0, *range(2, K.ndim(inputs)), 1))
        return K.batch_flatten(inputs)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], size_of(input_shape[1:]))

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """(batch, ...) -> (batch, *target_shape); one entry may be -1."""

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def compute_output_shape(self, input_shape):
        try:
            return (input_shape[0], *reshaped(tuple(input_shape[1:]), self.target_shape))
        except ShapeError as error:
            raise ShapeError(f"Reshape {self.name!r}: {error}") from None

    def call(self, inputs):
        shape = self.compute_output_shape(K.int_shape(inputs))[1:]
        if shape.count(None) > 1:
            shape = self.target_shape
        return K.reshape(
            inputs, (-1, *shape) if None not in shape and -1 not in shape else (K.shape(inputs)[0], *shape)
        )

    def get_config(self):
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """Puts the axes in the order `dims`, counted from 1 (the batch axis stays)."""

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError(f"Permute: dims {self.dims} must hold each of 1..{len(self.dims)} once.")
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return K.permute_dimensions(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def get_config(self):
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """(batch, features) -> (batch, n, features)."""

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if int(n) != n or n < 1:
            raise ArgumentError(f"{self._told()}: n={n!r}; a whole number above 0 is needed.")
        self.n = int(n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        return K.repeat(inputs, self.n)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self):
        return {**super().get_config(), "n": self.n}


class Lambda(Layer):
    """A function of tensors as a layer. `output_shape`, `mask`: values or functions, where they are not clear."""

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        self.function = function
        self.arguments = arguments or {}
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape

    def call(self, inputs, mask=None):
        arguments = dict(self.arguments)
        code = getattr(self.function, "__code__", None)
        if code is not None and "mask" in code.co_varnames[: code.co_argcount]:
            arguments["mask"] = mask
        return self.function(inputs, **arguments)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape):
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        return (first[0], *self._output_shape)

    def get_config(self):
        function, kind = _described(self.function)
        shape, shape_kind = (
            _described(self._output_shape) if callable(self._output_shape) else (self._output_shape, "raw")
        )
        return {
            **super().get_config(), "function": function, "function_type": kind, "output_shape": shape,
            "output_shape_type": shape_kind, "arguments": self.arguments,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        kinds = [config.pop("function_type", "function"), config.pop("output_shape_type", "raw")]
        for key in ("module", "output_shape_module", "function_module"):
            config.pop(key, None)
        for key, kind in zip(("function", "output_shape"), kinds, strict=True):
            config[key] = _restored(config.get(key), kind, custom_objects or {})
        return cls(**config)


# Functions that this process described. A config never holds code: it names a function, which is looked up
# among the user's custom_objects, then here, so that a model can be copied without naming its functions.
_alive: dict[str, WeakSet[Callable[..., Any]]] = {}
_numbers = itertools.count(1)


def add_scaled(inputs: Any, scale: float) -> Any:
    """inputs[0] + scale inputs[1]: a weakened residual, for Lambda in `kcore.applications.InceptionResNetV2`."""
    return inputs[0] + inputs[1] * scale


# Functions that a config may name without `custom_objects`: kcore's own, which compute and do nothing else.
_OWN = {"add_scaled": add_scaled}


def _described(function: Any) -> tuple[Any, str]:
    """A function by its name and what kind it is; a lambda gets a name of its own."""
    name = getattr(function, "__name__", type(function).__name__)
    kind = "lambda" if name == "<lambda>" else "function"
    if kind == "lambda":
        known = [key for key, functions in _alive.items() if function in functions]
        name = known[0] if known else f"<lambda {next(_numbers)}>"
    _alive.setdefault(name, WeakSet()).add(function)
    return ((name, None, None) if kind == "lambda" else name), kind


def _restored(value: Any, kind: str, custom_objects: dict[str, Any]) -> Any:
    """The function that `_described` told. Raises ArgumentError where it is not at hand."""
    name = value[0] if kind == "lambda" and isinstance(value, (list, tuple)) else value
    if kind not in ("function", "lambda") or not isinstance(name, str):
        return value
    if name in custom_objects:
        return custom_objects[name]
    found = list(_alive.get(name, ()))
    if len(found) == 1:
        return found[0]
    if kind == "function" and not found and name in _OWN:
        return _OWN[name]
    if kind == "lambda":
        raise ArgumentError(
            "Lambda: the config holds a lambda, which only the process that made it knows; code in a config is not "
            "run. Define the function with a name and pass it in custom_objects."
        )
    why = f"stands for {len(found)} functions" if found else "is not known"
    raise ArgumentError(f"Lambda: function {name!r} {why}. Pass custom_objects={{{name!r}: function}}.")


class Masking(Layer):
    """Masks time steps of (batch, time, features) in which every feature equals `mask_value`."""

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.mask_value = mask_value

    def compute_mask(self, inputs, mask=None):
        return K.any(K.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        kept = K.any(K.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return inputs * K.cast(kept, K.dtype(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "mask_value": self.mask_value}


class ActivityRegularization(Layer):
    """Passes its input on and adds l1 * sum |x| + l2 * sum x^2 to the loss.

    per_sample: that, divided by the number of samples, as later Kerases have it.
    """

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        self.per_sample = bool(kwargs.pop("per_sample", False))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.l1, self.l2 = l1, l2
        penalty = regularizers.L1L2(l1=l1, l2=l2)
        self.activity_regularizer = regularizers.PerSample(penalty) if self.per_sample else penalty

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        further = {"per_sample": True} if self.per_sample else {}
        numbers = {"l1": float(np.asarray(self.l1)), "l2": float(np.asarray(self.l2))}
        return {**super().get_config(), **numbers, **further}
