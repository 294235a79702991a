"""Element-wise, reducing, shaping, indexing, linear algebra and random operations: values and gradients."""

import math

import numpy as np
import pytest

from kcore.backend import comparison as c
from kcore.backend import elementwise as e
from kcore.backend import indexing as ix
from kcore.backend import linalg as la
from kcore.backend import random_ops as rnd
from kcore.backend import reductions as r
from kcore.backend import shaping as s
from kcore.backend.declare import declared
from kcore.backend.gradients import gradients
from kcore.backend.program import Program
from kcore.backend.tensor import Placeholder
from kcore.errors import ArgumentError, ShapeError, Unsupported
from kcore.kernel.engine import Engine


class Meanings(Engine):
    """The smallest engine: the declared meanings."""

    name = "meanings"
    features = frozenset({"float64", "float16"})

    def __init__(self):
        self.primitives = {op.name: op.meaning for op in declared() if op.is_primitive}

    def from_numpy(self, array, dtype):
        return np.asarray(array, dtype)

    def to_numpy(self, tensor):
        return np.asarray(tensor)

    def is_tensor(self, value):
        return isinstance(value, (np.ndarray, np.generic))


def values(function, *arrays, open_dims=False):
    """The results of `function` on placeholders fed with `arrays`; the inferred shapes and types must fit."""
    arrays = [np.asarray(a) for a in arrays]
    inputs = [Placeholder((None,) * a.ndim if open_dims else a.shape, a.dtype.name) for a in arrays]
    outputs = function(*inputs)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    return inputs, outputs, computed(inputs, outputs, arrays)


def computed(inputs, outputs, arrays):
    engine = Meanings()
    results = engine.compile(Program(inputs=inputs, outputs=outputs).lower(engine))(*arrays)
    for tensor, value in zip(outputs, results, strict=True):
        assert value.dtype.name == tensor.dtype
        assert len(value.shape) == tensor.ndim
        assert all(d in (None, v) for d, v in zip(tensor.shape, value.shape, strict=True)), (
            tensor,
            value.shape,
        )
    return results


def run(function, *arrays):
    """The results with known and with unknown sizes, which must agree."""
    known = values(function, *arrays)[2]
    for a, b in zip(known, values(function, *arrays, open_dims=True)[2], strict=True):
        np.testing.assert_array_equal(a, b)
    return known[0] if len(known) == 1 else known


def weighted(function):
    """A number made of all results, each element with a weight of its own."""

    def total(*inputs):
        outputs = function(*inputs)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return [r.sum(e.sin(o * 1.3 + 0.4)) for o in outputs]

    return total


def check_gradient(function, *arrays, order=1, atol=1e-6):
    """Gradients against central differences, sizes known and unknown."""
    arrays = [np.asarray(a) for a in arrays]
    scalar = weighted(function)

    def level(n):
        if n == 0:
            return lambda *xs: sum_of(scalar(*xs))
        below = level(n - 1)

        def total(*xs):
            found = gradients(below(*xs), [x for x in xs if x.dtype == "float64"])
            return sum_of([r.sum(e.sin(g + 0.1)) for g in found if g is not None])

        return total

    target = level(order - 1)
    for open_dims in (False, True):
        inputs = [Placeholder((None,) * a.ndim if open_dims else a.shape, a.dtype.name) for a in arrays]
        y = target(*inputs)
        wanted = [i for i, a in enumerate(arrays) if a.dtype == "float64"]
        found = gradients(y, [inputs[i] for i in wanted])
        engine = Meanings()
        value = engine.compile(Program(inputs=inputs, outputs=[y]).lower(engine))
        results = computed(inputs, found, arrays)
        for i, got in zip(wanted, results, strict=True):
            assert got.shape == arrays[i].shape
            want = differences(
                lambda a, i=i, value=value: value(*arrays[:i], a, *arrays[i + 1 :])[0], arrays[i]
            )
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=atol)


def sum_of(parts):
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def differences(function, array, h=1e-6):
    result = np.zeros(array.shape)
    for place in np.ndindex(array.shape):
        up, down = array.copy(), array.copy()
        up[place] += h
        down[place] -= h
        result[place] = (function(up) - function(down)) / (2 * h)
    return result


