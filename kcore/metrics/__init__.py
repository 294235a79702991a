"""Metrics of Keras 2.3.1: functions, classes with a state, and how both are named and stored."""

from .. import losses as _losses
from .. import objects
from ..errors import ArgumentError, UnknownName
from ..losses import (
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
    kullback_leibler_divergence,
    logcosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from .accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from .base import Mean, MeanMetricWrapper, Metric, Reduce, Sum
from .confusion import (
    AUC,
    FalseNegatives,
    FalsePositives,
    MeanIoU,
    Precision,
    Recall,
    SensitivityAtSpecificity,
    SensitivitySpecificityBase,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from .errors import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    cosine,
    cosine_proximity,
    cosine_similarity,
)


def clone_metric(metric):
    """A metric of the same configuration with a state of its own; a function is returned as it is."""
    return type(metric).from_config(metric.get_config()) if isinstance(metric, Metric) else metric


def clone_metrics(metrics):
    """`clone_metric` of each; of a list of lists, a list of lists."""
    return [clone_metrics(m) if isinstance(m, (list, tuple)) else clone_metric(m) for m in metrics]


def serialize(metric):
    """A function's name, or {'class_name': ..., 'config': ...}."""
    return objects.serialize(metric)


def deserialize(config, custom_objects=None):
    """The metric of a name or a configuration; every loss function is a metric too."""
    try:
        return objects.deserialize("metrics", config, custom_objects=custom_objects)
    except UnknownName:
        if isinstance(config, str) and callable(getattr(_losses, config, None)):
            return objects.deserialize("losses", config)
        raise


def get(identifier):
    """A metric from its name, its configuration or itself."""
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if callable(identifier):
        return identifier
    raise ArgumentError(
        f"{identifier!r} is not a metric. Give a name, a function or an object such as AUC()."
    )
