"""Optimizer steps on large variables: TensorFlow's fused ops, which change the variables in place.

A rule of the core is a function of values. Where all that it gives goes straight into the variables that it read,
the fused op does the same in one pass over memory. For small variables the composed form is faster: the choice
depends on the size alone, as the two differ in the last bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tensorflow as tf

from kcore.spi import FlatProgram, Instruction, slots_of

LARGE = 50_000  # values


def _adam(handles: Any, values: Any, attributes: Any) -> None:
    gradient, rate, beta_1, beta_2 = values
    zero = tf.zeros((), gradient.dtype)  # `rate` is corrected for the bias already
    tf.raw_ops.ResourceApplyAdam(
        var=handles[0], m=handles[1], v=handles[2], beta1_power=zero, beta2_power=zero, lr=rate, beta1=beta_1,
        beta2=beta_2, epsilon=tf.constant(attributes["epsilon"], gradient.dtype), grad=gradient,
    )  # fmt: skip


def _sgd(handles: Any, values: Any, attributes: Any) -> None:
    gradient, rate, momentum = values
    # accum = momentum accum - rate g; var += accum (or, looking ahead, momentum accum - rate g)
    tf.raw_ops.ResourceApplyKerasMomentum(
        var=handles[0], accum=handles[1], lr=rate, grad=gradient, momentum=momentum,
        use_nesterov=attributes["nesterov"],
    )  # fmt: skip


# operation: (which inputs are variables, in the order of its outputs; which are values; how it is applied)
APPLIES: dict[str, tuple[tuple[int, ...], tuple[int, ...], Callable[..., None]]] = {
    "adam_update": ((0, 2, 3), (1, 4, 5, 6), _adam),
    "sgd_update": ((0, 2), (1, 3, 4), _sgd),
}


def plan(program: FlatProgram) -> tuple[FlatProgram, list[Callable[[Any, list[Any]], None]]]:
    """`program` without the rules that are applied in place, and the functions that apply them at the end."""
    reads: dict[int, int] = {}
    for instruction in program.instructions:
        for slot in slots_of(instruction):
            reads[slot] = reads.get(slot, 0) + 1
    for slot in program.outputs:
        reads[slot] = reads.get(slot, 0) + 1
    written: dict[int, list[Any]] = {}
    for variable, slot in program.updates:
        written.setdefault(slot, []).append(variable)
    kept, ends, gone = [], [], set()
    for instruction in program.instructions:
        made = _in_place(program, instruction, reads, written)
        if made is None:
            kept.append(instruction)
        else:
            ends.append(made)
            gone.update(instruction.outputs)
    if not ends:
        return program, []
    updates = tuple((v, s) for v, s in program.updates if s not in gone)
    needed = {s for e in ends for s in e.slots}
    smaller = replace(program, instructions=tuple(kept), updates=updates)
    # the values that the ops take are outputs now, so that they are kept until the end
    return _Keeping.of(smaller, needed), [e for e in ends]


class _Keeping(FlatProgram):
    """A program some of whose inner values are still needed after the last instruction."""

    @classmethod
    def of(cls, program: FlatProgram, needed: set[int]) -> FlatProgram:
        made = cls(**{f: getattr(program, f) for f in program.__dataclass_fields__})
        object.__setattr__(made, "needed", needed)
        return made

    def last_uses(self) -> list[list[int]]:
        needed = self.needed  # type: ignore[attr-defined]
        return [[s for s in dead if s not in needed] for dead in super().last_uses()]


class _Apply:
    def __init__(self, variables: list[Any], slots: list[int], attributes: Any, function: Any) -> None:
        self.variables, self.slots, self.attributes, self.function = variables, slots, attributes, function

    def __call__(self, engine: Any, table: list[Any]) -> None:
        handles = [v.storage(engine).handle for v in self.variables]
        self.function(handles, [table[s] for s in self.slots], self.attributes)


def _in_place(
    program: FlatProgram, instruction: Instruction, reads: dict[int, int], written: dict[int, list[Any]]
) -> _Apply | None:
    entry = APPLIES.get(instruction.op)
    if entry is None:
        return None
    at, values, function = entry
    slots = [instruction.inputs[i] for i in at]
    variables = [program.variables.get(s) for s in slots]  # type: ignore[arg-type]
    if any(v is None for v in variables) or variables[0].dtype not in ("float32", "float64"):  # type: ignore[union-attr]
        return None
    size = 1
    for d in variables[0].shape:  # type: ignore[union-attr]
        size *= d or 0
    if size < LARGE:
        return None
    for variable, output in zip(variables, instruction.outputs, strict=True):
        if reads.get(output) or written.get(output) != [variable]:
            return None
    return _Apply(variables, [instruction.inputs[i] for i in values], instruction.attributes, function)  # type: ignore[misc]
