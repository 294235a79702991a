"""Small numerical helpers on NumPy arrays."""

import numpy as np

from ..errors import DataError


def to_categorical(y, num_classes=None, dtype="float32"):
    """Class indices as one column per class: (...,) or (..., 1) to (..., num_classes)."""
    y = np.asarray(y)
    if y.size and not np.equal(np.mod(y, 1), 0).all():
        raise DataError("to_categorical() takes whole class numbers; there are others.")
    indices = y.astype("int64")
    shape = indices.shape[:-1] if indices.ndim > 1 and indices.shape[-1] == 1 else indices.shape
    indices = indices.reshape(-1)
    if not num_classes:
        num_classes = int(indices.max()) + 1 if indices.size else 0
    if indices.size and (indices.min() < 0 or indices.max() >= num_classes):
        wrong = indices.min() if indices.min() < 0 else indices.max()
        raise DataError(f"to_categorical(): class {wrong} is not among the {num_classes} classes from 0.")
    columns = np.zeros((indices.size, num_classes), dtype=dtype)
    columns[np.arange(indices.size), indices] = 1
    return columns.reshape((*shape, num_classes))


def normalize(x, axis=-1, order=2):
    """`x` divided by its norm of `order` along `axis`; zeros stay zeros."""
    x = np.asarray(x)
    norms = np.atleast_1d(np.linalg.norm(x, order, axis))
    norms[norms == 0] = 1
    return x / np.expand_dims(norms, axis)
