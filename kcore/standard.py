"""What kcore itself plugs in: its layers, losses, optimizers, ..., through the same hooks as a stranger's.

A class or function belongs to a family by standing in one of the family's modules; nothing is listed twice.
"""

import inspect
import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any

from .kernel.hookspecs import hookimpl
from .kernel.specs import (
    ActivationSpec,
    CallbackSpec,
    ConstraintSpec,
    DataAdapterSpec,
    InitializerSpec,
    LayerSpec,
    LossSpec,
    MetricSpec,
    ModelFormatSpec,
    OptimizerSpec,
    RegularizerSpec,
)


def _modules(name: str) -> list[ModuleType]:
    """A module, or all modules of a package."""
    module = import_module(f"kcore.{name}")
    if not hasattr(module, "__path__"):
        return [module]
    return [module, *(import_module(f"kcore.{name}.{m.name}") for m in pkgutil.iter_modules(module.__path__))]


def _public(modules: list[ModuleType], base: str | None, functions: bool = False) -> dict[str, Any]:
    """Public classes derived from the class named `base`, and functions if asked for, aliases included."""
    found: dict[str, Any] = {}
    names = {m.__name__ for m in modules}
    for module in modules:
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) not in names:
                continue
            is_class = inspect.isclass(value) and base in {c.__name__ for c in value.__mro__}
            if is_class or (functions and inspect.isfunction(value) and _first_parameter(value) in _MARKS):
                found[name] = value
    return found


def _first_parameter(function: Any) -> str:
    return next(iter(inspect.signature(function).parameters), "")


# how a family's own functions begin: losses and metrics, activations, makers of initializers and regularizers
_MARKS = {"y_true", "x", "seed", "l", "l1"}
_FAMILIES = {
    "layers": (LayerSpec, "Layer", False),
    "losses": (LossSpec, "Loss", True),
    "metrics": (MetricSpec, "Metric", True),
    "optimizers": (OptimizerSpec, "Optimizer", False),
    "initializers": (InitializerSpec, "Initializer", True),
    "regularizers": (RegularizerSpec, "Regularizer", True),
    "constraints": (ConstraintSpec, "Constraint", False),
    "activations": (ActivationSpec, None, True),
    "callbacks": (CallbackSpec, "Callback", False),
}


def _specs(family: str) -> list[Any]:
    spec, base, functions = _FAMILIES[family]
    return [spec(name=n, target=v) for n, v in _public(_modules(family), base, functions).items()]


@hookimpl
def kcore_layers() -> list[LayerSpec]:
    # models are layers too, but stand above them: named here, loaded when asked for
    models = [LayerSpec(name=n, target=f"kcore.models:{n}") for n in ("Model", "Sequential")]
    return [*_specs("layers"), *models]


@hookimpl
def kcore_losses() -> list[LossSpec]:
    return _specs("losses")


@hookimpl
def kcore_metrics() -> list[MetricSpec]:
    return _specs("metrics")


@hookimpl
def kcore_optimizers() -> list[OptimizerSpec]:
    return _specs("optimizers")


@hookimpl
def kcore_initializers() -> list[InitializerSpec]:
    return _specs("initializers")


@hookimpl
def kcore_regularizers() -> list[RegularizerSpec]:
    return _specs("regularizers")


@hookimpl
def kcore_constraints() -> list[ConstraintSpec]:
    return _specs("constraints")


@hookimpl
def kcore_activations() -> list[ActivationSpec]:
    return _specs("activations")


@hookimpl
def kcore_callbacks() -> list[CallbackSpec]:
    return _specs("callbacks")


@hookimpl
def kcore_data_adapters() -> list[DataAdapterSpec]:
    return [DataAdapterSpec(name="loader", target="kcore.training.adapters:LoaderAdapter")]


@hookimpl
def kcore_model_formats() -> list[ModelFormatSpec]:
    return [
        ModelFormatSpec(name="hdf5", target="kcore.saving.hdf5:FORMAT"),
        ModelFormatSpec(name="kcore", target="kcore.saving.native:FORMAT"),
        ModelFormatSpec(name="keras3", target="kcore.saving.keras3:FORMAT"),
    ]
