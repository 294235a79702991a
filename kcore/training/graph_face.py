"""The tensors and functions that Keras 2's models show of their training graph, for code that builds upon them."""

from __future__ import annotations

from typing import Any

from .. import backend as K
from ..backend.graph import leaves_of
from ..backend.phases import LEARNING_PHASE
from ..backend.tensor import Placeholder, SymbolicTensor, is_symbolic
from ..errors import NotCompiled


class GraphFace:
    """`metrics_tensors`, `uses_learning_phase`, `train_function` and its like; for compiled functional models.

    Beside them stand `targets`, `sample_weights` and `total_loss`, which `compile` sets.
    """

    inputs: list[Any]
    outputs: list[Any]
    _compiled: Any
    _steps: Any
    name: str

    def _graph(self) -> Any:
        if getattr(self, "_compiled", None) is None:
            raise NotCompiled(
                f"model {self.name!r} has no graph for training yet: call compile() first; a model without inputs of its "
                "own has one once it was given data."
            )
        return self._compiled

    @property
    def metrics_tensors(self) -> list[SymbolicTensor]:
        """The value of each metric after a batch, in the order of `metrics_names` (without the loss)."""
        return [m.result for m in self._graph().measures]

    @property
    def stateful_metric_names(self) -> list[str]:
        return [m.name for m in self._graph().measures]

    @property
    def uses_learning_phase(self) -> bool:
        """Whether the outputs differ between training and inference."""
        return LEARNING_PHASE in leaves_of(self.outputs)

    # what is fed ----------------------------------------------------------------------------------------------
    @property
    def _feed_inputs(self) -> list[SymbolicTensor]:
        return [t for t in self.inputs if isinstance(t, Placeholder) and t.default is None]

    @property
    def _feed_targets(self) -> list[SymbolicTensor]:
        return [h.target for h in self._graph().trained if isinstance(h.target, Placeholder)]

    @property
    def _feed_sample_weights(self) -> list[SymbolicTensor]:
        return [h.sample_weight for h in self._graph().trained]

    # functions ------------------------------------------------------------------------------------------------
    @property
    def train_function(self) -> Any:
        """K.function([*inputs, *targets, *sample weights, phase if used]) -> [loss, *metrics]; trains one batch."""
        graph = self._graph()

        def updates() -> list[Any]:
            return [
                *self._steps.prepare_training(graph),
                *self.updates,
                *(u for m in graph.measures for u in m.updates),
            ]  # type: ignore[attr-defined]

        return self._function("train", updates)

    @property
    def test_function(self) -> Any:
        """Like `train_function`, without training."""
        graph = self._graph()
        return self._function(
            "test",
            lambda: [*self.state_updates, *(u for m in graph.measures for u in m.updates)],  # type: ignore[attr-defined]
        )

    @property
    def predict_function(self) -> Any:
        """K.function([*inputs, phase if used]) -> outputs."""
        return self._kept(
            "predict",
            tuple(self.outputs),
            lambda: K.function(
                self._with_phase(self._feed_inputs),
                list(self.outputs),
                updates=self.state_updates,  # type: ignore[attr-defined]
                name=f"{self.name}_predict_function",
            ),
        )

    def _function(self, what: str, updates: Any) -> Any:
        graph = self._graph()

        def make() -> Any:
            fed = [*self._feed_inputs, *self._feed_targets, *self._feed_sample_weights]
            outputs = [graph.total_loss, *self.metrics_tensors]
            name = f"{self.name}_{what}_function"
            return K.function(self._with_phase(fed), outputs, updates=updates(), name=name)

        return self._kept(what, graph, make)

    def _with_phase(self, fed: list[SymbolicTensor]) -> list[SymbolicTensor]:
        phase = K.learning_phase()
        return [*fed, phase] if self.uses_learning_phase and is_symbolic(phase) else fed

    def _kept(self, what: str, made_for: Any, make: Any) -> Any:
        """What `make` gives, made once for each graph."""
        kept = self.__dict__.setdefault("_keras2_functions", {})
        if what not in kept or kept[what][0] != made_for:
            kept[what] = (made_for, make())
        return kept[what][1]

    def _forget_function(self, what: str) -> None:
        self.__dict__.get("_keras2_functions", {}).pop(what, None)


def _resettable(name: str) -> None:
    """`model.train_function = None`, as code of Keras 2's days has it, has the function made anew."""
    held: property = getattr(GraphFace, name)
    what = name.partition("_")[0]
    setattr(GraphFace, name, held.setter(lambda self, value: self._forget_function(what)))


for _name in ("train_function", "test_function", "predict_function"):
    _resettable(_name)
