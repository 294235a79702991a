"""The container of `.kcore` files: a zip file of a single shape, in which every byte is accounted for.

Members are stored (not compressed), one right after the other, each beginning at a multiple of 64 bytes, so that arrays
can be mapped into memory as they lie; then zip's directory, always in its 64-bit form. Dates and permissions are fixed:
the same contents give the same bytes. Any zip program can read such a file.

The reader works out what the writer must have written and compares: overlapping, hidden, doubled or compressed
members, differing headers, links and trailing bytes all come out as a difference. Contents have zip's CRC-32.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError, FileRefused
from .atomic import writing
from .checksums import IN_USE, checked
from .gate import Tally, budgets, check_member_name, file_size, refused, told_path

ALIGNMENT = 64  # bytes: a cache line, and the widest vector of a processor
_DATE = 0x21  # 1 January 1980, the first that zip can tell
_VERSION = 45  # of zip's specification, for 64-bit sizes
_FULL32, _FULL16 = 0xFFFFFFFF, 0xFFFF  # "see the 64-bit field"
_PADDING = 0xD935  # the extra field for alignment that Android's tools use
_LOCAL, _CENTRAL, _END64, _LOCATOR, _END = (
    struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4sQ2H2I4Q"),
    struct.Struct("<4sIQI"), struct.Struct("<4s4H2IH"),
)  # fmt: skip
_TAIL = _END64.size + _LOCATOR.size + _END.size
_PIECE = 2**22  # bytes read at once


@dataclass(frozen=True)
class Member:
    """One member: where its contents begin in the file, their size in bytes and their CRC-32."""

    name: str
    header: int
    size: int
    crc: int

    @property
    def start(self) -> int:
        return self.header + len(_local(self))

    @property
    def end(self) -> int:
        return self.start + self.size


# what the parts look like -----------------------------------------------------------------------------------
def _local(member: Member) -> bytes:
    """The header before the contents, with the padding that puts these at a multiple of `ALIGNMENT`."""
    name = member.name.encode("ascii")
    sizes = struct.pack("<2H2Q", 1, 16, member.size, member.size)
    unpadded = member.header + _LOCAL.size + len(name) + len(sizes) + 4
    zeros = bytes(-unpadded % ALIGNMENT)
    extra = sizes + struct.pack("<2H", _PADDING, len(zeros)) + zeros
    fixed = _LOCAL.pack(
        b"PK\3\4", _VERSION, 0, 0, 0, _DATE, member.crc, _FULL32, _FULL32, len(name), len(extra)
    )
    return fixed + name + extra


def _central(member: Member) -> bytes:
    """The entry in the directory."""
    name = member.name.encode("ascii")
    extra = struct.pack("<2H3Q", 1, 24, member.size, member.size, member.header)
    fixed = _CENTRAL.pack(
        b"PK\1\2", _VERSION, _VERSION, 0, 0, 0, _DATE, member.crc, _FULL32, _FULL32, len(name), len(extra), 0, 0, 0,
        0, _FULL32,
    )  # fmt: skip
    return fixed + name + extra


def _tail(count: int, size: int, start: int) -> bytes:
    """What ends the file: where the directory is."""
    end64 = _END64.pack(b"PK\6\6", _END64.size - 12, _VERSION, _VERSION, 0, 0, count, count, size, start)
    locator = _LOCATOR.pack(b"PK\6\7", 0, start + size, 1)
    return end64 + locator + _END.pack(b"PK\5\6", 0, 0, _FULL16, _FULL16, _FULL32, _FULL32, 0)


# writing ----------------------------------------------------------------------------------------------------
class ArchiveWriter:
    """Writes members one after the other into an open binary file, from its position on."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._at = 0
        self.members: list[Member] = []

    def add(self, name: str, data: Any) -> Member:
        """A member out of bytes or an array, which is written as it lies in memory, without a copy."""
        view = (
            memoryview(np.ascontiguousarray(data).reshape(-1).view("uint8"))
            if _is_array(data)
            else memoryview(data)
        )
        member = Member(name, self._at, len(view), zlib.crc32(view))
        _write(self._file, _local(member))
        _write(self._file, view)
        self._at = member.end
        self.members.append(member)
        return member

    def finish(self) -> None:
        """Writes the directory."""
        directory = b"".join(map(_central, self.members))
        _write(self._file, directory + _tail(len(self.members), len(directory), self._at))


