"""A layer of files that fails, or kills the process, at the operation that a test names."""

import contextlib
import os
import signal

from kcore.saving import atomic


class Faulty(atomic.FileLayer):
    """Counts operations; at number `at` (from 0) it does what `fault` says.

    fault: an OSError to raise, or 'kill'. half: a write that fails has written half of its bytes first.
    """

    def __init__(self, at=None, fault=None, half=False):
        self.at, self.fault, self.half = at, fault, half
        self.done = []

    def _step(self, name, halfway=None):
        number = len(self.done)
        self.done.append(name)
        if number != self.at:
            return
        if self.half and halfway is not None:
            halfway()
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise self.fault

    def write(self, handle, data):
        self._step("write", lambda: os.write(handle, data[: len(data) // 2]))
        return super().write(handle, data)


def _stepped(name):
    def method(self, *arguments):
        self._step(name)
        return getattr(atomic.FileLayer, name)(self, *arguments)

    return method


for _name in ("create", "chmod", "truncate", "sync", "replace", "sync_folder"):
    setattr(Faulty, _name, _stepped(_name))


@contextlib.contextmanager
def files_that_fail(at=None, fault=None, half=False):
    """Within, files are written through a `Faulty` layer."""
    before, atomic.files = atomic.files, Faulty(at, fault, half)
    try:
        yield atomic.files
    finally:
        atomic.files = before


def operations_of(action):
    """The names of the operations on files that `action()` does."""
    with files_that_fail() as layer:
        action()
    return layer.done
