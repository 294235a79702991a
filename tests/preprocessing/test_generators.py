"""ImageDataGenerator and its iterators: what is clearer, safer or possible here and not in Keras 2."""

import os
import pickle

import numpy as np
import pytest

from kcore.datasets import digits
from kcore.errors import ArgumentError, DataError, DTypeError, UnknownColumn
from kcore.layers import Conv2D, Dense, Flatten
from kcore.models import Sequential
from kcore.preprocessing.image import (
    DataFrameIterator,
    DirectoryIterator,
    ImageDataGenerator,
    Iterator,
    NumpyArrayIterator,
    save_img,
)
from kcore.utils import OrderedEnqueuer

X = np.random.RandomState(0).randint(0, 255, (11, 6, 5, 3)).astype("uint8")
Y = np.arange(11)
PLAIN = ImageDataGenerator()
CHANGING = {"rotation_range": 30, "zoom_range": 0.2, "horizontal_flip": True, "width_shift_range": 0.2}


@pytest.fixture
def folder(tmp_path):
    for i, name in enumerate(("cat/a.png", "cat/b.png", "cat/more/c.png", "dog/a.png", "dog/b.png")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        save_img(tmp_path / name, X[i], scale=False)
    return tmp_path


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"data_format": "last"}, "data_format='last'"),
        ({"validation_split": 1.0}, "validation_split=1.0"),
        ({"preprocessing_function": 3}, "a function of one image"),
        ({"fill_mode": "edge"}, "fill_mode='edge'"),
        ({"interpolation_order": 7}, "order 7"),
        ({"width_shift_range": "a"}, "width_shift_range='a'"),
        ({"zoom_range": (1, 2, 3)}, "zoom_range"),
        ({"zoom_range": "a"}, "zoom_range"),
        ({"brightness_range": 2}, "brightness_range=2: two numbers"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ArgumentError, match=message):
        ImageDataGenerator(**settings)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"zca_whitening": True}, "zca_whitening includes featurewise_center"),
        ({"featurewise_std_normalization": True}, "includes featurewise_center"),
        ({"samplewise_std_normalization": True}, "includes samplewise_center"),
        (
            {"zca_whitening": True, "featurewise_center": True, "featurewise_std_normalization": True},
            "replaces",
        ),
        ({"height_shift_range": 1}, "height_shift_range=1 shifts nothing"),
        ({"zoom_range": 1.5}, "turn images over"),
    ],
)
def test_settings_that_are_told_of(settings, message):
    with pytest.warns(UserWarning, match=message):
        ImageDataGenerator(**settings)


def test_what_is_not_fitted_is_told():
    with pytest.warns(UserWarning, match="featurewise_center does nothing before fit"):
        ImageDataGenerator(featurewise_center=True).standardize(np.ones((2, 2, 1)))


def test_whole_numbers_are_standardized_as_floats():
    assert ImageDataGenerator(rescale=0.5).standardize(X[0]).dtype == "float32"
    np.testing.assert_allclose(
        ImageDataGenerator(samplewise_center=True).standardize(X[0]).mean(), 0, atol=1e-4
    )


def test_brightness_with_channels_first():
    first = ImageDataGenerator(data_format="channels_first").apply_transform(
        X[0].transpose(2, 0, 1), {"brightness": 0.4}
    )
    np.testing.assert_array_equal(first.transpose(1, 2, 0), PLAIN.apply_transform(X[0], {"brightness": 0.4}))


def test_whitening_makes_the_covariance_the_identity():
    x = np.random.RandomState(1).randn(200, 3, 2, 1)
    made = ImageDataGenerator(featurewise_center=True, zca_whitening=True, dtype="float64")
    made.fit(x)
    flat = np.stack([made.standardize(i) for i in x.copy()]).reshape(200, -1)
    np.testing.assert_allclose(flat.T @ flat / 200, np.eye(6), atol=1e-5)


def test_float_types_are_heeded():
    assert ImageDataGenerator(dtype="float64").flow(X)[0].dtype == "float64"


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: PLAIN.flow(X[0]), "4 axes"),
        (lambda: PLAIN.flow(list(X)), "a list of 11"),
        (lambda: PLAIN.flow((X, Y, Y)), "a tuple of 3"),
        (lambda: PLAIN.flow(X, Y[:3]), r"11 images .* but y is \(3,\)"),
        (lambda: PLAIN.flow((X, Y[:3])), r"further input 0 is \(3,\)"),
        (lambda: PLAIN.flow(X, Y, sample_weight=Y[:3]), "sample_weight is"),
        (lambda: PLAIN.flow(X, sample_weight=Y), "sample_weight needs y"),
        (lambda: PLAIN.flow(X, batch_size=0), "batch_size=0"),
        (lambda: PLAIN.flow(X, batch_size=2.5), "batch_size=2.5"),
        (lambda: PLAIN.flow(X, subset="training"), "needs an ImageDataGenerator with a validation_split"),
        (lambda: ImageDataGenerator(validation_split=0.3).flow(X, subset="test"), "subset='test'"),
        (
            lambda: ImageDataGenerator(validation_split=0.3).flow(X, Y, subset="training"),
            "Shuffle them first",
        ),
        (lambda: PLAIN.flow(X)[1], "batch 1 was asked for, of 1"),
        (lambda: next(PLAIN.flow(X[:0])), "there are no images"),
        (lambda: PLAIN.fit(X[0]), "4 axes"),
        (lambda: PLAIN.flow(X, save_to_dir=".", save_prefix="../a"), "save_prefix='../a'"),
        (lambda: ImageDataGenerator(preprocessing_function=lambda x: x[1:]).flow(X)[0], "has to keep it"),
    ],
)
def test_wrong_flows(make, message):
    with pytest.raises((ArgumentError, DataError), match=message):
        make()


