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


def _place(function):
    def run(x, axis=-1, keepdims=False):
        if x.dtype.is_bool:
            x = tf.cast(x, tf.int32)
        found = function(x, axis, tf.int64)
        return tf.expand_dims(found, axis) if keepdims else found

    return run


PRIMITIVES = {
    "sum": _reducing(tf.reduce_sum),
    "prod": _reducing(tf.reduce_prod),
    "max": _reducing(tf.reduce_max),
    "min": _reducing(tf.reduce_min),
    "cumsum": lambda x, axis=0: tf.cumsum(x, axis),
    "cumprod": lambda x, axis=0: tf.math.cumprod(x, axis),
    "argmax": _place(tf.argmax),
    "argmin": _place(tf.argmin),
}
