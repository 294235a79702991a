"""`BackupAndResume`: training that was killed goes on where it was."""

import contextlib
import os
import warnings
import zipfile

import numpy as np

from ..errors import ArgumentError, DataError, ShapeError
from ..saving.atomic import writing
from ..shapes import describe
from ..training.loop import Resumption
from ..training.randomness import random_state, set_random_state
from .base import Callback
from .state import as_arrays, from_arrays

FORMAT = 1
GENERATIONS = 2


class BackupAndResume(Callback):
    """Saves all that training is made of, so that `fit`, killed at any moment and started again by the same program,
    ends with the same weights as if it had never been killed.

    Saved are the weights, the optimizer's variables (the learning rate among them), states of layers and metrics,
    the generators of NumPy and Python, the place in the data, the means of the epoch so far, and the states of all
    callbacks (`Callback.get_state`). A file is written beside its place, flushed to disk and then moved there, and
    two generations are kept, so that there is always a whole one. The files hold arrays and JSON, nothing pickled.

    backup_dir: a folder for this training alone. save_freq: 'epoch', or also after every so many steps; batches are
    then not read ahead beyond a saving, so the place in the data is exact. With `workers` above 1 and data that draw
    random numbers in threads, only the order of the batches repeats. delete_on_end: remove the files once training
    has ended.

    A generator starts anew in the new process and is read up to the place; a `Sequence` is told of the ends of the
    epochs so far. Raises ArgumentError where the backup belongs to another model.
    """

    def __init__(self, backup_dir, save_freq="epoch", delete_on_end=True):
        super().__init__()
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentError(
                f"BackupAndResume: save_freq={save_freq!r}; 'epoch' or a number of steps is needed."
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.delete_on_end = delete_on_end
        self._number = 0
        self._list = self._sources = None

    # what the loop asks -------------------------------------------------------------------------------------
    def resumption(self, callbacks, sources):
        self._list, self._sources = callbacks, sources
        for source in sources:
            source.remembers = True
        self.model._make_train_function()  # the optimizer's variables must be there
        os.makedirs(self.backup_dir, exist_ok=True)
        found = self._newest()
        if found is None:
            return None
        self._number = found["number"]
        self._check(found)
        position = found["position"]
        if len(position["sources"]) != len(sources):
            had, has = ("with", "without") if len(sources) == 1 else ("without", "with")
            raise DataError(
                f"BackupAndResume: training was interrupted {had} validation data, and cannot go on {has} them."
            )
        return Resumption(
            position["epoch"],
            position["step"],
            position["totals"],
            position["sources"],
            position["stopped"],
            restore=lambda: self._restore(found),
        )

    def next_stop(self, mode, done):
        if mode != "train" or self.save_freq == "epoch":
            return None
        return (done // self.save_freq + 1) * self.save_freq

    def within_epoch(self, epoch, done, totals):
        if self.save_freq != "epoch" and done % self.save_freq == 0:
            self._save(epoch, done, totals.state(), False)

    def after_epoch(self, epoch, stopped):
        self._save(epoch + 1, 0, None, bool(stopped))

    def on_train_end(self, logs=None):
        if self.delete_on_end:
            for path in self._paths():
                with contextlib.suppress(FileNotFoundError):
                    os.remove(path)

    def get_state(self):
        return {}

    # files --------------------------------------------------------------------------------------------------
    def _paths(self):
        return [os.path.join(self.backup_dir, f"backup-{i}.npz") for i in range(GENERATIONS)]

    def _newest(self):
        """The state in the newest file that is whole, None if there is none."""
        best = None
        for path in self._paths():
            state = self._read(path)
            if state is not None and (best is None or state["number"] > best["number"]):
                best = state
        return best

    def _read(self, path):
        if not os.path.exists(path):
            return None
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
                state = from_arrays({name: archive[name] for name in archive.files})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            warnings.warn(f"BackupAndResume: {path} cannot be read ({error}); the other generation is used.",
                          RuntimeWarning, stacklevel=2)  # fmt: skip
            return None
        if state["format"] != FORMAT:
            raise ArgumentError(
                f"BackupAndResume: {path} was written by another version of kcore (format {state['format']}). Finish "
                "with that version, or remove the file."
            )
        return state

    def _save(self, epoch, step, totals, stopped):
        self._number += 1
        position = {
            "epoch": epoch, "step": step, "totals": totals, "stopped": stopped,
            "sources": [s.position() for s in self._sources],
        }  # fmt: skip
        state = {
            "format": FORMAT,
            "number": self._number,
            "position": position,
            "variables": [v.numpy() for v in self._variables()],
            "random": random_state(),
            "callbacks": [[type(c).__name__, _state_of(c)] for c in self._list],
        }
        self._write(self._paths()[self._number % GENERATIONS], as_arrays(state))

    def _write(self, path, arrays):
        with writing(path) as file:
            np.savez(file, **arrays)

    # putting back -------------------------------------------------------------------------------------------
    def _variables(self):
        """Every variable that training changes, in an order that is the same in every process."""
        return list(dict.fromkeys(self.model._movable()))

    def _check(self, state):
        own, saved = self._variables(), state["variables"]
        if [tuple(v.shape) for v in own] == [a.shape for a in saved]:
            return
        told = f"{len(saved)} variables are saved, it has {len(own)}"
        for variable, value in zip(own, saved):
            if tuple(variable.shape) != value.shape:
                told = f"{variable.name!r} has shape {describe(variable.shape)}, saved is {describe(value.shape)}"
                break
        raise ShapeError(
            f"BackupAndResume: the backup in {self.backup_dir!r} belongs to another model than {self.model.name!r}: "
            f"{told}. Remove the folder, or give each training a folder of its own."
        )

    def _restore(self, state):
        for variable, value in zip(self._variables(), state["variables"]):
            variable.assign_now(value)
        waiting = list(state["callbacks"])
        for callback in self._list:
            for i, (name, held) in enumerate(waiting):
                if name == type(callback).__name__:
                    del waiting[i]
                    if hasattr(callback, "set_state"):
                        callback.set_state(held)
                    break
        set_random_state(state["random"])


def _state_of(callback):
    return callback.get_state() if hasattr(callback, "get_state") else {}
