"""Names and what they stand for, one registry per family, with where each entry came from."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..errors import PluginConflict, PluginError, UnknownBackend, UnknownName, nearest
from .engine import Engine
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


OWN = "kcore"  # the distribution whose names are taken before anybody else is asked
LOCAL = Origin("", "this program", "")

# family -> what one of its members is called
SINGULAR = {
    "backends": "engine", "layers": "layer", "losses": "loss", "metrics": "metric", "optimizers": "optimizer",
    "initializers": "initializer", "regularizers": "regularizer", "constraints": "constraint",
    "activations": "activation", "callbacks": "callback", "data_adapters": "data adapter",
    "model_formats": "model format", "distribution_strategies": "distribution strategy",
}  # fmt: skip


class Registry:
    """The entries of one family. Filled by the loader when first looked at."""

    def __init__(self, family: str) -> None:
        self.family = family
        self.kind = SINGULAR[family]
        self.entries: dict[str, tuple[Any, Origin]] = {}
        self.refused: dict[str, str] = {}  # names that a plug-in set aside would have given -> why it was
        self.broken: list[str] = []  # plug-ins set aside before they could say what they give
        self.withheld: list[str] = []  # plug-ins that KCORE_PLUGINS does not list
        self.unused: set[str] = set()  # distributions that are installed, but whose plug-ins are not in use
        self._resolved: dict[str, Any] = {}
        self._lock = threading.RLock()

    def names(self) -> list[str]:
        discover()
        return sorted(self.entries)

    def __contains__(self, name: object) -> bool:
        discover()
        return name in self.entries

    def provenance(self, name: str) -> Origin:
        """Plug-in, distribution and version that brought `name`. Raises UnknownName."""
        return self._entry(name)[1]

    origin = provenance

    def get(self, name: str) -> Any:
        """What `name` stands for, loaded now if it was not yet. Raises UnknownName with the nearest match."""
        found = self._resolved.get(name)
        if found is None:
            # No lock while a module is imported: its own thread may be waiting for this registry. Importing
            # twice is harmless, and all callers get what came first.
            found = self._resolved.setdefault(name, self._load(name))
        return found

    def register(self, spec: Any, origin: Origin) -> None:
        """Enters what `spec` describes under all its names. Raises PluginConflict if one is taken."""
        with self._lock:
            for name in spec.names:
                if name in self.entries:
                    raise PluginConflict(self._conflict(name, origin))
            self.entries.update(dict.fromkeys(spec.names, (spec, origin)))

    def add_local(self, name: str, value: Any) -> None:
        """Makes the program's own `value` known under `name`. Raises PluginConflict if a plug-in has that name.

        Adding a name again replaces what the program itself had added.
        """
        discover()
        spec = FAMILIES[self.family][1](name, value)
        with self._lock:
            if self.entries.get(name, (None, LOCAL))[1] is LOCAL:
                self.entries.pop(name, None)
                self._resolved.pop(name, None)
            self.register(spec, LOCAL)

    def clear(self) -> None:
        """Forgets everything, as before discovery."""
        with self._lock:
            for table in self._tables():
                table.clear()

    def _tables(self) -> tuple[Any, ...]:
        return self.entries, self.refused, self.broken, self.withheld, self.unused, self._resolved

    def _conflict(self, name: str, origin: Origin) -> str:
        first = self.entries[name][1]
        if first.distribution == origin.distribution:
            return f"{self.kind} {name!r} is offered twice by {origin}."
        advice = "Uninstall one."
        if first.distribution == OWN or origin is LOCAL:
            advice = "Choose another name."
        return f"{self.kind} {name!r} is offered by {first} and {origin}. {advice}"

    def _entry(self, name: str) -> tuple[Any, Origin]:
        discover()
        if name not in self.entries:
            raise self._unknown(name)
        return self.entries[name]

    def _load(self, name: str) -> Any:
        spec, origin = self._entry(name)
        try:
            return spec.resolve()
        except Exception as error:
            raise PluginError(
                f"{self.kind} {name!r} failed to load from {spec.target!r}: {type(error).__name__}: {error} "
                f"({origin}). Repair or uninstall that package."
            ) from error

    def _unknown(self, name: str) -> Exception:
        return UnknownName(
            "\n  ".join([f"no {self.kind} named {name!r}.{self._near(name)}", *self._reasons(name)])
        )

    def _near(self, name: str, more: Iterable[str] = ()) -> str:
        return nearest(name, {*self.entries, *more} - {name})

    def _reasons(self, name: str) -> list[str]:
        """Why plug-ins that might have given `name` did not."""
        told = [*([self.refused[name]] if name in self.refused else []), *self.broken]
        if self.withheld:
            told.append(f"Installed, but KCORE_PLUGINS does not list them: {', '.join(self.withheld)}.")
        return told


class BackendRegistry(Registry):
    """Engines: the preferred one, and errors that say what is installed and what failed."""

    def get(self, name: str) -> Any:
        """The engine called `name`, made now if it was not yet: once per process. Raises UnknownBackend."""
        with self._lock:
            return super().get(name)

    def add_local(self, name: str, value: Any) -> None:
        """Makes an engine known; `value` is the function that makes it. An engine cannot be replaced."""
        if name in self:
            raise PluginConflict(self._conflict(name, LOCAL))
        super().add_local(name, value)

    def preferred(self) -> str:
        """The installed engine of highest priority that has what it needs."""
        discover()
        usable = [spec for spec, _ in self.entries.values() if not _missing(spec)]
        if not usable:
            raise UnknownBackend(
                "\n  ".join(["no engine can be used.", *self.refused.values(), *self._reasons("")])
            )
        return str(max(usable, key=lambda spec: spec.priority).name)

    def _load(self, name: str) -> Any:
        spec, origin = self._entry(name)
        missing = _missing(spec)
        if missing:
            raise self._failed(name, f"it needs {', '.join(missing)}, which is not installed", origin)
        try:
            made = spec.load()
        except Exception as error:
            raise self._failed(name, f"{type(error).__name__}: {error}", origin) from error
        if not isinstance(made, Engine):
            raise self._failed(name, f"its load() gave {made!r}, which is no kcore.spi.Engine", origin)
        if made.name != name:
            raise self._failed(name, f"its load() gave an engine that calls itself {made.name!r}", origin)
        return made

    def _failed(self, name: str, reason: str, origin: Origin) -> UnknownBackend:
        told = f"engine {name!r} failed to load: {reason} ({origin})."
        return UnknownBackend(f"{told}\n  {self._installed(but=name)}")

    def _unknown(self, name: str) -> Exception:
        near = self._near(name, () if name in INSTALL_HINTS else INSTALL_HINTS)
        told = [f"no engine named {name!r}.{near}", self._installed(), *self._reasons(name)]
        package = INSTALL_HINTS.get(name)
        if package and package.partition("[")[0] not in self.unused:
            told.append(f"It comes with a package: pip install '{package}'")
        return UnknownBackend("\n  ".join(told))

    def _installed(self, but: str = "") -> str:
        told = [f"{n} ({o})" for n, (_, o) in sorted(self.entries.items()) if n != but]
        return f"Installed: {', '.join(told) or 'no other'}."


def _missing(spec: Any) -> list[str]:
    """Modules that an engine needs and that are not there; none is imported (but the packages they are in)."""
    return [module for module in spec.needs if not _is_there(module)]


def _is_there(module: str) -> bool:
    try:
        return module in sys.modules or find_spec(module) is not None
    except (ImportError, ValueError):
        return False


class Registries(dict[str, Registry]):
    """All registries by family: `registries["layers"]` or `registries.layers`."""

    def __getattr__(self, family: str) -> Registry:
        try:
            return self[family]
        except KeyError:
            raise AttributeError(f"no family {family!r}.{nearest(family, self)}") from None


backends = BackendRegistry("backends")
registries = Registries({f: Registry(f) for f in FAMILIES if f != "backends"}, backends=backends)
_discovery: list[Callable[[], None]] = []


def set_discovery(function: Callable[[], None]) -> None:
    """Installs what fills the registries (the loader stands above them in the order of imports)."""
    _discovery[:] = [function]


def discover() -> None:
    """Fills the registries if that has not happened yet."""
    if not _discovery:
        import_module(
            f"{__package__}.loader"
        )  # it installs itself; it stands above, so not imported at the top
    for function in _discovery:
        function()
