"""Models as graphs: sharing, nesting, several inputs, order of weights, configuration, errors at build time."""

import subprocess
import sys
import time

import numpy as np
import pytest

import kcore
from kcore import backend as K
from kcore import errors, layers
from kcore.layers.nesting import to_list
from kcore.models import Model, Sequential, clone_model, model_from_json

rng = np.random.default_rng(0)


def branching():
    left, right = layers.Input((4,), name="left"), layers.Input((3,), name="right")
    shared = layers.Dense(5, activation="tanh", name="shared")
    a = shared(layers.Dense(6, name="up")(left))
    b = shared(layers.Dense(6, name="down")(right))
    joined = layers.concatenate([a, b], name="joined")
    return Model([left, right], [layers.Dense(2, name="first")(joined), layers.add([a, b], name="second")])


def data_for(model, rows=3):
    return [rng.normal(size=(rows, *x.shape[1:])).astype("float32") for x in model.inputs]


def test_shared_layers_have_one_set_of_weights():
    model = branching()
    assert [layer.name for layer in model.layers if layer.weights] == ["up", "down", "shared", "first"]
    assert len(model.weights) == 8
    data = data_for(model)
    first, second = model.predict(data)
    assert first.shape == (3, 2) and second.shape == (3, 5)
    w = {layer.name: layer.get_weights() for layer in model.layers}
    branches = [np.tanh((x @ w[n][0] + w[n][1]) @ w["shared"][0] + w["shared"][1])
                for n, x in zip(("up", "down"), data, strict=True)]  # fmt: skip
    np.testing.assert_allclose(second, branches[0] + branches[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        first, np.concatenate(branches, 1) @ w["first"][0] + w["first"][1], rtol=1e-5, atol=1e-6
    )
    shared = model.get_layer("shared")
    assert K.int_shape(shared.get_output_at(1)) == (None, 5)
    with pytest.raises(AttributeError, match="called 2 times, so its output is not one thing"):
        shared.output  # noqa: B018


def test_a_model_is_a_layer():
    inner = Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.BatchNormalization()])
    x = layers.Input((3,))
    twice = Model(x, layers.Dense(2)(layers.multiply([inner(x), inner(layers.Lambda(lambda t: -t)(x))])))
    assert len(twice.get_weights()) == len(inner.get_weights()) + 2
    # trainable weights of the inner model first
    assert [w.shape for w in twice.layers[[la.name for la in twice.layers].index(inner.name)].weights[:4]] == [
        (3, 4), (4,), (4,), (4,)
    ]  # fmt: skip
    data = rng.normal(size=(5, 3)).astype("float32")
    product = inner.predict(data) * inner.predict(-data)
    w, b = twice.layers[-1].get_weights()
    np.testing.assert_allclose(twice.predict(data), product @ w + b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "make", [branching, lambda: Sequential([layers.Dense(2, input_shape=(3,)), layers.Dropout(0.5)])]
)
def test_config_round_trip(make):
    model = make()
    again = model_from_json(model.to_json())
    assert again.get_config() == model.get_config()
    again.set_weights(model.get_weights())
    data = data_for(model)
    for a, b in zip(to_list(model.predict(data)), to_list(again.predict(data)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_clone_draws_weights_of_its_own():
    model = branching()
    copy = clone_model(model)
    assert [w.shape for w in copy.weights] == [w.shape for w in model.weights]
    assert not np.array_equal(copy.get_weights()[0], model.get_weights()[0])
    assert not set(map(id, copy.weights)) & set(map(id, model.weights))


def test_subclassed_model_trains_and_tracks_its_layers():
    class Two(Model):
        def __init__(self):
            super().__init__(name="two")
            self.hidden = layers.Dense(8, activation="relu")
            self.drop = layers.Dropout(0.2)
            self.out = layers.Dense(1)

        def call(self, inputs, training=None):
            return self.out(self.drop(self.hidden(inputs), training=training))

    kcore.set_seed(0)
    model = Two()
    model.compile(kcore.optimizers.Adam(lr=0.02), "mse")
    x = rng.normal(size=(64, 3)).astype("float32")
    y = x.sum(1, keepdims=True)
    losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    assert [layer.name for layer in model.layers] == [model.hidden.name, model.drop.name, model.out.name]
    assert len(model.weights) == 4
    assert model.predict(x).shape == (64, 1)


def test_pop_and_add():
    model = Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(2)])
    model.pop()
    assert model.output_shape == (None, 4)
    model.add(layers.Dense(5))
    assert model.predict(np.zeros((1, 3), "float32")).shape == (1, 5)
    while model.layers:
        model.pop()
    with pytest.raises(TypeError, match="no layers to pop"):
        model.pop()


