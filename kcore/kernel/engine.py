"""The contract between the core and a tensor engine, with everything that has a default.

An author writes two tables (`primitives`, optionally `fused`), three short methods, and says in
`unsupported` what is missing and why. Programs arrive as `FlatProgram`; the base class interprets them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, cast

import numpy as np

from ..errors import ArgumentError, Unsupported
from .flat import CompiledProgram, Execution, FlatProgram, Instruction


class Engine(ABC):
    """One implementation of the tensor contract.

    Class attributes
    ----------------
    name: the name under which users choose the engine.
    primitives: operation name -> function(*tensors, **attributes) of the engine's own tensors. The core has
        checked arguments, filled in defaults and cast inputs to the declared types.
    fused: the same for composites that the engine does better than their definition; optional.
    unsupported: operation name -> reason, for primitives that the engine does not have.
    features: what `can()` answers yes to: "float64", "float16", "bfloat16" (types that it computes with besides
        float32), "empty" (tensors without elements), "compile", "many_steps", "devices".
    computed_in: type -> the type that the engine computes in instead, where it only keeps the first (or not even that).
    autodiff: True if the engine handles `gradients` instructions itself; False: the core expands them.
    ahead: how many calls of a program may wait for their results to be read while the next ones are prepared; above 0
        for an engine that works on its own meanwhile. Since API 2.
    """

    name: str = ""
    primitives: Mapping[str, Callable[..., Any]] = {}
    fused: Mapping[str, Callable[..., Any]] = {}
    unsupported: Mapping[str, str] = {}
    features: frozenset[str] = frozenset()
    computed_in: Mapping[str, str] = {}
    autodiff: bool = False
    ahead: int = 0

    # values -----------------------------------------------------------------------------------------------
    @abstractmethod
    def from_numpy(self, array: np.ndarray, dtype: str) -> Any:
        """An engine tensor with the values of `array`, of type `dtype`; copies only if it must."""

    @abstractmethod
    def to_numpy(self, tensor: Any) -> np.ndarray:
        """The values of an engine tensor as a NumPy array of the same shape and type."""

    @abstractmethod
    def is_tensor(self, value: Any) -> bool:
        """True for the engine's own tensors (and variables)."""

    # variables: by default an immutable tensor that is replaced ---------------------------------------------
    def make_variable(self, array: np.ndarray, dtype: str, name: str, trainable: bool) -> Any:
        """Storage for a variable, starting as `array` (which may be changed later: copy)."""
        return self.from_numpy(np.array(array), dtype)

    def read_variable(self, storage: Any) -> Any:
        """The value in `storage` as an engine tensor."""
        return storage

    def write_variable(self, storage: Any, tensor: Any) -> Any:
        """Puts `tensor` into `storage`; returns the storage to use from now on."""
        return tensor

    def release_variable(self, storage: Any) -> None:  # noqa: B027  most engines need not know
        """Told when a variable leaves this engine; compiled programs must not use `storage` any more."""

    def as_dtype(self, tensor: Any, dtype: str) -> Any:
        """An engine tensor as elements of type `dtype`."""
        return self.implementation("cast")(tensor, dtype=dtype)

    # capabilities -------------------------------------------------------------------------------------------
    def can(self, feature: str) -> bool:
        """Whether `feature` is among `features`."""
        return feature in self.features

    def devices(self) -> list[str]:
        """Names of the devices that can be used, such as 'cpu:0'."""
        return ["cpu:0"]

    def default_device(self) -> str:
        """The device that is used where none is asked for. Since API 2."""
        return self.devices()[0]

    def missing_device(self, device: str) -> str:
        """What to do for `device`, which is not there: the end of an error's text, or '' for nothing. Since API 2."""
        return ""

    def placed(self, device: str | None) -> Any:
        """A context in which variables and programs are made on `device`, one of `devices()` (None: any)."""
        return nullcontext()

    def make_deterministic(self) -> None:  # noqa: B027  an engine that computes in a fixed order has nothing to do
        """From here on the same program on the same values gives the same bits (`kcore.determinism`).

        Called once when the user asks for it, or when the engine is loaded after that. Raises Unsupported if the
        engine cannot.
        """

    def supports(self, op: str) -> bool:
        """Whether there is a function for `op`, in either table, that is not declared unsupported."""
        return op in self.fused or (op in self.primitives and op not in self.unsupported)

    def implementation(self, op: str) -> Callable[..., Any]:
        """The function that runs `op`. Raises Unsupported with the declared reason."""
        found = self.fused.get(op) or self.primitives.get(op)
        if found is None or (op in self.unsupported and op not in self.fused):
            reason = self.unsupported.get(op, "it is not in the engine's table of primitives")
            raise Unsupported(f"operation {op!r} is not available on engine {self.name!r}: {reason}.")
        return found

    # programs -----------------------------------------------------------------------------------------------
    def compile(self, program: FlatProgram, **options: Any) -> CompiledProgram:
        """A function(*inputs) -> list of engine tensors that runs `program` and writes its updates.

        Inputs are engine tensors or NumPy arrays of the declared dtype. Options, heeded as far as they have a
        meaning here: device (a name, None: any), eager (operation by operation, for debugging), jit_compile
        ("auto", True, False).
        """
        return Interpreter(self, program)

    def execute(self, program: FlatProgram) -> CompiledProgram:
        """Like `compile`, but operation by operation, on whatever tensors the engine has (also traced ones)."""
        return Interpreter(self, program)

    def body(self, program: FlatProgram) -> Callable[..., list[Any]]:
        """A loop's or branch's body as a function of engine tensors."""
        return Interpreter(self, program).run_native

    def executions(self, program: FlatProgram) -> Sequence[Execution]:
        """For each instruction of `program` how this engine runs it, for `model.explain()`.

        By default what the program itself says: windows have their channels last, and a tensor is laid out anew where
        there is a `transpose`. An engine that works in another order tells it here, from what it really makes.
        Since API 2.
        """
        return [_as_written(i) for i in program.instructions]

    def shape_tuple(self, tensor: Any) -> Any:
        """What a shape parameter gets when it is computed while running: by default a tuple of ints."""
        return tuple(int(v) for v in self.to_numpy(tensor).reshape(-1))

    def hold(self, compiled: CompiledProgram, arrays: Sequence[np.ndarray]) -> Sequence[Any]:
        """Data of a whole pass in the form in which `run_steps` of `compiled` takes it fastest."""
        return arrays

    def run_steps(
        self,
        compiled: CompiledProgram,
        data: Sequence[Any],
        order: np.ndarray | None,
        batch_size: int,
        first: int,
        last: int,
    ) -> np.ndarray:
        """Runs steps `first`..`last` (exclusive), each on one batch of rows of `data`.

        The program has one output, a vector of numbers; the result stacks them: (steps, numbers). `order` is a
        permutation of rows or None for the order of the data. An engine may run all steps in one call.
        """
        rows = []
        for step in range(first, last):
            window = slice(step * batch_size, (step + 1) * batch_size)
            chosen = window if order is None else order[window]
            rows.append(self.to_numpy(compiled(*[a[chosen] for a in data])[0]))
        return np.stack(rows)


