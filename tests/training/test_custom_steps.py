"""train_step, test_step and predict_step of a subclass: traced once, compiled, with the meaning of lines in order."""

import numpy as np
import pytest

from kcore import backend as K
from kcore import metrics, models, optimizers
from kcore.backend.recording import recording
from kcore.callbacks import LambdaCallback
from kcore.errors import ArgumentError, DataError, GraphError, UnknownName
from kcore.layers import BatchNormalization, Concatenate, Dense, Dropout, Embedding, Flatten, Input
from kcore.utils import Sequence

rng = np.random.RandomState(2)
X = rng.randn(36, 3).astype("float32")
Y = (X @ rng.randn(3, 2)).astype("float32")
W = rng.rand(36).astype("float32")


class Own(models.Model):
    """The default steps, written out."""

    def train_step(self, data):
        x, y = data
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred)
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(K.gradients(loss, weights), weights))
        return {"loss": loss, **self.compute_metrics(x, y, y_pred)}


class Inherited(models.Model):
    def train_step(self, data):
        return super().train_step(data)

    def test_step(self, data):
        return super().test_step(data)

    def predict_step(self, data):
        return super().predict_step(data)


def functional(kind=models.Model, layers=(), **arguments):
    np.random.seed(0)
    x = h = Input((3,))
    for layer in [
        Dense(4, activation="tanh", kernel_regularizer="l2"),
        *(make() for make in layers),
        Dense(2),
    ]:
        h = layer(h)
    model = kind(x, h)
    model.compile(**{"optimizer": "adam", "loss": "mse", "metrics": ["mae"], **arguments})
    return model


def outcome(kind, x=X, y=Y, layers=(), fit=None, **arguments):
    model = functional(kind, layers, **arguments)
    np.random.seed(1)
    fit = {"epochs": 3, "batch_size": 8, "verbose": 0, **(fit or {})}
    history = model.fit(x, y, **fit).history
    return history, model.evaluate(x, y, verbose=0), model.predict(x), model.get_weights()


def agree(got, want):
    assert got[0].keys() == want[0].keys()
    for name, values in want[0].items():
        np.testing.assert_allclose(got[0][name], values, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-5)
    for a, b in zip([got[2], *got[3]], [want[2], *want[3]], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", [Own, Inherited])
@pytest.mark.parametrize("optimizer", ["adam", "nadam", "sgd", "rmsprop"])
def test_the_same_as_the_built_in_step(kind, optimizer):
    fit = {"validation_split": 0.25}
    agree(outcome(kind, fit=fit, optimizer=optimizer), outcome(models.Model, fit=fit, optimizer=optimizer))


def test_batch_normalization_updates_itself():
    layers = [BatchNormalization]
    agree(outcome(Own, layers=layers), outcome(models.Model, layers=layers))


def test_sample_and_class_weights():
    fit = {"sample_weight": W}
    arguments = {"weighted_metrics": ["mse"]}
    agree(outcome(Inherited, fit=fit, **arguments), outcome(models.Model, fit=fit, **arguments))
    classes = (Y[:, :1] > 0).astype("float32")
    fit = {"class_weight": {0: 1.0, 1: 4.0}}

    def make(kind):
        np.random.seed(0)
        x = Input((3,))
        model = kind(x, Dense(1, activation="sigmoid")(x))
        model.compile("sgd", "binary_crossentropy")
        return model.fit(X, classes, verbose=0, shuffle=False, **fit).history["loss"]

    np.testing.assert_allclose(make(Inherited), make(models.Model), rtol=1e-5)


def test_clipping_counts():
    arguments = {"optimizer": optimizers.SGD(0.1, clipnorm=0.05)}
    want = outcome(models.Model, optimizer=optimizers.SGD(0.1, clipnorm=0.05))
    agree(outcome(Own, **arguments), want)


def test_dropout_is_drawn_anew_and_repeats():
    make = [lambda: Dropout(0.5, seed=3)]
    first, second = outcome(Own, layers=make), outcome(Own, layers=make)
    assert first[0] == second[0]
    assert len(set(first[0]["loss"])) == 3
    still = outcome(Own, layers=make, optimizer=optimizers.SGD(0.0), fit={"shuffle": False})
    assert len(set(still[0]["loss"])) == 3  # other units each time, with the same weights


def test_results_do_not_depend_on_chunks():
    each = {"callbacks": [LambdaCallback(on_batch_end=lambda b, logs: None)]}
    assert outcome(Own)[0] == outcome(Own, fit=each)[0]


class Tracking(models.Model):
    """As the handbooks of later Kerases write it: metrics of its own, model without loss in compile()."""

    def __init__(self):
        super().__init__()
        self.dense = Dense(2)
        self.tracker = metrics.Mean(name="loss")
        self.error = metrics.MeanAbsoluteError(name="error")

    def call(self, inputs):
        return self.dense(inputs)

    @property
    def metrics(self):
        return [self.tracker, self.error]

    def train_step(self, data):
        x, y = data
        y_pred = self(x, training=True)
        loss = K.mean(K.square(y - y_pred))
        self.optimizer.minimize(loss, self.trainable_weights)
        self.tracker.update_state(loss)
        self.error.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}

    def test_step(self, data):
        x, y = data
        y_pred = self(x, training=False)
        self.tracker.update_state(K.mean(K.square(y - y_pred)))
        self.error.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


