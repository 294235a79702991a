"""Windows, convolution, pooling, normalisation, activations, cross-entropies, images: values and gradients."""

import functools

import numpy as np
import pytest

from golden import case_id, cases, load, relative_error, tolerance
from kcore import activations
from kcore import backend as K
from kcore.backend.convolution import convolution  # K.convolution is that module
from kcore.backend.declare import as_tensor, declared
from kcore.backend.gradients import gradients
from kcore.backend.program import Program
from kcore.backend.tensor import Placeholder
from kcore.engines.numpy_fused import FUSED
from kcore.errors import ArgumentError, ShapeError
from kcore.kernel.engine import Engine

GROUPS = (
    "conv1d", "conv2d", "conv3d", "conv2d_transpose", "conv3d_transpose", "depthwise_conv2d", "separable_conv1d",
    "separable_conv2d", "local_conv1d", "local_conv2d", "pool2d", "pool3d", "bias_add", "relu", "elu", "softmax",
    "softplus", "softsign", "sigmoid", "hard_sigmoid", "resize_images", "resize_volumes", "batch_normalization",
    "normalize_batch_in_training", "l2_normalize", "spatial_2d_padding", "spatial_3d_padding", "temporal_padding",
    "in_top_k", "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy",
)  # fmt: skip


class NumPy(Engine):
    """The declared meanings, with or without the table of fused operations."""

    name = "numpy-for-tests"

    def __init__(self, fused):
        self.primitives = {op.name: op.meaning for op in declared() if op.is_primitive}
        self.fused = FUSED if fused else {}

    def from_numpy(self, array, dtype):
        return np.asarray(array, dtype)

    def to_numpy(self, tensor):
        return np.asarray(tensor)

    def is_tensor(self, value):
        return isinstance(value, (np.ndarray, np.generic))


@functools.cache
def engine(fused):
    return NumPy(fused)


def computed(inputs, outputs, arrays, fused):
    chosen = engine(fused)
    program = Program(inputs=inputs, outputs=outputs).lower(chosen)
    results = chosen.compile(program)(*arrays)
    for tensor, value in zip(outputs, results, strict=True):
        assert value.dtype.name == tensor.dtype
        assert len(value.shape) == len(tensor.shape)
        assert all(d in (None, n) for d, n in zip(tensor.shape, value.shape, strict=True)), (
            tensor,
            value.shape,
        )
    return results


def placeholders(arrays, unknown=()):
    """One for each array; the axes in `unknown` are left open."""
    return [
        Placeholder(tuple(None if i in unknown else d for i, d in enumerate(a.shape)), a.dtype.name)
        for a in arrays
    ]


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def run(function, *arrays, fused=True, unknown=()):
    """The results of `function` on `arrays`, the first of which has the axes `unknown` left open."""
    inputs = placeholders(arrays[:1], unknown) + placeholders(arrays[1:])
    return computed(inputs, as_list(function(*inputs)), arrays, fused)


def slopes(function, *arrays, fused=True, order=1, unknown=()):
    """Gradients of a weighted sum of the results, in each floating array; `order` 2: those of their sum's."""
    inputs = placeholders(arrays[:1], unknown) + placeholders(arrays[1:])
    floats = [t for t in inputs if t.dtype.startswith("float")]
    total = 0.0
    for out in as_list(function(*inputs)):
        total = total + K.sum(K.sin(out * 1.3 + 0.4))
    given = gradients(total, floats)
    for _ in range(order - 1):
        total = as_tensor(0.0, "float64")
        for g in given:
            total = total + (0.0 if g is None else K.sum(K.sin(g * 0.7 + 0.2)))
        given = gradients(total, floats)
    given = [K.zeros_like(t) if g is None else g for t, g in zip(floats, given, strict=True)]
    return total, given, inputs, computed(inputs, [total, *given], arrays, fused)


def check_gradients(function, *arrays, order=1, unknown=(), step=1e-6, limit=2e-5):
    """The rules, fused and not, against central differences along random directions."""
    rng = np.random.default_rng(5)
    for fused in (False, True):
        total, _, inputs, (_, *found) = slopes(function, *arrays, fused=fused, order=order, unknown=unknown)
        floats = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
        for i, gradient in zip(floats, found, strict=True):
            direction = rng.normal(size=arrays[i].shape)
            moved = [
                [a + s * step * direction if j == i else a for j, a in enumerate(arrays)] for s in (1, -1)
            ]
            up, down = (computed(inputs, [total], m, fused)[0] for m in moved)
            numeric = (up - down) / (2 * step)
            assert abs(numeric - (gradient * direction).sum()) <= limit * max(1.0, abs(numeric)), (
                i,
                fused,
                order,
            )


