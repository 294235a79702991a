"""Pictures and their changes: what is clearer, safer or possible here and not in Keras 2."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from kcore import backend as K
from kcore.errors import ArgumentError, DataError, FileRefused, MissingPackage
from kcore.preprocessing import image
from kcore.preprocessing.image import (
    apply_affine_transform,
    apply_channel_shift,
    array_to_img,
    img_to_array,
    list_pictures,
    load_img,
    random_brightness,
    random_zoom,
    save_img,
)
from kcore.saving import file_budgets

X = np.arange(60.0).reshape(4, 5, 3)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: array_to_img(X[0]), r"3 axes is needed, of one image; the shape is \(5, 3\)"),
        (lambda: array_to_img(X[:, :, :2]), "2 channels; .* Is data_format the right one"),
        (lambda: array_to_img(X, data_format="first"), "channels_first"),
        (lambda: array_to_img(X * np.nan), "NaN"),
        (lambda: img_to_array(np.zeros((2, 2, 2, 2))), r"\(2, 2, 2, 2\)"),
        (lambda: load_img("a.png", color_mode="gray"), "color_mode='gray': one of rgb, rgba, grayscale"),
        (lambda: load_img("a.png", interpolation="bilinar"), "Did you mean 'bilinear'"),
        (lambda: load_img("a.png", target_size=3), r"target_size=3: \(height, width\)"),
        (lambda: save_img("a.zz", X), "a.zz ends in '.zz'"),
        (lambda: save_img("a", X), "file_format"),
        (lambda: save_img("a.png", X, file_format="zz"), "file_format='zz'"),
        (lambda: save_img(io.BytesIO(), X), "an open file has no ending"),
        (lambda: apply_affine_transform(X[0], theta=3), r"\(5, 3\)"),
        (
            lambda: apply_affine_transform(X, theta=3, fill_mode="edge"),
            "fill_mode='edge': one of constant, nearest",
        ),
        (lambda: apply_affine_transform(X, theta=3, order=9), "order 9"),
        (lambda: random_zoom(X, 0.5), "zoom_range=0.5: two numbers"),
        (lambda: random_brightness(X, (1, 2, 3)), "brightness_range"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises((ArgumentError, DataError, ValueError), match=message):
        make()


def test_values_beyond_pictures():
    beyond = np.array([[[300.0, -3.0, 256.5]]])
    assert np.asarray(array_to_img(beyond, scale=False)).tolist() == [[[255, 0, 255]]]  # Keras 2: 44, 253, 0
    assert np.asarray(array_to_img(X, dtype="int32")).max() == 255  # there an error
    assert X.max() == 59


def test_files(tmp_path):
    path = tmp_path / "a.png"
    save_img(path, X, scale=False)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    np.testing.assert_array_equal(img_to_array(load_img(path)), X)
    with open(path, "rb") as file:
        assert load_img(file, target_size=(2, 7)).size == (7, 2)
    memory = io.BytesIO()
    save_img(memory, X, file_format="jpg", quality=90)
    assert Image.open(memory).format == "JPEG"
    with pytest.warns(UserWarning, match="JPEG has no transparency"):
        save_img(tmp_path / "b.jpg", np.zeros((2, 2, 4)))
    with pytest.warns(UserWarning, match="color_mode='grayscale' now"):
        assert load_img(path, grayscale=True).mode == "L"
    with pytest.raises(FileNotFoundError):
        load_img(tmp_path / "none.png")


def test_deep_images(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.array([[1000, 70]], "uint16")).save(path)
    assert img_to_array(load_img(path, color_mode="grayscale")).ravel().tolist() == [1000, 70]
    with pytest.warns(UserWarning, match="more than 8 bits a pixel"):
        assert img_to_array(load_img(path))[0, :, 0].tolist() == [255, 70]


def test_formats_that_run_programs_are_not_read(tmp_path):
    (tmp_path / "a.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n%%EndComments\nshowpage\n"
    )
    with pytest.raises(OSError, match="cannot identify"):
        load_img(tmp_path / "a.png")


def test_more_pixels_than_the_budget_are_not_read(tmp_path):
    save_img(tmp_path / "a.png", X)
    with (
        file_budgets(max_pixels=19),
        pytest.raises(FileRefused, match=r"a.png: has 5 by 4 pixels \(rule 23\).*max_pixels=19"),
    ):
        load_img(tmp_path / "a.png")
    size = struct.pack(">II", 60_000, 60_000) + b"\x08\x02\0\0\0"  # a header that promises 10 GB
    header = struct.pack(">I", 13) + b"IHDR" + size + struct.pack(">I", zlib.crc32(b"IHDR" + size))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + b"\0\0\0\0IDAT" + b"\x35\xaf\x06\x1e")
    with pytest.raises(FileRefused, match=r"bomb.png.*rule 23"):
        load_img(tmp_path / "bomb.png")


def test_damaged_images_are_named(tmp_path):
    x = np.random.RandomState(0).randint(0, 255, (30, 30, 3))
    save_img(tmp_path / "a.png", x)
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    with pytest.raises(OSError, match="a.png: the image is damaged"):
        load_img(tmp_path / "a.png")


def test_pictures_are_listed_in_order(tmp_path):
    for name in ("b.png", "a.JPG", "c.txt", "in/a.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = [p[len(str(tmp_path)) + 1 :] for p in list_pictures(tmp_path)]
    assert found == ["a.JPG", "b.png", "in/a.tif"]
    assert len(list_pictures(tmp_path, ext="png")) == 1


def test_axes_in_any_order():
    turned = apply_affine_transform(X, theta=20, tx=1)
    other = apply_affine_transform(
        X.transpose(2, 1, 0), theta=20, tx=1, row_axis=2, col_axis=1, channel_axis=0
    )
    np.testing.assert_allclose(other.transpose(2, 1, 0), turned)
    half = apply_affine_transform(X.astype("float16"), theta=20, tx=1)
    assert half.dtype == "float16"
    np.testing.assert_allclose(half, turned, rtol=1e-2)


def test_whole_numbers_do_not_wrap_around():
    shifted = apply_channel_shift(np.array([[[0, 250]]], "uint8"), 10)
    assert (shifted.dtype, shifted.tolist()) == ("uint8", [[[10, 250]]])


def test_layout_follows_the_setting():
    K.set_image_data_format("channels_first")
    try:
        assert array_to_img(X.transpose(2, 0, 1)).size == (5, 4)
        assert img_to_array(array_to_img(X.transpose(2, 0, 1))).shape == (3, 4, 5)
    finally:
        K.set_image_data_format("channels_last")


@pytest.mark.parametrize("package, use", [
    ("PIL", lambda: array_to_img(X)), ("PIL", lambda: load_img("a.png")),
    ("scipy", lambda: apply_affine_transform(X, theta=1)),
])  # fmt: skip
def test_missing_packages(package, use, monkeypatch):
    for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackage, match=r"pip install 'kcore\[images\]'"):
        use()
    assert issubclass(MissingPackage, ImportError)


def test_import_needs_no_optional_package(tmp_path):
    code = (
        "import sys, numpy as np, kcore\n"
        "g = kcore.preprocessing.image.ImageDataGenerator(rescale=2)\n"
        "assert g.flow(np.ones((2, 4, 4, 3)))[0].max() == 2\n"
        "print([m for m in ('PIL', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": ":".join(sys.path)}, cwd=tmp_path)  # fmt: skip
    assert done.stdout == "[]\n"
    assert image.ImageDataGenerator().rescale is None