rng = np.random.default_rng(7)
A = rng.normal(size=(3, 4))
B = rng.normal(size=(3, 4))
POS = rng.uniform(0.3, 2.5, size=(3, 4))
UNIT = rng.uniform(-0.9, 0.9, size=(3, 4))
ROW = rng.uniform(0.5, 2, size=(1, 4))
T3 = rng.normal(size=(2, 3, 4))
I34 = rng.integers(-9, 9, size=(3, 4)).astype("int32")
LIGHT = np.array([[1, 0, 2], [0, 0, 3], [2, 1, 1.5]])
SPD = (lambda m: m @ m.T + 3 * np.eye(3))(rng.normal(size=(3, 3)))

erf_of = np.vectorize(math.erf, otypes=["float64"])

UNARY = {
    "negative": (np.negative, A), "abs": (np.abs, A), "sign": (np.sign, A), "exp": (np.exp, A),
    "expm1": (np.expm1, A), "log": (np.log, POS), "log1p": (np.log1p, POS), "sqrt": (np.sqrt, POS),
    "sin": (np.sin, A), "cos": (np.cos, A), "tanh": (np.tanh, A), "erf": (erf_of, A * 2),
    "square": (np.square, A), "reciprocal": (np.reciprocal, POS), "rsqrt": (lambda x: 1 / np.sqrt(x), POS),
    "log2": (np.log2, POS), "tan": (np.tan, UNIT), "asin": (np.arcsin, UNIT), "acos": (np.arccos, UNIT),
    "atan": (np.arctan, A), "sinh": (np.sinh, A * 2), "cosh": (np.cosh, A * 2), "asinh": (np.arcsinh, A * 2),
    "acosh": (np.arccosh, POS + 1), "atanh": (np.arctanh, UNIT), "identity": (lambda x: x, A),
}  # fmt: skip
BINARY = {
    "add": (np.add, A, ROW), "subtract": (np.subtract, A, ROW), "multiply": (np.multiply, A, ROW),
    "divide": (np.divide, A, ROW), "mod": (np.mod, A * 3, ROW), "power": (np.power, POS, ROW),
    "maximum": (np.maximum, A, ROW), "minimum": (np.minimum, A, ROW), "atan2": (np.arctan2, A, ROW),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    want, x = UNARY[name]
    op = getattr(e, name)
    np.testing.assert_allclose(run(op, x), want(x), rtol=1e-13)
    np.testing.assert_allclose(run(op, x.astype("float16")), want(x), rtol=0.02, atol=5e-3)
    np.testing.assert_allclose(run(op, x.astype("float32")), want(x), rtol=1e-5, atol=1e-6)
    check_gradient(op, x)
    check_gradient(op, x[:1, :2], order=2, atol=2e-5)


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    want, x, y = BINARY[name]
    op = getattr(e, name)
    np.testing.assert_allclose(run(op, x, y), want(x, y), rtol=1e-13)
    np.testing.assert_allclose(run(op, x[0, 0], y), want(x[0, 0], y), rtol=1e-13)
    check_gradient(op, x, y)
    if name not in ("divide", "mod", "power"):
        check_gradient(op, y, x)
    check_gradient(op, x[:2, :2], y[:, :2], order=2, atol=2e-5)


def test_erfinv():
    x = np.linspace(-0.999, 0.999, 301)
    np.testing.assert_allclose(erf_of(run(e.erfinv, x)), x, rtol=1e-13, atol=1e-16)
    tail = 1 - 2.0 ** -np.arange(2, 53)
    rest = [math.erfc(v) for v in run(e.erfinv, tail)]
    np.testing.assert_allclose(rest, 1 - tail, rtol=1e-13)
    np.testing.assert_array_equal(run(e.erfinv, np.array([-1.0, 0, 1, 1.5])), [-np.inf, 0, np.inf, np.nan])
    check_gradient(e.erfinv, UNIT[:, :2])


def test_hyperbolic_extremes():
    x = np.array([-88.5, -1e-6, 0, 1e-6, 88.5], "float32")
    np.testing.assert_allclose(run(e.sinh, x), np.sinh(x.astype("float64")), rtol=2e-6)
    np.testing.assert_allclose(run(e.cosh, x), np.cosh(x.astype("float64")), rtol=2e-6)
    big = np.array([-1e30, -1e-9, 0, 1e-9, 1e30], "float32")
    np.testing.assert_allclose(run(e.asinh, big), np.arcsinh(big.astype("float64")), rtol=1e-6)


def test_rounding_and_whole_numbers():
    x = np.array([-2.5, -1.5, -0.2, 0.5, 1.5, 2.7])
    np.testing.assert_array_equal(run(e.round, x), np.rint(x))
    np.testing.assert_array_equal(run(e.floor, x), np.floor(x))
    np.testing.assert_array_equal(run(e.ceil, x), np.ceil(x))
    for op in (e.round, e.floor, e.ceil):
        np.testing.assert_array_equal(run(op, I34), I34)
    other = np.where(I34 == 0, 5, -I34 + 1).astype("int32")
    other[other == 0] = 2
    np.testing.assert_array_equal(run(e.floor_divide, I34, other), I34 // other)
    np.testing.assert_array_equal(run(e.mod, I34, other), I34 % other)
    np.testing.assert_allclose(run(e.floor_divide, A * 5, ROW), A * 5 // ROW)
    assert run(e.divide, I34, other).dtype == "float32"
    assert run(lambda x: x + 1.5, I34).dtype == "float32"


def test_no_warnings_at_the_borders():
    x = np.array([-1.0, 0.0, np.inf, np.nan, 1000.0])
    with np.errstate(all="ignore"):
        wants = {op: f(x) for op, f in {e.log: np.log, e.exp: np.exp, e.sqrt: np.sqrt}.items()}
    for op, want in wants.items():
        np.testing.assert_array_equal(run(op, x), want)
    np.testing.assert_array_equal(run(e.divide, x, np.zeros(5)), [-np.inf, np.nan, np.inf, np.nan, np.inf])
    np.testing.assert_array_equal(run(e.isnan, x), np.isnan(x))
    np.testing.assert_array_equal(run(e.isinf, x), np.isinf(x))
    np.testing.assert_array_equal(run(e.isfinite, x), np.isfinite(x))


def test_power_at_zero():
    x = Placeholder((2,), "float64")
    (g,) = gradients(x**0.0, [x])
    (g2,) = gradients(x**2, [x])
    (h,) = gradients(g2, [x])
    zero, double, two = computed([x], [g, g2, h], [np.array([0.0, 3.0])])
    np.testing.assert_array_equal(zero, [0, 0])
    np.testing.assert_array_equal(double, [0, 6])
    np.testing.assert_array_equal(two, [2, 2])


@pytest.mark.parametrize("name", ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"])
def test_comparison(name):
    y = np.array([[0, 1, np.nan, 3]])
    x = np.array([[0.0], [1], [np.nan]])
    np.testing.assert_array_equal(run(getattr(c, name), x, y), getattr(np, name)(x, y))


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "logical_xor"])
def test_logic(name):
    x, y = np.array([True, True, False, False]), np.array([1, 0, 2, 0], "int32")
    np.testing.assert_array_equal(run(getattr(c, name), x, y), getattr(np, name)(x, y))
    np.testing.assert_array_equal(run(c.logical_not, x), ~x)


def test_where_clip_cast():
    np.testing.assert_array_equal(run(lambda x, y: c.where(x < y, x, y), A, ROW), np.where(A < ROW, A, ROW))
    check_gradient(lambda x, y: c.where(x < y, x * x, y), A, ROW)
    np.testing.assert_array_equal(run(lambda x: e.clip(x, -0.5, 0.5), A), np.clip(A, -0.5, 0.5))
    np.testing.assert_array_equal(run(lambda x: e.clip(x, 0.5, -0.5), A), np.full_like(A, 0.5))
    np.testing.assert_array_equal(run(lambda x: e.clip(x, 0.5), A), np.maximum(A, 0.5))
    check_gradient(lambda x: e.clip(x, -0.5, 0.5), A)
    np.testing.assert_array_equal(run(lambda x: e.cast(x, "int32"), A * 3), (A * 3).astype("int32"))
    check_gradient(lambda x: e.cast(e.cast(x, "float32"), "float64") * x, A * 0 + 0.5, atol=0.2)


def test_stop_gradient():
    x = Placeholder((None,), "float64")
    (g,) = gradients(x * e.stop_gradient(x), [x])
    np.testing.assert_array_equal(computed([x], [g], [np.array([2.0, 3])])[0], [2, 3])
    assert gradients(e.stop_gradient(x), [x]) == [None]


AXES = [None, 0, -1, (0, 2), ()]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "std", "any", "all"])
def test_reduction(name, axis, keepdims):
    op = getattr(r, name)
    x = T3 > 0 if name in ("any", "all") else T3
    got = run(lambda t: op(t, axis, keepdims), x)
    np.testing.assert_allclose(
        got, getattr(np, name)(x, axis=axis, keepdims=keepdims), rtol=1e-12, atol=1e-15
    )
    if name not in ("any", "all") and not (name == "std" and axis == ()):
        check_gradient(lambda t: op(t, axis, keepdims), T3)


