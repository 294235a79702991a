"""Between the contract and the functions of MXNet: constants, shapes and types of results, values without elements."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kcore.extending import Placeholder, Program, operation
from kcore.extending import engine as engine_named

from ..values import Value, as_value, constant, raw

_LARGE = 1 << 22  # elements: constants beyond this are not worked out while tracing


def arguments_of(op: Any, tensors: Sequence[Any], attributes: dict[str, Any]) -> list[Any]:
    """All arguments in the order of the declaration."""
    source = iter(tensors)
    found = []
    for parameter, kind in zip(op.parameters, op.kinds, strict=True):
        if kind in ("tensor", "list", "optional"):
            found.append(next(source))
        else:
            found.append(attributes.get(parameter.name, parameter.default))
    return found


def flat(tensors: Sequence[Any]) -> list[Value]:
    found: list[Value] = []
    for t in tensors:
        if isinstance(t, (list, tuple)):
            found.extend(t)
        elif t is not None:
            found.append(t)
    return found


def inferred(op: Any, tensors: Sequence[Any], attributes: dict[str, Any]) -> tuple[list[Any], bool]:
    """Shape and type of each result, and whether there are several."""
    arguments = arguments_of(op, tensors, attributes)
    shape = op.shape_rule(*arguments)
    named = dict(zip(op.names, arguments, strict=True))
    dtype = op.dtype_rule.output([v.dtype for v in flat(tensors)], named)
    if isinstance(shape, list):
        kinds = dtype if isinstance(dtype, (list, tuple)) else [dtype] * len(shape)
        return list(zip(map(tuple, shape), kinds, strict=True)), True
    return [(tuple(shape), dtype)], False


def on_numpy(op: Any, tensors: Sequence[Any], attributes: dict[str, Any]) -> Any:
    """The operation by its meaning, on NumPy."""
    values: list[Value] = []

    def holder(value: Value) -> Any:
        values.append(value)
        return Placeholder(value.shape, value.dtype)

    put = [
        None if t is None else [holder(v) for v in t] if isinstance(t, (list, tuple)) else holder(t)
        for t in tensors
    ]
    inputs = flat(put)
    made = op.symbolic(arguments_of(op, put, attributes))
    many = isinstance(made, list)
    outputs = made if many else [made]
    home = engine_named("numpy")
    results = home.execute(Program(inputs, outputs, name=op.name).lower(home))(*[v.asnumpy() for v in values])
    wrapped = [constant(home.to_numpy(r), o.dtype) for r, o in zip(results, outputs, strict=True)]
    return wrapped if many else wrapped[0]


def wrapped(
    name: str, function: Callable[..., Any], infer: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """`function` of values that gives what MXNet computed, as a function of the contract.

    `infer` gives (shape, type) where the operation has no rule of its own.
    """
    op = operation(name)

    @functools.wraps(function)
    def run(*tensors: Any, **attributes: Any) -> Any:
        tensors = tuple(
            [as_value(v) for v in t] if isinstance(t, (list, tuple)) else None if t is None else as_value(t)
            for t in tensors
        )
        every = flat(tensors)
        specs, many = ([infer(*tensors, **attributes)], False) if infer else inferred(op, tensors, attributes)
        small = not every or sum(math.prod(s) for s, _ in specs) <= _LARGE
        if all(v.known for v in every) and small:
            if op.is_primitive:
                plain = [
                    None if t is None else [v.asnumpy() for v in t] if isinstance(t, list) else t.asnumpy()
                    for t in tensors
                ]
                made = op.meaning(*arguments_of(op, plain, attributes))
                results = made if many else [made]
                known = [_folded(r, d) for r, (_, d) in zip(results, specs, strict=True)]
                return known if many else known[0]
            return on_numpy(op, tensors, attributes)
        if all(0 in s for s, _ in specs):
            known = [constant(np.zeros(s, "float32" if d == "bfloat16" else d), d) for s, d in specs]
            return known if many else known[0]
        made = function(*tensors, **attributes)
        results = made if many else [made]
        done = [
            r if isinstance(r, Value) else Value(r, s, d) for r, (s, d) in zip(results, specs, strict=True)
        ]
        return done if many else done[0]

    return run


def _folded(array: Any, dtype: str) -> Value:
    """A constant; one number over and over is spread without copying, and so is known to be one number."""
    array = np.asarray(array)
    kind = "float32" if dtype == "bfloat16" else dtype
    array = array if array.dtype == kind else array.astype(kind)
    if array.size > 1 and any(array.strides):
        first = array.flat[0]
        if array.flat[-1] == first and (array == first).all() and (first != 0 or not np.signbit(array).any()):
            array = np.broadcast_to(first, array.shape)
    return Value(array, array.shape, dtype)


def reshaped(data: Any, shape: Sequence[int]) -> Any:
    """MXNet's array in that shape ((1,) for none)."""
    return data.reshape(tuple(shape) or (1,))


def spread(value: Value, shape: tuple[int, ...]) -> Any:
    """What MXNet holds of `value`, broadcast to `shape`."""
    shape = shape or (1,)
    data = raw(value)
    if value.held == shape:
        return data
    same_rank = (1,) * (len(shape) - len(value.held)) + value.held
    if same_rank != value.held:
        data = data.reshape(same_rank)
    return data if same_rank == shape else data.broadcast_to(shape)
