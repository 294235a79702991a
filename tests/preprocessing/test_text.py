"""Texts: what is clearer or safer than in Keras 2."""

import json
import subprocess
import sys

import numpy as np
import pytest

from kcore.errors import ArgumentError, UnknownArgument
from kcore.preprocessing import text
from kcore.preprocessing.text import (
    Tokenizer,
    hashing_trick,
    one_hot,
    text_to_word_sequence,
    tokenizer_from_json,
)


def fitted(*texts, **settings):
    made = Tokenizer(**settings)
    made.fit_on_texts(texts)
    return made


@pytest.mark.parametrize("value, told", [(None, "None"), (b"ab", "bytes"), (float("nan"), "float nan")])
def test_what_is_no_text_is_named(value, told):
    with pytest.raises(ArgumentError, match=told):
        text_to_word_sequence(value)
    with pytest.raises(ArgumentError, match=f"text number 1: .*{told}"):
        Tokenizer().fit_on_texts(["a", value])
    with pytest.raises(ArgumentError, match=f"text number 0: .*{told}"):
        Tokenizer().texts_to_sequences([["a", value]])


def test_wrong_splits():
    with pytest.raises(ArgumentError, match="split=''"):
        text_to_word_sequence("ab", split="")


@pytest.mark.parametrize("n", [0, 1, 2.5, True])
def test_too_few_numbers_to_hash_to(n):
    with pytest.raises(ArgumentError, match="at least 2"):
        one_hot("a b", n)


def test_hashes_are_the_same_in_every_run():
    code = "from kcore.preprocessing.text import one_hot; print(one_hot('some words of some text', 1000))"
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                       env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert runs == {f"{hashing_trick('some words of some text', 1000, 'md5')}\n"}


def test_hash_functions():
    assert hashing_trick("a bb a", 10, hash_function=len) == [2, 3, 2]
    assert hashing_trick("a", 10, hash_function=hash) == [1 + hash("a") % 9]
    with pytest.raises(ArgumentError, match="hash_function='sha1'"):
        hashing_trick("a", 10, hash_function="sha1")


def test_a_string_in_place_of_a_list_is_told():
    with pytest.warns(UserWarning, match="each of its characters is taken as one text"):
        Tokenizer().fit_on_texts("ab")
    with pytest.warns(UserWarning, match="Give a list of texts"):
        assert fitted("a b").texts_to_sequences("ab") == [[1], [2]]
    made = Tokenizer(char_level=True)
    made.fit_on_texts("aba")  # usual in models of characters
    assert (made.word_counts, made.document_count) == ({"a": 2, "b": 1}, 3)


def test_old_and_wrong_arguments():
    with pytest.warns(UserWarning, match="num_words"):
        assert Tokenizer(nb_words=3).num_words == 3
    with pytest.raises(UnknownArgument, match="foo"):
        Tokenizer(foo=1)


def test_unknown_words_need_a_fit():
    with pytest.raises(ArgumentError, match="fit_on_texts"):
        Tokenizer(oov_token="?").texts_to_sequences(["a"])
    assert Tokenizer().texts_to_sequences(["a"]) == [[]]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Tokenizer().sequences_to_matrix([[1]]), "num_words, or fit it"),
        (lambda: fitted("a").sequences_to_matrix([[]], mode="tf"), "binary, count, freq, tfidf"),
        (lambda: Tokenizer(3).sequences_to_matrix([[1]], mode="tfidf"), "fit the Tokenizer first"),
        (lambda: fitted("a").sequences_to_matrix([[0, -1]]), "index -1 is negative"),
        (lambda: fitted("a").sequences_to_matrix([["a"]]), "whole numbers"),
    ],
)
def test_wrong_matrices(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_generators_give_one_text_at_a_time():
    made = fitted("a b")
    assert next(made.texts_to_sequences_generator(iter(["b a"]))) == [2, 1]
    assert next(made.sequences_to_texts_generator(iter([(2, 1)]))) == "b a"


def test_a_tokenizer_read_again_can_be_fitted_further():
    made = fitted("a b", "b")
    read = tokenizer_from_json(made.to_json(indent=1))
    for one in (made, read):
        one.fit_on_texts(["c c c c b"])
    assert read.to_json() == made.to_json()
    assert read.word_index == {"c": 1, "b": 2, "a": 3}


def test_numpy_indices_can_be_written():
    made = Tokenizer(num_words=4)
    made.fit_on_sequences([np.array([1, 2, 2])])
    assert json.loads(made.get_config()["index_docs"]) == {"1": 1, "2": 1}


@pytest.mark.parametrize(
    "given", ["", "[]", "[" * 100_000, "{}", '{"config": {}}', '{"config": {"word_counts": "x"}}']
)
def test_json_of_something_else(given):
    with pytest.raises(ArgumentError, match="not what Tokenizer.to_json writes"):
        tokenizer_from_json(given)


def test_no_optional_package_is_imported(tmp_path):
    code = (
        "import sys, kcore.preprocessing.text, kcore.preprocessing.sequence\n"
        "print([m for m in ('PIL', 'scipy', 'pandas', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": ":".join(sys.path)}, cwd=tmp_path)  # fmt: skip
    assert done.stdout == "[]\n"


def test_found_from_the_top():
    import kcore

    assert kcore.preprocessing.text is text
