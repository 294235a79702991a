"""Arithmetic and elementary functions, element by element."""

import math

import numpy as np

from .. import dtypes
from ..shapes import broadcast, same_first
from . import special
from .comparison import equal, greater_equal, less, less_equal, logical_and, not_equal, where
from .declare import Optional, Tensor, composite, primitive
from .special import quiet
from .tensor import Constant, SymbolicTensor, numpy_dtype


# arithmetic --------------------------------------------------------------------------------------------------
@primitive(shape=same_first, dtype=dtypes.numeric)
def negative(x: Tensor):
    """-x. Shape and type of `x`."""
    return np.negative(x)


@negative.gradient
def _(g, out, x):
    return negative(g)


@primitive(shape=same_first, dtype=dtypes.numeric)
def abs(x: Tensor):
    """|x|. Shape and type of `x`. The gradient at 0 is 0."""
    return np.abs(x)


@abs.gradient
def _(g, out, x):
    return g * sign(x)


@primitive(shape=same_first, dtype=dtypes.numeric)
def sign(x: Tensor):
    """-1, 0 or 1 by the sign of `x`; NaN stays. Shape and type of `x`. The gradient is 0 everywhere."""
    return np.sign(x)


@sign.gradient
def _(g, out, x):
    return None


@primitive(shape=broadcast, dtype=dtypes.numeric)
@quiet
def add(x: Tensor, y: Tensor):
    """x + y; shapes broadcast."""
    return np.add(x, y)


@add.gradient
def _(g, out, x, y):
    return g, g


@primitive(shape=broadcast, dtype=dtypes.numeric)
@quiet
def subtract(x: Tensor, y: Tensor):
    """x - y; shapes broadcast."""
    return np.subtract(x, y)


@subtract.gradient
def _(g, out, x, y):
    return g, negative(g)


@primitive(shape=broadcast, dtype=dtypes.numeric)
@quiet
def multiply(x: Tensor, y: Tensor):
    """x * y; shapes broadcast."""
    return np.multiply(x, y)


@multiply.gradient
def _(g, out, x, y):
    return g * y, g * x


@primitive(shape=broadcast, dtype=dtypes.floating)
@quiet
def divide(x: Tensor, y: Tensor):
    """x / y, of a floating type also for integers; shapes broadcast; x/0 is inf or NaN."""
    return np.true_divide(x, y)


@divide.gradient
def _(g, out, x, y):
    return g / y, negative(g * out / y)


@primitive(shape=broadcast, dtype=dtypes.numeric)
@quiet
def mod(x: Tensor, y: Tensor):
    """The rest of x / y, with the sign of `y`, as in Python; shapes broadcast."""
    return np.mod(x, y)


@mod.gradient
def _(g, out, x, y):
    return g, negative(g * floor_divide(x, y))


@primitive(shape=broadcast, dtype=dtypes.numeric)
@quiet
def power(x: Tensor, y: Tensor):
    """x to the power y; shapes broadcast. An integer to a negative integer is an error."""
    if y.ndim == 0 and x.ndim > 0 and y == 2:
        return np.multiply(x, x)  # many times faster than np.power
    return np.power(x, y)


@power.gradient
def _(g, out, x, y):
    # 0 ** 0 is constant in x: without the choice its gradient would be 0 * inf
    flat = logical_and(equal(x, 0.0), equal(y, 0.0))
    dx = g * y * power(x, where(flat, 1.0, y - 1.0))
    positive = less(0.0, x)
    dy = where(positive, g * out * log(where(positive, x, 1.0)), 0.0)
    return dx, dy


@primitive(shape=broadcast, dtype=dtypes.promoted)
def maximum(x: Tensor, y: Tensor):
    """The larger of `x` and `y`; shapes broadcast; NaN in either gives NaN. At a tie the gradient goes to `x`."""
    return np.maximum(x, y)


@maximum.gradient
def _(g, out, x, y):
    chosen = greater_equal(x, y)
    return where(chosen, g, 0.0), where(chosen, 0.0, g)


