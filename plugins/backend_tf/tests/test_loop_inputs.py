"""Loops in programs for CPUs: they take rows of their sequences, and make the products of inputs and kernels."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from kcore_backend_tf import loop_inputs
from kcore_backend_tf.compiled import Compiled
from kcore_backend_tf.xla import Jitted

import kcore
from kcore import backend as K
from kcore import layers as L
from kcore.models import Sequential

X = np.random.default_rng(3).normal(size=(3, 6, 4)).astype("float32")
X[1, 3:] = 0.0  # what a mask leaves out


def predicted(layers, backend):
    with kcore.use_backend(backend):
        kcore.set_seed(5)
        model = Sequential([L.InputLayer((None, 4)), *layers()])
        model.compile("sgd", "mse")
        results = [model.predict_on_batch(X)]
        target = np.zeros_like(results[0])
        model.train_on_batch(X, target)
        results.append(model.predict_on_batch(X))
        return model, results


def operations(model, mode):
    """How often each operation stands before and after the loops, and within them, as the engine is given them."""
    _, program, _ = model._steps.lowered(mode)
    planned = loop_inputs.planned(program)
    inner = [i.attributes["body"] for i in planned.instructions if i.op == "scan"]
    assert all(i.attributes["by_rows"] for i in planned.instructions if i.op == "scan")
    return Counter(i.op for i in planned.instructions), Counter(i.op for b in inner for i in b.instructions)


RELU = {"recurrent_activation": "relu"}  # a loop over the cell's own step
MOVED = {
    "LSTM": lambda: [L.LSTM(3)],
    "LSTM, no bias": lambda: [L.LSTM(3, use_bias=False)],
    "LSTM, sequences backwards": lambda: [L.LSTM(3, return_sequences=True, go_backwards=True)],
    "LSTM, mask": lambda: [L.Masking(), L.LSTM(3)],
    "LSTM, own step": lambda: [L.LSTM(3, **RELU)],
    "GRU": lambda: [L.GRU(3)],
    "GRU, reset after": lambda: [L.GRU(3, reset_after=True)],
    "SimpleRNN": lambda: [L.SimpleRNN(3)],
    "SimpleRNN, own step": lambda: [L.SimpleRNN(5, activation="elu", use_bias=False)],
}


@pytest.mark.parametrize("name", MOVED)
def test_the_product_of_inputs_and_kernel_is_made_in_the_loop(name):
    model, found = predicted(MOVED[name], "tensorflow")
    outside, inside = operations(model, "predict")
    assert outside["matmul"] == 0 and inside["matmul"] == (3 if name == "GRU" else 2)
    for a, b in zip(found, predicted(MOVED[name], "numpy")[1], strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_two_layers_and_both_directions():
    def layers():
        return [L.Bidirectional(L.LSTM(3, return_sequences=True)), L.GRU(2)]

    model, found = predicted(layers, "tensorflow")
    outside, inside = operations(model, "predict")
    assert (outside["scan"], outside["matmul"], inside["matmul"]) == (3, 0, 7)
    for a, b in zip(found, predicted(layers, "numpy")[1], strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_training_moves_the_product_as_well_and_leaves_those_of_gradients():
    model, _ = predicted(MOVED["LSTM"], "tensorflow")
    outside, inside = operations(model, "train")
    # the gradients of both kernels outside; forwards twice and backwards once inside
    assert (outside["matmul"], inside["matmul"]) == (2, 3)


def test_what_is_asked_for_besides_stays_outside():
    with kcore.use_backend("tensorflow"):
        x, kernel = K.placeholder((None, None, 4)), K.variable(np.ones((4, 2)))
        projected = K.dot(x, kernel)
        last, _, _ = K.rnn(lambda row, states: (row + states[0], [row + states[0]]), projected, [x[:, 0, :2]])
        both = K.function([x], [last, projected])
        alone = K.function([x], [last])
        np.testing.assert_allclose(both([X])[0], alone([X])[0], atol=1e-6)
        np.testing.assert_allclose(both([X])[1], X @ np.ones((4, 2)), atol=1e-6)


def test_kernels_that_do_not_stay_in_caches_are_multiplied_at_once(monkeypatch):
    model, found = predicted(MOVED["LSTM"], "tensorflow")
    monkeypatch.setattr(loop_inputs, "LARGEST", 4 * 12 - 1)
    outside, inside = operations(model, "predict")
    assert (outside["matmul"], inside["matmul"]) == (1, 1)
    np.testing.assert_allclose(predicted(MOVED["LSTM"], "tensorflow")[1], found, atol=1e-6)


def test_only_programs_for_cpus_without_xla_are_changed():
    model, _ = predicted(MOVED["LSTM"], "tensorflow")
    _, program, _ = model._steps.lowered("predict")
    assert Compiled(_Engine("cpu:0"), program)._on_cpu()
    assert Compiled(_Engine("gpu:0"), program, "cpu:0")._on_cpu()
    assert not Compiled(_Engine("gpu:0"), program)._on_cpu()
    assert not Compiled(_Engine("cpu:0"), program, "gpu:0")._on_cpu()
    assert not Jitted(_Engine("cpu:0"), program)._on_cpu()


class _Engine:
    def __init__(self, device):
        self.default_device = lambda: device


def test_a_users_tape_in_a_users_function_goes_through_loops():
    with kcore.use_backend("tensorflow"):
        kcore.set_seed(5)
        model = Sequential([L.LSTM(3, input_shape=(None, 4))])
        weights = [w.native for w in model.trainable_weights]

        @tf.function
        def slopes(values):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(model(values) ** 2)
            return tape.gradient(loss, weights)

        by_tape = slopes(tf.constant(X))
        total = K.gradients(K.sum(K.square(model.output)), model.trainable_weights)
        for a, b in zip(by_tape, K.function([model.input], total)([X]), strict=True):
            np.testing.assert_allclose(a.numpy(), b, atol=2e-6)
