"""Element by element: arithmetic, elementary functions, comparisons, choices."""

from __future__ import annotations

import functools
import math

import numpy as np

from kcore.extending import broadcast, broadcast_shapes, canonical, normalize_axis, promote

from .. import native
from ..values import (
    HELD,
    Value,
    channels_first,
    constant,
    first_shape,
    held_as,
    in_order,
    mx,
    of,
    raw,
    scope,
    uniform,
)
from .wrapping import spread, wrapped

FLOATS = ("float16", "bfloat16", "float32", "float64")
UNSIGNED = ("bool", "uint8", "uint16", "uint32", "uint64")


def converted(data, have, want):
    """`data`, held as type `have`, as MXNet holds type `want`; values are cut or wrapped as NumPy does."""
    if have == want:
        return data
    F = of(data)
    if want == "bool":
        data = data != 0
        return data if HELD[have] == "float32" else F.cast(data, "float32")
    if want == "float16" or (want == "bfloat16" and have == "float64"):
        data = data if HELD[have] == "float32" else F.cast(data, "float32")
        return F.cast(F.cast(data, "float16"), "float32") if want == "float16" else data
    if want in ("int8", "uint8"):
        if have in FLOATS:
            data = F.cast(data, "int32")
        return F.cast(F.cast(data, want), "int32")
    if want in ("int16", "uint16", "uint32"):
        data = F.cast(data, "int64")
        size = {"int16": 1 << 16, "uint16": 1 << 16, "uint32": 1 << 32}[want]
        low = -(size // 2) if want == "int16" else 0
        wide = F.cast(data, "float64")
        wide = wide - F.floor((wide - float(low)) / float(size)) * float(size)
        return F.cast(wide, HELD[want])
    return data if HELD[have] == HELD[want] else F.cast(data, HELD[want])


def keeping_layout(function):
    """An operation on one value, element by element, in whichever layout the value is there."""

    def run(x, **attributes):
        if x.order is not None:
            return held_as(function(x.base, x.dtype, **attributes), x.shape, x.dtype, x.order)
        if x.first is not None and x._data is None:
            return Value(None, x.shape, x.dtype, first=function(x.first, x.dtype, **attributes))
        return function(raw(x), x.dtype, **attributes)

    return run


def _unary(name, only=None):
    def run(data, dtype):
        if only is not None and dtype not in only:
            return data
        return getattr(of(data), name)(data)

    return keeping_layout(run)


def _activation(name):
    """A function that oneDNN has, too, several times as fast; unlike its rectifier these keep NaN."""

    def run(data, dtype):
        F = of(data)
        return F.Activation(data, act_type=name) if HELD[dtype] == "float32" else getattr(F, name)(data)

    return keeping_layout(run)


def _sign(data, dtype):
    made = of(data).sign(data)
    if dtype in FLOATS:
        made = of(data).where(data == data, made, data)  # NaN stays
    return made


def _abs(data, dtype):
    return data if dtype in UNSIGNED else of(data).abs(data)


def _round(data, dtype):
    if dtype not in FLOATS:
        return data
    F = of(data)
    low = F.floor(data)
    rest = data - low
    odd = low - F.floor(low * 0.5) * 2.0
    half = F.where(rest == 0.5, odd, F.zeros_like(data))
    return F.where(rest == rest, low + (rest > 0.5) + half, data)


def _expm1(data, dtype):
    return of(data).expm1(data)


# two values -----------------------------------------------------------------------------------------------------
def _layout_of(x, y):
    """Whether both can be met with the channels first: one is laid out so, the other too or a vector of channels."""
    laid = [v for v in (x, y) if v.first is not None and v._data is None]
    if not laid:
        return None
    lead = max(laid, key=lambda v: v.size)  # the smaller one may be spread over it
    other = y if lead is x else x
    if other.shape == lead.shape and (other.first is not None or uniform(other) is None):
        return lead
    if uniform(other) is not None and len(other.shape) <= lead.ndim:
        return lead if other.size == 1 or other.shape == lead.shape else None
    trailing = (1,) * (lead.ndim - len(other.shape)) + other.shape
    if len(trailing) == lead.ndim and other.size == trailing[-1] == lead.shape[-1]:
        return lead
    spreads = other.ndim == lead.ndim and all(
        a in (1, b) for a, b in zip(other.shape, lead.shape, strict=True)
    )
    return lead if spreads else None


def _order_of(x, y):
    """The order in which both can be met: one is held so, and the other is, too, or is a single number."""
    lead = x if x.order is not None else y
    other = y if lead is x else x
    if lead.order is None or lead.first is not None or other.first is not None:
        return None
    if not other.known and (
        lead.shape == other.shape or (lead.ndim, lead.order) == (other.ndim, other.order)
    ):
        return lead.order
    if len(other.shape) > lead.ndim:
        return None
    return lead.order if uniform(other) is not None or (other.size == 1 and not other.known) else None


def _first_of(value, lead):
    if value.first is not None:
        return value.first
    if uniform(value) is not None:
        return None
    if value.ndim == lead.ndim:
        return channels_first(value)
    return raw(value).reshape((1, -1, *(1,) * (lead.ndim - 2)))


def binary(whole, each, scalar, reverse):
    """whole(F, a, b) for broadcasting arrays, each for equal shapes, scalar(a, number), reverse(a, number)."""

    def run(x, y):
        order = _order_of(x, y)
        if order is not None:
            if uniform(x) is not None or uniform(y) is not None:
                made = reverse(y.base, uniform(x)) if uniform(x) is not None else scalar(x.base, uniform(y))
            else:
                a, b = (v.base if v.order == order or v.size == 1 else in_order(v, order) for v in (x, y))
                made = (each if x.shape == y.shape else whole)(of(a), a, b)
            return held_as(made, tuple(broadcast(x, y)), x.dtype, order)
        lead = _layout_of(x, y)
        if lead is not None:
            a, b = _first_of(x, lead), _first_of(y, lead)
            if a is None:
                made = reverse(b, uniform(x))
            elif b is None:
                made = scalar(a, uniform(y))
            else:
                made = (each if x.shape == y.shape else whole)(of(a), a, b)
            return Value(None, lead.shape, x.dtype, first=made)
        number = uniform(y)
        result = broadcast(x, y)
        if number is not None and not x.known and x.shape == result:
            return scalar(raw(x), number)
        number = uniform(x)
        if number is not None and not y.known and y.shape == result:
            return reverse(raw(y), number)
        a, b = raw(x), raw(y)
        return (each if x.held == y.held else whole)(of(a), a, b)

    return run


def _named(whole, each=None):
    each = each or whole
    return (lambda F, a, b: getattr(F, whole)(a, b)), (lambda F, a, b: getattr(F, each)(a, b))


_add = binary(*_named("broadcast_add", "elemwise_add"), lambda a, n: a + n, lambda a, n: a + n)


def add(x, y):
    """Also a bias after a convolution, which MXNet adds on the way."""
    for value, bias in ((x, y), (y, x)):
        if value.with_bias is not None and _by_channel(bias, value) and scope.trace is not None:
            made = value.with_bias(raw(bias).reshape((-1,)))
            return Value(None, value.shape, value.dtype, first=made)
    return _add(x, y)


def _by_channel(vector, value):
    """Whether `vector` has one number for each channel of `value`."""
    channels = value.shape[-1]
    return vector.size == channels and vector.shape[-1:] == (channels,) and len(vector.shape) <= value.ndim


subtract = binary(*_named("broadcast_sub", "elemwise_sub"), lambda a, n: a - n, lambda a, n: n - a)
_multiply = binary(*_named("broadcast_mul", "elemwise_mul"), lambda a, n: a * n, lambda a, n: a * n)


def multiply(x, y):
    """Also a scale for each channel, to which MXNet's batch normalisation adds a shift on the way."""
    made = _multiply(x, y)
    if scope.trace is None or not isinstance(made, Value) or made.dtype != "float32":
        return made
    for value, scale in ((x, y), (y, x)):
        if value.first is not None and value.shape == made.shape and _by_channel(scale, value):
            made.with_bias = functools.partial(_scaled_and_shifted, value.first, raw(scale), scale.size)
            break
    return made


def _scaled_and_shifted(x, scale, channels, shift, epsilon=1e-3):
    """x * scale + shift, channels first: batch normalisation with the statistics 0 and 1."""
    mean, variance = np.zeros(channels, "float32"), np.full(channels, 1.0 - epsilon, "float32")
    statistics = [raw(constant(v, "float32")) for v in (mean, variance)]
    return mx.sym.BatchNorm(
        x, scale.reshape((-1,)), shift, *statistics, eps=epsilon, fix_gamma=False, use_global_stats=True
    )


divide = binary(*_named("broadcast_div", "elemwise_div"), lambda a, n: a / n, lambda a, n: n / a)
_power = binary(*_named("broadcast_power"), lambda a, n: a * a if n == 2 else a**n, lambda a, n: n**a)


def power(x, y):
    if x.dtype not in FLOATS:  # exactly, by way of float64, as far as that goes
        shape = broadcast(x, y)
        a, b = (converted(spread(v, shape), v.dtype, "float64") for v in (x, y))
        return of(a).cast(of(a).round(of(a).broadcast_power(a, b)), HELD[x.dtype])
    return _power(x, y)


def mod(x, y):
    """The rest with the sign of the divisor."""
    shape = broadcast(x, y)
    a, b = spread(x, shape), spread(y, shape)
    F = of(a)
    if x.dtype not in FLOATS:
        a, b = F.cast(a, "float64"), F.cast(b, "float64")
        return F.cast(a - F.floor(a / b) * b, HELD[x.dtype])
    rest = F.broadcast_mod(a, b)
    infinite = F.abs(b) == math.inf
    kept = F.where((a < 0) == (b < 0), a, b)
    kept = F.where(a == 0, a, kept)
    made = F.where(infinite, F.where(F.abs(a) == math.inf, rest * math.nan, kept), rest)
    nan = F.where(a == a, F.where(b == b, made, b), a)
    return F.where(b == 0, b * math.nan, nan)


def _extreme(name):
    """The larger or smaller; NaN in either gives NaN."""

    def run(x, y):
        floating = x.dtype in FLOATS
        for value, other in ((x, y), (y, x)):
            number = uniform(other)
            if number is not None and not value.known and value.shape == tuple(broadcast(x, y)):
                if value.order is not None:
                    made = _with_number(name, value.base, number, x.dtype)
                    return held_as(made, value.shape, x.dtype, value.order)
                if value.first is not None and value._data is None:
                    made = _with_number(name, value.first, number, x.dtype)
                    return Value(None, value.shape, x.dtype, first=made)
                return _with_number(name, raw(value), number, x.dtype)
        if (lead := _layout_of(x, y)) is not None and x.shape == y.shape:
            a, b = (Value(_first_of(v, lead), first_shape(v.shape), v.dtype) for v in (x, y))
            return Value(None, x.shape, x.dtype, first=run(a, b))
        a, b = raw(x), raw(y)
        F = of(a)
        made = getattr(F, f"broadcast_{name}")(a, b)
        return _nan_from(F, made, x, y) if floating else made

    return run


def _with_number(name, a, number, dtype):
    F = of(a)
    if dtype in ("float16", "bfloat16", "float32"):  # MXNet's clip keeps NaN; its bounds are of this type
        bounds = (number, math.inf) if name == "maximum" else (-math.inf, number)
        return F.clip(a, a_min=bounds[0], a_max=bounds[1])
    made = getattr(F._internal, f"_{name}_scalar")(a, scalar=number)
    return F.where(a == a, made, a) if dtype in FLOATS else made


def _nan_from(F, made, x, y):
    shape = broadcast(x, y)
    a, b = spread(x, shape), spread(y, shape)
    return F.where(a == a, F.where(b == b, made, b), a)


def atan2(y, x):
    shape = broadcast(y, x)
    a, b = spread(y, shape), spread(x, shape)
    F = of(a)
    made = (
        F.np.arctan2(a.as_np_ndarray(), b.as_np_ndarray())
        if F is mx.sym
        else mx.np.arctan2(a.as_np_ndarray(), b.as_np_ndarray())
    )
    return made.as_nd_ndarray()


def erf(data, dtype):
    return of(data).erf(data)


def erfinv(data, dtype):
    F = of(data)
    if dtype == "float64":
        F = of(data)
        x = F.erfinv(data)
        inside = F.abs(data) < 1
        safe = F.where(inside, x, F.zeros_like(x))
        for _ in range(2):  # Newton's steps to the last places
            step = (F.erf(safe) - data) * F.exp(F.square(safe)) * (math.sqrt(math.pi) / 2)
            safe = safe - step / (1.0 + safe * step)
        return F.where(inside, safe, x)
    return F.erfinv(data)


# comparisons and choices ---------------------------------------------------------------------------------------------
def comparing(name, swapped):
    def run(x, y):
        shape = broadcast(x, y)
        number = uniform(y)
        if x.dtype != y.dtype:
            common = promote(x.dtype, y.dtype)
            x, y = (Value(converted(raw(v), v.dtype, common), v.shape, common) for v in (x, y))
            number = None
        lead = _layout_of(x, y)
        if lead is x and number is not None:
            made = (mx.sym if isinstance(x.first, mx.sym.Symbol) else mx.nd)._internal
            made = getattr(made, f"_{name}_scalar")(x.first, scalar=number)
            return Value(None, x.shape, "bool", first=_truth_held(made, x.dtype))
        if lead is not None and number is None and uniform(x) is None:
            a, b = _first_of(x, lead), _first_of(y, lead)
            made = getattr(of(a), f"broadcast_{name}")(a, b)
            return Value(None, lead.shape, "bool", first=_truth_held(made, x.dtype))
        if number is not None and x.shape == shape and not x.known:
            a = raw(x)
            made = getattr(of(a)._internal, f"_{name}_scalar")(a, scalar=number)
        elif uniform(x) is not None and y.shape == shape and not y.known:
            b = raw(y)
            made = getattr(of(b)._internal, f"_{swapped}_scalar")(b, scalar=uniform(x))
        else:
            a, b = raw(x), raw(y)
            made = getattr(of(a), f"broadcast_{name}")(a, b)
        return _truth_held(made, x.dtype)

    return run


def _truth_held(data, dtype):
    return data if HELD[dtype] == "float32" else of(data).cast(data, "float32")


def truth(value):
    """`value` as a truth value."""
    if value.dtype == "bool":
        return value
    if value.known:
        return constant(value.asnumpy().astype(bool), "bool")
    return Value(converted(raw(value), value.dtype, "bool"), value.shape, "bool")


def logical_and(x, y):
    return multiply(truth(x), truth(y))


def logical_or(x, y):
    a, b = raw(truth(x)), raw(truth(y))
    return of(a).broadcast_maximum(a, b)


def logical_not(x):
    return 1 - raw(truth(x))


def where(condition, x, y):
    if condition.rectified and uniform(y) == 0 and condition.shape == x.shape and HELD[x.dtype] == "float32":
        if isinstance(condition.rectified, native.Forward) and condition.rectified in scope.trace.native:
            return _back_through(condition.rectified, x)
        return multiply(x, condition)  # the gradient of `rectify`: a product is ten times as fast as a choice
    shape = _met(condition, x, y)
    if any(v.first is not None and v._data is None and v.shape == shape for v in (condition, x, y)):
        sides = [_first_side(v, shape) for v in (truth(condition), x, y)]
        if not any(s is None for s in sides):
            chosen, a, b = sides
            return Value(None, shape, x.dtype, first=of(chosen).where(chosen, a, b))
    chosen = spread(truth(condition), shape)
    a, b = spread(x, shape), spread(y, shape)
    return of(chosen).where(chosen, a, b)


def _back_through(forward, g):
    """`g` where the result of MXNet's rectifier is above 0, channels first."""
    made = native.backward(scope.trace.native, forward, [channels_first(g), forward.made])[0]
    return Value(None, g.shape, g.dtype, first=made)


def _met(*values):
    shape = ()
    for v in values:
        shape = broadcast_shapes(shape, v.shape)
    return tuple(shape)


def _first_side(value, shape):
    """`value` spread to `shape`, channels first; None for a constant that this would turn."""
    if uniform(value) is not None:
        return spread(
            Value(np.asarray(uniform(value), value.data.dtype), (), value.dtype), first_shape(shape)
        )
    if len(value.shape) < len(shape):
        value = Value(raw(value), (1,) * (len(shape) - len(value.shape)) + value.shape, value.dtype)
        value.data = value.data.reshape(value.shape)
    if value.known and math.prod(value.shape[1:-1]) > 1:
        return None
    data = channels_first(value)
    return data if value.shape == shape else data.broadcast_to(first_shape(shape))


def cast(x, dtype):
    dtype = canonical(dtype)
    if x.first is not None and x._data is None:
        return Value(None, x.shape, dtype, first=converted(x.first, x.dtype, dtype))
    return Value(converted(raw(x), x.dtype, dtype), x.shape, dtype)


PRIMITIVES = {
    "negative": _unary("negative"), "abs": keeping_layout(_abs), "sign": keeping_layout(_sign),
    "add": add, "subtract": subtract, "multiply": multiply, "divide": divide, "mod": mod, "power": power,
    "maximum": _extreme("maximum"), "minimum": _extreme("minimum"),
    "floor": _unary("floor", FLOATS), "round": keeping_layout(_round), "cast": cast,
    "exp": _unary("exp"), "expm1": keeping_layout(_expm1), "log": _unary("log"), "log1p": _unary("log1p"),
    "sqrt": _unary("sqrt"), "sin": _unary("sin"), "cos": _unary("cos"), "tanh": _activation("tanh"),
    "atan2": atan2, "erf": keeping_layout(erf), "erfinv": keeping_layout(erfinv),
    "equal": comparing("equal", "equal"), "less": comparing("lesser", "greater"),
    "logical_and": logical_and, "logical_or": logical_or, "logical_not": logical_not, "where": where,
}  # fmt: skip


def _like(x, **attributes):
    return x.shape, x.dtype


_relu = _unary("relu")


def rectify(x):
    """After a convolution MXNet's Activation, which keeps the layout of the convolution and is many times as fast, but
    makes 0 of NaN; otherwise its `relu`, which keeps NaN."""
    if x.first is not None and x._data is None and scope.trace is not None and x.dtype == "float32":
        forward = scope.trace.native.forward("Activation", x.first, act_type="relu")
        made = Value(None, x.shape, x.dtype, first=forward.made)
        made.rectified = forward
        return made
    made = _relu(x)
    made = made if isinstance(made, Value) else Value(made, x.shape, x.dtype)
    made.rectified = True
    return made


def _above(function):
    """A comparison; whether something rectified is above 0 is 0 or 1 wherever its gradient passes."""

    def run(x, y):
        made = function(x, y)
        if (
            x.rectified
            and uniform(y) == 0
            and HELD[x.dtype] == "float32"
            and x.shape == tuple(broadcast(x, y))
        ):
            made = made if isinstance(made, Value) else Value(made, x.shape, "bool")
            made.rectified = x.rectified
        return made

    return run


def _compared(x, y):
    return tuple(broadcast(x, y)), "bool"


def _along(name):
    """softmax or its logarithm. `temperature` keeps MXNet from oneDNN's kernel, which hides a NaN from its row."""

    def run(x, axis=-1):
        axis = normalize_axis(axis, x.ndim)
        if x.first is not None and x._data is None:
            moved = first_shape(range(x.ndim)).index(axis)
            made = getattr(of(x.first), name)(x.first, axis=moved, temperature=1.0)
            return Value(None, x.shape, x.dtype, first=made)
        data = raw(x)
        return getattr(of(data), name)(data, axis=axis, temperature=1.0)

    return run


_FUSED = {
    "softmax": (_along("softmax"), None),
    "log_softmax": (_along("log_softmax"), None),
    "square": (_unary("square"), lambda x: (x.shape, x.dtype)),
    "rectify": (rectify, None),
    "sigmoid": (_activation("sigmoid"), None),
    "greater": (_above(comparing("greater", "lesser")), _compared),
    "greater_equal": (comparing("greater_equal", "lesser_equal"), _compared),
    "less_equal": (comparing("lesser_equal", "greater_equal"), _compared),
    "not_equal": (comparing("not_equal", "not_equal"), _compared),
}

FUSED = {name: wrapped(name, function, infer) for name, (function, infer) in _FUSED.items()}
