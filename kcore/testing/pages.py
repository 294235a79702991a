"""A report as a card in Markdown and as a page in HTML."""

from __future__ import annotations

import html as _html
import platform
from typing import Any

from .. import __version__

COLUMNS = ("passed", "native", "composed", "unsupported", "failed")


def _where() -> str:
    return f"kcore {__version__}, Python {platform.python_version()}, {platform.system()}"


def _verdict(report: Any) -> str:
    return "passed" if report.passed else f"failed: {len(report.failed)}"


def _is_of_operations(report: Any) -> bool:
    return any(e.kind in ("native", "composed") for e in report.entries)


def card(report: Any) -> str:
    """What a plug-in's README should tell: how much is native, composed, and what is not there, with reasons."""
    level = f", level {report.level}" if report.level else ""
    lines = [
        "## What `kcore check` says",
        "",
        f"{report.engine}{level}: **{_verdict(report)}** ({_where()})",
        "",
    ]
    columns = [c for c in COLUMNS if c in ("passed", "failed", "unsupported") or _is_of_operations(report)]
    lines += [f"| area | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for area, counts in report.areas().items():
        lines.append(f"| {area} | {' | '.join(str(counts[c] or '') for c in columns)} |")
    for title, names in (
        ("Native", _names(report, "native")),
        ("Composed of others", _names(report, "composed")),
    ):
        if names:
            lines += ["", f"**{title}** ({len(names)}): {', '.join(f'`{n}`' for n in names)}"]
    layers = _names(report, "layer")
    if layers:
        lines += ["", f"**Layers** ({len(layers)}): {', '.join(f'`{n}`' for n in layers)}"]
    if report.unsupported:
        lines += ["", "**Not supported**", ""]
        lines += [
            f"- {', '.join(f'`{n}`' for n in names)}: {why}" for why, names in _by_reason(report).items()
        ]
    if report.not_asked:
        lines += [
            "",
            f"**Above this level** ({len(report.not_asked)}): {', '.join(f'`{n}`' for n in report.not_asked)}",
        ]
    if report.notes:
        lines += ["", *(f"- {note}" for note in report.notes)]
    if report.failed:
        lines += ["", "**Failed**", "", *(f"- `{e.name}`" for e in report.failed)]
    return "\n".join(lines) + "\n"


def _names(report: Any, kind: str) -> list[str]:
    return list(dict.fromkeys(e.name for e in report.entries if e.state == "passed" and e.kind == kind))


def _by_reason(report: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, reason in report.unsupported.items():
        found.setdefault(reason, []).append(name)
    return found


_STYLE = """body{font:15px/1.4 sans-serif;margin:2em auto;max-width:70em;padding:0 1em}
table{border-collapse:collapse}td,th{padding:.2em .8em;border-bottom:1px solid #ccc;text-align:left}
pre{background:#f4f4f4;padding:.8em;overflow:auto}.failed{color:#b00020;font-weight:bold}
.passed{color:#0a7a2f}.unsupported{color:#8a6100}"""


def html(report: Any) -> str:
    """The whole report: sums by area, every failure with its program, every entry."""
    e = _html.escape
    rows = [
        "<tr>" + "".join(f"<td>{e(str(v or ''))}</td>" for v in (area, *(c[k] for k in COLUMNS))) + "</tr>"
        for area, c in report.areas().items()
    ]
    failures = [
        f"<h3 class=failed>{e(entry.name)} ({e(f['check'])})</h3><pre>{e(f['text'])}</pre>"
        + (f"<p>To see it again:</p><pre>{e(f['snippet'])}</pre>" if f["snippet"] else "")
        for entry in report.failed
        for f in entry.failures
    ]
    entries = [
        f"<tr><td>{e(x.name)}</td><td>{e(x.area)}</td><td>{e(x.kind)}</td>"
        f"<td class={e(x.state.replace(' ', '-'))}>{e(x.state)}</td><td>{e(x.reason)}</td>"
        f"<td>{e('; '.join(f'{k}: {why}' for k, why in x.not_applicable.items()))}</td></tr>"
        for x in report.entries
    ]
    title = e(f"kcore check: {report.engine}")
    level = f"level {e(report.level)}, " if report.level else ""
    head = "".join(f"<th>{c}</th>" for c in ("area", *COLUMNS))
    columns = "".join(f"<th>{c}</th>" for c in ("name", "area", "kind", "state", "reason", "does not apply"))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>\n"
        f"<h1>{title}</h1><p>{level}{e(_where())}: <b>{e(_verdict(report))}</b></p>\n"
        + "".join(f"<p>{e(note)}</p>\n" for note in report.notes)
        + f"<table><tr>{head}</tr>\n{chr(10).join(rows)}</table>\n"
        + (f"<h2>Failures</h2>\n{chr(10).join(failures)}\n" if failures else "")
        + f"<h2>All</h2>\n<table><tr>{columns}</tr>\n"
        + f"{chr(10).join(entries)}</table></html>\n"
    )
