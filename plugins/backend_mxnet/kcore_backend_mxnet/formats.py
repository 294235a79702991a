"""MXNet's own files as a format of models: `NAME-symbol.json` with `NAME-0000.params` beside it, exported only.

Nothing here imports MXNet: formats are looked through for every file that is written or read.
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import Any

from kcore.errors import ArgumentError
from kcore.saving import ModelFormat

SUFFIX = "-symbol.json"


def matches(head: bytes) -> bool:
    """Whether a file that starts with `head` is a graph of MXNet's."""
    return re.match(rb'\s*\{\s*"nodes"\s*:\s*\[\s*\{\s*"op"\s*:', head) is not None


def export(model: Any, target: Any) -> None:
    """`kcore_backend_mxnet.export` for one row at a time; `target` is the path of the graph's file.

    Raises ArgumentError for anything but a path that ends in '-symbol.json', as weights go into a second file.
    """
    if not isinstance(target, (str, os.PathLike)):
        raise ArgumentError(f"{type(target).__name__} given: MXNet's format is two files; give a path.")
    path = os.fspath(target)
    if not path.endswith(SUFFIX):
        raise ArgumentError(f"{path}: the file of an MXNet graph ends in {SUFFIX!r}; rename the target.")
    import_module("kcore_backend_mxnet.exporting").export(model, path.removesuffix(SUFFIX))


FORMAT = ModelFormat(name="mxnet", suffixes=(SUFFIX,), matches=matches, export=export)
