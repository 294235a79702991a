"""Walking graphs: order, reachability, and rebuilding with parts replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .tensor import Node, SymbolicTensor, scope


def inputs_of(node: Node) -> list[SymbolicTensor]:
    """Every tensor that `node` reads, captured ones of its bodies included."""
    found: list[SymbolicTensor] = []
    for argument in node.arguments:
        if isinstance(argument, SymbolicTensor):
            found.append(argument)
        elif isinstance(argument, (tuple, list)):
            found.extend(a for a in argument if isinstance(a, SymbolicTensor))
    return found


def nodes_between(outputs: Iterable[SymbolicTensor], stop: Iterable[SymbolicTensor] = ()) -> list[Node]:
    """The nodes that `outputs` depend on, in an order in which they can run; not beyond tensors in `stop`."""
    stopped = set(stop)
    seen: dict[int, Node] = {}
    stack = [t.node for t in outputs if t.node is not None and t not in stopped]
    while stack:
        node = stack.pop()
        if node.id in seen:
            continue
        seen[node.id] = node
        stack.extend(t.node for t in inputs_of(node) if t.node is not None and t not in stopped)
    # a node is made after what it reads, so the order of ids is an order in which they can run
    return [seen[i] for i in sorted(seen)]


def tensors_between(
    outputs: Sequence[SymbolicTensor], inputs: Sequence[SymbolicTensor]
) -> set[SymbolicTensor]:
    """`inputs`, `outputs` and every tensor on the way from the ones to the others, and what is read beside it."""
    found: set[SymbolicTensor] = {*inputs, *outputs}
    for node in nodes_between(outputs, inputs):
        found.update(node.outputs)
        found.update(inputs_of(node))
    return found


def leaves_of(outputs: Iterable[SymbolicTensor]) -> list[SymbolicTensor]:
    """Placeholders, variables and constants that `outputs` depend on, each once."""
    found = {t: None for t in outputs if t.node is None}
    for node in nodes_between(outputs):
        found.update({t: None for t in inputs_of(node) if t.node is None})
    return list(found)


def dependents(nodes: Sequence[Node], sources: Iterable[SymbolicTensor]) -> set[SymbolicTensor]:
    """`sources` and every output of `nodes` that depends on one of them."""
    found = set(sources)
    for node in nodes:
        if any(t in found for t in inputs_of(node)):
            found.update(node.outputs)
    return found


def substitute(arguments: Sequence[Any], swap: Callable[[SymbolicTensor], SymbolicTensor]) -> tuple[Any, ...]:
    """`arguments` with every tensor replaced by `swap(tensor)`."""
    result: list[Any] = []
    for argument in arguments:
        if isinstance(argument, SymbolicTensor):
            result.append(swap(argument))
        elif isinstance(argument, (tuple, list)) and any(isinstance(a, SymbolicTensor) for a in argument):
            result.append(tuple(swap(a) if isinstance(a, SymbolicTensor) else a for a in argument))
        else:
            result.append(argument)
    return tuple(result)


def rebuild(
    outputs: Sequence[SymbolicTensor], replaced: dict[SymbolicTensor, SymbolicTensor]
) -> list[SymbolicTensor]:
    """`outputs` computed from the tensors in `replaced` (old -> new); untouched parts are shared."""
    swap = dict(replaced)
    for node in nodes_between(outputs, replaced):
        if any(t in swap for t in inputs_of(node)):
            with scope(node.scope):
                made = node.op.symbolic(list(substitute(node.arguments, lambda t: swap.get(t, t))))
            swap.update(zip(node.outputs, made if isinstance(made, list) else [made], strict=True))
    return [swap.get(t, t) for t in outputs]


def copied(
    outputs: Sequence[SymbolicTensor], replaced: dict[SymbolicTensor, SymbolicTensor]
) -> list[SymbolicTensor]:
    """Like `rebuild`, with every node made anew, so that all of it was made now."""
    swap = dict(replaced)
    for node in nodes_between(outputs, replaced):
        with scope(node.scope):
            made = node.op.symbolic(list(substitute(node.arguments, lambda t: swap.get(t, t))))
        swap.update(zip(node.outputs, made if isinstance(made, list) else [made], strict=True))
    return [swap.get(t, t) for t in outputs]
