"""A small engine passes the training level; the kit finds what is wrong with faulty ones."""

import json
import os

import numpy as np
import pytest

from kcore.backend.declare import operation
from kcore.errors import ArgumentError
from kcore.testing import checks, models
from kcore.testing.conformance import EngineConformance
from kcore.testing.report import run
from testing.small_engine import FROM_KEYS, PRIMITIVES, SmallEngine


class TestSmallEngine(EngineConformance):
    engine = SmallEngine()
    level = "training"


def test_it_is_small():
    assert 50 <= len(SmallEngine().primitives) <= 65
    assert not SmallEngine.fused and not SmallEngine.autodiff


def spoiled(function):
    """`function` with a fault so small that a glance at the numbers would miss it."""

    def run(*args, **kwargs):
        result = np.array(function(*args, **kwargs))
        if result.dtype.kind == "f":
            return (result * 1.001).astype(result.dtype)
        if result.size:
            result.flat[-1] = not result.flat[-1] if result.dtype == bool else result.flat[-1] + 1
        return result

    return run


@pytest.mark.parametrize("name", [n for n in PRIMITIVES if n not in ("reverse", "shape")])
def test_a_fault_in_any_primitive_is_found(name):
    report = run(SmallEngine(**{name: spoiled(PRIMITIVES[name])}), "training", only=[name])
    assert not report.passed and report.status == 1
    assert report.failed[0].name == name
    assert report.failed[0].failures[0]["snippet"]


@pytest.mark.parametrize("name", FROM_KEYS)
def test_faulty_randomness_is_found(name):
    draw = FROM_KEYS[name]
    faults = [
        lambda key, shape, dtype="float32": draw(key * 0, shape, dtype),
        lambda key, shape, dtype="float32": draw(key, shape, dtype) * np.asarray(0.8, dtype),
        lambda key, shape, dtype="float32": np.random.default_rng().random(shape).astype(dtype),
        lambda key, shape, dtype="float32": draw(key, shape, "float32"),
    ]
    for fault in faults:
        assert not run(SmallEngine(**{name: fault}), "inference", only=[name]).passed


def test_the_whole_report_shows_a_fault_and_what_follows_from_it(tmp_path, capsys):
    engine = SmallEngine(tanh=lambda x: np.tanh(x) * np.asarray(1.001, x.dtype))
    report = run(engine, "inference", json=tmp_path / "report.json", only=["tanh", "sin", "svd", "softmax"])
    assert [e.name for e in report.failed] == ["tanh"]
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["passed"] is False and told["areas"]["elementwise"] == {
        "passed": 1, "native": 1, "composed": 0, "unsupported": 0, "failed": 1,
    }  # fmt: skip
    assert report.unsupported == {"svd": "there is no linear algebra library here"}
    report.print()
    shown = capsys.readouterr().out
    assert "FAILED  tanh (value)" in shown and "show('small', 'tanh'" in shown
    # what is printed to repeat it does so
    snippet = report.failed[0].failures[0]["snippet"]
    with models.active(engine), pytest.raises(checks.Mismatch, match="tanh result 0"):
        exec(snippet, {})
    shown = capsys.readouterr().out
    assert shown.count("engine: float64") == shown.count("declaration: float64") == 1


def test_what_an_engine_prints_while_it_is_checked_goes_nowhere(capfd):
    def loud(x, message=""):
        print("by Python")
        os.write(2, b"by a library")
        return np.array(x)

    assert run(SmallEngine(printed=loud), only=["printed"]).passed
    assert capfd.readouterr() == ("", "")
    print("again")
    assert capfd.readouterr().out == "again\n"


def test_what_is_declared_unsupported_but_works_is_a_failure():
    class Modest(SmallEngine):
        unsupported = {**SmallEngine.unsupported, "tanh": "thought to be hard"}

    (entry,) = run(Modest(), only=["tanh"]).failed
    assert "works: remove it" in entry.failures[0]["text"]


def test_an_entry_of_unsupported_that_is_no_operation_is_a_failure():
    class Confused(SmallEngine):
        unsupported = {"tahn": "a slip of the pen"}

    report = run(Confused(), only=["sin"])
    assert [e.name for e in report.failed] == ["tahn"]


def test_what_is_missing_without_a_reason_is_a_failure():
    engine = SmallEngine()
    del engine.primitives["tanh"]
    (entry,) = run(engine, only=["tanh", "sin"]).failed
    assert "in `unsupported`" in entry.failures[0]["text"]


def test_what_needs_something_unsupported_says_so():
    class Without(SmallEngine):
        unsupported = {**SmallEngine.unsupported, "erfinv": "no such function"}

        def __init__(self):
            super().__init__()
            del self.primitives["erfinv"]

    report = run(Without(), only=["erfinv", "random_truncated_normal", "ctc_log_likelihood"])
    assert report.passed
    assert report.unsupported["random_truncated_normal"] == "needs erfinv: no such function"
    assert report.unsupported["ctc_log_likelihood"] == "needs scan: loops are not written yet"


def test_levels():
    assert set(models.up_to("inference")) < set(models.up_to("training")) < set(models.up_to("recurrent"))
    with pytest.raises(checks.NotApplicable):
        checks.check(SmallEngine(), "tanh", "gradient", "inference")
    with pytest.raises(checks.NotApplicable):
        checks.check(SmallEngine(), "scan", "value", "training")
    with pytest.raises(ValueError, match="use one of inference"):
        run(SmallEngine(), "beginner")


def test_processes_that_share_the_work_find_the_same():
    names = ["tanh", "svd", "softmax", "scan"]
    alone, shared = (run("numpy", only=names, jobs=jobs).entries for jobs in (1, 2))
    assert [e.name for e in alone] == names and alone == shared
    with pytest.raises(ArgumentError, match="1 for an engine that is given as an object"):
        run(SmallEngine(), only=["tanh"], jobs=2)


def test_a_wrong_gradient_rule_is_found(monkeypatch):
    monkeypatch.setattr(operation("tanh"), "gradient_rule", lambda g, out, x: g * (1.0 - out))
    result = checks.outcome(SmallEngine(), "tanh", "gradient")
    assert result.state == "failed" and "finite differences" in result.reason


class TestExpectations:
    """Expected failures are strict."""

    class Suite(EngineConformance):
        __test__ = False
        engine = SmallEngine(tanh=lambda x: np.tanh(x) * 1.5)
        expected_failures = {"tanh": "known", "sin/value": "was wrong once"}

    def test_a_failure_is_excused_with_its_reason(self):
        with pytest.raises(pytest.xfail.Exception, match="known"):
            self.Suite()._check(self.Suite.engine, "tanh", "value")

    def test_a_success_is_not(self):
        with pytest.raises(pytest.fail.Exception, match="remove it from expected_failures"):
            self.Suite()._check(self.Suite.engine, "sin", "value")
