"""Data sets that are fetched: the numbers of Keras 2.3.1 out of the same files, which are small ones of their formats."""

import gzip
import hashlib
import io
import json
import pickle
import shutil
import struct
import tarfile
import warnings
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from kcore import backend as K
from kcore import datasets
from kcore.datasets import cifar, sources
from kcore.errors import DataError, FileRefused
from kcore.saving import old_arrays
from kcore.utils import get_file

ARCHIVE = zipfile.ZipFile(io.BytesIO((Path(__file__).parent.parent / "golden" / "datasets.zip").read_bytes()))
CASES = json.loads(ARCHIVE.read("cases.json"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All recorded files, and the archives of CIFAR."""
    folder = tmp_path_factory.mktemp("origin")
    ARCHIVE.extractall(folder)
    for name, archive in (
        ("cifar-10-batches-py", "cifar-10-python"),
        ("cifar-100-python", "cifar-100-python"),
    ):
        with tarfile.open(folder / f"{archive}.tar.gz", "w:gz") as made:
            made.add(folder / name, name)
    random = np.random.RandomState(9)
    for part, rows in (("train", 4), ("t10k", 2)):
        for kind, shape in (("labels-idx1", (rows,)), ("images-idx3", (rows, 28, 28))):
            head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
            with gzip.open(folder / f"{part}-{kind}-ubyte.gz", "wb") as file:
                file.write(head + random.randint(0, 256, shape).astype("uint8").tobytes())
    (folder / "imdb_word_index.json").write_text('{"the": 1, "of": 2}')
    (folder / "reuters_word_index.json").write_text('{"mdbl": 10996}')
    return folder


@pytest.fixture(autouse=True)
def served(folder, tmp_path, monkeypatch):
    """The recorded files are what the addresses lead to; the cache is new."""
    monkeypatch.setenv("KCORE_HOME", str(tmp_path / "cache"))
    found = {}
    for name, (origin, _) in sources.SOURCES.items():
        file = folder / origin.rsplit("/", 1)[1]
        found[name] = (file.as_uri(), hashlib.sha256(file.read_bytes()).hexdigest())
    monkeypatch.setattr(sources, "SOURCES", found)


def plain(value):
    """As the record has it; texts of equal length, which Keras 2 gives as one matrix, are lists here too."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def values(recorded):
    if isinstance(recorded, dict):
        return values(recorded["values"])
    return [values(v) for v in recorded] if isinstance(recorded, list) else recorded


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['dataset']}-{c['kwargs']}")
def test_load_data(case):
    module = import_module(f"kcore.datasets.{case['dataset']}")
    if "error" in case:
        error = {"TypeError": TypeError, "ValueError": ValueError, "AssertionError": ValueError}[
            case["error"]
        ]
        with pytest.raises(error):
            module.load_data(**case["kwargs"])
        return
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        state = np.random.get_state()[1].tolist()
        got = module.load_data(**case["kwargs"])
    assert np.random.get_state()[1].tolist() == state
    assert ["nb_words" in str(w.message) for w in told] == [True] * ("nb_words" in case["kwargs"])
    assert plain(got) == values(case["result"])
    for mine, recorded in zip(sum(got, ()), sum(case["result"], [])):
        if case["dataset"] in ("imdb", "reuters") and mine is not got[0][1] and mine is not got[1][1]:
            assert mine.dtype == object and mine.ndim == 1
        elif mine.size:  # Keras 2 gives an empty array as float64
            assert (str(mine.dtype), list(mine.shape)) == (recorded["dtype"], recorded["shape"])


def test_files_are_kept_and_checked(folder, tmp_path, monkeypatch):
    datasets.mnist.load_data()
    kept = tmp_path / "cache" / "datasets" / "mnist.npz"
    assert kept.read_bytes() == (folder / "mnist.npz").read_bytes()
    origin, file_hash = sources.SOURCES["mnist.npz"]
    monkeypatch.setitem(sources.SOURCES, "mnist.npz", ("file:///not/there", file_hash))
    datasets.mnist.load_data()  # not fetched again
    monkeypatch.setitem(sources.SOURCES, "mnist.npz", (origin, "0" * 64))
    with pytest.raises(DataError, match="does not have the hash"):
        datasets.mnist.load_data()


def test_every_file_has_a_hash_and_comes_by_https():
    origins = import_module("importlib").reload(sources).SOURCES
    assert len(origins) == 12
    for origin, file_hash in origins.values():
        assert origin.startswith("https://") and len(file_hash) in (32, 64)


def test_get_file_may_be_replaced(folder, monkeypatch):
    """As scripts do that work without a net: each module has its `get_file`, as in Keras 2."""
    for name in ("boston_housing", "imdb", "mnist", "reuters"):
        module, asked = import_module(f"kcore.datasets.{name}"), []
        monkeypatch.setattr(
            module,
            "get_file",
            lambda *a, asked=asked, name=name, **k: asked.append(a) or folder / f"{name}.npz",
        )
        module.load_data("mine")
        assert asked == [("mine",)]


def test_word_indices():
    assert datasets.imdb.get_word_index() == {"the": 1, "of": 2}
    assert datasets.reuters.get_word_index() == {"mdbl": 10996}


@pytest.mark.parametrize(
    "data_format, shape", [("channels_last", (32, 32, 3)), ("channels_first", (3, 32, 32))]
)
def test_cifar(data_format, shape):
    K.set_image_data_format(data_format)
    try:
        ten, fine, coarse = (
            datasets.cifar10.load_data(), datasets.cifar100.load_data(), datasets.cifar100.load_data("coarse")
        )  # fmt: skip
    finally:
        K.set_image_data_format("channels_last")
    (x_train, y_train), (x_test, y_test) = ten
    assert x_train.shape == (15, *shape) and x_test.shape == (3, *shape) and x_train.dtype == "uint8"
    assert y_train.shape == (15, 1) and y_train.dtype == "uint8" and y_train[:3, 0].tolist() == [8, 8, 5]
    assert y_test.shape == (3, 1) and y_test.dtype == "int64"
    assert fine[0][1].ravel().tolist() == [52, 49, 51] and coarse[0][1].ravel().tolist() == [4, 6, 3]
    assert fine[1][0].shape == (3, *shape)
    x, y = cifar.load_batch(Path(datasets_folder()) / "cifar-100-python" / "test", "fine_labels")
    first = x[0] if data_format == "channels_first" else x[0].transpose(1, 2, 0)
    assert np.array_equal(fine[1][0][0], first) and y == [83, 57, 35]


def datasets_folder():
    return Path(get_file("cifar-100-python", untar=True, **sources.source("cifar-100-python"))).parent


def test_cifars_errors(tmp_path):
    with pytest.raises(ValueError, match="'fine' or 'coarse'"):
        datasets.cifar100.load_data("x")
    with pytest.raises(KeyError):
        cifar.load_batch(datasets_folder() / "cifar-100-python" / "test")
    (tmp_path / "list").write_bytes(pickle.dumps([1, 2], 2))
    with pytest.raises(FileRefused, match="no batch of CIFAR"):
        cifar.load_batch(tmp_path / "list")


def test_fashion_mnist(folder):
    (x_train, y_train), (x_test, y_test) = datasets.fashion_mnist.load_data()
    assert x_train.shape == (4, 28, 28) and y_train.shape == (4,) and x_test.shape == (2, 28, 28)
    assert {a.dtype.name for a in (x_train, y_train, x_test, y_test)} == {"uint8"}
    random = np.random.RandomState(9)
    assert np.array_equal(y_train, random.randint(0, 256, 4))
    assert np.array_equal(x_train, random.randint(0, 256, (4, 28, 28)))
    x_train[:] = 0  # the caller's own


@pytest.mark.parametrize("content", [b"", struct.pack(">II", 2049, 5) + b"1234", struct.pack(">II", 3, 0)])
def test_fashion_mnist_refuses_other_files(folder, tmp_path, monkeypatch, content):
    name = "train-labels-idx1-ubyte.gz"
    with gzip.open(tmp_path / name, "wb") as file:
        file.write(content)
    file_hash = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    monkeypatch.setitem(sources.SOURCES, name, ((tmp_path / name).as_uri(), file_hash))
    with pytest.raises(FileRefused):
        datasets.fashion_mnist.load_data()


def test_the_cache_may_stand_elsewhere(folder, tmp_path):
    shutil.copy(folder / "mnist.npz", tmp_path / "here.npz")
    (x, _), _ = datasets.mnist.load_data(str(tmp_path / "here.npz"))
    assert x.shape == (4, 2, 2)


def test_arrays_of_python_2_and_3_are_read_alike(folder, tmp_path):
    rows = np.empty(3, object)
    rows[:] = [[1, 2], [3], [70000, 4, 5]]
    np.savez_compressed(tmp_path / "py3.npz", x=rows, y=np.array([1, 0, 1]))
    for path in (folder / "py2.npz", tmp_path / "py3.npz"):
        for verified in (True, False):
            found = old_arrays.read_npz(path, verified)
            assert found["x"].tolist() == rows.tolist() and found["y"].tolist() == [1, 0, 1]
