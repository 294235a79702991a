"""Layers with what scales and shifts the channels of their results, as `rewriting` finds them where no weights learn.

(x * kernel) s + b is x * (kernel s) + b: what is done to the kernel is done once for as long as the weights stay (see
`preparing`), and nothing is done to the images any more.
"""

from __future__ import annotations

from ..values import Value, in_order, of, raw, scope
from . import convolution, normalization
from .elements import add, multiply
from .linear import INTERNAL as LINEAR
from .linear import TURNED
from .wrapping import wrapped

_add, _multiply = wrapped("add", add), wrapped("multiply", multiply)


def _joined(vectors, steps):
    """(scale, shift) for each channel, of all steps in turn."""
    source = iter([raw(v).reshape((-1,)) for v in vectors])
    scale = shift = None
    for kind, *epsilon in steps:
        vector = next(source)
        F = of(vector)
        if kind == "add":
            shift = vector if shift is None else F.elemwise_add(shift, vector)
            continue
        if kind == "normalize":
            mean, variance, gamma, beta = vector, next(source), next(source), next(source)
            by = F.elemwise_mul(gamma, F.rsqrt(variance + epsilon[0]))
            shift = F.elemwise_mul(F.negative(mean) if shift is None else F.elemwise_sub(shift, mean), by)
            shift = F.elemwise_add(shift, beta)
        else:
            by = vector
            shift = None if shift is None else F.elemwise_mul(shift, by)
        scale = by if scale is None else F.elemwise_mul(scale, by)
    return scale, shift


def _one_by_one(made, vectors, steps):
    source = iter(vectors)
    for kind, *epsilon in steps:
        vector = next(source)
        if kind == "normalize":
            rest = (vector, *(next(source) for _ in range(3)))
            normalize = normalization.FUSED["normalize_channels"]
            made = normalize(made, *rest, axis=made.ndim - 1, epsilon=epsilon[0])
        else:
            made = (_add if kind == "add" else _multiply)(made, vector)
    return made


def _scaled(whole, joined):
    """whole(x, kernel, **attributes) for values that exist, joined(x, kernel, scale, shift, **attributes) for a graph."""

    def run(x, kernel, vectors, steps, **attributes):
        if scope.trace is None or x.known or kernel.known:
            return _one_by_one(whole(x, kernel, **attributes), vectors, steps)
        return joined(x, kernel, *_joined(vectors, steps), **attributes)

    return run


def _convolution(name, weight_of):
    def joined(x, kernel, scale, shift, **attributes):
        weight = weight_of(kernel)
        scaled = of(weight).broadcast_mul(weight, scale.reshape((-1, *(1,) * (kernel.ndim - 1))))
        return convolution.convolved_with(
            x, kernel, scaled, shift, depthwise=name.startswith("d"), **attributes
        )

    return _scaled(convolution.FUSED[name], joined)


def _dense(x, kernel, scale, shift):
    weight = in_order(kernel, TURNED)
    F = of(weight)
    rows = raw(x) if x.ndim == 2 else raw(x).reshape((-1, x.shape[-1]))
    given = [rows, F.broadcast_mul(weight, scale.reshape((-1, 1)))] + ([] if shift is None else [shift])
    made = F.FullyConnected(*given, num_hidden=kernel.shape[1], no_bias=shift is None)
    shape = (*x.shape[:-1], kernel.shape[1])
    return Value(made if x.ndim == 2 else made.reshape(shape), shape, x.dtype)


INTERNAL = {
    "scaled_convolution": _convolution("convolution", convolution.weight_of),
    "scaled_depthwise_convolution": _convolution("depthwise_convolution", convolution.depthwise_weight_of),
    "scaled_dense": _scaled(LINEAR["dense"], _dense),
}
