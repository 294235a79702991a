"""A flat program as static graphs of MXNet, one set for each set of input shapes.

A program is laid out in levels: a graph, then what only runs on values that exist (`HOSTED`, such as random numbers
and branches), then the next graph. Most programs are one graph. A graph is traced with all shapes known: sizes,
shapes and ranges become constants, and nothing is asked for while it runs.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kcore.extending import operation
from kcore.spi import ArgumentError, FlatProgram, Instruction, slots_of

from . import applies, layouts, lookups, scalars
from .graph import Graph, Trace
from .operations import HOSTED
from .operations.hosted import rows_of, stacked
from .operations.wrapping import inferred
from .rewriting import rewritten
from .values import NotTraceable, Value, as_value, constant, first_shape, held_as, mx, running, scope

UNROLLED = 6000  # operations: a loop of more than so many runs step by step, its body as a graph
GRADIENTS_OF_CONVOLUTIONS = (
    "convolution_kernel_gradient",
    "convolution_transpose",
)  # what their names end with
_SMALL = 64  # elements: constants up to here are part of what a graph is made for


class Piece:
    """Instructions that one graph holds, as a function of values; one graph for each set of shapes."""

    def __init__(
        self,
        engine: Any,
        program: FlatProgram,
        instructions: list[Instruction],
        inputs: list[int],
        outputs: list[int],
        passing: set[int],
        fixed: set[int],
    ) -> None:
        """passing: slots whose values nobody keeps beyond the call. fixed: those of weights that stay as they are."""
        self.passing, self.fixed = passing, fixed
        self.engine, self.program, self.instructions = engine, program, instructions
        self.inputs, self.outputs = inputs, outputs
        self._made: dict[Any, Any] = {}

    def __call__(self, values: list[Value]) -> list[Value]:
        key = tuple(_signature(v) for v in values)
        graph = self._made.get(key)
        if graph is None:
            graph = self._made[key] = self.traced(values)
        return graph(values)

    def traced(self, values: list[Value], called: dict[int, str] | None = None) -> Graph:
        """The graph for values of these shapes and types; `called` are names for its inputs, by slot."""
        learns = any(i.op.endswith(GRADIENTS_OF_CONVOLUTIONS) for i in self.instructions)
        outer, scope.trace = scope.trace, Trace(convolutions_learn=learns)
        try:
            table: dict[int, Value] = {}
            names: dict[str, int] = {}
            for place, (slot, value) in enumerate(zip(self.inputs, values, strict=True)):
                if value.known and value.size <= _SMALL:
                    table[slot] = value
                    continue
                name = f"i{place}" if called is None else called[slot]
                names[name] = place
                table[slot] = symbol_for(value, name)
            held = dict(table)
            run_instructions(self.engine, self.program, self.instructions, table)
            passing = [place for place, s in enumerate(self.outputs) if s in self.passing]
            # a graph for others has all its inputs in sight
            fixed = [n for n, place in names.items() if self.inputs[place] in self.fixed and called is None]
            outputs = [table[s] for s in self.outputs]
            return Graph(scope.trace, names, outputs, held, self.inputs, passing, fixed)
        finally:
            scope.trace = outer


def symbol_for(value: Value, name: str) -> Value:
    """An input of a graph, held as `value` is."""
    order = value.order
    shape = value.held if order is None else tuple(value.shape[i] for i in order)
    symbol = mx.sym.var(name, shape=shape)
    if order is not None and value.ndim > 2 and order == first_shape(range(value.ndim)):
        return Value(None, value.shape, value.dtype, first=symbol)
    return held_as(symbol, value.shape, value.dtype, order)


def _signature(value: Value) -> Any:
    if value.known:
        small = value.size <= _SMALL
        return (value.shape, value.dtype, value.data.tobytes() if small else None)
    return (value.shape, value.dtype, value.order)


def run_instructions(
    engine: Any, program: FlatProgram, instructions: Sequence[Instruction], table: dict[int, Value]
) -> None:
    """Fills `table`: traces where it holds symbols, computes where it holds arrays."""

    def fetch(item: Any) -> Any:
        if item is None:
            return None
        return [value_at(s) for s in item] if isinstance(item, tuple) else value_at(item)

    def value_at(slot: int) -> Value:
        if slot not in table:
            table[slot] = constant(program.constants[slot], program.specs[slot].dtype)
        return table[slot]

    for instruction in instructions:
        try:
            with _named(instruction):
                _run_one(engine, instruction, fetch, value_at, table)
        except NotTraceable as reason:
            raise Refused(instruction) from reason


def _named(instruction: Instruction) -> Any:
    """Symbols that are made within carry the place of their instruction, while somebody asks for it."""
    place = None if scope.places is None else scope.places.get(id(instruction))
    return contextlib.nullcontext() if place is None else mx.AttrScope(__kcore__=str(place))


def _run_one(
    engine: Any, instruction: Instruction, fetch: Any, value_at: Any, table: dict[int, Value]
) -> None:
    tensors = [fetch(i) for i in instruction.inputs]
    shapes = {k: engine.shape_tuple(value_at(s)) for k, s in instruction.shapes.items()}
    if instruction.op == "scan" and scope.trace is not None:
        results = unrolled(engine, instruction, *tensors)
    else:
        if instruction.op in HOSTED and scope.trace is not None and scope.trace.stands_in:
            results = stand_ins(instruction, tensors, shapes)
            table.update(zip(instruction.outputs, results, strict=True))
            return
        attributes = {
            k: engine.body(v) if isinstance(v, FlatProgram) else v for k, v in instruction.attributes.items()
        }
        results = engine.implementation(instruction.op)(*tensors, **attributes, **shapes)
    results = results if isinstance(results, (list, tuple)) else [results]
    for slot, result in zip(instruction.outputs, results, strict=True):
        table[slot] = result


def stand_ins(instruction: Instruction, tensors: list[Any], shapes: dict[str, Any]) -> list[Value]:
    """Symbols of the shapes and types that the results will have, of something that no graph holds."""
    op = operation(instruction.op)
    if any(isinstance(v, FlatProgram) for v in instruction.attributes.values()):
        raise NotTraceable("a branch or a loop")
    specs, _ = inferred(op, tensors, {**instruction.attributes, **shapes})
    return [
        symbol_for(Value(None, shape, dtype), f"s{slot}")
        if math.prod(shape)
        else constant(np.zeros(shape), dtype)
        for slot, (shape, dtype) in zip(instruction.outputs, specs, strict=True)
    ]


def unrolled(
    engine: Any, instruction: Instruction, sequences: list[Value], initial: list[Value], captured: list[Value]
) -> list[Value]:
    """A loop laid out step by step in the graph that is traced."""
    body: FlatProgram = instruction.attributes["body"]
    length = sequences[0].shape[0]
    if (
        length == 0
        or length * len(body.instructions) > UNROLLED
        or any(i.op in HOSTED for i in body.instructions)
    ):
        raise NotTraceable("a long loop")
    count = len(initial)
    states = list(initial)
    rows: list[Any] = [None] * length
    columns = [rows_of(s) for s in sequences]
    for t in range(length - 1, -1, -1) if instruction.attributes.get("reverse") else range(length):
        table: dict[int, Value] = {}
        values = [*states, *[column[t] for column in columns], *captured]
        table.update(zip(body.inputs, values, strict=True))
        try:
            run_instructions(engine, body, body.instructions, table)
        except Refused as refused:
            raise NotTraceable(str(refused)) from refused
        results = [
            table[s] if s in table else constant(body.constants[s], body.specs[s].dtype) for s in body.outputs
        ]
        states, rows[t] = results[:count], results[count:]
    return [*states, *[stacked(column) for column in zip(*rows, strict=True)]]


class Layout:
    """The instructions of a program by levels: what runs between graphs, and the graphs."""

    def __init__(
        self, engine: Any, program: FlatProgram, hosted: set[int], given: set[int], passing: set[int],
        fixed: set[int] = frozenset(),
    ) -> None:  # fmt: skip
        """hosted: what runs between graphs; given: what is known before, both as places among the instructions.
        passing: slots whose values nobody keeps beyond the call. fixed: those of weights that stay as they are."""
        hosted = {p - sum(g < p for g in given) for p in hosted}
        instructions = tuple(i for p, i in enumerate(program.instructions) if p not in given)
        self.program = program
        maker = {s: i for i, ins in enumerate(instructions) for s in ins.outputs}
        levels = [0] * len(instructions)
        for i, instruction in enumerate(instructions):
            before = [maker[s] for s in slots_of(instruction) if s in maker]
            levels[i] = max((levels[j] + (j in hosted) for j in before), default=0)
        last = max((n + (i in hosted) for i, n in enumerate(levels)), default=0)
        # a graph holds what it can as late as it can, so that early graphs stay small
        latest = [last] * len(instructions)
        for i in range(len(instructions) - 1, -1, -1):
            if i in hosted:
                latest[i] = levels[i]
            for s in slots_of(instructions[i]):
                if s in maker:
                    j = maker[s]
                    latest[j] = min(latest[j], latest[i])
        self.steps: list[Any] = []
        wanted_at_end = {*program.outputs, *(s for _, s in program.updates)}
        for level in range(last + 1):
            graph = [i for i in range(len(instructions)) if i not in hosted and latest[i] == level]
            between = [i for i in range(len(instructions)) if i in hosted and levels[i] == level]
            if graph:
                inside = {s for i in graph for s in instructions[i].outputs}
                chosen = set(graph)
                read = {s for i, ins in enumerate(instructions) if i not in chosen for s in slots_of(ins)}
                outputs = sorted(inside & (read | wanted_at_end))
                inputs = sorted(
                    {s for i in graph for s in slots_of(instructions[i])} - inside - set(program.constants)
                )
                self.steps.append(
                    Piece(engine, program, [instructions[i] for i in graph], inputs, outputs, passing, fixed)
                )
            self.steps.extend(instructions[i] for i in between)


class Compiled:
    """`program` as graphs, traced when first called with inputs of some shapes."""

    def __init__(
        self, engine: Any, program: FlatProgram, device: str | None = None, folding: bool = True
    ) -> None:
        """folding: whether normalisations go into the weights before them, where no weights learn."""
        self.source, self._outputs = program, len(program.outputs)
        # a program that teaches changes nearly all weights; what little it leaves is not worth a graph of its own
        written = {id(v) for v, _ in program.updates}
        teaches = any(v.trainable for v in program.variables.values() if id(v) in written)
        program, self.origins = rewritten(program, folding and not teaches)
        self._orders = layouts.plan(program)
        self._fixed = set() if teaches else {s for s, v in program.variables.items() if id(v) not in written}
        program, self._applied = applies.plan(program)
        self._passing = {a.gradient for a in self._applied} - {
            *program.outputs[: self._outputs], *(s for _, s in program.updates)
        }  # fmt: skip
        self._numbers = list(dict.fromkeys(s for a in self._applied for s in a.numbers))
        places = scalars.plan(program, self._numbers) if self._applied else set()
        self._scalars = scalars.Steps(program, [program.instructions[p] for p in sorted(places)])
        rest = tuple(i for p, i in enumerate(program.instructions) if p not in places)
        program = replace(program, instructions=rest)
        read = {s for i in rest for s in slots_of(i)}
        self._fed = [
            s
            for s in (*program.variables, *self._scalars.outputs)
            if s in read and program.specs[s].shape == ()
        ]
        self._here = [
            s for s in dict.fromkeys((*self._scalars.inputs, *self._numbers)) if s in program.variables
        ]
        self._counted = set(self._scalars.outputs)
        self.engine, self.program, self.device = engine, program, device
        self._lock = threading.RLock()
        self._looked_up = lookups.plan(program)
        self._dtypes = [program.specs[s].dtype for s in program.inputs]
        self._hosted = {i for i, ins in enumerate(program.instructions) if ins.op in HOSTED}
        read |= {*program.outputs, *(s for _, s in program.updates), *self._scalars.inputs}
        self._variables = [(s, v) for s, v in program.variables.items() if s in read]
        passed = {*program.variables, *program.inputs}
        self._shared = {s for s in (*program.outputs, *(s for _, s in program.updates)) if s in passed}
        self._images = any(i.op.endswith("convolution") for i in program.instructions)
        self._layout: Layout | None = None
        # sizes are found beforehand: what is drawn in some shape need not wait for a graph that makes that shape
        asked = {p for p, i in enumerate(rest) if i.op == "shape"} if self._hosted else set()
        self._asked = asked
        self._sizes: dict[Any, dict[int, Value]] = {}

    def _sized(self, values: Sequence[Value]) -> dict[int, Value]:
        """The results of the instructions that ask for sizes, for inputs of these shapes."""
        key = tuple(v.shape for v in values)
        if key not in self._sizes:
            outer, scope.trace = scope.trace, Trace(stands_in=True)
            try:
                table = self._start(values)
                for slot, value in table.items():
                    if not value.known or slot in self._fed:
                        table[slot] = symbol_for(value, f"v{slot}")
                run_instructions(self.engine, self.program, self.program.instructions, table)
                made = [s for p in self._asked for s in self.program.instructions[p].outputs]
                self._sizes[key] = {s: constant(table[s].asnumpy(), table[s].dtype) for s in made}
            except (Refused, NotTraceable):
                self._asked, self._layout = set(), None
                return {}
            finally:
                scope.trace = outer
        return self._sizes[key]

    def _start(self, values: Sequence[Value]) -> dict[int, Value]:
        """The table of values before the first instruction of a graph."""
        table = dict(zip(self.program.inputs, values, strict=True))
        for variable, order in self._orders:
            variable.storage(self.engine).lay(order)
        for slot, variable in self._variables:
            table[slot] = variable.storage(self.engine).snapshot()
        for slot in self._here:
            table[slot] = self.program.variables[slot].storage(self.engine).here()
        table.update(self._scalars(table))
        return table

    def run(self, values: Sequence[Value], numbers: dict[int, float] | None = None) -> dict[int, Value]:
        """The table of values after the last instruction; nothing is written yet.

        numbers: gets the rates that `applies` needs.
        """
        while True:
            sizes = self._sized(values) if self._asked else {}
            layout = self._layout or self._laid_out()
            table = self._start(values)
            table.update(sizes)
            if numbers is not None:
                numbers.update((s, float(table[s])) for s in self._numbers)
            for slot in self._fed:  # a constant would become part of the graph
                if table[slot].known:
                    table[slot] = running(table[slot].asnumpy(), table[slot].dtype)
            try:
                for step in layout.steps:
                    if isinstance(step, Piece):
                        found = step([table[s] for s in step.inputs])
                        table.update(zip(step.outputs, found, strict=True))
                    else:
                        self._run_between(step, table)
            except Refused as refused:
                with self._lock:
                    self._hosted = self._hosted | {self.program.instructions.index(refused.instruction)}
                    self._layout = None
                continue
            for slot in (*self.program.outputs, *(s for _, s in self.program.updates)):
                if slot not in table:
                    table[slot] = constant(self.program.constants[slot], self.program.specs[slot].dtype)
            return table

    def _run_between(self, instruction: Instruction, table: dict[int, Value]) -> None:
        outer, scope.images = scope.images, self._images
        try:
            run_instructions(self.engine, self.program, [instruction], table)
        finally:
            scope.images = outer

    def _laid_out(self) -> Layout:
        with self._lock:
            if self._layout is None:
                self._layout = Layout(
                    self.engine, self.program, self._hosted, self._asked, self._passing, self._fixed
                )
            return self._layout

    def run_native(self, *values: Any) -> list[Value]:
        """On values, without updates: the form in which a body is called."""
        table = self.run([as_value(v) for v in values])
        return [table[s] for s in self.program.outputs[: self._outputs]]

    def __call__(self, *inputs: Any) -> list[Any]:
        if len(inputs) != len(self._dtypes):
            raise ArgumentError(
                f"{self.program.name} takes {len(self._dtypes)} inputs; {len(inputs)} were given."
            )
        for place, rows in self._looked_up:
            lookups.check(inputs[place], rows)
        with self.engine.placed(self.device):
            values = [
                running(v, d) if isinstance(v, np.ndarray) else as_value(v)
                for v, d in zip(inputs, self._dtypes, strict=True)
            ]
            known: dict[int, float] = {}
            table = self.run(values, known)
            program = self.program
            for (
                slot
            ) in self._shared:  # what a variable holds may be changed in place: it stays the variable's own
                table[slot] = table[slot].copied()
            for variable, slot in program.updates:
                variable.storage(self.engine).put(table[slot], slot in self._counted)
            for apply in self._applied:
                apply(self.engine, table, known)
            return [table[s] for s in self.program.outputs[: self._outputs]]


class Refused(Exception):
    """An instruction that turned out not to fit into a graph."""

    def __init__(self, instruction: Instruction) -> None:
        super().__init__(instruction.op)
        self.instruction = instruction
