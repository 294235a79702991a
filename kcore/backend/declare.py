"""Operations are declared here once: `@primitive` and `@composite`, and the one way in which all are called.

Parameters are told apart by annotation: `Tensor`, `Tensors` (a list), `Optional` (a tensor or None),
`Dims` (a shape, parts of which may be computed while running); all others are static attributes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, DTypeError, GraphError, ShapeError
from ..kernel.config import settings
from ..shapes import Shape
from .tensor import Constant, Node, Placeholder, SymbolicTensor, scope


class Tensor:
    """Annotation: one tensor."""


class Tensors:
    """Annotation: a list of tensors."""


class Optional:
    """Annotation: a tensor or None."""


class Dims:
    """Annotation: a shape; a tuple of ints, -1, and symbolic integers, or a symbolic 1-D integer tensor."""


_KINDS = {"Tensor": "tensor", "Tensors": "list", "Optional": "optional", "Dims": "dims"}
LEVELS = ("inference", "training", "recurrent", "optional")
_declared: dict[str, Operation] = {}
_read_as: ContextVar[str | None] = ContextVar("kcore_read_as", default=None)
_eager: list[Callable[[Operation, list[Any]], Any]] = []


def declared() -> list[Operation]:
    """All declared operations, in order of declaration."""
    return list(_declared.values())


def operation(name: str) -> Operation:
    return _declared[name]


class reading_as:
    """Within the block, operations read the variables that follow a policy (`autocast`) in the type `dtype`.

    None: every variable is read as it is kept.
    """

    __slots__ = ("_dtype", "_token")

    def __init__(self, dtype: str | None) -> None:
        self._dtype = dtype

    def __enter__(self) -> None:
        self._token = _read_as.set(self._dtype)

    def __exit__(self, *error: object) -> None:
        _read_as.reset(self._token)


def set_eager_runner(run: Callable[[Operation, list[Any]], Any]) -> None:
    """Installs what runs an operation on arrays (it stands above this module in the order of imports)."""
    _eager[:] = [run]


class Operation:
    """A declared operation. Calling it on symbolic tensors extends the graph, on arrays it computes."""

    def __init__(
        self,
        meaning: Callable[..., Any],
        is_primitive: bool,
        shape: Any,
        dtype: Any,
        level: str,
        **facts: Any,
    ) -> None:
        self.name = meaning.__name__
        self.meaning = meaning
        self.is_primitive = is_primitive
        self.shape_rule = shape
        self.dtype_rule = dtype
        self.level = level
        self.facts = facts  # what the conformance kit wants to know: argument strategies, tolerances, ...
        self.gradient_rule: Callable[..., Any] | None = None
        self.augment: Callable[[Node], Any] | None = (
            None  # for loops: the form that saves what gradients need
        )
        self.simplify: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None = (
            None  # once some arguments are constants
        )
        self.differentiable = facts.pop("differentiable", True)
        # for composites: the gradient rule is for engines that fuse it; others go through the definition
        self.rule_if_fused = facts.pop("rule_if_fused", False)
        self.__doc__ = meaning.__doc__
        self.__name__ = self.name
        self.__wrapped__ = meaning
        self.parameters = list(inspect.signature(meaning).parameters.values())
        self.names = tuple(p.name for p in self.parameters)
        # where one type is asked for, none is put before it; what loops pass in is read by the operations within
        self.reads_as_kept = self.name in ("cast", "scan", "while_loop", "cond")
        self.kinds = tuple(_KINDS.get(_annotation(p), "static") for p in self.parameters)
        self.tensor_positions = [i for i, k in enumerate(self.kinds) if k in ("tensor", "list", "optional")]
        if self.name in _declared:
            raise ValueError(f"operation {self.name!r} is declared twice")
        _declared[self.name] = self

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def gradient(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: `rule(g, out, *arguments)` gives one gradient (or None) per tensor parameter.

        `arguments` are those of the declaration, by position. For several results `g` and `out` are tuples
        (g's entries are zeros where nothing arrives). For a list parameter, a list of gradients.
        """
        self.gradient_rule = rule
        return rule

    # calling ----------------------------------------------------------------------------------------------
    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        values = list(args)
        if len(values) > len(self.names):
            raise TypeError(f"{self.name}() takes {len(self.names)} arguments; {len(values)} were given")
        for parameter in self.parameters[len(values) :]:
            if parameter.name in kwargs:
                values.append(kwargs.pop(parameter.name))
            elif parameter.default is not inspect.Parameter.empty:
                values.append(parameter.default)
            else:
                raise TypeError(f"{self.name}() misses the argument {parameter.name!r}")
        if kwargs:
            raise TypeError(f"{self.name}() has no argument {next(iter(kwargs))!r}, or got it twice")
        return values

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = self.bind(args, kwargs)
        if self._stays_symbolic(values):
            return self.symbolic(values)
        return _eager[0](self, values)

    def _stays_symbolic(self, values: list[Any]) -> bool:
        """Symbolic if any argument is, or if there is no tensor among them at all."""
        arrays = False
        for kind, value in zip(self.kinds, values, strict=True):
            if kind == "static":
                continue
            for item in value if isinstance(value, (list, tuple)) and kind != "tensor" else (value,):
                if isinstance(item, SymbolicTensor):
                    return True
                arrays = arrays or (kind != "dims" and item is not None)
        return not arrays

    # the graph --------------------------------------------------------------------------------------------
    def symbolic(self, values: list[Any]) -> Any:
        """A new node (or a constant) for this operation on `values`; the result tensor(s)."""
        try:
            arguments = self._as_arguments(values)
            if not self.is_primitive and self.shape_rule is None:
                expansion = self.meaning(*arguments)
                results = list(expansion) if isinstance(expansion, (list, tuple)) else [expansion]
                results = [as_tensor(r) for r in results]
                specs = [(r.shape, r.dtype) for r in results]
                many = isinstance(expansion, (list, tuple))
            else:
                specs, many = self._infer(arguments)
                results = None
        except (ShapeError, DTypeError, ArgumentError) as error:
            if not error.args or not str(error).startswith(f"{self.name}("):
                raise type(error)(f"{self.name}({self._describe(values)}): {error}") from None
            raise
        except TypeError as error:
            if "NoneType" not in str(error) or not self._has_open_sizes(values):
                raise
            raise ShapeError(
                f"{self.name}({self._describe(values)}): a size that must be known while the graph is built is None. "
                "Give the placeholder or Input its shape, or K.reshape the tensor."
            ) from error
        node = Node(self, arguments, specs, results)
        node.many = many
        return list(node.outputs) if many else node.outputs[0]

    def _has_open_sizes(self, values: list[Any]) -> bool:
        listed = [v for value in values for v in (value if isinstance(value, (list, tuple)) else (value,))]
        return any(isinstance(v, SymbolicTensor) and None in v.shape for v in listed)

    def _describe(self, values: list[Any]) -> str:
        parts = []
        for kind, name, value in zip(self.kinds, self.names, values, strict=True):
            if kind == "static":
                parts.append(f"{name}={value!r}"[:60])
            elif isinstance(value, (list, tuple)) and kind == "list":
                parts.append("[" + ", ".join(str(getattr(v, "shape", v)) for v in value) + "]")
            else:
                parts.append(str(getattr(value, "shape", value))[:60])
        return ", ".join(parts)

    def _as_arguments(self, values: list[Any]) -> tuple[Any, ...]:
        arguments = list(values)
        flat: list[Any] = []
        for position in self.tensor_positions:
            value, kind = values[position], self.kinds[position]
            if kind == "list":
                flat.extend(value)
            elif value is not None:
                flat.append(value)
            elif kind == "tensor":
                raise ArgumentError(f"argument {self.names[position]!r} is None; a tensor is needed")
        tensors = as_tensors(flat if self.reads_as_kept else _as_read(flat))
        if self.dtype_rule is not None and tensors:
            wanted = self.dtype_rule.inputs([t.dtype for t in tensors], settings.floatx)
            tensors = [cast_to(t, d) for t, d in zip(tensors, wanted, strict=True)]
        source = iter(tensors)
        for position in self.tensor_positions:
            value, kind = values[position], self.kinds[position]
            if kind == "list":
                arguments[position] = tuple(next(source) for _ in value)
            elif value is not None:
                arguments[position] = next(source)
        for position, kind in enumerate(self.kinds):
            if kind == "dims" and arguments[position] is not None:
                arguments[position] = as_dims(arguments[position])
            elif kind == "static":
                arguments[position] = _plain(arguments[position])
        return tuple(arguments)

    def _infer(self, arguments: tuple[Any, ...]) -> tuple[list[tuple[Shape, str]], bool]:
        static = [
            static_dims(a) if k == "dims" and a is not None else a
            for k, a in zip(self.kinds, arguments, strict=True)
        ]
        shape = self.shape_rule(*static)
        given = self.tensors(arguments)
        attributes = dict(zip(self.names, arguments, strict=True))
        dtype = self.dtype_rule.output([t.dtype for t in given], attributes)
        if isinstance(shape, list):  # several results
            kinds = dtype if isinstance(dtype, (list, tuple)) else [dtype] * len(shape)
            return list(zip(shape, kinds, strict=True)), True
        return [(shape, dtype)], False

    def tensors(self, arguments: Sequence[Any]) -> list[SymbolicTensor]:
        """The tensors among bound arguments, lists laid flat."""
        found: list[SymbolicTensor] = []
        for position in self.tensor_positions:
            value = arguments[position]
            if isinstance(value, (tuple, list)):
                found.extend(value)
            elif value is not None:
                found.append(value)
        return found

    def expand(self, node: Node) -> list[SymbolicTensor]:
        """A composite's node as what its definition makes of the same arguments."""
        if node.expansion is None:
            with scope(node.scope):
                result = self.meaning(*node.arguments)
            results = list(result) if isinstance(result, (list, tuple)) else [result]
            node.expansion = [as_tensor(r) for r in results]
        return node.expansion


