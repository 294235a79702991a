"""Data that stay where they are, in a file or sparse, and of which the rows of a batch are read when it is due."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.tensor import numpy_dtype
from ..errors import ShapeError
from ..shapes import describe

READ_FROM_FILES = ("h5py", "zarr", "netCDF4")  # packages whose arrays are read piece by piece


def reads_rows(value: Any) -> bool:
    """True for what is not to be turned into an array as a whole: files' arrays, memory maps, sparse matrices.

    Others' classes say so themselves by an attribute `reads_rows = True`; they have `shape`, `dtype`, and give rows
    for a slice or for a rising array of row numbers.
    """
    if isinstance(value, np.memmap) or getattr(value, "reads_rows", False) is True:
        return True
    return is_sparse(value) or (
        type(value).__module__.split(".")[0] in READ_FROM_FILES and hasattr(value, "shape")
    )


def is_sparse(value: Any) -> bool:
    """SciPy's sparse matrices and arrays."""
    return hasattr(value, "toarray") and hasattr(value, "tocsr")


class Rows:
    """Rows `start` to `stop` of `source`, cast to `dtype` when read; a vector becomes a column.

    `slot` (of `data.Slot`) says what they are for, in messages.
    """

    def __init__(
        self, source: Any, slot: Any, start: int = 0, stop: int | None = None, nan: str = "raise"
    ) -> None:
        if is_sparse(source):
            source = source.tocsr()  # the form of which rows can be taken
        self.source = source
        self.slot = slot
        self.nan = nan
        self.start = start
        self.stop = int(source.shape[0]) if stop is None else stop
        self.dtype = numpy_dtype(slot.dtype)
        inner = tuple(int(d) for d in source.shape[1:])
        self._column = not inner and slot.shape != ()
        self.shape = (self.stop - self.start, *((1,) if self._column else inner))
        self.ndim = len(self.shape)
        _check(self, slot)

    def __len__(self) -> int:
        return self.stop - self.start

    def view(self, start: int, stop: int) -> Rows:
        """Some of these rows, not read."""
        return Rows(self.source, self.slot, self.start + start, self.start + stop, self.nan)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Reads the rows of a slice or of an array of row numbers, in its order."""
        if isinstance(rows, slice):
            first, last, step = rows.indices(len(self))
            found = self._read(slice(self.start + first, self.start + max(first, last)))
            return found[::step] if step != 1 else found
        numbers = np.asarray(rows)
        # files are read in rising order, each row once
        rising, back = np.unique(numbers + self.start, return_inverse=True)
        if len(rising) and rising[-1] - rising[0] + 1 == len(rising):
            found = self._read(slice(int(rising[0]), int(rising[-1]) + 1))
        else:
            found = self._read(rising)
        return found[back.reshape(-1)]

    def _read(self, rows: Any) -> np.ndarray:
        found = self.source[rows]
        found = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
        found = found[:, None] if self._column else found
        if self.nan == "raise":
            self.slot.check_nan(found, rows.start if isinstance(rows, slice) else None)
        return found.astype(self.dtype, copy=False)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        found = self[:]
        return found if dtype is None else found.astype(dtype)


def _check(rows: Rows, slot: Any) -> None:
    if slot.shape is None:
        return
    fits = len(slot.shape) == rows.ndim - 1 and all(
        w is None or w == g for w, g in zip(slot.shape, rows.shape[1:], strict=True)
    )
    if not fits:
        raise ShapeError(
            f"{slot.title} needs shape {describe((None, *slot.shape))}; data of shape {rows.shape} were given.{slot.advice}"
        )


def concrete(array: Any) -> Any:
    """The rows themselves, read if they are not yet."""
    return array[:] if isinstance(array, Rows) else array


def part(array: Any, start: int, stop: int) -> Any:
    """Rows `start` to `stop` of an array; of what is in a file, without reading."""
    return array.view(start, stop) if isinstance(array, Rows) else array[start:stop]
