"""Models of several types and their optimizers, through files, pickles, copies: they go on as if nothing had been."""

import copy
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kcore import backend as K
from kcore import layers
from kcore.mixed_precision import policy_scope
from kcore.models import Sequential, clone_model, load_model, model_from_json
from kcore.optimizers import SGD, Adam, ExponentialMovingAverage, GradientAccumulation, LossScaleOptimizer
from kcore.saving.configs import restored

RNG = np.random.RandomState(4)
X, Y = RNG.randn(40, 5).astype("float32"), RNG.randn(40, 2).astype("float32")


def dense():
    return [
        layers.Dense(6, activation="tanh", input_shape=(5,)),
        layers.BatchNormalization(),
        layers.Dense(2),
    ]


def recurrent():
    lstm = layers.LSTM(3, input_shape=(5, 1), dropout=0.3)
    return [lstm, layers.Dense(2, dtype="float32")]


def made(policy, optimizer, make=dense, **options):
    np.random.seed(2)
    with policy_scope(policy):
        model = Sequential(make())
    model.compile(optimizer, "mse", **options)
    return model


def rows(model, start, stop):
    x = X[start:stop]
    return x if len(model.input_shape) == 2 else x[..., None]


def steps(model, first, last):
    """The losses of steps of 4 rows."""
    return [
        model.train_on_batch(rows(model, 4 * i, 4 * i + 4), Y[4 * i : 4 * i + 4]) for i in range(first, last)
    ]


def by_file(name):
    def go(model, folder):
        model.save(folder / name)
        return load_model(folder / name)

    return go


WAYS = {
    "h5": by_file("model.h5"),
    "kcore": by_file("model.kcore"),
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "copy": lambda model, folder: copy.deepcopy(model),
}
OPTIMIZERS = {
    "scaled": lambda: LossScaleOptimizer(Adam(0.02), initial_scale=2.0**12, dynamic_growth_steps=3),
    "accumulated": lambda: GradientAccumulation(SGD(0.1, momentum=0.9), 3),
    "averaged": lambda: ExponentialMovingAverage(Adam(0.02), 0.8, overwrite_frequency=4),
    "both": lambda: GradientAccumulation(LossScaleOptimizer(Adam(0.02), 64.0, 2), 2),
}


