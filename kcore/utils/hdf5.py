"""`HDF5Matrix`: a part of a dataset in an HDF5 file, read piece by piece."""

import os
import threading

import numpy as np

from ..errors import ArgumentError


class HDF5Matrix:
    """Rows `start` to `end` of the dataset `dataset` in the file `datapath`; to be given to `fit` as an array.

    Rows are read when a batch needs them; with shuffle='batch' they are read in blocks, which is much faster than
    single rows. normalizer: a function that each piece that is read goes through; it gives the data type and the
    shape of rows. Raises OSError if the file is not there, KeyError if the dataset is not.
    """

    reads_rows = True
    refs = {}  # (process, path) -> open file; files are opened once
    _lock = threading.Lock()

    def __init__(self, datapath, dataset, start=0, end=None, normalizer=None):
        self.datapath = os.fspath(datapath)
        self.dataset = dataset
        self.normalizer = normalizer
        rows = self.data.shape[0]
        self.start = 0 if start is None else start
        self.end = rows if end is None else end
        if not 0 <= self.start <= self.end <= rows:
            raise ArgumentError(
                f"HDF5Matrix: rows {self.start} to {self.end} were asked for; {dataset!r} has {rows} rows."
            )
        first = self.data[0:1]
        self._first = first if normalizer is None else np.asarray(normalizer(first))

    @property
    def data(self):
        """The open dataset. Each process opens the file for itself."""
        import h5py

        key = (os.getpid(), os.path.realpath(self.datapath))
        with self._lock:
            file = self.refs.get(key)
            if not file:  # not there, or closed meanwhile
                file = self.refs[key] = h5py.File(self.datapath, "r")
        return file[self.dataset]

    def __len__(self):
        return self.end - self.start

    def __getitem__(self, key):
        """Rows by a slice, a number, or a list or array of numbers in any order."""
        if isinstance(key, slice):
            first, last, step = key.indices(len(self))
            found = self.data[self.start + first : self.start + max(first, last) : step] if step > 0 else None
            if found is None:
                raise IndexError("HDF5Matrix: slices go forwards.")
        elif isinstance(key, (int, np.integer)):
            found = self.data[self.start + self._row(int(key))]
        else:
            rows = np.array([self._row(int(k)) for k in np.asarray(key).reshape(-1)], dtype="int64")
            rising, back = np.unique(rows + self.start, return_inverse=True)
            found = self.data[rising][back.reshape(-1)] if len(rising) else self.data[0:0]
        return found if self.normalizer is None else self.normalizer(found)

    def _row(self, number):
        row = number + len(self) if number < 0 else number
        if not 0 <= row < len(self):
            raise IndexError(f"HDF5Matrix: row {number} of {len(self)} was asked for.")
        return row

    @property
    def shape(self):
        return (len(self), *self._first.shape[1:])

    @property
    def dtype(self):
        return self._first.dtype

    @property
    def ndim(self):
        return self._first.ndim

    @property
    def size(self):
        return int(np.prod(self.shape))

    def __getstate__(self):
        return dict(self.__dict__)  # the open file belongs to the class, not to the object
