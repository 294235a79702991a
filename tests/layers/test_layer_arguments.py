"""Layers with unusual combinations of arguments against the original: what it computed is recorded, by case number.

Inputs, weights and cotangents are drawn anew from the case's number, in the order in which the original was given
them; `tests/golden/README.md` tells the order.
"""

import copy
import io
import json
from pathlib import Path

import numpy as np
import pytest

from golden import relative_error
from kcore import backend as K
from kcore import layers

FOLDER = Path(__file__).parents[1] / "golden"
CASES = json.loads((FOLDER / "layer_arguments.json").read_text(encoding="utf-8"))
ARRAYS = np.load(io.BytesIO((FOLDER / "layer_arguments.npz").read_bytes()))
BATCH = 2
# left out of configs by the original, so that a layer restored from one would be another layer
ADDED_TO_CONFIG = {"AlphaDropout": {"noise_shape", "seed"}}


def case_id(case):
    return f"{case['number']} {case['class_name']}"


class Run:
    """A case's layer called on placeholders; `values` are what it is fed with."""

    def __init__(self, case):
        self.rng = rng = np.random.RandomState(case["number"])
        self.options = options = case["options"]
        stateful, masked = options.get("stateful", False), options.get("masked", False)
        inputs = [layers.Input(batch_shape=(BATCH if stateful else None, *s)) for s in case["shapes"]]
        self.values = []
        for shape in case["shapes"]:
            value = rng.uniform(-1, 1, (BATCH, *shape)).astype("float32")
            if masked:
                value[0, -2:] = value[1, :1] = 0
            if case["class_name"] == "Masking":
                value[0, 1] = 0.5
            self.values.append(value)
        self.layer = layers.deserialize(
            {"class_name": case["class_name"], "config": copy.deepcopy(case["arguments"])}
        )
        given = [layers.Masking()(x) if masked else x for x in inputs]
        states = [layers.Input((3,)) for _ in range(options.get("initial_states", 0))]
        self.values += [rng.uniform(-1, 1, (BATCH, 3)).astype("float32") for _ in states]
        kwargs = {"initial_state": states} if states else {}
        outputs = self.layer(given if len(given) > 1 else given[0], **kwargs)
        self.outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        self.inputs = inputs + states
        self.layer.set_weights(self._weights(case))

    def _weights(self, case):
        made = [self.rng.uniform(-0.6, 0.6, w.shape).astype("float32") for w in self.layer.weights]
        normalizes = "BatchNormalization" in json.dumps([case["class_name"], case["arguments"]])
        return [np.abs(w) + 0.1 for w in made] if normalizes else made

    def __call__(self, tensors, phase=0, updates=None):
        return K.function([*self.inputs, K.learning_phase()], tensors, updates)([*self.values, phase])

    def gradients(self, results):
        """Gradients of sum(output * c), c drawn, for inputs and trainable weights; those there are."""
        cotangents = [self.rng.uniform(-1, 1, r.shape).astype("float32") for r in results]
        total = sum(K.sum(o * c) for o, c in zip(self.outputs, cotangents, strict=True))
        found = K.gradients(total, [*self.inputs, *self.layer.trainable_weights])
        return [g for g in found if g is not None]


def check(case, names, values, limit):
    for name, value in zip(names, values, strict=True):
        assert relative_error(value, ARRAYS[f"{case['number']}/{name}"]) <= limit, name


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_layer(case):
    run = Run(case)
    layer, there = run.layer, set(case["arrays"])
    assert [list(K.int_shape(o)) for o in run.outputs] == case["output_shapes"]
    assert [w.name.split("/", 1)[-1] for w in layer.weights] == case["weight_names"]
    step = K.function([*run.inputs, K.learning_phase()], run.outputs)
    results = []
    for k in range(2 if run.options.get("stateful") else 1):
        results = step([*run.values, 0])
        check(case, [f"out{k}_{j}" for j in range(len(results))], results, 1e-5)
    masks = layer.get_output_mask_at(-1)
    masks = list(masks) if isinstance(masks, (list, tuple)) else [masks]
    assert [m is not None for m in masks] == case["masks"]
    for j, mask in enumerate(masks):
        if mask is not None:
            np.testing.assert_array_equal(run([mask])[0], ARRAYS[f"{case['number']}/mask{j}"])
    if run.options.get("stateful"):
        return
    gradients = run.gradients(results)
    assert len(gradients) == sum(name.startswith("grad") for name in there)
    check(case, [f"grad{j}" for j in range(len(gradients))], run(gradients), 1e-4)
    if "loss" in there:
        check(case, ["loss"], [np.sum(run(list(layer.losses)))], 1e-5)
    if "train0" in there:
        trained = run(run.outputs, 1, layer.updates)
        check(case, [f"train{j}" for j in range(len(trained))], trained, 1e-5)
        check(case, [f"upd{j}" for j in range(len(layer.weights))], layer.get_weights(), 1e-5)


def differences(got, want, where, ignored):
    """Where two configs differ; the original keeps some numbers in float32, names are numbered as layers are made."""
    if isinstance(got, dict) and isinstance(want, dict):
        keys = {*got, *want} - {"name", "num_constants", *ignored}
        return [d for k in keys for d in differences(got.get(k), want.get(k), f"{where}/{k}", ignored)]
    if isinstance(got, list) and isinstance(want, list) and len(got) == len(want):
        return [
            d for i, (a, b) in enumerate(zip(got, want)) for d in differences(a, b, f"{where}/{i}", ignored)
        ]
    same = got == (pytest.approx(want, rel=1e-6) if isinstance(want, float) else want)
    return [] if same else [f"{where}: {got!r}, {want!r} recorded"]


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_config(case):
    layer = layers.deserialize({"class_name": case["class_name"], "config": copy.deepcopy(case["arguments"])})
    config = json.loads(json.dumps(layer.get_config()))
    assert not differences(config, case["config"], "", ADDED_TO_CONFIG.get(case["class_name"], ()))
