"""A flat program as a TensorFlow graph: one call, or many steps in one call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kcore.spi import ArgumentError, FlatProgram, Interpreter

from . import applies, loop_inputs


class Compiled:
    """`program` as a concrete function with unknown batch sizes, traced at the first call.

    Its tf.Variables are caught in the graph. When variables of the engine were made or moved away since, the
    program looks whether they are still the same ones, and is traced anew if not.
    """

    jit: bool | None = None

    def __init__(self, engine: Any, program: FlatProgram, device: str | None = None) -> None:
        self.engine = engine
        self.program = program
        self.device = device
        self._lock = threading.RLock()
        self.dtypes = [program.specs[s].dtype for s in program.inputs]
        self._moves = -1
        self._storages: list[Any] = []
        self._call: Callable[..., Any] | None = None
        self._loops: dict[Any, Callable[..., Any]] = {}

    # one call -----------------------------------------------------------------------------------------------
    def __call__(self, *inputs: Any) -> list[Any]:
        if len(inputs) != len(self.dtypes):
            raise ArgumentError(
                f"{self.program.name} takes {len(self.dtypes)} inputs; {len(inputs)} were given."
            )
        if self.engine.moves != self._moves:
            self._look_again()
        call = self._call
        if call is None:
            with self._lock:
                call = self._call = self._call or self._traced_call()
        return call([self._tensor(v, d) for v, d in zip(inputs, self.dtypes, strict=True)])

    def _tensor(self, value: Any, dtype: str) -> Any:
        if isinstance(value, np.ndarray):
            return self.engine.from_numpy(value, dtype)
        return tf.convert_to_tensor(value, dtype)

    def _look_again(self) -> None:
        with self._lock:
            storages = [h.storage(self.engine) for h in self.program.handles()]
            if len(storages) != len(self._storages) or any(
                a is not b for a, b in zip(storages, self._storages, strict=True)
            ):
                self._storages, self._call = storages, None
                self._loops.clear()
            self._moves = self.engine.moves

    def _traced_call(self) -> Callable[..., Any]:
        return flat_call(self._concrete())

    def _concrete(self) -> Any:
        specs = [self.program.specs[s] for s in self.program.inputs]
        signature = [tf.TensorSpec(s.shape, s.dtype) for s in specs]
        return tf.function(
            self._body, input_signature=signature, autograph=False, jit_compile=self.jit
        ).get_concrete_function()

    def graph(self) -> Any:
        """The tf.Graph of one call."""
        return self._concrete().graph

    def _interpreter(self, program: FlatProgram) -> Interpreter:
        return Interpreter(self.engine, program)

    def _body(self, *values: Any) -> list[Any]:
        """The program inside a graph: all new values are computed before the first is written."""
        with self.engine.placed(self.device):
            return self._placed_body(values)

    def _placed_body(self, values: Sequence[Any]) -> list[Any]:
        program = loop_inputs.planned(self.program) if self._on_cpu() else self.program
        planned, at_the_end = applies.plan(program)
        interpreter = self._interpreter(planned)
        table = interpreter._run(values)
        for variable, slot in planned.updates:
            variable.storage(self.engine).assign(table[slot], read_value=False)
        for apply in at_the_end:
            apply(self.engine, table)
        return [table[s] for s in planned.outputs]

    def _on_cpu(self) -> bool:
        """Whether the program is a plain graph on a CPU."""
        return (self.device or self.engine.default_device()).startswith("cpu") and not self.jit

    # many steps ---------------------------------------------------------------------------------------------
    def run_steps(
        self, data: Sequence[Any], order: np.ndarray | None, batch_size: int, first: int, last: int
    ) -> np.ndarray:
        if self.engine.moves != self._moves:
            self._look_again()
        data, order, first, last = self._taken(data, order, batch_size, first, last)
        shuffled = order is not None
        loop = self._loops.get(shuffled)
        if loop is None:
            with self._lock:
                loop = self._loops.get(shuffled)
                if loop is None:
                    loop = self._loops[shuffled] = self._traced_loop(shuffled)
        positions = [np.asarray(order, np.int32)] if order is not None else []
        numbers = np.array([first, last, batch_size], np.int32)
        result = loop([tf.constant(numbers), *(tf.constant(p) for p in positions), *data])
        return result[0].numpy()

    def _taken(
        self, data: Sequence[Any], order: np.ndarray | None, batch_size: int, first: int, last: int
    ) -> tuple[Sequence[Any], np.ndarray | None, int, int]:
        """The arguments of `run_steps` with data as tensors: all that are held, or the rows of these steps."""
        if not isinstance(data[0], np.ndarray):
            return data, order, first, last
        rows = len(order) if order is not None else len(data[0])
        window = slice(first * batch_size, min(last * batch_size, rows))
        chosen = window if order is None else order[window]
        held = [self.engine.from_numpy(a[chosen], d) for a, d in zip(data, self.dtypes, strict=True)]
        return held, None, 0, last - first

    def _traced_loop(self, shuffled: bool) -> Callable[..., Any]:
        """Steps first..last in one graph. The last batch may be smaller: its size is unknown to the graph."""
        specs = [self.program.specs[s] for s in self.program.inputs]
        width = self.program.specs[self.program.outputs[0]]

        def run(numbers: Any, *values: Any) -> list[Any]:
            first, last, size = numbers[0], numbers[1], numbers[2]
            order = values[0] if shuffled else None
            data = values[1:] if shuffled else values

            def one(i: Any, logs: Any) -> Any:
                start = i * size
                if order is not None:
                    chosen = order[start : start + size]
                    batch = [tf.gather(d, chosen) for d in data]
                else:
                    batch = [d[start : start + size] for d in data]
                batch = [_of_unknown_rows(b) for b in batch]
                return i + 1, logs.write(i - first, self._body(*batch)[0])

            logs = tf.TensorArray(width.dtype, size=last - first, element_shape=width.shape)
            _, logs = tf.while_loop(lambda i, _: i < last, one, (first, logs), parallel_iterations=1)
            return [logs.stack()]

        def placed(*values: Any) -> list[Any]:
            with self.engine.placed(self.device):
                return run(*values)

        signature = [tf.TensorSpec((3,), tf.int32)]
        signature += [tf.TensorSpec((None,), tf.int32)] if shuffled else []
        signature += [tf.TensorSpec((None, *s.shape[1:]), s.dtype) for s in specs]
        return flat_call(
            tf.function(placed, input_signature=signature, autograph=False).get_concrete_function()
        )


def _of_unknown_rows(batch: Any) -> Any:
    """`batch`, but what optimizes the graph learns no more of its rows than it knows of a program's inputs.

    It would rewrite products where it can tell that batches have equally many rows, and so change last bits in some
    ways of running a step and not in others.
    """
    return tf.raw_ops.PlaceholderWithDefault(input=batch, shape=[None, *batch.shape[1:]])


def flat_call(concrete: Any) -> Callable[[list[Any]], list[Any]]:
    """`concrete` as a function of a list of tensors, by its short way in where this TensorFlow has one."""
    captured = concrete.captured_inputs
    short = getattr(concrete, "_call_flat", None)
    if short is None:
        return lambda tensors: list(concrete(*tensors))

    def call(tensors: list[Any]) -> list[Any]:
        return list(short(tensors, captured))

    return call
