"""`compile(jit_compile=True)`: the same numbers however steps are run, and a plain graph where XLA refuses."""

import numpy as np
from kcore_backend_tf.xla import Jitted, block_of

import kcore
from kcore import backend as K
from kcore.callbacks import LambdaCallback
from kcore.layers import Conv2D, Dense, Dropout, Flatten, Lambda
from kcore.models import Sequential

ROWS = 70  # with batches of 16 the last one is smaller


def data():
    random = np.random.RandomState(0)
    return random.randn(ROWS, 6).astype("float32"), np.eye(3, dtype="float32")[random.randint(0, 3, ROWS)]


def dense(jit_compile=True, *more, dropout=0.3):
    kcore.set_seed(3)
    with kcore.use_backend("tensorflow"):
        layers = [Dense(8, activation="tanh", input_shape=(6,)), Dropout(dropout), *more]
        model = Sequential([*layers, Dense(3, activation="softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"], jit_compile=jit_compile)
    return model


def fitted(model, x, y, **options):
    np.random.seed(5)
    history = model.fit(x, y, batch_size=16, epochs=2, verbose=0, **options)
    return history.history["loss"], model.get_weights()


def compiled(model, mode="train"):
    return next(s.compiled for key, s in model._steps._made.items() if key[0] == mode)


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_one_step_a_chunk_and_an_epoch_give_the_same_bits(monkeypatch):
    x, y = data()
    whole = dense()
    losses, weights = fitted(whole, x, y, shuffle=False)
    assert isinstance(compiled(whole), Jitted) and compiled(whole).jit
    assert block_of(compiled(whole).program, 16) > 1
    alone = dense()
    for i in [*range(0, ROWS, 16)] * 2:
        alone.train_on_batch(x[i : i + 16], y[i : i + 16])
    assert equal(weights, alone.get_weights())
    monkeypatch.setattr("kcore_backend_tf.engine.HELD_BYTES", 0)  # rows are passed in with each call
    each = fitted(dense(), x, y, shuffle=False, callbacks=[LambdaCallback(on_batch_end=lambda *a: None)])
    assert losses == each[0] and equal(weights, each[1])


def test_the_numbers_are_those_of_the_plain_graph():
    # but for dropout, where XLA draws other ones
    x, y = data()
    models = [dense(jit, dropout=0.0) for jit in (True, False)]
    one, other = (fitted(m, x, y) for m in models)
    np.testing.assert_allclose(one[0], other[0], rtol=1e-5)
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    one, other = ([*m.evaluate(x, y, verbose=0), *m.predict(x).ravel()] for m in models)
    np.testing.assert_allclose(one, other, atol=2e-5)


def test_convolutions_stay_out_of_its_loops():
    x = np.random.RandomState(0).randn(40, 8, 8, 1).astype("float32")
    y = np.random.RandomState(1).randn(40, 3)

    def made(jit_compile, **options):
        kcore.set_seed(0)
        with kcore.use_backend("tensorflow"):
            model = Sequential([Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), Flatten(), Dense(3)])
        model.compile("sgd", "mse", jit_compile=jit_compile)
        weights = fitted(model, x, y, **options)[1]
        if jit_compile:
            assert compiled(model).jit and block_of(compiled(model).program, 16) == 1
        return weights

    whole = made(True)
    assert equal(whole, made(True, callbacks=[LambdaCallback(on_batch_begin=lambda *a: None)]))
    for a, b in zip(whole, made(False), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_what_xla_refuses_runs_as_a_plain_graph():
    """Strings are not for XLA: printing is refused."""
    x, y = data()
    seen = Lambda(lambda t: K.print_tensor(t, "seen"))
    models = [dense(jit, seen) for jit in (True, False)]
    refused, plain = (fitted(m, x[:32], y[:32]) for m in models)
    assert not compiled(models[0]).jit
    assert refused[0] == plain[0] and equal(refused[1], plain[1])
