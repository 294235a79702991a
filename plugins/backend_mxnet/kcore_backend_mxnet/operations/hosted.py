"""What MXNet has no operation for, or none that a graph can hold: run between graphs, on values that exist.

Random numbers are the core's own, functions of a key: the same ones on every engine that draws them in NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kcore.extending import operation

from ..values import Value, as_value, constant, of, raw, running, scope, turned_images
from .wrapping import arguments_of


def by_meaning(name):
    """The operation's meaning in NumPy, on the processor."""
    op = operation(name)

    def run(*tensors: Any, **attributes: Any) -> Any:
        plain = [None if t is None else as_value(t).asnumpy() for t in tensors]
        made = op.meaning(*arguments_of(op, plain, attributes))
        several = isinstance(made, (list, tuple))
        dtype = op.dtype_rule.output(
            [as_value(t).dtype for t in tensors], {**attributes, "top_paths": attributes.get("top_paths", 1)}
        )
        if not several:
            if scope.images and np.ndim(made) > 2 and np.size(made) and name.startswith("random"):
                return turned_images(constant(made, dtype))
            return running(made, dtype)
        kinds = dtype if isinstance(dtype, (list, tuple)) else [dtype] * len(made)
        return [running(m, d) for m, d in zip(made, kinds, strict=True)]

    return run


def scan(sequences, initial, captured, body, reverse=False):
    """One step after the other; what each gives is stacked."""
    sequences, states = [as_value(s) for s in sequences], [as_value(s) for s in initial]
    captured = [as_value(c) for c in captured]
    length = sequences[0].shape[0]
    count = len(states)
    rows: list[Any] = [None] * length
    for t in range(length - 1, -1, -1) if reverse else range(length):
        result = body(*states, *[row_of(s, t) for s in sequences], *captured)
        states = list(result[:count])
        rows[t] = result[count:]
    if not rows:
        probe = body(*states, *[constant(np.zeros(s.shape[1:]), s.dtype) for s in sequences], *captured)
        return [*states, *[constant(np.zeros((0, *p.shape)), p.dtype) for p in probe[count:]]]
    return [*states, *[stacked(column) for column in zip(*rows, strict=True)]]


def row_of(sequence, t):
    shape = sequence.shape[1:]
    if sequence.known:
        return Value(np.asarray(sequence.data[t]), shape, sequence.dtype)
    data = sequence.data
    made = of(data).slice_axis(data, axis=0, begin=t, end=t + 1)
    return Value(made.reshape(shape or (1,)), shape, sequence.dtype)


def rows_of(sequence):
    """All rows of a sequence that a graph holds, cut at once."""
    length = sequence.shape[0]
    if sequence.known or length < 2 or len(sequence.shape) < 2:
        return [row_of(sequence, t) for t in range(length)]
    data = raw(sequence)
    parts = of(data).split(data, num_outputs=length, axis=0, squeeze_axis=True)
    return [Value(parts[t], sequence.shape[1:], sequence.dtype) for t in range(length)]


def stacked(values):
    first = values[0]
    shape = (len(values), *first.shape)
    if all(v.known for v in values):
        return Value(np.stack([v.data for v in values]), shape, first.dtype)
    rows = [raw(v) for v in values]
    F = of(rows[0])
    if not first.shape:
        return Value(F.concat(*rows, dim=0) if len(rows) > 1 else rows[0], shape, first.dtype)
    return Value(F.stack(*rows, axis=0), shape, first.dtype)


def while_loop(initial, captured, condition, body):
    states = list(initial)
    while bool(as_value(condition(*states, *captured)[0]).asnumpy().reshape(())):
        states = list(body(*states, *captured))
    return states


def cond(predicate, captured, body, otherwise):
    return list((body if bool(as_value(predicate).asnumpy().reshape(())) else otherwise)(*captured))


NAMES = (
    "cholesky", "inverse", "solve", "svd", "qr", "random_uniform", "random_normal", "ctc_greedy", "ctc_beam",
    "scatter_update", "printed",
)  # fmt: skip
PRIMITIVES = {
    **{name: by_meaning(name) for name in NAMES},
    "scan": scan,
    "while_loop": while_loop,
    "cond": cond,
}
