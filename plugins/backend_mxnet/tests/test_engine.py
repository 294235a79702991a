"""What the engine promises beyond the conformance kit."""

import io
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from kcore_backend_mxnet import graph
from kcore_backend_mxnet.accounts import nodes
from kcore_backend_mxnet.compiled import Compiled, Piece
from kcore_backend_mxnet.exporting import export
from kcore_backend_mxnet.startup import import_mxnet

import kcore
from kcore import backend as K
from kcore.errors import ArgumentError
from kcore.kernel.context import engine
from kcore.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    MaxPooling2D,
    ZeroPadding2D,
)
from kcore.models import Sequential
from kcore.saving import formats
from kcore.training.step import Step

mx = import_mxnet()
ROWS = 70  # with batches of 16 the last one is smaller


def data(seed=0, features=6, classes=3):
    random = np.random.RandomState(seed)
    return random.randn(ROWS, features).astype("float32"), np.eye(classes, dtype="float32")[
        random.randint(0, classes, ROWS)
    ]


def made(backend="mxnet", dropout=0.0, **options):
    kcore.set_seed(3)
    with kcore.use_backend(backend):
        model = Sequential(
            [Dense(8, activation="tanh", input_shape=(6,)), Dropout(dropout), Dense(3, activation="softmax")]
        )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def fitted(model, epochs=2, **options):
    x, y = data()
    np.random.seed(5)
    history = model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, **options)
    return history.history["loss"], model.get_weights()


def run(code):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_plugin_is_announced_without_mxnet():
    run(
        "import kcore_backend_mxnet, kcore.layers, sys\nkcore_backend_mxnet.kcore_backends()\n"
        "assert 'mxnet' not in sys.modules"
    )


def test_choosing_the_engine_is_quiet_and_leaves_numpy_as_it_was():
    done = run(
        "import numpy as np\nbefore = set(vars(np))\n"
        "import kcore, sys\nfrom kcore.kernel.context import engine\nengine('mxnet').devices()\n"
        "assert 'mxnet' in sys.modules\nadded = set(vars(np)) - before\n"
        "assert not added & {'bool', 'PZERO', 'alltrue', 'NaN'}, added"
    )
    assert done.stderr == "" and done.stdout == ""


def test_a_parameter_server_is_not_started_by_accident():
    code = "from kcore_backend_mxnet.startup import import_mxnet\nimport_mxnet()"
    environment = {**os.environ, "DMLC_ROLE": "server"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and "DMLC_ROLE=server" in done.stderr


def test_a_training_step_is_one_graph_and_one_more_for_the_smaller_batch():
    model = made()
    fitted(model)
    step = next(s for key, s in model._steps._made.items() if key[0] == "train").compiled
    assert isinstance(step, Compiled)
    (piece,) = step._layout.steps
    assert isinstance(piece, Piece) and len(piece._made) == 2
    fitted(model)
    assert len(piece._made) == 2


def test_the_same_losses_and_dropout_as_on_numpy():
    for dropout in (0.0, 0.4):
        ours, theirs = fitted(made(dropout=dropout), 5), fitted(made("numpy", dropout=dropout), 5)
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4)


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": False}])
def test_ways_to_run_agree(options):
    usual, other = fitted(made()), fitted(made(**options))
    np.testing.assert_allclose(usual[0], other[0], rtol=1e-5)


def test_convolutions_learn_the_same():
    x = np.random.RandomState(0).randn(40, 8, 8, 2).astype("float32")
    y = np.eye(3)[np.random.RandomState(1).randint(0, 3, 40)]

    def losses(backend):
        kcore.set_seed(0)
        with kcore.use_backend(backend):
            model = Sequential(
                [
                    Conv2D(4, 3, strides=2, padding="same", activation="relu", input_shape=(8, 8, 2)),
                    Conv2D(4, 3, padding="same", activation="relu"),
                    Flatten(),
                    Dense(3),
                ]
            )
        model.compile("sgd", "mse")
        return model.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0).history["loss"]

    np.testing.assert_allclose(losses("mxnet"), losses("numpy"), rtol=1e-4)


