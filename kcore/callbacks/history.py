"""Records of training: `History`, and `BaseLogger` for loops of one's own."""

from .base import Callback


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


class History(Callback):
    """What every `fit` returns: `epoch` (list of numbers) and `history` (name -> one value per epoch)."""

    def on_train_begin(self, logs=None):
        self.epoch = []
        self.history = {}

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
