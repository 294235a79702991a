"""Optimizer steps on large models: MXNet's fused operations, which change the arrays in place after the graph.

A rule of the core is a function of values. Where all that it gives goes straight into the variables that it read,
the fused operation does the same in one pass over memory. Each is a call of its own: for small models that costs more
than it saves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kcore.spi import FlatProgram, Instruction, slots_of

from . import scalars
from .values import Value, in_order, mx, raw

LARGE = 8_000  # values in all variables of a program


def _adam(arrays: list[Any], gradient: Any, numbers: list[float], attributes: Any) -> None:
    weight, mean, variance = arrays
    rate, beta_1, beta_2 = numbers  # the rate is corrected for the bias already
    mx.nd.adam_update(
        weight,
        gradient,
        mean,
        variance,
        lr=rate,
        beta1=beta_1,
        beta2=beta_2,
        epsilon=attributes["epsilon"],
        out=weight,
    )


def _sgd(arrays: list[Any], gradient: Any, numbers: list[float], attributes: Any) -> None:
    weight, velocity = arrays
    rate, momentum = numbers
    mx.nd.sgd_mom_update(weight, gradient, velocity, lr=rate, momentum=momentum, out=weight)


# operation: (which inputs are variables, in the order of its outputs; the gradient; numbers; how it is applied)
APPLIES: dict[str, tuple[tuple[int, ...], int, tuple[int, ...], Callable[..., None]]] = {
    "adam_update": ((0, 2, 3), 1, (4, 5, 6), _adam),
    "sgd_update": ((0, 2), 1, (3, 4), _sgd),
}


class Apply:
    """One fused step: the variables, the slots of its gradient and its numbers."""

    def __init__(
        self, variables: list[Any], gradient: int, numbers: list[int], attributes: Any, function: Any
    ) -> None:
        self.variables, self.gradient, self.numbers = variables, gradient, numbers
        self.attributes, self.function = attributes, function

    @property
    def size(self) -> int:
        """Values in the first of its variables."""
        return math.prod(d or 0 for d in self.variables[0].shape)

    def __call__(self, engine: Any, table: dict[int, Value], known: dict[int, float]) -> None:
        for slot in self.numbers:
            if slot not in known:
                known[slot] = float(table[slot])
        held = [v.storage(engine) for v in self.variables]
        order, gradient = held[0].order, table[self.gradient]
        for storage in held[1:]:
            storage.lay(order)
        arrived = raw(gradient) if order is None else in_order(gradient, order)
        self.function([s.base for s in held], arrived, [known[s] for s in self.numbers], self.attributes)
        for storage in held:
            storage.touched()


def plan(program: FlatProgram) -> tuple[FlatProgram, list[Apply]]:
    """`program` without the rules that are applied in place, with their gradients among its outputs, and those.

    The numbers that they take are not among its outputs: `scalars` finds those that are computed, the others are
    variables.
    """
    reads: dict[int, int] = {}
    for slot in [*(s for i in program.instructions for s in slots_of(i)), *program.outputs]:
        reads[slot] = reads.get(slot, 0) + 1
    written: dict[int, list[Any]] = {}
    for variable, slot in program.updates:
        written.setdefault(slot, []).append(variable)
    single = scalars.single(program)
    made = {
        id(i): _in_place(program, i, reads, written, single) for i in program.instructions if i.op in APPLIES
    }
    found = [a for a in made.values() if a is not None]
    if sum(a.size for a in found) < LARGE:
        return program, []
    kept, applied, gone = [], [], set()
    for instruction in program.instructions:
        apply = made.get(id(instruction))
        if apply is None:
            kept.append(instruction)
        else:
            applied.append(apply)
            gone.update(instruction.outputs)
    needed = tuple(dict.fromkeys(a.gradient for a in applied))
    updates = tuple((v, s) for v, s in program.updates if s not in gone)
    outputs = (*program.outputs, *needed)
    return replace(program, instructions=tuple(kept), updates=updates, outputs=outputs), applied


def _in_place(
    program: FlatProgram,
    instruction: Instruction,
    reads: dict[int, int],
    written: dict[int, list[Any]],
    single: set[int],
) -> Apply | None:
    entry = APPLIES.get(instruction.op)
    if entry is None or instruction.attributes.get("nesterov"):
        return None
    at, gradient, numbers, function = entry
    slots: list[Any] = list(instruction.inputs)
    variables = [program.variables.get(slots[i]) for i in at]
    first = variables[0]
    if first is None or any(v is None or v.dtype != "float32" for v in variables):
        return None
    if any(slots[i] not in single for i in numbers) or slots[gradient] in program.variables:
        return None
    for variable, output in zip(variables, instruction.outputs, strict=True):
        if reads.get(output) or written.get(output) != [variable]:
            return None
    return Apply(variables, slots[gradient], [slots[i] for i in numbers], instruction.attributes, function)
