"""Data of every kind train like the arrays that they hold."""

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from kcore import models
from kcore.errors import ArgumentError, DataError, ShapeError
from kcore.layers import Dense, Input
from kcore.training.adapters import adapted
from kcore.utils import HDF5Matrix

rng = np.random.RandomState(5)
X = rng.randn(40, 3).astype("float32")
X[rng.rand(40, 3) < 0.3] = 0
Y = X[:, :1] + X[:, 1:2]


def make(names=()):
    np.random.seed(0)
    if names:
        inputs = [Input((3,), name=n) for n in names]
        model = models.Model(inputs, Dense(1)(inputs[0]))
    else:
        model = models.Sequential([Dense(4, activation="tanh", input_shape=(3,)), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def outcome(x, y, **arguments):
    model = make()
    np.random.seed(1)
    arguments = {"epochs": 2, "batch_size": 7, "verbose": 0, **arguments}
    history = model.fit(x, y, **arguments).history
    return history, model.evaluate(x, y, verbose=0, batch_size=9), model.predict(x, batch_size=9)


def agree(x, y, **arguments):
    got, want = outcome(x, y, **arguments), outcome(X, Y, **arguments)
    assert got[0] == want[0] and got[1] == want[1]
    np.testing.assert_array_equal(got[2], want[2])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as made:
        made["x"], made["y"], made["wide"], made["flat"] = X, Y, X.astype("float64"), Y[:, 0]
    return path


@pytest.mark.parametrize("shuffle", [True, "batch", False])
def test_datasets_of_files(file, shuffle):
    with h5py.File(file) as opened:
        agree(opened["x"], opened["y"], shuffle=shuffle, validation_split=0.25)
        agree(opened["wide"], opened["flat"], shuffle=shuffle)


def test_datasets_are_read_in_pieces(file):
    class Counting:
        reads_rows = True
        shape, dtype, ndim = X.shape, X.dtype, 2

        def __init__(self):
            self.largest = 0

        def __len__(self):
            return len(X)

        def __getitem__(self, rows):
            found = X[rows]
            self.largest = max(self.largest, len(found))
            return found

    from kcore.callbacks import LambdaCallback

    data = Counting()
    each = LambdaCallback(on_batch_end=lambda batch, logs: None)
    make().fit(data, Y, batch_size=4, verbose=0, callbacks=[each])
    assert 0 < data.largest <= 4


def test_hdf5_matrix(file):
    agree(HDF5Matrix(file, "x"), HDF5Matrix(file, "y"))
    part = HDF5Matrix(str(file), "x", 5, 15, normalizer=lambda a: a * 2)
    assert part.shape == (10, 3) and part.dtype == np.float32 and len(part) == part.size // 3 == 10
    np.testing.assert_array_equal(part[0], X[5] * 2)
    np.testing.assert_array_equal(part[2:4], X[7:9] * 2)
    np.testing.assert_array_equal(part[[3, 1, 1, -1]], X[[8, 6, 6, 14]] * 2)
    with pytest.raises(IndexError, match="row 10 of 10"):
        part[[10]]
    with pytest.raises(ArgumentError, match="rows 0 to 99 were asked for; 'x' has 40"):
        HDF5Matrix(file, "x", end=99)


def test_memory_maps(tmp_path):
    np.save(tmp_path / "x.npy", X)
    agree(np.load(tmp_path / "x.npy", mmap_mode="r"), Y)


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "coo_matrix", "csr_array"])
def test_sparse_rows(form):
    agree(getattr(scipy.sparse, form)(X), Y, validation_split=0.25)


def test_data_frames():
    frame = pd.DataFrame(X, columns=list("abc"))
    agree(frame, pd.Series(Y[:, 0]))
    weights = pd.Series(np.linspace(0, 1, 40, dtype="float32"), index=range(100, 140))
    got = outcome(frame, pd.DataFrame(Y), sample_weight=weights)
    assert got[0] == outcome(X, Y, sample_weight=weights.to_numpy())[0]
    lacking = frame.astype("Float64")
    lacking.iloc[3, 1] = pd.NA
    with pytest.raises(DataError, match="holds NaN, first in row 3"):
        make().fit(lacking, Y, verbose=0)


def test_class_weights_and_one_batch_from_files(file):
    classes = (Y[:, 0] > 0).astype("float32")
    with h5py.File(file, "a") as opened:
        opened["classes"] = classes
        weights = {0: 1.0, 1: 3.0}
        got = outcome(opened["x"], opened["classes"], class_weight=weights)
        assert got[0] == outcome(X, classes, class_weight=weights)[0]
        one, other = make(), make()
        assert one.train_on_batch(opened["x"], opened["y"]) == other.train_on_batch(X, Y)
        np.testing.assert_array_equal(one.predict_on_batch(opened["x"]), other.predict_on_batch(X))


def test_mistakes_in_files_are_told(file):
    with h5py.File(file, "a") as opened:
        bad = X.copy()
        bad[11, 0] = np.nan
        opened["bad"], opened["narrow"] = bad, X[:, :2]
        with pytest.raises(DataError, match="holds NaN, first in row 11"):
            make().fit(opened["bad"], Y, batch_size=8, shuffle=False, verbose=0)
        with pytest.raises(ShapeError, match=r"needs shape .*3.*data of shape \(40, 2\)"):
            make().fit(opened["narrow"], Y, verbose=0)


def test_dicts_of_anything(file):
    with h5py.File(file) as opened:
        data = {"a": opened["x"], "b": scipy.sparse.csr_matrix(X)}
        one, other = make("ab"), make("ab")
        np.random.seed(1)
        got = one.fit(data, Y, verbose=0).history
        np.random.seed(1)
        assert got == other.fit([X, X], Y, verbose=0).history


# loaders of other libraries ----------------------------------------------------------------------------------
class Tensor:
    """Looks like a tensor that carries a gradient: no array until it is detached."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.array


class DataLoader:
    """Yields lists of tensors, as the loaders of PyTorch and Gluon do."""

    def __iter__(self):
        for i in range(0, 40, 8):
            yield [Tensor(X[i : i + 8]), Tensor(Y[i : i + 8])]

    def __len__(self):
        return 5


def test_loaders():
    one, other = make(), make()
    got = one.fit(DataLoader(), epochs=2, verbose=0, validation_data=DataLoader()).history
    want = other.fit(X, Y, batch_size=8, shuffle=False, epochs=2, verbose=0, validation_data=(X, Y)).history
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-5)
    np.testing.assert_allclose(
        one.evaluate(DataLoader(), verbose=0), other.evaluate(X, Y, verbose=0), rtol=1e-5
    )
    np.testing.assert_allclose(one.predict(DataLoader()), other.predict(X), rtol=1e-5, atol=1e-7)


def test_adapter_of_a_plug_in():
    from kcore.kernel.registry import registries

    class Table:
        """A strange kind of data."""

    class Adapter:
        def __init__(self, data):
            self.data = data

        @staticmethod
        def handles(data):
            return isinstance(data, Table)

        def __iter__(self):
            yield X[:20], Y[:20]
            yield X[20:], Y[20:]

    registries.data_adapters.add_local("table of the test", Adapter)
    assert adapted(X) is X and isinstance(adapted(Table()), Adapter)
    history = make().fit(Table(), epochs=2, verbose=0).history
    np.random.seed(1)
    want = make().fit(X, Y, batch_size=20, shuffle=False, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["loss"], want["loss"], rtol=1e-5)
