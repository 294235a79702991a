"""`kcore.determinism()`: two processes give the same bits; threads give what one gives."""

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import kcore
from kcore import backend as K
from kcore import models
from kcore.callbacks import ReduceLROnPlateau
from kcore.kernel import context, determinism
from kcore.kernel.registry import backends
from kcore.layers import LSTM, BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from kcore.utils import Sequence

IMAGES = np.random.RandomState(0).rand(24, 8, 8, 2).astype("float32")
CLASSES = np.eye(3, dtype="float32")[np.arange(24) % 3]


class Augmented(Sequence):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        rows = slice(i * 4, i * 4 + 4)
        return IMAGES[rows] + np.random.rand(4, 8, 8, 2), CLASSES[rows]


def images():
    return models.Sequential(
        [
            Conv2D(4, 3, activation="relu", input_shape=(8, 8, 2)), BatchNormalization(), MaxPooling2D(),
            Flatten(), Dropout(0.3), Dense(3, activation="softmax"),
        ]
    )  # fmt: skip


def recurrent():
    return models.Sequential([LSTM(5, input_shape=(4, 3)), Dense(2)])


def plain():
    return models.Sequential([Dense(9, activation="tanh", input_shape=(5,)), Dropout(0.5), Dense(2)])


def digest():
    """A number for all that a training with everything random in it has led to."""
    kcore.determinism(seed=5)
    model = images()
    model.compile("adam", "categorical_crossentropy", metrics=["acc"])
    history = model.fit(
        Augmented(), epochs=2, verbose=0, workers=4, validation_data=(IMAGES, CLASSES),
        callbacks=[ReduceLROnPlateau("loss", patience=1)],
    ).history  # fmt: skip
    made = hashlib.sha256(repr(sorted(history.items())).encode())
    for weight in model.get_weights():
        made.update(weight.tobytes())
    return made.hexdigest()


def test_two_processes_agree():
    paths = [str(Path(kcore.__file__).parent.parent), str(Path(__file__).parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    code = "import test_determinism; print(test_determinism.digest())"
    running = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    found = [process.communicate(timeout=120)[0].strip() for process in running]
    assert len(found[0]) == 64 and found[0] == found[1]


def test_engines_are_told_now_or_when_loaded(monkeypatch):
    told = []

    class Engine:
        def __init__(self, name):
            self.name = name

        def make_deterministic(self):
            told.append(self.name)

    monkeypatch.setattr(determinism, "_wanted", False)
    monkeypatch.setattr(context, "_loaded", {"a": Engine("a")})
    monkeypatch.setattr(context.backends, "get", Engine)
    context.engine("b")
    assert told == []
    kcore.determinism()
    context.engine("c")
    assert told == ["a", "b", "c"]


def test_seed_governs_everything():
    def outcome():
        kcore.set_seed(3)
        model = plain()
        model.compile("rmsprop", "mse")
        x = np.random.rand(20, 5)
        return (
            model.fit(x, x[:, :2], epochs=2, verbose=0).history,
            model.get_weights(),
            K.eval(K.random_normal((3,))),
        )

    (first, weights, drawn), (second, same, again) = outcome(), outcome()
    assert first == second
    for a, b in zip([*weights, drawn], [*same, again], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("ready", [False, True])
def test_predict_from_many_threads(ready):
    made = []
    for backend in dict.fromkeys([context.current_engine_name(), *_reference()]):
        with kcore.use_backend(backend):
            for build, shape in ((images, (8, 8, 2)), (recurrent, (4, 3)), (plain, (5,))):
                np.random.seed(1)
                twins = [build(), None]
                np.random.seed(1)
                twins[1] = build()
                made.append((*twins, np.random.rand(30, *shape).astype("float32")))
    want = [serial.predict(x, batch_size=7) for serial, _, x in made]
    if ready:
        for _, other, x in made:
            other.predict(x[:1])

    def ask(i):
        _, other, x = made[i % len(made)]
        return i % len(made), other.predict(x, batch_size=7)

    with ThreadPoolExecutor(8) as threads:
        for i, got in threads.map(ask, range(8 * len(made))):
            np.testing.assert_array_equal(got, want[i])


def _reference():
    """The engine that is always there: models of two engines then run at the same time."""
    return [name for name in backends.names() if backends.origin(name).distribution == "kcore"]
