"""Finds plug-ins by their entry points, checks them, and fills the registries.

Whatever is wrong with a plug-in is its own affair: it is set aside with the reason, and all others go on.
"""

from __future__ import annotations

import inspect
import os
import threading
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module, metadata
from typing import Any

import pluggy

from ..errors import KcoreError, PluginError, nearest
from . import hookspecs
from .registry import OWN, Origin, Registry, registries, set_discovery
from .specs import API_VERSION, FAMILIES, SUPPORTED_API

GROUP = "kcore"
# kcore's own plug-ins: first, so that their names are taken
BUILTIN_PLUGINS = (("numpy_engine", "kcore.engines.numpy_plugin"), ("standard", "kcore.standard"))


@dataclass(frozen=True)
class PluginInfo:
    """One plug-in: `state` is 'active', 'set aside' or 'not allowed'; `gives`: family -> names.

    A plug-in is active as a whole or not at all: half of it may not work without the other half.
    """

    name: str
    distribution: str
    version: str
    api: Any = None
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
    own: bool = False  # kcore's own is not restricted by KCORE_PLUGINS


@dataclass
class _Findings:
    """What is known of a plug-in so far; a plug-in that fails half-way leaves what it had said."""

    api: Any = None
    gives: dict[str, list[str]] = field(default_factory=dict)


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
        except BaseException:
            _forget()  # so that the next attempt begins where this one did
            raise
        finally:
            _state.running = False
    missed = unmatched_names()
    if missed:
        told = ", ".join(map(repr, missed))
        warnings.warn(f"KCORE_PLUGINS lists {told}, which no installed plug-in is called.", stacklevel=2)


def own_names() -> dict[str, set[str]]:
    """Family -> the names that kcore itself gives; nobody else's plug-in is asked, or even imported."""
    manager = pluggy.PluginManager("kcore")
    manager.add_hookspecs(hookspecs)
    found: dict[str, set[str]] = {}
    for candidate in _builtin():
        module = candidate.load()
        manager.register(module)
        for family, specs in _descriptions(module, _hooks_of(module), manager).items():
            found.setdefault(family, set()).update(n for s in specs for n in s.names)
    return found


def unmatched_names() -> list[str]:
    """Names in KCORE_PLUGINS that no plug-in has. Discovers nothing by itself."""
    known = {p.name for p in _plugins}
    return sorted(_listed(os.environ.get("KCORE_PLUGINS", "")) - known)


def _listed(text: str) -> set[str]:
    return {n.strip() for n in text.split(",")} - {"none", ""}


def _forget() -> None:
    _plugins.clear()
    for registry in registries.values():
        registry.clear()


def load_all(candidates: Iterable[Candidate]) -> None:
    """Looks at each candidate in turn; the state of each is then in `plugins()`."""
    strict = os.environ.get("KCORE_STRICT_PLUGINS") == "1"
    manager = pluggy.PluginManager("kcore")
    manager.add_hookspecs(hookspecs)
    for candidate in candidates:
        identity = candidate.name, candidate.distribution, candidate.version
        if not _allowed(candidate):
            _refuse(PluginInfo(*identity, state="not allowed", reason="KCORE_PLUGINS does not list it"))
            continue
        findings = _Findings()
        try:
            _admit(candidate, findings, manager)
        except (Exception, SystemExit) as error:  # whatever a stranger's code raises must not stop the others
            info = PluginInfo(*identity, findings.api, "set aside", _told(error), findings.gives)
            _refuse(info)
            if strict:
                raise PluginError(
                    f"plug-in {info.name!r} ({info.origin}) cannot be used: {info.reason}"
                ) from error
        else:
            _plugins.append(PluginInfo(*identity, findings.api, gives=findings.gives))


def _told(error: BaseException) -> str:
    return str(error) if isinstance(error, KcoreError) else f"{type(error).__name__}: {error}"


def _builtin() -> list[Candidate]:
    version = import_module(OWN).__version__
    return [
        Candidate(name, OWN, version, partial(import_module, module), own=True)
        for name, module in BUILTIN_PLUGINS
    ]


def _installed() -> list[Candidate]:
    found = [
        Candidate(entry.name, *_distribution_of(entry), entry.load)
        for entry in metadata.entry_points(group=GROUP)
    ]
    # by distribution, so that in a conflict it is always the same one that is set aside
    return sorted(found, key=lambda c: (c.distribution.lower(), c.name))


