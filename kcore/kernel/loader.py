"""Finds plug-ins by their entry points, checks them, and fills the registries.

Whatever is wrong with a plug-in is its own affair: it is set aside with the reason, and all others go on.
"""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module, metadata
from typing import Any

import pluggy

from ..errors import PluginConflict, PluginError
from . import hookspecs
from .registry import Origin, registries, set_discovery
from .specs import API_VERSION, FAMILIES, SUPPORTED_API

GROUP = "kcore"
# kcore's own plug-ins: first, so that their names are taken
BUILTIN = {"numpy_engine": "kcore.engines.numpy_plugin", "standard": "kcore.standard"}


@dataclass
class PluginInfo:
    """One plug-in: `state` is 'active', 'set aside' or 'not allowed'; `gives`: family -> names."""

    name: str
    distribution: str
    version: str
    api: int | None = None
    state: str = "active"
    reason: str = ""
    gives: dict[str, list[str]] = field(default_factory=dict)

    @property
    def origin(self) -> Origin:
        return Origin(self.name, self.distribution, self.version)


@dataclass(frozen=True)
class Candidate:
    """A plug-in before it is looked at: `load` imports its module."""

    name: str
    distribution: str
    version: str
    load: Callable[[], Any]


_plugins: list[PluginInfo] = []
_state = threading.local()
_done = threading.Event()
_lock = threading.RLock()


def plugins() -> list[PluginInfo]:
    """Every plug-in with what it gives, its version, contract version, state and reason."""
    discover()
    return list(_plugins)


def discover() -> None:
    """Runs once per process; afterwards costs nothing. With KCORE_STRICT_PLUGINS=1, raises PluginError."""
    if _done.is_set() or getattr(_state, "running", False):
        return
    with _lock:
        if _done.is_set():
            return
        _state.running = True
        try:
            load_all([*_builtin(), *_installed()])
            _done.set()
        finally:
            _state.running = False


def load_all(candidates: Iterable[Candidate]) -> None:
    """Looks at each candidate in turn; the state of each is then in `plugins()`."""
    strict = os.environ.get("KCORE_STRICT_PLUGINS") == "1"
    manager = pluggy.PluginManager("kcore")
    manager.add_hookspecs(hookspecs)
    for candidate in candidates:
        info = PluginInfo(candidate.name, candidate.distribution, candidate.version)
        _plugins.append(info)
        if not _allowed(candidate):
            info.state, info.reason = "not allowed", "KCORE_PLUGINS does not list it"
            continue
        try:
            _admit(candidate, info, manager)
        except Exception as error:  # whatever a stranger's code raises must not stop the others
            info.state, info.reason = "set aside", _told(error)
            _refuse(info)
            if strict:
                raise PluginError(
                    f"plug-in {info.name!r} ({info.origin}) cannot be used: {info.reason}"
                ) from error


def _told(error: Exception) -> str:
    own = isinstance(error, (PluginError, PluginConflict))
    return str(error) if own else f"{type(error).__name__}: {error}"


def _builtin() -> list[Candidate]:
    version = import_module("kcore").__version__
    return [Candidate(n, "kcore", version, lambda m=m: import_module(m)) for n, m in BUILTIN.items()]  # type: ignore


def _installed() -> list[Candidate]:
    found = []
    for entry in metadata.entry_points(group=GROUP):
        distribution = entry.dist
        name = distribution.metadata["Name"] if distribution else "(unknown)"
        version = distribution.version if distribution else ""
        found.append(Candidate(entry.name, name, version, entry.load))
    # by distribution, so that in a conflict it is always the same one that is set aside
    return sorted(found, key=lambda c: (c.distribution.lower(), c.name))


def _allowed(candidate: Candidate) -> bool:
    listed = os.environ.get("KCORE_PLUGINS")
    if listed is None or candidate.distribution == "kcore":
        return True
    return candidate.name in {n.strip() for n in listed.split(",")} - {"none"}


def _admit(candidate: Candidate, info: PluginInfo, manager: pluggy.PluginManager) -> None:
    """Imports, checks, asks for descriptions, and registers all of them or none."""
    module = candidate.load()
    info.api = getattr(module, "KCORE_API", API_VERSION)
    _check_version(info.api)
    manager.register(module, name=f"{candidate.distribution}:{candidate.name}")
    try:
        _check_hook_names(module, manager)
        offered = _descriptions(module, manager)
        info.gives = {family: [s.name for s in specs] for family, specs in offered.items()}
        for specs in offered.values():
            for spec in specs:
                _check_version(spec.api)
        _check_conflicts(offered, info)
    except Exception:
        manager.unregister(module)
        raise
    for family, specs in offered.items():
        for spec in specs:
            registries[family].entries[spec.name] = (spec, info.origin)


def _check_version(api: Any) -> None:
    if api not in SUPPORTED_API:
        raise PluginError(
            f"it is written for contract version {api}; this kcore has "
            f"{', '.join(map(str, SUPPORTED_API))}. Install a matching version of the plug-in or of kcore."
        )


def _hooks_of(module: Any) -> list[str]:
    """Names of functions in `module` that carry the hook marker."""
    return [name for name in dir(module) if getattr(getattr(module, name), "kcore_impl", None) is not None]


def _check_hook_names(module: Any, manager: pluggy.PluginManager) -> None:
    known = [hook for hook, _ in FAMILIES.values()]
    for name in _hooks_of(module):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise PluginError(f"it implements a hook {name!r}, which does not exist.{hint}")
    manager.check_pending()


def _descriptions(module: Any, manager: pluggy.PluginManager) -> dict[str, list[Any]]:
    """What the plug-in's hooks return, each value checked."""
    offered: dict[str, list[Any]] = {}
    others = [p for p in manager.get_plugins() if p is not module]
    for family, (hook, kind) in FAMILIES.items():
        if not hasattr(module, hook):
            continue
        # the hook of this plug-in alone: what fails is then known to be its own
        (specs,) = manager.subset_hook_caller(hook, others)() or ([],)
        for spec in specs if isinstance(specs, (list, tuple)) else [specs]:
            if not isinstance(spec, kind):
                raise PluginError(f"{hook}() gave {spec!r}; a list of {kind.__name__} is needed.")
        offered[family] = list(specs)
    return offered


def _check_conflicts(offered: dict[str, list[Any]], info: PluginInfo) -> None:
    for family, specs in offered.items():
        taken = registries[family].entries
        for spec in specs:
            if spec.name in taken:
                first = taken[spec.name][1]
                raise PluginConflict(
                    f"{family[:-1]} {spec.name!r} is offered by {first} and {info.origin}. Uninstall one."
                )


def _refuse(info: PluginInfo) -> None:
    for family, names in info.gives.items():
        for name in names:
            registries[family].refused[name] = f"{name!r} would come from {info.origin}: {info.reason}"
    if not info.gives:  # it never got to say what it gives: its names may be anything
        reason = f"plug-in {info.name!r} ({info.origin}) was set aside: {info.reason}"
        for registry in registries.values():
            registry.broken.append(reason)


set_discovery(discover)
