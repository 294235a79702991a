"""Batch normalization by TensorFlow's fused ops, for float32, the channels turned last; composed otherwise.

On CPUs the fused ops take some 0.2 ms each for being called, so small tensors take the composed form: which one is
found while running, by the size alone.
"""

import tensorflow as tf

from .choice import by_size, on_gpu
from .elements import wide

# values of the input from which the fused ops are the faster ones
SMALL = 100_000
# what the way forwards in a graph leaves for the way back: by the arguments, in the graph's own collection
KEPT = "kcore_batch_normalization"


def _four(x):
    """`x` (batch, ..., channels) as (batch, rows, 1, channels)."""
    return tf.reshape(x, [tf.shape(x)[0], -1, 1, x.shape[-1]]) if x.shape.rank != 4 else x


def _turns(x, axis):
    """(permutation that puts `axis` last, its reverse); None, None where it is last."""
    last = x.shape.rank - 1
    if axis == last:
        return None, None
    return [*(i for i in range(last + 1) if i != axis), axis], [*range(axis), last, *range(axis, last)]


def _turned(x, order):
    return x if order is None else tf.transpose(x, order)


def _like(y, x):
    made = y if y.shape.rank == x.shape.rank else tf.reshape(y, tf.shape(x))
    made.set_shape(x.shape)
    return made


# (result, mean, variance, what the way back needs) ----------------------------------------------------------------
def _fused(x, gamma, beta, axis, epsilon):
    there, back = _turns(x, axis)
    x = _turned(x, there)
    y, mean, variance, *kept = tf.raw_ops.FusedBatchNormV3(
        x=_four(x), scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon, is_training=True
    )
    # the op's variance is n / (n - 1) times the batch's own
    count = tf.cast(tf.size(x, tf.int64) // x.shape[-1], x.dtype)
    variance *= tf.maximum(count - 1.0, 1.0) / count
    return [_turned(_like(y, x), back), mean, variance, *(kept if on_gpu() else kept[:2])]


def _fused_back(g, x, gamma, kept, axis, epsilon):
    there, back = _turns(x, axis)
    g, x = _turned(g, there), _turned(x, there)
    third = kept[2] if len(kept) > 2 else tf.zeros([0])  # which the op for CPUs does not read
    made = tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=_four(g), x=_four(x), scale=gamma, reserve_space_1=kept[0], reserve_space_2=kept[1],
        reserve_space_3=third, epsilon=epsilon, is_training=True,
    )  # fmt: skip
    return [_turned(_like(made[0], x), back), made[1], made[2]]


def _laid(x, axis):
    """(function that lays tensors like `x` out for the composed form, axes to sum over, function for vectors)."""
    if axis == x.shape.rank - 1:  # as rows, which are summed faster than more axes
        return (lambda t: t if t.shape.rank == 2 else tf.reshape(t, [-1, tf.shape(t)[-1]])), [0], lambda v: v
    return (lambda t: t), [i for i in range(x.shape.rank) if i != axis], lambda v: _along(v, x, axis)


def _composed(x, gamma, beta, axis, epsilon):
    laid, axes, spread = _laid(x, axis)
    rows = laid(x)
    mean = tf.reduce_mean(rows, axes)
    centred = rows - spread(mean)
    variance = tf.reduce_mean(tf.square(centred), axes)
    inverse = tf.math.rsqrt(variance + tf.constant(epsilon, x.dtype))
    return [_like(centred * spread(inverse * gamma) + spread(beta), x), mean, variance, mean, inverse]


def _composed_back(g, x, gamma, kept, axis):
    laid, axes, spread = _laid(x, axis)
    mean, inverse = kept
    arriving, centred = laid(g), laid(x) - spread(mean)
    to_beta, to_gamma = tf.reduce_sum(arriving, axes), tf.reduce_sum(arriving * centred, axes) * inverse
    count = tf.cast(tf.size(x) // tf.size(mean), x.dtype)
    inner = arriving - spread(to_beta / count) - centred * spread(to_gamma * inverse / count)
    return [_like(inner * spread(inverse * gamma), x), to_gamma, to_beta]


# which of the two -------------------------------------------------------------------------------------------------
def _chosen(x, axis, composed, fused):
    if x.dtype != tf.float32 or x.shape[axis] is None:
        return composed()
    return fused() if on_gpu() else by_size(x, SMALL, composed, fused)


def _forward(x, gamma, beta, axis, epsilon):
    """(result, mean, variance, what the way back needs), once in a graph: the way back asks for it again."""
    known = None if tf.executing_eagerly() else tf.compat.v1.get_collection_ref(KEPT)
    asked = (x, gamma, beta)
    for (*before, place, fuzz), made in known or ():
        if all(a is b for a, b in zip(before, asked)) and (place, fuzz) == (axis, epsilon):
            return made
    made = _chosen(
        x,
        axis,
        lambda: _composed(x, gamma, beta, axis, epsilon),
        lambda: _fused(x, gamma, beta, axis, epsilon),
    )
    made[0].set_shape(x.shape)
    if known is not None:
        known.append(((*asked, axis, epsilon), made))
    return made


def _along(vector, x, axis):
    return tf.reshape(vector, [-1 if i == axis else 1 for i in range(x.shape.rank)])


@wide
def standardize_channels(x, gamma, beta, axis, epsilon):
    return list(_forward(x, gamma, beta, axis, epsilon)[:3])


@wide
def standardize_channels_gradient(g, x, gamma, beta, axis, epsilon):
    kept = _forward(x, gamma, beta, axis, epsilon)[3:]
    made = _chosen(
        x,
        axis,
        lambda: _composed_back(g, x, gamma, kept, axis),
        lambda: _fused_back(g, x, gamma, kept, axis, epsilon),
    )
    made[0].set_shape(x.shape)
    return list(made)


def normalize_channels(x, mean, var, gamma, beta, axis, epsilon):
    """Of images by the op that TensorFlow joins with the convolution before and the activation behind it."""
    images = x.dtype == tf.float32 and x.shape.rank == 4 and axis == 3 and x.shape[3] is not None
    if not images or epsilon < 1e-5:  # which is the least that GPUs take
        scale = tf.math.rsqrt(var + tf.constant(epsilon, x.dtype)) * gamma
        return x * _along(scale, x, axis) + _along(beta - mean * scale, x, axis)
    made = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=mean, variance=var, epsilon=epsilon, is_training=False
    )
    return _like(made[0], x)


FUSED = {
    "normalize_channels": normalize_channels,
    "standardize_channels": standardize_channels,
    "standardize_channels_gradient": standardize_channels_gradient,
}
