"""What is checked of the package that a plug-in comes in: found, versions told, honest and lazy imports, type hints."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..kernel.engine import Engine
from ..kernel.loader import GROUP, PluginInfo, plugins
from ..kernel.specs import SUPPORTED_API

# what a plug-in may import of kcore: the contract, and the faces that programs use as well
PUBLIC = {
    "spi", "errors", "testing", "backend", "layers", "models", "initializers", "regularizers", "constraints",
    "activations", "losses", "metrics", "optimizers", "callbacks", "utils", "objects", "extending", "saving",
}  # fmt: skip
# an engine runs programs and knows nothing of models; `layers` is for code of the engine's library as a layer
FOR_ENGINES = {"spi", "errors", "testing", "extending", "layers"}


class Flaw(AssertionError):
    """Something about a package is not as it should be."""


@dataclass(frozen=True)
class Package:
    """A plug-in as installed: its description, its entry point, and the folder or file of its module."""

    info: PluginInfo
    entry: metadata.EntryPoint

    @property
    def module(self) -> str:
        return self.entry.value.partition(":")[0]

    def sources(self) -> list[Path]:
        """Its Python files."""
        spec = find_spec(self.module.partition(".")[0])
        if spec is None or not spec.origin:
            return []
        origin = Path(spec.origin)
        return sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]


def package_of(info: PluginInfo) -> Package | None:
    """The installed package of a plug-in; None for kcore's own, which come without an entry point."""
    for entry in metadata.entry_points(group=GROUP):
        distribution = entry.dist.metadata["Name"] if entry.dist else ""
        if entry.name == info.name and distribution == info.distribution:
            return Package(info, entry)
    return None


# the checks ----------------------------------------------------------------------------------------------------
def check_found(package: Package) -> None:
    """kcore finds it, and it is active."""
    info = package.info
    if info.state != "active":
        raise Flaw(f"it is {info.state}: {info.reason}")


def check_contract(package: Package) -> None:
    """Its module says for which version of the contract it is written."""
    given = _assigned(package).get("KCORE_API")
    if given is None:
        raise Flaw(
            f"{package.module} does not say which contract it is written for; add KCORE_API = {SUPPORTED_API[-1]}."
        )
    if given not in SUPPORTED_API:
        raise Flaw(f"KCORE_API is {given!r}; this kcore has {', '.join(map(str, SUPPORTED_API))}.")


def _assigned(package: Package) -> dict[str, Any]:
    spec = find_spec(package.module)
    if spec is None or not spec.origin:
        raise Flaw(f"its module {package.module!r} is not there.")
    found = {}
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(value, ast.Constant):
            found.update({t.id: value.value for t in targets if isinstance(t, ast.Name)})
    return found


def check_version_range(package: Package) -> None:
    """It asks for a range of versions of kcore, closed at both ends."""
    asked = [r for r in metadata.requires(package.info.distribution) or [] if _asks_for_kcore(r)]
    if not asked:
        raise Flaw("its package does not ask for kcore; add dependencies = ['kcore>=...,<...'].")
    if not any(re.search("==|~=|<", r) and re.search("==|~=|>", r) for r in asked):
        raise Flaw(
            f"it asks for {asked[0]!r}: without an upper and a lower end a kcore that it does not fit is installed."
        )


def _asks_for_kcore(requirement: str) -> bool:
    return bool(re.match(r"kcore\s*(\(|[<>=~!;]|$)", requirement)) and "extra ==" not in requirement


def check_imports(package: Package) -> None:
    """Of kcore it imports public modules alone; an engine only the contract."""
    allowed = FOR_ENGINES if set(package.info.gives) == {"backends"} else PUBLIC
    wrong = [
        f"{file.name}:{line} imports {told}"
        for file in package.sources()
        for told, line in _kcore_imports(file)
        if not _is_allowed(told, allowed)
    ]
    if wrong:
        raise Flaw(f"{'; '.join(wrong)}. Public are: kcore.{', kcore.'.join(sorted(allowed))}.")


