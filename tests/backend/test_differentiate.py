"""kcore.grad and kcore.value_and_grad: one function for arrays, graphs, traced steps and loops, to any order."""

import gc
import weakref

import numpy as np
import pytest

import kcore
from kcore import backend as K
from kcore import models, optimizers
from kcore.errors import ArgumentError, DTypeError
from kcore.layers import BatchNormalization, Dense, Dropout, Input

X = np.array([0.5, -1.0, 2.0], "float32")


def number(value):
    return np.asarray(K.eval(value))


def cubes(x):
    return K.sum(x * x * x)


def test_on_arrays():
    value, slope = kcore.value_and_grad(cubes)(X)
    assert number(value) == pytest.approx((X**3).sum())
    np.testing.assert_allclose(number(slope), 3 * X**2, rtol=1e-6)
    np.testing.assert_allclose(number(kcore.grad(cubes)(X)), 3 * X**2, rtol=1e-6)
    assert number(kcore.grad(lambda x: x * x)(3)) == pytest.approx(6.0)
    assert number(kcore.grad(lambda x: x * x)(1.5)) == pytest.approx(3.0)


def test_on_placeholders_inside_a_function():
    x = K.placeholder((None,))
    value, slope = kcore.value_and_grad(cubes)(x)
    got = K.function([x], [value, slope * 2])([X])
    np.testing.assert_allclose(got[1], 6 * X**2, rtol=1e-6)


def test_to_any_order():
    third = kcore.grad(kcore.grad(kcore.grad(lambda x: x**4)))
    assert number(third(2.0)) == pytest.approx(48.0)
    hessian_times = kcore.grad(lambda x, v: K.sum(kcore.grad(cubes)(x) * v))
    np.testing.assert_allclose(number(hessian_times(X, X)), 6 * X * X, rtol=1e-6)


def test_arguments_in_structures():
    def total(p, scale, flag=True):
        return K.sum(p["w"] * p["b"][0]) * scale if flag else K.sum(p["w"])

    p = {"w": X, "b": [X * 2, "unused"]}
    slopes, by_scale = kcore.grad(total, argnums=(0, 1))(p, 3.0)
    np.testing.assert_allclose(number(slopes["w"]), 6 * X, rtol=1e-6)
    np.testing.assert_allclose(number(slopes["b"][0]), 3 * X, rtol=1e-6)
    assert slopes["b"][1] is None
    assert number(by_scale) == pytest.approx((2 * X * X).sum())
    np.testing.assert_allclose(number(kcore.grad(total)(p, 3.0, flag=False)["w"]), np.ones(3))


def test_only_the_argument_counts():
    x = K.placeholder((3,))
    slope = kcore.grad(lambda a: K.sum(a * x))(x)  # x from around is a constant for it
    np.testing.assert_allclose(K.function([x], slope)([X]), X)


def test_variables():
    w, b = K.variable(X), K.variable(0.0)

    def loss(x):
        return K.sum(w * w * x)

    find = kcore.value_and_grad(loss, variables=[w, b])
    for factor in (1.0, 2.0, 3.0):  # the third time compiled, reading the variable's new value
        K.set_value(w, X * factor)
        value, (by_w, by_b) = find(X)
        assert by_b is None
        np.testing.assert_allclose(number(by_w), 2 * factor * X * X, rtol=1e-6)
    slope = kcore.grad(lambda v: K.sum(v * v))(w)
    np.testing.assert_allclose(number(slope), 6 * X, rtol=1e-6)


def test_a_symbolic_tensor_from_around_makes_it_symbolic():
    x, w = K.placeholder((3,)), K.variable(X)
    value, (slope,) = kcore.value_and_grad(lambda: K.sum(w * x), variables=[w])()
    assert K.is_tensor(value) and K.is_tensor(slope)
    np.testing.assert_allclose(K.function([x], slope)([X]), X)


def test_aux_comes_back_as_it_is():
    def loss(x):
        y = x * 2
        return K.sum(y), {"y": y, "note": "kept"}

    (value, aux), slope = kcore.value_and_grad(loss, has_aux=True)(X)
    np.testing.assert_allclose(number(aux["y"]), X * 2)
    assert aux["note"] == "kept" and number(value) == pytest.approx(3.0)
    slope, aux = kcore.grad(loss, has_aux=True)(X)
    np.testing.assert_allclose(number(slope), [2, 2, 2])


def test_it_is_traced_once_per_kind_of_arguments():
    traces = []

    def traced(x):
        traces.append(x)
        return K.sum(x * x)

    find = kcore.grad(traced)
    for i in range(4):
        np.testing.assert_allclose(number(find(X * i)), 2 * X * i, rtol=1e-6)
    assert len(traces) == 1
    find(np.ones((2, 2), "float32"))
    assert len(traces) == 2


