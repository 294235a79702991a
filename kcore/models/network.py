"""A graph of layers that is itself a layer."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import backend as K
from .. import dtypes, objects
from ..backend.declare import cast_to, to_array
from ..backend.graph import tensors_between
from ..backend.recording import recorder
from ..backend.tensor import SymbolicTensor
from ..backend.variables import Update, Variable
from ..errors import ArgumentError, DataError, GraphError, ShapeError, UnknownName, nearest
from ..kernel.capabilities import check_types
from ..kernel.context import current_device, current_engine_name, engine
from ..kernel.registry import backends
from ..layers.base import Layer
from ..layers.input_layer import InputLayer
from ..layers.nesting import to_list, unpack
from ..layers.nodes import Node
from ..layers.owning import assign_all, layers_in
from ..shapes import describe
from .explaining import Explanation, explain
from .summary import print_summary


class Network(Layer):
    """Layers between inputs and outputs; or, subclassed, layers set as attributes and used in `call`.

    `backend`: the name of the engine to which it is bound.
    """

    _casts_inputs = False  # its layers do
    _names_weights = False  # its layers' names say enough, wherever it stands

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name, trainable = kwargs.pop("name", None), kwargs.pop("trainable", True)
        backend = kwargs.pop("backend", None)
        for old, new in (("input", "inputs"), ("output", "outputs")):
            if old in kwargs and new not in kwargs:
                kwargs[new] = kwargs.pop(old)
                warnings.warn(f"Model({old}=...) is spelled as in Keras 1; it is {new}=.", stacklevel=3)
        arguments = dict(zip(("inputs", "outputs", "name"), args, strict=False))
        inputs, outputs = (kwargs.pop(k, arguments.get(k)) for k in ("inputs", "outputs"))
        super().__init__(name=name or arguments.get("name"), trainable=trainable, **kwargs)
        if backend is not None and backend not in backends:
            backends.get(backend)  # raises, saying what is installed
        self._backend = backend or current_engine_name()
        self._device = current_device()
        self._layers: list[Layer] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.input_names: list[str] = []
        self.output_names: list[str] = []
        self._is_graph = inputs is not None or outputs is not None
        if self._is_graph and self._policy_told:
            raise ArgumentError(
                f"model {self.name!r}: dtype={kwargs['dtype']!r}, but its layers are made already. Make them within "
                "mixed_precision.policy_scope(...), or give each its dtype."
            )
        self._graph_nodes: list[Node] = []
        if self._is_graph:
            if inputs is None or outputs is None:
                raise ArgumentError("a model needs both inputs and outputs.")
            self._init_graph(inputs, outputs)

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__.get("_policy_told"):
            for layer in layers_in(value):
                layer._take_policy(self._policy)
        super().__setattr__(name, value)

    @property
    def _entry_dtype(self) -> str:
        kinds = [x.dtype for x in self.inputs if dtypes.is_float(x.dtype)]
        return dtypes.promote_all(kinds) if kinds else super()._entry_dtype

    # the engine ---------------------------------------------------------------------------------------------
    @property
    def backend(self) -> str:
        """The name of the engine on which this model runs."""
        return self._backend

    def to_backend(self, name: str) -> Any:
        """The same model, moved to another engine with its weights and optimizer state."""
        there = engine(name).devices()
        self._check_types(name)
        self._device = self._device if self._device in there else None
        for weight in self._movable():
            weight.release()
            weight.place(weight.device if weight.device in there else None)
        self._array_functions.clear()
        self._backend = name
        return self

    def _movable(self) -> list[Any]:
        carried = [
            s
            for layer in self.layers
            for s in getattr(layer, "states", None) or ()
            if isinstance(s, Variable)
        ]
        return [*self.weights, *carried, *self._state_variables()]

    def _state_variables(self) -> list[Any]:
        """Further variables that move along (the optimizer's, metrics', the random counter)."""
        return []

    # the graph ----------------------------------------------------------------------------------------------
    def _init_graph(self, inputs: Any, outputs: Any) -> None:
        self._single_output = not isinstance(outputs, (list, tuple))
        self.inputs, self.outputs = to_list(inputs), to_list(outputs)
        _check_tensors(self.name, self.inputs, "input")
        _check_tensors(self.name, self.outputs, "output")
        if len(set(self.inputs)) != len(self.inputs):
            raise GraphError(
                f"model {self.name!r}: an input is listed twice; each must be a tensor of its own."
            )
        for x in self.inputs:
            if not isinstance(x._keras_history[0], InputLayer):
                raise GraphError(
                    f"model {self.name!r}: its input {x.name!r} comes out of layer {x._keras_history[0].name!r}; "
                    "inputs must come from Input()."
                )
        self._graph_nodes, self._layers, depths = _ordered_graph(self.name, self.inputs, self.outputs)
        self._layers_by_depth = depths
        self.input_names = [x._keras_history[0].name for x in self.inputs]
        self.output_names = _output_names(self.outputs)
        self._input_layers = [x._keras_history[0] for x in self.inputs]
        self._output_layers = [x._keras_history[0] for x in self.outputs]
        _check_names(self.name, self._layers)
        self._check_types(self._backend)
        self.built = True
        self.supports_masking = True
        masks = [getattr(x, "_keras_mask", None) for x in self.outputs]
        Node(self, self.inputs, self.outputs, [None] * len(self.inputs), masks)
        # made of tensors that stay with their own layers: this node tells only the model's inputs and outputs
        self._inbound_nodes[-1].inbound_layers = []

    @property
    def _computes(self) -> bool:
        """Whether it says how outputs come from inputs: as a graph, or by a `call` of its own."""
        return self._is_graph or type(self).call is not Network.call

    @property
    def layers(self) -> list[Layer]:
        return self._layers if self._is_graph else list(self._tracked)

    @property
    def _sublayers(self) -> list[Layer]:
        return self.layers

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """By name or by index. Raises UnknownName with the nearest match."""
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ArgumentError(
                    f"model {self.name!r} has {len(self.layers)} layers; layer {index} was asked for."
                )
            return self.layers[index]
        if not name:
            raise ArgumentError("get_layer() needs a name or an index.")
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise UnknownName(
            f"model {self.name!r} has no layer {name!r}.{nearest(name, [la.name for la in self.layers])}"
        )

    def _check_types(self, backend: str) -> None:
        """Raises Unsupported for a layer in a type that the engine has not."""
        for layer in self._layers:
            kinds = {layer.compute_dtype, layer.variable_dtype} - {"float32"}
            if any(map(dtypes.is_float, kinds)):
                check_types(engine(backend), kinds, f"{type(layer).__name__} {layer.name!r}")

    # calling ------------------------------------------------------------------------------------------------
    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        if isinstance(inputs, Mapping) and self._is_graph:
            inputs = unpack(self._by_name(inputs))
        return super().__call__(inputs, **kwargs)

    def _by_name(self, inputs: Mapping[str, Any]) -> list[Any]:
        """The inputs out of a dict, in their order. Raises UnknownName or DataError."""
        for name in inputs:
            if name not in self.input_names:
                raise UnknownName(
                    f"model {self.name!r} has no input {name!r}.{nearest(name, self.input_names)} It has: "
                    f"{', '.join(self.input_names)}."
                )
        missing = [n for n in self.input_names if n not in inputs]
        if missing:
            raise DataError(f"model {self.name!r}: no value was given for its input {missing[0]!r}.")
        return [inputs[n] for n in self.input_names]

    def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        if not self._is_graph:
            raise ArgumentError(
                f"{type(self).__name__} does not say how it computes: define call(self, inputs)."
            )
        outputs, _ = self._run_graph(to_list(inputs), to_list(mask) if mask is not None else None, training)
        return unpack(outputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if not self._is_graph:
            return None
        values = to_list(inputs)
        if all(a is b for a, b in zip(values, self.inputs, strict=False)) and mask is None:
            return unpack([getattr(x, "_keras_mask", None) for x in self.outputs])
        return self._last_masks

    _last_masks: Any = None

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._is_graph and len(self.inputs) == 1 and tuple(input_shape) == self.inputs[0].shape:
            return unpack([K.int_shape(x) for x in self.outputs])
        return super().compute_output_shape(input_shape)

    def _run_graph(
        self, inputs: list[Any], masks: list[Any] | None, training: Any
    ) -> tuple[list[Any], list[Any]]:
        """Applies the layers anew, to other tensors. Gives outputs and their masks."""
        if len(inputs) != len(self.inputs):
            raise DataError(f"model {self.name!r} takes {len(self.inputs)} inputs; {len(inputs)} were given.")
        table: dict[Any, tuple[Any, Any]] = {}
        given = masks or [getattr(x, "_keras_mask", None) for x in inputs]
        for own, x, mask in zip(self.inputs, inputs, given, strict=True):
            _check_fits(self.name, own, x)
            if dtypes.is_float(own.dtype) and dtypes.is_float(x.dtype):
                x = cast_to(x, own.dtype)
            table[own] = (x, mask)
        for node in self._graph_nodes:
            if all(x in table for x in node.output_tensors):
                continue
            layer = node.outbound_layer
            pairs = [table[x] for x in node.input_tensors]
            arguments = dict(node.arguments)
            if training is not None and _takes_training(layer):
                arguments.setdefault("training", training)
            outputs, _, made = layer._run(
                unpack([p[0] for p in pairs]), unpack([p[1] for p in pairs]), arguments
            )
            listed = to_list(outputs)
            made = made if isinstance(made, (list, tuple)) else [made] * len(listed)
            for own, tensor, mask in zip(node.output_tensors, listed, made, strict=False):
                table[own] = (tensor, mask)
        found = [table[x] for x in self.outputs]
        self._last_masks = unpack([m for _, m in found])
        return [t for t, _ in found], [m for _, m in found]

    # weights ------------------------------------------------------------------------------------------------
    def get_weights(self) -> list[np.ndarray]:
        """Layer by layer; a nested model counts as one layer."""
        return [w.numpy() for w in self._weights_by_layer()]

    def _weights_by_layer(self) -> list[Any]:
        own = [*self._trainable_weights, *self._non_trainable_weights]
        return list(dict.fromkeys([*own, *(w for layer in self.layers for w in layer.weights)]))

    def set_weights(self, weights: Sequence[Any]) -> None:
        own, given = self._weights_by_layer(), [to_array(w) for w in weights]
        if len(own) != len(given):
            raise ShapeError(f"model {self.name!r} has {len(own)} weights; {len(given)} were given.")
        assign_all(f"model {self.name!r}", own, given)

    # losses and updates that belong to this graph -------------------------------------------------------------
    def _reachable(self) -> set[SymbolicTensor]:
        return tensors_between(self.outputs, self.inputs)

    def _entries_beyond_its_graph(self, kind: str) -> list[Any]:
        entries = self._all_entries(kind)
        own = self._reachable() if self._is_graph and any(on for _, on in entries) else set()
        return [(item, on) for item, on in entries if not on or any(t not in own for t in on)]

    def _mine(self, kind: str) -> list[Any]:
        reachable = self._reachable() if self.outputs else None
        chosen = []
        for item, on in self._all_entries(kind):
            if on is None or reachable is None or any(t in reachable for t in on):
                chosen.append(item() if callable(item) else item)
        return chosen

    @property
    def losses(self) -> list[Any]:
        tracing = recorder()
        if tracing is not None:  # those of weights, and those of the calls in this step
            entries = self._all_entries("losses")
            return [*(i() if callable(i) else i for i, on in entries if on is None), *tracing.losses]
        return self._mine("losses")

    @property
    def updates(self) -> list[Update]:
        return self._mine("updates")

    @property
    def state_updates(self) -> list[Update]:
        """Updates of layers that carry state from batch to batch."""
        return [u for layer in self.layers if getattr(layer, "stateful", False) for u in layer.updates]

    @property
    def stateful(self) -> bool:
        return any(
            getattr(layer, "stateful", False) for layer in self.__dict__.get("_layers") or self._tracked
        )

    @stateful.setter
    def stateful(self, value: bool) -> None:
        pass  # it is what its layers are

    def reset_states(self) -> None:
        for layer in self.layers:
            if hasattr(layer, "reset_states") and getattr(layer, "stateful", False):
                layer.reset_states()

    # shapes -------------------------------------------------------------------------------------------------
    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[..., Any] | None = None,
    ) -> None:
        """Prints a table of the layers, their output shapes and numbers of weights."""
        if not self.built:
            raise ShapeError(
                f"model {self.name!r} is not built yet. Call build(input_shape), or fit() on data, first."
            )
        print_summary(self, line_length, positions, print_fn)

    def explain(self, training: bool | None = None) -> Explanation:
        """How each layer runs: engine, device, type, layout, fused or composed and why, number of transposes.

        Read off the program that the engine is given, and what it makes of it. training: of a step of training, or
        of predicting (None: of training if the model is compiled). The result is a table when printed.
        Raises NotCompiled for training where the model is not compiled, ArgumentError where it is not built.
        """
        return explain(self, training)

    def count_params(self) -> int:
        return sum(int(np.prod(w.shape, dtype=int)) for w in self._weights_by_layer())

    # configuration ------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Keras 2's description of a functional model."""
        if not self._is_graph:
            raise NotImplementedError(
                f"{type(self).__name__} is written in Python: its config is its own get_config()."
            )
        kept = {id(n) for n in self._graph_nodes}
        places: dict[int, int] = {}
        for layer in self._layers:
            # Keras 2 counts a model's own inputs and outputs as its first node
            first = 1 if isinstance(layer, Network) and layer._is_graph else 0
            for i, node in enumerate((n for n in layer._inbound_nodes if id(n) in kept), first):
                places[id(node)] = i
        layers = [_layer_entry(layer, kept, places) for layer in self._layers]
        return {
            "name": self.name,
            "layers": copy.deepcopy(layers),
            "input_layers": [_address(x, places) for x in self.inputs],
            "output_layers": [_address(x, places) for x in self.outputs],
            **self._frozen_config(),
        }

    def _frozen_config(self) -> dict[str, Any]:
        """That the whole model is not to be trained, which Keras 2 forgets (and reads over)."""
        return {} if self.trainable else {"trainable": False}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The model that `get_config` described. Raises GraphError where layers cannot be connected."""
        made = _restore(config, custom_objects)
        inputs = [_tensor_at(made, a) for a in config["input_layers"]]
        outputs = [_tensor_at(made, a) for a in config["output_layers"]]
        model = cls(inputs=inputs, outputs=outputs, name=config.get("name"))
        model.trainable = config.get("trainable", True)
        return model


def _takes_training(layer: Layer) -> bool:
    code = type(layer).call.__code__
    return "training" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _check_tensors(name: str, tensors: list[Any], what: str) -> None:
    for x in tensors:
        if not isinstance(x, SymbolicTensor):
            raise GraphError(
                f"model {name!r}: its {what} {x!r} is no symbolic tensor; use Input() and layers."
            )
        if not hasattr(x, "_keras_history"):
            raise GraphError(
                f"model {name!r}: its {what} {x.name!r} does not come out of a layer. Wrap operations in a Lambda "
                "layer, start from Input()."
            )


def _check_fits(name: str, own: Any, given: Any) -> None:
    """Raises ShapeError where a new input cannot take the place of the model's own."""
    if len(own.shape) != len(given.shape) or any(
        None not in (a, b) and a != b for a, b in zip(own.shape[1:], given.shape[1:], strict=False)
    ):
        raise ShapeError(
            f"model {name!r}: input {own._keras_history[0].name!r} takes shape {describe(own.shape)}; shape "
            f"{describe(tuple(given.shape))} was given."
        )


