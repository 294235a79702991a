"""What CIFAR-10 and CIFAR-100 share: batches are pickles of Python 2, which are read without running what they name."""

import numpy as np

from ..errors import FileRefused
from ..kernel.config import settings
from ..saving.old_arrays import read_pickle


def load_batch(fpath, label_key="labels"):
    """A batch as images (rows, 3, 32, 32) uint8 and a list of labels. Raises FileRefused, KeyError for `label_key`."""
    held = read_pickle(fpath)
    if not isinstance(held, dict) or not isinstance(held.get(b"data"), np.ndarray):
        raise FileRefused(f"{fpath}: is no batch of CIFAR: it has no array 'data'.")
    data = held[b"data"]
    return data.reshape(len(data), 3, 32, 32), held[label_key.encode()]


def as_images(x):
    """(rows, 3, 32, 32) in the layout of images that is set."""
    return x if settings.image_data_format == "channels_first" else x.transpose(0, 2, 3, 1)
