"""Enlarging images linearly, with their channels first, and its adjoint: neighbours side by side, nothing looked up."""

from __future__ import annotations

import math

from ..values import Value, channels_first, first_shape, of
from .sums import filled
from .wrapping import wrapped


def _rows(data, shape, axis):
    """As (before, at the axis, after) the axis."""
    return data.reshape((math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])))


def _cut(data, begin, end):
    return of(data).slice_axis(data, axis=1, begin=begin, end=end)


def _enlarged(data, shape, axis, factor):
    """Output k of each input stands k / factor of the way to the next; the last has no next."""
    x = _rows(data, shape, axis)
    F, size = of(data), shape[axis]
    following = F.concat(_cut(x, 1, None), _cut(x, size - 1, None), dim=1) if size > 1 else x
    change = F.elemwise_sub(following, x)
    places = [x, *(F.elemwise_add(x, change * (k / factor)) for k in range(1, factor))]
    return F.stack(*places, axis=2).reshape((*shape[:axis], size * factor, *shape[axis + 1 :]))


def _gathered(g, shape, axis, factor, dtype):
    """The adjoint of `_enlarged`, of `shape`: what arrives goes to a place and to the one behind it."""
    F, size = of(g), shape[axis]
    lead, rest = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    parts = F.split(g.reshape((lead * size, factor, rest)), num_outputs=factor, axis=1, squeeze_axis=True)
    here, behind = parts[0], None
    for k in range(1, factor):
        here = F.elemwise_add(here, parts[k] * (1 - k / factor))
        part = parts[k] * (k / factor)
        behind = part if behind is None else F.elemwise_add(behind, part)
    here, behind = (part.reshape((lead, size, rest)) for part in (here, behind))
    if size > 1:
        first = [filled(F, (lead, 1, rest), 0.0, dtype, g)]
        middle = [_cut(behind, 0, size - 2)] if size > 2 else []
        last = F.elemwise_add(_cut(behind, size - 2, size - 1), _cut(behind, size - 1, size))
        behind = F.concat(*first, *middle, last, dim=1)
    return F.elemwise_add(here, behind).reshape(shape)


def _sizes(x, factors):
    """The shapes, channels first, before each enlarging and after the last; (axis, factor) of each."""
    shapes, steps = [first_shape(x.shape)], []
    for axis, factor in enumerate(factors, 2):
        if factor != 1:
            before = shapes[-1]
            steps.append((axis, factor))
            shapes.append((*before[:axis], before[axis] * factor, *before[axis + 1 :]))
    return shapes, steps


def _images(data, shape, dtype):
    return Value(None, (shape[0], *shape[2:], shape[1]), dtype, first=data)


def enlarge_bilinear(x, factors):
    shapes, steps = _sizes(x, factors)
    data = channels_first(x)
    for shape, (axis, factor) in zip(shapes, steps, strict=False):
        data = _enlarged(data, shape, axis, factor)
    return _images(data, shapes[-1], x.dtype)


def enlarge_bilinear_gradient(g, x, factors):
    shapes, steps = _sizes(x, factors)
    data = channels_first(g)
    for shape, (axis, factor) in reversed(list(zip(shapes, steps, strict=False))):
        data = _gathered(data, shape, axis, factor, g.dtype)
    return _images(data, shapes[0], g.dtype)


FUSED = {f.__name__: wrapped(f.__name__, f) for f in (enlarge_bilinear, enlarge_bilinear_gradient)}
