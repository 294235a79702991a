"""Runs that repeat bit for bit on one machine and engine."""

from __future__ import annotations

from typing import Any

_wanted = False


def deterministic() -> bool:
    """Whether `determinism` was asked for in this process."""
    return _wanted


def want_determinism() -> None:
    global _wanted
    _wanted = True


def prepared(engine: Any) -> Any:
    """`engine`, told to compute in a fixed order if that was asked for."""
    if _wanted:
        engine.make_deterministic()
    return engine
