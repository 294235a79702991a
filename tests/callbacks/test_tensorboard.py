"""TensorBoard: its own reader finds what was written."""

import warnings

import numpy as np
import pytest

from kcore import backend as K
from kcore import models
from kcore.callbacks import TensorBoard
from kcore.errors import ArgumentError, DataError
from kcore.layers import Dense, Embedding, Flatten, Input

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the reader's own imports warn of is not our business
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

X = np.random.RandomState(0).randn(20, 3).astype("float32")
Y = X[:, :1].copy()


def make():
    model = models.Sequential([Dense(4, input_shape=(3,), name="first"), Dense(1, name="last")])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def read(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0, "images": 0})
        found.Reload()
    return found


def test_scalars_of_epochs(tmp_path):
    history = (
        make()
        .fit(X, Y, epochs=3, verbose=0, validation_split=0.2, callbacks=[TensorBoard(str(tmp_path))])
        .history
    )
    events = read(tmp_path)
    assert sorted(events.Tags()["scalars"]) == ["loss", "mae", "val_loss", "val_mae"]
    for name, values in history.items():
        found = events.Scalars(name)
        assert [e.step for e in found] == [0, 1, 2]
        np.testing.assert_allclose([e.value for e in found], values, rtol=1e-6)


def test_scalars_of_batches(tmp_path):
    folder = [tmp_path / "batch", tmp_path / "samples"]
    make().fit(X, Y, batch_size=5, verbose=0, callbacks=[TensorBoard(folder[0], update_freq="batch")])
    make().fit(X, Y, batch_size=5, verbose=0, callbacks=[TensorBoard(folder[1], update_freq=10)])
    assert [e.step for e in read(folder[0]).Scalars("loss")] == [5, 10, 15, 20, 20]
    assert [e.step for e in read(folder[1]).Scalars("loss")] == [10, 20, 20]


def test_histograms_gradients_and_images(tmp_path):
    model = make()
    callback = TensorBoard(tmp_path, histogram_freq=2, write_grads=True, write_images=True, batch_size=4)
    model.fit(X, Y, epochs=3, verbose=0, validation_data=(X[:6], Y[:6]), callbacks=[callback])
    events = read(tmp_path)
    names = [w.name.replace(":", "_") for w in model.weights]
    expected = {*names, *(f"{n}_grad" for n in names), "first_out", "last_out"}
    assert expected <= set(events.Tags()["histograms"])
    assert [e.step for e in events.Histograms("last_out")] == [0, 2]
    assert events.Histograms("first_out")[0].histogram_value.num == 24
    last = events.Histograms(names[0])[-1].histogram_value
    assert last.sum == pytest.approx(float(model.get_weights()[0].sum()), rel=1e-4)
    assert [i.step for i in events.Images(f"{names[0]}/image")] == [0, 2]


def test_gradients_are_those_of_the_loss(tmp_path):
    model = make()
    weights = np.array([0.5, 2.0, 0.0, 1.0, 1.0, 1.0], "float32")
    callback = TensorBoard(tmp_path, histogram_freq=1, write_grads=True, batch_size=6)
    model.fit(X, Y, verbose=0, validation_data=(X[:6], Y[:6], weights), callbacks=[callback])
    error = model.predict(X[:6]) - Y[:6]
    want = float((2 * error[:, 0] * weights).mean())  # of the last layer's bias
    name = f"{model.layers[-1].weights[1].name.replace(':', '_')}_grad"
    found = read(tmp_path).Histograms(name)[0].histogram_value
    assert found.sum == pytest.approx(want, rel=1e-4)


def test_graph(tmp_path):
    make().fit(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path)])
    nodes = {n.name: (n.op, list(n.input)) for n in read(tmp_path).Graph().node}
    assert nodes["last"] == ("Dense", ["first"]) and nodes["first"][0] == "Dense"
    none = tmp_path / "none"
    make().fit(X, Y, verbose=0, callbacks=[TensorBoard(none, write_graph=False)])
    assert not read(none).Tags()["graph"]


def test_embeddings(tmp_path):
    model = models.Sequential([Embedding(5, 2, input_length=1, name="words"), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    ids = np.arange(5)[:, None]
    callback = TensorBoard(
        tmp_path, embeddings_freq=1, embeddings_data=ids, embeddings_metadata=list("abcde")
    )
    model.fit(ids, ids.astype("float32"), verbose=0, callbacks=[callback])
    assert "words" in (tmp_path / "projector_config.pbtxt").read_text()
    table = np.loadtxt(next(tmp_path.rglob("tensors.tsv")))
    np.testing.assert_allclose(table, model.get_weights()[0], rtol=1e-4, atol=1e-6)
    assert next(tmp_path.rglob("metadata.tsv")).read_text().split() == list("abcde")


def test_errors(tmp_path):
    with pytest.raises(ArgumentError, match="update_freq='step'"):
        TensorBoard(tmp_path, update_freq="step")
    with pytest.raises(ArgumentError, match="embeddings_data"):
        TensorBoard(tmp_path, embeddings_freq=1)
    with pytest.raises(DataError, match="needs validation data"):
        make().fit(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path, histogram_freq=1)])


def test_layers_that_stand_in_two_models(tmp_path):
    shared = Dense(3, name="shared")
    x, z = Input((3,)), Input((3,))
    model = models.Model(x, Dense(1)(shared(x)))
    models.Model(z, shared(z))  # its call comes later, and is not what this model computes
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[TensorBoard(tmp_path, histogram_freq=1)])
    assert "shared_out" in read(tmp_path).Tags()["histograms"]


def test_a_step_of_ones_own(tmp_path):
    class Own(models.Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(1)

        def train_step(self, data):
            x, y = data
            loss = K.mean(K.square(self.dense(x) - y))
            self.optimizer.minimize(loss, self.dense.trainable_weights)
            return {"loss": loss}

        def test_step(self, data):
            return {"loss": K.mean(self.dense(data[0]))}

    model = Own()
    model.compile("sgd")
    arguments = {"verbose": 0, "validation_data": (X, Y)}
    model.fit(X, Y, callbacks=[TensorBoard(tmp_path, histogram_freq=1)], **arguments)
    tags = read(tmp_path).Tags()
    assert sorted(tags["scalars"]) == ["loss", "val_loss"] and len(tags["histograms"]) == 2
    with pytest.raises(ArgumentError, match="compiled with a loss"):
        model.fit(X, Y, callbacks=[TensorBoard(tmp_path, histogram_freq=1, write_grads=True)], **arguments)
