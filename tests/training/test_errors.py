"""Mistakes in compile and in data are told at once, with what to do about them."""

import numpy as np
import pytest

from kcore import metrics, models
from kcore.errors import ArgumentError, DataError, NotCompiled, ShapeError, UnknownName
from kcore.layers import Dense, Input, SimpleRNN

X = np.zeros((8, 3), "float32")
Y = np.zeros((8, 2), "float32")


def one(loss="mse", **compiled):
    model = models.Sequential([Dense(2, input_shape=(3,), name="out")])
    model.compile("sgd", loss, **compiled)
    return model


def two(**compiled):
    a, b = Input((3,), name="first"), Input((2,), name="second")
    model = models.Model([a, b], [Dense(2, name="left")(a), Dense(1, name="right")(b)])
    model.compile("sgd", **{"loss": "mse", **compiled})
    return model


def raises(kind, text):
    return pytest.raises(kind, match=text)


def test_model_that_is_not_compiled():
    model = models.Sequential([Dense(2, input_shape=(3,))])
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with raises(NotCompiled, r"not compiled: call compile\(optimizer, loss\) first"):
            call(X, Y)


def test_wrong_number_of_inputs():
    with raises(DataError, r"2 inputs \('first', 'second'\), but 1 array was given"):
        two().predict(X)
    with raises(DataError, r"1 input \('.*'\), but 2 arrays were given"):
        one().fit([X, X], Y, verbose=0)


def test_wrong_number_of_targets():
    with raises(DataError, r"2 targets \('left', 'right'\), but 1 array was given"):
        two().fit([X, X[:, :2]], Y, verbose=0)


def test_wrong_rank_and_size():
    with raises(ShapeError, r"input '.*' needs shape \(None, 3\); an array of shape \(8, 4\) was given"):
        one().predict(np.zeros((8, 4)))
    with raises(ShapeError, r"needs shape \(None, 3\); an array of shape \(8, 3, 1\) was given"):
        one().fit(X[..., None], Y, verbose=0)
    with raises(ShapeError, "is a single number"):
        one().predict(np.float32(3))


def test_unknown_names_come_with_the_nearest():
    model = two()
    with raises(UnknownName, r"no input named 'frist'. Did you mean 'first'\?"):
        model.predict({"frist": X, "second": X[:, :2]})
    with raises(UnknownName, r"no target named 'lift'. Did you mean 'left'\?"):
        model.fit([X, X[:, :2]], {"lift": Y, "right": Y[:, :1]}, verbose=0)
    with raises(DataError, "no data were given for input 'second'"):
        model.predict({"first": X})
    with raises(UnknownName, r"loss: the model has no output named 'lefd'. Did you mean 'left'\?"):
        two(loss={"lefd": "mse", "right": "mse"})
    with raises(UnknownName, r"metrics: the model has no output named 'rigth'. Did you mean 'right'\?"):
        two(metrics={"rigth": "mae"})
    with raises(UnknownName, "loss_weights: the model has no output named"):
        two(loss_weights={"rigth": 2.0})
    with raises(UnknownName, "sample_weight: the model has no output named 'rigth'"):
        two().fit([X, X[:, :2]], [Y, Y[:, :1]], sample_weight={"rigth": np.ones(8)}, verbose=0)


def test_unknown_strings_at_compile():
    model = models.Sequential([Dense(2, input_shape=(3,))])
    with raises(UnknownName, "categorical_crossentropy"):
        model.compile("sgd", "categorical_crossentropi")
    with raises(UnknownName, "adam"):
        model.compile("adaam", "mse")
    with raises(UnknownName, "accuracy"):
        model.compile("sgd", "mse", metrics=["binary_acuracy"])


def test_wrong_numbers_of_losses_and_metrics():
    with raises(ArgumentError, r"loss: 1 were given for 2 outputs \(left, right\)"):
        two(loss=["mse"])
    with raises(ArgumentError, "metrics: 1 lists were given for 2 outputs"):
        two(metrics=[["mae"]])
    with raises(ArgumentError, "loss_weights: 3 were given for 2 outputs"):
        two(loss_weights=[1, 2, 3])
    with raises(ArgumentError, "no loss to minimise"):
        models.Sequential([Dense(2, input_shape=(3,))]).compile("sgd")


def test_a_metric_of_several_numbers():
    with raises(ShapeError, r"the metric 'recall' gives numbers of shape \(2,\).*one for each threshold"):
        one(metrics=[metrics.Recall(thresholds=[0.3, 0.5], name="recall")])


def test_target_that_does_not_fit_the_loss():
    classes = np.zeros(8)
    with raises(ShapeError, r"needs shape \(None, 2\); an array of shape \(8, 1\).* use to_categorical\(y\)"):
        one("categorical_crossentropy").fit(X, classes, verbose=0)
    with raises(ShapeError, r"needs shape \(None, 1\); an array of shape \(8, 2\).* class indices"):
        one("sparse_categorical_crossentropy").fit(X, Y, verbose=0)
    with raises(ShapeError, "mean_squared_error compares it with the output 'out'"):
        one().fit(X, Y[:, :1], verbose=0)


