"""The functions of K against numbers recorded from Keras 2.3.1: values, shapes, dtypes, gradients."""

import numpy as np
import pytest

from golden import case_id, cases, load, relative_error
from kcore import backend as K

# these carry a protocol of several calls; test_graph.py checks their behaviour
WITH_PROTOCOL = {"rnn", "update", "update_add", "update_sub", "moving_average_update"}
CASES = [c for c in cases("backend") if c["function"] not in WITH_PROTOCOL]


class Arguments:
    """A recorded call's arguments, arrays among them as placeholders or variables."""

    def __init__(self, case, arrays):
        self.arrays, self.tensors = arrays, {}
        self.args = [self.made(a) for a in case["args"]]
        self.kwargs = {k: self.made(v) for k, v in case["kwargs"].items()}

    def made(self, item):
        if not isinstance(item, dict):
            return item
        if "list" in item:
            return [self.made(i) for i in item["list"]]
        if "tuple" in item:
            return tuple(tuple(i) if isinstance(i, list) else i for i in item["tuple"])
        name = item.get("array", item.get("variable"))
        value = self.arrays[name]
        make = K.variable if "variable" in item else lambda v, dtype: K.placeholder(v.shape, dtype=dtype)
        self.tensors[name] = make(value, dtype=str(value.dtype))
        return self.tensors[name]

    def run(self, outputs):
        fed = [(t, self.arrays[n]) for n, t in self.tensors.items() if K.is_placeholder(t)]
        return K.function([t for t, _ in fed], outputs)([v for _, v in fed])


def numbered(arrays, prefix):
    names = [n for n in arrays if n.startswith(prefix)]
    return [arrays[n] for n in sorted(names, key=lambda n: int(n[len(prefix) :]))]


def results_of(case, arrays):
    given = Arguments(case, arrays)
    made = getattr(K, case["function"])(*given.args, **given.kwargs)
    listed = list(made) if isinstance(made, (list, tuple)) else [made]
    if case["function"] == "ctc_decode":
        listed = [*listed[0], listed[1]]
    return given, made, listed


@pytest.mark.parametrize("case", CASES, ids=[case_id(c) for c in CASES])
def test_as_recorded(case):
    arrays = load(case)
    given, made, results = results_of(case, arrays)
    wanted = numbered(arrays, "output_")
    if not K.is_tensor(results[0]):  # int_shape, ndim, dtype, ...: facts known without computing
        facts = list(made) if len(wanted) > 1 else [made]
        for fact, want in zip(facts, wanted, strict=True):
            np.testing.assert_array_equal(np.asarray(fact, want.dtype), want)
        return
    found = given.run(results)
    assert len(found) >= len(wanted) > 0
    for got, want in zip(found, wanted, strict=False):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        assert relative_error(got, want) <= 1e-5
    recorded = {n: v for n, v in arrays.items() if n.startswith("grad_")}
    if recorded:
        cotangents = [arrays["cotangent"]] if "cotangent" in arrays else numbered(arrays, "cotangent_")
        total = sum(K.sum(r * c) for r, c in zip(results, cotangents, strict=False))
        names = [next(t for t in given.tensors if str(t).endswith(n[len("grad_") :])) for n in recorded]
        gradients = given.run(K.gradients(total, [given.tensors[n] for n in names]))
        for got, want in zip(gradients, recorded.values(), strict=True):
            assert relative_error(got, want) <= 1e-4
