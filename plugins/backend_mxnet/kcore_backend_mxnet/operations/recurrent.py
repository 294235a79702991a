"""Whole recurrent layers by MXNet's recurrent operator, whose backward operation gives their gradients.

The operator takes all weights as one vector: the input kernels and the recurrent ones of all gates, (gates, inputs)
each, then two biases. The gates of an LSTM stand in the order i, f, c, o, as here; those of a GRU in the order r, z, h,
here z, r, h. A GRU's biases are those of the inputs and of the state, the others' two are added.
"""

from __future__ import annotations

import numpy as np

from .. import native
from ..graph import graphed
from ..values import Value, constant, held_as, in_order, of, raw, scope
from .linear import TURNED
from .masking import HOLD, held_gates, masked_steps
from .sums import filled
from .wrapping import wrapped


class Operator:
    """The operator in the graph that is traced, with what it was given."""

    def __init__(self, mode, inputs, states, kernel, recurrent_kernel, bias, mask):
        self.steps = None if mask is None else masked_steps(mode, mask, inputs)
        data = raw(inputs) if self.steps is None else self.steps.inputs
        weights = _vector(mode, kernel, recurrent_kernel, bias, data, mask is not None)
        begin = [of(data).expand_dims(raw(v), axis=0) for v in states]
        self.forward = scope.trace.native.forward(
            "RNN", data, weights, *begin, state_size=recurrent_kernel.shape[0], num_layers=1, mode=mode,
            state_outputs=True,
        )  # fmt: skip


def _operator(mode, inputs, states, kernel, recurrent_kernel, bias, mask):
    """One for the layer and its gradients."""
    values = (inputs, *states, kernel, recurrent_kernel, bias, mask)
    key = (mode, *(id(v) for v in values))
    record = scope.trace.native
    found = record.find(key)
    if found is None:
        found = Operator(mode, inputs, states, kernel, recurrent_kernel, bias, mask)
        record.remember(key, found, *values)
    return found


def _vector(mode, kernel, recurrent_kernel, bias, like, masked):
    """All weights in a row. They are joined as rows of one width: MXNet joins vectors an element at a time."""
    F, gates = of(like), kernel.shape[1]
    parts = [in_order(k, TURNED) for k in (kernel, recurrent_kernel)]
    if mode == "gru":
        none = None if bias is not None else filled(F, (2, gates), 0.0, kernel.dtype, like)
        both = raw(bias) if bias is not None else none
        inputs = (kernel.shape[0], recurrent_kernel.shape[0])
        parts = [_swapped(p, (gates, n)) for p, n in zip(parts, inputs, strict=True)]
        parts.append(_swapped(both, (2, gates)))
    else:
        none = filled(F, (1, gates), 0.0, kernel.dtype, like)
        parts += [none if bias is None else raw(bias), none]
    if masked and HOLD[mode]:
        parts[0] = F.concat(parts[0], held_gates(mode, gates, kernel.dtype), dim=1)
    return F.concat(*[p.reshape((-1, gates)) for p in parts], dim=0).reshape((-1,))


def _swapped(data, shape):
    """The first two of three gates in the other order, of weights (gates, inputs) or biases, two in rows (2, gates)."""
    halves = 2 if shape[0] == 2 else 1
    order = np.array([1, 0, 2, 4, 3, 5][: 3 * halves], "int32")
    rows = data.reshape((3 * halves, -1))
    return of(data).take(rows, raw(constant(order, "int32")), mode="clip").reshape(shape)


def _layer(mode, inputs, states, kernel, recurrent_kernel, bias, mask):
    found = _operator(mode, inputs, states, kernel, recurrent_kernel, bias, mask)
    outputs, *last = (found.forward.made[i] for i in range(1 + len(states)))
    last = [made.reshape(s.shape) for made, s in zip(last, states, strict=True)]
    if found.steps is not None:
        outputs, end = found.steps.outputs(outputs, states[0])
        last = last if end is None else [end, *last[1:]]
    return [outputs, *last]


