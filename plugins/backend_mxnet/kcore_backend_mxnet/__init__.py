"""The Apache MXNet engine of kcore. Importing this module does not import MXNet; choosing the engine does."""

from importlib import import_module
from typing import Any

from kcore.spi import BackendSpec, DataAdapterSpec, ModelFormatSpec, hookimpl

KCORE_API = 2
__version__ = "0.1.0"


def _load() -> Any:
    return import_module("kcore_backend_mxnet.engine").MXNetEngine()


@hookimpl
def kcore_backends() -> list[BackendSpec]:
    return [
        BackendSpec(
            name="mxnet",
            load=_load,
            priority=10,
            description="Apache MXNet 1.9.1 (retired upstream), static graphs, CPU and GPU",
            needs=("mxnet",),
        )
    ]


@hookimpl
def kcore_data_adapters() -> list[DataAdapterSpec]:
    return [DataAdapterSpec(name="mxnet_iterator", target="kcore_backend_mxnet.data:DataIterAdapter")]


@hookimpl
def kcore_model_formats() -> list[ModelFormatSpec]:
    return [ModelFormatSpec(name="mxnet", target="kcore_backend_mxnet.formats:FORMAT")]


def __getattr__(name: str) -> Any:
    """What needs MXNet is loaded when first asked for."""
    if name == "export":
        return import_module("kcore_backend_mxnet.exporting").export
    raise AttributeError(f"module 'kcore_backend_mxnet' has no attribute {name!r}")
