"""Users' code as it was written for Keras 2, on the engine of KCORE_BACKEND: layers, losses, optimizers, models' tensors."""

import numpy as np
import pytest

from kcore import backend as K
from kcore import initializers, layers, models, optimizers, regularizers
from kcore.constraints import Constraint
from kcore.errors import NotCompiled
from kcore.layers import (
    LSTM,
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Lambda,
    Layer,
    Masking,
)
from kcore.models import Model, Sequential
from kcore.optimizers import Optimizer
from kcore.regularizers import Regularizer

RNG = np.random.RandomState(5)
X = RNG.randn(48, 4).astype("float32")
Y = np.tanh(X @ RNG.randn(4, 2)).astype("float32")


# layers -----------------------------------------------------------------------------------------------------
class Antirectifier(Layer):
    """A layer of the handbook: both signs of centred, normalised values."""

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        shape[-1] *= 2
        return tuple(shape)

    def call(self, inputs):
        inputs -= K.mean(inputs, axis=1, keepdims=True)
        inputs = K.l2_normalize(inputs, axis=1)
        return K.concatenate([K.relu(inputs), K.relu(-inputs)], axis=1)


class MyDense(Layer):
    """A layer of the handbook: a weight made in build."""

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[1], self.output_dim), initializer="uniform", trainable=True
        )
        self.scale = K.variable(np.ones(self.output_dim), name="scale")
        self.trainable_weights.append(self.scale)  # lost in Keras's own later versions, kept as an attribute
        super().build(input_shape)

    def call(self, x):
        return K.dot(x, self.kernel) * self.scale

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        return dict(super().get_config(), output_dim=self.output_dim)


def test_layers_of_ones_own():
    np.random.seed(0)
    model = Sequential([MyDense(6, input_shape=(4,)), Antirectifier(), MyDense(2)])
    assert [layer.output_shape for layer in model.layers] == [(None, 6), (None, 12), (None, 2)]
    assert len(model.trainable_weights) == 4
    model.compile(optimizers.Adam(0.05), "mse")
    history = model.fit(X, Y, epochs=15, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]
    kernel, scale = (w.copy() for w in model.get_weights()[:2])
    h = X @ kernel * scale
    h = h - h.mean(1, keepdims=True)
    h = h / np.sqrt(np.maximum((h**2).sum(1, keepdims=True), 1e-12))
    want = np.concatenate([np.maximum(h, 0), np.maximum(-h, 0)], 1)
    got = K.function([model.input], [model.layers[1].output])([X])[0]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_lambda_reads_what_stands_around_it():
    factor, table = K.variable(3.0), np.eye(4, dtype="float32")[:, ::-1].copy()
    x = Input((4,))
    turned = Lambda(lambda t: K.dot(t, K.constant(table)) * factor)(x)
    pair = Lambda(lambda ts: ts[0] * ts[1], output_shape=lambda shapes: shapes[0])([x, turned])
    extra = Lambda(lambda t, power=1: K.pow(K.abs(t), power), arguments={"power": 2})(pair)
    model = Model(x, [turned, pair, extra])
    a, b, c = model.predict(X)
    np.testing.assert_allclose(a, 3 * X[:, ::-1], rtol=1e-6)
    np.testing.assert_allclose(b, a * X, rtol=1e-5)
    np.testing.assert_allclose(c, b**2, rtol=1e-5)
    K.set_value(factor, 1.0)  # a closure holds the variable, not its number
    np.testing.assert_allclose(model.predict(X)[0], X[:, ::-1], rtol=1e-6)


