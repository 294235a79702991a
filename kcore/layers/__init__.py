"""All layers: kcore's own by import, those of plug-ins by name (`kcore.layers.X`)."""

import pkgutil
from importlib import import_module
from typing import Any

from .. import objects
from ..errors import UnknownName
from ..kernel.registry import registries
from .base import Input, InputLayer, InputSpec, Layer

# a family is a file; whatever public layers (and functions that apply them) it defines are names of this package
_FAMILIES = [m.name for m in pkgutil.iter_modules(__path__) if m.name != "base"]


def _names_of(family: str) -> dict[str, Any]:
    module = import_module(f"{__name__}.{family}")
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    }


for _family in _FAMILIES:
    globals().update(_names_of(_family))


def serialize(layer: Layer) -> dict[str, Any]:
    return objects.serialize(layer)


def deserialize(config: Any, custom_objects: Any = None) -> Layer:
    """A layer or model from its config."""
    return objects.deserialize("layers", config, custom_objects)


def __getattr__(name: str) -> Any:
    """A layer that a plug-in brings."""
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return registries["layers"].get(name)
    except UnknownName as error:
        raise AttributeError(str(error)) from None


__all__ = ["Input", "InputLayer", "InputSpec", "Layer", "deserialize", "serialize"]
