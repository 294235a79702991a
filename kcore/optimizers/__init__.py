"""Optimizers of Keras 2.3.1, learning-rate schedules, and how optimizers are named and stored."""

from .. import objects
from ..backend import updates as _updates  # declares the operations of the steps
from ..errors import ArgumentError
from .adam import Adam, Adamax, AdamW, Nadam
from .adaptive import Adadelta, Adagrad, RMSprop
from .base import Optimizer, clip_norm
from .gradient_descent import SGD
from .schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstant,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from .wrapping import ExponentialMovingAverage, GradientAccumulation, LossScaleOptimizer, scaling_loss

sgd, rmsprop, adagrad, adadelta = SGD, RMSprop, Adagrad, Adadelta
adam, adamax, nadam, adamw = Adam, Adamax, Nadam, AdamW
_BY_LOWER_CASE = {
    c.__name__.lower(): c.__name__ for c in (SGD, RMSprop, Adagrad, Adadelta, Adam, Adamax, Nadam, AdamW)
}


def serialize(optimizer):
    """{'class_name': ..., 'config': ...}"""
    return {"class_name": type(optimizer).__name__, "config": optimizer.get_config()}


def deserialize(config, custom_objects=None):
    """The optimizer of a configuration; kcore's own are found whatever the case of their name."""
    name = config["class_name"]
    custom = custom_objects or {}
    if name not in custom:
        config = dict(config, class_name=_BY_LOWER_CASE.get(name.lower(), name))
    return objects.deserialize("optimizers", config, custom_objects=custom)


def get(identifier):
    """An optimizer from its name, its configuration or itself."""
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    if isinstance(identifier, dict):
        return deserialize(identifier)
    raise ArgumentError(
        f"{identifier!r} is not an optimizer. Give an object such as SGD(), a name or a configuration."
    )
