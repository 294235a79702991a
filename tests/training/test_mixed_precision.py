"""Training under dtype policies: losses, steps, scaled losses, steps of one's own, float64 to the last digits."""

import numpy as np
import pytest

import kcore
from kcore import backend as K
from kcore import layers, losses, metrics, models, optimizers
from kcore.layers import BatchNormalization, Dense, Input
from kcore.mixed_precision import policy_scope
from kcore.optimizers import SGD, Adam, GradientAccumulation, LossScaleOptimizer

RNG = np.random.RandomState(3)
X = RNG.randn(96, 6).astype("float32")
LABELS = (X @ RNG.randn(6, 3)).argmax(-1)
Y = np.eye(3, dtype="float32")[LABELS]


def classifier(policy, last=None):
    np.random.seed(5)
    with policy_scope(policy):
        return models.Sequential(
            [
                Dense(16, activation="relu", input_shape=(6,), kernel_regularizer="l2"),
                BatchNormalization(),
                Dense(3, activation="softmax", dtype=last),
            ]
        )


def trained(policy, optimizer=None, last=None, epochs=6, **options):
    model = classifier(policy, last)
    optimizer = Adam(0.02) if optimizer is None else optimizer
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy", metrics.AUC()], **options)
    history = model.fit(X, Y, batch_size=16, epochs=epochs, shuffle=False, verbose=0).history
    return model, history


@pytest.fixture(scope="module")
def exact():
    model, history = trained("float32")
    return history, model.evaluate(X, Y, verbose=0), model.predict(X)


@pytest.mark.parametrize(
    "policy, last", [("mixed_float16", None), ("mixed_float16", "float32"), ("mixed_bfloat16", None)]
)
def test_a_mixed_model_trains_as_one_in_float32(policy, last, exact):
    model, history = trained(policy, last=last)
    limit = 0.02 if policy == "mixed_float16" else 0.1
    np.testing.assert_allclose(history["loss"], exact[0]["loss"], atol=limit)
    np.testing.assert_allclose(history["accuracy"], exact[0]["accuracy"], atol=0.05)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), exact[1], atol=2 * limit)
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    predicted = model.predict(X)
    assert model.output.dtype == (last or policy.removeprefix("mixed_"))
    np.testing.assert_allclose(np.asarray(predicted, "float32"), exact[2], atol=3 * limit)
    assert {w.dtype for w in model.weights} == {"float32"}
    assert {w.dtype for w in model.optimizer.weights} <= {"float32", "int64"}
    assert model.total_loss.dtype == "float32"
    assert isinstance(model.optimizer, LossScaleOptimizer) == (policy == "mixed_float16")


@pytest.mark.parametrize("policy, limit", [("float16", 0.02), ("bfloat16", 0.1)])
def test_a_model_of_a_narrow_type_trains_as_one_in_float32(policy, limit, exact):
    model, history = trained(policy, epochs=2)
    assert {w.dtype for w in model.layers[0].weights} == {policy}
    np.testing.assert_allclose(history["loss"], exact[0]["loss"][:2], atol=limit)


def test_probabilities_near_0_do_not_stop_the_training():
    """1 / p times the scale is beyond float16: the loss looks at the softmax before it was rounded."""
    model = classifier("mixed_float16")
    model.compile(SGD(0.1), "categorical_crossentropy")
    model.layers[-1].set_weights([np.zeros((16, 3)), np.array([14.0, 0.0, -14.0])])
    before = model.get_weights()
    model.train_on_batch(X[:16], Y[:16])
    assert model.optimizer.current_scale == 2.0**15  # nothing was infinite
    assert not np.allclose(model.get_weights()[0], before[0])


def test_float16_gets_a_scaled_loss_unless_it_has_one():
    def compiled(policy, optimizer, **options):
        model = models.Sequential([Dense(2, input_shape=(6,), dtype=policy)])
        model.compile(optimizer, "mse", **options)
        return model.optimizer

    given = SGD(0.1)
    wrapped = compiled("mixed_float16", given)
    assert isinstance(wrapped, LossScaleOptimizer) and wrapped.optimizer is given
    assert isinstance(compiled("float16", "adam"), LossScaleOptimizer)
    assert isinstance(compiled("mixed_bfloat16", "adam"), Adam)
    assert isinstance(compiled("float32", "adam"), Adam)
    assert isinstance(compiled("mixed_float16", "adam", auto_scale_loss=False), Adam)
    own = LossScaleOptimizer(SGD(0.1), initial_scale=8.0)
    assert compiled("mixed_float16", own) is own
    around = GradientAccumulation(own, 2)
    assert compiled("mixed_float16", around) is around
    assert isinstance(
        compiled("mixed_float16", GradientAccumulation(SGD(0.1), 2)).optimizer, GradientAccumulation
    )
    x = Input((6,))
    outer = models.Model(
        x, Dense(1)(models.Sequential([Dense(2, input_shape=(6,), dtype="mixed_float16")])(x))
    )
    outer.compile("sgd", "mse")
    assert isinstance(outer.optimizer, LossScaleOptimizer)
    assert outer.optimizer.learning_rate is outer.optimizer.optimizer.learning_rate


