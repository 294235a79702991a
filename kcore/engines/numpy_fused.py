"""Composites that NumPy does better in one go than operation by operation. Same meaning, checked by the kit."""

import math

import numpy as np

from ..backend.pooling import window_counts
from ..backend.special import quiet
from ..backend.windows import (
    all_padding_amounts,
    inner,
    output_lengths,
    pad_spatial,
    positions,
    window_view,
)

# Windows are copied for one matrix product at a time: so many bytes of them stay in the processor's cache.
CHUNK = 4 * 2**20


# element by element -----------------------------------------------------------------------------------------
def ceil(x):
    return np.ceil(x) if x.dtype.kind == "f" else x  # of whole numbers NumPy 1 makes float64


def rectify(x):
    return np.maximum(x, x.dtype.type(0))


def sigmoid(x):
    z = np.asarray(np.abs(x))  # of a scalar NumPy makes a number, which takes no `out`
    np.negative(z, out=z)
    np.exp(z, out=z)
    out = np.where(x < 0, z, x.dtype.type(1))
    z += 1
    out /= z
    return out


def softplus(x):
    z = np.asarray(np.abs(x))  # of a scalar NumPy makes a number, which takes no `out`
    np.negative(z, out=z)
    np.exp(z, out=z)
    np.log1p(z, out=z)
    z += np.maximum(x, x.dtype.type(0))
    return z


def softmax(x, axis=-1):
    out = x - x.max(axis, keepdims=True)
    np.exp(out, out=out)
    out /= out.sum(axis, keepdims=True)
    return out


def log_softmax(x, axis=-1):
    out = x - x.max(axis, keepdims=True)
    out -= np.log(np.exp(out).sum(axis, keepdims=True))
    return out


def hard_sigmoid(x):
    out = np.asarray(x * x.dtype.type(0.2))
    out += x.dtype.type(0.5)
    return np.clip(out, 0, 1, out=out)


def elu(x, alpha=1.0):
    low = np.asarray(np.minimum(x, x.dtype.type(0)))
    np.expm1(low, out=low)
    low *= alpha
    return np.where(x > 0, x, low)


def sigmoid_cross_entropy(target, logits):
    out = np.asarray(np.abs(logits))
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    return np.maximum(logits, logits.dtype.type(0)) - logits * target + out


def sparse_softmax_cross_entropy(target, logits):
    classes = logits.shape[-1]
    inside = (target >= 0) & (target < classes)  # elsewhere one_hot, and so the result, is 0
    places = np.where(inside, target, 0)[..., None]
    return np.where(
        inside, -np.take_along_axis(log_softmax(logits), places, -1)[..., 0], logits.dtype.type(0)
    )


# normalisation ----------------------------------------------------------------------------------------------
def standardize(x, axes, epsilon):
    average = x.mean(axes, keepdims=True)
    out = x - average
    variance = np.square(out).mean(axes, keepdims=True)
    out *= 1 / np.sqrt(variance + x.dtype.type(epsilon))
    return out, average, variance


def standardize_gradient(g, normed, variance, axes, epsilon):
    scratch = g * normed
    out = np.multiply(normed, -scratch.mean(axes, keepdims=True), out=scratch)
    out += g
    out -= g.mean(axes, keepdims=True)
    out *= 1 / np.sqrt(variance + g.dtype.type(epsilon))
    return out


# convolution ------------------------------------------------------------------------------------------------
def _prepared(x, size, strides, padding, dilation):
    """The padded input and the numbers of windows."""
    lengths = output_lengths(x.shape[1:-1], size, strides, dilation, padding)
    amounts = all_padding_amounts(x.shape[1:-1], size, strides, dilation, padding)
    return pad_spatial(x, amounts), lengths


def _pointwise(size, strides):
    return math.prod(size) == 1 and math.prod(strides) == 1


