"""Files that are there as a whole or not at all: the one way in which kcore writes a file that matters.

What is written goes into a file of its own in the same folder, is flushed to the disk and then takes the place of the
old file by renaming, which happens as a whole; the folder is flushed too. Until then the old file is untouched,
whatever happens: an error, a full disk, SIGKILL, a power cut.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import ArgumentError

try:
    import fcntl
except ImportError:  # not on Windows: what a killed process left there stays
    fcntl = None  # type: ignore[assignment]

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_MOST = 2**30  # bytes in one call; systems take no more than 2 GiB


class FileLayer:
    """Every operation on the file system that writing a file needs; tests put a failing one in its place."""

    def create(self, path: str, mode: int) -> int:
        """A new file. Raises FileExistsError, also where a link has that name."""
        return os.open(path, _FLAGS, mode)

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(path, mode)

    def write(self, handle: int, data: memoryview) -> int:
        return os.write(handle, data[:_MOST])

    def truncate(self, handle: int, size: int) -> None:
        os.ftruncate(handle, size)

    def sync(self, handle: int) -> None:
        os.fsync(handle)

    def close(self, handle: int) -> None:
        os.close(handle)

    def replace(self, source: str, target: str) -> None:
        os.replace(source, target)

    def sync_folder(self, path: str) -> None:
        with contextlib.suppress(OSError):  # not every system can open a folder
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def remove(self, path: str) -> None:
        os.unlink(path)


files = FileLayer()


class NewFile(io.RawIOBase):
    """A binary file on its way: read, write and seek as in any other, unbuffered.

    `part` is the path at which it is now, `name` the one at which it will be.
    """

    def __init__(self, name: str, part: str, handle: int) -> None:
        self.name, self.part, self._handle = name, part, handle
        self.fault: OSError | None = None  # the first, as libraries in between may tell it in other words

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._handle

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = os.read(self._handle, len(view))
        view[: len(data)] = data
        return len(data)

    def write(self, data: Any) -> int:
        """All of `data`, bytes or an array in one piece, without a copy."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while len(left):
                left = left[files.write(self._handle, left) :]
        except OSError as error:
            self.fault = self.fault or error
            raise
        return size

    # Python's own would do, but are not found by a library that asks while an error is on its way
    def flush(self) -> None:
        """Nothing is held back."""

    def tell(self) -> int:
        return os.lseek(self._handle, 0, io.SEEK_CUR)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return os.lseek(self._handle, offset, whence)

    def truncate(self, size: int | None = None) -> int:
        size = self.tell() if size is None else size
        files.truncate(self._handle, size)
        return size

    def sync(self) -> None:
        files.sync(self._handle)

    def close(self) -> None:
        if not self.closed:
            super().close()
            files.close(self._handle)


@contextmanager
def writing(path: Any) -> Iterator[NewFile]:
    """`with writing(path) as file:` a new file, which is at `path` once the block has ended without an error.

    A link at `path` stays one: what it points to is replaced. The permissions of an old file are kept. Raises
    IsADirectoryError, ArgumentError for what is neither a file nor nothing (a pipe, a device), and OSError where the
    folder cannot be written or the disk is full.
    """
    name = os.fsdecode(os.fspath(path))
    target = os.path.realpath(name)
    mode = _mode_of(target, name)
    folder, base = os.path.split(target)
    _clear(folder, base)
    part, handle = _fresh(folder, base)
    file = NewFile(name, part, handle)
    try:
        yield file
        file.sync()
        if mode is not None:
            files.chmod(part, mode)
        if not _locked_files_can_move:
            file.close()
        files.replace(part, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            file.close()
        with contextlib.suppress(OSError):
            files.remove(part)
        if isinstance(error, Exception) and not isinstance(error, OSError) and file.fault is not None:
            raise file.fault from error
        raise
    file.close()
    files.sync_folder(folder)


_locked_files_can_move = os.name == "posix"


def write_bytes(path: Any, data: Any) -> None:
    """`data`, bytes or an array in one piece, as the file at `path`."""
    with writing(path) as file:
        file.write(data)


def _mode_of(target: str, name: str) -> int | None:
    """The permissions of the file that is there now, None if there is none."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"{name} is a folder; the path of a file is needed.")
    if not stat.S_ISREG(found.st_mode):
        raise ArgumentError(f"{name} is no regular file and cannot be replaced; give an open binary file.")
    return stat.S_IMODE(found.st_mode)


def _part(base: str) -> str:
    return f".{base[:50]}.{secrets.token_hex(6)}.part"


def _fresh(folder: str, base: str) -> tuple[str, int]:
    """A new file beside the target, held by a lock as long as this process lives."""
    while True:
        part = os.path.join(folder, _part(base))
        handle = files.create(part, 0o666)
        if _lock(handle):
            return part, handle
        files.close(handle)  # another process took it for what was left over, and removes it


def _lock(handle: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _clear(folder: str, base: str) -> None:
    """Removes what killed processes left of earlier attempts: nobody holds the lock of such a file."""
    if fcntl is None:
        return
    left_over = re.compile(re.escape(f".{base[:50]}.") + r"[0-9a-f]{12}\.part")
    with contextlib.suppress(OSError):
        for name in [entry.name for entry in os.scandir(folder) if left_over.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                _remove_unheld(os.path.join(folder, name))


def _remove_unheld(path: str) -> None:
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where somebody is still writing
        files.remove(path)
    finally:
        os.close(handle)