@primitive(shape=broadcast, dtype=dtypes.promoted)
def minimum(x: Tensor, y: Tensor):
    """The smaller of `x` and `y`; shapes broadcast; NaN in either gives NaN. At a tie the gradient goes to `x`."""
    return np.minimum(x, y)


@minimum.gradient
def _(g, out, x, y):
    chosen = less_equal(x, y)
    return where(chosen, g, 0.0), where(chosen, 0.0, g)


@primitive(shape=same_first, dtype=dtypes.same, differentiable=False)
def floor(x: Tensor):
    """The largest whole number not above `x`. Shape and type of `x`."""
    return np.floor(x) if x.dtype.kind == "f" else x


@primitive(shape=same_first, dtype=dtypes.same, differentiable=False)
def round(x: Tensor):
    """The nearest whole number, halves to the even one. Shape and type of `x`."""
    return np.rint(x) if x.dtype.kind == "f" else x


@primitive(shape=same_first, dtype=dtypes.asked)
@quiet
def cast(x: Tensor, dtype):
    """`x` as elements of type `dtype`; shape of `x`. Floats are cut towards zero to become integers."""
    return np.asarray(x).astype(numpy_dtype(dtypes.canonical(dtype)), copy=False)


@cast.gradient
def _(g, out, x, dtype):
    return cast(g, x.dtype)


# elementary functions ----------------------------------------------------------------------------------------
@primitive(shape=same_first, dtype=dtypes.floating)
@quiet
def exp(x: Tensor):
    """e to the power x. Shape of `x`; floating."""
    return np.exp(x)


@exp.gradient
def _(g, out, x):
    return g * out


@primitive(shape=same_first, dtype=dtypes.floating)
@quiet
def expm1(x: Tensor):
    """exp(x) - 1, exact for small `x`. Shape of `x`; floating."""
    return np.expm1(x)


@expm1.gradient
def _(g, out, x):
    return g * (out + 1.0)


@primitive(shape=same_first, dtype=dtypes.floating)
@quiet
def log(x: Tensor):
    """The natural logarithm; -inf at 0, NaN below. Shape of `x`; floating."""
    return np.log(x)


@log.gradient
def _(g, out, x):
    return g / x


@primitive(shape=same_first, dtype=dtypes.floating)
@quiet
def log1p(x: Tensor):
    """log(1 + x), exact for small `x`. Shape of `x`; floating."""
    return np.log1p(x)


@log1p.gradient
def _(g, out, x):
    return g / (x + 1.0)


@primitive(shape=same_first, dtype=dtypes.floating)
@quiet
def sqrt(x: Tensor):
    """The square root; NaN below 0. Shape of `x`; floating."""
    return np.sqrt(x)


@sqrt.gradient
def _(g, out, x):
    # 0 where nothing arrives, also at 0, where the slope is infinite: x / (epsilon + sqrt(sum(x^2))) at x = 0
    return where(equal(g, 0.0), 0.0, g * 0.5 / out)


@primitive(shape=same_first, dtype=dtypes.floating)
@quiet
def sin(x: Tensor):
    """The sine of `x` (radians). Shape of `x`; floating."""
    return np.sin(x)


@sin.gradient
def _(g, out, x):
    return g * cos(x)


@primitive(shape=same_first, dtype=dtypes.floating)
@quiet
def cos(x: Tensor):
    """The cosine of `x` (radians). Shape of `x`; floating."""
    return np.cos(x)


@cos.gradient
def _(g, out, x):
    return negative(g * sin(x))


@primitive(shape=same_first, dtype=dtypes.floating)
def tanh(x: Tensor):
    """The hyperbolic tangent. Shape of `x`; floating."""
    return np.tanh(x)


@tanh.gradient
def _(g, out, x):
    return tanh_gradient(g, out)


@composite(shape=same_first, dtype=dtypes.promoted, level="training")
def tanh_gradient(g: Tensor, out: Tensor):
    """g (1 - out^2), for `out` of the shape of `g`."""
    return g * (1.0 - out * out)


