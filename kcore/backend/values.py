"""Keras 2's functions that make tensors and look at them: `variable`, `placeholder`, `constant`, `int_shape`, ..."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, ShapeError, SymbolicTensorError
from ..kernel.config import settings
from ..shapes import Shape, as_shape, describe, size_of
from .declare import as_tensor, operation, read_dtype, to_array
from .function import evaluate, forget_prepared
from .sparse import parts_of, sparse_placeholder, sparse_variable
from .tensor import Constant, Placeholder, SymbolicTensor, numpy_dtype
from .variables import Variable

_uids: defaultdict[str, int] = defaultdict(int)
_names: defaultdict[str, int] = defaultdict(int)  # how many tensors without a name there are, by kind
_uid_lock = threading.Lock()
_scope: ContextVar[str] = ContextVar("kcore_name_scope", default="")
_to_clear: list[Callable[[], None]] = []


def _dtype(dtype: Any) -> str:
    return settings.floatx if dtype is None else dtypes.canonical(dtype)


class name_scope:
    """`with K.name_scope("block"):` the names given to K.variable, K.placeholder and K.constant within start with
    "block/". Scopes stand in one another. Names are for people; nothing depends on them."""

    def __init__(self, name: str) -> None:
        self.name = str(name)
        self._tokens: list[Any] = []

    def __enter__(self) -> str:
        inside = f"{_scope.get()}{self.name}/"
        self._tokens.append(_scope.set(inside))
        return inside

    def __exit__(self, *details: Any) -> None:
        _scope.reset(self._tokens.pop())


def told_name(name: str | None, kind: str = "Variable") -> str:
    """As users of Keras 2 know names: scope/name:0; without a name Variable:0, Variable_1:0 and so on.

    A name given twice stays as it was given, so that an error says what its reader wrote.
    """
    if name is not None:
        return f"{_scope.get()}{name}:0"
    wanted = f"{_scope.get()}{kind}"
    with _uid_lock:
        count = _names[wanted]
        _names[wanted] += 1
    return f"{wanted}_{count}:0" if count else f"{wanted}:0"


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
    """A variable that starts as `value`; dtype floatx unless given. Of SciPy's sparse matrix: a sparse tensor, whose
    values are a variable and whose places stay."""
    if hasattr(value, "tocoo"):
        return sparse_variable(value, _dtype(dtype), told_name(name), constraint)
    if isinstance(value, SymbolicTensor):
        value = evaluate(value)
    return Variable(value, _dtype(dtype), told_name(name), constraint=constraint)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Constant:
    """A symbolic tensor with a fixed value, spread to `shape` if that is given; dtype floatx unless given."""
    plain = isinstance(value, (bool, int, float, list, tuple))
    array = np.asarray(value if plain else to_array(value), numpy_dtype(_dtype(dtype)))
    if shape is not None:
        shape = known_sizes("constant", shape)
        array = np.full(shape, array) if array.ndim == 0 else np.broadcast_to(array, shape)
    return Constant(array, _dtype(dtype), told_name(name, "Const"))


def placeholder(
    shape: Any = None,
    ndim: int | None = None,
    dtype: Any = None,
    sparse: bool = False,
    name: str | None = None,
) -> Any:
    """A tensor to be fed. Give `shape` (None where unknown) or `ndim`. With `sparse`: a matrix, fed with SciPy's."""
    if shape is None:
        if ndim is None:
            raise ArgumentError("placeholder() needs shape=(...) (None where unknown) or ndim=.")
        shape = (None,) * ndim
    sizes = as_shape(shape) if shape != () else ()
    if sparse:
        return sparse_placeholder(sizes, _dtype(dtype), told_name(name, "Placeholder"))
    return Placeholder(sizes, _dtype(dtype), told_name(name, "Placeholder"))


def known_sizes(what: str, shape: Any) -> tuple[int, ...]:
    """`shape` as numbers. Raises ShapeError where one is not known."""
    sizes = tuple(shape)
    if any(d is None or d < 0 for d in sizes):
        raise ShapeError(
            f"{what}: shape {describe(sizes)} was asked for; all sizes must be known. For the shape of another tensor "
            "use K.zeros_like, K.ones_like, or K.shape(x) as the shape."
        )
    return tuple(int(d) for d in sizes)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of zeros; a plain tensor where part of the shape is symbolic."""
    return _filled(0, shape, dtype, name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of ones; a plain tensor where part of the shape is symbolic."""
    return _filled(1, shape, dtype, name)


