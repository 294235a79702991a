"""`kcore compare MODEL --backends a,b`."""

from __future__ import annotations

import argparse
import os
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .. import models
from ..errors import ArgumentError
from .comparing import TOLERANCE, compare


def run(options: argparse.Namespace) -> int:
    """Compares a model on several engines; the exit status is 1 if they differ."""
    if options.json and not Path(options.json).absolute().parent.is_dir():
        raise ArgumentError(f"--json: there is no folder {str(Path(options.json).parent)!r}.")
    found = compare(
        load(options.model),
        [name for name in options.backends.split(",") if name],
        read_batch(options.data) if options.data else None,
        training=not options.inference,
        tolerance={k: (r * options.tolerance, a * options.tolerance) for k, (r, a) in TOLERANCE.items()},
        rows=options.rows,
        seed=options.seed,
    )
    if options.json:
        found.save(options.json)
    found.print()
    return 0 if found.passed else 1


def load(text: str) -> Any:
    """The model in a file, or what `module:function` makes; modules are also looked for in the current folder."""
    if os.path.exists(text):
        return models.load_model(text)
    module, _, name = text.partition(":")
    if not name:
        raise ArgumentError(f"there is no file {text!r}, and it does not read module:function.")
    sys.path.insert(0, os.getcwd())
    try:
        made = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ArgumentError(f"{text!r} cannot be had: {error}.") from error
    finally:
        sys.path.remove(os.getcwd())
    return made if hasattr(made, "layers") and not isinstance(made, type) else made()


def read_batch(path: str) -> Any:
    """x, or (x, y), out of a NumPy file."""
    try:
        data = np.load(path, allow_pickle=False)
        if isinstance(data, np.ndarray):
            return [data]
        x, y = ([data[name] for name in _numbered(data.files, letter)] for letter in "xy")
    except (OSError, ValueError, EOFError) as error:
        raise ArgumentError(f"--data: {path!r} is no file of NumPy arrays (.npy or .npz): {error}") from error
    if not x:
        raise ArgumentError(
            f"--data: {path!r} holds {', '.join(data.files)}; arrays named x, or x0, x1, ..., are needed."
        )
    return (x, y) if y else x


def _numbered(names: list[str], letter: str) -> list[str]:
    """x, x0, x1, ..., x10 of the names, in the order of their numbers."""
    found = [n for n in names if re.fullmatch(rf"{letter}\d*", n)]
    return sorted(found, key=lambda n: int(n[1:] or -1))
