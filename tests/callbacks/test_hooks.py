"""Which hooks are called, in which order and with which logs: as recorded from Keras 2.3.1."""

import numpy as np
import pytest

from kcore import models
from kcore.callbacks import Callback
from kcore.layers import Dense
from kcore.utils import Sequence

X, Y = np.ones((10, 3), "float32"), np.ones((10, 2), "float32")
START, END, OUT = "batch size", "batch loss mae size", "batch outputs size"


class Batches(Sequence):
    def __len__(self):
        return 2

    def __getitem__(self, i):
        return X[:4], Y[:4]


def batches(hook, number, old=False, end=END):
    """What is heard of `number` batches."""
    made = []
    for i in range(number):
        for moment, logs in (("begin", START), ("end", end)):
            made.append((f"on_{hook}_batch_{moment}", i, logs))
            if old:
                made.append((f"on_batch_{moment}", i, logs))
    return made


def around(hook, inside):
    return [(f"on_{hook}_begin", None, ""), *inside, (f"on_{hook}_end", None, "")]


def epoch(validation):
    return [
        ("on_epoch_begin", 0, ""), *batches("train", 2, True), *around("test", batches("test", validation)),
        ("on_epoch_end", 0, "loss mae val_loss val_mae"),
    ]  # fmt: skip


CALLS = {
    "fit": (
        lambda m, **k: m.fit(X, Y, batch_size=4, validation_split=0.4, **k),
        around("train", epoch(1)),
        {"batch_size": 4, "epochs": 1, "samples": 6, "do_validation": True},
    ),
    "fit_generator": (
        lambda m, **k: m.fit_generator(Batches(), validation_data=Batches(), **k),
        around("train", epoch(2)),
        {"epochs": 1, "steps": 2, "do_validation": True},
    ),
    "evaluate": (
        lambda m, **k: m.evaluate(X, Y, batch_size=6, **k),
        around("test", batches("test", 2)),
        {"batch_size": 6, "samples": 10, "metrics": ["loss", "mae"]},
    ),
    "evaluate_generator": (
        lambda m, **k: m.evaluate_generator(Batches(), **k),
        around("test", batches("test", 2)),
        {"steps": 2, "metrics": ["loss", "mae"]},
    ),
    "predict": (
        lambda m, **k: m.predict(X, batch_size=6, **k),
        around("predict", batches("predict", 2, end=OUT)),
        {"batch_size": 6, "samples": 10},
    ),
    "predict_generator": (
        lambda m, **k: m.predict_generator(Batches(), **k),
        around("predict", batches("predict", 2, end=OUT)),
        {"steps": 2},
    ),
}


def listener(heard):
    """A callback of an old program, which knows the batches of training by their old name, and one of a new one."""

    def noting(name):
        def hook(self, *arguments, logs=None):
            *place, logs = arguments if logs is None else (*arguments, logs)
            heard.append((name, place[0] if place else None, " ".join(sorted(logs))))

        return hook

    names = [f"on_{w}_{m}" for w in ("train", "epoch", "test", "predict") for m in ("begin", "end")]
    names += [f"on_{w}_batch_{m}" for w in ("train", "test", "predict") for m in ("begin", "end")]
    new = type("New", (Callback,), {n: noting(n) for n in names})
    old = type("Old", (Callback,), {n: noting(n) for n in ("on_batch_begin", "on_batch_end")})
    return [new(), old()]


@pytest.mark.parametrize("call", CALLS)
def test_hooks(call):
    run, want, params = CALLS[call]
    model = models.Sequential([Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse", metrics=["mae"])
    heard = []
    callbacks = listener(heard)
    run(model, verbose=0, callbacks=callbacks)
    assert heard == want
    told = callbacks[0].params
    assert {k: told.get(k) for k in params} == params and told["verbose"] == 0


def test_what_a_callback_changes_acts_at_once():
    model = models.Sequential([Dense(2, input_shape=(3,), use_bias=False)])
    model.compile("sgd", "mse")

    class Steering(Callback):
        seen = []

        def on_batch_end(self, batch, logs=None):
            self.seen.append(logs["loss"])
            if batch == 0:
                self.model.set_weights(
                    [np.full((3, 2), 1 / 3)]
                )  # answers that are right: no loss, no gradient
            if batch == 1:
                self.model.set_weights([np.zeros((3, 2))])
                self.model.optimizer.lr = 0.0
            self.model.stop_training = batch == 3

    steering = Steering()
    model.fit(X, Y, batch_size=1, verbose=0, callbacks=[steering])
    assert len(steering.seen) == 4
    np.testing.assert_allclose(steering.seen[1:], [0.0, 1.0, 1.0], atol=1e-6)
    np.testing.assert_array_equal(model.get_weights()[0], np.zeros((3, 2)))
