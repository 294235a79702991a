"""Callbacks that come with kcore."""

import csv

import numpy as np
import pytest

from kcore import backend as K
from kcore import models
from kcore.callbacks import (
    BaseLogger,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from kcore.errors import ArgumentError
from kcore.layers import Dense

X = np.random.RandomState(0).randn(20, 3).astype("float32")
Y = X[:, :1].copy()


def make():
    model = models.Sequential([Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    return model


def feed(callback, values, name="val_loss"):
    """Epochs whose logs hold `values`, without a loop. Returns the number that ran."""
    model = make()
    model.stop_training = False
    hears = CallbackList([callback])
    hears.set_model(model)
    hears.on_train_begin()
    for epoch, value in enumerate(values):
        hears.on_epoch_end(epoch, {name: value})
        if model.stop_training:
            return epoch + 1
    return len(values)


def test_early_stopping():
    assert feed(EarlyStopping(patience=2), [3, 2, 2.5, 2.4, 1]) == 4
    assert feed(EarlyStopping(), [3, 2, 1, 1, 0]) == 4
    assert feed(EarlyStopping("acc"), [0.1, 0.5, 0.4], "acc") == 3
    assert feed(EarlyStopping("acc", baseline=0.7, patience=2), [0.1, 0.5, 0.9], "acc") == 2
    assert feed(EarlyStopping(min_delta=1), [5, 3, 2.5]) == 3


def test_early_stopping_puts_the_best_weights_back():
    model = make()
    model.stop_training = False
    stopper = EarlyStopping("loss", restore_best_weights=True)
    stopper.set_model(model)
    stopper.on_train_begin()
    stopper.on_epoch_end(0, {"loss": 1.0})
    best = model.get_weights()
    model.set_weights([w + 1 for w in best])
    stopper.on_epoch_end(1, {"loss": 2.0})
    np.testing.assert_array_equal(model.get_weights()[0], best[0])


def test_value_that_is_not_there():
    with pytest.warns(
        RuntimeWarning, match="EarlyStopping follows 'val_loss', which is not there. There are: loss"
    ):
        make().fit(X, Y, verbose=0, callbacks=[EarlyStopping()])


def test_learning_rate_scheduler():
    model = make()
    history = model.fit(
        X, Y, epochs=3, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))]
    )
    np.testing.assert_allclose(history.history["lr"], [0.1, 0.05, 0.1 / 3], rtol=1e-6)
    with pytest.raises(ArgumentError, match="a number is needed"):
        model.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch, lr: "fast")])


def test_reduce_on_plateau():
    callback = ReduceLROnPlateau(factor=0.5, patience=1, cooldown=1, min_lr=1e-3)
    feed(callback, [3, 3, 3, 3])
    assert float(K.get_value(callback.model.optimizer.lr)) == pytest.approx(0.01 * 0.125)
    with pytest.raises(ArgumentError, match="does not reduce"):
        ReduceLROnPlateau(factor=1.5)


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    make().fit(X, Y, epochs=2, verbose=0, callbacks=[CSVLogger(str(path))])
    make().fit(X, Y, epochs=1, verbose=0, callbacks=[CSVLogger(str(path), append=True)])
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["epoch", "loss"] and [r[0] for r in rows[1:]] == ["0", "1", "0"]


def test_hooks_in_order():
    heard = []
    names = [f"on_{w}_{m}" for w in ("train", "epoch", "test") for m in ("begin", "end")]
    callback = LambdaCallback(**{n: lambda *a, n=n: heard.append(n) for n in names})
    make().fit(X, Y, verbose=0, callbacks=[callback], validation_split=0.5)
    assert heard == [
        "on_train_begin", "on_epoch_begin", "on_test_begin", "on_test_end", "on_epoch_end", "on_train_end",
    ]  # fmt: skip


def test_hooks_of_evaluate_and_predict():
    heard = []

    class Listener(Callback):
        def on_test_batch_end(self, batch, logs=None):
            heard.append(("test", batch, logs["size"]))

        def on_predict_batch_end(self, batch, logs=None):
            heard.append(("predict", batch, logs["size"]))

    model = make()
    model.evaluate(X, Y, batch_size=16, verbose=0, callbacks=[Listener()])
    model.predict(X, batch_size=16, callbacks=[Listener()])
    assert heard == [("test", 0, 16), ("test", 1, 4), ("predict", 0, 16), ("predict", 1, 4)]


def test_base_logger():
    logger = BaseLogger(["acc"])
    logger.on_epoch_begin(0)
    logger.on_batch_end(0, {"batch": 0, "size": 3, "loss": 1.0, "acc": 0.5})
    logger.on_batch_end(1, {"batch": 1, "size": 1, "loss": 5.0, "acc": 0.7})
    logs = {}
    logger.on_epoch_end(0, logs)
    assert logs == {"loss": 2.0, "acc": 0.7}


def test_validation_data_is_there():
    callback = Callback()
    make().fit(X, Y, verbose=0, callbacks=[callback], validation_split=0.25)
    assert callback.validation_data[0].shape == (5, 3)
    assert callback.model is not None and callback.params["do_validation"]
