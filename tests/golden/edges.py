"""Values and gradients where a formula has a corner, a tie or a zero, and masks through wrappers: what the original
recorded (`edges.npz`). Built the same way for it and for kcore.

`CASES` maps a name to a function of a `Kit` that gives what is computed: {name: array}.
"""

import zlib

import numpy as np

CASES = {}


class Kit:
    """A package's modules (backend, layers, activations, losses, constraints) and draws for one case."""

    def __init__(self, modules, name):
        vars(self).update(modules)
        self.rng = np.random.RandomState(zlib.crc32(name.encode()))

    def real(self, *shape):
        return self.rng.uniform(-1, 1, shape).astype("float32")

    def steps(self, *shape):
        """Values from -1 to 1 in steps of a half: full of ties and zeros."""
        return (self.rng.randint(-2, 3, shape) / 2).astype("float32")

    def sloped(self, function, *values):
        """The value of a function of tensors, and the gradients of its sum, each element times a number of its own."""
        k = self.backend
        inputs = [k.placeholder(shape=v.shape) for v in values]
        outputs = function(*inputs)
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        found = k.function(inputs, outputs)(list(values))
        weights = [np.linspace(0.5, 2, o.size).reshape(o.shape).astype("float32") for o in found]
        total = sum(k.sum(o * k.constant(w)) for o, w in zip(outputs, weights))
        gradients = k.gradients(total, inputs)
        result = {f"value_{i}": v for i, v in enumerate(found)}
        there = [i for i, g in enumerate(gradients) if g is not None]
        for i, g in zip(there, k.function(inputs, [gradients[i] for i in there])(list(values))):
            result[f"grad_{i}"] = g
        return result

    def layer(self, layer, *values, **options):
        """What a layer gives for inputs (after `before`, a layer on each): values, masks, gradients."""
        k, before = self.backend, options.get("before")
        inputs = [
            self.layers.Input(batch_shape=(options.get("batch"),) + v.shape[1:], dtype=v.dtype.name)
            for v in values
        ]
        given = [before(x) if before else x for x in inputs]
        output = layer(given if len(given) > 1 else given[0])
        draws = np.random.RandomState(3)
        shapes = [tuple(k.int_shape(w)) for w in layer.weights]
        layer.set_weights([draws.uniform(0.1, 0.8, s).astype("float32") for s in shapes])
        outputs = list(output) if isinstance(output, (list, tuple)) else [output]
        masks = layer.get_output_mask_at(0)
        masks = masks if isinstance(masks, list) else [masks]
        result = {f"value_{i}": v for i, v in enumerate(k.function(inputs, outputs)(list(values)))}
        for i, mask in enumerate(masks):
            if mask is not None:
                result[f"mask_{i}"] = k.function(inputs, [mask])(list(values))[0]
        weighted = sum(
            k.sum(o * k.constant(np.linspace(0.5, 2, v.size).reshape(v.shape)))
            for o, v in zip(outputs, (result[f"value_{i}"] for i in range(len(outputs))))
        )
        wanted = [x for x, v in zip(inputs, values) if v.dtype.kind == "f"] + list(layer.trainable_weights)
        pairs = zip(k.gradients(weighted, wanted), wanted) if wanted else []
        gradients = [k.zeros_like(w) + g for g, w in pairs if g is not None]  # of a table not as single rows
        for i, g in enumerate(k.function(inputs, gradients)(list(values)) if gradients else []):
            result[f"grad_{i}"] = g
        return result


def run(modules, name):
    return CASES[name](Kit(modules, name))


def _case(name, function):
    CASES[name] = function


CORNERS = np.array([[-3, -2.5, -1, -0.5, 0, 0.3, 0.5], [1, 2, 2.5, 3, 6, 7, -0.0]], "float32")
for _i, _how in enumerate(
    [
        {}, {"alpha": 0.1}, {"alpha": 1.0}, {"max_value": 2.0}, {"max_value": 6}, {"max_value": 0.0}, {"threshold": 0.5},
        {"threshold": -1.0}, {"threshold": -1.0, "max_value": 2.0}, {"threshold": -1.0, "max_value": 6, "alpha": 0.2},
        {"threshold": 0.5, "max_value": 0.3}, {"alpha": 0.3, "max_value": 6}, {"alpha": 0.3, "threshold": 0.5},
        {"alpha": 0.3, "max_value": 2.0, "threshold": 1.0},
    ]
):  # fmt: skip
    _case(f"relu_{_i}", lambda k, how=_how: k.sloped(lambda x: k.backend.relu(x, **how), CORNERS))
