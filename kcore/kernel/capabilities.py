"""Whether an engine has the types that a program or a model needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import Unsupported

_FLOATS = frozenset({"float64", "float16", "bfloat16"})  # besides float32, which every engine has


def check_types(engine: Any, types: Iterable[str], where: str) -> None:
    """Raises Unsupported if one of `types` is a floating type that `engine` has not declared.

    where: what needs the types, for the error.
    """
    declared = {*(kind for kind in _FLOATS if engine.can(kind)), *engine.computed_in}
    for kind in sorted(set(types) & _FLOATS - declared):
        raise Unsupported(
            f"{where} needs {kind}, which engine {engine.name!r} does not have; its types are "
            f"{', '.join(sorted({'float32', *declared}))}. Make the layers with dtype= one of these, or use an engine "
            "that has it (kcore.use_backend)."
        )