def test_a_layer_with_phases_masks_and_states_of_its_own():
    class Counting(Layer):
        """Counts the steps it was trained, and passes only what is not masked."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.supports_masking = True

        def build(self, input_shape):
            self.steps = self.add_weight("steps", (), initializer="zeros", trainable=False)
            super().build(input_shape)

        def call(self, inputs, mask=None, training=None):
            self.add_update([K.update_add(self.steps, 1.0)], inputs)
            kept = inputs if mask is None else inputs * K.cast(K.expand_dims(mask), K.floatx())
            return K.in_train_phase(kept * 2.0, kept, training=training)

    x = Input((3, 2))
    layer = Counting()
    model = Model(x, layer(Masking()(x)))
    model.compile("sgd", "mse")
    data = np.ones((4, 3, 2), "float32")
    data[:, 1] = 0
    np.testing.assert_array_equal(model.predict(data), data)
    assert model.evaluate(data, data, verbose=0) == 0.0
    assert model.train_on_batch(data, data) == pytest.approx(2 / 3)  # a masked step counts as a loss of zero
    model.fit(data, data, batch_size=2, epochs=2, verbose=0)
    assert K.get_value(layer.steps) == 5.0
    assert model.updates and K.is_tensor(layer.output_mask) and K.int_shape(layer.input_mask) == (None, 3)
    both = K.function([x, K.learning_phase()], [layer.output])
    np.testing.assert_array_equal(both([data, 1])[0], 2 * data)
    np.testing.assert_array_equal(both([data, 0])[0], data)


# losses, metrics, regularizers, constraints -----------------------------------------------------------------------
def test_losses_and_metrics_as_functions():
    def weighted(factor):
        def loss(y_true, y_pred):
            return K.mean(K.square(y_pred - y_true), axis=-1) * factor

        return loss

    def largest(y_true, y_pred):
        return K.max(K.abs(y_true - y_pred))

    np.random.seed(1)
    model = Sequential([Dense(2, input_shape=(4,))])
    model.compile("sgd", weighted(3.0), metrics=[largest, "mae"])
    assert model.metrics_names == ["loss", "largest", "mae"]
    loss, most, mean = model.evaluate(X, Y, batch_size=48, verbose=0)
    error = model.predict(X) - Y
    assert loss == pytest.approx(3 * np.square(error).mean(), rel=1e-5)
    assert most == pytest.approx(np.abs(error).max(), rel=1e-5)
    assert mean == pytest.approx(np.abs(error).mean(), rel=1e-5)


def test_regularizers_and_constraints_of_ones_own():
    class Decorrelated(Regularizer):
        def __init__(self, strength):
            self.strength = K.cast_to_floatx(strength)

        def __call__(self, x):
            gram = K.dot(K.transpose(x), x)
            return self.strength * K.sum(K.square(gram - K.eye(K.int_shape(x)[1])))

        def get_config(self):
            return {"strength": float(self.strength)}

    class UnitRows(Constraint):
        def __call__(self, w):
            return w / (K.epsilon() + K.sqrt(K.sum(K.square(w), axis=1, keepdims=True)))

    np.random.seed(2)
    regularizer = Decorrelated(0.1)
    model = Sequential(
        [
            Dense(2, input_shape=(4,), kernel_constraint=UnitRows(), use_bias=False),
            Dense(2, kernel_regularizer=regularizer, activity_regularizer=regularizers.l2(0.01)),
            Dense(2, kernel_regularizer=lambda w: 0.01 * K.sum(K.abs(w))),
        ]
    )
    assert len(model.losses) == 3
    model.compile(optimizers.SGD(0.05), "mse")
    before = model.evaluate(X, Y, verbose=0, batch_size=48)
    first, second, _, third, _ = model.get_weights()
    gram = second.T @ second - np.eye(2)
    hidden = K.function([model.input], [model.layers[1].output])([X])[0]
    penalty = 0.1 * np.square(gram).sum() + 0.01 * np.square(hidden).sum() + 0.01 * np.abs(third).sum()
    error = np.square(model.predict(X) - Y).mean()
    assert before == pytest.approx(error + penalty, rel=1e-4)
    history = model.fit(X, Y, epochs=10, verbose=0).history["loss"]
    assert history[-1] < history[0]
    np.testing.assert_allclose(np.linalg.norm(model.get_weights()[0], axis=1), np.ones(4), rtol=1e-5)


def test_losses_added_as_tensors():
    np.random.seed(3)
    x, y = Input((4,)), Input((2,))
    h = Dense(5, activation="tanh")(x)
    out = Dense(2)(h)
    model = Model([x, y], out)
    model.add_loss(K.mean(K.square(out - y)))  # the targets come in as an input
    model.add_loss(0.01 * K.sum(K.square(h)) / K.cast(K.shape(h)[0], "float32"))
    model.add_metric(K.mean(K.abs(out - y)), name="distance")
    model.compile(optimizers.Adam(0.05))
    assert model.metrics_names == ["loss", "distance"]
    hidden = K.function([x], [h])([X])[0]
    error = model.predict([X, Y]) - Y
    loss, distance = model.evaluate([X, Y], verbose=0, batch_size=48)
    assert loss == pytest.approx(np.square(error).mean() + 0.01 * np.square(hidden).sum() / 48, rel=1e-4)
    assert distance == pytest.approx(np.abs(error).mean(), rel=1e-4)
    history = model.fit([X, Y], epochs=15, verbose=0).history
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    assert history["distance"][-1] < history["distance"][0]


def test_a_layer_that_only_computes_a_loss():
    """The custom-loss layer of Keras's variational autoencoder."""

    class Divergence(Layer):
        is_placeholder = True

        def call(self, inputs):
            mean, log_variance = inputs
            loss = -0.5 * K.mean(
                K.sum(1 + log_variance - K.square(mean) - K.exp(log_variance), axis=-1), axis=0
            )
            self.add_loss(loss, inputs=inputs)
            return mean

    np.random.seed(4)
    x = Input((4,))
    mean, log_variance = Dense(2)(x), Dense(2)(x)
    mean_again = Divergence()([mean, log_variance])
    code = Lambda(lambda t: t[0] + K.exp(t[1] / 2) * K.random_normal(K.shape(t[0]), seed=1))(
        [mean_again, log_variance]
    )
    vae = Model(x, Dense(4)(code))
    vae.compile(optimizers.Adam(0.02), loss=None)
    assert len(vae.losses) == 1
    history = vae.fit(X, epochs=20, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]  # with nothing else to learn the codes become normal

    # the loss depends on inner tensors that the outputs' loss function sees through a closure
    def vae_loss(y_true, y_pred):
        spread = 1 + log_variance - K.square(mean) - K.exp(log_variance)
        return K.sum(K.square(y_true - y_pred), axis=-1) - 0.5 * K.sum(spread, axis=-1)

    other = Model(x, vae.output)
    other.compile(optimizers.Adam(0.02), vae_loss)
    history = other.fit(X, X, epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0]


