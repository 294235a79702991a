"""Texts, sequences and images, drawn at random: what the original made of them (`preprocessing.json.gz`).

`CASES` maps a name to a function of a `Kit` that gives what is recorded: arrays and plain data. The same function runs
in the original and in kcore. `python tests/golden/preprocessing.py`, in an environment with Keras 2.3.1, records anew.
"""

import gzip
import json
import random
import sys
import warnings
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return plain(CASES[name](Kit(modules, name, folder)))


def plain(value):
    if isinstance(value, np.ndarray):
        values = value.ravel().tolist()
        if value.dtype.kind == "f":
            values = [float(f"{v:.9g}") for v in values]  # all of a float32
        return {"dtype": value.dtype.name, "shape": list(value.shape), "values": values}
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


# images ---------------------------------------------------------------------------------------------------------
# Only modes of filling that have no border: where one is, versions of SciPy differ by a rounding.
FILLING = ["nearest", "reflect"]


def _image(k, channels=(1, 3), dtypes=("float32", "uint8", "float64")):
    shape = (k.rng.randint(3, 7), k.rng.randint(3, 7), k.one(channels))
    return (k.rng.rand(*shape) * k.one([1, 100, 255])).astype(k.one(dtypes))


@drawn(20)
def transformed(k):
    x = _image(k, channels=(1, 3, 4))
    amounts = k.some(
        theta=[10, -33.3], tx=[1, -2.4], ty=[2, 0.6], shear=[7, -20.0], zx=[0.7, 1.3], zy=[0.5, 1.9],
        fill_mode=FILLING, order=[0, 2, 3],
    )  # fmt: skip
    return {
        "affine": k.image.apply_affine_transform(x, **amounts),
        "channels": k.image.apply_channel_shift(x, k.one([3.5, -20.0, 100.0]), 2),
        "bright": k.image.apply_brightness_shift(x, k.one([0.3, 1.0, 1.8])),
        "picture": np.array(k.image.array_to_img(x)),
    }


@drawn(10)
def drawn_changes(k):
    x = _image(k, channels=(3,), dtypes=("float32",))
    if k.chance(0.5):
        x, axes = np.moveaxis(x, 2, 0), {}
    else:
        axes = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
    axes.update(k.some(fill_mode=FILLING, interpolation_order=[0, 3]))
    found = {
        "rotated": k.image.random_rotation(x, 40, **axes),
        "shifted": k.image.random_shift(x, 0.3, 0.4, **axes),
        "sheared": k.image.random_shear(x, 30, **axes),
        "zoomed": k.image.random_zoom(x, (0.6, 1.5), **axes),
        "channels": k.image.random_channel_shift(x, 20.0),
    }
    found["bright"] = k.image.random_brightness(x if x.shape[2] == 3 else x.transpose(1, 2, 0), (0.5, 1.5))
    return found


def _generator(k, **more):
    settings = k.some(
        rotation_range=[20, 3.0], width_shift_range=[0.2, 2, 1.5, [-1, 0, 2]], height_shift_range=[0.3, 4, [0.1, 0.3]],
        brightness_range=[(0.5, 1.5)], shear_range=[10.0], zoom_range=[0.3, (0.5, 0.9)], channel_shift_range=[30.0],
        fill_mode=FILLING, horizontal_flip=[True], vertical_flip=[True], rescale=[0.1, 2],
        samplewise_center=[True], **more,
    )  # fmt: skip
    if k.chance(0.2):
        settings["preprocessing_function"] = k.one([lambda x: x + 3, lambda x: x * np.random.rand()])
    return k.image.ImageDataGenerator(**settings)


@drawn(25)
def generators(k):
    made = _generator(k, samplewise_std_normalization=[True])
    x = _image(k, dtypes=("float32",))
    return {
        "drawn": made.get_random_transform(x.shape),
        "seeded": made.get_random_transform(x.shape, seed=3),
        "changed": made.random_transform(x),
        "standardized": made.standardize(x.copy()),
    }


def _batches(made):
    """Two epochs by number, then some without end."""
    found = [made[i] for i in range(len(made))]
    made.on_epoch_end()
    found += [made[i] for i in range(len(made))]
    found += [next(made) for _ in range(len(made) + 1)]
    return {"batches": found, "counts": [made.n, made.total_batches_seen, made.batch_index]}


@drawn(30)
def flows(k):
    count = int(k.rng.randint(4, 8))
    made = _generator(
        k, featurewise_center=[True], featurewise_std_normalization=[True], validation_split=[0.4]
    )
    x = k.rng.randint(0, 255, (count, 4, 3, k.one([1, 3]))).astype(k.one(["uint8", "float32"]))
    y = k.one([None, k.rng.rand(count, 2) > 2, np.arange(count) % 1])
    weights = k.rng.rand(count) if y is not None and k.chance(0.3) else None
    subset = k.one(["training", "validation"]) if made._validation_split and weights is None else None
    made.fit(x, **k.some(augment=[True], rounds=[2], seed=[4]))
    if k.chance(0.3):
        x = (x, [k.rng.rand(count, 2), np.arange(count)] if k.chance(0.5) else np.arange(count))
    settings = k.some(batch_size=[1, 2, 3], shuffle=[False], seed=[0, 7])
    batches = made.flow(x, y, sample_weight=weights, subset=subset, **settings)
    return {"mean": made.mean, "deviation": made.std, "found": _batches(batches)}


