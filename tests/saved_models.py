"""Models that other Kerases saved (tests/golden/models.zip), and the user's own objects in them."""

import functools
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from kcore import backend as K
from kcore.constraints import Constraint
from kcore.layers import Layer
from kcore.regularizers import Regularizer

ARCHIVE = Path(__file__).parent / "golden" / "models.zip"


class Scale(Layer):
    """(..., features): each feature times its factor."""

    def __init__(self, init=1.0, **kwargs):
        super().__init__(**kwargs)
        self.init = init

    def build(self, input_shape):
        self.scale = self.add_weight("scale", (input_shape[-1],), initializer=float(self.init))
        super().build(input_shape)

    def call(self, inputs):
        return inputs * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "init": self.init}


class HalfNonNeg(Constraint):
    def __call__(self, w):
        return K.switch(w >= 0.0, w, w / 2.0)


class CubeReg(Regularizer):
    def __init__(self, c=0.0):
        self.c = c

    def __call__(self, x):
        return self.c * K.sum(K.pow(K.abs(x), 3.0))

    def get_config(self):
        return {"c": self.c}


def gate(x):
    return x * K.sigmoid(2.0 * x)


def quartic(y_true, y_pred):
    return K.mean(K.pow(y_true - y_pred, 4.0), axis=-1)


CUSTOM = {"Scale": Scale, "HalfNonNeg": HalfNonNeg, "CubeReg": CubeReg, "gate": gate, "quartic": quartic}


@functools.cache
def _archive():
    return zipfile.ZipFile(io.BytesIO(ARCHIVE.read_bytes()))


@functools.cache
def cases():
    return json.loads(_archive().read("models/models.json"))


def read(name):
    """A file of the archive as bytes."""
    return _archive().read(name)


def data(case):
    return np.load(io.BytesIO(read(case["data"])), allow_pickle=False)


def custom_objects(case):
    return {name: CUSTOM[name] for name in case["custom_objects"]}


def by_prefix(arrays, prefix):
    """Arrays `prefix`0, `prefix`1, ... as a list."""
    found = []
    while f"{prefix}{len(found)}" in arrays:
        found.append(arrays[f"{prefix}{len(found)}"])
    return found


def one(values):
    return values[0] if len(values) == 1 else values
