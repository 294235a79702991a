"""ModelCheckpoint: when it saves, where, and what."""

import numpy as np
import pytest

from kcore.callbacks import CallbackList, ModelCheckpoint


class Saved:
    """Stands for a model: notes what it is asked to save."""

    def __init__(self):
        self.paths = []

    def save(self, path, overwrite=True):
        self.paths.append(("model", path))

    def save_weights(self, path, overwrite=True):
        self.paths.append(("weights", path))


def run(callback, epochs):
    model = Saved()
    hears = CallbackList([callback])
    hears.set_model(model)
    hears.on_train_begin()
    for epoch, logs in enumerate(epochs):
        hears.on_epoch_end(epoch, logs)
    return model.paths


def losses(*values):
    return [{"val_loss": v} for v in values]


def test_every_epoch_with_names_from_the_logs():
    paths = run(ModelCheckpoint("m.{epoch:02d}-{val_loss:.2f}.h5"), losses(0.5, 0.25))
    assert paths == [("model", "m.01-0.50.h5"), ("model", "m.02-0.25.h5")]


def test_weights_only_and_period():
    paths = run(ModelCheckpoint("{epoch}", save_weights_only=True, period=2), losses(1, 1, 1, 1, 1))
    assert paths == [("weights", "2"), ("weights", "4")]


def test_best_only():
    assert [
        p for _, p in run(ModelCheckpoint("{epoch}", save_best_only=True), losses(3, 4, 2, np.nan, 2))
    ] == ["1", "3"]
    rising = ModelCheckpoint("{epoch}", "val_acc", save_best_only=True)
    assert [p for _, p in run(rising, [{"val_acc": v} for v in (0.1, 0.3, 0.2)])] == ["1", "2"]
    told = ModelCheckpoint("{epoch}", "score", save_best_only=True, mode="max")
    assert [p for _, p in run(told, [{"score": v} for v in (1, 2, 1)])] == ["1", "2"]


def test_what_is_not_there():
    with pytest.warns(RuntimeWarning, match="ModelCheckpoint follows 'val_loss'"):
        assert run(ModelCheckpoint("m", save_best_only=True), [{"loss": 1}]) == []
    with pytest.raises(KeyError, match="names 'val_acc', which is not in the logs. There are: epoch, loss"):
        run(ModelCheckpoint("{val_acc}"), [{"loss": 1}])


def test_tells(capsys):
    run(ModelCheckpoint("m", save_best_only=True, verbose=1), losses(2, 3))
    text = capsys.readouterr().out
    assert "Epoch 00001: saving to m" in text and "Epoch 00002: val_loss is not better than 2.00000" in text
