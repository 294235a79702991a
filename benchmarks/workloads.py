"""The models that the benchmarks train, in the words that kcore, Keras 3 and tf_keras share."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np

NAMES = ("mlp_small", "mlp", "cnn", "lstm", "resnet20", "autoencoder", "recommendation")


class Workload(NamedTuple):
    """inputs: a list of arrays. loss: Keras's name. batch: rows in a step."""

    inputs: list[np.ndarray]
    targets: np.ndarray
    batch: int
    loss: str
    metrics: list[str]


def data(name: str) -> Workload:
    """Random data of the sizes that the workload is about."""
    random = np.random.RandomState(0)

    def numbers(*shape: int) -> np.ndarray:
        return random.randn(*shape).astype("float32")

    def classes(rows: int) -> np.ndarray:
        return np.eye(10, dtype="float32")[random.randint(0, 10, rows)]

    def labels(rows: int) -> np.ndarray:
        return random.randint(0, 2, (rows, 1)).astype("float32")

    softmax = ("categorical_crossentropy", ["accuracy"])
    binary = ("binary_crossentropy", ["accuracy"])
    if name == "mlp_small":
        return Workload([numbers(6400, 20)], classes(6400), 32, *softmax)
    if name == "mlp":
        return Workload([numbers(6400, 784)], classes(6400), 128, *softmax)
    if name == "cnn":
        return Workload([numbers(1024, 28, 28, 1)], classes(1024), 128, *softmax)
    if name == "resnet20":
        return Workload([numbers(256, 32, 32, 3)], classes(256), 64, *softmax)
    if name == "lstm":
        return Workload([random.randint(0, 20000, (256, 80)).astype("int32")], labels(256), 32, *binary)
    if name == "autoencoder":
        pixels = random.rand(6400, 784).astype("float32")
        return Workload([pixels], pixels, 128, "binary_crossentropy", [])
    users, items = (random.randint(0, n, (6400, 1)).astype("int32") for n in (50_000, 20_000))
    return Workload([users, items], labels(6400), 256, *binary)


def model(library: str, name: str) -> Any:
    """The compiled model. `library`: the module to import (kcore, keras, tf_keras)."""
    layers = importlib.import_module(f"{library}.layers")
    models = importlib.import_module(f"{library}.models")
    shapes = [a.shape[1:] for a in data(name).inputs]
    dtype = str(data(name).inputs[0].dtype)
    inputs = [layers.Input(s, dtype=dtype) for s in shapes]
    made = models.Model(inputs if len(inputs) > 1 else inputs[0], OUTPUTS[name](layers, inputs))
    work = data(name)
    made.compile("adam", work.loss, metrics=work.metrics)
    return made


def _stack(out: Any, *rest: Any) -> Any:
    for layer in rest:
        out = layer(out)
    return out


def _dense(layers: Any, *widths: int) -> list[Any]:
    return [layers.Dense(w, activation="relu") for w in widths]


def _classes(layers: Any) -> Any:
    return layers.Dense(10, activation="softmax")


def _cnn(layers: Any, inputs: list[Any]) -> Any:
    return _stack(
        inputs[0], layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2), layers.Dropout(0.25), layers.Flatten(), layers.Dense(128, activation="relu"),
        layers.Dropout(0.5), _classes(layers),
    )  # fmt: skip


def _lstm(layers: Any, inputs: list[Any]) -> Any:
    return _stack(
        inputs[0], layers.Embedding(20000, 128), layers.LSTM(128), layers.Dense(1, activation="sigmoid")
    )


def _resnet20(layers: Any, inputs: list[Any]) -> Any:
    """K. He et al., 2015, section 4.2, with projections where the size changes."""

    def normalized(x: Any, filters: int, kernel: int, stride: int) -> Any:
        x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    x = layers.Activation("relu")(normalized(inputs[0], 16, 3, 1))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage and not block else 1
            y = layers.Activation("relu")(normalized(x, filters, 3, stride))
            y = normalized(y, filters, 3, 1)
            x = normalized(x, filters, 1, stride) if stride == 2 else x
            x = layers.Activation("relu")(layers.Add()([x, y]))
    return _classes(layers)(layers.GlobalAveragePooling2D()(x))


def _autoencoder(layers: Any, inputs: list[Any]) -> Any:
    return _stack(inputs[0], *_dense(layers, 128, 64, 32, 64, 128), layers.Dense(784, activation="sigmoid"))


def _recommendation(layers: Any, inputs: list[Any]) -> Any:
    flat = [
        layers.Flatten()(layers.Embedding(rows, 64)(i))
        for rows, i in zip((50_000, 20_000), inputs, strict=True)
    ]
    return _stack(layers.Concatenate()(flat), *_dense(layers, 128, 64), layers.Dense(1, activation="sigmoid"))


OUTPUTS = {
    "mlp_small": lambda layers, i: _stack(i[0], *_dense(layers, 64, 64), _classes(layers)),
    "mlp": lambda layers, i: _stack(i[0], *_dense(layers, 512, 512), _classes(layers)),
    "cnn": _cnn,
    "lstm": _lstm,
    "resnet20": _resnet20,
    "autoencoder": _autoencoder,
    "recommendation": _recommendation,
}
