"""Every layer against the numbers of the original: outputs, masks, gradients, training, updates, states, configs."""

import json
import warnings

import numpy as np
import pytest

from golden import case_id, cases, load, relative_error, tolerance, unusable
from kcore import backend as K
from kcore import layers
from kcore.objects import find

CASES = [c for c in cases("layers") if unusable(c) is None]
STOCHASTIC = [c for c in cases("layers_stochastic") if unusable(c) is None]
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
# what the original leaves out of its configs, so that a layer restored from one would be another layer
ADDED_TO_CONFIG = {
    "AlphaDropout": {"noise_shape", "seed"}, "SpatialDropout2D": {"data_format"}, "SpatialDropout3D": {"data_format"},
}  # fmt: skip


def made(case):
    """The layer of a case; cells stand inside the recurrent layer that its config tells."""
    config, name = case["config"], case["class_name"]
    if "cell" in config and name != "RNN":
        return layers.RNN.from_config(config)
    return find("layers", "ConvLSTM2D" if name == "ConvLSTM2DCell" else name).from_config(config)


class Graph:
    """A case's layer called on placeholders (after its prefix layers), with its weights set."""

    def __init__(self, case, arrays):
        self.case, self.arrays = case, arrays
        self.layer = made(case)
        self.inputs = [
            layers.Input(
                batch_shape=s, dtype=arrays[f"input_{i}"].dtype.name if f"input_{i}" in arrays else None
            )
            for i, s in enumerate(case["placeholder_shapes"])
        ]
        self.direct = [self._after_prefix(i, x) for i, x in enumerate(self.inputs)]
        given, kwargs = self.direct, dict(case["call_kwargs"])
        if case["n_initial_state_inputs"]:
            kwargs["initial_state"], given = given[1:], given[:1]
        outputs = self.layer(given if case["inputs_as_list"] else given[0], **kwargs)
        self.outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        self.weights = self.layer.weights
        assert len(self.weights) == case["n_weights"]
        if "weight_names" in case:
            assert [w.name for w in self.weights] == case["weight_names"]
        self.layer.set_weights([arrays[f"weight_{i}"] for i in range(case["n_weights"])])

    def _after_prefix(self, i, x):
        prefix = self.case["prefix"][i]
        if prefix is None:
            return x
        layer = layers.deserialize(prefix)
        output = layer(x)
        count = len(layer.weights)
        layer.set_weights([self.arrays[f"prefix_{i}_weight_{j}"] for j in range(count)])
        return output

    def run(self, tensors, phase=0, updates=None):
        values = [self.arrays[f"input_{i}"] for i in range(len(self.inputs))]
        return K.function([*self.inputs, K.learning_phase()], tensors, updates)([*values, phase])

    def gradients(self):
        total = sum(K.sum(o * self.arrays[f"cotangent_{i}"]) for i, o in enumerate(self.outputs))
        names = [f"input_{i}" for i in range(len(self.inputs))]
        wanted = {n: t for n, t in zip(names, self.direct, strict=True) if n not in self.case["no_gradient"]}
        for i in self.case["trainable_weight_indices"]:
            wanted[f"weight_{i}"] = self.weights[i]
        return dict(zip(wanted, K.gradients(total, list(wanted.values())), strict=True))


def compare(case, arrays, name, got):
    limit = GRADIENT_TOLERANCE if name.startswith("grad_") else TOLERANCE
    assert relative_error(got, arrays[name]) <= tolerance(case, name, limit), name


