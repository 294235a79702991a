"""Metrics that count true and false positives and negatives, at one threshold or at many."""

import numpy as np

from .. import backend as K
from ..dtypes import at_least_float32
from ..errors import ArgumentError
from ..losses import as_value, broadcast_weights, squeeze_or_expand_dimensions
from .base import Metric, safe_divide

NEVER = -1e10  # below every prediction: what is not among the top k

COUNTS = {  # name -> (is the target positive?, is the prediction positive?)
    "true_positives": (True, True),
    "true_negatives": (False, False),
    "false_positives": (False, True),
    "false_negatives": (True, False),
}


def spread_thresholds(number, below=0.0, above=1.0):
    """`number` thresholds from `below` to `above`, evenly apart between 0 and 1."""
    return [below, *((i + 1) / (number - 1) for i in range(number - 2)), above]


def checked_thresholds(thresholds, default):
    """`thresholds` (None, a number or several) as a list. Raises ArgumentError outside 0..1."""
    if thresholds is None:
        return [default]
    found = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    wrong = [t for t in found if t is None or not 0 <= t <= 1]
    if wrong:
        raise ArgumentError(f"thresholds={thresholds!r}: {wrong[0]!r} is not within 0..1.")
    return [float(t) for t in found]


def _kind():
    """The type in which is counted."""
    return at_least_float32(K.floatx())


def count_updates(variables, y_true, y_pred, thresholds, top_k=None, class_id=None, sample_weight=None):
    """Updates that add a batch's counts to `variables`: {name in COUNTS: variable (thresholds,)}."""
    y_pred = K.cast(as_value(y_pred), _kind())
    y_true = K.cast(as_value(y_true), _kind())
    y_pred, y_true, _ = squeeze_or_expand_dimensions(y_pred, y_true)
    if top_k is not None:
        y_pred = only_top_k(y_pred, top_k)
    if class_id is not None:
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
    weights = None
    if sample_weight is not None:
        weights = K.cast(as_value(sample_weight), _kind())
        y_pred, y_true, weights = squeeze_or_expand_dimensions(y_pred, y_true, weights)
        weights = K.reshape(broadcast_weights(y_pred, weights), (1, -1))
    limits = K.constant(np.reshape(thresholds, (-1, 1)), dtype=_kind())
    predicted = K.cast(K.greater(K.reshape(y_pred, (1, -1)), limits), _kind())  # (thresholds, values)
    wanted = K.cast(K.not_equal(K.reshape(y_true, (1, -1)), 0.0), _kind())  # (1, values)
    return [
        K.update_add(variable, _counted(COUNTS[name], wanted, predicted, weights))
        for name, variable in variables.items()
    ]


def _counted(which, wanted, predicted, weights):
    target, prediction = which
    hits = (wanted if target else 1.0 - wanted) * (predicted if prediction else 1.0 - predicted)
    return K.sum(hits if weights is None else hits * weights, axis=1)


def only_top_k(x, k):
    """`x` where it is among the `k` largest of its last axis, NEVER elsewhere; of equals the first ones count.

    A value's rank is the number of values that go before it: O(n^2), with nothing but comparisons.
    """
    classes = K.int_shape(x)[-1]
    mine, other = K.expand_dims(x, -1), K.expand_dims(x, -2)
    earlier = K.constant(np.tri(classes, k=-1), dtype=_kind())  # earlier[i, j] = 1 where j < i
    before = K.cast(K.greater(other, mine), _kind()) + K.cast(K.equal(other, mine), _kind()) * earlier
    kept = K.cast(K.less(K.sum(before, axis=-1), float(k)), _kind())
    return x * kept + NEVER * (1.0 - kept)


class _Counting(Metric):
    """Base: makes the variables named in `counts` and adds to them."""

    counts = ()
    top_k = class_id = None

    def _make_counts(self, number):
        for name in self.counts:
            setattr(self, name, self.add_weight(name, (number,)))

    def update_state(self, y_true, y_pred, sample_weight=None):
        variables = {name: getattr(self, name) for name in self.counts}
        return count_updates(
            variables, y_true, y_pred, self.thresholds, self.top_k, self.class_id, sample_weight
        )


def _one_or_all(result, thresholds):
    return result[0] if len(thresholds) == 1 else result


