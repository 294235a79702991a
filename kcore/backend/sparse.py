"""Sparse matrices: places and values of what is not zero, multiplied without ever being laid out in full.

A sparse tensor is a symbolic tensor like any other, whose node lays it out; `tensor.sparse` holds its parts. What
knows them (`dot`, `concatenate`, `to_dense`) works on the parts, and then nobody asks for the layout. All else sees a
dense tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ShapeError
from ..shapes import Shape, describe, normalize_axis
from .declare import Dims, Tensor, as_tensor, composite, operation
from .elementwise import multiply
from .indexing import gather, scatter_add
from .shaping import broadcast_to, dims_of, expand_dims, reshape
from .tensor import Constant, Placeholder, SymbolicTensor, numpy_dtype
from .variables import Variable


# operations -------------------------------------------------------------------------------------------------
def _with_places(values: int) -> dtypes.Rule:
    """Rows and columns as given; `values` tensors behind them meet in one type, which is the result's."""

    def inputs(given: Sequence[str], floatx: str) -> list[str]:
        return [*given[:2], *[dtypes.promote_all(given[2:])] * values]

    return dtypes.Rule(inputs, lambda given, attributes: given[-1])


def _places(rows: Any, columns: Any, values: Any) -> None:
    for tensor, name in ((rows, "rows"), (columns, "columns")):
        if tensor.ndim != 1 or not dtypes.is_integer(tensor.dtype):
            raise ShapeError(f"{name} must be a list of whole numbers (entries,); {tensor!r} was given.")
    if values.ndim != 1:
        raise ShapeError(f"values must have shape (entries,); {describe(values.shape)} was given.")


def _laid_out(rows: Any, columns: Any, values: Any, size: Any) -> Shape:
    _places(rows, columns, values)
    return _matrix(size)


def _matrix(size: Any) -> Shape:
    known = tuple(None if s == -1 else s for s in size)
    if len(known) != 2:
        raise ShapeError(f"size must be (rows, columns); {size!r} was given.")
    return known


@composite(shape=_laid_out, dtype=_with_places(1), level="optional")
def sparse_to_dense(rows: Tensor, columns: Tensor, values: Tensor, size: Dims):
    """The matrix of `size` (rows, columns) with `values` (entries,) at those places, zeros elsewhere.

    Values at the same place are added up.
    """
    places = rows * _whole(size[1], rows) + columns
    zeros = broadcast_to(as_tensor(0, values.dtype), [_product(size)])
    return reshape(scatter_add(zeros, places, values), [size[0], size[1]])


def _whole(number: Any, like: SymbolicTensor) -> Any:
    return operation("cast")(as_tensor(number), like.dtype)


def _product(size: Any) -> Any:
    a, b = size[0], size[1]
    return a * b


@sparse_to_dense.gradient
def _(g, out, rows, columns, values, size):
    places = rows * _whole(size[1], rows) + columns
    return None, None, gather(reshape(g, (-1,)), places)


def _multiplied(rows: Any, columns: Any, values: Any, dense: Any, size: Any) -> Shape:
    _places(rows, columns, values)
    height, width = _matrix(size)
    if dense.ndim != 2:
        raise ShapeError(
            f"a sparse matrix meets a matrix (rows, columns); {describe(dense.shape)} was given."
        )
    if None not in (width, dense.shape[0]) and width != dense.shape[0]:
        raise ShapeError(
            f"a sparse matrix with {width} columns meets {dense.shape[0]} rows; make the two equal."
        )
    return height, dense.shape[1]


@composite(shape=_multiplied, dtype=_with_places(2), level="optional")
def sparse_matmul(rows: Tensor, columns: Tensor, values: Tensor, dense: Tensor, size: Dims):
    """A sparse matrix of `size` (rows, columns) times `dense` (columns, n): (rows, n).

    rows, columns, values: (entries,); values at the same place are added up.
    """
    width = dims_of(dense)[1]
    zeros = broadcast_to(as_tensor(0, dense.dtype), [size[0], width])
    return scatter_add(zeros, rows, multiply(expand_dims(values, 1), gather(dense, columns)))


@sparse_matmul.gradient
def _(g, out, rows, columns, values, dense, size):
    along = multiply(gather(g, rows), gather(dense, columns))
    turned = sparse_matmul(columns, rows, values, g, [dims_of(dense)[0], size[0]])
    return None, None, operation("sum")(along, 1), turned


# sparse tensors ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Parts:
    """What a sparse tensor is made of: three lists of equal length (entries,), and its size as numbers or tensors."""

    rows: Any
    columns: Any
    values: Any
    size: tuple[Any, Any]
    fed: tuple[Placeholder, ...] = ()  # of a placeholder: what is fed in its place


def parts_of(value: Any) -> Parts | None:
    """The parts of a sparse tensor or of SciPy's sparse matrix; None for all else."""
    if isinstance(value, SymbolicTensor):
        found = value.sparse
        return found if isinstance(found, Parts) else None
    return Parts(*entries_of(value, value.dtype), value.shape) if hasattr(value, "tocoo") else None


