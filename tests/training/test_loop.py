"""The loop: what it computes does not depend on who listens; epochs, orders, validation, stopping."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kcore import backend as K
from kcore import models
from kcore.callbacks import Callback, LambdaCallback, TerminateOnNaN
from kcore.errors import DataError
from kcore.layers import Activation, BatchNormalization, Dense, Dropout, Input
from kcore.utils import Sequence

rng = np.random.RandomState(3)
X = rng.randn(70, 3).astype("float32")
Y = (X @ rng.randn(3, 2) + 0.1 * rng.randn(70, 2)).astype("float32")


def make(metrics=("mae",), layers=()):
    np.random.seed(0)
    model = models.Sequential([Dense(4, activation="tanh", input_shape=(3,)), *layers, Dense(2, name="out")])
    model.compile("adam", "mse", metrics=list(metrics))
    return model


class Listener(Callback):
    def __init__(self):
        super().__init__()
        self.heard = []

    def on_batch_begin(self, batch, logs=None):
        self.heard.append(("begin", batch, logs["size"]))

    def on_batch_end(self, batch, logs=None):
        self.heard.append(("end", batch, logs["size"], sorted(logs)))


class Batches(Sequence):
    def __init__(self, size=8):
        self.size = size
        self.ends = 0

    def __len__(self):
        return -(-len(X) // self.size)

    def __getitem__(self, i):
        return X[i * self.size : (i + 1) * self.size], Y[i * self.size : (i + 1) * self.size]

    def on_epoch_end(self):
        self.ends += 1


def fitted(callbacks=(), **arguments):
    model = make(layers=[Dropout(0.3)])
    np.random.seed(1)
    history = model.fit(X, Y, batch_size=8, epochs=4, verbose=0, callbacks=list(callbacks), **arguments)
    return history.history, model.get_weights()


def test_result_does_not_depend_on_chunks():
    in_chunks, weights = fitted(validation_split=0.2)
    step_by_step, same = fitted([Listener()], validation_split=0.2)
    assert in_chunks == step_by_step
    for a, b in zip(weights, same, strict=True):
        np.testing.assert_array_equal(a, b)


def test_repeats_with_the_same_seed():
    assert fitted()[0] == fitted()[0]


def test_batches_heard():
    listener = Listener()
    make().fit(X, Y, batch_size=32, verbose=0, callbacks=[listener])
    keys = ["batch", "loss", "mae", "size"]
    assert listener.heard == [
        ("begin", 0, 32), ("end", 0, 32, keys), ("begin", 1, 32), ("end", 1, 32, keys),
        ("begin", 2, 6), ("end", 2, 6, keys),
    ]  # fmt: skip


def test_epoch_loss_weighs_batches_by_size():
    model = make()
    seen = []
    follow = LambdaCallback(on_batch_end=lambda batch, logs: seen.append((logs["loss"], logs["size"])))
    history = model.fit(X, Y, batch_size=32, verbose=0, callbacks=[follow])
    want = sum(value * size for value, size in seen) / 70
    assert history.history["loss"][0] == pytest.approx(want, rel=1e-12)


def test_stop_in_the_middle_of_an_epoch():
    model = make()
    steps = []

    def stop(batch, logs):
        steps.append(batch)
        model.stop_training = batch == 2

    history = model.fit(
        X, Y, batch_size=8, epochs=5, verbose=0, callbacks=[LambdaCallback(on_batch_end=stop)]
    )
    assert steps == [0, 1, 2] and history.epoch == [0]


def test_terminate_on_nan(capsys):
    model = make()
    model.set_weights([np.full_like(w, 1e30) for w in model.get_weights()])
    with pytest.warns(RuntimeWarning, match="epoch 1, step 1"):
        history = model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=[TerminateOnNaN()])
    assert history.epoch == [0] and "training stops" in capsys.readouterr().out


def test_initial_epoch_and_params():
    model = make()
    history = model.fit(X, Y, epochs=5, initial_epoch=3, verbose=0, validation_split=0.1)
    assert history.epoch == [3, 4]
    assert history.params["epochs"] == 5 and history.params["samples"] == 63
    assert history.params["metrics"] == ["loss", "mae", "val_loss", "val_mae"]
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}


def test_validation_frequency():
    history = make().fit(X, Y, epochs=4, verbose=0, validation_data=(X, Y), validation_freq=2)
    assert len(history.history["loss"]) == 4 and len(history.history["val_loss"]) == 2
    history = make().fit(X, Y, epochs=4, verbose=0, validation_data=(X, Y), validation_freq=[1, 3, 4])
    assert len(history.history["val_loss"]) == 3


def test_validation_changes_nothing():
    assert fitted(validation_data=(X, Y))[0]["loss"] == fitted()[0]["loss"]


def test_sequence_trains_like_arrays():
    model, same = make(), make()
    batches = Batches()
    by_batch = model.fit_generator(batches, epochs=3, verbose=0, shuffle=False, validation_data=Batches())
    by_array = same.fit(X, Y, batch_size=8, epochs=3, verbose=0, shuffle=False, validation_data=(X, Y))
    for name in by_array.history:
        np.testing.assert_allclose(by_batch.history[name], by_array.history[name], rtol=1e-5)
    assert batches.ends == 3
    np.testing.assert_allclose(
        model.evaluate_generator(Batches()), same.evaluate(X, Y, batch_size=8, verbose=0), rtol=1e-5
    )
    np.testing.assert_allclose(model.predict_generator(Batches()), same.predict(X), rtol=1e-4, atol=1e-6)


def test_generator_that_ends():
    model = make()
    with pytest.warns(UserWarning, match="the data ended after 2 of 5 steps"):
        history = model.fit(iter([(X, Y), (X, Y)]), steps_per_epoch=5, epochs=3, verbose=0)
    assert history.epoch == [0]


def test_nothing_is_read_ahead():
    taken = []

    def batches():
        while True:
            taken.append(1)
            yield X, Y

    make().fit_generator(batches(), steps_per_epoch=3, epochs=2, verbose=0)
    assert len(taken) == 6


def test_shuffle_follows_the_seed_and_batches_stay_together():
    seen = []

    class Rows(Sequence):
        def __len__(self):
            return 6

        def __getitem__(self, i):
            seen.append(i)
            return X[i : i + 4], Y[i : i + 4]

    np.random.seed(5)
    make().fit(Rows(), epochs=2, verbose=0)
    assert sorted(seen[:6]) == list(range(6)) and seen[:6] != list(range(6)) and seen[:6] != seen[6:]


@pytest.mark.parametrize("how", [True, "batch"])
def test_one_seed_gives_the_orders_of_keras_2(how):
    """np.random.shuffle of one array, again in each epoch, going on from the order before."""
    x = np.arange(1.0, 8.0, dtype="float32").reshape(7, 1)

    def trained(fit):
        model = models.Sequential([Dense(1, input_shape=(1,), use_bias=False)])
        model.set_weights([np.array([[0.5]])])
        model.compile("sgd", "mse")
        fit(model)
        return model.get_weights()[0]

    def by_hand(model):
        np.random.seed(3)
        order = np.arange(7)
        for _ in range(3):
            if how == "batch":
                blocks = order[:6].reshape(3, 2)
                np.random.shuffle(blocks)
            else:
                np.random.shuffle(order)
            for rows in (order[:2], order[2:4], order[4:6], order[6:]):
                model.train_on_batch(x[rows] / 10, 1 / x[rows])

    def by_fit(model):
        np.random.seed(3)
        model.fit(x / 10, 1 / x, batch_size=2, epochs=3, shuffle=how, verbose=0)

    np.testing.assert_allclose(trained(by_fit), trained(by_hand), rtol=1e-6)


def test_metrics_of_fit_are_not_those_of_batches():
    x, y = np.random.RandomState(0).uniform(size=(2, 6, 3)).astype("float32")
    model = models.Sequential([Dense(3, input_shape=(3,))])
    model.compile("sgd", "mse", metrics=["mae"])
    alone = model.test_on_batch(x[:2], y[:2])
    model.evaluate(x, y, verbose=0)
    assert model.test_on_batch(x[:2], y[:2]) == pytest.approx(alone)
    assert model.test_on_batch(x[:2], y[:2], reset_metrics=False) == pytest.approx(alone)


def test_train_on_batch():
    model, same = make(), make()
    for _ in range(3):
        got = model.train_on_batch(X, Y)
    history = same.fit(X, Y, batch_size=70, epochs=3, verbose=0, shuffle=False)
    assert got == pytest.approx([history.history["loss"][-1], history.history["mae"][-1]], rel=1e-5)
    assert model.metrics_names == ["loss", "mae"]
    np.testing.assert_allclose(model.test_on_batch(X, Y), model.evaluate(X, Y, verbose=0), rtol=1e-5)


def test_metrics_go_on_without_reset():
    model = make()
    first = model.test_on_batch(X[:10], Y[:10])[1]
    second = model.test_on_batch(X[10:20], Y[10:20])[1]
    model.test_on_batch(X[:10], Y[:10], reset_metrics=False)
    both = model.test_on_batch(X[10:20], Y[10:20], reset_metrics=False)[1]
    assert both == pytest.approx((first + second) / 2, rel=1e-5)
    assert model.test_on_batch(X[:10], Y[:10])[1] == pytest.approx(first, rel=1e-6)


def test_predict_in_batches():
    model = make()
    whole = model.predict_on_batch(X)
    np.testing.assert_allclose(model.predict(X, batch_size=7), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(X, batch_size=7, steps=2), whole[:14], rtol=1e-5, atol=1e-6)
    uncompiled = models.Sequential([Dense(2, input_shape=(3,))])
    assert uncompiled.predict(X[:1]).shape == (1, 2)


def test_frozen_weights_warn_and_stay():
    model = make()
    model.layers[0].trainable = False
    with pytest.warns(UserWarning, match="Discrepancy between trainable weights"):
        model.train_on_batch(X, Y)
    model.compile("sgd", "mse")
    before = model.layers[0].get_weights()[0]
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], before)


def test_batch_normalization_learns_its_statistics():
    model = make(layers=[BatchNormalization()])
    before = model.layers[1].get_weights()[2]
    model.evaluate(X, Y, verbose=0)
    np.testing.assert_array_equal(model.layers[1].get_weights()[2], before)
    model.fit(X, Y, verbose=0)
    assert not np.allclose(model.layers[1].get_weights()[2], before)


@pytest.mark.parametrize(
    "between", [[], [Dense(4, use_bias=False), BatchNormalization()]], ids=["one", "two"]
)
def test_dense_layers_before_and_behind_batch_normalization(between):
    """Backward operations of an engine's own, one after the other."""
    model = models.Sequential([Dense(4, input_shape=(3,)), BatchNormalization(), *between, Dense(2)])
    model.compile("sgd", "mse")
    x, y = np.random.RandomState(0).uniform(size=(2, 16, 3)).astype("float32")
    first = model.train_on_batch(x, y[:, :2])
    for _ in range(20):
        last = model.train_on_batch(x, y[:, :2])
    assert last < first


