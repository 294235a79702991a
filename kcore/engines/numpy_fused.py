"""Composites that NumPy does better in one go than operation by operation. Same meaning, checked by the kit."""

import numpy as np


def relu(x):
    return np.maximum(x, x.dtype.type(0))


def tan(x):
    return np.tan(x)


FUSED = {
    "square": np.square, "greater": np.greater, "greater_equal": np.greater_equal, "less_equal": np.less_equal,
    "not_equal": np.not_equal, "ceil": np.ceil, "rectify": relu, "tan": tan,
}  # fmt: skip
