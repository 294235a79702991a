"""What lowering leaves out, and what it must not leave out."""

from collections import Counter

import numpy as np
import pytest

from kcore import backend as K
from kcore import layers, models
from kcore.backend.control import scan_function
from kcore.backend.declare import operation
from kcore.backend.program import Program
from kcore.backend.sizes import KnownSizes
from kcore.kernel.context import engine, use_backend

sum_to_like = operation("sum_to_like")


def lowered(inputs, outputs, **options):
    return Program(inputs, outputs, **options).lower(engine())


def operations(*arguments, **options):
    return Counter(i.op for i in lowered(*arguments, **options).instructions)


def test_casts_to_the_same_type_and_products_with_ones_go():
    x = K.placeholder((None, 3))
    same = operation("cast").symbolic([x, "float32"])
    y = K.exp(same * K.ones_like(x)) / 1.0
    assert operations([x], [y + 1.0]) == {"exp": 1, "add": 1}


def test_gradients_need_no_sums_where_shapes_are_surely_equal():
    x = K.placeholder((None, 3))
    y = K.sum(K.tanh(x * 2.0) + x)
    assert "sum_to_like" not in operations([x], K.gradients(y, [x]))


def test_two_unknown_sizes_may_broadcast():
    x, y = K.placeholder((None, 3)), K.placeholder((None, 3))
    outputs = K.gradients(K.sum(x * y), [x, y])
    assert operations([x, y], outputs)["sum_to_like"] == 2
    function = K.function([x, y], outputs)
    to_x, to_y = function([np.full((1, 3), 2.0), np.ones((4, 3))])
    np.testing.assert_array_equal(to_x, np.full((1, 3), 4.0))
    np.testing.assert_array_equal(to_y, np.full((4, 3), 2.0))
    shifted = [g + 1.0 for g in outputs]  # what is given back itself is left as it is
    assert "sum_to_like" not in operations([x, y], shifted, rows_together=True)


def test_sizes_equal_only_for_some_inputs_are_not_taken_for_equal():
    time = K.placeholder((2, None, 3))
    halved = time[:, ::2]
    doubled = K.concatenate([halved, halved], 1)
    known = KnownSizes([time], False)
    assert not known.same(time, doubled)  # equal for even lengths only
    assert not known.same(time, time[:, :1000])  # for short ones only
    assert known.same(time, K.exp(time) + 1.0)
    assert known.same(time, K.reverse(K.concatenate([time[:, :1], time[:, 1:]], 1), 1))


def test_flattened_sizes_are_followed():
    x = K.placeholder((None, 4, 5))
    flat = K.reshape(x, (-1, 5))
    known = KnownSizes([x], False)
    assert known.same(K.reshape(flat, (-1, 4, 5)), x)
    assert not known.same(flat, K.reshape(x, (-1, 4)))


def test_sizes_through_loops():
    x = K.placeholder((None, 7, 2))

    def step(inputs, states):
        output = inputs + states[0]
        return output, [output]

    _, outputs, (last,) = K.rnn(step, x, [K.zeros_like(x[:, 0])])
    known = KnownSizes([x], False)
    program = lowered([x], [outputs * 1.0 + last[:, None] * 0.0, last])
    assert Counter(i.op for i in program.instructions)["scan"] == 1
    assert known.same(outputs, x) or outputs.shape == (None, 7, 2)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_numbers_are_those_of_the_whole_graph(rows):
    """One training step with and without leaving out."""
    inputs = layers.Input((4, 3))
    out = layers.Dense(3, activation="tanh")(inputs)
    out = layers.Flatten()(layers.Add()([out, inputs]))
    out = layers.BatchNormalization()(out)
    model = models.Model(inputs, layers.Dense(2, activation="softmax")(out))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model._make_train_function()
    random = np.random.RandomState(rows)
    x, y = random.randn(rows, 4, 3).astype("float32"), np.eye(2, dtype="float32")[np.arange(rows) % 2]
    gradients = K.gradients(model.total_loss, model.trainable_weights)
    program = [*model.inputs, *model.targets, *model.sample_weights]
    found = []
    for simplified in (True, False):
        flat = Program(
            program, [model.total_loss, *gradients], givens={K.learning_phase(): 1},
            rows_together=True, simplified=simplified,
        ).lower(engine())  # fmt: skip
        compiled = engine().compile(flat)
        found.append([engine().to_numpy(t) for t in compiled(x, y, np.ones(rows, "float32"))])
    for first, second in zip(*found):
        np.testing.assert_allclose(first, second, rtol=2e-6, atol=1e-7)


def test_loops_lose_what_nobody_asks_for():
    x, start = K.placeholder((5, 2, 3)), K.placeholder((2, 3))
    extra = K.placeholder((5, 2, 3))

    def step(states, slices):
        total, product, last = states
        kept = [K.tanh(total + slices[0]), product * slices[1], last * 2.0]
        return kept, [kept[0] + last, K.exp(product), slices[1] * 3.0]

    states, outputs = scan_function(step, [x, extra], [start, start, start])
    (loop,) = (i for i in lowered([x, extra, start], [outputs[0]]).instructions if i.op == "scan")
    body = loop.attributes["body"]
    # total and last, one sequence, and one output are left
    assert [len(group) for group in loop.inputs] == [1, 2, 0]
    assert len(loop.outputs) == len(body.outputs) == 3 and len(body.inputs) == 3
    assert Counter(i.op for i in body.instructions) == {"tanh": 1, "add": 2, "multiply": 1}
    values = [np.random.RandomState(i).rand(*t.shape) for i, t in enumerate((x, extra, start))]
    everything = K.function([x, extra, start], [*states, *outputs])(values)
    for i, tensor in enumerate((*states, *outputs)):
        np.testing.assert_array_equal(K.function([x, extra, start], [tensor])(values)[0], everything[i])


def test_an_lstm_that_predicts_keeps_no_gates():
    with use_backend("numpy"):  # on some engines it is no loop at all
        model = models.Sequential([layers.LSTM(4, input_shape=(3, 2))])
        program = model._steps.lowered("predict")[1]
    loops = [i for i in program.instructions if i.op == "scan"]
    assert [len(i.outputs) for i in loops] == [2]  # its states, the first of which is the last output


def sums_within(program):
    """How many instructions of loops are `sum_to_like`."""
    loops = [i.attributes["body"] for i in program.instructions if i.op == "scan"]
    assert len(loops) == 2  # forwards and back
    return sum(i.op == "sum_to_like" for b in loops for i in b.instructions)


def test_the_body_of_a_loop_knows_the_sizes_around_it():
    x, start = K.placeholder((5, None, 3)), K.placeholder((None, 3))
    step = lambda states, rows: ([K.tanh(states[0] * rows[0]) + states[0]], [])
    for first, needed in ((x[0], 0), (start * x[0], 4)):  # two unknown sizes meet in the other
        (last,), _ = scan_function(step, [x], [first])
        assert sums_within(lowered([x, start], K.gradients(K.sum(last), [x]))) == needed


def test_a_state_that_does_not_keep_its_size():
    """Sizes of the first round are not taken for those of the next ones."""
    x, start = K.placeholder((3, None, 2)), K.placeholder((None, 2))
    grown = lambda states, rows: ([states[0] + rows[0]], [])
    (last,), _ = scan_function(grown, [x], [start])
    values = np.arange(12, dtype="float32").reshape(3, 2, 2)
    got = K.function([x, start], [last + 1.0])([values, np.ones((1, 2), "float32")])
    np.testing.assert_allclose(got[0], 2.0 + values.sum(0))
