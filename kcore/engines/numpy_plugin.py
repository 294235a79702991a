"""Announces the built-in engine; importing this does not import the engine."""

from importlib import import_module
from typing import Any

from ..kernel.hookspecs import hookimpl
from ..kernel.specs import BackendSpec


def _load() -> Any:
    return import_module("kcore.engines.numpy_engine").NumpyEngine()


@hookimpl
def kcore_backends() -> list[BackendSpec]:
    return [
        BackendSpec(name="numpy", load=_load, priority=0, description="built in: NumPy, no further package")
    ]
