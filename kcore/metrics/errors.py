"""Means of losses and distances."""

from .. import backend as K
from .. import losses
from ..losses import as_value, squeeze_or_expand_dimensions
from .base import Mean, MeanMetricWrapper


def cosine_proximity(y_true, y_pred, axis=-1):
    """sum(y_true y_pred), both scaled to length 1 along `axis`: 1 is the same direction. (The loss is its negative.)"""
    return -losses.cosine_proximity(y_true, y_pred, axis=axis)


cosine = cosine_similarity = cosine_proximity


class MeanSquaredError(MeanMetricWrapper):
    """See `losses.mean_squared_error`."""

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(losses.mean_squared_error, name, dtype)


class RootMeanSquaredError(Mean):
    """sqrt(mean((y_pred - y_true)^2)), the mean over all elements."""

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = K.cast(as_value(y_true), self.dtype), K.cast(as_value(y_pred), self.dtype)
        y_pred, y_true, _ = squeeze_or_expand_dimensions(y_pred, y_true)
        return super().update_state(K.square(y_pred - y_true), sample_weight)

    def result(self):
        return K.sqrt(self.total / self.count)


class MeanAbsoluteError(MeanMetricWrapper):
    """See `losses.mean_absolute_error`."""

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """See `losses.mean_absolute_percentage_error`."""

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """See `losses.mean_squared_logarithmic_error`."""

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """See `losses.logcosh`."""

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(losses.logcosh, name, dtype)


class Hinge(MeanMetricWrapper):
    """See `losses.hinge`."""

    def __init__(self, name="hinge", dtype=None):
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """See `losses.squared_hinge`."""

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """See `losses.categorical_hinge`."""

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(losses.categorical_hinge, name, dtype)


class Poisson(MeanMetricWrapper):
    """See `losses.poisson`."""

    def __init__(self, name="poisson", dtype=None):
        super().__init__(losses.poisson, name, dtype)


class KLDivergence(MeanMetricWrapper):
    """See `losses.kullback_leibler_divergence`."""

    def __init__(self, name="kullback_leibler_divergence", dtype=None):
        super().__init__(losses.kullback_leibler_divergence, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """See `cosine_similarity` of this module: 1 is the same direction."""

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)


class BinaryCrossentropy(MeanMetricWrapper):
    """See `losses.binary_crossentropy`."""

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(
            losses.binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    """See `losses.categorical_crossentropy`."""

    def __init__(
        self,
        name="categorical_crossentropy",
        dtype=None,
        from_logits=False,
        label_smoothing=0,
        smoothing_axis=1,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        if smoothing_axis != 1:
            options["smoothing_axis"] = smoothing_axis
        super().__init__(losses.categorical_crossentropy, name, dtype, **options)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """See `losses.sparse_categorical_crossentropy`."""

    def __init__(self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False, axis=-1):
        super().__init__(
            losses.sparse_categorical_crossentropy, name, dtype, from_logits=from_logits, axis=axis
        )
