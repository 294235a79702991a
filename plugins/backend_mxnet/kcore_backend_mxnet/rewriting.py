"""Instructions that are computed together: a dense layer with its bias, and the gradients of one; where no weights
learn, a layer with the normalisation behind it.

The first two stand in a flat program as products, transposes and sums. MXNet has them as one operation each, which take
a kernel as (outputs, inputs).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from kcore.spi import FlatProgram, Instruction, slots_of


@dataclass
class Rewriting:
    """A program in the making, with what reads and makes each of its slots."""

    program: FlatProgram
    origins: dict[int, Instruction] = field(
        default_factory=dict
    )  # id of a new instruction: one that it stands for

    def __post_init__(self) -> None:
        self.instructions: list[Instruction | None] = list(self.program.instructions)
        self.readers: dict[int, list[int]] = {}
        self.maker: dict[int, int] = {}
        for place, instruction in enumerate(self.program.instructions):
            for slot in slots_of(instruction):
                self.readers.setdefault(slot, []).append(place)
            self.maker.update(dict.fromkeys(instruction.outputs, place))
        self.kept = {*self.program.outputs, *(slot for _, slot in self.program.updates)}

    def reading(self, slot: int, op: str) -> list[tuple[int, Instruction]]:
        """The instructions `op` that read `slot`, with their places."""
        found = ((p, self.instructions[p]) for p in dict.fromkeys(self.readers.get(slot, ())))
        return [(p, i) for p, i in found if i is not None and i.op == op]

    def made(self) -> FlatProgram:
        return replace(self.program, instructions=tuple(i for i in self.instructions if i is not None))

    def put(self, place: int, new: Instruction, instead_of: list[int]) -> None:
        """`new` at that place; those that it stands for go."""
        self.origins[id(new)] = self.program.instructions[instead_of[0]]
        for p in instead_of:
            self.instructions[p] = None
        self.instructions[place] = new


def rewritten(program: FlatProgram, folding: bool = False) -> tuple[FlatProgram, dict[int, Instruction]]:
    """`program` with dense layers whole, and for each new instruction (by its id) one that it stands for.

    folding: whether scales and shifts of channels go into the weights of the layer before them.
    """
    work = Rewriting(program)
    products = [p for p, i in enumerate(program.instructions) if i.op == "matmul" and _is_dense(program, i)]
    learning = {place for place in products if _gradient_of(work, place)}
    for place in products:
        _forward(work, place, place in learning)
    made = work.made()
    if not folding:
        return made, work.origins
    again = Rewriting(made)
    for place, instruction in enumerate(made.instructions):
        if instruction.op in WEIGHTED and _only_weighs(again, slots_of(instruction)[1]):
            _fold(again, place)
    origins = {key: work.origins.get(id(origin), origin) for key, origin in again.origins.items()}
    return again.made(), {**work.origins, **origins}


# layers of which each channel of the result has weights of its own: what stands for one with scales and shifts
WEIGHTED = {
    "convolution": "scaled_convolution",
    "depthwise_convolution": "scaled_depthwise_convolution",
    "dense": "scaled_dense",
    "matmul": "scaled_dense",
}


def _only_weighs(work: Rewriting, kernel: int) -> bool:
    """Whether `kernel` is a variable, and nobody asks for gradients through it."""
    readers = [work.instructions[p] for p in work.readers[kernel]]
    usual = all(r is None or r.op in {*WEIGHTED, *WEIGHTED.values()} for r in readers)
    return kernel in work.program.variables and usual


def _fold(work: Rewriting, place: int) -> None:
    """A layer with all that only scales and shifts the channels of its result, if that scales at all."""
    layer = work.instructions[place]
    assert layer is not None
    specs, (out,) = work.program.specs, layer.outputs
    if layer.op == "matmul" and not _is_dense(work.program, layer):
        return
    shape = specs[out].shape
    steps: list[tuple[Any, ...]] = []
    vectors: list[int] = []
    chain = [place]
    if layer.op == "dense" and layer.inputs[2] is not None:
        steps, vectors = [("add",)], [layer.inputs[2]]
    while out not in work.kept and len(work.readers.get(out, ())) == 1:
        (later,) = work.readers[out]
        follower = work.instructions[later]
        found = None if follower is None else _scaling(follower, out, shape, specs)
        if follower is None or found is None:
            break
        step, read = found
        steps.append(step)
        vectors.extend(read)
        chain.append(later)
        (out,) = follower.outputs
    if any(step != ("add",) for step in steps):  # a bias alone MXNet adds anyhow
        last = work.instructions[chain[-1]]
        assert last is not None
        new = replace(
            layer, op=WEIGHTED[layer.op], inputs=(*layer.inputs[:2], tuple(vectors)),
            attributes={**layer.attributes, "steps": tuple(steps)}, outputs=last.outputs,
        )  # fmt: skip
        work.put(chain[-1], new, chain)


def _scaling(instruction: Instruction, out: int, shape: Any, specs: Any) -> Any:
    """(the step, the slots of its vectors) of an instruction that scales or shifts the channels of `out`; else None."""
    inputs = list(instruction.inputs)
    if instruction.op == "normalize_channels":
        axis = instruction.attributes["axis"]
        if inputs[0] == out and axis % len(shape) == len(shape) - 1:
            return ("normalize", instruction.attributes["epsilon"]), inputs[1:]
    elif instruction.op in ("add", "multiply") and inputs.count(out) == 1:
        (other,) = (s for s in inputs if s != out)
        found = specs[other].shape
        if found[-1:] == shape[-1:] and None not in found and math.prod(found) == shape[-1]:
            return ((instruction.op,), [other]) if len(found) <= len(shape) else None
    return None


def _is_dense(program: FlatProgram, instruction: Instruction) -> bool:
    x, kernel = (program.specs[s] for s in slots_of(instruction))
    return kernel.dtype == "float32" and len(kernel.shape) == 2 and len(x.shape) >= 2


def _forward(work: Rewriting, place: int, learns: bool) -> None:
    """A product with the bias that is added to it; without one only if it has gradients."""
    product = work.instructions[place]
    if product is None or product.op != "matmul":
        return
    (out,) = product.outputs
    specs = work.program.specs
    alone = out not in work.kept and len(work.readers.get(out, ())) == 1
    for later, addition in work.reading(out, "add") if alone else ():
        bias = next(s for s in slots_of(addition) if s != out)
        if specs[bias].shape == specs[out].shape[-1:] and bias not in work.program.constants:
            new = replace(addition, op="dense", inputs=(*product.inputs, bias), attributes={})
            work.put(later, new, [place, later])
            return
    if learns:
        work.put(place, replace(product, op="dense", inputs=(*product.inputs, None)), [place])


def _gradient_of(work: Rewriting, place: int) -> bool:
    """The gradients of a product x @ kernel that are asked for, which one operation gives; whether there are any."""
    product = work.program.instructions[place]
    x, kernel = slots_of(product)
    specs = work.program.specs
    if len(specs[x].shape) != 2:
        return False
    done = False
    turned = [_turned(work, s) for s in (x, kernel)]
    for found in [f for t in turned[0] for f in work.reading(t, "matmul")]:
        left, g = slots_of(found[1])
        if left not in turned[0] or specs[g].shape != specs[product.outputs[0]].shape:
            continue
        from_g = [f for f in work.reading(g, "matmul") if slots_of(f[1])[0] == g]
        to_input = [f for f in from_g if slots_of(f[1])[1] in turned[1]][:1]
        bias = specs[found[1].outputs[0]].shape[-1:]
        sums = [f for f in work.reading(g, "sum_to_like") if slots_of(f[1])[0] == g]
        sums = [f for f in sums if specs[f[1].outputs[0]].shape == bias][:1]
        parts = [found, *to_input, *sums]
        first = min(p for p, _ in parts)
        if all(work.maker.get(s, -1) < first for s in (g, x, kernel)):
            new = replace(
                found[1], op="dense_gradient", inputs=(g, x, kernel),
                attributes={"with_input": bool(to_input), "with_bias": bool(sums)},
                outputs=tuple(i.outputs[0] for _, i in parts),
            )  # fmt: skip
            work.put(first, new, [p for p, _ in parts])
            done = True
    return done


def _turned(work: Rewriting, slot: int) -> list[int]:
    return [
        i.outputs[0] for _, i in work.reading(slot, "transpose") if i.attributes.get("perm") in ((1, 0), None)
    ]