_WINDOWED = ("convolution", "pool", "windows")


def _as_written(instruction: Instruction) -> Execution:
    inner = [
        _as_written(i)
        for body in instruction.attributes.values()
        if isinstance(body, FlatProgram)
        for i in body.instructions
    ]
    layouts = {e.layout for e in inner if e.layout}
    if any(part in instruction.op for part in _WINDOWED):
        layouts.add("channels_last")
    count = int(instruction.op == "transpose") + sum(e.transposes for e in inner)
    return Execution(", ".join(sorted(layouts)), count)


class Interpreter:
    """Runs a `FlatProgram` with an engine's functions, one instruction after the other."""

    def __init__(self, engine: Engine, program: FlatProgram) -> None:
        self.engine = engine
        self.program = program
        template: list[Any] = [None] * len(program.specs)
        for slot, value in program.constants.items():
            template[slot] = engine.from_numpy(value, program.specs[slot].dtype)
        self._template = template
        self._variables = list(program.variables.items())
        dead = program.last_uses()
        self._calls = [
            (self._call(i), i.outputs[0] if len(i.outputs) == 1 else i.outputs, tuple(d))
            for i, d in zip(program.instructions, dead, strict=True)
        ]

    def _call(self, instruction: Instruction) -> Callable[[list[Any]], Any]:
        """A closure over one instruction that takes the table of values."""
        engine = self.engine
        attributes = {
            k: engine.body(v) if isinstance(v, FlatProgram) else v for k, v in instruction.attributes.items()
        }
        function = engine.implementation(instruction.op)
        inputs, shapes = instruction.inputs, instruction.shapes
        if shapes or any(not isinstance(i, int) for i in inputs):

            def general(table: list[Any]) -> Any:
                values = [_fetch(table, i) for i in inputs]
                computed = {k: engine.shape_tuple(table[s]) for k, s in shapes.items()}
                return function(*values, **attributes, **computed)

            return general
        if len(inputs) == 1:
            a: Any = inputs[0]
            if not attributes:
                return lambda table: function(table[a])
            return lambda table: function(table[a], **attributes)
        if len(inputs) == 2:
            a, b = cast("tuple[int, int]", inputs)
            if not attributes:
                return lambda table: function(table[a], table[b])
            return lambda table: function(table[a], table[b], **attributes)
        slots = cast("tuple[int, ...]", inputs)
        return lambda table: function(*[table[i] for i in slots], **attributes)

    def _run(self, values: Sequence[Any]) -> list[Any]:
        table = self._template.copy()
        engine = self.engine
        for slot, variable in self._variables:
            table[slot] = engine.read_variable(variable.storage(engine))
        for slot, value in zip(self.program.inputs, values, strict=True):
            table[slot] = value
        for call, out, dead in self._calls:
            result = call(table)
            if isinstance(out, int):
                # loops give a list also where there is one result
                table[out] = result[0] if type(result) is list else result
            else:
                for slot, value in zip(out, result, strict=True):
                    table[slot] = value
            for slot in dead:
                table[slot] = None
        return table

    def run_native(self, *values: Any) -> list[Any]:
        """Runs on engine tensors, without updates: the form in which a body is called."""
        table = self._run(values)
        return [table[s] for s in self.program.outputs]

    def __call__(self, *inputs: Any) -> list[Any]:
        program, engine = self.program, self.engine
        if len(inputs) != len(program.inputs):
            raise ArgumentError(
                f"{program.name} takes {len(program.inputs)} inputs; {len(inputs)} were given."
            )
        values = [
            v
            if engine.is_tensor(v) and not isinstance(v, np.ndarray)
            else engine.from_numpy(v, program.specs[s].dtype)
            for v, s in zip(inputs, program.inputs, strict=True)
        ]
        table = self._run(values)
        # all new values are there before the first is written: updates see one consistent state
        for variable, slot in program.updates:
            storage = variable.storage(engine)
            changed = engine.write_variable(storage, table[slot])
            if changed is not storage:
                variable.replace_storage(engine, changed)
        return [table[s] for s in program.outputs]


def _fetch(table: list[Any], item: int | tuple[int, ...] | None) -> Any:
    if isinstance(item, int):
        return table[item]
    return None if item is None else [table[s] for s in item]
