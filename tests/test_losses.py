"""Losses against the original's numbers, their classes, weights, names, and what fits what."""

import numpy as np
import pytest

from golden import case_id, cases, load, relative_error, tolerance
from kcore import backend as K
from kcore import losses
from kcore.errors import ArgumentError, ShapeError, UnknownName

LIMIT = 1e-5
GRADIENT_LIMIT = 1e-4


@pytest.mark.parametrize("case", [c for c in cases("losses") if "function" in c], ids=case_id)
def test_function_and_gradient(case):
    arrays = load(case)
    function = getattr(losses, case["function"])
    y_true = K.placeholder(shape=arrays["y_true"].shape, dtype=arrays["y_true"].dtype.name)
    y_pred = K.placeholder(shape=arrays["y_pred"].shape)
    output = function(y_true, y_pred, **case["kwargs"])
    (gradient,) = K.gradients(K.sum(output * arrays["cotangent"]), [y_pred])
    run = K.function([y_true, y_pred], [output, gradient])
    value, slope = run([arrays["y_true"], arrays["y_pred"]])
    assert relative_error(value, arrays["output"]) <= tolerance(case, "output", LIMIT)
    assert relative_error(slope, arrays["grad_y_pred"]) <= tolerance(case, "grad_y_pred", GRADIENT_LIMIT)


@pytest.mark.parametrize("case", cases("losses", "class_*"), ids=case_id)
def test_class(case):
    arrays = load(case)
    loss = getattr(losses, case["class_name"]).from_config(case["config"])
    assert loss.get_config() == case["config"]
    weight = arrays.get("sample_weight", case["scalar_sample_weight"])
    value = K.eval(loss(arrays["y_true"], arrays["y_pred"], sample_weight=weight))
    assert relative_error(value, arrays["output"]) <= tolerance(case, "output", LIMIT)


@pytest.mark.parametrize("axis, classes", [(1, 3), (-1, 4)])
def test_smoothing_reads_the_number_of_classes_at_an_axis(axis, classes):
    uniform = np.full((2, 3, 4), 0.25, "float32")
    targets = np.zeros((2, 3, 4), "float32")
    targets[..., 1] = 1.0
    smooth = losses.categorical_crossentropy(targets, uniform, label_smoothing=0.5, smoothing_axis=axis)
    want = np.full((2, 3), np.log(4.0) * (0.5 + 4 * 0.5 / classes))
    np.testing.assert_allclose(K.eval(smooth), want, rtol=1e-6)
    loss = losses.CategoricalCrossentropy(label_smoothing=0.5, smoothing_axis=axis)
    assert losses.CategoricalCrossentropy.from_config(loss.get_config()).get_config() == loss.get_config()


def test_hinge_takes_0_and_1_for_signs():
    y_pred = np.array([[0.3, -0.6]], "float32")
    for loss in (losses.hinge, losses.squared_hinge):
        np.testing.assert_allclose(
            K.eval(loss(np.array([[0.0, 1.0]]), y_pred)), K.eval(loss(np.array([[-1.0, 1.0]]), y_pred))
        )


def test_lists_and_integers_are_taken():
    assert float(K.eval(losses.MeanSquaredError()([[0, 1]], [[1, 1]]))) == pytest.approx(0.5)
    assert float(K.eval(losses.MeanSquaredError("sum")([[0], [1]], [[2], [1]], [1, 0]))) == pytest.approx(4.0)


def test_a_loss_of_a_symbolic_tensor_stays_symbolic():
    loss = losses.Huber()(np.ones((2, 3), "float32"), K.placeholder(shape=(2, 3)))
    assert K.is_tensor(loss)
    assert K.int_shape(loss) == ()


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="sample weights of shape"):
        losses.MeanSquaredError()(np.ones((4, 2)), np.ones((4, 2)), sample_weight=np.ones((3,)))


def test_masked_weights():
    mask = np.array([[True, False], [True, True]])
    np.testing.assert_array_equal(K.eval(losses.masked_weights(mask)), [[1, 0], [1, 1]])
    weighted = losses.masked_weights(mask, np.array([2.0, 3.0], "float32"))
    np.testing.assert_array_equal(K.eval(weighted), [[2, 0], [3, 3]])


@pytest.mark.parametrize(
    "alias, name",
    [
        ("mse", "mean_squared_error"),
        ("MSE", "mean_squared_error"),
        ("mae", "mean_absolute_error"),
        ("mape", "mean_absolute_percentage_error"),
        ("msle", "mean_squared_logarithmic_error"),
        ("kld", "kullback_leibler_divergence"),
        ("cosine", "cosine_proximity"),
        ("cosine_similarity", "cosine_proximity"),
        ("hinge", "hinge"),
    ],
)
def test_names(alias, name):
    found = losses.get(alias)
    assert found is getattr(losses, name)
    assert losses.serialize(found) == name


def test_classes_by_name_and_configuration():
    assert isinstance(losses.get("Huber"), losses.Huber)
    stored = losses.serialize(losses.Huber(delta=0.3, reduction="sum"))
    assert stored["class_name"] == "Huber"
    assert losses.deserialize(stored).get_config() == {"delta": 0.3, "name": "huber_loss", "reduction": "sum"}


def test_get_of_none_a_function_and_nonsense():
    assert losses.get(None) is None
    assert losses.get(losses.mse) is losses.mse
    with pytest.raises(UnknownName, match="mean_squared_error"):
        losses.get("mean_squared_eror")
    with pytest.raises(ArgumentError):
        losses.get(3)
    with pytest.raises(ArgumentError, match="sum_over_batch_size"):
        losses.Hinge(reduction="mean")


def test_is_categorical_crossentropy():
    assert losses.is_categorical_crossentropy("categorical_crossentropy")
    assert losses.is_categorical_crossentropy(losses.CategoricalCrossentropy())
    assert not losses.is_categorical_crossentropy(losses.mse)


@pytest.mark.parametrize(
    "loss, target, output",
    [
        (losses.mse, (None, 3), (None, 3)),
        (losses.sparse_categorical_crossentropy, (None, 1), (None, 3)),
        (losses.sparse_categorical_crossentropy, (None, 7), (None, 7, 3)),
        (lambda y_true, y_pred: y_pred, (None, 1), (None, 3)),
        (losses.hinge, (None, 1), (None, 3)),
    ],
)
def test_what_fits(loss, target, output):
    losses.check_loss_fits(loss, target, output, "scores")


@pytest.mark.parametrize(
    "loss, target, advice",
    [
        (losses.mse, (None, 2), "Reshape the targets"),
        (losses.CategoricalCrossentropy(), (None, 1), "sparse_categorical_crossentropy"),
        (losses.sparse_categorical_crossentropy, (None, 3), "use categorical_crossentropy"),
    ],
)
def test_what_does_not_fit(loss, target, advice):
    with pytest.raises(ShapeError, match="'scores'.*expected.*found") as raised:
        losses.check_loss_fits(loss, target, (None, 3), "scores")
    assert advice in str(raised.value)


def test_smoothing_needs_an_axis_of_classes():
    with pytest.raises(ShapeError, match="number of classes, at axis 1"):
        losses.CategoricalCrossentropy(label_smoothing=0.1)(np.ones(3), np.ones(3))


def test_classes_of_one_sample_alone():
    loss = losses.sparse_categorical_crossentropy(K.constant([1.0]), K.constant([0.2, 0.8]))
    np.testing.assert_allclose(K.eval(loss), [-np.log(0.8)], rtol=1e-6)