def _plain(value: Any) -> Any:
    """A static argument in one form: lists are tuples, NumPy's numbers are Python's."""
    if type(value) in (list, tuple):
        return tuple(_plain(v) for v in value)
    return value.item() if isinstance(value, (np.bool_, np.integer, np.floating)) else value


def _annotation(parameter: inspect.Parameter) -> str:
    note = parameter.annotation
    return note if isinstance(note, str) else getattr(note, "__name__", "")


def primitive(
    shape: Any, dtype: Any, level: str = "inference", **facts: Any
) -> Callable[[Callable[..., Any]], Operation]:
    """Declares what an engine owes. The decorated function is its meaning in NumPy."""
    return lambda meaning: Operation(meaning, True, shape, dtype, level, **facts)


def composite(
    meaning: Any = None, *, shape: Any = None, dtype: Any = None, level: str = "inference", **facts: Any
):
    """Declares an operation written in others. With `shape` and `dtype` rules its definition is only
    expanded where needed; without, they are read off the definition."""
    if meaning is not None:
        return Operation(meaning, False, None, None, "inference")
    return lambda function: Operation(function, False, shape, dtype, level, **facts)


# turning values into tensors --------------------------------------------------------------------------------
def as_tensor(value: Any, dtype: str | None = None) -> SymbolicTensor:
    """`value` as a symbolic tensor: numbers and arrays become constants (Python floats of type floatx)."""
    if isinstance(value, SymbolicTensor):
        return value if dtype is None else cast_to(value, dtype)
    if isinstance(value, (list, tuple)) and any(isinstance(v, SymbolicTensor) for v in value):
        return SymbolicTensor.operators["stack"](list(value))
    if dtype is None and isinstance(value, (bool, int, float)):
        dtype = settings.floatx if isinstance(value, float) else dtypes.canonical(type(value))
        if dtype == "int32" and not -(2**31) <= value < 2**31:
            dtype = "int64"
    elif dtype is None and isinstance(value, (list, tuple)):
        array = np.asarray(value)
        dtype = {"f": settings.floatx, "i": "int32"}.get(array.dtype.kind)
    plain = isinstance(value, (bool, int, float, list, tuple, np.ndarray, np.generic))
    array = np.asarray(value) if plain else to_array(value)
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            f"a tensor cannot be made of {type(value).__name__} with elements of type {array.dtype}; give numbers."
        )
    return Constant(array, dtype)


