"""A layer is registered by standing in its family's file, and in no other."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import kcore

LAYER = """

class Fainter(Layer):
    \"\"\"Inputs times `factor`.\"\"\"

    _samples = ({"config": {"factor": 0.3}, "shapes": ((3, 4),), "open": (1,), "mask": "passes"},)

    def __init__(self, factor=0.5, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.supports_masking = factor, True

    def call(self, inputs):
        return inputs * self.factor

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
"""
PROOF = """
import numpy as np
import kcore
from kcore import layers, models
from kcore.kernel.registry import registries
from kcore.layers import Fainter
from kcore.testing.layer_checks import CHECKS
from kcore.testing.layer_samples import standard_layers

assert "Fainter" in layers.__all__ and registries["layers"].get("Fainter") is Fainter
again = layers.deserialize(layers.serialize(Fainter(0.3)))
assert type(again) is Fainter and again.factor == 0.3
model = models.Sequential([Fainter(0.25, input_shape=(2,))])
assert "Fainter" in model.to_json()
np.testing.assert_allclose(models.model_from_json(model.to_json()).predict(np.ones((1, 2))), [[0.25, 0.25]])
[sample] = [s for s in standard_layers() if s.class_name == "Fainter"]
for check in CHECKS.values():
    check(sample)
print("seen", kcore.__file__)
"""


def test_a_layer_in_a_familys_file_is_there(tmp_path):
    """With a copy of the package: one file is changed, and the layer is a name of the package, in the registry, in
    saved models, and in the table of what is checked for every layer."""
    shutil.copytree(
        Path(kcore.__file__).parent, tmp_path / "kcore", ignore=shutil.ignore_patterns("__pycache__")
    )
    with (tmp_path / "kcore/layers/noise.py").open("a", encoding="utf-8") as file:
        file.write(LAYER)
    done = subprocess.run(
        [sys.executable, "-c", PROOF],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=_environment(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout


def _environment(first):
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(first), os.environ.get("PYTHONPATH", "")])}
