"""`CSVLogger`: logs of epochs as a table."""

import csv
import os

import numpy as np

from .base import Callback


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
        # an interrupted training goes on in its file
        append = self.append or bool(getattr(self, "params", {}).get("resumed"))
        going_on = append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._header = not going_on
        self._file = open(self.filename, "a" if append else "w", newline="", encoding="utf-8")  # noqa: SIM115

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

    def get_state(self):
        return {"keys": self.keys, "size": self._file.tell() if self._file is not None else 0}

    def set_state(self, state):
        """Lines that were written after the state was saved are written again, so they are taken off."""
        self.keys = state["keys"]
        size = min(state["size"], self._file.seek(0, os.SEEK_END))
        self._file.truncate(size)
        self._file.seek(size)
        self._header = size == 0

    def on_train_end(self, logs=None):
        self._file.close()
        self._file = None

    def on_interrupted(self):
        if self._file is not None:
            self._file.close()


def _cell(value):
    """A list becomes one cell."""
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim):
        return f'"[{", ".join(map(str, value))}]"'
    return value
