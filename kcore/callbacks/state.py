"""States of callbacks and the like as JSON and arrays: what can be written to a file without pickling."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

NOT_STATE = ("model", "params", "validation_data")


def plain_attributes(thing: Any) -> dict[str, Any]:
    """The attributes of `thing` that are numbers, texts, arrays, or lists, tuples and dicts of them."""
    return {k: v for k, v in vars(thing).items() if k not in NOT_STATE and is_plain(v)}


def is_plain(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufcSU"
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(map(is_plain, value.keys())) and all(map(is_plain, value.values()))
    return value is None or type(value) in (bool, int, float, str) or isinstance(value, np.generic)


def encoded(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """`value` in words of JSON; arrays go into `arrays` and are named in it."""
    if isinstance(value, (np.ndarray, np.generic)):
        name = f"array_{len(arrays)}"
        arrays[name] = np.asarray(value)
        return {"array" if isinstance(value, np.ndarray) else "scalar": name}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [encoded(v, arrays) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[encoded(k, arrays), encoded(v, arrays)] for k, v in value.items()]}
    return value


def decoded(value: Any, arrays: Any) -> Any:
    """What `encoded` was given."""
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "array":
        return arrays[held]
    if kind == "scalar":
        return arrays[held][()]
    if kind == "dict":
        return {decoded(k, arrays): decoded(v, arrays) for k, v in held}
    made = [decoded(v, arrays) for v in held]
    return tuple(made) if kind == "tuple" else made


def as_arrays(state: Any) -> dict[str, np.ndarray]:
    """A whole state as named arrays, one of which holds the JSON."""
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(encoded(state, arrays))
    return {**arrays, "json": np.frombuffer(text.encode(), "uint8")}


def from_arrays(arrays: Any) -> Any:
    return decoded(json.loads(bytes(arrays["json"]).decode()), arrays)