def test_channels_are_turned_twice_in_a_stack_of_convolutions():
    with kcore.use_backend("mxnet"):
        stack = [Conv2D(4, 3, padding="same", activation="relu", input_shape=(8, 8, 2))]
        model = Sequential([*stack, *(Conv2D(4, 3, padding="same", activation="relu") for _ in range(3))])
    model.predict(np.zeros((2, 8, 8, 2), "float32"))
    step = next(s for key, s in model._steps._made.items() if key[0] == "predict").compiled
    graph = next(iter(step._layout.steps[0]._made.values()))
    nodes = graph.nodes()
    activations = [
        n for n in nodes if n["op"] == "transpose" and n["attrs"]["axes"] in ("(0, 3, 1, 2)", "(0, 2, 3, 1)")
    ]
    assert len(activations) == 2


@pytest.mark.parametrize(
    "around, convolution, pads",
    [
        (1, Conv2D(3, 3, strides=2), ["(1, 1)"]),
        (((1, 1), (2, 2)), Conv2D(3, 3, padding="same", use_bias=False), ["(2, 3)"]),
        (2, Conv2D(3, 3, dilation_rate=2, activation="relu"), ["(2, 2)"]),
        (1, DepthwiseConv2D(3), ["(1, 1)"]),
        (((0, 1), (0, 1)), Conv2D(3, 3), None),  # uneven: stays an operation of its own
    ],
)
def test_zeros_around_an_image_are_the_convolutions_own_when_predicting(around, convolution, pads):
    def stack():
        layers = [
            Conv2D(2, 1, input_shape=(7, 6, 2)),
            ZeroPadding2D(around),
            type(convolution).from_config(config),
        ]
        return Sequential([*layers, Flatten(), Dense(2)])

    config, x = convolution.get_config(), np.random.RandomState(0).randn(5, 7, 6, 2).astype("float32")
    outputs, losses = [], []
    for name in ("mxnet", "numpy"):
        kcore.set_seed(1)
        with kcore.use_backend(name):
            model = stack()
        model.compile("sgd", "mse")
        outputs.append(model.predict(x))
        if name == "mxnet":
            step = next(s for key, s in model._steps._made.items() if key[0] == "predict").compiled
            nodes = next(iter(step._layout.steps[0]._made.values())).nodes()
        losses.append(model.fit(x, np.ones((5, 2)), epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    padding = [n for n in nodes if n["op"] in ("Pad", "_slice_assign", "pad")]
    assert bool(padding) == (pads is None)
    if pads is not None:
        assert [n["attrs"]["pad"] for n in nodes if n["op"] == "Convolution"][-1:] == pads


@pytest.mark.parametrize("shapes", [
    ((5, 5, 3), (1, 1, 3), (5, 5, 3)), ((1, 1, 3), (5, 5, 3), (5, 5, 1)), ((5, 1, 3), (1, 5, 3), (5, 5, 3)),
    ((5, 5, 1), (5, 5, 3), (1, 1, 1)),
])  # fmt: skip
def test_choices_between_images_and_what_is_spread_over_them(shapes):
    """The larger operand decides, whichever place it has; nothing is turned for it."""
    x = np.random.RandomState(0).randn(2, 5, 5, 2).astype("float32")
    found = []
    for name in ("mxnet", "numpy"):
        kcore.set_seed(1)
        with kcore.use_backend(name):
            image = kcore.layers.Input((5, 5, 2))
            parts = [Conv2D(s[2], (6 - s[0], 6 - s[1]))(image) for s in shapes]
            chosen = kcore.layers.Lambda(lambda ts: K.where(K.greater(ts[0], 0.0), ts[1], ts[2]) + ts[0])(
                parts
            )
            model = kcore.models.Model(image, kcore.layers.GlobalAveragePooling2D()(chosen))
            model.compile("sgd", "mse")
            found.append([model.predict(x), model.train_on_batch(x, np.ones((2, 3))), *model.get_weights()])
            if name == "mxnet":
                made_ = nodes(engine("mxnet"), model._steps.lowered("predict")[1])
                assert sum(n["op"] == "transpose" for n in made_) == 1
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_training_goes_on_where_it_stood_on_another_engine():
    stayed, moved = made(), made()
    fitted(stayed, 3)
    fitted(moved, 3)
    x, y = data()
    moved.to_backend("numpy")
    losses = []
    for model in (stayed, moved):
        np.random.seed(9)
        losses.append(model.fit(x, y, batch_size=16, epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    moved.to_backend("mxnet")
    np.random.seed(9)
    assert np.isfinite(moved.fit(x, y, batch_size=16, verbose=0).history["loss"]).all()


# MXNet's own mx.nd.array meets a newer SciPy
@pytest.mark.filterwarnings("ignore:Please import `csr_matrix`")
def test_native_arrays_are_data():
    x, y = data()
    model = made()
    expected = model.predict(x)
    np.testing.assert_array_equal(model.predict(mx.nd.array(x)), expected)
    with kcore.use_backend("mxnet"):
        doubled = K.eval(K.variable(mx.nd.array(x)) * 2.0)
        tripled = K.eval(K.constant(mx.nd.array(x)) * 3.0)
    np.testing.assert_allclose(doubled, x * 2)
    np.testing.assert_allclose(tripled, x * 3)
    assert isinstance(model.trainable_weights[0].native.native, mx.nd.NDArray)
    model.set_weights([w.native.native * 0 + 1 for w in model.weights])
    model.layers[0].set_weights([mx.nd.array(w) for w in model.layers[0].get_weights()])
    assert all((w == 1).all() for w in model.get_weights())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["arrays", "generator", "sequence", "DataIter", "DataLoader"])
def test_native_data_everywhere(kind):
    """To learn from, to validate with, to evaluate, to predict: the same as with NumPy's arrays, on other engines too."""
    x, y = data()
    count = -(-ROWS // 16)
    cut = [slice(16 * i, 16 * i + 16) for i in range(count)]
    native_x, native_y = mx.nd.array(x), mx.nd.array(y)

    class Batches(kcore.utils.Sequence):
        def __len__(self):
            return count

        def __getitem__(self, i):
            return native_x[cut[i]], native_y[cut[i]]

    def endless():
        while True:
            yield from ((native_x[part], native_y[part]) for part in cut)

    make = {
        "arrays": lambda: (native_x, native_y),
        "generator": endless,
        "sequence": Batches,
        "DataIter": lambda: mx.io.NDArrayIter({"data": x}, {"label": y}, batch_size=16),
        "DataLoader": lambda: mx.gluon.data.DataLoader(mx.gluon.data.ArrayDataset(x, y), batch_size=16),
    }[kind]
    steps = {"steps_per_epoch": count, "validation_steps": count} if kind == "generator" else {}
    for name in ("mxnet", "numpy"):
        given, usual = made(name), made(name)
        expected = usual.fit(x, y, batch_size=16, shuffle=False, validation_data=(x, y), verbose=0).history
        if kind == "arrays":
            batch = {"batch_size": 16}
            got = given.fit(
                native_x, native_y, shuffle=False, validation_data=make(), verbose=0, **batch
            ).history
            ends = given.evaluate(native_x, native_y, verbose=0, **batch), given.predict(native_x)
        else:
            got = given.fit(make(), validation_data=make(), shuffle=False, verbose=0, **steps).history
            some = {"steps": count} if steps else {}
            ends = given.evaluate(make(), verbose=0, **some), given.predict(make(), **some)
        for key, values in expected.items():
            np.testing.assert_allclose(got[key], values, rtol=1e-5)
        np.testing.assert_allclose(ends[0], usual.evaluate(x, y, batch_size=16, verbose=0), rtol=1e-5)
        np.testing.assert_allclose(ends[1], usual.predict(x), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:Please import `csr_matrix`")
@pytest.mark.parametrize("kind", ["DataIter", "DataLoader"])
def test_iterators_and_loaders_are_data(kind):
    x, y = data()
    if kind == "DataIter":
        batches = mx.io.NDArrayIter(x, y, batch_size=16)  # fills up the last batch: those rows do not count
    else:
        batches = mx.gluon.data.DataLoader(mx.gluon.data.ArrayDataset(x, y), batch_size=16)
    one, other = made(), made()
    by_batches = one.fit(batches, epochs=2, verbose=0).history["loss"]
    np.random.seed(5)
    by_arrays = other.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(by_batches, by_arrays, rtol=1e-5)


@pytest.mark.parametrize("backend", ["numpy", "mxnet"])
@pytest.mark.parametrize("kind", ["ints", "floats", "an mx.nd array"])
@pytest.mark.filterwarnings("ignore")
def test_words_that_a_table_does_not_have_are_refused_and_nothing_changes(kind, backend):
    with kcore.use_backend(backend):
        model = Sequential([kcore.layers.Embedding(5, 3, input_length=2), kcore.layers.LSTM(2)])
    model.compile("sgd", "mse")
    turn = {"ints": np.array, "floats": lambda v: np.array(v, "float32"), "an mx.nd array": mx.nd.array}[kind]
    before, y = model.get_weights(), np.ones((1, 2))
    for wrong, word in (([[1, 7]], "7"), ([[-9, 0]], "-9"), ([[5, 0]], "5")):
        for call in (
            model.predict,
            lambda x: model.train_on_batch(x, y),
            lambda x: model.fit(x, y, verbose=0),
        ):
            with pytest.raises(IndexError, match=f"index {word} is out of bounds for axis 0 with size 5"):
                call(turn(wrong))
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    last, same = model.predict(turn([[-1, 0]])), model.predict(turn([[4, 0]]))
    np.testing.assert_array_equal(last, same)
    assert np.isfinite(model.train_on_batch(turn([[-1, 4]]), y))


def test_places_that_a_graph_computes_write_nowhere_else():
    with kcore.use_backend("mxnet"):
        words, table = K.placeholder((None,), dtype="int32"), K.variable(np.ones((4, 2)))
        slopes = K.gradients(K.sum(K.gather(table, words * 1000)), [table])
        found = K.function([words], slopes)([np.array([0, 1, 2])])[0]
    np.testing.assert_array_equal(found, [[1, 1], [0, 0], [0, 0], [2, 2]])


def test_predictions_are_read_while_later_batches_are_on_their_way(monkeypatch):
    """Five batches of 16; one after the other where a callback wants to see them."""
    x, _ = data()
    model, log = made(), []
    expected = np.concatenate([model.predict_on_batch(x[i : i + 16]) for i in range(0, ROWS, 16)])
    for name in ("begin", "read"):
        usual = getattr(Step, name)
        monkeypatch.setattr(
            Step,
            name,
            lambda self, given, usual=usual, name=name: (log.append(name[0]), usual(self, given))[1],
        )
    monkeypatch.setattr(type(engine("mxnet")), "ahead", 2)
    np.testing.assert_array_equal(model.predict(x, batch_size=16), expected)
    assert "".join(log) == "bbbrbrbrrr"
    log.clear()
    model.predict(x, batch_size=16, callbacks=[kcore.callbacks.Callback()])
    assert "".join(log) == 5 * "br"


def test_values_without_axes_or_elements_and_narrow_types():
    home = engine("mxnet")
    for array in (
        np.float32(3),
        np.zeros((0, 2), "float64"),
        np.array([True, False]),
        np.array([2, 250], "uint8"),
    ):
        array = np.asarray(array)
        back = home.to_numpy(home.from_numpy(array, array.dtype.name))
        assert back.dtype == array.dtype and back.shape == array.shape
        np.testing.assert_array_equal(back, array)


def test_half_precision_is_rounded_where_it_is_cast():
    with kcore.use_backend("mxnet"):
        found = K.cast(np.array([1.0001, 2.5], "float32"), "float16")
    assert np.asarray(found).dtype == np.float16
    np.testing.assert_array_equal(np.asarray(found), np.array([1.0001, 2.5], "float16"))


def exported(tmp_path, batch_size=5):
    kcore.set_seed(4)
    with kcore.use_backend("mxnet"):
        model = Sequential(
            [
                Conv2D(4, 3, padding="same", activation="relu", input_shape=(6, 6, 2)),
                BatchNormalization(),
                MaxPooling2D(2),
                Flatten(),
                Dropout(0.5),
                Dense(3, activation="softmax"),
            ]
        )
    x = np.random.RandomState(2).randn(batch_size, 6, 6, 2).astype("float32")
    prefix = str(tmp_path / "model")
    assert export(model, prefix, batch_size) == ["data"]
    return model, x, prefix


def test_plain_mxnet_runs_an_exported_model(tmp_path):
    model, x, prefix = exported(tmp_path)
    np.savez(tmp_path / "case.npz", x=x, expected=model.predict(x))
    code = (
        "import sys, warnings\nwarnings.simplefilter('ignore')\n"
        "from kcore_backend_mxnet.startup import import_mxnet\nimport numpy as np\nmx = import_mxnet()\n"
        f"case = np.load({str(tmp_path / 'case.npz')!r})\n"
        f"symbol, parameters, states = mx.model.load_checkpoint({prefix!r}, 0)\n"
        "module = mx.mod.Module(symbol, data_names=['data'], label_names=None)\n"
        "module.bind([('data', case['x'].shape)], for_training=False)\nmodule.set_params(parameters, states)\n"
        "module.forward(mx.io.DataBatch([mx.nd.array(case['x'])]))\n"
        "np.testing.assert_allclose(module.get_outputs()[0].asnumpy(), case['expected'], rtol=1e-5)\n"
        "assert not [m for m in sys.modules if m.startswith('kcore.layers')]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    names = mx.sym.load(f"{prefix}-symbol.json").list_inputs()
    assert "data" in names and any("kernel" in n for n in names)


@pytest.mark.filterwarnings("ignore")
def test_an_exported_model_is_a_gluon_block(tmp_path):
    model, x, prefix = exported(tmp_path)
    block = mx.gluon.SymbolBlock.imports(f"{prefix}-symbol.json", ["data"], f"{prefix}-0000.params")
    np.testing.assert_allclose(block(mx.nd.array(x)).asnumpy(), model.predict(x), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:Please import `csr_matrix`")
def test_exporting_is_a_format_of_models(tmp_path):
    model = made()
    x = data()[0][:1]
    path = str(tmp_path / "m-symbol.json")
    formats.for_saving(path, "export").export(model, path)
    symbol, arguments, others = mx.model.load_checkpoint(str(tmp_path / "m"), 0)
    bound = symbol.bind(mx.cpu(), {**arguments, **others, "data": mx.nd.array(x)})
    np.testing.assert_allclose(bound.forward()[0].asnumpy(), model.predict(x), atol=1e-6)
    with pytest.raises(ArgumentError, match="'mxnet' cannot load"):
        formats.for_loading(path)
    with pytest.raises(ArgumentError, match="two files"):
        formats.by_name("mxnet").export(model, io.BytesIO())


def test_what_cannot_be_exported_says_so(tmp_path):
    with pytest.raises(ArgumentError, match="to_backend"):
        export(made("numpy"), str(tmp_path / "model"))
    with pytest.raises(ArgumentError, match="batch_size=0"):
        export(made(), str(tmp_path / "model"), 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["adam", "sgd", "momentum"])
def test_fused_optimizer_steps_are_the_rules(name, monkeypatch):
    def weights():
        optimizer = kcore.optimizers.SGD(0.1, momentum=0.9) if name == "momentum" else name
        kcore.set_seed(1)
        with kcore.use_backend("mxnet"):
            model = Sequential([Dense(20, input_shape=(6,)), Dense(3)])
        model.compile(optimizer, "mse")
        step = fitted(model, 3)
        made_ = next(s for key, s in model._steps._made.items() if key[0] == "train").compiled
        return step[1], len(made_._applied)

    composed, none = weights()
    monkeypatch.setattr("kcore_backend_mxnet.applies.LARGE", 1)
    fused, some = weights()
    assert (none, some) == (0, 4)
    for a, b in zip(composed, fused, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def small_network():
    return [
        Conv2D(4, 3, activation="relu", input_shape=(6, 6, 2)), Dropout(0.3), Flatten(),
        Dense(12, activation="relu", kernel_constraint="max_norm"), Dense(3, activation="softmax"),
    ]  # fmt: skip


@pytest.mark.parametrize("large", [1, 20_000])
@pytest.mark.parametrize("name", ["adam", "amsgrad", "rmsprop", "nesterov", "clipped"])
def test_weights_held_in_mxnets_order_train_as_on_numpy(name, large, monkeypatch):
    """Fitting, predicting and setting weights in turn, as each may find weights in another order."""
    monkeypatch.setattr("kcore_backend_mxnet.applies.LARGE", large)
    made_by = {
        "adam": "adam",
        "amsgrad": {"class_name": "Adam", "config": {"amsgrad": True}},
        "rmsprop": "rmsprop",
        "nesterov": {"class_name": "SGD", "config": {"momentum": 0.9, "nesterov": True}},
        "clipped": {"class_name": "SGD", "config": {"momentum": 0.9, "clipnorm": 0.5}},
    }
    random = np.random.RandomState(0)
    x, y = random.randn(40, 6, 6, 2).astype("float32"), np.eye(3)[random.randint(0, 3, 40)]
    found = []
    for backend in ("numpy", "mxnet"):
        kcore.set_seed(1)
        with kcore.use_backend(backend):
            model = Sequential(small_network())
        model.compile(made_by[name], "categorical_crossentropy")
        np.random.seed(3)
        losses = []
        for _ in range(2):
            told = model.fit(x, y, batch_size=16, epochs=2, validation_data=(x, y), verbose=0).history
            losses += told["loss"] + told["val_loss"] + [float(model.predict(x[:3]).std())]
            model.set_weights([0.9 * w for w in model.get_weights()])
        found.append((losses, model.get_weights()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-4)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_weights_are_turned_once_and_not_in_each_step():
    with kcore.use_backend("mxnet"):
        model = Sequential([Dense(200, activation="relu", input_shape=(100,)), Dense(3)])
    model.compile("adam", "mse")
    x, y = np.zeros((8, 100), "float32"), np.zeros((8, 3), "float32")
    model.train_on_batch(x, y)
    model.predict(x)
    kernels = [w for w in model.weights if w.name.endswith("kernel:0")]
    assert [w.storage(engine("mxnet")).base.shape for w in kernels] == [(200, 100), (3, 200)]
    assert (
        [w.native.shape for w in kernels]
        == [w.native.native.shape for w in kernels]
        == [(100, 200), (200, 3)]
    )
    steps = {key[0]: step.compiled._layout.steps for key, step in model._steps._made.items()}
    made_ = {
        key: [n for s in found for g in s._made.values() for n in g.nodes()] for key, found in steps.items()
    }
    for found in made_.values():
        assert not any(n["op"] == "transpose" for n in found)
    assert [n["op"] for n in made_["train"]].count("_backward_FullyConnected") == 2


def test_gradients_of_dense_kernels_leave_the_graph_without_a_copy(monkeypatch):
    x, y = np.random.RandomState(0).randn(32, 100).astype("float32"), np.eye(4)[np.arange(32) % 4]
    found = []
    for refusals in ([], ["no FGradient"]):  # the second time MXNet finds no gradient behind the dense layers

        def static(symbol, refusals=refusals, make=graph._static):
            if refusals and "_backward_FullyConnected" in symbol.tojson():
                raise mx.base.MXNetError(refusals.pop())
            return make(symbol)

        monkeypatch.setattr(graph, "_static", static)
        kcore.set_seed(3)
        with kcore.use_backend("mxnet"):
            model = Sequential([Dense(100, activation="tanh", input_shape=(100,)), Dense(4)])
        model.compile("adam", "mse")
        losses = model.fit(x, y, batch_size=16, epochs=3, verbose=0, shuffle=False).history["loss"]
        monkeypatch.undo()
        step = next(s for key, s in model._steps._made.items() if key[0] == "train").compiled
        (made_,) = step._layout.steps[0]._made.values()
        written = json.loads(made_.symbol.tojson())
        ends = [written["nodes"][at]["op"] for at, *_ in written["heads"]]
        found.append((losses, model.get_weights(), ends.count("_backward_FullyConnected")))
    assert [count for *_, count in found] == [4, 0]  # kernels and biases of two layers
    assert found[0][0] == found[1][0]
    for one, other in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_frozen_normalisation_between_dense_layers_has_its_gradient_in_their_graph():
    with kcore.use_backend("mxnet"):
        model = Sequential([Dense(4, input_shape=(6,)), BatchNormalization(trainable=False), Dense(3)])
    model.compile("sgd", "mse")
    x, y = data()
    model.train_on_batch(x, y)
    step = next(s for key, s in model._steps._made.items() if key[0] == "train").compiled
    (piece,) = step._layout.steps
    made_ = [n["op"] for graph in piece._made.values() for n in graph.nodes()]
    assert [made_.count(f"_backward_{name}") for name in ("FullyConnected", "BatchNorm")] == [2, 1]


def test_counters_and_rates_of_large_models_need_no_graph():
    with kcore.use_backend("mxnet"):
        model = Sequential([Dense(200, input_shape=(200,))])
    model.compile(kcore.optimizers.Adam(0.01, decay=0.1), "mse")
    x = np.ones((4, 200), "float32")
    for _ in range(3):
        model.train_on_batch(x, x)
    assert model.optimizer.iterations.storage(engine("mxnet")).known
    assert int(kcore.backend.get_value(model.optimizer.iterations)) == 3
    model.optimizer.lr = 0.0
    before = model.get_weights()
    model.train_on_batch(x, x)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("row", [[1, np.nan, 2], [np.inf, 1, 2], [-np.inf, 0, 0], [1e30, -1e30, 0]])
def test_softmax_hides_no_nan(row):
    rows = np.array([row, [0, 1, 2]], "float32")
    for name in ("softmax", "log_softmax"):
        with kcore.use_backend("numpy"):
            expected = K.eval(getattr(K, name)(K.constant(rows)))
        with kcore.use_backend("mxnet"):
            found = K.function([], [getattr(K, name)(K.variable(rows))])([])[0]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_copy_of_a_variable_does_not_change_with_it(monkeypatch):
    monkeypatch.setattr("kcore_backend_mxnet.applies.LARGE", 1)
    model = made()
    weight = model.trainable_weights[0]
    x, y = data()
    model.train_on_batch(x, y)
    with kcore.use_backend("mxnet"):
        kept = K.variable(np.zeros(weight.shape))
        K.function([], [], updates=[(kept, weight)])([])
    before = K.get_value(weight)
    model.train_on_batch(x, y)
    np.testing.assert_array_equal(K.get_value(kept), before)
    assert not np.array_equal(K.get_value(weight), before)


def test_threads():
    model = made()
    x, _ = data()
    expected, found = model.predict(x), []

    def work():
        found.extend(model.predict(x) for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 30 and all(np.array_equal(p, expected) for p in found)


def test_devices():
    with kcore.use_backend("mxnet"):
        assert "cpu:0" in kcore.devices()
        with kcore.device("cpu:0"):
            model = made()
        assert len(fitted(model)[0]) == 2
        with (
            pytest.raises(ArgumentError, match="no device 'gpu:7'.*there is cpu:0.*without CUDA"),
            kcore.device("gpu:7"),
        ):
            pass


STEPS = """
import resource, sys
import numpy as np
import kcore
from kcore.layers import BatchNormalization, Dense
from kcore.models import Sequential
with kcore.use_backend("mxnet"):
    model = Sequential([Dense(4, activation="relu", input_shape=(3,)), BatchNormalization(), Dense(1)])
model.compile("sgd", "mse")
x, y = np.random.RandomState(0).randn(3, 3).astype("float32"), np.ones((3, 1), "float32")

def train(steps):  # batches of 2 and of 1 row
    model.fit(x, y, batch_size=2, epochs=steps // 2, verbose=0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

before = train(1_000)
grown = train(10_000) - before
assert grown < 10_000, f"{grown} KiB more after 10,000 steps"
print("flat")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system for memory in the way of Unix")
def test_memory_stays_flat_over_ten_thousand_steps_and_the_interpreter_ends_cleanly():
    done = run(STEPS)
    assert done.stdout == "flat\n" and done.stderr == ""


def test_memory_stays_flat():
    resource = pytest.importorskip("resource")
    x, y = data()
    model = made()

    def calls(n):
        for _ in range(n):
            model.predict(x[:1])
            model.train_on_batch(x[:16], y[:16])
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = calls(200)
    grown = calls(600) - before
    assert grown < 8_000, f"{grown} KiB more after 600 calls of each"
