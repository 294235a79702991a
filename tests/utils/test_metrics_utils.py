"""The parts of metrics by Keras 2's path; numbers from Keras 2.3.1."""

import numpy as np
import pytest

from kcore import backend as K
from kcore.utils import metrics_utils as parts
from kcore.utils.metrics_utils import AUCCurve, AUCSummationMethod, ConfusionMatrix


def test_enums():
    assert [(m.name, m.value) for m in AUCCurve] == [("ROC", "ROC"), ("PR", "PR")]
    assert AUCCurve.from_str("pr") is AUCCurve.PR
    assert AUCSummationMethod.from_str("Interpolation") is AUCSummationMethod.INTERPOLATION
    assert [m.value for m in ConfusionMatrix] == ["tp", "fp", "tn", "fn"]
    for wrong in ("majoring", "x", None):
        with pytest.raises(ValueError, match="AUCCurve"):
            AUCCurve.from_str(wrong)


def test_thresholds():
    assert parts.parse_init_thresholds(None, 0.7) == [0.7] and parts.parse_init_thresholds(0.5) == [0.5]
    assert parts.parse_init_thresholds([0.1, 0.2]) == [0.1, 0.2]
    assert parts.assert_thresholds_range([0, 1]) is None
    for check in (parts.parse_init_thresholds, parts.assert_thresholds_range):
        with pytest.raises(ValueError, match="2 is not within"):
            check([0.5, 2])


def test_top_k():
    x = np.array([[0.1, 0.5, 0.3], [0.9, 0.9, 0.9]], "float32")
    want = np.array([[-1e10, 0.5, 0.3], [0.9, 0.9, -1e10]], "float32")
    assert np.array_equal(K.eval(parts.filter_top_k(K.constant(x), 2)), want)


def test_counts_are_added():
    tp, fn = K.zeros((2,)), K.zeros((2,))
    variables = {ConfusionMatrix.TRUE_POSITIVES: tp, ConfusionMatrix.FALSE_NEGATIVES: fn, "other": None}
    updates = parts.update_confusion_matrix_variables(
        variables, K.constant([0.0, 1.0, 1.0]), K.constant([0.1, 0.6, 0.8]), thresholds=[0.5, 0.7]
    )
    K.function([], [], updates=updates)([])
    assert K.get_value(tp).tolist() == [2, 1] and K.get_value(fn).tolist() == [0, 1]
    assert parts.update_confusion_matrix_variables(None, [0], [0]) is None
    with pytest.raises(ValueError, match=r"\['q'\]"):
        parts.update_confusion_matrix_variables({"q": tp}, K.constant([0.0]), K.constant([0.1]))


def test_weighted_assign_add():
    total = K.zeros((2,))
    label, pred = np.array([[1, 0, 1]] * 2, bool), np.array([[1, 1, 1], [0, 1, 1]], bool)
    weights = np.array([[0.5, 1, 2]] * 2, "float32")
    update = parts.weighted_assign_add(K.constant(label), K.constant(pred), K.constant(weights), total)
    K.function([], [], updates=[update])([])
    assert K.get_value(total).tolist() == [2.5, 2]
