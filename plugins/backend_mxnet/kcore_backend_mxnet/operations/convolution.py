"""Convolutions, with the channels before the spatial axes as MXNet wants them; windows and their adjoint.

Results are handed on in that layout (`Value.first`): what works element by element keeps it, so that a stack of
convolutions is turned once at its start and once at its end.
"""

from __future__ import annotations

import math

from kcore.extending import all_padding_amounts, output_lengths, positions

from .. import native
from ..values import Value, channels_first, first_shape, held_as, in_order, of, raw, scope
from .places import cut
from .shapes import assigned, padded_first
from .sums import filled
from .wrapping import wrapped


def _even(amounts):
    return all(a == b for a, b in amounts)


def _prepared(x, size, strides, padding, dilation):
    """The input with channels first, and the even padding that is left to the operation itself."""
    amounts = all_padding_amounts(x.shape[1:-1], size, strides, dilation, padding)
    unpadded = _without_padding(x, amounts)
    if unpadded is not None:
        return unpadded
    data = channels_first(x)
    if _even(amounts):
        return data, tuple(a for a, _ in amounts)
    return padded_first(data, first_shape(x.shape), amounts, dtype=x.dtype), (0,) * len(size)


def _without_padding(x, amounts):
    """For an `x` with zeros around it: what it was before, and all even padding, which the operation adds itself.

    None where that does not hold, or where MXNet's own gradients are to be those of `x` as it is.
    """
    if x.padded is None or scope.trace is None or scope.trace.convolutions_learn:
        return None
    source, before = x.padded
    whole = [(a + c, b + d) for (a, b), (c, d) in zip(amounts, before, strict=True)]
    return (channels_first(source), tuple(a for a, _ in whole)) if _even(whole) else None


def weight_of(kernel):
    """(*size, in, out) as (out, in, *size)."""
    return in_order(kernel, weight_order(kernel.ndim))


def weight_order(ndim):
    return (ndim - 1, ndim - 2, *range(ndim - 2))


class Convolved:
    """A convolution in a graph, of which MXNet's own backward operation gives the gradients."""

    def __init__(self, x, kernel, data, weight, attributes):
        self.data, self.weight, self.attributes = data, weight, attributes
        self.shape, self.kernel_shape = x.shape, kernel.shape
        self.forward = scope.trace.native.forward("Convolution", data, weight, **attributes, no_bias=True)

    def with_bias(self, bias):
        self.forward = scope.trace.native.forward(
            "Convolution", self.data, self.weight, bias, **self.attributes
        )
        return self.forward.made

    def gradients(self, g):
        """(of the padded input, of the weight), channels first; both come of one operation."""
        record = scope.trace.native
        key = ("gradients", id(self), id(g))
        made = record.find(key)
        if made is None:
            made = native.backward(record, self.forward, [channels_first(g), *self.forward.inputs])
            record.remember(key, made, self, g)
            if len(made) > 2:
                record.remember(("by channels", id(g)), made[2], g)
        return made[:2]


def _convolved(x, kernel, data, weight, key, attributes):
    """The result with channels first, what adds a bias to it; in a graph its gradients can be found."""
    if scope.trace is None:
        F = of(data)
        return F.Convolution(data, weight, no_bias=True, **attributes), None
    made = Convolved(x, kernel, data, weight, attributes)
    record = scope.trace.native
    record.remember(("input", id(x), kernel.shape, *key), made, x)
    record.remember(("kernel", id(kernel), x.shape, *key), made, kernel)
    return made.forward.made, made.with_bias


def _convolution_of(x_or_kernel, role, *key):
    return scope.trace.native.find((role, id(x_or_kernel), *key)) if scope.trace is not None else None


def _unpadded(data, shape, size, strides, padding, dilation):
    """The gradient of the padded input without the padding, if that was added before the operation."""
    amounts = all_padding_amounts(shape[1:-1], size, strides, dilation, padding)
    if _even(amounts):
        return data
    begin = (0, 0, *(a for a, _ in amounts))
    end = (shape[0], shape[-1], *(a + d for (a, _), d in zip(amounts, shape[1:-1], strict=True)))
    return of(data).slice(data, begin=begin, end=end)


