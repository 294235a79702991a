"""What is saved is loaded again as it was: models, weights, state of training, by every kind of file and path."""

import io
import json
import os
import tracemalloc

import h5py
import numpy as np
import pytest

import kcore
import saved_models as saved
from golden import cases, load
from kcore import backend as K
from kcore import layers, losses, metrics, optimizers
from kcore.callbacks import ModelCheckpoint
from kcore.engine import saving as face
from kcore.errors import ArgumentError, CannotMap, FileRefused, WeightsMismatch
from kcore.layers import allocation
from kcore.models import Model, Sequential, load_model, model_from_json, save_model
from kcore.saving import conventions
from kcore.saving.configs import restored
from kcore.utils.io_utils import load_from_binary_h5py, save_to_binary_h5py

R = np.random.RandomState


def dense():
    model = Sequential(
        [
            layers.Dense(4, activation="relu", input_shape=(3,), kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dense(2, activation="softmax", kernel_constraint="maxnorm"),
        ]
    )
    model.compile(optimizers.Adam(0.01, amsgrad=True), "categorical_crossentropy", metrics=["accuracy"])
    return model, R(0).rand(6, 3), R(1).rand(6, 2)


def recurrent():
    model = Sequential(
        [
            layers.Bidirectional(layers.LSTM(3, return_sequences=True), input_shape=(4, 2)),
            layers.TimeDistributed(layers.Dense(3)),
            layers.GRU(2, reset_after=True),
        ]
    )
    model.compile("rmsprop", losses.MeanSquaredError(), metrics=[metrics.MeanAbsoluteError(name="far")])
    return model, R(0).rand(6, 4, 2), R(1).rand(6, 2)


def nested():
    first, second = layers.Input((4,), name="first"), layers.Input((4,), name="second")
    shared = layers.Dense(3, activation="tanh")
    entry = layers.Input((3,))
    inner = Model(entry, layers.Dense(2)(layers.BatchNormalization()(entry)))
    stack = Sequential([layers.Dense(3, input_shape=(4,)), layers.Dense(2)])
    x = layers.Concatenate()([inner(shared(first)), inner(shared(second)), stack(first)])
    out = layers.Dense(2, activation="softmax", name="kind")(x)
    model = Model(
        [first, second], [out, layers.Dense(1, name="size")(layers.Add()([shared(first), shared(second)]))]
    )
    model.compile(
        optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=1.0),
        {"kind": "categorical_crossentropy", "size": "mse"},
        loss_weights=[0.3, 0.7],
        metrics={"kind": ["accuracy"], "size": "mae"},
    )
    x = [R(0).rand(6, 4), R(1).rand(6, 4)]
    return model, x, [R(2).rand(6, 2), R(3).rand(6, 1)]


BUILDERS = [dense, recurrent, nested]


def listed(values):
    return values if isinstance(values, list) else [values]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(listed(first), listed(second), strict=True))


def trained(build):
    model, x, y = build()
    for _ in range(2):
        model.train_on_batch(x, y)
    return model, x, y


@pytest.fixture(params=BUILDERS, ids=lambda b: b.__name__)
def made(request):
    return trained(request.param)


def targets(folder):
    """Every kind of place, with what is to be closed before it is read."""
    yield str(folder / "text.h5"), None
    yield folder / "path.hdf5", None
    yield folder / "no_suffix", None
    yield io.BytesIO(), None
    file = h5py.File(folder / "open.h5", "w")
    yield file, None
    yield file.create_group("inside/deeper"), None


def test_every_place(made, tmp_path):
    model, x, _ = made
    for target, _ in targets(tmp_path):
        model.save(target)
        again = load_model(target)
        assert type(again) is type(model)
        assert same(again.predict(x), model.predict(x))


def test_training_goes_on(made, tmp_path):
    model, x, y = made
    model.save(tmp_path / "m.h5")
    again = load_model(tmp_path / "m.h5")
    assert same(again.optimizer.get_weights(), model.optimizer.get_weights())
    assert again.metrics_names == model.metrics_names
    for _ in range(2):
        np.testing.assert_allclose(again.train_on_batch(x, y), model.train_on_batch(x, y), rtol=1e-6)
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_without_state(made, tmp_path):
    model, x, y = made
    model.save(tmp_path / "m.h5", include_optimizer=False)
    with pytest.warns(UserWarning, match="not compiled"):
        again = load_model(tmp_path / "m.h5")
    assert again.optimizer is None and same(again.predict(x), model.predict(x))
    model.save(tmp_path / "m.h5")
    assert load_model(tmp_path / "m.h5", compile=False).optimizer is None


