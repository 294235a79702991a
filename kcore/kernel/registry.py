"""Names and what they stand for, one registry per family, with where each entry came from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import UnknownBackend, UnknownName, nearest
from .hints import INSTALL_HINTS
from .specs import FAMILIES


@dataclass(frozen=True)
class Origin:
    """Where something registered came from: entry point, distribution and version."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".strip()


class Registry:
    """The entries of one family. Filled by the loader when first looked at."""

    def __init__(self, family: str) -> None:
        self.family = family
        self.entries: dict[str, tuple[Any, Origin]] = {}
        self.refused: dict[str, str] = {}  # names that a plug-in set aside would have given -> why it was
        self.broken: list[str] = []  # plug-ins set aside before they could say what they give
        self._resolved: dict[str, Any] = {}
        self._lock = threading.RLock()

    def names(self) -> list[str]:
        discover()
        return sorted(self.entries)

    def __contains__(self, name: object) -> bool:
        discover()
        return name in self.entries

    def origin(self, name: str) -> Origin:
        """Distribution and version that brought `name`. Raises UnknownName."""
        return self._entry(name)[1]

    def get(self, name: str) -> Any:
        """What `name` stands for, loaded now if it was not yet. Raises UnknownName with the nearest match."""
        found = self._resolved.get(name)
        if found is None:
            with self._lock:
                found = self._resolved.get(name)
                if found is None:
                    found = self._resolved[name] = self._load(name)
        return found

    def _entry(self, name: str) -> tuple[Any, Origin]:
        discover()
        if name not in self.entries:
            raise self._unknown(name)
        return self.entries[name]

    def _load(self, name: str) -> Any:
        return self._entry(name)[0].resolve()

    def _unknown(self, name: str) -> Exception:
        kind = _SINGULAR.get(self.family, self.family)
        text = f"no {kind} named {name!r}.{nearest(name, self.entries)}"
        if name in self.refused:
            text += f"\n  {self.refused[name]}"
        return UnknownName("\n  ".join([text, *self.broken]))


class BackendRegistry(Registry):
    """Engines: the preferred one, and errors that say what is installed and what failed."""

    def preferred(self) -> str:
        """The installed engine of highest priority."""
        discover()
        return max(self.entries.values(), key=lambda entry: entry[0].priority)[0].name

    def _load(self, name: str) -> Any:
        spec, origin = self._entry(name)
        try:
            return spec.load()
        except Exception as error:
            raise UnknownBackend(
                f"engine {name!r} failed to load: {type(error).__name__}: {error} ({origin}).\n{self._installed(name)}"
            ) from error

    def _unknown(self, name: str) -> Exception:
        text = (
            f"no engine named {name!r}.{nearest(name, {*self.entries, *INSTALL_HINTS})}\n{self._installed()}"
        )
        if name in self.refused:
            text += f"\n  {self.refused[name]}"
        elif name in INSTALL_HINTS:
            text += f"\n  It comes with a package: pip install {INSTALL_HINTS[name]}"
        return UnknownBackend("\n  ".join([text, *self.broken]))

    def _installed(self, but: str = "") -> str:
        told = [f"{n} ({o})" for n, (_, o) in sorted(self.entries.items()) if n != but]
        return f"  Installed: {', '.join(told)}."


_SINGULAR = {
    "backends": "engine", "layers": "layer", "losses": "loss", "metrics": "metric", "optimizers": "optimizer",
    "initializers": "initializer", "regularizers": "regularizer", "constraints": "constraint",
    "activations": "activation", "callbacks": "callback", "data_adapters": "data adapter",
    "model_formats": "model format", "distribution_strategies": "distribution strategy",
}  # fmt: skip

registries: dict[str, Registry] = {f: Registry(f) for f in FAMILIES if f != "backends"}
backends = BackendRegistry("backends")
registries["backends"] = backends
_discovery: list[Callable[[], None]] = []


def set_discovery(function: Callable[[], None]) -> None:
    """Installs what fills the registries (the loader stands above them in the order of imports)."""
    _discovery[:] = [function]


def discover() -> None:
    """Fills the registries if that has not happened yet."""
    for function in _discovery:
        function()
