"""Layers of which Keras 3 has the like: outputs and gradients are those that it gave (golden/make_keras3.py)."""

import json
from pathlib import Path

import numpy as np
import pytest

from kcore import backend as K
from kcore import layers

GOLDEN = Path(__file__).parent / "golden"
CASES = json.loads((GOLDEN / "keras3.json").read_text())["cases"]


@pytest.fixture(scope="module")
def recorded():
    with np.load(GOLDEN / "keras3.npz") as file:
        return dict(file)


def error(got, want):
    return np.abs(got - want).max() / max(np.abs(want).max(), 1e-3)


def given(name, inputs):
    """The tensors that the layer is called on; in one case some steps are masked, as they were there."""
    if name != "attention_masked":
        return inputs
    mask = np.ones((2, 4), bool)
    mask[0, 3] = mask[1, 0] = False

    class Masked(layers.Layer):
        def compute_mask(self, inputs, mask_before=None):
            return K.constant(mask, dtype="bool")

    return [Masked()(x) for x in inputs]


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_keras_3_computes(name, recorded):
    case = CASES[name]
    config = {**case["config"]}
    if case["layer"] == "SpectralNormalization":
        config["layer"] = layers.Dense(3)
    layer = getattr(layers, case["layer"])(**config)
    values = [recorded[f"{name}/input_{i}"] for i in range(case["inputs"])]
    inputs = [layers.Input(batch_shape=v.shape) for v in values]
    tensors = given(name, inputs)
    output = layer(tensors if len(tensors) > 1 else tensors[0])
    layer.set_weights([recorded[f"{name}/weight_{i}"] for i in range(case["weights"])])
    want, slope = recorded[f"{name}/output"], recorded[f"{name}/gradient"]
    count = np.cos(np.arange(want.size, dtype="float32")).reshape(want.shape)
    (gradient,) = K.gradients(K.sum(output * K.constant(count)), inputs[:1])
    run = K.function([*inputs, K.learning_phase()], [output, gradient])
    got, told = run([*values, int(case["layer"] == "SpectralNormalization")])
    assert got.shape == want.shape
    assert error(got, want) < 1e-5
    assert error(told, slope) < 1e-4
