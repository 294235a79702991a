"""Helpers for models and their weights."""

import numpy as np

from .. import backend as K
from ..models import summary
from .conv_utils import convert_kernel

_CONVOLUTIONS = {
    "Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose", "SeparableConv1D", "SeparableConv2D",
    "DepthwiseConv2D",
}  # fmt: skip


def count_params(weights):
    """The number of elements of all `weights`, each counted once."""
    return sum(int(np.prod(w.shape, dtype=int)) for w in {id(w): w for w in weights}.values())


def print_summary(model, line_length=None, positions=None, print_fn=None):
    """Prints `model.summary()`; `positions` (of columns) is there for Keras's callers."""
    summary.print_summary(model, line_length, positions, print_fn)


def get_source_inputs(tensor, layer=None, node_index=None):
    """The inputs that `tensor`, an output of a layer, was made from: a list of tensors of `Input`."""
    if not hasattr(tensor, "_keras_history"):
        return tensor
    if layer is None or node_index:
        layer, node_index, _ = tensor._keras_history
    if not layer._inbound_nodes:
        return [tensor]
    node = layer._inbound_nodes[node_index or 0]
    if not node.inbound_layers:
        return list(node.input_tensors)
    found = []
    for before, before_layer, index in zip(
        node.input_tensors, node.inbound_layers, node.node_indices, strict=True
    ):
        for source in get_source_inputs(before, before_layer, index):
            if not any(source is f for f in found):
                found.append(source)
    return found


def convert_all_kernels_in_model(model):
    """Flips the windows of all convolutions in place: for weights of a backend that convolved the other way."""
    for layer in model.layers:
        if type(layer).__name__ in _CONVOLUTIONS:
            kernels = [
                w for w in (getattr(layer, n, None) for n in ("kernel", "depthwise_kernel")) if w is not None
            ]
            K.batch_set_value([(w, convert_kernel(K.get_value(w))) for w in kernels])


def convert_dense_weights_data_format(dense, previous_feature_map_shape, target_data_format="channels_first"):
    """Reorders the rows of a Dense layer that follows a Flatten, for feature maps of the other data format.

    previous_feature_map_shape: without the batch, (channels, rows, cols) for the target 'channels_first', (rows,
    cols, channels) for 'channels_last'. The weights of `dense` are changed in place.
    """
    first = target_data_format == "channels_first"
    kernel, *bias = dense.get_weights()
    shape = tuple(previous_feature_map_shape)
    # the kernel's rows as they are now, by the axes of the other format
    now = (*shape[1:], shape[0]) if first else (shape[-1], *shape[:-1])
    columns = kernel.reshape(*now, kernel.shape[1])
    last = columns.ndim - 1
    order = (last - 1, *range(last - 1), last) if first else (*range(1, last), 0, last)
    dense.set_weights([columns.transpose(order).reshape(kernel.shape), *bias])
