"""Batch normalization by TensorFlow's fused ops, for float32, the channels turned last; composed otherwise."""

import tensorflow as tf


def _four(x):
    """`x` (batch, ..., channels) as (batch, rows, 1, channels)."""
    return tf.reshape(x, [tf.shape(x)[0], -1, 1, x.shape[-1]]) if x.shape.rank != 4 else x


def _is_fused(x, axis):
    return x.dtype == tf.float32 and x.shape.rank >= 2 and x.shape[axis] is not None


def _turns(x, axis):
    """(permutation that puts `axis` last, its reverse); None, None where it is last."""
    last = x.shape.rank - 1
    if axis == last:
        return None, None
    return [*(i for i in range(last + 1) if i != axis), axis], [*range(axis), last, *range(axis, last)]


def _turned(x, order):
    return x if order is None else tf.transpose(x, order)


def _forward(x, gamma, beta, epsilon):
    return tf.raw_ops.FusedBatchNormV3(
        x=_four(x), scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon, is_training=True
    )


def _like(y, x):
    made = y if x.shape.rank == 4 else tf.reshape(y, tf.shape(x))
    made.set_shape(x.shape)
    return made


def _composed(x, axis, epsilon):
    """(normed, mean, variance, 1 / deviation, axes), the statistics with sizes of 1 elsewhere."""
    axes = [i for i in range(x.shape.rank) if i != axis]
    mean = tf.reduce_mean(x, axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(x - mean), axes, keepdims=True)
    scale = tf.math.rsqrt(variance + tf.constant(epsilon, x.dtype))
    return (x - mean) * scale, mean, variance, scale, axes


def _along(vector, x, axis):
    return tf.reshape(vector, [-1 if i == axis else 1 for i in range(x.shape.rank)])


def standardize_channels(x, gamma, beta, axis, epsilon):
    if not _is_fused(x, axis):
        normed, mean, variance, _, _ = _composed(x, axis, epsilon)
        result = normed * _along(gamma, x, axis) + _along(beta, x, axis)
        return [result, tf.reshape(mean, [-1]), tf.reshape(variance, [-1])]
    there, back = _turns(x, axis)
    x = _turned(x, there)
    y, mean, variance, *_ = _forward(x, gamma, beta, epsilon)
    # the op's variance is n / (n - 1) times the batch's own
    count = tf.cast(tf.size(x, tf.int64) // x.shape[-1], x.dtype)
    return [_turned(_like(y, x), back), mean, variance * (tf.maximum(count - 1.0, 1.0) / count)]


def standardize_channels_gradient(g, x, gamma, beta, axis, epsilon):
    if not _is_fused(x, axis):
        normed, _, _, scale, axes = _composed(x, axis, epsilon)
        inner = g * _along(gamma, x, axis)
        inner -= tf.reduce_mean(inner, axes, keepdims=True)
        inner -= normed * tf.reduce_mean(inner * normed, axes, keepdims=True)
        return [inner * scale, tf.reduce_sum(g * normed, axes), tf.reduce_sum(g, axes)]
    there, back = _turns(x, axis)
    g, x = _turned(g, there), _turned(x, there)
    # the same op as forwards: the graph holds it once
    _, _, _, first, second, third = _forward(x, gamma, beta, epsilon)
    made = tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=_four(g), x=_four(x), scale=gamma, reserve_space_1=first, reserve_space_2=second,
        reserve_space_3=third, epsilon=epsilon, is_training=True,
    )  # fmt: skip
    return [_turned(_like(made[0], x), back), made[1], made[2]]


def normalize_channels(x, mean, var, gamma, beta, axis, epsilon):
    """Of images by the op that TensorFlow joins with the convolution before and the activation behind it."""
    images = _is_fused(x, axis) and x.shape.rank == 4 and axis == 3
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