@primitive(shape=broadcast, dtype=dtypes.floating)
@quiet
def atan2(y: Tensor, x: Tensor):
    """The angle (radians, -pi..pi) of the point (x, y); shapes broadcast; floating."""
    return np.arctan2(y, x)


@atan2.gradient
def _(g, out, y, x):
    scaled = g / (x * x + y * y)
    return scaled * x, negative(scaled * y)


@primitive(shape=same_first, dtype=dtypes.floating)
@quiet
def erf(x: Tensor):
    """The error function. Shape of `x`; floating."""
    return np.asarray(special.erf(np.asarray(x, "float64"))).astype(x.dtype)


@erf.gradient
def _(g, out, x):
    return g * (2 / math.sqrt(math.pi)) * exp(negative(x * x))


@primitive(shape=same_first, dtype=dtypes.floating)
@quiet
def erfinv(x: Tensor):
    """The inverse of `erf`: +-inf at +-1, NaN beyond. Shape of `x`; floating."""
    return np.asarray(special.erfinv(np.asarray(x, "float64"))).astype(x.dtype)


@erfinv.gradient
def _(g, out, x):
    return g * (math.sqrt(math.pi) / 2) * exp(out * out)


# written in the operations above -----------------------------------------------------------------------------
@composite(differentiable=False)
def floor_divide(x: Tensor, y: Tensor):
    """x / y rounded down, of the type in which both meet; shapes broadcast."""
    if dtypes.is_float(dtypes.promote(x.dtype, y.dtype)):
        return floor(x / y)
    # whole numbers: dividing what is left without the rest is exact in float64 up to 2 ** 53
    whole = dtypes.promote("int32" if x.dtype == "bool" else x.dtype, y.dtype)
    return cast(round(divide(cast(subtract(x, mod(x, y)), "float64"), cast(y, "float64"))), whole)


@composite(differentiable=False)
def ceil(x: Tensor):
    """The smallest whole number not below `x`. Shape and type of `x`."""
    return negative(floor(negative(x))) if dtypes.is_float(x.dtype) else x


@composite
def square(x: Tensor):
    """x * x. Shape and type of `x`."""
    return x * x


@composite
def reciprocal(x: Tensor):
    """1 / x. Shape of `x`; floating."""
    return 1.0 / x


@composite
def rsqrt(x: Tensor):
    """1 / sqrt(x). Shape of `x`; floating."""
    return 1.0 / sqrt(x)


@composite
def log2(x: Tensor):
    """The logarithm to base 2. Shape of `x`; floating."""
    return log(x) * (1 / math.log(2))


@composite
def tan(x: Tensor):
    """The tangent of `x` (radians). Shape of `x`; floating."""
    return sin(x) / cos(x)


@composite
def asin(x: Tensor):
    """The angle (-pi/2..pi/2) whose sine is `x`; NaN beyond -1..1. Shape of `x`; floating."""
    return atan2(x, sqrt((1.0 - x) * (x + 1.0)))


@asin.gradient
def _(g, out, x):
    return g / sqrt((1.0 - x) * (x + 1.0))


@composite
def acos(x: Tensor):
    """The angle (0..pi) whose cosine is `x`; NaN beyond -1..1. Shape of `x`; floating."""
    return atan2(sqrt((1.0 - x) * (x + 1.0)), x)


@acos.gradient
def _(g, out, x):
    return negative(g / sqrt((1.0 - x) * (x + 1.0)))


@composite
def atan(x: Tensor):
    """The angle (-pi/2..pi/2) whose tangent is `x`. Shape of `x`; floating."""
    return atan2(x, 1.0)


@atan.gradient
def _(g, out, x):
    return g / (x * x + 1.0)


@composite
def sinh(x: Tensor):
    """The hyperbolic sine. Shape of `x`; floating."""
    size = abs(x)
    small = expm1(minimum(size, 1.0))
    half = exp(size * 0.5)  # its square may overflow where half of that does not
    large = half * 0.5 * half - 0.5 / half / half
    return sign(x) * where(less(size, 1.0), (small + small / (small + 1.0)) * 0.5, large)


