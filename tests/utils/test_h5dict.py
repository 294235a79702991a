"""H5Dict: files, groups and dicts alike, with the answers of Keras 2.3.1."""

import h5py
import numpy as np
import pytest

from kcore.errors import FileRefused
from kcore.utils import H5Dict
from kcore.utils.io_utils import h5dict

NAMES = [f"name{i:06d}" * 8 for i in range(3000)]  # too many for one attribute


def fill(made):
    made["array"] = np.arange(3.0)
    made["text"], made["bytes"], made["number"] = "text", b"bytes", 3
    made["names"], made["many"] = ["x", "yy"], NAMES
    made["number"] = 4
    made["group"]["inner"] = np.ones(2, "int16")
    made.update({"more": np.zeros(1)})
    made.update([("last", 2.5)])


def test_a_file_is_written_and_read(tmp_path):
    path = tmp_path / "d.h5"
    with h5dict(path, mode="w") as made:
        fill(made)
    with h5py.File(path, "r") as file:  # as Keras 2.3.1 lays it out
        assert sorted(file) == ["array", "group", "more"] and file.attrs["number"] == 4
        assert file.attrs["names"].tolist() == [b"x", b"yy"] and "many1" in file.attrs
    with H5Dict(path, mode="r") as read:
        assert read["array"].tolist() == [0, 1, 2] and read["array"].dtype == "float64"
        assert (read["text"], read["bytes"], read["number"]) == ("text", b"bytes", 4)
        assert read["names"] == [b"x", b"yy"] and read["many"] == NAMES
        assert read["group"]["inner"].dtype == "int16" and read["group/inner"].tolist() == [1, 1]
        assert len(read) == 3 and sorted(read) == sorted(read.iter()) == ["array", "group", "more"]
        assert all(n in read for n in ("array", "text", "many", "group")) and "missing" not in read
        assert read.get("missing") is None and read.get("missing", 8) == 8 and read.get("last") == 2.5
        assert list(read.keys()) == ["array", "group", "more"]
        for write in (lambda: read.update({"a": 1}), lambda: read["missing"], lambda: read["group"]["no"]):
            with pytest.raises(ValueError, match="for reading only"):
                write()
    with H5Dict(path) as both:
        both["group"]["again"] = np.zeros(3)
        with pytest.raises(ValueError, match="already"):
            both["array"] = np.zeros(3)
        with pytest.raises(TypeError, match="'it' is a dict"):
            both["it"] = {}
    assert len(H5Dict(path, "r")["group"]) == 2


def test_a_dict_is_filled_alike():
    held = {}
    made = H5Dict(held, mode="w")
    fill(made)
    made["dict"] = {"q": 1}
    assert made["array"].tolist() == [0, 1, 2] and made["names"] == ["x", "yy"] and made["dict"] == {"q": 1}
    assert made["group"]["inner"].tolist() == [1, 1] and held["group"]["inner"].dtype == "int16"
    read = H5Dict(held, mode="r")
    assert read.read_only and read["group"]["inner"].tolist() == [1, 1]
    with pytest.raises(ValueError, match="for reading only"):
        read["a"] = 1
    with pytest.raises(AttributeError):
        read.nothing  # noqa: B018
    assert len(H5Dict({"a": 1}, mode="w")) == 0


def test_the_callers_group_stays_open(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        with H5Dict(file.create_group("g")) as made:
            made["a"] = np.arange(2)
        assert file["g/a"][()].tolist() == [0, 1]


def test_what_is_supported(tmp_path):
    (tmp_path / "text").write_text("no HDF5")
    with h5py.File(tmp_path / "d.h5", "w") as file:
        assert H5Dict.is_supported_type(file)
    for given in ({}, tmp_path / "d.h5", str(tmp_path / "not there")):
        assert H5Dict.is_supported_type(given)
    for given in (3, None, tmp_path / "text", []):
        assert not H5Dict.is_supported_type(given)
    with pytest.raises(TypeError, match="int was given"):
        H5Dict(3)
    with pytest.raises(OSError):
        H5Dict(tmp_path / "not there" / "d.h5", "r")


def test_links_into_other_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.ones(2)
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["link"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "secret")
    for mode in ("r", "a"):
        with pytest.raises(FileRefused, match="rule 8"):
            H5Dict(tmp_path / "d.h5", mode)
