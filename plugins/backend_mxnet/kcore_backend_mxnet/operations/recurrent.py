"""A whole LSTM layer by MXNet's recurrent operator, whose backward operation gives its gradients.

The operator takes all weights as one vector: the input kernels and the recurrent ones of all gates, (gates, inputs)
each, then two biases, which are added. Its gates stand in the order i, f, c, o, as here.
"""

from __future__ import annotations

from .. import native
from ..graph import graphed
from ..values import held_as, in_order, of, raw, scope
from .linear import TURNED
from .sums import filled
from .wrapping import wrapped


def _operator(inputs, hidden, carried, kernel, recurrent_kernel, bias):
    """The operator in the graph that is traced; one for the layer and its gradients."""
    values = (inputs, hidden, carried, kernel, recurrent_kernel, bias)
    key = ("lstm", *(id(v) for v in values))
    record = scope.trace.native
    found = record.find(key)
    if found is None:
        units = recurrent_kernel.shape[0]
        data = raw(inputs)
        F = of(data)
        none = filled(F, (1, 4 * units), 0.0, inputs.dtype, data)
        weights = _vector(kernel, recurrent_kernel, none if bias is None else raw(bias), none)
        states = [F.expand_dims(raw(v), axis=0) for v in (hidden, carried)]
        found = record.forward(
            "RNN", data, weights, *states, state_size=units, num_layers=1, mode="lstm", state_outputs=True
        )
        record.remember(key, found, *values)
    return found


def _vector(kernel, recurrent_kernel, first, second):
    """All weights in a row: both kernels as (gates, inputs), then two biases.

    They are joined as rows of one width: MXNet joins vectors an element at a time.
    """
    gates = kernel.shape[1]
    parts = [in_order(k, TURNED) for k in (kernel, recurrent_kernel)] + [first, second]
    return of(first).concat(*[p.reshape((-1, gates)) for p in parts], dim=0).reshape((-1,))


def lstm_layer(inputs, hidden, carried, kernel, recurrent_kernel, bias=None):
    forward = _operator(inputs, hidden, carried, kernel, recurrent_kernel, bias)
    outputs, *last = (forward.made[i] for i in range(3))
    return [outputs, *(s.reshape(hidden.shape) for s in last)]


def lstm_layer_gradient(
    g, to_hidden, to_carried, inputs, hidden, carried, kernel, recurrent_kernel, bias=None
):
    forward = _operator(inputs, hidden, carried, kernel, recurrent_kernel, bias)
    outputs, last_hidden, last_carried = (forward.made[i] for i in range(3))
    F = of(outputs)
    arrived = [F.expand_dims(raw(v), axis=0) for v in (to_hidden, to_carried)]
    data, weights, first_hidden, first_carried = forward.inputs
    made = native.backward(
        scope.trace.native,
        forward,
        [
            data, weights, first_hidden, outputs, raw(g), last_hidden, arrived[0], first_carried, last_carried, arrived[1],
        ],
    )  # fmt: skip
    (features, gates), units = kernel.shape, recurrent_kernel.shape[0]
    ends = (gates * features, gates * (features + units), gates * (features + units + 1))
    parts = [
        F.slice_axis(made[1], axis=0, begin=begin, end=end)
        for begin, end in zip((0, *ends), ends, strict=False)
    ]
    parts[:2] = [
        held_as(p.reshape((gates, n)), (n, gates), inputs.dtype, TURNED)
        for p, n in zip(parts, (features, units), strict=False)
    ]
    return [made[0], made[2].reshape(hidden.shape), made[3].reshape(carried.shape), *parts]


FUSED = {f.__name__: wrapped(f.__name__, graphed(f)) for f in (lstm_layer, lstm_layer_gradient)}
