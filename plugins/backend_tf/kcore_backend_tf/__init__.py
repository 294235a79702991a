"""The TensorFlow engine of kcore. Importing this module does not import TensorFlow; choosing the engine does."""

from importlib import import_module
from typing import Any

from kcore.spi import BackendSpec, hookimpl

KCORE_API = 2
__version__ = "0.1.0"


def _load() -> Any:
    return import_module("kcore_backend_tf.engine").TensorFlowEngine()


@hookimpl
def kcore_backends() -> list[BackendSpec]:
    return [
        BackendSpec(
            name="tensorflow",
            load=_load,
            priority=20,
            description="TensorFlow 2.16 or newer, compiled graphs, CPU and GPU",
            needs=("tensorflow",),
        )
    ]


def __getattr__(name: str) -> Any:
    """What needs TensorFlow is loaded when first asked for."""
    if name == "NativeLayer":
        return import_module("kcore_backend_tf.native").NativeLayer
    raise AttributeError(f"module 'kcore_backend_tf' has no attribute {name!r}")
