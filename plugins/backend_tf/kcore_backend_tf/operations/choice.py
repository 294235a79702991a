"""Choosing between two forms of an operation by the size of a tensor, which may be known only while running."""

import tensorflow as tf


def on_gpu():
    return bool(tf.config.list_logical_devices("GPU"))


# A graph that holds both forms takes far longer to make and to prepare: where rows are as large as images are, so many
# of them are taken for granted.
ROWS = 16


def by_size(x, limit, small, large):
    """The results of `small()` if `x` has fewer than `limit` values, else those of `large()`."""
    count = x.shape.num_elements()
    if count is not None:
        return small() if count < limit else large()
    row = x.shape[1:].num_elements()
    if row is not None and row * ROWS >= limit:
        return large()
    return tf.cond(tf.size(x, tf.int64) < limit, small, large)
