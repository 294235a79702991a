"""`Model`: a network that can be trained, saved and described."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .. import objects
from ..backend.variables import Variable
from ..errors import ArgumentError
from ..optimizers import Optimizer
from ..training.trainer import Trainer
from .network import Network

KERAS_VERSION = "2.3.1"  # whose config format this is


class Model(Trainer, Network):
    """`Model(inputs, outputs)`, or a subclass with layers as attributes and a `call(self, inputs)`."""

    def _state_variables(self) -> list[Any]:
        # a step of one's own may use several optimizers
        optimizers = [self.optimizer, *(v for v in vars(self).values() if isinstance(v, Optimizer))]
        found: list[Any] = []
        for optimizer in dict.fromkeys(o for o in optimizers if o is not None):
            found += list(getattr(optimizer, "weights", []))
            found += [v for v in vars(optimizer).values() if isinstance(v, Variable)]
        for metric in self.metrics:
            found += list(getattr(metric, "weights", []))
        return [*found, self._steps.counter]

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON, in Keras 2's format."""
        return json.dumps(self._description(), default=_plain, **kwargs)

    def _description(self) -> dict[str, Any]:
        return {
            "class_name": type(self).__name__,
            "config": self.get_config(),
            "keras_version": KERAS_VERSION,
            "backend": self.backend,
        }


def _plain(value: Any) -> Any:
    """What JSON has no word for: NumPy's numbers and arrays, functions by name."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "get_config"):
        return objects.config_of(value)
    if hasattr(value, "__name__"):
        return value.__name__
    raise ArgumentError(f"{value!r} cannot be written as JSON.")


def model_from_config(config: dict[str, Any], custom_objects: Any = None) -> Any:
    """A model from what `{'class_name': ..., 'config': ...}` says."""
    if isinstance(config, list):
        raise ArgumentError("a list of layers was given; Sequential.from_config(list) makes a model of it.")
    return objects.deserialize("layers", config, custom_objects)


def model_from_json(json_string: str, custom_objects: Any = None) -> Any:
    """A model from `to_json()`; weights start anew."""
    return model_from_config(json.loads(json_string), custom_objects)