def test_learning_rate_acts_at_once():
    model = make()
    before = model.get_weights()
    model.fit(
        X,
        Y,
        verbose=0,
        callbacks=[LambdaCallback(on_batch_begin=lambda b, l: K.set_value(model.optimizer.lr, 0))],
    )
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_interrupt_leaves_the_model_usable():
    model = make()

    def interrupt(batch, logs):
        if batch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=8, verbose=0, callbacks=[LambdaCallback(on_batch_end=interrupt)])
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_outputs_without_loss():
    x = Input((3,))
    model = models.Model(x, [Dense(2, name="a")(x), Dense(1, name="b")(x)])
    model.compile("sgd", {"a": "mse", "b": None}, metrics={"a": "mae"})
    assert model.metrics_names == ["loss", "a_loss", "a_mae"]
    history = model.fit(X, {"a": Y}, verbose=0)
    assert set(history.history) == {"loss", "a_loss", "a_mae"}
    assert np.isfinite(model.train_on_batch(X, [Y, None])).all()


def test_names_of_metrics():
    def mine(y_true, y_pred):
        return K.mean(K.abs(y_true - y_pred))

    model = make(metrics=["acc", "mse", "mse", mine])
    assert model.metrics_names == ["loss", "acc", "mse", "mse_1", "mine"]
    assert len(model.evaluate(X, Y, verbose=0)) == 5


