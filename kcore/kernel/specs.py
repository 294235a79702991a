"""What plug-ins return from their hooks: plain, frozen descriptions. Part of `kcore.spi`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from typing import Any

from ..errors import PluginError

API_VERSION = 2
SUPPORTED_API = (1, 2)


@dataclass(frozen=True)
class BackendSpec:
    """A tensor engine.

    name: what users choose it by. load: called with nothing when a user first selects the engine; returns a
    `kcore.spi.Engine` of that name. api: version of the contract it is written for. priority: the highest of the
    installed ones is the default engine. needs: modules that must be there, looked for but not imported: an
    engine that lacks one is never the default, and who asks for it is told.
    """

    name: str
    load: Callable[[], Any]
    api: int = API_VERSION
    priority: int = 0
    description: str = ""
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_names("BackendSpec", (self.name,))
        if not callable(self.load):
            raise PluginError(f"BackendSpec {self.name!r}: load is {self.load!r}; a function is needed.")
        if isinstance(self.needs, str):
            raise PluginError(
                f"BackendSpec {self.name!r}: needs is {self.needs!r}; a tuple of names is needed."
            )

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def resolve(self) -> Any:
        return self.load()


@dataclass(frozen=True)
class ObjectSpec:
    """Something that users name: a layer, a loss, ...

    target: the object, or better "module:attribute", which is imported when first asked for. aliases: further
    names for the same object.
    """

    name: str
    target: Any
    aliases: tuple[str, ...] = ()
    api: int = API_VERSION

    def __post_init__(self) -> None:
        kind = type(self).__name__
        if isinstance(self.aliases, str):
            raise PluginError(
                f"{kind} {self.name!r}: aliases is {self.aliases!r}; a tuple of names is needed."
            )
        _check_names(kind, self.names)
        if isinstance(self.target, str) and not all(self.target.partition(":")):
            raise PluginError(f"{kind} {self.name!r}: target {self.target!r} must read 'module:attribute'.")

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    def resolve(self) -> Any:
        """The object itself, imported now if the target is a string."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        return reduce(getattr, attribute.split("."), import_module(module))


def _check_names(kind: str, names: tuple[Any, ...]) -> None:
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise PluginError(f"{kind}: {name!r} is not a name; give a text that is not empty.")


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
    """A format of files; `target` is a `kcore.saving.formats.ModelFormat`, which is loaded when one is saved or read."""


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