def test_metrics_of_ones_own():
    np.random.seed(0)
    model = Tracking()
    model.compile("sgd")
    history = model.fit(
        X, Y, batch_size=12, epochs=2, verbose=0, shuffle=False, validation_data=(X, Y)
    ).history
    assert sorted(history) == ["error", "loss", "val_error", "val_loss"]
    assert model.metrics_names == ["loss", "error"]
    loss, error = model.evaluate(X, Y, verbose=0)
    want = model.predict(X) - Y
    assert loss == pytest.approx(
        float(np.mean([np.square(want[:32]).mean(), np.square(want[32:]).mean()])), rel=1e-5
    )
    assert error == pytest.approx(float(np.abs(want).mean()), rel=1e-5)
    again, _ = model.evaluate(X, Y, batch_size=12, verbose=0)
    assert history["val_loss"][1] == pytest.approx(again, rel=1e-5)
    values = model.train_on_batch(X, Y)
    assert values == pytest.approx([np.square(want).mean(), np.abs(want).mean()], rel=1e-5)


class Adversaries(models.Model):
    """Two optimizers in one step; the second reads what the first has written. It has no `call`."""

    def __init__(self):
        super().__init__()
        self.one, self.two = Dense(1, use_bias=False), Dense(1, use_bias=False)
        self.one.build((None, 3))
        self.two.build((None, 1))
        self.second = optimizers.SGD(0.2)

    def train_step(self, data):
        self.optimizer.minimize(lambda: K.mean(self.one(data)), self.one.trainable_weights)
        loss = K.mean(K.square(self.two(self.one(data))))
        self.second.minimize(loss, self.two.trainable_weights)
        return {"loss": loss, "after": K.mean(K.square(self.two(self.one(data))))}


def test_lines_take_effect_in_their_order():
    model = Adversaries()
    model.compile(optimizers.SGD(0.1))
    a, b = (w[0].astype("float64") for w in (model.one.get_weights(), model.two.get_weights()))
    loss, after = model.train_on_batch(X)
    a = a - 0.1 * X.mean(0)[:, None]
    hidden = X @ a
    assert loss == pytest.approx(float(np.square(hidden * b).mean()), rel=1e-4)
    b = b - 0.2 * 2 * b * np.square(hidden).mean()
    assert after == pytest.approx(float(np.square(hidden * b).mean()), rel=1e-4)
    np.testing.assert_allclose(model.one.get_weights()[0], a, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.two.get_weights()[0], b, rtol=1e-4, atol=1e-6)