def _batches(padded, lengths, columns):
    """Slices of the batch whose windows fit into CHUNK bytes, of at least one sample."""
    each = max(1, CHUNK // max(1, math.prod(lengths) * columns * padded.itemsize))
    return [slice(i, i + each) for i in range(0, padded.shape[0], each)]


def _columns(padded, part, size, strides, dilation, lengths):
    """The windows of some samples as a matrix (places, size * channels)."""
    view = window_view(padded[part], size, strides, dilation, lengths)
    return view.reshape(-1, math.prod(size) * padded.shape[-1])


def convolution(x, kernel, strides, padding, dilation):
    size, filters = kernel.shape[:-2], kernel.shape[-1]
    padded, lengths = _prepared(x, size, strides, padding, dilation)
    matrix = kernel.reshape(-1, filters)
    out = np.empty((x.shape[0], *lengths, filters), np.result_type(x, kernel))
    if _pointwise(size, strides):
        np.matmul(padded.reshape(-1, x.shape[-1]), matrix, out=out.reshape(-1, filters))
        return out
    for part in _batches(padded, lengths, matrix.shape[0]):
        rows = _columns(padded, part, size, strides, dilation, lengths)
        np.matmul(rows, matrix, out=out[part].reshape(-1, filters))
    return out


def convolution_transpose(g, kernel, spatial, strides, padding, dilation):
    size, channels = kernel.shape[:-2], kernel.shape[-2]
    amounts = all_padding_amounts(spatial, size, strides, dilation, padding)
    lengths = g.shape[1:-1]
    rows = g.reshape(-1, g.shape[-1])
    if _pointwise(size, strides) and not any(map(any, amounts)):
        return (rows @ kernel.reshape(channels, -1).T).reshape(g.shape[0], *spatial, channels)
    padded = [n + before + after for n, (before, after) in zip(spatial, amounts, strict=True)]
    total = np.zeros((g.shape[0], *padded, channels), np.result_type(g, kernel))
    matrix = kernel.reshape(-1, kernel.shape[-1]).T
    each = math.prod(lengths) * matrix.shape[1] * total.itemsize
    step = max(1, CHUNK // max(1, each))
    for first in range(0, g.shape[0], step):
        part = slice(first, first + step)
        windows = (g[part].reshape(-1, g.shape[-1]) @ matrix).reshape(-1, *lengths, *size, channels)
        into = total[part]
        for place, index in positions(size, strides, dilation, lengths):
            into[index] += windows[(slice(None),) * (1 + len(size)) + place]
    return total[inner(spatial, amounts)]


def convolution_kernel_gradient(x, g, size, strides, padding, dilation):
    padded, lengths = _prepared(x, size, strides, padding, dilation)
    channels, filters = x.shape[-1], g.shape[-1]
    columns = math.prod(size) * channels
    total = np.zeros((columns, filters), np.result_type(x, g))
    for part in _batches(padded, lengths, columns):
        rows = _columns(padded, part, size, strides, dilation, lengths)
        total += rows.T @ g[part].reshape(-1, filters)
    return total.reshape(*size, channels, filters)


# depthwise: no product of matrices to be had, so one pass for each place of the window ---------------------------
def depthwise_convolution(x, kernel, strides, padding, dilation):
    *size, channels, multiplier = kernel.shape
    padded, lengths = _prepared(x, size, strides, padding, dilation)
    out = np.zeros((x.shape[0], *lengths, channels, multiplier), np.result_type(x, kernel))
    for place, index in positions(size, strides, dilation, lengths):
        out += padded[index][..., None] * kernel[place]
    return out.reshape(*out.shape[:-2], channels * multiplier)


def depthwise_convolution_transpose(g, kernel, spatial, strides, padding, dilation):
    *size, channels, multiplier = kernel.shape
    amounts = all_padding_amounts(spatial, size, strides, dilation, padding)
    padded = [n + before + after for n, (before, after) in zip(spatial, amounts, strict=True)]
    total = np.zeros((g.shape[0], *padded, channels), np.result_type(g, kernel))
    split = g.reshape(*g.shape[:-1], channels, multiplier)
    for place, index in positions(size, strides, dilation, g.shape[1:-1]):
        if multiplier == 1:
            total[index] += split[..., 0] * kernel[place][:, 0]
        else:
            total[index] += np.einsum("...cm,cm->...c", split, kernel[place])
    return total[inner(spatial, amounts)]


def depthwise_convolution_kernel_gradient(x, g, size, strides, padding, dilation):
    padded, lengths = _prepared(x, size, strides, padding, dilation)
    channels = x.shape[-1]
    multiplier = g.shape[-1] // channels
    rows = g.reshape(-1, channels, multiplier)
    out = np.empty((*size, channels, multiplier), np.result_type(x, g))
    for place, index in positions(size, strides, dilation, lengths):
        out[place] = np.einsum("nc,ncm->cm", padded[index].reshape(-1, channels), rows)
    return out


# pooling: one pass for each place of the window, without a copy of the windows --------------------------------
def _pool_input(x, size, strides, padding, fill):
    ones = (1,) * len(size)
    lengths = output_lengths(x.shape[1:-1], size, strides, ones, padding)
    amounts = all_padding_amounts(x.shape[1:-1], size, strides, ones, padding)
    return pad_spatial(x, amounts, fill), amounts, list(positions(size, strides, ones, lengths))


def max_pool(x, size, strides, padding):
    padded, _, found = _pool_input(x, size, strides, padding, -math.inf)
    out = padded[found[0][1]].copy()
    for _, index in found[1:]:
        np.maximum(out, padded[index], out=out)
    return out


def _first_largest(x, size, strides, padding):
    """For each place of the window its index in the padded input, and where it holds the first largest element."""
    padded, amounts, found = _pool_input(x, size, strides, padding, -math.inf)
    largest = max_pool(x, size, strides, padding)
    open_yet = np.ones(largest.shape, bool)
    marks = []
    for _, index in found:
        here = padded[index] == largest
        if x.dtype.kind == "f":
            here |= np.isnan(padded[index])  # the first NaN, as argmax has it
        here &= open_yet
        open_yet ^= here
        marks.append((index, here))
    return padded.shape, amounts, marks


def max_pool_gradient(g, x, size, strides, padding):
    shape, amounts, marks = _first_largest(x, size, strides, padding)
    total = np.zeros(shape, g.dtype)
    for index, here in marks:
        total[index] += g * here
    return total[inner(x.shape[1:-1], amounts)]


def max_pool_selected(h, x, size, strides, padding):
    _, amounts, marks = _first_largest(x, size, strides, padding)
    padded = pad_spatial(h, amounts)
    out = 0
    for index, here in marks:
        out = out + padded[index] * here
    return out


def avg_pool(x, size, strides, padding):
    padded, _, found = _pool_input(x, size, strides, padding, 0.0)
    out = padded[found[0][1]].copy()
    for _, index in found[1:]:
        out += padded[index]
    out /= window_counts(x.shape[1:-1], size, strides, padding, x.dtype)
    return out


def avg_pool_gradient(g, x, size, strides, padding):
    ones = (1,) * len(size)
    amounts = all_padding_amounts(x.shape[1:-1], size, strides, ones, padding)
    share = g / window_counts(x.shape[1:-1], size, strides, padding, x.dtype)
    lengths = [n + before + after for n, (before, after) in zip(x.shape[1:-1], amounts, strict=True)]
    total = np.zeros((x.shape[0], *lengths, x.shape[-1]), share.dtype)
    for _, index in positions(size, strides, ones, g.shape[1:-1]):
        total[index] += share
    return total[inner(x.shape[1:-1], amounts)]


# matrices ---------------------------------------------------------------------------------------------------
def sparse_matmul(rows, columns, values, dense, size):
    """By SciPy where it is installed."""
    try:
        from scipy.sparse import csr_matrix
    except ImportError:
        result = np.zeros((size[0], dense.shape[1]), dense.dtype)
        np.add.at(result, rows, values[:, None] * dense[columns])
        return result
    if dense.dtype == np.float16:  # which SciPy does not have
        return sparse_matmul(rows, columns, values.astype("float32"), dense.astype("float32"), size).astype(
            "float16"
        )
    return np.asarray(csr_matrix((values, (rows, columns)), shape=tuple(size)) @ dense, dense.dtype)


FUSED = {
    name: quiet(function)
    for name, function in {
        "square": np.square, "greater": np.greater, "greater_equal": np.greater_equal, "less_equal": np.less_equal,
        "not_equal": np.not_equal, "ceil": ceil, "tan": np.tan, "rectify": rectify,
        "sigmoid": sigmoid, "softplus": softplus, "hard_sigmoid": hard_sigmoid, "elu": elu,
        "softmax": softmax, "log_softmax": log_softmax,
        "sigmoid_cross_entropy": sigmoid_cross_entropy,
        "sparse_softmax_cross_entropy": sparse_softmax_cross_entropy,
        "standardize": standardize, "standardize_gradient": standardize_gradient,
        "convolution": convolution, "convolution_transpose": convolution_transpose,
        "convolution_kernel_gradient": convolution_kernel_gradient,
        "depthwise_convolution": depthwise_convolution,
        "depthwise_convolution_transpose": depthwise_convolution_transpose,
        "depthwise_convolution_kernel_gradient": depthwise_convolution_kernel_gradient,
        "max_pool": max_pool, "max_pool_gradient": max_pool_gradient, "max_pool_selected": max_pool_selected,
        "sparse_matmul": sparse_matmul,
        "avg_pool": avg_pool, "avg_pool_gradient": avg_pool_gradient,
    }.items()
}  # fmt: skip