@pytest.mark.parametrize("axis", AXES[:-1])
def test_logsumexp(axis):
    with np.errstate(all="ignore"):
        want = np.log(np.sum(np.exp(T3), axis=axis))
    np.testing.assert_allclose(run(lambda t: r.logsumexp(t, axis), T3), want)
    assert np.isfinite(run(r.logsumexp, T3 * 1000))
    check_gradient(lambda t: r.logsumexp(t, axis), T3, order=2, atol=2e-5)


def test_reductions_of_other_types():
    assert run(r.sum, I34).dtype == "int32"
    np.testing.assert_array_equal(run(lambda x: r.sum(x, [0, np.int64(1)]), I34), I34.sum())
    assert run(r.sum, I34 > 0) == (I34 > 0).sum()
    assert run(r.mean, I34).dtype == "float32"
    assert run(r.mean, A.astype("float16")).dtype == "float16"
    assert run(lambda x: r.all(x), np.zeros((0, 2))) and not run(lambda x: r.any(x), np.zeros((0, 2)))
    np.testing.assert_array_equal(run(lambda x: r.argmax(x, 1), I34), I34.argmax(1))
    np.testing.assert_array_equal(run(lambda x: r.argmin(x, 0), I34), I34.argmin(0))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_running(axis):
    np.testing.assert_allclose(run(lambda x: r.cumsum(x, axis), LIGHT), LIGHT.cumsum(axis))
    np.testing.assert_allclose(run(lambda x: r.cumprod(x, axis), LIGHT), LIGHT.cumprod(axis))
    for op in (r.cumsum, r.cumprod):
        check_gradient(lambda x, op=op: op(x, axis), LIGHT)
        check_gradient(lambda x, op=op: op(x, axis), LIGHT, order=2, atol=2e-4)