def entries_of(matrix: Any, dtype: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and values of SciPy's sparse matrix, or of an array."""
    if hasattr(matrix, "tocoo"):
        listed = matrix.tocoo()
        rows, columns, values = listed.row, listed.col, listed.data
    else:
        matrix = np.asarray(matrix)
        rows, columns = np.nonzero(matrix)
        values = matrix[rows, columns]
    return (
        rows.astype("int64"),
        columns.astype("int64"),
        np.asarray(values, numpy_dtype(dtypes.canonical(dtype))),
    )


def made_of(parts: Parts, name: str | None = None) -> SymbolicTensor:
    """The tensor with these parts."""
    tensor = sparse_to_dense.symbolic([parts.rows, parts.columns, parts.values, list(parts.size)])
    tensor.sparse = parts
    if name is not None:
        tensor.name = name
    return tensor


def sparse_placeholder(shape: Shape, dtype: str, name: str | None = None) -> SymbolicTensor:
    """A sparse matrix to be fed, with SciPy's sparse matrices or arrays. Raises ShapeError for another rank than 2."""
    if len(shape) != 2:
        raise ShapeError(
            f"sparse tensors are matrices here: (rows, columns); shape {describe(shape)} was asked for."
        )
    name = name or "sparse"
    lists = [
        Placeholder((None,), d, f"{name}_{part}") for part, d in (("rows", "int64"), ("columns", "int64"))
    ]
    values = Placeholder((None,), dtype, f"{name}_values")
    size = Placeholder((2,), "int64", f"{name}_size")
    known = tuple(size[i] if d is None else d for i, d in enumerate(shape))
    return made_of(Parts(*lists, values, (known[0], known[1]), (*lists, values, size)), name)


def sparse_variable(
    matrix: Any, dtype: str, name: str | None = None, constraint: Any = None
) -> SymbolicTensor:
    """SciPy's sparse matrix as a tensor: its places are fixed, its values a variable."""
    rows, columns, values = entries_of(matrix, dtype)
    held = Variable(values, dtype, None if name is None else f"{name}_values", constraint=constraint)
    return made_of(Parts(Constant(rows), Constant(columns), held, tuple(matrix.shape)), name)


def fed_entries(tensor: SymbolicTensor, value: Any) -> list[np.ndarray]:
    """What is fed for a sparse placeholder where `value`, SciPy's sparse matrix or an array, is given."""
    shape = tuple(np.shape(value))
    if len(shape) != 2 or any(
        None not in (a, b) and a != b for a, b in zip(tensor.shape, shape, strict=True)
    ):
        raise ShapeError(
            f"{tensor.name!r} takes a matrix of shape {describe(tensor.shape)}; one of shape {describe(shape)} was given."
        )
    return [*entries_of(value, tensor.dtype), np.asarray(shape, "int64")]


# Keras 2's functions that know sparse tensors --------------------------------------------------------------------
def is_sparse(tensor: Any) -> bool:
    """True for sparse tensors, and for SciPy's sparse matrices."""
    return bool(getattr(tensor, "sparse", False)) or hasattr(tensor, "tocoo")


def to_dense(tensor: Any) -> Any:
    """A sparse tensor, or SciPy's sparse matrix, laid out in full; anything else as it is."""
    if hasattr(tensor, "toarray"):
        return tensor.toarray()
    return operation("identity")(tensor) if parts_of(tensor) is not None else tensor


def dot(x: Any, y: Any) -> Any:
    """The sum over the last axis of `x` and the one before the last of `y` (its only one, if so).

    A sparse matrix `x` times a dense one is computed from its entries.
    """
    parts = parts_of(x)
    if parts is None or len(np.shape(y) if not isinstance(y, SymbolicTensor) else y.shape) != 2:
        return operation("dot")(to_dense(x), to_dense(y))
    return sparse_matmul(parts.rows, parts.columns, parts.values, to_dense(y), list(parts.size))


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """`tensors` joined along `axis`; sparse ones stay sparse if all are."""
    found = [parts_of(t) for t in tensors]
    if None in found or not any(isinstance(t, SymbolicTensor) for t in tensors):
        return operation("concatenate")([to_dense(t) for t in tensors], axis)
    return made_of(_joined([p for p in found if p is not None], normalize_axis(axis, 2)))


def _joined(parts: Sequence[Parts], axis: int) -> Parts:
    moved: list[list[Any]] = [[], [], []]
    total: Any = 0
    for part in parts:
        places = [part.rows, part.columns]
        places[axis] = places[axis] + total
        for held, tensor in zip(moved, (*places, part.values), strict=True):
            held.append(tensor)
        total = total + part.size[axis]
    size = list(parts[0].size)
    size[axis] = total
    rows, columns, values = (operation("concatenate")(held, 0) for held in moved)
    return Parts(rows, columns, values, (size[0], size[1]))