def _check_names(name: str, layers: list[Layer]) -> None:
    seen: set[str] = set()
    for layer in layers:
        if layer.name in seen:
            raise GraphError(
                f"model {name!r}: two layers are called {layer.name!r}; names must be different."
            )
        seen.add(layer.name)


def _output_names(outputs: list[Any]) -> list[str]:
    names = [x._keras_history[0].name for x in outputs]
    counted: dict[str, int] = {}
    result = []
    for n in names:
        counted[n] = counted.get(n, 0) + 1
        result.append(n if counted[n] == 1 else f"{n}_{counted[n] - 1}")
    return result


def _node_of(tensor: Any) -> Node:
    layer, index, _ = tensor._keras_history
    return layer._inbound_nodes[index]


def _ordered_graph(
    name: str, inputs: list[Any], outputs: list[Any]
) -> tuple[list[Node], list[Layer], dict[int, list[Layer]]]:
    """Nodes in an order in which they can run, and layers by depth, as Keras 2 orders them (so weights do too)."""
    after, first_seen = _walk(name, inputs, outputs)
    node_depth: dict[int, int] = {}
    layer_depth: dict[int, int] = {}
    for node in reversed(after):
        depth = max(node_depth.get(id(node), 0), layer_depth.get(id(node.outbound_layer), 0))
        node_depth[id(node)] = layer_depth[id(node.outbound_layer)] = depth
        for x in _inputs_within(node, inputs):
            before = id(_node_of(x))
            node_depth[before] = max(depth + 1, node_depth.get(before, 0))
    layers = {id(n.outbound_layer): n.outbound_layer for n in after}
    for x in inputs:  # an input that nothing reads still belongs to the model
        layers.setdefault(id(x._keras_history[0]), x._keras_history[0])
    order = sorted(
        layers.values(), key=lambda la: (-layer_depth.get(id(la), 0), first_seen.get(id(la), len(layers)))
    )
    depths: dict[int, list[Layer]] = {}
    for layer in order:
        depths.setdefault(layer_depth.get(id(layer), 0), []).append(layer)
    return after, order, depths


