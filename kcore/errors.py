"""Every exception that kcore raises on purpose, each also of the type that Keras users catch."""

import difflib
from collections.abc import Iterable


class KcoreError(Exception):
    """Base of all errors raised by kcore on purpose."""


class ShapeError(KcoreError, ValueError):
    """A tensor's shape does not fit what an operation, a layer or a model needs."""


class DTypeError(KcoreError, TypeError):
    """A tensor's element type does not fit what an operation needs."""


class ArgumentError(KcoreError, ValueError):
    """An argument has a value that is not allowed."""


class UnknownArgument(ArgumentError, TypeError):
    """An argument that a class or function does not have."""


class UnknownName(KcoreError, ValueError):
    """A name (of a layer, a loss, ...) that nothing has registered."""


class UnknownBackend(UnknownName):
    """An engine's name that is not installed, or an engine that failed to load."""


class PluginError(KcoreError, RuntimeError):
    """A plug-in that cannot be used."""


class PluginConflict(KcoreError, ValueError):
    """Two plug-ins offer the same name."""


class Unsupported(KcoreError, NotImplementedError):
    """An engine has declared that it cannot do an operation, with its reason."""


class SymbolicTensorError(KcoreError, TypeError):
    """A symbolic tensor was used where an array is due, or the reverse."""


class GraphError(KcoreError, ValueError):
    """A graph is not connected as it would have to be (a placeholder not fed, engines mixed, ...)."""


class NotBuilt(ShapeError, RuntimeError):
    """A layer or a model is asked about weights before it knows its input's shape."""


class NeverCalled(KcoreError, RuntimeError, AttributeError):
    """A layer is asked for its input or output before it was called on anything."""


class NotCompiled(KcoreError, RuntimeError):
    """A model is used for training or evaluation before `compile()`."""


class DataError(KcoreError, ValueError):
    """Arrays handed to a model that do not fit it or one another."""


class NotFinite(KcoreError, FloatingPointError):
    """NaN or infinity came up in a step of training, before anything was written."""


class WorkerDied(KcoreError, RuntimeError):
    """A process that read data for training ended without a word."""


class FileRefused(KcoreError, ValueError):
    """A file that is damaged, hostile or beyond the budgets (`kcore.saving.gate`); nothing of it was used."""


class MissingPackage(KcoreError, ImportError):
    """A package that is optional and is needed now; the message has the line that installs it."""


class UnknownColumn(UnknownName, KeyError):
    """A column that a data frame does not have."""

    __str__ = Exception.__str__  # KeyError would put the message in quotes


class CannotMap(KcoreError, ValueError):
    """A model file that says things for which there is nothing here; the message lists all of them."""


class WeightsMismatch(KcoreError, ValueError):
    """Weights in a file that do not fit the model; the message is the table of all. The model is unchanged."""


def nearest(name: object, known: Iterable[str]) -> str:
    """A phrase ' Did you mean ...?' for the known names nearest to `name`, or an empty string."""
    found = difflib.get_close_matches(str(name), sorted(known), n=3, cutoff=0.6)
    if not found:
        lowered = {k.lower(): k for k in known}
        found = [lowered[m] for m in difflib.get_close_matches(str(name).lower(), sorted(lowered), n=3)]
    return f" Did you mean {' or '.join(repr(f) for f in found)}?" if found else ""
