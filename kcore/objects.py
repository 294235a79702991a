"""Finding, describing and restoring the objects that models are made of: by name, by config, or as they are.

Only what is registered (by kcore, a plug-in or the user's `custom_objects`) can be named: no module is ever
imported because a config says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .errors import ArgumentError, UnknownName, nearest
from .kernel.registry import registries

_global: dict[str, Any] = {}
_scoped: ContextVar[tuple[Mapping[str, Any], ...]] = ContextVar("kcore_custom_objects", default=())


def get_custom_objects() -> dict[str, Any]:
    """The process-wide table of the user's own names; change it in place."""
    return _global


def scoped() -> tuple[Mapping[str, Any], ...]:
    """The tables of the custom scopes around here, innermost first."""
    return _scoped.get()


class CustomObjectScope:
    """`with CustomObjectScope({"Scale": Scale}):` makes the user's own names known inside."""

    def __init__(self, *tables: Mapping[str, Any]) -> None:
        self.tables = tables

    def __enter__(self) -> CustomObjectScope:
        self._token = _scoped.set((*self.tables, *_scoped.get()))
        return self

    def __exit__(self, *details: Any) -> None:
        _scoped.reset(self._token)


def custom_object_scope(*tables: Mapping[str, Any]) -> CustomObjectScope:
    return CustomObjectScope(*tables)


_trusting: ContextVar[bool] = ContextVar("kcore_trusts_code", default=False)


def code_is_trusted() -> bool:
    """Whether code in a config may be run: only within `trusting_code`, which `safe_mode=False` means."""
    return _trusting.get()


@contextmanager
def trusting_code(trusted: bool) -> Iterator[None]:
    """Within it, code in configs (the bytecode of a Lambda) may be run, or not. It holds in this thread only."""
    token = _trusting.set(bool(trusted))
    try:
        yield
    finally:
        _trusting.reset(token)


@contextmanager
def _with(custom_objects: Mapping[str, Any] | None) -> Iterator[None]:
    if not custom_objects:
        yield
        return
    with CustomObjectScope(custom_objects):
        yield


def custom(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The user's own object of that name, from `custom_objects`, a scope, or what is known everywhere; None if none."""
    return next((t[name] for t in (custom_objects or {}, *_scoped.get(), _global) if name in t), None)


def find(family: str, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """What `name` stands for in a family. Raises UnknownName with the nearest match."""
    own = custom(name, custom_objects)
    if own is not None:
        return own
    registry = registries[family]
    if name in registry:
        return registry.get(name)
    try:
        return registry.get(name)
    except UnknownName as error:
        own = nearest(name, {*_global, *(k for t in _scoped.get() for k in t)})
        text = str(error) + (own if "Did you mean" not in str(error) else "")
        hint = "\n  If it is your own, pass custom_objects={...} or use CustomObjectScope."
        raise UnknownName(text + hint) from None


def config_of(instance: Any) -> dict[str, Any]:
    return {"class_name": type(instance).__name__, "config": instance.get_config()}


def serialize(instance: Any) -> Any:
    """An object as {'class_name', 'config'}, a function as its name, None as None."""
    if instance is None:
        return None
    if hasattr(instance, "get_config") and not inspect.isclass(instance):
        return config_of(instance)
    if hasattr(instance, "__name__"):
        return instance.__name__
    raise ArgumentError(f"{instance!r} cannot be serialized: it has neither get_config() nor a name.")


def deserialize(family: str, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The object that `serialize` described. Raises UnknownName for names that nobody registered."""
    if config is None:
        return None
    with _with(custom_objects):
        if isinstance(config, str):
            found = find(family, config)
            return found() if inspect.isclass(found) else found
        if not isinstance(config, Mapping) or "class_name" not in config or "config" not in config:
            raise ArgumentError(
                f"a config is {{'class_name': ..., 'config': {{...}}}}; {config!r} was given."
            )
        found = find(family, config["class_name"])
        given = config["config"] or {}
        if not hasattr(found, "from_config"):
            return found(**given)
        if "custom_objects" in inspect.signature(found.from_config).parameters:
            tables: dict[str, Any] = {}
            for table in reversed((*_scoped.get(), _global)):
                tables.update(table)
            return found.from_config(given, custom_objects=tables)
        return found.from_config(given)


def get(family: str, identifier: Any) -> Any:
    """From a name, a config or the object itself. Raises UnknownName or ArgumentError."""
    if identifier is None:
        return None
    if isinstance(identifier, (str, Mapping)):
        return deserialize(family, identifier)
    if inspect.isclass(identifier):
        return identifier()
    if callable(identifier):
        return identifier
    raise ArgumentError(
        f"{identifier!r} cannot be understood as one of the {family}; give a name, a config or an object."
    )
