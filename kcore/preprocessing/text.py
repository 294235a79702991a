"""Texts made numbers: words, hashes, and `Tokenizer`, which counts words and gives each an index."""

import hashlib
import json
import warnings
from collections import Counter, OrderedDict, defaultdict

import numpy as np

from ..errors import ArgumentError, UnknownArgument

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "freq", "tfidf")
_TABLES = (
    "word_counts",
    "word_docs",
    "index_docs",
    "index_word",
    "word_index",
)  # of a Tokenizer, as JSON in its config


def text_to_word_sequence(text, filters=_FILTERS, lower=True, split=" "):
    """The words of `text`, a list of strings: it is put in lower case, every character of `filters` then counts as
    `split`, and what stands between `split`s is a word."""
    if not isinstance(text, str):
        raise ArgumentError(f"text: a string is needed; {_described(text)} was given.")
    if not isinstance(split, str) or not split:
        raise ArgumentError(f"split={split!r}: a string of at least one character is needed.")
    if lower:
        text = text.lower()
    separated = text.translate(str.maketrans({character: split for character in filters or ()}))
    return [word for word in separated.split(split) if word]


def one_hot(text, n, filters=_FILTERS, lower=True, split=" "):
    """The words of `text` as numbers from 1 to n - 1, by `hashing_trick`; in spite of its name no vectors."""
    return hashing_trick(text, n, filters=filters, lower=lower, split=split)


