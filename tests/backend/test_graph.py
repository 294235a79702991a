"""Symbolic graphs: functions, gradients to second order, updates, phases, loops, branches, errors."""

import threading

import numpy as np
import pytest

from kcore import backend as K
from kcore import errors


def numeric_gradient(function, value, step=1e-5):
    """Central differences of a scalar function of one array."""
    result = np.zeros_like(value)
    for index in np.ndindex(value.shape):
        above, below = value.copy(), value.copy()
        above[index] += step
        below[index] -= step
        result[index] = (function(above) - function(below)) / (2 * step)
    return result


def check_gradient(build, *shapes, second=False):
    """Compares K.gradients of sum(build(xs)) with central differences, for every input."""
    rng = np.random.default_rng(0)
    values = [rng.normal(size=s) for s in shapes]
    inputs = [K.placeholder((None, *s[1:]) if s else s, dtype="float64") for s in shapes]
    total = K.sum(build(*inputs))
    if second:
        total = K.sum(sum(K.sum(K.square(g)) for g in K.gradients(total, inputs)))
    found = K.function(inputs, K.gradients(total, inputs))(values)
    value_of = K.function(inputs, total)
    for i, gradient in enumerate(found):
        expected = numeric_gradient(lambda v, i=i: value_of([*values[:i], v, *values[i + 1 :]]), values[i])
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


def recurrence(masked=False, backwards=False, unroll=False):
    def build(x, w, u):
        def step(inputs, states):
            new = K.tanh(K.dot(inputs, w) + K.dot(states[0], u))
            return new, [new]

        start = K.zeros_like(K.dot(x[:, 0], w))
        mask = K.greater(x[:, :, 0], -0.5) if masked else None
        last, outputs, _ = K.rnn(step, x, [start], mask=mask, go_backwards=backwards, unroll=unroll)
        return K.sum(outputs * outputs * outputs) + K.sum(last)

    return build


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_gradient_of_a_recurrence(masked, backwards, second):
    check_gradient(recurrence(masked, backwards), (3, 4, 2), (2, 3), (3, 3), second=second)


def test_unrolled_recurrence_equals_the_loop():
    x = K.placeholder((None, 4, 2), dtype="float64")
    w, u = (K.placeholder(s, dtype="float64") for s in ((2, 3), (3, 3)))
    values = [np.random.default_rng(1).normal(size=s) for s in ((3, 4, 2), (2, 3), (3, 3))]
    loop, flat = (K.function([x, w, u], recurrence(unroll=f)(x, w, u))(values) for f in (False, True))
    np.testing.assert_allclose(loop, flat, rtol=1e-12)


def test_gradient_with_respect_to_an_inner_tensor():
    x = K.placeholder((2,))
    inner = K.square(x)
    (found,) = K.gradients(K.sum(inner * inner), [inner])
    np.testing.assert_allclose(K.function([x], found)([np.array([1.0, 3.0])]), [2.0, 18.0])


def test_gradient_is_none_where_nothing_depends():
    x, y = K.placeholder((2,)), K.placeholder((2,))
    assert K.gradients(K.sum(x), [y]) == [None]
    assert K.gradients(K.sum(K.stop_gradient(x)), [x]) == [None]


def test_updates_read_the_values_from_before_and_are_chained():
    a, b = K.variable(1.0), K.variable(10.0)
    swap = K.function([], [a + b], updates=[K.update(a, b), K.update(b, a), K.update_add(b, 5.0)])
    assert swap([]) == [11.0]
    assert (K.get_value(a), K.get_value(b)) == (10.0, 6.0)


def test_learning_phase_is_an_input_or_zero():
    x = K.placeholder((2,))
    y = K.in_train_phase(x * 2, x)
    data = np.array([1.0, 2.0], "float32")
    np.testing.assert_array_equal(K.function([x], y)([data]), data)
    fed = K.function([x, K.learning_phase()], y)
    np.testing.assert_array_equal(fed([data, 1]), data * 2)
    np.testing.assert_array_equal(fed([data, 0]), data)