@pytest.mark.parametrize("way", ["h5", "kcore", "pickle"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_where_it_was(optimizer, way, tmp_path):
    model = made("mixed_float16", OPTIMIZERS[optimizer]())
    steps(model, 0, 5)
    again = WAYS[way](model, tmp_path)
    assert [la.dtype_policy for la in again.layers] == [la.dtype_policy for la in model.layers]
    assert type(again.optimizer) is type(model.optimizer)
    for a, b in zip(again.optimizer.get_weights(), model.optimizer.get_weights(), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    assert steps(again, 5, 10) == steps(model, 5, 10)
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(again.optimizer.get_weights(), model.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_scale_that_fell_is_kept(tmp_path):
    model = made("mixed_float16", SGD(0.1))
    with np.errstate(all="ignore"):
        model.train_on_batch(np.full((4, 5), 1e6, "float32"), Y[:4])
    for way in WAYS.values():
        assert way(model, tmp_path).optimizer.current_scale == 2.0**14


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"])
def test_weights_and_policies_come_back(policy, tmp_path):
    model = made(policy, "sgd", recurrent)
    steps(model, 0, 2)
    want = np.asarray(model.predict(rows(model, 0, 8)), "float64")
    fresh = [
        *(way(model, tmp_path) for way in WAYS.values()), clone_model(model), model_from_json(model.to_json())
    ]  # fmt: skip
    for again in fresh[-2:]:
        again.set_weights(model.get_weights())
    model.save_weights(tmp_path / "weights.h5")
    fresh.append(model_from_json(model.to_json()))
    fresh[-1].load_weights(tmp_path / "weights.h5")
    for again in fresh:
        assert [la.dtype_policy.name for la in again.layers] == [policy, "float32"]
        assert [w.dtype for w in again.weights] == [w.dtype for w in model.weights]
        np.testing.assert_array_equal(again.predict(rows(again, 0, 8)), want)


def test_a_model_without_a_scaled_loss_stays_so(tmp_path):
    model = made("mixed_float16", Adam(0.02), auto_scale_loss=False)
    steps(model, 0, 2)
    again = WAYS["h5"](model, tmp_path)
    assert isinstance(again.optimizer, Adam)
    assert steps(again, 2, 4) == steps(model, 2, 4)


def test_configs_of_plain_types_are_keras_2s():
    config = json.loads(made("float32", "sgd").to_json())
    assert [la["config"]["dtype"] for la in config["config"]["layers"]] == ["float32"] * 3


@pytest.mark.parametrize(
    "policy, name",
    [
        ({"class_name": "Policy", "config": {"name": "mixed_float16"}}, "mixed_float16"),
        (
            {"class_name": "PolicyV1", "config": {"name": "mixed_bfloat16", "loss_scale": None}},
            "mixed_bfloat16",
        ),
        ({"class_name": "Policy", "config": {"name": "float64"}}, "float64"),
        (
            {
                "module": "keras",
                "class_name": "DTypePolicy",
                "config": {"name": "mixed_float16"},
                "registered_name": None,
            },
            "mixed_float16",
        ),
    ],
    ids=["tf.keras", "tf.keras 2.3", "plain", "keras 3"],
)
@pytest.mark.parametrize("dialect", ["Keras 2", "tf.keras 2", "Keras 3"])
def test_policies_of_other_kerases(policy, name, dialect):
    inner = {"class_name": "Dense", "config": {"name": "d", "units": 3, "dtype": policy}}
    wrapped = {"class_name": "TimeDistributed", "config": {"name": "t", "layer": inner, "dtype": policy}}
    layer = restored("layers", wrapped, dialect=dialect)
    assert (layer.dtype_policy.name, layer.layer.dtype_policy.name) == (name, name)


def test_the_optimizer_of_tf_keras_around_another():
    inner = {"class_name": "Adam", "config": {"learning_rate": 0.5, "epsilon": 1e-7}}
    config = {"inner_optimizer": inner, "dynamic": True, "initial_scale": 1024.0, "dynamic_growth_steps": 7}
    for dialect, told in (
        ("tf.keras 2", config),
        ("Keras 3", {"name": "loss_scale_optimizer", **{k: v for k, v in config.items() if k != "dynamic"}}),
    ):
        found = restored("optimizers", {"class_name": "LossScaleOptimizer", "config": told}, dialect=dialect)
        assert (found.current_scale, found.dynamic_growth_steps, found.dynamic) == (1024.0, 7, True)
        assert isinstance(found.optimizer, Adam) and K.get_value(found.lr) == 0.5


@pytest.mark.parametrize("name", ["tf_keras", "keras"])
def test_mixed_models_of_other_kerases_train_on(name, tmp_path):
    with zipfile.ZipFile(Path(__file__).parents[1] / "golden" / "foreign" / "types.zip") as archive:
        archive.extract(f"{name}.h5", tmp_path)
        told = json.loads(archive.read(f"{name}.json"))
    model = load_model(tmp_path / f"{name}.h5")
    random = np.random.RandomState(0)
    x, y = random.randn(20, 5).astype("float32"), random.randn(20, 2).astype("float32")
    np.testing.assert_allclose(model.predict(x), told["predicted"], atol=2e-3)
    assert isinstance(model.optimizer, LossScaleOptimizer)
    scale = {"tf_keras": 2.0**15, "keras": 2048.0}[name]  # tf_keras does not store it, and starts anew
    assert model.optimizer.current_scale == scale and int(K.get_value(model.optimizer.iterations)) == 3
    losses = [model.train_on_batch(x[i : i + 4], y[i : i + 4]) for i in (12, 16)]
    np.testing.assert_allclose(losses, told["losses"], rtol=2e-3)
    assert model.optimizer.current_scale == (4096.0 if name == "keras" else scale)
