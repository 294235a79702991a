"""Programs that show a failure again: what is printed beside it, to be pasted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.control import Body
from ..backend.declare import Operation
from .samples import Sample


def snippet(engine: Any, op: Operation, sample: Sample, kind: str = "value") -> str:
    """A program that shows the result of one call on `engine` and by the declaration, and checks it again."""
    call = f"show({engine.name!r}, {op.name!r}, {{}}, {kind!r})"
    if any(isinstance(a, Body) for a in (*sample.args, *sample.kwargs.values())):
        dtype, variant, number = sample.origin
        given = call.format(f"samples({op.name!r}, {dtype!r}, {variant!r})[{number}]")
        return f"from kcore.testing.checks import show\nfrom kcore.testing.samples import samples\n{given}"
    flags = [
        text for held, text in ((not sample.gradient, "gradient=False"), (sample.fine, "fine=True")) if held
    ]
    told = [*map(literal, sample.args), *(f"{k}={literal(v)}" for k, v in sample.kwargs.items()), *flags]
    lines = ["from numpy import array, inf, nan", "from kcore.testing.checks import show"]
    lines += ["from kcore.testing.samples import S", call.format(f"S({', '.join(told)})")]
    return "\n".join(lines)


def literal(value: Any) -> str:
    """`value` as Python text that makes it again, with `array`, `inf` and `nan` as NumPy has them."""
    if isinstance(value, np.ndarray):
        if value.size == 0:
            return f"array([], {value.dtype.name!r}).reshape({value.shape})"
        return f"array({value.tolist()!r}, {value.dtype.name!r})"
    if isinstance(value, np.generic):
        return f"array({value.item()!r}, {value.dtype.name!r})[()]"  # a number, no tensor
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        return f"({''.join(f'{literal(v)}, ' for v in value)})"
    return repr(value)