def compare_gradients(graph, phase, prefix):
    case, arrays = graph.case, graph.arrays
    found = {n: g for n, g in graph.gradients().items() if f"{prefix}_{n}" in arrays}
    for n, g in found.items():
        if g is None:
            assert not np.any(arrays[f"{prefix}_{n}"]), n
    found = {n: g for n, g in found.items() if g is not None}
    for n, value in zip(found, graph.run(list(found.values()), phase), strict=True):
        compare(case, arrays, f"{prefix}_{n}", value)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_layer(case):
    arrays = load(case)
    graph = Graph(case, arrays)
    for i, value in enumerate(graph.run(graph.outputs)):
        compare(case, arrays, f"output_{i}", value)
    for i, output in enumerate(graph.outputs):
        mask = output._keras_mask
        if f"output_mask_{i}" in arrays:
            np.testing.assert_array_equal(graph.run([mask])[0], arrays[f"output_mask_{i}"])
    compare_gradients(graph, 0, "grad")
    if "losses" in arrays:
        total = sum(graph.layer.losses)
        compare(case, arrays, "losses", graph.run([total])[0].reshape(1))
    if case["train"] == "same":
        for i, value in enumerate(graph.run(graph.outputs, phase=1)):
            compare(case, arrays, f"output_{i}", value)
    elif case["train"] == "stored":
        for i, value in enumerate(graph.run(graph.outputs, phase=1)):
            compare(case, arrays, f"output_train_{i}", value)
        compare_gradients(graph, 1, "grad_train")
    if any(n.startswith("updated_weight_") for n in arrays):
        graph.run(graph.outputs, phase=1, updates=graph.layer.updates)
        for i, weight in enumerate(graph.layer.get_weights()):
            if f"updated_weight_{i}" in arrays:
                compare(case, arrays, f"updated_weight_{i}", weight)


@pytest.mark.parametrize("case", [c for c in CASES if c.get("stateful_calls")], ids=case_id)
def test_states_go_on_from_batch_to_batch(case):
    arrays = load(case)
    graph = Graph(case, arrays)
    layer = graph.layer
    layer.reset_states()
    step = K.function(graph.inputs, graph.outputs, updates=layer.updates)
    for k in range(case["stateful_calls"]):
        for i, value in enumerate(step([arrays[f"call_{k}_input_0"]])):
            compare(case, arrays, f"call_{k}_output_{i}", value)
        for j, state in enumerate(layer.states):
            compare(case, arrays, f"call_{k}_state_{j}", K.get_value(state))


def as_shapes(value):
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (list, tuple)):
        return [tuple(v) for v in value]
    return tuple(value)


@pytest.mark.parametrize("case", [c for c in CASES if "build_input_shape" in c], ids=case_id)
def test_output_shape(case):
    layer, shape = made(case), as_shapes(case["build_input_shape"])
    layer.build(shape)
    assert as_shapes(layer.compute_output_shape(shape)) == as_shapes(case["compute_output_shape"])
    if case["n_initial_state_inputs"] == 0 and not any(case["prefix"]):
        graph = Graph(case, load(case))
        told = as_shapes(
            layer.compute_output_shape(
                as_shapes(
                    [list(x.shape) for x in graph.direct] if case["inputs_as_list"] else graph.direct[0].shape
                )
            )
        )
        told = told if isinstance(told, list) else [told]
        assert [o.shape for o in graph.outputs] == told


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_config_round_trip(case):
    layer = made(case)
    config = json.loads(json.dumps(layer.get_config()))
    added = ADDED_TO_CONFIG.get(case["class_name"], set())
    assert {k: v for k, v in config.items() if k not in added} == {
        k: v for k, v in case["config"].items() if k not in added
    }
    assert type(layer).from_config(config).get_config() == layer.get_config()
    copy = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
    assert (type(copy), copy.get_config()) == (type(layer), layer.get_config())


@pytest.mark.parametrize("case", STOCHASTIC, ids=case_id)
def test_random_layer(case):
    layer = made(case)
    x = layers.Input(batch_shape=(None, *case["shape"][1:]))
    run = K.function([x, K.learning_phase()], [layer(x)])
    ones = np.ones(case["shape"], "float32")
    np.testing.assert_array_equal(run([ones, 0])[0], ones)
    got = run([ones, 1])[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # independent draws: shapes constant along axes leave fewer of them
        draws = got.size / np.prod([case["shape"][a] for a in case["constant_along_axes"]], dtype=int)
        spread = 6 * case["std"] / np.sqrt(draws)
    assert abs(got.mean() - case["mean"]) < 2 * spread
    assert abs(got.std() - case["std"]) < 2 * spread
    assert abs((got == 0).mean() - case["zero_fraction"]) < 6 / np.sqrt(draws)
    if case["distinct_values"]:
        np.testing.assert_allclose(np.unique(got.round(4)), case["distinct_values"], atol=2e-4)
    if case["constant_along_axes"]:
        axes = tuple(case["constant_along_axes"])
        assert (got.max(axis=axes) == got.min(axis=axes)).all()
    assert (run([ones, 1])[0] != got).any()