def to_array(value: Any) -> np.ndarray:
    """What is neither Python's nor NumPy's own (an engine's tensor, a DataFrame, a sparse matrix) as an array."""
    if hasattr(value, "numpy"):
        return np.asarray(value.numpy())
    if hasattr(value, "asnumpy"):
        return np.asarray(value.asnumpy())
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value)


def read_dtype(tensor: Any) -> Any:
    """The type in which an operation here would read `tensor`."""
    dtype = _read_as.get()
    return tensor.dtype if dtype is None or not getattr(tensor, "autocast", False) else dtype


def as_read(value: Any) -> SymbolicTensor:
    """`as_tensor`, a variable in the type in which an operation here would read it."""
    return as_tensor(_as_read([value])[0])


def _as_read(values: list[Any]) -> list[Any]:
    """Variables that follow a policy in the type in which they are read here (see `reading_as`)."""
    dtype = _read_as.get()
    if dtype is None:
        return values
    return [cast_to(v, dtype) if isinstance(v, SymbolicTensor) and v.autocast else v for v in values]


def as_tensors(values: Sequence[Any]) -> list[SymbolicTensor]:
    """All `values` as tensors; a Python number takes the type of the tensors beside it."""
    others = [v.dtype if isinstance(v, SymbolicTensor) else None for v in values]
    made: list[Any] = []
    for value, dtype in zip(values, others, strict=True):
        made.append(value if dtype is not None or isinstance(value, (bool, int, float)) else as_tensor(value))
    known = [t.dtype for t in made if isinstance(t, SymbolicTensor)]
    for i, value in enumerate(made):
        if isinstance(value, SymbolicTensor):
            continue
        made[i] = as_tensor(value, _number_dtype(value, known))
    return made


