"""CIFAR-100: 60,000 colour images of 32 by 32 pixels in 100 classes, or 20 coarser ones (Krizhevsky, 2009)."""

import os

import numpy as np

from ..errors import ArgumentError
from ..utils.download import get_file
from .cifar import as_images, load_batch
from .sources import source


def load_data(label_mode="fine"):
    """The images as `(x_train, y_train), (x_test, y_test)`: x (50000 or 10000, 32, 32, 3) uint8, y (images, 1).

    label_mode: 'fine' for the 100 classes, 'coarse' for the 20. Layouts as for CIFAR-10.
    """
    if label_mode not in ("fine", "coarse"):
        raise ArgumentError(f"label_mode is 'fine' or 'coarse'; {label_mode!r} was given.")
    folder = get_file("cifar-100-python", untar=True, **source("cifar-100-python"))
    parts = []
    for part in ("train", "test"):
        x, y = load_batch(os.path.join(folder, part), f"{label_mode}_labels")
        parts.append((as_images(x), np.array(y).reshape(-1, 1)))
    return tuple(parts)
