"""Products of matrices and decompositions."""

import tensorflow as tf

from .elements import wide


def matmul(x, y):
    if y.shape.rank == 2 and x.shape.rank > 2:  # one large product is faster than many small ones
        rows = tf.matmul(tf.reshape(x, [-1, x.shape[-1] or tf.shape(x)[-1]]), y)
        result = tf.reshape(rows, tf.concat([tf.shape(x)[:-1], tf.shape(y)[-1:]], 0))
        result.set_shape([*x.shape[:-1], y.shape[-1]])
        return result
    return tf.matmul(x, y)


def _numbers(function):
    """Small whole numbers are multiplied as int32."""

    def run(x, y):
        if x.dtype.is_floating or x.dtype in (tf.int32, tf.int64):
            return function(x, y)
        return tf.cast(function(tf.cast(x, tf.int32), tf.cast(y, tf.int32)), x.dtype)

    return run


@wide
def svd(x):
    s, u, v = tf.linalg.svd(x, full_matrices=False)
    return [u, s, tf.linalg.matrix_transpose(v)]


@wide
def qr(x):
    q, r = tf.linalg.qr(x, full_matrices=False)
    return [q, r]


def sparse_matmul(rows, columns, values, dense, size):
    """A sparse matrix of `size`, from its entries, times a dense one."""
    kind = dense.dtype
    exact = tf.float64 if kind == tf.float64 else tf.float32 if kind.is_floating else tf.int32
    places = tf.stack([tf.cast(rows, tf.int64), tf.cast(columns, tf.int64)], 1)
    matrix = tf.SparseTensor(places, tf.cast(values, exact), tf.cast(tf.stack(size), tf.int64))
    return tf.cast(tf.sparse.sparse_dense_matmul(matrix, tf.cast(dense, exact)), kind)


PRIMITIVES = {
    "matmul": _numbers(matmul),
    "cholesky": wide(tf.linalg.cholesky),
    "inverse": wide(tf.linalg.inv),
    "solve": wide(tf.linalg.solve),
    "svd": svd,
    "qr": qr,
}
FUSED = {"sparse_matmul": sparse_matmul}
