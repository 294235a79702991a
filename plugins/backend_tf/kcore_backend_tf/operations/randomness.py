"""Random numbers as functions of a key: Philox, the same in every graph and in every call."""

import tensorflow as tf

from .shapes import as_dims


def uniform(key, shape, dtype="float32"):
    return tf.random.stateless_uniform(as_dims(shape), key, dtype=dtype, alg="philox")


def normal(key, shape, dtype="float32"):
    return tf.random.stateless_normal(as_dims(shape), key, dtype=dtype, alg="philox")


PRIMITIVES = {"random_uniform": uniform, "random_normal": normal}
