"""`K.function` and evaluation: a graph made callable, compiled for an engine when first called."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, GraphError, ShapeError, SymbolicTensorError
from ..kernel.context import current_device, current_engine_name
from ..kernel.context import engine as engine_named
from ..shapes import describe
from .declare import Operation, as_tensor, set_eager_runner, to_array
from .graph import leaves_of
from .program import Program
from .random_state import RANDOM_COUNTER, draw_seed
from .sparse import Parts, fed_entries
from .tensor import Constant, Placeholder, SymbolicTensor, numpy_dtype
from .variables import Update, Variable, as_update, placed_together


class Function:
    """`function(inputs) -> list of arrays`: outputs of a graph for values of its inputs; then writes `updates`.

    Bound to the engine of its variables, or to the one that is active when it is made.
    """

    def __init__(
        self,
        inputs: Sequence[SymbolicTensor],
        outputs: Any,
        updates: Sequence[Any] | None = None,
        name: str | None = None,
        givens: dict[SymbolicTensor, Any] | None = None,
        backend: str | None = None,
        interpreted: bool = False,
    ) -> None:
        self.single = isinstance(outputs, (SymbolicTensor, Update))
        listed = [outputs] if self.single else list(outputs or ())
        self.inputs = list(inputs or ())
        for item in self.inputs:
            if not isinstance(item, SymbolicTensor):
                raise SymbolicTensorError(
                    f"inputs of a function are symbolic tensors; {type(item).__name__} was given. Make a placeholder "
                    "with K.placeholder, and give the array when you call the function."
                )
        self.updates = [as_update(u) for u in updates or ()]
        self.updates += [o for o in listed if isinstance(o, Update)]  # fetching an update performs it
        self.outputs = [o.value if isinstance(o, Update) else as_tensor(o) for o in listed]
        self.name = name or "function"
        self.givens = dict(givens or {})
        # a sparse tensor is fed as several arrays
        self._sparse = any(isinstance(t.sparse, Parts) for t in self.inputs)
        self._holders = [
            h for t in self.inputs for h in (t.sparse.fed if isinstance(t.sparse, Parts) else (t,))
        ]
        self._backend = backend
        self._interpreted = interpreted  # operation by operation: for what runs once
        self._device = current_device()
        self._compiled: Any = None
        self._engine: Any = None
        self._lock = threading.Lock()

    def _compile(self) -> None:
        wanted = [*self.outputs, *(u.value for u in self.updates)]
        leaves = leaves_of(wanted)
        name = (
            self._backend
            or bound_backend([*leaves, *(u.variable for u in self.updates)])
            or current_engine_name()
        )
        engine = engine_named(name)
        givens, updates = dict(self.givens), list(self.updates)
        if RANDOM_COUNTER in leaves and RANDOM_COUNTER not in givens:
            counter = Variable(draw_seed(), "int64", "function_random_counter", trainable=False)
            givens[RANDOM_COUNTER] = counter
            updates.append(Update(counter, counter + 1))
        program = Program(self._holders, self.outputs, updates, givens, self.name)
        flat = program.lower(engine)
        device = placed_together(flat.handles(), self._device)
        self._compiled = engine.execute(flat) if self._interpreted else engine.compile(flat, device=device)
        self._engine = engine

    def native(self, *values: Any) -> list[Any]:
        """The outputs as the engine's own tensors."""
        self._prepare()
        return self._compiled(*values)

    def _prepare(self) -> None:
        if self._compiled is None:
            with self._lock:
                if self._compiled is None:
                    self._compile()

    def _spread(self, inputs: Sequence[Any]) -> list[Any]:
        """`inputs` with several arrays in the place of each sparse one."""
        found: list[Any] = []
        for tensor, value in zip(self.inputs, inputs, strict=True):
            found.extend(fed_entries(tensor, value) if isinstance(tensor.sparse, Parts) else [value])
        return found

    def _on_native(self, inputs: Sequence[Any]) -> Any:
        """The engine's own tensors in, its own tensors out: also while the engine traces or records."""
        engine, values = self._engine, []
        for tensor, value in zip(self._holders, inputs, strict=True):
            if not engine.is_tensor(value) or isinstance(value, np.ndarray):
                value = engine.from_numpy(fed(tensor, value), tensor.dtype)
            check_fits(tensor, tuple(value.shape))
            values.append(engine.as_dtype(value, tensor.dtype))
        results = self._compiled(*values)
        return results[0] if self.single else list(results)

    def __call__(self, inputs: Any = ()) -> Any:
        if not isinstance(inputs, (list, tuple)):
            inputs = [inputs]
        if len(inputs) != len(self.inputs):
            raise ArgumentError(f"{self.name} takes {len(self.inputs)} inputs; {len(inputs)} were given.")
        if self._compiled is None:
            self._prepare()
        engine = self._engine
        if self._sparse:
            inputs = self._spread(inputs)
        for value in inputs:
            if type(value) is not np.ndarray and _may_be_native(value) and engine.is_tensor(value):
                return self._on_native(inputs)
        values = [fed(t, v) for t, v in zip(self._holders, inputs, strict=True)]
        arrays = [engine.to_numpy(r) for r in self._compiled(*values)]
        return arrays[0] if self.single else arrays


def _may_be_native(value: Any) -> bool:
    return hasattr(value, "dtype") and not isinstance(value, (np.ndarray, np.generic, SymbolicTensor))


