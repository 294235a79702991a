"""What Keras's users know from `keras.utils`."""

import hashlib
import os
import tarfile
import zipfile

import numpy as np
import pytest

from kcore import backend as K
from kcore import utils
from kcore.errors import ArgumentError, DataError, FileRefused, UnknownName, Unsupported
from kcore.layers import LSTM, Conv1D, Conv2D, Dense, Flatten, Input, TimeDistributed
from kcore.models import Model, Sequential
from kcore.utils import conv_utils, generic_utils, layer_utils, test_utils
from kcore.utils.multi_gpu_utils import _part


def small_model():
    x = Input((4,))
    return Model(x, Dense(2, name="out")(Dense(3, name="hidden")(x)))


def test_get_file_fetches_once_checks_and_unpacks(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.txt").write_text("hello")
    archive = tmp_path / "data.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(source, "data")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    cache = tmp_path / "cache"
    folder = utils.get_file("data", archive.as_uri(), untar=True, file_hash=digest, cache_dir=cache)
    assert (cache / "datasets" / "data" / "a.txt").read_text() == "hello"
    archive.unlink()  # it is kept
    assert utils.get_file("data", archive.as_uri(), untar=True, file_hash=digest, cache_dir=cache) == folder


def test_get_file_refuses_another_hash_and_keeps_nothing(tmp_path):
    (tmp_path / "f").write_bytes(b"other")
    with pytest.raises(DataError, match="hash"):
        utils.get_file("g", (tmp_path / "f").as_uri(), md5_hash="0" * 32, cache_dir=tmp_path / "c")
    assert not list((tmp_path / "c" / "datasets").iterdir())


def tar_of(path, name, kind=tarfile.REGTYPE, link="", mode=0o644):
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo("good.txt"))
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mode = kind, link, mode
        tar.addfile(info)


def zip_of(path, name, mode=0o100644):
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("good.txt", "good")
        info = zipfile.ZipInfo("x")
        info.filename, info.external_attr = name, mode << 16
        made.writestr(info, "evil")


ELSEWHERE = ["../../evil", "/evil", "a/../../evil", "..", "a\\..\\evil", "C:evil", "./../evil", "a//evil"]
ARCHIVES = [(f"tar {n}", lambda p, n=n: tar_of(p, n)) for n in ELSEWHERE]
ARCHIVES += [(f"zip {n}", lambda p, n=n: zip_of(p, n)) for n in ELSEWHERE]
ARCHIVES += [
    (f"tar {kind!r}", lambda p, k=kind: tar_of(p, "x", k, "../../evil"))
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
]
ARCHIVES.append(("zip link", lambda p: zip_of(p, "x", 0o120777)))