def hashing_trick(text, n, hash_function=None, filters=_FILTERS, lower=True, split=" "):
    """The words of `text` as numbers from 1 to n - 1; 0 is kept for padding, and different words may share a number.

    `hash_function` takes a word and gives an integer. None and 'md5' are the same: a number that is the same in every
    run and on every machine. (Keras 2 took Python's `hash`, which differs from run to run; `hash_function=hash` still
    does.)
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 2:
        raise ArgumentError(
            f"n={n!r}: at least 2 is needed, as 0 is kept and words are numbered from 1 to n - 1."
        )
    if hash_function is None or hash_function == "md5":
        hash_function = _md5
    elif not callable(hash_function):
        raise ArgumentError(
            f"hash_function={hash_function!r}: 'md5', None or a function of a word is needed."
        )
    return [1 + hash_function(w) % (n - 1) for w in text_to_word_sequence(text, filters, lower, split)]


def _md5(word):
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Gives every word an index by how often it was seen: 1 for the most frequent; 0 is kept for padding.

    `num_words`: only words of an index below it are used, the `num_words - 1` most frequent ones. `char_level`: every
    character is a word. `oov_token` stands, with index 1, for words that are not known or not used; without it they
    are left out. A text is a string, or a list of words, which are then taken as they are (in lower case if `lower`).

    After fitting: `word_index` and `index_word`, `word_counts` (in order of first appearance), `word_docs` (in how
    many texts a word is), `index_docs` (the same by index), `document_count`.
    """

    def __init__(
        self,
        num_words=None,
        filters=_FILTERS,
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
        document_count=0,
        **kwargs,
    ):
        if "nb_words" in kwargs:
            warnings.warn("Tokenizer: nb_words is called num_words now.", UserWarning, stacklevel=2)
            num_words = kwargs.pop("nb_words")
        if kwargs:
            raise UnknownArgument(f"Tokenizer has no arguments {sorted(kwargs)}.")
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.document_count = document_count
        self.word_counts = OrderedDict()
        self.word_docs = defaultdict(int)
        self.index_docs = defaultdict(int)
        self.word_index = {}
        self.index_word = {}

    # fitting ------------------------------------------------------------------------------------------------
    def fit_on_texts(self, texts):
        """Counts the words of `texts`, an iterable of texts, and numbers all words anew. Counts add up over calls."""
        for words in self._words_of_each(texts, "fit_on_texts"):
            self.document_count += 1
            for word, count in Counter(words).items():
                self.word_counts[word] = self.word_counts.get(word, 0) + count
                self.word_docs[word] += 1
        ordered = sorted(self.word_counts, key=self.word_counts.get, reverse=True)
        if self.oov_token is not None:
            ordered.insert(0, self.oov_token)
        # a word that is the token as well has the later index
        self.word_index = {word: index for index, word in enumerate(ordered, 1)}
        self.index_word = {index: word for word, index in self.word_index.items()}
        for word, documents in self.word_docs.items():
            self.index_docs[self.word_index[word]] = documents

    def fit_on_sequences(self, sequences):
        """Counts in how many of `sequences` (lists of indices) each index is; for 'tfidf' without texts."""
        for sequence in sequences:
            self.document_count += 1
            for index in dict.fromkeys(map(int, sequence)):
                self.index_docs[index] += 1

    # texts and sequences --------------------------------------------------------------------------------------
    def texts_to_sequences(self, texts):
        """A list of indices for each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts):
        """`texts_to_sequences`, one at a time."""
        unknown = self._unknown_index()
        for words in self._words_of_each(texts, "texts_to_sequences"):
            indices = (self.word_index.get(word) for word in words)
            used = (unknown if i is None or self._is_unused(i) else i for i in indices)
            yield [i for i in used if i is not None]

    def sequences_to_texts(self, sequences):
        """A string for each list of indices: its words with spaces between."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences):
        """`sequences_to_texts`, one at a time."""
        unknown = self.index_word.get(self._unknown_index())
        for sequence in sequences:
            words = (unknown if self._is_unused(i) else self.index_word.get(i, unknown) for i in sequence)
            yield " ".join(word for word in words if word is not None)

    # matrices -------------------------------------------------------------------------------------------------
    def texts_to_matrix(self, texts, mode="binary"):
        """`sequences_to_matrix` of texts."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """A float64 matrix (sequence, index): what of each index is in each sequence.

        'binary': 1 if it is there. 'count': how often. 'freq': its share of the sequence. 'tfidf': 1 + log(count)
        times log(1 + documents / (1 + documents with it)).
        """
        columns = self.num_words or len(self.word_index) + 1
        if not self.num_words and not self.word_index:
            raise ArgumentError(
                "sequences_to_matrix: give the Tokenizer num_words, or fit it on texts first."
            )
        if mode not in _MODES:
            raise ArgumentError(f"mode={mode!r}: one of {', '.join(_MODES)} is needed.")
        if mode == "tfidf" and not self.document_count:
            raise ArgumentError("mode='tfidf' needs counts of documents: fit the Tokenizer first.")
        result = np.zeros((len(sequences), columns))
        for row, sequence in zip(result, sequences):
            if len(sequence):
                row[:] = _counts(sequence, columns)
                if mode == "freq":
                    row /= len(sequence)
        if mode == "binary":
            result[result > 0] = 1.0
        elif mode == "tfidf":
            documents = np.array([self.index_docs.get(i, 0) for i in range(columns)])
            found = result > 0
            result[found] = 1 + np.log(result[found])
            result *= np.log(1 + self.document_count / (1 + documents))
        return result

    # configs --------------------------------------------------------------------------------------------------
    def get_config(self):
        """The arguments, and the tables of words as JSON strings."""
        arguments = {
            name: getattr(self, name)
            for name in (
                "num_words",
                "filters",
                "lower",
                "split",
                "char_level",
                "oov_token",
                "document_count",
            )
        }
        return {**arguments, **{name: json.dumps(getattr(self, name)) for name in _TABLES}}

    def to_json(self, **kwargs):
        """All of the Tokenizer as JSON, for `tokenizer_from_json`; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)

    # inner parts ------------------------------------------------------------------------------------------------
    def _words_of_each(self, texts, method):
        if isinstance(texts, str) and not self.char_level:
            warnings.warn(
                f"Tokenizer.{method}: a string was given, and each of its characters is taken as one text. "
                "Give a list of texts.",
                UserWarning,
                stacklevel=4,
            )
        for number, text in enumerate(texts):
            try:
                yield self._words(text)
            except ArgumentError as error:
                raise ArgumentError(f"Tokenizer.{method}: text number {number}: {error}") from None

    def _words(self, text):
        if isinstance(text, (list, tuple)):
            for word in text:
                if not isinstance(word, str):
                    raise ArgumentError(f"words are strings; {_described(word)} was given.")
            return [word.lower() for word in text] if self.lower else text
        if self.char_level and isinstance(text, str):
            return text.lower() if self.lower else text
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def _unknown_index(self):
        """The index for words that are not known or not used, None if they are left out."""
        if self.oov_token is None:
            return None
        if self.oov_token not in self.word_index:
            raise ArgumentError(
                "Tokenizer: with an oov_token it has to be fitted on texts first (fit_on_texts)."
            )
        return self.word_index[self.oov_token]

    def _is_unused(self, index):
        return bool(self.num_words) and index >= self.num_words


def _counts(sequence, columns):
    indices = np.asarray(sequence)
    if indices.dtype.kind not in "iu":
        raise ArgumentError(f"sequences_to_matrix: indices are whole numbers; found {indices.dtype}.")
    if indices.min() < 0:
        raise ArgumentError(f"sequences_to_matrix: index {indices.min()} is negative.")
    return np.bincount(indices[indices < columns], minlength=columns)


def _described(value):
    return f"{type(value).__name__} {value!r:.60}" if value is not None else "None"


def tokenizer_from_json(json_string):
    """The Tokenizer that `Tokenizer.to_json` described, of Keras 2 as well; it can be fitted further."""
    try:
        config = dict(json.loads(json_string)["config"])
        tables = {name: dict(json.loads(config.pop(name))) for name in _TABLES}
        by_index = {
            name: {int(i): v for i, v in tables[name].items()} for name in ("index_docs", "index_word")
        }
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(
            f"tokenizer_from_json: this is not what Tokenizer.to_json writes ({type(error).__name__}: {error})."
        ) from error
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts = OrderedDict(tables["word_counts"])
    tokenizer.word_docs = defaultdict(int, tables["word_docs"])
    tokenizer.index_docs = defaultdict(int, by_index["index_docs"])
    tokenizer.word_index = tables["word_index"]
    tokenizer.index_word = by_index["index_word"]
    return tokenizer
