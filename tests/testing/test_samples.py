"""Every declared operation has sample arguments, and the declarations agree with themselves."""

import numpy as np
import pytest
from kcore.backend.declare import declared
from kcore.testing import checks
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


NEED_KNOWN_SIZES = {"local_conv2d", "iota", "scan"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_unknown_sizes_are_carried(name):
    result = checks.outcome(ReferenceEngine(), name, "unknown")
    assert result.state in ("passed", "skipped"), result.reason
    if result.state == "skipped":
        print(name, result.reason)
