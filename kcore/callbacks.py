"""Callbacks: what is told of training while it runs, and may steer it."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from . import backend as K
from .errors import ArgumentError
from .training.progress import Line, resolved

BATCH_HOOKS = {
    "train": ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class Callback:
    """Base of callbacks. Set before training: `params` (dict: epochs, steps, verbose, ...), `model`,
    `validation_data` (list of arrays, or None).

    `logs` of batch hooks hold `batch`, `size`, and at the end `loss` and the metrics so far; those of
    `on_epoch_end` the means over the epoch, and `val_*` after validation.
    """

    def __init__(self) -> None:
        self.validation_data: Any = None
        self.model: Any = None

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def set_model(self, model: Any) -> None:
        self.model = model

    def on_epoch_begin(self, epoch, logs=None):
        pass

    def on_epoch_end(self, epoch, logs=None):
        pass

    def on_batch_begin(self, batch, logs=None):
        pass

    def on_batch_end(self, batch, logs=None):
        pass

    def on_train_batch_begin(self, batch, logs=None):
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch, logs=None):
        pass

    def on_test_batch_end(self, batch, logs=None):
        pass

    def on_predict_batch_begin(self, batch, logs=None):
        pass

    def on_predict_batch_end(self, batch, logs=None):
        pass

    def on_train_begin(self, logs=None):
        pass

    def on_train_end(self, logs=None):
        pass

    def on_test_begin(self, logs=None):
        pass

    def on_test_end(self, logs=None):
        pass

    def on_predict_begin(self, logs=None):
        pass

    def on_predict_end(self, logs=None):
        pass


def _overridden(callback: Any, name: str) -> bool:
    found = getattr(callback, name, None)
    if found is None:
        return False
    return getattr(found, "__func__", found) is not getattr(Callback, name)


class CallbackList:
    """Several callbacks called as one, in their order."""

    def __init__(self, callbacks: Iterable[Any] | None = None, queue_length: int = 10) -> None:
        self.callbacks = list(callbacks or [])
        self.queue_length = (
            queue_length  # Keras measured slow hooks over this many batches; kept for its users
        )
        self.params: dict[str, Any] = {}
        self.model: Any = None

    def append(self, callback: Any) -> None:
        self.callbacks.append(callback)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def wants_batches(self, mode: str) -> bool:
        """True if a callback listens to every batch, so that each step has to be a call of its own."""
        return any(_overridden(c, hook) for c in self.callbacks for hook in BATCH_HOOKS[mode])

    def batch_hook(self, mode: str, moment: str, batch: int, logs: dict[str, Any] | None = None) -> None:
        name = f"on_{mode}_batch_{moment}"
        for callback in self.callbacks:
            hook = getattr(callback, name, None)
            if hook is None and mode == "train":  # not one of our classes: it may know the old names only
                hook = getattr(callback, f"on_batch_{moment}", None)
            if hook is not None:
                hook(batch, logs if logs is not None else {})

    def steps_done(self, mode: str, done: int, totals: Any) -> None:
        """For those who follow a pass without listening to every batch."""
        for callback in self.callbacks:
            follow = getattr(callback, "on_steps_done", None)
            if follow is not None:
                follow(mode, done, totals)

    def interrupted(self) -> None:
        for callback in self.callbacks:
            tell = getattr(callback, "on_interrupted", None)
            if tell is not None:
                tell()

    def _tell(self, name: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            hook = getattr(callback, name, None)
            if hook is not None:
                hook(*arguments)

    def on_batch_begin(self, batch, logs=None):
        self.batch_hook("train", "begin", batch, logs)

    def on_batch_end(self, batch, logs=None):
        self.batch_hook("train", "end", batch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        self.batch_hook("train", "begin", batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self.batch_hook("train", "end", batch, logs)

    def on_test_batch_begin(self, batch, logs=None):
        self.batch_hook("test", "begin", batch, logs)

    def on_test_batch_end(self, batch, logs=None):
        self.batch_hook("test", "end", batch, logs)

    def on_predict_batch_begin(self, batch, logs=None):
        self.batch_hook("predict", "begin", batch, logs)

    def on_predict_batch_end(self, batch, logs=None):
        self.batch_hook("predict", "end", batch, logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._tell("on_epoch_begin", epoch, {} if logs is None else logs)

    def on_epoch_end(self, epoch, logs=None):
        self._tell("on_epoch_end", epoch, {} if logs is None else logs)

    def on_train_begin(self, logs=None):
        self._tell("on_train_begin", {} if logs is None else logs)

    def on_train_end(self, logs=None):
        self._tell("on_train_end", {} if logs is None else logs)

    def on_test_begin(self, logs=None):
        self._tell("on_test_begin", {} if logs is None else logs)

    def on_test_end(self, logs=None):
        self._tell("on_test_end", {} if logs is None else logs)

    def on_predict_begin(self, logs=None):
        self._tell("on_predict_begin", {} if logs is None else logs)

    def on_predict_end(self, logs=None):
        self._tell("on_predict_end", {} if logs is None else logs)


class BaseLogger(Callback):
    """Means over an epoch, weighted by batch size; `stateful_metrics` keep their last value.

    The loop does the same by itself, for every `fit`; the class is here for loops of one's own.
    """

    def __init__(self, stateful_metrics=None):
        super().__init__()
        self.stateful_metrics = set(stateful_metrics or ())

    def on_epoch_begin(self, epoch, logs=None):
        self.seen = 0
        self.totals = {}

    def on_batch_end(self, batch, logs=None):
        logs = logs or {}
        size = logs.get("size", 0)
        self.seen += size
        for name, value in logs.items():
            if name in ("batch", "size"):
                continue
            if name in self.stateful_metrics:
                self.totals[name] = value
            else:
                self.totals[name] = self.totals.get(name, 0.0) + value * size

    def on_epoch_end(self, epoch, logs=None):
        if logs is None:
            return
        for name, total in self.totals.items():
            logs[name] = total if name in self.stateful_metrics else total / max(self.seen, 1)


class TerminateOnNaN(Callback):
    """Stops training as soon as the loss of a batch is NaN or infinite."""

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            print(f"Batch {batch}: the loss is {loss}, training stops.")
            self.model.stop_training = True


class History(Callback):
    """What every `fit` returns: `epoch` (list of numbers) and `history` (name -> one value per epoch)."""

    def on_train_begin(self, logs=None):
        self.epoch = []
        self.history = {}

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class ProgbarLogger(Callback):
    """Progress on the standard output; `fit` and `evaluate` add it according to `verbose`."""

    def __init__(self, count_mode="samples", stateful_metrics=None, mode="train"):
        super().__init__()
        if count_mode not in ("samples", "steps"):
            raise ArgumentError(f"count_mode={count_mode!r}: 'samples' or 'steps' is needed.")
        self.count_mode = count_mode
        self.stateful_metrics = set(stateful_metrics or ())
        self.mode = mode
        self._line = None
        self._done = 0

    def _begin(self):
        self._line = Line(self.params.get("steps"), resolved(self.params.get("verbose", 1)))
        self._done = 0

    def on_epoch_begin(self, epoch, logs=None):
        if self.mode != "train":
            return
        if resolved(self.params.get("verbose", 1)):
            print(f"Epoch {epoch + 1}/{self.params.get('epochs', '?')}", flush=True)
        self._begin()

    def on_test_begin(self, logs=None):
        if self.mode == "test":
            self._begin()

    def on_steps_done(self, mode, done, totals):
        if mode == self.mode and self._line is not None:
            self._done, self._totals = done, totals
            self._line.update(done, totals.values())

    def on_test_end(self, logs=None):
        if self.mode == "test" and self._line is not None:
            self._line.finish(self._done, self._totals.values())

    def on_epoch_end(self, epoch, logs=None):
        if self.mode == "train" and self._line is not None:
            shown = {k: v for k, v in (logs or {}).items() if isinstance(v, (int, float, np.number))}
            self._line.finish(self._done, shown)

    def on_interrupted(self):
        if self._line is not None:
            self._line.leave()


class LambdaCallback(Callback):
    """A callback from functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: ...)`."""

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_batch_begin=None,
        on_batch_end=None,
        on_train_begin=None,
        on_train_end=None,
        **kwargs,
    ):
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_batch_begin": on_batch_begin,
            "on_batch_end": on_batch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            **kwargs,
        }
        for name, function in given.items():
            if function is not None:
                setattr(self, name, function)


class _Monitor(Callback):
    """Follows one value of the epoch logs and knows what counts as better."""

    def __init__(self, monitor, mode, min_delta=0.0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(f"mode={mode!r} is not known; 'auto' is used.", RuntimeWarning, stacklevel=4)
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.rising = mode == "max" or (mode == "auto" and self._rises(monitor))
        self.min_delta = abs(min_delta)
        self.worst = -np.inf if self.rising else np.inf

    @staticmethod
    def _rises(monitor):
        return "acc" in monitor

    def better(self, value, than):
        return value > than + self.min_delta if self.rising else value < than - self.min_delta

    def get_monitor_value(self, logs):
        """The value in `logs`; None with a warning where it is missing."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = ", ".join(k for k in (logs or {}) if k != "lr")
            warnings.warn(
                f"{type(self).__name__} follows {self.monitor!r}, which is not there. There are: {known}.",
                RuntimeWarning,
                stacklevel=3,
            )
        return value


class EarlyStopping(_Monitor):
    """Stops when `monitor` has not become better by `min_delta` for `patience` epochs.

    baseline: a value that has to be beaten first. restore_best_weights: end with the weights of the best epoch.
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.best_weights = None
        self.wait = 0
        self.stopped_epoch = 0

    def on_train_begin(self, logs=None):
        self.wait = 0
        self.stopped_epoch = 0
        self.best = self.worst if self.baseline is None else self.baseline
        self.best_weights = None

    def on_epoch_end(self, epoch, logs=None):
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.better(current, self.best):
            self.best = current
            self.wait = 0
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            return
        self.wait += 1
        if self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True
            if self.best_weights is not None:
                if self.verbose > 0:
                    print("The weights of the best epoch are put back.")
                self.model.set_weights(self.best_weights)

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1:05d}: early stopping")


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of each epoch: `schedule(epoch, lr)` or `schedule(epoch)`."""

    def __init__(self, schedule, verbose=0):
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch, logs=None):
        rate = float(K.get_value(self.model.optimizer.lr))
        try:
            rate = self.schedule(epoch, rate)
        except TypeError:  # schedules of old Keras take the epoch only
            rate = self.schedule(epoch)
        if not isinstance(rate, (float, int, np.floating)):
            raise ArgumentError(f"LearningRateScheduler: schedule() gave {rate!r}; a number is needed.")
        K.set_value(self.model.optimizer.lr, rate)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: the learning rate is {rate}.")

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["lr"] = float(K.get_value(self.model.optimizer.lr))


class ReduceLROnPlateau(_Monitor):
    """Multiplies the learning rate by `factor` when `monitor` has not become better for `patience` epochs.

    cooldown: epochs to wait after that before counting again. min_lr: not below.
    """

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0,
        **kwargs,
    ):
        if "epsilon" in kwargs:  # its name before Keras 2.1.5
            min_delta = kwargs.pop("epsilon")
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau has no argument {next(iter(kwargs))!r}")
        super().__init__(monitor, mode, min_delta)
        if factor >= 1.0:
            raise ArgumentError(
                f"ReduceLROnPlateau: factor={factor} does not reduce; a number below 1 is needed."
            )
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def _reset(self):
        self.best = self.worst
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs=None):
        self._reset()

    def in_cooldown(self):
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        logs["lr"] = float(K.get_value(self.model.optimizer.lr))
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.better(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch):
        old = float(K.get_value(self.model.optimizer.lr))
        if old <= self.min_lr:
            return
        new = max(old * self.factor, self.min_lr)
        K.set_value(self.model.optimizer.lr, new)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: the learning rate goes down to {new}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0


class CSVLogger(Callback):
    """Writes the logs of each epoch as a line of a CSV file; `append` goes on with one that is there."""

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename = filename
        self.separator = separator
        self.append = append
        self.keys = None
        self._file = None

    def on_train_begin(self, logs=None):
        going_on = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._header = not going_on
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
        writer = csv.DictWriter(
            self._file, ["epoch", *self.keys], delimiter=self.separator, extrasaction="ignore"
        )
        if self._header:
            writer.writeheader()
            self._header = False
        writer.writerow({"epoch": epoch, **{k: _cell(logs.get(k, "NA")) for k in self.keys}})
        self._file.flush()

    def on_train_end(self, logs=None):
        self._file.close()
        self._file = None

    def on_interrupted(self):
        self._file.close()


def _cell(value: Any) -> Any:
    """A list becomes one cell."""
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim):
        return f'"[{", ".join(map(str, value))}]"'
    return value


def make_list(
    model: Any, callbacks: Any, params: Mapping[str, Any], first: Iterable[Any] = (), last: Iterable[Any] = ()
) -> CallbackList:
    """The callbacks of one call, told of the model and the parameters."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    if callbacks is None:
        given = []
    else:
        given = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
    for item in given:
        if isinstance(item, type):
            raise ArgumentError(f"callbacks: {item.__name__} is a class; give an object, {item.__name__}().")
    made = CallbackList([*first, *given, *last])
    made.set_model(model)
    made.set_params(dict(params))
    return made
