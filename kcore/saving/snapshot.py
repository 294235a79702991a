"""A model as plain data: what every format writes and reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Group:
    """The weights of one layer (or of an optimizer), in their order.

    arrays: NumPy arrays, or anything with `shape`, `dtype` and `__array__` that is read only when it is needed
    (a dataset of a file, or a variable that waits to be written).
    """

    name: str
    weight_names: tuple[str, ...]
    arrays: tuple[Any, ...]

    @property
    def nbytes(self) -> int:
        return sum(int(np.prod(a.shape, dtype=object)) * np.dtype(a.dtype).itemsize for a in self.arrays)


@dataclass(frozen=True)
class Snapshot:
    """A model at rest.

    architecture: {'class_name': ..., 'config': {...}}, in Keras 2's words. layers: one group for each layer of the
    model, a nested model counting as one. training: Keras 2's `training_config` (`optimizer_config`, `loss`,
    `metrics`, `weighted_metrics`, `sample_weight_mode`, `loss_weights`), None if the model is not compiled.
    optimizer: its own variables, None if they are not saved. made_by: what wrote it, by name ('keras_version',
    'backend', ...), for the conventions of old files. where: how errors call the file.
    """

    architecture: Mapping[str, Any]
    layers: tuple[Group, ...]
    training: Mapping[str, Any] | None = None
    optimizer: Group | None = None
    made_by: Mapping[str, str] = field(default_factory=dict)
    where: str = "the model"


class Held:
    """A variable's value, fetched when it is written, so that a model is never copied as a whole."""

    def __init__(self, variable: Any) -> None:
        self.variable = variable
        self.shape, self.dtype = tuple(variable.shape), numpy_dtype(variable.dtype)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.variable.peek(), dtype=dtype)


def numpy_dtype(dtype: str) -> np.dtype:
    """The type in which values of `dtype` are stored (bfloat16 as float32)."""
    return np.dtype("float32" if dtype == "bfloat16" else dtype)


def group_of(name: str, variables: Any) -> Group:
    """The weights of a layer or an optimizer; names that come twice are told apart by numbers."""
    names: list[str] = []
    taken: set[str] = set()
    for i, variable in enumerate(variables):
        told = str(getattr(variable, "name", None) or f"param_{i}")
        made, k = told, 1
        while made in taken:
            head, colon, tail = told.partition(":")
            made, k = f"{head}_{k}{colon}{tail}", k + 1
        taken.add(made)
        names.append(made)
    return Group(name, tuple(names), tuple(Held(v) for v in variables))
