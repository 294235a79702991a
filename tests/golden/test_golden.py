"""The helper that the comparisons with the original stand on."""

import numpy as np
import pytest

import golden
from golden import cases, load, relative_error, tolerance, unusable


def by_id(name):
    return next(c for c in cases(name.split("/")[0]) if c["id"] == name)


@pytest.mark.parametrize("kind", golden.kinds())
def test_arrays_are_as_recorded(kind):
    for case in cases(kind):
        arrays = load(case)
        recorded = {name: (str(a.dtype), list(a.shape)) for name, a in arrays.items()}
        assert recorded == {name: tuple(entry) for name, entry in case.get("arrays", {}).items()}, case["id"]


def test_cases_by_group():
    assert {c["group"] for c in cases("layers", "Dense")} == {"Dense"}
    assert all(c["group"].startswith("class_") for c in cases("metrics", "class_*"))
    assert len(cases("layers", ["LSTM", "GRU"])) == len(cases("layers", "LSTM")) + len(cases("layers", "GRU"))
    with pytest.raises(LookupError, match="Densse"):
        cases("layers", "Densse")


@pytest.mark.parametrize(
    "got, want, error",
    [
        ([1.0, 2.0], [1.0, 4.0], 0.5),
        ([0.0], [1e-6], 1e-3),  # near zero the scale is 1e-3
        ([1.0, np.nan, np.inf], [1.0, np.nan, np.inf], 0.0),
        ([1.0, 2.0], [1.0, np.nan], np.inf),
        ([1.0, np.inf], [1.0, -np.inf], np.inf),
        ([[1.0]], [1.0], np.inf),
        ([], [], 0.0),
        ([True, False], [True, True], 1.0),
    ],
)
def test_relative_error(got, want, error):
    assert relative_error(got, want) == pytest.approx(error)


def test_tolerance_of_sensitive_records():
    assert tolerance(by_id("losses/binary_crossentropy_005"), "output", 1e-5) == 0.01
    assert tolerance(by_id("losses/binary_crossentropy_002"), "output", 1e-5) == 1e-5
    trained = cases("histories", "cnn")
    rmsprop = next(c for c in trained if c["optimizer"] == "RMSprop")
    sgd = next(c for c in trained if c["optimizer"] == "SGD")
    assert tolerance(rmsprop, "weight_final_1", 1e-4) == 0.2
    assert tolerance(rmsprop, "history val_loss", 1e-4) == 0.01
    assert tolerance(rmsprop, "history loss", 1e-4) == 1e-4
    assert tolerance(sgd, "weight_final_1", 1e-4) == 1e-4
    assert tolerance(rmsprop, "weight_final_1", 0.5) == 0.5


def test_unusable_records_give_their_reason():
    assert "data_format" in unusable({"id": "layers_stochastic/SpatialDropout2D_001"})
    assert unusable(by_id("layers/Dense_000")) is None
    assert unusable(by_id("metrics/class_MeanIoU_000")) is None
