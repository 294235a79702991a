"""Every layer of the collection: found, right by a formula in NumPy, saved and loaded, with right gradients."""

import numpy as np
import pytest
from kcore_layers_extra import LAYERS

import kcore
from kcore import backend as K
from kcore import layers
from kcore.kernel.context import engine
from kcore.models import Model, load_model, model_from_json

RNG = np.random.default_rng


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def relu(x):
    return np.maximum(x, 0)


def erf(x):
    grid = np.linspace(0, 1, 2001)
    values = np.exp(-((x[..., None] * grid) ** 2))
    steps = (values[..., :-1] + values[..., 1:]).sum(-1) / 2 / 2000
    return 2 / np.sqrt(np.pi) * x * steps


def normed(x, axes, epsilon=1e-3):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


def attended(scores, v):
    return softmax(scores) @ v


def additive(w, q, v):
    a, b, s = w
    return attended((np.tanh((q @ a)[:, :, None] + (v @ b)[:, None]) * s).sum(-1), v)


def heads(w, q, v, k=None, causal=False):
    wq, wk, wv, wo, b = w
    k = v if k is None else k
    total = b
    for h in range(wq.shape[1]):
        scores = (q @ wq[:, h]) @ np.swapaxes(k @ wk[:, h], 1, 2) / np.sqrt(wq.shape[2])
        if causal:
            scores = np.where(np.tri(scores.shape[1], scores.shape[2]) > 0, scores, -1e9)
        total = total + softmax(scores) @ (v @ wv[:, h]) @ wo[h]
    return total


def sinusoid(w, x):
    half = x.shape[-1] // 2
    angles = np.arange(x.shape[1])[:, None] / 10000 ** (np.arange(half) / half)
    return x + np.concatenate([np.sin(angles), np.cos(angles)], -1)


def layer_norm(w, x):
    return normed(x, -1, 1e-6) * w[0] + w[1]


def fed(w, x):
    return relu(x @ w[0] + w[1]) @ w[2] + w[3]


def encoder(w, x):
    x = layer_norm(w[9:11], x + heads(w[:5], x, x))
    return layer_norm(w[11:13], x + fed(w[5:9], x))


def decoder(w, x, m):
    x = layer_norm(w[14:16], x + heads(w[:5], x, x, causal=True))
    x = layer_norm(w[16:18], x + heads(w[5:10], x, m))
    return layer_norm(w[18:20], x + fed(w[10:14], x))


def group_norm(w, x):
    y = x.reshape(*x.shape[:-1], 2, -1)
    axes = (*range(1, x.ndim - 1), x.ndim)
    return normed(y, axes).reshape(x.shape) * w[0] + w[1]


def weight_norm(w, x):
    g, kernel, bias = w
    return x @ (g * kernel / np.sqrt((kernel**2).sum(0))) + bias


def spectral(w, x):
    kernel, bias, _ = w
    return x @ (kernel / np.linalg.svd(kernel)[1][0]) + bias


def memory_network(w, story, question):
    tables, times = w[0::2], w[1::2]

    def encoded(words, table):
        size, units = words.shape[-1], table.shape[1]
        total = 0
        for j in range(size):
            k = np.arange(1, units + 1) / units
            weight = 1 - (j + 1) / size - k * (1 - 2 * (j + 1) / size)
            total = total + table[words[..., j]] * weight * (words[..., j] != 0)[..., None]
        return total

    u = encoded(question, tables[0])
    for k in range(len(tables) - 1):
        m, c = (encoded(story, tables[n]) + times[n] for n in (k, k + 1))
        scores = np.where((story != 0).any(-1), (m * u[:, None]).sum(-1), -1e9)
        u = u + (softmax(scores)[..., None] * c).sum(1)
    return u


def squash(s):
    n = (s**2).sum(-1, keepdims=True)
    return s * n / (1 + n) / np.sqrt(n + 1e-7)


def capsules(w, u):
    said = np.einsum("bid,ijdo->bijo", u, w[0])
    b = np.zeros(said.shape[:3])
    for _ in range(3):
        v = squash((softmax(b, 2)[..., None] * said).sum(1))
        b = b + (said * v[:, None]).sum(-1)
    return v


