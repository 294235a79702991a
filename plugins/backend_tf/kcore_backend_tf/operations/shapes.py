"""Shapes: asking for them, changing them, spreading over them and summing back."""

import tensorflow as tf


def as_dims(shape):
    """A shape argument, a tuple of ints or a tensor computed while running, as TensorFlow takes it."""
    return list(shape) if isinstance(shape, tuple) else shape


def iota(shape, axis=0, dtype="int32"):
    rank = len(shape) if isinstance(shape, tuple) else shape.shape[0]
    along = [1] * rank
    along[axis] = -1
    numbers = tf.range(tf.cast(shape[axis], tf.int64))
    return tf.broadcast_to(tf.reshape(tf.cast(numbers, dtype), along), as_dims(shape))


def _over_leading(x, lead):
    """Sums over the first `lead` axes; over all but the last, as for a bias, there is an op that is faster."""
    if lead == x.shape.rank - 1 and x.dtype in (tf.float32, tf.float64):
        return tf.raw_ops.BiasAddGrad(out_backprop=x)
    return tf.reduce_sum(x, list(range(lead)))


def sum_to_like(x, like):
    """Sums over the axes that `like` lacks or has of size 1; the axes are known, or found while running."""
    have, want = x.shape, like.shape
    if have.is_fully_defined() and have == want:
        return x
    if have.rank < want.rank:  # the gradient of a sum: spread over the axes that it went over
        x = tf.reshape(x, tf.concat([tf.ones(want.rank - have.rank, tf.int32), tf.shape(x)], 0))
        have = x.shape
    lead = max(0, have.rank - want.rank)
    pairs = list(zip(have[lead:], want[max(0, want.rank - have.rank) :]))
    if have.rank >= want.rank and all(b == 1 or (a is not None and a == b) for a, b in pairs):
        total = _over_leading(x, lead) if lead else x
        axes = [i for i, (a, b) in enumerate(pairs) if b == 1 and a != 1]
        if axes and len(axes) == want.rank - 1 and axes[-1] == want.rank - 2 and not lead:
            return tf.reshape(_over_leading(total, want.rank - 1), [1] * (want.rank - 1) + [-1])
        return tf.reduce_sum(total, axes, keepdims=True) if axes else total
    axes, _ = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(like), s1=tf.shape(x))
    total = tf.reduce_sum(x, axes, keepdims=True)
    if lead:
        total = tf.reshape(total, tf.shape(total)[lead:])
    result = tf.broadcast_to(total, tf.shape(like))
    result.set_shape(want)
    return result


def reverse(x, axes):
    return tf.reverse(x, [axes] if isinstance(axes, int) else list(axes))


def pad(x, paddings, value=0.0):
    if not paddings:
        return tf.identity(x)
    return tf.pad(x, [list(p) for p in paddings], constant_values=tf.constant(value, x.dtype))


def concatenate(tensors, axis=-1):
    return tf.concat(tensors, axis)


PRIMITIVES = {
    "shape": lambda x: tf.shape(x, tf.int64),
    "reshape": lambda x, shape: tf.reshape(x, as_dims(shape)),
    "transpose": lambda x, perm=None: tf.transpose(x, perm),
    "broadcast_to": lambda x, shape: tf.broadcast_to(x, as_dims(shape)),
    "sum_to_like": sum_to_like,
    "iota": iota,
    "concatenate": concatenate,
    "pad": pad,
    "reverse": reverse,
}
FUSED = {"split": lambda x, num_or_sizes, axis=-1: tf.split(x, num_or_sizes, axis)}