@sinh.gradient
def _(g, out, x):
    return g * cosh(x)


@composite
def cosh(x: Tensor):
    """The hyperbolic cosine. Shape of `x`; floating."""
    half = exp(abs(x) * 0.5)
    return half * 0.5 * half + 0.5 / half / half


@cosh.gradient
def _(g, out, x):
    return g * sinh(x)


@composite
def asinh(x: Tensor):
    """The inverse of `sinh`. Shape of `x`; floating."""
    size = abs(x)
    # the root of x * x + 1, without the overflow of x * x
    bounded = minimum(size, 1.0)
    root = where(less(size, 1.0), sqrt(bounded * bounded + 1.0), _hypotenuse(maximum(size, 1.0)))
    rest = where(less(size, 1.0), bounded * bounded / (sqrt(bounded * bounded + 1.0) + 1.0), root - 1.0)
    large = log(maximum(size, 1.0)) + math.log(2)
    return sign(x) * where(less(size, 1e4), log1p(size + rest), large)


def _hypotenuse(x):
    """sqrt(x**2 + 1) for x >= 1."""
    return x * sqrt(1.0 + 1.0 / x / x)


@asinh.gradient
def _(g, out, x):
    return g / cosh(out)


@composite
def acosh(x: Tensor):
    """The inverse of `cosh` on 0..inf; NaN for `x` below 1. Shape of `x`; floating."""
    above = x - 1.0
    return where(less(x, 1e4), log1p(above + sqrt(above) * sqrt(x + 1.0)), log(x) + math.log(2))


@acosh.gradient
def _(g, out, x):
    return g / sinh(out)


@composite
def atanh(x: Tensor):
    """The inverse of `tanh`; +-inf at +-1, NaN beyond. Shape of `x`; floating."""
    return (log1p(x) - log1p(negative(x))) * 0.5


@atanh.gradient
def _(g, out, x):
    return g / ((1.0 - x) * (x + 1.0))


@composite(differentiable=False)
def isnan(x: Tensor):
    """Whether `x` is not a number. Shape of `x`; bool."""
    return not_equal(x, x)


@composite(differentiable=False)
def isinf(x: Tensor):
    """Whether `x` is plus or minus infinity. Shape of `x`; bool."""
    return equal(abs(x), math.inf)


@composite(differentiable=False)
def isfinite(x: Tensor):
    """Whether `x` is neither infinite nor NaN. Shape of `x`; bool."""
    return less(abs(x), math.inf)


@composite
def clip(x: Tensor, min_value: Optional = None, max_value: Optional = None):
    """`x` held between `min_value` and `max_value` (None: no bound; the lower bound wins). Shape of `x`."""
    if min_value is not None and max_value is not None:
        max_value = _upper(min_value, max_value)
    if min_value is not None:
        x = maximum(x, min_value)
    return x if max_value is None else minimum(x, max_value)


def _upper(low, high):
    """`high`, but not below `low`; a constant if both are."""
    if isinstance(low, Constant) and isinstance(high, Constant):
        return Constant(np.maximum(low.value, high.value), dtypes.promote(low.dtype, high.dtype))
    return maximum(high, low)


@composite
def identity(x: Tensor):
    """`x` itself, as a tensor of its own in the graph."""
    return x


@composite(differentiable=False)
def stop_gradient(x: Tensor):
    """`x`, taken as a constant by gradients."""
    return x


def product(sizes):
    """The product of sizes, each an int or a symbolic whole number; an int if all are."""
    total = math.prod(s for s in sizes if not isinstance(s, SymbolicTensor))
    for size in sizes:
        if isinstance(size, SymbolicTensor):
            total = size if isinstance(total, int) and total == 1 else multiply(total, size)
    return total


SymbolicTensor.operators.update(
    add=add, subtract=subtract, multiply=multiply, divide=divide, floor_divide=floor_divide, mod=mod,
    power=power, negative=negative, abs=abs,
)  # fmt: skip
