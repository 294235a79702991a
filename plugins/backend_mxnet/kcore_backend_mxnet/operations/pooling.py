"""Pooling over windows of 1 to 3 dimensions with the channels first, and its adjoints.

MXNet's own pooling gives the largest; its gradient is not to be had in a graph, so that goes place by place: one
pass for each place of the window.
"""

from __future__ import annotations

import math

import numpy as np

from kcore.extending import all_padding_amounts, output_lengths, positions, window_counts

from .. import native
from ..values import HELD, Value, channels_first, constant, first_shape, of, raw, scope
from .elements import FLOATS
from .shapes import assigned, padded_first
from .sums import filled
from .wrapping import wrapped


class Windows:
    """How the windows of one pooling lie over its input, padded, with the channels first."""

    def __init__(self, x, size, strides, padding):
        ones = (1,) * len(size)
        spatial = x.shape[1:-1]
        self.size, self.strides = size, strides
        self.amounts = all_padding_amounts(spatial, size, strides, ones, padding)
        self.lengths = output_lengths(spatial, size, strides, ones, padding)
        self.shape = first_shape(x.shape)
        self.padded = (*self.shape[:2], *(d + a + b for d, (a, b) in zip(spatial, self.amounts, strict=True)))
        self.result = (*self.shape[:2], *self.lengths)
        self.cuts = [cuts for _, (_, *cuts) in positions(size, strides, ones, self.lengths)]

    def places(self, data):
        """For each place of the window what lies there: arrays (batch, channels, *out)."""
        return [self._at(data, cuts) for cuts in self.cuts]

    def _bounds(self, cuts):
        begin = (0, 0, *(c.start or 0 for c in cuts))
        return begin, (*self.shape[:2], *(c.stop for c in cuts)), (1, 1, *(c.step or 1 for c in cuts))

    def _at(self, data, cuts):
        begin, end, step = self._bounds(cuts)
        return of(data).slice(data, begin=begin, end=end, step=step)

    @property
    def apart(self):
        """Whether the windows lie side by side without gaps."""
        return self.size == self.strides and all(
            n * s == d for n, s, d in zip(self.lengths, self.size, self.padded[2:], strict=True)
        )

    def put_back(self, parts, dtype):
        """The sum of what each place hands back, without the padding."""
        F = of(parts[0])
        return self.without_padding(
            self._side_by_side(F, parts) if self.apart else self._one_by_one(F, parts, dtype)
        )

    def without_padding(self, total):
        if not any(map(any, self.amounts)):
            return total
        begin = (0, 0, *(a for a, _ in self.amounts))
        end = (*self.shape[:2], *(a + d for (a, _), d in zip(self.amounts, self.shape[2:], strict=True)))
        return of(total).slice(total, begin=begin, end=end)

    def _side_by_side(self, F, parts):
        """The last place of the windows varies fastest: they are joined axis by axis, from the last."""
        rank = len(self.size)
        for axis in reversed(range(rank)):
            count, joined = self.size[axis], []
            for first in range(0, len(parts), count):
                group = parts[first : first + count]
                made = F.stack(*group, axis=axis + 3) if count > 1 else group[0]
                done = [
                    n * s if i > axis else n
                    for i, (n, s) in enumerate(zip(self.lengths, self.size, strict=True))
                ]
                done[axis] *= count
                joined.append(made.reshape((*self.shape[:2], *done)))
            parts = joined
        return parts[0]

    def _one_by_one(self, F, parts, dtype):
        zeros = filled(F, self.padded, 0.0, dtype, parts[0])
        total = None
        for part, cuts in zip(parts, self.cuts, strict=True):
            spread = assigned(F, zeros, part, *self._bounds(cuts))
            total = spread if total is None else total + spread
        return total


def _result(x, windows, data):
    return Value(None, (x.shape[0], *windows.lengths, x.shape[-1]), x.dtype, first=data)


