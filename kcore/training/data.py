"""Arrays on their way into a model: named, checked against what the model expects, cast once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend.tensor import numpy_dtype
from ..errors import ArgumentError, DataError, ShapeError, UnknownName, nearest
from ..shapes import Shape, describe
from .rows import Rows, part, reads_rows


@dataclass(frozen=True)
class Slot:
    """What one array has to be: `kind` and `name` for messages, `shape` without the batch (None: any).

    indices: the last axis may be left out, where it would hold one number, such as a class.
    """

    kind: str
    name: str
    shape: Shape | None
    dtype: str
    advice: str = ""
    indices: bool = False

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name!r}"

    def check_nan(self, array: np.ndarray, first: int | None = 0) -> None:
        """Raises DataError for NaN; `first` is the number of the array's first row, None if it is not known."""
        if array.dtype.kind not in "fc" or array.size == 0 or not np.isnan(np.min(array)):
            return
        rows = np.flatnonzero(np.isnan(array).any(axis=tuple(range(1, array.ndim))))
        where = "" if first is None else f", first in row {first + rows[0]}"
        raise DataError(
            f"{self.title} holds NaN{where} ({len(rows)} of {len(array)} rows have it). Remove these rows or fill "
            "them in: one NaN makes every weight NaN."
        )


def as_array(value: Any, title: str) -> np.ndarray:
    """A NumPy array from whatever holds rows: arrays, lists, data frames and series, sparse rows."""
    if value is None:
        raise DataError(f"no data were given for {title}.")
    if hasattr(value, "toarray"):  # SciPy's sparse matrices
        value = value.toarray()
    if hasattr(value, "asnumpy"):  # arrays of some engines, which NumPy takes for sequences
        value = value.asnumpy()
    try:
        array = np.asarray(value)
        if array.dtype == object and hasattr(
            value, "to_numpy"
        ):  # columns of a data frame that may lack values
            array = value.to_numpy(dtype="float64", na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"{title} cannot be made into an array: {error}") from error
    if array.dtype == object:
        raise DataError(
            f"{title} holds Python objects (rows of different lengths?), not numbers. Pad the rows to one "
            "length, or pass a list with one array per input."
        )
    if array.dtype.kind not in "biufc":
        raise DataError(f"{title} holds values of type {array.dtype}; numbers are needed.")
    return array


def as_list(data: Any, names: Sequence[str], what: str) -> list[Any]:
    """One item per name, from a list, a tuple, a dict, or a single array for a single name; from None if there is none."""
    if not names and data is None:
        return []
    if isinstance(data, Mapping):
        return _from_mapping(data, names, what)
    if isinstance(data, (list, tuple)):
        if len(names) == 1 and len(data) != 1 and not _looks_like_arrays(data):
            return [np.asarray(data)]  # a list of numbers, or of rows
        items = list(data)
    else:
        items = [data]
    if len(items) != len(names):
        listed = ", ".join(repr(n) for n in names) or "none"
        raise DataError(
            f"the model has {len(names)} {what}{'' if len(names) == 1 else 's'} ({listed}), but {len(items)} "
            f"{'array was' if len(items) == 1 else 'arrays were'} given."
        )
    if len(names) == 1 and isinstance(data, (list, tuple)) and np.isscalar(items[0]):
        return [np.asarray(items)]
    return items


def _looks_like_arrays(items: Sequence[Any]) -> bool:
    return any(hasattr(i, "shape") and len(i.shape) > 0 for i in items)


def _from_mapping(data: Mapping[str, Any], names: Sequence[str], what: str) -> list[Any]:
    for key in data:
        if key not in names:
            listed = ", ".join(repr(n) for n in names)
            raise UnknownName(
                f"the model has no {what} named {key!r}.{nearest(key, names)} It has: {listed}."
            )
    missing = [n for n in names if n not in data]
    if missing:
        raise DataError(f"no data were given for {what} {missing[0]!r}.")
    return [data[n] for n in names]


def fitted(value: Any, slot: Slot, nan: str = "raise") -> np.ndarray:
    """`value` as an array of `slot.dtype` whose shape fits. Rows of single numbers may come as a vector."""
    if reads_rows(value) and len(value.shape):
        return Rows(value, slot, nan=nan)
    array = as_array(value, slot.title)
    array = _ranked(array, slot)
    if slot.shape is not None:
        _check_shape(array, slot)
    if nan == "raise":
        slot.check_nan(array)
    return array.astype(numpy_dtype(slot.dtype), copy=False)


