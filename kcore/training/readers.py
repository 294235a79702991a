"""Who fetches the batches of a pass: the loop itself, threads, or processes, never further than asked."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import multiprocessing
import random
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

import numpy as np

from ..errors import ArgumentError, DataError, WorkerDied
from ..kernel.determinism import deterministic

END = "kcore: the data have ended"  # a worker's word for StopIteration, which cannot pass through a future


class Reader(Protocol):
    """Fetches batches in the order of `tasks`, one pass after the other."""

    def begin(self, tasks: Iterator[Any]) -> Iterator[Any]:
        """The batches of one pass."""

    def end(self) -> None:
        """The pass is over, also when it broke off: nothing is fetched any more."""

    def close(self) -> None:
        """No pass will come: threads and processes are gone when this returns."""


def reader_for(batches: Any, sequence: bool, workers: int, processes: bool, ahead: int) -> Reader:
    """The reader for a Sequence or an iterator. Raises ArgumentError for numbers that make no sense."""
    if isinstance(workers, bool) or not isinstance(workers, (int, np.integer)) or workers < 0:
        raise ArgumentError(f"workers={workers!r}: 0 (read in the main thread) or more is needed.")
    if not isinstance(ahead, (int, np.integer)) or ahead < 1:
        raise ArgumentError(f"max_queue_size={ahead!r}: 1 or more is needed.")
    fetch = batches.__getitem__ if sequence else None
    if processes and workers:
        if sequence:
            return SequenceProcesses(batches, int(workers), int(ahead))
        return IteratorProcess(batches, int(workers), int(ahead))
    if workers == 0:
        return Inline(fetch or _next_of(batches))
    # a generator runs in one thread at a time anyhow
    threads = int(workers) if sequence and not deterministic() else 1
    if sequence and threads > 1 and (work := _divided(batches)):
        drawn, made = work
        return Threads(made, threads, int(ahead), drawn)
    return Threads(fetch or _next_of(batches), threads, int(ahead))


def _divided(sequence: Any) -> Any:
    """What a Sequence says of how its work is to be divided between the loop and workers, None for nothing."""
    asked = getattr(sequence, "divided_work", None)
    return None if asked is None else asked()


def _next_of(batches: Any) -> Callable[[Any], Any]:
    def fetch(_: Any) -> Any:
        return next(batches)

    return fetch


class Inline:
    """No workers: each batch is fetched when it is due."""

    def __init__(self, fetch: Callable[[Any], Any]) -> None:
        self.fetch = fetch

    def begin(self, tasks: Iterator[Any]) -> Iterator[Any]:
        for task in tasks:
            try:
                batch = self.fetch(task)
            except StopIteration:
                return
            yield batch

    def end(self) -> None:
        pass

    def close(self) -> None:
        pass


class Ahead:
    """Batches in order, up to `ahead` of them under way or waiting.

    The first is waited for before others are asked for: what the model does at its first batch (building, drawing
    weights) is then not mixed up with draws of random numbers in the data.
    """

    def __init__(self, submit: Callable[[Any], Future[Any]], tasks: Iterator[Any], ahead: int) -> None:
        self._submit = submit
        self._tasks = tasks
        self._ahead = ahead
        self._queue: deque[Future[Any]] = deque()
        self._started = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self._fill(self._ahead if self._started else 1)
        self._started = True
        if not self._queue:
            raise StopIteration
        # left in the queue while it is waited for: an interrupt must find it there
        batch = self._queue[0].result()
        self._queue.popleft()
        if isinstance(batch, str) and batch == END:
            self._tasks = iter(())
            self.stop()
            raise StopIteration
        return batch

    def _fill(self, number: int) -> None:
        for task in itertools.islice(self._tasks, max(number - len(self._queue), 0)):
            self._queue.append(self._submit(task))

    def stop(self) -> None:
        """Asks for nothing more, and waits for what is under way."""
        queue, self._queue = self._queue, deque()
        for future in queue:
            future.cancel()
        for future in queue:
            if not future.cancelled():
                future.exception()


class Threads:
    """Batches fetched by threads: good where reading waits for files or runs in NumPy.

    `drawn` comes before `fetch`, in the thread of the loop and so in the order of the batches.
    """

    def __init__(
        self,
        fetch: Callable[[Any], Any],
        workers: int,
        ahead: int,
        drawn: Callable[[Any], Any] | None = None,
    ) -> None:
        self.fetch = fetch
        self.ahead = ahead
        self._drawn = drawn
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="kcore-reader")
        self._running: Ahead | None = None

    def begin(self, tasks: Iterator[Any]) -> Iterator[Any]:
        self._running = Ahead(self._submit, tasks, self.ahead)
        return self._running

    def _submit(self, task: Any) -> Future[Any]:
        if self._drawn is not None:
            task = self._drawn(task)
        # the thread sees the engine that is active here
        return self._executor.submit(contextvars.copy_context().run, _fetched, self.fetch, task)

    def end(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None

    def close(self) -> None:
        self.end()
        self._executor.shutdown(wait=True, cancel_futures=True)


def _fetched(fetch: Callable[[Any], Any], task: Any) -> Any:
    try:
        return fetch(task)
    except StopIteration:
        return END


# processes --------------------------------------------------------------------------------------------------
_held: Any = None  # in a worker process: what it reads from


def _hold(data: Any) -> None:
    """Starts a worker process. Ctrl-C is the main process's business: it ends the workers."""
    global _held
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _held = data


