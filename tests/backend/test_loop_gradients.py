"""What a loop and its gradient leave to after the loop, and gradients of pieces that make up a whole."""

import numpy as np
import pytest

from kcore import backend as K
from kcore.backend.control import scan_function
from kcore.backend.program import Program
from kcore.extending import engine

TIME, BATCH, SIZE = 5, 3, 4


def numbers(*shape, seed=0):
    return np.random.RandomState(seed).uniform(-1, 1, shape)


def recurrence(batch, use_twice):
    """(inputs, what is captured, loss): h = tanh(x + h w + b), `w` also met by the input where `use_twice`."""
    x = K.placeholder((TIME, batch, SIZE), dtype="float64")
    start = K.placeholder((batch, SIZE), dtype="float64")
    w, b, scale = (K.placeholder(s, dtype="float64") for s in ((SIZE, SIZE), (SIZE,), (SIZE, SIZE)))

    def step(states, slices):
        inner = K.dot(states[0], w * scale) + b
        if use_twice:
            inner = inner + K.dot(slices[0], w * scale) * K.dot(slices[0], scale)
        new = K.tanh(slices[0] + inner)
        return [new], [new]

    (last,), (outputs,) = scan_function(step, [x], [start])
    return [x, start, w, b, scale], K.sum(K.sin(outputs)) + K.sum(last)


def bodies(inputs, outputs):
    """The operations in the loops of a program: a list for each loop."""
    flat = Program(inputs, outputs, rows_together=False).lower(engine("numpy"))
    return [[i.op for i in s.attributes["body"].instructions] for s in flat.instructions if s.op == "scan"]


@pytest.mark.parametrize("batch", [None, BATCH])
@pytest.mark.parametrize("use_twice", [False, True])
def test_gradients_of_what_a_loop_reads_from_outside(batch, use_twice):
    inputs, loss = recurrence(batch, use_twice)
    run = K.function(inputs, [loss, *K.gradients(loss, inputs)])
    values = [numbers(*(BATCH if n is None else n for n in i.shape), seed=k) for k, i in enumerate(inputs)]
    _, *found = run(values)
    for k, gradient in enumerate(found):
        for place in list(np.ndindex(values[k].shape))[:: 1 + values[k].size // 8]:
            moved = []
            for step in (1e-5, -1e-5):
                changed = [v.copy() for v in values]
                changed[k][place] += step
                moved.append(float(run(changed)[0]))
            assert abs((moved[0] - moved[1]) / 2e-5 - gradient[place]) < 1e-7, (k, place)


def test_products_for_kernels_and_sums_for_biases_are_made_after_the_loop():
    inputs, loss = recurrence(BATCH, False)
    _, backwards = bodies(inputs, K.gradients(loss, inputs))
    assert backwards.count("matmul") == 1  # the one that goes to the state before
    assert not {"sum", "sum_to_like"} & set(backwards)


def test_what_is_no_product_over_the_rows_is_summed_step_by_step():
    x, factor = K.placeholder((TIME, BATCH, SIZE)), K.placeholder((BATCH, SIZE))
    (last,), _ = scan_function(lambda s, r: ([s[0] + r[0] * factor], []), [x], [K.zeros((BATCH, SIZE))])
    values = [numbers(TIME, BATCH, SIZE), numbers(BATCH, SIZE)]
    (found,) = K.function([x, factor], K.gradients(K.sum(last), [factor]))(values)
    np.testing.assert_allclose(found, values[0].sum(0), rtol=1e-5)


@pytest.mark.parametrize(
    ("cuts", "whole"),
    [
        ([(0, 2), (2, 5), (5, 6)], True),
        ([(2, 6), (0, 2)], True),
        ([(0, 2), (2, 5)], False),
        ([(0, 4), (2, 6)], False),
    ],
)
def test_gradients_of_pieces_are_joined_where_they_make_up_the_whole(cuts, whole):
    x = K.placeholder((None, 6), dtype="float64")
    loss = sum(K.sum(K.exp(x[:, a:b]) * (i + 1.0)) for i, (a, b) in enumerate(cuts)) + K.sum(K.sin(x))
    gradient = K.gradients(loss, [x])
    flat = Program([x], gradient).lower(engine("numpy"))
    used = [i.op for i in flat.instructions]
    assert ("concatenate" in used, "unslice" in used) == (whole, not whole)
    value = numbers(2, 6)
    expected = np.cos(value)
    for i, (a, b) in enumerate(cuts):
        expected[:, a:b] += (i + 1.0) * np.exp(value[:, a:b])
    np.testing.assert_allclose(K.function([x], gradient)([value])[0], expected, rtol=1e-6)


@pytest.mark.parametrize("batch", [None, BATCH])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_last_step_is_the_last_state(batch, reverse):
    x = K.placeholder((TIME, batch, SIZE))

    def step(states, slices):
        new = K.tanh(slices[0] + states[0])
        return [new], [new, K.exp(new)]

    start = x[0] * 0.0
    (state,), (outputs, others) = scan_function(step, [x], [start], reverse)
    value = numbers(TIME, BATCH, SIZE).astype("float32")
    asked = [outputs[-1], others[-1], outputs[-2], outputs[0], outputs[-1:, :, 1:]]
    found = K.function([x], [outputs, others, *asked])([value])
    for got, whole, key in zip(
        found[2:], (0, 1, 0, 0, 0), (-1, -1, -2, 0, np.index_exp[-1:, :, 1:]), strict=True
    ):
        np.testing.assert_array_equal(got, found[whole][key])
    flat = Program([x], [outputs[-1]]).lower(engine("numpy"))
    (loop,) = [i for i in flat.instructions if i.op == "scan"]
    assert len(loop.outputs) == (2 if reverse else 1)  # nothing is stacked where the state tells