def convolved(x, kernel, stride=1):
    n, m = kernel.shape[:2]
    rows = range(0, x.shape[1] - n + 1, stride)
    cols = range(0, x.shape[2] - m + 1, stride)
    return np.stack(
        [np.stack([np.tensordot(x[:, i : i + n, j : j + m], kernel, 3) for j in cols], 1) for i in rows], 1
    )


def primary(w, x):
    y = convolved(x, w[0], 2) + w[1]
    return squash(y.reshape(len(x), -1, 3))


def causal(x, kernel, dilation):
    size = (len(kernel) - 1) * dilation
    x = np.pad(x, ((0, 0), (size, 0), (0, 0)))
    return sum(x[:, i * dilation : x.shape[1] - size + i * dilation] @ kernel[i] for i in range(len(kernel)))


def temporal(w, x):
    y = relu(causal(x, w[0], 2) + w[2])
    return relu(x @ w[4] + relu(causal(y, w[1], 2) + w[3]))


def coord(w, x):
    rows = np.linspace(-1, 1, x.shape[1])[None, :, None, None] + 0 * x[..., :1]
    cols = np.linspace(-1, 1, x.shape[2])[None, None, :, None] + 0 * x[..., :1]
    return convolved(np.concatenate([x, rows, cols], -1), w[0]) + w[1]


def squeeze(w, x):
    mean = x.mean((1, 2), keepdims=True)
    return x * sigmoid(relu(mean @ w[0] + w[1]) @ w[2] + w[3])


