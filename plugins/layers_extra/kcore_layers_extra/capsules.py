"""Capsules (Sabour, Frosst, Hinton 2017, arXiv:1710.09829)."""

from kcore import backend as K

from .base import ExtraLayer, wide


def squash(s):
    """|s|^2 / (1 + |s|^2) * s / |s| over the last axis."""
    norm = K.sum(K.square(wide(s)), axis=-1, keepdims=True)
    return s * K.cast(norm / ((1 + norm) * K.sqrt(norm + 1e-7)), K.dtype(s))


class PrimaryCapsules(ExtraLayer):
    """A convolution whose channels are vectors: squash(conv(x)), arXiv:1710.09829.

    (batch, h, w, channels) -> (batch, h' * w' * capsules, size), without padding.
    """

    settings = ("capsules", "size", "kernel_size", "strides")

    def __init__(self, capsules, size, kernel_size=9, strides=2, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(capsules=capsules, size=size, kernel_size=kernel_size, strides=strides)
        self.capsules, self.size, self.kernel_size, self.strides = capsules, size, kernel_size, strides

    def build(self, input_shape):
        _, _, channels = self.known(input_shape, 1, 2, 3)
        width = self.capsules * self.size
        self.kernel = self.add_weight("kernel", (self.kernel_size, self.kernel_size, channels, width))
        self.bias = self.add_weight("bias", (width,), initializer="zeros")
        self.built = True

    def call(self, inputs):
        strides = (self.strides, self.strides)
        x = K.conv2d(inputs, self.kernel, strides, data_format="channels_last") + self.bias
        height, width = K.int_shape(x)[1:3]
        return squash(K.reshape(x, (-1, height * width * self.capsules, self.size)))


class Capsules(ExtraLayer):
    """Dynamic routing, procedure 1 of arXiv:1710.09829: v_j = squash(sum_i c_ij W_ij u_i), c = softmax_j(b),
    b_ij += W_ij u_i . v_j, `routings` times.

    (batch, n, d) -> (batch, capsules, size).
    """

    settings = ("capsules", "size", "routings")

    def __init__(self, capsules, size, routings=3, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(capsules=capsules, size=size, routings=routings)
        self.capsules, self.size, self.routings = capsules, size, routings

    def build(self, input_shape):
        count, features = self.known(input_shape, 1, 2)
        self.kernel = self.add_weight("kernel", (count, self.capsules, features, self.size))
        self.built = True

    def call(self, inputs):
        said = wide(K.einsum("bid,ijdo->bjio", [inputs, self.kernel]))
        agreed = K.zeros_like(K.sum(said, axis=-1))
        for left in range(self.routings, 0, -1):
            c = K.expand_dims(K.softmax(agreed, axis=1), -1)
            v = squash(K.sum(c * said, axis=2))
            if left > 1:
                agreed = agreed + K.sum(said * K.expand_dims(v, 2), axis=-1)
        return K.cast(v, K.dtype(inputs))


class CapsuleLength(ExtraLayer):
    """Length of each vector, the probability of its class (arXiv:1710.09829): (batch, n, d) -> (batch, n)."""

    def call(self, inputs):
        return K.cast(K.sqrt(K.sum(K.square(wide(inputs)), axis=-1) + 1e-7), K.dtype(inputs))
