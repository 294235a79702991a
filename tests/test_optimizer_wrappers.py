"""Accumulated gradients, averaged weights, scaled losses: against NumPy, through configs, files and compiled loops."""

import numpy as np
import pytest

from kcore import backend as K
from kcore import optimizers
from kcore.errors import ArgumentError
from kcore.layers import Dense
from kcore.models import Sequential, load_model
from kcore.optimizers import SGD, Adam, ExponentialMovingAverage, GradientAccumulation, LossScaleOptimizer

RANDOM = np.random.RandomState(0)
X, Y = RANDOM.randn(24, 3).astype("float32"), RANDOM.randn(24, 2).astype("float32")
START = [RANDOM.randn(3, 2).astype("float32"), np.zeros(2, "float32")]


def made(optimizer):
    model = Sequential([Dense(2, input_shape=(3,))])
    model.set_weights(START)
    model.compile(optimizer, "mse")
    return model


def fitted(optimizer, batch_size=4, epochs=1, **options):
    model = made(optimizer)
    model.fit(X, Y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0, **options)
    return model


def close(first, second, **tolerance):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, **{"rtol": 1e-5, "atol": 1e-6, **tolerance})


@pytest.mark.parametrize("inner", [lambda: SGD(0.1, momentum=0.9), lambda: Adam(0.01, clipnorm=0.5)])
def test_accumulated_batches_are_one_large_batch(inner):
    small = fitted(GradientAccumulation(inner(), 3), batch_size=4, epochs=2)
    large = fitted(inner(), batch_size=12, epochs=2)
    close(small.get_weights(), large.get_weights())
    assert int(K.get_value(small.optimizer.iterations)) == 4


def test_nothing_moves_before_enough_batches_were_seen():
    model = made(GradientAccumulation(SGD(0.1), 4))
    for i in range(3):
        model.train_on_batch(X[i : i + 1], Y[i : i + 1])
        close(model.get_weights(), START, rtol=0, atol=0)
    model.train_on_batch(X[3:4], Y[3:4])
    whole = made(SGD(0.1))
    whole.train_on_batch(X[:4], Y[:4])
    close(model.get_weights(), whole.get_weights())


def stepwise(model, steps):
    """The weights after each step."""
    found = []
    for i in range(steps):
        model.train_on_batch(X[i * 4 : i * 4 + 4], Y[i * 4 : i * 4 + 4])
        found.append(model.get_weights())
    return found


def test_averages_follow_their_formula():
    model = made(ExponentialMovingAverage(SGD(0.1), momentum=0.8))
    weights = stepwise(model, 4)
    close(weights[-1], stepwise(made(SGD(0.1)), 4)[-1])  # the weights themselves are as without
    want = weights[0]
    for after in weights[1:]:
        want = [0.8 * a + 0.2 * w for a, w in zip(want, after)]
    model.optimizer.swap_weights()
    close(model.get_weights(), want)
    model.optimizer.swap_weights()
    close(model.get_weights(), weights[-1], rtol=0, atol=0)


def test_weights_become_their_averages_when_that_is_due():
    model = made(ExponentialMovingAverage(SGD(0.1), momentum=0.5, overwrite_frequency=2))
    first, second = stepwise(model, 2)
    plain = made(SGD(0.1))
    plain.set_weights(first)
    plain.train_on_batch(X[4:8], Y[4:8])
    close(second, [0.5 * a + 0.5 * b for a, b in zip(first, plain.get_weights())])


def test_a_scaled_loss_gives_the_same_steps():
    scaled = fitted(LossScaleOptimizer(SGD(0.1), initial_scale=1024.0, dynamic_growth_steps=4))
    close(scaled.get_weights(), fitted(SGD(0.1)).get_weights())
    assert scaled.optimizer.current_scale == 2048.0  # six steps: doubled once


