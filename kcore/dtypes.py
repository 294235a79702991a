"""Element types: their names, which of two wins, and the rules that operations declare."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import DTypeError

FLOATS = ("float16", "bfloat16", "float32", "float64")
NARROW_FLOATS = ("float16", "bfloat16")
INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
NAMES = ("bool", *INTEGERS, *FLOATS)
_RANK = {name: rank for rank, name in enumerate(NAMES)}
_PYTHON = {bool: "bool", int: "int32", float: "float32"}
_ALIASES = {"half": "float16", "float": "float32", "double": "float64", "int": "int32", "boolean": "bool"}


def canonical(dtype: Any) -> str:
    """The name of `dtype`, given as a string, a Python type, a NumPy dtype or an engine's own dtype."""
    if isinstance(dtype, str):
        name = _ALIASES.get(dtype, dtype)
    elif dtype in _PYTHON:
        name = _PYTHON[dtype]
    else:
        name = getattr(dtype, "name", None) or np.dtype(dtype).name
    if name not in _RANK:
        raise DTypeError(f"dtype {dtype!r} is not known; known: {', '.join(NAMES)}.")
    return name


def is_float(dtype: str) -> bool:
    return dtype in FLOATS


def is_integer(dtype: str) -> bool:
    return dtype in INTEGERS


def at_least_float32(dtype: str) -> str:
    """float32 for the float types of 16 bits, others as they are: the type for sums, losses and statistics."""
    return "float32" if dtype in NARROW_FLOATS else dtype


def promote(first: str, second: str) -> str:
    """The type in which `first` and `second` meet: a float wins over an integer, wider over narrower."""
    if first == second:
        return first
    pair = {first, second}
    if pair == {"float16", "bfloat16"}:
        return "float32"
    if is_float(first) == is_float(second) or "bool" in pair:
        low, high = sorted((first, second), key=_RANK.__getitem__)
        if is_integer(low) and is_integer(high):
            return str(np.promote_types(low, high)) if "uint64" not in pair else "int64"
        return high
    return first if is_float(first) else second


def promote_all(dtypes: Sequence[str]) -> str:
    result = dtypes[0]
    for dtype in dtypes[1:]:
        result = promote(result, dtype)
    return result


class Rule:
    """How an operation treats element types.

    `inputs(dtypes, floatx)` gives the types to which the tensor arguments are cast before the operation
    runs; `output(dtypes, attributes)` the type of the result(s), from the types after that cast.
    """

    def __init__(self, inputs: Any, output: Any) -> None:
        self._inputs = inputs
        self._output = output

    def inputs(self, dtypes: Sequence[str], floatx: str) -> Sequence[str]:
        return self._inputs(dtypes, floatx)

    def output(self, dtypes: Sequence[str], attributes: dict[str, Any]) -> Any:
        return self._output(dtypes, attributes)


def _as_given(dtypes: Sequence[str], floatx: str) -> Sequence[str]:
    return dtypes


def _together(dtypes: Sequence[str], floatx: str) -> Sequence[str]:
    return [promote_all(dtypes)] * len(dtypes)


def _together_floating(dtypes: Sequence[str], floatx: str) -> Sequence[str]:
    common = promote_all(dtypes)
    return [common if is_float(common) else floatx] * len(dtypes)


def _together_numeric(dtypes: Sequence[str], floatx: str) -> Sequence[str]:
    common = promote_all(dtypes)
    return ["int32" if common == "bool" else common] * len(dtypes)


def _all_bool(dtypes: Sequence[str], floatx: str) -> Sequence[str]:
    return ["bool"] * len(dtypes)


def _where(dtypes: Sequence[str], floatx: str) -> Sequence[str]:
    return ["bool", *[promote_all(dtypes[1:])] * (len(dtypes) - 1)]


def _first(dtypes: Sequence[str], attributes: dict[str, Any]) -> str:
    return dtypes[0]


def _last(dtypes: Sequence[str], attributes: dict[str, Any]) -> str:
    return dtypes[-1]


def _attribute(dtypes: Sequence[str], attributes: dict[str, Any]) -> str:
    return canonical(attributes["dtype"])


def fixed(name: str) -> Rule:
    """Inputs as given, result always of type `name`."""
    return Rule(_as_given, lambda dtypes, attributes: name)


promoted = Rule(_together, _first)  # all inputs meet in one type, which is the result's
numeric = Rule(_together_numeric, _first)  # like promoted, but bool counts as int32
floating = Rule(_together_floating, _first)  # like promoted, but integers become floatx
compared = Rule(_together, lambda dtypes, attributes: "bool")
logical = Rule(_all_bool, lambda dtypes, attributes: "bool")
same = Rule(_as_given, _first)  # the first input's type; the others are left alone
selected = Rule(_where, _last)  # condition, then values that meet in one type
asked = Rule(_as_given, _attribute)  # the type named by the attribute `dtype`