def _distribution_of(entry: metadata.EntryPoint) -> tuple[str, str]:
    """Name and version of the package; a damaged installation may lack either."""
    try:
        about: Any = entry.dist.metadata if entry.dist else {}
        name, version = (str(about[key]) if key in about else "" for key in ("Name", "Version"))
    except (ImportError, OSError, TypeError, ValueError):
        name = version = ""
    return name or "(unknown)", version


def _allowed(candidate: Candidate) -> bool:
    listed = os.environ.get("KCORE_PLUGINS")
    if listed is None or candidate.own:
        return True
    return candidate.name in _listed(listed)


def _admit(candidate: Candidate, findings: _Findings, manager: pluggy.PluginManager) -> None:
    """Imports, checks, asks for descriptions, and registers all of them or none."""
    module = candidate.load()
    findings.api = getattr(module, "KCORE_API", API_VERSION)
    _check_version(findings.api)
    hooks = _hooks_of(module)
    manager.register(module, name=f"{candidate.distribution}:{candidate.name}")
    try:
        offered = _descriptions(module, hooks, manager)
    except BaseException:
        manager.unregister(module)
        raise
    findings.gives = {family: [n for s in specs for n in s.names] for family, specs in offered.items()}
    origin = Origin(candidate.name, candidate.distribution, candidate.version)
    _check_specs(offered, origin)
    for family, specs in offered.items():
        for spec in specs:
            registries[family].register(spec, origin)


def _check_version(api: Any) -> None:
    if api not in SUPPORTED_API:
        raise PluginError(
            f"it is written for contract version {api}; this kcore has "
            f"{', '.join(map(str, SUPPORTED_API))}. Install a matching version of the plug-in or of kcore."
        )


def _hooks_of(module: Any) -> set[str]:
    """The hooks that a plug-in implements. Raises PluginError for one that does not exist or is not marked."""
    known = {hook for hook, _ in FAMILIES.values()}
    found = set()
    for name in dir(module):
        # static, and functions only: asking a lazily imported module for the mark would import it
        function = inspect.getattr_static(module, name, None)
        if not inspect.isroutine(function):
            continue
        marks = getattr(function, "kcore_impl", None)
        if marks is not None:
            found.add(_known_hook(marks.get("specname") or name, known))
        elif name in known:
            raise PluginError(f"its {name}() lacks the decorator @hookimpl (from kcore.spi import hookimpl).")
    return found


def _known_hook(name: str, known: set[str]) -> str:
    if name not in known:
        raise PluginError(f"it implements a hook {name!r}, which does not exist.{nearest(name, known)}")
    return name


def _descriptions(module: Any, hooks: set[str], manager: pluggy.PluginManager) -> dict[str, list[Any]]:
    """What the plug-in's hooks return, each value checked."""
    offered: dict[str, list[Any]] = {}
    others = [p for p in manager.get_plugins() if p is not module]
    for family, (hook, kind) in FAMILIES.items():
        if hook not in hooks:
            continue
        # the hook of this plug-in alone: what fails is then known to be its own
        given = manager.subset_hook_caller(hook, others)()
        specs = given[0] if given else []
        offered[family] = list(specs) if isinstance(specs, (list, tuple)) else [specs]
        for spec in offered[family]:
            if not isinstance(spec, kind):
                raise PluginError(f"{hook}() gave {spec!r}; a list of {kind.__name__} is needed.")
    return offered


def _check_specs(offered: dict[str, list[Any]], origin: Origin) -> None:
    """Versions and names of all descriptions, before the first of them is registered."""
    for family, specs in offered.items():
        trial = Registry(family)
        trial.entries = dict(registries[family].entries)
        for spec in specs:
            _check_version(spec.api)
            trial.register(spec, origin)


def _refuse(info: PluginInfo) -> None:
    """Remembers a plug-in that is not used, for those who ask for what it would have given."""
    _plugins.append(info)
    for family, names in info.gives.items():
        for name in names:
            registries[family].refused[name] = f"{name!r} would come from {info.origin}: {info.reason}"
    for registry in registries.values():
        registry.unused.add(info.distribution)
        if info.state == "not allowed":
            registry.withheld.append(f"{info.name} ({info.origin})")
        elif not info.gives:  # it never got to say what it gives: its names may be anything
            registry.broken.append(f"plug-in {info.name!r} ({info.origin}) was set aside: {info.reason}")


set_discovery(discover)