def test_functions_as_losses():
    model = make()
    model.compile("sgd", lambda y_true, y_pred: K.mean(K.square(y_pred - y_true)))
    other = make()
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), other.evaluate(X, Y, verbose=0)[0], rtol=1e-5)


def test_losses_of_layers_count():
    x = Input((3,))
    model = models.Model(x, Dense(2, kernel_regularizer="l2")(x))
    model.compile("sgd", "mse")
    kernel = model.get_weights()[0]
    plain = np.mean((model.predict(X) - Y) ** 2)
    assert model.evaluate(X, Y, verbose=0, batch_size=70) == pytest.approx(
        plain + 0.01 * (kernel**2).sum(), rel=1e-4
    )


def test_model_written_as_a_class():
    class Mine(models.Model):
        def __init__(self):
            super().__init__()
            self.first = Dense(4, activation="tanh")
            self.last = Dense(2)

        def call(self, x):
            return self.last(self.first(x))

    model = Mine()
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(X, Y, epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert model.predict(X).shape == (70, 2)
    assert len(model.trainable_weights) == 4


def test_dropout_draws_anew_in_each_step():
    x = Input((50,))
    model = models.Model(x, Activation("linear")(Dropout(0.3)(x)))
    model.compile("sgd", "mse")
    data = rng.rand(4, 50).astype("float32")
    losses = {model.train_on_batch(data, data) for _ in range(5)}
    assert len(losses) == 5
    np.testing.assert_array_equal(model.predict(data), data)


def test_threads_predict_as_one_does():
    models_made = [make() for _ in range(3)]
    want = [m.predict(X, batch_size=9) for m in [*models_made]]
    fresh = [make() for _ in range(3)]
    for model, source in zip(fresh, models_made, strict=True):
        model.set_weights(source.get_weights())
    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda i: fresh[i % 3].predict(X, batch_size=9), range(30)))
    for i, array in enumerate(got):
        np.testing.assert_array_equal(array, want[i % 3])


