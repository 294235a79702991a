"""to_categorical and normalize."""

import numpy as np
import pytest

from kcore.errors import DataError
from kcore.utils import normalize, to_categorical


def test_to_categorical():
    np.testing.assert_array_equal(to_categorical([0, 2]), [[1, 0, 0], [0, 0, 1]])
    assert to_categorical([[0], [2]]).shape == (2, 3)
    assert to_categorical(np.zeros((2, 5)), 4, "int8").shape == (2, 5, 4)
    with pytest.raises(DataError, match="class 3 is not among the 3 classes"):
        to_categorical([3], 3)


def test_normalize():
    np.testing.assert_allclose(normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]])