def test_product_with_zeros():
    check_gradient(lambda x: r.prod(x, 1), LIGHT)
    check_gradient(lambda x: r.prod(x, 1), LIGHT, order=2, atol=2e-4)


def test_ties_share():
    x = Placeholder((None,), "float64")
    (g,) = gradients(r.max(x), [x])
    np.testing.assert_array_equal(computed([x], [g], [np.array([1.0, 3, 3])])[0], [0, 0.5, 0.5])


SHAPING = {
    "reshape": (lambda x: s.reshape(x, (4, -1)), lambda x: x.reshape(4, -1)),
    "transpose": (lambda x: s.transpose(x, (2, 0, 1)), lambda x: x.transpose(2, 0, 1)),
    "turned": (s.transpose, np.transpose),
    "broadcast": (lambda x: s.broadcast_to(x, (5, 2, 3, 4)), lambda x: np.broadcast_to(x, (5, 2, 3, 4))),
    "expand": (lambda x: s.expand_dims(x, 1), lambda x: np.expand_dims(x, 1)),
    "expand2": (lambda x: s.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, (0, -1))),
    "squeeze": (lambda x: s.squeeze(s.expand_dims(x, 1), 1), lambda x: x),
    "flatten": (s.flatten, np.ravel),
    "batch_flatten": (s.batch_flatten, lambda x: x.reshape(2, -1)),
    "moveaxis": (lambda x: s.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1)),
    "swapaxes": (lambda x: s.swapaxes(x, 0, 2), lambda x: np.swapaxes(x, 0, 2)),
    "tile": (lambda x: s.tile(x, (2, 1, 3)), lambda x: np.tile(x, (2, 1, 3))),
    "tile_last": (lambda x: s.tile(x, 2), lambda x: np.tile(x, 2)),
    "tile_more": (lambda x: s.tile(x, (2, 1, 1, 1)), lambda x: np.tile(x, (2, 1, 1, 1))),
    "repeat": (lambda x: s.repeat(x, 3, 1), lambda x: np.repeat(x, 3, 1)),
    "concatenate": (lambda x: ix.concatenate([x, x * 2, x], 1), lambda x: np.concatenate([x, x * 2, x], 1)),
    "stack": (lambda x: ix.stack([x, x * 2], -1), lambda x: np.stack([x, x * 2], -1)),
    "pad": (lambda x: ix.pad(x, ((1, 0), (0, 2), (0, 0)), 1.5),
            lambda x: np.pad(x, ((1, 0), (0, 2), (0, 0)), constant_values=1.5)),
    "reflect": (lambda x: ix.pad_reflected(x, ((0, 0), (2, 1), (1, 3))),
                lambda x: np.pad(x, ((0, 0), (2, 1), (1, 3)), "reflect")),
    "symmetric": (lambda x: ix.pad_reflected(x, ((2, 1), (2, 3), (1, 4)), True),
                  lambda x: np.pad(x, ((2, 1), (2, 3), (1, 4)), "symmetric")),
    "reverse": (lambda x: ix.reverse(x, (0, 2)), lambda x: np.flip(x, (0, 2))),
    "gather": (lambda x: ix.gather(x, [1, 0, 1, -1]), lambda x: x[[1, 0, 1, -1]]),
    "gather1": (lambda x: ix.gather(x, [[2, 0], [1, 1]], 1), lambda x: np.take(x, [[2, 0], [1, 1]], 1)),
    "gather_one": (lambda x: ix.gather(x, 1, -1), lambda x: x[..., 1]),
    "sort": (lambda x: ix.sort(x, 1), lambda x: np.sort(x, 1)),
    "sort_down": (lambda x: ix.sort(x, 0, True), lambda x: -np.sort(-x, 0)),
    "int": (lambda x: x[1], lambda x: x[1]),
    "int_last": (lambda x: x[..., -1], lambda x: x[..., -1]),
    "cuts": (lambda x: x[:, 1:, ::-2], lambda x: x[:, 1:, ::-2]),
    "mixed": (lambda x: x[0, None, ..., 1:3], lambda x: x[0, None, ..., 1:3]),
    "list": (lambda x: x[:, [2, 0, 0]], lambda x: x[:, [2, 0, 0]]),
    "scalar": (lambda x: x[-1, 0, 2], lambda x: x[-1, 0, 2]),
    "symbolic": (lambda x: x[:, 1 : s.shape(x)[1]], lambda x: x[:, 1:]),
    "symbolic_end": (lambda x: x[0, : s.shape(x)[1] - 1], lambda x: x[0, :2]),
    "tensordot": (lambda x: la.tensordot(x, x, ((0, 2), (0, 2))), lambda x: np.tensordot(x, x, ((0, 2), (0, 2)))),
    "einsum": (lambda x: la.einsum("bij,bkj->kbi", [x, x]), lambda x: np.einsum("bij,bkj->kbi", x, x)),
    "dims": (lambda x: s.reshape(x, (s.shape(x)[1], 2, -1)), lambda x: x.reshape(3, 2, -1)),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPING)
