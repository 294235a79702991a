"""The conformance kit without a test runner: `run(engine)` and `kcore check ENGINE`."""

from __future__ import annotations

import dataclasses
import json as _json
import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

from .._lazy import lazy_module
from ..backend.declare import Operation, declared, operation
from ..errors import ArgumentError
from ..kernel.context import engine as engine_named
from . import checks, models, pages

rich_console = lazy_module("rich.console")
rich_table = lazy_module("rich.table")


@dataclass
class Entry:
    """What was found out about one operation, or about training one kind of model."""

    name: str
    area: str
    # 'native' (the engine's own), 'composed' (of other operations), 'unsupported', 'model', 'layer', 'package'
    kind: str
    state: str  # 'passed', 'failed', 'unsupported', 'not asked' (above the level)
    reason: str = ""
    not_applicable: dict[str, str] = field(default_factory=dict)  # check -> why it says nothing here
    failures: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Report:
    """All entries. `passed` if nothing failed; `print()` shows it, `save(path)` writes JSON.

    level: '' where no engine is checked. engines: those that were asked for. notes: what else a reader must know, such
    as an engine that was left out.
    """

    engine: str
    level: str
    entries: list[Entry]
    engines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[Entry]:
        return [e for e in self.entries if e.state == "failed"]

    @property
    def unsupported(self) -> dict[str, str]:
        return {e.name: e.reason for e in self.entries if e.state == "unsupported"}

    @property
    def not_asked(self) -> list[str]:
        """Operations above the level."""
        return [e.name for e in self.entries if e.state == "not asked"]

    @property
    def passed(self) -> bool:
        return not self.failed

    @property
    def status(self) -> int:
        """The exit status of the command."""
        return 0 if self.passed else 1

    def areas(self) -> dict[str, dict[str, int]]:
        """For each area how many operations passed, failed, are unsupported; of the passed, native and composed."""
        found: dict[str, dict[str, int]] = {}
        for entry in self.entries:
            if entry.state == "not asked":
                continue
            counts = found.setdefault(
                entry.area, {"passed": 0, "native": 0, "composed": 0, "unsupported": 0, "failed": 0}
            )
            counts[entry.state] += 1
            if entry.state == "passed" and entry.kind in counts:
                counts[entry.kind] += 1
        return found

    @property
    def title(self) -> str:
        return f"{self.engine}: level {self.level}" if self.level else self.engine

    def json(self) -> str:
        """All there is, as JSON."""
        told = {"engine": self.engine, "level": self.level, "passed": self.passed, "areas": self.areas()}
        told |= {"engines": self.engines, "notes": self.notes}
        told["entries"] = [dataclasses.asdict(e) for e in self.entries]
        return _json.dumps(told, indent=1)

    def html(self) -> str:
        """A page that needs nothing else."""
        return pages.html(self)

    def card(self) -> str:
        """A summary in Markdown, for the README of the plug-in."""
        return pages.card(self)

    def write(self, path: Any, text: str) -> None:
        Path(path).write_text(text, encoding="utf-8")

    def save(self, path: Any) -> None:
        """Writes the report as JSON."""
        self.write(path, self.json())

    def print(self, console: Any = None) -> None:
        console = console or rich_console.Console()
        columns = ("passed", "native", "composed", "unsupported", "failed")
        table = rich_table.Table("area", *columns, title=self.title)
        for area, counts in self.areas().items():
            table.add_row(area, *(str(counts[c] or "") for c in columns))
        totals = [sum(c[k] for c in self.areas().values()) for k in columns]
        table.add_section()
        table.add_row("all", *map(str, totals))
        console.print(table)
        plain = {"markup": False, "highlight": False, "soft_wrap": True}
        for name, reason in self.unsupported.items():
            console.print(f"unsupported  {name}: {reason}", **plain)
        if self.not_asked:
            console.print(f"above level {self.level!r}, not asked: {', '.join(self.not_asked)}", **plain)
        for note in self.notes:
            console.print(note, **plain)
        for entry in self.failed:
            for failure in entry.failures:
                console.print(f"\nFAILED  {entry.name} ({failure['check']}): {failure['text']}", **plain)
                if failure["snippet"]:
                    console.print(failure["snippet"], **plain)
        console.print(f"\n{'passed' if self.passed else 'FAILED'}", **plain)


