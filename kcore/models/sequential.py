"""`Sequential`: layers one after the other."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from .. import objects
from ..errors import ArgumentError
from ..layers.base import Layer
from ..layers.input_layer import Input, InputLayer
from ..shapes import as_shape
from .model import Model


class Sequential(Model):
    """A stack of layers, each with one input and one output.

    Built as soon as the first layer knows its input's shape (`input_shape=`), else at the first data.
    """

    def __init__(self, layers: Iterable[Layer] | None = None, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self._stack: list[Layer] = []
        self._entry: Any = None
        self._build_input_shape: Any = None
        for layer in layers or ():
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        return self.__dict__.get("_stack", [])

    @property
    def model(self) -> Sequential:
        """The model itself: in Keras 1 there was another one inside."""
        return self

    def add(self, layer: Layer) -> None:
        """Puts `layer` on top. Raises ShapeError at once if it does not fit."""
        if not isinstance(layer, Layer):
            raise TypeError(f"Sequential.add() takes a layer; {layer!r} was given.")
        self.__dict__.setdefault("_stack", [])
        if self._policy_told:
            layer._take_policy(self._policy)
        if self._entry is None and not self._stack:
            if isinstance(layer, InputLayer):
                self._entry = layer._inbound_nodes[0].output_tensors[0]
                return
            self._entry = _entry_of(layer)
        if self._entry is not None:
            output = layer(self._stack[-1]._seq_output if self._stack else self._entry)
            if isinstance(output, list):
                raise ArgumentError(
                    f"layer {layer.name!r} has {len(output)} outputs; a Sequential model takes layers with one. "
                    "Use the functional Model."
                )
            object.__setattr__(layer, "_seq_output", output)
        self._stack.append(layer)
        self._rebuilt()

    def pop(self) -> None:
        """Takes the last layer off."""
        if not self._stack:
            raise TypeError(f"model {self.name!r} has no layers to pop.")
        layer = self._stack.pop()
        if layer._inbound_nodes:
            layer._inbound_nodes.pop()
        if not self._stack:
            self._entry, self._is_graph, self.built = None, False, False
            self.inputs, self.outputs = [], []
        else:
            self._rebuilt()

    def _rebuilt(self) -> None:
        """The graph from the entry to the last layer, whenever both are known."""
        if self._entry is None or not self._stack:
            return
        self._inbound_nodes.clear()
        self._is_graph = True
        self._init_graph(self._entry, self._stack[-1]._seq_output)

    def build(self, input_shape: Any = None) -> None:
        """Builds all layers for inputs of `input_shape`, batch axis included."""
        if self._is_graph:
            return
        if input_shape is None:
            raise ArgumentError(
                f"model {self.name!r} does not know its input's shape: build(input_shape=(None, ...))."
            )
        self._build_input_shape = tuple(input_shape)
        kind = self._policy.variable_dtype if self._policy_told else None
        self._start_from(Input(batch_shape=as_shape(input_shape), dtype=kind))

    def _start_from(self, entry: Any) -> None:
        layers, self._stack = self._stack, []
        self._entry = entry
        for layer in layers:
            self.add(layer)

    def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        if not self._is_graph:
            self.build((None, *inputs.shape[1:]))
        return super().call(inputs, mask, training)

    def _set_inputs(self, inputs: Any) -> None:
        tensor = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
        self._start_from(Input(batch_shape=tensor.shape, dtype=tensor.dtype))

    def get_config(self) -> dict[str, Any]:
        layers = [objects.config_of(layer) for layer in self.layers]
        config: dict[str, Any] = {"name": self.name, "layers": copy.deepcopy(layers)}
        if self._entry is not None and layers and "batch_input_shape" not in layers[0]["config"]:
            layers[0]["config"]["batch_input_shape"] = self._entry.shape
            config["layers"] = copy.deepcopy(layers)
        if self._build_input_shape is not None:
            config["build_input_shape"] = self._build_input_shape
        return {**config, **self._frozen_config()}

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Any:
        """From a dict, or from Keras 2.0's bare list of layers."""
        listed = config if isinstance(config, list) else config["layers"]
        model = cls(name=None if isinstance(config, list) else config.get("name"))
        for entry in listed:
            model.add(objects.deserialize("layers", entry, custom_objects))
        shape = None if isinstance(config, list) else config.get("build_input_shape")
        if shape and not model._is_graph:
            model.build(tuple(shape))
        model.trainable = True if isinstance(config, list) else config.get("trainable", True)
        return model

    def predict_classes(self, x: Any, batch_size: int = 32, verbose: int = 0) -> Any:
        """The class of each sample."""
        scores = self.predict(x, batch_size=batch_size, verbose=verbose)
        return scores.argmax(-1) if scores.shape[-1] > 1 else (scores > 0.5).astype("int32")

    def predict_proba(self, x: Any, batch_size: int = 32, verbose: int = 0) -> Any:
        return self.predict(x, batch_size=batch_size, verbose=verbose)


def _entry_of(layer: Layer) -> Any:
    """The input tensor that a first layer asks for, None if it does not say."""
    first: Any = layer
    while isinstance(first, Model):
        if first.inputs:
            shape, dtype = first.inputs[0].shape, first.inputs[0].dtype
            return Input(batch_shape=shape, dtype=dtype, name=f"{first.name}_input")
        if not first.layers:
            return None
        first = first.layers[0]
    if not hasattr(first, "batch_input_shape"):
        return None
    return Input(batch_shape=first.batch_input_shape, dtype=first._entry_dtype, name=f"{layer.name}_input")
