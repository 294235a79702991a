"""A whole LSTM layer in one operation, with a gradient that keeps only what it needs."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from .comparison import not_equal, where
from .control import scan_function
from .declare import Optional, Tensor, composite
from .elementwise import square, tanh
from .indexing import concatenate, split
from .linalg import matmul
from .nn import sigmoid
from .reductions import sum
from .shaping import expand_dims, reshape, transpose, zeros_like


def _shapes(projected: Any, hidden: Any, carried: Any, recurrent_kernel: Any, mask: Any = None) -> list[Any]:
    time, batch, width = projected.shape
    units = recurrent_kernel.shape[0]
    return [(time, batch, units), (time, batch, units), (time, batch, width)]


@composite(shape=_shapes, dtype=dtypes.promoted, level="recurrent")
def lstm_sequence(
    projected: Tensor, hidden: Tensor, carried: Tensor, recurrent_kernel: Tensor, mask: Optional = None
):
    """Long short-term memory over all time steps (Hochreiter and Schmidhuber, 1997), tanh and sigmoid.

    projected: the inputs times the kernel, plus the bias (time, batch, 4 * units), gates in the order i, f, c, o.
    hidden, carried: the states before the first step (batch, units). recurrent_kernel: (units, 4 * units). mask:
    (time, batch, 1), 0 where the states stay. Gives the outputs and the carried states of every step
    (time, batch, units), and the gates after their activations (time, batch, 4 * units).
    """
    units = recurrent_kernel.shape[0]
    sizes = [2 * units, units, units]

    def step(states: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        first, candidate, last = split(slices[0] + matmul(states[0], recurrent_kernel), sizes)
        first, candidate, o = sigmoid(first), tanh(candidate), sigmoid(last)
        i, f = split(first, 2)
        state = f * states[1] + i * candidate
        output = o * tanh(state)
        if mask is not None:
            output, state = (masked(slices[1], *pair) for pair in zip((output, state), states, strict=True))
        return [output, state], [output, state, concatenate([first, candidate, o], -1)]

    return scan_function(step, [projected, *flags_of(mask)], [hidden, carried])[1]


@lstm_sequence.gradient
def _(g, out, projected, hidden, carried, recurrent_kernel, mask):
    return (*_backwards(g, out, hidden, carried, recurrent_kernel, mask), None)


def _backwards(g: Any, out: Any, hidden: Any, carried: Any, recurrent_kernel: Any, mask: Any = None) -> Any:
    """Backwards through time. What does not depend on later steps is computed for all steps at once."""
    to_outputs, to_states, to_gates = g
    outputs, states, gates = out
    i, f, candidate, o = split(gates, [recurrent_kernel.shape[0]] * 4)  # not by 4: gates of an unknown size
    before = after_first(carried, states)
    squashed = tanh(states)
    slopes = _slopes(i, f, candidate, o)
    factors = concatenate([candidate, before, i, squashed], -1) * slopes
    through = o * (1.0 - square(squashed))  # from an output to the carried state behind it
    # d loss / d z where the gates themselves were asked for, which higher derivatives do
    direct = None if is_nothing(to_gates) else to_gates * slopes
    stays = []  # 1 where the states stay
    if mask is not None:
        (flags,) = flags_of(mask)
        factors, through, f = masked(flags, factors, 0.0), masked(flags, through, 0.0), masked(flags, f, 1.0)
        stays = [masked(flags, mask * 0.0, 1.0)]
    rows = [to_outputs, factors, through, f]
    extra = [t for t in (None if is_nothing(to_states) else to_states, direct) if t is not None]
    turned = transpose(recurrent_kernel)

    def step(arriving: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        (to_output, factor, passed, kept), more = slices[:4], list(slices[4:])
        d_output = to_output + arriving[0]
        d_state = arriving[1] + d_output * passed
        if not is_nothing(to_states):
            d_state = d_state + more.pop(0)
        dz = concatenate([d_state, d_state, d_state, d_output], -1) * factor
        if direct is not None:
            dz = dz + more.pop(0)
        d_before = matmul(dz, turned)
        if mask is not None:
            d_before = d_before + d_output * more.pop(0)
        return [d_before, d_state * kept], [dz]

    zeros = hidden * 0.0
    (d_hidden, d_carried), (dz,) = scan_function(step, [*rows, *extra, *stays], [zeros, zeros], reverse=True)
    return dz, d_hidden, d_carried, weight_gradient(after_first(hidden, outputs), dz)


def _slopes(i: Any, f: Any, candidate: Any, o: Any) -> Any:
    """The derivatives of the four activations, from their values."""
    return concatenate([i * (1.0 - i), f * (1.0 - f), 1.0 - square(candidate), o * (1.0 - o)], -1)


def is_nothing(gradient: Any) -> bool:
    """Whether no gradient arrived."""
    return gradient.node is not None and gradient.node.op.name == "zeros_like"


def flags_of(mask: Any) -> list[Any]:
    """The mask as truth values, or nothing."""
    return [] if mask is None else [not_equal(mask, 0.0)]


def masked(flags: Any, new: Any, old: Any) -> Any:
    """`new` where the flags (..., 1) are set, `old` elsewhere."""
    return where(flags, new, old)


def after_first(first: Any, stacked: Any) -> Any:
    """The states before each step: `first` (batch, units), then all of `stacked` (time, batch, units) but the last."""
    return concatenate([expand_dims(first, 0), stacked[:-1]], 0)


def weight_gradient(factor: Any, dz: Any) -> Any:
    """The gradient of the w in z = factor . w, one product for all steps of (time, batch, ...)."""
    flat = [reshape(t, (-1, t.shape[-1])) for t in (factor, dz)]
    return matmul(transpose(flat[0]), flat[1])


# the layer, inputs and all: for engines that have that as one operation -------------------------------------------
def _layer_shapes(
    inputs: Any, hidden: Any, carried: Any, kernel: Any, recurrent_kernel: Any, bias: Any, mask: Any
) -> list[Any]:
    time, batch, _ = inputs.shape
    units = recurrent_kernel.shape[0]
    return [(time, batch, units), (batch, units), (batch, units)]


@composite(shape=_layer_shapes, dtype=dtypes.promoted, level="recurrent", rule_if_fused=True)
def lstm_layer(
    inputs: Tensor,
    hidden: Tensor,
    carried: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Optional = None,
    mask: Optional = None,
):
    """`lstm_sequence` on `inputs` (time, batch, features), which it projects itself.

    hidden, carried: the states before the first step (batch, units). kernel: (features, 4 * units). recurrent_kernel:
    (units, 4 * units). bias: (4 * units,). mask: (time, batch, 1), 0 where the states stay. Gives the
    outputs of every step (time, batch, units) and both states after the last (batch, units).
    """
    outputs, states, _ = lstm_sequence(
        _projected(inputs, kernel, bias), hidden, carried, recurrent_kernel, mask
    )
    return [outputs, outputs[-1], states[-1]]


def _projected(inputs: Any, kernel: Any, bias: Any) -> Any:
    made = matmul(inputs, kernel)
    return made if bias is None else made + bias


@lstm_layer.gradient
def _(g, out, inputs, hidden, carried, kernel, recurrent_kernel, bias, mask):
    found = lstm_layer_gradient(*g, inputs, hidden, carried, kernel, recurrent_kernel, bias, mask)
    return (*found[:5], None if bias is None else found[5], None)


def _gradient_shapes(g: Any, to_hidden: Any, to_carried: Any, *given: Any) -> list[Any]:
    inputs, hidden, carried, kernel, recurrent_kernel, *_ = given
    return [t.shape for t in (inputs, hidden, carried, kernel, recurrent_kernel)] + [kernel.shape[1:]]


@composite(shape=_gradient_shapes, dtype=dtypes.promoted, level="recurrent")
def lstm_layer_gradient(
    g: Tensor, to_hidden: Tensor, to_carried: Tensor, inputs: Tensor, hidden: Tensor, carried: Tensor, kernel: Tensor,
    recurrent_kernel: Tensor, bias: Optional = None, mask: Optional = None,
):  # fmt: skip
    """What `lstm_layer` hands back of `g` (time, batch, units) and of what arrived at its last states (batch, units).

    Gives gradients for inputs, hidden, carried, kernel, recurrent_kernel and the bias, in their shapes.
    """
    out = lstm_sequence(_projected(inputs, kernel, bias), hidden, carried, recurrent_kernel, mask)
    last = [concatenate([zeros_like(out[1][:-1]), expand_dims(t, 0)], 0) for t in (to_hidden, to_carried)]
    dz, d_hidden, d_carried, d_recurrent = _backwards(
        (g + last[0], last[1], zeros_like(out[2])), out, hidden, carried, recurrent_kernel, mask
    )
    rows = [reshape(t, (-1, t.shape[-1])) for t in (inputs, dz)]
    d_kernel = matmul(transpose(rows[0]), rows[1])
    return [matmul(dz, transpose(kernel)), d_hidden, d_carried, d_kernel, d_recurrent, sum(rows[1], 0)]
