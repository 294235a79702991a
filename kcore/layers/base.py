"""What every layer has: weights, building, calling, masks, losses, updates, shapes, configuration."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from .. import backend as K
from .. import constraints, initializers, regularizers
from ..backend.declare import cast_to, reading_as
from ..backend.function import Function
from ..backend.phases import learning_phase_within
from ..backend.recording import recorder
from ..backend.tensor import Placeholder, SymbolicTensor, numpy_dtype
from ..backend.tensor import within as within_scope
from ..backend.variables import Update, Variable, as_update
from ..dtypes import at_least_float32, canonical, is_float
from ..errors import ArgumentError, DataError, KcoreError, NotBuilt, ShapeError
from ..shapes import describe
from . import allocation, policy
from .naming import name_scope, scope_unless_open, weight_name
from .spellings import SPELLINGS, read_old_spellings


def to_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def unpack(values: Sequence[Any]) -> Any:
    """The one value of a list of one, else the list."""
    return values[0] if len(values) == 1 else list(values)


def is_shape_list(shape: Any) -> bool:
    """True for a list of shapes, False for one shape."""
    return isinstance(shape, list) and (not shape or isinstance(shape[0], (tuple, list)))


class InputSpec:
    """What a layer expects of an input: dtype, shape, rank (exact, least, most), sizes of some axes."""

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
    ) -> None:
        self.dtype, self.shape = dtype, shape
        self.ndim = len(shape) if shape is not None else ndim
        self.max_ndim, self.min_ndim, self.axes = max_ndim, min_ndim, axes or {}

    def __repr__(self) -> str:
        told = [f"{k}={v}" for k, v in vars(self).items() if v]
        return f"InputSpec({', '.join(told)})"

    def problem(self, shape: tuple[int | None, ...]) -> str | None:
        """What is wrong with `shape`, and what to do; None if it fits."""
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            return f"rank {self.ndim} expected.{_advice(rank, self.ndim)}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"rank at most {self.max_ndim} expected.{_advice(rank, self.max_ndim)}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"rank at least {self.min_ndim} expected.{_advice(rank, self.min_ndim)}"
        for axis, size in self.axes.items():
            if not -rank <= axis < rank:
                return f"axis {axis} expected to have size {size}, but there is no such axis."
            if size is not None and shape[axis] not in (size, None):
                return f"axis {axis} has size {shape[axis]}; {size} expected, as when the layer was built."
        for axis, size in enumerate(self.shape or ()):
            if size is not None and shape[axis] not in (size, None):
                return f"shape {describe(tuple(self.shape))} expected."
        return None


def _advice(found: int, wanted: int) -> str:
    if found > wanted == 2:
        return " Add Flatten() before it."
    if found < wanted:
        return " Add a Reshape before it, or give the missing axes (batch, ..., channels)."
    return " Reshape the input, or choose the layer for this rank."


class Node:
    """One call of a layer: the tensors that went in and out, and the layers before."""

    def __init__(
        self, layer: Layer, inputs: list[Any], outputs: list[Any], masks_in: list[Any], masks_out: list[Any],
        arguments: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.outbound_layer = layer
        self.input_tensors, self.output_tensors = inputs, outputs
        self.input_masks, self.output_masks = masks_in, masks_out
        self.input_shapes = [K.int_shape(x) for x in inputs]
        self.output_shapes = [K.int_shape(x) for x in outputs]
        self.arguments = arguments or {}
        known = [x._keras_history for x in inputs if hasattr(x, "_keras_history")]
        self.inbound_layers = [h[0] for h in known]
        self.node_indices = [h[1] for h in known]
        self.tensor_indices = [h[2] for h in known]
        for before in self.inbound_layers:
            before._outbound_nodes.append(self)
        layer._inbound_nodes.append(self)

    def get_config(self) -> dict[str, Any]:
        """The call in names of layers, as in Keras 2."""
        return {
            "outbound_layer": self.outbound_layer.name,
            "inbound_layers": [layer.name for layer in self.inbound_layers],
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
        }


_BASE_ARGUMENTS = {
    "input_shape", "batch_input_shape", "batch_size", "dtype", "name", "trainable", "weights", "input_dtype", "autocast",
}  # fmt: skip


class Layer:
    """Base of all layers (Keras 2.3.1's interface).

    A subclass keeps its arguments in `__init__`, makes weights in `build(input_shape)`, computes in
    `call(inputs)` (also with `mask=` and `training=` if it takes them), and gives the arguments back in
    `get_config()`. Called on symbolic tensors a layer extends the graph; called on arrays it computes.
    """

    _names_weights = True  # weights made while it is called bear its name
    _casts_inputs = True  # floating inputs come in the compute type
    _is_part = True  # set on another layer it is part of it, with its weights; metrics are not

    def __init__(self, **kwargs: Any) -> None:
        self._set("_tracked", [])
        self._trainable_weights: list[Variable] = []
        self._non_trainable_weights: list[Variable] = []
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

    # attributes: layers and variables set on a layer belong to it -----------------------------------------------
    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("__") and name not in _UNTRACKED and "_tracked" in self.__dict__:
            for item in layers_in(value):
                if item not in self._tracked and item is not self:
                    self._tracked.append(item)
            if isinstance(value, Variable):
                self._adopt(value)
        object.__setattr__(self, name, value)

    def _adopt(self, variable: Variable) -> None:
        """A variable made with K.variable and set on the layer is one of its weights."""
        lists = (self.__dict__.get("_trainable_weights"), self.__dict__.get("_non_trainable_weights"))
        if None not in lists and not any(variable is w for ws in lists for w in ws):
            lists[0 if variable.trainable else 1].append(variable)
            variable.autocast = is_float(variable.dtype)

    @property
    def _sublayers(self) -> list[Layer]:
        return self._tracked

    # types --------------------------------------------------------------------------------------------------
    @property
    def dtype_policy(self) -> policy.Policy:
        """In what types it computes and keeps its weights."""
        return self._policy

    @property
    def compute_dtype(self) -> str:
        """The type in which `call` gets floating inputs and reads weights."""
        return self._policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The type in which weights are kept."""
        return self._policy.variable_dtype

    @property
    def dtype(self) -> str:
        """The same as `variable_dtype`."""
        return self._policy.variable_dtype

    @dtype.setter
    def dtype(self, value: Any) -> None:
        self._policy = policy.get(value)

    def _take_policy(self, given: policy.Policy) -> None:
        """Has the policy of the model around it, unless it was told one, or is built already."""
        if not self._policy_told and not self.built:
            self._policy = given
            for layer in self._parts_to_type:
                layer._take_policy(given)

    @property
    def _parts_to_type(self) -> list[Layer]:
        return self._sublayers

    @property
    def _entry_dtype(self) -> str:
        """The type of an input that is made for it: whole numbers, where it takes any, are not to be rounded."""
        kind = self.variable_dtype
        return kind if self._casts_inputs else at_least_float32(kind)

    def _computing(self) -> reading_as:
        """Within the block its weights are read in the compute type."""
        return reading_as(self.compute_dtype if self.autocast and self._policy.is_mixed else None)

    def _in_compute_type(self, values: Any) -> Any:
        """Floating tensors in the compute type, alone or in a list; all else as it is."""
        kind = self.compute_dtype
        if not (self.autocast and self._casts_inputs and is_float(kind)):
            return values
        if isinstance(values, (list, tuple)):
            return type(values)(_floating_as(x, kind) for x in values)
        return _floating_as(values, kind)

    def _call_as_part(self, inputs: Any, *arguments: Any, **keywords: Any) -> Any:
        """`call` for a layer around this one, in this one's types."""
        with self._computing():
            return self.call(self._in_compute_type(inputs), *arguments, **keywords)

    # weights ------------------------------------------------------------------------------------------------
    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value

    @property
    def trainable_weights(self) -> list[Variable]:
        if not self.trainable:
            return []
        return _unique([*self._trainable_weights, *(w for s in self._sublayers for w in s.trainable_weights)])

    @trainable_weights.setter
    def trainable_weights(self, value: list[Variable]) -> None:
        self._trainable_weights = list(value)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        inner = [w for s in self._sublayers for w in s.non_trainable_weights]
        if self.trainable:
            return _unique([*self._non_trainable_weights, *inner])
        # in the order in which they stand when it is not frozen: files of Keras 2 have them so
        frozen = [w for s in self._sublayers for w in s.trainable_weights]
        return _unique([*self._trainable_weights, *frozen, *self._non_trainable_weights, *inner])

    @non_trainable_weights.setter
    def non_trainable_weights(self, value: list[Variable]) -> None:
        self._non_trainable_weights = list(value)

    @property
    def weights(self) -> list[Variable]:
        """Trainable weights first."""
        return [*self.trainable_weights, *self.non_trainable_weights]

    def add_weight(
        self,
        name: Any = None,
        shape: Any = None,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        trainable: bool = True,
        constraint: Any = None,
        autocast: bool = True,
    ) -> Variable:
        """A new weight; `initializer`, `regularizer` and `constraint` may be names, objects or functions.

        It is kept in `dtype`, by default the policy's variable type. Within `call` a floating one is read in the
        compute type, unless `autocast` is False.
        """
        if isinstance(name, (tuple, list)):  # add_weight(shape, ...), as tf.keras users write it
            name, shape = shape if isinstance(shape, str) else None, name
        shape = () if shape is None else tuple(shape)
        dtype = canonical(dtype) if dtype is not None else self.variable_dtype
        if isinstance(initializer, (int, float)):
            initializer = initializers.Constant(initializer)
        make = initializers.get("glorot_uniform" if initializer is None else initializer)
        if any(d is None for d in shape):
            raise ShapeError(
                f"{self._told()}: weight {name!r} would have shape {describe(shape)}; all sizes are needed."
            )
        waiting = allocation.counter()
        if waiting is not None:  # a model that is being loaded
            waiting(f"{self.name}/{name or 'weight'}", shape, dtype)
        value = _initial_value(make, shape, dtype) if waiting is None else np.zeros(shape, numpy_dtype(dtype))
        weight = Variable(
            value, dtype, weight_name(self.name, name or "weight"), trainable, constraints.get(constraint),
            copy=waiting is None,
        )  # fmt: skip
        weight.autocast = autocast and is_float(dtype)
        if regularizer is not None:
            penalty = regularizers.get(regularizer)
            self.add_loss(lambda: _penalty(penalty, weight))
        (self._trainable_weights if trainable else self._non_trainable_weights).append(weight)
        return weight

    def get_weights(self) -> list[np.ndarray]:
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all weights, in the order of `weights`. Raises ShapeError before anything is changed."""
        own = self.weights
        given = [np.asarray(w) for w in weights]
        if len(own) != len(given):
            raise ShapeError(
                f"{self._told()}: {len(given)} weights were given; it has {len(own)}: "
                f"{', '.join(describe(w.shape) for w in own) or 'none'}."
            )
        for weight, value in zip(own, given, strict=True):
            if tuple(value.shape) != weight.shape:
                raise ShapeError(
                    f"{self._told()}: weight {weight.name!r} has shape {describe(weight.shape)}; a value of shape "
                    f"{describe(tuple(value.shape))} was given."
                )
        for weight, value in zip(own, given, strict=True):
            weight.assign_now(value)

    def count_params(self) -> int:
        if not self.built:
            raise NotBuilt(
                f"{self._told()} is not built yet, so its weights cannot be counted. Call or build() it."
            )
        return sum(int(np.prod(w.shape, dtype=int)) for w in self.weights)

    # losses, updates, metrics -------------------------------------------------------------------------------
    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Adds penalties: tensors, or functions that make one. `inputs`: the tensors on which they depend."""
        self._note("losses", losses, inputs)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Adds updates to be written in each training step; pairs (variable, value) or Updates."""
        if isinstance(updates, (Update, tuple)):
            updates = [updates]
        self._note("updates", [as_update(u) for u in updates or []], inputs)

    def _note(self, kind: str, items: Any, inputs: Any) -> None:
        if items is None:
            return
        tracing = recorder()
        if tracing is not None:  # what belongs to one trace is not kept by the layer
            if kind == "updates":
                tracing.note_of_layer(to_list(items), self.stateful)
                return
            made = [item for item in to_list(items) if isinstance(item, SymbolicTensor)]
            tracing.losses.extend(made)
            items = [item for item in to_list(items) if not isinstance(item, SymbolicTensor)]
        on = None if inputs is None else [x for x in to_list(inputs) if isinstance(x, SymbolicTensor)]
        on = None if on is None else [source for x in on for source in _before_casts(x)]
        self._entries[kind].extend((item, on) for item in to_list(items))

    def add_metric(self, value: Any, name: str | None = None) -> None:
        """Reports a tensor as a metric of each step under `name`."""
        self._metrics.append((name or f"{self.name}_metric", value))

    def _all_entries(self, kind: str) -> list[tuple[Any, list[Any] | None]]:
        if kind == "updates" and not self.trainable and not self.stateful:
            return []
        found = list(self._entries[kind])
        for layer in self._sublayers:
            found.extend(layer._all_entries(kind))
        return found

    def _relevant(self, kind: str, inputs: Any) -> list[Any]:
        wanted = None if inputs is None else set(to_list(inputs))
        entries = self._all_entries(kind)
        if wanted is None:
            return [_made(item) for item, on in entries if on is None]
        return [_made(item) for item, on in entries if on is not None and any(t in wanted for t in on)]

    @property
    def losses(self) -> list[Any]:
        return [_made(item) for item, _ in self._all_entries("losses")]

    @property
    def updates(self) -> list[Update]:
        return [item for item, _ in self._all_entries("updates")]

    @property
    def metrics(self) -> list[Any]:
        return [*self._metrics, *(m for s in self._sublayers for m in s.metrics)]

    def get_losses_for(self, inputs: Any) -> list[Any]:
        return self._relevant("losses", inputs)

    def get_updates_for(self, inputs: Any) -> list[Any]:
        return self._relevant("updates", inputs)

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
        takes = _parameters(type(self).call)
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
            self.add_loss([self.activity_regularizer(_widened(o)) for o in listed], from_outside)
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

    def _told(self) -> str:
        return f"{type(self).__name__} {self.name!r}"

    # where it stands in a graph -----------------------------------------------------------------------------
    def _at(self, index: int, what: str, attribute: str) -> Any:
        if not self._inbound_nodes:
            raise AttributeError(
                f"{self._told()} was never called, so it has no {what}. Call it on a tensor first."
            )
        if not -len(self._inbound_nodes) <= index < len(self._inbound_nodes):
            raise ValueError(
                f"{self._told()} has {len(self._inbound_nodes)} calls; {what} of call {index} was asked for."
            )
        return unpack(getattr(self._inbound_nodes[index], attribute))

    def _only(self, what: str, attribute: str) -> Any:
        if len(self._inbound_nodes) > 1:
            values = [getattr(n, attribute) for n in self._inbound_nodes]
            if "shape" not in what or any(v != values[0] for v in values):
                raise AttributeError(
                    f"{self._told()} was called {len(self._inbound_nodes)} times, so its {what} is not one thing. "
                    f"Use get_{what}_at(index)."
                )
        return self._at(0, what, attribute)

    def get_input_at(self, node_index: int) -> Any:
        return self._at(node_index, "input", "input_tensors")

    def get_output_at(self, node_index: int) -> Any:
        return self._at(node_index, "output", "output_tensors")

    def get_input_shape_at(self, node_index: int) -> Any:
        return self._at(node_index, "input_shape", "input_shapes")

    def get_output_shape_at(self, node_index: int) -> Any:
        return self._at(node_index, "output_shape", "output_shapes")

    def get_input_mask_at(self, node_index: int) -> Any:
        return self._at(node_index, "input_mask", "input_masks")

    def get_output_mask_at(self, node_index: int) -> Any:
        return self._at(node_index, "output_mask", "output_masks")

    @property
    def input(self) -> Any:
        return self._only("input", "input_tensors")

    @property
    def output(self) -> Any:
        return self._only("output", "output_tensors")

    @property
    def input_shape(self) -> Any:
        return self._only("input_shape", "input_shapes")

    @property
    def output_shape(self) -> Any:
        return self._only("output_shape", "output_shapes")

    @property
    def input_mask(self) -> Any:
        return self._only("input_mask", "input_masks")

    @property
    def output_mask(self) -> Any:
        return self._only("output_mask", "output_masks")

    # configuration ------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable}
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


_UNTRACKED = {"_tracked", "_inbound_nodes", "_outbound_nodes", "_array_functions", "_entries"}


def layers_in(value: Any) -> list[Layer]:
    if isinstance(value, Layer):
        value = [value]
    elif isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [v for v in value if isinstance(v, Layer) and v._is_part]


def _floating_as(x: Any, dtype: str) -> Any:
    if isinstance(x, SymbolicTensor) and x.dtype != dtype and is_float(x.dtype):
        return cast_to(x, dtype)
    return x


def _before_casts(tensor: Any) -> list[Any]:
    """A tensor and those that it was cast from: `call` gets inputs cast, and others ask by what came in."""
    found = [tensor]
    while found[-1].node is not None and found[-1].node.op.name == "cast":
        found.append(found[-1].node.arguments[0])
    return found


def _widened(tensor: Any) -> Any:
    """A tensor of 16 bits in float32, so that sums over it stay in range."""
    return cast_to(tensor, at_least_float32(tensor.dtype))


def _penalty(regularizer: Callable[..., Any], weight: Variable) -> Any:
    """In the weight's own type, also where it is asked for within a `call`."""
    with reading_as(None):
        return regularizer(weight)


def _made(item: Any) -> Any:
    return item() if callable(item) else item


def _unique(weights: Sequence[Variable]) -> list[Variable]:
    return list(dict.fromkeys(weights))


def _initial_value(make: Callable[..., Any], shape: tuple[int, ...], dtype: str) -> Any:
    takes = _parameters(make.__call__ if isinstance(make, initializers.Initializer) else make)
    value = make(shape, dtype=dtype) if "dtype" in takes else make(shape)
    return K.eval(value) if isinstance(value, SymbolicTensor) else value


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether `function` can be given an argument of this name."""
    code = function.__code__ if hasattr(function, "__code__") else None
    if code is None or code.co_flags & inspect.CO_VARKEYWORDS:
        return True
    return name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _parameters(function: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return set()


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


class InputLayer(Layer):
    """Where a model's data comes in: (batch, *shape)."""

    def __init__(
        self,
        input_shape: Any = None,
        batch_size: int | None = None,
        batch_input_shape: Any = None,
        dtype: Any = None,
        input_tensor: Any = None,
        sparse: bool = False,
        name: str | None = None,
    ) -> None:
        if not name:
            name = f"input_{K.get_uid('input')}"
        dtype = input_tensor.dtype if input_tensor is not None else dtype
        super().__init__(dtype=policy.input_dtype() if dtype is None else dtype, name=name)
        if input_tensor is not None:
            batch_input_shape = K.int_shape(input_tensor)
        elif batch_input_shape is None:
            if input_shape is None:
                raise ArgumentError("InputLayer needs input_shape=(...) or batch_input_shape=(...).")
            batch_input_shape = (batch_size, *input_shape)
        self.batch_input_shape = tuple(batch_input_shape)
        self.sparse, self.built = sparse, True
        self.supports_masking = True
        tensor = input_tensor
        if tensor is None:
            # where `sparse`, the rows of a batch are laid out when they are due
            tensor = Placeholder(self.batch_input_shape, self.dtype, name=name, sparse=sparse)
        self.is_placeholder = isinstance(tensor, Placeholder)
        tensor._keras_history = (self, 0, 0)
        tensor._keras_shape, tensor._keras_mask = tensor.shape, None
        Node(self, [tensor], [tensor], [None], [None])
        node = self._inbound_nodes[0]
        node.inbound_layers, node.node_indices, node.tensor_indices = [], [], []

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_input_shape": self.batch_input_shape, "dtype": self.dtype, "sparse": self.sparse, "name": self.name
        }  # fmt: skip


def Input(
    shape: Any = None,
    batch_shape: Any = None,
    name: str | None = None,
    dtype: Any = None,
    sparse: bool = False,
    tensor: Any = None,
) -> Any:
    """A symbolic tensor to start a functional model: (batch, *shape), or `batch_shape` with the batch in it."""
    if shape is None and batch_shape is None and tensor is None:
        raise ArgumentError("Input() needs shape=(...) without the batch axis, or batch_shape=(...) with it.")
    if batch_shape is None and tensor is None:
        shape = (shape,) if isinstance(shape, int) else shape
        batch_shape = (None, *shape)
    layer = InputLayer(
        batch_input_shape=batch_shape, name=name, dtype=dtype, sparse=sparse, input_tensor=tensor
    )
    return layer._inbound_nodes[0].output_tensors[0]
