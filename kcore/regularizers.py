"""Penalties on weights and outputs."""

from __future__ import annotations

from typing import Any

from . import backend as K
from . import objects


class Regularizer:
    """Called with a tensor it gives a scalar penalty."""

    def __call__(self, x: Any) -> Any:
        return 0.0

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


class L1L2(Regularizer):
    """l1 * sum |x| + l2 * sum x^2."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = float(l1), float(l2)

    def __call__(self, x: Any) -> Any:
        penalty: Any = 0.0
        if self.l1:
            penalty = penalty + self.l1 * K.sum(K.abs(x))
        if self.l2:
            penalty = penalty + self.l2 * K.sum(K.square(x))
        return penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class PerSample(Regularizer):
    """What `regularizer` gives for a batch, divided by the number of samples: tf.keras 2's activity regularizers."""

    def __init__(self, regularizer: Any) -> None:
        self.regularizer = get(regularizer)

    def __call__(self, x: Any) -> Any:
        penalty = self.regularizer(x)
        return penalty / K.cast(K.shape(x)[0], K.dtype(penalty))

    def get_config(self) -> dict[str, Any]:
        return {"regularizer": serialize(self.regularizer)}


def l1(l: float = 0.01) -> L1L2:
    return L1L2(l1=l)


def l2(l: float = 0.01) -> L1L2:
    return L1L2(l2=l)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    return L1L2(l1=l1, l2=l2)


_MAKERS = {"l1": l1, "l2": l2, "l1_l2": l1_l2}


def serialize(regularizer: Any) -> Any:
    return objects.serialize(regularizer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    if isinstance(config, str) and config in _MAKERS:
        return _MAKERS[config]()
    return objects.deserialize("regularizers", config, custom_objects)


def get(identifier: Any) -> Any:
    if isinstance(identifier, str) and identifier in _MAKERS:
        return _MAKERS[identifier]()
    return objects.get("regularizers", identifier)
