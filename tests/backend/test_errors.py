"""Mistakes with symbolic tensors and arrays: what happened, and what to do; the same on every engine."""

import math
import sys

import numpy as np
import pytest

import kcore
from kcore import backend as K
from kcore import models
from kcore.engines.numpy_engine import NumpyEngine
from kcore.errors import ArgumentError, DataError, DTypeError, GraphError, ShapeError, SymbolicTensorError
from kcore.kernel import context
from kcore.layers import Concatenate, Dense, Input, Lambda, Layer

ARRAY = np.ones((2, 3), "float32")


def speed():
    return K.placeholder((2, 3), name="speed")


def open_speed():
    return K.placeholder((None, 3), name="speed")


def check(error, words, mistake):
    with pytest.raises(error, match=words) as caught:
        mistake()
    assert isinstance(caught.value, kcore.errors.KcoreError)


@pytest.mark.parametrize(
    "words, mistake",
    [
        ("'speed:0'.*holds no numbers.*K.eval / K.function", lambda t: np.asarray(t)),
        ("'speed:0'.*holds no numbers", lambda t: np.asarray([t, t])),
        ("'speed:0'.*holds no numbers", lambda t: np.sin(t)),
        ("'speed:0'.*holds no numbers", lambda t: np.concatenate([t, t])),
        ("holds no numbers", lambda t: ARRAY.__setitem__(0, t[0])),
        ("'speed:0'.*no truth value.*K.switch", lambda t: bool(t)),
        ("no truth value.*K.switch.*to get a number", lambda t: 1 if t > 0 else 0),
        ("no truth value", lambda t: t and t),
        ("no truth value", lambda t: max(t, t * 2)),
        ("'speed:0'.*holds no number yet.*K.eval / K.function", lambda t: float(t)),
        ("'speed:0'.*holds no number yet", lambda t: int(t)),
        ("'speed:0'.*holds no number yet", lambda t: math.sqrt(t)),
        ("'speed:0'.*holds no number yet", lambda t: range(t)),
        ("'speed:0'.*cannot be written as '.2f'", lambda t: f"{t:.2f}"),
        ("'speed:0'.*cannot be set.*K.switch", lambda t: t.__setitem__(0, 1.0)),
    ],
)
def test_a_symbolic_tensor_used_as_an_array(words, mistake):
    check(SymbolicTensorError, words, lambda: mistake(speed()))
    assert isinstance(SymbolicTensorError(), TypeError)  # as TensorFlow 1 under Keras 2 raised


def test_going_through_a_tensor():
    check(
        SymbolicTensorError, r"'speed:0'.*first dimension is not known.*K\.map_fn", lambda: list(open_speed())
    )
    check(SymbolicTensorError, "has no dimension", lambda: list(K.placeholder(())))
    check(SymbolicTensorError, r"'speed:0'.*no known length.*K\.shape", lambda: len(open_speed()))
    first, second = speed()  # where the size is known there is nothing to go wrong
    assert K.int_shape(first) == K.int_shape(second) == (3,)
    assert len(speed()) == 2


def test_a_variable_says_how_to_get_its_value():
    w = K.variable(ARRAY, name="w")
    check(SymbolicTensorError, r"'w:0'.*K\.get_value", lambda: np.asarray(w))
    check(SymbolicTensorError, r"'w:0'.*K\.get_value", lambda: float(w))
    check(SymbolicTensorError, r"'w:0'.*K\.get_value", lambda: bool(w))
    assert f"{w}" == repr(w)


def small_model():
    model = models.Sequential([Dense(2, input_shape=(3,), name="only")])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    "mistake",
    [
        lambda m, t: m.predict(t),
        lambda m, t: m.fit(t, ARRAY),
        lambda m, t: m.evaluate(t, ARRAY),
        lambda m, t: m.train_on_batch(t, ARRAY),
    ],
)
def test_symbolic_data_for_a_model(mistake):
    check(DataError, "'speed:0'.*holds no numbers", lambda: mistake(small_model(), open_speed()))


