"""All layers: kcore's own by import, those of plug-ins by name (`kcore.layers.X`)."""

from __future__ import annotations

from typing import Any

from .. import objects
from ..errors import UnknownName
from ..kernel.registry import registries
from . import (
    advanced_activations,
    convolutional,
    convolutional_recurrent,
    core,
    embeddings,
    legacy,
    legacy_recurrent,
    local,
    merge,
    noise,
    normalization,
    pooling,
    recurrent,
    recurrent_cells,
    wrappers,
)
from .base import Layer
from .input_layer import Input, InputLayer
from .input_spec import InputSpec
from .legacy import AtrousConvolution1D, AtrousConvolution2D
from .merge import add, average, concatenate, dot, maximum, minimum, multiply, subtract

_FAMILIES = (
    advanced_activations, convolutional, convolutional_recurrent, core, embeddings, legacy, legacy_recurrent,
    local, merge, noise, normalization, pooling, recurrent, recurrent_cells, wrappers,
)  # fmt: skip
cudnn_recurrent = recurrent  # Keras 2's path to CuDNNGRU and CuDNNLSTM

# the layers that a family's file defines are names of this package, aliases included
for _family in _FAMILIES:
    globals().update(
        {
            name: value
            for name, value in vars(_family).items()
            if not name.startswith("_") and isinstance(value, type) and issubclass(value, Layer)
        }
    )


def serialize(layer: Layer) -> dict[str, Any]:
    """A layer as {'class_name', 'config'}."""
    return objects.serialize(layer)


def deserialize(config: Any, custom_objects: Any = None) -> Layer:
    """The layer or model that a config describes. Raises UnknownName for a class that nobody registered."""
    return objects.deserialize("layers", config, custom_objects)


def __getattr__(name: str) -> Any:
    """A layer that a plug-in brings."""
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return registries["layers"].get(name)
    except UnknownName as error:
        raise AttributeError(str(error)) from None


__all__ = [
    "AtrousConvolution1D", "AtrousConvolution2D", "Input", "InputLayer", "InputSpec", "Layer", "add", "average",
    "concatenate", "deserialize", "dot", "maximum", "minimum", "multiply", "serialize", "subtract",
    *sorted(n for n, v in list(globals().items()) if isinstance(v, type) and issubclass(v, Layer) and n[0] != "_"),
]  # fmt: skip
