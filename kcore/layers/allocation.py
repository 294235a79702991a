"""Making weights whose values are to come from elsewhere: a model being loaded draws no random numbers.

Within `waiting_for_values` new weights are zeros that take no memory until they are written, and what they will take
is counted first, so that a config of a few bytes cannot ask for all memory there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_count: ContextVar[Callable[[str, tuple[int, ...], str], None] | None] = ContextVar(
    "kcore_counts_weights", default=None
)


def counter() -> Callable[[str, tuple[int, ...], str], None] | None:
    """What is told name, shape and type of each new weight; None where weights get their initial values."""
    return _count.get()


@contextmanager
def waiting_for_values(count: Callable[[str, tuple[int, ...], str], None]) -> Iterator[None]:
    """New weights are zeros; `count` is told of each before it is made, and may raise."""
    token = _count.set(count)
    try:
        yield
    finally:
        _count.reset(token)
