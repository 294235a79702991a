"""Activations, regularizers, constraints and initializers against the numbers of the original."""

import json

import numpy as np
import pytest

from golden import case_id, cases, load, relative_error, tolerance
from kcore import activations, constraints, initializers, regularizers
from kcore import backend as K
from kcore.errors import ArgumentError

LIMIT, GRADIENT_LIMIT = 1e-5, 1e-4


def compare(case, function):
    """Values and the gradient of sum(output * cotangent)."""
    arrays = load(case)
    x = K.placeholder(shape=arrays["x"].shape)
    output = function(x)
    tensors = [output]
    if "grad_x" in arrays:
        tensors += K.gradients(K.sum(output * arrays["cotangent"]), [x])
    results = K.function([x], tensors)([arrays["x"]])
    for name, limit, got in zip(("output", "grad_x"), (LIMIT, GRADIENT_LIMIT), results, strict=False):
        assert relative_error(got, arrays[name]) <= tolerance(case, name, limit), name


def config_as_recorded(case, made):
    config = json.loads(json.dumps(made.get_config()))
    assert config.keys() == case["config"].keys()
    for name, value in case["config"].items():
        assert config[name] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value), name
    if "class_name" in case:
        assert type(made).__name__ == case["class_name"]
    assert type(made).from_config(made.get_config()).get_config() == made.get_config()


@pytest.mark.parametrize("case", cases("activations"), ids=case_id)
def test_activation(case):
    function = getattr(activations, case["function"])
    compare(case, lambda x: function(x, **case["kwargs"]))
    assert activations.get(case["function"]) is function
    assert activations.serialize(function) == case["function"]


def test_a_function_has_no_config():
    with pytest.raises(ArgumentError, match="relu is a function"):
        activations.get({"class_name": "relu", "config": {}})


@pytest.mark.parametrize("case", cases("regularizers"), ids=case_id)
def test_regularizer(case):
    made = getattr(regularizers, case["function"])(**case["kwargs"])
    config_as_recorded(case, made)
    compare(case, made)


@pytest.mark.parametrize("case", cases("constraints"), ids=case_id)
def test_constraint(case):
    made = getattr(constraints, case["class_name"])(**case["kwargs"])
    config_as_recorded(case, made)
    compare(case, made)


def wide(case, made):
    """A recorded initializer by its statistics: as many draws on our side, compared within their spread."""
    values = np.asarray(K.eval(made(case["shape"])), "float64")
    assert values.shape == tuple(case["shape"])
    spread = case["std"] / np.sqrt(values.size)
    assert abs(values.mean() - case["mean"]) <= 6 * spread + 1e-6
    # the standard deviation of a sample's, by the fourth moment
    assert abs(values.std() - case["std"]) <= 4 * spread * np.sqrt(max(case["kurtosis"] - 1, 0)) + 1e-6
    quantiles = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(quantiles, case["quantiles_5_25_50_75_95"], atol=25 * spread + 1e-6)


def orthonormal(case, made):
    values = np.asarray(K.eval(made(case["shape"])))
    matrix = values.reshape(-1, case["shape"][-1])
    gram = matrix.T @ matrix if case["orthonormal"] == "columns" else matrix @ matrix.T
    np.testing.assert_allclose(gram, case["gram_diagonal"] * np.eye(len(gram)), atol=1e-5)


@pytest.mark.parametrize("case", cases("initializers"), ids=case_id)
def test_initializer(case):
    np.random.seed(7)
    made = getattr(initializers, case["name"])(**case["kwargs"])
    config_as_recorded(case, made)
    if "output" in case.get("arrays", ()):
        np.testing.assert_array_equal(K.eval(made(case["shape"])), load(case)["output"])
    elif "orthonormal" in case:
        orthonormal(case, made)
    else:
        wide(case, made)
