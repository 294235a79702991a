"""`kcore new-plugin engine|layers NAME`: a complete package to start from."""

from __future__ import annotations

import argparse
import re
from importlib import resources
from pathlib import Path

from .. import __version__
from ..errors import ArgumentError
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


def new_plugin(kind: str, name: str, folder: str | Path | None = None) -> Path:
    """Writes a package for an engine ('engine') or a collection of layers ('layers'); returns its folder.

    folder: where to (default: the package's name, in the current folder); it may exist if it is empty. Raises
    ArgumentError for a name that cannot be one, is taken by an engine that is installed, or a folder in use.
    """
    files, beginning, summary, level = _KINDS[kind]
    if not re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", name):
        raise ArgumentError(
            f"{name!r} cannot be a plug-in's name; use small letters, digits and single hyphens, such as 'my-arrays'."
        )
    if kind == "engine" and name in registries["backends"]:
        raise ArgumentError(
            f"an engine {name!r} is installed: {registries['backends'].provenance(name)}. Choose another name."
        )
    package = f"{beginning}-{name}".replace("_", "-")
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
    print(f"  cd {target}\n  pip install -e .[test]\n  kcore check {name} {level}".rstrip())
    print("  pytest")
    return 0
