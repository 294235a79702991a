"""Symbolic tensors: the nodes and edges of a graph, shape and type inferred, no engine involved."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import SymbolicTensorError
from ..shapes import Shape, describe

_ids = itertools.count()


def next_moment() -> int:
    """A number above those of all nodes so far and below those of all to come."""
    return next(_ids)


_scope: ContextVar[str] = ContextVar("kcore_scope", default="")
GRADIENT = "gradient:"  # begins the scope of what belongs to the gradient of a layer


class scope:
    """Within the block new nodes belong to the layer `path`, such as "block/dense_1"."""

    __slots__ = ("_path", "_token")

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._token = _scope.set(self._path)

    def __exit__(self, *error: object) -> None:
        _scope.reset(self._token)


def within(name: str) -> scope:
    """The scope of a layer `name` that is called where this is asked for."""
    outer = _scope.get()
    return scope(f"{outer}/{name}" if outer else name)


class Node:
    """One application of an operation: its arguments (in the order of the declaration) and results."""

    __slots__ = ("arguments", "expansion", "id", "many", "op", "outputs", "plan", "scope", "__weakref__")

    def __init__(
        self, op: Any, arguments: tuple[Any, ...], specs: Sequence[tuple[Shape, str]], expansion: Any = None
    ):
        self.op = op
        self.arguments = arguments
        self.many = len(specs) > 1  # a list of results, possibly of one
        self.plan: Any = None  # a loop's own notes for its gradient
        self.expansion = expansion  # for a composite: what its definition gives on the same arguments
        self.scope = _scope.get()  # the layer that it belongs to
        self.id = next(_ids)
        self.outputs = tuple(SymbolicTensor(shape, dtype, self, i) for i, (shape, dtype) in enumerate(specs))


class SymbolicTensor:
    """A value that an engine will compute: `shape` (None where unknown), `dtype`, and where it comes from.

    Python's operators and indexing build further nodes. `K.eval` or `K.function` give numbers.
    """

    __array_priority__ = 1000.0  # array * tensor asks the tensor, not NumPy
    sparse: Any = None  # the parts of a sparse tensor, see `sparse`
    autocast = False  # a weight that is read in its layer's compute type, see `declare.reading_as`
    operators: dict[str, Callable[..., Any]] = {}  # filled in by the modules that declare the operations

    def __init__(
        self, shape: Shape, dtype: str, node: Node | None = None, index: int = 0, name: str | None = None
    ):
        self.node = node
        self.index = index
        self.shape = tuple(shape)
        self.dtype = dtype
        self._name = name
        self.id = node.id if node is not None else next(_ids)

    @property
    def name(self) -> str:
        if self._name is None:
            self._name = f"{self.node.op.name}_{self.id}:{self.index}" if self.node else f"tensor_{self.id}"
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def rank(self) -> int:
        return len(self.shape)

    def get_shape(self) -> Shape:
        return self.shape

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} shape={describe(self.shape)} dtype={self.dtype}>"

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:  # identity, as in Keras 2: tensors are keys of dictionaries
        return self is other

    def __bool__(self) -> bool:
        raise SymbolicTensorError(
            f"{self!r} has no truth value yet. Use K.switch for a branch, {self._to_get_numbers} to get a number."
        )

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise SymbolicTensorError(
            f"{self!r} holds no numbers, so NumPy cannot use it. Use functions of kcore.backend on it, or "
            f"{self._to_get_numbers} to get an array."
        )

    _to_get_numbers = "K.eval / K.function"

    def __format__(self, spec: str) -> str:
        if spec:
            raise SymbolicTensorError(
                f"{self!r} holds no number yet, so it cannot be written as {spec!r}. Use {self._to_get_numbers}."
            )
        return str(self)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise SymbolicTensorError(
            f"parts of {self!r} cannot be set: tensors do not change. Make a new one, with K.switch or K.concatenate; "
            "of a variable K.update makes the next value."
        )

    def __iter__(self) -> Any:
        if not self.shape or self.shape[0] is None:
            why = "its first dimension is not known" if self.shape else "it has no dimension"
            raise SymbolicTensorError(
                f"{self!r} cannot be iterated over: {why}. Use K.map_fn, K.foldl or K.rnn, or give the placeholder a "
                "shape."
            )
        return (self[i] for i in range(self.shape[0]))

    def __len__(self) -> int:
        if not self.shape or self.shape[0] is None:
            raise SymbolicTensorError(f"{self!r} has no known length. Use K.shape(x)[0].")
        return self.shape[0]

    def __float__(self) -> float:
        raise SymbolicTensorError(f"{self!r} holds no number yet. Use {self._to_get_numbers}.")

    __int__ = __index__ = __float__  # type: ignore[assignment]

    def __getitem__(self, key: Any) -> Any:
        return self.operators["getitem"](self, key)

    def _op(self, name: str, *args: Any) -> Any:
        return self.operators[name](*args)

    def __add__(self, other: Any) -> Any:
        return self._op("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self._op("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self._op("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._op("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return self._op("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._op("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._op("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._op("divide", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self._op("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._op("floor_divide", other, self)

    def __mod__(self, other: Any) -> Any:
        return self._op("mod", self, other)

    def __rmod__(self, other: Any) -> Any:
        return self._op("mod", other, self)

    def __pow__(self, other: Any) -> Any:
        return self._op("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._op("power", other, self)

    def __matmul__(self, other: Any) -> Any:
        return self._op("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._op("matmul", other, self)

    def __neg__(self) -> Any:
        return self._op("negative", self)

    def __abs__(self) -> Any:
        return self._op("abs", self)

    def __lt__(self, other: Any) -> Any:
        return self._op("less", self, other)

    def __le__(self, other: Any) -> Any:
        return self._op("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return self._op("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return self._op("greater_equal", self, other)

    def __and__(self, other: Any) -> Any:
        return self._op("logical_and", self, other)

    def __or__(self, other: Any) -> Any:
        return self._op("logical_or", self, other)

    def __invert__(self) -> Any:
        return self._op("logical_not", self)


class Placeholder(SymbolicTensor):
    """A value given at each call. `default` (a number or None) is used where it is not fed."""

    def __init__(
        self, shape: Shape, dtype: str, name: str | None = None, default: Any = None, sparse: bool = False
    ):
        super().__init__(shape, dtype, name=name)
        self.default = default
        self.sparse = sparse


class Constant(SymbolicTensor):
    """A value known while the graph is built."""

    def __init__(self, value: Any, dtype: str | None = None, name: str | None = None):
        array = np.asarray(value)
        dtype = dtypes.canonical(array.dtype) if dtype is None else dtype
        self.value = array.astype(numpy_dtype(dtype), copy=False)
        super().__init__(self.value.shape, dtype, name=name)


def numpy_dtype(dtype: str) -> Any:
    """The NumPy type that stands for `dtype` (bfloat16 is stored as float32)."""
    return np.dtype("float32" if dtype == "bfloat16" else dtype)


def is_symbolic(value: Any) -> bool:
    return isinstance(value, SymbolicTensor)