def max_pool(x, size, strides, padding):
    windows = Windows(x, size, strides, padding)
    data = _padded(x, windows)
    F = of(data)
    made = _largest(x, data, size, strides, padding)
    if isinstance(x.rectified, native.Forward):  # which leaves no NaN
        return _result(x, windows, made)
    wrong = F.Pooling(F.cast(data != data, "float32"), kernel=size, stride=strides, pool_type="max")
    return _result(x, windows, F.where(wrong, made * math.nan, made))


def _largest(x, data, size, strides, padding):
    if scope.trace is None:
        return of(data).Pooling(data, kernel=size, stride=strides, pool_type="max")
    made = scope.trace.native.forward("Pooling", data, kernel=size, stride=strides, pool_type="max")
    scope.trace.native.remember(("max_pool", id(x), size, strides, padding), made, x)
    return made.made


def _padded(x, windows):
    fill = -math.inf if x.dtype in FLOATS else -(2.0**31)
    return padded_first(channels_first(x), windows.shape, windows.amounts, fill, x.dtype)


def _marks(x, windows):
    """For each place of the window 1 where it holds the first largest element (or the first NaN), else 0."""
    data = _padded(x, windows)
    F = of(data)
    places = windows.places(data)
    largest = F.Pooling(data, kernel=windows.size, stride=windows.strides, pool_type="max")
    marks, open_yet = [], None
    for place in places:
        here = F._internal._equal(place, largest)
        if open_yet is None:
            open_yet = 1 - here
        else:
            here = F.elemwise_mul(here, open_yet)
            open_yet = F.elemwise_sub(open_yet, here)
        marks.append(here)
    return marks


def max_pool_gradient(g, x, size, strides, padding):
    windows = Windows(x, size, strides, padding)
    arriving = channels_first(g)
    F = of(arriving)
    forward = scope.trace and scope.trace.native.find(("max_pool", id(x), size, strides, padding))
    if forward:
        # the gradient of its workspace, which has none, the input, the result and the workspace
        inputs = [arriving, F._internal._zeros_without_dtype(), *forward.inputs, forward.made, forward.made]
        made = native.backward(scope.trace.native, forward, inputs, {4: 1})[0]
        return Value(None, x.shape, g.dtype, first=windows.without_padding(made))
    parts = [F.elemwise_mul(mark, arriving) for mark in _marks(x, windows)]
    return Value(None, x.shape, g.dtype, first=windows.put_back(parts, g.dtype))


def max_pool_selected(h, x, size, strides, padding):
    windows = Windows(x, size, strides, padding)
    data = padded_first(channels_first(h), windows.shape, windows.amounts, 0.0, h.dtype)
    F = of(data)
    total = None
    for place, mark in zip(windows.places(data), _marks(x, windows), strict=True):
        part = F.elemwise_mul(place, mark)
        total = part if total is None else F.elemwise_add(total, part)
    return _result(x, windows, total)


def _counts(x, size, strides, padding):
    counts = window_counts(x.shape[1:-1], size, strides, padding, HELD[x.dtype])
    return raw(constant(np.ascontiguousarray(np.moveaxis(counts, -1, 1)), x.dtype))


def avg_pool(x, size, strides, padding):
    windows = Windows(x, size, strides, padding)
    data = padded_first(channels_first(x), windows.shape, windows.amounts, 0.0, x.dtype)
    F = of(data)
    total = None
    for place in windows.places(data):
        total = place if total is None else F.elemwise_add(total, place)
    if any(map(any, windows.amounts)):
        return _result(x, windows, F.broadcast_div(total, _counts(x, size, strides, padding)))
    return _result(x, windows, total / float(math.prod(size)))


def avg_pool_gradient(g, x, size, strides, padding):
    windows = Windows(x, size, strides, padding)
    data = channels_first(g)
    if any(map(any, windows.amounts)):
        share = of(data).broadcast_div(data, _counts(x, size, strides, padding))
    else:
        share = data / float(math.prod(size))
    return Value(None, x.shape, g.dtype, first=windows.put_back([share] * len(windows.cuts), g.dtype))


FUSED = {
    f.__name__: wrapped(f.__name__, f)
    for f in (max_pool, max_pool_gradient, max_pool_selected, avg_pool, avg_pool_gradient)
}
