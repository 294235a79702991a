"""Whole recurrent layers by MXNet's recurrent operator, whose backward operation gives their gradients.

The operator takes all weights as one vector: the input kernels and the recurrent ones of all gates, (gates, inputs)
each, then two biases. The gates of an LSTM stand in the order i, f, c, o, as here; those of a GRU in the order r, z, h,
here z, r, h. A GRU's biases are those of the inputs and of the state, the others' two are added.
"""

from __future__ import annotations

from .. import native
from ..graph import graphed
from ..values import Value, held_as, in_order, of, raw, scope
from .linear import TURNED
from .sums import filled
from .wrapping import wrapped


def _operator(mode, inputs, states, kernel, recurrent_kernel, bias):
    """The operator in the graph that is traced; one for the layer and its gradients."""
    values = (inputs, *states, kernel, recurrent_kernel, bias)
    key = (mode, *(id(v) for v in values))
    record = scope.trace.native
    found = record.find(key)
    if found is None:
        data = raw(inputs)
        weights = _vector(mode, kernel, recurrent_kernel, bias, data)
        begin = [of(data).expand_dims(raw(v), axis=0) for v in states]
        found = record.forward(
            "RNN", data, weights, *begin, state_size=recurrent_kernel.shape[0], num_layers=1, mode=mode,
            state_outputs=True,
        )  # fmt: skip
        record.remember(key, found, *values)
    return found


def _vector(mode, kernel, recurrent_kernel, bias, like):
    """All weights in a row. They are joined as rows of one width: MXNet joins vectors an element at a time."""
    F, gates = of(like), kernel.shape[1]
    parts = [in_order(k, TURNED) for k in (kernel, recurrent_kernel)]
    if mode == "gru":
        none = None if bias is not None else filled(F, (2, gates), 0.0, kernel.dtype, like)
        both = raw(bias) if bias is not None else none
        parts = [_swapped(F, p, 0) for p in parts] + [_swapped(F, both, 1)]
    else:
        none = filled(F, (1, gates), 0.0, kernel.dtype, like)
        parts += [none if bias is None else raw(bias), none]
    return F.concat(*[p.reshape((-1, gates)) for p in parts], dim=0).reshape((-1,))


def _swapped(F, data, axis):
    """The first two of three gates in the other order."""
    parts = F.split(data, num_outputs=3, axis=axis)
    return F.concat(parts[1], parts[0], parts[2], dim=axis)


def _layer(mode, inputs, states, kernel, recurrent_kernel, bias):
    forward = _operator(mode, inputs, states, kernel, recurrent_kernel, bias)
    return [forward.made[0], *(forward.made[1 + i].reshape(s.shape) for i, s in enumerate(states))]


def _gradient(mode, g, to_states, inputs, states, kernel, recurrent_kernel, bias):
    """The gradients of the inputs, the states, both kernels and the bias."""
    forward = _operator(mode, inputs, states, kernel, recurrent_kernel, bias)
    outputs = forward.made[0]
    F = of(outputs)
    data, weights, *begin = forward.inputs
    given = [data, weights, begin[0], outputs, raw(g)]
    for i, arrived in enumerate(to_states):
        given += [begin[i]] if i else []
        given += [forward.made[1 + i], F.expand_dims(raw(arrived), axis=0)]
    made = native.backward(scope.trace.native, forward, given)
    (features, gates), units = kernel.shape, recurrent_kernel.shape[0]
    counts = (gates * features, gates * units, gates, gates)
    ends = [sum(counts[: i + 1]) for i in range(4)]
    parts = [F.slice_axis(made[1], axis=0, begin=e - n, end=e) for n, e in zip(counts, ends, strict=True)]
    found = [p.reshape((gates, n)) for p, n in zip(parts, (features, units), strict=False)]
    d_bias = parts[2]
    if mode == "gru":
        found = [_swapped(F, p, 0) for p in found]
        if bias is not None:
            d_bias = _swapped(
                F, F.slice_axis(made[1], axis=0, begin=ends[1], end=None).reshape((2, gates)), 1
            )
        else:
            d_bias = _swapped(F, d_bias, 0)
    kernels = [
        held_as(p, k.shape, inputs.dtype, TURNED)
        for p, k in zip(found, (kernel, recurrent_kernel), strict=True)
    ]
    begun = [m.reshape(s.shape) for m, s in zip(made[2:], states, strict=False)]
    return [made[0], *begun, *kernels, Value(d_bias, (gates,) if bias is None else bias.shape, inputs.dtype)]


def lstm_layer(inputs, hidden, carried, kernel, recurrent_kernel, bias=None):
    return _layer("lstm", inputs, (hidden, carried), kernel, recurrent_kernel, bias)


def lstm_layer_gradient(
    g, to_hidden, to_carried, inputs, hidden, carried, kernel, recurrent_kernel, bias=None
):
    arrived = (to_hidden, to_carried)
    return _gradient("lstm", g, arrived, inputs, (hidden, carried), kernel, recurrent_kernel, bias)


def gru_layer(inputs, hidden, kernel, recurrent_kernel, bias=None):
    return _layer("gru", inputs, (hidden,), kernel, recurrent_kernel, bias)


def gru_layer_gradient(g, to_hidden, inputs, hidden, kernel, recurrent_kernel, bias=None):
    return _gradient("gru", g, (to_hidden,), inputs, (hidden,), kernel, recurrent_kernel, bias)


def simple_rnn_layer(inputs, hidden, kernel, recurrent_kernel, bias=None):
    return _layer("rnn_tanh", inputs, (hidden,), kernel, recurrent_kernel, bias)


def simple_rnn_layer_gradient(g, to_hidden, inputs, hidden, kernel, recurrent_kernel, bias=None):
    return _gradient("rnn_tanh", g, (to_hidden,), inputs, (hidden,), kernel, recurrent_kernel, bias)


FUSED = {
    f.__name__: wrapped(f.__name__, graphed(f))
    for f in (
        lstm_layer, lstm_layer_gradient, gru_layer, gru_layer_gradient, simple_rnn_layer, simple_rnn_layer_gradient,
    )
}  # fmt: skip
