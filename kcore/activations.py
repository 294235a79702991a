"""Activation functions by name."""

from __future__ import annotations

import inspect
from typing import Any

from . import backend as K
from . import objects
from .dtypes import NARROW_FLOATS
from .errors import ArgumentError, ShapeError


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) normalised along `axis`; rank 2 or above. (batch, classes): along the classes, whatever `axis` says.

    The latter as in Keras 2.3.1; `K.softmax` heeds its axis always.
    """
    rank = K.ndim(x)
    if rank < 2:
        raise ShapeError(f"softmax needs rank 2 or above, (batch, classes); x has shape {K.int_shape(x)}.")
    if not -rank <= axis < rank:
        raise ShapeError(f"softmax: axis={axis}; x has shape {K.int_shape(x)}, without such an axis.")
    return _in_float32(lambda x: K.softmax(x) if rank == 2 else K.softmax(x, axis), x)


def _in_float32(function: Any, x: Any) -> Any:
    """`function` of 16-bit floats, computed in float32: a probability near 1 or 0 is rounded only at the end, and a
    loss can look at it before."""
    kind = K.dtype(x)
    if kind not in NARROW_FLOATS:
        return function(x)
    return K.cast(function(K.cast(x, "float32")), kind)


def elu(x: Any, alpha: float = 1.0) -> Any:
    return K.elu(x, alpha)


def selu(x: Any) -> Any:
    return K.selu(x)


def softplus(x: Any) -> Any:
    return K.softplus(x)


def softsign(x: Any) -> Any:
    return K.softsign(x)


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    return K.relu(x, alpha=alpha, max_value=max_value, threshold=threshold)


def tanh(x: Any) -> Any:
    return K.tanh(x)


def sigmoid(x: Any) -> Any:
    return _in_float32(K.sigmoid, x)


def hard_sigmoid(x: Any) -> Any:
    return K.hard_sigmoid(x)


def hard_sigmoid_3(x: Any) -> Any:
    """Keras 3's `hard_sigmoid`: x / 6 + 0.5 within 0 and 1."""
    return K.clip(x / 6.0 + 0.5, 0.0, 1.0)


def relu6(x: Any) -> Any:
    """x within 0 and 6."""
    return K.clip(x, 0.0, 6.0)


def leaky_relu(x: Any, alpha: float = 0.2) -> Any:
    """x, or alpha x where it is negative; 0.2 as in later Kerases."""
    return K.relu(x, alpha=alpha)


def mish(x: Any) -> Any:
    """x tanh(softplus(x)). D. Misra, 2019."""
    return x * K.tanh(K.softplus(x))


def exponential(x: Any) -> Any:
    return K.exp(x)


def linear(x: Any) -> Any:
    return x


def swish(x: Any) -> Any:
    return K.swish(x)


def serialize(activation: Any) -> str:
    return activation.__name__


def deserialize(name: Any, custom_objects: Any = None) -> Any:
    return objects.deserialize("activations", name, custom_objects)


def get(identifier: Any) -> Any:
    """A function from its name or itself; None is `linear`."""
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        return objects.find("activations", identifier)
    if isinstance(identifier, dict):
        name = identifier.get("class_name")
        if isinstance(name, str) and not inspect.isclass(objects.find("activations", name)):
            raise ArgumentError(
                f"activation {identifier!r} cannot be understood: {name} is a function and has no config. Give its name."
            )
        return objects.deserialize("activations", identifier)
    if callable(identifier):
        return identifier
    raise ArgumentError(f"activation {identifier!r} cannot be understood; give a name or a function.")
