"""From a graph to the plain program that an engine runs: gradients expanded, composites opened, repeats shared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import GraphError, Unsupported
from ..kernel.capabilities import check_types
from ..kernel.flat import FlatProgram, Instruction, TensorSpec
from .declare import as_tensor
from .gradients import GRADIENTS, connected, expand_gradients
from .graph import inputs_of, leaves_of, nodes_between, rebuild, substitute
from .pruning import by_last_states, live
from .simplify import Simplifier
from .sizes import KnownSizes
from .tensor import Constant, Node, Placeholder, SymbolicTensor, scope
from .variables import Update, Variable


@dataclass(frozen=True)
class Body:
    """A traced function inside a graph (a loop's step): `inputs` are its own placeholders, `captured` the
    tensors of the surrounding graph that it reads, which the operation passes in after its own inputs."""

    inputs: tuple[SymbolicTensor, ...]
    outputs: tuple[SymbolicTensor, ...]


@dataclass(frozen=True)
class Opened:
    """A composite that a program holds as the operations of its definition: in which layer, which, and why."""

    scope: str
    op: str
    reason: str


@dataclass
class Program:
    """What a call computes: inputs, outputs, updates, and values fixed for it (`givens`: tensor -> tensor).

    rows_together: the unknown first sizes of the inputs are one and the same, the rows of a batch.
    simplified: nodes that change nothing are left out.
    sizes: what is known of the sizes of the inputs, of a loop's body, from around it.
    own_results: no result is one of the inputs because nothing changes it: these are arrays of the caller's.
    """

    inputs: Sequence[SymbolicTensor]
    outputs: Sequence[SymbolicTensor]
    updates: Sequence[Update] = ()
    givens: Mapping[SymbolicTensor, Any] = field(default_factory=dict)
    name: str = "program"
    rows_together: bool = False
    simplified: bool = True
    sizes: KnownSizes | None = None
    own_results: bool = True

    def lower(self, engine: Any, opened: list[Opened] | None = None) -> FlatProgram:
        """The flat program for `engine`; `opened` is filled with the composites that were opened.

        Raises Unsupported before anything runs.
        """
        return _Lowering(engine, self, [] if opened is None else opened).result()


def chained(updates: Sequence[Update]) -> list[Update]:
    """At most one update per variable: a later one of the same variable starts from the earlier one's value."""
    latest: dict[Variable, SymbolicTensor] = {}
    for update in updates:
        variable, value = update
        if variable in latest:
            value = rebuild([value], {variable: latest[variable]})[0]
        latest[variable] = value
    return [Update(v, t) for v, t in latest.items()]


class _Lowering:
    def __init__(self, engine: Any, program: Program, opened: list[Opened]) -> None:
        self.engine = engine
        self.program = program
        self.opened = opened
        self.inlined: set[int] = set()

    def result(self) -> FlatProgram:
        program = self.program
        givens = {k: as_tensor(v, k.dtype) for k, v in program.givens.items()}
        program.updates = chained(program.updates)
        wanted = [as_tensor(o) for o in program.outputs] + [u.value for u in program.updates]
        boundary = set(program.inputs)
        wanted = replaced(wanted, givens, boundary)
        if not self.engine.autodiff:
            wanted = self._without_gradients(wanted, boundary)
        return _Flattener(self.engine, program, boundary, self.inlined, self.opened).flatten(wanted)

    def _without_gradients(
        self, wanted: list[SymbolicTensor], boundary: set[SymbolicTensor]
    ) -> list[SymbolicTensor]:
        """Every `gradients` node replaced by the graph that the rules give, innermost first."""
        marks = [n for n in nodes_between(wanted, boundary) if n.op is GRADIENTS]
        swap: dict[SymbolicTensor, SymbolicTensor] = {}
        for mark in marks:
            ys, xs, seeds = substitute(mark.arguments, lambda t: swap.get(t, t))
            flat = replaced([*ys, *xs, *seeds], swap, boundary)
            ys, xs, seeds = flat[: len(ys)], flat[len(ys) : len(ys) + len(xs)], flat[len(ys) + len(xs) :]
            found = expand_gradients(ys, xs, seeds, self.inlined, self.engine.fused)
            swap.update(zip(mark.outputs, found, strict=True))
        return replaced(wanted, swap, boundary) if swap else wanted


def replaced(
    outputs: Sequence[SymbolicTensor],
    swap: Mapping[SymbolicTensor, SymbolicTensor],
    boundary: Collection[SymbolicTensor] = (),
) -> list[SymbolicTensor]:
    """`outputs` with tensors replaced and choices between phases decided where the phase is now known.

    Nothing behind `boundary` (tensors that are fed) is looked at.
    """
    done: dict[SymbolicTensor, SymbolicTensor] = {k: v for k, v in swap.items() if k not in boundary}
    for node in nodes_between(outputs, {*boundary, *done}):
        chosen = _decided(node, done)
        if chosen is not None:
            done[node.outputs[0]] = chosen
        elif any(t in done for t in inputs_of(node)):
            arguments = substitute(node.arguments, lambda t: done.get(t, t))
            if node.op.simplify is not None:
                arguments = node.op.simplify(arguments)
            with scope(node.scope):
                made = node.op.symbolic(list(arguments))
            done.update(zip(node.outputs, made if isinstance(made, list) else [made], strict=True))
    return [done.get(t, t) for t in outputs]


def _decided(node: Node, done: Mapping[SymbolicTensor, SymbolicTensor]) -> SymbolicTensor | None:
    """The branch of a `phase_switch` whose phase is a constant."""
    if node.op.name != "phase_switch":
        return None
    phase, training, inference = node.arguments
    phase = done.get(phase, phase)
    if not isinstance(phase, Constant):
        return None
    chosen = training if bool(phase.value) else inference
    return done.get(chosen, chosen)


class _Flattener:
    """Numbers the values of a graph without `gradients` nodes (unless the engine wants them)."""

    def __init__(
        self,
        engine: Any,
        program: Program,
        boundary: set[SymbolicTensor],
        inlined: set[int],
        opened: list[Opened],
    ) -> None:
        self.engine = engine
        self.program = program
        self.boundary = boundary
        self.inlined = inlined
        self.opened = opened
        self.slots: dict[SymbolicTensor, int] = {}
        self.specs: list[TensorSpec] = []
        self.constants: dict[int, np.ndarray] = {}
        self.variables: dict[int, Variable] = {}
        self.instructions: list[Instruction] = []
        self._shared: dict[Any, tuple[int, ...]] = {}
        sizes = program.sizes or KnownSizes(program.inputs, program.rows_together)
        self.simplifier = Simplifier(sizes) if program.simplified else None
        self._results: set[SymbolicTensor] = set()

    def flatten(self, wanted: list[SymbolicTensor]) -> FlatProgram:
        program = self.program
        inputs = tuple(self._new(t) for t in program.inputs)
        for tensor, slot in zip(program.inputs, inputs, strict=True):
            self.slots[tensor] = slot
        self._results = set(wanted) if program.own_results else set()
        self._visit(wanted)
        slots = [self.slots[t] for t in wanted]
        n = len(program.outputs)
        instructions = self._live(slots)
        used = {
            *inputs,
            *slots,
            *self.constants,
            *self.variables,
            *(o for i in instructions for o in i.outputs),
        }
        # float64 also stands within some operations, where an engine without it may come by with float32
        check_types(self.engine, {self.specs[s].dtype for s in used} - {"float64"}, program.name)
        return FlatProgram(
            specs=tuple(self.specs),
            inputs=inputs,
            constants=self.constants,
            variables=self.variables,
            instructions=instructions,
            outputs=tuple(slots[:n]),
            updates=tuple((u.variable, s) for u, s in zip(program.updates, slots[n:], strict=True)),
            name=program.name,
        )

    def _live(self, wanted: list[int]) -> tuple[Instruction, ...]:
        """Only instructions that something wanted depends on."""
        if self.simplifier is not None:
            self.instructions = by_last_states(self.instructions, self.specs)
        kept, used = live(self.instructions, wanted)
        self.constants = {s: v for s, v in self.constants.items() if s in used}
        self.variables = {s: v for s, v in self.variables.items() if s in used}
        return tuple(kept)

    def _new(self, tensor: SymbolicTensor) -> int:
        self.specs.append(TensorSpec(tensor.shape, tensor.dtype, tensor._name or ""))
        return len(self.specs) - 1

    def _visit(self, wanted: Sequence[SymbolicTensor]) -> None:
        """Numbers `wanted` and all they need, with a stack of our own: graphs are deep."""
        stack: list[SymbolicTensor] = list(wanted)[::-1]
        while stack:
            tensor = stack[-1]
            if tensor in self.slots:
                stack.pop()
                continue
            node = tensor.node
            if node is None:
                self._leaf(tensor)
                stack.pop()
                continue
            opened = self._opened(node)
            needs = opened if opened is not None else inputs_of(node)
            missing = [t for t in needs if t not in self.slots]
            if missing:
                stack.extend(missing[::-1])
                continue
            if opened is not None:
                for outer, inner in zip(node.outputs, opened, strict=True):
                    self.slots[outer] = self.slots[inner]
                    if self.simplifier is not None:
                        self.simplifier.is_alias(outer, inner)
                self._note(node)
            elif not self._left_out(node):
                self._emit(node)
            stack.pop()

    def _opened(self, node: Node) -> list[SymbolicTensor] | None:
        """The definition of a composite that the engine does not fuse (or that gradients went through)."""
        op = node.op
        if node.id in self.inlined:
            return node.expansion
        if op.is_primitive or op.name in self.engine.fused:
            return None
        return op.expand(node)

    def _note(self, node: Node) -> None:
        if node.op.is_primitive:  # a loop in the form that also gives what its gradient needs
            return
        engine = self.engine
        if node.op.name in engine.fused:
            reason = "gradients go through its definition, which a fused form would hide"
        else:
            reason = f"engine {engine.name!r} has no fused form of it"
        self.opened.append(Opened(node.scope, node.op.name, reason))

    def _left_out(self, node: Node) -> bool:
        """Whether the node's result is one of the tensors that it reads: then it gets that one's slot.

        Not for what the program gives back, which must not be the caller's own array.
        """
        if self.simplifier is None or node.op is GRADIENTS:
            return False
        equal = self.simplifier.equal(node)
        if equal is None or node.outputs[0] in self._results:
            return False
        self.slots[node.outputs[0]] = self.slots[equal]
        return True

    def _leaf(self, tensor: SymbolicTensor) -> None:
        if isinstance(tensor, Constant):
            value = tensor.value
            key = ("constant", tensor.dtype, value.shape, value.tobytes()) if value.size <= 64 else None
            if key in self._shared:
                self.slots[tensor] = self._shared[key][0]
                return
            slot = self._new(tensor)
            self.constants[slot] = value
            if key:
                self._shared[key] = (slot,)
        elif isinstance(tensor, Variable):
            slot = self._new(tensor)
            self.variables[slot] = tensor
        elif isinstance(tensor, Placeholder) and tensor.default is not None:
            default = as_tensor(tensor.default, tensor.dtype)
            self._visit([default])
            slot = self.slots[default]
        else:
            raise GraphError(
                f"{tensor!r} is needed by {self.program.name} but is not among its inputs. Feed it: add it to "
                "the inputs of K.function or of the Model."
            )
        self.slots[tensor] = slot

    def _emit(self, node: Node) -> None:
        op, engine = node.op, self.engine
        if op is GRADIENTS:
            inputs = tuple(tuple(self.slots[t] for t in group) for group in node.arguments)
            outputs = tuple(self._new(o) for o in node.outputs)
            instruction = Instruction("gradients", inputs, {}, outputs, scope=node.scope)
            self._finish(node, instruction)
            return
        if not engine.supports(op.name):
            engine.implementation(op.name)  # raises Unsupported with the declared reason
            raise Unsupported(f"operation {op.name!r} is not available on engine {engine.name!r}.")
        inputs, attributes, shapes = [], {}, {}
        for kind, name, argument in zip(op.kinds, op.names, node.arguments, strict=True):
            if kind in ("tensor", "optional"):
                inputs.append(None if argument is None else self.slots[argument])
            elif kind == "list":
                inputs.append(tuple(self.slots[t] for t in argument))
            elif isinstance(argument, SymbolicTensor):
                shapes[name] = self.slots[argument]
            else:
                attributes[name] = self._lowered(argument, node) if isinstance(argument, Body) else argument
        key = self._key(op.name, tuple(inputs), attributes, shapes)
        if key is not None and key in self._shared:
            for output, slot in zip(node.outputs, self._shared[key], strict=True):
                self.slots[output] = slot
            return
        outputs = tuple(self._new(o) for o in node.outputs)
        if key is not None:
            self._shared[key] = outputs
        self._finish(node, Instruction(op.name, tuple(inputs), attributes, outputs, shapes, node.scope))

    def _lowered(self, body: Body, node: Node) -> FlatProgram:
        sizes = self.simplifier.sizes.inside(node) if self.simplifier is not None else None
        return lower_body(body, self.engine, self.opened, sizes)

    def _finish(self, node: Node, instruction: Instruction) -> None:
        self.instructions.append(instruction)
        for output, slot in zip(node.outputs, instruction.outputs, strict=True):
            self.slots[output] = slot

    @staticmethod
    def _key(name: str, inputs: Any, attributes: dict[str, Any], shapes: dict[str, int]) -> Any:
        """Equal keys compute equal values (operations are pure); None where attributes cannot be compared."""
        key = (
            name,
            inputs,
            tuple((k, repr(type(v)), v) for k, v in attributes.items()),
            tuple(shapes.items()),
        )
        try:
            hash(key)
        except TypeError:
            return None
        return key


def lower_body(
    body: Body, engine: Any, opened: list[Opened] | None = None, sizes: KnownSizes | None = None
) -> FlatProgram:
    """A loop's body as a flat program of its own; everything it reads is among its inputs."""
    program = Program(body.inputs, body.outputs, name="body", sizes=sizes, own_results=False)
    return program.lower(engine, opened)


__all__ = ["Body", "Opened", "Program", "chained", "connected", "leaves_of", "lower_body", "replaced"]
