"""Trainings with masks, weights, objects, shared and nested layers, clipping: the numbers of the original."""

import io

import numpy as np
import pytest

from golden import FOLDER, relative_error, trainings
from kcore import backend, layers, losses, metrics, models, optimizers

MODULES = {
    "backend": backend, "layers": layers, "losses": losses, "metrics": metrics, "models": models,
    "optimizers": optimizers,
}  # fmt: skip
RECORDED = np.load(io.BytesIO((FOLDER / "trainings.npz").read_bytes()))


@pytest.mark.parametrize("name", trainings.CASES)
def test_training(name):
    got = trainings.train(MODULES, name)
    recorded = {n.split("/", 1)[1] for n in RECORDED.files if n.startswith(f"{name}/")}
    assert set(got) == recorded
    assert list(got.pop("names")) == list(RECORDED[f"{name}/names"])
    for key, value in got.items():
        assert relative_error(value, RECORDED[f"{name}/{key}"]) <= 1e-5, key