def test_switch_runs_one_branch_and_passes_gradients():
    x = K.placeholder((3,), dtype="float64")
    flag = K.placeholder((), dtype="bool")
    y = K.switch(flag, lambda: K.sum(x * x), lambda: K.sum(x * 3.0))
    run = K.function([x, flag], [y, *K.gradients(y, [x])])
    data = np.array([1.0, 2.0, 3.0])
    for given, value, gradient in ((1, 14.0, 2 * data), (0, 18.0, np.full(3, 3.0))):
        got = run([data, given])
        assert got[0] == value
        np.testing.assert_array_equal(got[1], gradient)


def test_switch_by_elements_fills_up_the_rank():
    got = K.eval(K.switch(K.constant([1, 0], dtype="bool"), K.ones((2, 3)), K.zeros((2, 3))))
    np.testing.assert_array_equal(got, [[1, 1, 1], [0, 0, 0]])


def test_while_loop():
    n = K.placeholder((), dtype="int32")
    total, count = K.repeat_while(lambda s, i: i < n, lambda s, i: [s + i, i + 1], [0, 0])
    assert K.function([n], [total, count])([5]) == [10, 5]


def test_folds_and_map():
    data = np.arange(6.0).reshape(3, 2)
    x = K.placeholder((None, 2), dtype="float64")
    made = [
        K.map_fn(lambda row: K.sum(row * row), x),
        K.foldl(lambda a, b: a * 2 + b, x),
        K.foldr(lambda a, b: a - b, x),
    ]
    squares, left, right = K.function([x], made)([data])
    np.testing.assert_array_equal(squares, (data**2).sum(1))
    np.testing.assert_array_equal(left, (data[0] * 2 + data[1]) * 2 + data[2])
    np.testing.assert_array_equal(right, data[2] - data[1] - data[0])


def test_random_numbers_are_new_at_each_call_and_repeat_with_the_seed():
    def draws():
        K.set_seed(3)
        run = K.function([], K.random_normal((4,)))
        return [run([]) for _ in range(3)]

    first, again = draws(), draws()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])


def test_arrays_and_symbols_give_the_same():
    data = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    x = K.placeholder((None, 4))
    for operation in (K.tanh, K.softmax, lambda v: K.mean(v, axis=1), lambda v: K.clip(v, -0.5, 0.5)):
        np.testing.assert_array_equal(operation(data), K.function([x], operation(x))([data]))


def test_variables_are_shared_by_threads():
    x = K.placeholder((None, 2))
    w = K.variable(np.ones((2, 2)))
    run = K.function([x], K.dot(x, w))
    data = [np.full((5, 2), float(i), "float32") for i in range(8)]
    got = [None] * 8

    def work(i):
        for _ in range(50):
            got[i] = run([data[i]])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for i in range(8):
        np.testing.assert_array_equal(got[i], np.full((5, 2), 2.0 * i))


# errors ------------------------------------------------------------------------------------------------------
def test_a_symbolic_tensor_is_no_array():
    with pytest.raises(errors.SymbolicTensorError, match="holds no numbers"):
        np.asarray(K.placeholder((2,)))
    with pytest.raises(errors.SymbolicTensorError, match="no truth value"):
        bool(K.placeholder((2,)) > 0)


def test_a_placeholder_not_fed_is_named():
    x = K.placeholder((2,), name="speed")
    with pytest.raises(errors.GraphError, match="'speed:0'.*not among its inputs"):
        K.function([], [x * 2])([])


def test_shapes_that_do_not_fit_are_named_at_build_time():
    with pytest.raises(errors.ShapeError, match=r"matmul|dot"):
        K.dot(K.placeholder((None, 3)), K.placeholder((4, 2)))
    with pytest.raises(errors.ShapeError, match="do not broadcast"):
        K.placeholder((2, 3)) + K.placeholder((2, 4))


def test_feeding_the_wrong_shape_is_named():
    x = K.placeholder((None, 3), name="speed")
    with pytest.raises(
        errors.ShapeError, match=r"'speed:0' takes shape \(None, 3\); an array of shape \(2, 4\)"
    ):
        K.function([x], [x])([np.zeros((2, 4))])


def test_setting_a_variable_to_the_wrong_shape_changes_nothing():
    v = K.variable(np.ones((2, 2)), name="w")
    with pytest.raises(errors.ShapeError, match=r"'w:0' has shape \(2, 2\)"):
        K.set_value(v, np.zeros(3))
    np.testing.assert_array_equal(K.get_value(v), np.ones((2, 2)))
