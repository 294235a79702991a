"""`kcore check` of collections of layers: samples, what fails and how it is told."""

import pytest

from kcore import backend as K
from kcore import layers
from kcore.cli import main
from kcore.engines.numpy_engine import NumpyEngine
from kcore.errors import ArgumentError, PluginError
from kcore.testing import collection, command, layer_checks
from kcore.testing.layer_samples import LayerSample
from kcore.testing.models import active


class Right(layers.Layer):
    def call(self, inputs):
        return K.square(inputs)


class WrongShape(Right):
    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 9)


class Forgetful(Right):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


class Swallowing(Right):
    supports_masking = True

    def compute_mask(self, inputs, mask=None):
        return None


class Loud(Right):
    def call(self, inputs, training=None):
        return K.in_train_phase(inputs * 2.0, inputs, training)


@pytest.mark.parametrize(
    "sample, check",
    [
        (LayerSample(WrongShape), "shapes"),
        (LayerSample(Forgetful, {"factor": 2.0}), "config"),
        (LayerSample(Swallowing, {}, ((3, 4),), mask="passes"), "mask"),
        (LayerSample(Loud), "training"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.class_name,
)
def test_faulty_layers_are_caught(sample, check):
    state, told = collection.state_of(sample, check)
    assert state == "failed" and told


@pytest.mark.parametrize("check", [c for c in layer_checks.CHECKS if c != "data_format"])
def test_a_right_layer_passes(check):
    sample = LayerSample(Right, {}, ((3, 4),))
    assert collection.state_of(sample, check) == ("passed", "")


def test_names():
    with pytest.raises(ArgumentError, match="neither an engine nor a plug-in 'nunpy'.*numpy"):
        command.check("nunpy")
    with pytest.raises(PluginError, match="no plug-in 'nothing'"):
        collection.samples_of("nothing")


def test_a_report_that_could_not_be_written_is_told_at_once(tmp_path, capsys):
    for option in ("--json", "--html", "--card"):
        assert main(["check", "numpy", option, str(tmp_path / "nowhere" / "told")]) == 2
        assert "there is no folder" in capsys.readouterr().err
    told = ["compare", "m:f", "--backends", "numpy,numpy", "--json", str(tmp_path / "nowhere" / "told")]
    assert main(told) == 2 and "there is no folder" in capsys.readouterr().err


def test_kcores_own_layers_are_a_collection():
    samples = collection.samples_of("standard")
    assert len(collection.labelled(samples)) == len(samples) > 100
    assert collection.plugin_named("standard").distribution == "kcore"


def test_equal_samples_get_labels_of_their_own():
    one = LayerSample("Dense", {"units": 3})
    assert list(collection.labelled([one, one])) == [str(one), f"{one} (2)"]


def test_only_the_types_of_an_engine_are_asked_of_it():
    class Narrow(NumpyEngine):
        name = "narrow"
        features = frozenset({"empty"})
        computed_in = {}

        def from_numpy(self, array, dtype):
            assert dtype not in ("float16", "bfloat16", "float64")
            return super().from_numpy(array, dtype)

    sample = LayerSample(Right, {}, ((3, 4),))
    with active(Narrow()):
        for check in ("config", "dtypes", "policies", "mask"):
            assert collection.state_of(sample, check) == ("passed", "")
        state, told = collection.state_of(sample, "gradient")
    assert state == "unsupported" and "no float64" in told
