"""Handwritten digits, 70,000 images of 28 by 28 pixels (LeCun, Cortes, Burges)."""

from ..saving.old_arrays import read_npz
from ..utils.download import get_file
from .sources import source


def load_data(path="mnist.npz"):
    """The digits as `(x_train, y_train), (x_test, y_test)`: x (60000 or 10000, 28, 28) uint8, y (images,) uint8.

    path: where the file is kept, below the cache's folder `datasets`.
    """
    data = read_npz(get_file(path, **source("mnist.npz")), verified=True)
    return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
