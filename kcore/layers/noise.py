"""Noise in training."""

from __future__ import annotations

import math

from .. import backend as K
from .base import Layer


class _Noise(Layer):
    """Passes its input on in inference."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, training=None):
        return K.in_train_phase(lambda: self._noised(inputs), inputs, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape


class GaussianNoise(_Noise):
    """Adds normal noise of standard deviation `stddev`."""

    def __init__(self, stddev, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev

    def _noised(self, inputs):
        return inputs + K.random_normal(K.shape(inputs), 0.0, self.stddev, dtype=K.dtype(inputs))

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}


class GaussianDropout(_Noise):
    """Multiplies by normal noise of mean 1 and deviation sqrt(rate / (1 - rate)) (Srivastava et al., 2014)."""

    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, inputs, training=None):
        return super().call(inputs, training) if 0 < self.rate < 1 else inputs

    def _noised(self, inputs):
        deviation = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * K.random_normal(K.shape(inputs), 1.0, deviation, dtype=K.dtype(inputs))

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


class AlphaDropout(_Noise):
    """Dropout that keeps mean and variance of selu activations (Klambauer et al., 2017)."""

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.noise_shape, self.seed = rate, noise_shape, seed

    def call(self, inputs, training=None):
        return super().call(inputs, training) if 0.0 < self.rate < 1.0 else inputs

    def _noised(self, inputs):
        low = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717
        sizes = K.shape(inputs)
        shape = sizes
        if self.noise_shape is not None:
            shape = [sizes[i] if n is None else n for i, n in enumerate(self.noise_shape)]
        kept = K.cast(K.greater_equal(K.random_uniform(shape, seed=self.seed), self.rate), K.dtype(inputs))
        a = ((1 - self.rate) * (1 + self.rate * low**2)) ** -0.5
        return a * (inputs * kept + low * (1 - kept)) - a * low * self.rate

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}
