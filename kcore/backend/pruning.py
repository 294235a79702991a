"""Leaving out of a flat program what nobody asks for: instructions, and results of loops with what makes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..kernel.flat import FlatProgram, Instruction, slots_of


def live(instructions: Sequence[Instruction], wanted: Iterable[int]) -> tuple[list[Instruction], set[int]]:
    """The instructions that something wanted depends on, in order, and all slots that are used."""
    used = set(wanted)
    kept = []
    for instruction in reversed(instructions):
        if any(s in used for s in instruction.outputs):
            if instruction.op == "scan":
                instruction = _narrowed(instruction, used)
            kept.append(instruction)
            used.update(slots_of(instruction))
    return kept[::-1], used


def _narrowed(scan: Instruction, used: set[int]) -> Instruction:
    """A loop without the results that are not used, and without the states and sequences that only they need."""
    sequences, initial, captured = (_slots(i) for i in scan.inputs)
    body: FlatProgram = scan.attributes["body"]
    count = len(initial)
    asked = {i for i, slot in enumerate(scan.outputs) if slot in used}
    while True:  # a state that is read is asked for as well
        instructions, reads = live(body.instructions, [body.outputs[i] for i in asked])
        more = {i for i in range(count) if body.inputs[i] in reads} - asked
        if not more:
            break
        asked |= more
    if len(asked) == len(scan.outputs):
        return scan
    states = [i for i in range(count) if i in asked]
    # one sequence tells the number of steps
    rows = [i for i in range(len(sequences)) if body.inputs[count + i] in reads] or [0]
    outer = [i for i in range(len(captured)) if body.inputs[count + len(sequences) + i] in reads]
    places = [*states, *(count + i for i in rows), *(count + len(sequences) + i for i in outer)]
    smaller = replace(
        body,
        inputs=tuple(body.inputs[i] for i in places),
        constants={s: v for s, v in body.constants.items() if s in reads},
        variables={s: v for s, v in body.variables.items() if s in reads},
        instructions=tuple(instructions),
        outputs=tuple(slot for i, slot in enumerate(body.outputs) if i in asked),
    )
    return replace(
        scan,
        inputs=tuple(
            tuple(group[i] for i in picked)
            for group, picked in ((sequences, rows), (initial, states), (captured, outer))
        ),
        outputs=tuple(slot for i, slot in enumerate(scan.outputs) if i in asked),
        attributes={**scan.attributes, "body": smaller},
    )


def _slots(item: Any) -> tuple[int, ...]:
    return item if isinstance(item, tuple) else (item,)
