"""Callbacks that stop training which has left the numbers."""

import numpy as np

from ..errors import ArgumentError
from ..training.guard import Guard
from .base import Callback


class TerminateOnNaN(Callback):
    """Stops training as soon as the loss of a batch is NaN or infinite."""

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            print(f"Batch {batch}: the loss is {loss}, training stops.")
            self.model.stop_training = True


class NaNGuard(Callback):
    """Stops training at the first NaN or infinity, before the step is applied, and names where it came up first: an
    input, the output of a layer, a loss, or the new value of a weight.

    Steps look at their own numbers, so nobody has to listen to batches and no step more is applied. It costs a pass
    over all that a step computes, and updates are not done in place: little for large models, up to three times the
    step for models whose steps take a tenth of a millisecond.

    on_error: 'raise' raises NotFinite; 'stop' warns, and `fit` returns what was reached.
    """

    def __init__(self, on_error="raise"):
        super().__init__()
        if on_error not in ("raise", "stop"):
            raise ArgumentError(f"NaNGuard: on_error={on_error!r}; 'raise' or 'stop' is needed.")
        self.on_error = on_error

    def guard(self):
        """What looks at the steps of one training."""
        return Guard(self.on_error)


def guard_of(callbacks):
    """The guard that one of `callbacks` asks for, None if none does."""
    listed = callbacks if hasattr(callbacks, "__iter__") else [callbacks]
    asks = [c.guard for c in listed if callable(getattr(c, "guard", None)) and not isinstance(c, type)]
    return asks[0]() if asks else None
