"""Networks with a memory."""

import numpy as np

from kcore import backend as K

from .base import ExtraLayer, away, wide


class NTMCell(ExtraLayer):
    """Graves, Wayne, Danihelka 2014 (arXiv:1410.5401): an LSTM that reads and writes a memory of slots.

    Per head: key k, strength beta, gate g, shift s (-1, 0, +1), sharpness gamma;
    w = sharpen(shift(g softmax(beta cos(k, M)) + (1 - g) w_before)); read r = w M; write M (1 - w e') + w a'.
    For `RNN(NTMCell(...))`: (batch, features), states -> (batch, units + width). The heads begin at slot 0.
    """

    settings = ("units", "slots", "width")

    def __init__(self, units, slots, width, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(units=units, slots=slots, width=width)
        self.units, self.slots, self.width = units, slots, width
        self.state_size = [units, units, width, slots, slots, slots * width]
        self.output_size = units + width

    def build(self, input_shape):
        (features,) = self.known(input_shape, -1)
        rows = features + self.width + self.units
        self.kernel = self.add_weight("kernel", (rows, 4 * self.units))
        self.bias = self.add_weight("bias", (4 * self.units,), initializer="zeros")
        heads = 2 * (self.width + 6) + 2 * self.width
        self.head_kernel = self.add_weight("head_kernel", (self.units, heads))
        self.head_bias = self.add_weight("head_bias", (heads,), initializer="zeros")
        self.built = True

    def call(self, inputs, states, training=None):
        h, c, read, read_at, write_at, memory = states
        memory = K.reshape(memory, (-1, self.slots, self.width))
        h, c = self._control(K.concatenate([inputs, read, h]), c)
        told = K.dot(h, self.head_kernel) + self.head_bias
        size, width = self.width + 6, self.width
        # write, then read what is there now
        write_at = self._place(told[:, size : 2 * size], memory, write_at)
        erase = K.sigmoid(told[:, 2 * size : 2 * size + width])
        new = K.tanh(told[:, 2 * size + width :])
        at = K.expand_dims(write_at, 2)
        memory = memory * (1 - at * K.expand_dims(erase, 1)) + at * K.expand_dims(new, 1)
        read_at = self._place(told[:, :size], memory, read_at)
        read = K.sum(K.expand_dims(read_at, 2) * memory, axis=1)
        kept = K.reshape(memory, (-1, self.slots * width))
        return K.concatenate([h, read]), [h, c, read, read_at, write_at, kept]

    def _control(self, x, c):
        z = K.dot(x, self.kernel) + self.bias
        i, f, g, o = (z[:, n * self.units : (n + 1) * self.units] for n in range(4))
        c = K.sigmoid(f + 1) * c + K.sigmoid(i) * K.tanh(g)
        return K.sigmoid(o) * K.tanh(c), c

    def _place(self, told, memory, before):
        width, kind = self.width, K.dtype(before)
        told, memory, before = wide(told, memory, before)  # norms and logarithms need more than float16 has
        # states begin as zeros: that stands for slot 0
        first = K.constant(np.eye(1, self.slots), dtype=K.dtype(before))
        before = before + first * (1 - K.sum(before, axis=-1, keepdims=True))
        key, strength = K.tanh(told[:, :width]), K.softplus(told[:, width : width + 1])
        gate = K.sigmoid(told[:, width + 1 : width + 2])
        shift = K.softmax(told[:, width + 2 : width + 5])
        sharpness = 1 + K.softplus(told[:, width + 5 : width + 6])
        norms = K.sqrt(K.sum(K.square(memory), axis=-1) + 1e-8) * K.sqrt(
            K.sum(K.square(key), axis=-1, keepdims=True) + 1e-8
        )
        alike = K.sum(memory * K.expand_dims(key, 1), axis=-1) / norms
        w = gate * K.softmax(strength * alike) + (1 - gate) * before
        back, ahead = K.concatenate([w[:, 1:], w[:, :1]]), K.concatenate([w[:, -1:], w[:, :-1]])
        w = shift[:, 0:1] * back + shift[:, 1:2] * w + shift[:, 2:3] * ahead
        # w ** sharpness, divided by the sum: nothing underflows
        return K.cast(K.softmax(sharpness * K.log(w + 1e-8)), kind)


class MemoryNetwork(ExtraLayer):
    """Sukhbaatar et al. 2015 (arXiv:1503.08895): end-to-end memory network, adjacent weights.

    u = sum_j l_j * E0[q_j]; per hop k: p = softmax(u m'), u = u + p c, with m and c the encoded sentences by
    E_{k-1} and E_k, each plus a learned vector for its place in time; l the position encoding of the paper.
    [story (batch, sentences, words), question (batch, words)], word numbers below `words`, 0 for no word ->
    (batch, units). Sentences without a word are not looked at.
    """

    settings = ("words", "units", "hops")

    def __init__(self, words, units, hops=3, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(words=words, units=units, hops=hops)
        self.words, self.units, self.hops = words, units, hops

    def build(self, input_shape):
        sentences, _ = self.known(input_shape[0], 1, 2)
        self.known(input_shape[1], 1)
        self.embeddings, self.times = [], []
        for hop in range(self.hops + 1):
            make = lambda name, shape, hop=hop: self.add_weight(
                f"{name}_{hop}", shape, initializer="random_normal"
            )
            self.embeddings.append(make("embedding", (self.words, self.units)))
            self.times.append(make("time", (sentences, self.units)))
        self.built = True

    def _encoded(self, words, table, seen):
        size, units = K.int_shape(words)[-1], self.units
        j, k = np.arange(1, size + 1)[:, None] / size, np.arange(1, units + 1)[None] / units
        weights = K.constant((1 - j) - k * (1 - 2 * j), dtype=self.compute_dtype)
        found = K.gather(table, words) * K.expand_dims(seen, -1)
        return K.sum(found * weights, axis=-2)

    def call(self, inputs):
        story, question = (K.cast(x, "int32") for x in inputs)
        kind = self.compute_dtype
        in_story, asked = (K.cast(K.not_equal(x, 0), kind) for x in (story, question))
        absent = away(K.max(in_story, axis=-1), wide(in_story))
        u = self._encoded(question, self.embeddings[0], asked)
        keys = self._encoded(story, self.embeddings[0], in_story) + self.times[0]
        for table, time in zip(self.embeddings[1:], self.times[1:], strict=True):
            values = self._encoded(story, table, in_story) + time
            p = K.softmax(wide(K.sum(keys * K.expand_dims(u, 1), axis=-1)) + absent)
            u = u + K.sum(K.expand_dims(K.cast(p, kind), 2) * values, axis=1)
            keys = values
        return u
