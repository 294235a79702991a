"""Texts and sequences: what the original recorded."""

import json
import random

import numpy as np
import pytest

from golden import case_id, cases, load, preprocessing, relative_error
from kcore import utils
from kcore.preprocessing import sequence, text

MODULES = {"text": text, "sequence": sequence}
RECORDED = preprocessing.recorded()


def golden(group):
    return pytest.mark.parametrize("case", cases("preprocessing", group), ids=case_id)


def same(got, want):
    """Equal, numbers to 1e-6 relative to an array's scale."""
    if isinstance(want, dict):
        assert got.keys() == want.keys()
        if "values" in want:
            assert (got["dtype"], got["shape"]) == (want["dtype"], want["shape"])
            assert relative_error(np.array(got["values"], float), np.array(want["values"], float)) <= 1e-6
            return
        for key in want:
            same(got[key], want[key])
    elif isinstance(want, list):
        assert len(got) == len(want)
        for g, w in zip(got, want):
            same(g, w)
    else:
        assert got == (pytest.approx(want, rel=1e-9) if isinstance(want, float) else want)


def test_every_case_is_recorded():
    assert set(RECORDED) == set(preprocessing.CASES)


@pytest.mark.parametrize("name", preprocessing.CASES)
def test_drawn(name, tmp_path):
    same(preprocessing.run(MODULES, name, tmp_path), RECORDED[name])


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
