"""Film reviews of IMDB, each with 1 where it is positive (Maas et al., ACL 2011)."""

import numpy as np

from ..saving.old_arrays import read_npz
from ..utils.download import get_file
from .sources import source
from .words import legacy_num_words, prepared, shuffled, word_index


def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """The reviews as `(x_train, y_train), (x_test, y_test)`: x (reviews,) of lists of words' numbers, y 0 or 1.

    path: where the file is kept, below the cache's folder `datasets`. num_words, skip_top: words from the one number on
    and below the other become `oov_char`, or are left out where that is None; numbers are those after the shift by
    `index_from`. maxlen: reviews of that many words or more are left out. seed: of the order. start_char: the first
    "word" of every review, None for none.

    As in Keras 2 the test set is what follows the first 25,000 reviews of those that are left; with `maxlen` that is
    less than half of them.
    """
    num_words = legacy_num_words(num_words, kwargs)
    data = read_npz(get_file(path, **source("imdb.npz")), verified=True)
    random = np.random.RandomState(seed)
    x_train, y_train = shuffled(data["x_train"], data["y_train"], random)
    x_test, y_test = shuffled(data["x_test"], data["y_test"], random)
    x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    x, y = prepared(x, y, num_words, skip_top, maxlen, start_char, oov_char, index_from)
    border = len(x_train)
    return (x[:border], y[:border]), (x[border:], y[border:])


def get_word_index(path="imdb_word_index.json"):
    """{word: rank}, 1 for the most frequent; `load_data` adds `index_from` to ranks."""
    return word_index(get_file(path, **source("imdb_word_index.json")))