def _ranked(array: np.ndarray, slot: Slot) -> np.ndarray:
    if array.ndim == 0:
        raise ShapeError(f"{slot.title} is a single number; rows along the first axis are needed.")
    wanted = None if slot.shape is None else len(slot.shape) + 1
    if array.ndim == 1 and wanted != 1:
        return array[:, None]
    # class indices (batch, time) for an output (batch, time, classes)
    indices = slot.shape is not None and slot.kind == "target" and (slot.indices or slot.shape[-1] == 1)
    if wanted == array.ndim + 1 and indices:
        return array[..., None]
    return array


def _check_shape(array: np.ndarray, slot: Slot) -> None:
    wanted = slot.shape or ()
    fits = len(wanted) == array.ndim - 1 and all(
        w is None or w == g for w, g in zip(wanted, array.shape[1:], strict=True)
    )
    if not fits:
        raise ShapeError(
            f"{slot.title} needs shape {describe((None, *wanted))}; an array of shape {array.shape} was given."
            f"{slot.advice}"
        )


def check_lengths(arrays: Mapping[str, np.ndarray]) -> int:
    """The number of rows, the same in all arrays."""
    lengths = {name: len(a) for name, a in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise DataError(f"all arrays need the same number of rows; {listed}.")
    rows = next(iter(lengths.values()), 0)
    if rows == 0:
        raise DataError(f"the data set is empty: {next(iter(arrays), 'it')} has no rows.")
    return rows


# weights ----------------------------------------------------------------------------------------------------
def per_output(value: Any, names: Sequence[str], what: str) -> list[Any]:
    """One item (or None) per output of what was given for all, as a list, or as a dict that may leave some out."""
    if value is None:
        return [None] * len(names)
    if isinstance(value, Mapping):
        for key in value:
            if key not in names:
                raise UnknownName(f"{what}: the model has no output named {key!r}.{nearest(key, names)}")
        return [value.get(n) for n in names]
    if isinstance(value, (list, tuple)) and len(value) == len(names):
        if len(names) > 1 or value[0] is None or hasattr(value[0], "shape") or isinstance(value[0], Mapping):
            return list(value)
    if len(names) == 1:
        return [value]
    raise DataError(
        f"{what} needs one entry for each of the {len(names)} outputs ({', '.join(names)}), as a list or a dict."
    )


def class_weights_of(value: Any, names: Sequence[str]) -> list[Any]:
    """A dict class -> weight (or None) per output."""
    if value is None:
        return [None] * len(names)
    if isinstance(value, Mapping) and not any(k in names for k in value):
        if any(isinstance(k, str) for k in value):
            key = next(k for k in value if isinstance(k, str))
            raise UnknownName(f"class_weight: the model has no output named {key!r}.{nearest(key, names)}")
        if len(names) == 1:
            return [value]
        raise DataError(
            f"class_weight: the model has {len(names)} outputs; say which one is meant: {{{names[0]!r}: {{...}}}}."
        )
    return per_output(value, names, "class_weight")


def row_weights(target: Any, given: Any, classes: Any, slot: Slot) -> np.ndarray | None:
    """Weights of the loss from what the user gave per row (and per time step) and per class; None for neither.

    target: the array, or None where it is a tensor of the model's own.
    """
    temporal = slot.shape is not None and len(slot.shape) == 1
    weights = None if given is None else _given_weights(target, given, slot, temporal)
    if classes is None:
        return weights
    factors = _class_factors(target, classes, slot)
    if weights is None:
        return factors
    return weights * (factors[:, None] if temporal else factors)


def _given_weights(target: Any, given: Any, slot: Slot, temporal: bool) -> np.ndarray:
    weights = as_array(given, slot.title)
    if weights.ndim == 2 and weights.shape[1] == 1 and not temporal:
        weights = weights[:, 0]
    rank = 2 if temporal else 1
    if weights.ndim != rank:
        hint = (
            "With sample_weight_mode='temporal' weights are (batch, time)."
            if temporal
            else "Weights per time step need sample_weight_mode='temporal' in compile()."
        )
        raise ShapeError(
            f"{slot.title} needs {rank} axes; an array of shape {weights.shape} was given. {hint}"
        )
    if temporal and target is not None and weights.shape[1] != target.shape[1]:
        raise ShapeError(f"{slot.title} has {weights.shape[1]} time steps; the target has {target.shape[1]}.")
    slot.check_nan(weights)
    return weights.astype(numpy_dtype(slot.dtype), copy=False)


def _class_factors(target: np.ndarray, classes: Mapping[Any, float], slot: Slot) -> np.ndarray:
    if not isinstance(classes, Mapping):
        raise ArgumentError(
            f"class_weight={classes!r} for {slot.name!r}: give a dict of classes, such as {{0: 1.0, 1: 5.0}}."
        )
    if target.ndim > 2:
        raise DataError(
            f"class_weight cannot be used for {slot.name!r}: its target has shape {target.shape}; only targets of "
            "(batch, classes) or (batch, 1) have one class per row. Use sample_weight."
        )
    found = target.argmax(axis=1) if target.shape[1] > 1 else target[:, 0]
    present, where = np.unique(found, return_inverse=True)
    missing = [p for p in present if p not in classes]
    if missing:
        raise DataError(
            f"class_weight has no entry for class {missing[0]:g} of output {slot.name!r}. "
            f"It has: {', '.join(str(k) for k in classes)}."
        )
    table = np.array([classes[p] for p in present], dtype=numpy_dtype(slot.dtype))
    return table[where.reshape(-1)]


# splits and orders ------------------------------------------------------------------------------------------
def split(arrays: Sequence[Any], fraction: float) -> tuple[list[Any], list[Any]]:
    """The first rows for training, the last `fraction` of them for validation. None stays None."""
    if not 0.0 < fraction < 1.0:
        raise ArgumentError(f"validation_split={fraction!r}: a number between 0 and 1 is needed.")
    rows = next(len(a) for a in arrays if a is not None)
    at = int(rows * (1.0 - fraction))
    if at == 0 or at == rows:
        side = "training" if at == 0 else "validation"
        raise DataError(f"validation_split={fraction} of {rows} rows leaves nothing for {side}.")
    first = [None if a is None else part(a, 0, at) for a in arrays]
    return first, [None if a is None else part(a, at, rows) for a in arrays]


def shuffled(rows: int, how: Any, batch_size: int, before: np.ndarray | None = None) -> np.ndarray | None:
    """An order of rows from NumPy's global generator; 'batch' keeps the rows of a batch together.

    Each epoch shuffles the order `before`, that of the epoch before it: as in Keras 2, and one seed gives its orders.
    """
    if not how:
        return None
    order = np.arange(rows) if before is None else before.copy()
    if how == "batch":
        whole = rows // batch_size * batch_size
        blocks = order[:whole].reshape(-1, batch_size)
        np.random.shuffle(blocks)
        return np.concatenate([blocks.reshape(-1), order[whole:]])
    np.random.shuffle(order)
    return order


def check_batch_size(batch_size: Any, steps: int | None = None, rows: int | None = None) -> int:
    """The batch size to use: as given, or such that `steps` cover the rows, or Keras's 32."""
    if batch_size is None:
        return -(-rows // steps) if steps and rows else 32
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size <= 0:
        raise ArgumentError(f"batch_size={batch_size!r}: a whole number above 0 is needed.")
    return int(batch_size)


def check_stateful(model: Any, rows: int, batch_size: int) -> None:
    """A stateful model needs whole batches, of the size that its states have."""
    if not getattr(model, "stateful", False):
        return
    for name, tensor in zip(model.input_names, model.inputs, strict=False):
        if tensor.shape and tensor.shape[0] not in (None, min(batch_size, rows)):
            raise DataError(
                f"the model is stateful, with states for {tensor.shape[0]} rows (input {name!r} has shape "
                f"{describe(tuple(tensor.shape))}); batches of {min(batch_size, rows)} rows were given. "
                f"Give batch_size={tensor.shape[0]} and whole batches."
            )
    if rows % batch_size:
        raise DataError(
            f"the model is stateful, so the number of rows ({rows}) must be a multiple of batch_size ({batch_size})."
        )


def is_batches(data: Any) -> bool:
    """True for what yields batches itself: a generator, an iterator, a `Sequence`, a data set of batches.

    A data set is anything else that can be gone through again and again and is no array, list or dict.
    """
    if hasattr(data, "__next__") or getattr(data, "use_sequence_api", False) is True:
        return True
    held = (
        isinstance(data, (list, tuple, Mapping, str, bytes))
        or hasattr(data, "shape")
        or hasattr(data, "dtype")
    )
    return hasattr(data, "__iter__") and not held and not hasattr(data, "__array__")


def unpack(item: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) from a batch that a generator or `Sequence` gave."""
    if isinstance(item, tuple):
        if len(item) == 2:
            return item[0], item[1], None
        if len(item) == 1:  # a model whose loss needs no targets
            return item[0], None, None
        if len(item) == 3:
            return item
    raise DataError(
        f"a batch from a generator must be a tuple (x, y) or (x, y, sample_weight); a {type(item).__name__}"
        f"{f' of {len(item)} items' if isinstance(item, (tuple, list)) else ''} came."
    )
