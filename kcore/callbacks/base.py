"""What a callback is, and several called as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import ArgumentError
from .state import plain_attributes

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

    def get_state(self) -> dict[str, Any]:
        """What this callback has to know to go on after an interruption: by default its attributes that are numbers,
        texts, arrays, or lists, tuples and dicts of them. See `BackupAndResume`."""
        return plain_attributes(self)

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` gave; called after `on_train_begin`."""
        for name, value in state.items():
            setattr(self, name, value)

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


def _listens(callback: Any, mode: str) -> bool:
    """Whether a callback follows every batch: it says so itself, or defines a hook for them."""
    told = getattr(callback, "listens_to_batches", None)
    return any(_overridden(callback, hook) for hook in BATCH_HOOKS[mode]) if told is None else bool(told)


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
        return any(_listens(c, mode) for c in self.callbacks)

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

    # those who save the state of a training, and go on from it ------------------------------------------------
    def resumption(self, sources: Any) -> Any:
        """Where to go on with an interrupted training that a callback has saved, or None."""
        found = None
        for callback in self.callbacks:
            ask = getattr(callback, "resumption", None)
            if ask is not None:
                found = ask(self, sources) or found
        if found is not None:
            self.set_params({**self.params, "resumed": True})
        return found

    def next_stop(self, mode: str, done: int) -> int | None:
        """The step before which a callback has to be asked again, None if none has to."""
        asks = [getattr(c, "next_stop", None) for c in self.callbacks]
        stops = [ask(mode, done) for ask in asks if ask is not None]
        return min([s for s in stops if s is not None], default=None)

    def within_epoch(self, epoch: int, done: int, totals: Any) -> None:
        self._tell("within_epoch", epoch, done, totals)

    def after_epoch(self, epoch: int, stopped: bool) -> None:
        """An epoch is over, and all callbacks have heard of it."""
        self._tell("after_epoch", epoch, stopped)

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
