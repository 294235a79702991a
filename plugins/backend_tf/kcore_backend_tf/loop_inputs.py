"""How the inputs of a loop come into it, in programs for CPUs: row by row, and not yet multiplied with a kernel.

A recurrent layer multiplies its inputs with its kernel, which the core writes as one product for all steps, before the
loop. Nothing overlaps with that, while in the loop a step's product is made by another core during the steps before: a
loop waits for its states only. And rows are looked up in the tensor itself: a list of all rows would be a copy of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kcore.spi import FlatProgram, Instruction, TensorSpec, slots_of

# Values of a kernel. Larger ones do not stay in the caches, from which every step reads them again.
LARGEST = 1 << 19


@dataclass(frozen=True)
class _Projection:
    """What makes a loop's sequence: x . kernel + bias, perhaps with the first two axes exchanged behind it."""

    x: int
    kernel: int
    bias: int | None
    made_by: tuple[Instruction, ...]  # to be left out
    turned: Instruction | None  # the exchange, which is left to do for x


def planned(program: FlatProgram) -> FlatProgram:
    """`program` with loops that take rows, and make the projections that nothing but one of them reads."""
    makers = {slot: i for i in program.instructions for slot in i.outputs}
    reads = Counter(program.outputs)
    reads.update(slot for _, slot in program.updates)
    reads.update(slot for i in program.instructions for slot in slots_of(i))
    moved: dict[int, _Projection] = {}  # by the slot of the sequence
    for loop in program.instructions:
        if loop.op == "scan":
            found = ((s, _projection(s, makers, reads, program.specs)) for s in loop.inputs[0])  # type: ignore[union-attr]
            moved.update((s, p) for s, p in found if p is not None)
    gone = {o for p in moved.values() for i in p.made_by for o in i.outputs}
    specs, instructions = list(program.specs), []
    for instruction in program.instructions:
        if instruction.op == "scan":
            instructions += _by_rows(instruction, moved, specs)
        elif instruction.outputs[0] not in gone:
            instructions.append(instruction)
    return replace(program, specs=tuple(specs), instructions=tuple(instructions))


def _projection(
    sequence: int, makers: Mapping[int, Instruction], reads: Counter[int], specs: Sequence[TensorSpec]
) -> _Projection | None:
    """What makes `sequence`, if it is a projection that is worth making in the loop and is read by nothing else."""
    maker, bias, made_by = makers.get(sequence), None, []
    turned = maker if maker and maker.op == "transpose" and maker.attributes["perm"] == (1, 0, 2) else None
    if turned is not None:
        made_by.append(turned)
        maker = makers.get(turned.inputs[0])  # type: ignore[arg-type]
    if maker is not None and maker.op == "add":
        made_by.append(maker)
        product, bias = maker.inputs
        if len(specs[bias].shape) != 1:  # type: ignore[index]
            return None
        maker = makers.get(product)  # type: ignore[arg-type]
    if maker is None or maker.op != "matmul" or not _is_small(maker, specs, turned is not None):
        return None
    made_by.append(maker)
    if any(reads[i.outputs[0]] != 1 for i in made_by):
        return None
    return _Projection(*maker.inputs, bias, tuple(made_by), turned)  # type: ignore[arg-type]


def _is_small(product: Instruction, specs: Sequence[TensorSpec], turned: bool) -> bool:
    """Whether it multiplies (., ., features) by (features, units), not too many; what is turned must not get larger."""
    x, kernel = (specs[s].shape for s in product.inputs)  # type: ignore[index]
    if (len(x), len(kernel)) != (3, 2) or None in kernel:
        return False
    features, units = kernel
    return features * units <= LARGEST and not (turned and features > units)  # type: ignore[operator]


def _by_rows(
    loop: Instruction, moved: Mapping[int, _Projection], specs: list[TensorSpec]
) -> Iterator[Instruction]:
    """`loop`, which takes rows and makes the projections among its sequences, and before it what is left to do."""
    sequences, initial, captured = loop.inputs
    body: FlatProgram = loop.attributes["body"]
    inner, first, further = list(body.specs), [], []
    own, places = list(body.inputs), list(sequences)  # type: ignore[arg-type]
    added: list[int] = []

    def new(spec: TensorSpec) -> int:
        inner.append(spec)
        return len(inner) - 1

    for position, slot in enumerate(sequences):  # type: ignore[arg-type]
        found = moved.get(slot)
        if found is None:
            continue
        x = found.x
        if found.turned is not None:
            time, batch = specs[slot].shape[:2]
            specs.append(replace(specs[x], shape=(time, batch, specs[x].shape[2])))
            yield replace(found.turned, inputs=(x,), outputs=(len(specs) - 1,))
            x = len(specs) - 1
        places[position] = x
        at = len(initial) + position  # type: ignore[arg-type]
        row, projected = new(replace(specs[x], shape=specs[x].shape[1:])), own[at]
        own[at] = row
        outer = [found.kernel] if found.bias is None else [found.kernel, found.bias]
        inside = [new(specs[s]) for s in outer]
        added += outer
        further += inside
        result = projected if found.bias is None else new(inner[projected])
        first.append(Instruction("matmul", (row, inside[0]), {}, (result,), scope=loop.scope))
        if found.bias is not None:
            first.append(Instruction("add", (result, inside[1]), {}, (projected,), scope=loop.scope))
    body = replace(
        body, specs=tuple(inner), inputs=(*own, *further), instructions=(*first, *body.instructions)
    )
    attributes: dict[str, Any] = {**loop.attributes, "body": body, "by_rows": True}
    yield replace(loop, inputs=(tuple(places), initial, (*captured, *added)), attributes=attributes)  # type: ignore[misc]