def _inputs_within(node: Node, inputs: list[Any]) -> list[Any]:
    return [] if any(x in inputs for x in node.output_tensors) else node.input_tensors


def _walk(name: str, inputs: list[Any], outputs: list[Any]) -> tuple[list[Node], dict[int, int]]:
    """Depth first from the outputs, with a stack of our own; nodes after what they read."""
    boundary = set(inputs)
    done: dict[int, Node] = {}
    first_seen: dict[int, int] = {}
    for output in outputs:
        stack: list[tuple[Any, bool]] = [(output, False)]
        while stack:
            tensor, expanded = stack.pop()
            node = _node_of(tensor)
            if expanded:
                done.setdefault(id(node), node)
                continue
            if id(node) in done:
                continue
            first_seen.setdefault(id(node.outbound_layer), len(first_seen))
            stack.append((tensor, True))
            if tensor in boundary:
                continue
            if isinstance(node.outbound_layer, InputLayer):
                raise GraphError(
                    f"model {name!r}: output {output.name!r} depends on {node.outbound_layer.name!r}, which is not among its "
                    "inputs. Add it to inputs=[...]."
                )
            for x in reversed(node.input_tensors):
                if not hasattr(x, "_keras_history"):
                    raise GraphError(
                        f"model {name!r}: {x.name!r} does not come out of a layer; wrap it in a Lambda."
                    )
                stack.append((x, False))
    return list(done.values()), first_seen


