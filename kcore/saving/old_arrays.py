"""The gate for arrays that were stored as pickles: data are read, and nothing that a pickle names is run.

Older data sets hold lists of numbers as arrays of objects (.npz), or dicts of arrays (pickles of Python 2). A pickle can
name any function and have it called. Here each name that such files need leads to a stand-in of ours that only keeps
what it is given; any other name refuses the file (rules 14 and 22 of docs/security.md).
"""

from __future__ import annotations

import io
import math
import os
import pickle
import re
import struct
import tokenize
import warnings
from typing import Any

import numpy as np

from ..errors import FileRefused
from .archive import opened_archive
from .gate import Tally, refused

_DTYPE = re.compile(r"[<>|=]?([?biufcSU])[0-9]*")  # plain values: no objects, no records, no dates
_DAMAGED = (
    pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError,
    MemoryError, RecursionError, AssertionError, SyntaxError, struct.error, tokenize.TokenError,
)  # fmt: skip


def read_npz(path: str | os.PathLike, verified: bool = False) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name, arrays of objects (lists, numbers, texts) among them. Raises FileRefused.

    verified: the file has the hash of a known one. Other pickles are read by the slower of Python's readers, since
    the faster one lets a few bytes ask for any amount of memory.
    """
    with opened_archive(path) as archive:
        members = [info.filename for info in archive.members.values() if info.filename.endswith(".npy")]
        return {m[:-4]: _npy(archive.read(m), f"{archive.where}: {m}", verified) for m in members}


def read_pickle(path: str | os.PathLike) -> Any:
    """What a pickle of numbers, texts, lists, dicts and arrays holds; texts of Python 2 are bytes. Raises FileRefused."""
    where = os.fspath(path)
    with open(path, "rb") as file:
        data = file.read()
    return _unpickled(data, str(where), verified=False)


# .npy -------------------------------------------------------------------------------------------------------
def _npy(data: bytes, where: str, verified: bool) -> np.ndarray:
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[
            version
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy says so where Python 2 wrote sizes as 3L
            shape, fortran, dtype = read(file)
    except _DAMAGED as error:
        raise FileRefused(f"{where}: is damaged or no array: {str(error)[:200]}") from error
    rest = memoryview(data)[file.tell() :]
    if dtype != np.dtype(object):
        return _shaped(bytes(rest), shape, dtype, fortran, where)
    found = _unpickled(bytes(rest), where, verified)
    if not isinstance(found, np.ndarray) or found.shape != tuple(shape):
        raise FileRefused(f"{where}: holds another array than its head says.")
    return found


def _shaped(data: bytes, shape: Any, dtype: np.dtype, fortran: bool, where: str) -> np.ndarray:
    """An array of these bytes, which must be as many as its shape needs."""
    if not _DTYPE.fullmatch(dtype.str):
        raise refused(where, "", 22, f"has values of the type {dtype}")
    if not all(isinstance(n, int) and n >= 0 for n in shape) or math.prod(shape) * dtype.itemsize != len(
        data
    ):
        raise refused(where, "", 9, f"has {len(data)} bytes for the shape {str(shape)[:80]} of {dtype}")
    if fortran:
        return np.frombuffer(data, dtype).reshape(tuple(shape)[::-1]).T.copy()
    return np.frombuffer(data, dtype).reshape(shape).copy()


# pickles ----------------------------------------------------------------------------------------------------
def _unpickled(data: bytes, where: str, verified: bool) -> Any:
    Tally(where, len(data)).count("", len(data))
    reader = (_Fast if verified else _Careful)(io.BytesIO(data), encoding="bytes")
    reader.where, reader.arrays = where, []
    try:
        found = reader.load()
        values = {id(a): a.value(where) for a in reader.arrays}
    except _DAMAGED as error:
        if isinstance(error, FileRefused):
            raise
        raise FileRefused(f"{where}: is damaged, or no pickle of arrays: {str(error)[:200]}") from error
    return _settled(found, values, where)


class _Names:
    """What both readers do with a name: a stand-in, or an error."""

    where: str
    arrays: list[_Array]

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return self._array
        if (module, name) not in _STAND_INS:
            raise refused(self.where, "", 14, f"names {module[:60]}.{name[:60]}, which no array needs")
        return _STAND_INS[module, name]

    def _array(self, kind: Any, shape: Any, code: Any) -> _Array:
        self.arrays.append(_Array())
        return self.arrays[-1]

    def persistent_load(self, pid: Any) -> Any:
        raise refused(self.where, "", 14, "names an object outside itself")


class _Fast(_Names, pickle.Unpickler):
    pass


class _Careful(_Names, pickle._Unpickler):  # type: ignore[misc,name-defined]
    pass


class _DType:
    """Stands for numpy.dtype: the code of a type, and the order of bytes that comes as its state."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        self.code = _text(code)
        self.order = ""

    def __setstate__(self, state: Any) -> None:
        if any(part is not None for part in state[2:5]):
            raise ValueError("a type of records")
        self.order = _text(state[1])

    def made(self, where: str) -> np.dtype:
        order = self.order if self.order in ("<", ">") else ""
        code = order + self.code.lstrip("<>|=")
        if not _DTYPE.fullmatch(code):
            raise refused(where, "", 22, f"has values of the type {code[:40]!r}")
        return np.dtype(code)