def _is_array(data: Any) -> bool:
    return isinstance(data, np.ndarray)


def _write(file: Any, data: Any) -> None:
    """All of `data`, also where a file takes only a part at a time."""
    view = memoryview(data)
    while len(view):
        done = file.write(view)
        view = view[len(view) if done is None else done :]


@contextmanager
def written(target: Any) -> Iterator[ArchiveWriter]:
    """An archive at a path, where it is as a whole or not at all, or in an open binary file."""
    if isinstance(target, (str, os.PathLike)):
        with writing(target) as file:
            writer = ArchiveWriter(file)
            yield writer
            writer.finish()
    elif hasattr(target, "write") and not isinstance(target, io.TextIOBase):
        writer = ArchiveWriter(target)
        yield writer
        writer.finish()
    else:
        raise ArgumentError(f"a path or an open binary file is needed; {target!r} was given.")


# reading ----------------------------------------------------------------------------------------------------
@contextmanager
def opened(source: Any) -> Iterator[Archive]:
    """The archive at a path or in an open binary file: from its position on, if one begins there, else from the start
    (so that a stream that was just written can be read). Raises FileRefused."""
    if isinstance(source, (str, os.PathLike)):
        # opened once: what is checked is what is read, whatever becomes of the path
        with open(source, "rb", buffering=0) as file:
            yield Archive(file, told_path(source))
    elif hasattr(source, "read") and hasattr(source, "seek"):
        yield Archive(source, told_path(source))
    else:
        raise ArgumentError(f"a path or an open binary file is needed; {source!r} was given.")


def _beginning(file: Any) -> int:
    at = int(file.tell())
    return at if file.read(4) == b"PK\3\4" else 0


