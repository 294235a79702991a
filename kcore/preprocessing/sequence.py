"""Sequences made arrays: padding, skip-grams, and windows of a time series as batches."""

import json
import operator
import random
import warnings

import numpy as np

from ..errors import ArgumentError, DataError
from ..utils.data import Sequence


# padding --------------------------------------------------------------------------------------------------------
def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """Lists of steps as one array (sequence, maxlen, ...): filled up with `value`, cut where they are longer.

    `maxlen`: None for the length of the longest. `padding` and `truncating`: 'pre' or 'post', at which end. Steps may be
    arrays themselves, all of one shape. The default `dtype` is for indices: fractions need dtype="float32".
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ArgumentError(f"{name}={side!r}: 'pre' or 'post' is needed.")
    lengths = _lengths(sequences)
    maxlen = _chosen_length(lengths, maxlen)
    dtype = _type_for(sequences, np.dtype(dtype), value)
    rows = [
        _as_row(sequence, dtype, i) if n else None for i, (sequence, n) in enumerate(zip(sequences, lengths))
    ]
    known = [row.shape[1:] for row in rows if row is not None]
    result = _filled((len(rows), maxlen, *(known[0] if known else ())), dtype, value)
    for i, row in enumerate(rows):
        if row is None or not maxlen:
            continue
        if row.shape[1:] != known[0]:
            raise DataError(
                f"pad_sequences: the steps of sequence {i} have the shape {row.shape[1:]}, those before {known[0]}."
            )
        kept = row[-maxlen:] if truncating == "pre" else row[:maxlen]
        if padding == "post":
            result[i, : len(kept)] = kept
        else:
            result[i, maxlen - len(kept) :] = kept
    return result


def _lengths(sequences):
    if not hasattr(sequences, "__len__") or isinstance(sequences, str):
        raise DataError(f"sequences: a list of lists is needed; a {type(sequences).__name__} was given.")
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__") or isinstance(sequence, str):
            raise DataError(f"sequences: number {i} is {sequence!r:.60}; a list of steps is needed.")
    return [len(sequence) for sequence in sequences]


def _chosen_length(lengths, maxlen):
    if maxlen is None:
        if not lengths:
            raise DataError("pad_sequences: there are no sequences; give maxlen to have an empty array.")
        return max(lengths)
    maxlen = operator.index(maxlen)
    if maxlen < 0:
        raise ArgumentError(f"maxlen={maxlen}: 0 or more is needed.")
    return maxlen


def _type_for(sequences, dtype, value):
    """`dtype`, for strings without a length as wide as the longest."""
    if isinstance(value, str) and dtype.kind not in "OU":
        raise ArgumentError(f"value={value!r} cannot be of dtype={dtype}; strings need dtype=object or str.")
    if dtype.kind in "SU" and not dtype.itemsize:
        widths = [np.asarray(part, dtype).dtype for part in (value, *(s for s in sequences if len(s)))]
        return max(widths, key=lambda t: t.itemsize)
    return dtype


def _as_row(sequence, dtype, number):
    """A sequence as an array of `dtype`: (steps, ...)."""
    try:
        if dtype.kind not in "iu":
            row = np.asarray(sequence, dtype)
        else:
            found = np.asarray(sequence)
            with np.errstate(invalid="ignore"):
                row = found.astype(dtype)
            if found.dtype.kind in "iuf" and not np.array_equal(found, row):
                _tell_of_losses(found, dtype, number)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise DataError(f"pad_sequences: sequence {number} cannot be an array of {dtype}: {error}") from error
    if row.ndim == 0:
        raise DataError(f"pad_sequences: sequence {number} is a {type(sequence).__name__}; a list is needed.")
    return row


def _tell_of_losses(found, dtype, number):
    limits = np.iinfo(dtype)
    if not np.isfinite(found).all() or found.min() < limits.min or found.max() > limits.max:
        raise ArgumentError(
            f"pad_sequences: sequence {number} has numbers that {dtype} does not hold; give another dtype."
        )
    warnings.warn(
        f"pad_sequences: sequence {number} has fractions, which dtype={dtype} cuts off; dtype='float32' keeps them.",
        UserWarning,
        stacklevel=5,
    )


def _filled(shape, dtype, value):
    if dtype.kind in "iu" and not np.isfinite(value).all():
        raise ArgumentError(f"value={value!r} cannot be of dtype={dtype}.")
    return np.full(shape, value, dtype=dtype)


def _remove_long_seq(maxlen, seq, label):
    """The sequences shorter than `maxlen`, and their labels: two lists."""
    kept = [(s, y) for s, y in zip(seq, label) if len(s) < maxlen]
    return [s for s, _ in kept], [y for _, y in kept]


# skip-grams -----------------------------------------------------------------------------------------------------
_EULER_GAMMA = 0.577


def make_sampling_table(size, sampling_factor=1e-5):
    """The probability (size,) with which `skipgrams` keeps the word of each rank, rank 0 standing for rank 1.

    A word's frequency f is estimated from its rank r by Zipf's law, f = 1 / (r (log r + gamma) + 1/2 - 1/(12 r)), and it
    is kept with min(1, sqrt(sampling_factor / f)).
    Mikolov et al., Distributed Representations of Words and Phrases and their Compositionality (2013), section 2.3.
    """
    if size < 1:
        raise ArgumentError(f"size={size!r}: at least 1 is needed.")
    rank = np.maximum(np.arange(size), 1).astype(float)
    inverse = rank * (np.log(rank) + _EULER_GAMMA) + 0.5 - 1 / (12 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * inverse))


def skipgrams(
    sequence,
    vocabulary_size,
    window_size=4,
    negative_samples=1.0,
    shuffle=True,
    categorical=False,
    sampling_table=None,
    seed=None,
):
    """Pairs of words (couples, labels): a word and one at most `window_size` steps away has label 1, a word and one
    drawn from 1 to vocabulary_size - 1 has label 0; `categorical`: labels [0, 1] and [1, 0].

    `negative_samples`: drawn pairs for each true one. Index 0 is no word. `sampling_table`: the probability with which
    each word is kept (`make_sampling_table`). All is drawn from Python's `random`. As in Keras 2, `seed` is for the
    order alone, and leaves `random` seeded; `random.seed` before the call governs the rest.
    """
    couples = []
    for i, word in enumerate(sequence):
        if not word or (sampling_table is not None and not _kept(word, sampling_table)):
            continue
        around = range(max(0, i - window_size), min(len(sequence), i + window_size + 1))
        couples += [[word, sequence[j]] for j in around if j != i and sequence[j]]
    positive, negative = ([0, 1], [1, 0]) if categorical else (1, 0)
    drawn = _negatives(couples, int(len(couples) * negative_samples), vocabulary_size)
    labels = [positive] * len(couples) + [negative] * len(drawn)
    couples += drawn
    if shuffle:
        seed = random.randint(0, 10**7) if seed is None else seed
        for together in (couples, labels):  # one seed, one order
            random.seed(seed)
            random.shuffle(together)
    return couples, labels


def _kept(word, sampling_table):
    if not 0 <= word < len(sampling_table):
        raise DataError(
            f"skipgrams: sampling_table has {len(sampling_table)} entries, none for the word {word}."
        )
    return sampling_table[word] >= random.random()


def _negatives(couples, number, vocabulary_size):
    """`number` pairs of a word of `couples`, all equally often, and a drawn one."""
    if number and vocabulary_size < 2:
        raise ArgumentError(
            f"vocabulary_size={vocabulary_size}: 2 or more are needed, as index 0 is no word."
        )
    words = [word for word, _ in couples]
    if number:
        random.shuffle(words)
    return [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(number)]


# time series ----------------------------------------------------------------------------------------------------
class TimeseriesGenerator(Sequence):
    """Windows of a time series as batches: x (batch, length / sampling_rate, ...) and y (batch, ...).

    The window that ends before step t goes with `targets[t]`: steps t - length to t - 1, every `sampling_rate`th of
    them, `reverse`: backwards. t goes from `start_index + length` to `end_index` (None: the last) by `stride`;
    `shuffle`: every batch draws its own, from NumPy's global generator.
    """

    def __init__(
        self,
        data,
        targets,
        length,
        sampling_rate=1,
        stride=1,
        start_index=0,
        end_index=None,
        shuffle=False,
        reverse=False,
        batch_size=128,
    ):
        data, targets = _positional(data), _positional(targets)
        if len(data) != len(targets):
            raise DataError(f"TimeseriesGenerator: {len(data)} steps of data, but {len(targets)} targets.")
        for name, number in {
            "length": length,
            "sampling_rate": sampling_rate,
            "stride": stride,
            "batch_size": batch_size,
        }.items():
            if number < 1:
                raise ArgumentError(f"TimeseriesGenerator: {name}={number}: at least 1 is needed.")
        if start_index < 0:
            raise ArgumentError(f"TimeseriesGenerator: start_index={start_index}: 0 or more is needed.")
        self.data = data
        self.targets = targets
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        if self.start_index > self.end_index:
            raise ArgumentError(
                f"TimeseriesGenerator: the first window ends before step {self.start_index} (start_index + length), "
                f"which is beyond end_index={self.end_index}: no window is left."
            )
        if self.end_index >= len(data):
            raise ArgumentError(
                f"TimeseriesGenerator: end_index={end_index}, but the last step is {len(data) - 1}."
            )

    def __len__(self):
        windows = (self.end_index - self.start_index) // self.stride + 1
        return -(-windows // self.batch_size)

    def __getitem__(self, index):
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"TimeseriesGenerator: batch {index} of {count}.")
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            span = self.batch_size * self.stride
            first = self.start_index + span * (index % count)
            rows = np.arange(first, min(first + span, self.end_index + 1), self.stride)
        x = self._windows(rows)
        return (x[:, ::-1] if self.reverse else x), _at(self.targets, rows)

    def _windows(self, rows):
        if isinstance(self.data, np.ndarray):
            return self.data[rows[:, None] - self.length + np.arange(0, self.length, self.sampling_rate)]
        return np.array([self.data[row - self.length : row : self.sampling_rate] for row in rows])

    def get_config(self):
        """The arguments, with data and targets as JSON strings, and `start_index` as it is kept: of the first target."""
        return {
            "data": _as_json(self.data, "data"),
            "targets": _as_json(self.targets, "targets"),
            **{name: getattr(self, name) for name in _SETTINGS},
        }

    def to_json(self, **kwargs):
        """All of the generator as JSON, for `timeseries_generator_from_json`; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