@pytest.mark.parametrize("make", [m for _, m in ARCHIVES], ids=[n for n, _ in ARCHIVES])
def test_an_archive_cannot_write_elsewhere(make, tmp_path, monkeypatch):
    """Rules 12 and 18: refused as a whole; nothing is written beside the archive, nor where the program stands."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make(tmp_path / "bad")
    with pytest.raises(FileRefused, match="rule 12"):
        utils.get_file("bad", (tmp_path / "bad").as_uri(), extract=True, cache_dir=tmp_path / "c")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["bad", "bad", "c", "datasets", "here"]


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_an_archive_is_unpacked_beside_itself(pack, tmp_path):
    pack(tmp_path / "a", "folder/deeper/b.txt", mode=0o104755)
    path = utils.get_file("a", (tmp_path / "a").as_uri(), extract=True, cache_dir=tmp_path / "c")
    made = tmp_path / "c" / "datasets"
    assert path == str(made / "a") and (made / "good.txt").is_file()
    assert (made / "folder" / "deeper" / "b.txt").stat().st_mode & 0o7111 == 0


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_an_archive_does_not_write_through_a_link_that_is_there(tmp_path):
    (tmp_path / "c" / "datasets").mkdir(parents=True)
    (tmp_path / "c" / "datasets" / "folder").symlink_to(tmp_path)
    zip_of(tmp_path / "a", "folder/evil")
    with pytest.raises(FileRefused, match="goes through a link"):
        utils.get_file("a", (tmp_path / "a").as_uri(), extract=True, cache_dir=tmp_path / "c")
    assert not (tmp_path / "evil").exists()


def test_a_graph_of_layers(tmp_path):
    model = Sequential([TimeDistributed(small_model(), input_shape=(5, 4)), LSTM(3)])
    text = utils.model_to_dot(model, show_shapes=True).to_string()
    assert text.startswith("digraph") and text.count("->") == 1 and "TimeDistributed(" in text
    assert "hidden: Dense" in utils.model_to_dot(model, expand_nested=True).to_string()
    utils.plot_model(model, str(tmp_path / "model.dot"))
    assert (tmp_path / "model.dot").read_text().startswith("digraph")


def test_a_picture_needs_graphviz(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match="Graphviz"):
        utils.plot_model(small_model(), str(tmp_path / "model.png"))


def test_sources_and_counts():
    model = small_model()
    assert utils.get_source_inputs(model.output) == model.inputs
    assert layer_utils.count_params(model.weights) == 4 * 3 + 3 + 3 * 2 + 2


def test_kernels_are_flipped():
    model = Sequential([Conv2D(2, (2, 3), input_shape=(4, 4, 1)), Flatten(), Dense(2)])
    before = model.get_weights()
    utils.convert_all_kernels_in_model(model)
    np.testing.assert_array_equal(model.get_weights()[0], before[0][::-1, ::-1])
    np.testing.assert_array_equal(conv_utils.convert_kernel(model.get_weights()[0]), before[0])


def test_rows_of_a_dense_layer_follow_the_data_format():
    dense = Sequential([Dense(2, input_shape=(12,))]).layers[0]
    x = np.random.random((2, 2, 3, 2)).astype("float32")  # channels last
    wanted = K.eval(dense(K.constant(x.reshape(2, -1))))
    layer_utils.convert_dense_weights_data_format(dense, (2, 2, 3), "channels_first")
    got = K.eval(dense(K.constant(x.transpose(0, 3, 1, 2).reshape(2, -1))))
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
    layer_utils.convert_dense_weights_data_format(dense, (2, 3, 2), "channels_last")
    np.testing.assert_allclose(K.eval(dense(K.constant(x.reshape(2, -1)))), wanted, rtol=1e-5)


def test_parts_of_a_batch_and_missing_gpus():
    with pytest.raises(ValueError, match="gpu"):
        utils.multi_gpu_model(small_model(), gpus=2)
    x = Input((1,))
    parts = Model(x, [_part(i, 3)(x) for i in range(3)])
    data = np.arange(7.0).reshape(7, 1).astype("float32")
    np.testing.assert_array_equal(np.concatenate(K.function(parts.inputs, parts.outputs)([data])), data)


@pytest.mark.parametrize("padding, stride, dilation", [("valid", 2, 1), ("same", 3, 1), ("causal", 1, 2)])
def test_lengths(padding, stride, dilation):
    layer = Conv1D(1, 3, padding=padding, strides=stride, dilation_rate=dilation)
    assert layer.compute_output_shape((None, 11, 1))[1] == conv_utils.conv_output_length(
        11, 3, padding, stride, dilation
    )


def test_objects_by_name():
    known = {"Dense": Dense}
    made = utils.deserialize_keras_object(utils.serialize_keras_object(Dense(3)), known)
    assert made.units == 3
    with pytest.raises(UnknownName, match="Nothing"):
        utils.deserialize_keras_object("Nothing", known)
    with pytest.raises(Unsupported, match="custom_objects"):
        generic_utils.func_load("code")
    with pytest.raises(ArgumentError):
        conv_utils.normalize_tuple((1, 2), 3, "size")
    assert generic_utils.has_arg(Dense.__init__, "units") and not generic_utils.has_arg(len, "units")
    assert generic_utils.transpose_shape((2, 5, 6, 3), "channels_first", (1, 2)) == (2, 3, 5, 6)


def test_a_layer_put_through_everything():
    test_utils.layer_test(Dense, {"units": 3}, input_shape=(3, None, 4))
    (x, y), (vx, _) = test_utils.get_test_data(20, 5, (4,), num_classes=3)
    assert x.shape == (20, 4) and y.shape == (20,) and vx.shape == (5, 4) and set(y) <= {0, 1, 2}
