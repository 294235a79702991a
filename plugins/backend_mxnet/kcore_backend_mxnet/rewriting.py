"""Instructions that MXNet computes together: a dense layer with its bias, and the gradients of one.

Both stand in a flat program as products, transposes and sums. MXNet has them as one operation each, which take a
kernel as (outputs, inputs).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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

    def put(self, place: int, new: Instruction, instead_of: list[int]) -> None:
        """`new` at that place; those that it stands for go."""
        self.origins[id(new)] = self.program.instructions[instead_of[0]]
        for p in instead_of:
            self.instructions[p] = None
        self.instructions[place] = new


def rewritten(program: FlatProgram) -> tuple[FlatProgram, dict[int, Instruction]]:
    """`program` with dense layers whole, and for each new instruction (by its id) one that it stands for."""
    work = Rewriting(program)
    products = [p for p, i in enumerate(program.instructions) if i.op == "matmul" and _is_dense(program, i)]
    learning = {place for place in products if _gradient_of(work, place)}
    for place in products:
        _forward(work, place, place in learning)
    instructions = tuple(i for i in work.instructions if i is not None)
    return replace(program, instructions=instructions), work.origins


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
