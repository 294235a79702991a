"""The gate for HDF5 files: every object is looked at before anything of it is read.

Only groups, datasets of plain numbers and attributes of numbers and texts, all of them in the file itself, stored in
full. A file is opened once; it is closed with everything that was read lazily from it.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._lazy import lazy_module
from ..errors import ArgumentError, FileRefused
from .checksums import checked
from .gate import Tally, budgets, file_size, refused, told_path

h5py = lazy_module("h5py")

MAGIC = b"\x89HDF\r\n\x1a\n"
_PIECE = 2**22  # bytes read at once
_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
_READ_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, UnicodeError)


def is_hdf5(head: bytes) -> bool:
    return head.startswith(MAGIC)


@contextmanager
def opened(source: Any) -> Iterator[Checked]:
    """An HDF5 file (path, open binary file, h5py.File or Group), looked through from end to end. Raises FileRefused."""
    where = told_path(source)
    if isinstance(source, h5py.Group):  # the caller's own, and already open
        yield Checked(source, where, _size_of(source))
        return
    with _binary(source) as file:
        try:
            root = h5py.File(file, "r")
        except _READ_ERRORS as error:
            raise FileRefused(f"{where}: is damaged or no HDF5 file: {str(error)[:200]}") from error
        with root:
            yield Checked(root, where, file_size(file), file)


@contextmanager
def _binary(source: Any) -> Iterator[Any]:
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:  # opened once: what is checked is what is read
            yield file
    elif hasattr(source, "read") and hasattr(source, "seek"):
        yield source
    else:
        raise ArgumentError(f"a path, an open binary file or an h5py group is needed; {source!r} was given.")


def _size_of(group: Any) -> int:
    try:
        return int(group.file.id.get_filesize())
    except _READ_ERRORS:
        return 0


DAMAGED = "It was damaged, or changed by hand; who changed it removes the attributes 'kcore_crc32' from it."


def checksum(array: np.ndarray) -> int:
    """CRC-32 of the bytes of an array that lies in one piece."""
    return zlib.crc32(array.reshape(-1).view("uint8")) if array.size else 0


class Stored:
    """A dataset that passed the gate, read when it is needed; `checksum` is compared then, if there is one."""

    def __init__(self, dataset: Any, where: str, checksum: int | None = None) -> None:
        self.dataset, self.where, self.checksum = dataset, where, checksum
        self.shape, self.dtype = tuple(dataset.shape), np.dtype(dataset.dtype)

    def with_checksum(self, value: int) -> Stored:
        return Stored(self.dataset, self.where, value)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if self.checksum is None:
            made = self._read(lambda piece: None)
        else:
            with checked(self.checksum, self._changed) as add:
                made = self._read(add)
        return made if dtype is None else made.astype(dtype, copy=False)

    def verify(self) -> None:
        """Reads everything and keeps nothing. Raises FileRefused for what is damaged."""
        np.asarray(self)

    def _changed(self) -> FileRefused:
        return FileRefused(f"{self.where}: its values do not have their checksum. {DAMAGED}")

    def _read(self, add: Callable[[Any], None]) -> np.ndarray:
        """The values; `add` gets their bytes, one piece after the other."""
        made = np.empty(self.shape, self.dtype)
        if not made.size:
            return made
        try:
            for rows in self._pieces():
                if self.shape:
                    self.dataset.read_direct(made, rows, rows)
                else:
                    made[()] = self.dataset[()]
                add(memoryview((made[rows] if self.shape else made).reshape(-1).view("uint8")))
        except FileRefused:
            raise
        except _READ_ERRORS as error:
            raise FileRefused(
                f"{self.where}: cannot be read, the file is damaged: {str(error)[:200]}"
            ) from error
        return made

    def _pieces(self) -> Iterator[Any]:
        """Slices of the first axis; one of everything where values are in chunks, which may be compressed."""
        if not self.shape or self.dataset.chunks is not None:
            yield np.s_[...]
            return
        row = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=object))
        step = max(1, _PIECE // row)
        for start in range(0, self.shape[0], step):
            yield np.s_[start : start + step]


class Checked:
    """A group of a file that was looked through: what is not plain was refused before anything was read."""

    def __init__(self, group: Any, where: str, stored: int, file: Any = None) -> None:
        self.where = where
        self.tally = Tally(where, stored)
        try:
            self.tree = _Tree(group, "", self.tally, {}, 0)
            if file is not None:
                check_heaps(file, stored, sorted(self.tree.extents()), where)
            self.tree.read_attributes()
        except FileRefused:
            raise
        except _READ_ERRORS as error:
            raise FileRefused(f"{where}: is damaged: {str(error)[:200]}") from error


class _Tree:
    """A group: its attributes, groups and datasets by name."""

    def __init__(self, group: Any, path: str, tally: Tally, seen: dict[Any, str], depth: int) -> None:
        self.where, self.path = tally.where, path
        self.groups: dict[str, _Tree] = {}
        self.datasets: dict[str, Stored] = {}
        if depth > budgets().max_depth:
            raise refused(self.where, path, 11, "groups are nested too deeply", "max_depth")
        tally.count(path)
        _once(group.id, path, seen, self.where)
        self._id = group.id
        self.attributes: dict[str, Any] = {}
        for raw in list(group.id):
            name = raw.decode("utf-8", "surrogateescape")
            inner = f"{path}/{name}"
            kind = group.id.links.get_info(raw).type
            if kind != h5py.h5l.TYPE_HARD:
                told = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "a link to another file"}
                raise refused(self.where, inner, 8, f"is {told.get(kind, 'a link of an unknown kind')}")
            child = h5py.h5o.open(group.id, raw)
            if isinstance(child, h5py.h5g.GroupID):
                self.groups[name] = _Tree(h5py.Group(child), inner, tally, seen, depth + 1)
            elif isinstance(child, h5py.h5d.DatasetID):
                _once(child, inner, seen, self.where)
                tally.count(inner, _checked_dataset(child, self.where, inner))
                _check_attributes(child, self.where, inner)
                self.datasets[name] = Stored(h5py.Dataset(child), f"{self.where}: {inner}")
            else:
                raise refused(self.where, inner, 8, "is neither a group nor a dataset")

    def read_attributes(self) -> None:
        """Reads what groups have as attributes; those of datasets nobody asks for."""
        told = self.path or "/"
        for name in _check_attributes(self._id, self.where, told):
            self.attributes[name] = h5py.AttributeManager(_Holder(self._id))[name]
        for inner in self.groups.values():
            inner.read_attributes()

    def extents(self) -> Iterator[tuple[int, int]]:
        """Where in the file the values of arrays are: (start, end)."""
        for stored in self.datasets.values():
            yield from _extents(stored.dataset.id)
        for inner in self.groups.values():
            yield from inner.extents()

    def group(self, path: str) -> _Tree | None:
        """The group at a path of names, None if there is none."""
        found: _Tree | None = self
        for part in path.split("/"):
            found = found.groups.get(part) if found is not None and part else found
        return found

    def dataset(self, path: str) -> Stored:
        """Raises FileRefused if there is none."""
        before, _, last = path.rpartition("/")
        inside = self.group(before) if before else self
        found = inside.datasets.get(last) if inside is not None else None
        if found is None:
            raise FileRefused(
                f"{self.where}: {self.path}/{path}: there is no such dataset, though the file names it."
            )
        return found

    def text(self, name: str) -> str | None:
        """An attribute that is one text."""
        value = self.attributes.get(name)
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value.item()
        if isinstance(value, bytes):
            try:
                return value.decode("utf-8")
            except UnicodeDecodeError:
                raise refused(self.where, f"{self.path}@{name}", 11, "is no UTF-8 text") from None
        return value if isinstance(value, str) else None

    def names(self, name: str) -> list[str] | None:
        """An attribute that is a list of texts, divided over `name0`, `name1`, ... where it is long."""
        pieces = [self.attributes[name]] if name in self.attributes else []
        while name not in self.attributes and f"{name}{len(pieces)}" in self.attributes:
            pieces.append(self.attributes[f"{name}{len(pieces)}"])
        if not pieces:
            return None
        made = []
        for value in np.concatenate([np.atleast_1d(np.asarray(p)) for p in pieces]).tolist():
            if not isinstance(value, (bytes, str)):
                if value == 0 or isinstance(value, float):  # an empty list is stored as one of numbers
                    continue
                raise refused(self.where, f"{self.path}@{name}", 8, "holds something else than names")
            made.append(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
        return made


def _once(identifier: Any, path: str, seen: dict[Any, str], where: str) -> None:
    info = h5py.h5o.get_info(identifier)
    key = (info.fileno, info.addr)
    if key in seen:
        raise refused(where, path, 8, f"is the same object as {seen[key] or '/'}")
    seen[key] = path


def _checked_dataset(dataset: Any, where: str, path: str) -> int:
    """The bytes that a dataset takes in memory. Raises FileRefused unless it is plain and stored in full."""
    kind = dataset.get_type()
    if kind.get_class() not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM):
        raise refused(where, path, 9, "holds no plain numbers")
    if not 1 <= kind.get_size() <= 16:
        raise refused(where, path, 9, f"has elements of {kind.get_size()} bytes")
    made_by = dataset.get_create_plist()
    if made_by.get_external_count():
        raise refused(where, path, 8, "has its values in another file")
    layout = made_by.get_layout()
    if layout not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT, h5py.h5d.CHUNKED):
        raise refused(where, path, 8, "is a virtual dataset")
    space = dataset.get_space()
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        raise refused(where, path, 9, "has no values")
    shape = space.get_simple_extent_dims()
    nbytes = kind.get_size()
    for size in shape:
        nbytes *= int(size)
    filters = made_by.get_nfilters()
    for i in range(filters):
        code = made_by.get_filter(i)[0]
        if code not in _FILTERS:
            raise refused(where, path, 8, f"is compressed by a filter that is not allowed, number {code}")
    if nbytes > budgets().max_bytes_member:
        raise refused(where, path, 9, f"declares {nbytes} bytes", "max_bytes_member")
    if layout == h5py.h5d.CHUNKED:
        _check_chunks(dataset, made_by.get_chunk(), shape, nbytes, kind.get_size(), where, path)
    elif dataset.get_storage_size() != nbytes:
        raise refused(where, path, 9, f"declares {nbytes} bytes and stores {dataset.get_storage_size()}")
    return nbytes


def _check_chunks(
    dataset: Any,
    chunk: tuple[int, ...],
    shape: tuple[int, ...],
    nbytes: int,
    itemsize: int,
    where: str,
    path: str,
) -> None:
    needed, size = 1, itemsize
    for length, step in zip(shape, chunk):
        needed *= -(-length // step)
        size *= step
    if needed and size > max(4 * nbytes, 2**20):
        raise refused(where, path, 9, f"has chunks of {size} bytes")
    if needed > 10_000_000 or dataset.get_num_chunks() != needed:
        raise refused(where, path, 9, f"declares {nbytes} bytes and does not store all of them")


def _extents(dataset: Any) -> Iterator[tuple[int, int]]:
    if dataset.get_create_plist().get_layout() == h5py.h5d.CHUNKED:
        for i in range(dataset.get_num_chunks()):
            chunk = dataset.get_chunk_info(i)
            yield chunk.byte_offset, chunk.byte_offset + chunk.size
    elif dataset.get_offset() is not None:
        yield dataset.get_offset(), dataset.get_offset() + dataset.get_storage_size()


_HEAP = b"GCOL"  # a collection of texts of variable length: HDF5's "global heap"
_HEAP_HEADER = 16


def check_heaps(file: Any, size: int, arrays: Sequence[tuple[int, int]], where: str) -> None:
    """Goes through the heaps of texts of a file, between its arrays: a damaged one can keep the HDF5 library busy
    without end. (HDF5 File Format Specification, III.E.)"""
    start = 0
    for begin, end in [*arrays, (size, size)]:
        if begin > start:
            _check_heaps_within(file, start, min(begin, size), size, where)
        start = max(start, end)


def _check_heaps_within(file: Any, start: int, end: int, size: int, where: str) -> None:
    if end - start > budgets().max_config_bytes:
        raise refused(where, "", 11, f"has {end - start} bytes beside its arrays", "max_config_bytes")
    file.seek(start)
    data = file.read(end - start)
    at = data.find(_HEAP)
    while at >= 0:
        length = int.from_bytes(data[at + 8 : at + 16], "little")
        if data[at + 4 : at + 5] == b"\1" and not _is_sound(data[at : at + length], length):
            raise FileRefused(f"{where}: is damaged: its texts at byte {start + at} cannot be told apart.")
        at = data.find(_HEAP, at + 4)


def _is_sound(heap: bytes, length: int) -> bool:
    if len(heap) != length or length < 4096:
        return False
    at = _HEAP_HEADER
    while length - at >= _HEAP_HEADER:
        index = int.from_bytes(heap[at : at + 2], "little")
        size = int.from_bytes(heap[at + 8 : at + 16], "little")
        if index == 0:  # what is free: up to the end
            return size == length - at
        step = _HEAP_HEADER + -(-size // 8) * 8
        if size > length or at + step > length:
            return False
        at += step
    return True


def _check_attributes(identifier: Any, where: str, path: str) -> list[str]:
    """The names of an object's attributes. Raises FileRefused unless all of them are numbers or texts."""
    found: list[str] = []
    total = 0
    count = h5py.h5a.get_num_attrs(identifier)
    if count > budgets().max_members:
        raise refused(where, path, 10, "has too many attributes", "max_members")
    for i in range(count):
        attribute = h5py.h5a.open(identifier, index=i)
        name = attribute.name.decode("utf-8", "surrogateescape")
        total += _checked_attribute(attribute, where, f"{path}@{name}")
        if total > budgets().max_attribute_bytes:
            raise refused(
                where, f"{path}@{name}", 11, f"brings attributes to {total} bytes", "max_attribute_bytes"
            )
        found.append(name)
    return found


class _Holder:
    """What h5py's attribute manager wants of an object: its identifier."""

    def __init__(self, identifier: Any) -> None:
        self.id = identifier


def _checked_attribute(attribute: Any, where: str, told: str) -> int:
    """The bytes that an attribute takes at least. Raises FileRefused unless it holds numbers or texts."""
    kind = attribute.get_type()
    space = attribute.get_space()
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        return 0
    elements = int(space.get_simple_extent_npoints())
    if kind.get_class() not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM, h5py.h5t.STRING):
        raise refused(where, told, 8, "holds something else than numbers and texts")
    if elements > budgets().max_members:
        raise refused(where, told, 10, f"has {elements} elements", "max_members")
    return elements * int(kind.get_size())
