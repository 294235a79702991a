"""How often predictions are right."""

from .. import backend as K
from ..losses import as_value
from .base import MeanMetricWrapper


def accuracy(y_true, y_pred):
    """1 where target and prediction are equal, else 0, element by element."""
    y_true, y_pred = as_value(y_true), as_value(y_pred)
    return K.cast(K.equal(K.cast(y_true, K.dtype(y_pred)), y_pred), K.floatx())


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """Share of predictions that, rounded (or compared with `threshold`), equal their target of 0 or 1."""
    y_pred = as_value(y_pred)
    y_true = K.cast(as_value(y_true), K.dtype(y_pred))
    if threshold != 0.5:
        y_pred = K.cast(K.greater(y_pred, threshold), K.dtype(y_pred))
    return K.mean(K.cast(K.equal(y_true, K.round(y_pred)), K.floatx()), axis=-1)


def categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction stands at the target's class (targets one-hot)."""
    found, wanted = K.argmax(as_value(y_pred), axis=-1), K.argmax(as_value(y_true), axis=-1)
    return K.cast(K.equal(wanted, found), K.floatx())


def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction stands at the target's class (targets are numbers of classes)."""
    y_true, y_pred = _classes(y_true, y_pred)
    return K.cast(K.equal(K.cast(y_true, "int64"), K.cast(K.argmax(y_pred, axis=-1), "int64")), K.floatx())


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the target's class is among the `k` largest predictions (targets one-hot)."""
    return _in_top_k(K.argmax(as_value(y_true), axis=-1), as_value(y_pred), k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the target's class is among the `k` largest predictions (targets are numbers of classes)."""
    y_true, y_pred = _classes(y_true, y_pred)
    return _in_top_k(y_true, y_pred, k)


def _classes(y_true, y_pred):
    """Targets without a last axis of size 1 that predictions do not have either."""
    y_true, y_pred = as_value(y_true), as_value(y_pred)
    if K.ndim(y_true) == K.ndim(y_pred):
        y_true = K.squeeze(y_true, -1)
    return y_true, y_pred


def _in_top_k(y_true, y_pred, k):
    """Any leading axes; Keras 2.3.1 takes one only."""
    classes = K.int_shape(y_pred)[-1]
    flat = K.in_top_k(K.reshape(y_pred, (-1, classes)), K.cast(K.flatten(y_true), "int32"), k)
    flat = K.cast(flat, K.floatx())
    return flat if K.ndim(y_true) == 1 else K.reshape(flat, K.shape(y_true))


class Accuracy(MeanMetricWrapper):
    """See `accuracy`."""

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """See `binary_accuracy`."""

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """See `categorical_accuracy`."""

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """See `sparse_categorical_accuracy`."""

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """See `top_k_categorical_accuracy`."""

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """See `sparse_top_k_categorical_accuracy`."""

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k)