_SETTINGS = (
    "length",
    "sampling_rate",
    "stride",
    "start_index",
    "end_index",
    "shuffle",
    "reverse",
    "batch_size",
)


def _positional(data):
    """Data that integers count by position: a data frame's values."""
    return data.to_numpy() if hasattr(data, "to_numpy") else data


def _at(targets, rows):
    if isinstance(targets, np.ndarray):
        return targets[rows]
    return np.array([targets[row] for row in rows])


def _as_json(data, name):
    try:
        return json.dumps(data.tolist() if hasattr(data, "tolist") else data)
    except TypeError as error:
        raise TypeError(f"TimeseriesGenerator: {name} cannot be written as JSON: {error}") from error


def timeseries_generator_from_json(json_string):
    """The generator that `TimeseriesGenerator.to_json` described; its data are arrays."""
    try:
        config = dict(json.loads(json_string)["config"])
        config["data"], config["targets"] = (np.array(json.loads(config[k])) for k in ("data", "targets"))
        config["start_index"] -= config["length"]
    except (KeyError, TypeError, ValueError) as error:
        raise ArgumentError(
            "timeseries_generator_from_json: this is not what TimeseriesGenerator.to_json writes "
            f"({type(error).__name__}: {error})."
        ) from error
    return TimeseriesGenerator(**config)
