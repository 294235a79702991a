"""Seeded faults: the kit finds each, and `kcore.compare` names the layer that runs into it."""

import numpy as np
import pytest

import kcore
from kcore import layers as L
from kcore.engines.numpy_engine import NumpyEngine
from kcore.models import Model
from kcore.testing import checks
from kcore.testing.models import active
from kcore.testing.report import run
from kcore.testing.samples import S
from testing.faults import FAULTS, Fault, FaultyEngine

KINDS = (
    "sign",
    "pad",
    "axis",
    "epsilon",
    "dtype",
    "mutated input",
    "aliasing",
    "gradient",
    "tie",
    "rounding",
)
SHOWN = [f for f in FAULTS if f.layer is not None]


class CopiedEngine(NumpyEngine):
    name = "copied"


def model_of(fault):
    """A model in which the layer called 'faulty' is the first that runs into the fault."""
    inputs = [L.Input(fault.shape, dtype=fault.dtype) for _ in range(fault.inputs)]
    x = [i if fault.before is None else L.Lambda(fault.before, name="before")(i) for i in inputs]
    layer = fault.layer()
    layer.name = "faulty"
    x = layer(x if len(x) > 1 else x[0])
    x = L.Flatten()(x) if len(x.shape) > 2 else x if len(x.shape) == 2 else L.Reshape((1,))(x)
    return Model(inputs, L.Dense(2, activation="tanh")(x))


def batch_of(fault):
    rng = np.random.default_rng(3)
    if fault.dtype == "int32":
        return [rng.integers(0, 3, (4, *fault.shape)).astype("int32")]
    return [rng.normal(size=(4, *fault.shape)).astype("float32") for _ in range(fault.inputs)]


def test_there_are_enough_of_every_kind():
    assert len(FAULTS) >= 50 and len(SHOWN) >= 50
    assert len({str(f) for f in FAULTS}) == len(FAULTS)
    for kind in KINDS:
        assert any(kind in f.kind for f in FAULTS), kind


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_the_kit_finds_it(fault):
    engine = FaultyEngine(fault)
    report = run(engine, only=[fault.op])
    assert [e.name for e in report.failed] == [fault.op]
    told = [f["text"] for f in report.failed[0].failures]
    assert not any("Error" in text for text in told), told  # a wrong number, not a call that fails
    with active(engine):
        for failure in report.failed[0].failures:
            assert_pasted_it_fails_again(failure)


def assert_pasted_it_fails_again(failure):
    with pytest.raises(checks.Mismatch) as again:
        exec(failure["snippet"], {})
    same = lambda text: text.partition(", after another call")[0]  # on other numbers than the kit's
    assert same(str(again.value)).startswith(same(failure["text"]))


def test_a_loop_that_fails_is_shown_again_too():
    def from_behind(right):
        return lambda sequences, *rest, **options: right([s[::-1] for s in sequences], *rest, **options)

    engine = FaultyEngine(Fault("scan", "from behind", from_behind))
    failures = run(engine, only=["scan"]).failed[0].failures
    with active(engine):
        for failure in failures:
            with pytest.raises(checks.Mismatch):
                exec(failure["snippet"], {})


def test_a_call_that_is_right_is_shown_to_pass(capsys):
    checks.show(CopiedEngine(), "tanh", S(np.array([0.5, np.inf])), "value")
    assert capsys.readouterr().out.endswith("tanh (value): passed\n")


def test_the_kit_finds_nothing_in_the_engine_itself():
    report = run(CopiedEngine(), only=sorted({f.op for f in FAULTS}))
    assert report.passed, [f["text"] for e in report.failed for f in e.failures]


@pytest.mark.parametrize("fault", SHOWN, ids=str)
def test_compare_names_the_layer(fault):
    model, batch = model_of(fault), batch_of(fault)
    assert kcore.compare(model, ["numpy", CopiedEngine()], batch).passed
    found = kcore.compare(model, ["numpy", FaultyEngine(fault)], batch)
    assert found.first is not None and found.first.layer == "faulty", found.verdict
    assert (
        found.first.state == "gradient" if "wrong gradient" in fault.kind else found.first.state != "failed"
    )
    assert "'faulty'" in found.verdict
