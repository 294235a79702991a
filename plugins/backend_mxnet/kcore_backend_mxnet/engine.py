"""The engine: values, variables, devices, and which operations there are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kcore.spi import ArgumentError, CompiledProgram, Engine, Execution, FlatProgram, Interpreter

from . import accounts
from .compiled import Compiled
from .operations import FUSED, INTERNAL, PRIMITIVES, UNSUPPORTED
from .values import NotTraceable, Value, as_value, held_as, in_order, mx, raw, running, scope


class Storage(Value):
    """A variable's value. A program's results take its place; fused optimizer steps write to its array."""

    __slots__ = ()

    def touched(self) -> None:
        """Tells that what it holds has changed."""
        self.version = object()

    def put(self, value: Value, here: bool = False) -> None:
        """here: a constant stays in NumPy (see `scalars`)."""
        if here:
            self._hold(None, value.data)
            return
        self._hold(
            value.order,
            value.base if value.size and not value.known else raw(value) if value.size else value.data,
        )

    def lay(self, order: tuple[int, ...] | None) -> None:
        """Holds the value with its axes in this order from here on (None: their own), until another is put."""
        if self.order != order and not self.known:
            data = self.snapshot()
            self._hold(order, data.data if order is None else in_order(data, order))

    def here(self) -> Value:
        """The value, held in NumPy from here on, until another is put."""
        if not self.known:
            self._hold(None, self.asnumpy())
        return self.snapshot()

    def _hold(self, order: Any, data: Any) -> None:
        self.data = None if order is not None else data
        self.laid = None if order is None else (order, data)
        self.touched()

    def snapshot(self) -> Value:
        made = held_as(self.base, self.shape, self.dtype, self.order)
        made.version = self.version
        return made


class MXNetEngine(Engine):
    """Tensors are values that hold mx.nd arrays (`.native`), as MXNet lacks arrays of rank 0, without elements, and
    of types that it does not compute with; programs are static graphs."""

    name = "mxnet"
    features = frozenset({"float64", "float16", "empty", "compile", "devices"})
    ahead = 4  # each holds its rows
    computed_in = {"float16": "float32", "bfloat16": "float32"}

    def __init__(self) -> None:
        self.primitives = dict(PRIMITIVES)
        self.fused = FUSED
        self.unsupported = UNSUPPORTED

    # values -------------------------------------------------------------------------------------------------
    def from_numpy(self, array: np.ndarray, dtype: str) -> Any:
        return running(array, dtype)

    def to_numpy(self, tensor: Any) -> np.ndarray:
        return as_value(tensor).asnumpy()

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, Value)

    def as_dtype(self, tensor: Any, dtype: str) -> Any:
        value = as_value(tensor)
        return value if value.dtype == dtype else self.primitives["cast"](value, dtype=dtype)

    # variables ----------------------------------------------------------------------------------------------
    def make_variable(self, array: np.ndarray, dtype: str, name: str, trainable: bool) -> Any:
        value = running(np.array(array), dtype)
        made = Storage(value.data, value.shape, value.dtype)
        made.touched()
        return made

    def read_variable(self, storage: Any) -> Any:
        return storage.snapshot()

    def write_variable(self, storage: Any, tensor: Any) -> Any:
        # optimizers change large variables in place: no two may share an array
        storage.put(as_value(tensor).copied())
        return storage

    # devices ------------------------------------------------------------------------------------------------
    def devices(self) -> list[str]:
        return ["cpu:0", *(f"gpu:{i}" for i in range(mx.context.num_gpus()))]

    def missing_device(self, device: str) -> str:
        if not device.startswith("gpu") or mx.runtime.Features().is_enabled("CUDA"):
            return ""
        return (
            "This build of MXNet is without CUDA; those with it are other distributions: pip uninstall mxnet, then pip "
            "install mxnet-cu112 or the one for your CUDA."
        )

    @contextlib.contextmanager
    def placed(self, device: str | None) -> Iterator[None]:
        if device is None:
            yield
            return
        kind, _, number = device.partition(":")
        outer, scope.context = scope.context, mx.Context(kind, int(number or 0))
        try:
            with scope.context:
                yield
        finally:
            scope.context = outer

    # programs -----------------------------------------------------------------------------------------------
    def implementation(self, op: str) -> Any:
        return INTERNAL.get(op) or super().implementation(op)

    def compile(self, program: FlatProgram, **options: Any) -> CompiledProgram:
        unknown = set(options) - {"jit_compile", "eager", "device"}
        if unknown:
            raise ArgumentError(
                f"compile option {sorted(unknown)[0]!r} is not known to engine {self.name!r}."
            )
        if options.get("eager"):
            return self.execute(program)
        return Compiled(self, program, options.get("device"))

    def run_steps(
        self, compiled: CompiledProgram, data: Sequence[Any], order: np.ndarray | None, batch_size: int, first: int,
        last: int,
    ) -> np.ndarray:  # fmt: skip
        """As the base class does, but reads what a step gives some steps later: MXNet works meanwhile."""
        given: list[Any] = []
        for step in range(first, last):
            window = slice(step * batch_size, (step + 1) * batch_size)
            chosen = window if order is None else order[window]
            given.append(compiled(*[a[chosen] for a in data])[0])
            if len(given) > self.ahead:
                given[-1 - self.ahead] = self.to_numpy(given[-1 - self.ahead])
        return np.stack([g if isinstance(g, np.ndarray) else self.to_numpy(g) for g in given])

    def execute(self, program: FlatProgram) -> CompiledProgram:
        return Interpreter(self, program)

    def body(self, program: FlatProgram) -> Any:
        return Compiled(self, program).run_native

    def executions(self, program: FlatProgram) -> Sequence[Execution]:
        return accounts.executions(self, program)

    def written(self, program: FlatProgram) -> Sequence[Execution]:
        """What the program itself says of how it runs."""
        return super().executions(program)

    def shape_tuple(self, tensor: Any) -> Any:
        value = as_value(tensor)
        if not value.known and isinstance(value.data, mx.sym.Symbol):
            raise NotTraceable("a shape that depends on values")
        return tuple(int(v) for v in value.asnumpy().reshape(-1))
