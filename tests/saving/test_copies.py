"""Pickles and copies of models: independent, trained on, with the program's own classes by reference."""

import copy
import pickle

import numpy as np
import pytest

from kcore import backend as K
from kcore import layers
from kcore.layers import Layer
from kcore.models import Model, Sequential

X, Y = (
    np.random.RandomState(0).rand(8, 3).astype("float32"),
    np.random.RandomState(1).rand(8, 2).astype("float32"),
)
WAYS = [lambda m: pickle.loads(pickle.dumps(m)), copy.copy, copy.deepcopy]


class Twice(Layer):
    """A layer of the program's own."""

    def call(self, inputs):
        return 2.0 * inputs


def cubic(y_true, y_pred):
    return K.mean(K.pow(K.abs(y_true - y_pred), 3.0), axis=-1)


def half(x):
    return 0.5 * x


class Own(Model):
    """A model of a class of its own that is a graph."""


def plain():
    model = Sequential(
        [layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dropout(0.3), layers.Dense(2)]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def own_parts():
    x = layers.Input((3,))
    y = layers.Lambda(half)(Twice()(layers.Dense(2, activation=half)(x)))
    model = Own(x, y)
    model.compile("sgd", cubic, metrics=[cubic])
    return model


def in_wrapper():
    model = Sequential(
        [layers.Reshape((3, 1), input_shape=(3,)), layers.TimeDistributed(Twice()), layers.Flatten()]
    )
    model.add(layers.Dense(2))
    model.compile("rmsprop", "mse")
    return model


@pytest.mark.parametrize("way", WAYS, ids=["pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("build", [plain, own_parts, in_wrapper])
def test_a_copy_is_the_same_and_independent(way, build):
    model = build()
    model.fit(X, Y, verbose=0)
    again = way(model)
    assert type(again) is type(model) and again.backend == model.backend
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    before = model.get_weights()
    histories = []
    for one in (again, model):
        np.random.seed(3)
        histories.append(one.fit(X, Y, verbose=0).history)
        if one is again:
            assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before))
    assert histories[0] == histories[1]
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("way", WAYS, ids=["pickle", "copy", "deepcopy"])
def test_not_compiled(way):
    model = Sequential([layers.Dense(2, input_shape=(3,))])
    again = way(model)
    assert again.optimizer is None
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("way", WAYS[1:], ids=["copy", "deepcopy"])
def test_a_lambda_without_a_name(way):
    model = Sequential([layers.Dense(2, input_shape=(3,)), layers.Lambda(lambda x: x * 3.0)])
    np.testing.assert_array_equal(way(model).predict(X), model.predict(X))


def test_a_pickle_holds_no_code():
    held = pickle.dumps(own_parts())
    assert b"marshal" not in held and b"__code__" not in held
    with pytest.raises((pickle.PicklingError, AttributeError)):  # what has no name cannot be found again
        pickle.dumps(Sequential([layers.Lambda(lambda x: x, input_shape=(3,))]))


def test_a_model_in_a_list_is_copied_once():
    model = plain()
    first, second = copy.deepcopy([model, model])
    assert first is second and first is not model
