"""`kcore.compare` and `kcore compare`: what they look at, what they leave alone, what they say."""

import json
from collections import Counter

import numpy as np
import pytest

import kcore
from kcore import backend as K
from kcore import layers as L
from kcore.cli import main
from kcore.engines.numpy_engine import NumpyEngine
from kcore.errors import ArgumentError, DataError, ShapeError
from kcore.inspection.command import read_batch
from kcore.inspection.comparing import apart
from kcore.kernel.context import engine
from kcore.models import Model, Sequential
from kcore.testing.models import active


class WithFaults(NumpyEngine):
    """`WithFaults(tanh=function)`: the NumPy engine with operations replaced."""

    name = "with_faults"

    def __init__(self, **faults):
        super().__init__()
        self.primitives.update((k, v) for k, v in faults.items() if k in self.primitives)
        self.fused = {**self.fused, **{k: v for k, v in faults.items() if k not in self.primitives}}


off = lambda x: np.tanh(x) * x.dtype.type(1.01)
OFF = WithFaults(tanh=off)


def convolutional():
    model = Sequential(
        [
            L.Conv2D(3, 3, input_shape=(6, 6, 2), activation="relu", name="first"),
            L.BatchNormalization(name="normed"),
            L.Dropout(0.4, name="dropped"),
            L.MaxPooling2D(2, name="pooled"),
            L.Flatten(),
            L.Dense(4, activation="tanh", name="middle"),
            L.Dense(3, activation="softmax", name="last"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    return model


def recurrent():
    words = L.Input((None,), dtype="int32")
    x = L.Embedding(11, 4, mask_zero=True)(words)
    x = L.Bidirectional(L.LSTM(3, dropout=0.2, return_sequences=True))(x)
    return Model(words, L.Dense(1, activation="sigmoid")(L.GRU(3)(x)))


@pytest.mark.parametrize("make", [convolutional, recurrent])
def test_the_active_engine_agrees_with_the_reference(make):
    found = kcore.compare(make(), ["numpy", engine()])
    assert found.passed, found.verdict
    assert found.verdict == "all layers agree"


def test_every_layer_has_a_row_in_order():
    found = kcore.compare(convolutional(), ["numpy", OFF])
    names = ["first", "normed", "dropped", "pooled", "middle", "last", "(loss)"]
    assert [r.layer for r in found.rows if not r.layer.startswith("flatten")] == names
    assert found.first.layer == "middle" and found.first.state == "output"
    blamed = [r.layer for r in found.rows if r.deviates]
    assert blamed == ["middle"]
    # but in the whole model all that comes after is off, and so are the gradients of what comes before
    by_name = {r.layer: r for r in found.rows}
    assert by_name["last"].whole > 1 and by_name["first"].whole_gradient > 1
    assert by_name["first"].whole == 0


def test_nothing_of_the_model_changes():
    model = convolutional()
    model.fit(np.zeros((4, 6, 6, 2), "float32"), np.eye(3, dtype="float32")[[0, 1, 2, 0]], verbose=0)
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    weights, updates, losses = model.get_weights(), len(model.updates), len(model.losses)
    np.random.seed(5)
    drawn = np.random.RandomState(5).rand()
    kcore.compare(model, ["numpy", OFF])
    assert np.random.rand() == drawn
    assert [len(layer._inbound_nodes) for layer in model.layers] == nodes
    assert (len(model.updates), len(model.losses)) == (updates, losses)
    for a, b in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_models_within_models_are_laid_open():
    inner = Sequential([L.Dense(3, activation="tanh", input_shape=(2,), name="deep")], name="inner")
    x = L.Input((2,))
    found = kcore.compare(Model(x, L.Dense(1, name="top")(inner(x))), ["numpy", OFF])
    assert [r.layer for r in found.rows] == ["inner/deep", "top", "(loss)"]
    assert found.first.layer == "inner/deep"


def test_a_shared_layer_has_a_row_for_each_call():
    a, b = L.Input((3,)), L.Input((3,))
    shared = L.Dense(2, activation="tanh", name="twin")
    found = kcore.compare(Model([a, b], L.Subtract(name="apart")([shared(a), shared(b)])), ["numpy", OFF])
    assert [r.layer for r in found.rows if r.deviates] == ["twin", "twin"]


def test_a_model_written_in_python():
    class Written(Model):
        def __init__(self):
            super().__init__(name="written")
            self.a, self.b = L.Dense(3, name="a"), L.Dense(2, activation="tanh", name="b")

        def call(self, inputs):
            return self.b(K.sin(self.a(inputs)))

    with pytest.raises(ArgumentError, match="give a batch"):
        kcore.compare(Written(), ["numpy", OFF])
    x = np.ones((2, 4))
    assert kcore.compare(Written(), ["numpy", OFF], x).first.layer == "b"
    # an operation between two layers belongs to neither
    between = kcore.compare(Written(), ["numpy", WithFaults(sin=np.cos)], x)
    assert between.first is None and between.drifted.layer == "b" and not between.passed
    assert "between the layers" in between.verdict


def test_masks_and_the_loss_are_compared_too():
    model = recurrent()
    model.compile("sgd", "binary_crossentropy")
    # a mask that comes out wrong is a fault of the layer that makes it
    wrong = WithFaults(not_equal=lambda x, y: x == x)
    assert kcore.compare(model, ["numpy", wrong], np.array([[1, 2, 0], [3, 0, 0]])).first.kind == "Embedding"
    model.compile("sgd", "kullback_leibler_divergence")
    wrong = WithFaults(log=lambda x: np.log(x) + x.dtype.type(0.1))
    assert kcore.compare(model, ["numpy", wrong]).first.layer == "(loss)"


def test_what_an_engine_lacks_or_cannot_run_is_told_with_the_layer():
    class Without(NumpyEngine):
        name = "without"
        unsupported = {"tanh": "nobody wrote it"}

    found = kcore.compare(convolutional(), ["numpy", Without()])
    assert found.first.layer == "middle" and found.first.state == "failed"
    assert "nobody wrote it" in found.verdict

    def breaks(x):
        raise RuntimeError("out of paper")

    found = kcore.compare(convolutional(), ["numpy", WithFaults(tanh=breaks)])
    assert found.first.layer == "middle" and "out of paper" in found.verdict


def test_data_are_taken_and_checked():
    model, rng = convolutional(), np.random.default_rng(0)
    x, y = rng.normal(size=(3, 6, 6, 2)), np.eye(3)
    found = kcore.compare(model, ["numpy", WithFaults()], (x, y), training=False)
    np.testing.assert_allclose(
        found.loss["numpy"], model.evaluate(x.astype("float32"), y, verbose=0), rtol=1e-5
    )
    with pytest.raises(ShapeError, match="takes shape"):
        kcore.compare(model, ["numpy", OFF], x[..., :1])
    with pytest.raises(DataError, match="takes 1 inputs"):
        kcore.compare(model, ["numpy", OFF], [x, x])
    with pytest.raises(ArgumentError, match="at least two engines"):
        kcore.compare(model, "numpy")


def test_several_inputs_and_outputs_by_name_and_state():
    a, b = L.Input(batch_shape=(2, 3, 4), name="a"), L.Input(batch_shape=(2, 4), name="b")
    state = L.LSTM(4, stateful=True, name="state")
    x = L.Add(name="sum")([state(a), b])
    model = Model(
        [a, b],
        [L.Dense(2, activation="tanh", name="one")(x), L.Dense(3, activation="softmax", name="two")(x)],
    )
    model.compile("sgd", ["mse", "sparse_categorical_crossentropy"], loss_weights=[1.0, 0.5])
    batch = {"b": np.ones((2, 4), "float32"), "a": np.ones((2, 3, 4), "float32")}
    before = [K.get_value(s) for s in state.states]
    found = kcore.compare(model, ["numpy", WithFaults()], batch)
    assert found.passed and [r.layer for r in found.rows] == ["state", "sum", "one", "two", "(loss)"]
    assert (
        kcore.compare(model, ["numpy", OFF], (batch, [np.zeros((2, 2)), np.array([0, 2])])).first.layer
        == "state"
    )
    only = WithFaults(softmax=lambda x, axis=-1: x)
    assert kcore.compare(model, ["numpy", only]).first.layer == "two"
    for state_before, variable in zip(before, state.states, strict=True):
        np.testing.assert_array_equal(K.get_value(variable), state_before)


def test_arrays_are_taken_in_the_order_of_their_numbers(tmp_path):
    arrays = {f"x{i}": np.full(2, i) for i in (10, 2, 0, 1)} | {"y": np.ones(1), "extra": np.ones(1)}
    np.savez(tmp_path / "batch.npz", **arrays)
    x, y = read_batch(str(tmp_path / "batch.npz"))
    assert [int(a[0]) for a in x] == [0, 1, 2, 10] and len(y) == 1


def test_shared_layers_have_a_row_for_each_call():
    """Forward and backward: the layer that two inputs share is named, at the first call that differs."""

    def model():
        a, b = L.Input((5, 3), name="a"), L.Input((5, 2), name="b")
        encode, shared = (
            L.SimpleRNN(4, activation="relu", name="encode"),
            L.Dense(4, activation="tanh", name="shared"),
        )
        x = L.Concatenate(name="both")(
            [shared(encode(a)), shared(L.GRU(4, activation="relu", name="other")(b))]
        )
        return Model([a, b], [L.Dense(2, name="one")(x), L.Dense(1, activation="sigmoid", name="two")(x)])

    found = kcore.compare(model(), ["numpy", engine()])
    assert found.passed, found.verdict
    assert Counter(r.layer for r in found.rows)["shared"] == 2
    found = kcore.compare(model(), ["numpy", OFF])
    assert found.first.layer == "shared" and found.first.state == "output"
    assert {r.layer for r in found.rows if r.deviates} == {"shared"}
    # only gradients need it: what was spread over the batch, such as a bias, is summed wrongly
    right = NumpyEngine().primitives["sum_to_like"]
    back = WithFaults(sum_to_like=lambda x, like: right(x, like) * x.dtype.type(1.01))
    found = kcore.compare(model(), ["numpy", back])
    assert found.first.state == "gradient" and found.first.output <= 1 < found.first.gradient
    assert "gradient of" in found.verdict and found.first.layer in ("encode", "other")


def test_several_engines_and_tolerances():
    found = kcore.compare(convolutional(), ["numpy", WithFaults(), OFF])
    assert found.first.engine == "with_faults" and len(found.rows) == 16
    wide = {"float32": (0.5, 0.5)}
    assert kcore.compare(convolutional(), ["numpy", OFF], tolerance=wide).passed


def test_apart():
    one = np.array([1.0, np.nan, np.inf], "float32")
    assert apart(one, one, (1e-3, 1e-4)) == 0
    assert apart(one, one.astype("float64"), (1e-3, 1e-4)) == np.inf
    assert apart(one, np.nan_to_num(one), (1e-3, 1e-4)) == np.inf
    assert apart(one[:2], one, (1e-3, 1e-4)) == np.inf
    np.testing.assert_allclose(apart(np.array([2.2]), np.array([2.0]), (0.1, 0.0)), 1.0)
    assert apart(np.array([1, 2]), np.array([1, 3]), None) == np.inf


def test_the_command(tmp_path, monkeypatch, capsys):
    (tmp_path / "acme_models.py").write_text(
        "from kcore.layers import Dense\nfrom kcore.models import Sequential\n\n\n"
        "def small():\n    return Sequential([Dense(2, activation='tanh', input_shape=(3,), name='only')])\n"
    )
    monkeypatch.chdir(tmp_path)
    np.savez("batch.npz", x=np.ones((2, 3), "float32"))
    with active(OFF):
        status = main(
            ["compare", "acme_models:small", "--backends", "numpy,with_faults", "--json", "told.json"]
        )
        assert status == 1
        assert "layer 'only' (Dense) is the first to leave the tolerance" in capsys.readouterr().out
        told = json.loads((tmp_path / "told.json").read_text())
        assert told["passed"] is False and told["rows"][0]["state"] == "output"
        wide = ["--tolerance", "1000", "--data", "batch.npz", "--inference"]
        assert main(["compare", "acme_models:small", "--backends", "numpy,with_faults", *wide]) == 0
        model = Sequential([L.Dense(2, activation="tanh", input_shape=(3,), name="stored")])
        model.compile("sgd", "mse")
        for file in ("stored.h5", "stored.kcore"):
            model.save(file)
            assert main(["compare", file, "--backends", "numpy,with_faults"]) == 1
            assert "layer 'stored' (Dense) is the first" in " ".join(capsys.readouterr().out.split())
        (tmp_path / "no_arrays.npz").write_text("nothing")
        for data in ("no_arrays.npz", "nowhere.npz"):
            told = ["compare", "stored.h5", "--backends", "numpy,with_faults", "--data", data]
            assert main(told) == 2 and "is no file of NumPy arrays" in capsys.readouterr().err
    for wrong in ("nothing.h5", "acme_models:large", "acme_nowhere:small"):
        assert main(["compare", wrong, "--backends", "numpy,numpy"]) == 2
    assert "acme_nowhere" in capsys.readouterr().err
