"""Variables: symbolic tensors with a value that lasts, kept by the engine that uses them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, ShapeError, SymbolicTensorError
from ..kernel.context import current_device
from ..kernel.context import engine as engine_named
from ..shapes import describe
from .declare import as_tensor, cast_to, reading_as, to_array
from .tensor import SymbolicTensor, numpy_dtype

_lock = threading.RLock()


class Variable(SymbolicTensor):
    """A tensor with a value. Until an engine needs it the value is a NumPy array, so models are built
    without any engine; afterwards the engine's own storage (such as a framework's variable) holds it.

    `backend` is the name of the engine that the variable is bound to, None while no engine has used it.
    """

    def __init__(
        self,
        value: Any,
        dtype: str | None = None,
        name: str | None = None,
        trainable: bool = True,
        constraint: Any = None,
        backend: str | None = None,
        copy: bool = True,
    ) -> None:
        array = np.asarray(value if isinstance(value, (bool, int, float, list, tuple)) else to_array(value))
        dtype = dtypes.canonical(array.dtype) if dtype is None else dtypes.canonical(dtype)
        super().__init__(array.shape, dtype, name=name)
        if name is None:
            self.name = f"variable_{self.id}"
        self.trainable = trainable
        self.constraint = constraint
        self.backend = backend
        self.device = current_device()
        make = np.array if copy else np.asarray  # an array given away need not be copied
        self._array: np.ndarray | None = make(array, dtype=numpy_dtype(dtype))
        self._storage: Any = None
        self._engine: Any = None

    _to_get_numbers = "K.get_value"

    # the engine's side --------------------------------------------------------------------------------------
    def storage(self, engine: Any) -> Any:
        """The storage on `engine`, moved there (through NumPy) if it was elsewhere."""
        if self._engine is engine:
            return self._storage
        with _lock:
            if self._engine is not engine:
                array = self.numpy()
                if self._engine is not None:
                    self._engine.release_variable(self._storage)
                with engine.placed(self.device):
                    self._storage = engine.make_variable(array, self.dtype, self.name, self.trainable)
                self._engine, self._array, self.backend = engine, None, engine.name
        return self._storage

    def replace_storage(self, engine: Any, storage: Any) -> None:
        self._storage = storage

    def place(self, device: str | None) -> None:
        """From here on the value is kept on `device` of its engine (None: where the engine likes)."""
        if device != self.device:
            self.release()
            self.device = device

    # the user's side ----------------------------------------------------------------------------------------
    def numpy(self) -> np.ndarray:
        """A copy of the value."""
        if self._engine is None:
            assert self._array is not None
            return self._array.copy()
        return np.array(self._engine.to_numpy(self._engine.read_variable(self._storage)))

    def peek(self) -> np.ndarray:
        """The value, not to be changed; no copy where the engine keeps it as an array. It may change with the next
        step: to be used at once."""
        if self._engine is None:
            assert self._array is not None
            seen = self._array.view()
        else:
            seen = np.asarray(self._engine.to_numpy(self._engine.read_variable(self._storage))).view()
        seen.flags.writeable = False
        return seen

    def assign_now(self, value: Any, copy: bool = True) -> None:
        """Sets the value at once (`K.set_value`). Raises ShapeError if the shape differs.

        copy: False for an array that its owner gives away and does not use any more.
        """
        array = np.asarray(value if isinstance(value, (bool, int, float, list, tuple)) else to_array(value))
        if array.shape != self.shape:
            raise ShapeError(
                f"variable {self.name!r} has shape {describe(self.shape)}; a value of shape "
                f"{describe(array.shape)} was given."
            )
        array = array.astype(numpy_dtype(self.dtype), copy=False)
        array = np.array(array) if copy else array
        if self._engine is None:
            self._array = array
        else:
            self._storage = self._engine.write_variable(
                self._storage, self._engine.from_numpy(array, self.dtype)
            )

    def release(self) -> None:
        """Brings the value back from its engine into a plain array, ready for another one."""
        if self._engine is not None:
            array, engine, storage = self.numpy(), self._engine, self._storage
            self._array, self._engine, self._storage, self.backend = array, None, None, None
            engine.release_variable(storage)

    @property
    def native(self) -> Any:
        """The engine's own object for this variable."""
        return self.storage(self._engine or engine_named(self.backend))

    def assign(self, value: Any) -> Update:
        """The update to `value`. In a step that is being traced it takes effect from here on."""
        return on_assign(Update(self, value))

    def assign_add(self, value: Any) -> Update:
        with reading_as(None):
            return on_assign(Update(self, self + value))

    def assign_sub(self, value: Any) -> Update:
        with reading_as(None):
            return on_assign(Update(self, self - value))

    def eval(self) -> np.ndarray:
        return self.numpy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        made = Variable(self.numpy(), self.dtype, self.name, self.trainable, self.constraint, self.backend)
        made.device = self.device
        made.autocast = self.autocast
        memo[id(self)] = made
        return made


def placed_together(variables: Iterable[Any], device: str | None) -> str | None:
    """The device for a program over `variables`: `device`, else the one on which those with a place all are.

    The variables that have no place yet, such as an optimizer's counters, come there too. None: the engine may choose.
    """
    variables = list(variables)
    if device is None:
        places = {v.device for v in variables if v.device is not None}
        device = places.pop() if len(places) == 1 else None
    if device is not None:
        for variable in variables:
            if variable.device is None:
                variable.place(device)
    return device


class Update:
    """A new value for a variable, written when the program that holds it has run."""

    def __init__(self, variable: Variable, value: Any) -> None:
        if not isinstance(variable, Variable):
            raise SymbolicTensorError(
                f"only a variable can be updated; {variable!r} is none. Make it with K.variable."
            )
        tensor = cast_to(as_tensor(value), variable.dtype)
        if len(tensor.shape) != len(variable.shape) or any(
            a is not None and b is not None and a != b
            for a, b in zip(tensor.shape, variable.shape, strict=True)
        ):
            raise ShapeError(
                f"variable {variable.name!r} of shape {describe(variable.shape)} cannot take a value of shape "
                f"{describe(tensor.shape)}."
            )
        self.variable = variable
        self.value = tensor

    def __iter__(self) -> Any:
        return iter((self.variable, self.value))

    def __repr__(self) -> str:
        return f"<Update of {self.variable.name!r}>"


_listeners: list[Any] = []


def on_assign(update: Update) -> Update:
    """Tells of an update that was written as a statement to those who trace steps (they stand above)."""
    for listener in _listeners:
        listener(update)
    return update


def listen_to_assignments(listener: Any) -> None:
    _listeners.append(listener)


def as_update(item: Any) -> Update:
    """An Update from what Keras 2 code puts into a list of updates: an Update or a pair."""
    if isinstance(item, Update):
        return item
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        raise ArgumentError(
            f"an update is a pair (variable, new value), or what K.update and its like give; {item!r} was given."
        )
    return Update(*item)
