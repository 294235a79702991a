"""Files that Keras 2.0.0, 2.0.8 and 2.1.6 wrote: they predict the same, and go on as the original went on."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kcore.models import load_model

ARCHIVE = Path(__file__).parents[1] / "golden" / "foreign" / "old_keras.zip"
with zipfile.ZipFile(ARCHIVE) as _archive:
    NAMES = sorted(n.removesuffix(".h5") for n in _archive.namelist() if n.endswith(".h5"))
# It did not save the count of steps, nor (up to 2.3.0) the product of momenta: going on there differs as well.
RESTARTS = {name for name in NAMES if name.endswith("_dense")}


@pytest.mark.parametrize("name", NAMES)
def test_predicts_and_goes_on_as_the_original(name, tmp_path):
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extract(name + ".h5", tmp_path)
        with np.load(io.BytesIO(archive.read(name + ".npz"))) as held:
            recorded = dict(held)
    model = load_model(tmp_path / (name + ".h5"))
    np.testing.assert_allclose(model.predict(recorded["x"]), recorded["predicted"], atol=1e-5)
    assert model.optimizer.get_weights()
    losses = [model.train_on_batch(recorded["x"], recorded["y"]) for _ in recorded["losses"]]
    tolerance = 1e-5 if name not in RESTARTS else 2e-2
    np.testing.assert_allclose(losses, recorded["losses"], rtol=tolerance)
