"""The table that `model.summary()` prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._lazy import lazy_module
from ..shapes import describe

rich_console = lazy_module("rich.console")
rich_table = lazy_module("rich.table")


def _shape_of(layer: Any) -> str:
    try:
        shape = layer.output_shape
    except AttributeError:
        return "several" if layer._inbound_nodes else "?"
    return ", ".join(describe(s) for s in shape) if isinstance(shape, list) else describe(shape)


def _connections(layer: Any) -> str:
    told = []
    for node in layer._inbound_nodes:
        told += [f"{before.name}[{i}][{j}]" for before, i, j in
                 zip(node.inbound_layers, node.node_indices, node.tensor_indices, strict=False)]  # fmt: skip
    return "\n".join(told)


def _count(weights: Any) -> int:
    return sum(int(np.prod(w.shape, dtype=int)) for w in weights)


def print_summary(model: Any, line_length: int | None, print_fn: Callable[..., Any] | None) -> None:
    """A table of layers, output shapes and numbers of weights, then the totals."""
    branching = any(len(n.inbound_layers) > 1 for la in model.layers for n in la._inbound_nodes)
    table = rich_table.Table(title=f"Model: {model.name!r}", title_justify="left")
    for column in ("Layer (type)", "Output shape", *(["Connected to"] if branching else [])):
        table.add_column(column, overflow="fold")
    table.add_column("Weights", justify="right")
    for layer in model.layers:
        row = [f"{layer.name} ({type(layer).__name__})", _shape_of(layer)]
        table.add_row(*row, *([_connections(layer)] if branching else []), f"{_count(layer.weights):,}")
    console = rich_console.Console(width=line_length, highlight=False, markup=False)
    with console.capture() as captured:
        console.print(table)
    text = captured.get().rstrip("\n")
    trained, fixed = _count(model.trainable_weights), _count(model.non_trainable_weights)
    totals = (
        f"Total params: {trained + fixed:,}\nTrainable params: {trained:,}\nNon-trainable params: {fixed:,}"
    )
    for line in [*text.split("\n"), *totals.split("\n")]:
        (print_fn or print)(line)
