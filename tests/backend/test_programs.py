"""Random programs: the same numbers on every engine as on the NumPy engine, called symbolically and eagerly.

A program is drawn as a list of steps over a growing list of values, so that the same steps can be run by `K.function`
on the engine of KCORE_BACKEND, by `K.function` on the NumPy engine, and on arrays, operation by operation.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import kcore
from kcore import backend as K

ROWS, COLUMNS = 3, 4

# name -> function of one matrix (rows, columns) of moderate numbers, giving a matrix of the same shape
UNARY = {
    "tanh": K.tanh,
    "sigmoid": K.sigmoid,
    "relu": K.relu,
    "leaky": lambda x: K.relu(x, alpha=0.1, max_value=2.0),
    "elu": K.elu,
    "softplus": K.softplus,
    "softsign": K.softsign,
    "hard_sigmoid": K.hard_sigmoid,
    "softmax": K.softmax,
    "abs": K.abs,
    "square": lambda x: K.square(K.tanh(x)),
    "exp": lambda x: K.exp(-K.abs(x)),
    "log": lambda x: K.log(1.0 + K.abs(x)),
    "sqrt": lambda x: K.sqrt(0.5 + K.square(x)),
    "sin": K.sin,
    "clip": lambda x: K.clip(x, -0.75, 0.75),
    "negative": lambda x: -x,
    "power": lambda x: K.pow(1.0 + K.abs(x), 0.7),
    "l2_normalize": lambda x: K.l2_normalize(x + 0.1, axis=1),
    "transposed twice": lambda x: K.transpose(K.reshape(K.transpose(x), (COLUMNS, ROWS))),
    "permuted": lambda x: K.permute_dimensions(K.expand_dims(x, 1), (0, 2, 1))[:, :, 0],
    "reversed": lambda x: K.reverse(x, 1),
    "mean": lambda x: x - K.mean(x, axis=1, keepdims=True),
    "variance": lambda x: x / (1.0 + K.var(x, axis=0, keepdims=True)),
    "spread": lambda x: x + K.std(x, axis=1, keepdims=True),
    "largest": lambda x: x - K.max(x, axis=1, keepdims=True),
    "least": lambda x: x * K.min(K.tanh(x), axis=0, keepdims=True),
    "logsumexp": lambda x: x - K.logsumexp(x, axis=1, keepdims=True),
    "cumsum": lambda x: K.cumsum(K.tanh(x), axis=1),
    "sliced": lambda x: K.concatenate([x[:, 2:], x[:, :2]], axis=1),
    "stepped": lambda x: K.concatenate([x[:, ::2], x[:, 1::2]], axis=-1),
    "stacked": lambda x: K.sum(K.stack([x, 0.5 * x], axis=1), axis=1),
    "tiled": lambda x: K.tile(x, (1, 2))[:, 1 : COLUMNS + 1],
    "repeated": lambda x: K.repeat_elements(x, 2, 1)[:, 1 : COLUMNS + 1],
    "gathered": lambda x: K.gather(x, np.array([2, 0, 2])),
    "padded": lambda x: K.temporal_padding(K.expand_dims(x, -1), (1, 0))[:, :COLUMNS, 0],
    "pooled": lambda x: K.pool2d(K.reshape(x, (ROWS, 2, 2, 1)), (2, 2), padding="same", pool_mode="avg")[:, 0, 0] + x,
    "convolved": lambda x: K.conv1d(K.expand_dims(x, -1), np.full((2, 1, 1), 1 / 3, "float32"), padding="same")[:, :, 0],
    "one step of each": lambda x: K.map_fn(lambda row: K.tanh(row) * 1.5, x),
    "stopped": lambda x: x + K.stop_gradient(K.tanh(x)),
    "half precision of whole numbers": lambda x: x + K.cast(K.cast(K.greater(x, 0.0), "int32"), "float32"),
}  # fmt: skip
BINARY = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - 0.5 * y,
    "multiply": lambda x, y: K.tanh(x) * y,
    "divide": lambda x, y: x / (1.0 + K.square(y)),
    "maximum": K.maximum,
    "minimum": K.minimum,
    "row": lambda x, y: x + y[0],
    "column": lambda x, y: x * K.tanh(y[:, 1:2]),
    "product": lambda x, y: K.dot(x, K.dot(K.transpose(K.tanh(y)), K.tanh(y))) * 0.2,
    "batch_dot": lambda x, y: x * K.batch_dot(K.tanh(x), K.tanh(y), axes=1),
    "chosen": lambda x, y: K.switch(K.greater(x, y), x, 0.5 * y),
    "compared": lambda x, y: K.cast(K.less_equal(x, y), "float32") + x,
    "by phase": lambda x, y: K.in_train_phase(x, y),
    "recurrence": lambda x, y: K.rnn(
        lambda now, states: (K.tanh(now + states[0]), [0.5 * states[0] + now]),
        K.expand_dims(x, -1), [y[:, :1]], unroll=False,
    )[1][:, :, 0],
    "folded": lambda x, y: x + K.foldl(lambda total, row: K.tanh(0.5 * total + row), y),
}  # fmt: skip

MATRIX = st.lists(
    st.sampled_from([k / 8 + 0.03 for k in range(-16, 17)]), min_size=ROWS * COLUMNS, max_size=ROWS * COLUMNS
).map(lambda v: np.array(v, "float32").reshape(ROWS, COLUMNS))
STEP = st.one_of(
    st.tuples(st.sampled_from(sorted(UNARY)), st.integers(0, 20)),
    st.tuples(st.sampled_from(sorted(BINARY)), st.integers(0, 20), st.integers(0, 20)),
)
PROGRAM = st.lists(STEP, min_size=1, max_size=7)


def run(steps, values):
    """The last value after all steps; each takes earlier ones, counted from the end."""
    values = list(values)
    for name, *places in steps:
        chosen = [values[-1 - p % len(values)] for p in places]
        values.append((UNARY.get(name) or BINARY[name])(*chosen))
    return values[-1]


def symbolic(steps, arrays, backend=None, known=True):
    """Value, first and second derivatives by `K.function`, on an engine (default: that of KCORE_BACKEND)."""
    shape = (ROWS, COLUMNS) if known else (None, COLUMNS)
    inputs = [K.placeholder(shape) for _ in arrays]
    result = run(steps, inputs)
    total = K.sum(result * result)
    slopes = [g for g in K.gradients(total, inputs) if g is not None]
    steep = sum(K.sum(g * K.tanh(g)) for g in slopes) if slopes else K.constant(0.0)
    curved = [g for g in K.gradients(steep, inputs) if g is not None] if slopes else []
    return K.function(inputs, [result, total, *slopes, *curved], backend=backend)(list(arrays))


def close(got, want, what):
    scale = max(float(np.abs(want).max(initial=0.0)), 1.0)
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-5 * scale, err_msg=what)


@settings(max_examples=60)
@given(PROGRAM, MATRIX, MATRIX)
def test_the_same_numbers_as_the_reference_and_as_eager_calls(steps, x, y):
    here = symbolic(steps, [x, y])
    with kcore.use_backend("numpy"):
        reference = symbolic(steps, [x, y])
    assert len(here) == len(reference)
    for i, (got, want) in enumerate(zip(here, reference, strict=True)):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        close(got, want, f"result {i} of {steps}")
    eager = run(steps, [x, y])
    assert not K.is_tensor(eager) or any(s[0] == "by phase" for s in steps)
    close(np.asarray(K.eval(eager)), here[0], f"eager {steps}")


@settings(max_examples=25)
@given(PROGRAM, MATRIX, MATRIX)
def test_the_same_where_sizes_are_not_known_until_it_runs(steps, x, y):
    known, opened = symbolic(steps, [x, y]), symbolic(steps, [x, y], known=False)
    for got, want in zip(opened, known, strict=True):
        close(got, want, f"{steps}")


@settings(max_examples=15)
@given(PROGRAM, MATRIX, MATRIX)
def test_the_same_by_grad_of_a_function(steps, x, y):
    inputs = [K.placeholder((ROWS, COLUMNS)) for _ in range(2)]
    total = K.sum(K.square(run(steps, inputs)))
    slopes = [K.zeros_like(x) if g is None else g for g, x in zip(K.gradients(total, inputs), inputs)]
    wanted = K.function(inputs, [total, *slopes])([x, y])

    def squares(a, b):
        return K.sum(K.square(run(steps, [a, b])))

    value, slopes = kcore.value_and_grad(squares, argnums=(0, 1))(x, y)
    found = [value, *(np.zeros_like(x) if g is None else g for g in slopes)]
    for got, want in zip(found, wanted, strict=True):
        close(np.asarray(K.eval(got)), want, f"{steps}")


def test_every_step_alone():
    """Each operation by itself, so that none is left to chance."""
    rng = np.random.RandomState(0)
    x, y = (rng.uniform(-1.5, 1.5, (ROWS, COLUMNS)).astype("float32") for _ in range(2))
    for steps in [*([(n, 0)] for n in UNARY), *([(n, 0, 1)] for n in BINARY)]:
        here, opened = symbolic(steps, [y, x]), symbolic(steps, [y, x], known=False)
        with kcore.use_backend("numpy"):
            reference = symbolic(steps, [y, x])
        for got, other, want in zip(here, opened, reference, strict=True):
            close(got, want, f"{steps}")
            close(other, want, f"{steps}, sizes open")
        close(np.asarray(K.eval(run(steps, [y, x]))), here[0], f"eager {steps}")