class _Array:
    """Stands for numpy.ndarray: keeps its state, of which an array is made when all is read."""

    state: tuple = ()

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def value(self, where: str) -> np.ndarray:
        _, shape, dtype, fortran, data = self.state
        if not isinstance(dtype, _DType):
            raise ValueError("an array without a type")
        if dtype.code.lstrip("|") in ("O", "O4", "O8"):
            if (
                not isinstance(data, list)
                or fortran
                or math.prod(shape) != len(data)
                or min(shape, default=0) < 0
            ):
                raise refused(where, "", 9, f"has not the objects that its shape {str(shape)[:80]} needs")
            made = np.empty(len(data), object)
            for i, item in enumerate(data):
                made[i] = item
            return made.reshape(shape)
        return _shaped(data, shape, dtype.made(where), bool(fortran), where)


class _Kind:
    """Stands for numpy.ndarray where it is only named."""


def _scalar(dtype: Any, data: bytes) -> Any:
    """Stands for NumPy's way of making one number."""
    return _shaped(data, (), dtype.made("a number"), False, "a number")[()]


def _encoded(text: str, codec: str) -> bytes:
    """Stands for `_codecs.encode`, by which Python 3 writes bytes for Python 2."""
    if codec != "latin1":
        raise ValueError("another encoding than latin1")
    return str(text).encode("latin1")


def _no_bytes() -> bytes:
    return b""


def _text(code: Any) -> str:
    return code.decode("latin1") if isinstance(code, bytes) else str(code)


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Kind,
    ("numpy", "dtype"): _DType,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("_codecs", "encode"): _encoded,
    ("builtins", "bytes"): _no_bytes,
}


def _settled(found: Any, values: dict[int, np.ndarray], where: str) -> Any:
    """`found` with arrays in the place of their stand-ins; what is left must be plain data."""
    if isinstance(found, _Array):
        found = values[id(found)]
        if len(values) == 1 and all(type(row) is list and set(map(type, row)) <= {int} for row in found.flat):
            return found  # lists of numbers, as most such files are
    if not isinstance(found, (list, dict, np.ndarray)):
        raise refused(where, "", 14, "holds something else than lists, dicts and arrays")
    stack, seen = [found], set()
    while stack:
        holder = stack.pop()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        if isinstance(holder, np.ndarray):
            holder = holder.reshape(-1) if holder.dtype == object else np.empty(0)
            items: Any = enumerate(holder)
        else:
            items = list(holder.items() if isinstance(holder, dict) else enumerate(holder))
        for key, item in items:
            if isinstance(item, _Array):
                item = holder[key] = values[id(item)]
            if isinstance(item, (list, dict)) or (isinstance(item, np.ndarray) and item.dtype == object):
                stack.append(item)
            elif not isinstance(item, (int, float, complex, str, bytes, np.ndarray, np.generic, type(None))):
                raise refused(
                    where, "", 14, "holds something else than numbers, texts, lists, dicts and arrays"
                )
    return found
