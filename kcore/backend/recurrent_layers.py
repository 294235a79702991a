"""GRU and simple recurrent layers, inputs and all, for engines that have such a layer as one operation.

Other engines compute what the definitions say, by `gru_sequence` and `simple_rnn_sequence`.
"""

from __future__ import annotations

from typing import Any

from .. import dtypes
from .declare import Optional, Tensor, composite
from .gru import back_after, gru_sequence, simple_rnn_back, simple_rnn_sequence
from .indexing import concatenate, stack
from .linalg import matmul
from .lstm import weight_gradient
from .reductions import sum
from .shaping import expand_dims, reshape, transpose, zeros_like


def _shapes(inputs: Any, hidden: Any, kernel: Any, recurrent_kernel: Any, bias: Any, mask: Any) -> list[Any]:
    time, batch, _ = inputs.shape
    units = recurrent_kernel.shape[0]
    return [(time, batch, units), (batch, units)]


def _gradient_shapes(
    g: Any, to_hidden: Any, inputs: Any, hidden: Any, kernel: Any, recurrent_kernel: Any, bias: Any, mask: Any
) -> list[Any]:
    gates = kernel.shape[1:]
    return [t.shape for t in (inputs, hidden, kernel, recurrent_kernel)] + [
        gates if bias is None else bias.shape
    ]


def _with_last(g: Any, to_hidden: Any) -> Any:
    """What arrives at all outputs (time, batch, units), with what arrived at the last state."""
    return g + concatenate([zeros_like(g[:-1]), expand_dims(to_hidden, 0)], 0)


def _back_to_inputs(d_projected: Any, inputs: Any, kernel: Any) -> tuple[Any, Any, Any]:
    """The gradients of the inputs, the kernel and the bias beside it."""
    d_bias = sum(reshape(d_projected, (-1, d_projected.shape[-1])), 0)
    return matmul(d_projected, transpose(kernel)), weight_gradient(inputs, d_projected), d_bias


@composite(shape=_shapes, dtype=dtypes.promoted, level="recurrent", rule_if_fused=True)
def gru_layer(
    inputs: Tensor, hidden: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Optional = None,
    mask: Optional = None,
):  # fmt: skip
    """`gru_sequence` with `reset_after` on `inputs` (time, batch, features), which it projects itself.

    hidden: the state before the first step (batch, units). kernel: (features, 3 * units). recurrent_kernel:
    (units, 3 * units). bias: (2, 3 * units), of the inputs and of the state. mask: (time, batch, 1), 0 where the state
    stays. Gives the outputs of every step
    (time, batch, units) and the state after the last (batch, units).
    """
    outputs, _ = _gru(inputs, hidden, kernel, recurrent_kernel, bias, mask)
    return [outputs, outputs[-1]]


def _gru(inputs: Any, hidden: Any, kernel: Any, recurrent_kernel: Any, bias: Any, mask: Any) -> Any:
    projected = matmul(inputs, kernel)
    if bias is None:
        return gru_sequence(projected, hidden, recurrent_kernel, None, mask, True)
    return gru_sequence(projected + bias[0], hidden, recurrent_kernel, bias[1], mask, True)


@gru_layer.gradient
def _(g, out, inputs, hidden, kernel, recurrent_kernel, bias, mask):
    found = gru_layer_gradient(*g, inputs, hidden, kernel, recurrent_kernel, bias, mask)
    return (*found[:4], None if bias is None else found[4], None)


@composite(shape=_gradient_shapes, dtype=dtypes.promoted, level="recurrent")
def gru_layer_gradient(
    g: Tensor, to_hidden: Tensor, inputs: Tensor, hidden: Tensor, kernel: Tensor, recurrent_kernel: Tensor,
    bias: Optional = None, mask: Optional = None,
):  # fmt: skip
    """What `gru_layer` hands back of `g` (time, batch, units) and of what arrived at its last state (batch, units).

    Gives gradients for inputs, hidden, kernel, recurrent_kernel and the bias, in their shapes.
    """
    out = _gru(inputs, hidden, kernel, recurrent_kernel, bias, mask)
    arrived = (_with_last(g, to_hidden), zeros_like(out[1]))
    d_projected, d_hidden, d_recurrent, d_inner = back_after(arrived, out, hidden, recurrent_kernel, mask)
    d_inputs, d_kernel, d_bias = _back_to_inputs(d_projected, inputs, kernel)
    d_bias = d_bias if bias is None else stack([d_bias, d_inner], 0)
    return [d_inputs, d_hidden, d_kernel, d_recurrent, d_bias]


@composite(shape=_shapes, dtype=dtypes.promoted, level="recurrent", rule_if_fused=True)
def simple_rnn_layer(
    inputs: Tensor, hidden: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Optional = None,
    mask: Optional = None,
):  # fmt: skip
    """`simple_rnn_sequence` on `inputs` (time, batch, features), which it projects itself.

    hidden: the state before the first step (batch, units). kernel: (features, units). recurrent_kernel:
    (units, units). bias: (units,). mask: (time, batch, 1), 0 where the state stays. Gives the states of
    every step (time, batch, units) and the last (batch, units).
    """
    outputs = _simple(inputs, hidden, kernel, recurrent_kernel, bias, mask)
    return [outputs, outputs[-1]]


def _simple(inputs: Any, hidden: Any, kernel: Any, recurrent_kernel: Any, bias: Any, mask: Any) -> Any:
    projected = matmul(inputs, kernel)
    projected = projected if bias is None else projected + bias
    return simple_rnn_sequence(projected, hidden, recurrent_kernel, mask)


@simple_rnn_layer.gradient
def _(g, out, inputs, hidden, kernel, recurrent_kernel, bias, mask):
    found = simple_rnn_layer_gradient(*g, inputs, hidden, kernel, recurrent_kernel, bias, mask)
    return (*found[:4], None if bias is None else found[4], None)


@composite(shape=_gradient_shapes, dtype=dtypes.promoted, level="recurrent")
def simple_rnn_layer_gradient(
    g: Tensor, to_hidden: Tensor, inputs: Tensor, hidden: Tensor, kernel: Tensor, recurrent_kernel: Tensor,
    bias: Optional = None, mask: Optional = None,
):  # fmt: skip
    """What `simple_rnn_layer` hands back of `g` (time, batch, units) and of what arrived at its last state.

    Gives gradients for inputs, hidden, kernel, recurrent_kernel and the bias, in their shapes.
    """
    out = _simple(inputs, hidden, kernel, recurrent_kernel, bias, mask)
    d_projected, d_hidden, d_recurrent = simple_rnn_back(
        _with_last(g, to_hidden), out, hidden, recurrent_kernel, mask
    )
    d_inputs, d_kernel, d_bias = _back_to_inputs(d_projected, inputs, kernel)
    return [d_inputs, d_hidden, d_kernel, d_recurrent, d_bias]