@pytest.mark.parametrize(
    "around", [lambda o: GradientAccumulation(o, 2), lambda o: ExponentialMovingAverage(o, 0.5, 3)]
)
def test_a_scaled_loss_within_another_wrapper(around):
    scaled = fitted(around(LossScaleOptimizer(SGD(0.1, momentum=0.5), 1024.0, 2)))
    close(scaled.get_weights(), fitted(around(SGD(0.1, momentum=0.5))).get_weights())
    assert scaled.optimizer.optimizer.current_scale > 1024.0


def test_steps_that_are_not_finite_are_left_out():
    model = made(LossScaleOptimizer(Adam(0.1), initial_scale=2.0**20))
    rows = np.full((4, 3), 1e37, "float32")
    with np.errstate(all="ignore"):
        model.train_on_batch(rows, Y[:4])
    close(model.get_weights(), START, rtol=0, atol=0)
    assert model.optimizer.current_scale == 2.0**19
    assert int(K.get_value(model.optimizer.iterations)) == 0
    model.train_on_batch(X[:4], Y[:4])
    assert int(K.get_value(model.optimizer.iterations)) == 1
    fixed = made(LossScaleOptimizer(Adam(0.1), initial_scale=2.0**20, dynamic=False))
    with np.errstate(all="ignore"):
        fixed.train_on_batch(rows, Y[:4])
    close(fixed.get_weights(), START, rtol=0, atol=0)
    assert fixed.optimizer.current_scale == 2.0**20


WRAPPED = [
    lambda: GradientAccumulation(Adam(0.02), 3),
    lambda: ExponentialMovingAverage(SGD(0.1, momentum=0.5), 0.7, 3),
    lambda: LossScaleOptimizer(SGD(0.1), 8.0, 2),
    lambda: GradientAccumulation(LossScaleOptimizer(Adam(0.02), 16.0, 3), 2),
]


@pytest.mark.parametrize("optimizer", WRAPPED)
def test_configs_round_trip(optimizer):
    config = optimizers.serialize(optimizer())
    again = optimizers.deserialize(config)
    assert optimizers.serialize(again) == config


@pytest.mark.parametrize("optimizer", WRAPPED)
def test_a_saved_model_goes_on_where_it_was(optimizer, tmp_path):
    model = fitted(optimizer(), batch_size=5)
    model.save(tmp_path / "model.h5")
    again = load_model(tmp_path / "model.h5")
    for m in (model, again):
        m.fit(X, Y, batch_size=5, shuffle=False, verbose=0)
    close(again.get_weights(), model.get_weights(), rtol=0, atol=0)


@pytest.mark.parametrize("optimizer", WRAPPED)
def test_one_step_per_call_is_the_whole_epoch(optimizer):
    whole, one = fitted(optimizer(), batch_size=4), made(optimizer())
    for i in range(0, 24, 4):
        one.train_on_batch(X[i : i + 4], Y[i : i + 4])
    close(whole.get_weights(), one.get_weights(), rtol=0, atol=0)


def test_the_learning_rate_is_the_inner_ones():
    model = made(GradientAccumulation(SGD(0.1), 1))
    assert K.get_value(model.optimizer.lr) == pytest.approx(0.1)
    model.optimizer.lr = 0.0
    model.train_on_batch(X, Y)
    close(model.get_weights(), START, rtol=0, atol=0)


def test_what_cannot_be_is_told():
    with pytest.raises(ArgumentError, match="wraps an optimizer"):
        GradientAccumulation("adam", 2)
    with pytest.raises(ArgumentError, match="steps=0"):
        GradientAccumulation(SGD(), 0)
    with pytest.raises(ArgumentError, match="momentum=2"):
        ExponentialMovingAverage(SGD(), 2)
    with pytest.raises(ArgumentError, match="initial_scale=0"):
        LossScaleOptimizer(SGD(), 0)
    with pytest.raises(ArgumentError, match="no averages"):
        ExponentialMovingAverage(SGD()).swap_weights()
