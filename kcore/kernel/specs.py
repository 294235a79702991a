"""What plug-ins return from their hooks: plain, frozen descriptions. Part of `kcore.spi`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

API_VERSION = 1
SUPPORTED_API = (1,)


@dataclass(frozen=True)
class BackendSpec:
    """A tensor engine.

    name: what users choose it by. load: called with nothing when a user first selects the engine; returns a
    `kcore.spi.Engine`. api: version of the contract it is written for. priority: the highest of the installed
    ones is the default engine.
    """

    name: str
    load: Callable[[], Any]
    api: int = API_VERSION
    priority: int = 0
    description: str = ""

    def resolve(self) -> Any:
        return self.load()


@dataclass(frozen=True)
class ObjectSpec:
    """Something that users name: a layer, a loss, ... `target` is the object, or "module:attribute"."""

    name: str
    target: Any
    api: int = API_VERSION

    def resolve(self) -> Any:
        """The object itself, imported now if the target is a string."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)


class LayerSpec(ObjectSpec):
    """A layer class."""


class LossSpec(ObjectSpec):
    """A loss class or function."""


class MetricSpec(ObjectSpec):
    """A metric class or function."""


class OptimizerSpec(ObjectSpec):
    """An optimizer class."""


class InitializerSpec(ObjectSpec):
    """An initializer class or function."""


class RegularizerSpec(ObjectSpec):
    """A regularizer class or function."""


class ConstraintSpec(ObjectSpec):
    """A constraint class."""


class ActivationSpec(ObjectSpec):
    """An activation function."""


class CallbackSpec(ObjectSpec):
    """A callback class."""


class DataAdapterSpec(ObjectSpec):
    """A class that feeds a model from a kind of data."""


class ModelFormatSpec(ObjectSpec):
    """A class that saves, loads or exports models in a format."""


class DistributionSpec(ObjectSpec):
    """A strategy that spreads training over devices."""


# family (the name of its registry) -> (its hook, what the hook returns a list of)
FAMILIES: dict[str, tuple[str, type]] = {
    "backends": ("kcore_backends", BackendSpec),
    "layers": ("kcore_layers", LayerSpec),
    "losses": ("kcore_losses", LossSpec),
    "metrics": ("kcore_metrics", MetricSpec),
    "optimizers": ("kcore_optimizers", OptimizerSpec),
    "initializers": ("kcore_initializers", InitializerSpec),
    "regularizers": ("kcore_regularizers", RegularizerSpec),
    "constraints": ("kcore_constraints", ConstraintSpec),
    "activations": ("kcore_activations", ActivationSpec),
    "callbacks": ("kcore_callbacks", CallbackSpec),
    "data_adapters": ("kcore_data_adapters", DataAdapterSpec),
    "model_formats": ("kcore_model_formats", ModelFormatSpec),
    "distribution_strategies": ("kcore_distribution_strategies", DistributionSpec),
}
