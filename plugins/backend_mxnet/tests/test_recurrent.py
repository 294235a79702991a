"""Recurrent layers: MXNet's operator, with masks too, and loops."""

import numpy as np
import pytest

import kcore
from kcore.extending import operation
from kcore.layers import LSTM, Dense
from kcore.models import Sequential


def test_long_loops_run_step_by_step(monkeypatch):
    x = np.random.RandomState(0).randn(8, 12, 3).astype("float32")

    def losses():
        kcore.set_seed(2)
        with kcore.use_backend("mxnet"):
            model = Sequential([LSTM(4, input_shape=(12, 3)), Dense(1)])
        model.compile("adam", "mse")
        return model.fit(x, x[:, 0, :1], epochs=3, verbose=0).history["loss"]

    laid_out = losses()
    monkeypatch.setattr("kcore_backend_mxnet.compiled.UNROLLED", 10)
    np.testing.assert_allclose(losses(), laid_out, rtol=1e-5)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("layer", ["LSTM", "GRU", "SimpleRNN"])
def test_recurrent_layers_train_as_on_numpy(layer, use_bias):
    """By MXNet's operator, in both directions, with all outputs and with the last; a GRU that resets after."""
    random = np.random.RandomState(0)
    x, y = random.randn(30, 5, 4).astype("float32"), random.randn(30, 2)
    options = {"reset_after": True} if layer == "GRU" else {}
    found = []
    for backend in ("numpy", "mxnet"):
        kcore.set_seed(1)
        make = lambda units, **more: getattr(kcore.layers, layer)(units, use_bias=use_bias, **options, **more)
        with kcore.use_backend(backend):
            both = kcore.layers.Bidirectional(make(4, return_sequences=True), input_shape=(5, 4))
            model = Sequential([both, make(3, go_backwards=True), Dense(2)])
        model.compile("adam", "mse")
        np.random.seed(3)
        losses = model.fit(x, y, batch_size=16, epochs=3, verbose=0).history["loss"]
        found.append([np.array(losses), *model.get_weights()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


MASKED = {
    "padded": [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]],
    "begins late": [[0, 0, 1, 1, 1], [0, 1, 0, 1, 0], [1, 1, 1, 1, 0]],
    "nothing": [[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [1, 0, 1, 0, 1]],
}


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("mask", MASKED)
@pytest.mark.parametrize("layer", ["LSTM", "GRU", "SimpleRNN"])
def test_masked_steps_are_left_out_by_the_recurrent_operator(layer, mask, use_bias):
    """Any mask, both ways, with all outputs and states: values and what weights learn; no NaN comes out of a hole."""
    steps = np.array(MASKED[mask])
    x = np.random.RandomState(0).randn(3, 5, 4).astype("float32")
    x[steps == 0] = 9.0
    options = {"use_bias": use_bias, **({"reset_after": True} if layer == "GRU" else {})}
    found = []
    for backend in ("numpy", "mxnet"):
        kcore.set_seed(1)
        kind = getattr(kcore.layers, layer)
        with kcore.use_backend(backend):
            image, start = kcore.layers.Input((5, 4)), kcore.layers.Input((3,))
            hidden = kcore.layers.Masking(9.0)(image)
            hidden = kcore.layers.Bidirectional(kind(3, return_sequences=True, **options))(hidden)
            begin = [start] * (2 if layer == "LSTM" else 1)
            ends = kind(3, return_sequences=True, return_state=True, **options)(hidden, initial_state=begin)
            model = kcore.models.Model([image, start], ends)
        model.compile(kcore.optimizers.SGD(0.1), "mse")
        given = [x, np.full((3, 3), 0.5, "float32")]
        made_ = model.predict(given)
        losses = [model.train_on_batch(given, [np.ones_like(m) for m in made_]) for _ in range(3)]
        found.append([*made_, np.array(losses), *model.get_weights()])
    step = next(s for key, s in model._steps._made.items() if key[0] == "train").compiled
    assert [n["op"] for g in step._layout.steps[0]._made.values() for n in g.nodes()].count("RNN") == 3
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


@pytest.mark.parametrize(("layer", "gates", "states"), [("lstm", 4, 2), ("gru", 3, 1), ("simple_rnn", 1, 1)])
def test_no_nan_comes_out_of_a_masked_step(layer, gates, states):
    random = np.random.RandomState(0)
    draw = lambda *shape: random.randn(*shape).astype("float32")
    x, mask = draw(4, 2, 3), np.array([[1, 0], [0, 1], [1, 1], [0, 0]], "float32")[:, :, None]
    weights = [draw(3, gates * 2), draw(2, gates * 2), draw(*((2, 6) if layer == "gru" else (gates * 2,)))]
    begin = [draw(2, 2) for _ in range(states)]
    found = []
    for backend in ("numpy", "mxnet"):
        with kcore.use_backend(backend):
            for inputs in (x, np.where(mask == 0, np.float32(np.nan), x)):
                made_ = operation(f"{layer}_layer")(inputs, *begin, *weights, mask)
                found.append([np.asarray(m) for m in made_])
    for other in found[1:]:
        for one, theirs in zip(found[0], other, strict=True):
            np.testing.assert_allclose(one, theirs, atol=1e-6)
