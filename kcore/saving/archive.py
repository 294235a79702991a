"""The gate for zip archives: names, sizes and numbers of members are checked before anything is unpacked."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import ArgumentError, FileRefused
from .gate import Tally, budgets, check_member_name, file_size, refused, told_path

_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    IndexError,
)
_PIECE = 2**20


def is_zip(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04")


class Archive:
    """A zip whose directory passed the gate; members are unpacked into memory, counted as they come."""

    def __init__(self, file: Any, where: str) -> None:
        self.where = where
        self._file = file
        size = file_size(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except _ERRORS as error:
            raise FileRefused(f"{where}: is damaged or no zip: {str(error)[:200]}") from error
        self.members: dict[str, zipfile.ZipInfo] = {}
        tally = Tally(where, size)
        spans = []
        for info in self._zip.infolist():
            self._check(info, tally)
            spans.append((info.header_offset, info.header_offset + 30 + info.compress_size, info.filename))
        for (_, end, first), (start, _, second) in zip(sorted(spans), sorted(spans)[1:]):
            if start < end:
                raise refused(where, second, 10, f"overlaps with {first}")

    def _check(self, info: zipfile.ZipInfo, tally: Tally) -> None:
        name = info.filename
        check_member_name(name.rstrip("/"), self.where)
        if name.lower() in self.members:
            raise refused(self.where, name, 10, "is there twice")
        if info.flag_bits & 0x1:
            raise refused(self.where, name, 10, "is encrypted")
        if (info.external_attr >> 16) & 0o170000 in (0o120000, 0o060000, 0o020000, 0o010000, 0o140000):
            raise refused(self.where, name, 12, "is a link or a device")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refused(self.where, name, 10, "is compressed in a way that is not allowed")
        tally.count(name, info.file_size)
        self.members[name.lower()] = info

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.members

    def read(self, name: str, limit: int | None = None) -> bytes:
        """A member, unpacked. Raises FileRefused if it is not there, is longer than it says, or than `limit`."""
        info = self.members.get(name.lower())
        if info is None:
            raise FileRefused(f"{self.where}: there is no member {name!r}.")
        most = min(info.file_size, budgets().max_bytes_member if limit is None else limit)
        if info.file_size > most:
            raise refused(self.where, name, 10, f"has {info.file_size} bytes; at most {most} are read")
        pieces, total = [], 0
        try:
            with self._zip.open(info) as member:
                while piece := member.read(_PIECE):
                    total += len(piece)
                    if total > most:
                        raise refused(self.where, name, 10, "is longer than the archive says")
                    pieces.append(piece)
        except FileRefused:
            raise
        except _ERRORS as error:
            raise FileRefused(f"{self.where}: {name}: is damaged: {str(error)[:200]}") from error
        return b"".join(pieces)

    def stream(self, name: str, most: int) -> Any:
        """A member as a file to be read from. One that is not compressed is read piece by piece, as it is needed;
        another one is unpacked, if it has at most `most` bytes."""
        info = self.members.get(name.lower())
        if info is None or info.compress_type != zipfile.ZIP_STORED:
            return io.BytesIO(self.read(name, most))
        try:
            with self._zip.open(info):  # compares the member's own header with the directory
                self._file.seek(info.header_offset + 26)
                sizes = struct.unpack("<2H", self._file.read(4))
        except (*_ERRORS, struct.error) as error:
            raise FileRefused(f"{self.where}: {name}: is damaged: {str(error)[:200]}") from error
        return Window(
            self._file, info.header_offset + 30 + sum(sizes), info.file_size, f"{self.where}: {name}"
        )

    def read_config(self, name: str) -> bytes:
        return self.read(name, budgets().max_config_bytes)


class Window(io.RawIOBase):
    """A part of an open file, as a file of its own to be read from."""

    def __init__(self, file: Any, start: int, size: int, name: str) -> None:
        self._file, self._start, self._size, self.name = file, start, size, name
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        self._file.seek(self._start + self._at)
        data = self._file.read(max(0, min(len(view), self._size - self._at)))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


@contextmanager
def opened_archive(source: Any) -> Iterator[Archive]:
    """A zip at a path or in an open binary file. Raises FileRefused."""
    where = told_path(source)
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            yield Archive(file, where)
    elif hasattr(source, "read") and hasattr(source, "seek"):
        yield Archive(source, where)
    else:
        raise ArgumentError(f"a path or an open binary file is needed; {source!r} was given.")
