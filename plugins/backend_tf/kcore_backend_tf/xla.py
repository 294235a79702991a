"""Programs compiled by XLA (`jit_compile=True`): several steps on batches of one size in one executable.

XLA knows no size that is first found while running: a slice with as many rows as a tensor says becomes one that holds
all rows that there could be, and is masked. So each batch size has an executable of its own, which takes a block of
batches (block, rows, ...) and the number of those that are there. One step, a chunk and a whole epoch all run that
executable, so that they give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kcore.spi import FlatProgram

from .compiled import Compiled, flat_call

BLOCK_BYTES = 1 << 21
LARGEST_BLOCK = 64
# with these TensorFlow tells that XLA cannot take a program
REFUSALS = (
    tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.NotFoundError, tf.errors.InternalError,
)  # fmt: skip
# Parts of names of operations that are not put in a loop of XLA's: on CPUs its convolutions take a hundred times as
# long there as outside, and loops in loops take minutes to compile.
APART = ("conv", "pool", "windows", "scan", "while_loop", "cond", "lstm", "gru", "rnn", "standardize")


class Jitted(Compiled):
    """A program compiled by XLA, or as a plain graph where XLA refuses it: found out at the first call."""

    jit = True
    _ran = False

    def __call__(self, *inputs: Any) -> list[Any]:
        return self._tried(self._one, *inputs)

    def run_steps(
        self, data: Sequence[Any], order: np.ndarray | None, batch_size: int, first: int, last: int
    ) -> np.ndarray:
        return self._tried(self._many, data, order, batch_size, first, last)

    def _tried(self, run: Callable[..., Any], *arguments: Any) -> Any:
        try:
            made = run(*arguments)
        except REFUSALS:
            if self._ran or not self.jit:
                raise
            with self._lock:
                self.jit, self._call = False, None
                self._loops.clear()
            return run(*arguments)
        self._ran = True
        return made

    def _one(self, *inputs: Any) -> list[Any]:
        if not self.jit or not _is_step(self.program) or len(inputs) != len(self.dtypes):
            return super().__call__(*inputs)
        tensors = [self._tensor(v, d) for v, d in zip(inputs, self.dtypes, strict=True)]
        return [self._of_one_size(tensors, None, len(tensors[0]), 0, 1)[0]]

    def _many(
        self, data: Sequence[Any], order: np.ndarray | None, batch_size: int, first: int, last: int
    ) -> np.ndarray:
        if not self.jit or not _is_step(self.program):
            return super().run_steps(data, order, batch_size, first, last)
        data, order, first, last = self._taken(data, order, batch_size, first, last)
        rows = len(order) if order is not None else len(data[0])
        whole = min(last, rows // batch_size)
        made = []
        if first < whole:
            made.append(self._of_one_size(data, order, batch_size, first, whole).numpy())
        if whole < last:  # the smaller batch at the end
            left = slice(whole * batch_size, rows)
            batch = [d[left] if order is None else tf.gather(d, order[left]) for d in data]
            made.append(self._one(*batch)[0].numpy()[np.newaxis])
        return np.concatenate(made)

    def _of_one_size(self, data: Sequence[Any], order: Any, size: int, first: int, last: int) -> Any:
        """The logs (steps, numbers) of steps first..last, all of `size` rows."""
        if self.engine.moves != self._moves:
            self._look_again()
        key = (size, order is not None)
        run = self._loops.get(key)
        if run is None:
            with self._lock:
                run = self._loops.get(key)
                if run is None:
                    run = self._loops[key] = flat_call(_steps_function(self.program, self._body, *key))
        positions = [] if order is None else [tf.constant(np.asarray(order, np.int32))]
        made = run([tf.constant(np.array([first, last], np.int32)), *positions, *data])[0]
        return tf.reshape(made, (-1, *made.shape[2:]))[: last - first]


def _is_step(program: FlatProgram) -> bool:
    """Whether it takes batches that are unknown in their rows only, and gives one value of a known size."""
    specs = [program.specs[s] for s in program.inputs]
    known = all(s.shape and s.shape[0] is None and None not in s.shape[1:] for s in specs)
    return bool(specs) and known and [None in program.specs[s].shape for s in program.outputs] == [False]


def _operations(program: FlatProgram) -> Iterator[str]:
    """The names of all operations, those in bodies too."""
    for instruction in program.instructions:
        yield instruction.op
        for value in instruction.attributes.values():
            if isinstance(value, FlatProgram):
                yield from _operations(value)


def block_of(program: FlatProgram, rows: int) -> int:
    """How many batches of `rows` rows one executable takes: by the program and the sizes alone."""
    if any(part in name for name in _operations(program) for part in APART):
        return 1
    specs = [program.specs[s] for s in program.inputs]
    width = sum(int(np.prod(s.shape[1:])) * tf.as_dtype(s.dtype).size for s in specs)
    return max(1, min(LARGEST_BLOCK, BLOCK_BYTES // max(1, width * rows)))


def _steps_function(
    program: FlatProgram, body: Callable[..., list[Any]], rows: int, shuffled: bool
) -> tf.types.experimental.ConcreteFunction:
    """`(first, last), [order], *data -> logs (blocks, block, numbers)`."""
    specs = [program.specs[s] for s in program.inputs]
    width, block = program.specs[program.outputs[0]], block_of(program, rows)
    run_block = tf.function(_block_of_steps(body, width, block), autograph=False, jit_compile=True)

    def batches(data: Any, order: Any, start: Any, count: Any) -> list[Any]:
        window = slice(start * rows, (start + count) * rows)
        made = []
        for d, s in zip(data, specs, strict=True):
            taken = d[window] if order is None else tf.gather(d, order[window])
            if block > 1:
                taken = tf.pad(taken, [[0, (block - count) * rows], *([0, 0] for _ in s.shape[1:])])
            made.append(tf.reshape(taken, (block, rows, *s.shape[1:])))
        return made

    def run(numbers: Any, *values: Any) -> list[Any]:
        first, last = numbers[0], numbers[1]
        order, data = (values[0], values[1:]) if shuffled else (None, values)

        def one(at: Any, i: Any, logs: Any) -> Any:
            count = tf.minimum(last - i, block)
            return at + 1, i + count, logs.write(at, run_block(count, *batches(data, order, i, count)))

        size = (last - first + block - 1) // block
        logs = tf.TensorArray(width.dtype, size=size, element_shape=(block, *width.shape))
        done = tf.while_loop(lambda _, i, __: i < last, one, (0, first, logs), parallel_iterations=1)
        return [done[2].stack()]

    signature = [tf.TensorSpec((2,), tf.int32)]
    signature += [tf.TensorSpec((None,), tf.int32)] if shuffled else []
    signature += [tf.TensorSpec((None, *s.shape[1:]), s.dtype) for s in specs]
    return tf.function(run, input_signature=signature, autograph=False).get_concrete_function()


def _block_of_steps(body: Callable[..., list[Any]], width: Any, block: int) -> Callable[..., Any]:
    """`count, *batches (block, rows, ...) -> logs (block, numbers)`: the first `count` steps."""

    def alone(count: Any, *batches: Any) -> Any:
        return body(*(b[0] for b in batches))[0][tf.newaxis]

    def run(count: Any, *batches: Any) -> Any:
        def one(i: Any, logs: Any) -> Any:
            return i + 1, logs.write(i, body(*(b[i] for b in batches))[0])

        logs = tf.TensorArray(width.dtype, size=block, element_shape=width.shape)
        return tf.while_loop(lambda i, _: i < count, one, (0, logs), maximum_iterations=block)[1].stack()

    return run if block > 1 else alone
