"""Windows, convolution, pooling, normalisation, activations, cross-entropies, images: values and gradients."""

import functools
import itertools

import numpy as np
import pytest
from golden import case_id, cases, load, relative_error, tolerance

from kcore import backend as K
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
        assert all(d in (None, n) for d, n in zip(tensor.shape, value.shape, strict=True)), (tensor, value.shape)
    return results


def placeholders(arrays, unknown=()):
    """One for each array; the axes in `unknown` are left open."""
    return [
        Placeholder(tuple(None if i in unknown else d for i, d in enumerate(a.shape)), a.dtype.name) for a in arrays
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
            moved = [[a + s * step * direction if j == i else a for j, a in enumerate(arrays)] for s in (1, -1)]
            up, down = (computed(inputs, [total], m, fused)[0] for m in moved)
            numeric = (up - down) / (2 * step)
            assert abs(numeric - (gradient * direction).sum()) <= limit * max(1.0, abs(numeric)), (i, fused, order)


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