def test_shaping(name):
    function, want = SHAPING[name]
    np.testing.assert_allclose(run(function, T3), want(T3), rtol=1e-12)
    check_gradient(function, T3)
    if name in ("gather1", "cuts", "concatenate", "pad", "tile", "squeeze", "einsum"):
        check_gradient(lambda x: function(x) * function(x), T3, order=2, atol=5e-4)


def test_concatenation_gradient_of_parts():
    first = Placeholder((None, 2), "float64")
    second = Placeholder((3, 2), "float64")
    third = Placeholder((None, 2), "float64")
    arrays = [rng.normal(size=(n, 2)) for n in (2, 3, 4)]
    for inputs, given in (
        ([first, second, third], arrays),
        ([first, second], arrays[:2]),
        ([second, third], arrays[1:]),
    ):
        found = gradients(r.sum(e.square(ix.concatenate(inputs, 0))), inputs)
        for got, array in zip(computed(inputs, found, given), given, strict=True):
            np.testing.assert_allclose(got, 2 * array)


def test_parts():
    for a, b in zip(values(lambda x: ix.split(x, 2, -1), T3)[2], np.split(T3, 2, -1), strict=True):
        np.testing.assert_array_equal(a, b)
    parts = values(lambda x: ix.split(x, (1, 2), 1), T3)[2]
    np.testing.assert_array_equal(parts[1], T3[:, 1:])
    for a, b in zip(values(lambda x: ix.unstack(x, 1), T3)[2], np.moveaxis(T3, 1, 0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_scatter():
    places = np.array([2, 0, 2, -1], "int32")
    updates = rng.normal(size=(4, 4))
    want = A.copy()
    np.add.at(want, places, updates)
    np.testing.assert_allclose(run(ix.scatter_add, A, places, updates), want)
    check_gradient(lambda x, u, p: ix.scatter_add(x, p, u), A, updates, places)
    once = np.array([2, 0], "int32")
    want = A.copy()
    want[once] = updates[:2]
    np.testing.assert_array_equal(run(ix.scatter_update, A, once, updates[:2]), want)
    check_gradient(lambda x, u, p: ix.scatter_update(x, p, u), A, updates[:2], once)


def test_sorting_and_choosing():
    x = np.array([[2, 1, 2, 0], [5, 5, 5, 7]], "int32")
    np.testing.assert_array_equal(run(ix.argsort, x), np.argsort(x, kind="stable"))
    np.testing.assert_array_equal(run(lambda t: ix.argsort(t, -1, True), x), [[0, 2, 1, 3], [3, 0, 1, 2]])
    best, places = run(lambda t: ix.top_k(t, 2), x)
    np.testing.assert_array_equal(best, [[2, 2], [7, 5]])
    np.testing.assert_array_equal(places, [[0, 2], [3, 0]])
    check_gradient(lambda t: ix.top_k(t, 2)[0], T3)
    where = np.array([[[0, -1, 1]], [[1, 2, 0]]], "int32")
    np.testing.assert_array_equal(
        values(lambda t, i: ix.take_along_axis(t, i, 0), A, I34[:2] % 3)[2][0],
        np.take_along_axis(A, I34[:2] % 3, 0),
    )
    np.testing.assert_array_equal(
        values(lambda t, i: ix.take_along_axis(t, i, -1), T3[:, :1], where)[2][0],
        np.take_along_axis(T3[:, :1], where, -1),
    )
    np.testing.assert_array_equal(
        run(lambda i: ix.one_hot(i, 3), np.array([[0, 2], [1, 5]], "int32")),
        np.eye(6)[[[0, 2], [1, 5]]][..., :3],
    )


def test_likes_and_ranges():
    x = np.array([[np.nan, np.inf]])
    np.testing.assert_array_equal(run(s.zeros_like, x), [[0, 0]])
    np.testing.assert_array_equal(run(lambda t: s.ones_like(t, "int32"), x), [[1, 1]])
    np.testing.assert_array_equal(run(lambda t: s.full_like(t, 2.5), x), [[2.5, 2.5]])
    np.testing.assert_array_equal(run(lambda t: s.iota(s.shape(t), 1), A), np.indices((3, 4))[1])
    np.testing.assert_array_equal(run(lambda t: t * 0 + s.arange(1, 9, 2), np.zeros(4)), [1, 3, 5, 7])
    for stop in (0, 1, 7, 8):
        got = run(lambda t: s.arange(1, t, 3), np.int32(stop))
        np.testing.assert_array_equal(got, np.arange(1, stop, 3))
    np.testing.assert_array_equal(run(s.shape, A), [3, 4])


@pytest.mark.parametrize(
    "x, y",
    [
        ((3, 4), (4, 2)),
        ((5, 3, 4), (4, 2)),
        ((2, 1, 3, 4), (5, 4, 2)),
        ((3, 4), (5, 4, 2)),
        ((1, 3, 4), (6, 4, 1)),
    ],
)
def test_matmul(x, y):
    x, y = rng.normal(size=x), rng.normal(size=y)
    np.testing.assert_allclose(run(la.matmul, x, y), x @ y, rtol=1e-10)
    check_gradient(la.matmul, x, y)


def test_matmul_second_order():
    check_gradient(la.matmul, T3[:, :2, :2], T3[0, :2, :2], order=2, atol=2e-4)
    check_gradient(la.matmul, T3[:, :2, :2], T3[:, :2, :2], order=2, atol=2e-4)


@pytest.mark.parametrize(
    "x, y",
    [((2, 3), (3, 4)), ((2, 3, 4), (4, 5)), ((3,), (3, 2)), ((2, 3), (5, 3, 4)), ((2, 2, 3), (5, 3, 4))],
)
def test_dot(x, y):
    x, y = rng.normal(size=x), rng.normal(size=y)
    np.testing.assert_allclose(run(la.dot, x, y), np.dot(x, y), rtol=1e-10)
    check_gradient(la.dot, x, y)


@pytest.mark.parametrize(
    "x, y, axes, equation",
    [
        ((2, 3), (2, 3), None, "bi,bi->b"),
        ((2, 3), (2, 3, 4), None, "bi,bij->bj"),
        ((2, 4, 3), (2, 3), None, "bij,bj->bi"),
        ((2, 4, 3), (2, 3, 5), None, "bij,bjk->bik"),
        ((2, 3, 4), (2, 3, 5), 1, "bji,bjk->bik"),
        ((2, 3, 4), (2, 5, 4), (2, 2), "bij,bkj->bik"),
        ((2, 3, 4, 5), (2, 6, 4), (-2, -1), "bijk,blj->bikl"),
        ((2, 3, 4), (2, 5, 6, 3), (1, 3), "bij,bkli->bjkl"),
        ((2, 3, 4), (2, 4), (2, 1), "bij,bj->bi"),
    ],
)
def test_batch_dot(x, y, axes, equation):
    x, y = rng.normal(size=x), rng.normal(size=y)
    want = np.einsum(equation, x, y)
    want = want[:, None] if want.ndim == 1 else want
    np.testing.assert_allclose(run(lambda a, b: la.batch_dot(a, b, axes), x, y), want, rtol=1e-10)
    check_gradient(lambda a, b: la.batch_dot(a, b, axes), x, y)


@pytest.mark.parametrize(
    "equation, shapes",
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("ij->ji", [(2, 3)]),
        ("ij->", [(2, 3)]),
        ("i,j->ij", [(2,), (3,)]),
        ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]),
        ("...ij,...jk->...ik", [(5, 1, 2, 3), (6, 3, 4)]),
        ("ab,bc,cd->da", [(2, 3), (3, 4), (4, 5)]),
        ("bhqd,bkhd->bhqk", [(2, 3, 4, 5), (2, 6, 3, 5)]),
        ("i...,i...->...", [(2, 3), (2, 3)]),
    ],
)
def test_einsum(equation, shapes):
    arrays = [rng.normal(size=shape) for shape in shapes]
    function = lambda *xs: la.einsum(equation, list(xs))
    np.testing.assert_allclose(values(function, *arrays)[2][0], np.einsum(equation, *arrays), rtol=1e-10)
    if not any(1 in shape for shape in shapes):
        run(function, *arrays)
        check_gradient(function, *arrays)


