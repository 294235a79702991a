"""The hooks that a plug-in may implement. Each is called once, during discovery, and returns descriptions.

Describe, do not import: an engine or a costly module is loaded when a user first asks for it. A hook returns a
list; a plug-in implements as many hooks as it needs. One that raises, returns something else or claims a name
that is taken has its whole plug-in set aside with the reason, and everything else goes on.
"""

from __future__ import annotations

import pluggy

from .specs import (
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

hookspec = pluggy.HookspecMarker("kcore")
hookimpl = pluggy.HookimplMarker("kcore")


@hookspec
def kcore_backends() -> list[BackendSpec]:  # type: ignore[empty-body]
    """Tensor engines. `BackendSpec.load` runs when a user first selects the engine. Since API 1."""


@hookspec
def kcore_layers() -> list[LayerSpec]:  # type: ignore[empty-body]
    """Layers; each is then `kcore.layers.<name>` and can be loaded from files. Since API 1."""


@hookspec
def kcore_losses() -> list[LossSpec]:  # type: ignore[empty-body]
    """Losses, to be named in `compile(loss=...)`: functions of (y_true, y_pred), or classes. Since API 1."""


@hookspec
def kcore_metrics() -> list[MetricSpec]:  # type: ignore[empty-body]
    """Metrics, to be named in `compile(metrics=...)`: functions of (y_true, y_pred), or classes. Since API 1."""


@hookspec
def kcore_optimizers() -> list[OptimizerSpec]:  # type: ignore[empty-body]
    """Optimizers, to be named in `compile(optimizer=...)`. Since API 1."""


@hookspec
def kcore_initializers() -> list[InitializerSpec]:  # type: ignore[empty-body]
    """Initializers of weights. Since API 1."""


@hookspec
def kcore_regularizers() -> list[RegularizerSpec]:  # type: ignore[empty-body]
    """Regularizers. Since API 1."""


@hookspec
def kcore_constraints() -> list[ConstraintSpec]:  # type: ignore[empty-body]
    """Constraints on weights. Since API 1."""


@hookspec
def kcore_activations() -> list[ActivationSpec]:  # type: ignore[empty-body]
    """Activation functions. Since API 1."""


@hookspec
def kcore_callbacks() -> list[CallbackSpec]:  # type: ignore[empty-body]
    """Callbacks. Since API 1."""


@hookspec
def kcore_data_adapters() -> list[DataAdapterSpec]:  # type: ignore[empty-body]
    """Kinds of data that `fit`, `evaluate` and `predict` accept; asked in the order of their names.

    `target` is a class: `handles(data)`, a static method that looks at the type and imports nothing, and
    `target(data)`, which is gone through once in each pass and yields batches (x,), (x, y) or (x, y,
    sample_weight) of arrays, or of lists or dicts of them; `len` of it, if there is one, is their number.
    Since API 1."""


@hookspec
def kcore_model_formats() -> list[ModelFormatSpec]:  # type: ignore[empty-body]
    """Formats in which models are saved, loaded or exported: `kcore.saving.formats.ModelFormat` says what each is.

    The suffix chooses one when a model is saved, the first bytes when a file is loaded; kcore's own are asked first,
    so a plug-in is loaded only for files that no format of kcore's knows. Since API 1."""


@hookspec
def kcore_distribution_strategies() -> list[DistributionSpec]:  # type: ignore[empty-body]
    """Ways to spread training over devices or machines. Since API 1."""
