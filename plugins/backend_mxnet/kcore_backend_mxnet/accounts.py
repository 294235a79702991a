"""How instructions run, read off the graphs that MXNet is given for a program: for `model.explain()`."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcore.spi import Execution, FlatProgram, TensorSpec

from .compiled import Compiled, Piece
from .values import running, scope

TRANSPOSES = ("transpose", "SwapAxis")
CHANNELS_FIRST = ("Convolution", "Deconvolution", "Pooling", "im2col")
_BATCH, _OPEN = 2, 7  # stand for sizes that the program leaves open: a graph is made for known sizes


def executions(engine: Any, program: FlatProgram) -> list[Execution]:
    """For each instruction the layout of its images and the transposes in MXNet's graphs.

    An order of axes that two operations share is made once: it counts for the first that needs it. Of a loop too long
    for a graph only what its body says is counted.
    """
    places = {id(i): place for place, i in enumerate(program.instructions)}
    counts = [
        e.transposes if _is_loop(i) else 0 for i, e in zip(program.instructions, engine.written(program))
    ]
    layouts: list[dict[str, bool]] = [{} for _ in program.instructions]
    unrolled = [0] * len(counts)
    for node in nodes(engine, program, places):
        place = node.get("attrs", {}).get("__kcore__")
        if place is not None:
            unrolled[int(place)] += node["op"] in TRANSPOSES
            if node["op"] in CHANNELS_FIRST:
                layouts[int(place)]["channels_first"] = True
    seen = [u or c for u, c in zip(unrolled, counts, strict=True)]
    return [Execution(", ".join(found), count) for found, count in zip(layouts, seen, strict=True)]


def _is_loop(instruction: Any) -> bool:
    return any(isinstance(v, FlatProgram) for v in instruction.attributes.values())


def nodes(engine: Any, program: FlatProgram, places: dict[int, int] | None = None) -> list[dict[str, Any]]:
    """The operations that each call of `program` runs, as in MXNet's symbol files; nothing is written to variables.

    places: id of an instruction -> a number, which the operations made for it carry as '__kcore__'.
    """
    compiled = Compiled(engine, program)
    if places is not None:
        places = {**places, **{new: places[id(old)] for new, old in compiled.origins.items()}}
    scope.places, before = places, scope.places
    try:
        compiled.run([_zeros(program.specs[s]) for s in program.inputs])
    finally:
        scope.places = before
    pieces = [p for p in compiled._layout.steps if isinstance(p, Piece)] if compiled._layout else []
    return [node for piece in pieces for graph in piece._made.values() for node in graph.op_nodes()]


def _zeros(spec: TensorSpec) -> Any:
    shape = tuple((_OPEN if axis else _BATCH) if d is None else d for axis, d in enumerate(spec.shape))
    return running(np.zeros(shape, "float32" if spec.dtype == "bfloat16" else spec.dtype), spec.dtype)
