"""`H5Dict`: an HDF5 file, a group of one, or a plain dict, read and written alike."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from .._lazy import lazy_module
from ..errors import ArgumentError, DTypeError
from ..saving.hdf5 import write_names
from ..saving.hdf5_gate import Checked, is_hdf5

h5py = lazy_module("h5py")


class _Group(dict):
    """A group within a dict; other dicts are values."""


class H5Dict:
    """A mapping over `path`: a file's path, an h5py.File or Group of the caller's, or a dict.

    mode, for paths and dicts: 'r' reads, 'w' begins anew, 'a' reads and writes what is there. Arrays become datasets,
    numbers, texts and lists of names become attributes; a dict keeps them as they are. Asking for a name that is not
    there makes a group, as in Keras 2. `len` and iteration are over groups and datasets. Other attributes are those
    of the h5py.Group or dict itself. A file is looked through by the gate of `kcore.saving` before it is read, so
    links into other files are refused.

    Raises ArgumentError for what cannot be written, or for any writing with mode 'r'; FileRefused for a hostile file.
    """

    def __init__(self, path, mode="a"):
        self.read_only = mode == "r"
        self._is_file = isinstance(path, (str, os.PathLike))
        if self._is_file:
            self.data = _open(os.fspath(path), mode)
        elif isinstance(path, (dict, h5py.Group)):
            self.data = path
            if mode == "w":
                self.data.clear()
        else:
            raise DTypeError(
                f"H5Dict is made of a path, an h5py.Group or a dict; {type(path).__name__} was given."
            )

    @staticmethod
    def is_supported_type(path):
        """Whether `path` may be given to H5Dict: a dict, an h5py.Group, or a path (of an HDF5 file if it is there)."""
        if isinstance(path, (dict, h5py.Group)):
            return True
        if not isinstance(path, (str, os.PathLike)):
            return False
        if not os.path.isfile(path):
            return True
        with open(path, "rb") as file:
            return is_hdf5(file.read(8))

    def __setitem__(self, attr, val):
        self._check_writable(f"{attr!r} cannot be set")
        if isinstance(self.data, dict):
            self.data[attr] = np.array(val) if isinstance(val, np.ndarray) else val
        elif isinstance(val, np.ndarray) and val.dtype.kind in "biufc":
            if attr in self.data:
                raise ArgumentError(
                    f"H5Dict: there is a {attr!r} already; what a file holds is not replaced."
                )
            self.data.create_dataset(attr, data=val)
        elif isinstance(val, (list, tuple)) and all(isinstance(v, (str, bytes)) for v in val):
            write_names(self.data, attr, [v.decode() if isinstance(v, bytes) else v for v in val])
        elif isinstance(val, bytes):
            self.data.attrs[attr] = np.bytes_(val)
        elif isinstance(val, (str, bool, int, float, np.number, np.bool_)):
            self.data.attrs[attr] = val
        else:
            raise DTypeError(
                f"H5Dict: {attr!r} is a {type(val).__name__}; a file holds arrays of numbers, numbers, texts and lists "
                "of names."
            )

    def __getitem__(self, attr):
        if isinstance(self.data, dict):
            if attr not in self.data:
                self._check_writable(f"there is no {attr!r}")
                self.data[attr] = _Group()
            found = self.data[attr]
            return self._within(found) if isinstance(found, _Group) else found
        attributes = self.data.attrs
        if attr in attributes:
            return _plain(attributes[attr])
        if f"{attr}0" in attributes:
            return _joined(attributes, attr)
        if attr not in self.data:
            self._check_writable(f"there is no {attr!r}")
            return self._within(self.data.create_group(attr))
        found = self.data[attr]
        return found[()] if isinstance(found, h5py.Dataset) else self._within(found)

    def _check_writable(self, why):
        if self.read_only:
            raise ArgumentError(f"H5Dict: {why}: it is open for reading only (mode='r').")

    def _within(self, group):
        return H5Dict(group, "r" if self.read_only else "a")

    def __contains__(self, key):
        if isinstance(self.data, dict):
            return key in self.data
        return key in self.data or key in self.data.attrs or f"{key}0" in self.data.attrs

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return iter(self.data)

    def iter(self):
        return iter(self.data)

    def get(self, key, default=None):
        return self[key] if key in self else default

    def update(self, *args):
        """Sets what a mapping, or pairs of names and values, hold."""
        for given in args:
            for key, value in given.items() if isinstance(given, Mapping) else given:
                self[key] = value

    def __getattr__(self, attr):
        if attr.startswith("__") or attr == "data":  # as copying and pickling ask before there are any data
            raise AttributeError(attr)
        return getattr(self.data, attr)

    def close(self):
        """Closes a file that was opened here; a group of the caller's is written out."""
        if self._is_file:
            self.data.close()
        elif not isinstance(self.data, dict):
            self.data.file.flush()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


h5dict = H5Dict  # Keras 2's older name


def _open(path, mode):
    file = h5py.File(path, mode)
    if mode == "w":
        return file
    try:
        Checked(file, path, file.id.get_filesize())
    except BaseException:
        file.close()
        raise
    return file


def _plain(value):
    """An attribute as Keras 2 gives it: texts as such, lists of names as lists of bytes."""
    if isinstance(value, np.bytes_):
        return bytes(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "S":
        return value.tolist()
    return value


def _joined(attributes, name):
    """A list of names that was too long for one attribute."""
    found, i = [], 0
    while f"{name}{i}" in attributes:
        found += [n.decode("utf-8") for n in attributes[f"{name}{i}"]]
        i += 1
    return found