def test_decompositions():
    np.testing.assert_allclose(run(la.cholesky, SPD), np.linalg.cholesky(SPD))
    check_gradient(lambda x: la.cholesky(x + s.transpose(x)), SPD)
    np.testing.assert_allclose(run(la.inverse, SPD), np.linalg.inv(SPD))
    check_gradient(la.inverse, SPD, order=2, atol=2e-5)
    b = rng.normal(size=(3, 2))
    np.testing.assert_allclose(run(la.solve, SPD, b), np.linalg.solve(SPD, b))
    check_gradient(la.solve, SPD, b)
    check_gradient(la.solve, np.stack([SPD, SPD + 1]), np.stack([b, b * 2]))


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (3, 4), (2, 4, 3)])
def test_factors(shape):
    x = rng.normal(size=shape)
    u, sizes, vh = run(la.svd, x)
    np.testing.assert_allclose((u * sizes[..., None, :]) @ vh, x)
    check_gradient(la.svd, x, atol=1e-4)
    q, upper = run(la.qr, x)
    np.testing.assert_allclose(q @ upper, x)
    if shape[-2] >= shape[-1]:
        check_known(la.qr, x)


def check_known(function, x):
    """The gradient check with known sizes only."""
    t = Placeholder(x.shape, "float64")
    y = sum_of(weighted(function)(t))
    (g,) = gradients(y, [t])
    engine = Meanings()
    value = engine.compile(Program(inputs=[t], outputs=[y]).lower(engine))
    np.testing.assert_allclose(
        computed([t], [g], [x])[0], differences(lambda a: value(a)[0], x), rtol=1e-4, atol=1e-5
    )