class Stepping(models.Model):
    """The same optimizer twice in a step, and a variable assigned to."""

    def __init__(self):
        super().__init__()
        self.w = K.variable([1.0, 2.0], name="w")
        self.count = K.variable(0.0, name="count")
        self.count.trainable = False

    def train_step(self, data):
        for _ in range(2):
            loss = K.sum(K.square(self.w)) * K.mean(data)
            self.optimizer.apply_gradients([(K.gradients(loss, [self.w])[0], self.w)])
            self.count.assign_add(1.0)
        return {"loss": loss, "count": self.count}


@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_an_optimizer_twice_in_a_step(name):
    make = {"Adam": lambda: optimizers.Adam(0.1), "SGD": lambda: optimizers.SGD(0.1, momentum=0.9)}[name]
    model = Stepping()
    model.compile(make())
    ones = np.ones((4, 1), "float32")
    found = [model.train_on_batch(ones), model.train_on_batch(ones)]
    assert [f[1] for f in found] == [2.0, 4.0]
    assert int(K.get_value(model.optimizer.iterations)) == 4
    # the same in four steps
    w, optimizer = K.variable([1.0, 2.0]), make()
    step = K.function([], [], updates=optimizer.get_updates(K.sum(K.square(w)), [w]))
    for _ in range(4):
        step([])
    np.testing.assert_allclose(K.get_value(model.w), K.get_value(w), rtol=1e-5)