def convolution(x, kernel, strides, padding, dilation):
    size = kernel.shape[:-2]
    data, pads = _prepared(x, size, strides, padding, dilation)
    made, with_bias = _convolved(
        x, kernel, data, weight_of(kernel), ("whole", strides, padding, dilation),
        {"kernel": size, "stride": strides, "dilate": dilation, "pad": pads, "num_filter": kernel.shape[-1]},
    )  # fmt: skip
    lengths = output_lengths(x.shape[1:-1], size, strides, dilation, padding)
    result = Value(None, (x.shape[0], *lengths, kernel.shape[-1]), x.dtype, first=made)
    result.with_bias = with_bias
    return result


def convolved_with(x, kernel, weight, bias, strides, padding, dilation, depthwise=False):
    """A convolution of `kernel`'s sizes whose weights and bias are given, channels first; it knows no gradients."""
    size, (channels, filters) = kernel.shape[:-2], kernel.shape[-2:]
    groups, filters = (channels, channels * filters) if depthwise else (1, filters)
    data, pads = _prepared(x, size, strides, padding, dilation)
    made = of(data).Convolution(
        data, weight, *(() if bias is None else (bias,)), kernel=size, stride=strides, dilate=dilation, pad=pads,
        num_filter=filters, num_group=groups, no_bias=bias is None,
    )  # fmt: skip
    lengths = output_lengths(x.shape[1:-1], size, strides, dilation, padding)
    return Value(None, (x.shape[0], *lengths, filters), x.dtype, first=made)


def _back_to_input(g, weight, channels, spatial, size, strides, padding, dilation, groups=1):
    """The adjoint in the input, with channels first."""
    amounts = all_padding_amounts(spatial, size, strides, dilation, padding)
    data = channels_first(g)
    F = of(data)
    if len(size) == 3 or all(s == 1 for s in strides) or any(d > 1 for d in dilation):
        return _by_convolution(g, weight, channels, spatial, size, strides, dilation, amounts, groups)
    even = _even(amounts)
    pads = tuple(a for a, _ in amounts) if even else (0,) * len(size)
    wanted = [d if even else d + a + b for d, (a, b) in zip(spatial, amounts, strict=True)]
    reached = [
        (n - 1) * s + (k - 1) * d + 1 - 2 * p
        for n, s, k, d, p in zip(g.shape[1:-1], strides, size, dilation, pads, strict=True)
    ]
    rest = [w - r for w, r in zip(wanted, reached, strict=True)]
    adj = tuple(min(r, s - 1) if r > 0 else 0 for r, s in zip(rest, strides, strict=True))
    made = F.Deconvolution(
        data, weight, kernel=size, stride=strides, dilate=dilation, pad=pads, adj=adj, num_filter=channels,
        num_group=groups, no_bias=True,
    )  # fmt: skip
    shape = (g.shape[0], channels, *(r + a for r, a in zip(reached, adj, strict=True)))
    left = [(0, w - d) for w, d in zip(wanted, shape[2:], strict=True)]
    made = padded_first(made, shape, left, dtype=g.dtype)
    if not even:
        begin = (0, 0, *(a for a, _ in amounts))
        end = (g.shape[0], channels, *(a + d for (a, _), d in zip(amounts, spatial, strict=True)))
        made = F.slice(made, begin=begin, end=end)
    return Value(None, (g.shape[0], *spatial, channels), g.dtype, first=made)


