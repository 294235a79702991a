"""What packages ask for, read from their metadata: names, ranges of versions, and when it counts."""

from __future__ import annotations

import ast
import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Any

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?")


@dataclass(frozen=True)
class Requirement:
    """`name[extras]range ; marker`, as in a package's metadata."""

    name: str
    extras: str
    range: str
    marker: str

    @property
    def text(self) -> str:
        """What pip is given."""
        return f"{self.name}{self.extras}{self.range}"

    def counts(self, extra: str = "") -> bool:
        """Whether it is asked for on this Python and system, with the extra `extra` or without one."""
        return not self.marker or _holds(self.marker, extra)

    def met_by(self, version: str | None) -> bool:
        return version is not None and satisfies(version, self.range)


def normal(name: str) -> str:
    """Distributions are the same whatever their dashes and capitals."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements_of(package: str, extra: str = "") -> list[Requirement]:
    """What a package asks for here; with an extra, what only the extra asks for. Nothing, if it is not installed."""
    try:
        asked = metadata.requires(package) or []
    except metadata.PackageNotFoundError:  # kcore itself, run out of its folder
        return []
    found = [_parsed(text) for text in asked]
    return [r for r in found if r and r.counts(extra) and not (extra and r.counts())]


def extras_of(package: str) -> list[str]:
    try:
        return metadata.metadata(package).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return []


def _parsed(text: str) -> Requirement | None:
    parts = _REQUIREMENT.fullmatch(text.strip())
    if parts is None:
        return None
    name, extras, range_, marker = (p or "" for p in parts.groups())
    return Requirement(name, extras.replace(" ", ""), range_.replace(" ", ""), marker.strip())


# markers and versions -------------------------------------------------------------------------------------------
def _holds(marker: str, extra: str) -> bool:
    """Whether a marker such as `python_version >= "3.12" and extra == "cpu"` holds; one that cannot be read does."""
    try:
        return bool(_value(ast.parse(marker, mode="eval").body, extra))
    except (SyntaxError, LookupError, TypeError):
        return True


def _value(node: Any, extra: str) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return {**_surroundings(), "extra": extra}[node.id]
    if isinstance(node, ast.BoolOp):
        parts = [_value(v, extra) for v in node.values]
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = _value(node.left, extra), _value(node.comparators[0], extra)
        return _compared(node.left, left, type(node.ops[0]).__name__, right)
    raise TypeError(node)


def _surroundings() -> dict[str, str]:
    return {
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "python_full_version": platform.python_version(),
        "sys_platform": sys.platform, "os_name": os.name, "platform_system": platform.system(),
        "platform_machine": platform.machine(), "implementation_name": sys.implementation.name,
        "platform_python_implementation": platform.python_implementation(),
    }  # fmt: skip


_SIGNS = {"Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">="}


def _compared(node: Any, left: str, sign: str, right: str) -> bool:
    if sign in ("In", "NotIn"):
        return (left in right) == (sign == "In")
    if getattr(node, "id", "").startswith("python_"):
        return satisfies(left, f"{_SIGNS[sign]}{right}")
    return {"==": left == right, "!=": left != right}[_SIGNS[sign]]


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
