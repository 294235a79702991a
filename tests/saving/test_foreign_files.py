"""Files that Keras 2.3.1, tf.keras and Keras 3 wrote (tests/golden/foreign): they load, predict the same, train on."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import saved_models as saved
from golden import relative_error
from kcore import backend as K
from kcore import layers
from kcore.errors import CannotMap, FileRefused
from kcore.models import Model, Sequential, load_model, model_from_json
from kcore.saving.training_configs import training_in_keras_2

ARCHIVE = zipfile.ZipFile(
    io.BytesIO((Path(__file__).parent.parent / "golden" / "foreign" / "models.zip").read_bytes())
)
FILES = sorted(
    n for n in ARCHIVE.namelist() if n.endswith(("model.h5", "model.keras")) and "unmappable" not in n
)
# how far training may go another way, where the other Kerases train otherwise
LOOSE = {
    "/images/": 2e-4,  # a bias before a batch normalisation: its gradient is rounding alone, which Adam makes large
    "tf_keras/states": 0.05,  # its Nadam moves the schedule of the momentum on at every weight, not at every step
    "tf_keras/sequences_out": 0.12,  # losses of masked steps are divided by the steps that count; by all in Keras 2
    "keras3/sequences_out": 0.12,
    "keras3/masked": 0.01,  # gradients of rows of an embedding that come twice are squared one by one
}
WEIGHTS = sorted(n for n in ARCHIVE.namelist() if n.endswith("model.weights.h5"))


def data_of(name):
    return np.load(io.BytesIO(ARCHIVE.read(f"{name.rsplit('/', 1)[0]}/data.npz")), allow_pickle=False)


def listed(values):
    return values if isinstance(values, list) else [values]


def check(model, x, wanted, tolerance=1e-5):
    for got, want in zip(listed(model.predict(saved.one(x))), wanted, strict=True):
        assert relative_error(got, want) <= tolerance


@pytest.mark.parametrize("name", FILES)
def test_loads_predicts_and_trains_on(name, tmp_path):
    path = tmp_path / name.rsplit("/", 1)[1]
    path.write_bytes(ARCHIVE.read(name))
    arrays = data_of(name)
    x, y = saved.by_prefix(arrays, "x_"), saved.by_prefix(arrays, "y_")
    model = load_model(path)
    check(model, x, saved.by_prefix(arrays, "p_"))
    losses = [np.atleast_1d(model.train_on_batch(saved.one(x), saved.one(y)))[0] for _ in range(2)]
    allowed = next((limit for part, limit in LOOSE.items() if part in name), 2e-5)
    assert relative_error(losses, arrays["losses"]) <= allowed
    check(model, x, saved.by_prefix(arrays, "q_"), 5 * allowed)


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_alone(name, tmp_path):
    path = tmp_path / "model.weights.h5"
    path.write_bytes(ARCHIVE.read(name))
    arrays = data_of(name)
    model = model_from_json(ARCHIVE.read(f"{name.rsplit('/', 1)[0]}/model.json").decode())
    model.load_weights(path)
    check(model, saved.by_prefix(arrays, "x_"), saved.by_prefix(arrays, "p_"))


@pytest.mark.parametrize(
    "name", [n for n in FILES if n.endswith("model.keras") and "/optimized" not in n][:4]
)
def test_what_is_loaded_can_be_saved(name, tmp_path):
    """As a file of kcore's own: what a foreign model does that Keras 2 does not is kept."""
    (tmp_path / "model.keras").write_bytes(ARCHIVE.read(name))
    arrays = data_of(name)
    x, y = saved.by_prefix(arrays, "x_"), saved.by_prefix(arrays, "y_")
    load_model(tmp_path / "model.keras").save(tmp_path / "own.h5")
    model = load_model(tmp_path / "own.h5")
    check(model, x, saved.by_prefix(arrays, "p_"))
    for _ in range(2):
        model.train_on_batch(saved.one(x), saved.one(y))
    check(model, x, saved.by_prefix(arrays, "q_"), 1e-4)


@pytest.mark.parametrize("flavor", ["tf_keras", "keras3"])
def test_all_that_cannot_be_mapped_is_told_at_once(flavor, tmp_path):
    (tmp_path / "m.h5").write_bytes(ARCHIVE.read(f"{flavor}/unmappable/model.h5"))
    with pytest.raises(CannotMap) as error:
        load_model(tmp_path / "m.h5", compile=False)
    text = str(error.value)
    assert "LayerNormalization" in text and "Conv1D 'grouped': groups=2" in text and "keepdims=True" in text
    with pytest.raises(CannotMap) as error:
        load_model(tmp_path / "m.h5", custom_objects={"LayerNormalization": layers.Dense})
    assert "LayerNormalization" not in str(error.value) and "use_ema=True" in str(error.value)


