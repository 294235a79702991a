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
from .randomness import random_state, set_random_state
from .readers import Reader, reader_for
from .rows import Rows
from .steps import Step


class Source(Protocol):
    """Batches for one pass after another. A data adapter offers this."""

    steps: int | None  # in one pass; None if only the end tells
    batch_size: int | None

    def start(self) -> None:
        """A pass begins: choose its order."""

    def position(self) -> dict[str, Any]:
        """Where this source stands, as plain data: what `resume` needs to go on from here in another process."""

    def resume(self, position: dict[str, Any], done: int) -> None:
        """Goes to where `position` was told, `done` steps into a pass that has started (0: before one starts)."""

    def size(self, step: int) -> int | None:
        """Rows in batch `step`, None if not known before it ran."""

    def run(self, first: int, last: int) -> tuple[np.ndarray, Sequence[int]]:
        """Runs steps `first`..`last`; (logs (steps, numbers), rows of each). Fewer steps: the data have ended."""

    def finish(self) -> None:
        """A pass has ended."""

    def close(self) -> None:
        """No further pass will come, or one broke off: workers end, files may be closed."""

    read_until: int | None  # no batch from this step on may be read yet
    chunks: bool  # whether many steps in one call are of use


class ArraySource:
    """Arrays in memory, run in chunks by the engine; rows in files or sparse matrices are read chunk by chunk."""

    chunks = True
    read_until: int | None = None

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
        self.order = shuffled(self.rows, self.shuffle, self.batch_size, self.order)

    def position(self) -> dict[str, Any]:
        return {"rows": self.rows, "batch_size": self.batch_size, "order": self.order}

    def resume(self, position: dict[str, Any], done: int) -> None:
        if (position["rows"], position["batch_size"]) != (self.rows, self.batch_size):
            raise DataError(
                f"training was interrupted with {position['rows']} rows in batches of {position['batch_size']}, and "
                f"cannot go on with {self.rows} rows in batches of {self.batch_size}."
            )
        self.order = position["order"]

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
        pass

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
    read_until: int | None = None

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
        self._plan: list[Any] | None = None  # what to read in this pass, where that is known
        self._taken = 0  # batches of an iterator that goes on from pass to pass
        self._ends: list[Any] = []  # the random states in which on_epoch_end was called
        self.remembers = False  # whether `position` will be asked for

    def start(self) -> None:
        if self._reader is None:
            self._reader = self._made_reader()
        self._plan = self._planned() if self.sequence else None
        self._begin(0)

    def _begin(self, done: int) -> None:
        assert self._reader is not None
        self._pass = iter(self._reader.begin(_Tasks(self, self._plan, done)))

    def _made_reader(self) -> Reader:
        how = self.reading
        batches = self.batches if self.sequence else iter(self.batches)
        return reader_for(batches, self.sequence, how.workers, how.use_multiprocessing, how.max_queue_size)

    def _planned(self) -> list[Any]:
        """The batches of a Sequence in their order, as wholes shuffled, again and again while steps are asked for;
        for processes each with a seed of its own, so that it does not matter which of them reads it."""
        plan: list[int] = []
        while len(plan) < (self.steps or 0):
            order = shuffled(len(self.batches), self.shuffle, 1)
            plan.extend(range(len(self.batches)) if order is None else order.tolist())
        plan = plan[: self.steps]
        if not (self.reading.use_multiprocessing and self.reading.workers):
            return plan
        first = int(np.random.randint(0, 2**31 - 1))
        return [(index, (first + i * 1_000_003) % 2**32) for i, index in enumerate(plan)]

    def position(self) -> dict[str, Any]:
        own = self.batches.get_state() if self.sequence and hasattr(self.batches, "get_state") else None
        return {
            "steps": self.steps,
            "plan": self._plan,
            "taken": self._taken,
            "ends": list(self._ends),
            "own": own,
        }

    def resume(self, position: dict[str, Any], done: int) -> None:
        if done and position["steps"] != self.steps:
            raise DataError(
                f"training was interrupted in a pass of {position['steps']} steps, and cannot go on with {self.steps}."
            )
        for state in position["ends"]:  # what on_epoch_end did to the Sequence
            set_random_state(state)
            self.batches.on_epoch_end()
        self._ends = list(position["ends"])
        if position.get("own") is not None and hasattr(self.batches, "set_state"):
            self.batches.set_state(position["own"])
        if self.sequence:
            self._plan = position["plan"]
            if done:
                self._leave_pass()
                self._begin(done)
        else:
            self._skip(position["taken"], done)

    def _skip(self, taken: int, done: int) -> None:
        """Passes over the batches of an iterator that were used before."""
        if self._reader is None:
            self._reader = self._made_reader()
        self._leave_pass()
        for _ in self._reader.begin(iter(range(taken))):
            pass
        self._reader.end()
        self._taken = taken
        if done:
            self._begin(done)

    def _leave_pass(self) -> None:
        assert self._reader is not None
        if self._pass is not None:
            self._reader.end()

    def size(self, step: int) -> int | None:
        return None

    def run(self, first: int, last: int) -> tuple[np.ndarray, Sequence[int]]:
        assert self._pass is not None
        done = [self._run(item) for item in itertools.islice(self._pass, last - first)]
        self._taken += len(done)
        if not done:
            return np.empty((0, 0)), []
        return np.stack([row for row, _ in done]), [size for _, size in done]

    def finish(self) -> None:
        assert self._reader is not None
        self._reader.end()
        if not self.sequence and self.steps is None:
            self.close()  # a data set that is gone through once in each pass
            self._taken = 0
        end = getattr(self.batches, "on_epoch_end", None) if self.sequence else None
        if end is not None:
            if self.remembers and not getattr(end, "does_nothing", False):
                self._ends.append(random_state())
            end()

    def close(self) -> None:
        self._pass = None  # an iterator of a stranger's loader may hold workers of its own
        if self._reader is not None:
            reader, self._reader = self._reader, None
            reader.close()


class _Tasks:
    """What a reader is to fetch next; it stops, for a while, where the source may not be read further yet."""

    def __init__(self, source: BatchSource, plan: list[Any] | None, done: int) -> None:
        self.source = source
        self.plan = plan
        self.next = done

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        limits = [limit for limit in (self.source.steps, self.source.read_until) if limit is not None]
        if limits and self.next >= min(limits):
            raise StopIteration
        self.next += 1
        return self.next - 1 if self.plan is None else self.plan[self.next - 1]


def warn_ended(asked: int | None, done: int) -> None:
    if asked is not None and done < asked:
        warnings.warn(
            f"the data ended after {done} of {asked} steps. A generator must yield a batch for every "
            "step asked for: steps_per_epoch * epochs of them in training.",
            stacklevel=3,
        )
