"""`grad` and `value_and_grad`: the derivative of a Python function, for arrays, for graphs and for traced steps alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, DTypeError
from ..kernel.config import settings
from ..kernel.context import current_engine_name
from .declare import as_tensor, operation
from .function import Function
from .gradients import gradients
from .graph import leaves_of
from .phases import learning_phase, learning_phase_within
from .recording import Recorder, recorder, recording
from .tensor import Placeholder, SymbolicTensor
from .variables import Variable

_KINDS_KEPT = 128  # kinds of arguments for which one function keeps its compiled form


def value_and_grad(
    function: Callable[..., Any],
    argnums: int | Sequence[int] | None = None,
    variables: Any = None,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function of the same arguments that gives (value, gradients).

    function: of tensors, in lists, tuples and dicts if you like, returning a tensor of a floating type; where that is
        no single number, its sum is differentiated, as `K.gradients` does. With `has_aux` it returns
        (value, anything else), and so does the result in the place of the value.
    argnums: position(s) of the arguments to differentiate by, default the first: one gradient in the form of the
        argument, or a tuple of them.
    variables: differentiate by these instead: a list (also a model's `trainable_weights`), or a function that gives
        one when first called. Gradients are a list in their order, ready for `optimizer.apply_gradients`.

    Called on arrays it computes at once: the engine's own tensors come back. The function is run once for each kind
    of arguments (shapes, types, values of what is no tensor) and compiled when such arguments come again, so what
    else it reads from Python is fixed then. Called on symbolic tensors, in a `train_step`, or where the function
    reads a symbolic tensor from around it, the result is symbolic and part of the program. May be nested to any order.

    A gradient is None where the value does not depend on that tensor. Raises DTypeError if the value, or an argument
    to differentiate by, is of no floating type; ArgumentError for arguments that are not there.
    """
    return _Differentiated(function, argnums, variables, has_aux)


