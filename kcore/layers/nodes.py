"""The calls of a layer as nodes of a model's graph, and what a layer tells of them."""

from __future__ import annotations

from typing import Any

from .. import backend as K
from ..errors import NeverCalled
from .naming import Named
from .nesting import unpack


class Node:
    """One call of a layer: the tensors that went in and out, and the layers before."""

    def __init__(
        self, layer: Any, inputs: list[Any], outputs: list[Any], masks_in: list[Any], masks_out: list[Any],
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


class InGraph(Named):
    """The part of a layer that knows where it stands in a graph: a node for each of its calls."""

    _inbound_nodes: list[Node]
    _outbound_nodes: list[Node]

    def _at(self, index: int, what: str, attribute: str) -> Any:
        if not self._inbound_nodes:
            raise NeverCalled(
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
