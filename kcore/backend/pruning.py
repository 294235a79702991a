"""Leaving out of a flat program what nobody asks for: instructions, and results of loops with what makes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..kernel.flat import FlatProgram, Instruction, TensorSpec, slots_of


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


def by_last_states(instructions: Sequence[Instruction], specs: Sequence[TensorSpec]) -> list[Instruction]:
    """The last step of what a loop stacks is read from the loop's last state, where that is the same: the stack then
    is perhaps not asked for at all."""
    state_of: dict[int, int] = {}
    result = []
    for instruction in instructions:
        if instruction.op == "scan" and not instruction.attributes["reverse"]:
            body, count = instruction.attributes["body"], len(_slots(instruction.inputs[1]))
            states = dict(zip(body.outputs[:count], instruction.outputs[:count], strict=True))
            for inner, outer in zip(body.outputs[count:], instruction.outputs[count:], strict=True):
                if inner in states:
                    state_of[outer] = states[inner]
        elif instruction.op == "slice" and instruction.inputs[0] in state_of:
            instruction = _from_state(instruction, state_of[instruction.inputs[0]], specs)
        result.append(instruction)
    return result


def _from_state(cut: Instruction, state: int, specs: Sequence[TensorSpec]) -> Instruction:
    """`cut`, a slice of a stack (time, ...), as the state (...) with a first axis of 1, if it cuts the last step out."""
    begin, end, step = (cut.attributes[name] for name in ("begin", "end", "step"))
    whole = all((b, e, s) == (None, None, 1) for b, e, s in zip(begin[1:], end[1:], step[1:], strict=True))
    shape = specs[state].shape
    if not whole or (begin[0], end[0], step[0]) != (-1, None, 1) or shape.count(None) > 1:
        return cut
    sizes = (1, *(-1 if size is None else size for size in shape))
    return replace(cut, op="reshape", inputs=(state,), attributes={"shape": sizes})


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