@pytest.mark.parametrize(
    "words, mistake",
    [
        ("'w'.*|holds no numbers", lambda t: K.set_value(K.variable(ARRAY), t)),
        ("'speed:0' is fed the symbolic tensor.*give an array", lambda t: K.function([t], [t])([t])),
        (r"set_value\(\) takes a variable.*K\.variable", lambda t: K.set_value(t, ARRAY)),
        (r"set_value\(\) takes a variable", lambda t: K.batch_set_value([(t, ARRAY)])),
        ("only a variable can be updated.*K.variable", lambda t: K.update(t, ARRAY)),
        ("only a variable can be updated", lambda t: K.update(ARRAY, t)),
        ("only a variable can be updated", lambda t: K.function([t], [t], updates=[(t, t)])),
        ("inputs of a function are symbolic.*ndarray.*K.placeholder", lambda t: K.function([ARRAY], [t])),
        (r"gradients are of symbolic.*ndarray.*kcore\.grad", lambda t: K.gradients(ARRAY, [t])),
        ("gradients are of symbolic.*ndarray", lambda t: K.gradients(K.sum(t), [ARRAY])),
        (r"is_keras_tensor\(\) takes a symbolic tensor; ndarray", lambda t: K.is_keras_tensor(ARRAY)),
    ],
)
def test_an_array_where_a_symbolic_tensor_is_due_and_the_reverse(words, mistake):
    check(SymbolicTensorError, words, lambda: mistake(speed()))


def test_a_value_that_waits_for_data():
    check(GraphError, "'speed:0'.*Feed it", lambda: K.get_value(speed() * 2))


def test_arrays_in_a_model():
    x = Input((3,))
    check(
        GraphError, r"(?s)input array.*is no symbolic tensor; use Input\(\)", lambda: models.Model(ARRAY, x)
    )
    check(GraphError, r"(?s)output array.*is no symbolic tensor", lambda: models.Model(x, ARRAY))
    mixed = r"Concatenate 'both'.*mixed; ndarray was given.*K\.constant"
    check(ArgumentError, mixed, lambda: Concatenate(name="both")([x, ARRAY]))


@pytest.mark.parametrize("thing", ["text", {}, object(), [["a"]]])
def test_what_is_no_tensor(thing):
    check(DTypeError, "a tensor cannot be made of.*give numbers", lambda: K.tanh(thing))
    check(DTypeError, "a tensor cannot be made of.*give numbers", lambda: speed() + thing)


def test_tensors_of_two_graphs():
    x, other = Input((3,), name="left"), Input((3,), name="right")
    check(
        GraphError,
        "depends on 'right', which is not among its inputs",
        lambda: models.Model(x, Dense(2)(other)),
    )
    both = Concatenate()([x, other])
    check(GraphError, "depends on 'right'", lambda: models.Model(x, both))
    run = K.function([x], both)
    check(
        GraphError, "'right:0'.*needed by function but is not among its inputs. Feed it", lambda: run([ARRAY])
    )


def test_a_placeholder_not_fed():
    t = speed()
    check(
        GraphError,
        r"'speed:0'.*needed by eval.*Feed it: add it to the inputs of K\.function",
        lambda: K.eval(t),
    )
    check(GraphError, "'speed:0'.*not among its inputs", lambda: K.function([], [K.tanh(t)])([]))
    rows = K.map_fn(lambda row: row * t[0], K.variable(ARRAY))  # read from within a loop
    check(GraphError, "'speed:0'.*not among its inputs", lambda: K.eval(rows))
    check(
        ArgumentError,
        "sums takes 2 inputs; 1 were given",
        lambda: K.function([t, speed()], [t], name="sums")([ARRAY]),
    )
    updated = K.variable(ARRAY)
    check(GraphError, "'speed:0'", lambda: K.function([], [], updates=[K.update(updated, t)])([]))


@pytest.fixture
def second_engine(monkeypatch):
    """A second engine, so that two can be mixed where only one is installed."""

    class Second(NumpyEngine):
        name = "second"

    monkeypatch.setitem(context._loaded, "second", Second())
    return "second"


