"""Activations with and without weights, ways to drop."""

from kcore import activations
from kcore import backend as K
from kcore.spi import ArgumentError

from .base import ExtraLayer


def gelu(x):
    """x Phi(x), Phi the normal distribution (Hendrycks, Gimpel 2016, arXiv:1606.08415)."""
    return K.gelu(x)


class _Element(ExtraLayer):
    """Element by element: the shape stays, the mask goes on."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True


class GELU(_Element):
    """x Phi(x) (Hendrycks, Gimpel 2016, arXiv:1606.08415). Any shape -> the same."""

    def call(self, inputs):
        return gelu(inputs)


class Mish(_Element):
    """x tanh(log(1 + e^x)) (Misra 2019, arXiv:1908.08681). Any shape -> the same."""

    def call(self, inputs):
        return activations.get("mish")(inputs)


class Swish(_Element):
    """x sigmoid(beta x) (Ramachandran, Zoph, Le 2017, arXiv:1710.05941). Any shape -> the same."""

    settings = ("beta",)

    def __init__(self, beta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.beta = beta

    def call(self, inputs):
        return inputs * K.sigmoid(self.beta * inputs)


class SwiGLU(_Element):
    """swish(x W) * (x V) (Shazeer 2020, arXiv:2002.05202). (batch, ..., features) -> (batch, ..., units)."""

    settings = ("units", "use_bias")

    def __init__(self, units, use_bias=False, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(units=units)
        self.units, self.use_bias = units, use_bias

    def build(self, input_shape):
        (features,) = self.known(input_shape, -1)
        self.kernel = self.add_weight("kernel", (features, self.units))
        self.gate_kernel = self.add_weight("gate_kernel", (features, self.units))
        make = lambda name: self.add_weight(name, (self.units,), initializer="zeros")
        self.bias, self.gate_bias = (make("bias"), make("gate_bias")) if self.use_bias else (0.0, 0.0)
        self.built = True

    def call(self, inputs):
        gate = K.dot(inputs, self.kernel) + self.bias
        return gate * K.sigmoid(gate) * (K.dot(inputs, self.gate_kernel) + self.gate_bias)


def need_rate(layer, rate):
    if not 0 <= rate < 1:
        raise ArgumentError(f"{type(layer).__name__}: rate={rate!r}; a number from 0 to below 1 is needed.")


class DropBlock2D(_Element):
    """Ghiasi, Lin, Le 2018 (arXiv:1810.12890): in training, squares of `block_size` are zero in each channel; the
    rest is scaled by (all / kept).

    (batch, height, width, channels) -> the same; height and width known. About `rate` of all is dropped.
    """

    settings = ("rate", "block_size", "seed")

    def __init__(self, rate, block_size=7, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(block_size=block_size)
        need_rate(self, rate)
        self.rate, self.block_size, self.seed = rate, block_size, seed

    def build(self, input_shape):
        height, width = self.known(input_shape, 1, 2)
        if self.block_size > min(height, width):
            raise ArgumentError(
                f"DropBlock2D: block_size={self.block_size} does not fit into {(height, width)}."
            )
        self.built = True

    def call(self, inputs, training=None):
        if self.rate == 0:
            return inputs
        height, width = K.int_shape(inputs)[1:3]
        size = self.block_size
        places = (height - size + 1) * (width - size + 1)
        gamma = min(self.rate * height * width / size**2 / places, 0.99)
        ones = K.ones_like(inputs)[:, : height - size + 1, : width - size + 1]
        hit = K.cast(K.equal(K.dropout(ones, gamma, seed=self.seed), 0), K.dtype(inputs))
        around = ((0, 0), (size - 1, size - 1), (size - 1, size - 1), (0, 0))
        grown = K.pool2d(K.pad(hit, around), (size, size), data_format="channels_last", pool_mode="max")
        kept = 1 - grown
        return K.in_train_phase(
            inputs * kept / K.maximum(K.mean(kept), K.epsilon()), inputs, training=training
        )


class DropConnectDense(_Element):
    """Wan et al. 2013 (Regularization of Neural Networks using DropConnect): f(x (W * mask / (1 - rate)) + b).

    (batch, ..., features) -> (batch, ..., units). The mask is drawn for each step of training; none in use.
    """

    settings = ("units", "rate", "activation", "use_bias", "seed")

    def __init__(self, units, rate=0.5, activation="linear", use_bias=True, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(units=units)
        need_rate(self, rate)
        activations.get(activation)
        self.units, self.rate, self.activation = units, rate, activation
        self.use_bias, self.seed = use_bias, seed

    def build(self, input_shape):
        (features,) = self.known(input_shape, -1)
        self.kernel = self.add_weight("kernel", (features, self.units))
        self.bias = self.add_weight("bias", (self.units,), initializer="zeros") if self.use_bias else 0.0
        self.built = True

    def call(self, inputs, training=None):
        kernel = K.cast(self.kernel, self.compute_dtype)
        if self.rate:
            dropped = K.dropout(kernel, self.rate, seed=self.seed)
            kernel = K.in_train_phase(dropped, kernel, training=training)
        return activations.get(self.activation)(K.dot(inputs, kernel) + self.bias)
