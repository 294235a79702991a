"""Handwritten digits, 8 by 8 pixels: 1,797 images of the UCI optical recognition data set."""

import importlib.resources

import numpy as np


def load_data():
    """The digits as `(x_train, y_train), (x_test, y_test)`.

    `x_train` (1437, 8, 8) and `x_test` (360, 8, 8): uint8, (image, row, column), 0 (paper) to 16 (ink).
    `y_train` (1437,) and `y_test` (360,): uint8, the digit, 0 to 9. The test set has 36 of every digit.

    The division and the order are stored, so they are the same everywhere; every call returns new arrays.
    Source: E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0; see NOTICE.txt beside.
    """
    packed = importlib.resources.files(__package__).joinpath("digits.npz")
    with packed.open("rb") as file, np.load(file, allow_pickle=False) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
