"""Losses: functions of (targets, predictions), and classes that also weight and reduce them.

A function gives one value per sample (or per time step): the last axis is reduced. Formulas are Keras 2.3.1's.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import backend as K
from . import objects
from .backend.tensor import SymbolicTensor
from .dtypes import NARROW_FLOATS
from .errors import ArgumentError, ShapeError
from .shapes import describe


class Reduction:
    """How a loss's values become one: not at all, their sum, or their sum divided by their number."""

    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        return (cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key: str) -> None:
        if key not in cls.all():
            known = ", ".join(repr(k) for k in cls.all())
            raise ArgumentError(f"reduction={key!r} is not one of {known}.")


# weights -----------------------------------------------------------------------------------------------------
def squeeze_or_expand_dimensions(y_pred, y_true=None, sample_weight=None):
    """The three brought to fitting ranks: a last axis of size 1 too many is dropped, or one is added to weights."""
    if y_true is not None:
        difference = K.ndim(y_pred) - K.ndim(y_true)
        if difference == 1 and K.int_shape(y_pred)[-1] == 1:
            y_pred = K.squeeze(y_pred, -1)
        elif difference == -1 and K.int_shape(y_true)[-1] == 1:
            y_true = K.squeeze(y_true, -1)
    if sample_weight is not None and K.ndim(sample_weight):
        difference = K.ndim(sample_weight) - K.ndim(y_pred)
        if difference == 1:
            sample_weight = K.squeeze(sample_weight, -1)
        elif difference == -1:
            sample_weight = K.expand_dims(sample_weight, -1)
    return y_pred, y_true, sample_weight


def fits_by_broadcasting(weights_shape, values_shape) -> bool:
    """True if weights of this shape, axes added behind, spread over values of that shape."""
    if len(weights_shape) > len(values_shape):
        return False
    return all(w in (1, None, v) or v is None for w, v in zip(weights_shape, values_shape))


def broadcast_weights(values, sample_weight):
    """`sample_weight` in the shape of `values`: axes of size 1 are added behind, then spread."""
    shape, values_shape = K.int_shape(sample_weight), K.int_shape(values)
    if not fits_by_broadcasting(shape, values_shape):
        raise ShapeError(
            f"sample weights of shape {describe(shape)} do not fit values of shape {describe(values_shape)}. "
            "Give one weight per sample, or per time step."
        )
    for _ in range(len(values_shape) - len(shape) if shape else 0):
        sample_weight = K.expand_dims(sample_weight, -1)
    return sample_weight * K.ones_like(values)


def masked_weights(mask, sample_weight=None):
    """`sample_weight` with zeros where `mask` is False. Keras 2.3.1: the sum is not divided by what is left."""
    mask = K.cast(mask, K.floatx())
    if sample_weight is None:
        return mask
    _, _, sample_weight = squeeze_or_expand_dimensions(mask, None, as_value(sample_weight))
    return sample_weight * mask


def reduce_weighted_loss(weighted_losses, reduction=Reduction.SUM_OVER_BATCH_SIZE):
    """`weighted_losses` as they are, summed, or averaged over their number (weights do not enter the divisor)."""
    if reduction == Reduction.NONE:
        return weighted_losses
    return K.sum(weighted_losses) if reduction == Reduction.SUM else K.mean(weighted_losses)


def compute_weighted_loss(losses, sample_weight=None, reduction=Reduction.SUM_OVER_BATCH_SIZE, name=None):
    """`losses` times `sample_weight`, reduced."""
    Reduction.validate(reduction)
    if sample_weight is not None:
        sample_weight = K.cast(as_value(sample_weight), K.dtype(losses))
        losses, _, sample_weight = squeeze_or_expand_dimensions(losses, None, sample_weight)
        losses = losses * broadcast_weights(losses, sample_weight)
    return reduce_weighted_loss(losses, reduction)


def as_value(value):
    """Numbers and lists as arrays of type floatx; tensors and arrays as they are."""
    if isinstance(value, (bool, int, float, list, tuple)):
        return np.asarray(value, K.floatx())
    return value


def at_full_precision(value):
    """Predictions of 16 bits in float32: as they were before they were rounded, where they are symbolic and that can
    be told (the probabilities of a softmax), so that -log(p) and its gradient 1 / p stay in range."""
    value = as_value(value)
    if K.dtype(value) not in NARROW_FLOATS:
        return value
    value = before_rounding(value) if isinstance(value, SymbolicTensor) else value
    return K.cast(value, "float32") if K.dtype(value) in NARROW_FLOATS else value