def test_batches_of_generators_and_sequences():
    class Batches(Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return X[i * 12 : i * 12 + 12], Y[i * 12 : i * 12 + 12]

    def endless():
        while True:
            yield from Batches()

    histories = []
    for data, steps in ((Batches(), None), (endless(), 3)):
        np.random.seed(0)
        model = Tracking()
        model.compile("sgd")
        histories.append(
            model.fit(
                data, epochs=2, steps_per_epoch=steps, verbose=0, shuffle=False, validation_data=Batches()
            ).history
        )
    assert histories[0] == histories[1]
    np.random.seed(0)
    model = Tracking()
    model.compile("sgd")
    want = model.fit(X, Y, batch_size=12, epochs=2, verbose=0, shuffle=False, validation_data=(X, Y)).history
    np.testing.assert_allclose(histories[0]["loss"], want["loss"], rtol=1e-5)


def test_structures_of_data():
    seen = []

    class Odd(models.Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(1)

        def train_step(self, data):
            x, y, w = data
            seen.append((sorted(x), y, w.shape))
            loss = K.mean(K.square(self.dense(x["a"] + x["b"])) * K.expand_dims(w))
            self.optimizer.minimize(loss, self.dense.trainable_weights)
            return loss

    model = Odd()
    model.compile("sgd")
    history = model.fit({"a": X, "b": X}, sample_weight=W, batch_size=10, verbose=0).history
    assert list(history) == ["loss"] and seen == [(["a", "b"], None, (None,))]


def test_predict_step():
    class Doubling(models.Model):
        def predict_step(self, data):
            return [self(data) * 2.0, data]

    np.random.seed(0)
    x = Input((3,))
    model = Doubling(x, Dense(2)(x))
    doubled, same = model.predict(X, batch_size=7)
    np.testing.assert_allclose(doubled, X @ model.get_weights()[0] * 2, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(same, X)
    np.testing.assert_array_equal(model.predict_on_batch(X)[1], X)


def test_training_and_inference_in_one_step():
    class Both(models.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.drop = Dense(2), Dropout(0.5)

        def call(self, inputs):  # takes no `training`
            return self.drop(self.dense(inputs))

        def train_step(self, data):
            x, y = data
            return {"loss": K.mean(self(x, training=False)), "dropped": K.mean(K.abs(self(x, training=True)))}

    model = Both()
    model.compile("sgd")
    model.fit(X, Y, epochs=1, verbose=0)
    loss, _ = model.train_on_batch(X, Y)
    assert loss == pytest.approx(float(model.predict(X).mean()), rel=1e-4)


def test_a_trace_leaves_nothing_in_the_model():
    model = functional(Own, [BatchNormalization])
    before = len(model.updates), len(model.losses), [len(la._inbound_nodes) for la in model.layers]
    model.fit(X, Y, verbose=0)
    assert before == (len(model.updates), len(model.losses), [len(la._inbound_nodes) for la in model.layers])
    with recording() as record:
        assert record.updates == []


def test_frozen_layers_stay():
    class Frozen(Own):
        pass

    model = functional(Frozen, [BatchNormalization])
    model.layers[1].trainable = model.layers[2].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    same = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert same == [True] * 6 + [False] * 2


def test_gradients_applied_at_once():
    w = K.variable([1.0, 2.0])
    optimizer = optimizers.SGD(0.5)
    optimizer.apply_gradients([(np.array([1.0, 1.0]), w)])
    optimizer.apply_gradients([(np.array([1.0, 0.0]), w)])
    np.testing.assert_allclose(K.get_value(w), [0.0, 1.5])
    assert int(K.get_value(optimizer.iterations)) == 2
    with pytest.raises(GraphError, match="there is no gradient for 'w:0'"):
        optimizer.apply_gradients([(None, K.variable(1.0, name="w"))])


def test_mistakes():
    class Silent(models.Model):
        def train_step(self, data):
            return None

    x = Input((3,))
    model = Silent(x, Dense(2)(x))
    model.compile("sgd")
    with pytest.raises(ArgumentError, match=r"train_step\(\) must return its logs"):
        model.fit(X, Y, verbose=0)
    with pytest.raises(ArgumentError, match="no loss to minimise"):
        model.evaluate(X, Y, verbose=0)


def test_no_gradient_passes_through_an_update():
    class Two(models.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = K.variable(2.0, name="a"), K.variable(3.0, name="b")
            self.other = optimizers.SGD(1.0)

        def train_step(self, data):
            self.optimizer.minimize(self.a * self.b * K.mean(data), [self.a])  # a is now a - 0.1 b
            loss = K.square(self.a) + self.b
            self.other.minimize(loss, [self.b])
            return {"loss": loss}

    model = Two()
    model.compile(optimizers.SGD(0.1))
    assert model.train_on_batch(np.ones((4, 1))) == pytest.approx(1.7**2 + 3.0)
    assert float(K.get_value(model.a)) == pytest.approx(1.7)
    assert float(K.get_value(model.b)) == pytest.approx(2.0)


def test_penalty_on_gradients():
    class Penalised(models.Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(1, activation="tanh")

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            slopes = K.gradients(K.sum(self(data, training=True)), [data])[0]
            loss = K.mean(K.square(K.sqrt(K.sum(K.square(slopes), axis=1)) - 1.0))
            self.optimizer.minimize(loss, self.trainable_weights)
            return {"loss": loss}

    np.random.seed(0)
    model = Penalised()
    model.compile(optimizers.Adam(0.05))
    values = model.fit(X, epochs=30, verbose=0).history["loss"]
    assert values[-1] < 0.8 * values[0]


def test_inputs_and_targets_by_name():
    def make():
        np.random.seed(0)
        p, q = Input((3,), name="p"), Input((1,), name="q", dtype="int32")
        h = Concatenate()([p, Flatten()(Embedding(4, 2)(q))])
        model = Inherited([p, q], Dense(1, name="o")(h))
        model.compile("sgd", "mse", metrics=["mae"])
        return model

    numbers = np.arange(36) % 4
    listed = make().fit([X, numbers], Y[:, :1], shuffle=False, verbose=0).history
    named = make().fit({"q": numbers, "p": X}, {"o": Y[:, 0]}, shuffle=False, verbose=0).history
    assert listed == named
    model = make()
    np.testing.assert_array_equal(model({"q": numbers[:, None], "p": X}), model([X, numbers[:, None]]))
    with pytest.raises(UnknownName, match="has no input 'r'. Did you mean|has no input 'r'"):
        model({"r": X})
    with pytest.raises(DataError, match="no value was given for its input 'q'"):
        model({"p": X})