def _folder(k):
    """Small image files in folders of classes, and some that are none."""
    from PIL import Image

    names = (
        "b/x2.png b/x10.png b/X1.PNG b/in/z.bmp b/in/a.tif a/q.ppm a/k.png c/1.png .d/1.png a/t.gif root.png"
    )
    for name in names.split():
        path = k.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(k.rng.randint(0, 255, (4, 5, 3)).astype("uint8")).save(str(path))
    (k.folder / "a" / "t.txt").write_text("none")
    (k.folder / "nothing").mkdir()


def _files(made):
    relative = [str(Path(p).relative_to(Path(made.directory))) for p in made.filepaths]
    labels = made.labels if made.class_mode not in (None, "input") else None
    return {"names": made.filenames, "paths": relative, "labels": labels, "found": _batches(made)}


def _reading(k, made):
    settings = k.some(
        target_size=[(3, 5)], color_mode=["grayscale", "rgba"], batch_size=[2, 3], shuffle=[False], seed=[0, 7],
        subset=["training", "validation"] if made._validation_split else [None],
    )  # fmt: skip
    settings.setdefault("target_size", (4, 4))
    return settings


@drawn(20)
def folders(k):
    _folder(k)
    made = _generator(k, validation_split=[0.5])
    settings = _reading(k, made)
    settings.update(
        k.some(classes=[["c", "b"], ["a", "b", "c"]], class_mode=["binary", "sparse", "input", None])
    )
    batches = made.flow_from_directory(str(k.folder), **settings)
    return {"classes": batches.class_indices, "files": _files(batches)}


TARGETS = [
    ("categorical", "class"), ("categorical", "lists"), ("sparse", "class"), ("binary", "two"), ("binary", "class"),
    ("raw", "value"), ("raw", ["value", "single"]), ("multi_output", ["single", "pairs"]), ("input", "class"),
    (None, "class"), ("categorical", "single"),
]  # fmt: skip


@drawn(25)
def frames(k):
    import pandas

    _folder(k)
    table = pandas.DataFrame({
        "filename": "b/x2.png b/x10.png a/k.png c/1.png no.png a/t.txt b/X1.PNG b/in/a.tif".split(),
        "class": list("pqprqpqp"),
        "two": list("ababbaab"),
        "value": np.arange(8.0) / 3,
        "weight": np.arange(8) / 7.0,
        "single": np.arange(8).astype("float32"),
        "lists": [["p", "q"], ["q"], ["p"], ("r", "p"), ["q"], ["p"], [], ["q", "r"]],
        "pairs": [[float(i), -float(i)] for i in range(8)],
    })  # fmt: skip
    made = _generator(k, validation_split=[0.5])
    settings = _reading(k, made)
    settings["class_mode"], settings["y_col"] = k.one(TARGETS)
    settings.update(
        k.some(weight_col=["weight"], dtype=["float64"], classes=[["p", "q"], ["p", "more"], ["b", "a"]])
    )
    batches = asked(lambda: made.flow_from_dataframe(table, str(k.folder), **settings))
    if isinstance(batches, str) or not batches.n:
        return batches if isinstance(batches, str) else "nothing"
    return {"classes": getattr(batches, "class_indices", None), "files": _files(batches)}


@drawn(8)
def files(k):
    x = _image(k, channels=(1, 3, 4))
    path = str(k.folder / "picture.png")
    k.image.save_img(path, x, scale=bool(x.max() > 255 or k.chance(0.5)))
    mode = k.one(["rgb", "rgba", "grayscale"])
    read = k.image.load_img(path, color_mode=mode, target_size=k.one([None, (3, 9)]))
    layout = k.one(["channels_first", "channels_last"])
    return {"array": k.image.img_to_array(read, data_format=layout), "mode": read.mode}


def main():
    """Records all cases from the original."""
    from tempfile import TemporaryDirectory

    from keras.preprocessing import image, sequence, text

    found = {}
    for name in CASES:
        with TemporaryDirectory() as folder:
            found[name] = run({"text": text, "sequence": sequence, "image": image}, name, Path(folder))
    with open(str(FILE), "wb") as file:
        file.write(gzip.compress(json.dumps(found, sort_keys=True, separators=(",", ":")).encode(), 9))
    sys.stdout.write(f"{len(found)} cases\n")


if __name__ == "__main__":
    main()