for _name in ("elu", "selu", "softsign", "softplus", "hard_sigmoid", "sigmoid", "tanh", "exponential"):
    _case(_name, lambda k, name=_name: k.sloped(getattr(k.activations, name), CORNERS))
for _name in ("abs", "sign", "square", "sqrt", "exp"):
    _case(_name, lambda k, name=_name: k.sloped(getattr(k.backend, name), np.abs(CORNERS[:, 2:]) + 0.1))
for _axis in (0, 1, -1):
    _case(
        f"softmax_of_rows_{_axis}",
        lambda k, axis=_axis: k.sloped(lambda x: k.activations.softmax(x, axis), k.real(3, 4)),
    )
    for _name in ("max", "min", "mean", "std", "var", "prod", "logsumexp"):
        _case(
            f"{_name}_{_axis}",
            lambda k, name=_name, axis=_axis: k.sloped(
                lambda x: getattr(k.backend, name)(x, axis), k.steps(4, 5)
            ),
        )
for _name in ("maximum", "minimum"):
    _case(_name, lambda k, name=_name: k.sloped(getattr(k.backend, name), k.steps(4, 5), k.steps(4, 5)))
_case("clip", lambda k: k.sloped(lambda x: k.backend.clip(x, -0.5, 0.5), k.steps(4, 5)))
_case(
    "relative",
    lambda k: k.sloped(
        lambda x: x / (1e-3 + k.backend.sqrt(k.backend.sum(k.backend.square(x), 0, True))),
        np.array([[0, 1.0], [0, 2]], "float32"),
    ),
)
_case(
    "l2_normalize",
    lambda k: k.sloped(lambda x: k.backend.l2_normalize(x, 0), np.array([[0, 1.0], [0, 2]], "float32")),
)


# pooling with ties, as behind a relu -----------------------------------------------------------------------------------
for _rank, _shape in ((1, (2, 7, 2)), (2, (2, 5, 6, 2)), (3, (1, 4, 4, 5, 2))):
    # largest of volumes left out: there the original counts the gradient once for each of those that tie
    for _kind in ("Max", "Average") if _rank < 3 else ("Average",):
        for _padding in ("valid", "same"):
            _case(
                f"{_kind.lower()}_pooling_{_rank}d_{_padding}",
                lambda k, name=f"{_kind}Pooling{_rank}D", shape=_shape, padding=_padding: k.layer(
                    getattr(k.layers, name)(3, strides=2, padding=padding), np.maximum(k.steps(*shape), 0)
                ),
            )
        _case(
            f"global_{_kind.lower()}_pooling_{_rank}d",
            lambda k, name=f"Global{_kind}Pooling{_rank}D", shape=_shape: k.layer(
                getattr(k.layers, name)(), np.maximum(k.steps(*shape), 0)
            ),
        )


# masks ------------------------------------------------------------------------------------------------------------
def _padded(k, *shape):
    value = k.real(*shape)
    value[0, -2:] = 0
    value[1, :1] = 0
    return value


def _masked(name, make, *shapes, **options):
    def made(k):
        return k.layer(
            make(k.layers), *(_padded(k, *s) for s in shapes), before=k.layers.Masking(), **options
        )

    _case("masked_" + name, made)


