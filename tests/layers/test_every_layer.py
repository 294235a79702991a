"""Every standard layer by one table: what holds for each of them, on the engine in use."""

import inspect

import pytest

from kcore import layers
from kcore.testing.layer_checks import CHECKS
from kcore.testing.layer_samples import standard_layers

SAMPLES = standard_layers()
EXAMPLE = '({"config": {"rate": 0.3}, "shapes": ((5, 8),), "mask": "passes"},)'
# bases of others' layers, and where data comes in
BASES = {"Layer", "Wrapper", "Recurrent", "ConvRecurrent2D", "InputLayer"}


def kind_of(sample):
    inner = (sample.config.get(part) or {} for part in ("layer", "cell"))
    return (sample.class_name, *(part.get("class_name") for part in inner))


FIRST = list({kind_of(s): s for s in reversed(SAMPLES)}.values())  # one of each layer


@pytest.mark.parametrize("sample", FIRST, ids=str)
def test_policies(sample):
    CHECKS["policies"](sample)


@pytest.mark.parametrize("check", [c for c in CHECKS if c != "policies"])
@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_layer(sample, check):
    if check == "data_format" and sample.config.get("data_format") != "channels_first":
        return
    CHECKS[check](sample)


def test_every_layer_has_a_sample():
    classes = {v for v in vars(layers).values() if inspect.isclass(v) and issubclass(v, layers.Layer)}
    named = {n for s in SAMPLES for n in (s.class_name, *s.covers)}
    missing = {c.__name__ for c in classes if c.__module__.startswith("kcore.layers")} - named - BASES
    assert not missing, f"say in _samples of {', '.join(sorted(missing))} what is to hold, such as {EXAMPLE}"
