"""ModelCheckpoint: when it saves, where, and what."""

import os

import numpy as np
import pytest

from kcore.callbacks import CallbackList, ModelCheckpoint
from kcore.errors import FileRefused
from kcore.layers import Dense
from kcore.models import Sequential, load_model


def model():
    made = Sequential([Dense(1, input_shape=(2,))])
    made.compile("sgd", "mse")
    return made


def run(callback, epochs, folder=None):
    """The names of the files that are there after each epoch."""
    hears = CallbackList([callback])
    hears.set_model(model())
    hears.on_train_begin()
    seen = []
    for epoch, logs in enumerate(epochs):
        hears.on_epoch_end(epoch, logs)
        seen += sorted(set(os.listdir(folder)) - set(seen)) if folder else []
    return seen


def losses(*values):
    return [{"val_loss": v} for v in values]


def test_every_epoch_with_names_from_the_logs(tmp_path):
    path = str(tmp_path / "m.{epoch:02d}-{val_loss:.2f}.h5")
    assert run(ModelCheckpoint(path), losses(0.5, 0.25), tmp_path) == ["m.01-0.50.h5", "m.02-0.25.h5"]
    assert load_model(tmp_path / "m.02-0.25.h5").optimizer is not None


def test_weights_only_and_period(tmp_path):
    kept = ModelCheckpoint(tmp_path / "{epoch}", save_weights_only=True, period=2)
    assert run(kept, losses(1, 1, 1, 1, 1), tmp_path) == ["2", "4"]
    model().load_weights(tmp_path / "4")
    with pytest.raises(FileRefused, match="weights alone"):
        load_model(tmp_path / "4")


def saved_at(folder, callback, epochs):
    folder.mkdir()
    callback.filepath = str(folder / "{epoch}")
    return run(callback, epochs, folder)


def test_best_only(tmp_path):
    best = ModelCheckpoint("", save_best_only=True)
    assert saved_at(tmp_path / "a", best, losses(3, 4, 2, np.nan, 2)) == ["1", "3"]
    rising = ModelCheckpoint("", "val_acc", save_best_only=True)
    assert saved_at(tmp_path / "b", rising, [{"val_acc": v} for v in (0.1, 0.3, 0.2)]) == ["1", "2"]
    told = ModelCheckpoint("", "score", save_best_only=True, mode="max")
    assert saved_at(tmp_path / "c", told, [{"score": v} for v in (1, 2, 1)]) == ["1", "2"]


def test_what_is_not_there():
    with pytest.warns(RuntimeWarning, match="ModelCheckpoint follows 'val_loss'"):
        assert run(ModelCheckpoint("m", save_best_only=True), [{"loss": 1}]) == []
    with pytest.raises(KeyError, match="names 'val_acc', which is not in the logs. There are: epoch, loss"):
        run(ModelCheckpoint("{val_acc}"), [{"loss": 1}])


def test_tells(capsys, tmp_path):
    run(ModelCheckpoint(tmp_path / "m", save_best_only=True, verbose=1), losses(2, 3))
    text = capsys.readouterr().out
    assert (
        f"Epoch 00001: saving to {tmp_path / 'm'}" in text
        and "Epoch 00002: val_loss is not better than 2.00000" in text
    )
