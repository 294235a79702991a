"""`kcore new-plugin engine|layers NAME`: a complete package to start from."""

from __future__ import annotations

import argparse
import re
from importlib import resources
from pathlib import Path

from .. import __version__
from ..errors import ArgumentError
from ..kernel.hints import INSTALL_HINTS
from ..kernel.loader import plugins
from ..kernel.registry import registries
from ..kernel.specs import API_VERSION

_SHARED = {
    "pyproject.toml": "pyproject.toml",
    ".gitignore": "gitignore",
    ".github/workflows/tests.yml": "tests.yml",
}
# kind -> (file of the package -> template, beginning of the package's name, summary, what `kcore check` is given)
_KINDS = {
    "engine": (
        {
            "README.md": "engine_README.md",
            "@module@/__init__.py": "engine_init.py",
            "@module@/engine.py": "engine_engine.py",
            "tests/test_@name@.py": "engine_test.py",
        },
        "kcore-backend",
        "The engine @name@ for kcore",
        "--level training ",
    ),
    "layers": (
        {
            "README.md": "layers_README.md",
            "@module@/__init__.py": "layers_init.py",
            "@module@/layers.py": "layers_layers.py",
            "@module@/samples.py": "layers_samples.py",
            "tests/test_@name@.py": "layers_test.py",
        },
        "kcore-layers",
        "The layers of @name@ for kcore",
        "",
    ),
}
KINDS = tuple(_KINDS)
_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
# what KCORE_PLUGINS, `kcore check` and error messages mean something else by, and packages that come with kcore
RESERVED = {"none", "all", "kcore", *INSTALL_HINTS}
PUBLISHED = {"kcore-layers-extra", *(hint.partition("[")[0] for hint in INSTALL_HINTS.values())}


def new_plugin(kind: str, name: str, folder: str | Path | None = None) -> Path:
    """Writes a package for an engine ('engine') or a collection of layers ('layers'); returns its folder.

    folder: where to (default: the package's name, in the current folder); it may exist if it is empty. Raises
    ArgumentError for a name that cannot be one, or under which something is installed, or a folder in use.
    """
    files, beginning, summary, level = _KINDS[kind]
    package = f"{beginning}-{name}".replace("_", "-")
    _check_name(name, package)
    words = {
        "name": name.replace("-", "_"),
        "Class": "".join(part.capitalize() for part in re.split("[_-]", name))
        + ("Engine" if kind == "engine" else ""),
        "package": package,
        "module": package.replace("-", "_"),
        "api": str(API_VERSION),
        "range": version_range(__version__),
        "level": level,
    }
    words["summary"] = _filled(summary, words)
    target = Path(folder or package)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ArgumentError(f"{target} exists and is not empty; name another folder with --folder.")
    for place, template in {**_SHARED, **files}.items():
        _write(target / _filled(place, words), _filled(_template(template), words))
    _write(target / words["module"] / "py.typed", "")
    return target


def _check_name(name: str, package: str) -> None:
    """Raises ArgumentError for a name that cannot be one, or under which something else is found already."""
    if not _NAME.fullmatch(name):
        near = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-0123456789")
        raise ArgumentError(
            f"{name!r} cannot be a plug-in's name; use small letters, digits and single hyphens, "
            f"such as {near if _NAME.fullmatch(near) else 'my-arrays'!r}."
        )
    # `kcore check NAME` and KCORE_PLUGINS know engines, plug-ins and packages by one name
    same = name.replace("-", "_")
    known = [n for n in registries["backends"].names() if n.replace("-", "_") == same]
    if known:
        origin = registries["backends"].provenance(known[0])
        raise ArgumentError(f"an engine {known[0]!r} is installed: {origin}. Choose another name.")
    for plugin in plugins():
        if plugin.name.replace("-", "_") == same or plugin.distribution == package:
            raise ArgumentError(
                f"a plug-in {plugin.name!r} is installed: {plugin.origin}. Choose another name."
            )
    if same in RESERVED or package in PUBLISHED:
        raise ArgumentError(f"{name!r} is kept for kcore's own use. Choose another name.")


def version_range(version: str) -> str:
    """Which versions of kcore a package written with `version` asks for: those up to the next minor one."""
    major, minor = version.split(".")[:2]
    return f">={major}.{minor},<{major}.{int(minor) + 1}"


def _template(name: str) -> str:
    return (resources.files(__package__) / "templates" / f"{name}.template").read_text(encoding="utf-8")


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub(r"@([A-Za-z]+)@", lambda found: words[found[1]], text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(options: argparse.Namespace) -> int:
    """The command."""
    target = new_plugin(options.kind, options.name, options.folder)
    name = options.name.replace("-", "_")
    level = _KINDS[options.kind][3]
    print(f"{target} is written. Next:\n")
    quoted = f'"{target}"' if " " in str(target) else target
    print(f'  cd {quoted}\n  pip install -e ".[test]"\n  kcore check {name} {level}'.rstrip())
    print("  pytest")
    return 0