def test_configs(made):
    model, x, _ = made
    for again in (model_from_json(model.to_json()), type(model).from_config(model.get_config())):
        again.set_weights(model.get_weights())
        assert same(again.predict(x), model.predict(x))
    assert json.loads(model.to_json(indent=2))["keras_version"] == "2.3.1"
    yaml = pytest.importorskip("yaml")
    again = kcore.models.model_from_yaml(model.to_yaml())
    assert yaml.safe_load(model.to_yaml())["config"] == json.loads(model.to_json())["config"]
    assert again.count_params() == model.count_params()


@pytest.mark.parametrize(
    "case", [c for c in saved.cases() if c["flavor"] == "keras_2.3.1"], ids=lambda c: c["id"]
)
def test_files_are_laid_out_as_keras_2_does(case, tmp_path):
    original = tmp_path / "original.h5"
    original.write_bytes(saved.read(case["files"]["model_h5"]))
    load_model(original, saved.custom_objects(case)).save(tmp_path / "own.h5")
    with h5py.File(original) as theirs, h5py.File(tmp_path / "own.h5") as ours:
        assert {*theirs.attrs, "kcore_crc32"} == set(ours.attrs)
        for name in ("model_config", "training_config"):
            assert plain(json.loads(ours.attrs[name]), name) == plain(json.loads(theirs.attrs[name]), name)
        told, found = (laid_out(f["model_weights"]) for f in (theirs, ours))
        assert found == told
        counts = [len(f["optimizer_weights"].attrs["weight_names"]) for f in (theirs, ours)]
        assert counts[0] == counts[1]


def plain(config, name):
    """A config without numbers that hang on rounding, and what Keras 2 tells only at times."""
    if isinstance(config, dict):
        return {k: plain(v, name) for k, v in config.items() if k not in ("epsilon", "build_input_shape")}
    if isinstance(config, list):
        return [plain(v, name) for v in config]
    return round(config, 6) if isinstance(config, float) else config


def laid_out(group):
    """Layer by layer the number and shapes of weights, and the types of the names."""
    names = [n.decode() for n in group.attrs["layer_names"]]
    found = []
    for name in names:
        told = group[name].attrs["weight_names"]
        found.append((name, [group[name][w.decode()].shape for w in told], told.dtype.kind))
    return found


# weights --------------------------------------------------------------------------------------------------------
def stack(*sizes, names="abcdef"):
    made = [layers.Dense(size, name=name) for size, name in zip(sizes[1:], names, strict=False)]
    model = Sequential(made)
    model.build((None, sizes[0]))
    return model


def test_weights_in_order_and_by_name(tmp_path):
    model, other = stack(3, 4, 2), stack(3, 4, 2, names="xyz")
    model.save_weights(tmp_path / "w.h5")
    other.load_weights(tmp_path / "w.h5")  # names do not count
    assert same(other.get_weights(), model.get_weights())
    third = stack(3, 4, 5, names=["a", "new"])
    before = third.get_weights()
    plan = third.load_weights(tmp_path / "w.h5", by_name=True)
    assert same(third.get_weights()[:2], model.get_weights()[:2]) and same(
        third.get_weights()[2:], before[2:]
    )
    assert [(r.layer, r.state) for r in plan.rows] == [("a", "matched"), ("a", "matched")]


def test_weights_of_a_whole_model(made, tmp_path):
    model, _, _ = made
    model.save(tmp_path / "m.h5")
    again = model_from_json(model.to_json())
    again.load_weights(str(tmp_path / "m.h5"))
    assert same(again.get_weights(), model.get_weights())