def test_tensors_of_two_engines(second_engine):
    with kcore.use_backend(second_engine):
        left = K.variable(ARRAY, name="left")
        K.eval(left + 1.0)
    right = K.variable(ARRAY, name="right")
    K.eval(right + 1.0)
    words = (
        r"variables of different engines meet:.*'(left|right):0' is on.*'(left|right):0' is on.*to_backend"
    )
    check(GraphError, words, lambda: K.eval(left + right))
    check(GraphError, words, lambda: K.function([], [], updates=[K.update(left, right)])([]))
    x = K.placeholder((2, 3))
    np.testing.assert_array_equal(K.function([x], left * x)([ARRAY]), ARRAY)  # runs where its variable is
    left.release()  # after which it may go to any
    np.testing.assert_array_equal(K.eval(left + right), 2 * ARRAY)


def test_a_layers_error_names_the_layer():
    class Wrong(Layer):
        def call(self, inputs):
            return K.dot(inputs, K.ones((7, 2)))

    class Branching(Layer):
        def call(self, inputs):
            return inputs if inputs > 0 else -inputs

    x = Input((3,))
    check(ShapeError, "^Wrong 'it': dot", lambda: Wrong(name="it")(x))
    check(SymbolicTensorError, "^Branching 'b': .*no truth value", lambda: Branching(name="b")(x))
    check(ShapeError, "^Lambda 'l': ", lambda: Lambda(lambda t: t + K.ones((5,)), name="l")(x))

    class Around(Layer):
        def call(self, inputs):
            return Wrong(name="inner")(inputs)

    check(ShapeError, "^Wrong 'inner': dot", lambda: Around()(x))

    class Buggy(Layer):
        def call(self, inputs):
            return inputs.missing

    with pytest.raises(AttributeError) as caught:
        Buggy(name="bug")(x)
    if sys.version_info >= (3, 11):
        assert "Buggy 'bug'" in "".join(caught.value.__notes__)


N = None


@pytest.mark.parametrize(
    "error, words, mistake",
    [
        (ShapeError, "size that must be known.*None.*Give the placeholder", lambda u: K.conv2d(u(N, 8, 8, 3), u(N, 3, 3, 4))),
        (ShapeError, "size that must be known", lambda u: K.ctc_batch_cost(u(N, N), u(N, N, N), u(N, 1), u(N, 1))),
        (ShapeError, r"\(None, 3\) was asked for; all sizes must be known.*K\.zeros_like", lambda u: K.zeros((N, 3))),
        (ShapeError, "all sizes must be known", lambda u: K.ones((N, 3))),
        (ShapeError, "all sizes must be known", lambda u: K.eye(N)),
        (ShapeError, "all sizes must be known", lambda u: K.constant(0.0, shape=(N, 2))),
        (ShapeError, "all sizes must be known", lambda u: K.random_normal_variable((N, 2), 0.0, 1.0)),
        (ArgumentError, "all sizes must be given", lambda u: K.random_normal((N, 3))),
        (ShapeError, "one size at most may be left open", lambda u: K.reshape(u(N, N), (-1, -1))),
        (ShapeError, "must be known to be taken apart", lambda u: K.unstack(u(N, 3))),
        (ShapeError, r"a loop goes along the first axis.*\(\)", lambda u: K.map_fn(lambda a: a, u())),
        (ShapeError, "axes=3|3 is outside", lambda u: K.reverse(u(N, 2), 3)),
        (ArgumentError, "no tensor to join", lambda u: K.concatenate([])),
        (ArgumentError, "no tensor to stack", lambda u: K.stack([])),
        (ShapeError, "class", lambda u: K.sparse_categorical_crossentropy(u(N), u(N, N))),
        (ShapeError, "spatial sizes", lambda u: K.local_conv1d(u(N, N, 3), u(4, 9, 2), (3,), (1,))),
        (ShapeError, "rank 3|(batch, time, ...)", lambda u: K.rnn(None, u(N, 3), [u(N, 2)])),
    ],
)  # fmt: skip
def test_sizes_that_must_be_known(error, words, mistake):
    check(error, words, lambda: mistake(lambda *shape: K.placeholder(shape)))
