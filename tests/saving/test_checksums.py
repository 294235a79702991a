"""Checksums beside reading: wrong ones are told in time, whatever the sizes; models stay as they were."""

import threading
import tracemalloc
import zlib

import numpy as np
import pytest

import kcore
from kcore import layers
from kcore.errors import FileRefused
from kcore.models import Sequential, load_model
from kcore.saving import checksums, container, weights

SIZES = (700, 300, 900)


def model():
    made = Sequential([layers.Dense(n, input_shape=(n0,)) for n0, n in zip((500, *SIZES), SIZES)])
    made.set_weights([np.random.RandomState(i).rand(*w.shape) for i, w in enumerate(made.get_weights())])
    return made


def damaged(path, values):
    """One bit of an array in the middle of the file."""
    data = bytearray(path.read_bytes())
    data[data.index(values.tobytes()) + values.nbytes // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("size", [0, 10, checksums._WORTH_A_THREAD, 40 * checksums._WORTH_A_THREAD])
@pytest.mark.parametrize("right", [True, False])
def test_pieces(size, right):
    data = bytes(range(256)) * (size // 256 + 1)
    data, threads = data[:size], threading.active_count()
    crc = zlib.crc32(data) ^ (not right)

    def run():
        with checksums.beside(), checksums.checked(crc, lambda: FileRefused("changed")) as add:
            for start in range(0, size, 2**18):
                add(data[start : start + 2**18])

    if right:
        run()
    else:
        with pytest.raises(FileRefused, match="changed"):
            run()
    assert threading.active_count() == threads


def test_an_error_in_between_is_the_one_that_is_told():
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError), checksums.beside():
        with checksums.checked(1, lambda: FileRefused("changed")) as add:
            add(bytes(2**20))
        raise ZeroDivisionError
    assert threading.active_count() == threads


@pytest.mark.parametrize("twice", [weights.TWICE, 0], ids=["held", "read twice"])
@pytest.mark.parametrize("suffix", [".h5", ".kcore"])
@pytest.mark.parametrize("which", [0, 2, 4])
def test_damage_anywhere_changes_nothing(suffix, twice, which, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "TWICE", twice)
    monkeypatch.setattr(container, "_PIECE", 2**18)
    first, path = model(), tmp_path / f"m{suffix}"
    first.save(path)
    other = Sequential.from_config(first.get_config())
    other.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), first.get_weights(), strict=True))
    damaged(path, first.get_weights()[which])
    other = Sequential.from_config(first.get_config())
    before = other.get_weights()
    with pytest.raises(FileRefused, match="checksum"):
        other.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), before, strict=True))
    with pytest.raises(FileRefused, match="checksum"):
        load_model(path, compile=False)


@pytest.mark.parametrize("suffix", [".h5", ".kcore"])
def test_large_weights_are_not_held_twice(suffix, tmp_path, monkeypatch):
    def peak_of_loading():
        tracemalloc.start()
        try:
            made = Sequential([layers.Dense(512, use_bias=False, input_shape=(512,)) for _ in range(24)])
            made.save_weights(tmp_path / f"m{suffix}")
            made.load_weights(tmp_path / f"m{suffix}")  # what is done once
            tracemalloc.reset_peak()
            made.load_weights(tmp_path / f"m{suffix}")
            return tracemalloc.get_traced_memory()[1] / 2**20
        finally:
            tracemalloc.stop()

    with kcore.use_backend("numpy"):  # what other engines hold Python cannot see
        assert peak_of_loading() > 45  # twice 24 MiB
        monkeypatch.setattr(weights, "TWICE", 0)
        assert peak_of_loading() < 34  # what waits for its checksum are a few arrays


def test_a_file_that_is_changed_between_its_two_readings(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "TWICE", 0)
    made, path = model(), tmp_path / "m.kcore"
    made.save(path)
    stream = weights.Plan.stream

    def changed_before(plan):
        damaged(path, made.get_weights()[4])
        return stream(plan)

    monkeypatch.setattr(weights.Plan, "stream", changed_before)
    with pytest.raises(FileRefused, match="somebody changes the file"):
        made.load_weights(path)
