"""Attention: a query looks up a weighted mean of values."""

from kcore import backend as K
from kcore.spi import ArgumentError

from .base import ExtraLayer, away, counted, masks_of, wide


class _Attention(ExtraLayer):
    """[query (batch, tq, dq), value (batch, tv, dv)] -> (batch, tq, dv); masked values are not looked at."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs, mask=None):
        return masks_of(mask, 2)[0]

    def call(self, inputs, mask=None):
        query, value = inputs
        scores = wide(self.scores(query, value))
        seen = masks_of(mask, 2)[1]
        if seen is not None:
            scores = scores + K.expand_dims(away(seen, scores), 1)
        return K.matmul(K.cast(K.softmax(scores), K.dtype(value)), value)


class LuongAttention(_Attention):
    """Luong, Pham, Manning 2015 (arXiv:1508.04025): softmax(score(q, v)) v.

    score="dot": q v'; "general": q W v'; "concat": u' tanh(W [q; v]) with `units` hidden units.
    [query (batch, tq, dq), value (batch, tv, dv)] -> (batch, tq, dv). Raises ArgumentError for another score.
    """

    settings = ("score", "units")

    def __init__(self, score="dot", units=32, **kwargs):
        super().__init__(**kwargs)
        if score not in ("dot", "general", "concat"):
            raise ArgumentError(f"LuongAttention: score={score!r}; 'dot', 'general' or 'concat' is needed.")
        self.need_positive(units=units)
        self.score, self.units = score, units

    def build(self, input_shape):
        (dq,), (dv,) = (self.known(s, -1) for s in input_shape)
        if self.score == "general":
            self.kernel = self.add_weight("kernel", (dq, dv))
        elif self.score == "concat":
            self.query_kernel = self.add_weight("query_kernel", (dq, self.units))
            self.value_kernel = self.add_weight("value_kernel", (dv, self.units))
            self.scale = self.add_weight("scale", (self.units,), initializer="random_uniform")
        self.built = True

    def scores(self, query, value):
        if self.score == "concat":
            return additive(K.dot(query, self.query_kernel), K.dot(value, self.value_kernel), self.scale)
        query = K.dot(query, self.kernel) if self.score == "general" else query
        return K.matmul(query, K.permute_dimensions(value, (0, 2, 1)))


def additive(query, value, scale):
    """scale' tanh(q + v) for every pair: (batch, tq, tv)."""
    return K.sum(scale * K.tanh(K.expand_dims(query, 2) + K.expand_dims(value, 1)), axis=-1)


class BahdanauAttention(_Attention):
    """Bahdanau, Cho, Bengio 2014 (arXiv:1409.0473): softmax(u' tanh(W q + U v)) v.

    [query (batch, tq, dq), value (batch, tv, dv)] -> (batch, tq, dv).
    """

    settings = ("units",)

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(units=units)
        self.units = units

    def build(self, input_shape):
        (dq,), (dv,) = (self.known(s, -1) for s in input_shape)
        self.query_kernel = self.add_weight("query_kernel", (dq, self.units))
        self.value_kernel = self.add_weight("value_kernel", (dv, self.units))
        self.scale = self.add_weight("scale", (self.units,), initializer="random_uniform")
        self.built = True

    def scores(self, query, value):
        return additive(K.dot(query, self.query_kernel), K.dot(value, self.value_kernel), self.scale)


class MultiHeadAttention(ExtraLayer):
    """Vaswani et al. 2017 (arXiv:1706.03762): per head softmax(Q K' / sqrt(size)) V; heads joined by a last kernel.

    Input x, or [query, value], or [query, value, key], each (batch, time, features) -> (batch, tq, features of
    the query). Masked values are not looked at; `causal`: step t sees steps up to t only.
    """

    settings = ("num_heads", "key_size", "causal", "dropout")

    def __init__(self, num_heads, key_size, causal=False, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(num_heads=num_heads, key_size=key_size)
        self.num_heads, self.key_size, self.causal, self.dropout = num_heads, key_size, causal, dropout
        self.supports_masking = True

    def _three(self, inputs):
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        query, value = given[0], given[1] if len(given) > 1 else given[0]
        return query, value, given[2] if len(given) > 2 else value

    def build(self, input_shape):
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        query, value, key = (self.known(s, -1)[0] for s in self._three(shapes))
        heads = (self.num_heads, self.key_size)
        self.query_kernel = self.add_weight("query_kernel", (query, *heads))
        self.key_kernel = self.add_weight("key_kernel", (key, *heads))
        self.value_kernel = self.add_weight("value_kernel", (value, *heads))
        self.output_kernel = self.add_weight("output_kernel", (*heads, query))
        self.output_bias = self.add_weight("output_bias", (query,), initializer="zeros")
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return masks_of(mask, 1)[0]

    def call(self, inputs, mask=None, training=None):
        query, value, key = self._three(inputs)
        alone = not isinstance(inputs, (list, tuple)) or len(inputs) == 1
        q, k, v = (
            K.einsum("btd,dhs->bhts", [x, w])
            for x, w in ((query, self.query_kernel), (key, self.key_kernel), (value, self.value_kernel))
        )
        scores = wide(K.einsum("bhqs,bhks->bhqk", [q * self.key_size**-0.5, k]))
        seen = masks_of(mask, 1)[0] if alone else masks_of(mask, 2)[1]
        if seen is not None:
            scores = scores + K.expand_dims(K.expand_dims(away(seen, scores), 1), 1)
        if self.causal:
            past = K.greater_equal(K.expand_dims(counted(query), 2), K.expand_dims(counted(value), 1))
            scores = scores + K.expand_dims(away(past, scores), 1)
        weights = K.cast(K.softmax(scores), K.dtype(v))
        if self.dropout:
            weights = K.in_train_phase(K.dropout(weights, self.dropout), weights, training=training)
        heads = K.einsum("bhqk,bhks->bhqs", [weights, v])
        return K.einsum("bhqs,hsd->bqd", [heads, self.output_kernel]) + self.output_bias
