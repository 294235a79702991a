"""The functions of K against numbers recorded from Keras 2.3.1: values, shapes, dtypes, gradients."""

import numpy as np
import pytest

from golden import case_id, cases, load, relative_error
from kcore import backend as K
from kcore.errors import ShapeError

# these carry a protocol of several calls, followed at the end of this file
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


UPDATES = [c for c in cases("backend") if c["function"] in WITH_PROTOCOL - {"rnn"}]


@pytest.mark.parametrize("case", UPDATES, ids=[case_id(c) for c in UPDATES])
def test_updates_as_recorded(case):
    arrays = load(case)
    variable = K.variable(arrays["variable"])
    value = K.placeholder(variable.shape)
    extra = [] if case["momentum"] is None else [case["momentum"]]
    update = getattr(K, case["function"])(variable, value, *extra)
    run = K.function([value], [], updates=[update])
    afters = numbered(arrays, "after_")
    assert len(afters) == 3
    for given, after in zip(numbered(arrays, "value_"), afters, strict=True):
        run([given])
        assert relative_error(K.get_value(variable), after) <= 1e-5


RNN = cases("backend", "rnn")


@pytest.mark.parametrize("unknown_time", [False, True])
@pytest.mark.parametrize("case", RNN, ids=[case_id(c) for c in RNN])
def test_rnn_as_recorded(case, unknown_time):
    if unknown_time and case["unroll"]:
        with pytest.raises(ShapeError, match="unroll=True.*known number of time steps"):
            K.rnn(
                lambda x, s: (x, s), K.placeholder((None, None, 2)), [K.placeholder((None, 2))], unroll=True
            )
        return
    arrays = load(case)
    shapes = {
        n: (None, None, *a.shape[2:]) if unknown_time and n in ("x", "mask") else a.shape
        for n, a in arrays.items()
    }
    names = [
        "x",
        "h0",
        "W",
        "U",
        *(["mask"] if case["use_mask"] else []),
        *(["constant"] if case["use_constant"] else []),
    ]
    given = {n: K.placeholder(shapes[n], dtype=str(arrays[n].dtype)) for n in names}

    def step(x, states):
        assert len(states) == 1 + case["use_constant"]
        h = K.tanh(K.dot(x, given["W"]) + K.dot(states[0], given["U"]))
        h = h + states[1] if case["use_constant"] else h
        return 2 * h, [h]

    last, outputs, states = K.rnn(
        step,
        given["x"],
        [given["h0"]],
        go_backwards=case["go_backwards"],
        mask=given.get("mask"),
        constants=[given["constant"]] if case["use_constant"] else None,
        unroll=case["unroll"],
    )
    found = K.function(list(given.values()), [last, outputs, *states])([arrays[n] for n in given])
    for got, name in zip(found, ("last_output", "outputs", "state_0"), strict=True):
        assert relative_error(got, arrays[name]) <= 1e-5, name
