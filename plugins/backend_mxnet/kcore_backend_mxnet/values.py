"""What flows between operations: an array, a symbol or a known constant, with its logical shape and type.

MXNet 1.9 has no arrays without axes, none without elements, no truth values that compute, and computes float16 on
the CPU hardly at all. So a value keeps the shape and type that the contract speaks of beside what MXNet holds:
(1,) for (), float32 for bool, float16 and bfloat16, int32 and int64 for the narrower whole numbers. Values
without elements are NumPy arrays always.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from kcore.extending import operation

from .startup import import_mxnet

mx = import_mxnet()

HELD = {
    "bool": "float32", "float16": "float32", "bfloat16": "float32", "float32": "float32", "float64": "float64",
    "int8": "int32", "uint8": "int32", "int16": "int32", "uint16": "int32", "int32": "int32",
    "uint32": "int64", "int64": "int64", "uint64": "int64",
}  # fmt: skip


class NotTraceable(Exception):
    """A graph cannot hold this: what it needs is known only while running."""


class Value:
    """`data` is a np.ndarray (a known constant), an mx.nd.NDArray or an mx.sym.Symbol."""

    __slots__ = (
        "_data", "dtype", "first", "laid", "padded", "rectified", "shape", "turned", "version", "with_bias",
    )  # fmt: skip

    def __init__(self, data: Any, shape: tuple[int, ...], dtype: str, first: Any = None) -> None:
        self._data = data
        self.shape = shape
        self.dtype = dtype
        self.first = first  # the same with channels before the spatial axes, where that is how it came about
        # (order of the axes, the same in that order): how MXNet's operations want weights, and how they may be held
        self.laid: Any = None
        self.turned: Any = None  # the matrix of which this is the transpose
        # the result of `rectify`, or where such a result is above 0: True, or the operation of the graph
        self.rectified: Any = False
        self.padded: Any = None  # (what it is with zeros around its spatial axes, how many)
        self.with_bias: Any = None  # of a convolution: the same with a bias, from the bias
        self.version: Any = None  # of what a variable holds: another one whenever that changes

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def data(self) -> Any:
        if self._data is None:
            if self.laid is not None:
                order, data = self.laid
                self._data = of(data).transpose(data, axes=tuple(order.index(i) for i in range(self.ndim)))
            else:
                F = of(self.first)
                if math.prod(self.shape[1:-1]) == 1:  # nothing changes its place
                    self._data = F.reshape(self.first, shape=self.shape)
                else:
                    self._data = F.transpose(self.first, axes=(0, *range(2, self.ndim), 1))
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        self._data, self.first, self.turned, self.with_bias, self.rectified = data, None, None, None, False
        self.laid, self.padded = None, None

    @property
    def order(self) -> Any:
        """The order of the axes in `base`; None for their own."""
        return self.laid[0] if self._data is None and self.laid is not None else None

    @property
    def base(self) -> Any:
        """What holds it, in whichever order of the axes."""
        return self.laid[1] if self._data is None and self.laid is not None else self.data

    @property
    def known(self) -> bool:
        return isinstance(self._data, np.ndarray)

    @property
    def held(self) -> tuple[int, ...]:
        """The shape in which MXNet holds it."""
        return self.shape or (1,)

    def asnumpy(self) -> np.ndarray:
        data = self.data
        array = data if isinstance(data, np.ndarray) else data.asnumpy()
        kind = "float32" if self.dtype == "bfloat16" else self.dtype
        with np.errstate(all="ignore"):
            return array.reshape(self.shape).astype(kind, copy=False)

    def copied(self) -> Value:
        """The same in an array of its own."""
        return self if self.known else held_as(self.base.copy(), self.shape, self.dtype, self.order)

    def wait_to_read(self) -> None:
        if not self.known:
            self.data.wait_to_read()

    # a value in a user's hands, or met while a graph is built, computes like any tensor
    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        array = self.asnumpy()
        return array if dtype is None else array.astype(dtype)

    @property
    def native(self) -> Any:
        """The mx.nd array that holds it, of shape (1,) for (), of MXNet's type for it."""
        return raw(self)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        return iter(self.asnumpy())

    def __getitem__(self, key: Any) -> Any:
        return self.asnumpy()[key]

    def __float__(self) -> float:
        return float(self.asnumpy().reshape(()))

    def __int__(self) -> int:
        return int(self.asnumpy().reshape(()))

    def __bool__(self) -> bool:
        return bool(self.asnumpy().reshape(()))

    def __repr__(self) -> str:
        return f"<kcore mxnet value {self.shape} {self.dtype}>"


def _operator(name: str, swapped: bool = False) -> Any:
    def run(self: Value, other: Any) -> Any:
        pair = (other, self) if swapped else (self, other)
        return operation(name)(*pair)

    return run