def test_a_sequential_model_waits_for_its_first_data():
    model = Sequential([layers.Dense(4), layers.Dense(2)])
    assert not model.built
    assert model.predict(np.zeros((2, 3), "float32")).shape == (2, 2)
    assert [w.shape for w in model.weights] == [(3, 4), (4,), (4, 2), (2,)]


def test_summary_tells_shapes_and_numbers():
    lines = []
    branching().summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "shared (Dense)" in text and "(None, 5)" in text and "Connected to" in text
    assert f"Total params: {4 * 6 + 6 + 3 * 6 + 6 + 6 * 5 + 5 + 10 * 2 + 2:,}" in text


SUMMARY = """\
Model: "short"
_________________________________________________________________
Layer (type)                 Output Shape              Param #   
=================================================================
a (Dense)                    (None, 4)                 16        
_________________________________________________________________
b (BatchNormalization)       (None, 4)                 16        
=================================================================
Total params: 32
Trainable params: 24
Non-trainable params: 8
_________________________________________________________________"""


def test_summary_reads_as_in_keras_2():
    model = Sequential(
        [layers.Dense(4, input_shape=(3,), name="a"), layers.BatchNormalization(name="b")], name="short"
    )
    lines = []
    model.summary(print_fn=lines.append)
    assert "\n".join(lines) == SUMMARY
    lines = []
    model.summary(line_length=20, positions=[8, 16, 20], print_fn=lines.append)  # a user's widths cut
    assert lines[4:6] == ["a (Dens (None,  16  ", "_" * 20]


def test_summary_cuts_nothing_off_unasked():
    model = Sequential([layers.Dense(4, input_shape=(3,), name="a_name_of_more_than_thirty_letters")])
    lines = []
    model.summary(print_fn=lines.append)
    assert any("a_name_of_more_than_thirty_letters (Dense)" in line for line in lines)
    assert len({len(line) for line in lines if line[0] in "_="}) == 1


def test_weights_of_a_frozen_model_keep_their_order():
    inner = Sequential([layers.Dense(2, input_shape=(3,)), layers.BatchNormalization()])
    inner.layers[0].trainable = False
    model = Sequential([inner, layers.Dense(2)])
    trained = model.trainable_weights
    model.trainable = False
    assert model.trainable_weights == []
    assert (
        model.weights[: len(trained)] == trained
    )  # trainable ones first, as the original writes them in files


def test_trainable_counts_in_the_optimizer_when_compiled():
    model = Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(2)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.train_on_batch(np.ones((4, 3), "float32"), np.zeros((4, 2), "float32"))
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])


def test_calling_on_arrays_computes():
    layer = layers.Dense(3, activation="relu")
    x = rng.normal(size=(2, 4)).astype("float32")
    w, b = (layer(x), layer.get_weights())[1]
    np.testing.assert_allclose(layer(x), np.maximum(x @ w + b, 0), rtol=1e-6)


def test_the_same_seed_gives_the_same_run():
    def run():
        kcore.set_seed(7)
        model = Sequential([layers.Dense(8, input_shape=(4,)), layers.Dropout(0.5), layers.Dense(1)])
        model.compile("adam", "mse")
        x = np.random.RandomState(0).normal(size=(40, 4)).astype("float32")
        history = model.fit(x, x[:, :1], epochs=3, batch_size=8, verbose=0).history["loss"]
        return history, model.get_weights()

    (first, a), (second, b) = run(), run()
    assert first == second
    for v, w in zip(a, b, strict=True):
        np.testing.assert_array_equal(v, w)


