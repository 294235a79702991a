"""NaNGuard: nothing is applied, and the place is named."""

import numpy as np
import pytest

from kcore import backend as K
from kcore import models
from kcore.callbacks import LambdaCallback, NaNGuard
from kcore.errors import ArgumentError, NotFinite
from kcore.layers import Dense, Input, Lambda

X = np.random.RandomState(0).randn(40, 3).astype("float32")
Y = X[:, :1].copy()
BAD = np.array(X)
BAD[19, 0] = -50.0  # the square root below has no value there: in step 5 of batches of 4


class Own(models.Model):
    def train_step(self, data):
        x, y = data
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred)
        self.optimizer.minimize(loss, self.trainable_weights)
        return {"loss": loss}


def make(kind=models.Model):
    np.random.seed(0)
    x = Input((3,))
    h = Dense(4, name="first")(x)
    h = Lambda(lambda t: K.concatenate([K.log(t[0] + 40.0), t[1]]), name="root")([x, h])
    model = kind(x, Dense(1, name="last")(h))
    model.compile("adam", "mse")
    return model


def snapshot(model):
    return [*model.get_weights(), *model.optimizer.get_weights()]


@pytest.mark.parametrize("kind", [models.Model, Own])
@pytest.mark.parametrize("single", [False, True])
def test_names_the_layer_and_applies_nothing(kind, single):
    model, other = make(kind), make(kind)
    each = [LambdaCallback(on_batch_end=lambda b, logs: None)] if single else []
    with pytest.raises(NotFinite, match="epoch 1, step 5: the output of layer 'root' is NaN"):
        model.fit(BAD, Y, batch_size=4, shuffle=False, verbose=0, callbacks=[NaNGuard(), *each])
    other.fit(BAD[:16], Y[:16], batch_size=4, shuffle=False, verbose=0)
    for a, b in zip(snapshot(model), snapshot(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)
    assert all(np.isfinite(a).all() for a in snapshot(model))


def test_stops():
    model = make()
    with pytest.warns(RuntimeWarning, match="layer 'root'.*Training stops"):
        history = model.fit(
            BAD, Y, batch_size=4, shuffle=False, verbose=0, epochs=3, callbacks=[NaNGuard("stop")]
        )
    assert history.epoch == [0] and np.isfinite(history.history["loss"]).all()
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"]).all()


def test_changes_nothing_where_all_is_well():
    histories = []
    for guards in ([], [NaNGuard()]):
        model = make()
        np.random.seed(1)
        histories.append(model.fit(X, Y, epochs=3, verbose=0, callbacks=guards, validation_split=0.2).history)
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-6)


def test_weights_and_data():
    model = make()
    model.get_layer("last").set_weights([np.full((7, 1), np.nan), np.zeros(1)])
    with pytest.raises(NotFinite, match="layer 'last' .its weight 'last/kernel:0' was not finite before"):
        model.fit(X, Y, verbose=0, callbacks=[NaNGuard()])
    infinite = X.copy()
    infinite[0, 0] = np.inf
    with pytest.raises(NotFinite, match="step 1: input "):
        make().fit(infinite, Y, shuffle=False, verbose=0, callbacks=NaNGuard())
    model = make()
    model.compile("sgd", lambda t, p: K.sqrt(K.abs(p - p)))  # finite, but its gradient is not
    with pytest.raises(NotFinite, match="the new value of '"):
        model.fit(X, Y, verbose=0, callbacks=[NaNGuard()])
    with pytest.raises(ArgumentError, match="on_error='go on'"):
        NaNGuard("go on")
