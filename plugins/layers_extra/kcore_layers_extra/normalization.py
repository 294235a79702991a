"""Normalisation of activations and of weights."""

import numpy as np

from kcore import backend as K
from kcore import layers
from kcore.layers import Layer
from kcore.spi import ArgumentError

from .base import ExtraLayer, wide


class _Normalization(ExtraLayer):
    """Scale and centre of the last axis."""

    settings = ("epsilon", "center", "scale")

    def __init__(self, epsilon=1e-3, center=True, scale=True, **kwargs):
        super().__init__(**kwargs)
        self.epsilon, self.center, self.scale = epsilon, center, scale
        self.supports_masking = True

    def build(self, input_shape):
        (size,) = self.known(input_shape, -1)
        self.gamma = self.add_weight("gamma", (size,), initializer="ones") if self.scale else None
        self.beta = self.add_weight("beta", (size,), initializer="zeros") if self.center else None
        self.built = True

    def normed(self, function, inputs, *how):
        """One of kcore's normalisations, in float32 where the inputs are narrower."""
        gamma, beta = (None if w is None else wide(w) for w in (self.gamma, self.beta))
        result = function(wide(inputs), *how, gamma, beta, axis=-1, epsilon=self.epsilon)
        return K.cast(result, K.dtype(inputs))


class LayerNormalization(_Normalization):
    """Ba, Kiros, Hinton 2016 (arXiv:1607.06450): gamma (x - mean) / sqrt(var + epsilon) + beta over the last axis.

    (batch, ..., features) -> the same.
    """

    def call(self, inputs):
        return self.normed(K.layer_normalization, inputs)


class GroupNormalization(_Normalization):
    """Wu, He 2018 (arXiv:1803.08494): as layer normalisation, over all places and each of `groups` channel groups.

    (batch, ..., channels) -> the same. Raises ArgumentError if the channels do not divide into the groups.
    """

    settings = ("groups", "epsilon", "center", "scale")

    def __init__(self, groups=32, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(groups=groups)
        self.groups = groups

    def build(self, input_shape):
        (size,) = self.known(input_shape, -1)
        if size % self.groups:
            raise ArgumentError(
                f"GroupNormalization: {size} channels do not divide into {self.groups} groups."
            )
        super().build(input_shape)

    def call(self, inputs):
        return self.normed(K.group_normalization, inputs, self.groups)


class InstanceNormalization(_Normalization):
    """Ulyanov, Vedaldi, Lempitsky 2016 (arXiv:1607.08022): mean and variance over the places of each channel.

    (batch, ..., channels) -> the same.
    """

    def call(self, inputs):
        return self.normed(K.instance_normalization, inputs)


class _KernelWrapper(ExtraLayer):
    """A layer that runs with another kernel in the place of its own."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ArgumentError(f"{type(self).__name__} wraps a layer; {layer!r} was given.")
        self.layer = layer
        self.supports_masking = layer.supports_masking

    def get_config(self):
        return {**super().get_config(), "layer": layers.serialize(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        return cls(layers.deserialize(config.pop("layer"), custom_objects), **config)

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        if getattr(self.layer, "kernel", None) is None:
            raise ArgumentError(f"{type(self).__name__}: {type(self.layer).__name__} has no kernel.")
        self.start(self.layer.kernel)
        self.built = True

    def call(self, inputs):
        own = self.layer.kernel
        self.layer.kernel = K.cast(self.other(own, inputs), self.layer.compute_dtype)
        try:
            return self.layer.call(inputs)
        finally:
            self.layer.kernel = own


class WeightNormalization(_KernelWrapper):
    """Salimans, Kingma 2016 (arXiv:1602.07868): kernel = g v / |v|, the norm over all axes but the last.

    `layer`: one with a `kernel`, such as Dense or Conv2D; shapes are its own. g starts as |v|.
    """

    def start(self, kernel):
        axes = tuple(range(len(kernel.shape) - 1))
        norm = lambda shape: np.sqrt(np.sum(np.square(kernel.numpy()), axes))
        self.g = self.add_weight("g", (kernel.shape[-1],), initializer=norm)

    def other(self, kernel, inputs):
        axes = tuple(range(len(kernel.shape) - 1))
        v = wide(kernel)
        return wide(self.g) * v / K.sqrt(K.sum(K.square(v), axis=axes) + 1e-12)


class SpectralNormalization(_KernelWrapper):
    """Miyato et al. 2018 (arXiv:1802.05957): kernel / sigma, its largest singular value as a matrix (rest, last axis).

    Each training step does `iterations` of the power method on a kept vector; shapes are those of `layer`.
    """

    settings = ("iterations",)

    def __init__(self, layer, iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        self.need_positive(iterations=iterations)
        self.iterations = iterations

    def start(self, kernel):
        self.u = self.add_weight("u", (1, kernel.shape[-1]), initializer="random_normal", trainable=False)

    def other(self, kernel, inputs):
        matrix = wide(K.reshape(kernel, (-1, kernel.shape[-1])))
        fixed, u = K.stop_gradient(matrix), wide(self.u)
        for _ in range(self.iterations):
            v = K.l2_normalize(K.dot(u, K.transpose(fixed)), axis=-1)
            u = K.l2_normalize(K.dot(v, fixed), axis=-1)
        u, v = K.stop_gradient(u), K.stop_gradient(v)
        self.add_update([(self.u, K.cast(u, self.u.dtype))], inputs)
        return wide(kernel) / K.sum(K.dot(v, matrix) * u)
