"""`kcore doctor`: what is installed, what does not work and why, and the lines that mend it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import sys
from importlib import metadata
from typing import Any

import numpy as np

from .. import __version__
from ..errors import KcoreError
from ..kernel.config import config_file, problem_of_config, settings
from ..kernel.context import current_engine_name
from ..kernel.context import engine as engine_named
from ..kernel.hints import INSTALL_HINTS
from ..kernel.loader import GROUP, plugins, unmatched_names
from ..kernel.registry import registries
from ..kernel.specs import API_VERSION
from .requirements import extras_of, normal, requirements_of

SETTINGS = ("KCORE_BACKEND", "KCORE_HOME", "KCORE_PLUGINS", "KCORE_STRICT_PLUGINS")


def examine() -> dict[str, Any]:
    """Everything that the page shows, as plain data. Loads every engine that is installed."""
    found: dict[str, Any] = {
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in ("kcore", np.__name__, "h5py", "pluggy", "rich")},
        "settings": {name: os.environ[name] for name in SETTINGS if name in os.environ},
        "config_file": str(config_file()),
        "engines": [_engine(name) for name in registries["backends"].names()],
        "plugins": [_plugin(p) for p in plugins()],
        "conflicts": conflicts(),
        "warnings": [],
    }
    found["packages"]["kcore"] = __version__
    try:
        found["engine_in_use"] = current_engine_name()
    except KcoreError as error:
        found["engine_in_use"] = None
        found["warnings"].append(str(error))
    in_use = found["engine_in_use"]
    if in_use and in_use not in registries["backends"]:
        told = f"the engine {in_use!r} is chosen{_by_whom()}, but is not installed."
        found["warnings"].append(told)
    found["warnings"] += [problem for problem in (problem_of_config(), _unmatched()) if problem]
    found["remedies"] = remedies(found)
    found["healthy"] = not (
        found["conflicts"]
        or found["warnings"]
        or any(e["problem"] for e in found["engines"])
        or any(p["state"] == "set aside" for p in found["plugins"])
    )
    return found


def _by_whom() -> str:
    if os.environ.get("KCORE_BACKEND"):
        return " by KCORE_BACKEND"
    return f" by {config_file()}" if settings.backend else ""


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _engine(name: str) -> dict[str, Any]:
    registry = registries["backends"]
    spec, origin = registry.entries[name]
    told: dict[str, Any] = {
        "name": name, "package": origin.distribution, "version": origin.version, "priority": spec.priority,
        "needs": {n: _version_of_module(n) for n in spec.needs}, "devices": [], "problem": "",
    }  # fmt: skip
    try:
        told["devices"] = list(engine_named(name).devices())
    except Exception as error:  # a stranger's library may fail in any way while it is loaded
        told["problem"] = str(error).splitlines()[0] if str(error) else type(error).__name__
    return told


def _version_of_module(module: str) -> str | None:
    return next(map(_version, _distributions(module)), None)


def _distributions(module: str) -> list[str]:
    """The packages that bring a module."""
    return metadata.packages_distributions().get(module.partition(".")[0], [])


def _plugin(info: Any) -> dict[str, Any]:
    gives = {family: len(names) for family, names in info.gives.items()}
    return {
        "name": info.name, "package": info.distribution, "version": info.version, "contract": info.api,
        "state": info.state, "reason": info.reason, "gives": gives,
    }  # fmt: skip


def _unmatched() -> str:
    names = unmatched_names()
    if not names:
        return ""
    known = ", ".join(p.name for p in plugins()) or "none"
    return (
        f"KCORE_PLUGINS lists {', '.join(map(repr, names))}, which no installed plug-in is called ({known})."
    )


# versions ------------------------------------------------------------------------------------------------------
def conflicts() -> list[dict[str, str]]:
    """Packages that kcore and its plug-ins ask for, and that are missing or of a version they do not take."""
    owners = {"kcore", *(e.dist.metadata["Name"] for e in metadata.entry_points(group=GROUP) if e.dist)}
    return [c for owner in sorted(owners) for c in _unmet(owner)]


def _unmet(owner: str) -> list[dict[str, str]]:
    found = []
    for asked in requirements_of(owner):
        installed = __version__ if asked.name == "kcore" else _version(asked.name)
        if not asked.met_by(installed):
            told = installed or "not installed"
            found.append({"package": owner, "needs": asked.text, "found": told, "name": asked.name})
    return found


# what to do ----------------------------------------------------------------------------------------------------
def remedies(found: dict[str, Any]) -> list[str]:
    """Lines for a shell, each mending something that was found."""
    lines = [_pip("install", c["needs"]) for c in found["conflicts"]]
    for engine in found["engines"]:
        if engine["problem"]:
            lines.append(_mending_engine(engine))
    for plugin in found["plugins"]:
        if plugin["state"] == "set aside" and plugin["package"] not in ("", "(unknown)"):
            lines.append(_mending_plugin(plugin))
    chosen = found["engine_in_use"]
    if chosen and chosen not in registries["backends"]:
        lines.append(_mending_choice(chosen))
    if _unmatched():
        lines.append("unset KCORE_PLUGINS")
    return list(dict.fromkeys(filter(None, lines)))


def _mending_engine(engine: dict[str, Any]) -> str:
    """The line for an engine that does not load."""
    package = engine["package"]
    missing = [n for n, v in engine["needs"].items() if v is None]
    if missing:
        return _pip("install", *(text for module in missing for text in _what_brings(module, package)))
    # its library is there, and perhaps not what that needs
    libraries = {d for n in engine["needs"] for d in _distributions(n)}
    lacking = _MISSING.search(engine["problem"])
    if lacking:
        owners = [package, *sorted(libraries)]
        return _pip("install", *_what_brings(lacking[1].partition(".")[0], *owners))
    unmet = [c["needs"] for library in sorted(libraries) for c in _unmet(library)]
    return _pip("install", *unmet) if unmet else _pip("install", "--force-reinstall", package)


_MISSING = re.compile(r"No module named '([^']+)'")


def _what_brings(module: str, *packages: str) -> list[str]:
    """What to install for a module: as one of the packages asks for it, or a whole extra of one; else its name."""
    fits = lambda r: normal(r.name) == normal(module) or normal(r.name).startswith(f"{normal(module)}-")
    for package in packages:
        for extra in ("", *extras_of(package)):
            asked = requirements_of(package, extra)
            own = [r for r in asked if fits(r)]
            if own:
                return [r.text for r in (asked if extra else own)]
    return [module]


def _mending_plugin(plugin: dict[str, Any]) -> str:
    """The line for a plug-in that is set aside."""
    package, lacking = plugin["package"], _MISSING.search(plugin["reason"])
    if "contract version" in plugin["reason"]:
        newer = isinstance(plugin["contract"], int) and plugin["contract"] > API_VERSION
        return _pip("install", "--upgrade", "kcore" if newer else package)
    if lacking:
        top = lacking[1].partition(".")[0]
        if package in _provided_by(top):
            return _pip("install", "--force-reinstall", package)
        return _pip("install", *_what_brings(top, package))
    return _pip("uninstall", "-y", package)


def _provided_by(module: str) -> list[str]:
    """Packages by whose files a module is meant; those of a damaged installation as well."""
    named = [
        e.dist for e in metadata.entry_points(group=GROUP) if e.dist and e.module.partition(".")[0] == module
    ]
    return [*_distributions(module), *(d.metadata["Name"] for d in named)]


def _mending_choice(chosen: str) -> str:
    """The line for an engine that is chosen and not there."""
    if chosen in INSTALL_HINTS:
        return _pip("install", INSTALL_HINTS[chosen])
    return "unset KCORE_BACKEND" if os.environ.get("KCORE_BACKEND") else ""


def _pip(*words: str) -> str:
    python = shlex.quote(sys.executable or "python")
    return " ".join([python, "-m", "pip", *map(shlex.quote, words)])


# the page ------------------------------------------------------------------------------------------------------
def page(found: dict[str, Any]) -> str:
    """The findings as plain text."""
    packages = ", ".join(f"{n} {v or 'not installed'}" for n, v in found["packages"].items())
    lines = [
        f"Python    {found['python']['version']} ({found['python']['executable']})",
        f"system    {found['platform']}",
        f"packages  {packages}",
        f"settings  {', '.join(f'{k}={v}' for k, v in found['settings'].items()) or 'none in the environment'}",
        f"engine    {found['engine_in_use'] or 'none'}",
        "",
        "Engines",
    ]
    for engine in found["engines"]:
        needs = ", ".join(f"{n} {v or 'missing'}" for n, v in engine["needs"].items())
        told = engine["problem"] or f"loads; devices {', '.join(engine['devices'])}"
        about = f"{engine['package']} {engine['version']}".strip() + (f", {needs}" if needs else "")
        lines.append(f"  {engine['name']}: {told} ({about})")
    lines += ["", "Plug-ins"]
    for plugin in found["plugins"]:
        gives = ", ".join(f"{n} {family}" for family, n in plugin["gives"].items())
        told = f": {plugin['reason']}" if plugin["reason"] else (f": {gives}" if gives else "")
        lines.append(f"  {plugin['name']} ({plugin['package']} {plugin['version']}) {plugin['state']}{told}")
    for title, texts in (
        (
            "Conflicts",
            [f"{c['package']} needs {c['needs']}; found: {c['found']}" for c in found["conflicts"]],
        ),
        ("Warnings", found["warnings"]),
        ("What mends it", found["remedies"]),
    ):
        if texts:
            lines += ["", title, *(f"  {t}" for t in texts)]
    return "\n".join(
        [*lines, "", "Nothing is wrong." if found["healthy"] else "Something is wrong: see above."]
    )


def run(options: argparse.Namespace) -> int:
    """The command; the exit status is 1 if something is wrong."""
    found = examine()
    print(json.dumps(found, indent=1, default=str) if options.json else page(found))
    return 0 if found["healthy"] else 1
