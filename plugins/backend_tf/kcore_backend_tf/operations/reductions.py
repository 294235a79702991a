"""Sums, products, extremes, running totals."""

import tensorflow as tf


def _axes(axis):
    return list(axis) if isinstance(axis, tuple) else axis


def _reducing(function):
    def run(x, axis=None, keepdims=False):
        if x.dtype.is_bool:
            return tf.cast(function(tf.cast(x, tf.int32), _axes(axis), keepdims), tf.bool)
        return function(x, _axes(axis), keepdims)

    return run


def _runs(axes, rank):
    """`axes` in groups of neighbours."""
    groups = []
    for axis in sorted(a % rank for a in axes):
        if groups and groups[-1][-1] == axis - 1:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    return groups


def total(x, axis=None, keepdims=False):
    """Sums. Axes that are no neighbours go one after the other: in one op TensorFlow would turn the tensor first."""
    groups = _runs(axis, x.shape.rank) if isinstance(axis, tuple) else []
    if len(groups) < 2 or not x.dtype.is_floating:
        return tf.reduce_sum(x, _axes(axis), keepdims)
    for group in groups:
        x = tf.reduce_sum(x, group, keepdims=True)
    return x if keepdims else tf.squeeze(x, [a for group in groups for a in group])


def _place(function):
    def run(x, axis=-1, keepdims=False):
        if x.dtype.is_bool:
            x = tf.cast(x, tf.int32)
        found = function(x, axis, tf.int64)
        return tf.expand_dims(found, axis) if keepdims else found

    return run


PRIMITIVES = {
    "sum": _reducing(total),
    "prod": _reducing(tf.reduce_prod),
    "max": _reducing(tf.reduce_max),
    "min": _reducing(tf.reduce_min),
    "cumsum": lambda x, axis=0: tf.cumsum(x, axis),
    "cumprod": lambda x, axis=0: tf.math.cumprod(x, axis),
    "argmax": _place(tf.argmax),
    "argmin": _place(tf.argmin),
}
