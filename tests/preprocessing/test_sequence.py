"""Sequences: what is clearer or safer than in Keras 2, and training on them."""

import random

import numpy as np
import pytest

from kcore.errors import ArgumentError, DataError
from kcore.layers import LSTM, Dense
from kcore.models import Sequential
from kcore.preprocessing.sequence import (
    TimeseriesGenerator,
    make_sampling_table,
    pad_sequences,
    skipgrams,
    timeseries_generator_from_json,
)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([[1]], None, "int32", "left"), "padding='left'"),
        (([[1]], None, "int32", "pre", "left"), "truncating='left'"),
        ((3,), "a list of lists"),
        (("ab",), "a list of lists"),
        (([[1], 2],), "number 1 is 2"),
        ((["abc"],), "number 0 is 'abc'"),
        (([],), "give maxlen"),
        (([[1]], -1), "maxlen=-1"),
        (([[1]], 2, "int32", "pre", "pre", "x"), "dtype=object"),
        (([[1]], 2, "int32", "pre", "pre", np.nan), "value=nan"),
        (([[300]], 2, "uint8"), "sequence 0 has numbers that uint8 does not hold"),
        (([[1.5, np.nan]], 2), "does not hold"),
        (([[[1, 2], [3]]],), "sequence 0 cannot be an array"),
        (([["a"]],), "sequence 0 cannot be an array of int32"),
        (([{1, 2}],), "sequence 0"),
        (([[[1, 2]], [], [[1, 2, 3]]],), r"sequence 2 have the shape \(3,\), those before \(2,\)"),
    ],
)
def test_wrong_padding(arguments, message):
    with pytest.raises((ArgumentError, DataError), match=message):
        pad_sequences(*arguments)


def test_corners_of_padding():
    assert pad_sequences([], maxlen=3).shape == (0, 3)
    assert pad_sequences([[1, 2]], maxlen=0).shape == (1, 0)
    assert pad_sequences([[[1, 2]], []], value=[7, 8]).tolist() == [[[1, 2]], [[7, 8]]]
    assert pad_sequences([[1, 2], range(3)]).tolist() == [[0, 1, 2], [0, 1, 2]]
    # Keras 2 cuts words to the length of the first letter
    assert pad_sequences([["ab", "c"], ["def"]], dtype=str, value="").tolist() == [["ab", "c"], ["", "def"]]
    assert pad_sequences([["ab"]], maxlen=2, dtype=object, value="?").tolist() == [["?", "ab"]]


def test_lost_fractions_are_told():
    with pytest.warns(UserWarning, match="dtype='float32' keeps them"):
        assert pad_sequences([[0.5, 1.7]]).tolist() == [[0, 1]]
    assert pad_sequences([[1.0, 2.0]]).tolist() == [[1, 2]]


def test_wrong_skipgrams():
    with pytest.raises(ArgumentError, match="vocabulary_size=1"):
        skipgrams([1, 2], 1)
    with pytest.raises(DataError, match="has 3 entries, none for the word 5"):
        skipgrams([5, 1], 9, sampling_table=make_sampling_table(3))
    with pytest.raises(ArgumentError, match="size=0"):
        make_sampling_table(0)


def test_skipgrams_of_nothing_draw_no_negatives():
    random.seed(1)
    assert skipgrams([0, 0], 5) == ([], [])


SERIES = np.arange(10.0)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"targets": SERIES[:5]}, "10 steps of data, but 5 targets"),
        ({"length": 10}, "no window is left"),
        ({"end_index": 12}, "the last step is 9"),
        ({"start_index": -2}, "start_index=-2"),
        ({"length": 0}, "length=0"),
        ({"stride": 0}, "stride=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"sampling_rate": 0}, "sampling_rate=0"),
    ],
)
def test_wrong_series(settings, message):
    with pytest.raises((ArgumentError, DataError), match=message):
        TimeseriesGenerator(**{"data": SERIES, "targets": SERIES, "length": 3, **settings})


def test_batches_that_are_not_there():
    made = TimeseriesGenerator(SERIES, SERIES, 3, batch_size=3)
    assert [y.tolist() for _, y in made] == [[3, 4, 5], [6, 7, 8], [9]]
    assert made[-1][1].tolist() == [9]
    with pytest.raises(IndexError, match="batch 3 of 3"):
        made[3]


def test_data_frames_count_by_position():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": SERIES, "b": -SERIES}, index=range(50, 60))
    x, y = TimeseriesGenerator(table, table["a"], 2, batch_size=2)[0]
    assert x.tolist() == [[[0, 0], [1, -1]], [[1, -1], [2, -2]]]
    assert y.tolist() == [2, 3]


def test_series_as_json():
    made = TimeseriesGenerator(SERIES, list(SERIES), 3, stride=2, start_index=1, batch_size=2)
    read = timeseries_generator_from_json(made.to_json())
    assert read.get_config() == made.get_config()
    for (x, y), (read_x, read_y) in zip(made, read):
        np.testing.assert_array_equal(x, read_x)
        np.testing.assert_array_equal(y, read_y)
    with pytest.raises(TypeError, match="data cannot be written as JSON"):
        TimeseriesGenerator([object()] * 3, SERIES[:3], 1).to_json()
    with pytest.raises(ArgumentError, match="to_json"):
        timeseries_generator_from_json("{}")


def test_a_model_learns_from_a_series():
    wave = np.sin(np.arange(120) / 3).astype("float32")[:, None]
    batches = TimeseriesGenerator(wave, wave, 6, batch_size=16)
    np.random.seed(1)
    model = Sequential([LSTM(4, input_shape=(6, 1)), Dense(1)])
    model.compile("adam", "mse")
    history = model.fit_generator(batches, epochs=3, workers=2, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert model.predict_generator(batches).shape == (114, 1)
