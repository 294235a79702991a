"""What layers and weights are called: weights after the layers being built, outermost first (lstm_1/kernel:0), as in
Keras 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Named:
    """What has a name: how errors tell of it."""

    name: str

    def _told(self) -> str:
        return f"{type(self).__name__} {self.name!r}"


class _Scope:
    def __init__(self, path: str) -> None:
        self.path = path
        self.taken: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """`name`, or name_1, name_2 where the scope has it already."""
        count = self.taken.get(name, 0)
        self.taken[name] = count + 1
        return name if count == 0 else self.unique(f"{name}_{count}")


_open: ContextVar[_Scope | None] = ContextVar("kcore_weight_names", default=None)


@contextmanager
def name_scope(name: str) -> Iterator[None]:
    """Weights made inside are called after `name`, and after the scopes around it."""
    around = _open.get()
    token = _open.set(_Scope(name if around is None else f"{around.path}/{name}"))
    try:
        yield
    finally:
        _open.reset(token)


@contextmanager
def scope_unless_open(name: str) -> Iterator[None]:
    """`name_scope`, unless there is one: a layer that another builds has its weights called after the other."""
    if _open.get() is not None:
        yield
        return
    with name_scope(name):
        yield


def weight_name(owner: str, name: str) -> str:
    """The full name of the weight `name` of the layer `owner`."""
    scope = _open.get()
    return f"{owner}/{name}:0" if scope is None else f"{scope.path}/{scope.unique(name)}:0"
