"""Every architecture is Keras 2.3.1's, layer by layer; with the same weights it predicts the same.

The quick ones are built, and with KCORE_TEST_ALL set all that were recorded (some minutes).
"""

import json
import operator
import os
import subprocess
import sys

import numpy as np
import pytest

from golden import FOLDER, architectures, relative_error
from kcore import applications, utils
from kcore import backend as K
from kcore.applications import mobilenet, weights
from kcore.layers import Add, Dense, Input, Lambda
from kcore.layers.core import add_scaled
from kcore.models import Model

RECORD = json.loads((FOLDER / "architectures.json").read_text(encoding="utf-8"))
PREDICTED = np.load(FOLDER / "architectures.npz", allow_pickle=False)
# arguments by which each family is built once or twice: those that take least
QUICK = {
    "MobileNet": [{"alpha": 0.25}, {"depth_multiplier": 2}, {"input_tensor": [96, 96, 3]}],
    "MobileNetV2": [{"alpha": 0.35}, {"alpha": 1.4}, {"input_tensor": [None, None, 3]}],
    "VGG16": [{"pooling": "avg"}, {}],
    "Xception": [{"pooling": "max"}],
    "DenseNet121": [{"classes": 10, "input_shape": [96, 128, 1]}],
    "InceptionV3": [{"pooling": "avg"}],
    "ResNet50V2": [{"pooling": "max"}],
    "resnet.ResNet50": [{"pooling": "max"}],
    "NASNetMobile": [{"classes": 10, "input_tensor": [96, 96, 3]}],
    "InceptionResNetV2": [{"pooling": "avg"}],
}


def is_quick(case):
    if os.environ.get("KCORE_TEST_ALL"):
        return True
    given = case["arguments"]
    if case["data_format"] == "channels_first":
        return case["model"] in ("MobileNet", "DenseNet121") and "classes" in given
    return any(
        all(given.get(k) == v for k, v in some.items()) and (some or set(given) == {"include_top"})
        for some in QUICK.get(case["model"], ())
    )


CASES = [c for c in RECORD["cases"] if is_quick(c)]


def case_name(case):
    return f"{case['model']}-{case['data_format']}-{case['arguments']}"


def built(case):
    """The model of a case, with random weights, as the first of its process."""
    K.clear_session()
    given = dict(case["arguments"])
    if "input_tensor" in given:
        given["input_tensor"] = Input(given["input_tensor"], name="mine")
    K.set_image_data_format(case["data_format"])
    try:
        return operator.attrgetter(case["model"])(applications)(weights=None, **given)
    finally:
        K.set_image_data_format("channels_last")


def told(model):
    return architectures.described(model.layers, model.get_config(), lambda w: list(K.int_shape(w)))


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layers_names_shapes_and_weights(case):
    model = built(case)
    assert (model.name, len(model.layers), len(model.weights)) == (
        case["name"],
        case["layers"],
        case["weights"],
    )
    found = told(model)
    for shown in RECORD["layers"].values():
        if RECORD["cases"][shown["case"]] == case:
            assert found == shown["layers"]  # says where it differs
    assert architectures.digest(found) == case["digest"]


def test_every_model_was_recorded():
    assert {c["model"] for c in RECORD["cases"]} == {*applications._MODELS, "resnet.ResNet50"}


# predictions ------------------------------------------------------------------------------------------------
PREDICTIONS = [p for p in RECORD["predictions"] if p["quick"] or os.environ.get("KCORE_TEST_ALL")]


@pytest.mark.parametrize("case", PREDICTIONS, ids=case_name)
def test_predictions(case):
    model = built(case)
    shapes = [K.int_shape(w) for w in model.weights]
    drawn = architectures.drawn_weights([w.name for w in model.weights], shapes, case["seed"])
    K.batch_set_value(list(zip(model.weights, drawn)))
    images = architectures.drawn_images(case["arguments"]["input_shape"], case["seed"])
    assert relative_error(model.predict(images), PREDICTED[str(case["seed"])]) < 1e-4