def test_steps_per_epoch_on_arrays():
    counted = []
    count = LambdaCallback(on_batch_end=lambda batch, logs: counted.append(logs["size"]))
    make().fit(X, Y, steps_per_epoch=4, verbose=0, callbacks=[count])
    assert counted == [18, 18, 18, 16]
    make().fit(X, Y, batch_size=10, steps_per_epoch=2, verbose=0, callbacks=[count])
    assert counted[4:] == [10, 10]
    with pytest.raises(DataError, match="8 steps of 10 rows were asked for; 70 rows give 7 steps"):
        make().fit(X, Y, batch_size=10, steps_per_epoch=8, verbose=0)


def test_targets_as_tensors_and_total_loss():
    model = make()
    target = K.placeholder(shape=(None, 2))
    model.compile("sgd", "mse", target_tensors=[target])
    assert model.targets == [target]
    loss = K.function([*model.inputs, *model.targets, *model.sample_weights], [model.total_loss])
    weights = np.linspace(0, 1, 70, dtype="float32")
    got = model.test_on_batch(X, Y, sample_weight=weights)
    assert loss([X, Y, weights])[0] == pytest.approx(got, rel=1e-6)


def test_layers_added_after_compile():
    model = make()
    model.fit(X, Y, verbose=0)
    model.add(Dense(2))
    model.fit(X, Y, verbose=0)
    assert (
        len(model.optimizer.weights) == 1 + 3 * 6
    )  # iterations; two moments and the place for their maximum


def test_metrics_of_layers():
    x = Input((3,))
    model = models.Model(x, Dense(2)(x))
    model.add_metric(K.mean(x), name="mean_input")
    model.compile("sgd", "mse")
    assert model.metrics_names == ["loss", "mean_input"]
    assert model.evaluate(X, Y, verbose=0, batch_size=70)[1] == pytest.approx(X.mean(), abs=1e-6)


def test_lists_frames_and_sparse_rows():
    model = make()
    want = model.predict(X)
    np.testing.assert_array_equal(model.predict(X.tolist()), want)
    np.testing.assert_array_equal(model.predict([X]), want)
    np.testing.assert_array_equal(model.predict({model.input_names[0]: X}), want)

    class Sparse:
        def toarray(self):
            return X

    np.testing.assert_array_equal(model.predict(Sparse()), want)


def test_model_of_a_class_with_a_generator():
    class Mine(models.Model):
        def __init__(self):
            super().__init__()
            self.last = Dense(2)

        def call(self, x):
            return self.last(x)

    model = Mine()
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(iter([(X, Y)] * 4), steps_per_epoch=2, epochs=2, verbose=0)
    assert len(history.history["mae"]) == 2
