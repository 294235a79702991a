"""Batch normalisation."""

from __future__ import annotations

from .. import backend as K
from .. import constraints, initializers, regularizers
from ..backend.declare import cast_to, reading_as
from ..dtypes import at_least_float32
from ..errors import ArgumentError, ShapeError
from ..shapes import describe
from .base import Layer
from .input_spec import InputSpec


class BatchNormalization(Layer):
    """Normalises each channel by the batch's mean and variance, in inference by moving averages of them.

    Weights: gamma, beta, moving_mean, moving_variance, each (channels,). Ioffe and Szegedy, 2015.
    As in Keras 2.3.1 the variance that enters the moving average is scaled by n / (n - (1 + epsilon)), n the
    number of values per channel; for images with channels last, where n / (n - 1) is in it already, twice.

    convention: 'keras2' as above; 'tf_keras' and 'keras3' train as those do, for models out of their files: the
    variance enters the moving average scaled by n / (n - 1) for images with channels last (tf.keras 2), otherwise as
    it is, and with `trainable=False` moving averages normalise in training too.
    """

    def __init__(
        self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros",
        gamma_initializer="ones", moving_mean_initializer="zeros", moving_variance_initializer="ones",
        beta_regularizer=None, gamma_regularizer=None, beta_constraint=None, gamma_constraint=None, **kwargs,
    ):  # fmt: skip
        self.convention = kwargs.pop("convention", "keras2")
        if self.convention not in ("keras2", "tf_keras", "keras3"):
            raise ArgumentError(
                f"BatchNormalization: convention={self.convention!r}; 'keras2', 'tf_keras' or 'keras3' is needed."
            )
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis, self.momentum, self.epsilon = axis, momentum, epsilon
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def build(self, input_shape):
        channels = input_shape[self.axis]
        if channels is None:
            raise ShapeError(
                f"BatchNormalization {self.name!r}: axis {self.axis} of shape {describe(tuple(input_shape))} has no known "
                "size. Give the input's shape a number there."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        shape = (channels,)
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                "gamma", shape, initializer=self.gamma_initializer, regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                "beta", shape, initializer=self.beta_initializer, regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )  # fmt: skip
        self.moving_mean = self.add_weight(
            "moving_mean", shape, initializer=self.moving_mean_initializer, trainable=False
        )
        self.moving_variance = self.add_weight(
            "moving_variance", shape, initializer=self.moving_variance_initializer, trainable=False
        )
        self.built = True

    def call(self, inputs, training=None):
        kind = K.dtype(inputs)
        with reading_as(None):  # statistics of 16 bits would be too coarse
            return cast_to(self._normed(cast_to(inputs, at_least_float32(kind)), training), kind)

    def _normed(self, inputs, training):
        axis = self.axis % K.ndim(inputs)

        def inference():
            return K.batch_normalization(
                inputs,
                self.moving_mean,
                self.moving_variance,
                self.beta,
                self.gamma,
                axis=axis,
                epsilon=self.epsilon,
            )

        if training is None:  # a phase that is fixed: what it excludes is not made, moving averages included
            training = K.learning_phase()
        if training in (0, False) or (self.convention != "keras2" and not self.trainable):
            return inference()
        axes = [i for i in range(K.ndim(inputs)) if i != axis]
        normed, mean, variance = K.normalize_batch_in_training(
            inputs, self.gamma, self.beta, axes, epsilon=self.epsilon
        )
        sizes = K.shape(inputs)
        count = K.cast(K.prod(K.stack([sizes[i] for i in axes])), K.dtype(inputs))
        images = K.ndim(inputs) == 4 and axis == 3  # n / (n - 1) is in their variance
        if self.convention == "keras2":
            corrected = variance * (count / (count - (1.0 + self.epsilon)))
        else:
            corrected = (
                variance * ((count - 1.0) / count) if images and self.convention == "keras3" else variance
            )
        self.add_update(
            [
                K.moving_average_update(self.moving_mean, mean, self.momentum),
                K.moving_average_update(self.moving_variance, corrected, self.momentum),
            ],
            inputs,
        )
        return K.in_train_phase(normed, inference, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        told = {} if self.convention == "keras2" else {"convention": self.convention}
        return {
            **super().get_config(), **told, "axis": self.axis, "momentum": self.momentum, "epsilon": self.epsilon,
            "center": self.center, "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }  # fmt: skip
