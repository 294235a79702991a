"""`ModelCheckpoint`: the model saved while it trains."""

from .monitor import Monitor


class ModelCheckpoint(Monitor):
    """Saves the model, or its weights, after epochs.

    filepath: may hold `{epoch}` (counted from 1) and names of the logs: 'weights.{epoch:02d}-{val_loss:.2f}.h5'.
    save_best_only: only when `monitor` is better than in every epoch before. save_weights_only: `save_weights`
    instead of `save`. period: epochs between two savings.

    Raises KeyError where `filepath` names a log that is not there.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        period=1,
    ):
        super().__init__(monitor, mode)
        self.filepath = filepath
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.period = period
        self.epochs_since_last_save = 0
        self.best = self.worst  # kept from one `fit` to the next, as in Keras

    @staticmethod
    def _rises(monitor):
        return "acc" in monitor or monitor.startswith("fmeasure")

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        self.epochs_since_last_save += 1
        if self.epochs_since_last_save < self.period:
            return
        self.epochs_since_last_save = 0
        if not self.save_best_only:
            self._save(epoch, logs)
            return
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.better(current, self.best):
            self._tell(epoch, f"{self.monitor} went from {self.best:.5f} to {current:.5f}")
            self.best = current
            self._save(epoch, logs)
        else:
            self._tell(epoch, f"{self.monitor} is not better than {self.best:.5f}")

    def path_for(self, epoch, logs):
        """The file of an epoch (counted from 0)."""
        try:
            return str(self.filepath).format(epoch=epoch + 1, **logs)
        except KeyError as error:
            known = ", ".join(["epoch", *logs])
            raise KeyError(
                f"ModelCheckpoint: the path {self.filepath!r} names {error.args[0]!r}, which is not in the logs. "
                f"There are: {known}."
            ) from None

    def _save(self, epoch, logs):
        path = self.path_for(epoch, logs)
        self._tell(epoch, f"saving to {path}")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _tell(self, epoch, text):
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: {text}")
