"""Which engine is active, and engines by name; loaded when first chosen."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from . import loader  # noqa: F401 (fills the registries when they are first looked at)
from .config import settings
from .registry import backends

_chosen: ContextVar[str | None] = ContextVar("kcore_backend", default=None)
_loaded: dict[str, Any] = {}
_lock = threading.RLock()


def current_engine_name() -> str:
    """The engine chosen by `use_backend`, KCORE_BACKEND, kcore.json, or the installed one of highest priority."""
    name = _chosen.get() or os.environ.get("KCORE_BACKEND") or settings.backend
    return name or backends.preferred()


def engine(name: str | None = None) -> Any:
    """The engine called `name` (default: the active one). Raises UnknownBackend with what is installed."""
    name = name or current_engine_name()
    found = _loaded.get(name)
    if found is None:
        with _lock:
            found = _loaded.get(name)
            if found is None:
                found = _loaded[name] = backends.get(name)
    return found


@contextlib.contextmanager
def use_backend(name: str) -> Iterator[Any]:
    """Within the block, new models and functions belong to the engine called `name`."""
    made = engine(name)
    token = _chosen.set(name)
    try:
        yield made
    finally:
        _chosen.reset(token)