def test_random():
    key = np.array([5, -3], "int64")
    for kind in ("float16", "float32", "float64"):
        draws = values(lambda k, kind=kind: rnd.random_uniform(k, (200, 50), kind), key)[2][0]
        assert draws.min() >= 0 and draws.max() < 1 and abs(draws.astype("float64").mean() - 0.5) < 0.02
        normal = values(lambda k, kind=kind: rnd.random_normal(k, (200, 50), kind), key)[2][0]
        assert abs(normal.astype("float64").std() - 1) < 0.03
        cut = values(lambda k, kind=kind: rnd.random_truncated_normal(k, (200, 50), kind), key)[2][0]
        assert np.abs(cut).max() <= 2 and abs(cut.astype("float64").std() - 0.88) < 0.03
    draws = values(lambda k: rnd.random_binomial(k, (200, 50), 0.3), key)[2][0]
    assert set(np.unique(draws)) == {0, 1} and abs(draws.mean() - 0.3) < 0.02
    again = values(lambda k, x: rnd.random_uniform(k, s.shape(x)), key, A)[2][0]
    np.testing.assert_array_equal(again, values(lambda k: rnd.random_uniform(k, (3, 4)), key)[2][0])
    other = values(lambda k: rnd.random_uniform(k, (3, 4)), key + 1)[2][0]
    assert not np.any(again == other)


