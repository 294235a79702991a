"""Normalising by a batch's own statistics with MXNet's batch normalisation and its backward operation.

The moving statistics that it would keep are the core's business: its momentum is 1, so it leaves them alone.
"""

from __future__ import annotations

import numpy as np

from .. import native
from ..graph import graphed
from ..values import HELD, Value, channels_first, constant, of, raw, scope
from .wrapping import wrapped


def _turned(x, axis):
    """Whether `x` is normalised with its channels first."""
    return axis == x.ndim - 1 and x.ndim > 2


def _operator(x, gamma, beta, axis, epsilon):
    """The operation in the graph that is traced; one for the values and their gradients."""
    record = scope.trace.native
    key = ("normalised", id(x), id(gamma), id(beta), axis, epsilon)
    found = record.find(key)
    if found is None:
        data = channels_first(x) if _turned(x, axis) else raw(x)
        unused = [raw(constant(f(gamma.shape, HELD[x.dtype]), x.dtype)) for f in (np.zeros, np.ones)]
        found = record.forward(
            "BatchNorm", data, raw(gamma), raw(beta), *unused, eps=epsilon, momentum=1.0, fix_gamma=False,
            output_mean_var=True, axis=1 if _turned(x, axis) else axis,
        )  # fmt: skip
        record.trains = True
        record.remember(key, found, x, gamma, beta)
    return found


def _laid(x, axis, data):
    return Value(None, x.shape, x.dtype, first=data) if _turned(x, axis) else Value(data, x.shape, x.dtype)


def standardize_channels(x, gamma, beta, axis, epsilon):
    made = _operator(x, gamma, beta, axis, epsilon).made
    # its third result is 1 / sqrt(variance + epsilon)
    return [_laid(x, axis, made[0]), made[1], 1.0 / (made[2] * made[2]) - epsilon]


def standardize_channels_gradient(g, x, gamma, beta, axis, epsilon):
    forward = _operator(x, gamma, beta, axis, epsilon)
    arriving = channels_first(g) if _turned(x, axis) else raw(g)
    made = native.backward(
        scope.trace.native, forward, [arriving, forward.made[1], forward.made[2], *forward.inputs]
    )
    return [_laid(x, axis, made[0]), made[1], made[2]]


def normalize_channels(x, mean, var, gamma, beta, axis, epsilon):
    """With statistics that are given: MXNet's batch normalisation as it predicts."""
    data = channels_first(x) if _turned(x, axis) else raw(x)
    made = of(data).BatchNorm(
        data, raw(gamma), raw(beta), raw(mean), raw(var), eps=epsilon, fix_gamma=False, use_global_stats=True,
        axis=1 if _turned(x, axis) else axis,
    )  # fmt: skip
    return _laid(x, axis, made)


FUSED = {
    f.__name__: wrapped(f.__name__, graphed(f)) for f in (standardize_channels, standardize_channels_gradient)
}
FUSED["normalize_channels"] = wrapped("normalize_channels", normalize_channels)
