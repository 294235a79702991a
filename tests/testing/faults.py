"""Faults as authors make them, put into a copy of the NumPy engine: each with a model that runs into it.

`put(right)` turns the right function of an operation into a faulty one. `layer` makes the layer that runs into the
fault, `shape` is its input's without the batch; None: no layer shows it (it is too small, or feeds on random numbers
that are made equal for a comparison), the kit alone has to find it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kcore import backend as K
from kcore import layers as L
from kcore.backend.declare import operation
from kcore.engines.numpy_engine import NumpyEngine


@dataclass(frozen=True)
class Fault:
    op: str
    kind: str
    put: Callable[[Callable[..., Any]], Callable[..., Any]]
    layer: Callable[[], Any] | None = None
    shape: tuple[int, ...] = (4,)
    before: Callable[[Any], Any] | None = (
        None  # what the numbers go through first, without the faulty operation
    )
    inputs: int = 1
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.op}: {self.kind}"


class FaultyEngine(NumpyEngine):
    """The NumPy engine with one operation replaced."""

    name = "faulty"

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        right = self.fused.get(fault.op) or self.primitives.get(fault.op)
        table = (
            self.primitives if fault.op in self.primitives and fault.op not in self.fused else {**self.fused}
        )
        with np.errstate(all="ignore"):
            table[fault.op] = quiet(fault.put(right))
        if table is not self.primitives:
            self.fused = table


def quiet(function):
    @functools.wraps(function)
    def run(*args, **kwargs):
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return run


def instead(function):
    """A fault that has nothing of the right function."""
    return lambda right: function


def on_result(change):
    return lambda right: lambda *args, **kwargs: change(right(*args, **kwargs))


def on_arguments(change):
    return lambda right: lambda *args, **kwargs: right(*change(*args), **kwargs)


def into_the_input(right):
    """The result is written over the first argument."""

    def run(x, *args, **kwargs):
        result = np.asarray(right(x, *args, **kwargs))
        if result.shape == x.shape and result.dtype == x.dtype and x.flags.writeable:
            x[...] = result
            return x
        return result

    return run


def one_buffer(right):
    """All results of one shape and type share their memory."""
    buffers = {}

    def run(*args, **kwargs):
        result = np.asarray(right(*args, **kwargs))
        held = buffers.setdefault((result.shape, result.dtype), np.empty_like(result))
        held[...] = result
        return held

    return run


def wrong_type(right):
    return lambda *args, **kwargs: np.asarray(right(*args, **kwargs)).astype("float64")


def half(right):
    """Computed with half the precision."""

    def run(x, *args, **kwargs):
        return right(x.astype("float16") if x.dtype.kind == "f" else x, *args, **kwargs).astype(x.dtype)

    return run


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def standardized(x, axes, epsilon, ddof=0):
    average, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True, ddof=ddof)
    return ((x - average) / np.sqrt(variance + x.dtype.type(epsilon))).astype(x.dtype), average, variance


def shifted_padding(right):
    """What is to be added behind is added before."""

    def run(x, kernel, strides, padding, dilation):
        if padding != "same":
            return right(x, kernel, strides, padding, dilation)
        amounts = []
        for n, k, s, d in zip(x.shape[1:-1], kernel.shape, strides, dilation, strict=False):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            amounts.append((total - total // 2, total // 2))
        return right(x, kernel, strides, tuple(amounts), dilation)

    return run


def undilated(right):
    def run(x, kernel, strides, padding, dilation):
        shape = right(x, kernel, strides, padding, dilation).shape
        return right(x, kernel, strides, padding, (1,) * len(dilation))[tuple(slice(n) for n in shape)]

    return run


def zero_for_padding(right):
    """A window that hangs over the edge sees zeros there."""

    def run(x, size, strides, padding):
        found = right(x, size, strides, padding)
        return np.maximum(found, _edge_zeros(x, size, strides, found)) if padding == "same" else found

    return run


def _edge_zeros(x, size, strides, found):
    """0 where a window of padding "same" hangs over the edge, a large negative number elsewhere."""
    result = np.full(found.shape, -1e30, found.dtype)
    for axis, (n, k, s) in enumerate(zip(x.shape[1:-1], size, strides, strict=True), 1):
        out = -(-n // s)
        total = max((out - 1) * s + k - n, 0)
        index = [slice(None)] * found.ndim
        if total // 2:
            index[axis] = 0
            result[tuple(index)] = 0
        if total - total // 2:
            index[axis] = -1
            result[tuple(index)] = 0
    return result


def to_all_ties(right):
    """Every largest element of a window gets the whole gradient."""

    def run(g, x, size, strides, padding):
        total = right(g, x, size, strides, padding)
        if padding != "valid" or tuple(strides) != tuple(size):
            return total
        for place in np.ndindex(*g.shape[1:-1]):
            window = tuple(slice(p * s, p * s + k) for p, s, k in zip(place, strides, size, strict=True))
            index = (slice(None), *window, slice(None))
            axes = tuple(range(1, 1 + len(size)))
            largest = x[index] == x[index].max(axes, keepdims=True)
            at = (slice(None), *place, slice(None))
            total[index] = largest * g[at].reshape(g.shape[0], *(1,) * len(size), g.shape[-1])
        return total

    return run


def last_tie(right):
    def run(x, axis=-1, keepdims=False):
        flipped = right(np.flip(x, axis), axis, keepdims)
        return x.shape[axis] - 1 - flipped

    return run


def negative_step(x, begin, end, step):
    return x[tuple(slice(a, b) for a, b in zip(begin, end, strict=True))] if step else x


def layer_normalized(x, gamma=None, beta=None, axis=-1, epsilon=0.0):
    out = (x - x.mean(axis, keepdims=True)) / x.std(axis, keepdims=True)
    out = out if gamma is None else out * gamma
    return (out if beta is None else out + beta).astype(x.dtype)


def op(name, *arguments, **keywords):
    """A Lambda layer that calls one operation."""
    return lambda: L.Lambda(lambda x: operation(name)(x, *arguments, **keywords))


def of(function):
    return lambda: L.Lambda(function)


IMAGE = (5, 6, 4)
small = lambda x: x * 0.03
below = lambda x: -K.abs(x) - 0.1
steps = lambda x: operation("floor")(x)

FAULTS = [
    # element by element
    Fault("negative", "no sign", instead(lambda x: x), of(lambda x: -x)),
    Fault("subtract", "the other way round", on_arguments(lambda x, y: (y, x)), L.Subtract, inputs=2),
    Fault("abs", "wrong dtype", wrong_type, of(K.abs)),
    Fault("sign", "wrong tie: 1 at 0", on_result(lambda r: np.where(r == 0, r.dtype.type(1), r)),
          of(lambda x: K.sign(K.relu(x)))),
    Fault("divide", "wrong dtype", wrong_type, of(lambda x: x / 3.0)),
    Fault("mod", "wrong rounding: as C has it", instead(np.fmod), of(lambda x: x % 0.7)),
    Fault("power", "wrong sign for a negative base", instead(lambda x, y: np.abs(x) ** y), of(lambda x: x**3.0)),
    Fault("maximum", "drops NaN", instead(np.fmax)),
    Fault("minimum", "mutated input", into_the_input, of(lambda x: K.minimum(x, 0.1))),
    Fault("floor", "wrong rounding: towards 0", instead(np.trunc), op("floor")),
    Fault("round", "wrong rounding: halves away from 0",
          instead(lambda x: (np.sign(x) * np.floor(np.abs(x) + x.dtype.type(0.5))).astype(x.dtype)),
          of(lambda x: K.round(K.round(x) + 0.5))),
    Fault("cast", "wrong rounding: to the nearest",
          lambda right: lambda x, dtype: right(np.rint(x) if x.dtype.kind == "f" and "int" in dtype else x, dtype),
          of(lambda x: K.cast(K.cast(x * 3.0, "int32"), "float32"))),
    Fault("exp", "mutated input", into_the_input, lambda: L.Activation("exponential")),
    Fault("expm1", "digits lost near 0", instead(lambda x: np.exp(x) - x.dtype.type(1))),
    Fault("log1p", "digits lost near 0", instead(lambda x: np.log(x + x.dtype.type(1)))),
    Fault("sqrt", "an epsilon too many", instead(lambda x: np.sqrt(x + x.dtype.type(1e-3))),
          of(lambda x: K.sqrt(K.abs(x)))),
    Fault("sin", "large arguments not reduced", instead(lambda x: np.sin(np.clip(x, -30, 30))),
          of(lambda x: operation("sin")(x * 60.0))),
    Fault("tanh", "in-place aliasing: one buffer for all results", one_buffer, lambda: L.Activation("tanh")),
    Fault("atan2", "arguments swapped", on_arguments(lambda y, x: (x, y)), of(lambda x: operation("atan2")(x, 0.5))),
    Fault("erf", "rough approximation", on_result(lambda r: r * r.dtype.type(1.001)), op("erf")),
    # comparison
    Fault("equal", "wrong tie: nearly equal is equal", instead(np.isclose)),
    Fault("less", "wrong tie: equal is less", instead(np.less_equal),
          of(lambda x: K.cast(K.less(K.round(x), 0.0), "float32"))),
    Fault("where", "the other way round", on_arguments(lambda c, x, y: (c, y, x)),
          of(lambda x: operation("where")(K.greater(x, 0.0), x, x * 0.1))),
    Fault("logical_and", "or", instead(np.logical_or), of(lambda x: K.cast(
        operation("logical_and")(K.less(x, 0.5), K.less(-0.5, x)), "float32"))),
    # activations
    Fault("sigmoid", "overflow", instead(lambda x: np.exp(x) / (1 + np.exp(x))), of(lambda x: K.sigmoid(x * 1e4))),
    Fault("softplus", "overflow", instead(lambda x: np.log(1 + np.exp(x))), of(lambda x: K.softplus(x * 1e4))),
    Fault("softmax", "wrong axis", lambda right: lambda x, axis=-1: softmax(x), lambda: L.Softmax(1), (3, 4)),
    Fault("softmax", "overflow", lambda right: lambda x, axis=-1: np.exp(x) / np.exp(x).sum(axis, keepdims=True),
          of(lambda x: K.softmax(x * 1e4))),
    Fault("log_softmax", "wrong axis", lambda right: lambda x, axis=-1: right(x), op("log_softmax", 1), (3, 4)),
    Fault("hard_sigmoid", "another slope", instead(lambda x: np.clip(x / 6 + x.dtype.type(0.5), 0, 1).astype(x.dtype)),
          lambda: L.Activation("hard_sigmoid")),
    Fault("elu", "alpha dropped", lambda right: lambda x, alpha=1.0: right(x), lambda: L.ELU(0.3)),
    Fault("rectify", "mutated input", into_the_input, lambda: L.Activation("relu")),
    # normalisation
    Fault("standardize", "dropped epsilon", lambda right: lambda x, axes, epsilon: standardized(x, axes, 0.0),
          L.BatchNormalization, before=small),
    Fault("standardize", "variance of a sample", lambda right: lambda x, axes, epsilon: standardized(x, axes, epsilon, 1),
          L.BatchNormalization),
    Fault("standardize_gradient", "wrong gradient: a mean left out",
          instead(lambda g, n, v, axes, epsilon: ((g - n * (g * n).mean(axes, keepdims=True))
                                                  / np.sqrt(v + g.dtype.type(epsilon))).astype(g.dtype)),
          L.BatchNormalization),
    Fault("layer_normalization", "dropped epsilon", instead(layer_normalized), 
          op("layer_normalization", None, None, -1, 0.01), before=small),
    # convolutions and pooling
    Fault("convolution", "off-by-one pad", shifted_padding, lambda: L.Conv2D(3, (2, 2), padding="same"), IMAGE),
    Fault("convolution", "kernel turned round",
          on_arguments(lambda x, kernel: (x, np.flip(kernel, tuple(range(kernel.ndim - 2))))),
          lambda: L.Conv2D(3, 2), IMAGE),
    Fault("convolution", "dilation dropped", undilated, lambda: L.Conv2D(3, 2, dilation_rate=2), IMAGE),
    Fault("convolution_transpose", "wrong gradient: one off", on_result(lambda r: np.roll(r, 1, 1)),
          lambda: L.Conv2D(3, 3), IMAGE),
    Fault("convolution_kernel_gradient", "wrong gradient: of the first sample alone",
          on_arguments(lambda x, g: (x[:1], g[:1])), lambda: L.Conv2D(3, 3), IMAGE),
    Fault("depthwise_convolution", "channels in another order",
          on_result(lambda r: r.reshape(*r.shape[:-1], 2, -1).swapaxes(-1, -2).reshape(r.shape)),
          lambda: L.DepthwiseConv2D(2, depth_multiplier=2), IMAGE),
    Fault("depthwise_convolution_kernel_gradient", "wrong gradient: turned round",
          on_result(lambda r: np.flip(r, 0)), lambda: L.DepthwiseConv2D(2), IMAGE),
    Fault("max_pool", "zeros for padding", zero_for_padding,
          lambda: L.MaxPooling2D((3, 2), (2, 2), "same"), IMAGE, before=below),
    Fault("max_pool_gradient", "wrong tie: all get the gradient", to_all_ties, lambda: L.MaxPooling2D(2), (4, 4, 2),
          before=steps),
    Fault("avg_pool", "counts the padding",
          lambda right: lambda x, size, strides, padding: right(x, size, strides, padding)
          * (right(np.ones_like(x), size, strides, padding) if padding != "same" else _share(x, size, strides)),
          lambda: L.AveragePooling2D((3, 2), (2, 2), "same"), IMAGE),
    Fault("avg_pool_gradient", "wrong gradient: not divided",
          lambda right: lambda g, x, size, strides, padding: right(g, x, size, strides, padding) * np.prod(size),
          lambda: L.AveragePooling2D(2), IMAGE),
    # shapes
    Fault("transpose", "the inverse order",
          lambda right: lambda x, perm=None: right(x, None if perm is None else tuple(np.argsort(perm))),
          lambda: L.Permute((2, 3, 1)), (3, 3, 3)),
    Fault("reshape", "column by column", instead(lambda x, shape: np.reshape(x, shape, order="F")),
          lambda: L.Reshape((3, 2)), (2, 3)),
    Fault("concatenate", "in reverse", lambda right: lambda tensors, axis=-1: right(tensors[::-1], axis),
          L.Concatenate, inputs=2),
    Fault("pad", "off-by-one pad: before and behind exchanged",
          lambda right: lambda x, paddings, value=0.0: right(x, tuple((b, a) for a, b in paddings), value),
          lambda: L.ZeroPadding2D(((1, 0), (0, 2))), IMAGE),
    Fault("reverse", "wrong axis: the first of several",
          lambda right: lambda x, axes: right(x, axes[:1] if isinstance(axes, tuple) else axes),
          of(lambda x: K.reverse(x, (1, 2))), (3, 4)),
    Fault("slice", "step dropped", lambda right: lambda x, begin, end, step: right(x, begin, end, (1,) * len(step))[
        tuple(slice(n) for n in right(x, begin, end, step).shape)], of(lambda x: x[:, ::2]), (6,)),
    Fault("unslice", "wrong gradient: one off", on_result(lambda r: np.roll(r, 1, -1)), of(lambda x: x[:, 1:3]), (6,)),
    Fault("sum_to_like", "a mean for a sum",
          lambda right: lambda x, like: right(x, like) * x.dtype.type(max(like.size, 1) / max(x.size, 1)),
          lambda: L.Dense(3)),
    # looking up, sorting
    Fault("gather", "off by one", lambda right: lambda reference, indices, axis=0: right(
        reference, (indices + 1) % reference.shape[axis], axis), lambda: L.Embedding(9, 3), (5,), dtype="int32"),
    Fault("scatter_add", "wrong gradient: the last of equal places alone",
          instead(lambda x, indices, updates: _written(x, indices, updates)), lambda: L.Embedding(3, 3), (5,), dtype="int32"),
    Fault("argmax", "wrong tie: the last", last_tie, of(lambda x: K.cast(K.argmax(steps(x)), "float32")), (8,)),
    Fault("argsort", "the other way round",
          lambda right: lambda x, axis=-1, descending=False: right(x, axis, not descending),
          of(lambda x: operation("sort")(x)), (6,)),
    # sums and products
    Fault("matmul", "square matrices transposed",
          lambda right: lambda x, y: right(x, np.swapaxes(y, -1, -2) if y.ndim > 1 and y.shape[-1] == y.shape[-2] else y),
          lambda: L.Dense(4)),
    Fault("sum", "half the precision", half, of(lambda x: K.sum(x, axis=1, keepdims=True))),
    Fault("sum", "wrong axis: the first of several",
          lambda right: lambda x, axis=None, keepdims=False: right(
              x, axis, keepdims) / (1 if not isinstance(axis, tuple) or len(axis) < 2 else x.shape[axis[-1]]),
          lambda: L.GlobalAveragePooling2D(), IMAGE),
    Fault("cumsum", "without the element itself", lambda right: lambda x, axis=0: right(x, axis) - x,
          of(lambda x: K.cumsum(x, axis=1))),
    Fault("max", "drops NaN", instead(lambda x, axis=None, keepdims=False: np.nanmax(x, axis, keepdims=keepdims))),
    # loops and branches
    Fault("scan", "wrong gradient: never backwards",
          lambda right: lambda sequences, initial, captured, body, reverse=False: right(
              sequences, initial, captured, body, False), lambda: L.SimpleRNN(3), (5, 2)),
    Fault("cond", "branches exchanged",
          lambda right: lambda predicate, captured, body, otherwise: right(predicate, captured, otherwise, body),
          of(lambda x: K.switch(K.sum(K.abs(x)) > 0.0, lambda: x * 2.0, lambda: x * 3.0))),
    # randomness, a step
    Fault("random_uniform", "half the range", on_result(lambda r: r * r.dtype.type(0.5))),
    Fault("random_normal", "wrong deviation", on_result(lambda r: r * r.dtype.type(0.9))),
    Fault("adam_update", "dropped epsilon", instead(
        lambda param, grad, m, v, rate, beta_1, beta_2, epsilon=1e-7: _adam(param, grad, m, v, rate, beta_1, beta_2))),
]  # fmt: skip


def _share(x, size, strides):
    """The part of each window of padding "same" that lies inside."""
    inside = np.ones(())
    for axis, (n, k, s) in enumerate(zip(x.shape[1:-1], size, strides, strict=True), 1):
        out = -(-n // s)
        before = max((out - 1) * s + k - n, 0) // 2
        counts = [min(i * s - before + k, n) - max(i * s - before, 0) for i in range(out)]
        shape = [1] * x.ndim
        shape[axis] = out
        inside = inside * (np.array(counts) / k).reshape(shape)
    return inside.astype(x.dtype)


def _written(x, indices, updates):
    result = x.copy()
    result[indices] += updates
    return result


def _adam(param, grad, m, v, rate, beta_1, beta_2):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad * grad
    return [(param - rate * m / np.sqrt(v)).astype(param.dtype), m.astype(param.dtype), v.astype(param.dtype)]