def _by_convolution(g, weight, channels, spatial, size, strides, dilation, amounts, groups):
    """The same as a convolution of `g`, its elements `strides` apart, with the kernel turned round.

    MXNet's Deconvolution knows no three dimensions on the CPU, returns wrong numbers for dilated kernels of float64,
    and fails on weights that a convolution of the same graph has laid out for itself.
    """
    data = channels_first(g)
    F = of(data)
    spaced = [(n - 1) * s + 1 for n, s in zip(g.shape[1:-1], strides, strict=True)]
    if any(s > 1 for s in strides):
        whole = (g.shape[0], g.shape[-1], *spaced)
        data = assigned(
            F, filled(F, whole, 0.0, g.dtype, data), data, (0,) * len(whole), whole, (1, 1, *strides)
        )
    around = []
    for n, d, k, dil, (before, _) in zip(spaced, spatial, size, dilation, amounts, strict=True):
        reach = (k - 1) * dil
        around.append((reach - before, d + before - n))
    cropped = [(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(spaced, around, strict=True)]
    if any((a, b) != (0, n) for n, (a, b) in zip(spaced, cropped, strict=True)):
        data = F.slice(
            data,
            begin=(0, 0, *(a for a, _ in cropped)),
            end=(g.shape[0], g.shape[-1], *(b for _, b in cropped)),
        )
    shape = (g.shape[0], g.shape[-1], *(b - a for a, b in cropped))
    data = padded_first(data, shape, [(max(a, 0), max(b, 0)) for a, b in around], dtype=g.dtype)
    turned = F.reverse(weight, axis=tuple(range(2, 2 + len(size))))  # (out, in / groups, *size)
    per_group = g.shape[-1] // groups
    turned = turned.reshape((groups, per_group, channels // groups, *size))
    turned = F.transpose(turned.reshape((groups, per_group, channels // groups, -1)), axes=(0, 2, 1, 3))
    made = F.Convolution(
        data, turned.reshape((channels, per_group, *size)), kernel=size, dilate=dilation, num_filter=channels,
        num_group=groups, no_bias=True,
    )  # fmt: skip
    return Value(None, (g.shape[0], *spatial, channels), g.dtype, first=made)


def _own_weight(kernel):
    """`weight_of` as an array of its own, for it must not be the one that a convolution of the graph reads."""
    data = weight_of(kernel)
    return of(data).identity(data)


def convolution_transpose(g, kernel, spatial, strides, padding, dilation):
    size, channels = kernel.shape[:-2], kernel.shape[-2]
    shape = (g.shape[0], *spatial, channels)
    forward = _convolution_of(kernel, "kernel", shape, "whole", strides, padding, dilation)
    if forward is not None:
        made = _unpadded(forward.gradients(g)[0], shape, size, strides, padding, dilation)
        return Value(None, shape, g.dtype, first=made)
    return _back_to_input(g, _own_weight(kernel), channels, tuple(spatial), size, strides, padding, dilation)


def _columns(x, size, strides, padding, dilation):
    """The windows as (batch, channels * places, positions); one and two dimensions only."""
    data, pads = _prepared(x, size, strides, padding, dilation)
    F = of(data)
    if len(size) == 1:
        data = F.expand_dims(data, axis=2)
        size, strides, dilation, pads = ((1, *size), (1, *strides), (1, *dilation), (0, *pads))
    return F.im2col(data, kernel=size, stride=strides, dilate=dilation, pad=pads)


def convolution_kernel_gradient(x, g, size, strides, padding, dilation):
    channels, filters, rank = x.shape[-1], g.shape[-1], len(size)
    forward = _convolution_of(x, "input", (*size, channels, filters), "whole", strides, padding, dilation)
    if forward is not None:
        shape = (*size, channels, filters)
        return held_as(forward.gradients(g)[1], shape, x.dtype, weight_order(len(shape)))
    if rank < 3:
        columns = _columns(x, size, strides, padding, dilation)
        F = of(columns)
        arriving = channels_first(g).reshape((g.shape[0], filters, -1))
        made = F.sum(F.batch_dot(columns, arriving, transpose_b=True), axis=0)
        made = made.reshape((channels, math.prod(size), filters))
        return F.transpose(made, axes=(1, 0, 2)).reshape((*size, channels, filters))
    data, pads = _prepared(x, size, strides, padding, dilation)
    F = of(data)
    turn = (1, 0, *range(2, rank + 2))
    made = F.Convolution(
        F.transpose(data, axes=turn), F.transpose(channels_first(g), axes=turn), kernel=g.shape[1:-1], stride=dilation,
        dilate=strides, pad=pads, num_filter=filters, no_bias=True,
    )  # fmt: skip
    made = F.slice(made, begin=(0, 0, *(0,) * rank), end=(channels, filters, *size))
    return F.transpose(made, axes=(*range(2, rank + 2), 0, 1))


# depthwise ------------------------------------------------------------------------------------------------------
def depthwise_weight_of(kernel):
    """(*size, in, multiplier) as (in * multiplier, 1, *size)."""
    return in_order(kernel, depthwise_order(kernel.ndim)).reshape((-1, 1, *kernel.shape[:-2]))


def depthwise_order(ndim):
    return (ndim - 2, ndim - 1, *range(ndim - 2))


def depthwise_convolution(x, kernel, strides, padding, dilation):
    size, (channels, multiplier) = kernel.shape[:-2], kernel.shape[-2:]
    data, pads = _prepared(x, size, strides, padding, dilation)
    made, _ = _convolved(
        x, kernel, data, depthwise_weight_of(kernel), ("depthwise", strides, padding, dilation),
        {
            "kernel": size, "stride": strides, "dilate": dilation, "pad": pads, "num_filter": channels * multiplier,
            "num_group": channels,
        },
    )  # fmt: skip
    lengths = output_lengths(x.shape[1:-1], size, strides, dilation, padding)
    return Value(None, (x.shape[0], *lengths, channels * multiplier), x.dtype, first=made)


def depthwise_convolution_transpose(g, kernel, spatial, strides, padding, dilation):
    size, channels = kernel.shape[:-2], kernel.shape[-2]
    shape = (g.shape[0], *spatial, channels)
    forward = _convolution_of(kernel, "kernel", shape, "depthwise", strides, padding, dilation)
    if forward is not None:
        made = _unpadded(forward.gradients(g)[0], shape, size, strides, padding, dilation)
        return Value(None, shape, g.dtype, first=made)
    weight = depthwise_weight_of(kernel)
    return _back_to_input(g, weight, channels, tuple(spatial), size, strides, padding, dilation, channels)


def depthwise_convolution_kernel_gradient(x, g, size, strides, padding, dilation):
    """One and two dimensions by columns; three by one product for each place of the window."""
    channels = x.shape[-1]
    multiplier, count = g.shape[-1] // channels, math.prod(size)
    shape = (*size, channels, multiplier)
    forward = _convolution_of(x, "input", shape, "depthwise", strides, padding, dilation)
    if forward is not None:
        made = forward.gradients(g)[1].reshape((channels, multiplier, *size))
        return held_as(made, shape, x.dtype, depthwise_order(len(shape)))
    arriving = channels_first(g)
    F = of(arriving)
    rows = arriving.reshape((g.shape[0] * channels, multiplier, -1))
    if len(size) < 3:
        columns = _columns(x, size, strides, padding, dilation).reshape((x.shape[0] * channels, count, -1))
        made = F.batch_dot(columns, rows, transpose_b=True)
    else:
        amounts = all_padding_amounts(x.shape[1:-1], size, strides, dilation, padding)
        data = padded_first(channels_first(x), first_shape(x.shape), amounts, dtype=x.dtype)
        parts = []
        for _, (_, *cuts) in positions(size, strides, dilation, g.shape[1:-1]):
            begin, end = (
                (0, 0, *(c.start or 0 for c in cuts)),
                (*first_shape(x.shape)[:2], *(c.stop for c in cuts)),
            )
            part = F.slice(data, begin=begin, end=end, step=(1, 1, *(c.step or 1 for c in cuts)))
            part = part.reshape((x.shape[0] * channels, 1, -1))
            parts.append(F.batch_dot(part, rows, transpose_b=True))
        made = F.concat(*parts, dim=1) if len(parts) > 1 else parts[0]
    made = F.sum(made.reshape((x.shape[0], channels, count, multiplier)), axis=0)
    return F.transpose(made, axes=(1, 0, 2)).reshape((*size, channels, multiplier))


# windows --------------------------------------------------------------------------------------------------------
def extract_windows(x, size, strides, dilation, padding="valid", fill=0.0):
    amounts = all_padding_amounts(x.shape[1:-1], size, strides, dilation, padding)
    lengths = output_lengths(x.shape[1:-1], size, strides, dilation, padding)
    data = raw(x)
    F = of(data)
    shape = tuple(d + a + b for d, (a, b) in zip(x.shape, ((0, 0), *amounts, (0, 0)), strict=True))
    if any(map(any, amounts)):
        begin = (0, *(a for a, _ in amounts), 0)
        end = tuple(b + d for b, d in zip(begin, x.shape, strict=True))
        if not math.isfinite(fill) and not x.dtype.startswith(("float", "bfloat")):
            fill = -(2.0**31) if fill < 0 else 2.0**31 - 1
        data = assigned(F, filled(F, shape, fill, x.dtype, data), data, begin, end, (1,) * x.ndim)
    whole = Value(data, shape, x.dtype)
    parts = [_at(whole, index) for _, index in positions(size, strides, dilation, lengths)]
    head = (x.shape[0], *lengths)
    parts = [p.reshape((math.prod(head), 1, x.shape[-1])) for p in parts]
    made = F.concat(*parts, dim=1) if len(parts) > 1 else parts[0]
    return made.reshape((*head, *size, x.shape[-1]))


def _at(value, index):
    """`value` at an index of slices, for the batch and the spatial axes."""
    cuts = [(c.start, c.stop, c.step) for c in index] + [(None, None, None)] * (value.ndim - len(index))
    return cut(value, *zip(*cuts, strict=True))


def accumulate_windows(w, spatial, strides, dilation, padding="valid"):
    spatial = tuple(spatial)
    rank = len(spatial)
    lengths, size = w.shape[1 : 1 + rank], w.shape[1 + rank : -1]
    amounts = all_padding_amounts(spatial, size, strides, dilation, padding)
    shape = (w.shape[0], *(n + a + b for n, (a, b) in zip(spatial, amounts, strict=True)), w.shape[-1])
    data = raw(w)
    F = of(data)
    rows = data.reshape((w.shape[0], math.prod(lengths), math.prod(size), w.shape[-1]))
    total = filled(F, shape, 0.0, w.dtype, data)
    zeros = total
    for number, (_, index) in enumerate(positions(size, strides, dilation, lengths)):
        part = F.slice_axis(rows, axis=2, begin=number, end=number + 1)
        part = part.reshape((w.shape[0], *lengths, w.shape[-1]))
        cuts = [(c.start or 0, c.stop, c.step or 1) for c in index[1:]]
        begin = (0, *(c[0] for c in cuts), 0)
        end = (shape[0], *(c[1] for c in cuts), shape[-1])
        total = total + assigned(F, zeros, part, begin, end, (1, *(c[2] for c in cuts), 1))
    begin = (0, *(a for a, _ in amounts), 0)
    end = (shape[0], *(a + d for (a, _), d in zip(amounts, spatial, strict=True)), shape[-1])
    return F.slice(total, begin=begin, end=end)


PRIMITIVES = {"extract_windows": extract_windows, "accumulate_windows": accumulate_windows}


FUSED = {
    f.__name__: wrapped(f.__name__, f)
    for f in (
        convolution, convolution_transpose, convolution_kernel_gradient, depthwise_convolution,
        depthwise_convolution_transpose, depthwise_convolution_kernel_gradient,
    )
}  # fmt: skip