_masked("leaky_relu", lambda la: la.LeakyReLU(0.2), (2, 4, 3))
_masked("relu", lambda la: la.ReLU(negative_slope=0.2), (2, 4, 3))
_masked("prelu", lambda la: la.PReLU(), (2, 4, 3))
_masked("elu", lambda la: la.ELU(), (2, 4, 3))
_masked("average", lambda la: la.GlobalAveragePooling1D(), (2, 4, 3))
_masked("steps_of_dense", lambda la: la.TimeDistributed(la.Dense(2)), (2, 4, 3))
_masked("steps_of_dense_fixed", lambda la: la.TimeDistributed(la.Dense(2)), (2, 4, 3), batch=2)
_masked("steps_of_masking", lambda la: la.TimeDistributed(la.Masking(0.5)), (2, 4, 3))
_masked("steps_of_activation", lambda la: la.TimeDistributed(la.Activation("relu")), (2, 4, 3))
_masked("concatenated", lambda la: la.Concatenate(), (2, 4, 3), (2, 4, 2))
_masked("concatenated_in_time", lambda la: la.Concatenate(axis=1), (2, 4, 3), (2, 3, 3))
_masked("added", lambda la: la.Add(), (2, 4, 3), (2, 4, 3))
_masked("dot", lambda la: la.Dot(2), (2, 4, 3), (2, 5, 3))
_masked("rnn_backwards", lambda la: la.LSTM(2, return_sequences=True, go_backwards=True), (2, 4, 3))
_masked("rnn_last", lambda la: la.GRU(2, return_state=True), (2, 4, 3))
_masked(
    "rnn_unrolled",
    lambda la: la.SimpleRNN(2, return_sequences=True, unroll=True, return_state=True),
    (2, 4, 3),
)
_masked(
    "both_directions",
    lambda la: la.Bidirectional(la.LSTM(2, return_sequences=True, return_state=True)),
    (2, 4, 3),
)
_masked("both_lasts", lambda la: la.Bidirectional(la.GRU(2), merge_mode="mul"), (2, 4, 3))
_masked(
    "both_apart",
    lambda la: la.Bidirectional(la.SimpleRNN(2, return_sequences=True), merge_mode=None),
    (2, 4, 3),
)
_masked(
    "stacked_cells",
    lambda la: la.RNN([la.LSTMCell(2), la.GRUCell(3)], return_sequences=True, return_state=True),
    (2, 4, 3),
)
_masked("lambda", lambda la: la.Lambda(lambda x: x * 2.0), (2, 4, 3))
_masked("lambda_of_mask", lambda la: la.Lambda(lambda x: x * 2.0, mask=lambda x, m: m), (2, 4, 3))
_masked("batch_normalization", lambda la: la.BatchNormalization(), (2, 4, 3))


def _of_words(name, make, shape, **options):
    def made(k):
        return k.layer(make(k.layers), k.rng.randint(0, 3, shape).astype("int32"), **options)

    _case("words_" + name, made)


_of_words("embedded", lambda la: la.Embedding(3, 2, mask_zero=True), (2, 5))
_of_words("embedded_in_sentences", lambda la: la.Embedding(3, 2, mask_zero=True), (2, 3, 5))
_of_words("embedded_by_step", lambda la: la.TimeDistributed(la.Embedding(3, 2, mask_zero=True)), (2, 3, 5))


def _sentences(k, sequences):
    la = k.layers
    words = k.rng.randint(0, 3, (2, 3, 5)).astype("int32")
    table = la.Embedding(3, 2, mask_zero=True, weights=[k.real(3, 2)])
    return k.layer(la.TimeDistributed(la.LSTM(2, return_sequences=sequences)), words, before=table)


_case("sentences_read", lambda k: _sentences(k, False))
_case("sentences_read_in_sequence", lambda k: _sentences(k, True))


def _crossentropy(k, name, activation, size, *shape, draw=np.abs):
    """Of what comes out of an activation: also sure mistakes, and targets that do not sum to 1."""
    function, before = getattr(k.backend, name), getattr(k.activations, activation)
    return k.sloped(lambda x, t: function(t, before(x)), size * k.real(*shape), draw(k.real(*shape)))


_case("crossentropy_softmax", lambda k: _crossentropy(k, "categorical_crossentropy", "softmax", 40, 5, 4))
_case(
    "crossentropy_softmax_steps",
    lambda k: _crossentropy(k, "categorical_crossentropy", "softmax", 3, 2, 3, 4),
)
_case(
    "crossentropy_sigmoid",
    lambda k: _crossentropy(k, "binary_crossentropy", "sigmoid", 40, 2, 3, 4, draw=np.sign),
)
_case(
    "crossentropy_classes",
    lambda k: k.sloped(
        lambda x: k.backend.sparse_categorical_crossentropy(
            k.backend.constant([[0], [3], [1], [2], [3]], dtype="int32"), k.activations.softmax(x)
        ),
        40 * k.real(5, 4),
    ),
)
