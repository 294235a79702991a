"""`clone_model`: the same architecture with weights of its own."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError
from ..layers.nesting import to_list, unpack
from .model import Model
from .sequential import Sequential


def clone_model(model: Any, input_tensors: Any = None) -> Any:
    """A copy with freshly drawn weights; on `input_tensors` (from Input()) if they are given."""
    if not isinstance(model, Model):
        raise ArgumentError(f"clone_model() takes a model; {model!r} was given.")
    if isinstance(model, Sequential) and input_tensors is None:
        return type(model).from_config(model.get_config())
    if not model._is_graph:
        raise ArgumentError(
            f"{type(model).__name__} is written in Python and cannot be cloned; make another one of it."
        )
    made = model.from_config(model.get_config())
    if input_tensors is None:
        return made
    tensors = to_list(input_tensors)
    return Model(tensors, made(unpack(tensors)), name=model.name)
