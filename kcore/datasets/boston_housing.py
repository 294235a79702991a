"""Prices of houses in 506 districts of Boston by 13 numbers each (Harrison and Rubinfeld, 1978)."""

import numpy as np

from ..errors import ArgumentError
from ..saving.old_arrays import read_npz
from ..utils.download import get_file
from .sources import source


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """The districts as `(x_train, y_train), (x_test, y_test)`: x (districts, 13), y (districts,), 1,000 dollars.

    path: where the file is kept, below the cache's folder `datasets`. test_split: the share of the test set, 0 <= it < 1.
    seed: of the order.
    """
    if not 0 <= test_split < 1:
        raise ArgumentError(f"test_split={test_split!r}; a share from 0 to below 1 is needed.")
    data = read_npz(get_file(path, **source("boston_housing.npz")), verified=True)
    order = np.arange(len(data["x"]))
    np.random.RandomState(seed).shuffle(order)
    x, y = data["x"][order], data["y"][order]
    border = int(len(x) * (1 - test_split))
    return (x[:border], y[:border]), (x[border:], y[border:])
