"""Texts, sequences and images: what the original recorded."""

import json
import random

import numpy as np
import pytest

from golden import case_id, cases, load, preprocessing, relative_error
from kcore import utils
from kcore.preprocessing import image, sequence, text

MODULES = {"text": text, "sequence": sequence, "image": image}
RECORDED = preprocessing.recorded()


def golden(group):
    return pytest.mark.parametrize("case", cases("preprocessing", group), ids=case_id)


# cubic interpolation, recorded with SciPy 1.7: SciPy 1.18 differs from it by 1e-4 at the borders, 1.17 does not
LOOSER = {"drawn_changes_01": 5e-4}


def same(got, want, within=1e-6):
    """Equal, arrays of numbers to `within`, relative to their scale."""
    if isinstance(want, dict):
        assert got.keys() == want.keys()
        if "values" in want:
            assert (got["dtype"], got["shape"]) == (want["dtype"], want["shape"])
            assert relative_error(np.array(got["values"], float), np.array(want["values"], float)) <= within
            return
        for key in want:
            same(got[key], want[key], within)
    elif isinstance(want, list):
        assert len(got) == len(want)
        for g, w in zip(got, want):
            same(g, w, within)
    else:
        assert got == (pytest.approx(want, rel=1e-9) if isinstance(want, float) else want)


def test_every_case_is_recorded():
    assert set(RECORDED) == set(preprocessing.CASES)


@pytest.mark.parametrize("name", preprocessing.CASES)
def test_drawn(name, tmp_path):
    same(preprocessing.run(MODULES, name, tmp_path), RECORDED[name], LOOSER.get(name, 1e-6))


@golden("Tokenizer")
def test_tokenizer(case):
    made = text.Tokenizer(**case["kwargs"])
    made.fit_on_texts(case["texts"])
    assert made.texts_to_sequences(case["probe"]) == case["sequences"]
    assert made.sequences_to_texts(case["sequences"]) == case["sequences_to_texts"]
    for mode in ("binary", "count", "freq", "tfidf"):
        want = load(case)[f"matrix_{mode}"]
        assert relative_error(made.texts_to_matrix(case["probe"], mode=mode), want) <= 1e-6
    for table in ("word_counts", "word_docs", "word_index", "document_count"):
        assert getattr(made, table) == case[table]
    assert {str(i): n for i, n in made.index_docs.items()} == case["index_docs"]
    assert unpacked(made.to_json()) == unpacked(case["to_json"])
    assert unpacked(text.tokenizer_from_json(case["to_json"]).to_json()) == unpacked(case["to_json"])


def unpacked(text):
    """A Tokenizer's JSON with its tables read: in which order the original wrote some of them was by chance."""
    found = json.loads(text)
    for table in ("word_counts", "word_docs", "index_docs", "index_word", "word_index"):
        found["config"][table] = json.loads(found["config"][table])
    return found


@golden("text_to_word_sequence")
def test_words(case):
    assert [text.text_to_word_sequence(t, **case["kwargs"]) for t in case["texts"]] == case["output"]


@golden("hashing_trick")
def test_hashes(case):
    assert [text.hashing_trick(t, case["n"], **case["kwargs"]) for t in case["texts"]] == case["output"]


@golden("pad_sequences*")
def test_padding(case):
    got, want = sequence.pad_sequences(case["sequences"], **case["kwargs"]), load(case)["output"]
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


@golden("make_sampling_table")
def test_sampling_table(case):
    got = sequence.make_sampling_table(*case["args"], **case["kwargs"])
    assert relative_error(got, load(case)["output"]) <= 1e-6


@golden("skipgrams")
def test_skipgrams(case):
    random.seed(5)
    couples, labels = sequence.skipgrams(case["sequence"], case["vocabulary_size"], **case["kwargs"])
    arrays = load(case)
    assert (couples, labels) == (arrays["couples"].tolist(), arrays["labels"].tolist())


