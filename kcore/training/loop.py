"""The one loop: passes over data in chunks of steps, epochs, validation, and what callbacks hear of it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Sequence
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

    def values(self) -> dict[str, float]:
        means = self.sums / max(self.seen, 1)
        return dict(zip(self.names, np.where(self.keep, self.last, means).tolist(), strict=True))


class Pace:
    """How many steps to run in one call: one if somebody listens to each, else what takes CHUNK_SECONDS."""

    def __init__(self, single: bool) -> None:
        self.single = single
        self.size = 1

    def last(self, first: int, steps: int | None) -> int:
        last = first + (1 if self.single else self.size)
        return last if steps is None else min(last, steps)

    def ran(self, steps: int, seconds: float) -> None:
        if not self.single and steps == self.size:
            wanted = CHUNK_SECONDS / max(seconds / steps, 1e-7)
            self.size = max(1, min(int(wanted), self.size * 4, 10_000))


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

    def run(self, epoch: int = 0) -> dict[str, float]:
        """All steps, until the data end or a callback stops it. Returns the means."""
        source = self.source
        means = self.model.averaged_logs(self.mode)
        totals = Totals(self.names, [n for n in self.names if n not in means])
        source.start()
        done = 0
        while source.steps is None or done < source.steps:
            last = self.pace.last(done, source.steps)
            rows, sizes = self._chunk(done, last, totals, epoch)
            asked = last - done
            done += len(sizes)
            if len(sizes) < asked:
                if source.steps is not None:  # fewer than were asked for
                    warn_ended(source.steps, done)
                    self.model.stop_training = self.mode == "train" or self.model.stop_training
                break
            if self.mode == "train" and self.model.stop_training:
                break
        source.finish()
        if done == 0:
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
        self._check(rows, epoch, first)
        totals.add(rows, sizes)
        if single:
            logs = {"batch": first, "size": sizes[0], **_named(self.names, rows[0])}
            self.callbacks.batch_hook(self.mode, "end", first, logs)
        self.callbacks.steps_done(self.mode, first + len(sizes), totals)
        return rows, sizes

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
    validate: Callable[[int], dict[str, float]] | None,
) -> None:
    """Epochs of training, each followed by validation where it is due."""
    model.stop_training = False
    callbacks.on_train_begin()
    try:
        for epoch in epochs:
            model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            logs: dict[str, Any] = training.run(epoch)
            if validate is not None:
                logs.update({f"val_{k}": v for k, v in validate(epoch).items()})
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
    except BaseException:  # Ctrl-C too: steps are whole, so the model stays usable
        callbacks.interrupted()
        raise
    callbacks.on_train_end()


def test(model: Any, testing: Pass) -> dict[str, float]:
    """One pass that changes no weight."""
    model.reset_metrics()
    testing.callbacks.on_test_begin()
    logs = testing.run()
    testing.callbacks.on_test_end()
    return logs
