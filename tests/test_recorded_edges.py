"""Corners, ties, zeros and masks: values and gradients as the original gave them."""

import io

import numpy as np
import pytest

from golden import FOLDER, edges, relative_error
from kcore import activations, backend, layers

MODULES = {"backend": backend, "layers": layers, "activations": activations}
RECORDED = np.load(io.BytesIO((FOLDER / "edges.npz").read_bytes()))


@pytest.mark.parametrize("name", edges.CASES)
def test_edge(name):
    got = edges.run(MODULES, name)
    recorded = {n.split("/", 1)[1] for n in RECORDED.files if n.startswith(f"{name}/")}
    assert set(got) == recorded
    for key, value in got.items():
        limit = 1e-4 if key.startswith("grad") else 1e-5
        assert relative_error(value, RECORDED[f"{name}/{key}"]) <= limit, key
