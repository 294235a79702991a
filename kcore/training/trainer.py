"""`Trainer`: the part of a model that is compiled, fitted, evaluated and asked for predictions."""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import backend as K
from .. import optimizers
from ..backend.tensor import Placeholder
from ..callbacks import History, ProgbarLogger, guard_of, make_list
from ..errors import ArgumentError, DataError, NotCompiled
from ..metrics import Metric
from . import loop
from .adapters import adapted
from .compile import Arguments, Compiled, assemble
from .custom import CustomSteps, Packed, pack, unpack_x_y_sample_weight
from .data import check_batch_size, check_stateful, is_batches, split, unpack
from .feeding import Fed, feed, feed_inputs
from .progress import Line, resolved
from .rows import concrete
from .sources import ArraySource, BatchSource, Reading, Source, warn_ended
from .steps import Steps


class Trainer(CustomSteps):
    """Mixin for models: needs `inputs`, `outputs`, their names, weights, `losses`, `updates`."""

    _arguments: Arguments | None = None  # what compile() got
    _compiled: Compiled | None = None  # what it made, None until the outputs are known
    _steps_made: Steps | None = None
    _metrics_used = False
    _own_names: dict[str, tuple[str, ...]] = {}  # logs of steps of one's own, once they are traced
    _own_means: dict[str, tuple[str, ...]] = {}
    stop_training = False
    optimizer: Any = None
    history: Any = None

    # compile ------------------------------------------------------------------------------------------------
    def compile(
        self,
        optimizer,
        loss=None,
        metrics=None,
        loss_weights=None,
        sample_weight_mode=None,
        weighted_metrics=None,
        target_tensors=None,
        **kwargs,
    ):
        """Prepares training. Arguments as in Keras 2; each may be a list or a dict with one entry per output.

        optimizer, loss, metrics: names, functions or objects. loss_weights: the part of each output's loss in the
        total. sample_weight_mode: 'temporal' for weights (batch, time). weighted_metrics: metrics that heed
        sample weights. run_eagerly=True: steps run operation by operation, for debugging. jit_compile: True
        has the engine compile further (XLA), where it can; "auto" leaves that to its rule.
        """
        run_eagerly, jit_compile = kwargs.pop("run_eagerly", None), kwargs.pop("jit_compile", "auto")
        if jit_compile not in (True, False, "auto"):
            raise ArgumentError(f"jit_compile={jit_compile!r}: True, False or 'auto' is needed.")
        if kwargs:
            raise TypeError(f"compile() has no argument {next(iter(kwargs))!r}")
        given = Arguments(
            optimizer,
            loss or None,
            metrics,
            loss_weights,
            sample_weight_mode,
            weighted_metrics,
            target_tensors,
        )
        self.run_eagerly, self.jit_compile = bool(run_eagerly), jit_compile
        self._compile_with(given)

    def _compile_with(self, given: Arguments) -> None:
        given.optimizer = optimizers.get(given.optimizer)
        self._arguments, self._compiled = given, None
        self.optimizer = given.optimizer
        self.loss = {} if given.loss is None else given.loss
        self.loss_weights = given.loss_weights
        self.sample_weight_mode = given.sample_weight_mode
        self._steps.forget()
        self._own_metrics, self._own_names = None, {}
        if self.outputs and not self._leaves_loss_to_its_step():
            self._assemble()

    def _leaves_loss_to_its_step(self) -> bool:
        """Whether there is nothing to assemble: a train_step of one's own, and no loss given to compile()."""
        return self._customized("train") and not self._arguments.loss

    def _assemble(self) -> Compiled:
        made = assemble(self, self._arguments)
        self._compiled = made
        self._steps.forget()
        self._collected_trainable_weights = made.collected
        self._metrics_used = False
        self.total_loss = made.total_loss
        self.targets = [h.target for h in made.heads]
        self.sample_weights = [h.sample_weight for h in made.heads]
        self.loss_functions = [h.loss for h in made.heads]
        return made

    @property
    def _steps(self) -> Steps:
        if self._steps_made is None:
            self._steps_made = Steps(self)
        return self._steps_made

    @property
    def metrics(self):
        """The metric objects, in the order of `metrics_names` (without the loss).

        With steps of one's own: those that are attributes of the model, and those given to `compile`.
        """
        made = [m.metric for m in self._compiled.measures] if self._compiled is not None else []
        if self._customized("train") or self._customized("test"):
            made += [v for v in vars(self).values() if isinstance(v, Metric)]
            made += list((self._own_metrics or {}).values())
        return made

    @property
    def metrics_names(self):
        """What `evaluate` and `train_on_batch` return, by name."""
        return self._log_names("train" if self._customized("train") else "test")

    def _log_names(self, mode: str) -> list[str]:
        if self._customized(mode):
            return list(self._own_names.get(mode, ("loss",)))
        return self._compiled.names if self._compiled is not None else ["loss"]

    def averaged_logs(self, mode: str) -> tuple[str, ...]:
        """The logs that are averaged over the batches of a pass; the others are results of metrics."""
        return self._own_means.get(mode, ()) if self._customized(mode) else ("loss",)

    def reset_metrics(self):
        """Starts every metric anew."""
        for metric in self.metrics:
            metric.reset_states()
        self._metrics_used = False

    def _current(self, x: Any) -> Compiled:
        """The compiled graph for what the model is now; made here if it was not known at compile()."""
        if self._arguments is None:
            raise NotCompiled(f"model {self.name!r} is not compiled: call compile(optimizer, loss) first.")
        self._built_for(x)
        if self._compiled is None or [id(o) for o in self._compiled.outputs] != [id(o) for o in self.outputs]:
            return self._assemble()
        return self._compiled

    def _built_for(self, x: Any) -> None:
        """A model that learns its inputs from the data is called once, on placeholders of their shapes."""
        if self.outputs:
            return
        self._set_inputs(_placeholders_like(x))

    def _set_inputs(self, inputs: Any) -> None:
        """Defines `inputs` and `outputs` of a model that is written as a class, by calling it."""
        structure = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        outputs = self(inputs)
        listed = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        self.inputs, self.outputs = list(structure), listed
        self.input_names = [t.name for t in structure]
        self.output_names = [f"output_{i + 1}" for i in range(len(listed))]
        self.built = True

    def _make_train_function(self) -> None:
        """Makes the optimizer's variables, which a saved model's are then put into."""
        if self._customized("train"):
            return  # its step makes them when it is traced, or apply_gradients
        if self._compiled is None:
            self._current(None)
        self._steps.prepare_training(self._compiled)

    def _make_test_function(self) -> None:
        self._steps.test(self._current(None), ())

    def _make_predict_function(self) -> None:
        """Makes the step of `predict` before it is needed."""
        self._built_for(None)
        self._steps.predict()

    def _check_trainable(self) -> None:
        if self._customized("train") or self._compiled is None:
            return
        collected = self._compiled.collected
        if [id(w) for w in collected] != [id(w) for w in self.trainable_weights]:
            warnings.warn(
                "Discrepancy between trainable weights and collected trainable weights: `trainable` was changed "
                "after compile(), which counts only once compile() is called again.",
                UserWarning,
                stacklevel=4,
            )

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

        x, y: arrays, lists or dicts of them, one per input and output; or x alone: a generator of (x, y) or
        (x, y, sample_weight), or a `Sequence`. validation_split: this part at the end of the arrays is kept for
        validation. shuffle: each epoch in a new order; 'batch' keeps batches together. steps_per_epoch: steps in
        an epoch, necessary for endless generators.
        """
        epochs = kwargs.pop("nb_epoch", epochs)
        if kwargs:
            raise TypeError(f"fit() has no argument {next(iter(kwargs))!r}")
        x, reading = adapted(x), Reading(workers, use_multiprocessing, max_queue_size)
        self._steps.guard = guard_of(callbacks)
        if is_batches(x):
            _refuse_with_batches(y=y, sample_weight=sample_weight, batch_size=batch_size)
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
            _close(source, validation)
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
        loop.train(self, training, hears, epochs, testing, _due(validation_freq))
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
        if is_batches(x):
            _refuse_with_batches(y=y, sample_weight=sample_weight, batch_size=batch_size)
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
            _close(source)
        return _single(list(logs.values()))

    def _test_source(self, fed: Fed, batch_size, steps) -> ArraySource:
        size = check_batch_size(batch_size)
        check_stateful(self, fed.rows, size)
        return ArraySource(self._step("test", fed), fed.arrays, size, steps=steps)

    def _test_batches(self, batches, steps, argument, reading) -> BatchSource:
        def run(item: Any) -> tuple[np.ndarray, int]:
            fed = self._fed("test", *self._unpacked("test", item))
            return self._step("test", fed)(fed.read)[0], fed.rows

        return BatchSource(self._looked_at(batches, steps, argument, "test"), run, steps, reading=reading)

    # predict ------------------------------------------------------------------------------------------------
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
        if is_batches(x):
            reading = Reading(workers, use_multiprocessing, max_queue_size)
            return self._predict_batches(x, steps, verbose, callbacks, reading)
        inputs, step = self._to_predict(x)
        rows = len(inputs[0])
        size = check_batch_size(batch_size, steps, rows)
        check_stateful(self, rows, size)
        total = -(-rows // size) if steps is None else steps
        hears = self._predict_callbacks(callbacks, total, verbose, size, rows)
        line = Line(total, resolved(verbose)) if resolved(verbose) else None
        results: list[np.ndarray] = []
        for i in range(total):
            window = slice(i * size, (i + 1) * size)
            made = self._predicted(step, [a[window] for a in inputs], i, hears)
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
        return _single(results)

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
        logs = {"batch": index, "size": len(arrays[0])}
        hears.batch_hook("predict", "begin", index, logs)
        made = step(arrays)
        hears.batch_hook("predict", "end", index, {**logs, "outputs": made})
        return made

    def _predict_batches(self, batches, steps, verbose, callbacks, reading):
        if steps is None and hasattr(batches, "__next__"):
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
            return np.zeros(1), len(arrays[0])

        source = BatchSource(batches, run, steps, reading=reading)
        try:
            source.start()
            source.run(0, sys.maxsize if source.steps is None else source.steps)
            source.finish()
        finally:
            _close(source)
        if line is not None:
            line.finish(len(made), {})
        warn_ended(source.steps, len(made))
        if not made:
            raise DataError("the data set is empty: the generator gave no batch.")
        if hears is not None:
            hears.on_predict_end()
        return _single([np.concatenate(parts) for parts in zip(*made, strict=True)])

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
        return _single([float(v) for v in logs])

    def predict_on_batch(self, x):
        """The outputs for one batch."""
        inputs, step = self._to_predict(x)
        return _single(step([concrete(a) for a in inputs]))

    # Keras's older faces ------------------------------------------------------------------------------------
    def fit_generator(
        self,
        generator,
        steps_per_epoch=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_data=None,
        validation_steps=None,
        validation_freq=1,
        class_weight=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        shuffle=True,
        initial_epoch=0,
    ):
        """`fit` on a generator or a `Sequence`."""
        return self.fit(
            _as_batches(generator, "fit_generator"),
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )

    def evaluate_generator(
        self,
        generator,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        verbose=0,
    ):
        """`evaluate` on a generator or a `Sequence`."""
        return self.evaluate(
            _as_batches(generator, "evaluate_generator"),
            steps=steps,
            callbacks=callbacks,
            verbose=verbose,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )

    def predict_generator(
        self,
        generator,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        verbose=0,
    ):
        """`predict` on a generator or a `Sequence`."""
        return self.predict(
            _as_batches(generator, "predict_generator"),
            steps=steps,
            callbacks=callbacks,
            verbose=verbose,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )


def _due(frequency: Any) -> Callable[[int], bool]:
    """Whether validation follows an epoch: every so many, or the listed ones (counted from 1)."""
    if isinstance(frequency, int):
        if frequency < 1:
            raise ArgumentError(f"validation_freq={frequency}: 1 or more, or a list of epochs, is needed.")
        return lambda epoch: (epoch + 1) % frequency == 0
    return lambda epoch: epoch + 1 in frequency


def _close(*sources: Source | None) -> None:
    for source in sources:
        if source is not None:
            source.close()


def _single(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _as_batches(generator: Any, method: str) -> Any:
    if is_batches(generator):
        return generator
    if hasattr(generator, "__iter__") and not isinstance(generator, (np.ndarray, list, tuple, dict)):
        return iter(generator)
    raise DataError(f"{method} needs a generator or a Sequence; a {type(generator).__name__} was given.")


def _refuse_with_batches(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(
                f"{name} cannot be given with a generator or Sequence: its batches hold all of that."
            )


def _split_fed(fed: Fed, fraction: float) -> tuple[Fed, Fed]:
    count, targets = len(fed.inputs), len(fed.targets)
    sides = split([*fed.inputs, *fed.targets, *fed.weights], fraction)
    first, second = (
        Fed(s[:count], s[count : count + targets], s[count + targets :], fed.outputs) for s in sides
    )
    return first, second


def _placeholders_like(x: Any) -> Any:
    """Placeholders of the shapes of `x`, the batch unknown; a list for a list."""
    if x is None:
        raise DataError(
            "the model's inputs are not known yet: give it data, or call build(input_shape) first."
        )
    if isinstance(x, dict):
        raise DataError(
            "the first data of a model written as a class must be an array or a list, not a dict."
        )
    listed = list(x) if isinstance(x, (list, tuple)) else [x]
    made = []
    for i, item in enumerate(listed):
        array = np.asarray(item)
        shape = (None, *array.shape[1:]) if array.ndim > 1 else (None, 1)
        made.append(Placeholder(shape, K.floatx(), name=f"input_{i + 1}"))
    return made if isinstance(x, (list, tuple)) else made[0]
