"""Single numbers that depend on nothing but single numbers (rates, counters), computed in NumPy beside the graphs.

MXNet's fused optimizer steps take their rates as Python numbers. Read from a graph's results they would have to be
waited for; computed here they are there before the graph runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kcore.extending import operation
from kcore.spi import FlatProgram, Instruction, slots_of

from .values import Value

OPERATIONS = {
    "add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "sqrt", "exp", "log", "negative", "floor",
    "cast", "less", "equal", "where", "mod", "cos", "square",
}  # fmt: skip
_PLAIN = {"square": np.square}  # composites that the engine keeps whole


def _makers(program: FlatProgram) -> tuple[set[int], dict[int, int]]:
    """The slots that hold such numbers, and of those that are computed the place of the instruction."""
    single = {s for s in program.variables if program.specs[s].shape == ()}
    single |= {s for s, value in program.constants.items() if value.shape == ()}
    places: dict[int, int] = {}
    for place, instruction in enumerate(program.instructions):
        if (
            instruction.op in OPERATIONS
            and not instruction.shapes
            and single.issuperset(slots_of(instruction))
        ):
            single.update(instruction.outputs)
            places.update(dict.fromkeys(instruction.outputs, place))
    return single, places


def single(program: FlatProgram) -> set[int]:
    """The slots of `program` that hold single numbers which can be computed here."""
    return _makers(program)[0]


def plan(program: FlatProgram, wanted: list[int]) -> set[int]:
    """Which instructions (by their places) are computed here: what `wanted` slots need, and updates of such numbers."""
    _, places = _makers(program)
    open_yet = [s for s in (*wanted, *(slot for _, slot in program.updates)) if s in places]
    found: set[int] = set()
    while open_yet:
        place = places[open_yet.pop()]
        if place not in found:
            found.add(place)
            open_yet.extend(s for s in slots_of(program.instructions[place]) if s in places)
    return found


class Steps:
    """The instructions that are computed here."""

    def __init__(self, program: FlatProgram, instructions: list[Instruction]) -> None:
        self._calls = [_call(program, i) for i in instructions]
        self._constants = {s: np.asarray(v) for s, v in program.constants.items() if v.shape == ()}
        self.outputs = [s for i in instructions for s in i.outputs]
        made = set(self.outputs)
        self.inputs = list(
            dict.fromkeys(
                s for i in instructions for s in slots_of(i) if s in program.variables and s not in made
            )
        )
        self._dtypes = {s: program.specs[s].dtype for s in self.outputs}

    def __call__(self, table: dict[int, Value]) -> dict[int, Value]:
        """The values of `outputs`, from those of `inputs` in `table`."""
        known: dict[int, Any] = {**self._constants, **{s: table[s].asnumpy() for s in self.inputs}}
        for function, slots, dtype, out in self._calls:
            known[out] = np.asarray(function(*[known[s] for s in slots]), dtype)
        return {s: Value(known[s], (), self._dtypes[s]) for s in self.outputs}


def _call(program: FlatProgram, instruction: Instruction) -> Any:
    op = operation(instruction.op)
    meaning = _PLAIN.get(instruction.op, op.meaning)
    attributes = dict(instruction.attributes)
    function = (lambda *given: meaning(*given, **attributes)) if attributes else meaning
    (out,) = instruction.outputs
    dtype = program.specs[out].dtype
    return function, tuple(slots_of(instruction)), "float32" if dtype == "bfloat16" else dtype, out
