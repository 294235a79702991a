"""Which engine is active, and engines by name; loaded when first chosen."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..errors import ArgumentError, UnknownBackend
from .config import config_file, settings
from .determinism import prepared, want_determinism
from .registry import backends

_chosen: ContextVar[str | None] = ContextVar("kcore_backend", default=None)
_device: ContextVar[str | None] = ContextVar("kcore_device", default=None)
_loaded: dict[str, Any] = {}
_lock = threading.RLock()


def current_engine_name() -> str:
    """The engine chosen by `use_backend`, KCORE_BACKEND, kcore.json, or the installed one of highest priority."""
    return _choice()[0]


def _choice() -> tuple[str, str]:
    """The active engine's name, and for an error who chose it, if it was not said in the program."""
    within = _chosen.get()
    if within:
        return within, ""
    from_environment = os.environ.get("KCORE_BACKEND")
    if from_environment:
        return from_environment, "the environment variable KCORE_BACKEND"
    if settings.backend:
        return settings.backend, f"the file {config_file()}"
    return backends.preferred(), "its priority; another can be chosen with KCORE_BACKEND"


def engine(name: str | None = None) -> Any:
    """The engine called `name` (default: the active one). Raises UnknownBackend with what is installed."""
    name, chooser = (name, "") if name else _choice()
    found = _loaded.get(name)
    if found is None:
        with _lock:
            found = _loaded.get(name)
            if found is None:
                found = _loaded[name] = prepared(_load(name, chooser))
    return found


def _load(name: str, chooser: str) -> Any:
    try:
        with _same_random_numbers():
            return backends.get(name)
    except UnknownBackend as error:
        if not chooser:
            raise
        raise UnknownBackend(f"{error}\n  {name!r} was chosen by {chooser}.") from error.__cause__


@contextlib.contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Libraries draw numbers while they are imported; a seed set before that must not lead elsewhere for it."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def determinism(seed: int | None = None) -> None:
    """Makes runs repeat bit for bit on one machine and engine, for the rest of the process; `seed` is passed on to
    `kcore.set_seed`.

    Engines then compute in a fixed order, also where that is slower, and threads that read data take turns, so that
    what they draw does not depend on which comes first. Raises Unsupported where an engine cannot do so.
    """
    want_determinism()
    with _lock:
        for made in _loaded.values():
            made.make_deterministic()
    if seed is not None:
        random.seed(seed)
        np.random.seed(seed % 2**32)


def devices(backend: str | None = None) -> list[str]:
    """The devices of an engine (default: the active one), such as ['cpu:0', 'gpu:0']."""
    return list(engine(backend).devices())


def current_device() -> str | None:
    """The device chosen by `device`, None if the engine may choose."""
    return _device.get()


@contextlib.contextmanager
def device(name: str) -> Iterator[str]:
    """Within the block, new models and variables belong on the device `name`: 'cpu:0', 'gpu:0', ...

    Raises ArgumentError if the active engine has no such device.
    """
    asked = str(name).lower().removeprefix("/").removeprefix("device:")
    asked = asked if ":" in asked else f"{asked}:0"
    there = devices()
    if asked not in there:
        hint = engine().missing_device(asked)
        raise ArgumentError(
            f"there is no device {name!r} on engine {current_engine_name()!r}; there is {', '.join(there)}."
            f"{' ' if hint else ''}{hint}"
        )
    token = _device.set(asked)
    try:
        yield asked
    finally:
        _device.reset(token)


@contextlib.contextmanager
def use_backend(name: str) -> Iterator[Any]:
    """Within the block, new models and functions belong to the engine called `name`."""
    made = engine(name)
    token = _chosen.set(name)
    try:
        yield made
    finally:
        _chosen.reset(token)
