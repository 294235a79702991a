"""kcore: the Keras 2 API on a plug-in micro-kernel."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
_SUBMODULES = (
    "activations", "applications", "backend", "callbacks", "constraints", "datasets", "engine", "initializers",
    "layers", "legacy", "losses", "metrics", "mixed_precision", "models", "objectives", "objects", "optimizers",
    "preprocessing", "regularizers", "spi", "testing", "utils", "wrappers",
)  # fmt: skip
_NAMES = {
    "Input": "layers", "Model": "models", "Sequential": "models", "use_backend": "kernel.context", "device": "kernel.context",
    "devices": "kernel.context", "determinism": "kernel.context",
    "plugins": "kernel.loader", "set_seed": "backend", "grad": "backend", "value_and_grad": "backend",
    "compare": "inspection.comparing",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Parts of kcore are loaded when first asked for, so that `import kcore` costs next to nothing."""
    if name in _NAMES:
        return getattr(import_module(f"kcore.{_NAMES[name]}"), name)
    if name in _SUBMODULES:
        return import_module(f"kcore.{name}")
    raise AttributeError(f"module 'kcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_NAMES})