def _filled(value: int, shape: Any, dtype: Any, name: str | None) -> Any:
    dtype = _dtype(dtype)
    symbolic = isinstance(shape, SymbolicTensor) or any(isinstance(s, SymbolicTensor) for s in shape)
    if symbolic:
        return operation("broadcast_to")(as_tensor(value, dtype), shape)
    return Variable(
        np.full(known_sizes("zeros or ones", shape), value, numpy_dtype(dtype)), dtype, told_name(name)
    )


def eye(size: Any, dtype: Any = None, name: str | None = None) -> Variable:
    """A variable holding the identity matrix of `size` (a number, or a pair)."""
    n, m = known_sizes("eye", size if isinstance(size, (tuple, list)) else (size, size))
    return Variable(np.eye(n, m), _dtype(dtype), told_name(name))


def int_shape(x: Any) -> Shape | None:
    """The shape as a tuple of ints and None."""
    return tuple(x.shape) if hasattr(x, "shape") else tuple(np.shape(x))


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(int_shape(x) or ())


def dtype(x: Any) -> str:
    """The name of the tensor's element type, such as 'float32'. Within `call`, that in which a weight is read there."""
    return dtypes.canonical(read_dtype(x))


def count_params(x: Any) -> int | None:
    """The number of values in a tensor of known shape."""
    return size_of(int_shape(x) or ())


def is_tensor(x: Any) -> bool:
    """True for symbolic tensors, variables included."""
    return isinstance(x, SymbolicTensor)


def is_variable(x: Any) -> bool:
    """True for variables."""
    return isinstance(x, Variable)


def is_placeholder(x: Any) -> bool:
    """True for tensors that are to be fed."""
    parts = parts_of(x)
    return isinstance(x, Placeholder) or bool(parts and parts.fed)


def is_keras_tensor(x: Any) -> bool:
    """True for outputs of layers and `Input()`. Raises ValueError for what is no tensor at all."""
    if not isinstance(x, SymbolicTensor):
        raise SymbolicTensorKindError(
            f"is_keras_tensor() takes a symbolic tensor; {type(x).__name__} was given."
        )
    return hasattr(x, "_keras_history")


class SymbolicTensorKindError(SymbolicTensorError, ValueError):
    """As Keras 2 has it, a ValueError."""


def eval(x: Any) -> np.ndarray:
    """The value of a tensor that needs nothing fed."""
    return evaluate(x)


def get_value(x: Any) -> np.ndarray:
    """The value of a variable (a copy), or of another tensor that needs nothing fed, as in Keras 2."""
    return evaluate(x)


def batch_get_value(ops: Sequence[Any]) -> list[np.ndarray]:
    """The values of several variables, as arrays."""
    return [get_value(x) for x in ops]


def set_value(x: Variable, value: Any) -> None:
    """Sets a variable at once. Raises ShapeError if the shape differs, SymbolicTensorError if `x` is no variable."""
    if not isinstance(x, Variable):
        raise SymbolicTensorError(
            f"set_value() takes a variable; {x!r} was given. Other tensors are computed: feed a placeholder through "
            "K.function, or make the tensor with K.variable."
        )
    x.assign_now(value)


def batch_set_value(tuples: Sequence[tuple[Variable, Any]]) -> None:
    """Sets several variables at once: pairs (variable, array). Raises ShapeError where a shape differs."""
    for x, value in tuples:
        set_value(x, value)


def cast_to_floatx(x: Any) -> Any:
    """An array, or a tensor, as floatx."""
    if isinstance(x, SymbolicTensor):
        return operation("cast")(x, settings.floatx)
    return np.asarray(x if isinstance(x, (list, tuple, int, float)) else to_array(x), settings.floatx)


def to_numpy(x: Any) -> np.ndarray:
    """Any array-like or engine tensor as a NumPy array."""
    return evaluate(x)


def get_uid(prefix: str = "") -> int:
    """1, 2, 3, ... for each prefix."""
    with _uid_lock:
        _uids[prefix] += 1
        return _uids[prefix]


@contextmanager
def keeping_uids() -> Iterator[None]:
    """What is named within does not count."""
    with _uid_lock:
        kept = dict(_uids)
    try:
        yield
    finally:
        with _uid_lock:
            _uids.clear()
            _uids.update(kept)


def reset_uids() -> None:
    """`get_uid` counts from 1 again, for every prefix."""
    with _uid_lock:
        _uids.clear()


def clear_session() -> None:
    """Starts names anew, forgets a fixed learning phase and the operations prepared for arrays.

    Graphs, functions and models need no clearing: what nobody holds is freed, whether or not this is called.
    """
    reset_uids()
    with _uid_lock:
        _names.clear()
    forget_prepared()
    for forget in _to_clear:
        forget()


def at_clear_session(forget: Callable[[], None]) -> None:
    """`forget` is called by each `clear_session`."""
    _to_clear.append(forget)
