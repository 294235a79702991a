"""Keras 2 names and signatures for operations that are declared under another name or with more parameters."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ..dtypes import canonical
from ..errors import ShapeError
from ..kernel.config import settings
from ..kernel.context import current_engine_name
from .declare import as_tensor, operation
from .indexing import getitem
from .tensor import SymbolicTensor


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str = "int32") -> Any:
    """start, start + step, ... below `stop` (0..start if only one number is given)."""
    first, last = (0, start) if stop is None else (start, stop)
    if any(isinstance(v, SymbolicTensor) for v in (first, last, step)):
        count = operation("cast")(operation("ceil")((as_tensor(last) - first) / step), "int64")
        return operation("iota")([operation("maximum")(count, 0)], 0, dtype) * step + first
    return as_tensor(np.arange(first, last, step), canonical(dtype))


def sqrt(x: Any) -> Any:
    """Square root; of negative numbers 0, as in Keras 2.3.1."""
    return operation("sqrt")(operation("maximum")(x, 0.0))


def shape(x: Any) -> Any:
    """The shape as a 1-D int32 tensor."""
    return operation("cast")(operation("shape")(x), "int32")


def permute_dimensions(x: Any, pattern: Any) -> Any:
    """Axes in the order `pattern`."""
    return operation("transpose")(x, tuple(pattern))


def transpose(x: Any) -> Any:
    """Axes in reverse order."""
    return operation("transpose")(x)


def pow(x: Any, a: Any) -> Any:
    """x to the power a, element by element."""
    return operation("power")(x, a)


def repeat(x: Any, n: int) -> Any:
    """(batch, features) -> (batch, n, features)."""
    if len(x.shape) != 2:
        raise ShapeError(f"repeat(): x has shape {tuple(x.shape)}; rank 2 (batch, features) is needed.")
    spread = operation("expand_dims")(x, 1)
    return operation("tile")(spread, (1, n, 1))


def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Each element `rep` times in a row along `axis`."""
    return operation("repeat")(x, rep, axis)


def slice(x: Any, start: Any, size: Any) -> Any:
    """`size` values per axis from `start`; -1 is all that remain."""
    keys = tuple(
        _span(b, n) for b, n in zip(_numbers(start, len(x.shape)), _numbers(size, len(x.shape)), strict=True)
    )
    return getitem(x, keys)


def _numbers(value: Any, rank: int) -> list[Any]:
    if isinstance(value, SymbolicTensor):
        return [value] if not value.shape else [value[i] for i in range(rank)]
    return [int(v) for v in np.atleast_1d(np.asarray(value))]


def _span(begin: Any, count: Any) -> Any:
    return builtins.slice(begin, None if isinstance(count, int) and count == -1 else begin + count)


def identity(x: Any, name: str | None = None) -> Any:
    """The same values as a tensor of its own."""
    made = operation("identity")(x)
    if name is not None and isinstance(made, SymbolicTensor):
        made.name = name
    return made


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Zeros in the shape of `x`, and in its type unless `dtype` is given."""
    return _like("zeros_like", x, dtype)


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Ones in the shape of `x`, and in its type unless `dtype` is given."""
    return _like("ones_like", x, dtype)


def _like(op: str, x: Any, dtype: Any) -> Any:
    made = operation(op)(x)
    return made if dtype is None else operation("cast")(made, canonical(dtype))


def size(x: Any, name: str | None = None) -> Any:
    """The number of values, as an int32 scalar."""
    return operation("cast")(operation("prod")(operation("shape")(x)), "int32")


def expand_dims(x: Any, axis: int = -1) -> Any:
    """A new axis of size 1 in front of `axis`."""
    return operation("expand_dims")(x, axis)


def stack(x: Any, axis: int = 0) -> Any:
    """Tensors of equal shape joined along a new axis."""
    return operation("stack")(list(x), axis)


def backend() -> str:
    """The name of the active engine."""
    return current_engine_name()


def normalize_data_format(value: Any) -> str:
    """`value`, or the configured format if it is None; lower case."""
    value = settings.image_data_format if value is None else str(value).lower()
    if value not in ("channels_first", "channels_last"):
        raise ShapeError(f"data_format is 'channels_first' or 'channels_last'; {value!r} was given.")
    return value


def cast(x: Any, dtype: Any) -> Any:
    """`x` with elements of type `dtype`."""
    return operation("cast")(x, canonical(dtype))


def flatten(x: Any) -> Any:
    """All values in one axis."""
    return operation("reshape")(x, (-1,))


def batch_flatten(x: Any) -> Any:
    """(batch, ...) -> (batch, values per sample)."""
    total = 1
    for d in x.shape[1:]:
        total = None if d is None or total is None else total * d
    if total is None:
        sizes = operation("shape")(x)
        return operation("reshape")(x, [sizes[0], operation("prod")(sizes[1:])])
    return operation("reshape")(x, (-1, total))


def round(x: Any) -> Any:
    """To the nearest integer, halves to even."""
    return operation("round")(x)


def print_tensor(x: Any, message: str = "") -> Any:
    """`x`, which prints `message` and its values whenever it is computed: use what this gives, or it prints nothing."""
    return operation("printed")(x, str(message))
