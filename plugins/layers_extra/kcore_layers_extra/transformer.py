"""Positions and the blocks of the transformer (Vaswani et al. 2017, arXiv:1706.03762)."""

import numpy as np

from kcore import backend as K
from kcore.layers import Dense
from kcore.spi import ArgumentError

from .attention import MultiHeadAttention
from .base import ExtraLayer, counted, masks_of
from .normalization import LayerNormalization


class SinusoidalPositions(ExtraLayer):
    """Adds sin(t / r^(2i/d)) to features 0 .. d/2 - 1 and cos of the same to the rest; r is `max_wavelength`.

    (batch, time, d) -> the same, d even (ArgumentError otherwise); time may be unknown. Section 3.5 of the paper,
    with the sines side by side rather than interleaved.
    """

    settings = ("max_wavelength",)

    def __init__(self, max_wavelength=10000.0, **kwargs):
        super().__init__(**kwargs)
        self.max_wavelength = max_wavelength
        self.supports_masking = True

    def build(self, input_shape):
        (size,) = self.known(input_shape, -1)
        if size % 2:
            raise ArgumentError(f"SinusoidalPositions: {size} features; an even number is needed.")
        self.built = True

    def call(self, inputs):
        half = K.int_shape(inputs)[-1] // 2
        rates = self.max_wavelength ** (-np.arange(half) / half)
        angles = K.expand_dims(counted(inputs), 2) * K.constant(rates, dtype=K.dtype(inputs))
        return inputs + K.concatenate([K.sin(angles), K.cos(angles)], axis=-1)


class LearnedPositions(ExtraLayer):
    """Adds a learned vector per position (Gehring et al. 2017, arXiv:1705.03122): x_t + p_t.

    (batch, time, features) -> the same, for at most `length` steps.
    """

    settings = ("length",)

    def __init__(self, length, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(length=length)
        self.length = length
        self.supports_masking = True

    def build(self, input_shape):
        (size,) = self.known(input_shape, -1)
        if input_shape[1] is not None and input_shape[1] > self.length:
            raise ArgumentError(
                f"LearnedPositions: {input_shape[1]} steps; length={self.length} is too short."
            )
        self.positions = self.add_weight("positions", (self.length, size), initializer="random_uniform")
        self.built = True

    def call(self, inputs):
        return inputs + K.gather(self.positions, K.cast(counted(inputs), "int32"))


class _Block(ExtraLayer):
    """Attention and a network per step, each x + f(x), normalised after (or before, `norm_first`)."""

    settings = ("num_heads", "hidden", "activation", "dropout", "norm_first", "epsilon")
    causal = False

    def __init__(
        self, num_heads, hidden, activation="relu", dropout=0.0, norm_first=False, epsilon=1e-6, **kwargs
    ):
        super().__init__(**kwargs)
        self.need_positive(num_heads=num_heads, hidden=hidden)
        self.num_heads, self.hidden, self.activation = num_heads, hidden, activation
        self.dropout, self.norm_first, self.epsilon = dropout, norm_first, epsilon
        self.supports_masking = True

    def compute_mask(self, inputs, mask=None):
        return masks_of(mask, 1)[0]

    def _attention(self, shapes, causal=False):
        size = shapes[0][-1]
        if size % self.num_heads:
            raise ArgumentError(
                f"{type(self).__name__}: {size} features do not divide into {self.num_heads} heads."
            )
        return self._made(
            MultiHeadAttention(
                self.num_heads, size // self.num_heads, causal, self.dropout, dtype=self.dtype_policy
            ),
            shapes if len(shapes) > 1 else shapes[0],
        )

    def _made(self, layer, shape):
        layer.build(shape)
        return layer

    def _network(self, shape):
        self.first = self._made(
            Dense(self.hidden, activation=self.activation, dtype=self.dtype_policy), shape
        )
        self.second = self._made(Dense(shape[-1], dtype=self.dtype_policy), (*shape[:-1], self.hidden))

    def _norms(self, count, shape):
        self.norms = [
            self._made(LayerNormalization(self.epsilon, dtype=self.dtype_policy), shape) for _ in range(count)
        ]

    def _add(self, x, f, norm, training):
        y = f(norm.call(x)) if self.norm_first else f(x)
        if self.dropout:
            y = K.in_train_phase(K.dropout(y, self.dropout), y, training=training)
        return x + y if self.norm_first else norm.call(x + y)

    def _feed(self, x):
        return self.second.call(self.first.call(x))


class TransformerEncoder(_Block):
    """One encoder block: y = norm(x + attend(x)); norm(y + W2 f(W1 y)), section 3.1 of arXiv:1706.03762.

    (batch, time, features) -> the same; features divide into the heads (ArgumentError). Masked steps are not
    looked at; the mask goes on. `norm_first` normalises before each part (arXiv:2002.04745).
    """

    def build(self, input_shape):
        self.known(input_shape, -1)
        self.attention = self._attention([input_shape])
        self._network(input_shape)
        self._norms(2, input_shape)
        self.built = True

    def call(self, inputs, mask=None, training=None):
        attend = lambda x: self.attention.call(x, mask=mask, training=training)
        x = self._add(inputs, attend, self.norms[0], training)
        return self._add(x, self._feed, self.norms[1], training)


class TransformerDecoder(_Block):
    """One decoder block: causal self-attention, attention to the encoder's steps, network; arXiv:1706.03762.

    [target (batch, t, d), memory (batch, s, e)] -> (batch, t, d), with the mask of the target.
    """

    def build(self, input_shape):
        target, memory = input_shape
        self.known(target, -1)
        self.attention = self._attention([target], causal=True)
        self.look = self._attention([target, memory])
        self._network(target)
        self._norms(3, target)
        self.attention.causal = True
        self.built = True

    def call(self, inputs, mask=None, training=None):
        target, memory = inputs
        own, other = masks_of(mask, 2)
        attend = lambda x: self.attention.call(x, mask=own, training=training)
        look = lambda x: self.look.call([x, memory], mask=[own, other], training=training)
        x = self._add(target, attend, self.norms[0], training)
        x = self._add(x, look, self.norms[1], training)
        return self._add(x, self._feed, self.norms[2], training)
