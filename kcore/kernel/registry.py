"""Interim registry: replaced by the loader's."""

from importlib import import_module
from typing import Any

from ..errors import UnknownBackend, UnknownName, nearest


class _Backends:
    def specs(self) -> dict[str, Any]:
        return {s.name: s for s in import_module("kcore.engines.numpy_plugin").kcore_backends()}

    def preferred(self) -> str:
        return max(self.specs().values(), key=lambda s: s.priority).name

    def load(self, name: str) -> Any:
        if name not in self.specs():
            raise UnknownBackend(f"no engine named {name!r}.{nearest(name, self.specs())}")
        return self.specs()[name].load()


class _Family:
    def __init__(self, family: str) -> None:
        self.family = family
        self._found: dict[str, Any] | None = None

    def table(self) -> dict[str, Any]:
        if self._found is None:
            self._found = {s.name: s.target for s in getattr(import_module("kcore.standard"), "kcore_" + self.family)()}
        return self._found

    def get(self, name: str) -> Any:
        if name not in self.table():
            raise UnknownName(f"no {self.family} named {name!r}.{nearest(name, self.table())}")
        return self.table()[name]

    def names(self) -> list[str]:
        return sorted(self.table())


registries: dict[str, Any] = {
    f: _Family(f)
    for f in ("layers", "losses", "metrics", "optimizers", "initializers", "regularizers", "constraints",
              "activations", "callbacks")
}
registries["backends"] = _Backends()