# optimizers -------------------------------------------------------------------------------------------------
class LegacyMomentum(Optimizer):
    """An optimizer of Keras 2's days: everything in get_updates."""

    def __init__(self, lr=0.01, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")
            self.momentum = K.variable(momentum, name="momentum")

    def get_updates(self, loss, params):
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        moments = [K.zeros(K.int_shape(p), name="moment_" + str(i)) for (i, p) in enumerate(params)]
        self.weights = [self.iterations, *moments]
        for p, g, m in zip(params, grads, moments):
            v = self.momentum * m - self.lr * g
            self.updates.append(K.update(m, v))
            new_p = p + v
            if getattr(p, "constraint", None) is not None:
                new_p = p.constraint(new_p)
            self.updates.append(K.update(p, new_p))
        return self.updates

    def get_config(self):
        config = {"lr": float(K.get_value(self.lr)), "momentum": float(K.get_value(self.momentum))}
        return dict(list(super().get_config().items()) + list(config.items()))


def trained(optimizer, **fit):
    np.random.seed(7)
    model = Sequential([Dense(5, activation="tanh", input_shape=(4,)), Dense(2, kernel_constraint="maxnorm")])
    model.compile(optimizer, "mse")
    history = model.fit(X, Y, batch_size=16, epochs=4, shuffle=False, verbose=0, **fit).history["loss"]
    return history, model


def test_an_optimizer_of_ones_own():
    got, model = trained(LegacyMomentum(0.05))
    want, other = trained(optimizers.SGD(0.05, momentum=0.9))
    np.testing.assert_allclose(got, want, rtol=1e-5)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    weights = model.optimizer.get_weights()
    assert weights[0] == 12 and len(weights) == 5
    clipped, _ = trained(LegacyMomentum(0.05, clipnorm=0.01))
    want, _ = trained(optimizers.SGD(0.05, momentum=0.9, clipnorm=0.01))
    np.testing.assert_allclose(clipped, want, rtol=1e-5)
    assert LegacyMomentum.from_config(model.optimizer.get_config()).get_config()["lr"] == pytest.approx(0.05)
    K.set_value(model.optimizer.lr, 0.0)
    before = model.get_weights()
    K.batch_set_value([(m, np.zeros(K.int_shape(m))) for m in model.optimizer.weights[1:]])
    model.fit(X, Y, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)  # the constraint rounds


def test_updates_of_an_optimizer_without_a_model():
    target = K.constant([1.0, -2.0])
    w = K.variable([0.0, 0.0])
    loss = K.sum(K.square(w - target))
    for optimizer in (optimizers.SGD(0.1), optimizers.Adam(0.3), LegacyMomentum(0.05, 0.5)):
        K.set_value(w, [0.0, 0.0])
        step = K.function([], [loss], updates=optimizer.get_updates(loss, [w]))
        losses = [float(step([])[0]) for _ in range(40)]
        assert losses[0] == pytest.approx(5.0) and losses[-1] < 0.05


# freezing ---------------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore:Discrepancy")
def test_what_is_trainable_is_settled_by_compile():
    np.random.seed(8)
    judge = Sequential(
        [Dense(6, activation="relu", input_shape=(2,)), Dropout(0.1), Dense(1, activation="sigmoid")]
    )
    judge.compile("sgd", "binary_crossentropy")
    maker = Sequential([Dense(6, activation="relu", input_shape=(4,)), BatchNormalization(), Dense(2)])
    judge.trainable = False
    x = Input((4,))
    both = Model(x, judge(maker(x)))
    both.compile("sgd", "binary_crossentropy")
    ones = np.ones((48, 1), "float32")
    held, moved = judge.get_weights(), maker.get_weights()
    both.train_on_batch(X, ones)
    assert all(np.array_equal(a, b) for a, b in zip(held, judge.get_weights(), strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(moved[:4], maker.get_weights()[:4], strict=True))
    judge.train_on_batch(Y, ones)  # compiled before it was frozen
    assert not any(np.array_equal(a, b) for a, b in zip(held, judge.get_weights(), strict=True))

    one = Dense(2, input_shape=(4,), trainable=False)
    alone = Sequential([one, Dense(2)])
    alone.compile("sgd", "mse")
    kept = one.get_weights()
    alone.fit(X, Y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(kept, one.get_weights(), strict=True))
    one.trainable = True
    alone.compile("sgd", "mse")
    alone.fit(X, Y, verbose=0)
    assert not np.array_equal(kept[0], one.get_weights()[0])


# tensors of a model -------------------------------------------------------------------------------------------
def compiled_model():
    np.random.seed(9)
    x = Input((4,), name="x")
    h = Dropout(0.5, name="d")(Dense(3, activation="tanh", name="h", kernel_regularizer="l2")(x))
    model = Model(x, Dense(2, name="y")(h))
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def test_gradients_of_a_compiled_model():
    """The recipe of many a question: the gradients of a model's loss by its weights."""
    model = compiled_model()
    weights = [w for w in model.trainable_weights if model.get_layer(w.name.split("/")[0]).trainable]
    gradients = model.optimizer.get_gradients(model.total_loss, weights)
    inputs = [model.inputs[0], model.sample_weights[0], model.targets[0], K.learning_phase()]
    run = K.function(inputs=inputs, outputs=[model.total_loss, *gradients])
    loss, *found = run([X, np.ones(48), Y, 0])
    assert loss == pytest.approx(model.evaluate(X, Y, verbose=0, batch_size=48)[0], rel=1e-5)
    assert [g.shape for g in found] == [w.shape for w in model.get_weights()]
    error = model.predict(X) - Y
    np.testing.assert_allclose(found[-1], error.mean(0), rtol=1e-4, atol=1e-6)  # d mse / d bias


def test_functions_and_tensors_of_a_compiled_model():
    model = compiled_model()
    assert [K.int_shape(t) for t in model.targets] == [(None, 2)]
    assert len(model.metrics_tensors) == 1 and model.stateful_metric_names == ["mae"]
    assert model.uses_learning_phase and K.learning_phase() in model.train_function.inputs
    fed = [*model._feed_inputs, *model._feed_targets, *model._feed_sample_weights]
    arrays = [X, Y, np.ones(48, "float32")]
    loss, mae = K.function(fed, [model.total_loss, *model.metrics_tensors])(arrays)
    assert [float(loss), float(mae)] == pytest.approx(
        model.evaluate(X, Y, batch_size=48, verbose=0), rel=1e-5
    )

    before = model.get_weights()
    model.reset_metrics()
    tested = model.test_function([*arrays, 0])
    assert [float(v) for v in tested] == pytest.approx([float(loss), float(mae)], rel=1e-5)
    np.testing.assert_allclose(model.predict_function([X, 0])[0], model.predict(X), rtol=1e-5, atol=1e-6)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model._make_train_function()
    losses = [float(model.train_function([*arrays, 1])[0]) for _ in range(30)]
    assert losses[-1] < losses[0]
    assert K.get_value(model.optimizer.iterations) == 30
    kept = model.train_function
    assert model.train_function is kept
    model.train_function = None  # as code for Keras 2 asks for a new one
    assert model.train_function is not kept
    with pytest.raises(NotCompiled, match="call compile"):
        Sequential([Dense(1, input_shape=(2,))]).metrics_tensors  # noqa: B018


def test_a_shared_layer_has_a_tensor_for_each_call():
    shared = Dense(3, name="shared")
    a, b = Input((4,)), Input((4,))
    first, second = shared(a), shared(b)
    assert shared.get_output_at(0) is first and shared.get_output_at(1) is second
    assert shared.get_input_at(1) is b and shared.get_output_shape_at(0) == (None, 3)
    assert shared.get_input_mask_at(0) is None and shared.get_output_mask_at(1) is None
    with pytest.raises(AttributeError, match=r"called 2 times.*get_output_at"):
        shared.output  # noqa: B018
    got = K.function([b], [shared.get_output_at(1)])([X])[0]
    np.testing.assert_allclose(got, Model(b, second).predict(X), rtol=1e-6)


def test_masks_are_tensors():
    x = Input((5,), dtype="int32")
    embedding, reader = Embedding(7, 3, mask_zero=True), LSTM(2)
    reader(embedding(x))
    words = np.array([[1, 2, 0, 0, 0], [3, 0, 4, 0, 5]])
    mask = K.function([x], [reader.input_mask])([words])[0]
    np.testing.assert_array_equal(mask, words != 0)
    assert reader.input_mask is embedding.output_mask and reader.output_mask is None


def test_inner_activations_and_class_activation_maps():
    """Grad-CAM: how much each place of the last convolution speaks for a class."""
    np.random.seed(10)
    x = Input((6, 6, 1))
    conv = Conv2D(3, 3, activation="relu", name="last")(x)
    model = Model(x, Dense(2, activation="softmax")(GlobalAveragePooling2D()(conv)))
    images = RNG.rand(2, 6, 6, 1).astype("float32")
    score = model.output[:, 1]
    last = model.get_layer("last")
    slopes = K.gradients(score, last.output)[0]
    pooled = K.mean(slopes, axis=(0, 1, 2))
    run = K.function([model.input], [pooled, last.output[0], slopes])
    weights, maps, found = run([images])
    np.testing.assert_allclose(weights, found.mean((0, 1, 2)), rtol=1e-5)
    assert maps.shape == (4, 4, 3) and np.abs(weights).max() > 0
    # the slope of an average over 16 places is the same at each
    np.testing.assert_allclose(found[:, 0, 0], found[:, 3, 2], rtol=1e-5)


def test_every_layers_output_at_once():
    model = compiled_model()
    outputs = [layer.output for layer in model.layers]
    run = K.function([model.input, K.learning_phase()], outputs)
    found = run([X, 0.0])
    assert [f.shape for f in found] == [(48, 4), (48, 3), (48, 3), (48, 2)]
    np.testing.assert_allclose(found[-1], model.predict(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[1], found[2])
    dropped = run([X, 1.0])
    assert (dropped[2] == 0).mean() > 0.2


def test_an_input_made_of_a_tensor():
    image = K.variable(RNG.rand(1, 4))
    x = Input(tensor=image)
    model = Model(x, Dense(2)(x))
    activity = K.sum(model.output)
    slope = K.gradients(activity, [image])[0]
    climb = K.function([], [activity], updates=[K.update_add(image, 0.1 * slope)])
    values = [float(climb([])[0]) for _ in range(5)]
    assert all(b > a for a, b in zip(values, values[1:]))


# small things ---------------------------------------------------------------------------------------------------
def test_settings_and_names():
    assert K.floatx() == "float32" and K.epsilon() == 1e-7 and K.image_data_format() == "channels_last"
    assert initializers.get("zeros")((2,), dtype="float32") is not None and K.backend()
    with K.name_scope("block"):
        v = K.variable(1.0, name="v")
        with K.name_scope("inner"):
            p = K.placeholder((2,), name="p")
    names = (v.name, p.name, K.zeros((2,), name="z").name)
    assert names == ("block/v:0", "block/inner/p:0", "z:0")
    first, second = K.get_uid("thing_of_this_test"), K.get_uid("thing_of_this_test")
    assert second == first + 1


def test_python_operators_and_indexing():
    x, y = K.placeholder((None, 4)), K.placeholder((None, 4))
    programs = {
        "arithmetic": (lambda a, b: (2 * a - b / 3 + 1) ** 2 // 1.5 % 4 + abs(-a), None),
        "comparison": (lambda a, b: (a > b) & ~(a < 0) | (a >= 1), None),
        "columns": (lambda a, b: a[:, 1] + b[:, -1], None),
        "steps": (lambda a, b: a[::2, ::-1], None),
        "new axis": (lambda a, b: a[:, None, ..., 1:3], None),
        "last rows": (lambda a, b: b[-3:], None),
    }
    other = RNG.randn(48, 4).astype("float32")
    for name, (program, _) in programs.items():
        got = K.function([x, y], program(x, y))([X, other])
        np.testing.assert_allclose(got, program(X, other), rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_names_of_keras_2_are_where_they_were():
    model = Sequential()
    model.add(layers.Dense(3, input_dim=4))
    model.add(Activation(lambda t: K.maximum(t, 0.0)))
    model.add(layers.Reshape((3, 1)))
    model.add(Flatten())
    assert model.output_shape == (None, 3) and isinstance(model, models.Model)
    assert (model.predict(X) >= 0).all()


def test_get_value_of_what_needs_nothing_fed():
    np.testing.assert_array_equal(K.get_value(K.constant([1.0, 2.0]) * 2), [2.0, 4.0])
    decoded, _ = K.ctc_decode(np.eye(4, dtype="float32")[None, [1, 1, 3, 2]], [4])
    np.testing.assert_array_equal(K.get_value(decoded[0]), [[1, 2]])
    assert [v.tolist() for v in K.batch_get_value([K.variable(1.0), K.constant(2.0)])] == [1.0, 2.0]
