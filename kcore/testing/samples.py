"""Arguments for every declared operation: small, inside its domain, without ties, and the edges apart from them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import backend as _backend  # noqa: F401  declares the operations
from .. import optimizers as _optimizers  # noqa: F401  and those of the steps
from ..backend.control import Body, close_over
from ..backend.declare import Operation, operation
from ..backend.tensor import Placeholder
from ..shapes import broadcast


class NoSamples(LookupError):
    """An operation that nobody has written sample arguments for."""


@dataclass(frozen=True)
class Sample:
    """One call of an operation. NumPy arrays among `args` are the tensors; the rest is static."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    gradient: bool = True  # False at points where no derivative is defined
    fine: bool = False  # all results are tiny, and are to be right to their last digits
    origin: tuple[str, str, int] = ("float64", "", 0)  # which of `samples(name, dtype, variant)` it is

    def arrays(self) -> list[np.ndarray]:
        """The tensors, lists laid flat, in order."""
        return [
            a
            for v in self._values()
            for a in (v if isinstance(v, list) else [v])
            if isinstance(a, np.ndarray)
        ]

    def _values(self) -> list[Any]:
        return [*self.args, *self.kwargs.values()]

    def put(self, tensors: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments with `tensors` in the places of the arrays."""
        source = iter(tensors)

        def swapped(value: Any) -> Any:
            if isinstance(value, list):
                return [swapped(v) for v in value]
            return next(source) if isinstance(value, np.ndarray) else value

        args = tuple(swapped(a) for a in self.args)
        return args, {k: swapped(v) for k, v in self.kwargs.items()}


class Draw:
    """Arrays for one operation: the same in every run. Floating ones are of type `dtype`."""

    def __init__(self, name: str, dtype: str) -> None:
        self.dtype = dtype
        self._rng = np.random.default_rng(zlib.crc32(name.encode()))

    def __call__(self, *shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
        """Evenly spread numbers, none nearer than 0.05 to 0 or than 0.02 to a half or whole number."""
        values = self._rng.uniform(low, high, shape)
        near = np.abs(values * 2 - np.rint(values * 2)) < 0.04
        values = values + np.where(near, 0.06 if high - low > 0.5 else 0.0, 0.0)
        return np.minimum(values, high).astype(self.dtype)

    def distinct(self, *shape: int) -> np.ndarray:
        """Numbers that are well apart: no ties, also within a small step of each."""
        count = int(np.prod(shape))
        values = self._rng.permutation(count) * (4.0 / max(count, 1)) - 1.97
        return values.reshape(shape).astype(self.dtype)

    def ints(self, *shape: int, low: int = 0, high: int = 4, dtype: str = "int32") -> np.ndarray:
        return np.asarray(self._rng.integers(low, high, shape), dtype)

    def bools(self, *shape: int) -> np.ndarray:
        return np.asarray(self._rng.random(shape) < 0.5)

    def array(self, values: Any) -> np.ndarray:
        return np.asarray(values, self.dtype)


Builder = Callable[[Draw], list[Sample]]
_builders: dict[str, Builder] = {}


def _for(*names: str) -> Callable[[Builder], Builder]:
    def note(build: Builder) -> Builder:
        for name in names:
            _builders[name] = build
        return build

    return note


def S(*args: Any, gradient: bool = True, fine: bool = False, **kwargs: Any) -> Sample:
    return Sample(args, kwargs, gradient, fine)


def samples(name: str, dtype: str = "float64", variant: str = "") -> list[Sample]:
    """Calls of the operation `name` inside its domain; another `variant` has other numbers.

    Raises NoSamples where nobody has written any.
    """
    op = operation(name)
    draw = Draw(name + variant, dtype)
    given = op.facts.get("samples")  # a declaration may bring its own: samples(draw) -> list of Sample
    build = given or _builders.get(name) or _generic(op)
    if build is None:
        raise NoSamples(f"no sample arguments for the operation {name!r}; add them to kcore.testing.samples.")
    return [replace(s, origin=(dtype, variant, i)) for i, s in enumerate(build(draw))]


# element by element ------------------------------------------------------------------------------------------
_DOMAIN = {
    "log": (0.2, 3), "log2": (0.2, 3), "sqrt": (0.2, 3), "rsqrt": (0.2, 3), "reciprocal": (0.2, 3), "log1p": (-0.6, 3),
    "acosh": (1.2, 4), "asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "atanh": (-0.9, 0.9), "erfinv": (-0.9, 0.9),
    "tan": (-1.2, 1.2), "hard_sigmoid": (-4, 4),
}  # fmt: skip
_LARGE = {
    "sin": 50.0,
    "cos": 50.0,
    "tan": 50.0,
}  # how far an argument can be reduced differs between libraries
_INTEGERS = {
    "negative", "abs", "sign", "add", "subtract", "multiply", "divide", "mod", "floor_divide", "maximum", "minimum",
    "floor", "round", "ceil", "square", "equal", "less", "not_equal", "greater", "less_equal", "greater_equal",
    "sum", "prod", "cumsum", "cumprod", "max", "min", "argmax", "argmin", "mean", "any", "all", "exp", "sqrt",
}  # fmt: skip
_COMPOSED_UNARY = {
    "ceil", "square", "reciprocal", "rsqrt", "log2", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh",
    "atanh", "isnan", "isinf", "isfinite", "identity", "stop_gradient", "hard_sigmoid", "softsign", "elu", "selu",
    "swish", "relu",
}  # fmt: skip
_COMPOSED_BINARY = {"floor_divide", "not_equal", "greater", "less_equal", "greater_equal", "logical_xor"}
_LOGICAL = {"logical_and", "logical_or", "logical_not", "logical_xor"}
_REDUCTIONS = ("sum", "prod", "max", "min", "mean", "var", "std", "logsumexp", "any", "all")
# an edge where the declared meaning itself is not settled: 0 ** negative whole number, and the like
_NO_EDGES = {"cast"}


def _required(op: Operation) -> list[int]:
    return [i for i, p in enumerate(op.parameters) if p.default is p.empty]


def unary(op: Operation) -> bool:
    """Whether `op` works element by element on one tensor."""
    if op.name in _COMPOSED_UNARY:
        return True
    alone = [op.kinds[i] for i in _required(op)] == ["tensor"] and len(op.parameters) == 1
    return alone and op.shape_rule is not None and getattr(op.shape_rule, "__name__", "") == "same_first"


def binary(op: Operation) -> bool:
    """Whether `op` works element by element on two tensors that broadcast."""
    return op.name in _COMPOSED_BINARY or (op.shape_rule is broadcast and op.kinds == ("tensor", "tensor"))


def _generic(op: Operation) -> Builder | None:
    """Samples from the declaration alone."""
    if unary(op):
        low, high = _DOMAIN.get(op.name, (-2, 2))

        def one(d: Draw) -> list[Sample]:
            made = [
                S(d(2, 3, low=low, high=high)),
                S(d(low=low, high=high)),
                S(d(2, 1, 2, low=low, high=high)),
            ]
            if op.name in ("round", "floor", "ceil"):
                made.append(S(d.array([0.5, 1.5, 2.5, -0.5, -1.5, 2.0, -3.0])))
            if op.name in _INTEGERS:
                made.append(S(d.ints(2, 3, low=1 if op.name == "sqrt" else -3)))
            if op.name in ("expm1", "log1p"):  # where exp(x) - 1 would lose its digits
                made.append(S(d(3) * d.array(1e-6), gradient=False, fine=True))
            return made if op.name not in _LOGICAL else [S(d.bools(2, 3)), S(d.ints(4, high=2))]

        return one
    if binary(op):
        return lambda d: _two(op.name, d)
    if [op.kinds[i] for i in _required(op)] == ["tensor"]:
        return lambda d: [S(d(2, 3))]
    return None


_PAIRS = (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1, 3), (4, 1)), ((), (2,)), ((1,), (2, 2)))


def _two(name: str, d: Draw) -> list[Sample]:
    if name in _LOGICAL:
        return [
            S(d.bools(2, 3), d.bools(2, 3)),
            S(d.bools(2, 3), d.bools(3)),
            S(d.ints(4, high=2), d.bools(4)),
        ]
    low, high = (0.3, 2.0) if name in ("power", "divide", "mod", "floor_divide") else (-2.0, 2.0)
    first = (0.3, 2.0) if name == "power" else (-2.0, 2.0)
    made = []
    for a, b in _PAIRS:
        x, y = d(*a, low=first[0], high=first[1]), d(*b, low=low, high=high)
        made.append(S(x, y))
    if name in ("mod", "floor_divide"):
        made.append(
            S(d.array([5.3, -5.3, 5.3, -5.3]), d.array([2.0, 2.0, -2.0, -2.0]), gradient=name == "mod")
        )
        made.append(S(np.array([7, -7, 7, -7, 6], "int32"), np.array([2, 2, -2, -2, 3], "int32")))
    elif name == "power":
        made.append(S(d.array([-1.5, -0.5, 2.0]), 2.0))
        made.append(S(d.array([-1.5, -0.5, 2.0]), 3.0))
        made.append(S(np.array([2, -3, 5], "int32"), np.array([3, 2, 0], "int32")))
    elif name in _INTEGERS:
        made.append(S(d.ints(2, 3, low=-3), d.ints(3, low=1)))
        made.append(S(d.ints(2, 2), d(2, 2)))
        if name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
            made.append(S(np.array([1, 2, 3], "int32"), np.array([1, 3, 2], "int32")))
            made.append(S(d.array([1.0, 2.0, 3.0]), d.array([1.0, 3.0, 2.0])))
            near = np.nextafter(d.array([1.0, 2.0]), d.array([2.0, 1.0]))  # as near as two numbers can be
            made.append(S(d.array([1.0, 2.0]), near, gradient=False))
    return made


def edges(name: str, dtype: str = "float64") -> list[Sample]:
    """Calls at the edges: empty, scalar, not a number, infinite, very large."""
    op = operation(name)
    if name in _NO_EDGES:
        return []
    large = _LARGE.get(name, 1e30)
    array = lambda *values: np.array(values, dtype)
    special = array(0.0, -0.0, np.nan, np.inf, -np.inf, large, -large, 1.0, -1.0)
    if name in _LARGE:
        special = array(0.0, np.nan, large, -large)
    if name in _REDUCTIONS:
        x = np.array(
            [[1.0, np.nan, 2.0], [np.inf, 1.0, 0.0], [-np.inf, 2.0, 3.0], [np.inf, -np.inf, 1.0]], dtype
        )
        made = [S(x, axis=1), S(np.zeros((), dtype) + 2)]
        if name in ("sum", "prod", "any", "all"):
            made += [S(np.zeros((0, 3), dtype), axis=0), S(np.zeros((2, 0), dtype))]
        return made
    if name in _LOGICAL:
        return [S(np.zeros((0, 2), "bool"), *([np.zeros((0, 2), "bool")] if binary(op) else []))]
    if unary(op):
        return [S(special), S(np.zeros((0, 3), dtype)), S(np.zeros((), dtype))]
    if binary(op):
        left, right = (a.reshape(-1) for a in np.meshgrid(special, special))
        if name in (
            "mod",
            "floor_divide",
        ):  # the rest of a division by or of what is not finite: libraries differ
            left, right = array(7.0, -7.0, np.nan, 0.0), array(np.nan, 2.0, 2.0, 3.0)
        if name == "atan2":
            # at (0, 0) the sign of zero decides
            kept = (left != 0) | (right != 0)
            left, right = left[kept], right[kept]
        return [
            S(left, right),
            S(np.zeros((0, 3), dtype), np.zeros((3,), dtype)),
            S(np.ones((), dtype), array(2.0)),
        ]
    if name in ("softmax", "log_softmax"):
        # beside a NaN some kernels for softmax leave 0, which its declaration allows
        beside = 1.0 if name == "log_softmax" else np.nan
        return [
            S(
                np.array(
                    [[1e4, -1e4, 0.0], [beside, np.nan, beside], [-1e30, 0.0, -1e30], [-np.inf, 1.0, 2.0]],
                    dtype,
                )
            )
        ]
    if name in ("matmul",):
        return [
            S(np.zeros((0, 3), dtype), np.ones((3, 2), dtype)),
            S(np.ones((2, 0), dtype), np.ones((0, 3), dtype)),
        ]
    if name in ("sort", "argsort"):
        return [S(np.zeros((0,), dtype)), S(array(2.0, 1.0, 2.0, 1.0, np.inf, -np.inf))]
    if name in ("reshape",):
        return [S(np.zeros((0, 3), dtype), (3, 0))]
    if name in ("concatenate",):
        return [S([np.zeros((0, 3), dtype), np.ones((2, 3), dtype)], 0)]
    if name in ("gather",):
        return [S(np.ones((3, 2), dtype), np.zeros((0,), "int32"))]
    return []


# reductions --------------------------------------------------------------------------------------------------
@_for(*_REDUCTIONS)
def _reductions(d: Draw) -> list[Sample]:
    x, y = d.distinct(2, 3), d.distinct(2, 3, 2)
    made = [
        S(x),
        S(x, axis=0),
        S(x, axis=-1, keepdims=True),
        S(y, axis=(0, 2)),
        S(y, axis=(1, 2), keepdims=True),
    ]
    made += [S(d.distinct(3), axis=0), S(d.ints(2, 3, low=1), axis=1), S(d.bools(2, 3), axis=1)]
    return made


for _name in ("var", "std", "logsumexp", "max", "min"):
    _builders[_name] = lambda d: _reductions(d)[:6]
for _name in ("any", "all"):
    _builders[_name] = lambda d: [*_reductions(d), S(d.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]), axis=1)]


@_for("cumsum", "cumprod")
def _running(d: Draw) -> list[Sample]:
    return [
        S(d(2, 3)),
        S(d(2, 3), 1),
        S(d(2, 3, 2), -2),
        S(d.ints(4, low=1)),
        S(d.array([[1.5, 0.0, 2.0]]), 1),
    ]


@_for("argmax", "argmin")
def _places(d: Draw) -> list[Sample]:
    return [
        S(d.distinct(2, 3)),
        S(d.distinct(2, 3), 0),
        S(d.distinct(2, 3), 1, True),
        S(d.array([1, 3, 3, 1])),
    ]


@_for("where")
def _where(d: Draw) -> list[Sample]:
    return [
        S(d.bools(2, 3), d(2, 3), d(2, 3)),
        S(d.bools(2, 1), d(3), d()),
        S(d.bools(3), 1.0, d(2, 3)),
        S(d.bools(3), d.ints(3), d.ints(3)),
        S(np.array([True, False]), d.array([1.0, np.nan]), d.array([np.inf, 2.0]), gradient=False),
    ]


@_for("phase_switch")
def _phase(d: Draw) -> list[Sample]:
    return [S(np.array(b), d(2, 3), d(2, 3)) for b in (True, False)]


@_for("cast")
def _cast(d: Draw) -> list[Sample]:
    x = d.array([[1.7, -1.7, 0.0], [2.5, -2.5, 100.2]])
    made = [S(x, t) for t in ("int32", "int64", "bool", "float32")]
    return [*made, S(d.ints(3), d.dtype), S(d.bools(3), "int32"), S(d(2, 3), d.dtype), S(d.ints(3), "uint8")]


@_for("clip")
def _clip(d: Draw) -> list[Sample]:
    x = d(2, 3)
    return [
        S(x, -0.9, 0.8),
        S(x, None, 0.5),
        S(x, -0.7, None),
        S(x, d(3, low=-2, high=-1), d(3, low=0.5)),
        S(x),
    ]


@_for("relu")
def _relu(d: Draw) -> list[Sample]:
    x = d(2, 3)
    return [S(x), S(x, 0.1), S(x, 0.2, 1.2), S(x, 0.1, 1.3, 0.31), S(d())]


@_for(
    "rectify_gradient", "sigmoid_gradient", "tanh_gradient", "softplus_gradient", "softsign_gradient",
    "selu_gradient", "hard_sigmoid_gradient",
)  # fmt: skip
def _activation_gradient(d: Draw) -> list[Sample]:
    corners = d.array([0.0, -2.5, 2.5])
    return [S(d(2, 3), d(2, 3)), S(d(), d()), S(d(0, 3), d(0, 3)), S(d(3), corners, gradient=False)]


@_for("leaky_rectify")
def _leaky_rectify(d: Draw) -> list[Sample]:
    return [S(d(2, 3), 0.3), S(d(), -0.5), S(d(2, 3), 1.5), S(d.array([0.0, -1.0, 2.0]), 0.3, gradient=False)]


@_for("leaky_rectify_gradient")
def _leaky_rectify_gradient(d: Draw) -> list[Sample]:
    at_zero = S(d(3), d.array([0.0, -1.0, 2.0]), 0.3, gradient=False)
    return [S(d(2, 3), d(2, 3), 0.3), S(d(), d(), -0.5), S(d(2, 3), d(2, 3), 1.5), at_zero]


@_for("elu_gradient")
def _elu_gradient(d: Draw) -> list[Sample]:
    def one(alpha: float, *shape: int) -> Sample:
        x = d(*shape)
        if shape:
            x[..., 0] = 0.0
        out = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))).astype(x.dtype)
        return S(d(*shape), x, out, alpha, gradient=False)

    return [one(1.0, 2, 3), one(0.5, 2, 3), one(1.5, 3), one(1.0)]


@_for("elu")
def _elu(d: Draw) -> list[Sample]:
    return [S(d(2, 3)), S(d(2, 3), 0.5), S(d(2, 3), 1.5), S(d())]


@_for("softmax", "log_softmax", "l2_normalize")
def _along_axis(d: Draw) -> list[Sample]:
    return [S(d(2, 3)), S(d(2, 3), 0), S(d(2, 3, 2), 1), S(d(4), -1)]


# shapes ------------------------------------------------------------------------------------------------------
@_for("shape", "flatten", "zeros_like", "ones_like")
def _any_tensor(d: Draw) -> list[Sample]:
    return [S(d(2, 3)), S(d()), S(d(0, 3)), S(d.ints(2, 2))]


@_for("batch_flatten")
def _batch_flatten(d: Draw) -> list[Sample]:
    return [S(d(2, 3, 2)), S(d(2, 3)), S(d(2))]


@_for("reshape")
def _reshape(d: Draw) -> list[Sample]:
    return [S(d(2, 3), (3, 2)), S(d(2, 3, 2), (-1, 3)), S(d(1), ()), S(d(4), (2, 1, -1))]


@_for("transpose")
def _transpose(d: Draw) -> list[Sample]:
    return [S(d(2, 3)), S(d(2, 3, 4), (2, 0, 1)), S(d(3))]


@_for("broadcast_to")
def _broadcast_to(d: Draw) -> list[Sample]:
    return [S(d(3), (2, 3)), S(d(2, 1), (2, 3)), S(d(), (2, 2)), S(d(2, 3), (2, 3))]


@_for("sum_to_like")
def _sum_to_like(d: Draw) -> list[Sample]:
    return [
        S(d(2, 3), d(3)),
        S(d(2, 3), d(2, 1)),
        S(d(4, 2, 3), d(1, 3)),
        S(d(2, 3), d()),
        S(d(1, 3), d(2, 3)),
    ]


@_for("iota")
def _iota(d: Draw) -> list[Sample]:
    return [S((2, 3)), S((2, 3), 1), S((4,), 0, "int64"), S((2, 2), 0, d.dtype), S((0,), 0)]


@_for("expand_dims")
def _expand(d: Draw) -> list[Sample]:
    return [S(d(2, 3)), S(d(2, 3), 0), S(d(2, 3), 1), S(d(2, 3), (0, 2)), S(d())]


@_for("squeeze")
def _squeeze(d: Draw) -> list[Sample]:
    return [S(d(2, 1, 3), 1), S(d(1, 2, 1), (0, 2)), S(d(1, 2, 1), -1)]


@_for("moveaxis")
def _moveaxis(d: Draw) -> list[Sample]:
    return [S(d(2, 3, 4), 0, 2), S(d(2, 3, 4), (0, 1), (2, 0)), S(d(2, 3), -1, 0)]


@_for("swapaxes")
def _swapaxes(d: Draw) -> list[Sample]:
    return [S(d(2, 3, 4), 0, 2), S(d(2, 3), -1, -2)]


@_for("full_like")
def _full_like(d: Draw) -> list[Sample]:
    return [S(d(2, 3), 2.5), S(d(2), 3, "int32"), S(d.ints(2), 7)]


@_for("tile")
def _tile(d: Draw) -> list[Sample]:
    return [S(d(2, 3), (2, 2)), S(d(2, 3), (3,)), S(d(2), (2, 3))]


@_for("repeat")
def _repeat(d: Draw) -> list[Sample]:
    return [S(d(2, 3), (2,)), S(d(2, 3), (3,), 1), S(d(2, 3, 2), (2,), -2)]


@_for("slice")
def _slice(d: Draw) -> list[Sample]:
    return [
        S(d(3, 4), (1, 0), (3, None), (1, 2)),
        S(d(3, 4), (None, -3), (None, -1), (1, 1)),
        S(d(5), (None,), (None,), (-2,)),
        S(d(5), (3,), (1,), (-1,)),
        S(d(4), (2,), (2,), (1,)),
    ]


@_for("unslice")
def _unslice(d: Draw) -> list[Sample]:
    return [
        S(d(2, 2), d(3, 4), (1, 0), (3, None), (1, 2)),
        S(d(3), d(5), (None,), (None,), (-2,)),
    ]


@_for("concatenate")
def _concatenate(d: Draw) -> list[Sample]:
    return [
        S([d(2, 3), d(2, 2)]),
        S([d(1, 3), d(2, 3), d(1, 3)], 0),
        S([d(2), d.ints(2)], 0),
        S([d(2, 2)], 1),
    ]


@_for("stack")
def _stack(d: Draw) -> list[Sample]:
    return [S([d(2, 3), d(2, 3)]), S([d(2, 3), d(2, 3)], 1), S([d(2), d(2), d(2)], -1), S([d(), d()])]


@_for("split")
def _split(d: Draw) -> list[Sample]:
    return [S(d(2, 4), 2), S(d(3, 2), (1, 2), 0)]


@_for("unstack")
def _unstack(d: Draw) -> list[Sample]:
    return [S(d(2, 3)), S(d(2, 3), 1)]


@_for("pad")
def _pad(d: Draw) -> list[Sample]:
    return [
        S(d(2, 3), ((1, 0), (0, 2))),
        S(d(3), ((1, 1),), 1.5),
        S(d.ints(2), ((1, 0),), 3),
        S(d(2), ((0, 0),)),
    ]


@_for("pad_reflected")
def _pad_reflected(d: Draw) -> list[Sample]:
    return [S(d(3, 4), ((1, 2), (0, 1))), S(d(3, 4), ((2, 1), (1, 0)), True)]


@_for("reverse")
def _reverse(d: Draw) -> list[Sample]:
    return [S(d(2, 3), 0), S(d(2, 3), -1), S(d(2, 3, 2), (0, 2))]


# looking up and writing --------------------------------------------------------------------------------------
@_for("gather")
def _gather(d: Draw) -> list[Sample]:
    return [
        S(d(4, 2), d.ints(3)),
        S(d(4, 2), d.ints(2, 3)),
        S(d(2, 4), d.ints(3), 1),
        S(d(2, 4, 2), d.ints(2, 2), 1),
        S(d(4), np.array(2, "int32")),
        S(d(4), np.array([1, 1, 3], "int64")),
    ]


@_for("scatter_add")
def _scatter_add(d: Draw) -> list[Sample]:
    return [
        S(d(4, 2), np.array([1, 3, 1], "int32"), d(3, 2)),
        S(d(4), np.array([[0, 2], [2, 2]], "int64"), d(2, 2)),
        S(d(4, 2), np.zeros((0,), "int32"), d(0, 2)),
    ]


@_for("gather_gradient")
def _gather_gradient(d: Draw) -> list[Sample]:
    return [
        S(d(3, 2), np.array([1, 3, -3], "int32"), d(4, 2)),
        S(d(2, 2), np.array([[0, 2], [2, 2]], "int64"), d(4)),
        S(d(0, 2), np.zeros((0,), "int32"), d(4, 2)),
    ]


@_for("scatter_update")
def _scatter_update(d: Draw) -> list[Sample]:
    return [S(d(4, 2), np.array([1, 3], "int32"), d(2, 2)), S(d(4), np.array([2, 0], "int64"), d(2))]


@_for("argsort", "sort")
def _sort(d: Draw) -> list[Sample]:
    made = [
        S(d.distinct(2, 3)),
        S(d.distinct(3, 2), 0),
        S(d.distinct(5), -1, True),
        S(d.distinct(3, 2), 0, True),
    ]
    return [*made, S(d.ints(6, high=3)), S(d.ints(6, high=3), -1, True)]


@_for("take_along_axis")
def _take_along(d: Draw) -> list[Sample]:
    return [S(d(2, 4), d.ints(2, 3)), S(d(4, 2), d.ints(3, 2), 0), S(d(2, 4, 2), d.ints(2, 2, 2), 1)]


@_for("one_hot")
def _one_hot(d: Draw) -> list[Sample]:
    return [S(d.ints(3), 4), S(d.ints(2, 2), 3), S(np.array([-1, 0, 5], "int64"), 3, "int32")]


@_for("top_k")
def _top_k(d: Draw) -> list[Sample]:
    return [S(d.distinct(2, 4), 2), S(d.distinct(5), 1)]


@_for("indexed")
def _indexed(d: Draw) -> list[Sample]:
    at = slice
    return [
        S(d(3, 4), (1,)),
        S(d(3, 4), (Ellipsis, -1)),
        S(d(3, 4), (at(1, None), at(None, None, 2))),
        S(d(3, 4), (None, at(None, None, -1))),
        S(d(3, 4), (at(None), (0, 2, 2))),
    ]


# products and decompositions ---------------------------------------------------------------------------------
@_for("matmul")
def _matmul(d: Draw) -> list[Sample]:
    return [
        S(d(2, 3), d(3, 2)),
        S(d(2, 2, 3), d(3, 2)),
        S(d(2, 2, 3), d(2, 3, 2)),
        S(d(2, 3), d(2, 3, 2)),
        S(d(2, 1, 2, 3), d(3, 3, 1)),
        S(d.ints(2, 3), d.ints(3, 2)),
    ]


@_for("tensordot")
def _tensordot(d: Draw) -> list[Sample]:
    return [S(d(2, 3), d(3, 2), 1), S(d(2, 3, 2), d(3, 2, 2)), S(d(2, 3), d(2, 4), ((0,), (0,)))]


@_for("dot")
def _dot(d: Draw) -> list[Sample]:
    return [S(d(2, 3), d(3, 2)), S(d(2, 2, 3), d(3, 2)), S(d(3), d(3)), S(d(2, 3), d(2, 3, 2)), S(d(), d(2))]


@_for("batch_dot")
def _batch_dot(d: Draw) -> list[Sample]:
    return [
        S(d(2, 3), d(2, 3)),
        S(d(2, 2, 3), d(2, 3, 2)),
        S(d(2, 2, 3), d(2, 4, 3), (2, 2)),
        S(d(2, 3), d(2, 3, 2)),
        S(d(2, 3), d(2, 3), 1),
    ]


@_for("einsum")
def _einsum(d: Draw) -> list[Sample]:
    return [
        S("ij,jk->ik", [d(2, 3), d(3, 2)]),
        S("bij,bkj->bik", [d(2, 2, 3), d(2, 2, 3)]),
        S("ij->ji", [d(2, 3)]),
        S("i,j->ij", [d(2), d(3)]),
        S("...i,i->...", [d(2, 2, 3), d(3)]),
        S("ij,j,k->ik", [d(2, 3), d(3), d(2)]),
        S("ij->", [d(2, 3)]),
    ]


def _positive(d: Draw, n: int) -> np.ndarray:
    a = np.asarray(d(n, n), "float64")
    return (a @ a.T + np.eye(n)).astype(d.dtype)


@_for("cholesky")
def _cholesky(d: Draw) -> list[Sample]:
    return [S(_positive(d, 3)), S(np.stack([_positive(d, 2), _positive(d, 2)]))]


@_for("inverse")
def _inverse(d: Draw) -> list[Sample]:
    return [S(_positive(d, 3)), S(np.stack([_positive(d, 2), _positive(d, 2)]))]


@_for("solve")
def _solve(d: Draw) -> list[Sample]:
    return [S(_positive(d, 3), d(3, 2)), S(np.stack([_positive(d, 2), _positive(d, 2)]), d(2, 2, 1))]


@_for("svd")
def _svd(d: Draw) -> list[Sample]:
    apart = np.diag([3.0, 1.9, 0.8]).astype(d.dtype)
    return [
        S(d(3, 3, low=-0.3, high=0.3) + apart),
        S((d(4, 3, low=-0.3, high=0.3) + np.eye(4, 3) * [3, 2, 1]).astype(d.dtype)),
    ]


@_for("qr")
def _qr(d: Draw) -> list[Sample]:
    return [S(d(3, 3) + np.eye(3, dtype=d.dtype) * 2), S((d(4, 2) + np.eye(4, 2) * 2).astype(d.dtype))]


# windows, convolutions, pooling ------------------------------------------------------------------------------
@_for("extract_windows")
def _extract(d: Draw) -> list[Sample]:
    return [
        S(d(1, 5, 2), (2,), (1,), (1,)),
        S(d(1, 5, 1), (3,), (2,), (1,), "same"),
        S(d(1, 4, 5, 1), (2, 2), (2, 1), (1, 2), ((1, 0), (0, 1)), 1.5),
    ]


@_for("accumulate_windows")
def _accumulate(d: Draw) -> list[Sample]:
    return [
        S(d(1, 4, 2, 2), (5,), (1,), (1,)),
        S(d(1, 3, 3, 1), (5,), (2,), (1,), "same"),
        S(d(1, 2, 2, 2, 2, 1), (3, 3), (1, 1), (1, 1)),
    ]


_SETTINGS = (((1, 1), "valid", (1, 1)), ((2, 1), "same", (1, 1)), ((1, 1), ((1, 0), (0, 1)), (1, 2)))


@_for("convolution")
def _convolution(d: Draw) -> list[Sample]:
    made = [S(d(1, 4, 4, 2), d(2, 2, 2, 2), *s) for s in _SETTINGS]
    return [
        *made,
        S(d(2, 5, 2), d(2, 2, 2), (2,), "valid", (1,)),
        S(d(1, 3, 3, 3, 1), d(2, 2, 2, 1, 1), (1,) * 3, "same", (1,) * 3),
        # places left out, by strides and in the kernel; down to one place; more left out than the window holds
        S(d(1, 5, 5, 1), d(2, 2, 1, 2), (2, 2), "same", (2, 2)),
        S(d(2, 4, 4, 1), d(2, 3, 1, 2), (1, 2), "valid", (1, 1)),
        S(d(1, 2, 4, 3, 1), d(1, 2, 3, 1, 2), (1, 1, 3), "same", (1,) * 3),
        S(d(1, 2, 3, 4, 1), d(1, 1, 1, 1, 2), (1, 3, 1), "same", (1,) * 3),
    ]


def _window_outputs(padding: Any, strides: tuple[int, int]) -> tuple[int, int]:
    return {"valid": (3, 3), "same": (2, 4)}.get(padding if isinstance(padding, str) else "", (4, 3))


@_for("convolution_transpose")
def _convolution_transpose(d: Draw) -> list[Sample]:
    return [S(d(1, *_window_outputs(s[1], s[0]), 2), d(2, 2, 1, 2), (4, 4), *s) for s in _SETTINGS]


@_for("convolution_kernel_gradient")
def _convolution_kernel(d: Draw) -> list[Sample]:
    return [S(d(2, 4, 4, 1), d(2, *_window_outputs(s[1], s[0]), 2), (2, 2), *s) for s in _SETTINGS]


@_for("depthwise_convolution")
def _depthwise(d: Draw) -> list[Sample]:
    return [S(d(1, 4, 4, 2), d(2, 2, 2, 2), *s) for s in _SETTINGS]


@_for("depthwise_convolution_transpose")
def _depthwise_transpose(d: Draw) -> list[Sample]:
    return [S(d(1, *_window_outputs(s[1], s[0]), 4), d(2, 2, 2, 2), (4, 4), *s) for s in _SETTINGS]


@_for("depthwise_convolution_kernel_gradient")
def _depthwise_kernel(d: Draw) -> list[Sample]:
    return [S(d(2, 4, 4, 2), d(2, *_window_outputs(s[1], s[0]), 4), (2, 2), *s) for s in _SETTINGS]


_FIRST, _LAST = "channels_first", "channels_last"


@_for("conv1d")
def _conv1d(d: Draw) -> list[Sample]:
    return [
        S(d(2, 5, 2), d(2, 2, 2), data_format=_LAST),
        S(d(1, 5, 1), d(3, 1, 2), 1, "causal", _LAST, 2),
        S(d(1, 2, 5), d(2, 2, 1), 2, "same", _FIRST),
    ]


@_for("conv2d")
def _conv2d(d: Draw) -> list[Sample]:
    return [
        S(d(1, 4, 4, 2), d(2, 2, 2, 2), data_format=_LAST),
        S(d(1, 5, 4, 1), d(3, 2, 1, 2), (2, 2), "same", _LAST),
        S(d(1, 2, 4, 4), d(2, 2, 2, 1), (1, 1), "valid", _FIRST, (2, 1)),
    ]


@_for("conv3d")
def _conv3d(d: Draw) -> list[Sample]:
    return [
        S(d(1, 3, 3, 3, 1), d(2, 2, 2, 1, 2), data_format=_LAST),
        S(d(1, 1, 3, 3, 2), d(2, 2, 2, 1, 1), (2, 1, 1), "same", _FIRST),
    ]


@_for("depthwise_conv2d")
def _depthwise2d(d: Draw) -> list[Sample]:
    return [
        S(d(1, 4, 4, 2), d(2, 2, 2, 2), data_format=_LAST),
        S(d(1, 2, 4, 4), d(2, 2, 2, 1), (2, 2), "same", _FIRST),
    ]


@_for("separable_conv1d")
def _separable1d(d: Draw) -> list[Sample]:
    return [
        S(d(1, 5, 2), d(2, 2, 2), d(1, 4, 2), data_format=_LAST),
        S(d(1, 5, 2), d(2, 2, 1), d(1, 2, 1), 2, "same", _LAST),
    ]


@_for("separable_conv2d")
def _separable2d(d: Draw) -> list[Sample]:
    return [
        S(d(1, 4, 4, 2), d(2, 2, 2, 1), d(1, 1, 2, 2), data_format=_LAST),
        S(d(1, 2, 4, 4), d(2, 2, 2, 1), d(1, 1, 2, 1), (2, 2), "same", _FIRST),
    ]


@_for("conv2d_transpose")
def _conv2d_transpose(d: Draw) -> list[Sample]:
    return [
        S(d(1, 3, 3, 2), d(2, 2, 1, 2), (1, 4, 4, 1), data_format=_LAST),
        S(d(1, 2, 2, 2), d(3, 3, 1, 2), (1, 4, 4, 1), (2, 2), "same", _LAST),
        S(d(1, 2, 2, 2), d(2, 2, 1, 2), (1, 1, 4, 4), (2, 2), "valid", _FIRST),
    ]


@_for("conv3d_transpose")
def _conv3d_transpose(d: Draw) -> list[Sample]:
    return [S(d(1, 2, 2, 2, 1), d(2, 2, 2, 1, 1), (1, 3, 3, 3, 1), data_format=_LAST)]


@_for("local_conv1d")
def _local1d(d: Draw) -> list[Sample]:
    return [S(d(2, 5, 2), d(4, 4, 2), (2,), (1,), _LAST), S(d(1, 5, 1), d(2, 3, 2), (3,), (2,), _LAST)]


@_for("local_conv2d")
def _local2d(d: Draw) -> list[Sample]:
    return [
        S(d(1, 3, 3, 2), d(4, 8, 1), (2, 2), (1, 1), (2, 2), _LAST),
        S(d(1, 2, 3, 3), d(4, 8, 1), (2, 2), (1, 1), (2, 2), _FIRST),
    ]


@_for("max_pool")
def _max_pool(d: Draw) -> list[Sample]:
    return [
        S(d.distinct(1, 4, 4, 1), (2, 2), (2, 2), "valid"),
        S(d.distinct(1, 5, 3, 2), (3, 2), (2, 1), "same"),
        S(d.distinct(2, 5, 1), (2,), (1,), "valid"),
    ]


@_for("avg_pool")
def _avg_pool(d: Draw) -> list[Sample]:
    return _max_pool(d)


@_for("max_pool_gradient", "avg_pool_gradient")
def _pool_gradient(d: Draw) -> list[Sample]:
    return [
        S(d(1, 2, 2, 1), d.distinct(1, 4, 4, 1), (2, 2), (2, 2), "valid"),
        S(d(1, 3, 3, 1), d.distinct(1, 5, 3, 1), (3, 2), (2, 1), "same"),
        # the first of several largest elements is the one that counts
        S(d(2, 2, 2, 1), d.ints(2, 4, 4, 1, high=2).astype(d.dtype), (2, 2), (2, 2), "valid", gradient=False),
    ]


@_for("enlarge_bilinear")
def _enlarge_bilinear(d: Draw) -> list[Sample]:
    return [S(d(1, 2, 3, 2), (2, 3)), S(d(2, 3, 1, 1), (1, 4)), S(d(1, 4, 2, 1), (2, 2))]


@_for("enlarge_bilinear_gradient")
def _enlarge_bilinear_gradient(d: Draw) -> list[Sample]:
    return [S(d(1, 4, 9, 2), d(1, 2, 3, 2), (2, 3)), S(d(2, 3, 4, 1), d(2, 3, 1, 1), (1, 4))]


@_for("max_pool_selected")
def _pool_selected(d: Draw) -> list[Sample]:
    return [
        S(d(1, 4, 4, 1), d.distinct(1, 4, 4, 1), (2, 2), (2, 2), "valid"),
        S(d(1, 5, 3, 1), d.distinct(1, 5, 3, 1), (3, 2), (2, 1), "same"),
    ]


@_for("pool1d")
def _pool1d(d: Draw) -> list[Sample]:
    return [S(d.distinct(1, 5, 2), 2, data_format=_LAST), S(d.distinct(1, 2, 5), 3, 2, "same", _FIRST, "avg")]


@_for("pool2d")
def _pool2d(d: Draw) -> list[Sample]:
    return [
        S(d.distinct(1, 4, 4, 1), (2, 2), (2, 2), "valid", _LAST),
        S(d.distinct(1, 1, 5, 4), (3, 2), (2, 2), "same", _FIRST, "avg"),
        S(d.distinct(1, 5, 4, 1), (3, 2), (2, 2), "same", _LAST, "max"),
    ]


@_for("pool3d")
def _pool3d(d: Draw) -> list[Sample]:
    return [S(d.distinct(1, 3, 3, 3, 1), (2, 2, 2), (1, 1, 1), "valid", _LAST, m) for m in ("max", "avg")]


@_for("resize_images")
def _resize(d: Draw) -> list[Sample]:
    return [
        S(d(1, 2, 3, 1), 2, 3, _LAST),
        S(d(1, 2, 3, 1), 2, 3, _LAST, "bilinear"),
        S(d(1, 2, 3, 1), 2, 3, _LAST, "bilinear_half_pixel"),
        S(d(1, 1, 2, 2), 2, 1, _FIRST),
    ]


@_for("resize")
def _resize_to(d: Draw) -> list[Sample]:
    return [
        S(d(1, 2, 3, 1), (4, 5), data_format=_LAST),
        S(d(1, 4, 3, 1), (3, 3), "nearest", _LAST),
        S(d(1, 1, 4), (3,), "bilinear", _FIRST),
    ]


@_for("resize_volumes")
def _resize_volumes(d: Draw) -> list[Sample]:
    return [S(d(1, 2, 1, 2, 1), 2, 1, 2, _LAST)]


@_for("temporal_padding")
def _temporal(d: Draw) -> list[Sample]:
    return [S(d(1, 2, 2)), S(d(1, 2, 2), (0, 2))]


@_for("spatial_2d_padding")
def _spatial2d(d: Draw) -> list[Sample]:
    return [S(d(1, 2, 2, 1), data_format=_LAST), S(d(1, 1, 2, 2), ((0, 1), (2, 0)), _FIRST)]


@_for("spatial_3d_padding")
def _spatial3d(d: Draw) -> list[Sample]:
    return [S(d(1, 2, 1, 2, 1), data_format=_LAST)]


# losses, normalisations --------------------------------------------------------------------------------------
def _shares(d: Draw, *shape: int) -> np.ndarray:
    raw = np.exp(np.asarray(d(*shape), "float64"))
    return (raw / raw.sum(-1, keepdims=True)).astype(d.dtype)


@_for("bias_add")
def _bias_add(d: Draw) -> list[Sample]:
    return [
        S(d(2, 3), d(3)),
        S(d(1, 2, 3), d(3), _LAST),
        S(d(1, 3, 2), d(3), _FIRST),
        S(d(1, 2, 3), d(2, 3), _LAST),
    ]


@_for("binary_crossentropy")
def _binary_crossentropy(d: Draw) -> list[Sample]:
    target = d.bools(2, 3).astype(d.dtype)
    return [S(target, d(2, 3, low=0.1, high=0.9)), S(target, d(2, 3), True)]


@_for("sigmoid_cross_entropy")
def _sigmoid_cross_entropy(d: Draw) -> list[Sample]:
    return [S(d.bools(2, 3).astype(d.dtype), d(2, 3)), S(d(2, 3, low=0.1, high=0.9), d(2, 3))]


@_for("softmax_cross_entropy")
def _softmax_cross_entropy(d: Draw) -> list[Sample]:
    return [S(_shares(d, 2, 3), d(2, 3)), S(_shares(d, 3, 2).T, d(2, 3), 0)]


@_for("sparse_softmax_cross_entropy")
def _sparse_softmax(d: Draw) -> list[Sample]:
    return [S(d.ints(2, high=3), d(2, 3)), S(d.ints(2, 2, high=3, dtype="int64"), d(2, 2, 3))]


@_for("standardize")
def _standardize(d: Draw) -> list[Sample]:
    return [S(d(3, 2), (0,), 1e-3), S(d(2, 2, 3), (0, 1), 0.1), S(d(2, 3), (1,), 1e-3)]


@_for("normalize_channels")
def _normalize_channels(d: Draw) -> list[Sample]:
    vectors = lambda n: [d(n), d(n, low=0.5), d(n), d(n)]
    return [
        S(d(2, 3, 2, 3), *vectors(3), 3, 1e-3),
        S(d(2, 3, 2, 3), *vectors(3), 1, 0.1),
        S(d(4, 2), *vectors(2), 1, 1e-7),
    ]


@_for("standardize_channels")
def _standardize_channels(d: Draw) -> list[Sample]:
    return [
        S(d(3, 4, 2), d(2), d(2), 2, 0.01),
        S(d(2, 3, 4), d(3), d(3), 1, 0.1),
        S(d(5, 2), d(2), d(2), 1, 0.01),
    ]


@_for("standardize_channels_gradient")
def _standardize_channels_gradient(d: Draw) -> list[Sample]:
    return [S(d(3, 4, 2), d(3, 4, 2), d(2), d(2), 2, 0.01), S(d(2, 3, 4), d(2, 3, 4), d(3), d(3), 1, 0.1)]


@_for("standardize_gradient")
def _standardize_gradient(d: Draw) -> list[Sample]:
    return [S(d(3, 2), d(3, 2), d(1, 2, low=0.5), (0,), 1e-3)]


@_for("categorical_crossentropy")
def _categorical(d: Draw) -> list[Sample]:
    return [
        S(_shares(d, 2, 3), _shares(d, 2, 3)),
        S(_shares(d, 2, 3), d(2, 3), True),
        S(_shares(d, 2, 3), _shares(d, 2, 3), False, 0),
    ]


@_for("sparse_categorical_crossentropy")
def _sparse(d: Draw) -> list[Sample]:
    labels = d.ints(2, high=3)
    return [S(labels, _shares(d, 2, 3)), S(labels, d(2, 3), True), S(labels[:, None], _shares(d, 2, 3))]


@_for("in_top_k")
def _in_top_k(d: Draw) -> list[Sample]:
    return [S(d.distinct(3, 4), d.ints(3), 2), S(d.distinct(3, 4), d.ints(3), 1)]


@_for("batch_normalization")
def _batch_normalization(d: Draw) -> list[Sample]:
    variance = d(3, low=0.3)
    return [
        S(d(2, 3), d(3), variance, d(3), d(3)),
        S(d(2, 3), d(3), variance, None, None),
        S(d(2, 3, 2), d(3), variance, d(3), None, 1),
    ]


@_for("normalize_batch_in_training")
def _normalize(d: Draw) -> list[Sample]:
    return [
        S(d(3, 2), d(2), d(2), (0,)),
        S(d(2, 2, 2), d(2), d(2), (0, 1)),
        S(d(2, 2, 2), None, d(2), (0, 2)),
    ]


@_for("layer_normalization")
def _layer_normalization(d: Draw) -> list[Sample]:
    return [S(d(2, 3), d(3), d(3)), S(d(2, 3), None, None), S(d(2, 2, 3), d(3), None, -1)]


@_for("group_normalization")
def _group_normalization(d: Draw) -> list[Sample]:
    return [S(d(2, 3, 4), 2), S(d(2, 4, 2), 2, d(4), d(4), 1), S(d(2, 4), 4, None, d(4), epsilon=0.1)]


@_for("normalize_places")
def _normalize_places(d: Draw) -> list[Sample]:
    return [
        S(d(2, 3, 4), d(4), d(4), 2, 2, 0.1),
        S(d(2, 4, 2, 3), d(4), None, None, 1, 1e-3),
        S(d(2, 3, 4), None, d(4), None, 2, 1e-3),
    ]


# randomness, CTC ---------------------------------------------------------------------------------------------
RANDOM = ("random_uniform", "random_normal", "random_truncated_normal", "random_binomial")


@_for("random_uniform", "random_normal", "random_truncated_normal")
def _random(d: Draw) -> list[Sample]:
    key = lambda i: np.array([7, i], "int64")
    return [S(key(1), (40, 50), d.dtype), S(key(2), (3,), "float32"), S(key(3), (0, 2), "float32")]


@_for("random_binomial")
def _binomial(d: Draw) -> list[Sample]:
    key = np.array([7, 1], "int64")
    return [S(key, (40, 50), 0.3, d.dtype), S(key, (4, 3), d.array([0.0, 0.5, 1.0]), "float32")]


@_for("ctc_log_likelihood")
def _ctc(d: Draw) -> list[Sample]:
    scores = np.log(_shares(d, 2, 5, 4))
    lengths = np.array([5, 4], "int32")
    return [S(np.array([[0, 1], [2, 2]], "int32"), scores, lengths, np.array([2, 1], "int32"))]


@_for("lstm_layer")
def _lstm_layer(d: Draw) -> list[Sample]:
    first = [d(3, 2, 4), d(2, 2), d(2, 2), d(4, 8), d(2, 8), d(8)]
    masked = S(*first[:5], None, _steps_kept())
    return [S(*first), S(d(1, 3, 2), d(3, 1), d(3, 1), d(2, 4), d(1, 4)), S(*first, _steps_kept()), masked]


@_for("lstm_layer_gradient")
def _lstm_layer_gradient(d: Draw) -> list[Sample]:
    arrived, states = [d(3, 2, 2), d(2, 2), d(2, 2)], [d(2, 2), d(2, 2)]
    return [
        S(*arrived, d(3, 2, 4), *states, d(4, 8), d(2, 8), d(8)),
        S(*arrived, d(3, 2, 4), *states, d(4, 8), d(2, 8), d(8), _steps_kept()),
        S(*arrived, d(3, 2, 1), *states, d(1, 8), d(2, 8)),
        S(d(1, 2, 2), d(2, 2), d(2, 2), d(1, 2, 1), *states, d(1, 8), d(2, 8)),
    ]


@_for("lstm_sequence")
def _lstm(d: Draw) -> list[Sample]:
    first = [d(3, 2, 8), d(2, 2), d(2, 2), d(2, 8)]
    return [S(*first), S(*first, _steps_kept()), S(d(1, 3, 4), d(3, 1), d(3, 1), d(1, 4))]


def _steps_kept() -> np.ndarray:
    """A mask (3 steps, 2 rows, 1): one row misses its first step, the other the second."""
    return np.array([[False, True], [True, False], [True, True]])[..., np.newaxis]


@_for("gru_layer")
def _gru_layer(d: Draw) -> list[Sample]:
    first = [d(3, 2, 4), d(2, 2), d(4, 6), d(2, 6)]
    masked = [S(*first, d(2, 6), _steps_kept()), S(*first, None, _steps_kept())]
    return [S(*first, d(2, 6)), S(*first), S(d(1, 3, 2), d(3, 1), d(2, 3), d(1, 3)), *masked]


@_for("gru_layer_gradient")
def _gru_layer_gradient(d: Draw) -> list[Sample]:
    first = [d(3, 2, 2), d(2, 2), d(3, 2, 4), d(2, 2), d(4, 6), d(2, 6)]
    masked = [S(*first, d(2, 6), _steps_kept()), S(*first, None, _steps_kept())]
    return [S(*first, d(2, 6)), S(*first), *masked]


@_for("simple_rnn_layer")
def _simple_rnn_layer(d: Draw) -> list[Sample]:
    first = [d(3, 2, 4), d(2, 2), d(4, 2), d(2, 2)]
    masked = S(*first, d(2), _steps_kept())
    return [S(*first, d(2)), S(*first), S(d(1, 3, 2), d(3, 1), d(2, 1), d(1, 1)), masked]


@_for("simple_rnn_layer_gradient")
def _simple_rnn_layer_gradient(d: Draw) -> list[Sample]:
    first = [d(3, 2, 2), d(2, 2), d(3, 2, 4), d(2, 2), d(4, 2), d(2, 2)]
    return [S(*first, d(2)), S(*first), S(*first, d(2), _steps_kept())]


@_for("gru_sequence")
def _gru(d: Draw) -> list[Sample]:
    first = [d(3, 2, 6), d(2, 2), d(2, 6)]
    return [
        S(*first),
        S(*first, None, _steps_kept()),
        S(*first, d(6), None, True),
        S(*first, None, _steps_kept(), True),
        S(d(1, 3, 3), d(3, 1), d(1, 3)),
    ]


@_for("simple_rnn_sequence")
def _simple_rnn(d: Draw) -> list[Sample]:
    first = [d(3, 2, 4), d(2, 4), d(4, 4)]
    return [S(*first), S(*first, _steps_kept()), S(d(1, 3, 1), d(3, 1), d(1, 1))]


@_for("ctc_greedy")
def _ctc_greedy(d: Draw) -> list[Sample]:
    return [S(d.distinct(2, 5, 4), np.array([5, 4], "int32"))]


@_for("ctc_beam")
def _ctc_beam(d: Draw) -> list[Sample]:
    return [S(d.distinct(2, 4, 3), np.array([4, 3], "int32"), 10, 2)]


# an optimizer's step -----------------------------------------------------------------------------------------
_STEPS = {
    "sgd_update": (1, 2), "rmsprop_update": (1, 2), "adagrad_update": (1, 1), "adadelta_update": (2, 1),
    "adam_update": (2, 3), "amsgrad_update": (3, 3), "adamax_update": (2, 3), "nadam_update": (2, 6),
}  # fmt: skip


def _step(slots: int, numbers: int) -> Builder:
    """param, gradient, `slots` averages (positive), `numbers` scalars between 0 and 1."""

    def build(d: Draw) -> list[Sample]:
        tensors = [d(2, 3), d(2, 3), *(d(2, 3, low=2.2, high=4.0) for _ in range(slots))]
        return [S(*tensors, *(d(low=0.1, high=0.45) for _ in range(numbers)))]

    return build


_builders.update({name: _step(*counts) for name, counts in _STEPS.items()})


@_for("scaled_to_norm")
def _scaled_to_norm(d: Draw) -> list[Sample]:
    return [S(d(2, 3), d.array(norm), d.array(1.5)) for norm in (3.0, 0.7)]


# loops -------------------------------------------------------------------------------------------------------
def _body(function: Callable[..., Any], own: list[Any], captured: list[Any]) -> Body:
    """`function` traced with all its inputs given as placeholders."""
    inputs = [*own, *captured]
    outputs = function(*inputs)
    closed, extra = close_over(outputs, inputs)
    assert not extra
    return closed


@_for("scan")
def _scan(d: Draw) -> list[Sample]:
    hold = lambda *shape: Placeholder(shape, d.dtype)
    tanh, matmul = operation("tanh"), operation("matmul")

    def recurrent(state, row, weight):
        new = tanh(matmul(state, weight) + row)
        return [new, new * 2.0]

    body = _body(recurrent, [hold(2, 3), hold(2, 3)], [hold(3, 3)])
    given = [d(4, 2, 3)], [d(2, 3)], [d(3, 3, low=-0.5, high=0.5)], body
    add = _body(lambda total, row: [total + row * total], [hold(2), hold(2)], [])
    return [S(*given), S(*given, True), S([d(3, 2)], [d(2)], [], add, False)]


@_for("while_loop")
def _while(d: Draw) -> list[Sample]:
    hold = lambda *shape: Placeholder(shape, d.dtype)
    inputs, less = [hold(), hold(2)], operation("less")
    test = Body(tuple(inputs), (less(inputs[0], 3.5),))
    return [S([d.array(0.0), d(2)], [], test, Body(tuple(inputs), (inputs[0] + 1.0, inputs[1] * 2.0)))]


@_for("cond")
def _cond(d: Draw) -> list[Sample]:
    hold = lambda *shape: Placeholder(shape, d.dtype)
    x, y = hold(2, 3), hold(2, 3)
    branches = Body((x, y), (x * y,)), Body((x, y), (operation("sin")(x),))
    return [S(np.array(p), [d(2, 3), d(2, 3)], *branches) for p in (True, False)]


def _entries(d: Draw) -> list[Any]:
    """Places in a matrix (3, 4), one of them twice, with their values."""
    return [np.array([0, 2, 2, 0, 1]), np.array([3, 0, 1, 3, 2]), d(5)]


@_for("sparse_to_dense")
def _sparse_to_dense(d: Draw) -> list[Sample]:
    return [S(*_entries(d), (3, 4)), S(d.ints(0), d.ints(0), d(0), (2, 2))]


@_for("sparse_matmul")
def _sparse_matmul(d: Draw) -> list[Sample]:
    return [S(*_entries(d), d(4, 2), (3, 4)), S(d.ints(0), d.ints(0), d(0), d(2, 3), (2, 2))]


@_for("printed")
def _printed(d: Draw) -> list[Sample]:
    return [S(d(2, 3)), S(d(), "a message")]
