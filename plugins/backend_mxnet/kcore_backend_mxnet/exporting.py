"""A model as MXNet's own files, `PREFIX-symbol.json` and `PREFIX-0000.params`, for programs that know MXNet only."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from kcore.extending import engine
from kcore.spi import ArgumentError, Unsupported

from .compiled import Compiled, Layout, Piece
from .values import mx, running


def export(model: Any, prefix: str, batch_size: int = 1) -> list[str]:
    """Writes what `model.predict` computes; returns the names of the graph's inputs.

    prefix: path and start of the files' names. batch_size: rows in one call of the exported graph, as its shapes are
    fixed. Read back by `mx.model.load_checkpoint(prefix, 0)`, `mx.mod.Module` or `mx.gluon.SymbolBlock.imports`. A
    single input is named `data`, several by the model's `input_names`; weights keep their names, with `_` for `/`.

    Raises ArgumentError for a model on another engine, Unsupported for one that is no single graph (it has branches,
    loops of unknown length, or draws random numbers when it predicts).
    """
    home = engine("mxnet")
    if batch_size < 1:
        raise ArgumentError(f"batch_size={batch_size!r}: give a whole number above 0.")
    step = model._steps.predict()
    if step.engine is not home or not isinstance(step.compiled, Compiled):
        raise ArgumentError(
            f"the model is on engine {step.engine.name!r} or runs eagerly; model.to_backend('mxnet') moves it."
        )
    # normalisations stay operations of their own, with the weights that the model has
    plain = Compiled(home, step.compiled.source, step.compiled.device, folding=False)
    graph, parameters, names = _traced(plain, model, batch_size)
    graph.save(f"{prefix}-symbol.json")
    states = set(graph.list_auxiliary_states())
    kinds = {name: "aux" if name in states else "arg" for name in parameters}
    mx.nd.save(
        f"{prefix}-0000.params", {f"{kinds[name]}:{name}": array for name, array in parameters.items()}
    )
    return names


def _traced(compiled: Compiled, model: Any, rows: int) -> tuple[Any, dict[str, Any], list[str]]:
    program = compiled.program
    shapes = [(rows, *program.specs[s].shape[1:]) for s in program.inputs]
    if any(None in shape for shape in shapes):
        raise ArgumentError(
            f"inputs of shapes {shapes} have sizes that are not known; a graph for MXNet needs all."
        )
    given = [
        running(np.zeros(s), program.specs[i].dtype) for s, i in zip(shapes, program.inputs, strict=True)
    ]
    # what runs between graphs shows itself when the program runs
    compiled.run(given)
    layout = compiled._layout or Layout(compiled.engine, program, compiled._hosted, compiled._asked, set())
    if len(layout.steps) != 1 or not isinstance(layout.steps[0], Piece):
        raise Unsupported(
            f"{program.name} is no single graph: it branches, loops or draws random numbers while it predicts, or it "
            "computes nothing."
        )
    piece = layout.steps[0]
    names = ["data"] if len(given) == 1 else list(model.input_names)
    called = dict(zip(program.inputs, names, strict=True))
    values = dict(zip(program.inputs, given, strict=True))
    stored: dict[str, Any] = {}
    for slot, variable in program.variables.items():
        called[slot] = _unused(re.sub(r"[^A-Za-z0-9_.]", "_", variable.name), {*stored, *names})
        values[slot] = variable.storage(compiled.engine).snapshot()
        stored[called[slot]] = values[slot].base
    graph = piece.traced([values[s] for s in piece.inputs], called)
    made = dict(zip(piece.outputs, graph.results, strict=True))
    outputs = [made.get(s) for s in program.outputs]
    if graph.symbol is None or any(o is None or o[0] != "made" for o in outputs):
        raise Unsupported(
            f"{program.name} gives an input or a constant as it is; that is no graph for MXNet."
        )
    symbol = mx.sym.Group([graph.symbol[o[1]] for o in outputs if o is not None])
    wanted = set(symbol.list_inputs())
    stored.update(graph.constants)
    return symbol, {k: v for k, v in stored.items() if k in wanted}, names


def _unused(name: str, taken: set[str]) -> str:
    """`name`, or with a number where several variables have it."""
    number, free = 1, name
    while free in taken:
        number, free = number + 1, f"{name}_{number + 1}"
    return free
