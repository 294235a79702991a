"""The table that `model.summary()` prints: Keras 2.3.1's, but wide enough for what it has to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..shapes import describe

# where the columns end, as parts of the line, and how long the line is
_CHAIN = (65, (0.45, 0.85, 1.0))
_GRAPH = (98, (0.33, 0.55, 0.67, 1.0))
_HEADS = ("Layer (type)", "Output Shape", "Param #", "Connected to")


def _shape_of(layer: Any) -> str:
    try:
        shape = layer.output_shape
    except AttributeError:
        return "multiple" if layer._inbound_nodes else "?"
    return f"[{', '.join(describe(s) for s in shape)}]" if isinstance(shape, list) else describe(shape)


def _nodes(model: Any) -> dict[int, list[Any]]:
    """The calls of each layer that belong to the model, by the layer's id; all calls of a model without a graph."""
    kept = {id(n) for n in model._graph_nodes}
    return {
        id(layer): [n for n in layer._inbound_nodes if not kept or id(n) in kept] for layer in model.layers
    }


def _connections(nodes: Sequence[Any]) -> list[str]:
    return [
        f"{before.name}[{i}][{j}]"
        for node in nodes
        for before, i, j in zip(node.inbound_layers, node.node_indices, node.tensor_indices, strict=False)
    ]


def _is_chain(model: Any, nodes: dict[int, list[Any]]) -> bool:
    """Whether every layer follows the one before it and nothing else."""
    if not model._graph_nodes or type(model).__name__ == "Sequential":
        return True
    calls = [n for of_layer in nodes.values() for n in of_layer]
    before = [id(la) for n in calls for la in n.inbound_layers]
    one_each = all(len(n.inbound_layers) <= 1 for n in calls) and all(len(v) == 1 for v in nodes.values())
    return one_each and len(before) == len(set(before)) == len(calls) - 1


def _count(weights: Any) -> int:
    return sum(int(np.prod(w.shape, dtype=int)) for w in weights)


def _ends(rows: Sequence[Sequence[str]], line_length: int | None, positions: Any, chain: bool) -> list[int]:
    """Where each column ends. Without wishes of the user's a column grows until nothing is cut off."""
    usual_length, usual_positions = _CHAIN if chain else _GRAPH
    wanted = list(positions or usual_positions)
    length = line_length or usual_length
    ends = [int(length * p) for p in wanted] if wanted[-1] <= 1 else [int(p) for p in wanted]
    if line_length or positions:
        return ends
    grown: list[int] = []
    for column, end in enumerate(ends):
        usual = end - (ends[column - 1] if column else 0)
        needed = max(len(row[column]) for row in rows if column < len(row)) + 1
        grown.append((grown[-1] if grown else 0) + max(usual, needed))
    return grown


def _line(row: Sequence[str], ends: Sequence[int]) -> str:
    text = ""
    for i, (field, end) in enumerate(zip(row, ends, strict=False)):
        text = (text[:-1] + " " if i else "") + field
        text = text[:end].ljust(end)
    return text


def _layer_rows(layer: Any, connections: list[str], chain: bool) -> list[list[str]]:
    row = [f"{layer.name} ({type(layer).__name__})", _shape_of(layer), str(_count(layer.weights))]
    if chain:
        return [row]
    first, *further = connections or [""]
    return [[*row, first], *(["", "", "", c] for c in further)]


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Any = None,
    print_fn: Callable[..., Any] | None = None,
) -> None:
    """A table of layers, output shapes and numbers of weights, then the totals.

    `positions`: where columns end, in characters or as parts of the line. What does not fit into a `line_length` or
    `positions` given is cut off; otherwise the table is as wide as it needs to be, 65 or 98 characters at least.
    """
    tell = print_fn or print
    nodes = _nodes(model)
    chain = _is_chain(model, nodes)
    heads = list(_HEADS[:3] if chain else _HEADS)
    layers = [_layer_rows(la, _connections(nodes[id(la)]), chain) for la in model.layers]
    ends = _ends([heads, *(row for rows in layers for row in rows)], line_length, positions, chain)
    width = line_length or ends[-1]
    tell(f'Model: "{model.name}"')
    tell("_" * width)
    tell(_line(heads, ends))
    tell("=" * width)
    for i, rows in enumerate(layers):
        for row in rows:
            tell(_line(row, ends))
        tell(("=" if i == len(layers) - 1 else "_") * width)
    trained, fixed = _count(model.trainable_weights), _count(model.non_trainable_weights)
    tell(f"Total params: {trained + fixed:,}")
    tell(f"Trainable params: {trained:,}")
    tell(f"Non-trainable params: {fixed:,}")
    tell("_" * width)
