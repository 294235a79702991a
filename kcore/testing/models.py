"""Small models that an engine must be able to train. Each raises AssertionError, or whatever the engine raises."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import layers, models, optimizers
from ..backend import set_seed
from ..kernel import context
from .reference import REFERENCE

_PARTS: dict[str, list[Callable[[Any], None]]] = {"inference": [], "training": [], "recurrent": []}


def _part(level: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    def note(function: Callable[[Any], None]) -> Callable[[Any], None]:
        _PARTS[level].append(function)
        return function

    return note


def up_to(level: str) -> dict[str, Callable[[Any], None]]:
    """The models of `level` and of those below it, by name."""
    order = list(_PARTS)
    chosen = order[: order.index(level) + 1]
    return {f.__name__: f for name in chosen for f in _PARTS[name]}


def snippet(engine: Any, name: str) -> str:
    return (
        f"from kcore.kernel.context import engine\nfrom kcore.testing import models\n"
        f"models.{name}(engine({engine.name!r}))"
    )


@contextlib.contextmanager
def active(engine: Any) -> Iterator[None]:
    """New models belong to `engine`, which need not be installed."""
    name = engine.name
    with context._lock:
        before = context._loaded.get(name)
        context._loaded[name] = engine
    try:
        with context.use_backend(name):
            yield
    finally:
        with context._lock:
            if before is None:
                context._loaded.pop(name, None)
            else:
                context._loaded[name] = before


def _learns(history: Any, share: float) -> None:
    losses = history.history["loss"]
    assert np.isfinite(losses).all(), f"the loss is not finite: {losses}"
    assert losses[-1] < share * losses[0], f"the loss went from {losses[0]:.4g} to {losses[-1]:.4g} only"


def _dense(seed: int = 1) -> Any:
    set_seed(seed)
    model = models.Sequential(
        [
            layers.Dense(16, activation="tanh", input_shape=(2,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


def _function_of_two() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).uniform(-1, 1, (128, 2)).astype("float32")
    return x, (np.sin(2 * x[:, :1]) * x[:, 1:]).astype("float32")


@_part("inference")
def model_predicts(engine: Any) -> None:
    """A network's outputs are those of the reference, from the same weights."""
    x = np.random.default_rng(1).normal(size=(5, 6, 6, 2)).astype("float32")
    results, weights = [], None
    for one in (REFERENCE, engine):
        with active(one):
            set_seed(3)
            model = models.Sequential(
                [
                    layers.Conv2D(3, 3, activation="relu", padding="same", input_shape=(6, 6, 2)),
                    layers.MaxPooling2D(2),
                    layers.BatchNormalization(),
                    layers.Flatten(),
                    layers.Dense(4, activation="softmax"),
                ]
            )
            weights = model.get_weights() if weights is None else weights
            model.set_weights(weights)
            results.append(np.asarray(model.predict(x, batch_size=2)))
    np.testing.assert_allclose(results[1], results[0], rtol=1e-4, atol=1e-5)


@_part("training")
def dense_learns(engine: Any) -> None:
    """A dense network learns sin(2a) b; evaluate, predict and train_on_batch agree with fit."""
    x, y = _function_of_two()
    with active(engine):
        model = _dense()
        _learns(model.fit(x, y, epochs=25, batch_size=32, verbose=0), 0.35)
        loss, mae = model.evaluate(x, y, batch_size=50, verbose=0)
        predicted = model.predict(x, batch_size=50)
    assert predicted.shape == y.shape and predicted.dtype == np.float32
    np.testing.assert_allclose(loss, np.mean((predicted - y) ** 2), rtol=1e-3)
    np.testing.assert_allclose(mae, np.mean(np.abs(predicted - y)), rtol=1e-3)


@_part("training")
def training_matches_the_reference(engine: Any) -> None:
    """The same weights and batches give the reference's losses, step by step."""
    x, y = _function_of_two()
    losses = []
    for one in (REFERENCE, engine):
        with active(one):
            model = _dense()
            history = model.fit(x, y, epochs=4, batch_size=32, shuffle=False, verbose=0)
            losses.append(history.history["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)


@_part("training")
def convolutions_learn(engine: Any) -> None:
    """A small convolutional network with batch normalisation and dropout tells where a bright square is."""
    rng = np.random.default_rng(2)
    x = rng.normal(0, 0.1, (96, 8, 8, 1)).astype("float32")
    labels = rng.integers(0, 4, 96)
    for image, label in zip(x, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[row * 4 + 1 : row * 4 + 3, column * 4 + 1 : column * 4 + 3] += 1.0
    y = np.eye(4, dtype="float32")[labels]
    with active(engine):
        set_seed(5)
        model = models.Sequential(
            [
                layers.Conv2D(6, 3, padding="same", input_shape=(8, 8, 1)),
                layers.BatchNormalization(),
                layers.Activation("relu"),
                layers.MaxPooling2D(2),
                layers.Conv2D(8, 3, activation="relu"),
                layers.Flatten(),
                layers.Dropout(0.1),
                layers.Dense(4, activation="softmax"),
            ]
        )
        model.compile(optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
        _learns(model.fit(x, y, epochs=10, batch_size=24, verbose=0), 0.4)
        accuracy = model.evaluate(x, y, verbose=0)[1]
    assert accuracy > 0.9, f"accuracy {accuracy:.3f} only"


@_part("training")
def threads_do_not_meet(engine: Any) -> None:
    """Two models trained in two threads get the weights that they get one after the other."""
    x, y = _function_of_two()

    def trained(pair: list[Any], together: bool) -> list[list[np.ndarray]]:
        failures: list[BaseException] = []

        def fit(model: Any) -> None:
            try:
                model.fit(x, y, epochs=3, batch_size=32, shuffle=False, verbose=0)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=fit, args=(m,)) for m in pair]
        for thread in threads:
            thread.start()
            if not together:
                thread.join()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return [m.get_weights() for m in pair]

    with active(engine):
        apart = trained([_dense(1), _dense(2)], False)
        together = trained([_dense(1), _dense(2)], True)
    for one, other in zip(apart, together, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def _recurrent(engine: Any, kind: str, masked: bool) -> None:
    rng = np.random.default_rng(4)
    x = rng.uniform(0.1, 1, (96, 6, 2)).astype("float32")
    if masked:
        for row, length in zip(x, rng.integers(3, 7, 96), strict=True):
            row[length:] = 0.0
    y = (x[:, :, 0] - 0.5 * x[:, :, 1]).sum(1, keepdims=True).astype("float32")
    with active(engine):
        set_seed(6)
        front = [layers.Masking(0.0, input_shape=(6, 2))] if masked else []
        shape = {} if masked else {"input_shape": (6, 2)}
        model = models.Sequential([*front, getattr(layers, kind)(12, **shape), layers.Dense(1)])
        model.compile(optimizers.Adam(0.02), "mse")
        _learns(model.fit(x, y, epochs=20, batch_size=32, verbose=0), 0.2)


@_part("recurrent")
def lstm_learns(engine: Any) -> None:
    """An LSTM sums up a sequence."""
    _recurrent(engine, "LSTM", False)


@_part("recurrent")
def gru_learns(engine: Any) -> None:
    """A GRU sums up sequences of different lengths, masked."""
    _recurrent(engine, "GRU", True)
