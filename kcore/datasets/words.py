"""What the data sets of texts share: texts are lists of words' ranks by frequency, 1 for the most frequent word."""

import warnings

import numpy as np

from ..errors import ArgumentError, UnknownArgument
from ..saving.gate import config_from_json


def legacy_num_words(num_words, given):
    """`num_words`, or `nb_words`, as Keras 1 called it, out of further arguments. Raises UnknownArgument for others."""
    if "nb_words" in given:
        warnings.warn("`nb_words` of `load_data` is called `num_words` now.", stacklevel=3)
        num_words = given.pop("nb_words")
    if given:
        raise UnknownArgument(f"load_data has no arguments {sorted(given)}.")
    return num_words


def shuffled(texts, labels, random):
    """Both in one order drawn from the generator `random`."""
    order = np.arange(len(texts))
    random.shuffle(order)
    return texts[order], labels[order]


def prepared(texts, labels, num_words, skip_top, maxlen, start_char, oov_char, index_from):
    """Texts and labels after choice and renumbering, arrays of equal length; texts are lists.

    Ranks are moved up by `index_from`, texts begin with `start_char`; texts of `maxlen` words or more are left out;
    words below `skip_top` and from `num_words` on become `oov_char`, or are left out where it is None.
    """
    shift = index_from or 0
    if start_char is not None:
        texts = [[start_char, *(w + shift for w in text)] for text in texts]
    elif index_from:
        texts = [[w + shift for w in text] for text in texts]
    else:
        texts = [list(text) for text in texts]
    if maxlen:
        kept = [len(text) < maxlen for text in texts]
        texts = [text for text, keep in zip(texts, kept) if keep]
        labels = labels[np.array(kept, bool)]
        if not texts:
            raise ArgumentError(f"maxlen={maxlen}: no text is that short; give a larger one.")
    if not num_words:  # as in Keras 2, the very last word is left out too
        num_words = max(max(text) for text in texts)
    if oov_char is not None:
        texts = [[w if skip_top <= w < num_words else oov_char for w in text] for text in texts]
    else:
        texts = [[w for w in text if skip_top <= w < num_words] for text in texts]
    return as_objects(texts), labels


def as_objects(rows):
    """(rows,) of lists, also where all are equally long."""
    made = np.empty(len(rows), object)
    for i, row in enumerate(rows):
        made[i] = row
    return made


def word_index(path):
    """{word: rank} out of a JSON file."""
    with open(path, "rb") as file:
        return config_from_json(file.read(), str(path))