def draw(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).normal(size=shape)


# the original's numbers -------------------------------------------------------------------------------------
def _argument(value, tensors):
    if isinstance(value, dict):
        if "array" in value or "variable" in value:
            return tensors[value.get("array", value.get("variable"))]
        if "tuple" in value:
            return tuple(tuple(v) if isinstance(v, list) else v for v in value["tuple"])
        return [_argument(v, tensors) for v in value["list"]]
    return value


@pytest.mark.parametrize("unknown", [(), (0,)], ids=["known", "batch open"])
@pytest.mark.parametrize("fused", [False, True], ids=["plain", "fused"])
@pytest.mark.parametrize("case", cases("backend", GROUPS), ids=case_id)
def test_agrees_with_the_original(case, fused, unknown):
    arrays = load(case)
    names = [n for n in arrays if n.startswith("arg_")]
    given = [arrays[n] for n in names]
    inputs = placeholders(given[:1], unknown) + placeholders(given[1:])
    tensors = dict(zip(names, inputs, strict=True))
    args = [_argument(a, tensors) for a in case["args"]]
    kwargs = {k: _argument(v, tensors) for k, v in case["kwargs"].items()}
    outputs = as_list(getattr(K, case["function"])(*args, **kwargs))
    for i, value in enumerate(computed(inputs, outputs, given, fused)):
        name = f"output_{i}"
        assert relative_error(value, arrays[name]) <= tolerance(case, name, 1e-5), name
    wanted = [n for n in names if f"grad_{n[4:]}" in arrays]
    if wanted:
        found = gradients(outputs, [tensors[n] for n in wanted], [arrays["cotangent"]])
        for n, value in zip(wanted, computed(inputs, found, given, fused), strict=True):
            name = f"grad_{n[4:]}"
            assert relative_error(value, arrays[name]) <= tolerance(case, name, 1e-4), name


# windows ----------------------------------------------------------------------------------------------------
WINDOWS = [
    ((2, 7, 3), (3,), (1,), (1,), "valid"),
    ((2, 7, 3), (3,), (2,), (1,), "same"),
    ((2, 8, 3), (2,), (1,), (3,), ((2, 1),)),
    ((2, 5, 6, 2), (2, 3), (2, 1), (1, 1), "same"),
    ((1, 7, 6, 2), (2, 3), (1, 2), (2, 1), "valid"),
    ((2, 5, 4, 3), (1, 1), (1, 1), (1, 1), "valid"),
    ((2, 5, 4, 3), (1, 1), (2, 2), (1, 1), "same"),
    ((1, 4, 3, 4, 2), (2, 2, 3), (1, 2, 1), (1, 1, 1), "same"),
]


