"""Arrays in pickles: what NumPy writes is read, whatever else a pickle names or claims is refused and never run."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from golden import FOLDER
from kcore.errors import FileRefused
from kcore.saving import old_arrays
from kcore.saving.old_arrays import read_npz, read_pickle

RECORDED = zipfile.ZipFile(io.BytesIO((FOLDER / "datasets.zip").read_bytes()))


class Runs:
    """Pickled, a call of a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def objects(*items):
    made = np.empty(len(items), object)
    for i, item in enumerate(items):
        made[i] = item
    return made


def npz(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if not isinstance(content, bytes):
                held = io.BytesIO()
                np.save(held, content, allow_pickle=True)
                content = held.getvalue()
            archive.writestr(f"{name}.npy", content)
    return path


def npy(head, content):
    head = repr(head).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + content


READ = {
    "lists": objects([1, 2], [], [2**70]),
    "one": objects([5]),
    "texts": objects("a", b"b", None, 1.5, True),
    "arrays": objects(np.arange(3), np.ones((2, 2), ">f4"), np.float64(2.5)),
    "nested": objects([np.arange(2), {"k": [np.zeros(1)]}], objects([1], np.arange(2))),
    "square": objects(1, 2, 3, 4).reshape(2, 2),
    "numbers": np.arange(6, dtype="int16").reshape(2, 3),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "texts_of_numpy": np.array(["ab", "c"]),
    "empty": np.zeros((0, 3), "float32"),
}


def same(got, want):
    assert type(got) is type(want)
    if isinstance(want, np.ndarray):
        assert got.dtype == want.dtype and got.shape == want.shape
    if isinstance(want, dict):
        assert list(got) == list(want)
        got, want = got.values(), want.values()
    if isinstance(want, np.ndarray) and want.dtype != object or not hasattr(want, "__iter__"):
        assert np.array_equal(got, want)
    elif not isinstance(want, (str, bytes)):
        for mine, theirs in zip(got, want):
            same(mine, theirs)
    else:
        assert got == want


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("name", READ)
def test_what_numpy_writes_is_read(tmp_path, name, verified):
    same(read_npz(npz(tmp_path / "a.npz", a=READ[name]), verified)["a"], READ[name])


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickles_of_every_protocol(tmp_path, protocol):
    want = {"data": np.arange(6, dtype="uint8").reshape(2, 3), "labels": [1, 2], "names": ["a", "b"]}
    (tmp_path / "p").write_bytes(pickle.dumps(want, protocol))
    same(read_pickle(tmp_path / "p"), want)


def hostile(marker):
    huge = (0, (2**40,), np.dtype("f8"), False, b"1234")

    class Claims:
        """An array of a size that its bytes do not have."""

        def __reduce__(self):
            return np.array([1.0]).__reduce__()[0], (np.ndarray, (0,), b"b"), huge

    return {
        "system": Runs(os.system, f"touch {marker}"),
        "eval": Runs(eval, f"open({str(marker)!r}, 'w')"),
        "open": Runs(open, str(marker), "w"),
        "getattr": Runs(getattr, [], "append"),
        "load": Runs(np.load, str(marker)),
        "memmap": Runs(np.memmap, str(marker), "u1", "w+", 0, (4,)),
        "frombuffer": Runs(np.frombuffer, b"1234"),
        "size": Claims(),
        "set": {1, 2},
        "class": int,
        "tuple": (np.arange(2),),
    }


NAMES = list(hostile(""))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["pickle", "in a dict", "npz", "npz, verified"])
def test_what_is_named_is_never_run(tmp_path, name, way):
    marker, path = tmp_path / "marker", tmp_path / "file"
    item = hostile(marker)[name]
    if "npz" in way:
        npz(path, x=npy({"descr": "|O", "fortran_order": False, "shape": (1,)}, pickle.dumps([item], 2)))
    else:
        path.write_bytes(pickle.dumps({"data": [item]} if "dict" in way else item, 2))
    with pytest.raises(FileRefused):
        read_npz(path, "verified" in way) if "npz" in way else read_pickle(path)
    assert not marker.exists()


BROKEN = {
    "empty": b"",
    "other": b"no array at all",
    "size": npy({"descr": "<f8", "fortran_order": False, "shape": (2**40,)}, b"12345678"),
    "negative": npy({"descr": "<f8", "fortran_order": False, "shape": (-1, -1)}, b"12345678"),
    "records": npy({"descr": [("a", "<f8")], "fortran_order": False, "shape": (1,)}, b"12345678"),
    "record of objects": npy({"descr": [("a", "|O")], "fortran_order": False, "shape": (1,)}, pickle.dumps([1], 2)),
    "dates": npy({"descr": "<M8[s]", "fortran_order": False, "shape": (1,)}, b"12345678"),
    "no pickle": npy({"descr": "|O", "fortran_order": False, "shape": (1,)}, b"xyz"),
    "cut": npy({"descr": "|O", "fortran_order": False, "shape": (2,)}, pickle.dumps(objects([1], [2]), 2)[:-9]),
    "other shape": npy({"descr": "|O", "fortran_order": False, "shape": (3,)}, pickle.dumps(objects([1], [2]), 2)),
    "by name": npy({"descr": "|O", "fortran_order": False, "shape": (1,)}, b"\x80\x02Pid\n."),
    "circle": npy({"descr": "|O", "fortran_order": False, "shape": (1,)}, b"\x80\x02]q\x00h\x00a."),
}  # fmt: skip


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("name", BROKEN)
def test_broken_arrays_are_refused(tmp_path, name, verified):
    with pytest.raises(FileRefused):
        read_npz(npz(tmp_path / "a.npz", a=BROKEN[name]), verified)


def test_a_few_bytes_cannot_ask_for_much_memory(tmp_path):
    # a place in the memo far beyond all that were used: the C reader of older Pythons would make room for all between
    (tmp_path / "p").write_bytes(b"\x80\x02]r\xff\xff\xff\x7f.")
    assert read_pickle(tmp_path / "p") == []


def test_lists_that_hold_one_another_are_gone_through_once(tmp_path):
    row = [1]
    for _ in range(60):
        row = [row, row]
    (tmp_path / "p").write_bytes(pickle.dumps(row, 2))
    assert len(read_pickle(tmp_path / "p")) == 2


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("member", ["imdb.npz/x_train.npy", "py2.npz/x.npy", "cifar-100-python/test"])
def test_damage_is_told(member, verified):
    """Whatever bytes are changed: FileRefused, or an array, but no other error."""
    random = np.random.RandomState(0)
    name, _, inner = member.rpartition("/")
    if name.endswith(".npz"):
        data = zipfile.ZipFile(io.BytesIO(RECORDED.read(name))).read(inner)
    else:
        data = RECORDED.read(member)
        data = data[:140] + data[-140:]  # without the pixels
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        damaged[random.randint(len(data))] = random.randint(256)
        if random.rand() < 0.2:
            damaged = damaged[: random.randint(len(data))]
        try:
            if name.endswith(".npz"):
                old_arrays._npy(bytes(damaged), "it", verified)
            else:
                old_arrays._unpickled(bytes(damaged), "it", verified)
        except FileRefused:
            refused += 1
    assert refused > 30


def test_sizes_as_python_2_wrote_them(tmp_path):
    content = npy(
        {"descr": "<i4", "fortran_order": False, "shape": (3,)}, np.arange(3, dtype="<i4").tobytes()
    )
    content = content.replace(b"(3,)", b"(3L,)").replace(b"L,)}  ", b"L,)} ")
    assert read_npz(npz(tmp_path / "a.npz", a=content))["a"].tolist() == [0, 1, 2]
