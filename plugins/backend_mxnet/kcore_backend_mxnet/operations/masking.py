"""Sequences of which a mask takes steps out, for MXNet's recurrent operator, which knows no masks.

A row's steps that count are packed at the start, in their order; what they give is put back to where they stood, and a
step that does not count repeats what the row gave last. So that the state is kept through the steps left over at the
end, the inputs get one feature more, 1 where a step does not count, with weights of its own (`HOLD`): it opens an LSTM's
forget gate and closes its input gate wholly. In a GRU it holds all of the state by the update gate, and nothing needs to
be packed.
"""

from __future__ import annotations

import numpy as np

from ..values import HELD, constant, of, raw
from .shapes import without_gradient
from .sums import filled

# sigmoid gives exactly 1 of these, and 0 of their negatives; float16 knows no number above 65504
WHOLE, WHOLE_NARROW = 1e6, 3e4
# for each gate, in MXNet's order, the sign of the weight of the feature that tells that a step does not count
HOLD = {"lstm": (-1.0, 1.0, 0.0, 0.0), "gru": (0.0, 1.0, 0.0), "rnn_tanh": ()}


def _numbers(array):
    return raw(constant(np.asarray(array, "int32"), "int32"))


def held_gates(mode, gates, dtype):
    """The weights of that feature (gates, 1)."""
    each = np.repeat(np.array(HOLD[mode]), gates // len(HOLD[mode]))
    whole = WHOLE_NARROW if dtype == "float16" else WHOLE
    return raw(constant(whole * each[:, None], dtype))


def _with_feature(data, feature, shape):
    """`data` (time, batch, features) with one feature more; as matrices, which MXNet joins many times as fast."""
    rows = [data.reshape((-1, shape[-1])), feature.reshape((-1, 1))]
    return of(data).concat(*rows, dim=1).reshape((*shape[:-1], shape[-1] + 1))


def masked_steps(mode, mask, inputs):
    """The steps of `inputs` (time, batch, features) by `mask` (time, batch, 1)."""
    return (HeldSteps if mode == "gru" else PackedSteps)(mode, mask, inputs)


class HeldSteps:
    """Steps that stay where they are."""

    def __init__(self, mode, mask, inputs):
        data = raw(inputs)
        F, held = of(data), HELD[inputs.dtype]
        counts = F.cast(raw(mask) != 0, held)
        chosen = F.where(counts.broadcast_to(inputs.shape), data, F.zeros_like(data))  # a NaN would go on
        self.features = inputs.shape[-1]
        self.inputs = _with_feature(chosen, 1.0 - counts, inputs.shape)

    def outputs(self, made, hidden):
        """(outputs of every step, the last of them or None if the operator's own state is that)."""
        return made, None

    def arriving(self, g, to_hidden):
        """What arrives at the operator's outputs, at its last state (None: nothing), and at the state before."""
        return g, to_hidden, None

    def to_inputs(self, made):
        return of(made).slice_axis(made, axis=2, begin=0, end=self.features)


class PackedSteps:
    """Steps that are packed at the start of their sequence."""

    def __init__(self, mode, mask, inputs):
        data = raw(inputs)
        F, held = of(data), HELD[inputs.dtype]
        self.time, self.batch, self.features = inputs.shape
        self.dtype, shape = inputs.dtype, (self.time, self.batch)
        counts = F.cast(raw(mask) != 0, "int32").reshape(shape)
        so_far = F.cumsum(counts, axis=0)
        length = F.slice_axis(so_far, axis=0, begin=-1, end=None)
        steps, rows = _numbers(np.arange(self.time)[:, None]), _numbers(np.arange(self.batch)[None])
        behind = F.broadcast_add(F.broadcast_sub(steps, so_far), length)
        place = F.where(counts, so_far - 1, behind)
        flat = lambda step: F.broadcast_add(step * self.batch, rows).reshape((-1,))
        self.places = flat(place)  # where each step goes
        size = self.time * self.batch
        came_from = F.scatter_nd(_numbers(np.arange(size)), self.places.reshape((1, -1)), shape=(size,))
        # what the outputs of each step are, among the state before the first and all outputs of the operator
        self.given = flat(so_far)
        packed = self._looked_up(data, came_from, self.features)
        cut = {"sequence_length": F.cast(length.reshape((-1,)), held), "use_sequence_length": True}
        packed = F.SequenceMask(packed, **cut)  # without the steps that do not count: a NaN would go on
        if HOLD[mode]:
            ones = filled(F, (*shape, 1), 1.0, self.dtype, data)
            packed = _with_feature(packed, 1.0 - F.SequenceMask(ones, **cut), inputs.shape)
        self.inputs = packed

    def _looked_up(self, data, places, width):
        rows = data.reshape((-1, width))
        return of(data).take(rows, places, mode="clip").reshape((self.time, self.batch, width))

    def outputs(self, made, hidden):
        F, units = of(made), hidden.shape[-1]
        every = F.concat(F.expand_dims(raw(hidden), axis=0), made, dim=0)
        found = self._looked_up(every, self.given, units)
        last = F.slice_axis(found, axis=0, begin=-1, end=None)
        return found, last.reshape((self.batch, units))

    def arriving(self, g, to_hidden):
        F, units = of(g), to_hidden.shape[-1]
        rows = F.concat(g.reshape((-1, units)), raw(to_hidden), dim=0)
        size = self.time * self.batch
        ends = F.slice_axis(self.given, axis=0, begin=size - self.batch, end=size)
        places = F.concat(self.given, ends, dim=0).reshape((1, -1))
        shape = (size + self.batch, units)
        summed = without_gradient(F._internal._backward_gather_nd(rows, places, shape=shape))
        before = F.slice_axis(summed, axis=0, begin=0, end=self.batch)
        after = F.slice_axis(summed, axis=0, begin=self.batch, end=None)
        return after.reshape((self.time, self.batch, units)), None, before

    def to_inputs(self, made):
        made = of(made).slice_axis(made, axis=2, begin=0, end=self.features)
        return self._looked_up(made, self.places, self.features)