@golden("TimeseriesGenerator")
def test_time_series(case):
    arrays = load(case)
    made = sequence.TimeseriesGenerator(arrays["data"], arrays["targets"], **case["kwargs"])
    assert len(made) == case["n_batches"]
    for i, (x, y) in enumerate(made):
        np.testing.assert_array_equal(x, arrays[f"batch_{i}_x"])
        np.testing.assert_array_equal(y, arrays[f"batch_{i}_y"])
    config = made.get_config()
    del config["data"], config["targets"]
    assert config == case["config_without_data"]


@golden("remove_long_seq")
def test_long_sequences_removed(case):
    got = sequence._remove_long_seq(case["maxlen"], case["seq"], case["label"])
    assert list(got) == case["output"]


@golden("to_categorical")
def test_to_categorical(case):
    got, want = utils.to_categorical(load(case)["y"], **case["kwargs"]), load(case)["output"]
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


@golden("normalize")
def test_normalize(case):
    arrays = load(case)
    assert relative_error(utils.normalize(arrays["x"], **case["kwargs"]), arrays["output"]) <= 1e-6


def arrays_agree(got, want, limit=1e-6):
    assert got.dtype == want.dtype
    assert relative_error(got, want) <= limit


@golden("apply_*")
def test_changes(case):
    arrays = load(case)
    if case["group"] == "apply_transform":
        made = image.ImageDataGenerator(**case["kwargs"])
        got = made.apply_transform(arrays["x"], case["transform_parameters"])
    elif case["group"] == "apply_affine_transform":
        got = image.apply_affine_transform(arrays["x"], **case["kwargs"])
    elif case["group"] == "apply_channel_shift":
        got = image.apply_channel_shift(arrays["x"], case["intensity"], case["channel_axis"])
    else:
        got = image.apply_brightness_shift(arrays["x"], case["brightness"])
    arrays_agree(got, arrays["output"])


@golden("array_to_img")
def test_pictures(case):
    arrays = load(case)
    picture = image.array_to_img(arrays["x"], **case["kwargs"])
    arrays_agree(np.asarray(picture), arrays["pixels"])
    arrays_agree(image.img_to_array(picture), arrays["back"])
    arrays_agree(image.img_to_array(picture, data_format="channels_first"), arrays["back_channels_first"])


@golden("standardize")
@pytest.mark.filterwarnings("ignore:ImageDataGenerator. .* which is on now")
def test_standardize(case):
    arrays = load(case)
    made = image.ImageDataGenerator(**case["kwargs"])
    made.fit(arrays["x"])
    # Six images have 60 features: most variances are the rounding of a decomposition in float32, there as here.
    whitens = made.zca_whitening
    for name, attribute in (
        ("mean", "mean"),
        ("std", "std"),
        ("principal_components", "principal_components"),
    ):
        if f"fit_{name}" in arrays:
            limit = 0.2 if name == "principal_components" else 1e-6
            arrays_agree(getattr(made, attribute), arrays[f"fit_{name}"], limit)
    got = np.stack([made.standardize(x.copy()) for x in arrays["x"]])
    arrays_agree(got, arrays["output"], 1e-2 if whitens else 1e-6)


@golden("flow")
def test_flow(case):
    arrays = load(case)
    made = image.ImageDataGenerator(**case["kwargs"])
    made.fit(arrays["x"])
    for subset in (None, "training", "validation"):
        batches = made.flow(arrays["x"], arrays["y"], subset=subset, **case["flow"])
        assert len(batches) == sum(name.startswith(f"{subset}_") for name in arrays) // 2
        for i in range(len(batches)):
            x, y = batches[i]
            arrays_agree(x, arrays[f"{subset}_{i}_x"])
            arrays_agree(y, arrays[f"{subset}_{i}_y"])


def test_every_golden_group_is_replayed():
    groups = {case["group"] for case in cases("preprocessing")}
    assert groups == {
        "TimeseriesGenerator", "Tokenizer", "apply_affine_transform", "apply_brightness_shift", "apply_channel_shift",
        "apply_transform", "array_to_img", "flow", "hashing_trick", "make_sampling_table", "normalize", "pad_sequences",
        "pad_sequences_2d", "remove_long_seq", "skipgrams", "standardize", "text_to_word_sequence", "to_categorical",
    }  # fmt: skip