def before_rounding(tensor):
    """The wider tensor that a symbolic one of 16 bits was cast from, or itself."""
    node = tensor.node
    cast = node is not None and node.op.name == "cast" and tensor.dtype in NARROW_FLOATS
    return node.arguments[0] if cast and node.arguments[0].dtype in ("float32", "float64") else tensor


def _pair(y_true, y_pred):
    """Both as tensors (or arrays), the targets in the type of the predictions."""
    y_pred = as_value(y_pred)
    if not K.dtype(y_pred).startswith(("float", "bfloat")):
        y_pred = K.cast(y_pred, K.floatx())
    return K.cast(as_value(y_true), K.dtype(y_pred)), y_pred


# functions ---------------------------------------------------------------------------------------------------
def mean_squared_error(y_true, y_pred):
    """mean((y_pred - y_true)^2)"""
    y_true, y_pred = _pair(y_true, y_pred)
    return K.mean(K.square(y_pred - y_true), axis=-1)


def mean_absolute_error(y_true, y_pred):
    """mean(|y_pred - y_true|)"""
    y_true, y_pred = _pair(y_true, y_pred)
    return K.mean(K.abs(y_pred - y_true), axis=-1)


def mean_absolute_percentage_error(y_true, y_pred):
    """100 mean(|y_true - y_pred| / max(|y_true|, epsilon)), in percent"""
    y_true, y_pred = _pair(y_true, y_pred)
    relative = K.abs((y_true - y_pred) / K.maximum(K.abs(y_true), K.epsilon()))
    return 100.0 * K.mean(relative, axis=-1)


def mean_squared_logarithmic_error(y_true, y_pred):
    """mean((log(y_pred + 1) - log(y_true + 1))^2), both at least epsilon"""
    y_true, y_pred = _pair(y_true, y_pred)
    first = K.log(K.maximum(y_pred, K.epsilon()) + 1.0)
    second = K.log(K.maximum(y_true, K.epsilon()) + 1.0)
    return K.mean(K.square(first - second), axis=-1)


def squared_hinge(y_true, y_pred):
    """mean(max(1 - y_true y_pred, 0)^2), targets -1 or 1 (targets that are all 0 or 1 are taken for these)"""
    y_true, y_pred = _pair(y_true, y_pred)
    return K.mean(K.square(K.maximum(1.0 - _signs(y_true) * y_pred, 0.0)), axis=-1)


