"""11,228 newswires of Reuters on 46 topics (Lewis, the ModApte split of Reuters-21578)."""

import numpy as np

from ..saving.old_arrays import read_npz
from ..utils.download import get_file
from .sources import source
from .words import legacy_num_words, prepared, shuffled, word_index


def load_data(
    path="reuters.npz", num_words=None, skip_top=0, maxlen=None, test_split=0.2, seed=113, start_char=1, oov_char=2,
    index_from=3, **kwargs,
):  # fmt: skip
    """The newswires as `(x_train, y_train), (x_test, y_test)`: x (wires,) of lists of words' numbers, y the topic.

    test_split: the share of the test set. The other arguments are those of `kcore.datasets.imdb.load_data`.
    """
    num_words = legacy_num_words(num_words, kwargs)
    data = read_npz(get_file(path, **source("reuters.npz")), verified=True)
    x, y = shuffled(data["x"], data["y"], np.random.RandomState(seed))
    x, y = prepared(x, y, num_words, skip_top, maxlen, start_char, oov_char, index_from)
    border = int(len(x) * (1 - test_split))
    return (x[:border], y[:border]), (x[border:], y[border:])


def get_word_index(path="reuters_word_index.json"):
    """{word: rank}, 1 for the most frequent; `load_data` adds `index_from` to ranks."""
    return word_index(get_file(path, **source("reuters_word_index.json")))