def test_within_loops():
    x = K.placeholder((None, 3))
    slopes = K.map_fn(kcore.grad(cubes), x)
    np.testing.assert_allclose(K.function([x], slopes)([np.stack([X, X * 2])])[1], 12 * X**2, rtol=1e-6)


class Fitted(models.Model):
    """A step written with value_and_grad, beside the same with K.gradients."""

    differentiate = True

    def train_step(self, data):
        x, y = data

        def loss_of(inputs):
            y_pred = self(inputs, training=True)
            return self.compute_loss(x, y, y_pred), y_pred

        weights = self.trainable_weights
        if self.differentiate:
            (loss, y_pred), slopes = kcore.value_and_grad(loss_of, variables=weights, has_aux=True)(x)
        else:
            loss, y_pred = loss_of(x)
            slopes = K.gradients(loss, weights)
        self.optimizer.apply_gradients(zip(slopes, weights))
        return {"loss": loss, **self.compute_metrics(x, y, y_pred)}


class Written(Fitted):
    differentiate = False


def test_in_a_train_step():
    rng = np.random.RandomState(0)
    x, y = rng.randn(32, 3).astype("float32"), rng.randn(32, 2).astype("float32")
    results = []
    for kind in (Fitted, Written):
        np.random.seed(1)
        inputs = Input((3,))
        h = Dropout(0.1, seed=4)(BatchNormalization()(Dense(4, kernel_regularizer="l2")(inputs)))
        model = kind(inputs, Dense(2)(h))
        model.compile(optimizers.Adam(0.05), "mse", metrics=["mae"])
        results.append((model.fit(x, y, epochs=3, verbose=0).history, model.get_weights()))
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_training_loop_of_ones_own():
    rng = np.random.RandomState(0)
    x = rng.randn(64, 3).astype("float32")
    y = x @ rng.randn(3, 1).astype("float32")
    np.random.seed(0)
    inputs = Input((3,))
    h = BatchNormalization()(Dense(8, activation="tanh")(inputs))
    model = models.Model(inputs, Dense(1)(h))
    moving = K.get_value(model.layers[2].moving_mean)
    optimizer = optimizers.Adam(0.02)
    step = kcore.value_and_grad(
        lambda a, b: K.mean(K.square(b - model(a, training=True))), variables=lambda: model.trainable_weights
    )
    losses = []
    for _ in range(60):
        loss, slopes = step(x, y)
        optimizer.apply_gradients(zip(slopes, model.trainable_weights))
        losses.append(float(number(loss)))
    assert losses[-1] < 0.1 * losses[0]
    assert not np.array_equal(K.get_value(model.layers[2].moving_mean), moving)
    moving = K.get_value(model.layers[2].moving_mean)
    kcore.grad(lambda a: K.sum(model(a)))(x)
    np.testing.assert_array_equal(K.get_value(model.layers[2].moving_mean), moving)
    assert len(model.layers[1]._inbound_nodes) == 1  # nothing of it stays in the model's graph


def test_assignments_take_effect():
    count = K.variable(0.0)

    def loss(x):
        count.assign_add(1.0)
        return K.sum(x) * count

    find = kcore.value_and_grad(loss)
    assert [float(number(find(X)[0])) for _ in range(3)] == pytest.approx([1.5, 3.0, 4.5])
    assert K.get_value(count) == 3.0


def test_random_numbers_are_drawn_anew():
    draw = kcore.value_and_grad(lambda x: K.sum(x * K.random_normal((3,))))
    values = [float(number(draw(X)[0])) for _ in range(4)]
    assert len(set(values)) == 4


def test_nothing_is_kept():
    w = K.variable(X)
    find = kcore.grad(lambda x, w=w: K.sum(w * x), variables=[w])
    find(X), find(X)
    gone = weakref.ref(w)
    del find, w
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: kcore.grad(K.placeholder((2,))), ArgumentError, r"take a function.*K\.gradients"),
        (lambda: kcore.grad(cubes, 0, variables=[]), ArgumentError, "not both"),
        (lambda: kcore.grad(cubes, argnums=1)(X), ArgumentError, r"called with 1 positional.*\(1,\)"),
        (lambda: kcore.grad(lambda x: None)(X), ArgumentError, "returned None"),
        (lambda: kcore.grad(lambda x: K.argmax(x))(X), DTypeError, "only floating types"),
        (lambda: kcore.grad(cubes)(np.arange(3)), DTypeError, "give it a floating type"),
        (lambda: kcore.grad(cubes, has_aux=True)(X), ArgumentError, r"must return \(value, aux\)"),
        (lambda: kcore.grad(cubes, variables=[X])(X), ArgumentError, "argnums="),
        (lambda: kcore.grad(cubes)("text"), ArgumentError, "no tensor among the arguments"),
    ],
)
def test_mistakes(make, error, words):
    with pytest.raises(error, match=words):
        make()
