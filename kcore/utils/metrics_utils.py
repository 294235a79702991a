"""What metrics of confusion matrices are made of, by Keras 2's path, for metrics of one's own."""

import enum

from .. import backend as K
from ..errors import ArgumentError
from ..metrics.confusion import AUC, checked_thresholds, count_updates, only_top_k
from . import generic_utils


class _ByName(enum.Enum):
    @classmethod
    def from_str(cls, key):
        """The member of this name, in letters of either case. Raises ArgumentError."""
        if str(key).upper() not in cls.__members__:
            raise ArgumentError(f"{cls.__name__}: {key!r} is none of {', '.join(m.value for m in cls)}.")
        return cls[str(key).upper()]


class Reduction:
    """How a metric's values become one; what `kcore.metrics.Reduce` takes."""

    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    WEIGHTED_MEAN = "weighted_mean"


AUCCurve = _ByName("AUCCurve", {name: name for name in AUC.CURVES}, module=__name__)
AUCSummationMethod = _ByName(
    "AUCSummationMethod", {name.upper(): name for name in AUC.METHODS}, module=__name__
)


class ConfusionMatrix(enum.Enum):
    """The four counts, keys of `update_confusion_matrix_variables`."""

    TRUE_POSITIVES = "tp"
    FALSE_POSITIVES = "fp"
    TRUE_NEGATIVES = "tn"
    FALSE_NEGATIVES = "fn"


def to_list(x):
    """A list as it is, anything else as a list of one."""
    return generic_utils.to_list(x)


def assert_thresholds_range(thresholds):
    """Raises ArgumentError for a threshold outside 0..1."""
    checked_thresholds(thresholds, None)


def parse_init_thresholds(thresholds, default_threshold=0.5):
    """A threshold or several as a list; [default_threshold] for None. Raises ArgumentError outside 0..1."""
    return checked_thresholds(thresholds, default_threshold)


def filter_top_k(x, k):
    """`x` (..., classes) where it is among the `k` largest of its last axis, -1e10 elsewhere."""
    return only_top_k(x, k)


def update_confusion_matrix_variables(
    variables_to_update, y_true, y_pred, thresholds=0.5, top_k=None, class_id=None, sample_weight=None
):
    """Updates that add a batch's counts to `variables_to_update`: {ConfusionMatrix: variable (thresholds,)}.

    None for None. Other keys are passed over; raises ArgumentError if there is none but those.
    """
    if variables_to_update is None:
        return None
    known = {key: v for key, v in variables_to_update.items() if key in list(ConfusionMatrix)}
    if not known:
        raise ArgumentError(
            f"variables_to_update has the keys {list(variables_to_update)}; one of {list(ConfusionMatrix)} is needed."
        )
    variables = {key.name.lower(): variable for key, variable in known.items()}
    return count_updates(
        variables,
        y_true,
        y_pred,
        generic_utils.to_list(thresholds, allow_tuple=True),
        top_k,
        class_id,
        sample_weight,
    )


def weighted_assign_add(label, pred, weights, var):
    """The update that adds to `var` (thresholds,) how often, by weight, both `label` and `pred` (thresholds, values) hold."""
    both = K.cast(label, K.floatx()) * K.cast(pred, K.floatx())
    return K.update_add(var, K.sum(both if weights is None else both * weights, axis=1))


def result_wrapper(result_fn):
    """`result_fn` as it is: what Keras 2 had to wrap in the `result` of a metric needs nothing here."""
    return result_fn


def update_state_wrapper(update_state_fn):
    """`update_state_fn` as it is: what Keras 2 had to wrap in the `update_state` of a metric needs nothing here."""
    return update_state_fn
