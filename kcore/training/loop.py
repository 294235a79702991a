"""The one loop: passes over data in chunks of steps, epochs, validation, and what callbacks hear of it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError
from .sources import Source, warn_ended

CHUNK_SECONDS = 0.07  # so that a progress bar moves and an interrupt is answered


class Totals:
    """Means over a pass, in float64 and step by step, so that they do not depend on chunks."""

    def __init__(self, names: Sequence[str], stateful: Collection[str]) -> None:
        self.names = list(names)
        self.keep = np.array([n in stateful for n in self.names], dtype=bool)
        self.sums = np.zeros(len(self.names))
        self.last = np.zeros(len(self.names))
        self.seen = 0

    def add(self, rows: np.ndarray, sizes: Sequence[int]) -> None:
        for row, size in zip(rows.astype(np.float64), sizes, strict=True):
            self.sums += row * size
            self.seen += size
        self.last = np.asarray(rows[-1], dtype=np.float64)

    def state(self) -> dict[str, Any]:
        return {"sums": self.sums.copy(), "last": self.last.copy(), "seen": self.seen}

    def set_state(self, state: dict[str, Any]) -> None:
        self.sums, self.last, self.seen = state["sums"].copy(), state["last"].copy(), state["seen"]

    def values(self) -> dict[str, float]:
        means = self.sums / max(self.seen, 1)
        return dict(zip(self.names, np.where(self.keep, self.last, means).tolist(), strict=True))


class Pace:
    """How many steps to run in one call: one if somebody listens to each, else what takes CHUNK_SECONDS."""

    def __init__(self, single: bool) -> None:
        self.single = single
        self.size = 1

    def last(self, first: int, *limits: int | None) -> int:
        last = first + (1 if self.single else self.size)
        return min([last, *(limit for limit in limits if limit is not None)])

    def ran(self, steps: int, seconds: float) -> None:
        if not self.single and steps == self.size:
            wanted = CHUNK_SECONDS / max(seconds / steps, 1e-7)
            self.size = max(1, min(int(wanted), self.size * 4, 10_000))


@dataclass
class Resumption:
    """Where training goes on that was interrupted: at `step` of `epoch`, with all that `restore` puts back."""

    epoch: int
    step: int
    totals: dict[str, Any] | None
    sources: list[Any]  # positions of the sources of training and validation
    stopped: bool  # a callback had stopped training: nothing is left to do
    restore: Callable[[], None]


class Pass:
    """One way through a source, in training or testing."""

    def __init__(self, model: Any, mode: str, source: Source, callbacks: Any, names: Sequence[str]) -> None:
        self.model = model
        self.mode = mode
        self.source = source
        self.callbacks = callbacks
        self.names = list(names)
        # kept between epochs, so that the second starts with the right size
        self.pace = Pace(single=not source.chunks or callbacks.wants_batches(mode))
        self.warned = False

    def run(self, epoch: int = 0, resumption: Resumption | None = None) -> dict[str, float]:
        """All steps, until the data end or a callback stops it. Returns the means.

        With a resumption only the steps that are left of the pass.
        """
        source = self.source
        means = self.model.averaged_logs(self.mode)
        totals = Totals(self.names, [n for n in self.names if n not in means])
        source.start()
        self.model._metrics_used = True  # what they gather here is not for the batches of `train_on_batch`
        done = 0
        if resumption is not None and resumption.step:
            done = resumption.step
            source.resume(resumption.sources[0], done)
            totals.set_state(resumption.totals or totals.state())
            resumption.restore()
        while source.steps is None or done < source.steps:
            source.read_until = self.callbacks.next_stop(self.mode, done)
            last = self.pace.last(done, source.steps, source.read_until)
            rows, sizes = self._chunk(done, last, totals, epoch)
            asked = last - done
            done += len(sizes)
            if len(sizes) < asked:
                if source.steps is not None and not self.model.stop_training:  # fewer than were asked for
                    warn_ended(source.steps, done)
                    self.model.stop_training = self.mode == "train" or self.model.stop_training
                break
            if self.mode == "train" and self.model.stop_training:
                break
            if self.mode == "train" and done != source.steps:
                self.callbacks.within_epoch(epoch, done, totals)
        source.finish()
        if done == 0 and not (self.mode == "train" and self.model.stop_training):
            raise DataError("the data set is empty: it gave no batch.")
        return totals.values()

    def _chunk(self, first: int, last: int, totals: Totals, epoch: int) -> tuple[np.ndarray, Sequence[int]]:
        single = self.pace.single
        begun = {"batch": first, "size": self.source.size(first) or 1}
        if single:
            self.callbacks.batch_hook(self.mode, "begin", first, begun)
        started = time.perf_counter()
        rows, sizes = self.source.run(first, last)
        self.pace.ran(last - first, time.perf_counter() - started)
        if not len(sizes):
            return rows, sizes
        sizes = self._guarded(rows, sizes, epoch, first)
        rows = rows[: len(sizes), : len(self.names)]
        if not len(sizes):
            return rows, sizes
        self._check(rows, epoch, first)
        totals.add(rows, sizes)
        if single:
            logs = {"batch": first, "size": sizes[0], **_named(self.names, rows[0])}
            self.callbacks.batch_hook(self.mode, "end", first, logs)
        self.callbacks.steps_done(self.mode, first + len(sizes), totals)
        return rows, sizes

    def _guarded(self, rows: np.ndarray, sizes: Sequence[int], epoch: int, first: int) -> Sequence[int]:
        """The sizes of the steps before the first one that a guard held back. Raises NotFinite, or stops."""
        guard = self.model._steps.guard if self.mode == "train" else None
        found = guard.first(rows, len(self.names)) if guard is not None else None
        if found is None:
            return sizes
        error = guard.error(found[1], f"epoch {epoch + 1}, step {first + found[0] + 1}")
        if guard.action == "raise":
            raise error
        warnings.warn(f"{error} Training stops.", RuntimeWarning, stacklevel=6)
        self.model.stop_training = True
        return sizes[: found[0]]

    def _check(self, rows: np.ndarray, epoch: int, first: int) -> None:
        """A loss that is no number is told, once."""
        if self.warned or self.names[0] != "loss" or np.isfinite(rows[:, 0]).all():
            return
        step = first + int(np.flatnonzero(~np.isfinite(rows[:, 0]))[0])
        where = (
            f"epoch {epoch + 1}, step {step + 1}"
            if self.mode == "train"
            else f"step {step + 1} of evaluation"
        )
        warnings.warn(
            f"the loss is {rows[step - first, 0]} in {where}. A smaller learning rate, clipnorm, or a look at the "
            "data may help; the callback TerminateOnNaN stops training here.",
            RuntimeWarning,
            stacklevel=5,
        )
        self.warned = True


def _named(names: Sequence[str], row: np.ndarray) -> dict[str, float]:
    return dict(zip(names, np.asarray(row, dtype=np.float64).tolist(), strict=True))


def train(
    model: Any,
    training: Pass,
    callbacks: Any,
    epochs: range,
    testing: Pass | None,
    is_due: Callable[[int], bool],
) -> None:
    """Epochs of training, each followed by validation (`testing`) where it is due."""
    model.stop_training = False
    sources = [p.source for p in (training, testing) if p is not None]
    resumption = callbacks.resumption(sources)
    try:
        callbacks.on_train_begin()
        if resumption is not None:
            epochs = range(max(resumption.epoch, epochs.start), epochs.stop if not resumption.stopped else 0)
            _go_on(resumption, sources)
        for epoch in epochs:
            if resumption is None or not resumption.step:
                model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            logs: dict[str, Any] = training.run(epoch, resumption)
            resumption = None
            if testing is not None and is_due(epoch):
                logs.update({f"val_{k}": v for k, v in test(model, testing).items()})
            callbacks.on_epoch_end(epoch, logs)
            callbacks.after_epoch(epoch, model.stop_training)
            if model.stop_training:
                break
    except BaseException:  # Ctrl-C too: steps are whole, so the model stays usable
        callbacks.interrupted()
        raise
    callbacks.on_train_end()


def _go_on(resumption: Resumption, sources: Sequence[Source]) -> None:
    """Everything as it was; in the middle of a pass the training source follows when the pass has started."""
    for i, (source, position) in enumerate(zip(sources, resumption.sources, strict=True)):
        if i > 0 or not resumption.step:
            source.resume(position, 0)
    resumption.restore()


def test(model: Any, testing: Pass) -> dict[str, float]:
    """One pass that changes no weight."""
    model.reset_metrics()
    testing.callbacks.on_test_begin()
    logs = testing.run()
    testing.callbacks.on_test_end()
    return logs
