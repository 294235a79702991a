"""Every declared operation has sample arguments, and the declarations agree with themselves."""

from collections import Counter

import numpy as np
import pytest

from kcore.backend.declare import declared
from kcore.testing import checks
from kcore.testing.applicable import why_not
from kcore.testing.reference import ReferenceEngine
from kcore.testing.samples import NoSamples, edges, samples

OPERATIONS = [op.name for op in declared()]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_samples(name):
    for dtype in ("float64", "float32"):
        made = samples(name, dtype) + edges(name, dtype)
        assert made
        kinds = {a.dtype.name for s in made for a in s.arrays() if a.dtype.kind == "f"}
        assert kinds <= {dtype}


def test_samples_are_the_same_each_time():
    for name in OPERATIONS:
        for a, b in zip(samples(name), samples(name), strict=True):
            for x, y in zip(a.arrays(), b.arrays(), strict=True):
                np.testing.assert_array_equal(x, y)


def test_the_reference_fuses_nothing():
    assert not ReferenceEngine.fused and not ReferenceEngine().fused


def test_an_unknown_operation_has_no_samples():
    class Stranger:
        name = "stranger"

    with pytest.raises((NoSamples, KeyError)):
        samples("stranger")


@pytest.mark.parametrize("name", OPERATIONS)
def test_unknown_sizes_are_carried(name):
    result = checks.outcome(ReferenceEngine(), name, "unknown")
    if why_not(name, "unknown"):  # cond and phase_switch: only what does not depend on sizes passes
        assert result.state == "skipped" or name in ("cond", "phase_switch")
    else:
        assert result.state == "passed", result.reason


@pytest.mark.parametrize("name", OPERATIONS)
def test_declared_gradients_are_right_to_second_order(name):
    for kind in ("gradient", "second_order"):
        result = checks.outcome(ReferenceEngine(), name, kind)
        if why_not(name, kind):
            assert result.state == "skipped"
        else:
            assert result.state == "passed" or (name, kind) == ("cast", "second_order"), result.reason


def test_what_says_nothing_is_told_with_its_reason():
    assert why_not("tanh", "value") == why_not("tanh", "edges") == why_not("tanh", "second_order") == ""
    assert why_not("equal", "gradient") == "it has no derivative"
    assert why_not("random_normal", "edges") == "it is checked by its distribution"
    assert why_not("tanh", "gradient", "inference") == "gradients belong to level 'training'"
    assert why_not("scan", "value", "training") == "scan belongs to level 'recurrent'"
    assert why_not("lstm_sequence", "value", "training", {"scan": "no"}) == "unsupported: needs scan: no"
    assert why_not("svd", "value", "recurrent", {"svd": "no library"}) == "unsupported: no library"
    # one check of five, and never the value
    counts = Counter(bool(why_not(name, kind)) for name in OPERATIONS for kind in checks.CHECKS)
    assert counts[False] > 3 * counts[True] > 0
    assert not any(why_not(name, "value") for name in OPERATIONS)