def test_errors():
    x = Placeholder((3, 4), "float32")
    for wrong in (
        lambda: la.matmul(x, x),
        lambda: x + Placeholder((2, 4), "float32"),
        lambda: s.reshape(x, (5, -1)),
        lambda: s.squeeze(x, 0),
        lambda: ix.concatenate([x, Placeholder((3, 5), "float32")], 0),
        lambda: x[0, 0, 0],
        lambda: ix.split(x, 3, 1),
        lambda: r.sum(x, 2),
        lambda: la.cholesky(x),
        lambda: s.transpose(x, (0, 0)),
        lambda: s.broadcast_to(x, (3, 5)),
    ):
        with pytest.raises(ShapeError):
            wrong()
    for wrong in (
        lambda: la.einsum("ii->i", [x]),
        lambda: la.batch_dot(x, x, 0),
        lambda: ix.pad(x, ((1, 1),)),
    ):
        with pytest.raises(ArgumentError):
            wrong()
    with pytest.raises(IndexError):
        x[3]
    with pytest.raises(Unsupported):
        x[x > 0]


def test_declarations():
    for op in declared():
        assert op.__doc__, op.name


def test_indexed_by_a_fixed_key():
    for key in ((1,), (slice(None), [2, 0]), (..., None, slice(None, None, -1))):
        np.testing.assert_array_equal(run(lambda x, key=key: ix.indexed(x, key), T3), T3[key])