def test_batches_of_arrays():
    batches = PLAIN.flow(X, Y, batch_size=4, shuffle=False)
    assert batches.x is X  # Keras 2 keeps a float32 copy of all images
    assert batches[-1][1].tolist() == [8, 9, 10]
    assert batches[0][0].dtype == "float32"
    with pytest.warns(UserWarning, match="1, 3 or 4 channels"):
        PLAIN.flow(np.zeros((2, 4, 4, 5)))
    with pytest.raises(NotImplementedError, match="_get_batches_of_transformed_samples"):
        Iterator(3, 1, False, None)[0]


def test_subsets_take_their_weights_along():
    made = ImageDataGenerator(validation_split=0.4)
    _, y, weights = made.flow(X, Y % 2, sample_weight=Y, subset="training", shuffle=False)[0]
    assert weights.tolist() == Y[4:].tolist()  # Keras 2: those of the first samples
    measured = Y / 3  # numbers that no two samples share are no classes
    assert made.flow(X, measured, subset="validation").n == 4


def read_by(batches, workers, processes=False, epochs=2):
    """Batches of some epochs, by a loop of one's own or by workers."""
    if workers is None:
        for _ in range(epochs):
            yield from [batches[i] for i in range(len(batches))]
            batches.on_epoch_end()
        return
    with OrderedEnqueuer(batches, use_multiprocessing=processes) as reader:
        reader.stop()
        reader.start(workers=workers, max_queue_size=3)
        found = reader.get()
        yield from [next(found) for _ in range(epochs * len(batches))]


@pytest.mark.parametrize("workers, processes", [(1, False), (4, False), (2, True)])
def test_workers_give_the_batches_of_one_loop(workers, processes):
    def batches():
        return ImageDataGenerator(**CHANGING).flow(X, Y, batch_size=3, seed=5)

    expected = list(read_by(batches(), None))
    for (x, y), (want_x, want_y) in zip(read_by(batches(), workers, processes), expected, strict=True):
        np.testing.assert_array_equal(x, want_x)
        np.testing.assert_array_equal(y, want_y)


def test_threads_draw_in_order_without_a_seed():
    found = []
    for workers in (None, 4):
        np.random.seed(3)
        found.append([y.tolist() for _, y in read_by(ImageDataGenerator(**CHANGING).flow(X, Y, 3), workers)])
    assert found[0] == found[1]


def test_own_ways_of_making_batches_are_kept_with_workers():
    class Doubled(NumpyArrayIterator):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x, 2 * y

    assert Doubled(X, Y, PLAIN).divided_work() is None
    assert sum(y.sum() for _, y in read_by(Doubled(X, Y, PLAIN, batch_size=3), 3, epochs=1)) == 2 * Y.sum()


def test_iterators_can_be_pickled():
    batches = ImageDataGenerator(**CHANGING).flow(X, Y, batch_size=3, seed=5, shuffle=False)
    next(batches)
    x, y = next(pickle.loads(pickle.dumps(batches)))
    want_x, want_y = next(batches)
    np.testing.assert_array_equal(x, want_x)
    np.testing.assert_array_equal(y, want_y)