def _seeded_item(task: tuple[int, int]) -> Any:
    """One batch of a Sequence. Seeded for itself, so that no two workers draw the same augmentations, and so that
    they do not depend on which worker reads it."""
    index, seed = task
    random.seed(seed)
    np.random.seed(seed)
    return _held[index]


def _seeded_made(task: tuple[Any, int]) -> Any:
    """`_seeded_item` of a Sequence that has drawn in the main process."""
    drawn, seed = task
    random.seed(seed)
    np.random.seed(seed)
    return _divided(_held)[1](drawn)


def _next_item(_: Any) -> Any:
    return _fetched(_next_of(_held), None)


def _context() -> Any:
    """Processes that start as copies, where there are such: a Sequence then need not be picklable."""
    forks = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
    return multiprocessing.get_context("fork" if forks else "spawn")


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the block is over.

    A pool interrupted while it starts or ends its processes would lose track of one, which then waits for work
    for ever. Only the main thread is ever interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: asked.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if asked and callable(before):
            before(signal.SIGINT, asked[0])


class _Pool:
    """Worker processes that hold `data`."""

    def __init__(self, data: Any, workers: int) -> None:
        self._executor: Executor = ProcessPoolExecutor(workers, _context(), _hold, (data,))

        self._started = False

    def submit(self, function: Callable[[Any], Any], task: Any) -> Future[Any]:
        if self._started:
            return self._submit(function, task)
        with _uninterrupted():
            future = self._submit(function, task)
            self._started = True
        return future

    def _submit(self, function: Callable[[Any], Any], task: Any) -> Future[Any]:
        with warnings.catch_warnings():
            # Python warns of copies of a process with threads; a worker touches none of them: it only reads data
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                return self._executor.submit(function, task)
            except BrokenProcessPool as error:
                failed: Future[Any] = Future()
                failed.set_exception(error)
                return failed

    def close(self, at_once: bool) -> None:
        """Ends the workers; `at_once` also in the middle of a batch."""
        with _uninterrupted():
            self._close(at_once)

    def _close(self, at_once: bool) -> None:
        processes = list((getattr(self._executor, "_processes", None) or {}).values())
        if at_once:
            for process in processes:
                process.terminate()
        self._executor.shutdown(wait=True, cancel_futures=True)
        for process in processes:
            process.join()


class _Watched:
    """Batches from worker processes; the death of one is told as what it is."""

    def __init__(self, ahead: Ahead) -> None:
        self.ahead = ahead

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self.ahead)
        except BrokenProcessPool as error:
            raise WorkerDied(
                "a worker process that reads data died (killed from outside, out of memory, or a crash in a "
                "library). workers=0 reads in the main process and shows where."
            ) from error


class SequenceProcesses:
    """A Sequence read by processes. They start anew for each pass, so they see what changed between.

    A task is the number of a batch and a seed for the global generators.
    """

    def __init__(self, sequence: Any, workers: int, ahead: int) -> None:
        self.sequence = sequence
        self.workers = workers
        self.ahead = ahead
        self._pool: _Pool | None = None
        self._running: Ahead | None = None

    def begin(self, tasks: Iterator[Any]) -> Iterator[Any]:
        self.end()
        pool = self._pool = _Pool(self.sequence, self.workers)
        work = _divided(self.sequence)

        def submit(task: tuple[int, int]) -> Future[Any]:
            if work is None:
                return pool.submit(_seeded_item, task)
            return pool.submit(_seeded_made, (work[0](task[0]), task[1]))

        self._running = Ahead(submit, tasks, self.ahead)
        return _Watched(self._running)

    def end(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            unread = self._running is not None and bool(self._running._queue)
            pool.close(at_once=unread)
            self._running = None

    close = end


class IteratorProcess:
    """A generator run by one process of its own: it cannot be divided, and copies would repeat each batch."""

    def __init__(self, batches: Any, workers: int, ahead: int) -> None:
        if _context().get_start_method() != "fork":
            raise DataError(
                "use_multiprocessing: a generator cannot be sent to another process on this system. Use a Sequence, "
                "or threads (use_multiprocessing=False)."
            )
        if workers > 1:
            warnings.warn(
                f"workers={workers}: a generator is read by one process, since several would repeat its batches. "
                "A Sequence can be read by many.",
                UserWarning,
                stacklevel=6,
            )
        self.batches = batches
        self.ahead = ahead
        self._pool: _Pool | None = None
        self._running: Ahead | None = None

    def begin(self, tasks: Iterator[Any]) -> Iterator[Any]:
        if self._pool is None:
            self._pool = _Pool(self.batches, 1)
        pool = self._pool
        self._running = Ahead(lambda task: pool.submit(_next_item, task), tasks, self.ahead)
        return _Watched(self._running)

    def end(self) -> None:
        pass  # the generator goes on in the next pass, where it stopped

    def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            pool.close(at_once=True)