def _kcore_imports(file: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((a.name, node.lineno) for a in node.names if a.name.split(".")[0] == "kcore")
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            if node.module.split(".")[0] == "kcore":
                yield from ((f"{node.module}.{a.name}", node.lineno) for a in node.names)


def _is_allowed(told: str, allowed: set[str]) -> bool:
    parts = told.split(".")
    if any(p.startswith("_") and p != "__version__" for p in parts):
        return False
    if parts[1:2] and (find_spec(f"kcore.{parts[1]}") is not None):
        return parts[1] in allowed
    return allowed is PUBLIC  # `import kcore`, `from kcore import set_seed`


_LAZY = """
import importlib, json, sys
import kcore.spi
before = set(sys.modules)
importlib.import_module({module!r})
print("\\nimported:" + json.dumps(sorted(set(sys.modules) - before)))
"""


def check_lazy(package: Package) -> None:
    """Importing its module, as every program does that uses kcore, imports neither an engine nor layers."""
    done = subprocess.run(
        [sys.executable, "-c", _LAZY.format(module=package.module)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    if done.returncode:
        raise Flaw(f"importing {package.module} fails: {done.stderr.strip().splitlines()[-1:]}")
    imported = json.loads(done.stdout.rpartition("imported:")[2])
    own = package.module.partition(".")[0]
    tops = {name.partition(".")[0] for name in imported} - {own} - set(sys.stdlib_module_names)
    heavy = sorted({t for t in tops if not t.startswith("__editable__")} - {"kcore", "pluggy", np.__name__})
    # what a package makes up while it is imported is not told, where the package itself is
    heavy = [t for t in heavy if t in metadata.packages_distributions()] or heavy
    heavy += [name for name in imported if re.match(r"kcore\.(backend|layers|models|training)$", name)]
    if heavy:
        raise Flaw(
            f"importing {package.module} imports {', '.join(heavy)}; import that in load(), "
            f"or name targets as 'module:name'."
        )


def check_type_hints(package: Package) -> None:
    """Its hooks, and where it brings engines the methods that it replaces, carry the contract's type hints."""
    module = package.entry.load()
    missing = [n for n, f in vars(module).items() if hasattr(f, "kcore_impl") and not _hinted(f)]
    if missing:
        raise Flaw(f"without type hints: {', '.join(missing)} (they say what a hook returns).")


def check_methods(engine: Engine) -> None:
    """Methods that an engine replaces take what the contract's take, and carry type hints."""
    wrong = []
    for name, contract in vars(Engine).items():
        own = inspect.getattr_static(type(engine), name)
        if not inspect.isfunction(contract) or name.startswith("__") or own is contract:
            continue
        if not inspect.isfunction(own):
            continue  # such as one of a base in C: nothing is known of it
        if not _hinted(own):
            wrong.append(f"{name} lacks type hints")
        due, got = inspect.signature(contract), inspect.signature(own)
        if not _takes(got, due):
            wrong.append(f"{name}{got} does not take what the contract passes: {name}{due}")
    if wrong:
        raise Flaw("; ".join(wrong) + ".")


def _hinted(function: Any) -> bool:
    signature = inspect.signature(function)
    told = [p.annotation for n, p in signature.parameters.items() if n != "self"]
    return all(a is not inspect.Parameter.empty for a in [*told, signature.return_annotation])


def _takes(own: inspect.Signature, due: inspect.Signature) -> bool:
    """Whether a call made as the contract makes it binds to `own`."""
    given = [None for p in due.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    try:
        own.bind(*given)
    except TypeError:
        return False
    options = [p for p in due.parameters.values() if p.kind is p.VAR_KEYWORD]
    return not options or any(p.kind in (p.VAR_KEYWORD, p.KEYWORD_ONLY) for p in own.parameters.values())


CHECKS: dict[str, Callable[[Package], None]] = {
    "found": check_found, "contract": check_contract, "version range": check_version_range,
    "imports": check_imports, "lazy": check_lazy, "type hints": check_type_hints,
}  # fmt: skip


def show(name: str, check: str) -> None:
    """Runs one check on the installed plug-in `name`, so that what it says is seen again."""
    from_all = {p.info.name: p for p in _installed()}
    CHECKS[check](from_all[name])
    print(f"{name}: {check}: passed")


def _installed() -> list[Package]:
    return [p for p in map(package_of, plugins()) if p]
