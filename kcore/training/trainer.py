"""`Trainer`: the part of a model that is fitted and evaluated."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..callbacks import History, ProgbarLogger, guard_of, make_list
from ..errors import ArgumentError, DataError, NotCompiled
from . import loop
from .adapters import adapted
from .custom import Packed, pack, unpack_x_y_sample_weight
from .data import check_batch_size, check_stateful, is_batches, split, unpack
from .feeding import Fed, feed
from .generator_faces import GeneratorFaces
from .predicting import Predicting
from .progress import resolved
from .results import close, due, refuse_with_batches, single
from .sources import ArraySource, BatchSource, Reading, Source


class Trainer(Predicting, GeneratorFaces):
    """Mixin for models: needs `inputs`, `outputs`, their names, weights, `losses`, `updates`."""

    # fit ----------------------------------------------------------------------------------------------------
    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_freq=1,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        **kwargs,
    ):
        """Trains for `epochs - initial_epoch` epochs; returns the History.

        x, y: arrays, lists or dicts of them, one per input and output (None for those that are the model's own
        tensors: `Input(tensor=...)`, `compile(target_tensors=...)`); or x alone: a generator of (x, y) or
        (x, y, sample_weight), a `Sequence`, or a data set of another library (docs/training.md lists what can be
        given). validation_split: this part at the end of the arrays is kept for validation. shuffle: each epoch in a
        new order; 'batch' keeps batches together. steps_per_epoch: steps in an epoch, necessary for endless
        generators. workers: threads that read batches ahead, or with use_multiprocessing processes; 0 reads in the
        main thread. max_queue_size: batches that are ready at most.

        Raises DataError, ShapeError or UnknownName for data that do not fit the model, NotCompiled before
        `compile`, WorkerDied if a process that reads ends without a word, and what a worker raised.
        """
        epochs = kwargs.pop("nb_epoch", epochs)
        if kwargs:
            raise TypeError(f"fit() has no argument {next(iter(kwargs))!r}")
        x, reading = adapted(x), Reading(workers, use_multiprocessing, max_queue_size)
        x = self._without_data("train", steps_per_epoch, "steps_per_epoch", x, y, sample_weight) or x
        self._steps.guard = guard_of(callbacks)
        if is_batches(x):
            refuse_with_batches(y=y, sample_weight=sample_weight, batch_size=batch_size)
            if validation_split:
                raise ArgumentError("validation_split needs arrays; give validation_data with a generator.")
            source: Source = self._batch_source(
                x, steps_per_epoch, shuffle, class_weight, "steps_per_epoch", reading
            )
            held: Any = None
        else:
            source, held = self._array_source(
                x,
                y,
                sample_weight,
                class_weight,
                batch_size,
                shuffle,
                steps_per_epoch,
                validation_split,
                validation_data,
            )
        self._check_trainable()
        size = getattr(source, "batch_size", None)
        validation = self._validation(validation_data, held, size, validation_steps, reading)
        params = self._params(source, epochs, verbose, validation is not None)
        try:
            return self._run_epochs(
                source, validation, callbacks, params, range(initial_epoch, epochs), validation_freq
            )
        finally:  # also after an error and after Ctrl-C
            close(source, validation)
            self._steps.release_guard()

    def _array_source(
        self, x, y, sample_weight, class_weight, batch_size, shuffle, steps, validation_split, validation_data
    ):
        if batch_size is not None:
            check_batch_size(batch_size)
        fed = self._fed("train", x, y, sample_weight, class_weight)
        held = None
        if validation_split and validation_data is None:
            fed, held = self._split(fed, validation_split)
        size = check_batch_size(batch_size, steps, fed.rows)
        check_stateful(self, fed.rows, size)
        return ArraySource(self._step("train", fed), fed.arrays, size, shuffle, steps), held

    def _split(self, fed: Any, fraction: float) -> tuple[Any, Any]:
        """The first rows for training, the last for validation, each as its step takes them."""
        if isinstance(fed, Fed):
            first, second = _split_fed(fed, fraction)
            if not self._customized("test"):
                return first, second
            return first, self._fed("test", *second.unpacked())
        at = split(fed.arrays[:1], fraction)[0][0]
        first, second = fed.rows_of(0, len(at)), fed.rows_of(len(at), fed.rows)
        if self._customized("test"):
            return first, second
        return first, self._fed("test", *unpack_x_y_sample_weight(second.filled(second.read)))

    def _batch_source(self, batches, steps, shuffle, class_weight, argument, reading) -> BatchSource:
        def run(item: Any) -> tuple[np.ndarray, int]:
            fed = self._fed("train", *self._unpacked("train", item), class_weight)
            return self._step("train", fed)(fed.read)[0], fed.rows

        batches = self._looked_at(batches, steps, argument, "train")
        return BatchSource(batches, run, steps, shuffle, reading)

    def _looked_at(self, batches, steps, argument, mode):
        """Checks that `batches` can be used; the first one is looked at where the model needs to know its shapes."""
        sequence = getattr(batches, "use_sequence_api", False)
        if self._arguments is not None and steps is None and not sequence and hasattr(batches, "__next__"):
            raise ArgumentError(
                f"{argument} is needed with a generator: it does not tell where the data end."
            )
        if self._arguments is None or (self.outputs and not self._customized(mode)):
            self._current(None)
        elif sequence:
            self._learn_from(mode, batches[0])
        else:
            first = next(iter(batches), None)
            if first is None:
                raise DataError("the data set is empty: it gave no batch.")
            self._learn_from(mode, first)
            if not hasattr(batches, "__next__"):
                return batches
            return itertools.chain([first], batches)
        return batches

    def _learn_from(self, mode: str, item: Any) -> None:
        """Builds what depends on the kind of data: the model's inputs, a step of one's own."""
        if self._customized(mode):
            self._step(mode, self._fed(mode, *self._unpacked(mode, item)))
        else:
            self._current(unpack(item)[0])

    def _unpacked(self, mode: str, item: Any) -> tuple[Any, Any, Any]:
        return unpack_x_y_sample_weight(item) if self._customized(mode) else unpack(item)

    def _fed(self, mode, x, y=None, sample_weight=None, class_weight=None) -> Any:
        """The arrays of a data set as the step for `mode` takes them: `Fed`, or `Packed` for a user's step."""
        if not self._customized(mode):
            return feed(self, self._current(x), x, y, sample_weight, class_weight)
        if self._arguments is None and mode != "predict":
            raise NotCompiled(f"model {self.name!r} is not compiled: call compile(optimizer) first.")
        if not self.outputs and self._computes:
            self._built_for(x)
        return pack(self, x, y, sample_weight, class_weight)

    def _step(self, mode: str, fed: Any, alone: bool = False) -> Any:
        if isinstance(fed, Packed):
            step = self._steps.custom(mode, fed)
            self._own_names = {**self._own_names, mode: step.names}
            self._own_means = {**self._own_means, mode: step.means}
            return step
        return getattr(self._steps, mode)(self._compiled, fed.weighted, alone)

    def _params(self, source, epochs, verbose, validates) -> dict[str, Any]:
        names = self.metrics_names
        return {
            "batch_size": getattr(source, "batch_size", None),
            "epochs": epochs,
            "steps": source.steps,
            "samples": getattr(source, "rows", None),
            "verbose": verbose,
            "do_validation": validates,
            "metrics": [*names, *(f"val_{n}" for n in names)] if validates else list(names),
        }

    def _validation(self, given, held: Fed | None, batch_size, steps, reading) -> Source | None:
        """The source of validation data: kept back rows, arrays given, or something that yields batches."""
        if held is not None:
            return self._test_source(held, batch_size, steps)
        if given is None:
            return None
        given = adapted(given)
        if isinstance(given, (tuple, list)) and len(given) in (2, 3):
            given = self._without_data("test", steps, "validation_steps", *given) or given
        if is_batches(given):
            return self._test_batches(given, steps, "validation_steps", reading)
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise DataError(
                "validation_data must be (x, y) or (x, y, sample_weight), a generator or a Sequence; "
                f"a {type(given).__name__}{f' of {len(given)} items' if hasattr(given, '__len__') else ''} was given."
            )
        return self._test_source(self._fed("test", *given), batch_size, steps)

    def _run_epochs(self, source, validation, callbacks, params, epochs, validation_freq):
        self.history = History()
        shown = [ProgbarLogger()] if resolved(params["verbose"]) else []
        hears = make_list(self, callbacks, params, first=shown, last=[self.history])
        for callback in hears:
            callback.validation_data = validation.arrays if isinstance(validation, ArraySource) else None
        training = loop.Pass(self, "train", source, hears, self._log_names("train"))
        testing = None
        if validation is not None:
            testing = loop.Pass(self, "test", validation, hears, self._log_names("test"))
        loop.train(self, training, hears, epochs, testing, due(validation_freq))
        return self.history

    # evaluate -----------------------------------------------------------------------------------------------
    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose=1,
        sample_weight=None,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
    ):
        """The loss and metrics on data, a number or a list in the order of `metrics_names`."""
        x, reading = adapted(x), Reading(workers, use_multiprocessing, max_queue_size)
        x = self._without_data("test", steps, "steps", x, y, sample_weight) or x
        if is_batches(x):
            refuse_with_batches(y=y, sample_weight=sample_weight, batch_size=batch_size)
            source: Source = self._test_batches(x, steps, "steps", reading)
        else:
            if batch_size is not None:
                check_batch_size(batch_size)
            fed = self._fed("test", x, y, sample_weight)
            source = self._test_source(fed, check_batch_size(batch_size, steps, fed.rows), steps)
        params = {**self._params(source, 1, verbose, False)}
        shown = [ProgbarLogger(mode="test")] if resolved(verbose) else []
        hears = make_list(self, callbacks, params, last=shown)
        try:
            logs = loop.test(self, loop.Pass(self, "test", source, hears, self._log_names("test")))
        finally:
            close(source)
        return single(list(logs.values()))

    def _test_source(self, fed: Fed, batch_size, steps) -> ArraySource:
        size = check_batch_size(batch_size)
        check_stateful(self, fed.rows, size)
        return ArraySource(self._step("test", fed), fed.arrays, size, steps=steps)

    def _test_batches(self, batches, steps, argument, reading) -> BatchSource:
        def run(item: Any) -> tuple[np.ndarray, int]:
            fed = self._fed("test", *self._unpacked("test", item))
            return self._step("test", fed)(fed.read)[0], fed.rows

        return BatchSource(self._looked_at(batches, steps, argument, "test"), run, steps, reading=reading)

    # one batch ----------------------------------------------------------------------------------------------
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, reset_metrics=True):
        """One step of training; the loss and metrics as a number or a list in the order of `metrics_names`."""
        fed = self._fed("train", x, y, sample_weight, class_weight)
        self._check_trainable()
        return self._one_batch("train", fed, reset_metrics)

    def test_on_batch(self, x, y=None, sample_weight=None, reset_metrics=True):
        """The loss and metrics of one batch. `reset_metrics=False` goes on with those of earlier calls."""
        fed = self._fed("test", x, y, sample_weight)
        return self._one_batch("test", fed, reset_metrics)

    def _one_batch(self, mode: str, fed: Any, reset_metrics: bool) -> Any:
        if reset_metrics and self._metrics_used:
            self.reset_metrics()
        alone = reset_metrics and isinstance(fed, Fed) and self._compiled.resets_to_zero
        self._metrics_used = not alone
        logs = self._step(mode, fed, alone)(fed.read)[0]
        if reset_metrics and not alone:
            self.reset_metrics()
        return single([float(v) for v in logs])


def _split_fed(fed: Fed, fraction: float) -> tuple[Fed, Fed]:
    count, targets = len(fed.inputs), len(fed.targets)
    sides = split([*fed.inputs, *fed.targets, *fed.weights], fraction)
    first, second = (
        Fed(s[:count], s[count : count + targets], s[count + targets :], fed.outputs) for s in sides
    )
    return first, second