def test_300_layers_are_built_quickly_and_without_an_engine():
    code = """
import sys, time
from kcore import layers
from kcore.models import Model
start = time.perf_counter()
x = inputs = layers.Input((8,))
for _ in range(100):
    x = layers.BatchNormalization()(layers.Activation("relu")(layers.Dense(8)(x)))
model = Model(inputs, x)
print(len(model.layers), time.perf_counter() - start, "kcore.engines.numpy_engine" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, seconds, engine = done.stdout.split()
    print(f"300 layers in {float(seconds):.2f} s")  # under 1 s on an idle machine
    assert (count, engine) == ("301", "False")


def test_moving_between_engines_keeps_training_state():
    model = Sequential([layers.Dense(2, input_shape=(3,))])
    model.compile("adam", "mse")
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    model.train_on_batch(x, y)
    twin = clone_model(model)
    twin.compile("adam", "mse")
    before = [w.numpy() for w in model.optimizer.weights]
    assert model.to_backend("numpy") is model
    for a, b in zip(before, model.optimizer.weights, strict=True):
        np.testing.assert_array_equal(a, b.numpy())
    start = time.perf_counter()
    model.train_on_batch(x, y)
    assert time.perf_counter() - start < 30


# errors at the earliest moment -----------------------------------------------------------------------------------
def test_wrong_rank_between_layers():
    x = layers.Input((3, 4))
    with pytest.raises(
        errors.ShapeError, match=r"Conv2D 'c': input 0 has shape \(None, 3, 4\); rank 4 expected"
    ):
        layers.Conv2D(2, 3, name="c")(x)
    dense = layers.LSTM(2, name="memory")
    with pytest.raises(
        errors.ShapeError, match=r"LSTM 'memory': input 0 has shape \(None, 3\); rank 3 expected"
    ):
        dense(layers.Input((3,)))


def test_wrong_size_between_layers():
    dense = layers.Dense(2, name="logits")
    dense(layers.Input((3,)))
    with pytest.raises(
        errors.ShapeError, match=r"Dense 'logits': input 0 has shape \(None, 4\); axis -1 has size 4; 3"
    ):
        dense(layers.Input((4,)))
    with pytest.raises(
        errors.ShapeError, match=r"Add '.*': input 1 has shape \(None, 4\), which does not go"
    ):
        layers.add([layers.Input((3,)), layers.Input((4,))])


def test_wrong_number_of_inputs():
    model = branching()
    with pytest.raises(errors.DataError, match="takes 2 inputs; 1 were given"):
        model([layers.Input((4,))])


def test_unknown_layers_come_with_the_nearest():
    model = branching()
    with pytest.raises(errors.UnknownName, match="no layer 'sharde'. Did you mean 'shared'"):
        model.get_layer("sharde")
    with pytest.raises(AttributeError, match="no layer named 'Dens'. Did you mean"):
        layers.Dens  # noqa: B018
    with pytest.raises(errors.UnknownName, match="no activation named 'rellu'. Did you mean"):
        layers.Dense(2, activation="rellu")


def test_graphs_that_are_not_connected():
    x, other = layers.Input((3,)), layers.Input((3,), name="other")
    with pytest.raises(errors.GraphError, match="depends on 'other', which is not among its inputs"):
        Model(x, layers.add([x, other]))
    with pytest.raises(errors.GraphError, match="does not come out of a layer"):
        Model(x, layers.Dense(2)(x) * 2)


def test_two_layers_of_one_name():
    x = layers.Input((3,))
    with pytest.raises(errors.GraphError, match="two layers are called 'twin'"):
        Model(x, layers.Dense(2, name="twin")(layers.Dense(2, name="twin")(x)))


def test_setting_weights_of_the_wrong_shape_changes_nothing():
    model = Sequential([layers.Dense(2, input_shape=(3,))])
    before = model.get_weights()
    with pytest.raises(errors.ShapeError, match=r"has shape \(2,\); a value of shape \(3,\)"):
        model.set_weights([np.zeros((3, 2)), np.zeros(3)])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_an_unknown_engine():
    with pytest.raises(errors.UnknownBackend, match="no engine named 'nunpy'. Did you mean 'numpy'"):
        Sequential(backend="nunpy")


def test_unknown_arguments_of_a_layer():
    with pytest.raises(TypeError, match="Dense has no argument 'unit'"):
        layers.Dense(2, unit=3)


def test_one_batch_of_a_stateful_model_may_be_smaller():
    """`predict` of fewer rows than batch_size is one batch; more rows must be whole batches (as in Keras 2)."""
    model = Sequential([layers.SimpleRNN(2, stateful=True, batch_input_shape=(6, 4, 3))])
    assert model.predict(np.ones((6, 4, 3))).shape == (6, 2)
    with pytest.raises(errors.DataError, match="states for 6 rows"):
        model.predict(np.ones((6, 4, 3)), batch_size=4)
