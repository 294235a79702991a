"""Optimizer rules that stay whole in a program, so that large variables can take the fused step; small ones take
these, in operations of the graph."""

from __future__ import annotations

from ..values import as_value, constant
from .elements import FUSED as ELEMENTS
from .elements import PRIMITIVES as ELEMENTARY
from .wrapping import wrapped

_add, _subtract, _multiply, _divide, _sqrt = (
    wrapped(name, ELEMENTARY[name]) for name in ("add", "subtract", "multiply", "divide", "sqrt")
)
_square = ELEMENTS["square"]


def _rest(share):
    return _subtract(constant(1.0, share.dtype), share)


def adam_update(param, gradient, m, v, rate, beta_1, beta_2, epsilon=1e-7):
    m = _add(_multiply(beta_1, m), _multiply(_rest(beta_1), gradient))
    v = _add(_multiply(beta_2, v), _multiply(_rest(beta_2), _square(gradient)))
    change = _divide(_multiply(rate, m), _add(_sqrt(v), constant(epsilon, v.dtype)))
    return [_subtract(param, change), m, v]


def sgd_update(param, gradient, moment, rate, momentum, nesterov=False):
    step = _multiply(rate, gradient)
    velocity = _subtract(_multiply(momentum, moment), step)
    if nesterov:
        return [_subtract(_add(param, _multiply(momentum, velocity)), step), velocity]
    return [_add(param, velocity), velocity]


def _of_values(function):
    return lambda *tensors, **attributes: function(*map(as_value, tensors), **attributes)


FUSED = {"adam_update": _of_values(adam_update), "sgd_update": _of_values(sgd_update)}
