"""From what users hand to `fit` and its like to arrays in the order in which a step takes them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError, DataError
from .compile import Compiled, takes_indices, target_advice, target_shape
from .data import (
    Slot,
    as_list,
    check_lengths,
    class_weights_of,
    fitted,
    per_output,
    row_weights,
)
from .rows import Rows, concrete
from .steps import fed_input_names, fed_inputs, fed_targets


def rows_in(arrays: Sequence[Any]) -> int:
    """The number of rows of a batch; one of which every part is a tensor of the model's own counts as one."""
    return len(arrays[0]) if arrays else 1


@dataclass
class Fed:
    """Inputs, targets and weights of one data set, checked; `weights` holds None for outputs without."""

    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    weights: list[np.ndarray | None]  # one per trained output
    outputs: tuple[int, ...]  # the index of each trained output

    @property
    def weighted(self) -> tuple[int, ...]:
        return tuple(i for i, w in zip(self.outputs, self.weights, strict=True) if w is not None)

    @property
    def arrays(self) -> list[np.ndarray]:
        return [*self.inputs, *self.targets, *(w for w in self.weights if w is not None)]

    @property
    def rows(self) -> int:
        return rows_in(self.arrays)

    def unpacked(self) -> tuple[Any, Any, Any]:
        """(x, y, sample_weight) again, one array or a list of them each."""
        weights = [w for w in self.weights if w is not None]
        return tuple(v[0] if len(v) == 1 else v or None for v in (self.inputs, self.targets, weights))  # type: ignore

    @property
    def read(self) -> list[np.ndarray]:
        """All arrays, with rows that are still in files read."""
        return [concrete(a) for a in self.arrays]


def feed_inputs(model: Any, x: Any, nan: str = "raise") -> list[np.ndarray]:
    """The arrays for the model's inputs."""
    names = fed_input_names(model)
    items = as_list(x, names, "input")
    slots = [
        Slot("input", n, tuple(t.shape[1:]), t.dtype) for n, t in zip(names, fed_inputs(model), strict=True)
    ]
    arrays = [fitted(v, s, nan) for v, s in zip(items, slots, strict=True)]
    if arrays:
        check_lengths({s.title: a for s, a in zip(slots, arrays, strict=True)})
    return arrays


def needs_no_data(compiled: Compiled | None, *given: Any) -> bool:
    """Whether nothing was given, and a model whose inputs are tensors needs no targets either."""
    nothing = all(v is None or (isinstance(v, (list, tuple)) and not v) for v in given)
    return nothing and not (compiled is not None and fed_targets(compiled))


def from_tensors(steps: Any, argument: str) -> Iterator[tuple[Any]]:
    """Batches without end for such a model, each without data. Raises ArgumentError without a number of steps."""
    if steps is None:
        raise ArgumentError(f"{argument} is needed: the data are the model's own tensors, which have no end.")
    return itertools.repeat(([],))


def feed(
    model: Any, compiled: Compiled, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None
) -> Fed:
    """All arrays of a data set with targets."""
    inputs = feed_inputs(model, x)
    targets = _targets(compiled, y)
    lengths = {f"input {n!r}": a for n, a in zip(fed_input_names(model), inputs, strict=True)}
    lengths.update({f"target {h.name!r}": a for h, a in zip(fed_targets(compiled), targets, strict=True)})
    weights = _weights(compiled, targets, sample_weight, class_weight)
    for head, w in zip(compiled.trained, weights, strict=True):
        if w is not None:
            lengths[f"sample_weight of {head.name!r}"] = w
    if lengths:
        check_lengths(lengths)
    return Fed(inputs, targets, weights, tuple(h.index for h in compiled.trained))


def _targets(compiled: Compiled, y: Any) -> list[np.ndarray]:
    heads = fed_targets(compiled)
    if not heads:
        if y is not None and not (isinstance(y, (list, tuple)) and all(v is None for v in y)):
            raise DataError("targets were given, but no output of the model has a loss that takes them.")
        return []
    if y is None:
        raise DataError(
            f"no targets were given; the outputs {', '.join(repr(h.name) for h in heads)} need them (argument y)."
        )
    names = [h.name for h in heads]
    every = [h.name for h in compiled.heads]
    if len(every) > len(names):  # outputs without a loss may have an entry all the same
        if isinstance(y, dict):
            y = {k: v for k, v in y.items() if k not in every or k in names}
        elif isinstance(y, (list, tuple)) and len(y) == len(every):
            y = [v for v, n in zip(y, every, strict=True) if n in names]
    items = as_list(y, names, "target")
    return [
        fitted(v, Slot("target", h.name, _loose(h), h.target.dtype, target_advice(h), takes_indices(h)))
        for v, h in zip(items, heads, strict=True)
    ]


def _loose(head: Any) -> Any:
    """The shape that a target needs: what the loss asks for, or at least the rank of its placeholder."""
    shape = target_shape(head)
    return tuple(head.target.shape[1:]) if shape is None else shape


def _weights(
    compiled: Compiled, targets: Sequence[np.ndarray], sample_weight: Any, class_weight: Any
) -> list[np.ndarray | None]:
    trained = compiled.trained
    if sample_weight is None and class_weight is None:
        return [None] * len(trained)
    names = [h.name for h in trained]
    given = per_output(sample_weight, names, "sample_weight")
    classes = class_weights_of(class_weight, names)
    by_head = {h.index: t for h, t in zip(fed_targets(compiled), targets, strict=True)}
    made: list[np.ndarray | None] = []
    for head, weights, factors in zip(trained, given, classes, strict=True):
        if weights is None and factors is None:
            made.append(None)
            continue
        shape = tuple(head.sample_weight.shape[1:])
        slot = Slot("sample_weight of", head.name, shape, head.sample_weight.dtype)
        target = by_head.get(head.index)
        if target is None and factors is not None:
            raise DataError(
                f"class_weight cannot be used for {head.name!r}: its target is a tensor given to compile, whose classes "
                "are not known here. Use sample_weight."
            )
        if isinstance(target, Rows) and factors is not None:
            target = concrete(target)  # classes are counted over all of it
        made.append(row_weights(target, weights, factors, slot))
    return made
