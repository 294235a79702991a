"""What belongs to a layer: layers and variables set on it, weights, losses, updates and metrics."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import backend as K
from .. import constraints, initializers, regularizers
from ..backend.declare import reading_as, to_array
from ..backend.graph import tensors_between
from ..backend.recording import recorder
from ..backend.tensor import SymbolicTensor, numpy_dtype
from ..backend.variables import Update, Variable, as_update
from ..dtypes import canonical, is_float
from ..errors import NotBuilt, ShapeError
from ..shapes import describe
from . import allocation
from .naming import Named, weight_name
from .nesting import to_list

# set on a layer, these are not parts of it
_UNTRACKED = {"_tracked", "_inbound_nodes", "_outbound_nodes", "_array_functions", "_entries"}


def _shape_may_come_first(add_weight: Callable[..., Variable]) -> Callable[..., Variable]:
    """`add_weight(shape, initializer, name=...)` of Keras 1, which Keras 2 read until 2.2, and `add_weight(shape, name)`."""

    @functools.wraps(add_weight)
    def reading_both(self: Any, *given: Any, **named: Any) -> Variable:
        if not given or not isinstance(given[0], (tuple, list)):
            return add_weight(self, *given, **named)
        for value, argument in zip(
            given, ("shape", "initializer" if "name" in named else "name"), strict=False
        ):
            named.setdefault(argument, value)
        if len(given) > 2:
            raise TypeError("add_weight(shape, ...) takes two positional arguments at most: name the others.")
        return add_weight(self, **named)

    return reading_both


class Owner(Named):
    """The part of a layer that keeps what belongs to it. Layers and variables set on it are its own."""

    _is_part = True  # set on another layer it is part of it, with its weights; metrics are not
    built: bool
    stateful: bool
    variable_dtype: Any  # a property of the layer
    _tracked: list[Any]
    _trainable: bool
    _trainable_weights: list[Variable]
    _non_trainable_weights: list[Variable]
    _entries: dict[str, list[tuple[Any, list[Any] | None]]]
    _metrics: list[Any]
    _inbound_nodes: list[Any]

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
    def _sublayers(self) -> list[Any]:
        return self._tracked

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

    @_shape_may_come_first
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
        given = [to_array(w) for w in weights]
        if len(own) != len(given):
            raise ShapeError(
                f"{self._told()}: {len(given)} weights were given; it has {len(own)}: "
                f"{', '.join(describe(w.shape) for w in own) or 'none'}."
            )
        assign_all(self._told(), own, given)

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
        if updates is not None and not isinstance(updates, list):
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
            found.extend(layer._entries_beyond_its_graph(kind))
        return found

    def _entries_beyond_its_graph(self, kind: str) -> list[tuple[Any, list[Any] | None]]:
        """What counts where it is part of another layer; a model leaves out what hangs on inputs of its own."""
        return self._all_entries(kind)

    def _computed_in_calls_on(self, inputs: set[Any]) -> set[Any]:
        """`inputs` and what this layer's calls on them compute, as far as it enters the outputs."""
        found = set(inputs)
        for node in self._inbound_nodes if self._sublayers else ():
            if not inputs.isdisjoint(node.input_tensors):
                found.update(tensors_between(node.output_tensors, node.input_tensors))
        return found

    def _relevant(self, kind: str, inputs: Any) -> list[Any]:
        entries = self._all_entries(kind)
        if inputs is None:
            return [_made(item) for item, on in entries if on is None]
        wanted = self._computed_in_calls_on(set(to_list(inputs)))
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
        """Penalties that come up in calls on `inputs`, in layers within too; for None, those that hang on no input."""
        return self._relevant("losses", inputs)

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """Updates that come up in calls on `inputs`, in layers within too; for None, those that hang on no input."""
        return self._relevant("updates", inputs)


def assign_all(told: str, weights: Sequence[Variable], values: Sequence[Any]) -> None:
    """Sets each of `weights`. Raises ShapeError, which says whose they are as `told`, before anything is changed."""
    for weight, value in zip(weights, values, strict=True):
        if tuple(value.shape) != weight.shape:
            raise ShapeError(
                f"{told}: weight {weight.name!r} has shape {describe(weight.shape)}; a value of shape "
                f"{describe(tuple(value.shape))} was given."
            )
    for weight, value in zip(weights, values, strict=True):
        weight.assign_now(value)


def layers_in(value: Any) -> list[Any]:
    if isinstance(value, Owner):
        value = [value]
    elif isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [v for v in value if isinstance(v, Owner) and v._is_part]


def _before_casts(tensor: Any) -> list[Any]:
    """A tensor and those that it was cast from: `call` gets inputs cast, and others ask by what came in."""
    found = [tensor]
    while found[-1].node is not None and found[-1].node.op.name == "cast":
        found.append(found[-1].node.arguments[0])
    return found


def _penalty(regularizer: Callable[..., Any], weight: Variable) -> Any:
    """In the weight's own type, also where it is asked for within a `call`."""
    with reading_as(None):
        return regularizer(weight)


def _made(item: Any) -> Any:
    return item() if callable(item) else item


def _unique(weights: Sequence[Variable]) -> list[Variable]:
    return list(dict.fromkeys(weights))


def _initial_value(make: Callable[..., Any], shape: tuple[int, ...], dtype: str) -> Any:
    takes = parameters(make.__call__ if isinstance(make, initializers.Initializer) else make)
    value = make(shape, dtype=dtype) if "dtype" in takes else make(shape)
    return K.eval(value) if isinstance(value, SymbolicTensor) else value


def parameters(function: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return set()
