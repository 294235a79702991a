"""Step programs: one for training, one for testing, one for predicting, lowered and compiled once each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend as K
from ..backend.program import Opened, Program
from ..backend.random_state import RANDOM_COUNTER
from ..backend.tensor import Placeholder, is_symbolic, numpy_dtype
from ..backend.variables import Update, Variable, as_update, placed_together
from ..kernel.context import engine as engine_named
from ..kernel.flat import FlatProgram
from .compile import Compiled, Head, logs_of, ones_for
from .custom import CustomStep, traced
from .guard import Guard, watched_in
from .step import Step


class Steps:
    """The steps of one model. They are made when first needed and kept until `forget`."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.counter = Variable(0, RANDOM_COUNTER.dtype, name="random_counter", trainable=False)
        self._made: dict[Any, Step] = {}
        self._training: list[Update] | None = None
        self.guard: Guard | None = None  # looks at the steps of the training that runs
        self._lock = threading.RLock()

    def forget(self) -> None:
        with self._lock:
            self._made.clear()
            self._training = None

    def release_guard(self) -> None:
        """The training is over; its steps are of no further use."""
        guard, self.guard = self.guard, None
        if guard is not None:
            with self._lock:
                self._made = {k: v for k, v in self._made.items() if guard not in k[1]}

    def train(self, compiled: Compiled, weighted: tuple[int, ...], alone: bool = False) -> Step:
        """One batch of training; `weighted` are the outputs whose rows have weights.

        `alone`: the metrics are those of this batch, and their variables are neither read nor written, so that
        they need not be reset.
        """
        return self._step(
            "train",
            (weighted, alone, self.guard),
            lambda: self._fitting(compiled, weighted, training=True, alone=alone),
        )

    def test(self, compiled: Compiled, weighted: tuple[int, ...], alone: bool = False) -> Step:
        return self._step(
            "test", (weighted, alone), lambda: self._fitting(compiled, weighted, training=False, alone=alone)
        )

    def predict(self) -> Step:
        outputs = tuple(self.model.outputs)
        return self._step("predict", outputs, self._predicting)

    def custom(self, mode: str, packed: Any) -> Any:
        """The step of a user's class (see `training.custom`) for data like `packed`; traced once for each kind."""
        known: dict[str, Any] = {}
        guard = self.guard if mode == "train" else None

        def make() -> Program:
            program, found = traced(self.model, mode, packed, guard)
            known.update(found)
            program.givens = self._givens(1 if mode == "train" else 0)
            return program

        return self._step(
            mode,
            ("custom", packed.signature),
            make,
            lambda step: CustomStep(step.engine, step.compiled, **known),
        )

    # making -------------------------------------------------------------------------------------------------
    def _step(
        self,
        mode: str,
        variant: Any,
        make: Callable[[], Program],
        finish: Callable[[Step], Step] = lambda step: step,
    ) -> Step:
        engine = engine_named(getattr(self.model, "backend", None))
        key = (mode, variant, engine.name)
        step = self._made.get(key)
        if step is None:
            with self._lock:
                step = self._made.get(key)
                if step is None:
                    step = self._made[key] = finish(self._lowered(make(), engine))
        return step

    def lowered(self, mode: str) -> tuple[Any, FlatProgram, list[Opened]]:
        """The engine, the flat program of 'train', 'test' or 'predict', and the composites opened in it."""
        engine = engine_named(getattr(self.model, "backend", None))
        compiled, opened = self.model._compiled, []
        program = (
            self._predicting() if mode == "predict" else self._fitting(compiled, (), mode == "train", False)
        )
        return engine, self._flat(program, engine, opened), opened

    def _flat(self, program: Program, engine: Any, opened: list[Opened]) -> FlatProgram:
        flat = program.lower(engine, opened)
        if any(v is self.counter for v in flat.variables.values()):
            # the step draws numbers: other ones each time
            program.updates = [*program.updates, Update(self.counter, self.counter + 1)]
            opened.clear()
            flat = program.lower(engine, opened)
        return flat

    def _lowered(self, program: Program, engine: Any) -> Step:
        flat = self._flat(program, engine, [])
        options = {
            "device": placed_together(flat.handles(), getattr(self.model, "_device", None)),
            "eager": bool(getattr(self.model, "run_eagerly", False)),
            "jit_compile": getattr(self.model, "jit_compile", "auto"),
        }
        return Step(engine, engine.compile(flat, **options))

    def _givens(self, phase: int) -> dict[Any, Any]:
        givens: dict[Any, Any] = {RANDOM_COUNTER: self.counter}
        learning_phase = K.learning_phase()
        if is_symbolic(learning_phase):
            givens[learning_phase] = phase
        return givens

    def _fitting(self, compiled: Compiled, weighted: tuple[int, ...], training: bool, alone: bool) -> Program:
        model = self.model
        givens = self._givens(1 if training else 0)
        fed = [*fed_inputs(model), *(h.target for h in fed_targets(compiled))]
        for head in compiled.trained:
            if head.index in weighted:
                fed.append(head.sample_weight)
            else:
                givens[head.sample_weight] = ones_for(head)
        updates = [u for m in compiled.measures for u in m.updates]
        if alone:
            givens.update(
                (u.variable, np.zeros(u.variable.shape, numpy_dtype(u.variable.dtype))) for u in updates
            )
            updates = []
        updates += (
            self._training_updates(compiled) if training else [as_update(u) for u in model.state_updates]
        )
        logs = logs_of([compiled.total_loss, *(m.result for m in compiled.measures)])
        result = K.stack(logs)
        if training and self.guard is not None:
            result, updates = self.guard.around(logs, updates, watched_in(model, fed, compiled))
        return Program(
            inputs=fed,
            outputs=[result],
            updates=updates,
            givens=givens,
            name=f"{model.name}_{'train' if training else 'test'}_step",
            rows_together=True,
        )

    def prepare_training(self, compiled: Compiled) -> list[Update]:
        """The optimizer's updates, asked for once: it makes its variables there."""
        if self._training is None:
            made = compiled.optimizer.get_updates(loss=compiled.total_loss, params=compiled.params)
            self._training = [as_update(u) for u in made]
        return self._training

    def _training_updates(self, compiled: Compiled) -> list[Update]:
        return [*self.prepare_training(compiled), *(as_update(u) for u in self.model.updates)]

    def _predicting(self) -> Program:
        model = self.model
        return Program(
            inputs=fed_inputs(model),
            outputs=list(model.outputs),
            updates=[as_update(u) for u in model.state_updates],
            givens=self._givens(0),
            name=f"{model.name}_predict_step",
            rows_together=True,
        )


def fed_inputs(model: Any) -> list[Any]:
    """The inputs that need data at each call."""
    return [t for t in model.inputs if isinstance(t, Placeholder) and t.default is None]


def fed_input_names(model: Any) -> list[str]:
    pairs = zip(model.input_names, model.inputs, strict=True)
    return [n for n, t in pairs if isinstance(t, Placeholder) and t.default is None]


def fed_targets(compiled: Compiled) -> list[Head]:
    """The outputs whose targets need data at each call (a target may be a tensor given to compile)."""
    return [h for h in compiled.trained if isinstance(h.target, Placeholder)]
