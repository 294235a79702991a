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
from ..kernel.config import config_file, problem_of_config
from ..kernel.context import current_engine_name
from ..kernel.context import engine as engine_named
from ..kernel.hints import INSTALL_HINTS
from ..kernel.loader import GROUP, plugins, unmatched_names
from ..kernel.registry import registries

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
        told = f"the engine {in_use!r} is chosen, but is not installed."
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
    for distribution in metadata.packages_distributions().get(module.partition(".")[0], []):
        return _version(distribution)
    return None


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
    found = []
    for owner in sorted(owners):
        try:
            asked = metadata.requires(owner) or []
        except metadata.PackageNotFoundError:  # kcore itself, run out of its folder
            continue
        for requirement in asked:
            name, _, marker = requirement.partition(";")
            if not marker.strip():
                found += _conflict(owner, name.strip())
    return found


def _conflict(owner: str, requirement: str) -> list[dict[str, str]]:
    parts = re.match(r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*\(?([^)]*)\)?", requirement)
    if parts is None:
        return []
    name, range_ = parts[1], parts[2].strip()
    installed = __version__ if name == "kcore" else _version(name)
    if installed is not None and satisfies(installed, range_):
        return []
    return [
        {"package": owner, "needs": f"{name}{range_}", "found": installed or "not installed", "name": name}
    ]


def satisfies(version: str, range_: str) -> bool:
    """Whether a version lies in a range such as '>=1.2,<2'. What is not a plain comparison counts as fulfilled."""
    for clause in filter(None, (c.strip() for c in range_.split(","))):
        parts = re.fullmatch(r"(>=|<=|==|!=|~=|>|<)\s*([0-9][0-9A-Za-z.+]*)(\.\*)?", clause)
        if parts is None:
            continue
        sign, (a, b) = parts[1], (_numbers(version), _numbers(parts[2]))
        if parts[3]:
            same = a[: len(b)] == b
            held = same if sign == "==" else not same
        elif sign == "~=":
            held = a >= b and a[: len(b) - 1] == b[:-1]
        else:
            size = max(len(a), len(b))
            a, b = (x + (0,) * (size - len(x)) for x in (a, b))
            held = {">=": a >= b, "<=": a <= b, "==": a == b, "!=": a != b, ">": a > b, "<": a < b}[sign]
        if not held:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    leading = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, leading[0].split("."))) if leading else ()


# what to do ----------------------------------------------------------------------------------------------------
def remedies(found: dict[str, Any]) -> list[str]:
    """Lines for a shell, each mending something that was found."""
    lines = [_pip("install", c["needs"]) for c in found["conflicts"]]
    for engine in found["engines"]:
        missing = [n for n, v in engine["needs"].items() if v is None]
        if engine["problem"]:
            again = _pip("install", "--force-reinstall", engine["package"])
            lines.append(_pip("install", *missing) if missing else again)
    for plugin in found["plugins"]:
        if plugin["state"] != "set aside" or plugin["package"] in ("", "(unknown)"):
            continue
        if "contract version" in plugin["reason"]:
            lines.append(_pip("install", "--upgrade", plugin["package"]))
        else:
            lines.append(_pip("uninstall", plugin["package"]))
    chosen = found["engine_in_use"]
    if chosen in INSTALL_HINTS and chosen not in registries["backends"]:
        lines.append(_pip("install", INSTALL_HINTS[chosen]))
    if _unmatched():
        lines.append("unset KCORE_PLUGINS")
    return list(dict.fromkeys(lines))


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