def test_skip_mismatch_and_reshape(tmp_path):
    model = stack(3, 4, 2)
    model.save_weights(tmp_path / "w.h5")
    other = stack(3, 4, 3)
    with pytest.raises(WeightsMismatch, match="other shape"):
        other.load_weights(tmp_path / "w.h5", by_name=True)
    with pytest.warns(UserWarning, match="'b' are skipped"):
        plan = other.load_weights(tmp_path / "w.h5", by_name=True, skip_mismatch=True)
    assert same(other.get_weights()[:2], model.get_weights()[:2]) and plan.count("skipped") == 2
    with pytest.raises(ArgumentError, match="by_name=True"):
        other.load_weights(tmp_path / "w.h5", skip_mismatch=True)
    conv = Sequential([layers.Conv2D(2, (1, 3), input_shape=(4, 4, 2))])
    conv.save_weights(tmp_path / "c.h5")
    turned = Sequential([layers.Conv2D(2, (3, 1), input_shape=(4, 4, 2))])
    plan = turned.load_weights(tmp_path / "c.h5", reshape=True)
    assert plan.count("reshaped") == 0  # a kernel is brought into the layer's shape before it is compared
    np.testing.assert_array_equal(turned.get_weights()[0].ravel(), conv.get_weights()[0].ravel())
    wide, tall = stack(2, 6), stack(6, 2)
    wide.save_weights(tmp_path / "s.h5")
    with pytest.raises(WeightsMismatch):
        tall.load_weights(tmp_path / "s.h5", reshape=True)  # the bias has another number of values


@pytest.mark.parametrize(
    "sizes, told",
    [
        ((3, 4), ["b  ", "unexpected"]),
        ((3, 4, 2, 2), ["c  ", "missing"]),
        ((3, 5, 2), ["(3, 5)", "(3, 4)", "other shape"]),
    ],
)
def test_what_does_not_fit_is_told_and_changes_nothing(sizes, told, tmp_path):
    stack(3, 4, 2).save_weights(tmp_path / "w.h5")
    model = stack(*sizes)
    before = model.get_weights()
    with pytest.raises(WeightsMismatch) as error:
        model.load_weights(tmp_path / "w.h5")
    assert all(word in str(error.value) for word in [*told, "Nothing was changed", "matched"])
    assert same(model.get_weights(), before)


def test_no_half_loading(tmp_path):
    """A dataset in the middle that cannot be read: the weights before it are not written either."""
    model = Sequential([layers.Dense(64, input_shape=(64,)), layers.Dense(64), layers.Dense(64)])
    model.save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        group = file[model.layers[1].name]
        at = group[group.attrs["weight_names"][0]].id.get_offset()
    before = [np.zeros_like(w) for w in model.get_weights()]
    model.set_weights(before)
    with open(tmp_path / "w.h5", "r+b") as file:
        file.truncate(at + 100)
    with pytest.raises(FileRefused):
        model.load_weights(tmp_path / "w.h5")
    assert same(model.get_weights(), before)


def test_models_written_as_classes(tmp_path):
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = layers.Dense(3), layers.Dense(2)
            self.factor = self.add_weight("factor", (2,), initializer="ones")

        def call(self, inputs):
            return self.second(self.first(inputs)) * self.factor

    x = R(0).rand(4, 3)
    model, other = Own(), Own()
    model.compile("sgd", "mse"), other.compile("sgd", "mse")
    model.train_on_batch(x, R(1).rand(4, 2)), other.train_on_batch(x, R(2).rand(4, 2))
    with pytest.raises(NotImplementedError, match="written in Python"):
        model.save(tmp_path / "m.h5")
    assert not (tmp_path / "m.h5").exists()
    model.save_weights(tmp_path / "w.h5")
    other.load_weights(tmp_path / "w.h5")
    assert same(other.predict(x), model.predict(x))


