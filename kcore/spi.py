"""The plug-in author's face of kcore: everything here is versioned by `API_VERSION`.

An engine subclasses `Engine` and is announced by `kcore_backends`; layers, losses and the rest by their hooks
(`kcore.kernel.hookspecs` documents each). See docs/architecture.md.
"""

from .errors import KcoreError, ShapeError, Unsupported
from .kernel.engine import Engine, Interpreter
from .kernel.flat import FlatProgram, Instruction, TensorSpec, slots_of
from .kernel.hookspecs import hookimpl
from .kernel.specs import (
    API_VERSION,
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
    "API_VERSION", "ActivationSpec", "BackendSpec", "CallbackSpec", "ConstraintSpec", "DataAdapterSpec",
    "DistributionSpec", "Engine", "FlatProgram", "InitializerSpec", "Instruction", "Interpreter", "KcoreError",
    "LayerSpec", "LossSpec", "MetricSpec", "ModelFormatSpec", "OptimizerSpec", "RegularizerSpec", "ShapeError",
    "TensorSpec", "Unsupported", "hookimpl", "slots_of",
]  # fmt: skip
