"""Which checks say anything about an operation, known before an engine runs; and why the others do not."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from .. import dtypes
from ..backend.declare import operation
from ..errors import ArgumentError, ShapeError, Unsupported
from .checks import LEVELS, graph, needed, observed, open_sizes
from .samples import RANDOM, edges, samples

GRADIENTS = ("gradient", "second_order")


def why_not(
    name: str, kind: str, level: str = "recurrent", unsupported: Mapping[str, str] | None = None
) -> str:
    """Why the check `kind` says nothing about the operation `name` on an engine of this level; '' if it does.

    unsupported: what the engine says it does not have, with reasons.
    """
    claimed = unsupported or {}
    if name in claimed:
        return f"unsupported: {claimed[name]}"
    reason = _never(name, kind)
    if reason or (level == LEVELS[-1] and not claimed):
        return reason
    if kind in GRADIENTS and LEVELS.index(level) < LEVELS.index("training"):
        return "gradients belong to level 'training'"
    reasons = [_asking(found, level, claimed) for found in _needs(name)]
    return reasons[0] if all(reasons) else ""


def _asking(found: Mapping[str, str], level: str, claimed: Mapping[str, str]) -> str:
    """Why a call that needs these primitives cannot be asked of the engine; '' if it can."""
    for primitive, due in sorted(found.items()):
        if primitive in claimed:
            return f"unsupported: needs {primitive}: {claimed[primitive]}"
        if LEVELS.index("recurrent" if due == "optional" else due) > LEVELS.index(level):
            return f"{primitive} belongs to level {due!r}"
    return ""


@functools.cache
def _never(name: str, kind: str) -> str:
    """Why no engine can be asked this."""
    op = operation(name)
    if name in RANDOM and kind != "value":
        return "it is checked by its distribution"
    if kind == "edges" and not edges(name):
        return "none of its arguments has an edge"
    if kind == "unknown" and not any(_can_be_open(name, i) for i in range(len(samples(name)))):
        return "its first tensor has no size that could be unknown"
    if kind in GRADIENTS:
        if not op.differentiable or not any(s.gradient for s in samples(name)):
            return "it has no derivative"
        results = [o for s in samples(name) for o in observed(op, graph(op, s)[1])]
        if not any(dtypes.is_float(o.dtype) for o in results):
            return "its result is not of floating type"
    return ""


def _can_be_open(name: str, number: int) -> bool:
    sample = samples(name)[number]
    arrays = sample.arrays()
    if not arrays or arrays[0].ndim == 0:
        return False
    for unknown in open_sizes(operation(name)):
        try:
            graph(operation(name), sample, unknown)
        except (ShapeError, ArgumentError, Unsupported):
            continue
        return True
    return False


@functools.cache
def _needs(name: str) -> list[dict[str, str]]:
    """For each call the primitives that it comes down to, and the level that each belongs to."""
    found = []
    for sample in samples(name):
        inputs, outputs = graph(operation(name), sample)
        found.append(needed(inputs, observed(operation(name), outputs)))
    return found