def test_weights_of_keras_3_that_do_not_fit(tmp_path):
    (tmp_path / "w.h5").write_bytes(ARCHIVE.read("keras3/amsgrad/model.weights.h5"))
    model = Sequential([layers.Dense(4, input_shape=(3,), name="a"), layers.Dense(3, name="b")])
    before = model.get_weights()
    with pytest.raises(ValueError, match="other shape"):
        model.load_weights(tmp_path / "w.h5")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    plan = model.load_weights(tmp_path / "w.h5", by_name=True, skip_mismatch=True)
    assert plan.count("matched") == 2


def test_keras_archives_without_their_parts(tmp_path):
    inner = zipfile.ZipFile(io.BytesIO(ARCHIVE.read("keras3/amsgrad/model.keras")))
    for left_out in ("config.json", "metadata.json", "model.weights.h5"):
        with zipfile.ZipFile(tmp_path / "m.keras", "w") as made:
            for name in inner.namelist():
                if name != left_out:
                    made.writestr(name, inner.read(name))
        with pytest.raises(FileRefused, match=left_out):
            load_model(tmp_path / "m.keras")


def test_json_of_other_dialects():
    text = ARCHIVE.read("keras3/masked/model.json").decode()
    assert (
        model_from_json(text).count_params()
        == model_from_json(ARCHIVE.read("tf_keras/masked/model.json").decode()).count_params()
    )
    assert json.loads(text)["module"] == "keras"


def keras_3_masks():
    return json.loads(ARCHIVE.read("keras3/masks/model.json"))


def layer_called(config, name):
    return next(la for la in config["config"]["layers"] if la["config"]["name"] == name)


def test_the_phase_of_a_call_of_keras_3_is_not_kept():
    """It writes training=False into the calls of all models; when they are trained, dropout works all the same."""
    config = keras_3_masks()
    drop = layer_called(config, "drop")
    assert drop["inbound_nodes"][0]["kwargs"]["training"] is False
    drop["config"]["rate"] = 0.9
    model = model_from_json(json.dumps(config))
    arrays = [np.ones((4, 5)), np.ones((4, 5, 2))]
    inner = Model(model.inputs, model.get_layer("drop").output)
    step = K.function([*inner.inputs, K.learning_phase()], inner.outputs)
    zeros = [np.mean(step([*arrays, phase])[0] == 0.0) for phase in (0, 1)]
    assert zeros[0] == 0 and zeros[1] > 0.5


def test_masks_of_keras_3_that_would_not_come_by_themselves():
    config = keras_3_masks()
    layer_called(config, "emb")["config"]["mask_zero"] = False
    with pytest.raises(CannotMap, match="'lstm': it is called with a mask of its own, made by 'not_equal"):
        model_from_json(json.dumps(config))
    config = keras_3_masks()
    compared = next(la for la in config["config"]["layers"] if la["class_name"] == "NotEqual")
    compared["inbound_nodes"][0]["args"][1] = 7
    with pytest.raises(CannotMap, match="a mask of its own"):
        model_from_json(json.dumps(config))
    config = keras_3_masks()  # a mask that is one of the model's inputs
    layer_called(config, "lstm")["inbound_nodes"][0]["kwargs"]["mask"]["config"]["keras_history"] = [
        "a",
        0,
        0,
    ]
    with pytest.raises(CannotMap, match="made by 'a'"):
        model_from_json(json.dumps(config))


@pytest.mark.parametrize("name, key, value", [
    ("ct", "dilation_rate", [2, 1, 1]), ("pad", "data_format", "channels_first"), ("up", "interpolation", "lanczos3"),
])  # fmt: skip
def test_arguments_without_a_counterpart(name, key, value):
    config = json.loads(ARCHIVE.read("keras3/resized/model.json"))
    layer_called(config, name)["config"][key] = value
    with pytest.raises(CannotMap, match=f"{key}={value!r}".replace("[", r"\[")):
        model_from_json(json.dumps(config))


def test_names_of_metrics_of_several_outputs():
    """tf.keras names them by the output; they are found again, and None stands for none."""

    def wrapped(name, function):
        return {"class_name": "MeanMetricWrapper", "config": {"name": name, "fn": function}}

    given = [
        [None],
        [wrapped("kind_accuracy", "sparse_categorical_accuracy"), wrapped("kind_mae", "mean_absolute_error")],
    ]
    config = {"optimizer_config": {"class_name": "SGD", "config": {}}, "loss": "mse", "metrics": given}
    made = training_in_keras_2(config, None, "a file", "tf.keras 2")
    assert made["metrics"] == [[], ["accuracy", "mae"]]