# weights ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", sorted({f[0] for f in RECORD["files"]}))
def test_files_of_imagenet_are_asked_for_as_in_keras_2(model):
    asked = []
    for name, given, file, origin, file_hash in RECORD["files"]:
        if name != model:
            continue
        top = given.get("include_top", True)
        if model in ("MobileNet", "MobileNetV2"):
            version, rows = (1 if model == "MobileNet" else 2), given["input_shape"][0]
            got = weights.mobilenet_source(version, given["alpha"], rows, top)
        else:
            short = {"NASNetMobile": "nasnet_mobile", "NASNetLarge": "nasnet_large"}.get(model)
            short = short or {"InceptionV3": "inception_v3", "InceptionResNetV2": "inception_resnet_v2"}.get(
                model
            )
            got = weights.source(short or model.lower(), top)
        assert got == (file, origin, file_hash) and origin.startswith("https://")
        asked.append(got)
    assert len(asked) >= 2


def test_the_two_resnets_of_50_layers_have_a_file_each():
    names = [
        weights.source(model, top)[0] for model in ("resnet50", "resnet50_blocks") for top in (True, False)
    ]
    assert len(set(names)) == 4
    address = weights.source("resnet50_blocks", True)[1]
    assert address.endswith("/releases/download/resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5")


@pytest.fixture
def served(tmp_path, monkeypatch):
    """What models ask for is a file here: weights of MobileNet (alpha 0.25), drawn by a seed."""
    asked = []
    small = {"alpha": 0.25, "input_shape": (128, 128, 3), "weights": None}
    model = applications.MobileNet(**small)
    drawn = architectures.drawn_weights([w.name for w in model.weights], [w.shape for w in model.weights], 5)
    K.batch_set_value(list(zip(model.weights, drawn)))
    model.save_weights(str(tmp_path / "top.h5"))
    Model(model.input, model.layers[-7].output).save_weights(str(tmp_path / "no_top.h5"))

    def get_file(name, origin, cache_subdir, file_hash):
        assert cache_subdir == "models"
        asked.append(name)
        return str(tmp_path / ("no_top.h5" if "no_top" in name else "top.h5"))

    monkeypatch.setattr(utils, "get_file", get_file)
    return model, asked, tmp_path


def test_weights_of_imagenet_and_of_a_file_are_loaded(served):
    model, asked, folder = served
    images = architectures.drawn_images((128, 128, 3), 0)
    want = model.predict(images)
    same = applications.MobileNet(alpha=0.25, input_shape=(128, 128, 3))
    assert asked == ["mobilenet_2_5_128_tf.h5"] and np.array_equal(same.predict(images), want)
    again = applications.MobileNet(alpha=0.25, input_shape=(128, 128, 3), weights=folder / "top.h5")
    assert np.array_equal(again.predict(images), want)
    with pytest.warns(UserWarning, match="those for 224 are taken"):
        features = applications.MobileNet(alpha=0.25, include_top=False, pooling="avg")
    assert asked[1:] == ["mobilenet_2_5_224_tf_no_top.h5"]
    body = Model(model.input, model.layers[-6].output)  # the pooling
    assert relative_error(features.predict(images), body.predict(images)) < 1e-5
    by_name = applications.MobileNet(alpha=0.25, input_shape=(96, 96, 3), weights=None, classes=3)
    with pytest.raises(ValueError):
        by_name.load_weights(str(folder / "top.h5"))
    by_name.load_weights(str(folder / "no_top.h5"), by_name=True)
    assert np.array_equal(by_name.layers[2].get_weights()[0], model.layers[2].get_weights()[0])


# arguments --------------------------------------------------------------------------------------------------
def test_a_model_is_part_of_a_larger_one():
    K.clear_session()
    image = Input((64, 64, 3))
    twice = Add()([image, image])
    body = applications.MobileNet(
        alpha=0.25, weights=None, include_top=False, input_tensor=twice, pooling="avg"
    )
    assert body.inputs == [image]  # the model begins where the tensor comes from
    made = Model(image, Dense(3)(body.output))
    assert made.predict(np.ones((2, 64, 64, 3), "float32")).shape == (2, 3)