def hinge(y_true, y_pred):
    """mean(max(1 - y_true y_pred, 0)), targets -1 or 1 (targets that are all 0 or 1 are taken for these)"""
    y_true, y_pred = _pair(y_true, y_pred)
    return K.mean(K.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


def _signs(y_true):
    """Targets that are all 0 or 1 as -1 and 1, others as they are."""
    elsewhere = K.sum(K.cast(K.not_equal(y_true * (y_true - 1.0), 0.0), K.dtype(y_true)))
    are_binary = K.cast(K.equal(elsewhere, 0.0), K.dtype(y_true))
    return are_binary * (2.0 * y_true - 1.0) + (1.0 - are_binary) * y_true


def categorical_hinge(y_true, y_pred):
    """max(0, largest score of a wrong class - score of the right class + 1), targets one-hot"""
    y_true, y_pred = _pair(y_true, y_pred)
    right = K.sum(y_true * y_pred, axis=-1)
    wrong = K.max((1.0 - y_true) * y_pred, axis=-1)
    return K.maximum(0.0, wrong - right + 1.0)


def logcosh(y_true, y_pred):
    """mean(log(cosh(y_pred - y_true))), written so that a large difference does not overflow"""
    y_true, y_pred = _pair(y_true, y_pred)
    x = y_pred - y_true
    return K.mean(x + K.softplus(-2.0 * x) - float(np.log(2.0)), axis=-1)


def huber_loss(y_true, y_pred, delta=1.0):
    """x^2 / 2 for |x| <= delta, else delta |x| - delta^2 / 2; element by element, no axis is reduced.

    P. Huber, Robust estimation of a location parameter, 1964.
    """
    y_true, y_pred = _pair(y_true, y_pred)
    size = K.abs(y_pred - y_true)
    quadratic = K.minimum(size, float(delta))
    return 0.5 * K.square(quadratic) + float(delta) * (size - quadratic)


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0, smoothing_axis=1):
    """-sum(y_true log(y_pred)); smoothing moves that share of each target evenly over the classes.

    `smoothing_axis` is where the number of classes is read: axis 1 as in Keras 2.3.1, which is the axis of classes
    for (batch, classes) only. Give -1 for targets of more axes, such as (batch, time, classes).
    """
    y_true, y_pred = _pair(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / _size(y_pred, smoothing_axis)
    return K.categorical_crossentropy(y_true, y_pred, from_logits=from_logits)


def _size(tensor, axis):
    shape = K.int_shape(tensor)
    if not -len(shape) <= axis < len(shape):
        raise ShapeError(
            f"label_smoothing needs the number of classes, at axis {axis}; predictions have shape {describe(shape)}."
        )
    known = shape[axis]
    return float(known) if known is not None else K.cast(K.shape(tensor)[axis], K.dtype(tensor))


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, axis=-1):
    """-log(y_pred[y_true]), targets are numbers of classes; `axis` holds the classes"""
    return K.sparse_categorical_crossentropy(
        as_value(y_true), as_value(y_pred), from_logits=from_logits, axis=axis
    )


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0):
    """mean(-y_true log(y_pred) - (1 - y_true) log(1 - y_pred)); smoothing moves targets towards 1/2"""
    y_true, y_pred = _pair(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return K.mean(K.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=-1)


def kullback_leibler_divergence(y_true, y_pred):
    """sum(y_true log(y_true / y_pred)), both clipped to epsilon .. 1"""
    y_true, y_pred = _pair(y_true, y_pred)
    y_true = K.clip(y_true, K.epsilon(), 1.0)
    y_pred = K.clip(y_pred, K.epsilon(), 1.0)
    return K.sum(y_true * K.log(y_true / y_pred), axis=-1)


def poisson(y_true, y_pred):
    """mean(y_pred - y_true log(y_pred + epsilon))"""
    y_true, y_pred = _pair(y_true, y_pred)
    return K.mean(y_pred - y_true * K.log(y_pred + K.epsilon()), axis=-1)


def cosine_proximity(y_true, y_pred, axis=-1):
    """-sum(y_true y_pred), both scaled to length 1 along `axis`: -1 is the same direction"""
    y_true, y_pred = _pair(y_true, y_pred)
    return -K.sum(K.l2_normalize(y_true, axis=axis) * K.l2_normalize(y_pred, axis=axis), axis=axis)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence
cosine = cosine_similarity = cosine_proximity


# classes -----------------------------------------------------------------------------------------------------
class Loss:
    """Base of losses with a reduction: `call(y_true, y_pred)` gives values, calling the object weights them.

    `reduction`: 'sum_over_batch_size' (the default), 'sum' or 'none'.
    """

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name=None):
        Reduction.validate(reduction)
        self.reduction = reduction
        self.name = name

    def __call__(self, y_true, y_pred, sample_weight=None):
        """`sample_weight`: a number, one per sample, or one per value that `call` gives."""
        values = self.call(y_true, at_full_precision(y_pred))
        return compute_weighted_loss(values, sample_weight, self.reduction)

    def call(self, y_true, y_pred):
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred).")

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def get_config(self):
        return {"reduction": self.reduction, "name": self.name}


class LossFunctionWrapper(Loss):
    """A loss made of a function `fn(y_true, y_pred, **kwargs)`."""

    def __init__(self, fn, reduction=Reduction.SUM_OVER_BATCH_SIZE, name=None, **kwargs):
        super().__init__(reduction=reduction, name=name)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true, y_pred):
        y_pred, y_true, _ = squeeze_or_expand_dimensions(as_value(y_pred), as_value(y_true))
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self):
        return dict(super().get_config(), **self._fn_kwargs)


class MeanSquaredError(LossFunctionWrapper):
    """See `mean_squared_error`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="mean_squared_error"):
        super().__init__(mean_squared_error, reduction, name)


class MeanAbsoluteError(LossFunctionWrapper):
    """See `mean_absolute_error`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="mean_absolute_error"):
        super().__init__(mean_absolute_error, reduction, name)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """See `mean_absolute_percentage_error`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="mean_absolute_percentage_error"):
        super().__init__(mean_absolute_percentage_error, reduction, name)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """See `mean_squared_logarithmic_error`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="mean_squared_logarithmic_error"):
        super().__init__(mean_squared_logarithmic_error, reduction, name)