def check_fits(tensor: SymbolicTensor, given: Sequence[int | None]) -> None:
    """Raises ShapeError where a value of shape `given` cannot stand for `tensor`."""
    if len(given) != len(tensor.shape) or any(
        None not in (a, b) and a != b for a, b in zip(tensor.shape, given, strict=True)
    ):
        raise ShapeError(
            f"{tensor.name!r} takes shape {describe(tensor.shape)}; a tensor of shape {describe(tuple(given))} was "
            "given."
        )


def fed(tensor: SymbolicTensor, value: Any) -> np.ndarray:
    """`value` as an array for `tensor`. Raises ShapeError where rank or size do not fit."""
    if isinstance(value, SymbolicTensor):
        raise SymbolicTensorError(
            f"{tensor.name!r} is fed the symbolic tensor {value!r}; give an array. K.eval makes one of it."
        )
    wanted = numpy_dtype(tensor.dtype)
    array = (
        value
        if type(value) is np.ndarray
        else np.asarray(value if isinstance(value, (bool, int, float, list, tuple)) else to_array(value))
    )
    if array.dtype != wanted:
        array = array.astype(wanted)
    shape = tensor.shape
    if array.shape != shape and (
        array.ndim != len(shape)
        or any(d is not None and d != s for d, s in zip(shape, array.shape, strict=True))
    ):
        raise ShapeError(
            f"{tensor.name!r} takes shape {describe(shape)}; an array of shape {describe(array.shape)} was given."
        )
    return array


def bound_backend(leaves: Sequence[SymbolicTensor]) -> str | None:
    """The engine to which the variables among `leaves` are bound. Raises GraphError for two of them."""
    names = {v.backend: v for v in leaves if isinstance(v, Variable) and v.backend is not None}
    if len(names) > 1:
        told = ", ".join(f"{v.name!r} is on {n!r}" for n, v in names.items())
        raise GraphError(f"variables of different engines meet: {told}. Move one model with to_backend().")
    return next(iter(names), None)


def evaluate(tensor: Any) -> np.ndarray:
    """The value of a tensor that depends on no placeholder (K.eval)."""
    if isinstance(tensor, Variable):
        return tensor.numpy()
    if not isinstance(tensor, (SymbolicTensor, Update)):
        return to_array(tensor)
    return Function([], tensor, name="eval")([])


def numbers_of(results: list[Any], given: Sequence[Any]) -> list[Any]:
    """What a loop or branch made: computed at once where nothing it was given, or reads, is symbolic."""
    if any(isinstance(v, SymbolicTensor) for v in given):
        return results
    if any(not isinstance(t, Constant) for t in leaves_of(results)):
        return results
    return Function([], results, name="loop", interpreted=True).native()


# arrays through single operations ---------------------------------------------------------------------------
_cache: dict[Any, Any] = {}
_CACHE_LIMIT = 2048


def forget_prepared() -> None:
    """Frees what was prepared for single operations on arrays; it is made again where needed."""
    _cache.clear()


def _run_on_arrays(op: Operation, values: list[Any]) -> Any:
    """Runs one operation on arrays: its graph is made once per shapes, types and attributes."""
    engine = engine_named(current_engine_name())
    arrays: list[Any] = []
    key: list[Any] = [op.name, engine.name]
    for kind, value in zip(op.kinds, values, strict=True):
        if kind in ("static", "dims") or value is None:
            key.append(repr(value))
        elif kind == "list":
            items = [_concrete(v, engine) for v in value]
            arrays.extend(items)
            key.append(tuple(_signature(v, engine) for v in items))
        elif isinstance(value, (bool, int, float)):
            key.append((type(value), value))
        else:
            item = _concrete(value, engine)
            arrays.append(item)
            key.append(_signature(item, engine))
    found = _cache.get(tuple(key))
    if found is None:
        if len(_cache) >= _CACHE_LIMIT:
            _cache.clear()
        found = _cache[tuple(key)] = _prepare(op, values, engine)
    compiled, many = found
    results = compiled(*arrays)
    return results if many else results[0]


def _concrete(value: Any, engine: Any) -> Any:
    if engine.is_tensor(value):
        return value
    if isinstance(value, (bool, int, float, list, tuple)):
        return as_tensor(value).value  # type: ignore[attr-defined]
    array = to_array(value)
    return array if array.dtype.kind in "fiub" else as_tensor(value)  # which says what is wrong with it


def _signature(value: Any, engine: Any) -> Any:
    return (tuple(value.shape), str(value.dtype))


def _prepare(op: Operation, values: list[Any], engine: Any) -> tuple[Any, bool]:
    """The compiled graph of `op` for arguments like `values`."""
    inputs: list[SymbolicTensor] = []

    def holder(value: Any) -> Any:
        if value is None or (isinstance(value, (bool, int, float))):
            return value
        array = _concrete(value, engine)
        as_name = array.dtype.name if hasattr(array.dtype, "name") else str(array.dtype)
        inputs.append(Placeholder(tuple(array.shape), as_name))
        return inputs[-1]

    arguments: list[Any] = []
    for kind, value in zip(op.kinds, values, strict=True):
        if kind in ("static", "dims"):
            arguments.append(value)
        elif kind == "list":
            made = []
            for item in value:
                array = _concrete(item, engine)
                inputs.append(Placeholder(tuple(array.shape), getattr(array.dtype, "name", str(array.dtype))))
                made.append(inputs[-1])
            arguments.append(made)
        else:
            arguments.append(holder(value))
    result = op.symbolic(arguments)
    many = isinstance(result, list)
    program = Program(inputs, result if many else [result], name=op.name)
    return engine.execute(program.lower(engine)), many


set_eager_runner(_run_on_arrays)