ERRORS = {  # arguments, part of the error
    "weights": ({"weights": "foo"}, "weights='foo'"),
    "classes": ({"weights": "imagenet", "classes": 10}, "1000 classes, not 10"),
    "small": ({"input_shape": (20, 20, 3)}, "at least 32"),
    "narrow": ({"input_shape": (31, 200, 3), "include_top": False}, "at least 32"),
    "rank": ({"input_shape": (224, 224)}, "three numbers"),
    "one": ({"input_shape": (224,)}, "three numbers"),
    "unknown": ({"input_shape": (None, None, 3)}, "must be known"),
    "channels": ({"weights": "imagenet", "include_top": False, "input_shape": (100, 120, 1)}, "3 channels"),
    "size": ({"weights": "imagenet", "input_shape": (100, 120, 3)}, r"\(224, 224, 3\)"),
    "pooling": ({"include_top": False, "pooling": "foo"}, "pooling='foo'"),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("model", ["VGG16", "MobileNet", "MobileNetV2", "ResNet50V2", "DenseNet121"])
def test_errors(model, name):
    given, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        getattr(applications, model)(**{"weights": None, **given})


@pytest.mark.parametrize(
    "model, given, message",
    [
        ("Xception", {"input_shape": (70, 100, 3)}, "at least 71"),
        ("InceptionV3", {"input_shape": (74, 100, 3)}, "at least 75"),
        ("InceptionResNetV2", {"input_shape": (74, 100, 3)}, "at least 75"),
        ("Xception", {"weights": "imagenet", "input_shape": (224, 224, 3)}, "299"),
        ("NASNetLarge", {"weights": "imagenet", "include_top": False, "input_shape": (224, 224, 3)}, "331"),
        ("MobileNet", {"weights": "imagenet", "alpha": 0.3}, "alpha"),
        ("MobileNet", {"weights": "imagenet", "depth_multiplier": 2}, "depth_multiplier 1"),
        ("MobileNetV2", {"weights": "imagenet", "alpha": 0.25}, "alpha"),
    ],
)
def test_errors_of_families(model, given, message):
    with pytest.raises(ValueError, match=message):
        getattr(applications, model)(**{"weights": None, **given})


def test_further_errors():
    with pytest.raises(TypeError, match="MobileNet has no argument 'foo'"):
        applications.MobileNet(weights=None, foo=3)
    with pytest.raises(ValueError, match="input_tensor has"):
        applications.MobileNetV2(weights=None, input_tensor=Input((224, 224, 3)), input_shape=(100, 100, 3))
    with pytest.warns(UserWarning, match="has 5"):
        applications.MobileNet(weights=None, alpha=0.25, include_top=False, input_shape=(100, 120, 5))


def test_keras_modules_are_accepted_as_arguments():
    parts = {name: object() for name in ("backend", "layers", "models", "utils")}
    model = applications.MobileNet(weights=None, alpha=0.25, input_shape=(32, 32, 3), classes=2, **parts)
    assert model.output_shape == (None, 2)


def test_sizes_of_mobilenets():
    assert mobilenet.size_of((160, 160, 3), (128, 160)) == 160
    assert mobilenet.size_of((160, 128, 3), (128, 160)) == mobilenet.size_of(None, (128,)) == 224


def test_a_saved_residual_sum_is_loaded_in_another_process(tmp_path):
    """InceptionResNetV2 is too large for here: this is what its Lambda layers do."""
    a, b = Input((2,)), Input((2,))
    summed = Lambda(add_scaled, output_shape=(2,), arguments={"scale": 0.5})([a, b])
    Model([a, b], summed).save(str(tmp_path / "model.h5"))
    code = (
        "import numpy as np, sys; from kcore.models import load_model; m = load_model(sys.argv[1], compile=False);"
        "print(m.predict([np.ones((1, 2)), np.full((1, 2), 4)]).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.h5")], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "[[3.0, 3.0]]", done.stderr
