"""Texts, sequences and images, drawn at random: what the original made of them (`preprocessing.json.gz`).

`CASES` maps a name to a function of a `Kit` that gives what is recorded: arrays and plain data. The same function runs
in the original and in kcore. `python tests/golden/preprocessing.py`, in an environment with Keras 2.3.1, records anew.
"""

import gzip
import json
import random
import sys
import zlib
from functools import partial
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "preprocessing.json.gz"
CASES = {}


class Kit:
    """The modules text, sequence and image of a package, a folder, and draws for one case."""

    def __init__(self, modules, name, folder):
        vars(self).update(modules)
        self.folder = folder
        seed = zlib.crc32(name.encode())
        self.rng = np.random.RandomState(seed)
        np.random.seed(seed)
        random.seed(seed)

    def chance(self, share):
        return self.rng.rand() < share

    def one(self, choices):
        return choices[self.rng.randint(len(choices))]

    def some(self, **choices):
        """Arguments, each with the chance of one half, of values drawn from a list."""
        return {name: self.one(values) for name, values in sorted(choices.items()) if self.rng.randint(2)}


def run(modules, name, folder):
    """What is recorded of a case, as JSON holds it."""
    return plain(CASES[name](Kit(modules, name, folder)))


def plain(value):
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.name, "shape": list(value.shape), "values": value.ravel().tolist()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def asked(question):
    """The answer, or the built-in class of the error."""
    try:
        return question()
    except Exception as error:
        return next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")


def recorded():
    return json.loads(gzip.decompress(FILE.read_bytes()).decode())


def drawn(count):
    """Registers a function as `count` cases, which differ in what they draw."""

    def register(function):
        for i in range(count):
            CASES[f"{function.__name__}_{i:02d}"] = function
        return function

    return register


# texts ----------------------------------------------------------------------------------------------------------
def _text(k):
    return "".join(k.one("abcABC  ,.!-\t\u00e9#") for _ in range(k.rng.randint(25)))


def _splitting(k):
    return k.some(lower=[False], split=["-", "ab", ","], filters=["", "abc", ".,"])


@drawn(60)
def tokenizer(k):
    made = k.text.Tokenizer(
        char_level=k.chance(0.2),
        **_splitting(k),
        **k.some(num_words=list(range(8)), oov_token=["<u>", "a", "", "b"]),
    )
    for _ in range(k.rng.randint(1, 3)):
        made.fit_on_texts([_text(k) for _ in range(k.rng.randint(1, 5))])
    if k.chance(0.3):
        made.fit_on_texts([[k.one(["a", "B", "zz", "b c"]) for _ in range(4)], ["q"]])
    sequences = [k.rng.randint(0, 9, k.rng.randint(6)).tolist() for _ in range(4)]
    if k.chance(0.3):
        made.fit_on_sequences(sequences)
    config = made.get_config()
    tables = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
    config.update((t, json.loads(config[t])) for t in tables)
    return {
        "config": config,
        "order": list(made.word_counts),
        "sequences": made.texts_to_sequences([_text(k) for _ in range(3)] + [["a", "B"]]),
        "texts": made.sequences_to_texts(sequences),
        "matrices": [
            asked(partial(made.sequences_to_matrix, sequences, m))
            for m in ("binary", "count", "freq", "tfidf")
        ],
    }


@drawn(15)
def words(k):
    text, settings = _text(k), _splitting(k)
    hashed = [k.text.hashing_trick(text, n, hash_function="md5", **settings) for n in (2, 3, 500)]
    lengths = k.text.hashing_trick(text, 5, hash_function=len)
    return {"words": k.text.text_to_word_sequence(text, **settings), "hashed": hashed, "lengths": lengths}


# sequences ------------------------------------------------------------------------------------------------------
@drawn(40)
def padded(k):
    steps = tuple(k.rng.randint(1, 4, k.rng.randint(3)))
    lists = [k.rng.randint(0, 50, (k.rng.randint(8),) + steps).tolist() for _ in range(k.rng.randint(1, 5))]
    settings = k.some(
        padding=["post"], truncating=["post"], maxlen=list(range(1, 8)), value=[2, 7.0],
        dtype=["float32", "int64", "uint8", "float16", "bool"],
    )  # fmt: skip
    return k.sequence.pad_sequences(lists, **settings)


@drawn(6)
def sampling_table(k):
    return k.sequence.make_sampling_table(int(k.rng.randint(1, 60)), 10 ** k.rng.uniform(-6, -1))


@drawn(30)
def skipgrams(k):
    settings = k.some(
        window_size=[0, 1, 2, 9], negative_samples=[0, 0.5, 2.3], shuffle=[False], categorical=[True], seed=[0, 12],
        sampling_table=[k.rng.rand(20)],
    )  # fmt: skip
    found = k.sequence.skipgrams(k.rng.randint(0, 20, k.rng.randint(1, 12)).tolist(), 20, **settings)
    return {"found": found, "next": random.random()}


@drawn(40)
def time_series(k):
    steps = k.rng.randint(8, 20)
    shape = (steps,) + tuple(k.rng.randint(1, 4, k.rng.randint(3)))
    data = k.rng.randint(0, 99, shape).astype(k.one(["float32", "int64", "float64"]))
    settings = k.some(
        sampling_rate=[2, 3], stride=[2, 3], start_index=[1, 2], end_index=[6, 7], shuffle=[True], reverse=[True],
        batch_size=[1, 3],
    )  # fmt: skip
    given = data.tolist() if k.chance(0.3) else data
    targets, length = k.rng.rand(steps), int(k.rng.randint(1, 5))
    made = asked(lambda: k.sequence.TimeseriesGenerator(given, targets, length, **settings))
    if isinstance(made, str):
        return made
    return {"batches": [made[i] for i in range(len(made))], "config": made.get_config()}


def main():
    """Records all cases from the original."""
    from tempfile import TemporaryDirectory

    from keras.preprocessing import sequence, text

    found = {}
    for name in CASES:
        with TemporaryDirectory() as folder:
            found[name] = run({"text": text, "sequence": sequence}, name, Path(folder))
    with open(str(FILE), "wb") as file:
        file.write(gzip.compress(json.dumps(found, sort_keys=True, separators=(",", ":")).encode(), 9))
    sys.stdout.write(f"{len(found)} cases\n")


if __name__ == "__main__":
    main()