def slowly(x, kernel, strides, dilation, padding):
    """Convolution by its definition, one output at a time."""
    size = kernel.shape[:-2]
    spatial = x.shape[1:-1]
    if padding == "same":
        due = [-(-n // s) for n, s in zip(spatial, strides)]
        sizes = zip(due, strides, size, dilation, spatial)
        total = [max((o - 1) * s + (k - 1) * d + 1 - n, 0) for o, s, k, d, n in sizes]
        padding = [(t // 2, t - t // 2) for t in total]
    elif padding == "valid":
        padding = [(0, 0)] * len(size)
    x = np.pad(x, [(0, 0), *padding, (0, 0)])
    lengths = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(x.shape[1:-1], size, strides, dilation)]
    out = np.zeros((x.shape[0], *lengths, kernel.shape[-1]))
    for place in np.ndindex(*lengths):
        for offset in np.ndindex(*size):
            at = tuple(p * s + o * d for p, s, o, d in zip(place, strides, offset, dilation))
            out[(slice(None), *place)] += x[(slice(None), *at)] @ kernel[offset]
    return out


@pytest.mark.parametrize("shape, size, strides, dilation, padding", WINDOWS)
def test_convolution_is_its_definition(shape, size, strides, dilation, padding):
    x, kernel = draw(*shape), draw(*size, shape[-1], 4, seed=1)
    want = slowly(x, kernel, strides, dilation, padding)
    spatial = tuple(range(1, len(shape) - 1))
    for fused, unknown in [(False, ()), (True, ()), (False, (0, *spatial)), (True, (0, *spatial))]:
        (got,) = run(
            lambda x, k: convolution(x, k, strides, padding, dilation),
            x,
            kernel,
            fused=fused,
            unknown=unknown,
        )
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape, size, strides, dilation, padding", WINDOWS)
def test_extract_and_accumulate_are_adjoint(shape, size, strides, dilation, padding):
    x = draw(*shape)
    (windows,) = run(lambda x: K.extract_windows(x, size, strides, dilation, padding), x)
    w = draw(*windows.shape, seed=2)
    (back,) = run(lambda w: K.accumulate_windows(w, shape[1:-1], strides, dilation, padding), w)
    np.testing.assert_allclose((windows * w).sum(), (back * x).sum(), rtol=1e-10)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("opened", [False, True], ids=["known", "sizes open"])
@pytest.mark.parametrize("shape, size, strides, dilation, padding", WINDOWS)
def test_gradients_of_convolutions(shape, size, strides, dilation, padding, opened, order):
    unknown = tuple(range(len(shape) - 1)) if opened else ()
    x, kernel = draw(*shape), draw(*size, shape[-1], 2, seed=1) / 4
    check_gradients(
        lambda x, k: convolution(x, k, strides, padding, dilation), x, kernel, order=order, unknown=unknown
    )
    check_gradients(
        lambda x, k: K.depthwise_convolution(x, k, strides, padding, dilation),
        x,
        kernel,
        order=order,
        unknown=unknown,
    )


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("strides, padding, spatial", [((2, 1), "same", (6, 4)), ((1, 2), "valid", (4, 9))])
def test_gradients_of_transposed_convolutions(strides, padding, spatial, order):
    g, kernel = draw(2, 3, 4, 3), draw(2, 3, 2, 3, seed=1) / 4
    check_gradients(
        lambda g, k: K.convolution_transpose(g, k, spatial, strides, padding, (1, 1)), g, kernel, order=order
    )
    depthwise = draw(2, 3, 3, 1, seed=1)
    check_gradients(
        lambda g, k: K.depthwise_convolution_transpose(g, k, spatial, strides, padding, (1, 1)),
        g, depthwise, order=order,
    )  # fmt: skip


@pytest.mark.parametrize("name, rank", [("conv1d", 1), ("conv2d", 2), ("conv3d", 3)])
def test_channels_first_is_a_matter_of_axes(name, rank):
    x, kernel = draw(2, *range(5, 5 + rank), 3), draw(*(2,) * rank, 3, 4, seed=1)
    operation = getattr(K, name)
    (last,) = run(lambda x, k: operation(x, k, 2, "same", "channels_last"), x, kernel)
    (first,) = run(lambda x, k: operation(x, k, 2, "same", "channels_first"), np.moveaxis(x, -1, 1), kernel)
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), last, rtol=1e-12)


def test_causal_convolution_does_not_look_ahead():
    x, kernel = draw(1, 9, 2), draw(3, 2, 1, seed=1)
    later = x.copy()
    later[:, 5:] += 1
    a, b = (
        run(lambda x, k: K.conv1d(x, k, padding="causal", dilation_rate=2), v, kernel)[0] for v in (x, later)
    )
    assert a.shape == (1, 9, 1)
    np.testing.assert_array_equal(a[:, :5], b[:, :5])
    assert not np.allclose(a[:, 5:], b[:, 5:])


def test_large_batches_go_through_in_parts():
    x, kernel = draw(40, 64, 64, 3).astype("float32"), draw(3, 3, 3, 8, seed=1).astype("float32")
    for f in (
        lambda x, k: K.conv2d(x, k, padding="same"),
        lambda x, k: gradients(K.conv2d(x, k, padding="same"), [x])[0],
        lambda x, k: gradients(K.conv2d(x, k, padding="same"), [k])[0],
    ):
        (plain,), (fused,) = (run(f, x, kernel, fused=v) for v in (False, True))
        assert relative_error(fused, plain) < 1e-5


# pooling ----------------------------------------------------------------------------------------------------
POOLS = [
    ((2, 7, 3), (3,), (2,), "same"),
    ((2, 6, 5, 2), (2, 2), (2, 2), "valid"),
    ((2, 5, 6, 2), (3, 2), (1, 2), "same"),
    ((1, 4, 3, 4, 2), (2, 2, 3), (1, 2, 1), "same"),
]


@pytest.mark.parametrize("mode", ["max", "avg"])
@pytest.mark.parametrize("shape, size, strides, padding", POOLS)
def test_pooling_is_its_definition(shape, size, strides, padding, mode):
    x = draw(*shape)
    want = {}
    ones = (1,) * len(size)
    (w,) = run(lambda x: K.extract_windows(x, size, strides, ones, padding, float("-inf")), x)
    axes = tuple(range(1 + len(size), 1 + 2 * len(size)))
    want["max"] = w.max(axes)
    inside = np.isfinite(w)
    want["avg"] = np.where(inside, w, 0).sum(axes) / inside.sum(axes)
    name = f"pool{len(size)}d"
    for fused in (False, True):
        for unknown in ((), tuple(range(len(shape) - 1)), (len(shape) - 1,)):
            (got,) = run(
                lambda x: getattr(K, name)(x, size, strides, padding, "channels_last", mode),
                x, fused=fused, unknown=unknown,
            )  # fmt: skip
            np.testing.assert_allclose(got, want[mode], rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("opened", [False, True], ids=["known", "sizes open"])
@pytest.mark.parametrize("name", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("shape, size, strides, padding", POOLS)
def test_gradients_of_pooling(shape, size, strides, padding, name, opened, order):
    unknown = tuple(range(len(shape) - 1)) if opened else ()
    check_gradients(
        lambda x: getattr(K, name)(x * 1.1, size, strides, padding),
        draw(*shape),
        order=order,
        unknown=unknown,
    )


@pytest.mark.parametrize("fused", [False, True])
def test_max_pool_hands_a_tie_to_the_first(fused):
    x = np.zeros((1, 4, 4, 1))
    (got,) = run(lambda x: gradients(K.pool2d(x, (2, 2), (2, 2)), [x])[0], x, fused=fused)
    np.testing.assert_array_equal(got[0, ..., 0], [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("fused", [False, True])
def test_pooling_of_whole_numbers(fused):
    x = np.arange(-12, 0, dtype="int32").reshape(1, 3, 4, 1)
    (got,) = run(lambda x: K.pool2d(x, (2, 2), (2, 2), "same"), x, fused=fused)
    np.testing.assert_array_equal(got[0, ..., 0], [[-7, -5], [-3, -1]])


# normalisation ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "shape, axes",
    [((6, 3), (0,)), ((2, 4, 3), (0, 1)), ((2, 4, 5, 3), (0, 1, 2)), ((2, 3, 4, 5), (0, 2, 3))],
)
def test_batch_statistics(shape, axes):
    x = draw(*shape)
    kept = [n for i, n in enumerate(shape) if i not in axes]
    count = x.size / kept[0]
    # of images Keras 2.3.1 reports the unbiased variance
    factor = count / (count - 1) if axes == (0, 1, 2) else 1.0
    for fused, unknown in [(False, ()), (True, ()), (True, (0,)), (False, (0, 1) if 1 in axes else (0,))]:
        got = run(
            lambda x, g, b: K.normalize_batch_in_training(x, g, b, axes, 1e-3),
            x, draw(*kept, seed=1), draw(*kept, seed=2), fused=fused, unknown=unknown,
        )  # fmt: skip
        spread = [n if i not in axes else 1 for i, n in enumerate(shape)]
        want = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-3)
        want = want * draw(*kept, seed=1).reshape(spread) + draw(*kept, seed=2).reshape(spread)
        np.testing.assert_allclose(got[0], want, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(got[1], x.mean(axes), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(got[2], x.var(axes) * factor, rtol=1e-9)


NORMALISERS = {
    "batch, training": lambda x, g, b: K.normalize_batch_in_training(x, g, b, (0, 1, 2)),
    "batch, inference": lambda x, g, b: K.batch_normalization(x, b, K.square(g) + 0.5, b, g),
    "layer": lambda x, g, b: K.layer_normalization(x, g, b),
    "group": lambda x, g, b: K.group_normalization(x, 2, g, b),
    "instance": lambda x, g, b: K.instance_normalization(x, g, b),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("unknown", [(), (0, 1, 2)], ids=["known", "sizes open"])
@pytest.mark.parametrize("which", NORMALISERS)
def test_gradients_of_normalisation(which, unknown, order):
    check_gradients(
        NORMALISERS[which],
        draw(2, 3, 4, 4),
        draw(4, seed=1),
        draw(4, seed=2),
        order=order,
        unknown=unknown,
        limit=1e-4,
    )


def test_groups():
    x = draw(2, 5, 4, 6)
    for unknown in ((), (0, 1, 2)):
        (got,) = run(lambda x: K.group_normalization(x, 3, epsilon=1e-5), x, unknown=unknown)
        apart = x.reshape(2, 5, 4, 3, 2)
        want = (apart - apart.mean((1, 2, 4), keepdims=True)) / np.sqrt(
            apart.var((1, 2, 4), keepdims=True) + 1e-5
        )
        np.testing.assert_allclose(got, want.reshape(x.shape), rtol=1e-9, atol=1e-12)
        (got,) = run(lambda x: K.instance_normalization(x, epsilon=1e-5), x, unknown=unknown)
        want = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


# activations and cross-entropies ----------------------------------------------------------------------------
ACTIVATIONS = {
    "relu": K.relu,
    "leaky relu": lambda x: K.relu(x, 0.2, 1.5, 0.1),
    "elu": lambda x: K.elu(x, 0.7),
    "selu": K.selu,
    "sigmoid": K.sigmoid,
    "hard_sigmoid": lambda x: K.hard_sigmoid(x * 2.0),
    "softplus": K.softplus,
    "softsign": K.softsign,
    "swish": K.swish,
    "gelu": K.gelu,
    "gelu by tanh": lambda x: K.gelu(x, True),
    "softmax": lambda x: K.softmax(x, 0),
    "log_softmax": K.log_softmax,
    "l2_normalize": lambda x: K.l2_normalize(x, -1),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("which", ACTIVATIONS)
def test_gradients_of_activations(which, order):
    check_gradients(ACTIVATIONS[which], draw(4, 5), order=order)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("which", ACTIVATIONS)
def test_activations_far_out(which, fused):
    x = np.array([[-1e4, -200.0, -30.0, 0.0, 30.0, 200.0, 1e4]], "float32")
    total, *_, (_, slope) = slopes(ACTIVATIONS[which], x, fused=fused)
    assert np.isfinite(run(ACTIVATIONS[which], x, fused=fused)[0]).all()
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("fused", [False, True])
def test_small_probabilities_keep_their_digits(fused):
    x = np.array([-20.0, -50.0, -80.0], "float32")
    np.testing.assert_allclose(run(K.sigmoid, x, fused=fused)[0], np.exp(x.astype("float64")), rtol=1e-5)


def _labels(logits):
    return np.random.default_rng(3).integers(0, logits.shape[-1], logits.shape[:-1])


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("from_logits", [False, True])
def test_gradients_of_cross_entropies(from_logits, order):
    logits = draw(2, 4, 5)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    given, target = (logits if from_logits else p), p[..., ::-1].copy()
    for loss in (K.binary_crossentropy, K.categorical_crossentropy):
        check_gradients(lambda o, t, f=loss: f(t, o, from_logits), given, target, order=order, limit=1e-4)
    labels = _labels(logits)
    check_gradients(
        lambda o, t: K.sparse_categorical_crossentropy(t, o, from_logits),
        given,
        labels,
        order=order,
        limit=1e-4,
    )


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("from_logits", [False, True])
def test_sparse_and_dense_cross_entropies_agree(from_logits, fused):
    logits = draw(3, 4, 5)
    given = logits if from_logits else np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    labels = _labels(logits)
    dense = np.eye(5)[labels]
    (want,) = run(lambda o, t: K.categorical_crossentropy(t, o, from_logits), given, dense, fused=fused)
    for shaped in (labels, labels[..., None], labels.astype("float32")):
        (got,) = run(
            lambda o, t: K.sparse_categorical_crossentropy(t, o, from_logits), given, shaped, fused=fused
        )
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_in_top_k_counts_ties_as_in():
    scores = np.array([[0.1, 0.5, 0.5, 0.2], [0.4, 0.3, 0.2, 0.1], [np.nan, 1.0, 0.0, 0.0]], "float32")
    (got,) = run(lambda p, t: K.in_top_k(p, t, 1), scores, np.array([2, 1, 1]))
    np.testing.assert_array_equal(got, [True, False, False])


# images -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_resizing_by_factors_and_to_sizes_agree(interpolation, opened):
    x = draw(2, 3, 4, 2)
    unknown = (0, 1, 2) if opened else ()
    (by,) = run(lambda x: K.resize_images(x, 3, 2, "channels_last", interpolation), x, unknown=unknown)
    (to,) = run(lambda x: K.resize(x, (9, 8), interpolation), x)
    np.testing.assert_allclose(by, to, rtol=1e-12)
    check_gradients(lambda x: K.resize_images(x, 3, 2, "channels_last", interpolation), x, unknown=unknown)
    check_gradients(lambda x: K.resize(x, (2, 5), interpolation), x)


@pytest.mark.parametrize("opened", [False, True])
def test_bilinear_between_the_middles_of_pixels(opened):
    x = draw(2, 3, 4, 2)
    want = x
    for axis, factor in ((1, 3), (2, 2)):
        size = want.shape[axis]
        places = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
        want = np.apply_along_axis(
            lambda row, at=places, n=size: np.interp(at, np.arange(n), row), axis, want
        )

    def resized(x):
        return K.resize_images(x, 3, 2, "channels_last", "bilinear_half_pixel")

    unknown = (0, 1, 2) if opened else ()
    (got,) = run(resized, x, unknown=unknown)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
    check_gradients(resized, x, unknown=unknown)


def test_nearest_rounds_down():
    x = np.arange(5.0).reshape(1, 5, 1)
    np.testing.assert_array_equal(run(lambda x: K.resize(x, (3,), "nearest"), x)[0].ravel(), [0, 1, 3])


# mistakes ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "error, words, wrong",
    [
        (ShapeError, "3 channels", lambda x: K.conv2d(x, np.ones((2, 2, 4, 1), "float32"))),
        (ShapeError, "does not fit", lambda x: K.conv2d(x, np.ones((7, 2, 3, 1), "float32"))),
        (ShapeError, "rank 3", lambda x: K.conv1d(x, np.ones((2, 3, 1), "float32"))),
        (ArgumentError, "padding='sane'", lambda x: K.pool2d(x, 2, padding="sane")),
        (ArgumentError, "strides=0", lambda x: K.pool2d(x, 2, strides=0)),
        (ArgumentError, "pool_mode", lambda x: K.pool2d(x, 2, pool_mode="sum")),
        (ArgumentError, "data_format", lambda x: K.pool2d(x, 2, data_format="last")),
        (ArgumentError, "causal", lambda x: K.conv2d(x, np.ones((2, 2, 3, 1), "float32"), padding="causal")),
        (ShapeError, "output_shape", lambda x: K.conv2d_transpose(x, np.ones((2, 2, 4, 3), "float32"), (2, 99, 6, 4))),
        (ShapeError, "bias", lambda x: K.bias_add(x, np.ones((2, 3), "float32"))),
        (ShapeError, "groups", lambda x: K.group_normalization(x, 2)),
        (ArgumentError, "interpolation", lambda x: K.resize_images(x, 2, 2, "channels_last", "cubic")),
    ],
)  # fmt: skip
def test_mistakes_are_told_while_the_graph_is_built(error, words, wrong):
    with pytest.raises(error, match=words):
        wrong(Placeholder((None, 5, 6, 3), "float32"))


# Keras 2.3.1's slopes where an activation has a corner, at -1, 0 and 1
CORNERS = {
    "relu": (K.relu, [0.0, 0.0, 1.0]),
    "leaky": (lambda x: K.relu(x, alpha=0.3), [0.3, 0.3, 1.0]),
    "elu": (K.elu, [np.exp(-1), 1.0, 1.0]),
    "elu of 0.5": (lambda x: K.elu(x, 0.5), [0.5 * np.exp(-1), 0.5, 1.0]),
    "selu": (activations.selu, [1.7580993408 * np.exp(-1), 1.7580993408, 1.0507009873]),
    "hard_sigmoid": (lambda x: K.hard_sigmoid(2.5 * x), [0.5, 0.5, 0.5]),
}


@pytest.mark.parametrize("name", CORNERS)
def test_slope_at_a_corner(name):
    function, slopes = CORNERS[name]
    x = K.placeholder((None,))
    y = function(x)
    found = K.function([x], K.gradients(K.sum(y), [x])[0])([np.array([-1.0, 0.0, 1.0], "float32")])
    np.testing.assert_allclose(found, slopes, rtol=1e-6)
