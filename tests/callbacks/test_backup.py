"""BackupAndResume: training that broke off, anywhere, ends as if it had not."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import kcore
from kcore import backend as K
from kcore import metrics, models, optimizers
from kcore.callbacks import (
    BackupAndResume,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from kcore.errors import ArgumentError, DataError, ShapeError
from kcore.layers import GRU, BatchNormalization, Dense, Dropout
from kcore.preprocessing.image import ImageDataGenerator
from kcore.utils import Sequence

rng = np.random.RandomState(2)
X = rng.randn(40, 3).astype("float32")
Y = (X @ rng.randn(3, 1) + 0.3 * rng.randn(40, 1)).astype("float32")
EPOCHS = 5


class Crash(Exception):
    pass


class CrashAt(Callback):
    """Breaks off at a step, once per number given."""

    def __init__(self, *steps):
        super().__init__()
        self.steps, self.done = list(steps), 0

    def get_state(self):
        return {}

    def on_batch_begin(self, batch, logs=None):
        self.done += 1
        if self.steps and self.done == self.steps[0]:
            self.steps.pop(0)
            self.done = 0
            raise Crash


class Shuffling(Sequence):
    """Shuffles itself after each epoch, and adds noise, both from the global generator."""

    def __init__(self):
        self.rows = np.arange(40)

    def __len__(self):
        return 5

    def __getitem__(self, i):
        rows = self.rows[i * 8 : i * 8 + 8]
        return X[rows] + 0.1 * np.random.randn(8, 3), Y[rows]

    def on_epoch_end(self):
        np.random.shuffle(self.rows)


def noisy():
    for i in itertools.count():
        at = i * 8 % 40
        yield X[at : at + 8] + 0.1 * np.random.randn(8, 3), Y[at : at + 8]


def make():
    np.random.seed(0), random.seed(0)
    model = models.Sequential(
        [Dense(6, activation="tanh", input_shape=(3,)), BatchNormalization(), Dropout(0.3), Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def arrays(model, **arguments):
    return model.fit(X, Y, batch_size=8, validation_split=0.2, **arguments)


def sequence(model, **arguments):
    return model.fit(Shuffling(), validation_data=Shuffling(), **arguments)


def generator(model, **arguments):
    return model.fit(noisy(), steps_per_epoch=4, validation_data=noisy(), validation_steps=2, **arguments)


def inline_generator(model, **arguments):
    return generator(model, workers=0, **arguments)


def _flow(seed):
    made = ImageDataGenerator(rotation_range=40, horizontal_flip=True)
    return made.flow(np.tile(X[:, None, :, None], (1, 2, 1, 1)), Y, batch_size=8, seed=seed)


class _AsRows:
    """The images of a flow as rows for the model; its state is the flow's."""

    use_sequence_api = True

    def __init__(self, seed):
        self.flow = _flow(seed)
        self.on_epoch_end, self.get_state = self.flow.on_epoch_end, self.flow.get_state
        self.set_state = self.flow.set_state

    def __len__(self):
        return len(self.flow)

    def __getitem__(self, i):
        x, y = self.flow[i]
        return x.sum(axis=(1, 3)), y


def changed_images(model, **arguments):
    return model.fit(_AsRows(None), validation_data=_AsRows(None), **arguments)


def seeded_images(model, **arguments):
    return model.fit(_AsRows(3), **arguments)


def data_set(model, **arguments):
    return model.fit(_Twice(), **arguments)


class _Twice:
    """A data set that is gone through anew in each epoch and does not tell its length."""

    def __iter__(self):
        for i in range(0, 40, 10):
            yield X[i : i + 10], Y[i : i + 10]


def callbacks():
    return [
        ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05),
        EarlyStopping("loss", patience=3, restore_best_weights=True),
    ]


def finished(fit, folder, crashes, save_freq):
    """Starts anew, as a new process would, after each crash, until the end."""
    crash = CrashAt(*crashes)
    for _ in range(len(crashes) + 1):
        model = make()
        backup = BackupAndResume(folder, save_freq)
        try:
            history = fit(model, epochs=EPOCHS, verbose=0, callbacks=[*callbacks(), backup, crash])
            return model, history
        except Crash:
            crash.done = 0
    raise AssertionError("never finished")


