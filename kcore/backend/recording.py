"""Writing steps as if they ran line by line: updates are noted in their order, and what is computed after one reads
the new value. What comes out is one graph, as pure as any other, so that every engine can compile it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from .declare import operation
from .graph import inputs_of, nodes_between, substitute
from .tensor import SymbolicTensor, next_moment, scope
from .variables import Update, Variable, listen_to_assignments


@dataclass(frozen=True)
class Call:
    """One call of a layer: what went in and came out, masks included, and the layers in whose calls it stands."""

    layer: Any
    within: tuple[Any, ...]
    inputs: list[Any]
    masks: list[Any]
    outputs: list[Any]
    output_masks: list[Any]


class Recorder:
    """What a traced step does besides computing: `updates` with the moment at which each was made, and losses.

    training: False where updates of layers, such as moving averages, have no place.
    """

    def __init__(self, training: bool = True) -> None:
        self.training = training
        self.updates: list[tuple[int, Update]] = []
        self.losses: list[Any] = []
        self.called: list[tuple[Any, SymbolicTensor]] = []  # layers and their outputs, in order
        self.calls: list[Call] = []  # the same with inputs and masks
        self._open: list[Any] = []
        self.gathered: set[Variable] = set()  # the state of metrics
        self._frozen = 0

    def note(self, updates: Iterable[Update], gathered: bool = False) -> None:
        """Notes updates, each once. `gathered`: they are those of a metric."""
        moment, known = next_moment(), {id(u) for _, u in self.updates}
        for update in updates:
            if id(update) not in known:
                self.updates.append((moment, update))
            if gathered:
                self.gathered.add(update.variable)

    def note_of_layer(self, updates: Iterable[Update], stateful: bool) -> None:
        """Updates that a layer makes in `call`: those of a frozen one, or out of training, do not count."""
        if stateful or (self.training and not self._frozen):
            self.note(updates)

    @contextmanager
    def within(self, layer: Any) -> Iterator[None]:
        """While `layer` is called: what stands in a frozen layer is frozen."""
        frozen = not layer.trainable
        self._frozen += frozen
        self._open.append(layer)
        try:
            yield
        finally:
            self._open.pop()
            self._frozen -= frozen

    def note_call(self, layer: Any, inputs: Any, masks: Any, outputs: Any, output_masks: Any) -> None:
        parts = [
            list(v) if isinstance(v, (list, tuple)) else [v] for v in (inputs, masks, outputs, output_masks)
        ]
        self.calls.append(Call(layer, tuple(self._open), *parts))

    def in_sequence(self, outputs: Sequence[SymbolicTensor]) -> tuple[list[SymbolicTensor], list[Update]]:
        """`outputs` and one update per variable, where all that was made after an update reads the new value."""
        nodes = nodes_between([*outputs, *(u.value for _, u in self.updates)])
        writes = iter([*self.updates, (None, None)])
        moment, write = next(writes)
        now: dict[SymbolicTensor, SymbolicTensor] = {}  # variables, and tensors computed anew
        last: dict[Variable, SymbolicTensor] = {}

        def written() -> None:
            value = last[write.variable] = now.get(write.value, write.value)
            # a variable that is read holds numbers: no gradient goes back through what was written before
            now[write.variable] = operation("stop_gradient")(value)

        for node in nodes:
            while moment is not None and moment < node.id:
                written()
                moment, write = next(writes)
            if any(t in now for t in inputs_of(node)):
                with scope(node.scope):
                    made = node.op.symbolic(list(substitute(node.arguments, lambda t: now.get(t, t))))
                now.update(zip(node.outputs, made if isinstance(made, list) else [made], strict=True))
        while moment is not None:
            written()
            moment, write = next(writes)
        return [now.get(t, t) for t in outputs], [Update(v, t) for v, t in last.items()]

    def depends_on_metrics(self, tensor: SymbolicTensor) -> bool:
        """Whether `tensor` is computed from the state of a metric."""
        if tensor in self.gathered:
            return True
        return any(t in self.gathered for node in nodes_between([tensor]) for t in inputs_of(node))


_active: ContextVar[Recorder | None] = ContextVar("kcore_recorder", default=None)


def recorder() -> Recorder | None:
    """The recorder of the step that is being traced here, None outside."""
    return _active.get()


@contextmanager
def recording(training: bool = True) -> Iterator[Recorder]:
    """Within the block updates are noted, by whoever makes them."""
    made = Recorder(training)
    token = _active.set(made)
    try:
        yield made
    finally:
        _active.reset(token)


@contextmanager
def paused() -> Iterator[None]:
    """Within the block nothing is noted."""
    token = _active.set(None)
    try:
        yield
    finally:
        _active.reset(token)


def record(updates: Iterable[Update], gathered: bool = False) -> None:
    """Notes updates with the step that is being traced, if one is."""
    active = _active.get()
    if active is not None:
        active.note(updates, gathered)


listen_to_assignments(lambda update: record([update]))
