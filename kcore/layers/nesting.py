"""One value or a list of them: inputs, outputs and shapes come as either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def to_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def unpack(values: Sequence[Any]) -> Any:
    """The one value of a list of one, else the list."""
    return values[0] if len(values) == 1 else list(values)


def is_shape_list(shape: Any) -> bool:
    """True for a list of shapes, False for one shape."""
    return isinstance(shape, list) and (not shape or isinstance(shape[0], (tuple, list)))