def test_steps_that_overflow_are_left_out():
    model = models.Sequential([Dense(2, input_shape=(6,), dtype="mixed_float16")])
    model.compile(SGD(0.01, momentum=0.9), "mse")
    before = model.get_weights()
    with np.errstate(all="ignore"):
        model.train_on_batch(np.full((4, 6), 6e4, "float32"), np.zeros((4, 2)))
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.optimizer.current_scale == 2.0**14
    assert int(K.get_value(model.optimizer.iterations)) == 0
    model.train_on_batch(X[:4], np.zeros((4, 2)))
    assert not np.array_equal(model.get_weights()[0], before[0])
    assert int(K.get_value(model.optimizer.iterations)) == 1


def test_small_gradients_survive_by_the_scale():
    """A gradient of 1e-8 is 0 in float16."""

    def moved(**options):
        model = models.Sequential([Dense(1, use_bias=False, input_shape=(1,), dtype="mixed_float16")])
        model.set_weights([np.ones((1, 1))])
        model.compile(SGD(1e6), lambda y, p: 1e-8 * (p - y), **options)
        model.train_on_batch(np.ones((4, 1)), np.zeros((4, 1)))
        return 1 - float(model.get_weights()[0][0, 0])

    assert moved(auto_scale_loss=False) == 0.0
    np.testing.assert_allclose(moved(), 1e-2, rtol=1e-2)


def test_losses_and_metrics_are_computed_in_float32():
    half = np.array([[1.0, 2.0]], "float16")
    loss = losses.MeanSquaredError()(np.array([[1.001, 2.001]], "float32"), half)
    assert K.dtype(loss) == "float32"
    np.testing.assert_allclose(np.asarray(loss), 1e-6, rtol=1e-3)
    with policy_scope("float16"):
        assert metrics.Mean().dtype == metrics.AUC().dtype == "float32"
    with policy_scope("float64"):
        assert metrics.Mean().dtype == "float64"
    mean = metrics.Mean()
    for _ in range(3):
        mean.update_state(np.full(2000, 1.0, "float16"))
    assert float(K.get_value(mean.count)) == 6000.0


def test_class_indices_beyond_what_float16_can_tell():
    model = models.Sequential([Dense(2100, activation="softmax", input_shape=(2,), dtype="mixed_float16")])
    bias = np.zeros(2100)
    bias[[2049, 2051]] = 9.0, 8.0
    model.set_weights([np.zeros((2, 2100)), bias])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(np.zeros((2, 2)), np.array([2049, 2051]), verbose=0)
    chances = np.exp(bias) / np.exp(bias).sum()
    np.testing.assert_allclose(loss, -np.log(chances[[2049, 2051]]).mean(), rtol=1e-4)
    assert accuracy == 0.5


# steps of one's own --------------------------------------------------------------------------------------------
class Default(models.Model):
    def train_step(self, data):
        return super().train_step(data)


class Scaled(models.Model):
    """As tf.keras's guide has it."""

    def train_step(self, data):
        x, y = data
        weights = self.trainable_weights
        loss = self.compute_loss(x, y, self(x, training=True))
        scaled = self.optimizer.get_scaled_loss(loss)
        gradients = self.optimizer.get_unscaled_gradients(K.gradients(scaled, weights))
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return {"loss": loss}


