"""Metrics against the original's numbers, their states, names, and use inside a graph."""

import numpy as np
import pytest

from golden import case_id, cases, load, relative_error, tolerance
from kcore import backend as K
from kcore import losses, metrics
from kcore.errors import ArgumentError, UnknownName

LIMIT = 1e-5


@pytest.mark.parametrize("case", [c for c in cases("metrics") if "function" in c], ids=case_id)
def test_function(case):
    arrays = load(case)
    value = getattr(metrics, case["function"])(arrays["y_true"], arrays["y_pred"], **case["kwargs"])
    assert relative_error(K.eval(value), arrays["output"]) <= tolerance(case, "output", LIMIT)


@pytest.mark.parametrize("case", cases("metrics", "class_*"), ids=case_id)
def test_class(case):
    arrays = load(case)
    metric = getattr(metrics, case["class_name"]).from_config(case["config"])
    assert metric.get_config() == case["config"]
    result = K.function([], [metric.result()])
    for batch in range(3):
        prefix = f"batch_{batch}_"
        metric.update_state(**{k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)})
        got = result([])[0]
        name = f"result_{batch}"
        assert relative_error(got, arrays[name]) <= tolerance(case, name, LIMIT)
    for i, state in enumerate(metric.get_weights()):
        assert relative_error(state, arrays[f"state_{i}"]) <= tolerance(case, f"state_{i}", LIMIT)
    metric.reset_states()
    assert relative_error(result([])[0], arrays["result_after_reset"]) <= LIMIT


def test_calling_a_metric_with_arrays_gathers():
    metric = metrics.Mean()
    assert K.eval(metric([1.0, 3.0])) == 2.0
    assert K.eval(metric([8.0])) == 4.0
    metric.reset_states()
    assert np.isnan(K.eval(metric.result()))  # as in Keras 2: there is no mean of nothing


def test_calling_a_metric_in_a_graph_gives_the_result_after_the_update():
    metric = metrics.MeanSquaredError()
    x = K.placeholder(shape=(None, 2))
    result = metric(K.zeros_like(x), x)
    run = K.function([x], [result], updates=metric.updates)
    assert run([np.full((1, 2), 2.0)])[0] == pytest.approx(4.0)
    assert run([np.zeros((3, 2))])[0] == pytest.approx(1.0)
    assert K.eval(metric.result()) == pytest.approx(1.0)


def test_several_updates_of_one_variable_build_on_each_other():
    metric = metrics.Sum()
    updates = [*metric.update_state(K.constant(2.0)), *metric.update_state(K.constant(3.0))]
    assert K.eval(metric.result_after(updates)) == 5.0


def test_a_metric_of_a_user():
    class Largest(metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.seen = self.add_weight("seen", shape=(), initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            return K.update(self.seen, K.maximum(self.seen, K.max(y_pred)))

        def result(self):
            return self.seen

    metric = Largest()
    metric.update_state([0.0, 0.0], [1.0, 5.0])
    metric.update_state([0.0, 0.0], [2.0, 3.0])
    assert K.eval(metric.result()) == 5.0
    assert metric.get_config() == {"name": "largest", "dtype": "float32"}


def test_top_k_of_three_axes():
    y_pred = np.array([[[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]], "float32")
    y_true = np.array([[0, 2]], "float32")
    np.testing.assert_array_equal(
        K.eval(metrics.sparse_top_k_categorical_accuracy(y_true, y_pred, k=2)), [[0, 1]]
    )


def test_precision_of_one_class_with_weights():
    metric = metrics.Precision(class_id=1)
    metric.update_state([[0, 1], [0, 0]], [[0.1, 0.9], [0.2, 0.8]], sample_weight=[3.0, 1.0])
    assert K.eval(metric.result()) == pytest.approx(0.75)


def test_weights_of_lower_rank_count_for_all_they_stand_over():
    metric = metrics.Mean()
    metric.update_state(np.arange(12.0).reshape(2, 2, 3), sample_weight=[1.0, 0.0])
    assert K.eval(metric.result()) == pytest.approx(2.5)


def test_names():
    assert metrics.get("mse") is losses.mse
    assert metrics.get("binary_accuracy") is metrics.binary_accuracy
    assert metrics.get("cosine_proximity") is metrics.cosine_proximity
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert metrics.serialize(metrics.accuracy) == "accuracy"
    with pytest.raises(UnknownName, match="binary_accuracy"):
        metrics.get("binary_acuracy")
    with pytest.raises(ArgumentError):
        metrics.get(5)


def test_names_of_states():
    assert [w.name for w in metrics.Mean().weights] == ["total:0", "count:0"]


def test_stored_and_cloned():
    metric = metrics.AUC(num_thresholds=7, curve="PR")
    again = metrics.deserialize(metrics.serialize(metric))
    assert again.get_config() == metric.get_config()
    clone = metrics.clone_metric(metric)
    assert clone is not metric and clone.get_config() == metric.get_config()
    assert metrics.clone_metrics([metrics.mse]) == [metrics.mse]


@pytest.mark.parametrize(
    "make",
    [
        lambda: metrics.AUC(curve="XY"),
        lambda: metrics.AUC(num_thresholds=1),
        lambda: metrics.Precision(thresholds=1.5),
        lambda: metrics.SensitivityAtSpecificity(2.0),
        lambda: metrics.Metric(colour="red"),
    ],
)
def test_wrong_arguments_are_refused(make):
    with pytest.raises(ArgumentError):
        make()
