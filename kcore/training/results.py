"""Small things that `fit`, `evaluate` and `predict` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError
from .sources import Source


def due(frequency: Any) -> Callable[[int], bool]:
    """Whether validation follows an epoch: every so many, or the listed ones (counted from 1)."""
    if isinstance(frequency, int):
        if frequency < 1:
            raise ArgumentError(f"validation_freq={frequency}: 1 or more, or a list of epochs, is needed.")
        return lambda epoch: (epoch + 1) % frequency == 0
    return lambda epoch: epoch + 1 in frequency


def close(*sources: Source | None) -> None:
    for source in sources:
        if source is not None:
            source.close()


def single(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def refuse_with_batches(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(
                f"{name} cannot be given with a generator or Sequence: its batches hold all of that."
            )