@pytest.mark.parametrize("kind", [Default, Scaled])
def test_a_train_step_of_ones_own_scales_too(kind):
    def fitted(kind):
        np.random.seed(1)
        with policy_scope("mixed_float16"):
            x = Input((6,))
            model = kind(x, Dense(3, activation="softmax")(Dense(8, activation="tanh")(x)))
        model.compile(SGD(0.2, momentum=0.5), "categorical_crossentropy")
        return model, model.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0).history["loss"]

    model, found = fitted(kind)
    usual, want = fitted(models.Model)
    np.testing.assert_allclose(found, want, rtol=1e-5)
    for a, b in zip(model.get_weights(), usual.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert isinstance(model.optimizer, LossScaleOptimizer)
    before = model.get_weights()
    with np.errstate(all="ignore"):
        model.train_on_batch(np.full((16, 6), 1e6, "float32"), Y[:16])
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.optimizer.current_scale == 2.0**14


def test_gradients_of_a_function_that_calls_a_mixed_model():
    model = classifier("mixed_float16")
    loss = lambda x: K.mean(K.square(K.cast(model(x), "float32")))
    value, slope = kcore.value_and_grad(loss)(X[:4])
    assert np.isfinite(value) and K.dtype(slope) == "float32" and np.abs(np.asarray(slope)).max() > 0


# float64 -------------------------------------------------------------------------------------------------------
def test_a_model_in_float64_is_exact():
    rng = np.random.RandomState(0)
    x, y = rng.randn(8, 4), rng.randn(8, 2)
    first, second = rng.randn(4, 5), rng.randn(5, 2)
    with policy_scope("float64"):
        model = models.Sequential(
            [Dense(5, activation="tanh", use_bias=False, input_shape=(4,)), Dense(2, use_bias=False)]
        )
        optimizer = SGD(0.1)
    model.set_weights([first, second])
    model.compile(optimizer, "mse", metrics=["mae"])
    hidden = np.tanh(x @ first)
    output = hidden @ second
    got = model.predict(x)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, output, rtol=1e-12)
    loss, mae = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(loss, np.mean((output - y) ** 2), rtol=1e-12)
    np.testing.assert_allclose(mae, np.mean(np.abs(output - y)), rtol=1e-12)
    np.testing.assert_allclose(model.train_on_batch(x, y)[0], loss, rtol=1e-12)
    slope = 2 * (output - y) / y.size
    want = [first - 0.1 * x.T @ (slope @ second.T * (1 - hidden**2)), second - 0.1 * hidden.T @ slope]
    for a, b in zip(model.get_weights(), want, strict=True):
        assert a.dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(np.asarray(model(x)), np.tanh(x @ want[0]) @ want[1], rtol=1e-10)


def test_one_layer_in_float64_is_exact():
    x = np.random.RandomState(1).randn(3, 4)
    data = Input((4,), dtype="float64")
    wide = Dense(2, dtype="float64", activation="sigmoid")(data)
    model = models.Model(data, [wide, Dense(2)(wide)])
    kernel = model.layers[1].get_weights()[0]
    np.testing.assert_allclose(model.predict(x)[0], 1 / (1 + np.exp(-x @ kernel)), rtol=1e-12)
    assert model.predict(x)[1].dtype == np.float32


# what is told --------------------------------------------------------------------------------------------------
def test_explain_tells_the_types_that_are_computed_in():
    model = classifier("mixed_float16", last="float32")
    kinds = {a.layer: a.dtypes for a in model.explain().accounts}
    inside = kcore.kernel.context.engine(model.backend).computed_in
    half = "float16" if "float16" not in inside else f"float16 (in {inside['float16']})"
    dense, normed, last = (la.name for la in model.layers)
    assert kinds[dense] == [half]
    assert set(kinds[normed]) == {"float32", half}
    assert kinds[last] == ["float32"]


def test_compare_measures_by_the_narrowest_type():
    model = classifier("mixed_float16")
    model.compile("adam", "categorical_crossentropy")
    found = kcore.compare(
        model, ["numpy", model.backend] if model.backend != "numpy" else ["numpy", "numpy"], (X[:8], Y[:8])
    )
    assert found.passed, found.verdict
    assert all("float16" in r.dtypes[-1] for r in found.rows if r.layer != "(loss)")
    assert sum(r.whole_gradient for r in found.rows) < np.inf


def test_optimizers_are_not_rounded_under_float16():
    with policy_scope("float16"):
        assert Adam(0.001).learning_rate.dtype == "float32"
    floatx = K.floatx()
    K.set_floatx("float16")
    try:
        model = models.Sequential([layers.Dense(2, input_shape=(6,))])
        model.compile(optimizers.Adam(0.01), "mse")
        history = model.fit(X, Y[:, :2], epochs=3, verbose=0).history["loss"]
    finally:
        K.set_floatx(floatx)
    assert {w.dtype for w in model.weights} == {"float16"} and model.predict(X).dtype == np.float16
    assert history[-1] < history[0]