def test_nan_in_the_data():
    bad = X.copy()
    bad[5, 1] = np.nan
    with raises(DataError, r"input '.*' holds NaN, first in row 5 \(1 of 8 rows"):
        one().fit(bad, Y, verbose=0)
    target = Y.copy()
    target[[2, 3]] = np.nan
    with raises(DataError, r"target 'out' holds NaN, first in row 2 \(2 of 8 rows"):
        one().evaluate(X, target, verbose=0)
    with raises(DataError, "sample_weight of 'out' holds NaN"):
        one().train_on_batch(X, Y, sample_weight=np.full(8, np.nan))


def test_nan_in_the_loss_is_a_warning():
    model = one("mse")
    model.set_weights([np.full((3, 2), 1e30, "float32"), np.zeros(2, "float32")])
    with pytest.warns(RuntimeWarning, match=r"the loss is (inf|nan) in epoch 1, step 2"):
        x = np.concatenate([np.zeros((4, 3)), np.ones((4, 3))])
        model.fit(x, Y, batch_size=4, shuffle=False, verbose=0)


def test_lengths():
    with raises(DataError, r"same number of rows; input '.*' has 8, target 'out' has 7"):
        one().fit(X, Y[:7], verbose=0)
    with raises(DataError, "sample_weight of 'out' has 3"):
        one().fit(X, Y, sample_weight=np.ones(3), verbose=0)


def test_empty_data():
    with raises(DataError, "the data set is empty"):
        one().fit(X[:0], Y[:0], verbose=0)
    with raises(DataError, "the data set is empty"):
        one().predict(X[:0])


def test_targets_left_out():
    with raises(DataError, "no targets were given; the outputs 'out' need them"):
        one().fit(X, verbose=0)


def test_batch_size_and_split():
    for size in (0, -3, 2.5):
        with raises(ArgumentError, f"batch_size={size}: a whole number above 0"):
            one().fit(X, Y, batch_size=size, verbose=0)
    with raises(ArgumentError, "validation_split=1.5: a number between 0 and 1"):
        one().fit(X, Y, validation_split=1.5, verbose=0)
    with raises(DataError, "validation_split=0.9 of 1 rows leaves nothing for training"):
        one().fit(X[:1], Y[:1], validation_split=0.9, verbose=0)
    with raises(DataError, "validation_data must be"):
        one().fit(X, Y, validation_data=X, verbose=0)


def test_objects_are_not_numbers():
    with raises(DataError, "Pad the rows to one length"):
        one().predict(np.array([[1, 2, 3], [1, 2]], dtype=object))
    with raises(DataError, "numbers are needed"):
        one().predict(np.array([["a", "b", "c"]]))


def test_weights_that_do_not_fit():
    with raises(ShapeError, "need sample_weight_mode='temporal' in compile"):
        one().fit(X, Y, sample_weight=np.ones((8, 2)), verbose=0)
    with raises(ShapeError, r"sample_weight_mode='temporal' needs an output \(batch, time"):
        one(sample_weight_mode="temporal")
    with raises(DataError, "class_weight has no entry for class 1 of output 'out'"):
        one().fit(X, np.eye(2, dtype="float32")[[0, 1] * 4], class_weight={0: 1.0}, verbose=0)
    with raises(DataError, "class_weight: the model has 2 outputs"):
        two().fit([X, X[:, :2]], [Y, Y[:, :1]], class_weight={0: 1.0}, verbose=0)


def test_generators():
    with raises(ArgumentError, "steps_per_epoch is needed with a generator"):
        one().fit(iter([(X, Y)]), verbose=0)
    with raises(ArgumentError, "y cannot be given with a generator"):
        one().fit(iter([(X, Y)]), Y, steps_per_epoch=1, verbose=0)
    with raises(DataError, r"must be a tuple \(x, y\)"):
        one().fit(iter([X]), steps_per_epoch=1, verbose=0)
    with raises(DataError, "fit_generator needs a generator or a Sequence; a ndarray was given"):
        one().fit_generator(X, steps_per_epoch=1)


def test_callback_class_instead_of_an_object():
    from kcore.callbacks import EarlyStopping

    with raises(ArgumentError, r"EarlyStopping is a class; give an object, EarlyStopping\(\)"):
        one().fit(X, Y, verbose=0, callbacks=[EarlyStopping])


def test_class_weights_by_a_word():
    """Keras 2 took class_weight="auto" and did nothing."""
    model = models.Sequential([Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    with pytest.raises(ArgumentError, match="give a dict of classes"):
        model.fit(np.ones((2, 3)), np.ones((2, 2)), class_weight="auto", verbose=0)


@pytest.mark.parametrize("rows, batch_size", [(2, None), (6, None), (4, 2)])
def test_batches_that_do_not_fit_the_states(rows, batch_size):
    x = Input(batch_shape=(3, 4, 2))
    model = models.Model(x, SimpleRNN(2, stateful=True)(x))
    assert model.predict(np.ones((6, 4, 2)), batch_size=3).shape == (6, 2)
    with pytest.raises(DataError, match="states for 3 rows.*batch_size=3"):
        model.predict(np.ones((rows, 4, 2)), batch_size=batch_size)