def _number_dtype(value: bool | int | float, beside: list[str]) -> str | None:
    """The type of a Python number among tensors of the types `beside`."""
    if not beside:
        return None
    common = dtypes.promote_all(beside)
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, float):
        return common if dtypes.is_float(common) else settings.floatx
    return "int32" if common == "bool" else common


def cast_to(tensor: SymbolicTensor, dtype: str) -> SymbolicTensor:
    if tensor.dtype == dtype:
        return tensor
    if isinstance(tensor, Constant):
        return Constant(tensor.value, dtype)
    return _declared["cast"].symbolic([tensor, dtype])


def as_dims(value: Any) -> Any:
    """A shape argument as a tuple of ints (None and -1 stay), or, if parts are symbolic, a 1-D int tensor."""
    if isinstance(value, SymbolicTensor):
        if isinstance(value, Constant):
            return tuple(int(v) for v in value.value.reshape(-1))
        return value
    if isinstance(value, (int, np.integer)):
        return (int(value),)
    items = list(np.asarray(value)) if isinstance(value, np.ndarray) else list(value)
    items = [int(i.value) if isinstance(i, Constant) else i for i in items]
    if any(isinstance(i, SymbolicTensor) for i in items):
        parts = [-1 if i is None else i for i in items]
        return SymbolicTensor.operators["stack"]([cast_to(as_tensor(p), "int64") for p in parts])
    return tuple(-1 if i is None else int(i) for i in items)


def static_dims(value: Any) -> tuple[int | None, ...]:
    """What is known of a shape argument while the graph is built; None where it is computed later."""
    if not isinstance(value, SymbolicTensor):
        return tuple(value)
    if len(value.shape) != 1 or value.shape[0] is None:
        raise ShapeError(f"a shape must be a 1-D integer tensor of known length; {value!r} was given.")
    return _known_values(value)


def _known_values(value: SymbolicTensor) -> tuple[int | None, ...]:
    length = value.shape[0] if value.shape else 1
    assert length is not None
    if isinstance(value, Constant):
        return tuple(int(v) for v in value.value.reshape(-1))
    node = value.node
    if node is not None:
        if node.op.name == "shape":
            return node.arguments[0].shape
        if node.op.name in ("cast", "expand_dims", "squeeze", "reshape"):
            return _known_values(node.arguments[0])
        if node.op.name in ("stack", "concatenate"):
            return tuple(v for part in node.arguments[0] for v in _known_values(part))
        if node.expansion:
            return _known_values(node.expansion[value.index])
        if node.op.name == "slice" and node.arguments[0].ndim == 1:
            _, begin, end, step = node.arguments
            return _known_values(node.arguments[0])[slice(begin[0], end[0], step[0])]
    return (None,) * length


__all__ = [
    "Dims", "GraphError", "Operation", "Optional", "Placeholder", "Tensor", "Tensors", "as_dims", "as_tensor",
    "as_tensors", "cast_to", "composite", "declared", "operation", "primitive", "read_dtype", "reading_as",
    "set_eager_runner", "static_dims", "to_array", "as_read",
]  # fmt: skip