@pytest.mark.parametrize("save_freq", ["epoch", 1, 3])
@pytest.mark.parametrize(
    "fit", [arrays, sequence, generator, inline_generator, data_set, changed_images, seeded_images]
)
def test_ends_as_if_never_interrupted(fit, save_freq, tmp_path):
    whole, history = finished(fit, tmp_path / "whole", [], save_freq)
    crashed, again = finished(fit, tmp_path / "crashed", [2, 6, 7], save_freq)
    assert again.history == history.history and again.epoch == history.epoch
    for a, b in zip(whole.get_weights(), crashed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(whole.optimizer.get_weights(), crashed.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert os.listdir(tmp_path / "crashed") == []


def test_stateful_layers_and_schedules(tmp_path):
    def make_stateful():
        np.random.seed(0)
        model = models.Sequential([GRU(3, stateful=True, batch_input_shape=(4, 2, 3)), Dense(1)])
        model.compile("sgd", "mse")
        return model

    x = rng.randn(16, 2, 3).astype("float32")

    def run(folder, crashes):
        crash = CrashAt(*crashes)
        for _ in range(len(crashes) + 1):
            model = make_stateful()
            schedule = LearningRateScheduler(lambda epoch, rate: rate * 0.9)
            try:
                model.fit(
                    x, Y[:16], batch_size=4, epochs=3, verbose=0, shuffle=False,
                    callbacks=[schedule, BackupAndResume(folder, 1), crash],
                )  # fmt: skip
                return [*model.get_weights(), float(K.get_value(model.optimizer.lr))]
            except Crash:
                crash.done = 0

    for a, b in zip(run(tmp_path / "a", []), run(tmp_path / "b", [3, 6]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_table_of_the_logs_has_each_epoch_once(tmp_path):
    path, crash = tmp_path / "log.csv", CrashAt(9, 12)
    for _ in range(3):
        try:
            arrays(
                make(), epochs=EPOCHS, verbose=0,
                callbacks=[CSVLogger(str(path)), BackupAndResume(tmp_path / "state"), crash],
            )  # fmt: skip
        except Crash:
            crash.done = 0
    lines = path.read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", *map(str, range(EPOCHS))]


def test_a_stopped_training_is_not_taken_up_again(tmp_path):
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

        def on_train_end(self, logs=None):
            raise Crash  # killed after the last epoch, before the files are gone

    with pytest.raises(Crash):
        arrays(make(), epochs=EPOCHS, verbose=0, callbacks=[Stop(), BackupAndResume(tmp_path)])
    model = make()
    history = arrays(model, epochs=EPOCHS, verbose=0, callbacks=[BackupAndResume(tmp_path)])
    assert history.epoch == [0, 1]


def test_a_broken_file_is_passed_over(tmp_path):
    with pytest.raises(Crash):
        arrays(make(), epochs=EPOCHS, verbose=0, callbacks=[BackupAndResume(tmp_path, 1), CrashAt(11)])
    newest = max(tmp_path.iterdir(), key=lambda p: p.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:-100])
    model = make()
    with pytest.warns(RuntimeWarning, match="cannot be read"):
        arrays(model, epochs=EPOCHS, verbose=0, callbacks=[BackupAndResume(tmp_path, 1)])
    whole = make()
    arrays(whole, epochs=EPOCHS, verbose=0)
    for a, b in zip(whole.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_does_not_fit_is_told(tmp_path):
    with pytest.raises(Crash):
        arrays(make(), epochs=2, verbose=0, callbacks=[BackupAndResume(tmp_path, 1), CrashAt(3)])
    other = models.Sequential([Dense(1, input_shape=(3,))])
    other.compile("adam", "mse")
    with pytest.raises(ShapeError, match="belongs to another model"):
        other.fit(X, Y, verbose=0, callbacks=[BackupAndResume(tmp_path)])
    with pytest.raises(DataError, match="interrupted with 8 rows in batches of 8"):
        make().fit(X, Y, batch_size=4, verbose=0, validation_split=0.2, callbacks=[BackupAndResume(tmp_path)])
    with pytest.raises(DataError, match="with validation data, and cannot go on without"):
        make().fit(X, Y, batch_size=8, verbose=0, callbacks=[BackupAndResume(tmp_path)])
    with pytest.raises(ArgumentError, match="save_freq=0"):
        BackupAndResume(tmp_path, 0)


def test_files_hold_nothing_pickled(tmp_path):
    with pytest.raises(Crash):
        arrays(make(), epochs=2, verbose=0, callbacks=[BackupAndResume(tmp_path), CrashAt(6)])
    for path in tmp_path.iterdir():
        with np.load(path, allow_pickle=False) as archive:
            assert all(archive[n].dtype != object for n in archive.files)


# killed ------------------------------------------------------------------------------------------------------
SCRIPT = """
import sys, time
import numpy as np
import test_backup as t
from kcore.callbacks import BackupAndResume, LambdaCallback

slow = LambdaCallback(on_batch_end=lambda batch, logs: time.sleep(0.01))
model = t.make()
t.arrays(model, epochs=12, verbose=0, callbacks=[t.callbacks()[0], slow, BackupAndResume(sys.argv[1], 2)])
np.savez(sys.argv[2], *model.get_weights())
"""


def start(folder, result):
    paths = [str(Path(kcore.__file__).parent.parent), str(Path(__file__).parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), str(result)], env=environment)


def weights_in(path):
    with np.load(path) as archive:
        return [archive[n] for n in archive.files]


def test_killed_at_random_moments(tmp_path):
    """KCORE_KILLS sets how often (default 3)."""
    kills, folder, result = int(os.environ.get("KCORE_KILLS", 3)), tmp_path / "state", tmp_path / "end.npz"
    began = time.monotonic()
    assert start(tmp_path / "other", tmp_path / "whole.npz").wait(120) == 0
    usual = time.monotonic() - began
    moments, killed = random.Random(7), 0
    while killed < kills:
        process = start(folder, result)
        time.sleep(moments.uniform(0.1, 0.95) * usual)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
        saved = [p for p in folder.glob("*.npz")] if folder.exists() else []
        assert all(np.isfinite(w).all() for p in saved for w in weights_in(p) if w.dtype.kind == "f")
        if result.exists():
            result = tmp_path / f"end{killed}.npz"  # it had finished: once more from the start
    assert start(folder, result).wait(120) == 0
    ends = [weights_in(p) for p in tmp_path.glob("end*.npz")]
    for end in ends:
        for a, b in zip(weights_in(tmp_path / "whole.npz"), end, strict=True):
            np.testing.assert_array_equal(a, b)


class Adversary(models.Model):
    """Two optimizers and a metric of its own."""

    def __init__(self):
        super().__init__()
        self.one, self.two = Dense(4, activation="tanh"), Dense(1)
        self.drop = Dropout(0.2)
        self.second = optimizers.Adam(0.02)
        self.tracker = metrics.Mean(name="loss")

    def call(self, inputs):
        return self.two(self.drop(self.one(inputs)))

    def train_step(self, data):
        x, y = data
        for optimizer, layer in ((self.optimizer, self.one), (self.second, self.two)):
            loss = K.mean(K.square(self(x, training=True) - y))
            optimizer.minimize(loss, layer.trainable_weights)
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}


@pytest.mark.parametrize(
    "data", [lambda: ((X, Y), {"batch_size": 8}), lambda: ((noisy(),), {"steps_per_epoch": 5})]
)
def test_steps_of_ones_own(data, tmp_path):
    def run(folder, crashes):
        crash = CrashAt(*crashes)
        for _ in range(len(crashes) + 1):
            np.random.seed(0)
            model = Adversary()
            model.compile("rmsprop")
            given, arguments = data()
            try:
                backup = BackupAndResume(folder, 2)
                history = model.fit(*given, epochs=3, verbose=0, callbacks=[backup, crash], **arguments)
                return history.history, model.get_weights(), model.second.get_weights()
            except Crash:
                crash.done = 0

    whole, broken = run(tmp_path / "a", []), run(tmp_path / "b", [4, 5])
    assert whole[0] == broken[0]
    for a, b in zip([*whole[1], *whole[2]], [*broken[1], *broken[2]], strict=True):
        np.testing.assert_array_equal(a, b)
