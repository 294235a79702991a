"""A whole LSTM layer in one operation, with a gradient that keeps only what it needs."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from .control import scan_function
from .declare import Tensor, composite
from .elementwise import square, tanh
from .indexing import concatenate
from .linalg import matmul
from .nn import sigmoid
from .shaping import expand_dims, reshape, transpose


def _shapes(projected: Any, hidden: Any, carried: Any, recurrent_kernel: Any) -> list[Any]:
    time, batch, width = projected.shape
    units = recurrent_kernel.shape[0]
    return [(time, batch, units), (time, batch, units), (time, batch, width)]


@composite(shape=_shapes, dtype=dtypes.promoted, level="recurrent")
def lstm_sequence(projected: Tensor, hidden: Tensor, carried: Tensor, recurrent_kernel: Tensor):
    """Long short-term memory over all time steps (Hochreiter and Schmidhuber, 1997), tanh and sigmoid.

    projected: the inputs times the kernel, plus the bias (time, batch, 4 * units), gates in the order i, f, c, o.
    hidden, carried: the states before the first step (batch, units). recurrent_kernel: (units, 4 * units).
    Gives the outputs and the carried states of every step (time, batch, units), and the gates after their
    activations (time, batch, 4 * units).
    """
    units = recurrent_kernel.shape[0]

    def step(states: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        z = slices[0] + matmul(states[0], recurrent_kernel)
        first = sigmoid(z[:, : 2 * units])
        candidate, last = tanh(z[:, 2 * units : 3 * units]), sigmoid(z[:, 3 * units :])
        state = first[:, units:] * states[1] + first[:, :units] * candidate
        output = last * tanh(state)
        return [output, state], [output, state, concatenate([first, candidate, last], -1)]

    return scan_function(step, [projected], [hidden, carried])[1]


@lstm_sequence.gradient
def _(g, out, projected, hidden, carried, recurrent_kernel):
    """Backwards through time. What does not depend on later steps is computed for all steps at once."""
    to_outputs, to_states, to_gates = g
    outputs, states, gates = out
    units = recurrent_kernel.shape[0]
    i, f, candidate, o = (gates[:, :, n * units : (n + 1) * units] for n in range(4))
    before = concatenate([expand_dims(carried, 0), states[:-1]], 0)
    squashed = tanh(states)
    slopes = _slopes(i, f, candidate, o)
    factors = concatenate([candidate, before, i, squashed], -1) * slopes
    through = o * (1.0 - square(squashed))  # from an output to the carried state behind it
    # d loss / d z where the gates themselves were asked for, which higher derivatives do
    direct = None if _nothing(to_gates) else to_gates * slopes
    rows = [to_outputs, factors, through, f]
    extra = [t for t in (None if _nothing(to_states) else to_states, direct) if t is not None]
    turned = transpose(recurrent_kernel)

    def step(arriving: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        (to_output, factor, passed, kept), more = slices[:4], list(slices[4:])
        d_output = to_output + arriving[0]
        d_state = arriving[1] + d_output * passed
        if not _nothing(to_states):
            d_state = d_state + more.pop(0)
        dz = concatenate([d_state, d_state, d_state, d_output], -1) * factor
        if more:
            dz = dz + more.pop(0)
        return [matmul(dz, turned), d_state * kept], [dz]

    zeros = hidden * 0.0
    (d_hidden, d_carried), (dz,) = scan_function(step, [*rows, *extra], [zeros, zeros], reverse=True)
    earlier = concatenate([expand_dims(hidden, 0), outputs[:-1]], 0)
    d_kernel = matmul(transpose(reshape(earlier, (-1, units))), reshape(dz, (-1, 4 * units)))
    return dz, d_hidden, d_carried, d_kernel


def _slopes(i: Any, f: Any, candidate: Any, o: Any) -> Any:
    """The derivatives of the four activations, from their values."""
    return concatenate([i * (1.0 - i), f * (1.0 - f), 1.0 - square(candidate), o * (1.0 - o)], -1)


def _nothing(gradient: Any) -> bool:
    """Whether no gradient arrived."""
    return gradient.node is not None and gradient.node.op.name == "zeros_like"
