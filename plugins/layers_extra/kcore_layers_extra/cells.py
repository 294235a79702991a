"""Cells for `kcore.layers.RNN`: (batch, features), states -> (batch, units), new states."""

from kcore import activations
from kcore import backend as K

from .base import ExtraLayer, wide


class IndRNNCell(ExtraLayer):
    """Li et al. 2018 (arXiv:1803.04831): h = f(x W + u * h + b); each unit sees only itself."""

    settings = ("units", "activation")

    def __init__(self, units, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.need_positive(units=units)
        activations.get(activation)
        self.units, self.activation = units, activation
        self.state_size = self.output_size = units

    def build(self, input_shape):
        (features,) = self.known(input_shape, -1)
        self.kernel = self.add_weight("kernel", (features, self.units))
        self.recurrent = self.add_weight("recurrent", (self.units,), initializer="random_uniform")
        self.bias = self.add_weight("bias", (self.units,), initializer="zeros")
        self.built = True

    def call(self, inputs, states, training=None):
        z = K.dot(inputs, self.kernel) + self.recurrent * states[0] + self.bias
        h = activations.get(self.activation)(z)
        return h, [h]


class SRUCell(ExtraLayer):
    """Lei et al. 2017 (arXiv:1709.02755): f = sigmoid(x Wf + vf * c + bf), r = sigmoid(x Wr + vr * c + br),
    c' = f * c + (1 - f) * x W, h = r * c' + (1 - r) * x Wh; c is the state before.
    """

    settings = ("units",)

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(units=units)
        self.units = units
        self.state_size = self.output_size = units

    def build(self, input_shape):
        (features,) = self.known(input_shape, -1)
        self.kernel = self.add_weight("kernel", (features, 4 * self.units))
        self.recurrent = self.add_weight("recurrent", (2 * self.units,), initializer="random_uniform")
        self.bias = self.add_weight("bias", (2 * self.units,), initializer="zeros")
        self.built = True

    def call(self, inputs, states, training=None):
        (c,), n = states, self.units
        z = K.dot(inputs, self.kernel)
        gates = K.sigmoid(z[:, n : 3 * n] + self.recurrent * K.concatenate([c, c]) + self.bias)
        f, r = gates[:, :n], gates[:, n:]
        c = f * c + (1 - f) * z[:, :n]
        return r * c + (1 - r) * z[:, 3 * n :], [c]


class LayerNormLSTMCell(ExtraLayer):
    """LSTM with layer normalisation (Ba, Kiros, Hinton 2016, arXiv:1607.06450, eq. 20-22):
    i, f, g, o = LN(x W) + LN(h U) + b; c' = sigmoid(f) c + sigmoid(i) tanh(g); h' = sigmoid(o) tanh(LN(c')).
    The forget gate's bias begins at 1.
    """

    settings = ("units", "epsilon")

    def __init__(self, units, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(units=units)
        self.units, self.epsilon = units, epsilon
        self.state_size, self.output_size = [units, units], units

    def build(self, input_shape):
        (features,) = self.known(input_shape, -1)
        n = self.units
        self.kernel = self.add_weight("kernel", (features, 4 * n))
        self.recurrent_kernel = self.add_weight("recurrent_kernel", (n, 4 * n), initializer="orthogonal")
        start = lambda shape: [0.0] * n + [1.0] * n + [0.0] * 2 * n
        self.bias = self.add_weight("bias", (4 * n,), initializer=start)
        make = lambda name, size: self.add_weight(name, (size,), initializer="ones")
        self.gammas = [make("kernel_gamma", 4 * n), make("recurrent_gamma", 4 * n), make("cell_gamma", n)]
        self.beta = self.add_weight("cell_beta", (n,), initializer="zeros")
        self.built = True

    def call(self, inputs, states, training=None):
        h, c = states

        def norm(x, *scales):
            found = K.layer_normalization(wide(x), *map(wide, scales), epsilon=self.epsilon)
            return K.cast(found, K.dtype(x))

        z = norm(K.dot(inputs, self.kernel), self.gammas[0])
        z = z + norm(K.dot(h, self.recurrent_kernel), self.gammas[1]) + self.bias
        i, f, g, o = (z[:, k * self.units : (k + 1) * self.units] for k in range(4))
        c = K.sigmoid(f) * c + K.sigmoid(i) * K.tanh(g)
        h = K.sigmoid(o) * K.tanh(norm(c, self.gammas[2], self.beta))
        return h, [h, c]