# configuration -------------------------------------------------------------------------------------------------
def _address(tensor: Any, places: dict[int, int]) -> list[Any]:
    layer, index, at = tensor._keras_history
    return [layer.name, places.get(id(layer._inbound_nodes[index]), 0), at]


def _layer_entry(layer: Layer, kept: set[int], places: dict[int, int]) -> dict[str, Any]:
    calls = []
    for node in layer._inbound_nodes:
        if id(node) in kept and not isinstance(layer, InputLayer):
            arguments = {k: v for k, v in node.arguments.items() if _is_plain(v)}
            calls.append([[*_address(x, places), arguments] for x in node.input_tensors])
    return {
        "name": layer.name, "class_name": type(layer).__name__, "config": layer.get_config(), "inbound_nodes": calls
    }  # fmt: skip


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _restore(config: dict[str, Any], custom_objects: Any) -> dict[str, Layer]:
    """All layers of a config, called on one another as it says."""
    made: dict[str, Layer] = {}
    waiting: list[tuple[Layer, list[Any]]] = []
    for entry in config["layers"]:
        layer = objects.deserialize("layers", entry, custom_objects)
        made[entry["name"]] = layer
        waiting.extend((layer, call) for call in entry["inbound_nodes"])
    while waiting:
        left = [(layer, call) for layer, call in waiting if not _called(layer, call, made)]
        if len(left) == len(waiting):
            raise GraphError(
                f"the config of model {config.get('name')!r} has layers that wait for one another: "
                f"{', '.join(sorted({la.name for la, _ in left}))}."
            )
        waiting = left
    return made


def _called(layer: Layer, call: list[Any], made: dict[str, Layer]) -> bool:
    tensors, arguments = [], {}
    for address in call:
        tensor = _tensor_at(made, address, missing_ok=True)
        if tensor is None:
            return False
        tensors.append(tensor)
        arguments.update(address[3] if len(address) > 3 else {})
    layer(unpack(tensors), **arguments)
    return True


def _tensor_at(made: dict[str, Layer], address: Sequence[Any], missing_ok: bool = False) -> Any:
    name, node_index, tensor_index = address[:3]
    layer = made.get(name)
    if layer is None:
        raise UnknownName(f"the config names a layer {name!r} that it does not hold.{nearest(name, made)}")
    if node_index >= len(layer._inbound_nodes):
        if missing_ok:
            return None
        raise GraphError(
            f"layer {name!r} is called {len(layer._inbound_nodes)} times; call {node_index} is needed."
        )
    return layer._inbound_nodes[node_index].output_tensors[tensor_index]
