"""The digits: the numbers of the original, divided and ordered as documented."""

import hashlib

import numpy as np

from kcore.datasets import digits


def sha256(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def test_shapes_types_and_range():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1437, 8, 8) and y_train.shape == (1437,)
    assert x_test.shape == (360, 8, 8) and y_test.shape == (360,)
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8
    assert (x_train.min(), x_train.max()) == (0, 16)
    assert (x_test.min(), x_test.max()) == (0, 16)


def test_images_of_each_digit():
    (_, y_train), (_, y_test) = digits.load_data()
    # The totals are those of the UCI test set.
    assert (np.bincount(y_train) + np.bincount(y_test)).tolist() == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip
    assert np.bincount(y_test).tolist() == [36] * 10


def test_division_and_order_never_change():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert sha256(x_train) == "614468f108cbad5c292dd7f64c7f3abc8b857bcde4e39050b3d26b526381c7e7"
    assert sha256(y_train) == "f067e0ce48cef7fc902ee5b9aa96d78ef86caaae6da4c9dc3afeed186408ff98"
    assert sha256(x_test) == "ad48fd521bcad2f749c4d9316c4304066b8fed41213452dd703b297e206d2dc3"
    assert sha256(y_test) == "572adf25a272778a2e53f64dbd20ac26f326cda3af4558a9cc5b57cd33d7b33a"


def test_together_they_are_the_original():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    pairs = zip(np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test]))
    everything = b"".join(sorted(image.tobytes() + bytes([label]) for image, label in pairs))
    # Computed from scikit-learn's load_digits(), whose order differs.
    want = "f67d6a29d0e1f70e7f0cd9dcf25816b694881f4b8f27f5cc1db59551f0499fb8"
    assert hashlib.sha256(everything).hexdigest() == want


def test_every_call_gives_its_own_arrays():
    (first, _), _ = digits.load_data()
    first[:] = 0
    (second, _), _ = digits.load_data()
    assert second.max() == 16