class BinaryCrossentropy(LossFunctionWrapper):
    """See `binary_crossentropy`."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0,
        reduction=Reduction.SUM_OVER_BATCH_SIZE,
        name="binary_crossentropy",
    ):
        super().__init__(
            binary_crossentropy, reduction, name, from_logits=from_logits, label_smoothing=label_smoothing
        )
        self.from_logits = from_logits


class CategoricalCrossentropy(LossFunctionWrapper):
    """See `categorical_crossentropy`."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0,
        reduction=Reduction.SUM_OVER_BATCH_SIZE,
        name="categorical_crossentropy",
        smoothing_axis=1,
    ):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        if smoothing_axis != 1:
            options["smoothing_axis"] = smoothing_axis
        super().__init__(categorical_crossentropy, reduction, name, **options)


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """See `sparse_categorical_crossentropy`."""

    def __init__(
        self,
        from_logits=False,
        reduction=Reduction.SUM_OVER_BATCH_SIZE,
        name="sparse_categorical_crossentropy",
    ):
        super().__init__(sparse_categorical_crossentropy, reduction, name, from_logits=from_logits)


class Hinge(LossFunctionWrapper):
    """See `hinge`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="hinge"):
        super().__init__(hinge, reduction, name)


class SquaredHinge(LossFunctionWrapper):
    """See `squared_hinge`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="squared_hinge"):
        super().__init__(squared_hinge, reduction, name)


class CategoricalHinge(LossFunctionWrapper):
    """See `categorical_hinge`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="categorical_hinge"):
        super().__init__(categorical_hinge, reduction, name)


class Poisson(LossFunctionWrapper):
    """See `poisson`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="poisson"):
        super().__init__(poisson, reduction, name)


class LogCosh(LossFunctionWrapper):
    """See `logcosh`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="logcosh"):
        super().__init__(logcosh, reduction, name)


class KLDivergence(LossFunctionWrapper):
    """See `kullback_leibler_divergence`."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="kullback_leibler_divergence"):
        super().__init__(kullback_leibler_divergence, reduction, name)


class Huber(LossFunctionWrapper):
    """See `huber_loss`."""

    def __init__(self, delta=1.0, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="huber_loss"):
        super().__init__(huber_loss, reduction, name, delta=delta)


class CosineSimilarity(LossFunctionWrapper):
    """See `cosine_similarity`. (Not in Keras 2.3.1.)"""

    def __init__(self, axis=-1, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="cosine_similarity"):
        super().__init__(cosine_similarity, reduction, name, axis=axis)


# names -------------------------------------------------------------------------------------------------------
def serialize(loss):
    """A function's name, or {'class_name': ..., 'config': ...}."""
    return objects.serialize(loss)


def deserialize(name, custom_objects=None):
    """The loss of a name or a configuration."""
    return objects.deserialize("losses", name, custom_objects=custom_objects)


def get(identifier):
    """A loss from its name, its configuration or itself; None stays None."""
    if identifier is None:
        return None
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if callable(identifier):
        return identifier
    raise ArgumentError(
        f"{identifier!r} is not a loss. Give a name, a function of (y_true, y_pred), or a Loss."
    )


def is_categorical_crossentropy(loss) -> bool:
    """True for `categorical_crossentropy` as a name, a function or an object."""
    function = getattr(loss, "fn", loss)
    return function is categorical_crossentropy or function == "categorical_crossentropy"


# what fits ---------------------------------------------------------------------------------------------------
_ELEMENTWISE = (mean_squared_error, binary_crossentropy, categorical_crossentropy)  # as Keras 2.3.1 checks


def check_loss_fits(
    loss: Callable[..., Any], target_shape: tuple, output_shape: tuple, output_name: str
) -> None:
    """Raises ShapeError if targets of `target_shape` cannot be compared with an output by `loss`.

    Shapes include the batch; None is unknown. Losses of users are not checked.
    """
    function = getattr(loss, "fn", loss)
    if function is sparse_categorical_crossentropy:
        fitting = _fit(target_shape, output_shape[:-1]) or _fit(target_shape, (*output_shape[:-1], 1))
        advice = "It takes numbers of classes; for one-hot targets use categorical_crossentropy."
        wanted = (*output_shape[:-1], 1)
    elif function in _ELEMENTWISE:
        fitting = _fit(target_shape, output_shape)
        advice = _advice(function, target_shape, output_shape)
        wanted = output_shape
    else:
        return
    if not fitting:
        raise ShapeError(
            f"output {output_name!r}, loss {function.__name__}: targets of shape {describe(wanted)} expected, as "
            f"the output has shape {describe(output_shape)}; found {describe(target_shape)}. {advice}"
        )


def _fit(first, second) -> bool:
    return len(first) == len(second) and all(a is None or b is None or a == b for a, b in zip(first, second))


def _advice(function, target_shape, output_shape) -> str:
    if function is categorical_crossentropy and target_shape[-1:] == (1,):
        return "For numbers of classes use sparse_categorical_crossentropy, or utils.to_categorical(targets)."
    return (
        f"Reshape the targets, or let the last layer give {target_shape[-1] if target_shape else 1} values."
    )