def grad(
    function: Callable[..., Any],
    argnums: int | Sequence[int] | None = None,
    variables: Any = None,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """Like `value_and_grad`, but the result gives the gradients alone; (gradients, aux) with `has_aux`."""
    both = value_and_grad(function, argnums, variables, has_aux)

    def gradient_of(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    gradient_of.__name__ = f"grad_of_{getattr(function, '__name__', 'function')}"
    return gradient_of


class _Differentiated:
    """The callable that `value_and_grad` gives."""

    def __init__(self, function: Callable[..., Any], argnums: Any, variables: Any, has_aux: bool) -> None:
        if not callable(function):
            raise ArgumentError(
                f"grad() and value_and_grad() take a function; {type(function).__name__} was given. For a tensor "
                "that is there already use K.gradients(loss, variables)."
            )
        if argnums is not None and variables is not None:
            raise ArgumentError("give argnums= or variables=, not both.")
        self.function = function
        self.name = getattr(function, "__name__", "function")
        self.single = argnums is None or isinstance(argnums, int)
        self.argnums: tuple[int, ...] = () if variables is not None else _positions(argnums)
        self.variables = variables
        self.has_aux = has_aux
        self._known: dict[Any, _Traced] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, shape = _flattened((self._with_floats(args), kwargs))
        symbolic = any(isinstance(v, SymbolicTensor) and not isinstance(v, Variable) for v in leaves)
        if symbolic or recorder() is not None:
            return self._differentiate(leaves, shape)[0]
        key = (
            current_engine_name(), settings.floatx, repr(learning_phase()), repr(shape),
            tuple(_kind_of(v) for v in leaves),
        )  # fmt: skip
        found = self._known.get(key)
        if found is None:
            found, made = self._traced(leaves, shape)
            if found is None:
                return made
            if len(self._known) >= _KINDS_KEPT:
                self._known.clear()
            self._known[key] = found
        return found(leaves)

    def _traced(self, leaves: list[Any], shape: Any) -> tuple[_Traced | None, Any]:
        """The program for arguments like `leaves`; or None and the symbolic result, if it needs what is not known."""
        fed = {i: Placeholder(np.shape(v), _dtype_of(v)) for i, v in enumerate(leaves) if _is_array(v)}
        phase = learning_phase()
        with recording() as record, learning_phase_within(0 if isinstance(phase, SymbolicTensor) else phase):
            made, tensors = self._differentiate([fed.get(i, v) for i, v in enumerate(leaves)], shape)
        needed = leaves_of([*tensors, *(u.value for _, u in record.updates)])
        own = set(fed.values())
        if any(isinstance(t, Placeholder) and t.default is None and t not in own for t in needed):
            return None, self._differentiate(leaves, shape)[0]
        return _Traced(f"gradient_of_{self.name}", fed, made, tensors, record, leaves), None

    def _differentiate(self, leaves: list[Any], shape: Any) -> tuple[Any, list[SymbolicTensor]]:
        """((value or (value, aux)), gradients) on symbolic tensors, and all tensors among them."""
        args, kwargs = _filled(shape, leaves)
        args = list(args)
        targets: list[Any] = []
        for position in self.argnums:
            # a node of its own: what the function reads of the same tensor from elsewhere does not count
            inner, form = _flattened(args[position])
            own = [operation("identity")(as_tensor(t)) if _is_tensor(t) else t for t in inner]
            args[position] = _filled(form, own)
            targets.append((own, form))
        inputs = [t for own, _ in targets for t in own if _is_tensor(t)]
        if self.variables is None:
            _check_floating(inputs, self.name)
        result = self.function(*args, **kwargs)
        value, aux = self._parts(result)
        if self.variables is not None:
            asked: Any = self.variables() if callable(self.variables) else self.variables
            wanted = list(asked) if isinstance(asked, (list, tuple)) else [asked]
            _check_variables(wanted)
            found = gradients(value, wanted)
            form: Any = found
        else:
            found = gradients(value, inputs)
            rest = iter(found)
            made = [_filled(f, [next(rest) if _is_tensor(t) else None for t in own]) for own, f in targets]
            form = made[0] if self.single else tuple(made)
        head = (value, aux) if self.has_aux else value
        whole = (head, form)
        return whole, [t for t in _flattened(whole)[0] if isinstance(t, SymbolicTensor)]

    def _parts(self, result: Any) -> tuple[SymbolicTensor, Any]:
        aux = None
        if self.has_aux:
            if not isinstance(result, (tuple, list)) or len(result) != 2:
                raise ArgumentError(f"{self.name} must return (value, aux) where has_aux=True.")
            result, aux = result
        if result is None:
            raise ArgumentError(f"{self.name} returned None; it must return the tensor to be differentiated.")
        value = as_tensor(result)
        if not dtypes.is_float(value.dtype):
            raise DTypeError(
                f"{self.name} returned a tensor of type {value.dtype}; only floating types have a gradient."
            )
        return value, aux

    def _with_floats(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """`args` with Python's whole numbers, where they are differentiated by, as floats."""
        if any(not -len(args) <= p < len(args) for p in self.argnums):
            raise ArgumentError(
                f"{self.name} was called with {len(args)} positional arguments; argnums={self.argnums} names others."
            )
        made = list(args)
        for position in self.argnums:
            if type(made[position]) is int:
                made[position] = float(made[position])
        return tuple(made)


class _Traced:
    """A traced function: computed operation by operation when first called, compiled when called again."""

    def __init__(
        self, name: str, fed: dict[int, Placeholder], whole: Any, tensors: list[SymbolicTensor],
        record: Recorder, leaves: list[Any],
    ) -> None:  # fmt: skip
        self.places = list(fed)
        self.inputs = list(fed.values())
        values, self.form = _flattened(whole)
        # what is no tensor comes back as the function gave it
        self.template = [None if isinstance(v, SymbolicTensor) else v for v in values]
        self.slots = [i for i, v in enumerate(values) if isinstance(v, SymbolicTensor)]
        self.outputs, self.updates = record.in_sequence(tensors)
        self.kept = [v for v in leaves if not _is_array(v)]  # so that their ids stay theirs
        self.name = name
        self._calls = 0
        self._run: Function | None = None

    def __call__(self, leaves: list[Any]) -> Any:
        if self._calls < 2:
            self._calls += 1
            self._run = Function(
                self.inputs, self.outputs, self.updates, self.name, interpreted=self._calls == 1
            )
        assert self._run is not None
        results = self._run.native(
            *[_ready(leaves[i], t) for i, t in zip(self.places, self.inputs, strict=True)]
        )
        values = list(self.template)
        for slot, result in zip(self.slots, results, strict=True):
            values[slot] = result
        return _filled(self.form, values)


def _positions(argnums: Any) -> tuple[int, ...]:
    if argnums is None:
        return (0,)
    return (argnums,) if isinstance(argnums, int) else tuple(int(a) for a in argnums)


def _check_variables(wanted: Sequence[Any]) -> None:
    for tensor in wanted:
        if not isinstance(tensor, SymbolicTensor):
            raise ArgumentError(
                f"variables= takes variables (K.variable, a layer's weights); {type(tensor).__name__} was given. For "
                "an argument of the function use argnums=."
            )


def _check_floating(wanted: Sequence[SymbolicTensor], name: str) -> None:
    if not wanted:
        raise ArgumentError(
            f"there is no tensor among the arguments by which {name} is to be differentiated."
        )
    for tensor in wanted:
        if not dtypes.is_float(tensor.dtype):
            raise DTypeError(
                f"{name} is to be differentiated by an argument of type {tensor.dtype}; give it a floating type."
            )


# arguments ----------------------------------------------------------------------------------------------------
def _is_array(value: Any) -> bool:
    """Numbers that can be fed: arrays of NumPy and of engines, and Python's floats."""
    if isinstance(value, (float, np.ndarray, np.generic)):
        return True
    return hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, SymbolicTensor)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, SymbolicTensor) or _is_array(value)


def _dtype_of(value: Any) -> str:
    return (
        settings.floatx
        if isinstance(value, float) and type(value) is float
        else dtypes.canonical(value.dtype)
    )


def _kind_of(value: Any) -> Any:
    if _is_array(value):
        return (tuple(np.shape(value)), _dtype_of(value))
    return value if isinstance(value, (bool, int, str, type(None))) else (type(value), id(value))


def _ready(value: Any, tensor: SymbolicTensor) -> Any:
    """A number or an array as what the compiled program takes."""
    return np.asarray(value, tensor.dtype) if isinstance(value, (float, np.ndarray, np.generic)) else value


class _Leaf:
    """Stands for the place of a leaf in a structure."""

    def __repr__(self) -> str:
        return "*"


_LEAF = _Leaf()


def _flattened(structure: Any) -> tuple[list[Any], Any]:
    """The leaves of lists, tuples and dicts, and the form to put them in again."""
    if isinstance(structure, Mapping):
        parts = {k: _flattened(v) for k, v in structure.items()}
        return [leaf for leaves, _ in parts.values() for leaf in leaves], {
            k: f for k, (_, f) in parts.items()
        }
    if isinstance(structure, (list, tuple)):
        listed = [_flattened(v) for v in structure]
        forms = [form for _, form in listed]
        return [leaf for leaves, _ in listed for leaf in leaves], (
            forms if isinstance(structure, list) else tuple(forms)
        )
    return [structure], _LEAF


def _filled(form: Any, leaves: Sequence[Any]) -> Any:
    source = iter(leaves)

    def fill(part: Any) -> Any:
        if isinstance(part, dict):
            return {k: fill(v) for k, v in part.items()}
        if isinstance(part, (list, tuple)):
            return type(part)(fill(v) for v in part)
        return next(source)

    return fill(form)