def test_a_model_learns_from_changed_images():
    (x, y), _ = digits.load_data()
    x, y = x[:400, :, :, None], y[:400]
    made = ImageDataGenerator(rescale=1 / 16, rotation_range=10, width_shift_range=0.1, validation_split=0.2)
    np.random.seed(2)
    model = Sequential(
        [Conv2D(8, 3, activation="relu", input_shape=(8, 8, 1)), Flatten(), Dense(10, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit_generator(
        made.flow(x, y, batch_size=16, subset="training"),
        validation_data=made.flow(x, y, batch_size=16, subset="validation"),
        epochs=8, workers=2, verbose=0,
    ).history  # fmt: skip
    assert history["val_accuracy"][-1] > 0.6
    assert model.predict_generator(PLAIN.flow(x, batch_size=50, shuffle=False)).shape == (400, 10)


# folders ------------------------------------------------------------------------------------------------------
def test_batches_of_a_folder(folder, capsys):
    batches = PLAIN.flow_from_directory(folder, (6, 5), classes=["dog", "cat/more"], shuffle=False)
    assert capsys.readouterr().out == "Found 3 images belonging to 2 classes.\n"
    assert batches.filenames == ["dog/a.png", "dog/b.png", "cat/more/c.png"]
    x, y = batches[0]
    np.testing.assert_array_equal(x, X[[3, 4, 2]])
    assert y.tolist() == [[1, 0], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"class_mode": "raw"}, "class_mode='raw': one of 'binary', 'categorical', 'input', 'sparse', None"),
        ({"color_mode": "gray"}, "color_mode='gray'"),
        ({"interpolation": "cubic"}, "Did you mean 'bicubic'"),
        ({"target_size": 4}, "target_size=4"),
        ({"subset": "training"}, "needs an ImageDataGenerator with a validation_split"),
        ({"classes": [".."]}, "'..' is not a folder in"),
    ],
)
def test_wrong_folders(folder, settings, message):
    with pytest.raises(ArgumentError, match=message):
        PLAIN.flow_from_directory(folder, **settings)


def test_folders_without_images_are_told(folder):
    with pytest.warns(UserWarning, match="one folder for each class"):
        PLAIN.flow_from_directory(folder / "dog")
    with pytest.warns(UserWarning, match=r"no folders \['cow'\]"):
        assert PLAIN.flow_from_directory(folder, classes=["cow", "dog"]).class_indices == {"cow": 0, "dog": 1}
    with pytest.raises(FileNotFoundError):
        PLAIN.flow_from_directory(folder / "cow")
    with pytest.raises(FileNotFoundError, match="save_to_dir"):
        PLAIN.flow_from_directory(folder, save_to_dir=str(folder / "cow"))


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
def test_links_and_pipes(folder):
    (folder / "cat" / "to_dog").symlink_to(folder / "dog")
    (folder / "cat" / "more" / "around").symlink_to(folder / "cat")
    os.mkfifo(folder / "cat" / "pipe.png")

    def names(**settings):
        return [n for n in PLAIN.flow_from_directory(folder, **settings).filenames if n.startswith("cat")]

    own = ["cat/a.png", "cat/b.png", "cat/more/c.png"]
    assert names() == own
    assert names(follow_links=True) == [*own, "cat/to_dog/a.png", "cat/to_dog/b.png"]


def test_changed_images_are_saved(folder, tmp_path_factory):
    to = tmp_path_factory.mktemp("saved")
    made = DirectoryIterator(folder, PLAIN, (6, 5), shuffle=False, save_to_dir=str(to), save_prefix="x")
    expected = list(read_by(made, 3, epochs=1))[0][0]
    names = sorted(to.iterdir())
    assert [n.name.split("_")[:2] for n in names] == [["x", str(i)] for i in range(len(expected))]


# data frames --------------------------------------------------------------------------------------------------
@pytest.fixture
def table():
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({
        "filename": ["cat/a.png", "dog/a.png", "none.png"], "class": ["cat", "dog", "dog"], "value": [0.5, 1.5, 2.5],
    })  # fmt: skip


def test_batches_of_a_table(folder, table, capsys):
    with pytest.warns(UserWarning, match="1 names are left out, .* 'none.png'"):
        batches = PLAIN.flow_from_dataframe(table, folder, target_size=(6, 5), shuffle=False)
    assert capsys.readouterr().out == "Found 2 validated image filenames belonging to 2 classes.\n"
    np.testing.assert_array_equal(batches[0][0], X[[0, 3]])
    assert len(table) == 3
    assert DataFrameIterator(table[:2], folder, class_mode="sparse").labels == [0, 1]


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"y_col": "clas"}, UnknownColumn, r"no column 'clas'.*Did you mean 'class'"),
        ({"x_col": "file"}, KeyError, "no column 'file'"),
        ({"weight_col": "class"}, DTypeError, "weight_col='class': numbers"),
        ({"x_col": "value"}, TypeError, "row 0 is 0.5; names of files"),
        ({"y_col": "value"}, TypeError, r"row 0 of column 'value' is 0.5; .*class_mode='raw'"),
        ({"y_col": ["class", "value"]}, TypeError, "y_col is one column"),
        ({"class_mode": "multi_output"}, TypeError, "y_col is a list of columns"),
        ({"class_mode": "other"}, ArgumentError, "class_mode='other'"),
        ({"class_mode": "binary", "classes": ["cat"]}, ArgumentError, "for two classes; there are 1"),
        ({"classes": []}, ArgumentError, "at least one"),
        ({"subset": "training"}, ArgumentError, "validation_split"),
        ({"has_ext": True}, TypeError, "has_ext"),
    ],
)
def test_wrong_tables(folder, table, settings, error, message):
    with pytest.raises(error, match=message):
        PLAIN.flow_from_dataframe(table, folder, **settings)
    with pytest.raises(DTypeError, match="a pandas data frame"):
        PLAIN.flow_from_dataframe({"filename": []}, folder)
