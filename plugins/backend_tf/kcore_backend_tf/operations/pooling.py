"""Pooling over windows of 1 to 3 dimensions, channels last, and its adjoints."""

import math

import tensorflow as tf

from .convolution import accumulate_windows, extract_windows, sizes


def _flat(x, size, strides):
    """(tensor, size, strides) with one dimension as two."""
    if len(size) == 1:
        return tf.expand_dims(x, 1), [1, 1, *size, 1], [1, 1, *strides, 1]
    return x, [1, *size, 1], [1, *strides, 1]


def _back(x, size):
    return tf.squeeze(x, 1) if len(size) == 1 else x


# TensorFlow's pooling over three dimensions knows no float64: there the windows are laid out one by one.
WINDOW = [4, 5, 6]  # the axes of a window in (batch, *out, *size, channels)


def _by_windows(x, size):
    return len(size) == 3 and x.dtype == tf.float64


def _windows(x, size, strides, padding, fill):
    return extract_windows(x, size, strides, (1, 1, 1), padding, fill)


def _first_largest(x, size, strides, padding):
    """1 where a window's first largest element stands, else 0."""
    windows = _windows(x, size, strides, padding, -math.inf)
    count = math.prod(size)
    shape = tf.shape(windows)
    last = tf.transpose(windows, [0, 1, 2, 3, 7, 4, 5, 6])
    rows = tf.reshape(last, tf.concat([tf.shape(last)[:5], [count]], 0))
    marks = tf.one_hot(tf.argmax(rows, -1), count, dtype=x.dtype)
    return tf.reshape(tf.transpose(marks, [0, 1, 2, 3, 5, 4]), shape)


def _spread(g):
    return g[:, :, :, :, None, None, None, :]


def _carried_back(marked, x, size, strides, padding):
    spatial = tuple(sizes(x, 1, 4))
    made = accumulate_windows(marked, spatial, strides, (1, 1, 1), padding)
    made.set_shape(x.shape)
    return made


def max_pool(x, size, strides, padding):
    if _by_windows(x, size):
        return tf.reduce_max(_windows(x, size, strides, padding, -math.inf), WINDOW)
    x, window, steps = _flat(x, size, strides)
    pool = tf.nn.max_pool3d if len(size) == 3 else tf.nn.max_pool2d
    return _back(pool(x, window, steps, padding.upper()), size)


def avg_pool(x, size, strides, padding):
    if _by_windows(x, size):
        inside = _windows(tf.ones_like(x), size, strides, padding, 0.0)
        total = tf.reduce_sum(_windows(x, size, strides, padding, 0.0), WINDOW)
        return total / tf.reduce_sum(inside, WINDOW)
    x, window, steps = _flat(x, size, strides)
    pool = tf.nn.avg_pool3d if len(size) == 3 else tf.nn.avg_pool2d
    return _back(pool(x, window, steps, padding.upper()), size)


def _with_places(twice, flat, volume):
    """An op on (input, output of the pooling, gradient); the pooling itself is shared with the forward pass."""

    def run(g, x, size, strides, padding):
        if _by_windows(x, size):
            first = _first_largest(x, size, strides, padding)
            first.set_shape([None, None, None, None, *size, x.shape[-1]])
            if twice:
                return tf.reduce_sum(first * _windows(g, size, strides, padding, 0.0), WINDOW)
            return _carried_back(first * _spread(g), x, size, strides, padding)
        whole, window, steps = _flat(x, size, strides)
        pool = tf.nn.max_pool3d if len(size) == 3 else tf.nn.max_pool2d
        pooled = pool(whole, window, steps, padding.upper())
        arriving = tf.expand_dims(g, 1) if len(size) == 1 else g
        op = volume if len(size) == 3 else flat
        made = op(
            orig_input=whole,
            orig_output=pooled,
            grad=arriving,
            ksize=window,
            strides=steps,
            padding=padding.upper(),
        )
        made.set_shape(pooled.shape if twice else whole.shape)
        return _back(made, size)

    return run


def avg_pool_gradient(g, x, size, strides, padding):
    if _by_windows(x, size):
        inside = _windows(tf.ones_like(x), size, strides, padding, 0.0)
        inside.set_shape([None, None, None, None, *size, x.shape[-1]])
        share = _spread(g / tf.reduce_sum(inside, WINDOW))
        return _carried_back(share * tf.ones_like(inside), x, size, strides, padding)
    whole, window, steps = _flat(x, size, strides)
    arriving = tf.expand_dims(g, 1) if len(size) == 1 else g
    op = tf.raw_ops.AvgPool3DGrad if len(size) == 3 else tf.raw_ops.AvgPoolGrad
    made = op(
        orig_input_shape=tf.shape(whole), grad=arriving, ksize=window, strides=steps, padding=padding.upper()
    )
    made.set_shape(whole.shape)
    return _back(made, size)


def _volumes_of_half_in_single(pool):
    """On CPUs TensorFlow's pooling over three dimensions knows no float16: it is done in float32."""

    def run(*tensors, **attributes):
        if tensors[0].dtype != tf.float16 or len(tensors[0].shape) != 5:
            return pool(*tensors, **attributes)
        return tf.cast(pool(*(tf.cast(t, tf.float32) for t in tensors), **attributes), tf.float16)

    return run


FUSED = {
    "max_pool": _volumes_of_half_in_single(max_pool),
    "avg_pool": _volumes_of_half_in_single(avg_pool),
    "max_pool_gradient": _volumes_of_half_in_single(
        _with_places(False, tf.raw_ops.MaxPoolGrad, tf.raw_ops.MaxPool3DGrad)
    ),
    "max_pool_selected": _volumes_of_half_in_single(
        _with_places(True, tf.raw_ops.MaxPoolGradGrad, tf.raw_ops.MaxPool3DGradGrad)
    ),
    "avg_pool_gradient": _volumes_of_half_in_single(avg_pool_gradient),
}
