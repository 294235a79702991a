"""What callbacks share that follow one value of the epoch logs."""

import warnings

import numpy as np

from .base import Callback


class Monitor(Callback):
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