class Doubled(Model):
    """A graph of layers in a class of the user's own, with an argument of its own."""

    def __init__(self, *args, factor=2.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.factor = factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        factor = config.pop("factor")
        made = super().from_config(config, custom_objects)
        made.factor = factor
        return made


class StepOfItsOwn(Doubled):
    def train_step(self, data):
        x, y = data
        loss = K.mean(K.square(self(x, training=True) - y))
        self.optimizer.minimize(loss, self.trainable_weights)
        return {"loss": loss}


@pytest.mark.parametrize("nested_in", [False, True])
def test_graphs_of_a_class_of_ones_own(nested_in, tmp_path):
    x = layers.Input((3,))
    model = Doubled(x, layers.Dense(2)(layers.Dense(4, activation="relu")(x)), factor=3.0, name="own")
    if nested_in:
        z = layers.Input((3,))
        model = Model(z, layers.Dense(1)(model(z)))
    model.save(tmp_path / "m.h5")
    with pytest.warns(UserWarning, match="not compiled"):
        again = load_model(tmp_path / "m.h5", custom_objects={"Doubled": Doubled})
    inner = again.get_layer("own") if nested_in else again
    assert type(inner) is Doubled and inner.factor == 3.0
    assert same(again.predict(R(0).rand(4, 3)), model.predict(R(0).rand(4, 3)))
    with pytest.raises(CannotMap, match="Doubled"):
        load_model(tmp_path / "m.h5")


def test_state_of_steps_of_ones_own_is_told(tmp_path):
    x = layers.Input((3,))
    model = StepOfItsOwn(x, layers.Dense(2)(x))
    model.compile(optimizers.SGD(0.1, momentum=0.9))
    model.train_on_batch(R(0).rand(4, 3), R(1).rand(4, 2))
    model.save(tmp_path / "m.h5")
    with pytest.warns(UserWarning, match="train_step of its own"):
        again = load_model(tmp_path / "m.h5", custom_objects={"StepOfItsOwn": StepOfItsOwn})
    assert same(again.get_weights(), model.get_weights())


def test_compiled_but_not_trained(tmp_path):
    model, x, y = dense()
    model.save(tmp_path / "m.h5")
    again = load_model(tmp_path / "m.h5")
    np.testing.assert_allclose(again.train_on_batch(x, y), model.train_on_batch(x, y), rtol=1e-6)


def test_long_lists_of_names_are_divided(tmp_path):
    names = [f"layer_with_a_rather_long_name_{'x' * 2000}_{i}" for i in range(40)]
    model = Sequential(
        [layers.Dense(1, name=n, **({"input_shape": (1,)} if i == 0 else {})) for i, n in enumerate(names)]
    )
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert (
            "layer_names0" in file["model_weights"].attrs and "layer_names" not in file["model_weights"].attrs
        )
    with pytest.warns(UserWarning, match="not compiled"):
        again = load_model(tmp_path / "m.h5")
    assert [la.name for la in again.layers] == names and same(again.get_weights(), model.get_weights())


def test_names_that_come_twice(tmp_path):
    class Twice(layers.Layer):
        def build(self, input_shape):
            self.a = self.add_weight("w", (2,), initializer="ones")
            self.b = self.add_weight("w", (3,), initializer="zeros")
            self.built = True

    model = Sequential([Twice(input_shape=(2,))])
    model.save_weights(tmp_path / "w.h5")
    other = Sequential([Twice(input_shape=(2,))])
    other.set_weights([np.zeros(2), np.ones(3)])
    other.load_weights(tmp_path / "w.h5")
    assert same(other.get_weights(), model.get_weights())


@pytest.mark.parametrize("case", cases("weight_conversion"), ids=lambda c: c["id"].split("/")[1])
def test_weights_of_other_layouts(case):
    arrays = load(case)
    layer = restored("layers", {"class_name": case["to_class"], "config": case["config"]})
    layer._build([(None, *case["input_shape"])])
    about = {"keras_version": case["original_keras_version"] or "2.3.1"}
    if case["original_backend"]:
        about["backend"] = case["original_backend"]
    made = conventions.converted(layer, saved.by_prefix(arrays, "source_"), about, "the file")
    wanted = saved.by_prefix(arrays, "converted_")
    assert len(made) == len(wanted) == len(layer.weights)
    for got, want in zip(made, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_kernels_of_unknown_backends_are_not_guessed(tmp_path):
    model = Sequential([layers.Conv2D(2, 2, input_shape=(4, 4, 1))])
    model.save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        del file.attrs["kcore_crc32"]  # checksums would tell that it was changed
        file.attrs["backend"] = np.bytes_(b"theano")
    turned = Sequential([layers.Conv2D(2, 2, input_shape=(4, 4, 1))])
    turned.load_weights(tmp_path / "w.h5")
    np.testing.assert_array_equal(turned.get_weights()[0], model.get_weights()[0][::-1, ::-1])
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        file.attrs["backend"] = np.bytes_(b"zx81")
    with pytest.raises(CannotMap, match="zx81"):
        turned.load_weights(tmp_path / "w.h5")


def as_keras_1(path, layers_and_weights):
    """A file of weights as Keras 1.2 wrote it: flat names, no version, texts as bytes."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name, _ in layers_and_weights]
        for name, arrays in layers_and_weights:
            group = file.create_group(name)
            names = [f"{name}_{i}" for i in range(len(arrays))]
            group.attrs["weight_names"] = [n.encode() for n in names]
            for n, array in zip(names, arrays, strict=True):
                group.create_dataset(n, data=array)


def test_groups_of_the_users_own(tmp_path):
    """Keras 2's functions on open groups and streams."""
    model, other = stack(3, 4, 2), stack(3, 4, 2)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        face.save_weights_to_hdf5_group(file.create_group("mine"), model.layers)
        face.load_weights_from_hdf5_group(file["mine"], other.layers)
        assert same(other.get_weights(), model.get_weights())
        third = stack(3, 5, 2, names="xb")
        with pytest.raises(WeightsMismatch):
            face.load_weights_from_hdf5_group_by_name(file["mine"], third.layers)
        names = [f"n{'x' * 400}{i}" for i in range(400)]
        face.save_attributes_to_hdf5_group(file["mine"], "further", names)
        assert "further" not in file["mine"].attrs and "further1" in file["mine"].attrs
        assert face.load_attributes_from_hdf5_group(file["mine"], "further") == names
        assert face.load_attributes_from_hdf5_group(file["mine"], "absent") == []
    stream = io.BytesIO()
    save_to_binary_h5py(model.save, stream)
    again = load_from_binary_h5py(lambda file: load_model(file, compile=False), io.BytesIO(stream.getvalue()))
    assert same(again.get_weights(), model.get_weights())
    conv = layers.Conv2D(2, 3, input_shape=(5, 5, 1))
    conv._build([(None, 5, 5, 1)])
    kernel = R(0).rand(3, 3, 1, 2)
    turned = face.preprocess_weights_for_loading(conv, [kernel, np.zeros(2)], original_backend="theano")
    np.testing.assert_array_equal(turned[0], kernel[::-1, ::-1])


def test_memory(tmp_path):
    """One array more than the weights, no copy of all."""
    with allocation.waiting_for_values(lambda *told: None):
        model = Sequential([layers.Dense(512, input_shape=(512,)), *(layers.Dense(512) for _ in range(15))])
    total = sum(int(np.prod(w.shape)) * 4 for w in model.weights)

    def peak(action):
        tracemalloc.start()
        try:
            kept = action()
            return tracemalloc.get_traced_memory()[1] / total, kept
        finally:
            tracemalloc.stop()

    assert peak(lambda: model.save(tmp_path / "m.h5", include_optimizer=False))[0] < 0.25
    assert peak(lambda: load_model(tmp_path / "m.h5", compile=False))[0] < 1.2


def test_weights_of_keras_1(tmp_path):
    model = Sequential(
        [
            layers.Conv2D(3, (2, 2), data_format="channels_first", input_shape=(2, 4, 4), name="conv"),
            layers.Reshape((3, 9), name="shape"),
            layers.LSTM(2, name="rnn"),
            layers.Dense(2, name="out"),
        ]
    )
    kernel = R(0).rand(3, 2, 2, 2).astype("float32")  # (filters, in, rows, cols)
    gates = [R(i).rand(*shape).astype("float32") for i, shape in enumerate([(9, 2), (2, 2), (2,)] * 4)]
    out = [R(20).rand(2, 2).astype("float32"), R(21).rand(2).astype("float32")]
    as_keras_1(tmp_path / "w.h5", [("conv", [kernel, np.ones(3, "float32")]), ("rnn", gates), ("out", out)])
    model.load_weights(tmp_path / "w.h5")
    made = model.get_weights()
    np.testing.assert_array_equal(made[0], kernel.transpose(2, 3, 1, 0))
    for part in range(3):  # gates i, c, f, o become i, f, c, o
        joined = np.concatenate([gates[part], gates[6 + part], gates[3 + part], gates[9 + part]], -1)
        np.testing.assert_array_equal(made[2 + part], joined)
    np.testing.assert_array_equal(made[-1], out[1])


def test_configs_of_keras_1():
    config = [
        {"class_name": "Dense", "config": {"output_dim": 4, "init": "he_normal", "batch_input_shape": [None, 3], "bias": True,
                                           "W_regularizer": None, "name": "dense_1", "input_dim": 3}},
        {"class_name": "Dropout", "config": {"p": 0.25, "name": "dropout_1"}},
    ]  # fmt: skip
    with pytest.warns(UserWarning, match="Keras 1"):
        model = model_from_json(json.dumps({"class_name": "Sequential", "config": config}))
    assert model.layers[0].units == 4 and model.layers[1].rate == 0.25 and model.built


# files ----------------------------------------------------------------------------------------------------------
def test_overwrite(tmp_path, monkeypatch):
    path = tmp_path / "m.h5"
    model, other = stack(2, 3), stack(2, 3)
    save_model(model, path, include_optimizer=False)
    before = path.read_bytes()
    answers = iter(["?", "n", "y"])
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    other.save(path, overwrite=False)
    assert path.read_bytes() == before
    other.save(path, overwrite=False)
    assert path.read_bytes() != before

    def nobody(question):
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(FileExistsError):
        other.save_weights(path, overwrite=False)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.h5"
    model = stack(2, 3, 4)
    model.save(path)
    before = path.read_bytes()

    def fails(self):
        raise RuntimeError("no")

    monkeypatch.setattr(type(model.layers[1].weights[0]), "peek", fails)
    with pytest.raises(RuntimeError):
        model.save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["m.h5"]


def test_wrong_places(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "nothing.h5")
    for wrong in (7, None, ["m.h5"]):
        with pytest.raises(ArgumentError):
            load_model(wrong)
    (tmp_path / "other.h5").write_text("not a model")
    with pytest.raises(FileRefused, match="no known format"):
        load_model(tmp_path / "other.h5")
    model = stack(2, 3)
    with pytest.raises(ArgumentError, match="cannot save"):
        model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "w.h5")
    with pytest.raises(FileRefused, match="weights alone"):
        load_model(tmp_path / "w.h5")


def test_checkpoints_hold_models(tmp_path):
    model, x, y = trained(dense)
    kept = ModelCheckpoint(str(tmp_path / "m-{epoch}.h5"))
    weights = ModelCheckpoint(str(tmp_path / "best.h5"), "loss", save_best_only=True, save_weights_only=True)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[kept, weights])
    again = load_model(tmp_path / "m-2.h5")
    assert sorted(os.listdir(tmp_path)) == ["best.h5", "m-1.h5", "m-2.h5"]
    assert same(again.predict(x), model.predict(x))
    assert same(again.optimizer.get_weights(), model.optimizer.get_weights())
    again.load_weights(tmp_path / "best.h5")


