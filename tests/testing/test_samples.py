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


# nothing to leave open: the first tensor is a scalar or a key, or there is none
WITHOUT_UNKNOWN_SIZES = {
    "while_loop", "iota", "random_uniform", "random_normal", "random_truncated_normal", "random_binomial",
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_unknown_sizes_are_carried(name):
    result = checks.outcome(ReferenceEngine(), name, "unknown")
    assert result.state == ("skipped" if name in WITHOUT_UNKNOWN_SIZES else "passed"), result.reason


@pytest.mark.parametrize("name", [op.name for op in declared() if op.differentiable])
def test_declared_gradients_are_right_to_second_order(name):
    if name == "in_top_k":  # its result is a truth value
        return
    assert checks.outcome(ReferenceEngine(), name, "gradient").state == "passed"
    second = checks.outcome(ReferenceEngine(), name, "second_order")
    assert second.state == "passed" or name == "cast", second.reason
