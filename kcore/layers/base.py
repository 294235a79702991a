"""What every layer is: building, calling, masks, shapes, configuration. Its parts: `owning`, `typed`, `nodes`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from .. import backend as K
from ..backend.function import Function
from ..backend.phases import learning_phase_within
from ..backend.recording import recorder
from ..backend.tensor import Placeholder, SymbolicTensor
from ..backend.tensor import within as within_scope
from ..dtypes import canonical, is_float
from ..errors import ArgumentError, DataError, KcoreError, ShapeError
from ..shapes import describe
from . import policy
from .naming import name_scope, scope_unless_open
from .nesting import is_shape_list, to_list, unpack
from .nodes import InGraph, Node
from .owning import Owner, parameters
from .spellings import SPELLINGS, read_old_spellings
from .typed import Typed, widened

_BASE_ARGUMENTS = {
    "input_shape", "batch_input_shape", "batch_size", "dtype", "name", "trainable", "weights", "input_dtype", "autocast",
}  # fmt: skip


class Layer(Owner, Typed, InGraph):
    """Base of all layers (Keras 2.3.1's interface).

    A subclass keeps its arguments in `__init__`, makes weights in `build(input_shape)`, computes in
    `call(inputs)` (also with `mask=` and `training=` if it takes them), and gives the arguments back in
    `get_config()`. Called on symbolic tensors a layer extends the graph; called on arrays it computes.
    """

    _names_weights = True  # weights made while it is called bear its name
    _samples: tuple[dict[str, Any], ...] = ()  # for the table of all layers: see kcore.testing.layer_samples

    def __init__(self, **kwargs: Any) -> None:
        self._set("_tracked", [])
        self._trainable_weights = []
        self._non_trainable_weights = []
        self._entries: dict[str, list[tuple[Any, list[Any] | None]]] = {"losses": [], "updates": []}
        self._metrics: list[Any] = []
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []
        self._array_functions: dict[Any, Function] = {}
        self.input_spec: Any = None
        self.supports_masking = False
        self.stateful = False
        self.built = False
        self.activity_regularizer: Any = getattr(self, "activity_regularizer", None)
        unknown = set(kwargs) - _BASE_ARGUMENTS
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no argument {sorted(unknown)[0]!r}; every layer also takes "
                f"{', '.join(sorted(_BASE_ARGUMENTS))}."
            )
        name = kwargs.get("name")
        if not name:
            prefix = _snake_case(type(self).__name__)
            name = f"{prefix}_{K.get_uid(prefix)}"
        self.name: str = name
        self._trainable = kwargs.get("trainable", True)
        if "batch_input_shape" in kwargs:
            self.batch_input_shape = tuple(kwargs["batch_input_shape"])
        elif "input_shape" in kwargs:
            self.batch_input_shape = (kwargs.get("batch_size"), *kwargs["input_shape"])
        dtype = kwargs.get("dtype") or kwargs.get("input_dtype")
        self._policy, self._policy_told = policy.get(dtype), dtype is not None
        self.autocast = kwargs.get("autocast", True) is not False
        self._initial_weights = kwargs.get("weights")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__name__ in SPELLINGS and cls.__module__.startswith(__package__):
            cls.__init__ = read_old_spellings(cls.__name__, cls.__init__)  # type: ignore[method-assign]

    # building and calling -----------------------------------------------------------------------------------
    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs of `input_shape` (a list of shapes for several inputs)."""
        self.built = True

    def call(self, inputs: Any, **kwargs: Any) -> Any:
        """The formula, on symbolic tensors."""
        return inputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the output: that of the input, if the layer supports masks. Raises TypeError otherwise."""
        if not self.supports_masking:
            if any(m is not None for m in to_list(mask)):
                raise TypeError(
                    f"{self._told()} does not support masking, but its input carries a mask. Put the layer before "
                    "the one that masks, or set supports_masking = True if it may pass the mask on."
                )
            return None
        return mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape for inputs of `input_shape`, found by tracing `call`."""
        shapes = input_shape if is_shape_list(input_shape) else [input_shape]
        if not self.built:
            self._build(shapes)
        kind = self._entry_dtype if is_float(self._entry_dtype) else None
        holders = [K.placeholder(tuple(s), dtype=kind) for s in shapes]
        outputs = to_list(self._call_as_part(unpack(holders)))
        return unpack([K.int_shape(o) for o in outputs])

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        values = to_list(inputs)
        if not any(isinstance(x, SymbolicTensor) for x in values):
            if any(x is None for x in values):
                raise ArgumentError(f"{self._told()}: called on None; a tensor or an array is needed.")
            return self._on_arrays(inputs, kwargs)
        for x in values:
            if not isinstance(x, SymbolicTensor):
                raise ArgumentError(
                    f"{self._told()}: symbolic tensors and arrays are mixed; {type(x).__name__} was given. "
                    "Make a tensor of it with K.constant, or give arrays alone."
                )
        with name_scope(self.name) if self._names_weights else nullcontext():
            outputs, masks_in, masks_out = self._apply(inputs, kwargs)
        if recorder() is not None:  # a step that is being traced: no part of a model's graph
            return _masked(outputs, masks_out)
        return self._record(values, outputs, masks_in, masks_out, kwargs)

    def _record(
        self, inputs: list[Any], outputs: Any, masks_in: Any, masks_out: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Notes this call as a node; the outputs then know where they come from."""
        listed = to_list(outputs)
        masks = to_list(masks_out) if isinstance(masks_out, (list, tuple)) else [masks_out] * len(listed)
        node = Node(self, inputs, listed, to_list(masks_in), masks, kwargs)
        for i, (tensor, mask) in enumerate(zip(listed, masks, strict=False)):
            tensor._keras_history = (self, len(self._inbound_nodes) - 1, i)
            tensor._keras_shape = tensor.shape
            tensor._keras_mask = mask
        assert node.outbound_layer is self
        return outputs

    def _apply(self, inputs: Any, kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Builds if need be and calls: (outputs, input masks, output masks), without noting a node."""
        values = to_list(inputs)
        self._check_inputs(values)
        if not self.built:
            self._build([K.int_shape(x) for x in values])
            self._check_inputs(values)
        masks = unpack([getattr(x, "_keras_mask", None) for x in values])
        return self._run(inputs, masks, kwargs)

    def _run(self, inputs: Any, masks: Any, kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
        """`call` with the mask if it takes one; outputs that are inputs get a tensor of their own."""
        with within_scope(self.name):
            return self._run_in_scope(inputs, masks, kwargs)

    def _run_in_scope(self, inputs: Any, masks: Any, kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
        from_outside = to_list(inputs)
        inputs = self._in_compute_type(inputs)
        values = to_list(inputs)
        given = dict(kwargs)
        takes = parameters(type(self).call)
        if "mask" in takes and given.get("mask") is None and any(m is not None for m in to_list(masks)):
            given["mask"] = masks
        if given.get("mask", 0) is not None and "mask" in given:
            masks = given["mask"]
        outputs = self._called(inputs, given)
        listed = [K.identity(o) if any(o is v for v in values) else o for o in to_list(outputs)]
        for o in listed:
            if not isinstance(o, SymbolicTensor):
                raise ArgumentError(f"{self._told()}: call() gave {type(o).__name__}; a tensor is needed.")
        self._merge_shapes(listed, values)
        outputs = listed if isinstance(outputs, (list, tuple)) else listed[0]
        masks_out = self.compute_mask(inputs, masks)
        tracing = recorder()
        if tracing is not None:
            tracing.note_call(self, inputs, masks, outputs, masks_out)
        if self.activity_regularizer is not None:
            self.add_loss([self.activity_regularizer(widened(o)) for o in listed], from_outside)
        return outputs, masks, masks_out

    def _called(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        if "training" in arguments and not _takes(type(self).call, "training"):
            # for the layers within; this one does not ask
            phase = arguments.pop("training")
            if isinstance(phase, (bool, int)):
                with learning_phase_within(phase):
                    return self._called(inputs, arguments)
        tracing = recorder()
        if tracing is None:
            with self._named_in_errors(), self._computing():
                return self.call(inputs, **arguments)
        with tracing.within(self), self._named_in_errors(), self._computing():
            outputs = self.call(inputs, **arguments)
        tracing.called.extend((self, t) for t in to_list(outputs) if isinstance(t, SymbolicTensor))
        return outputs

    @contextmanager
    def _named_in_errors(self) -> Iterator[None]:
        """An error within says in which layer, the innermost, it came up."""
        try:
            yield
        except Exception as error:
            if getattr(error, "_layer_named", False):
                raise
            if isinstance(error, KcoreError) and repr(self.name) not in str(error):
                named: Any = type(error)(f"{self._told()}: {error}")
                named._layer_named = True
                raise named from error
            if not isinstance(error, KcoreError) and hasattr(error, "add_note"):  # Python 3.11
                error.add_note(f"in call() of {self._told()}")
            error._layer_named = True  # type: ignore[attr-defined]
            raise

    def _merge_shapes(self, outputs: list[Any], inputs: list[Any]) -> None:
        """Sizes that only the layer's own compute_output_shape knows are added to the inferred ones."""
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return
        if all(None not in o.shape[1:] for o in outputs):
            return
        try:
            told = self.compute_output_shape(unpack([K.int_shape(x) for x in inputs]))
        except (TypeError, NotImplementedError):
            return
        for output, shape in zip(outputs, told if is_shape_list(told) else [told], strict=False):
            if shape is not None and len(shape) == len(output.shape):
                output.shape = tuple(b if a is None else a for a, b in zip(output.shape, shape, strict=True))

    def _build(self, shapes: list[Any]) -> None:
        with scope_unless_open(self.name) if self._names_weights else nullcontext():
            self.build(unpack(shapes))
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    def _on_arrays(self, inputs: Any, kwargs: dict[str, Any]) -> Any:
        """Computes on arrays, through a function that is traced once per shapes and types."""
        several = isinstance(inputs, (list, tuple))
        arrays = [
            x if hasattr(x, "shape") and hasattr(x, "dtype") else np.asarray(x) for x in to_list(inputs)
        ]
        for array, x in zip(arrays, to_list(inputs), strict=True):
            if isinstance(array, np.ndarray) and array.dtype.kind in "OSU":
                raise ArgumentError(
                    f"{self._told()}: called on {type(x).__name__}; a tensor or an array of numbers is needed."
                )
        key = (
            several,
            repr(sorted(kwargs.items())),
            tuple((tuple(a.shape[1:]), str(a.dtype)) for a in arrays),
        )
        function = self._array_functions.get(key)
        if function is None:
            kind = self._entry_dtype if is_float(self._entry_dtype) else K.floatx()
            holders = [_placeholder_for(a, kind) for a in arrays]
            outputs, _, _ = self._apply(holders if several else holders[0], kwargs)
            function = Function(holders, outputs, name=self.name, backend=getattr(self, "backend", None))
            self._array_functions[key] = function
        return function(arrays)

    def _check_inputs(self, values: list[Any]) -> None:
        """Raises ShapeError naming the layer, what was found and what to do."""
        if self.input_spec is None:
            return
        specs = to_list(self.input_spec)
        if len(values) != len(specs):
            raise DataError(f"{self._told()}: {len(values)} inputs were given; it takes {len(specs)}.")
        for i, (x, spec) in enumerate(zip(values, specs, strict=True)):
            if spec is None:
                continue
            problem = spec.problem(tuple(x.shape))
            if problem:
                raise ShapeError(f"{self._told()}: input {i} has shape {describe(tuple(x.shape))}; {problem}")
            if spec.dtype is not None and canonical(spec.dtype) != x.dtype:
                raise ArgumentError(
                    f"{self._told()}: input {i} has dtype {x.dtype}; {canonical(spec.dtype)} expected. K.cast it."
                )

    assert_input_compatibility = _check_inputs

    # configuration ------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable}
        if hasattr(self, "batch_input_shape"):
            config["batch_input_shape"] = self.batch_input_shape
        config["dtype"] = policy.serialize(self._policy)
        if not self.autocast:
            config["autocast"] = False
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        made = type(self).from_config(self.get_config())
        memo[id(self)] = made
        if self.built and self._inbound_nodes:
            made._build([tuple(s) for s in self._inbound_nodes[0].input_shapes])
            made.set_weights(self.get_weights())
        return made


def _masked(outputs: Any, masks: Any) -> Any:
    listed = to_list(outputs)
    for tensor, mask in zip(
        listed, to_list(masks) if isinstance(masks, (list, tuple)) else [masks] * len(listed), strict=False
    ):
        tensor._keras_mask = mask
    return outputs


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether `function` can be given an argument of this name."""
    code = function.__code__ if hasattr(function, "__code__") else None
    if code is None or code.co_flags & inspect.CO_VARKEYWORDS:
        return True
    return name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _placeholder_for(array: Any, floating: str) -> Placeholder:
    """`floating`: the type for numbers that come as NumPy makes them, in float64."""
    shape = tuple(array.shape)
    dtype = canonical(getattr(array.dtype, "name", array.dtype))
    if dtype == "float64":
        dtype = floating
    return K.placeholder((None, *shape[1:]) if shape else shape, dtype=dtype)


def _snake_case(name: str) -> str:
    text = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    text = re.sub("([a-z])([A-Z])", r"\1_\2", text).lower()
    return "private" + text if text.startswith("_") else text
