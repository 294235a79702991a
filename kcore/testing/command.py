"""`kcore check NAME`: an engine, a collection of layers, and the package that either comes in."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .._lazy import lazy_module
from ..errors import ArgumentError, KcoreError, nearest
from ..kernel.context import engine as engine_named
from ..kernel.context import use_backend
from ..kernel.loader import PluginInfo, plugins
from ..kernel.registry import registries
from ..kernel.specs import API_VERSION
from . import collection, package_checks
from .layer_checks import CHECKS
from .report import Entry, Report
from .report import run as run_engine

rich_console = lazy_module("rich.console")


def check(name: str, level: str = "recurrent", backend: str | None = None, jobs: int = 1) -> Report:
    """Checks what is installed under `name`: an engine's, a plug-in's or a package's.

    level: for engines. backend: the engines on which layers are checked, separated by commas (None: all that are
    installed and load). jobs: processes that share the checks of an engine. Raises ArgumentError if nothing of that
    name is installed.
    """
    engine = name if name in registries["backends"] else ""
    info = _plugin_of(engine) if engine else collection.plugin_named(name)
    if info is None:
        known = [*registries["backends"].names(), *(p.name for p in plugins())]
        raise ArgumentError(
            f"there is neither an engine nor a plug-in {name!r}.{nearest(name, known)} "
            f"Installed: {', '.join(dict.fromkeys(known))}."
        )
    entries = package_entries(info)
    titles: list[str] = []
    notes: list[str] = []
    engines: list[str] = []
    asked: list[str] = []
    if info.state == "active":
        engines = [engine] if engine else info.gives.get("backends", [])
        for one in engines:
            titles.append(one)
            entries += _engine_entries(one, level, info, jobs)
        if not engine and "layers" in info.gives:
            chosen, notes = _engines_for_layers(backend)
            asked = registries["backends"].names() if backend is None else chosen
            titles.append(f"{info.name} on {', '.join(chosen)}")
            for one in chosen:
                entries += layer_entries(info.name, one)
    named = ", ".join(titles) or info.name
    return Report(named, level if engines else "", entries, [*engines, *asked], notes)


def _engine_entries(engine: str, level: str, info: PluginInfo, jobs: int) -> list[Entry]:
    """What the kit finds; if the engine does not load, that."""
    again = f"from kcore.kernel.context import engine\nengine({engine!r})"
    loads = _tried("engine: loads", "package", lambda: engine_named(engine), again)
    if loads.state == "failed":
        return [loads]
    methods = _method_entries(engine) if info.api == API_VERSION else []
    return [*run_engine(engine, level, jobs=jobs).entries, *methods]


def _engines_for_layers(backend: str | None) -> tuple[list[str], list[str]]:
    """The engines on which layers are checked, and what is to be said of the others."""
    if backend:
        return [name.strip() for name in backend.split(",") if name.strip()], []
    chosen, notes = [], []
    for name in registries["backends"].names():
        try:
            engine_named(name)
        except KcoreError as error:
            notes.append(f"not checked on {name}: {str(error).splitlines()[0]}")
        else:
            chosen.append(name)
    return chosen, notes


def _plugin_of(engine: str) -> PluginInfo | None:
    origin = registries["backends"].provenance(engine)
    found = [p for p in plugins() if (p.name, p.distribution) == (origin.plugin, origin.distribution)]
    # an engine that the program itself has registered comes in no package
    return found[0] if found else PluginInfo(engine, "", "", API_VERSION, gives={"backends": [engine]})


def package_entries(info: PluginInfo) -> list[Entry]:
    """The checks of a plug-in's package; none for kcore's own."""
    package = package_checks.package_of(info)
    if package is None:
        return []
    # a package of a former contract was right in its days: it is to work, and no more
    former = info.api is not None and info.api != API_VERSION
    names = ["found"] if info.state != "active" or former else list(package_checks.CHECKS)
    return [
        _tried(
            f"package: {n}", "package", lambda n=n: package_checks.CHECKS[n](package), _again(info.name, n)
        )
        for n in names
    ]


def _again(plugin: str, check: str) -> str:
    return f"from kcore.testing.package_checks import show\nshow({plugin!r}, {check!r})"


def _method_entries(engine: str) -> list[Entry]:
    told = (
        f"from kcore.kernel.context import engine\nfrom kcore.testing.package_checks import check_methods\n"
        f"check_methods(engine({engine!r}))"
    )
    return [
        _tried("engine: methods", "package", lambda: package_checks.check_methods(engine_named(engine)), told)
    ]


def _tried(name: str, area: str, run: Any, again: str) -> Entry:
    entry = Entry(name, area, area, "passed")
    try:
        run()
    except Exception as error:
        told = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        entry.state = "failed"
        entry.failures.append({"check": name.partition(": ")[2], "text": told, "snippet": again})
    return entry


def layer_entries(plugin: str, backend: str) -> list[Entry]:
    """One entry for each layer: all its samples through all checks, on `backend`."""
    try:
        found = collection.labelled(collection.samples_of(plugin))
    except KcoreError as error:
        entry = Entry("samples", f"layers on {backend}", "layer", "failed", str(error))
        entry.failures.append({"check": "samples", "text": str(error), "snippet": ""})
        return [entry]
    area = f"layers on {backend}"
    entries: dict[str, Entry] = {}
    with use_backend(backend):
        for label, sample in found.items():
            name = collection.class_of(sample)
            entry = entries.setdefault(name, Entry(name, area, "layer", "passed"))
            for check in CHECKS:
                reason = collection.why_not(sample, check)
                if reason:
                    entry.not_applicable.setdefault(check, reason)
                else:
                    _note(entry, plugin, label, sample, check, backend)
    for name in collection.without_sample(plugin, list(found.values())):
        text = f"{name} has no sample: add a LayerSample for it to what KCORE_SAMPLES names."
        entries[name] = Entry(name, area, "layer", "failed", text, [_failure("samples", text, "")])
    return list(entries.values())


def _note(entry: Entry, plugin: str, label: str, sample: Any, check: str, backend: str) -> None:
    state, told = collection.state_of(sample, check)
    if state == "failed":
        entry.state = "failed"
        again = collection.snippet(plugin, label, check, backend)
        entry.failures.append(_failure(check, f"{label}: {told}", again))
    elif state == "unsupported" and entry.state == "passed":
        entry.state, entry.kind, entry.reason = "unsupported", "unsupported", f"({check}) {told}"


def _failure(check: str, text: str, snippet: str) -> dict[str, str]:
    return {"check": check, "text": text, "snippet": snippet}


def run(options: argparse.Namespace) -> int:
    """The command; the exit status is 1 if anything failed. Raises ArgumentError if a file could not be written."""
    for path in filter(None, (options.json, options.html, options.card)):
        if not Path(path).absolute().parent.is_dir():  # before minutes of work, not after
            raise ArgumentError(f"{path!r} cannot be written: there is no folder {str(Path(path).parent)!r}.")
    with rich_console.Console(stderr=True).status(f"checking {options.name}"):  # seen on a terminal only
        report = check(options.name, options.level, options.backend, options.jobs)
    for path, text in (
        (options.json, report.json), (options.html, report.html), (options.card, report.card),
    ):  # fmt: skip
        if path:
            report.write(path, text())
    report.print()
    return report.status
