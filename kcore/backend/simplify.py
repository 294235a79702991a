"""Nodes that change nothing: casts to the same type, products with ones, spreading to the shape that is there."""

from __future__ import annotations

from typing import Any

from .sizes import KnownSizes
from .tensor import Constant, Node, SymbolicTensor

_SHAPING = ("broadcast_to", "sum_to_like", "reshape")


class Simplifier:
    """Finds for a node the tensor that it equals. `sizes` tells which shapes are surely equal."""

    def __init__(self, sizes: KnownSizes) -> None:
        self.sizes = sizes
        self._filled: dict[SymbolicTensor, float] = {}

    def is_alias(self, tensor: SymbolicTensor, of: SymbolicTensor) -> None:
        """`tensor` is another name of `of`, an operation opened."""
        self.sizes.is_alias(tensor, of)
        self._note_filled(tensor, of)

    def equal(self, node: Node) -> SymbolicTensor | None:
        """The tensor that the node's result equals bit for bit, if it is one of those that the node reads."""
        found = self._found(node)
        if found is not None:
            self._note_filled(node.outputs[0], found)
        return found

    def _found(self, node: Node) -> SymbolicTensor | None:
        name = node.op.name
        if len(node.outputs) != 1:
            return None
        result, first = node.outputs[0], node.arguments[0] if node.arguments else None
        if not isinstance(first, SymbolicTensor):
            return None
        if name == "cast":
            self._note_filled(result, first)
            return first if first.dtype == result.dtype else None
        if name in _SHAPING:
            if name != "sum_to_like":
                self._note_filled(result, first)
            return first if self.sizes.same(first, result) else None
        if name == "transpose":
            perm = node.arguments[1]
            return first if perm is not None and tuple(perm) == tuple(range(len(first.shape))) else None
        if name in ("multiply", "divide"):
            return self._factor(result, name, first, node.arguments[1])
        return None

    def _factor(self, result: SymbolicTensor, name: str, first: Any, second: Any) -> SymbolicTensor | None:
        """x * 1, 1 * x, x / 1."""
        if self.filled(second) == 1.0 and self._stands_for(first, result):
            return first
        if name == "multiply" and self.filled(first) == 1.0 and self._stands_for(second, result):
            return second
        return None

    def _stands_for(self, tensor: SymbolicTensor, result: SymbolicTensor) -> bool:
        return tensor.dtype == result.dtype and self.sizes.same(tensor, result)

    # tensors of one number ----------------------------------------------------------------------------------------
    def filled(self, tensor: SymbolicTensor) -> float | None:
        """The number that all elements of `tensor` are known to be."""
        if isinstance(tensor, Constant):
            values = tensor.value
            one = 0 < values.size <= 64 and bool((values == values.flat[0]).all())
            return float(values.flat[0]) if one else None
        return self._filled.get(tensor)

    def _note_filled(self, result: SymbolicTensor, source: SymbolicTensor) -> None:
        number = self.filled(source)
        if number in (0.0, 1.0):  # which every type holds
            self._filled[result] = number
