"""Places that are looked up in tables: whether those that a program is given exist.

MXNet takes the nearest row for one that does not exist, and says nothing. What comes in as an input is looked at before
a graph runs, and refused as NumPy refuses it; of places that a graph computes itself the nearest row is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kcore.spi import FlatProgram

from .values import Value

SAME_ELEMENTS = {"cast", "reshape"}  # operations that hand on places as they are


def plan(program: FlatProgram) -> list[tuple[int, int]]:
    """(place among the inputs, rows of the table) for each input whose elements are places in a table."""
    origins = {slot: slot for slot in program.inputs}
    found: dict[int, int] = {}
    for instruction in program.instructions:
        if instruction.op in SAME_ELEMENTS and instruction.inputs[0] in origins:
            origins[instruction.outputs[0]] = origins[instruction.inputs[0]]
        elif instruction.op == "gather" and instruction.inputs[1] in origins:
            table = program.specs[instruction.inputs[0]].shape
            rows = table[instruction.attributes.get("axis", 0)]
            source = origins[instruction.inputs[1]]
            if rows is not None:
                found[source] = min(rows, found.get(source, rows))
    return [(program.inputs.index(slot), rows) for slot, rows in found.items()]


def check(given: Any, rows: int) -> None:
    """Raises IndexError if `given` has an element that is no place in a table of so many rows; -1 is the last."""
    places = given.asnumpy() if isinstance(given, Value) else np.asarray(given)
    if places.size == 0:
        return
    for place in (places.max(), places.min()):
        if not -rows - 1 < place < rows:
            raise IndexError(
                f"index {int(place) if np.isfinite(place) else place} is out of bounds for axis 0 with size {rows}: "
                "an Embedding needs an input_dim above the largest number in its inputs."
            )