def run(
    engine: Any, level: str = "recurrent", json: Any = None, only: Iterable[str] | None = None, jobs: int = 1
) -> Report:
    """Checks `engine` (an engine, or the name of one) up to `level`; writes the report to the file `json`.

    `only`: names of operations, for a closer look at some; models are then left out. `jobs`: processes that share
    the work, where the engine is asked for by its name.
    """
    if level not in checks.LEVELS:
        raise ValueError(f"level={level!r}: use one of {', '.join(checks.LEVELS)}.")
    if jobs < 1 or (jobs > 1 and not isinstance(engine, str)):
        raise ArgumentError(
            f"jobs={jobs!r}: a whole number from 1 on is needed, and 1 for an engine that is given as an object: other "
            "processes find engines by name."
        )
    told = engine if isinstance(engine, str) else ""
    engine = engine_named(engine) if isinstance(engine, str) else engine
    known = [op.name for op in declared()]
    parts = [(_operation, name) for name in (known if only is None else only)]
    parts += [(_stale, name) for name in engine.unsupported if name not in known]
    if only is None:
        parts += [(_model, name) for name in models.up_to(level)]
    if jobs == 1:
        entries = [check(engine, name, level) for check, name in parts]
    else:
        # a fresh interpreter for each: engines have threads, which a fork would lose
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
            entries = list(
                pool.map(_in_another_process, repeat(told), repeat(level), *zip(*parts, strict=True))
            )
    report = Report(engine.name, level, entries, [engine.name])
    if json:
        report.save(json)
    return report


def _in_another_process(engine: str, level: str, check: Callable[..., Entry], name: str) -> Entry:
    return check(engine_named(engine), name, level)


def area_of(op: Operation) -> str:
    """The module that declares `op`."""
    return str(op.meaning.__module__).rpartition(".")[2]


def kind_of(engine: Any, op: Operation) -> str:
    return "native" if op.is_primitive or op.name in engine.fused else "composed"


def _failure(check: str, text: str, snippet: str = "") -> dict[str, str]:
    return {"check": check, "text": text, "snippet": snippet}


def _operation(engine: Any, name: str, level: str) -> Entry:
    op = operation(name)
    entry = Entry(op.name, area_of(op), kind_of(engine, op), "not asked")
    if op.name in engine.unsupported:
        return _claimed(engine, op, entry)
    reasons = []
    for kind in checks.CHECKS:
        result = checks.outcome(engine, op.name, kind, level)
        if result.state == "failed":
            entry.failures.append(_failure(kind, result.reason, result.snippet))
        elif result.state == "unsupported":
            reasons.append((kind, result.reason))
        elif result.state == "skipped":
            entry.not_applicable[kind] = result.reason
        elif entry.state == "not asked":
            entry.state = "passed"
    if reasons:
        kind, entry.reason = reasons[0]
        if entry.state == "passed":
            entry.reason = f"({kind}) {entry.reason}"
        entry.state, entry.kind = "unsupported", "unsupported"
    if entry.failures:
        entry.state = "failed"
    if entry.state == "not asked":
        entry.reason = entry.not_applicable["value"]
    return entry


def _claimed(engine: Any, op: Operation, entry: Entry) -> Entry:
    """An operation that the engine says it does not have."""
    entry.kind, entry.state, entry.reason = "unsupported", "unsupported", str(engine.unsupported[op.name])
    try:
        checks.check_unsupported(engine, op.name)
    except checks.Mismatch as error:
        entry.state = "failed"
        entry.failures.append(_failure("unsupported", error.text, _asked_again(engine, op.name)))
    return entry


def _stale(engine: Any, name: str, level: str) -> Entry:
    text = f"`unsupported` names {name!r}, which is no operation"
    failure = _failure("unsupported", text, _asked_again(engine, name))
    return Entry(name, "unsupported", "unsupported", "failed", text, [failure])


def _asked_again(engine: Any, name: str) -> str:
    return (
        f"from kcore.kernel.context import engine\nfrom kcore.testing.checks import check_unsupported\n"
        f"check_unsupported(engine({engine.name!r}), {name!r})"
    )


def _model(engine: Any, name: str, level: str) -> Entry:
    entry = Entry(name, "models", "model", "passed")
    try:
        models.up_to(level)[name](engine)
    except checks.Unsupported as error:
        entry.state, entry.reason = "unsupported", str(error)
    except Exception as error:
        entry.state = "failed"
        entry.failures.append(
            _failure("training", f"{type(error).__name__}: {error}", models.snippet(engine, name))
        )
    return entry
