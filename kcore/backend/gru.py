"""Whole GRU and simple recurrent layers in one operation each, with gradients that keep only what they need."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from .control import scan_function
from .declare import Optional, Tensor, composite
from .elementwise import square, tanh
from .indexing import concatenate, split
from .linalg import matmul
from .lstm import after_first, flags_of, is_nothing, masked, weight_gradient
from .nn import sigmoid
from .reductions import sum
from .shaping import reshape, transpose


# GRU ------------------------------------------------------------------------------------------------------------
def _gru_shapes(
    projected: Any, hidden: Any, recurrent_kernel: Any, bias: Any, mask: Any, reset_after: Any = False
) -> list[Any]:
    time, batch, _ = projected.shape
    units = recurrent_kernel.shape[0]
    return [(time, batch, units), (time, batch, (4 if reset_after else 3) * units)]


@composite(shape=_gru_shapes, dtype=dtypes.promoted, level="recurrent")
def gru_sequence(
    projected: Tensor, hidden: Tensor, recurrent_kernel: Tensor, bias: Optional = None, mask: Optional = None,
    reset_after=False,
):  # fmt: skip
    """Gated recurrent units over all time steps (Cho et al., 2014), tanh and sigmoid.

    projected: the inputs times the kernel, plus their bias (time, batch, 3 * units), gates in the order z, r, h.
    hidden: the state before the first step (batch, units). recurrent_kernel: (units, 3 * units). bias: what is added
    to the state's product, (3 * units,), only where `reset_after`: there the reset gate acts after that product. mask:
    (time, batch, 1), 0 where the state stays. Gives the outputs of every step (time, batch, units) and the gates after
    their activations (time, batch, 3 * units), with `reset_after` and beside them the third product itself
    (time, batch, 4 * units).
    """
    units = recurrent_kernel.shape[0]
    sizes = [2 * units, units]
    turned_on, last = recurrent_kernel[:, : 2 * units], recurrent_kernel[:, 2 * units :]

    def step(states: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        (before,), z = states, slices[0]
        inner = matmul(before, recurrent_kernel if reset_after else turned_on)
        inner = inner + bias if bias is not None else inner
        z, new = split(z, sizes)
        inner, *kept = split(inner, sizes) if reset_after else [inner]
        first = sigmoid(z + inner)
        update, reset = split(first, 2)
        candidate = tanh(new + (reset * kept[0] if reset_after else matmul(reset * before, last)))
        output = candidate + update * (before - candidate)
        if mask is not None:
            output = masked(slices[1], output, before)
        return [output], [output, first, candidate, *kept]

    outputs, *gates = scan_function(step, [projected, *flags_of(mask)], [hidden])[1]
    return [outputs, concatenate(gates, -1)]


@gru_sequence.gradient
def _(g, out, projected, hidden, recurrent_kernel, bias, mask, reset_after):
    back = back_after if reset_after else _gru_back_before
    d_projected, d_hidden, d_kernel, d_bias = back(g, out, hidden, recurrent_kernel, mask)
    return d_projected, d_hidden, d_kernel, None if bias is None else d_bias, None


def _gru_factors(out: Any, hidden: Any, mask: Any) -> Any:
    """(states before, z, r, d z / d output, d candidate / d output), before the activations of z and candidate."""
    outputs, gates = out
    units = hidden.shape[-1]
    z, r, candidate = (gates[:, :, n * units : (n + 1) * units] for n in range(3))
    before = after_first(hidden, outputs)
    update = (before - candidate) * z * (1.0 - z)
    new = (1.0 - z) * (1.0 - square(candidate))
    if mask is not None:
        (flags,) = flags_of(mask)
        update, new, z = masked(flags, update, 0.0), masked(flags, new, 0.0), masked(flags, z, 1.0)
    return before, z, r, update, new


def _gru_direct(to_gates: Any, gates: Any, units: int) -> Any:
    """What arrives at z, r and candidate before their activations where the gates were asked for (higher derivatives
    do), and at the product beside them."""
    if is_nothing(to_gates):
        return None
    first, candidate = gates[:, :, : 2 * units], gates[:, :, 2 * units : 3 * units]
    slopes = [first * (1.0 - first), 1.0 - square(candidate)]
    at = to_gates[:, :, : 3 * units] * concatenate(slopes, -1)
    return [
        at[:, :, :units], at[:, :, units : 2 * units], at[:, :, 2 * units :], to_gates[:, :, 3 * units :]
    ]  # fmt: skip


def back_after(g: Any, out: Any, hidden: Any, recurrent_kernel: Any, mask: Any) -> Any:
    """Backwards through time where the reset gate acts after the product."""
    to_outputs, to_gates = g
    units = recurrent_kernel.shape[0]
    before, z, r, update, new = _gru_factors(out, hidden, mask)
    reset = out[1][:, :, 3 * units :] * r * (1.0 - r)
    direct = _gru_direct(to_gates, out[1], units)
    rows = [to_outputs, concatenate([update, new * reset, new * r], -1), z]
    if direct is not None:
        to_z, to_r, to_candidate, to_inner = direct
        rows.append(concatenate([to_z, to_candidate * reset + to_r, to_candidate * r + to_inner], -1))
    turned = transpose(recurrent_kernel)

    def step(arriving: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        to_output, factor, kept, *more = slices
        d_output = to_output + arriving[0]
        d_inner = concatenate([d_output] * 3, -1) * factor
        d_inner = d_inner + more[0] if more else d_inner
        return [matmul(d_inner, turned) + d_output * kept], [d_inner, d_output]

    (d_hidden,), (d_inner, d_output) = scan_function(step, rows, [hidden * 0.0], reverse=True)
    d_candidate = d_output * new if direct is None else d_output * new + direct[2]
    d_projected = concatenate([d_inner[:, :, : 2 * units], d_candidate], -1)
    d_bias = sum(reshape(d_inner, (-1, 3 * units)), 0)
    return d_projected, d_hidden, weight_gradient(before, d_inner), d_bias


def _gru_back_before(g: Any, out: Any, hidden: Any, recurrent_kernel: Any, mask: Any) -> Any:
    """Backwards through time where the reset gate acts on the state, before the product."""
    to_outputs, to_gates = g
    units = recurrent_kernel.shape[0]
    before, z, r, update, new = _gru_factors(out, hidden, mask)
    direct = _gru_direct(to_gates, out[1], units)
    rows = [to_outputs, update, new, z, r, before * r * (1.0 - r)]
    if direct is not None:
        rows += direct[:3]
    turned = transpose(recurrent_kernel)
    turned_on, last = turned[: 2 * units], turned[2 * units :]

    def step(arriving: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        to_output, to_z, to_candidate, kept, gate, slope, *more = slices
        d_output = to_output + arriving[0]
        d_z, d_candidate = d_output * to_z, d_output * to_candidate
        d_candidate = d_candidate + more[2] if more else d_candidate
        d_product = matmul(d_candidate, last)
        d_reset = d_product * slope
        if more:
            d_z, d_reset = d_z + more[0], d_reset + more[1]
        first = concatenate([d_z, d_reset], -1)
        passed = matmul(first, turned_on) + d_product * gate + d_output * kept
        return [passed], [first, d_candidate]

    (d_hidden,), (d_first, d_candidates) = scan_function(step, rows, [hidden * 0.0], reverse=True)
    kernels = [weight_gradient(before, d_first), weight_gradient(r * before, d_candidates)]
    dz = concatenate([d_first, d_candidates], -1)
    return dz, d_hidden, concatenate(kernels, -1), sum(reshape(dz, (-1, 3 * units)), 0)


# simple recurrence --------------------------------------------------------------------------------------------------
def _simple_shapes(projected: Any, hidden: Any, recurrent_kernel: Any, mask: Any) -> Any:
    return projected.shape


@composite(shape=_simple_shapes, dtype=dtypes.promoted, level="recurrent")
def simple_rnn_sequence(projected: Tensor, hidden: Tensor, recurrent_kernel: Tensor, mask: Optional = None):
    """h = tanh(projected + h . recurrent_kernel) over all time steps.

    projected: (time, batch, units). hidden: the state before the first step (batch, units). recurrent_kernel:
    (units, units). mask: (time, batch, 1), 0 where the state stays. Gives the states of every step
    (time, batch, units).
    """

    def step(states: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        output = tanh(slices[0] + matmul(states[0], recurrent_kernel))
        if mask is not None:
            output = masked(slices[1], output, states[0])
        return [output], [output]

    return scan_function(step, [projected, *flags_of(mask)], [hidden])[1][0]


@simple_rnn_sequence.gradient
def _(g, out, projected, hidden, recurrent_kernel, mask):
    return (*simple_rnn_back(g, out, hidden, recurrent_kernel, mask), None)


def simple_rnn_back(g: Any, out: Any, hidden: Any, recurrent_kernel: Any, mask: Any) -> Any:
    """Backwards through time."""
    slopes, turned, more = 1.0 - square(out), transpose(recurrent_kernel), []
    if mask is not None:
        (flags,) = flags_of(mask)
        slopes, more = masked(flags, slopes, 0.0), [masked(flags, mask * 0.0, 1.0)]

    def step(arriving: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        d_output = slices[0] + arriving[0]
        dz = d_output * slices[1]
        passed = matmul(dz, turned)
        return [passed + d_output * slices[2] if more else passed], [dz]

    (d_hidden,), (dz,) = scan_function(step, [g, slopes, *more], [hidden * 0.0], reverse=True)
    return dz, d_hidden, weight_gradient(after_first(hidden, out), dz)
