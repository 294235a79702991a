"""Layers of Keras 1 that Keras 2 still offered."""

from __future__ import annotations

from .. import activations, initializers
from .. import backend as K
from ..errors import ShapeError
from ..shapes import describe
from .base import Layer
from .convolutional import Conv1D, Conv2D
from .input_spec import InputSpec
from .settings import keep, told

_SETTINGS = ("W_regularizer", "b_regularizer", "activity_regularizer", "W_constraint", "b_constraint", "bias")


class _KerasOne(Layer):
    """(batch, features), features known; arguments under Keras 1's names."""

    def __init__(self, init, given, input_dim, weights, **kwargs):
        if input_dim:
            kwargs["input_shape"] = (input_dim,)
        if weights is not None:
            kwargs["weights"] = weights
        super().__init__(**kwargs)
        self.init = initializers.get(init)
        keep(self, _SETTINGS, given)
        self.input_dim = input_dim
        self.input_spec = InputSpec(ndim=2)

    def _features(self, input_shape):
        features = input_shape[-1]
        if features is None:
            raise ShapeError(
                f"{self._told()}: input 0 has shape {describe(tuple(input_shape))}; the number of features must be known."
            )
        self.input_spec = InputSpec(ndim=2, axes={-1: features})
        return features

    def _add_kernel(self, name, shape):
        return self.add_weight(
            name, shape, initializer=self.init, regularizer=self.W_regularizer, constraint=self.W_constraint
        )

    def _add_bias(self, name, shape):
        if not self.bias:
            return None
        return self.add_weight(
            name, shape, initializer="zeros", regularizer=self.b_regularizer, constraint=self.b_constraint
        )

    def get_config(self):
        return {
            **super().get_config(), "init": initializers.serialize(self.init), **told(self, _SETTINGS),
            "input_dim": self.input_dim,
        }  # fmt: skip


class MaxoutDense(_KerasOne):
    """The largest of `nb_feature` dense layers (Goodfellow et al., 2013): (batch, features) -> (batch, output_dim).

    Weights: W (nb_feature, features, output_dim), b (nb_feature, output_dim).
    """

    def __init__(
        self, output_dim, nb_feature=4, init="glorot_uniform", weights=None, W_regularizer=None, b_regularizer=None,
        activity_regularizer=None, W_constraint=None, b_constraint=None, bias=True, input_dim=None, **kwargs,
    ):  # fmt: skip
        super().__init__(init, locals(), input_dim, weights, **kwargs)
        self.output_dim, self.nb_feature = output_dim, nb_feature

    def build(self, input_shape):
        features = self._features(input_shape)
        self.W = self._add_kernel("W", (self.nb_feature, features, self.output_dim))
        self.b = self._add_bias("b", (self.nb_feature, self.output_dim))
        self.built = True

    def call(self, inputs):
        output = K.dot(inputs, self.W)
        return K.max(output + self.b if self.bias else output, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        return {**super().get_config(), "output_dim": self.output_dim, "nb_feature": self.nb_feature}


class Highway(_KerasOne):
    """carry * activation(x . W + b) + (1 - carry) * x, carry = sigmoid(x . W_carry + b_carry).

    (Srivastava et al., 2015.) Shape of the input. Weights: W, W_carry (features, features), b, b_carry (features,).
    """

    def __init__(
        self, init="glorot_uniform", activation=None, weights=None, W_regularizer=None, b_regularizer=None,
        activity_regularizer=None, W_constraint=None, b_constraint=None, bias=True, input_dim=None, **kwargs,
    ):  # fmt: skip
        super().__init__(init, locals(), input_dim, weights, **kwargs)
        self.activation = activations.get(activation)

    def build(self, input_shape):
        features = self._features(input_shape)
        self.W = self._add_kernel("W", (features, features))
        # as in Keras 2, regularizers and constraints are for W and b alone
        self.W_carry = self.add_weight("W_carry", (features, features), initializer=self.init)
        self.b = self._add_bias("b", (features,))
        self.b_carry = self.add_weight("b_carry", (features,), initializer="ones") if self.bias else None
        self.built = True

    def call(self, inputs):
        carry, output = K.dot(inputs, self.W_carry), K.dot(inputs, self.W)
        if self.bias:
            carry, output = carry + self.b_carry, output + self.b
        carry = K.sigmoid(carry)
        return carry * self.activation(output) + (1.0 - carry) * inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


def AtrousConvolution1D(*args, **kwargs):
    """Conv1D whose `dilation_rate` is called `atrous_rate`."""
    return Conv1D(*args, dilation_rate=kwargs.pop("atrous_rate", 1), **kwargs)


def AtrousConvolution2D(*args, **kwargs):
    """Conv2D whose `dilation_rate` is called `atrous_rate`."""
    return Conv2D(*args, dilation_rate=kwargs.pop("atrous_rate", (1, 1)), **kwargs)
