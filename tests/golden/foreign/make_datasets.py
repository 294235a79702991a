"""Made datasets.zip: small files in the formats of Keras 2's data sets, and what its `load_data` gives for them.

Run by Python 3.7 with Keras 2.3.1, NumPy 1.21: `python make_datasets.py FOLDER`; before that by Python 2.7 with NumPy
1.16, which writes the files that came from Python 2: the batches of CIFAR, and arrays of objects.
"""

import importlib
import json
import os
import sys
import warnings

import numpy as np

FOLDER = sys.argv[1]
BOTH = (
    {}, {"num_words": 12}, {"num_words": 12, "oov_char": None}, {"skip_top": 5},
    {"skip_top": 5, "num_words": 20, "oov_char": 0}, {"maxlen": 6}, {"maxlen": 4, "num_words": 15}, {"maxlen": 1},
    {"start_char": None}, {"start_char": None, "index_from": None}, {"index_from": 0},
    {"index_from": 7, "start_char": 4}, {"seed": 3},
    {"seed": 0, "oov_char": None, "skip_top": 3, "num_words": 17, "maxlen": 8}, {"nb_words": 9}, {"foo": 1},
    {"start_char": 0}, {"maxlen": 100}, {"num_words": 3}, {"start_char": None, "index_from": 0},
    {"path": "other.npz"}, {"maxlen": 2},
)  # fmt: skip
SPLITS = ({"test_split": 0.5}, {"test_split": 0.0}, {"test_split": 1.0}, {"test_split": 0.33, "seed": 1})
BOSTON = ({}, {"seed": 2}, {"test_split": -0.1}, {"test_split": 1.5}, {"path": "b.npz"})


def objects(rows):
    made = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        made[i] = row
    return made


def batches_of_cifar(rs):
    import cPickle

    ten = [("cifar-10-batches-py", "data_batch_" + str(i)) for i in range(1, 6)] + [
        ("cifar-10-batches-py", "test_batch")
    ]
    hundred = [("cifar-100-python", "train"), ("cifar-100-python", "test")]
    for folder, name in ten + hundred:
        batch = {"batch_label": "batch " + name, "filenames": ["f" + str(i) + ".png" for i in range(3)]}
        batch["data"] = rs.randint(0, 256, (3, 3072)).astype("uint8")
        for key, most in (
            [("labels", 10)] if "10-" in folder else [("fine_labels", 100), ("coarse_labels", 20)]
        ):
            batch[key] = [int(v) for v in rs.randint(0, most, 3)]
        if not os.path.isdir(os.path.join(FOLDER, folder)):
            os.makedirs(os.path.join(FOLDER, folder))
        with open(os.path.join(FOLDER, folder, name), "wb") as file:
            cPickle.dump(batch, file, 2)
    rows = objects([[1, 2], [3], [70000, 4, 5]])
    np.savez(os.path.join(FOLDER, "py2.npz"), x=rows, y=np.array([1, 0, 1]))


def texts(rs, number, most):
    return objects([[int(v) for v in rs.randint(1, most, rs.randint(1, 9))] for _ in range(number)])


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return {
            "dtype": str(value.dtype),
            "shape": list(value.shape),
            "values": [plain(v) for v in value.tolist()],
        }
    return value


def record(name, kwargs):
    module = importlib.import_module("keras.datasets." + name)
    module.get_file = lambda *a, **k: os.path.join(FOLDER, name + ".npz")
    case = {"dataset": name, "kwargs": kwargs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            case["result"] = plain(module.load_data(**kwargs))
        except Exception as error:
            case["error"] = type(error).__name__
    return case


def main():
    if sys.version_info[0] == 2:  # noqa: UP036
        return batches_of_cifar(np.random.RandomState(3))
    rs = np.random.RandomState(7)
    for name, made in {
        "imdb": lambda: {
            "x_train": texts(rs, 9, 30), "y_train": rs.randint(0, 2, 9), "x_test": texts(rs, 7, 30),
            "y_test": rs.randint(0, 2, 7),
        },
        "reuters": lambda: {"x": texts(rs, 15, 40), "y": rs.randint(0, 46, 15)},
        "boston_housing": lambda: {"x": rs.rand(11, 3).round(3), "y": rs.rand(11).round(3)},
        "mnist": lambda: {
            "x_train": rs.randint(0, 255, (4, 2, 2)).astype("uint8"), "y_train": rs.randint(0, 10, 4).astype("uint8"),
            "x_test": rs.randint(0, 255, (3, 2, 2)).astype("uint8"), "y_test": rs.randint(0, 10, 3).astype("uint8"),
        },
    }.items():  # fmt: skip
        np.savez(os.path.join(FOLDER, name + ".npz"), **made())
    asked = [(name, kwargs) for kwargs in BOTH for name in ("imdb", "reuters")]
    asked += [(name, kwargs) for kwargs in SPLITS for name in ("reuters", "boston_housing")]
    asked += [("boston_housing", kwargs) for kwargs in BOSTON] + [("mnist", {}), ("mnist", {"path": "q.npz"})]
    with open(os.path.join(FOLDER, "cases.json"), "w") as file:
        json.dump([record(*one) for one in asked], file)


if __name__ == "__main__":
    main()
