"""Layers of general use: dense, activation, dropout, reshaping, masking, functions as layers."""

from __future__ import annotations

import base64
import marshal
import types
from typing import Any

import numpy as np

from .. import activations, constraints, initializers, regularizers
from .. import backend as K
from ..errors import ArgumentError, ShapeError
from ..shapes import describe, reshaped, size_of
from .base import InputSpec, Layer


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
    """(batch, ...) -> (batch, values per sample), channels last in the order of values."""

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.input_spec = InputSpec(min_ndim=3)
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
        self.n = n
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


def _described(function: Any) -> tuple[Any, str]:
    """A named function by its name; a lambda as its code, which only the process that holds it takes back."""
    if getattr(function, "__name__", "") != "<lambda>":
        return function.__name__, "function"
    code = base64.b64encode(marshal.dumps(function.__code__)).decode("ascii")
    _alive[code] = function
    return (code, None, None), "lambda"


_alive: dict[
    str, types.FunctionType
] = {}  # lambdas that this process described: no code is ever run from a config


def _restored(value: Any, kind: str, custom_objects: dict[str, Any]) -> Any:
    if kind == "function" and isinstance(value, str):
        if value in custom_objects:
            return custom_objects[value]
        raise ArgumentError(
            f"Lambda: function {value!r} is not known. Pass custom_objects={{{value!r}: function}}."
        )
    if kind == "lambda":
        code = value[0] if isinstance(value, (list, tuple)) else value
        if code in _alive:
            return _alive[code]
        raise ArgumentError(
            "Lambda: the config holds Python code, which is not run. Give the function a name and pass it in custom_objects."
        )
    return value


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
    """Passes its input on and adds l1 * sum |x| + l2 * sum x^2 to the loss."""

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.l1, self.l2 = l1, l2
        self.activity_regularizer = regularizers.L1L2(l1=l1, l2=l2)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "l1": float(np.asarray(self.l1)), "l2": float(np.asarray(self.l2))}
