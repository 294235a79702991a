"""In which order of their axes variables are held: that in which MXNet's operations want weights.

A kernel of the core is (inputs, outputs), MXNet's is (outputs, inputs). What only such operations read is turned once
and stays so, with all that an optimizer keeps beside it: graphs then turn no weights, and MXNet's convolutions keep
them in blocks while they predict.
"""

from __future__ import annotations

from typing import Any

from kcore.spi import FlatProgram, Instruction, slots_of

from .operations.convolution import depthwise_order, weight_order

TURNED = (1, 0)
# operation: (places of its weights among its inputs, their order from their rank)
WANTED: dict[str, tuple[tuple[int, ...], Any]] = {
    "matmul": ((1,), lambda ndim: TURNED if ndim == 2 else None),
    "dense": ((1,), lambda ndim: TURNED),
    "dense_gradient": ((2,), lambda ndim: TURNED),
    "convolution": ((1,), weight_order),
    "convolution_transpose": ((1,), weight_order),
    "depthwise_convolution": ((1,), depthwise_order),
    "depthwise_convolution_transpose": ((1,), depthwise_order),
    "scaled_convolution": ((1,), weight_order),
    "scaled_depthwise_convolution": ((1,), depthwise_order),
    "scaled_dense": ((1,), lambda ndim: TURNED),
    "lstm_layer": ((3, 4), lambda ndim: TURNED),
    "lstm_layer_gradient": ((6, 7), lambda ndim: TURNED),
    "gru_layer": ((2, 3), lambda ndim: TURNED),
    "gru_layer_gradient": ((4, 5), lambda ndim: TURNED),
    "simple_rnn_layer": ((2, 3), lambda ndim: TURNED),
    "simple_rnn_layer_gradient": ((4, 5), lambda ndim: TURNED),
}
# operations that compute in the order in which they find their values
KEEPING = {
    "add", "subtract", "multiply", "divide", "negative", "abs", "sqrt", "square", "sign", "adam_update", "sgd_update",
}  # fmt: skip


def plan(program: FlatProgram) -> list[tuple[Any, tuple[int, ...]]]:
    """The variables of `program` that are to be held in another order, with that."""
    groups = _Groups()
    votes: dict[int, set[Any]] = {}
    for instruction in program.instructions:
        if instruction.op in KEEPING:
            _join(groups, program, instruction)
        else:
            _vote(votes, program, instruction)
    written = {id(variable): slot for variable, slot in program.updates}
    orders: dict[int, Any] = {}
    for slot in program.variables:
        wanted = votes.get(slot, set())
        if len(wanted) == 1 and None not in wanted:
            orders[groups.of(slot)] = next(iter(wanted))
    found = []
    for slot, variable in program.variables.items():
        order = orders.get(groups.of(slot))
        end = written.get(id(variable), slot)
        if order is not None and None not in votes.get(slot, ()) and groups.of(end) == groups.of(slot):
            found.append((variable, order))
    return found


def _join(groups: _Groups, program: FlatProgram, instruction: Instruction) -> None:
    """Values of one shape that meet element by element are to be in one order."""
    first = instruction.outputs[0]
    shape = program.specs[first].shape
    for slot in (*slots_of(instruction), *instruction.outputs):
        if program.specs[slot].shape == shape:
            groups.join(first, slot)


def _vote(votes: dict[int, set[Any]], program: FlatProgram, instruction: Instruction) -> None:
    if instruction.op == "transpose" and len(program.specs[instruction.outputs[0]].shape) == 2:
        return  # of a product's gradient, mostly: it costs what it cost before
    places, order = WANTED.get(instruction.op, ((), None))
    wanting = {instruction.inputs[p] for p in places}
    for slot in slots_of(instruction):
        if slot in program.variables:
            votes.setdefault(slot, set()).add(
                order(len(program.specs[slot].shape)) if slot in wanting else None
            )


class _Groups:
    """Slots by groups, each told by one of its members."""

    def __init__(self) -> None:
        self._before: dict[int, int] = {}

    def of(self, slot: int) -> int:
        while (before := self._before.get(slot, slot)) != slot:
            slot = before
        return slot

    def join(self, one: int, other: int) -> None:
        self._before[self.of(one)] = self.of(other)
