"""The one place where code out of a file is run: bytecode of a Lambda, only where it is trusted, never silently."""

from __future__ import annotations

import builtins
import codecs
import marshal
import types
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import backend, objects
from ..errors import FileRefused
from .gate import refused


def function_from(code: Any, told: str, custom_objects: Mapping[str, Any]) -> Any:
    """The function that Keras stored as [code, defaults, closure]. Raises FileRefused unless code is trusted."""
    if not objects.code_is_trusted():
        raise refused(
            told, "", 1, "it holds Python code, which is not run. If you trust who made the file, load it with "
            "safe_mode=False; better, define the function with a name and pass it in custom_objects"
        )  # fmt: skip
    warnings.warn(
        f"{told}: Python code from the file is run, since safe_mode=False.", UserWarning, stacklevel=2
    )
    text, defaults, closure = (
        (*code, None, None)[:3] if isinstance(code, (list, tuple)) else (code, None, None)
    )
    try:
        compiled = marshal.loads(codecs.decode(text.encode("ascii"), "base64"))
        if not isinstance(compiled, types.CodeType):
            raise ValueError("no code")
    except (ValueError, EOFError, TypeError, AttributeError) as error:
        raise FileRefused(f"{told}: its code cannot be read by this version of Python ({error}).") from error
    names = {"__builtins__": builtins, "K": backend, "np": np, **custom_objects}
    cells = tuple(types.CellType(value) for value in closure or ()) or None
    return types.FunctionType(
        compiled, names, "lambda_from_file", tuple(defaults) if defaults else None, cells
    )
