"""`ProgbarLogger`: progress where the user looks."""

import numpy as np

from ..errors import ArgumentError
from ..training.progress import Line, resolved
from .base import Callback


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
