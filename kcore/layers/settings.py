"""How layers keep and tell their arguments: names of functions and objects become these, and names again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import activations, constraints, initializers, regularizers

# by the last word of an argument's name: `recurrent_activation`, `bias_initializer`, ...
_FAMILIES: dict[str, Any] = {
    "activation": activations, "initializer": initializers, "regularizer": regularizers, "constraint": constraints
}  # fmt: skip


def keep(layer: Any, names: Sequence[str], given: Mapping[str, Any]) -> None:
    """Sets the arguments `names` on a layer; those of a family of objects through its `get`."""
    for name in names:
        family = _FAMILIES.get(name.rsplit("_", 1)[-1])
        setattr(layer, name, family.get(given[name]) if family else given[name])


def told(layer: Any, names: Sequence[str]) -> dict[str, Any]:
    """The arguments `names` of a layer, as its config tells them."""
    values: dict[str, Any] = {}
    for name in names:
        family, value = _FAMILIES.get(name.rsplit("_", 1)[-1]), getattr(layer, name)
        values[name] = family.serialize(value) if family else value
    return values


def picked(names: Sequence[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The entries `names` of a constructor's arguments."""
    return {name: given[name] for name in names}


def weight_settings(layer: Any, kind: str) -> dict[str, Any]:
    """initializer, regularizer and constraint for `add_weight`; `kind` as in `kernel_initializer`."""
    return {
        part: getattr(layer, f"{kind}_{part}", None) for part in ("initializer", "regularizer", "constraint")
    }
