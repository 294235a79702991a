"""The part of a model that is asked for predictions."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..callbacks import make_list
from ..errors import ArgumentError, DataError
from .adapters import adapted
from .compiling import Compiling
from .data import check_batch_size, check_stateful, is_batches
from .feeding import feed_inputs, from_tensors, needs_no_data, rows_in
from .progress import Line, resolved
from .results import close, single
from .rows import concrete
from .sources import BatchSource, Reading, warn_ended
from .steps import fed_inputs


class Predicting(Compiling):
    """`predict`, `predict_on_batch` and what they are made of."""

    def predict(
        self,
        x,
        batch_size=None,
        verbose=0,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
    ):
        """The outputs for `x`, computed in batches: an array, or a list of them for several outputs."""
        x = adapted(x)
        x = self._without_data("predict", steps, "steps", x) or x
        if is_batches(x):
            reading = Reading(workers, use_multiprocessing, max_queue_size)
            return self._predict_batches(x, steps, verbose, callbacks, reading)
        inputs, step = self._to_predict(x)
        rows = len(inputs[0])
        size = check_batch_size(batch_size, steps, rows)
        check_stateful(
            self, rows, min(size, rows)
        )  # one smaller batch alone is as good as a whole one (Keras 2)
        total = -(-rows // size) if steps is None else steps
        hears = self._predict_callbacks(callbacks, total, verbose, size, rows)
        line = Line(total, resolved(verbose)) if resolved(verbose) else None
        results: list[np.ndarray] = []
        windows = [slice(i * size, (i + 1) * size) for i in range(total)]
        batches = ([a[window] for a in inputs] for window in windows)
        for i, (window, made) in enumerate(zip(windows, self._in_turn(step, batches, hears), strict=True)):
            if not results:
                results = [np.empty((min(rows, total * size), *m.shape[1:]), m.dtype) for m in made]
            for whole, part in zip(results, made, strict=True):
                whole[window] = part
            if line is not None:
                line.update(i + 1, {})
        if line is not None:
            line.finish(total, {})
        if hears is not None:
            hears.on_predict_end()
        return single(results)

    def _without_data(self, mode: str, steps: Any, argument: str, *given: Any) -> Any:
        """Batches without data, if nothing was given and the model needs none; else None."""
        if self._customized(mode) or not self.outputs or fed_inputs(self):
            return None
        compiled = None if mode == "predict" else self._current(None)
        return from_tensors(steps, argument) if needs_no_data(compiled, *given) else None

    def _predict_callbacks(self, callbacks, steps, verbose, batch_size=None, rows=None):
        if not callbacks:
            return None
        params = {"batch_size": batch_size, "steps": steps, "samples": rows, "verbose": verbose}
        hears = make_list(self, callbacks, params)
        hears.on_predict_begin()
        return hears

    def _to_predict(self, x: Any) -> tuple[list[Any], Any]:
        """The arrays for the model's inputs, and the step that takes them."""
        if self._customized("predict"):
            fed = self._fed("predict", x)
            return fed.arrays, self._step("predict", fed)
        self._built_for(x)
        return feed_inputs(self, x, nan="pass"), self._steps.predict()

    def _predicted(self, step: Any, arrays: Sequence[np.ndarray], index: int, hears: Any) -> list[np.ndarray]:
        if hears is None:
            return step(arrays)
        logs = {"batch": index, "size": rows_in(arrays)}
        hears.batch_hook("predict", "begin", index, logs)
        made = step(arrays)
        hears.batch_hook("predict", "end", index, {**logs, "outputs": made})
        return made

    def _in_turn(self, step: Any, batches: Iterable[Any], hears: Any) -> Iterator[list[np.ndarray]]:
        """What `step` gives for each of the batches; an engine that works by itself gets some of them ahead."""
        ahead = step.engine.ahead if hears is None else 0
        begun: deque[Any] = deque()
        for i, arrays in enumerate(batches):
            if ahead:
                begun.append(step.begin(arrays))
            else:
                yield self._predicted(step, arrays, i, hears)
            if len(begun) > ahead:
                yield step.read(begun.popleft())
        while begun:
            yield step.read(begun.popleft())

    def _predict_batches(self, batches, steps, verbose, callbacks, reading):
        sequence = getattr(batches, "use_sequence_api", False)  # it may be an iterator without end as well
        if steps is None and not sequence and hasattr(batches, "__next__"):
            raise ArgumentError("steps is needed with a generator: it does not tell where the data end.")
        known = len(batches) if steps is None and hasattr(batches, "__len__") else steps
        hears = self._predict_callbacks(callbacks, known, verbose)
        line = Line(known, resolved(verbose)) if resolved(verbose) else None
        made: list[list[np.ndarray]] = []

        def run(item: Any) -> tuple[np.ndarray, int]:
            x = item[0] if isinstance(item, tuple) else item
            inputs, step = self._to_predict(x)
            arrays = [concrete(a) for a in inputs]
            made.append(self._predicted(step, arrays, len(made), hears))
            if line is not None:
                line.update(len(made), {})
            return np.zeros(1), rows_in(arrays)

        source = BatchSource(batches, run, steps, reading=reading)
        try:
            source.start()
            source.run(0, sys.maxsize if source.steps is None else source.steps)
            source.finish()
        finally:
            close(source)
        if line is not None:
            line.finish(len(made), {})
        warn_ended(source.steps, len(made))
        if not made:
            raise DataError("the data set is empty: the generator gave no batch.")
        if hears is not None:
            hears.on_predict_end()
        return single([np.concatenate(parts) for parts in zip(*made, strict=True)])

    def predict_on_batch(self, x):
        """The outputs for one batch."""
        inputs, step = self._to_predict(x)
        return single(step([concrete(a) for a in inputs]))
