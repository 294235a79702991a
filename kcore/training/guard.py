"""Steps that look at their own numbers: where something is not finite nothing is written, and its place is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend as K
from .. import dtypes
from ..backend.declare import operation
from ..backend.graph import nodes_between
from ..backend.program import chained
from ..backend.variables import Update, Variable
from ..errors import NotFinite


class Guard:
    """What is looked at in each step, in the order in which it is computed.

    action: 'raise' or 'stop'. After the first step with something that is not finite no step writes anything, so
    it does not matter how many run in one call.
    """

    def __init__(self, action: str) -> None:
        self.action = action
        self.places: list[tuple[str, Any]] = []  # what is said of each check, and its layer or None
        self.tripped = Variable(0.0, K.floatx(), name="not_finite", trainable=False)

    def around(
        self, outputs: Sequence[Any], updates: Sequence[Update], watched: Sequence[tuple[str, Any, Any]]
    ) -> tuple[Any, list[Update]]:
        """The program's vector of logs with the checks behind it, and updates that hold back.

        watched: (words, layer or None, tensor).
        """
        updates = chained(updates)
        checks = [*watched, *((f"the new value of {u.variable.name!r}", None, u.value) for u in updates)]
        checks = [c for c in checks if dtypes.is_float(c[2].dtype)]
        self.places = [(words, layer) for words, layer, _ in checks]
        totals = K.stack([_total(tensor) for _, _, tensor in checks])
        flags = 1.0 - K.cast(operation("isfinite")(totals), outputs[0].dtype)
        bad = K.maximum(self.tripped, K.max(flags))
        fine = K.equal(bad, 0.0)
        held = [Update(u.variable, operation("where")(fine, u.value, u.variable)) for u in updates]
        return K.concatenate([K.stack(list(outputs)), flags]), [*held, Update(self.tripped, bad)]

    def first(self, rows: np.ndarray, logs: int) -> tuple[int, int] | None:
        """(row, check) of the first thing that is not finite in the results of steps, None if all is well."""
        bad = rows[:, logs:] > 0
        steps = np.flatnonzero(bad.any(axis=1))
        return (int(steps[0]), int(np.flatnonzero(bad[steps[0]])[0])) if len(steps) else None

    def error(self, check: int, where: str) -> NotFinite:
        """What to tell of check number `check`."""
        words, layer = self.places[check]
        broken = [w.name for w in getattr(layer, "weights", []) if not np.isfinite(w.numpy()).all()]
        if broken:
            words += f" (its weight {broken[0]!r} was not finite before)"
        return NotFinite(
            f"{where}: {words} is NaN or infinite; everything computed before it was finite. The step was not applied: "
            "weights and optimizer are as they were. A smaller learning rate, clipnorm, or a look at this batch may help."
        )


def _total(tensor: Any) -> Any:
    """The sum of all of a tensor: finite if and only if all of it is (or so large that float32 ends, as bad)."""
    return K.sum(K.cast(tensor, dtypes.at_least_float32(tensor.dtype)))


def watched_in(model: Any, fed: Sequence[Any], compiled: Any) -> list[tuple[str, Any, Any]]:
    """Data, outputs of layers in the order in which they were called, losses."""
    found = [(f"input {t.name.removesuffix(':0')!r}", None, t) for t in fed[: len(model.inputs)]]
    reached = {t for node in nodes_between([compiled.total_loss, *model.outputs]) for t in node.outputs}
    called = [
        (tensor.id, f"the output of layer {layer.name!r}", layer, tensor)
        for layer in _all_layers(model)
        for node in layer._inbound_nodes
        for tensor in node.output_tensors
        if tensor in reached
    ]
    found += [(words, layer, tensor) for _, words, layer, tensor in sorted(called, key=lambda c: c[0])]
    found += [(f"the loss of output {h.name!r}", None, h.value) for h in compiled.trained]
    return [*found, ("the loss", None, compiled.total_loss)]


def _all_layers(model: Any) -> list[Any]:
    found: dict[int, Any] = {}
    waiting = list(model.layers)
    while waiting:
        layer = waiting.pop(0)
        if id(layer) not in found:
            found[id(layer)] = layer
            waiting.extend(layer._sublayers)
    return list(found.values())
