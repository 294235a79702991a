"""The plug-in author's face of kcore: everything here is versioned by `API_VERSION`.

A plug-in's module may say which version it is written for, `KCORE_API = 1`; one that this kcore does not have
(`SUPPORTED_API`) is set aside with that reason, and so is one that fails or claims a name that is taken.

An engine subclasses `Engine` and is announced by `kcore_backends`; layers, losses and the rest by their hooks
(`kcore.kernel.hookspecs` documents each). See docs/architecture.md.
"""

from .dtypes import promote
from .errors import ArgumentError, DTypeError, KcoreError, PluginError, ShapeError, UnknownName, Unsupported
from .kernel.engine import Engine, Interpreter
from .kernel.flat import CompiledProgram, Execution, FlatProgram, Instruction, TensorSpec, slots_of
from .kernel.hookspecs import hookimpl
from .kernel.specs import (
    API_VERSION,
    SUPPORTED_API,
    ActivationSpec,
    BackendSpec,
    CallbackSpec,
    ConstraintSpec,
    DataAdapterSpec,
    DistributionSpec,
    InitializerSpec,
    LayerSpec,
    LossSpec,
    MetricSpec,
    ModelFormatSpec,
    OptimizerSpec,
    RegularizerSpec,
)

__all__ = [
    "API_VERSION", "ActivationSpec", "ArgumentError", "BackendSpec", "CallbackSpec", "CompiledProgram",
    "ConstraintSpec", "DTypeError", "DataAdapterSpec", "DistributionSpec", "Engine", "Execution",
    "FlatProgram", "InitializerSpec", "Instruction", "Interpreter", "KcoreError", "LayerSpec", "LossSpec",
    "MetricSpec", "ModelFormatSpec", "OptimizerSpec", "PluginError", "RegularizerSpec", "SUPPORTED_API",
    "ShapeError", "TensorSpec", "UnknownName", "Unsupported", "hookimpl", "promote", "slots_of",
]  # fmt: skip
