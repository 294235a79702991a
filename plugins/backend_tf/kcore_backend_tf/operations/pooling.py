"""Pooling over windows of 1 to 3 dimensions, channels last, and its adjoints."""

import tensorflow as tf


def _flat(x, size, strides):
    """(tensor, size, strides) with one dimension as two."""
    if len(size) == 1:
        return tf.expand_dims(x, 1), [1, 1, *size, 1], [1, 1, *strides, 1]
    return x, [1, *size, 1], [1, *strides, 1]


def _back(x, size):
    return tf.squeeze(x, 1) if len(size) == 1 else x


def max_pool(x, size, strides, padding):
    x, window, steps = _flat(x, size, strides)
    pool = tf.nn.max_pool3d if len(size) == 3 else tf.nn.max_pool2d
    return _back(pool(x, window, steps, padding.upper()), size)


def avg_pool(x, size, strides, padding):
    x, window, steps = _flat(x, size, strides)
    pool = tf.nn.avg_pool3d if len(size) == 3 else tf.nn.avg_pool2d
    return _back(pool(x, window, steps, padding.upper()), size)


def _with_places(twice, flat, volume):
    """An op on (input, output of the pooling, gradient); the pooling itself is shared with the forward pass."""

    def run(g, x, size, strides, padding):
        whole, window, steps = _flat(x, size, strides)
        pool = tf.nn.max_pool3d if len(size) == 3 else tf.nn.max_pool2d
        pooled = pool(whole, window, steps, padding.upper())
        arriving = tf.expand_dims(g, 1) if len(size) == 1 else g
        op = volume if len(size) == 3 else flat
        made = op(
            orig_input=whole, orig_output=pooled, grad=arriving, ksize=window, strides=steps, padding=padding.upper()
        )
        made.set_shape(pooled.shape if twice else whole.shape)
        return _back(made, size)

    return run


def avg_pool_gradient(g, x, size, strides, padding):
    whole, window, steps = _flat(x, size, strides)
    arriving = tf.expand_dims(g, 1) if len(size) == 1 else g
    op = tf.raw_ops.AvgPool3DGrad if len(size) == 3 else tf.raw_ops.AvgPoolGrad
    made = op(
        orig_input_shape=tf.shape(whole), grad=arriving, ksize=window, strides=steps, padding=padding.upper()
    )
    made.set_shape(whole.shape)
    return _back(made, size)


FUSED = {
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "max_pool_gradient": _with_places(False, tf.raw_ops.MaxPoolGrad, tf.raw_ops.MaxPool3DGrad),
    "max_pool_selected": _with_places(True, tf.raw_ops.MaxPoolGradGrad, tf.raw_ops.MaxPool3DGradGrad),
    "avg_pool_gradient": avg_pool_gradient,
}
