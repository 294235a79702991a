"""A compiled-down program: what the core hands to an engine. Plain data, versioned with the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ..shapes import Shape


@dataclass(frozen=True)
class TensorSpec:
    """Shape (None where unknown) and dtype of one value."""

    shape: Shape
    dtype: str
    name: str = ""


class VariableHandle(Protocol):
    """What an engine sees of a variable: a place to keep its own storage."""

    name: str
    shape: Shape
    dtype: str
    trainable: bool

    def storage(self, engine: Any) -> Any:
        """The engine's storage of this variable, made from the core's initial value when first asked."""

    def replace_storage(self, engine: Any, storage: Any) -> None:
        """Put a new storage in place of the old one (for engines whose storage is immutable)."""


@dataclass(frozen=True)
class Instruction:
    """One operation: numbers are slots of the program's table of values.

    `inputs` holds, in the order of the declaration's tensor parameters, a slot, a tuple of slots (a list of
    tensors) or None (an optional tensor left out). `attributes` are static; a `FlatProgram` among them is the
    body of a loop or branch. `shapes` maps a shape parameter computed while running to its slot (1-D ints).
    `scope` is the layer that the instruction belongs to, such as "block/dense_1", behind "gradient:" if it is
    part of that layer's gradient; "" for what belongs to no layer. It is for names and accounts, and has no meaning
    for the result. Since API 2.
    """

    op: str
    inputs: tuple[int | tuple[int, ...] | None, ...]
    attributes: Mapping[str, Any]
    outputs: tuple[int, ...]
    shapes: Mapping[str, int] = field(default_factory=dict)
    scope: str = ""


@dataclass(frozen=True)
class Execution:
    """How an engine runs one instruction: the order of the axes of images in it ('channels_last',
    'channels_first', '' where that means nothing), and how many times it lays a tensor out in another order."""

    layout: str = ""
    transposes: int = 0


@dataclass(frozen=True)
class FlatProgram:
    """Instructions in an order in which they can run, over a table of `len(specs)` values.

    All reads of variables see the values from before the call; `updates` are written after the last
    instruction. `gradients` instructions are left in only for engines with `autodiff = True`: their inputs
    are (ys, xs, initial gradients), their outputs d sum(ys * initial) / dx for each x.
    """

    specs: tuple[TensorSpec, ...]
    inputs: tuple[int, ...]
    constants: Mapping[int, np.ndarray]
    variables: Mapping[int, VariableHandle]
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]
    updates: tuple[tuple[VariableHandle, int], ...] = ()
    name: str = "program"

    def handles(self) -> list[VariableHandle]:
        """Every variable that the program reads or writes, once each. Since API 2."""
        met = [*self.variables.values(), *(variable for variable, _ in self.updates)]
        return list({id(handle): handle for handle in met}.values())

    def last_uses(self) -> list[list[int]]:
        """For each instruction the slots that nothing later reads: an interpreter may free them."""
        keep = {*self.outputs, *(slot for _, slot in self.updates), *self.constants, *self.variables}
        seen: set[int] = set(keep)
        result: list[list[int]] = []
        for instruction in reversed(self.instructions):
            dead = [s for s in dict.fromkeys(slots_of(instruction)) if s not in seen]
            dead += [s for s in instruction.outputs if s not in seen]
            seen.update(dead)
            result.append(dead)
        return result[::-1]


def slots_of(instruction: Instruction) -> list[int]:
    """Every slot that the instruction reads."""
    found: list[int] = []
    for item in instruction.inputs:
        if isinstance(item, tuple):
            found.extend(item)
        elif item is not None:
            found.append(item)
    found.extend(instruction.shapes.values())
    return found


CompiledProgram = Callable[..., list[Any]]
