"""CIFAR-10: 60,000 colour images of 32 by 32 pixels in 10 classes (Krizhevsky, 2009)."""

import os

import numpy as np

from ..utils.download import get_file
from .cifar import as_images, load_batch
from .sources import source


def load_data():
    """The images as `(x_train, y_train), (x_test, y_test)`: x (50000 or 10000, 32, 32, 3) uint8, y (images, 1).

    With `K.image_data_format()` channels_first x is (images, 3, 32, 32).
    """
    folder = get_file("cifar-10-batches-py", untar=True, **source("cifar-10-batches-py"))
    batches = [load_batch(os.path.join(folder, f"data_batch_{i}")) for i in range(1, 6)]
    x_train = np.concatenate([x for x, _ in batches])
    y_train = np.concatenate([np.array(y, "uint8") for _, y in batches])
    x_test, y_test = load_batch(os.path.join(folder, "test_batch"))
    return (as_images(x_train), y_train.reshape(-1, 1)), (as_images(x_test), np.array(y_test).reshape(-1, 1))
