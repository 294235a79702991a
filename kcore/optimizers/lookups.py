"""Parameters that a loss only looks rows up in: their gradient is one entry per use, before equal rows add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .. import backend as K
from ..backend.declare import operation
from ..backend.graph import inputs_of, nodes_between
from ..backend.tensor import Node, SymbolicTensor
from ..backend.variables import Variable
from ..shapes import normalize_axis


def lookups(loss: SymbolicTensor, params: Sequence[Variable]) -> dict[Variable, list[Node]]:
    """For each of `params` that `loss` reads by K.gather along axis 0 and in no other way, those gathers."""
    wanted = set(params)
    found: dict[Variable, list[Node]] = {}
    otherwise: set[Variable] = set()
    for node in nodes_between([loss]):
        for read in wanted.intersection(t for t in inputs_of(node) if isinstance(t, Variable)):
            if _looks_up(node, read):
                found.setdefault(read, []).append(node)
            else:
                otherwise.add(read)
    return {p: nodes for p, nodes in found.items() if p not in otherwise}


def _looks_up(node: Node, param: Variable) -> bool:
    if node.op.name != "gather":
        return False
    reference, _, axis = node.arguments
    return reference is param and normalize_axis(axis, reference.ndim) == 0


class Uses:
    """The gradient of a parameter, use by use."""

    def __init__(self, loss: SymbolicTensor, param: Variable, nodes: Sequence[Node]) -> None:
        self.param = param
        self.indices = [node.arguments[1] for node in nodes]
        self.gradients = K.gradients(loss, [node.outputs[0] for node in nodes])

    def total(self, change: Callable[[SymbolicTensor], SymbolicTensor]) -> SymbolicTensor:
        """The gradient of the parameter, after `change` was made to that of each use."""
        result = K.zeros_like(self.param)
        for indices, gradient in zip(self.indices, self.gradients, strict=True):
            if gradient is not None:
                result = operation("scatter_add")(result, indices, change(gradient))
        return result
