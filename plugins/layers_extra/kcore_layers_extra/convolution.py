"""Blocks and helpers of convolutional networks; channels are the last axis."""

from kcore import activations
from kcore import backend as K
from kcore.spi import ArgumentError

from .base import ExtraLayer


class TemporalConvBlock(ExtraLayer):
    """Bai, Kolter, Koltun 2018 (arXiv:1803.01271): relu(x' + F(x)), F two causal dilated convolutions, each with relu
    and dropout; x' is x, or x by a 1 x 1 convolution where the channels differ.

    (batch, time, channels) -> (batch, time, filters).
    """

    settings = ("filters", "kernel_size", "dilation_rate", "dropout")

    def __init__(self, filters, kernel_size=3, dilation_rate=1, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(filters=filters, kernel_size=kernel_size, dilation_rate=dilation_rate)
        self.filters, self.kernel_size = filters, kernel_size
        self.dilation_rate, self.dropout = dilation_rate, dropout

    def build(self, input_shape):
        (channels,) = self.known(input_shape, -1)
        make = lambda n, depth: self.add_weight(f"kernel_{n}", (self.kernel_size, depth, self.filters))
        self.kernels = [make(0, channels), make(1, self.filters)]
        self.biases = [self.add_weight(f"bias_{n}", (self.filters,), initializer="zeros") for n in (0, 1)]
        self.shortcut = None
        if channels != self.filters:
            self.shortcut = self.add_weight("shortcut", (channels, self.filters))
        self.built = True

    def call(self, inputs, training=None):
        x = inputs
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            x = K.conv1d(
                x, kernel, padding="causal", data_format="channels_last", dilation_rate=self.dilation_rate
            )
            x = K.relu(x + bias)
            if self.dropout:
                x = K.in_train_phase(K.dropout(x, self.dropout), x, training=training)
        return K.relu(x + (inputs if self.shortcut is None else K.dot(inputs, self.shortcut)))


class CoordConv2D(ExtraLayer):
    """Liu et al. 2018 (arXiv:1807.03247): a convolution that also sees the place, as two channels from -1 to 1.

    (batch, height, width, channels) -> (batch, height', width', filters); weights as Conv2D's, two channels deeper.
    """

    settings = ("filters", "kernel_size", "strides", "padding", "activation")

    def __init__(self, filters, kernel_size, strides=(1, 1), padding="valid", activation="linear", **kwargs):
        super().__init__(**kwargs)
        self.need_positive(filters=filters)
        activations.get(activation)
        self.filters, self.padding, self.activation = filters, padding, activation
        self.kernel_size, self.strides = tuple(kernel_size), tuple(strides)

    def build(self, input_shape):
        (channels,) = self.known(input_shape, -1)
        self.kernel = self.add_weight("kernel", (*self.kernel_size, channels + 2, self.filters))
        self.bias = self.add_weight("bias", (self.filters,), initializer="zeros")
        self.built = True

    def call(self, inputs):
        one = K.ones_like(inputs[..., :1])
        places = []
        for axis in (1, 2):
            last = K.maximum(K.sum(one, axis=axis, keepdims=True) - 1, 1.0)
            places.append(2 * (K.cumsum(one, axis=axis) - 1) / last - 1)
        x = K.conv2d(
            K.concatenate([inputs, *places]), self.kernel, self.strides, self.padding, "channels_last"
        )
        return activations.get(self.activation)(x + self.bias)


class SqueezeExcitation(ExtraLayer):
    """Hu et al. 2017 (arXiv:1709.01507): x * sigmoid(relu(mean(x) W1 + b1) W2 + b2), the mean over all places.

    (batch, ..., channels) -> the same; the layer between has channels / `ratio` units, at least one.
    """

    settings = ("ratio",)

    def __init__(self, ratio=16, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(ratio=ratio)
        self.ratio = ratio

    def build(self, input_shape):
        (channels,) = self.known(input_shape, -1)
        units = max(1, channels // self.ratio)
        self.down = self.add_weight("down", (channels, units))
        self.down_bias = self.add_weight("down_bias", (units,), initializer="zeros")
        self.up = self.add_weight("up", (units, channels))
        self.up_bias = self.add_weight("up_bias", (channels,), initializer="zeros")
        self.built = True

    def call(self, inputs):
        axes = tuple(range(1, K.ndim(inputs) - 1))
        squeezed = K.mean(inputs, axis=axes, keepdims=True)
        hidden = K.relu(K.dot(squeezed, self.down) + self.down_bias)
        return inputs * K.sigmoid(K.dot(hidden, self.up) + self.up_bias)


class PixelShuffle(ExtraLayer):
    """Shi et al. 2016 (arXiv:1609.05158): channels become pixels, y[i f + a, j f + b, k] = x[i, j, (a f + b) c + k].

    (batch, h, w, c * factor^2) -> (batch, h * factor, w * factor, c). Raises ArgumentError if it does not divide.
    """

    settings = ("factor",)

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(factor=factor)
        self.factor = factor

    def build(self, input_shape):
        channels = self.known(input_shape, 1, 2, 3)[2]
        if channels % self.factor**2:
            raise ArgumentError(
                f"PixelShuffle: {channels} channels do not divide by factor squared, {self.factor**2}."
            )
        self.built = True

    def call(self, inputs):
        f = self.factor
        h, w, channels = K.int_shape(inputs)[1:]
        x = K.reshape(inputs, (-1, h, w, f, f, channels // f**2))
        x = K.permute_dimensions(x, (0, 1, 3, 2, 4, 5))
        return K.reshape(x, (-1, h * f, w * f, channels // f**2))
