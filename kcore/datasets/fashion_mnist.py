"""Zalando's pictures of clothes, 70,000 of 28 by 28 pixels in 10 classes (Xiao, Rasul, Vollgraf, 2017)."""

import gzip
import math
import struct

import numpy as np

from ..errors import FileRefused
from ..utils.download import get_file
from .sources import source

_LARGEST = 1 << 26  # values of one file


def load_data():
    """The pictures as `(x_train, y_train), (x_test, y_test)`: x (60000 or 10000, 28, 28) uint8, y (pictures,) uint8."""
    parts = [_read(f"{part}.gz") for part in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")]
    tests = [_read(f"{part}.gz") for part in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")]
    return tuple(parts), tuple(tests)


def _read(name):
    """An array of bytes in the IDX format: 0, 0, 8 (bytes), the number of axes, the axes (big-endian), the values."""
    path = get_file(name, cache_subdir="datasets/fashion-mnist", **source(name))
    with gzip.open(path, "rb") as file:
        head = file.read(4)
        rank = head[3] if head[:3] == b"\0\0\x08" and len(head) == 4 else None
        axes = b"" if rank is None else file.read(4 * rank)
        if rank is None or len(axes) != 4 * rank:
            raise FileRefused(f"{path}: is no file of bytes in the IDX format.")
        shape = struct.unpack(f">{rank}I", axes)
        values = math.prod(shape)
        data = file.read(values + 1) if values <= _LARGEST else b""
    if len(data) != values:
        raise FileRefused(f"{path}: has not the {values} values that its shape {shape} needs.")
    return np.frombuffer(data, "uint8").reshape(shape).copy()