def test_files_of_one_engine_load_under_every_other(tmp_path):
    installed = [n for n in kcore.kernel.registry.backends.names() if usable(n)]
    for first in installed:
        with kcore.use_backend(first):
            model, x, y = trained(recurrent)
            model.save(tmp_path / f"{first}.h5")
            expected = model.predict(x)
            losses_after = np.atleast_1d(model.train_on_batch(x, y))
        for second in installed:
            with kcore.use_backend(second):
                again = load_model(tmp_path / f"{first}.h5")
                assert again.backend == second
                np.testing.assert_allclose(again.predict(x), expected, rtol=1e-4, atol=1e-6)
                np.testing.assert_allclose(np.atleast_1d(again.train_on_batch(x, y)), losses_after, rtol=1e-4)


def usable(name):
    try:
        return kcore.kernel.registry.backends.get(name) is not None
    except ValueError:
        return False


def test_loading_draws_no_random_numbers(tmp_path):
    model, _, _ = trained(dense)
    model.save(tmp_path / "m.h5")
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    load_model(tmp_path / "m.h5")
    assert np.random.rand() == expected


def test_custom_objects_and_schedules(tmp_path):
    model = Sequential([saved.Scale(2.0, input_shape=(3,)), layers.Dense(1, activation=saved.gate)])
    schedule = optimizers.ExponentialDecay(0.1, 10, 0.5)
    model.compile(optimizers.SGD(schedule), saved.quartic, metrics=[saved.quartic])
    x, y = R(0).rand(5, 3), R(1).rand(5, 1)
    model.train_on_batch(x, y)
    model.save(tmp_path / "m.h5")
    with pytest.raises(CannotMap) as error:
        load_model(tmp_path / "m.h5")
    assert "'Scale'" in str(error.value) and "'gate'" in str(error.value)  # all of them in one error
    again = load_model(
        tmp_path / "m.h5", custom_objects={f: saved.CUSTOM[f] for f in ("Scale", "gate", "quartic")}
    )
    np.testing.assert_allclose(again.train_on_batch(x, y), model.train_on_batch(x, y), rtol=1e-6)
    assert K.get_value(again.optimizer.iterations) == 2
