"""Time steps as samples, and back: what has no notion of time can then work on all steps at once."""

from __future__ import annotations

from .. import backend as K


def steps_as_samples(x):
    """(batch, time, ...) -> (batch * time, ...)."""
    return K.reshape(x, (-1, *sizes_from(x, 2)))


def samples_as_steps(x, like):
    """(batch * time, ...) -> (batch, time, ...), the number of steps being that of `like`."""
    return K.reshape(x, (K.shape(like)[0], *sizes_from(like, 1)[:1], *sizes_from(x, 1)))


def sizes_from(x, first):
    """The sizes of x's axes from `first` on; symbolic where unknown."""
    shape = K.int_shape(x)
    dynamic = K.shape(x) if None in shape[first:] else None
    return [dynamic[i] if shape[i] is None else shape[i] for i in range(first, len(shape))]
