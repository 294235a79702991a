"""Operations that have a form of their own in this engine: right at the corners, and whichever form is taken."""

import numpy as np
import pytest
import tensorflow as tf
from kcore_backend_tf.operations import images, normalization

import kcore
from kcore import backend as K
from kcore import losses


def run(function, *arrays, backend="tensorflow", gradients=()):
    """`function` of the arrays, and its gradients by those of these positions, as the engine computes them."""
    with kcore.use_backend(backend):
        inputs = [K.placeholder((None, *a.shape[1:]), dtype=str(a.dtype)) for a in arrays]
        result = function(*inputs)
        found = K.gradients(K.sum(result), [inputs[i] for i in gradients]) if gradients else []
        return K.function(inputs, [result, *found])(list(arrays))


# softmax ----------------------------------------------------------------------------------------------------------
ROWS = np.array([[1.0, np.nan, 2.0], [np.inf, 1.0, 2.0], [0.0, 1.0, 2.0]], "float32")


@pytest.mark.parametrize("weights", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.2, 0.3, 0.5]])
def test_nan_in_a_row_of_softmax_is_in_its_gradient_and_in_every_loss(weights):
    target = np.array([weights] * 3, "float32")
    scale = np.array([[1.0, 2.0, 3.0]] * 3, "float32")
    probabilities, slope = run(lambda x, s: K.softmax(x) * s, ROWS, scale, gradients=[0])
    assert np.isnan(probabilities).any(1).tolist() == [True, True, False]
    assert np.isnan(slope).all(1).tolist() == [True, True, False] and np.isfinite(slope[2]).all()
    classes = target.argmax(1).astype("float32")[:, None]
    for name, wanted in [
        ("categorical_crossentropy", target), ("sparse_categorical_crossentropy", classes),
        ("binary_crossentropy", target), ("mean_squared_error", target), ("kullback_leibler_divergence", target),
    ]:  # fmt: skip
        loss = run(lambda x, t, name=name: getattr(losses, name)(t, K.softmax(x)), ROWS, wanted)[0]
        assert np.isnan(loss).tolist() == [True, True, False], name


def test_softmax_of_infinities():
    x = np.array([[-np.inf, 1.0, 2.0], [-np.inf, -np.inf, 0.0]], "float32")
    np.testing.assert_allclose(run(K.softmax, x)[0], run(K.softmax, x, backend="numpy")[0], rtol=1e-6)


# activations ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_slopes_at_the_corners_of_hard_sigmoid_and_selu(kind):
    """Recorded from Keras 2.3.1: at both ends of the slope 0.2, at 0 the slope of what is below."""
    x = np.array([[-3.0, -2.5, 0.0, 2.5, 3.0, np.inf, -np.inf, np.nan]], kind)
    value, slope = run(K.hard_sigmoid, x, gradients=[0])
    tight = 1e-3 if kind == "float16" else 2e-7
    np.testing.assert_allclose(value, [[0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 0.0, np.nan]], atol=tight)
    np.testing.assert_allclose(slope, [[0.0, 0.2, 0.2, 0.2, 0.0, 0.0, 0.0, 0.0]], atol=tight)
    _, slope = run(K.selu, np.array([[0.0, -0.0, 1e-3]], kind), gradients=[0])
    np.testing.assert_allclose(slope, [[1.7580993, 1.7580993, 1.0507010]], rtol=1e-3)


# batch normalization ----------------------------------------------------------------------------------------------
SHAPES = [((12, 5), -1), ((3, 4, 5, 6), -1), ((3, 6, 4, 5), 1), ((3, 4, 6), 2), ((2, 3, 2, 4, 5), -1)]


def normalized(shape, axis, backend="tensorflow", kind="float32"):
    random = np.random.RandomState(0)
    x, pull = (random.randn(*shape).astype(kind) for _ in range(2))
    gamma, beta = (random.randn(shape[axis]).astype(kind) + 1.0 for _ in range(2))
    axes = [i for i in range(len(shape)) if i != axis % len(shape)]
    with kcore.use_backend(backend):
        inputs = [K.placeholder((None, *shape[1:]), dtype=kind) for _ in range(2)]
        vectors = [K.placeholder((shape[axis],), dtype=kind) for _ in range(2)]
        result, mean, variance = K.normalize_batch_in_training(inputs[0], *vectors, axes)
        found = K.gradients(K.sum(result * inputs[1]), [inputs[0], *vectors])
        return K.function([*inputs, *vectors], [result, mean, variance, *found])([x, pull, gamma, beta])


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("small", [0, 10**9])
def test_both_forms_of_batch_normalization_compute_the_same(monkeypatch, shape, axis, kind, small):
    monkeypatch.setattr(normalization, "SMALL", small)
    for found, wanted in zip(
        normalized(shape, axis, kind=kind), normalized(shape, axis, "numpy", kind), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("rows", [8, 4000])
def test_batch_normalization_chooses_its_form_by_the_size(monkeypatch, rows):
    """Rows are unknown to the graph: one program, two sizes, and the fused op runs for the larger one only."""
    asked = []
    plain = normalization._fused

    def noted(x, *rest):
        with tf.control_dependencies([tf.numpy_function(lambda: asked.append(1), [], [])]):
            return plain(tf.identity(x), *rest)

    monkeypatch.setattr(normalization, "_fused", noted)
    normalized((rows, 32), -1)
    assert len(asked) == (1 if rows * 32 >= normalization.SMALL else 0)


@pytest.mark.parametrize(("width", "forms"), [(8, {"composed", "fused"}), (9, {"fused"})])
def test_only_one_form_stands_in_the_graph_where_rows_are_large(monkeypatch, width, forms):
    made = set()
    for form in ("composed", "fused"):
        plain = getattr(normalization, f"_{form}")
        monkeypatch.setattr(
            normalization, f"_{form}", lambda *a, form=form, plain=plain: made.add(form) or plain(*a)
        )
    normalized((2, 9, width, 80), -1)  # 16 rows of 9 x 9 x 80 are more than SMALL values
    assert made == forms


def test_the_way_back_shares_what_the_way_forwards_computed(monkeypatch):
    made = []
    plain = normalization._composed
    monkeypatch.setattr(normalization, "_composed", lambda *a: made.append(1) or plain(*a))
    normalized((12, 5), -1)
    assert made == [1]


# bilinear resizing ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("few", [0, 10**9])
@pytest.mark.parametrize("factors", [(2, 2), (1, 2), (3, 2)])
def test_both_forms_of_the_gradient_of_bilinear_resizing_compute_the_same(monkeypatch, factors, few):
    monkeypatch.setattr(images, "FEW", few)
    random = np.random.RandomState(0)
    x = random.randn(2, 4, 5, 3).astype("float32")
    pull = random.randn(2, 4 * factors[0], 5 * factors[1], 3).astype("float32")

    def enlarged(x, pull):
        return K.resize_images(x, *factors, "channels_last", "bilinear") * pull

    found, wanted = (run(enlarged, x, pull, backend=b, gradients=[0])[1] for b in ("tensorflow", "numpy"))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