def _gradient(mode, g, to_states, inputs, states, kernel, recurrent_kernel, bias, mask):
    """The gradients of the inputs, the states, both kernels and the bias."""
    found = _operator(mode, inputs, states, kernel, recurrent_kernel, bias, mask)
    forward, steps = found.forward, found.steps
    outputs = forward.made[0]
    F = of(outputs)
    data, weights, *begin = forward.inputs
    arriving, to_hidden, to_first = (
        (raw(g), to_states[0], None) if steps is None else steps.arriving(raw(g), to_states[0])
    )
    arrived = [None if to_hidden is None else raw(to_hidden), *(raw(t) for t in to_states[1:])]
    given = [data, weights, begin[0], outputs, arriving]
    for i, at_end in enumerate(arrived):
        given += [begin[i]] if i else []
        there = F.zeros_like(begin[i]) if at_end is None else F.expand_dims(at_end, axis=0)
        given += [forward.made[1 + i], there]
    made = native.backward(scope.trace.native, forward, given)
    begun = [m.reshape(s.shape) for m, s in zip(made[2:], states, strict=False)]
    if to_first is not None:
        begun[0] = F.elemwise_add(begun[0], to_first)
    to_inputs = made[0] if steps is None else steps.to_inputs(made[0])
    width = kernel.shape[0] + (steps is not None and bool(HOLD[mode]))
    return [to_inputs, *begun, *_to_weights(mode, made[1], width, kernel, recurrent_kernel, bias)]


def _to_weights(mode, made, width, kernel, recurrent_kernel, bias):
    """The gradients of both kernels and the bias, out of that of all weights in a row; width: inputs of the operator."""
    F = of(made)
    (features, gates), units = kernel.shape, recurrent_kernel.shape[0]
    counts = (gates * width, gates * units, gates, gates)
    ends = [sum(counts[: i + 1]) for i in range(4)]
    parts = [F.slice_axis(made, axis=0, begin=e - n, end=e) for n, e in zip(counts, ends, strict=True)]
    found = [p.reshape((gates, n)) for p, n in zip(parts, (width, units), strict=False)]
    if width != features:
        found[0] = F.slice_axis(found[0], axis=1, begin=0, end=features)
    d_bias = parts[2]
    if mode == "gru":
        found = [_swapped(p, k.shape[::-1]) for p, k in zip(found, (kernel, recurrent_kernel), strict=True)]
        if bias is not None:
            d_bias = _swapped(F.slice_axis(made, axis=0, begin=ends[1], end=None), (2, gates))
        else:
            d_bias = _swapped(d_bias, (gates,))
    kernels = [
        held_as(p, k.shape, kernel.dtype, TURNED)
        for p, k in zip(found, (kernel, recurrent_kernel), strict=True)
    ]
    return [*kernels, Value(d_bias, (gates,) if bias is None else bias.shape, kernel.dtype)]


def lstm_layer(inputs, hidden, carried, kernel, recurrent_kernel, bias=None, mask=None):
    return _layer("lstm", inputs, (hidden, carried), kernel, recurrent_kernel, bias, mask)


def lstm_layer_gradient(
    g, to_hidden, to_carried, inputs, hidden, carried, kernel, recurrent_kernel, bias=None, mask=None
):
    arrived = (to_hidden, to_carried)
    return _gradient("lstm", g, arrived, inputs, (hidden, carried), kernel, recurrent_kernel, bias, mask)


def gru_layer(inputs, hidden, kernel, recurrent_kernel, bias=None, mask=None):
    return _layer("gru", inputs, (hidden,), kernel, recurrent_kernel, bias, mask)


def gru_layer_gradient(g, to_hidden, inputs, hidden, kernel, recurrent_kernel, bias=None, mask=None):
    return _gradient("gru", g, (to_hidden,), inputs, (hidden,), kernel, recurrent_kernel, bias, mask)


def simple_rnn_layer(inputs, hidden, kernel, recurrent_kernel, bias=None, mask=None):
    return _layer("rnn_tanh", inputs, (hidden,), kernel, recurrent_kernel, bias, mask)


def simple_rnn_layer_gradient(g, to_hidden, inputs, hidden, kernel, recurrent_kernel, bias=None, mask=None):
    return _gradient("rnn_tanh", g, (to_hidden,), inputs, (hidden,), kernel, recurrent_kernel, bias, mask)


FUSED = {
    f.__name__: wrapped(f.__name__, graphed(f))
    for f in (
        lstm_layer, lstm_layer_gradient, gru_layer, gru_layer_gradient, simple_rnn_layer, simple_rnn_layer_gradient,
    )
}  # fmt: skip
