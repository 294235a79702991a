"""Where batches come from: arrays in memory, or something that yields batches. One interface for the loop."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import ArgumentError, DataError
from .data import shuffled
from .readers import Reader, reader_for
from .rows import Rows
from .steps import Step


class Source(Protocol):
    """Batches for one pass after another. A data adapter offers this."""

    steps: int | None  # in one pass; None if only the end tells
    batch_size: int | None

    def start(self) -> None:
        """A pass begins: choose its order."""

    def size(self, step: int) -> int | None:
        """Rows in batch `step`, None if not known before it ran."""

    def run(self, first: int, last: int) -> tuple[np.ndarray, Sequence[int]]:
        """Runs steps `first`..`last`; (logs (steps, numbers), rows of each). Fewer steps: the data have ended."""

    def finish(self) -> None:
        """A pass has ended."""

    def close(self) -> None:
        """No further pass will come, or one broke off: workers end, files may be closed."""

    chunks: bool  # whether many steps in one call are of use


class ArraySource:
    """Arrays in memory, run in chunks by the engine; rows in files or sparse matrices are read chunk by chunk."""

    chunks = True

    def __init__(
        self,
        step: Step,
        arrays: Sequence[Any],
        batch_size: int,
        shuffle: Any = False,
        steps: int | None = None,
    ) -> None:
        self.step = step
        self.arrays = list(arrays)
        self.rows = len(self.arrays[0])
        self.batch_size = batch_size
        self.shuffle = shuffle
        available = -(-self.rows // batch_size)
        if steps is not None and steps > available:
            raise DataError(
                f"{steps} steps of {batch_size} rows were asked for; {self.rows} rows give {available} steps."
            )
        self.steps = available if steps is None else steps
        self.order: np.ndarray | None = None
        self._reads = any(isinstance(a, Rows) for a in self.arrays)
        self._held: Sequence[Any] | None = None

    def start(self) -> None:
        self.order = shuffled(self.rows, self.shuffle, self.batch_size)

    def size(self, step: int) -> int:
        return min(self.rows - step * self.batch_size, self.batch_size)

    def run(self, first: int, last: int) -> tuple[np.ndarray, Sequence[int]]:
        sizes = [self.size(i) for i in range(first, last)]
        if self._reads:
            return self._run_read(first, last), sizes
        if self._held is None:
            self._held = self.step.engine.hold(self.step.compiled, self.arrays)
        return self.step.run(self._held, self.order, self.batch_size, first, last), sizes

    def _run_read(self, first: int, last: int) -> np.ndarray:
        window = slice(first * self.batch_size, min(last * self.batch_size, self.rows))
        rows = window if self.order is None else self.order[window]
        held = self.step.engine.hold(self.step.compiled, [a[rows] for a in self.arrays])
        return self.step.run(held, None, self.batch_size, 0, last - first)

    def finish(self) -> None:
        self.order = None

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Reading:
    """How batches are fetched: `fit`'s arguments of these names."""

    workers: int = 0
    use_multiprocessing: bool = False
    max_queue_size: int = 10


class BatchSource:
    """A generator, an iterator or a `Sequence`: one step for each batch that it gives."""

    chunks = False

    def __init__(
        self,
        batches: Any,
        run: Callable[[Any], tuple[np.ndarray, int]],
        steps: int | None,
        shuffle: Any = False,
        reading: Reading | None = None,
    ) -> None:
        self.batches = batches
        self._run = run
        self.batch_size = None
        self.shuffle = shuffle
        self.reading = Reading() if reading is None else reading
        self.sequence = getattr(batches, "use_sequence_api", False)
        self.steps = len(batches) if steps is None and self.sequence else steps
        if self.steps is not None and (not isinstance(self.steps, (int, np.integer)) or self.steps <= 0):
            raise ArgumentError(
                "the data set is empty: it has no batches."
                if steps is None
                else f"steps={steps!r}: above 0 is needed."
            )
        self._reader: Reader | None = None
        self._pass: Iterator[Any] | None = None

    def start(self) -> None:
        if self._reader is None:
            self._reader = self._made_reader()
        tasks = self._in_order() if self.sequence else itertools.count()
        self._pass = iter(self._reader.begin(itertools.islice(tasks, self.steps)))

    def _made_reader(self) -> Reader:
        how = self.reading
        batches = self.batches if self.sequence else iter(self.batches)
        return reader_for(batches, self.sequence, how.workers, how.use_multiprocessing, how.max_queue_size)

    def _in_order(self) -> Iterator[int]:
        """Numbers of the batches of a Sequence, shuffled as wholes, over and over while steps are asked for."""
        while True:
            order = shuffled(len(self.batches), self.shuffle, 1)
            yield from range(len(self.batches)) if order is None else order.tolist()

    def size(self, step: int) -> int | None:
        return None

    def run(self, first: int, last: int) -> tuple[np.ndarray, Sequence[int]]:
        assert self._pass is not None
        done = [self._run(item) for item in itertools.islice(self._pass, last - first)]
        if not done:
            return np.empty((0, 0)), []
        return np.stack([row for row, _ in done]), [size for _, size in done]

    def finish(self) -> None:
        assert self._reader is not None
        self._reader.end()
        if not self.sequence and self.steps is None:
            self.close()  # a data set that is gone through once in each pass
        if self.sequence and hasattr(self.batches, "on_epoch_end"):
            self.batches.on_epoch_end()

    def close(self) -> None:
        if self._reader is not None:
            reader, self._reader = self._reader, None
            reader.close()


def warn_ended(asked: int | None, done: int) -> None:
    if asked is not None and done < asked:
        warnings.warn(
            f"the data ended after {done} of {asked} steps. A generator must yield a batch for every "
            "step asked for: steps_per_epoch * epochs of them in training.",
            stacklevel=3,
        )
