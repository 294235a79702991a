"""Cutting, looking up, sorting and writing at places."""

import tensorflow as tf


def cut(x, begin, end, step):
    if not begin:
        return tf.identity(x)
    return x[tuple(slice(*c) for c in zip(begin, end, step))]


def unslice(x, like, begin, end, step):
    if not begin:
        return tf.identity(x)
    mask = lambda values: sum(1 << i for i, v in enumerate(values) if v is None)
    filled = lambda values: [0 if v is None else v for v in values]
    result = tf.raw_ops.StridedSliceGrad(
        shape=tf.shape(like), begin=filled(begin), end=filled(end), strides=list(step), dy=x,
        begin_mask=mask(begin), end_mask=mask(end),
    )  # fmt: skip
    result.set_shape(like.shape)
    return result


def _counted_from_front(indices, size):
    """Places below 0 count from the end."""
    if indices.dtype.is_unsigned or indices.dtype.is_bool:
        return tf.cast(indices, tf.int32)
    if indices.dtype not in (tf.int32, tf.int64):
        indices = tf.cast(indices, tf.int32)
    return tf.where(indices < 0, indices + tf.cast(size, indices.dtype), indices)


def gather(reference, indices, axis=0):
    size = reference.shape[axis] or tf.shape(reference)[axis]
    return tf.gather(reference, _counted_from_front(indices, size), axis=axis)


def _rows(x, indices):
    size = x.shape[0] or tf.shape(x)[0]
    return tf.expand_dims(_counted_from_front(indices, size), -1)


def _writing(write):
    def run(x, indices, updates):
        rows = _rows(x, indices)
        if indices.shape.rank == 0:  # one row is a list of one
            rows, updates = tf.expand_dims(rows, 0), tf.expand_dims(updates, 0)
        return write(x, rows, updates)

    return run


def gather_gradient(g, indices, like):
    size = like.shape[0] or tf.shape(like)[0]
    rows = _counted_from_front(indices, size)
    total = tf.math.unsorted_segment_sum(g, rows, size)
    total.set_shape(like.shape)
    return total


def argsort(x, axis=-1, descending=False):
    if x.dtype.is_bool:
        x = tf.cast(x, tf.int32)
    places = tf.argsort(x, axis, "DESCENDING" if descending else "ASCENDING", stable=True)
    return tf.cast(places, tf.int64)


PRIMITIVES = {
    "slice": cut,
    "unslice": unslice,
    "gather": gather,
    "scatter_add": _writing(tf.tensor_scatter_nd_add),
    "scatter_update": _writing(tf.tensor_scatter_nd_update),
    "argsort": argsort,
}
FUSED = {"gather_gradient": gather_gradient}
