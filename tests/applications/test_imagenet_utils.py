"""What goes into classifiers of ImageNet and comes out: the numbers of Keras 2.3.1, for arrays and for tensors."""

import hashlib
import json
from importlib import import_module

import numpy as np
import pytest

from golden import case_id, cases, load
from kcore import backend as K
from kcore.applications import imagenet_utils, weights

FAMILIES = {
    "caffe": ("imagenet_utils", "resnet", "resnet50", "vgg16", "vgg19"),
    "tf": (
        "inception_resnet_v2", "inception_v3", "mobilenet", "mobilenet_v2", "nasnet", "resnet_v2", "xception",
    ),
    "torch": ("densenet",),
}  # fmt: skip


@pytest.mark.parametrize("case", cases("applications"), ids=case_id)
def test_recorded(case):
    arrays, module = load(case), import_module(case["module"].replace("keras", "kcore", 1))
    given = arrays["x"].copy()
    assert np.abs(module.preprocess_input(given, **case["kwargs"]) - arrays["output"]).max() < 1e-4
    tensor = K.placeholder(shape=arrays["x"].shape)
    found = K.function([tensor], [module.preprocess_input(tensor, **case["kwargs"])])([arrays["x"]])[0]
    assert np.abs(found - arrays["output"]).max() < 1e-4


def by_hand(x, mode, axis):
    x = np.moveaxis(x.astype("float64"), axis, -1)
    if mode == "tf":
        x = x / 127.5 - 1
    elif mode == "caffe":
        x = x[..., ::-1] - np.array([103.939, 116.779, 123.68])
    else:
        x = (x / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return np.moveaxis(x, -1, axis)


@pytest.mark.parametrize("mode", FAMILIES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (4, 5, 3)])
def test_types_layouts_and_in_place(mode, data_format, shape):
    first = data_format == "channels_first"
    axis = -3 if first else -1
    shape = (*shape[:-3], 3, *shape[-3:-1]) if first else shape
    values = np.random.RandomState(0).randint(0, 256, shape)
    want = by_hand(values, mode, axis)
    for kind, result in (
        ("uint8", "float32"), ("int32", "float32"), ("bool", "float32"), ("float16", "float16"),
        ("float32", "float32"), ("float64", "float64"),
    ):  # fmt: skip
        given = values.astype(kind)
        got = imagenet_utils.preprocess_input(given, data_format, mode)
        expected = want if kind != "bool" else by_hand(given, mode, axis)
        scale = 1e-2 if kind == "float16" else 1e-6
        assert got.dtype == result and np.abs(got - expected).max() <= scale * np.abs(expected).max()
        # as in Keras 2, floats are changed in place, others are not
        assert np.shares_memory(got, given) == (kind.startswith("float"))
        assert np.array_equal(given, values.astype(kind)) != kind.startswith("float")


@pytest.mark.parametrize("mode, names", FAMILIES.items())
def test_each_family_has_its_mode(mode, names):
    x = np.random.RandomState(0).uniform(0, 255, (1, 2, 3, 3))
    for name in names:
        module = import_module(f"kcore.applications.{name}")
        assert np.allclose(module.preprocess_input(x.copy()), by_hand(x, mode, -1))


def test_tensors_keep_their_type_and_integers_become_floats():
    assert (
        K.dtype(imagenet_utils.preprocess_input(K.placeholder((None, 4, 5, 3), dtype="float64"))) == "float64"
    )
    tensor = K.placeholder((None, None, None, 3), dtype="uint8")
    assert K.dtype(imagenet_utils.preprocess_input(tensor, mode="torch")) == "float32"


def test_errors():
    x = np.ones((1, 4, 5, 3), "float32")
    for wrong, message in (
        ({"mode": "foo"}, "mode='foo'"), ({"data_format": "foo"}, "foo"), ({"data_format": "channels_first"}, "axis -3"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            imagenet_utils.preprocess_input(x, **wrong)
    with pytest.raises(ValueError, match="list was given"):
        imagenet_utils.preprocess_input([[1]])
    with pytest.raises(TypeError, match="no argument 'foo'"):
        imagenet_utils.preprocess_input(x, foo=1)
    imagenet_utils.preprocess_input(x, backend=K)  # as users of keras_applications write


@pytest.fixture
def classes(tmp_path, monkeypatch):
    """A file of classes where the address leads to, and an empty cache."""
    file = tmp_path / "imagenet_class_index.json"
    file.write_text(json.dumps({str(i): [f"n{i:08d}", f"class_{i}"] for i in range(1000)}))
    monkeypatch.setenv("KCORE_HOME", str(tmp_path / "cache"))
    address = file.as_uri(), hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(imagenet_utils, "CLASSES", address)


def test_decode_predictions(classes):
    predictions = np.zeros((2, 1000), "float32")
    predictions[0, [5, 7, 900]], predictions[1] = (0.5, 0.25, 0.125), np.arange(1000)
    got = imagenet_utils.decode_predictions(predictions, top=3)
    assert got[0] == [
        ("n00000005", "class_5", 0.5), ("n00000007", "class_7", 0.25), ("n00000900", "class_900", 0.125)
    ]  # fmt: skip
    assert [name for _, name, _ in got[1]] == ["class_999", "class_998", "class_997"]
    assert [len(row) for row in imagenet_utils.decode_predictions(predictions)] == [5, 5]
    assert len(imagenet_utils.decode_predictions(predictions[:1], top=2000)[0]) == 1000
    assert imagenet_utils.decode_predictions(predictions[:0]) == []
    for shape in ((1000,), (2, 999)):
        with pytest.raises(ValueError, match="shape"):
            imagenet_utils.decode_predictions(np.zeros(shape))


def test_the_classes_have_an_address_and_a_hash():
    assert weights.CLASSES[0].startswith("https://") and len(weights.CLASSES[1]) == 32
