"""Outputs with a structure of their own, and the losses that belong to them."""

import math

from kcore import backend as K
from kcore.spi import ArgumentError

from .base import ExtraLayer, wide


def _made_by(tensor):
    """(layer, number of the call) that an output comes from, also where it was cast on the way to its loss."""
    while not hasattr(tensor, "_keras_history"):
        if tensor.node is None or tensor.node.op.name != "cast":
            return None, 0
        tensor = tensor.node.arguments[0]
    return tensor._keras_history[:2]


def _maker(tensor, kind):
    layer, _ = _made_by(tensor)
    if not isinstance(layer, kind):
        raise ArgumentError(
            f"the loss of {kind.__name__} needs its output as y_pred; the model's output is of {layer!r}. "
            f"End the model with {kind.__name__}, the layer itself: not a model that ends with it."
        )
    return layer


class CRF(ExtraLayer):
    """Linear-chain conditional random field (Lafferty et al. 2001; on networks: Huang et al. 2015, arXiv:1508.01991).

    (batch, time, features) -> potentials e (batch, time, tags), e = x W + b. A path y has the score
    s(y) = a[y_0] + sum_t e_t[y_t] + sum_{t>0} A[y_{t-1}, y_t]; the loss "crf_loss" is log sum exp s - s(y_true) per
    sequence, with y_true (batch, time) or (batch, time, 1) of tags, or one-hot (batch, time, tags). `decode` gives the
    best path (Viterbi). Masked steps, wherever they stand, count in neither: the path goes from the step before them to
    the one after.

    The loss has to know the layer, so the model must end with it, not with a model or an activation after it.
    """

    settings = ("tags",)

    def __init__(self, tags, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(tags=tags)
        self.tags = tags
        self.supports_masking = True

    def build(self, input_shape):
        (features,) = self.known(input_shape, -1)
        self.kernel = self.add_weight("kernel", (features, self.tags))
        self.bias = self.add_weight("bias", (self.tags,), initializer="zeros")
        self.transitions = self.add_weight("transitions", (self.tags, self.tags))
        self.start = self.add_weight("start", (self.tags,), initializer="zeros")
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return None  # the loss knows the mask; a mask on the output would weigh steps one by one

    def call(self, inputs, mask=None):
        return K.dot(inputs, self.kernel) + self.bias

    def log_partition(self, potentials, mask=None):
        """log sum over all paths of exp(score): (batch,)."""
        potentials, transitions, start = wide(potentials, self.transitions, self.start)
        moved = lambda alpha: K.logsumexp(K.expand_dims(alpha, 2) + transitions, axis=1)
        if mask is None:
            always = lambda e, states: (states[0], [moved(states[0]) + e])
            _, _, states = K.rnn(always, potentials[:, 1:], [potentials[:, 0] + start])
            return K.logsumexp(states[0], axis=-1)

        def step(e, states):
            new = e + K.where(K.greater(states[1], 0.5), moved(states[0]), start)
            return new, [new, K.ones_like(states[1])]

        nothing = K.zeros_like(potentials[:, 0])
        _, _, (alpha, begun) = K.rnn(step, potentials, [nothing, nothing[:, :1]], mask=mask)
        return K.logsumexp(alpha, axis=-1) * begun[:, 0]

    def score(self, potentials, path, mask=None):
        """Score of paths (batch, time, tags), one-hot: (batch,)."""
        potentials, path, transitions, start = wide(potentials, path, self.transitions, self.start)
        if mask is None:
            at = K.sum(path * potentials, axis=-1)
            pairs = K.sum(K.dot(path[:, :-1], transitions) * path[:, 1:], axis=-1)
            return K.sum(path[:, 0] * start, axis=-1) + K.sum(at, axis=1) + K.sum(pairs, axis=1)

        def step(row, states):
            e, tag = row[:, : self.tags], row[:, self.tags :]
            before, total = states
            came = K.dot(before, transitions) + (1 - K.sum(before, axis=-1, keepdims=True)) * start
            total = total + K.sum(tag * (e + came), axis=-1, keepdims=True)
            return total, [tag, total]

        nothing = K.zeros_like(potentials[:, 0])
        rows = K.concatenate([potentials, path])
        return K.rnn(step, rows, [nothing, nothing[:, :1]], mask=mask)[2][1][:, 0]

    def loss(self, y_true, potentials, mask=None):
        """Negative log-likelihood of the true path: (batch,)."""
        if K.ndim(y_true) == 3 and K.int_shape(y_true)[-1] == 1 and self.tags != 1:
            y_true = K.squeeze(y_true, -1)
        elif K.ndim(y_true) == 3 and K.int_shape(y_true)[-1] is None:
            # a target of open width: numbers if it is 1 wide, else one-hot
            tags = K.one_hot(K.cast(y_true[:, :, 0], "int32"), self.tags)
            wide = K.ones_like(potentials) * K.cast(y_true, K.dtype(potentials))
            single = K.equal(K.shape(y_true)[2], 1)
            y_true = K.where(single, K.cast(tags, K.dtype(potentials)), wide)
        if K.ndim(y_true) == 2:
            y_true = K.one_hot(K.cast(y_true, "int32"), self.tags)
        path = K.cast(y_true, K.dtype(potentials))
        found = self.log_partition(potentials, mask) - self.score(potentials, path, mask)
        return K.cast(found, K.dtype(potentials))

    def decode(self, potentials, mask=None):
        """The path of highest score: (batch, time) of int32; at masked steps a neighbour's tag is repeated."""
        potentials, transitions, start = wide(potentials, self.transitions, self.start)
        kind, tags = K.dtype(potentials), self.tags
        counts = K.ones_like(potentials[:, :, :1])
        if mask is not None:
            counts = K.cast(K.expand_dims(mask, 2), kind)
        nothing = K.zeros_like(potentials[:, 0])
        stay = K.cumsum(K.ones_like(nothing), axis=-1) - 1

        def forward(row, states):
            best, begun = states
            e, here = row[:, :tags], K.greater(row[:, tags:], 0.5)
            ways, later = K.expand_dims(best, 2) + transitions, K.greater(begun, 0.5)
            new = K.where(later, K.max(ways, axis=1), start) + e
            came = K.where(later, K.cast(K.argmax(ways, axis=1), kind), stay)
            return K.where(here, came, stay), [K.where(here, new, best), K.maximum(begun, row[:, tags:])]

        rows = K.concatenate([potentials, counts])
        _, came, states = K.rnn(forward, rows, [nothing, nothing[:, :1]])
        last = K.cast(K.expand_dims(K.argmax(states[0], axis=-1), 1), kind)

        def backward(row, states):
            tag = K.one_hot(K.cast(states[0][:, 0], "int32"), tags)
            before = K.sum(row * K.cast(tag, kind), axis=-1, keepdims=True)
            return before, [before]

        _, path, _ = K.rnn(backward, came[:, 1:], [last], go_backwards=True)
        path = K.reverse(path, 1)[:, :, 0]
        return K.cast(K.concatenate([path, last]), "int32")


def crf_loss(y_true, y_pred):
    """Negative log-likelihood under the CRF that made `y_pred`: (batch,). Raises ArgumentError for another output."""
    layer = _maker(y_pred, CRF)
    mask = layer.get_input_mask_at(_made_by(y_pred)[1])
    return layer.loss(y_true, y_pred, mask)


crf_loss.takes_indices = True  # targets (batch, time) get an axis of size 1


class MDN(ExtraLayer):
    """Mixture density output (Bishop 1994): `components` Gaussians with one variance each over `dimensions` numbers.

    (batch, features) -> (batch, components * (dimensions + 2)): logits of pi, means, log sigma. The loss
    "mdn_loss" is -log sum_k pi_k N(y; mu_k, sigma_k^2), y (batch, dimensions).
    """

    settings = ("components", "dimensions")

    def __init__(self, components, dimensions, **kwargs):
        super().__init__(**kwargs)
        self.need_positive(components=components, dimensions=dimensions)
        self.components, self.dimensions = components, dimensions

    def build(self, input_shape):
        (features,) = self.known(input_shape, -1)
        width = self.components * (self.dimensions + 2)
        self.kernel = self.add_weight("kernel", (features, width))
        self.bias = self.add_weight("bias", (width,), initializer="zeros")
        self.built = True

    def call(self, inputs):
        return K.dot(inputs, self.kernel) + self.bias

    def split(self, outputs):
        """log pi (batch, m), mu (batch, m, d), log sigma (batch, m)."""
        m, d = self.components, self.dimensions
        return (
            K.log_softmax(outputs[:, :m]),
            K.reshape(outputs[:, m : m + m * d], (-1, m, d)),
            outputs[:, m + m * d :],
        )

    def loss(self, y_true, outputs):
        """Negative log-likelihood: (batch,)."""
        pi, mu, log_sigma = self.split(wide(outputs))
        y_true = K.cast(y_true, K.dtype(mu))
        far = K.sum(K.square(K.expand_dims(y_true, 1) - mu), axis=-1) * K.exp(-2 * log_sigma)
        density = -0.5 * far - self.dimensions * (log_sigma + 0.5 * math.log(2 * math.pi))
        return K.cast(-K.logsumexp(pi + density, axis=-1), K.dtype(outputs))


def mdn_loss(y_true, y_pred):
    """Negative log-likelihood under the MDN that made `y_pred`: (batch,). Raises ArgumentError for another output."""
    return _maker(y_pred, MDN).loss(y_true, y_pred)
