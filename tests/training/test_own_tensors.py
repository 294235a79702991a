"""Models whose inputs, and perhaps targets, are tensors of their own: they need no data, or only what is left."""

import numpy as np
import pytest

from kcore import backend as K
from kcore.callbacks import LambdaCallback
from kcore.errors import ArgumentError, DataError
from kcore.layers import Dense, Input, add
from kcore.models import Model

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = np.ones((8, 2), "float32")


def made(target=True):
    layer = Dense(2, kernel_initializer="ones", name="out")
    source = Input(tensor=K.variable(X))
    model = Model(source, layer(source))
    model.compile("sgd", "mse", metrics=["mae"], target_tensors=[K.variable(Y)] if target else None)
    return model


def usual():
    """The same model, which is given its data."""
    source = Input((4,))
    model = Model(source, Dense(2, kernel_initializer="ones", name="out")(source))
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def test_prediction_without_data():
    model, heard = made(), []
    expected = usual().predict(X)
    np.testing.assert_allclose(model.predict_on_batch(None), expected, rtol=1e-6)
    hears = LambdaCallback()
    hears.on_predict_batch_end = lambda batch, logs=None: heard.append((batch, logs["size"]))
    np.testing.assert_allclose(
        model.predict(None, steps=2, callbacks=[hears]), np.concatenate([expected] * 2), rtol=1e-6
    )
    assert heard == [(0, 1), (1, 1)]
    with pytest.raises(ArgumentError, match="steps is needed"):
        model.predict(None)


def test_training_without_data():
    model, other = made(), usual()
    assert made().evaluate(steps=3, verbose=0) == pytest.approx(other.evaluate(X, Y, verbose=0), rel=1e-5)
    history = model.fit(
        steps_per_epoch=3, epochs=2, verbose=0, validation_data=(None, None), validation_steps=1
    )
    losses = [other.train_on_batch(X, Y)[0] for _ in range(6)]
    np.testing.assert_allclose(history.history["loss"], np.reshape(losses, (2, 3)).mean(1), rtol=1e-5)
    assert history.history["val_loss"][1] == pytest.approx(other.test_on_batch(X, Y)[0], rel=1e-5)
    assert model.train_on_batch(None)[0] == pytest.approx(other.train_on_batch(X, Y)[0], rel=1e-5)
    assert model.test_on_batch(None, None)[0] == pytest.approx(other.test_on_batch(X, Y)[0], rel=1e-5)
    for call, argument in ((model.fit, "steps_per_epoch"), (model.evaluate, "steps")):
        with pytest.raises(
            ArgumentError, match=f"{argument} is needed: the data are the model's own tensors"
        ):
            call(verbose=0)


def test_targets_or_one_of_the_inputs_are_given():
    model, other = made(target=False), usual()
    one = model.fit(None, Y, batch_size=8, epochs=3, verbose=0).history["loss"]
    np.testing.assert_allclose(one, other.fit(X, Y, epochs=3, verbose=0).history["loss"], rtol=1e-5)
    with pytest.raises(DataError, match="no targets were given"):
        model.fit(None, steps_per_epoch=1, verbose=0)
    own, given = Input(tensor=K.variable(X)), Input((4,))
    both = Model([own, given], Dense(2, kernel_initializer="ones")(add([own, given])))
    np.testing.assert_allclose(both.predict(X), 2 * usual().predict(X), rtol=1e-5)


def test_weights_for_a_target_that_is_a_tensor():
    model, other = made(), usual()
    weights = np.arange(8.0)
    found = model.train_on_batch(None, sample_weight=weights)
    assert found[0] == pytest.approx(other.train_on_batch(X, Y, weights)[0], rel=1e-5)
    with pytest.raises(DataError, match="whose classes are not known here"):
        model.train_on_batch(None, class_weight={0: 1.0, 1: 2.0})


def test_data_that_a_model_has_no_input_for_are_refused():
    with pytest.raises(DataError, match="the model has 0 inputs"):
        made().predict(X)
    with pytest.raises(DataError, match="no data were given for input 'input_"):
        usual().predict(None)