def shuffle(w, x):
    b, h, v, c = x.shape
    y = np.zeros((b, 2 * h, 2 * v, c // 4))
    for i in range(2):
        for j in range(2):
            start = (2 * i + j) * (c // 4)
            y[:, i::2, j::2] = x[..., start : start + c // 4]
    return y


def indrnn(w, x):
    h = 0
    for t in range(x.shape[1]):
        h = relu(x[:, t] @ w[0] + h * w[1] + w[2])
    return h


def sru(w, x):
    n, c = 4, 0 * (x[:, 0] @ w[0])[:, :4]
    for t in range(x.shape[1]):
        z = x[:, t] @ w[0]
        f = sigmoid(z[:, n : 2 * n] + w[1][:n] * c + w[2][:n])
        r = sigmoid(z[:, 2 * n : 3 * n] + w[1][n:] * c + w[2][n:])
        c = f * c + (1 - f) * z[:, :n]
    return r * c + (1 - r) * z[:, 3 * n :]


def norm_lstm(w, x):
    kernel, recurrent, bias, g1, g2, g3, beta = w
    h = c = np.zeros((len(x), 4))
    for t in range(x.shape[1]):
        z = normed(x[:, t] @ kernel, -1) * g1 + normed(h @ recurrent, -1) * g2 + bias
        i, f, g, o = np.split(z, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(normed(c, -1) * g3 + beta)
    return h


def turing(w, x, units=4, slots=5, width=3):
    kernel, bias, head_kernel, head_bias = w
    n = len(x)
    h, c, r, m = np.zeros((n, units)), np.zeros((n, units)), np.zeros((n, width)), np.zeros((n, slots, width))
    places = {name: np.tile(np.eye(slots)[0], (n, 1)) for name in ("read", "write")}

    def place(told, before):
        key, beta = np.tanh(told[:, :width]), np.log1p(np.exp(told[:, width]))
        g, s = sigmoid(told[:, width + 1]), softmax(told[:, width + 2 : width + 5])
        gamma = 1 + np.log1p(np.exp(told[:, width + 5]))
        norm = np.sqrt((m**2).sum(-1) + 1e-8) * np.sqrt((key**2).sum(-1) + 1e-8)[:, None]
        content = softmax(beta[:, None] * (m @ key[:, :, None])[..., 0] / norm)
        at = g[:, None] * content + (1 - g)[:, None] * before
        at = sum(s[:, [k]] * np.roll(at, k - 1, 1) for k in range(3))
        at = (at + 1e-8) ** gamma[:, None]
        return at / at.sum(-1, keepdims=True)

    for t in range(x.shape[1]):
        i, f, g, o = np.split(np.concatenate([x[:, t], r, h], 1) @ kernel + bias, 4, 1)
        c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        told = h @ head_kernel + head_bias
        size = width + 6
        places["write"] = place(told[:, size : 2 * size], places["write"])
        at = places["write"][:, :, None]
        erase = sigmoid(told[:, 2 * size : 2 * size + width])
        m = m * (1 - at * erase[:, None]) + at * np.tanh(told[:, 2 * size + width :])[:, None]
        places["read"] = place(told[:, :size], places["read"])
        r = (places["read"][:, :, None] * m).sum(1)
    return np.concatenate([h, r], 1)


def swiglu(w, x):
    a = x @ w[0]
    return a * sigmoid(a) * (x @ w[1])


def affine(w, x):
    return x @ w[0] + w[1]


E = layers.__getattr__  # the collection's layers, as users get them


def cell(name, *args):
    return lambda: layers.RNN(E(name)(*args))


SEQ, IMG, ROW = (4, 6), (5, 6, 4), (5,)
WORDS = [(3, 4), (4,)]  # a story's sentences, a question
CASES = {
    "LuongAttention": (lambda: E("LuongAttention")(), [SEQ, (3, 6)], lambda w, q, v: attended(q @ v.swapaxes(1, 2), v)),
    "LuongAttention general": (
        lambda: E("LuongAttention")("general"), [SEQ, (3, 5)],
        lambda w, q, v: attended(q @ w[0] @ v.swapaxes(1, 2), v),
    ),
    "LuongAttention concat": (lambda: E("LuongAttention")("concat", 7), [SEQ, (3, 5)], additive),
    "BahdanauAttention": (lambda: E("BahdanauAttention")(7), [SEQ, (3, 5)], additive),
    "MultiHeadAttention": (lambda: E("MultiHeadAttention")(2, 3), [SEQ, (3, 5)], heads),
    "MultiHeadAttention causal": (
        lambda: E("MultiHeadAttention")(2, 3, causal=True), [SEQ], lambda w, x: heads(w, x, x, causal=True),
    ),
    "LayerNormalization": (lambda: E("LayerNormalization")(1e-6), [SEQ], layer_norm),
    "GroupNormalization": (lambda: E("GroupNormalization")(2), [IMG], group_norm),
    "InstanceNormalization": (
        lambda: E("InstanceNormalization")(), [IMG], lambda w, x: normed(x, (1, 2)) * w[0] + w[1],
    ),
    "WeightNormalization": (lambda: E("WeightNormalization")(layers.Dense(3)), [ROW], weight_norm),
    "SpectralNormalization": (lambda: E("SpectralNormalization")(layers.Dense(3), 40), [ROW], spectral),
    "SinusoidalPositions": (lambda: E("SinusoidalPositions")(), [SEQ], sinusoid),
    "LearnedPositions": (lambda: E("LearnedPositions")(9), [SEQ], lambda w, x: x + w[0][: x.shape[1]]),
    "TransformerEncoder": (lambda: E("TransformerEncoder")(2, 8), [SEQ], encoder),
    "TransformerDecoder": (lambda: E("TransformerDecoder")(2, 8), [SEQ, (3, 5)], decoder),
    "NTMCell": (cell("NTMCell", 4, 5, 3), [SEQ], turing),
    "MemoryNetwork": (lambda: E("MemoryNetwork")(9, 6, 2), WORDS, memory_network),
    "CRF": (lambda: E("CRF")(3), [SEQ], affine),
    "MDN": (lambda: E("MDN")(2, 3), [ROW], affine),
    "PrimaryCapsules": (lambda: E("PrimaryCapsules")(2, 3, 3), [IMG], primary),
    "Capsules": (lambda: E("Capsules")(3, 5), [SEQ], capsules),
    "CapsuleLength": (lambda: E("CapsuleLength")(), [SEQ], lambda w, x: np.linalg.norm(x, axis=-1)),
    "GELU": (lambda: E("GELU")(), [SEQ], lambda w, x: x * (1 + erf(x / np.sqrt(2))) / 2),
    "Mish": (lambda: E("Mish")(), [SEQ], lambda w, x: x * np.tanh(np.log1p(np.exp(x)))),
    "Swish": (lambda: E("Swish")(1.5), [SEQ], lambda w, x: x * sigmoid(1.5 * x)),
    "SwiGLU": (lambda: E("SwiGLU")(3), [SEQ], swiglu),
    "DropBlock2D": (lambda: E("DropBlock2D")(0.2, 3), [IMG], lambda w, x: x),
    "DropConnectDense": (lambda: E("DropConnectDense")(3), [ROW], affine),
    "IndRNNCell": (cell("IndRNNCell", 4), [SEQ], indrnn),
    "SRUCell": (cell("SRUCell", 4), [SEQ], sru),
    "LayerNormLSTMCell": (cell("LayerNormLSTMCell", 4), [SEQ], norm_lstm),
    "TemporalConvBlock": (lambda: E("TemporalConvBlock")(3, 2, 2), [SEQ], temporal),
    "CoordConv2D": (lambda: E("CoordConv2D")(3, (2, 3)), [IMG], coord),
    "SqueezeExcitation": (lambda: E("SqueezeExcitation")(2), [IMG], squeeze),
    "PixelShuffle": (lambda: E("PixelShuffle")(2), [IMG], shuffle),
}  # fmt: skip


def data(shapes, batch=2):
    rng = RNG(3)
    if shapes is WORDS:
        return [rng.integers(0, 9, (batch, *s)).astype("int32") for s in shapes]
    return [rng.normal(size=(batch, *s)).astype("float32") for s in shapes]


def built(name):
    make, shapes, formula = CASES[name]
    np.random.seed(1)
    layer = make()
    arrays = data(shapes)
    kind = lambda a: "int32" if a.dtype.kind == "i" else K.floatx()
    inputs = [layers.Input(s, dtype=kind(a)) for s, a in zip(shapes, arrays)]
    output = layer(inputs if len(inputs) > 1 else inputs[0])
    return Model(inputs, output), arrays, formula


def test_every_layer_is_tested_and_found():
    names = {n for given in LAYERS.values() for n in given}
    assert {n.split()[0] for n in CASES} == names
    for name in names:
        assert getattr(layers, name).__doc__
    (plugin,) = [p for p in kcore.plugins() if p.distribution == "kcore-layers-extra"]
    assert plugin.state == "active" and set(plugin.gives["layers"]) == names


@pytest.mark.parametrize("name", CASES)
def test_formula_shape_and_config(name):
    model, arrays, formula = built(name)
    weights = model.get_weights()
    got = model.predict(arrays if len(arrays) > 1 else arrays[0])
    want = formula(weights, *arrays)
    assert got.shape == want.shape == (2, *model.output_shape[1:])
    np.testing.assert_allclose(got, want, rtol=2e-3, atol=2e-4)
    again = Model.from_config(model.get_config())
    again.set_weights(weights)
    np.testing.assert_allclose(again.predict(arrays if len(arrays) > 1 else arrays[0]), got, atol=1e-6)
    assert again.layers[-1].get_config() == model.layers[-1].get_config()


@pytest.mark.parametrize("name", CASES)
def test_files(name, tmp_path):
    """HDF5, kcore's own format and JSON: nobody names the collection, and the same numbers come out."""
    model, arrays, _ = built(name)
    x = arrays if len(arrays) > 1 else arrays[0]
    want = model.predict(x)
    found = []
    for suffix in ("h5", "kcore"):
        path = str(tmp_path / f"model.{suffix}")
        model.save(path)
        found.append(load_model(path, compile=False))
    found.append(model_from_json(model.to_json()))
    found[-1].load_weights(str(tmp_path / "model.h5"))
    for again in found:
        np.testing.assert_array_equal(again.predict(x), want)
        assert type(again.layers[-1]) is type(model.layers[-1])


@pytest.mark.parametrize("name", CASES)
def test_the_engine_agrees_with_the_reference_forward_and_backward(name):
    model, arrays, _ = built(name)
    for training in (True, False):
        found = kcore.compare(model, ["numpy", engine()], arrays, training=training)
        assert found.passed, found.verdict


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree_with_differences(name):
    before = K.floatx()
    K.set_floatx("float64")
    try:
        model, arrays, _ = built(name)
        arrays = [a if a.dtype.kind == "i" else a.astype("float64") for a in arrays]
        shape = model.predict(arrays if len(arrays) > 1 else arrays[0]).shape
        weigh = K.constant(RNG(5).normal(size=shape), dtype="float64")
        total = K.sum(model.output * weigh)
        moving = [*model.trainable_weights, *(x for x in model.inputs if K.dtype(x) == "float64")]
        pairs = [(v, g) for v, g in zip(moving, K.gradients(total, moving)) if g is not None]
        assert pairs or not moving
        run = K.function(model.inputs, [total, *(g for _, g in pairs)])
        first = run(arrays)
        rng, step = RNG(7), 1e-6
        for (variable, _), gradient in zip(pairs, first[1:]):
            direction = rng.normal(size=gradient.shape)
            ends = []
            for sign in (1, -1):
                ends.append(moved(model, run, arrays, variable, sign * step * direction))
            difference = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(np.sum(gradient * direction), difference, rtol=1e-3, atol=1e-4)
    finally:
        K.set_floatx(before)


def moved(model, run, arrays, variable, by):
    """The total where `variable` (a weight or an input) is moved by `by`."""
    if any(variable is x for x in model.inputs):
        at = next(i for i, x in enumerate(model.inputs) if x is variable)
        return float(run([a + by if i == at else a for i, a in enumerate(arrays)])[0])
    value = K.get_value(variable)
    K.set_value(variable, value + by)
    try:
        return float(run(arrays)[0])
    finally:
        K.set_value(variable, value)


MASKED = {
    "LuongAttention": 2, "BahdanauAttention": 2, "MultiHeadAttention": 2, "MultiHeadAttention causal": 1,
    "TransformerEncoder": 1, "TransformerDecoder": 2,
}  # fmt: skip


@pytest.mark.parametrize("name", MASKED)
def test_masked_steps_are_not_looked_at(name):
    make, shapes, _ = CASES[name]
    inputs = [layers.Input(s) for s in shapes]
    seen = [layers.Masking()(x) for x in inputs]
    model = Model(inputs, make()(seen if len(seen) > 1 else seen[0]))
    arrays = data(shapes)
    arrays[-1][:, -1] = 0  # masked
    got = model.predict(arrays if len(arrays) > 1 else arrays[0])
    short = [a[:, :-1] if i == len(arrays) - 1 else a for i, a in enumerate(arrays)]
    inputs = [layers.Input((None, s[-1])) for s in shapes]
    unmasked = make()
    other = Model(inputs, unmasked(inputs if len(inputs) > 1 else inputs[0]))
    other.set_weights(model.get_weights())
    want = other.predict(short if len(short) > 1 else short[0])
    np.testing.assert_allclose(got[:, : want.shape[1]], want, atol=1e-5)


def paths(e, start, transitions):
    """Score of every path through potentials (time, tags)."""
    found = {}
    for path in np.ndindex(*[e.shape[1]] * len(e)):
        score = start[path[0]] + sum(e[t, y] for t, y in enumerate(path))
        found[path] = score + sum(transitions[a, b] for a, b in zip(path, path[1:]))
    return found


# which steps count: at the end, the beginning and the middle some do not; and of the last sequence none does
STEPS = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 1, 1], [1, 0, 1, 1], [0, 0, 0, 0]], bool)
TAGS = np.array([[0, 2, 1, 1], [2, 2, 0, 1], [1, 0, 2, 0], [0, 1, 1, 2], [1, 1, 0, 0]])


def test_crf_by_trying_every_path():
    layer = E("CRF")(3)
    x = layers.Input((4, 6))
    model = Model(x, layer(layers.Masking()(x)))
    layer.set_weights([RNG(2).normal(size=w.shape) for w in layer.get_weights()])
    (value,) = data([SEQ], len(STEPS))
    value[~STEPS] = 0  # masked
    kernel, bias, transitions, start = layer.get_weights()
    mask = K.any(K.not_equal(x, 0), axis=-1)
    y = K.placeholder((None, 4), dtype="int32")
    run = K.function([x, y], [layer.loss(y, layer.output, mask), layer.decode(layer.output, mask)])
    losses, best = run([value, TAGS.astype("int32")])
    for row, counts in enumerate(STEPS[:-1]):
        scores = paths((value[row] @ kernel + bias)[counts], start, transitions)
        total = np.log(np.sum(np.exp(list(scores.values()))))
        np.testing.assert_allclose(losses[row], total - scores[tuple(TAGS[row, counts])], rtol=1e-4)
        assert tuple(best[row, counts]) == max(scores, key=scores.get)
    assert losses[-1] == 0
    run = K.function([x, y], [layer.loss(y, layer.output), layer.decode(layer.output)])
    unmasked, found = run([value, TAGS.astype("int32")])
    for row in range(len(STEPS)):
        scores = paths(value[row] @ kernel + bias, start, transitions)
        total = np.log(np.sum(np.exp(list(scores.values()))))
        np.testing.assert_allclose(unmasked[row], total - scores[tuple(TAGS[row])], rtol=1e-4)
        assert tuple(found[row]) == max(scores, key=scores.get)
    # by name, in each form of targets
    model.compile("sgd", loss="crf_loss")
    for same in (TAGS[..., None], np.eye(3)[TAGS], TAGS, TAGS.tolist()):
        np.testing.assert_allclose(model.evaluate(value, same, verbose=0), np.mean(losses), rtol=1e-4)
    history = model.fit(value, TAGS, validation_data=(value, TAGS), verbose=0).history
    assert np.isfinite(history["val_loss"]).all()


def test_a_crf_learns_what_follows_what():
    """Tags that the features do not tell apart, but that come in turn: the transitions have to learn it."""
    kcore.set_seed(1)
    rng = RNG(0)
    tags = (np.arange(8) + rng.integers(0, 2, (64, 1))) % 2
    seen = rng.normal(size=(64, 8, 3)).astype("float32") * 0.1
    seen[:, 0, 0] = tags[:, 0] * 2.0 - 1.0  # only the first step shows which it is
    layer = E("CRF")(2)
    x = layers.Input((8, 3))
    model = Model(x, layer(x))
    model.compile(kcore.optimizers.Adam(0.1), "crf_loss")
    losses = model.fit(seen, tags, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    (best,) = K.function([x], [layer.decode(layer.output)])([seen])
    assert (best == tags).mean() > 0.99


def test_mdn_loss_is_a_density():
    layer = E("MDN")(2, 1)
    x = layers.Input((5,))
    model = Model(x, layer(x))
    (value,) = data([ROW], 1)
    points = np.linspace(-30, 30, 6001).astype("float32")[:, None]
    y = K.placeholder((None, 1))
    out = K.placeholder((None, 6))
    run = K.function([y, out], [layer.loss(y, out)])
    (losses,) = run([points, np.repeat(model.predict(value), len(points), 0)])
    assert abs(np.exp(-losses).sum() * 0.01 - 1) < 1e-3
    model.compile("sgd", loss="mdn_loss")
    assert np.isfinite(model.evaluate(value, np.ones((1, 1), "float32"), verbose=0))


def test_mdn_loss_by_its_formula():
    layer = E("MDN")(2, 3)
    x = layers.Input((5,))
    layer(x)
    rng = RNG(4)
    y, outputs = rng.normal(size=(6, 3)), rng.normal(size=(6, 10))
    held = K.placeholder((None, 3)), K.placeholder((None, 10))
    (got,) = K.function(held, [layer.loss(*held)])([y, outputs])
    pi, mu, sigma = softmax(outputs[:, :2]), outputs[:, 2:8].reshape(6, 2, 3), np.exp(outputs[:, 8:])
    normal = lambda k: (
        np.exp(-((y - mu[:, k]) ** 2).sum(1) / 2 / sigma[:, k] ** 2) / (2 * np.pi * sigma[:, k] ** 2) ** 1.5
    )
    np.testing.assert_allclose(got, -np.log(sum(pi[:, k] * normal(k) for k in (0, 1))), rtol=1e-4)


def test_large_numbers_in_float16():
    """What is summed, squared or put into an exponential is so in float32."""
    wide = (RNG(0).normal(size=(3, 40)) * 300).astype("float16")
    x = layers.Input((40,), dtype="float16")
    y = E("LayerNormalization")(1e-6, dtype="float16")(x)
    got = Model(x, y).predict(wide)
    assert got.dtype == np.float16
    np.testing.assert_allclose(got, normed(wide.astype("float64"), -1, 1e-6), atol=5e-3)
    x = layers.Input((3, 8), dtype="float16")
    y = E("MultiHeadAttention")(2, 4, dtype="float16")(layers.Masking(dtype="float16")(x))
    values = np.ones((2, 3, 8), "float16") * 100
    values[:, 2] = 0
    assert np.isfinite(Model(x, y).predict(values)).all()


def test_the_losses_need_their_layers():
    x = layers.Input((5,))
    model = Model(x, layers.Dense(6)(x))
    with pytest.raises(ValueError, match="End the model with MDN"):
        model.compile("sgd", loss="mdn_loss")
        model.train_on_batch(np.ones((2, 5)), np.ones((2, 1)))


@pytest.mark.parametrize("policy", ["mixed_float16", "float16"])
def test_the_losses_find_their_layers_where_types_are_narrow(policy):
    for name, loss, y in (
        ("CRF", "crf_loss", np.array([[0, 2, 1, 1]] * 2)),
        ("MDN", "mdn_loss", np.ones((2, 3))),
    ):
        x = layers.Input((4, 6) if name == "CRF" else (5,))
        made = E(name)(3, dtype=policy) if name == "CRF" else E(name)(2, 3, dtype=policy)
        model = Model(x, made(x))
        model.compile("sgd", loss)
        values = np.ones((2, *x.shape[1:]))
        first = model.evaluate(values, y, verbose=0)
        model.fit(values, y, epochs=5, verbose=0)
        assert model.evaluate(values, y, verbose=0) < first


def test_dropblock_drops_squares_about_as_often_as_asked():
    kcore.set_seed(4)
    x = layers.Input((16, 16, 8))
    model = Model(x, E("DropBlock2D")(0.25, 3)(x))
    run = K.function([*model.inputs, K.learning_phase()], [model.output])
    (y,) = run([np.ones((16, 16, 16, 8), "float32"), 1])
    dropped = y == 0
    assert 0.15 < dropped.mean() < 0.3 and abs(y.mean() - 1) < 1e-3
    # a dropped place has dropped neighbours: somewhere around it all nine of a square
    sums = sum(dropped[:, i : i + 14, j : j + 14].astype(int) for i in range(3) for j in range(3)) == 9
    assert np.array_equal(dropped.any((1, 2)), sums.any((1, 2)))


def test_training_changes_spectral_vector_and_dropconnect_draws():
    x = layers.Input((5,))
    wrapped = E("SpectralNormalization")(layers.Dense(3))
    model = Model(x, E("DropConnectDense")(2, 0.5)(wrapped(x)))
    model.compile("sgd", "mse")
    before = K.get_value(wrapped.u)
    model.fit(np.ones((4, 5)), np.ones((4, 2)), verbose=0)
    assert not np.allclose(before, K.get_value(wrapped.u))


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: E("LuongAttention")("cosine"), "'dot', 'general' or 'concat'"),
        (lambda: E("MultiHeadAttention")(0, 3), "num_heads=0"),
        (lambda: E("DropBlock2D")(1.0), "rate=1.0"),
        (lambda: E("PixelShuffle")(2)(layers.Input((2, 2, 3))), "do not divide"),
        (lambda: E("TransformerEncoder")(4, 8)(layers.Input((2, 6))), "do not divide into 4 heads"),
        (lambda: E("SinusoidalPositions")()(layers.Input((2, 5))), "even number"),
        (lambda: E("WeightNormalization")(layers.ReLU())(layers.Input((5,))), "has no kernel"),
    ],
)
def test_errors_come_while_building(make, told):
    with pytest.raises(ValueError, match=told):
        make()
