"""The calls of layers that a model's outputs come from, as one pure graph of batch, weights and random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import backend as K
from ..backend.control import Body
from ..backend.graph import leaves_of, nodes_between
from ..backend.random_state import RANDOM_COUNTER
from ..backend.recording import Call, recording
from ..backend.tensor import Placeholder, SymbolicTensor
from ..backend.variables import Variable
from ..dtypes import canonical
from ..errors import ArgumentError
from ..layers import InputLayer
from ..models.network import Network
from ..training.steps import fed_inputs


@dataclass(frozen=True)
class Traced:
    """A model's graph for one batch.

    inputs: what the batch is fed to. calls: of layers, in the order of the graph, those of models within laid open.
    weights: every variable that is read. drawn: the random numbers, to be fed so that all engines have the same.
    givens: what stands for the learning phase and the random counter.
    """

    inputs: list[SymbolicTensor]
    outputs: list[SymbolicTensor]
    calls: list[Call]
    weights: list[Variable]
    drawn: list[SymbolicTensor]
    givens: dict[SymbolicTensor, Any]


def traced(model: Any, arrays: Sequence[np.ndarray] | None, training: bool) -> Traced:
    """Runs the layers of `model` once on symbols. Raises ArgumentError where its inputs are not known."""
    inputs = _inputs(model, arrays)
    given = inputs if len(inputs) > 1 else inputs[0]
    with recording(training) as tracing:
        made = model(given)
    outputs = list(made) if isinstance(made, (list, tuple)) else [made]
    phase = K.learning_phase()
    givens: dict[SymbolicTensor, Any] = {RANDOM_COUNTER: np.array(1, RANDOM_COUNTER.dtype)}
    if isinstance(phase, SymbolicTensor):
        givens[phase] = int(training)
    weights = [t for t in leaves_of(outputs) if isinstance(t, Variable)]
    drawn = [o for n in nodes_between(outputs) if n.op.name.startswith("random_") for o in n.outputs]
    return Traced(inputs, outputs, _laid_open(tracing.calls), weights, drawn, givens)


def _inputs(model: Any, arrays: Sequence[np.ndarray] | None) -> list[SymbolicTensor]:
    if model.inputs:
        return [Placeholder(t.shape, t.dtype, t.name) for t in fed_inputs(model)]
    if arrays is None:
        raise ArgumentError(
            f"model {model.name!r} is written in Python and does not know its inputs: give a batch of data."
        )
    kinds = [K.floatx() if a.dtype.kind == "f" else canonical(a.dtype) for a in arrays]
    return [Placeholder((None, *a.shape[1:]), kind) for a, kind in zip(arrays, kinds, strict=True)]


def _laid_open(calls: Sequence[Call]) -> list[Call]:
    """The calls of layers proper: those of models are told by the layers within, if there are any."""
    holders = {id(c.layer) for call in calls for c in [call] if isinstance(c.layer, Network)}
    filled = {id(outer) for call in calls for outer in call.within if id(outer) in holders}
    return [
        call
        for call in calls
        if all(isinstance(outer, Network) for outer in call.within)
        and id(call.layer) not in filled
        and not isinstance(call.layer, InputLayer)
    ]


def path_of(call: Call) -> str:
    """The layer's name, after those of the models within the model that hold it."""
    return "/".join([*(outer.name for outer in call.within[1:]), call.layer.name])


def draws_in_a_loop(outputs: Sequence[SymbolicTensor]) -> bool:
    """Whether random numbers are drawn inside a loop or branch, where they cannot be fed."""
    for node in nodes_between(outputs):
        for argument in node.arguments:
            if isinstance(argument, Body):
                inner = nodes_between(argument.outputs)
                if any(n.op.name.startswith("random_") for n in inner) or draws_in_a_loop(argument.outputs):
                    return True
    return False
