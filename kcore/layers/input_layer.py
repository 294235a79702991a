"""Where a model's data comes in."""

from __future__ import annotations

from typing import Any

from .. import backend as K
from ..backend.tensor import Placeholder
from ..errors import ArgumentError
from . import policy
from .base import Layer
from .nodes import Node


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
            tensor = Placeholder(self.batch_input_shape, self.dtype, name=f"{name}:0", sparse=sparse)
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