for _sign, _name in (
    ("add", "add"), ("sub", "subtract"), ("mul", "multiply"), ("truediv", "divide"), ("pow", "power"), ("mod", "mod"),
):  # fmt: skip
    setattr(Value, f"__{_sign}__", _operator(_name))
    setattr(Value, f"__r{_sign}__", _operator(_name, True))
Value.__array_priority__ = 100  # type: ignore[attr-defined]
Value.__neg__ = lambda self: operation("negative")(self)  # type: ignore[attr-defined]


class Scope(threading.local):
    """What is being traced in this thread, and on which device arrays are made."""

    trace: Any = None
    context: Any = None
    places: dict[int, int] | None = None  # what instructions are to be called in graphs, by their id
    images: bool = (
        False  # whether what is drawn goes to a graph of convolutions, which wants the channels first
    )


scope = Scope()


def of(raw: Any) -> Any:
    """The module whose functions take `raw`."""
    return mx.sym if isinstance(raw, mx.sym.Symbol) else mx.nd


def upload(array: np.ndarray, dtype: str) -> Any:
    """An mx.nd array that holds `array` as elements of the contract's type `dtype`."""
    held = np.ascontiguousarray(array, HELD[dtype])
    made = mx.nd.empty(held.shape or (1,), scope.context, HELD[dtype])
    made._sync_copyfrom(held.reshape(held.shape or (1,)))
    return made


def constant(array: Any, dtype: str) -> Value:
    array = np.asarray(array, "float32" if dtype == "bfloat16" else dtype)
    return Value(array, array.shape, dtype)


def running(array: Any, dtype: str) -> Value:
    """A value that MXNet holds, if it has elements."""
    array = np.asarray(array, "float32" if dtype == "bfloat16" else dtype)
    return Value(array if array.size == 0 else upload(array, dtype), array.shape, dtype)


def turned_images(value: Value) -> Value:
    """A known value (batch, *spatial, channels) as MXNet holds images: with the channels before the spatial axes."""
    order = first_shape(range(value.ndim))
    return held_as(upload(value.data.transpose(order), value.dtype), value.shape, value.dtype, order)


def adopt(array: Any) -> Value:
    """A user's mx.nd array."""
    dtype = np.dtype(array.dtype).name
    if HELD[dtype] != dtype:
        array = array.astype(HELD[dtype])
    return Value(array, tuple(array.shape), dtype)


def as_value(tensor: Any) -> Value:
    return tensor if isinstance(tensor, Value) else adopt(tensor)


def raw(value: Value) -> Any:
    """What MXNet computes with; a constant becomes an array, or an input of the graph that is traced."""
    data = value.data
    if isinstance(data, np.ndarray):
        return scope.trace.lifted(value) if scope.trace is not None else upload(data, value.dtype)
    return data


def held_as(data: Any, shape: tuple[int, ...], dtype: str, order: Any) -> Value:
    """The value that `data` holds with its axes in this order (None: their own)."""
    if order is None:
        return Value(data, shape, dtype)
    made = Value(None, shape, dtype)
    made.laid = (order, data)
    return made


def in_order(value: Value, order: tuple[int, ...]) -> Any:
    """`raw(value)` with its axes in this order."""
    if value.laid is None or value.laid[0] != order:
        if value.known:
            data = raw(value)
            return of(data).transpose(data, axes=order)
        data = value.data
        made = of(data).transpose(data, axes=order)
        if not isinstance(made, mx.sym.Symbol):
            return made
        value.laid = (order, made)
    return value.laid[1]


def channels_first(x: Value) -> Any:
    """(batch, *spatial, channels) as (batch, channels, *spatial)."""
    if x.first is None:
        data = raw(x)
        if x.shape[-1] == 1 or math.prod(x.shape[1:-1]) == 1:  # nothing to be turned
            x.first = data.reshape(first_shape(x.shape))
        else:
            x.first = of(data).transpose(data, axes=first_shape(range(x.ndim)))
    return x.first


def first_shape(shape: Any) -> Any:
    """Anything that there is one of for each axis, with the channels first."""
    return (shape[0], shape[-1], *shape[1:-1])


def uniform(value: Value) -> Any:
    """The number that a constant consists of, as a Python number; None if there is no such."""
    data = value._data
    if not isinstance(data, np.ndarray) or data.size == 0:
        return None
    if data.size > 1 and any(data.strides):
        return None
    number = data.reshape(-1)[0].item() if data.size == 1 else data.flat[0].item()
    number = float(number) if isinstance(number, bool) else number
    fits = math.isfinite(number) and (isinstance(number, float) or abs(number) < 2**31)
    return number if fits else None
