"""CRC-32 of what is read, computed by a thread beside the reading: both take about the same time.

Within `beside()` a checksum may be compared later than the array is given out, at the end of the block at the latest,
which raises then. So the block must be over before anybody sees what was loaded.
"""

from __future__ import annotations

import queue
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_AHEAD = 8  # pieces that wait at most: with them wait the arrays that they belong to
IN_USE = _AHEAD + 2  # so many pieces later the memory of one may hold another
_WORTH_A_THREAD = 2**18  # bytes of a piece


class Running:
    """The checksum of one array, piece by piece; `wrong()` makes the error for another one than `expected`."""

    def __init__(self, expected: int, wrong: Callable[[], Exception]) -> None:
        self.value, self.expected, self.wrong = 0, expected, wrong

    def add(self, piece: Any) -> None:
        self.value = zlib.crc32(piece, self.value)

    def finish(self) -> None:
        if self.value != self.expected:
            raise self.wrong()


class Beside:
    """A thread that computes checksums in the order in which pieces come; started with the first large one."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Any] = queue.Queue(_AHEAD)
        self._thread: threading.Thread | None = None
        self._fault: Exception | None = None

    def add(self, running: Running, piece: Any) -> None:
        if self._thread is None:
            if len(piece) < _WORTH_A_THREAD:
                running.add(piece)
                return
            self._thread = threading.Thread(target=self._work, name="kcore-checksums", daemon=True)
            self._thread.start()
        self._waiting.put((running, piece))

    def finish(self, running: Running) -> None:
        """Compares it; raises at once for an earlier array as well."""
        if self._thread is None:
            running.finish()
        else:
            self._waiting.put((running, None))
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """Waits for all of them. Raises the first that was wrong."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
        if self._fault is not None:
            raise self._fault

    def _work(self) -> None:
        while (task := self._waiting.get()) is not None:
            running, piece = task
            if self._fault is not None:
                continue
            try:
                running.add(piece) if piece is not None else running.finish()
            except Exception as error:
                self._fault = error
            del task, running, piece  # and with them the array


_beside: ContextVar[Beside | None] = ContextVar("kcore_checksums", default=None)


@contextmanager
def beside() -> Iterator[None]:
    """Within it checksums are computed by a thread, and all of them are compared when it ends."""
    made = Beside()
    token = _beside.set(made)
    try:
        yield
    except BaseException:
        made._fault = made._fault or RuntimeError("given up")  # what waits is not worth computing
        try:
            made.close()
        except Exception:
            pass
        raise
    else:
        made.close()
    finally:
        _beside.reset(token)


@contextmanager
def checked(expected: int, wrong: Callable[[], Exception]) -> Iterator[Callable[[Any], None]]:
    """`with checked(crc, error) as add:` add(piece) for each piece of an array, as views of bytes that stay as they are.

    At the end the checksum is compared, or left to the thread of `beside()`.
    """
    running, thread = Running(expected, wrong), _beside.get()
    if thread is None:
        yield running.add
        running.finish()
        return
    yield lambda piece: thread.add(running, piece)
    thread.finish(running)