class Archive:
    """An archive whose directory and headers were checked; `members` by name, in their order."""

    def __init__(self, file: Any, where: str) -> None:
        self.where = where
        self._file, self._base = file, _beginning(file)
        self._lock = threading.Lock()  # a position in the file is shared
        self.size = file_size(file) - self._base
        self.tally = Tally(where, self.size)
        self.members = self._directory()

    # the directory ------------------------------------------------------------------------------------------
    def _directory(self) -> dict[str, Member]:
        if self.size < _TAIL:
            raise self._damaged("it is too short")
        tail = self._bytes(self.size - _TAIL, _TAIL)
        *_, count, size, start = _END64.unpack(tail[: _END64.size])
        if start + size + _TAIL != self.size or tail != _tail(count, size, start):
            raise self._damaged("it does not end as such files do: it was cut off, or something was added")
        limits = budgets()
        if count > limits.max_members:
            raise refused(self.where, "", 10, f"has {count} members", "max_members")
        if size > limits.max_config_bytes:
            raise refused(self.where, "", 10, f"has a directory of {size} bytes", "max_config_bytes")
        return self._entries(self._bytes(start, size), count, start)

    def _entries(self, directory: bytes, count: int, end: int) -> dict[str, Member]:
        found: dict[str, Member] = {}
        at, data_end = 0, 0
        for _ in range(count):
            member = self._entry(directory, at)
            at += len(_central(member))
            if member.name in found:
                raise refused(self.where, member.name, 10, "is there twice")
            if member.header != data_end or member.size > end - data_end:
                raise refused(self.where, member.name, 10, "is not where it has to be")
            local = _local(member)
            if self._bytes(member.header, len(local)) != local:
                raise refused(self.where, member.name, 10, "has a header that differs from the directory")
            found[member.name] = member
            data_end = member.end
        if at != len(directory) or data_end != end:
            raise self._damaged("there are bytes that belong to nothing")
        return found

    def _entry(self, directory: bytes, at: int) -> Member:
        fixed = directory[at : at + _CENTRAL.size]
        if len(fixed) < _CENTRAL.size:
            raise self._damaged("its directory is too short")
        fields = _CENTRAL.unpack(fixed)
        crc, name_size, extra_size = fields[7], fields[10], fields[11]
        rest = directory[at + _CENTRAL.size :][: name_size + extra_size] if name_size <= 1024 else b""
        if extra_size != 28 or len(rest) != name_size + extra_size:
            raise self._damaged("its directory is not as such files have it")
        name = check_member_name(rest[:name_size].decode("latin-1"), self.where)
        _, _, size, _, header = struct.unpack("<2H3Q", rest[name_size:])
        member = Member(name, header, size, crc)
        if fixed + rest != _central(member):
            raise refused(self.where, name, 10, "is no stored member as such files have it")
        return member

    # contents -----------------------------------------------------------------------------------------------
    def read(self, name: str, most: int, budget: str) -> bytes:
        """The contents of a member of at most `most` bytes (the value of `budget`)."""
        member = self.members.get(name)
        if member is None:
            raise self._damaged(f"there is no {name!r} in it")
        if member.size > most:
            raise refused(self.where, name, 10, f"has {member.size} bytes", budget)
        data = self._bytes(member.start, member.size)
        if zlib.crc32(data) != member.crc:
            raise self._changed(name)
        return data

    def array(self, member: Member, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A member as an array of its own, checked while it is read (within `checksums.beside()` perhaps later)."""
        made = np.empty(shape, dtype)
        view = memoryview(made.reshape(-1).view("uint8"))
        with checked(member.crc, lambda: self._changed(member.name)) as add:
            for at in range(0, len(view), _PIECE):
                piece = view[at : at + _PIECE]
                self._read_into(member.start + at, piece)
                add(piece)
        return made

    def verify(self, member: Member) -> None:
        """Raises FileRefused if the contents of a member were changed; takes memory for some pieces only."""
        size = min(_PIECE // 4, member.size)
        buffers = [memoryview(bytearray(size)) for _ in range(IN_USE if size < member.size else 1)]
        with checked(member.crc, lambda: self._changed(member.name)) as add:
            for i, at in enumerate(range(member.start, member.end, size or 1)):
                piece = buffers[i % len(buffers)][: member.end - at]
                self._read_into(at, piece)
                add(piece)

    def mapped(self, member: Member, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A member as a read-only array that lies in the file; not checked. Raises ArgumentError without a real file."""
        try:
            handle = self._file.fileno()
        except (AttributeError, OSError):
            raise ArgumentError(f"{self.where}: only a file on a disk can be mapped.") from None
        if not member.size:
            return np.empty(shape, dtype)
        with os.fdopen(os.dup(handle), "rb") as file:
            return np.memmap(file, dtype, "r", self._base + member.start, shape)

    def _bytes(self, start: int, size: int) -> bytes:
        data = bytearray(size)
        self._read_into(start, memoryview(data))
        return bytes(data)

    def _read_into(self, start: int, view: memoryview) -> None:
        with self._lock:
            self._file.seek(self._base + start)
            while len(view):
                if hasattr(self._file, "readinto"):
                    count = self._file.readinto(view) or 0
                else:
                    data = self._file.read(len(view))
                    count = len(data)
                    view[:count] = data
                if not count:
                    raise self._damaged("it is shorter than it says")
                view = view[count:]

    def _damaged(self, why: str) -> FileRefused:
        return refused(self.where, "", 17, f"is damaged, or no file of kcore: {why}")

    def _changed(self, member: str) -> FileRefused:
        return refused(self.where, member, 17, "does not have its checksum: the file was changed or damaged")
