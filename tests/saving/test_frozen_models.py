"""Models within models that are not trainable: the order of their weights is Keras 2's, and files tell of them."""

import json

import h5py
import numpy as np
import pytest

from kcore import layers
from kcore.models import Model, Sequential, load_model, model_from_config

X, Y = np.random.RandomState(0).rand(6, 3), np.random.RandomState(1).rand(6, 2)


def inner():
    entry = layers.Input((3,))
    return Model(entry, layers.Dense(4)(layers.BatchNormalization()(entry)), name="inner")


def graph(within):
    entry = layers.Input((3,))
    return Model(entry, layers.Dense(2)(within(entry)))


def stack(within):
    return Sequential([within, layers.Dense(2)])


def trained(build, within):
    within.trainable = False
    model = build(within)
    model.compile("rmsprop", "mse")
    model.train_on_batch(X, Y)
    return model


WITHIN = [inner, lambda: Sequential([layers.Dense(4, input_shape=(3,)), layers.BatchNormalization()])]


def test_order_of_weights():
    """As Keras 2.3.1 has it: frozen or not, the weights that could be trained come first."""
    within = inner()
    names = [w.name for w in within.weights]
    within.trainable = False
    assert [w.name for w in within.weights] == names and within.trainable_weights == []
    assert [n.split("/")[-1][:-2] for n in names] == [
        "gamma", "beta", "kernel", "bias", "moving_mean", "moving_variance"
    ]  # fmt: skip
    wrapped = layers.TimeDistributed(inner(), input_shape=(2, 3))
    model = Sequential([wrapped])
    wrapped.layer.trainable = False
    assert [w.shape for w in wrapped.get_weights()] == [(3,), (3,), (3,), (3,), (3, 4), (4,)]
    wrapped.set_weights([np.full(w.shape, i, "float32") for i, w in enumerate(wrapped.get_weights())])
    assert [w.flat[0] for w in model.get_weights()] == [0, 1, 4, 5, 2, 3]


@pytest.mark.parametrize("suffix", [".h5", ".kcore"])
@pytest.mark.parametrize("within", WITHIN, ids=["graph", "stack"])
@pytest.mark.parametrize("build", [graph, stack])
def test_they_stay_frozen(build, within, suffix, tmp_path):
    model = trained(build, within())
    model.save(tmp_path / f"m{suffix}")
    again = load_model(tmp_path / f"m{suffix}")
    assert len(again.trainable_weights) == 2
    for one in (model, again):
        one.train_on_batch(X, Y)
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (
        len(
            model_from_config(
                {"class_name": type(model).__name__, "config": model.get_config()}
            ).trainable_weights
        )
        == 2
    )


def test_a_whole_model(tmp_path):
    model = inner()
    assert "trainable" not in model.get_config()  # Keras 2's config, but where it would forget
    model.trainable = False
    model.save(tmp_path / "m.h5")
    assert load_model(tmp_path / "m.h5", compile=False).trainable_weights == []


def test_files_of_keras_2_forget_it(tmp_path):
    """They hold the state of the optimizer for fewer weights than are trained then; it starts anew, as it does there."""
    model = trained(graph, inner())
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        del config["config"]["layers"][1]["config"]["trainable"]
        file.attrs["model_config"] = json.dumps(config)
        del file.attrs["kcore_crc32"]
    with pytest.warns(UserWarning, match="a model within a model is not trainable"):
        again = load_model(tmp_path / "m.h5")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.optimizer.get_weights()[0] == 0 and len(again.trainable_weights) == 6
    again.layers[1].trainable = False
    again.compile("rmsprop", "mse")
    again.train_on_batch(X, Y)
