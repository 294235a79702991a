"""Comparisons, logic, and choosing element by element."""

import numpy as np

from .. import dtypes
from ..shapes import broadcast, same_first
from .declare import Tensor, composite, primitive
from .tensor import SymbolicTensor


@primitive(shape=broadcast, dtype=dtypes.compared, differentiable=False)
def equal(x: Tensor, y: Tensor):
    """Whether `x` equals `y`, element by element; shapes broadcast; bool. NaN equals nothing."""
    return np.equal(x, y)


@primitive(shape=broadcast, dtype=dtypes.compared, differentiable=False)
def less(x: Tensor, y: Tensor):
    """Whether `x` is below `y`, element by element; shapes broadcast; bool."""
    return np.less(x, y)


@primitive(shape=broadcast, dtype=dtypes.logical, differentiable=False)
def logical_and(x: Tensor, y: Tensor):
    """Whether both are true (other types: not zero); shapes broadcast; bool."""
    return np.logical_and(x, y)


@primitive(shape=broadcast, dtype=dtypes.logical, differentiable=False)
def logical_or(x: Tensor, y: Tensor):
    """Whether either is true (other types: not zero); shapes broadcast; bool."""
    return np.logical_or(x, y)


@primitive(shape=same_first, dtype=dtypes.logical, differentiable=False)
def logical_not(x: Tensor):
    """Whether `x` is false (other types: zero); shape of `x`; bool."""
    return np.logical_not(x)


@primitive(shape=broadcast, dtype=dtypes.selected)
def where(condition: Tensor, x: Tensor, y: Tensor):
    """`x` where `condition` holds, `y` elsewhere; all three broadcast; the type in which `x` and `y` meet."""
    return np.where(condition, x, y)


@where.gradient
def _(g, out, condition, x, y):
    return None, where(condition, g, 0.0), where(condition, 0.0, g)


@composite(differentiable=False)
def not_equal(x: Tensor, y: Tensor):
    """Whether `x` differs from `y`; shapes broadcast; bool. NaN differs from everything."""
    return logical_not(equal(x, y))


@composite(differentiable=False)
def greater(x: Tensor, y: Tensor):
    """Whether `x` is above `y`; shapes broadcast; bool."""
    return less(y, x)


@composite(differentiable=False)
def less_equal(x: Tensor, y: Tensor):
    """Whether `x` is below or equal to `y`; shapes broadcast; bool. False for NaN."""
    return logical_or(less(x, y), equal(x, y))


@composite(differentiable=False)
def greater_equal(x: Tensor, y: Tensor):
    """Whether `x` is above or equal to `y`; shapes broadcast; bool. False for NaN."""
    return logical_or(less(y, x), equal(x, y))


@composite(differentiable=False)
def logical_xor(x: Tensor, y: Tensor):
    """Whether exactly one of both is true; shapes broadcast; bool."""
    return logical_and(logical_or(x, y), logical_not(logical_and(x, y)))


SymbolicTensor.operators.update(
    less=less, less_equal=less_equal, greater=greater, greater_equal=greater_equal,
    logical_and=logical_and, logical_or=logical_or, logical_not=logical_not,
)  # fmt: skip