class _ConditionCount(Metric):
    """Base of the four counts. `thresholds`: a number or several; with several the result has one value each."""

    count = ""

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = checked_thresholds(thresholds, 0.5)
        self.accumulator = self.add_weight("accumulator", (len(self.thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None):
        return count_updates(
            {self.count: self.accumulator}, y_true, y_pred, self.thresholds, sample_weight=sample_weight
        )

    def result(self):
        return _one_or_all(self.accumulator + 0.0, self.thresholds)

    def get_config(self):
        return dict(super().get_config(), thresholds=self.init_thresholds)


class TruePositives(_ConditionCount):
    """How many positives are predicted as such, weighted."""

    count = "true_positives"


class TrueNegatives(_ConditionCount):
    """How many negatives are predicted as such, weighted."""

    count = "true_negatives"


class FalsePositives(_ConditionCount):
    """How many negatives are predicted as positives, weighted."""

    count = "false_positives"


class FalseNegatives(_ConditionCount):
    """How many positives are predicted as negatives, weighted."""

    count = "false_negatives"


class _Share(_Counting):
    """Base of precision and recall: true positives / (true positives + the second count)."""

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = checked_thresholds(thresholds, 0.5 if top_k is None else NEVER)
        self.top_k = top_k
        self.class_id = class_id
        self._make_counts(len(self.thresholds))

    def result(self):
        hits, misses = (getattr(self, name) for name in self.counts)
        return _one_or_all(safe_divide(hits, hits + misses), self.thresholds)

    def get_config(self):
        return dict(
            super().get_config(), thresholds=self.init_thresholds, top_k=self.top_k, class_id=self.class_id
        )


class Precision(_Share):
    """Share of predicted positives that are positive.

    `top_k`: only the k largest predictions of each sample count as positive; `class_id`: look at one class only.
    """

    counts = ("true_positives", "false_positives")


class Recall(_Share):
    """Share of positives that are predicted as such. `top_k` and `class_id` as in `Precision`."""

    counts = ("true_positives", "false_negatives")


class SensitivitySpecificityBase(_Counting):
    """Base of one rate at a given value of the other."""

    counts = ("true_positives", "true_negatives", "false_positives", "false_negatives")

    def __init__(self, value, num_thresholds=200, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if num_thresholds <= 0:
            raise ArgumentError(f"num_thresholds={num_thresholds!r}; it must be above 0.")
        if not 0 <= value <= 1:
            raise ArgumentError(f"{type(self).__name__}: {value!r} is not within 0..1.")
        self.value = value
        self.num_thresholds = num_thresholds
        self.thresholds = [0.5] if num_thresholds == 1 else spread_thresholds(num_thresholds)
        self._make_counts(num_thresholds)

    def _sensitivity(self):
        return safe_divide(self.true_positives, self.true_positives + self.false_negatives)

    def _specificity(self):
        return safe_divide(self.true_negatives, self.true_negatives + self.false_positives)

    def _where_nearest(self, rates, wanted):
        """`wanted` at the threshold where `rates` is nearest to the given value."""
        nearest = K.argmin(K.abs(rates - self.value), axis=0)
        return K.gather(wanted, K.cast(nearest, "int32"))


class SensitivityAtSpecificity(SensitivitySpecificityBase):
    """tp / (tp + fn) at the threshold where tn / (tn + fp) is nearest to `specificity`."""

    def __init__(self, specificity, num_thresholds=200, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, name, dtype)
        self.specificity = specificity

    def result(self):
        return self._where_nearest(self._specificity(), self._sensitivity())

    def get_config(self):
        return dict(super().get_config(), num_thresholds=self.num_thresholds, specificity=self.specificity)


class SpecificityAtSensitivity(SensitivitySpecificityBase):
    """tn / (tn + fp) at the threshold where tp / (tp + fn) is nearest to `sensitivity`."""

    def __init__(self, sensitivity, num_thresholds=200, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, name, dtype)
        self.sensitivity = sensitivity

    def result(self):
        return self._where_nearest(self._sensitivity(), self._specificity())

    def get_config(self):
        return dict(super().get_config(), num_thresholds=self.num_thresholds, sensitivity=self.sensitivity)


class AUC(_Counting):
    """The area under a curve of rates over thresholds, by a Riemann sum.

    `curve`: 'ROC' or 'PR'. `summation_method`: 'interpolation', 'minoring' or 'majoring'. `thresholds`: those
    between 0 and 1 to use; by default `num_thresholds`, evenly apart.
    """

    counts = ("true_positives", "true_negatives", "false_positives", "false_negatives")
    CURVES = ("ROC", "PR")
    METHODS = ("interpolation", "minoring", "majoring")

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
    ):
        super().__init__(name=name, dtype=dtype)
        if curve not in self.CURVES:
            raise ArgumentError(f"curve={curve!r} is not one of {self.CURVES}.")
        if summation_method not in self.METHODS:
            raise ArgumentError(f"summation_method={summation_method!r} is not one of {self.METHODS}.")
        self.curve = curve
        self.summation_method = summation_method
        self.thresholds = self._with_ends(num_thresholds, thresholds)
        self.num_thresholds = len(self.thresholds)
        self._make_counts(self.num_thresholds)

    @staticmethod
    def _with_ends(number, thresholds):
        """All thresholds, one just below 0 and one just above 1 among them."""
        below, above = 0.0 - K.epsilon(), 1.0 + K.epsilon()
        if thresholds is not None:
            return [below, *sorted(checked_thresholds(thresholds, 0.5)), above]
        if number <= 1:
            raise ArgumentError(f"num_thresholds={number!r}; it must be above 1.")
        return spread_thresholds(number, below, above)

    def interpolate_pr_auc(self):
        """The area under precision over recall, precision interpolated as Davis and Goadrich say (ICML 2006).

        Between two thresholds true positives are linear in positives p: tp = intercept + slope p. The integral
        of precision over recall is then slope (dtp + intercept log(p_1 / p_0)) / (tp + fn).
        """
        tp, positives = self.true_positives, self.true_positives + self.false_positives
        gained = tp[:-1] - tp[1:]
        slope = safe_divide(gained, K.maximum(positives[:-1] - positives[1:], 0.0))
        intercept = tp[1:] - slope * positives[1:]
        both = K.cast(K.greater(K.minimum(positives[:-1], positives[1:]), 0.0), _kind())
        ratio = safe_divide(positives[:-1], positives[1:]) * both + (1.0 - both)
        areas = slope * (gained + intercept * K.log(ratio))
        return K.sum(safe_divide(areas, K.maximum(tp[1:] + self.false_negatives[1:], 0.0)))

    def result(self):
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        recall = safe_divide(self.true_positives, self.true_positives + self.false_negatives)
        if self.curve == "ROC":
            x = safe_divide(self.false_positives, self.false_positives + self.true_negatives)
            y = recall
        else:
            x, y = recall, safe_divide(self.true_positives, self.true_positives + self.false_positives)
        return K.sum((x[:-1] - x[1:]) * self._heights(y[:-1], y[1:]))

    def _heights(self, left, right):
        if self.summation_method == "interpolation":
            return (left + right) / 2.0
        return K.minimum(left, right) if self.summation_method == "minoring" else K.maximum(left, right)

    def get_config(self):
        return dict(
            super().get_config(),
            num_thresholds=self.num_thresholds,
            curve=self.curve,
            summation_method=self.summation_method,
            thresholds=self.thresholds[1:-1],  # the ends are added again
        )


class MeanIoU(Metric):
    """The mean over classes of intersection / union, tp / (tp + fp + fn); classes never met do not count.

    Targets and predictions are numbers of classes.
    """

    def __init__(self, num_classes, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        self.total_cm = self.add_weight("total_confusion_matrix", (num_classes, num_classes))

    def update_state(self, y_true, y_pred, sample_weight=None):
        wanted = K.one_hot(K.cast(K.flatten(as_value(y_true)), "int32"), self.num_classes)
        found = K.one_hot(K.cast(K.flatten(as_value(y_pred)), "int32"), self.num_classes)
        if sample_weight is not None:
            weights = K.cast(as_value(sample_weight), _kind())
            wanted = wanted * K.reshape(weights, (-1, 1))
        return [K.update_add(self.total_cm, K.dot(K.transpose(wanted), found))]

    def result(self):
        diagonal = K.sum(self.total_cm * np.eye(self.num_classes, dtype=_kind()), axis=0)
        union = K.sum(self.total_cm, axis=0) + K.sum(self.total_cm, axis=1) - diagonal
        met = K.cast(K.not_equal(union, 0.0), _kind())
        return safe_divide(K.sum(safe_divide(diagonal, union)), K.sum(met))

    def get_config(self):
        return dict(super().get_config(), num_classes=self.num_classes)
