"""Optimizer rules that stay whole in a program, so that large variables can take TensorFlow's op that changes them
in place (`applies`). Small ones take these: the core's formulas, in its order of operations."""

import tensorflow as tf


def adam_update(param, gradient, m, v, rate, beta_1, beta_2, epsilon=1e-7):
    one = tf.ones((), param.dtype)
    m = beta_1 * m + (one - beta_1) * gradient
    v = beta_2 * v + (one - beta_2) * tf.square(gradient)
    return [param - rate * m / (tf.sqrt(v) + tf.constant(epsilon, v.dtype)), m, v]


def sgd_update(param, gradient, moment, rate, momentum, nesterov=False):
    step = rate * gradient
    velocity = momentum * moment - step
    return [param + momentum * velocity - step if nesterov else param + velocity, velocity]


FUSED = {"adam_update": adam_update, "sgd_update": sgd_update}
