"""Choosing between two forms of an operation by the size of a tensor, which may be known only while running."""

import tensorflow as tf


def on_gpu():
    return bool(tf.config.list_logical_devices("GPU"))


def by_size(x, limit, small, large):
    """The results of `small()` if `x` has fewer than `limit` values, else those of `large()`."""
    count = x.shape.num_elements()
    if count is not None:
        return small() if count < limit else large()
    return tf.cond(tf.size(x, tf.int64) < limit, small, large)
