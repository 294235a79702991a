"""Activations and their gradients in one op, or in as few as there are."""

import tensorflow as tf

from kcore.spi import promote

# so small that only 0 changes when it is taken away
TINY = {tf.float16: 2.0**-24, tf.bfloat16: 2.0**-120, tf.float32: 2.0**-120, tf.float64: 2.0**-1000}

# from 2.5 to the next larger number
BESIDE = {tf.float16: 2.0**-9, tf.bfloat16: 2.0**-6, tf.float32: 2.0**-22, tf.float64: 2.0**-51}


def leaky_rectify(x, alpha):
    if x.dtype == tf.float64:  # the op holds alpha as float32
        return tf.where(x > 0, x, alpha * x)
    return tf.nn.leaky_relu(x, alpha)


def elu(x, alpha=1.0):
    made = tf.nn.elu(x)
    return made if alpha == 1.0 else leaky_rectify(made, alpha)


def softmax(x, axis=-1):
    # beside a NaN tf.nn.softmax gives 0, as if nothing were wrong: NaN is added to a row whose largest is none
    largest = tf.reduce_max(x, axis, keepdims=True)
    return tf.nn.softmax(x, axis) + (largest - largest)


def log_softmax(x, axis=-1):
    return tf.nn.log_softmax(x, axis)


# gradients --------------------------------------------------------------------------------------------------------
def _alike(function):
    """`function` of tensors of one type: that in which they meet."""

    def run(*tensors, **attributes):
        kinds = {t.dtype.name for t in tensors}
        if len(kinds) > 1:
            common = promote(*kinds)
            tensors = [tf.cast(t, common) for t in tensors]
        return function(*tensors, **attributes)

    return run


def leaky_rectify_gradient(g, x, alpha):
    if x.dtype == tf.float64:
        return tf.where(x > 0, g, alpha * g)
    return tf.raw_ops.LeakyReluGrad(gradients=g, features=x, alpha=alpha)


def elu_gradient(g, x, out, alpha=1.0):
    if alpha == 1.0:
        return tf.raw_ops.EluGrad(gradients=g, outputs=out)
    plain = tf.nn.elu(x)  # shared with the way forwards
    made = tf.raw_ops.EluGrad(gradients=g, outputs=plain)
    return leaky_rectify_gradient(made, plain, alpha)


def hard_sigmoid_gradient(g, x):
    # above 0 where |x| <= 2.5: the next larger number, less |x|
    after = tf.constant(2.5 + BESIDE[x.dtype], x.dtype) - tf.abs(x)
    return tf.raw_ops.ReluGrad(gradients=g, features=after) * tf.constant(0.2, g.dtype)


def selu_gradient(g, out):
    # the op counts 0 among the positive, where the slope is another
    return tf.raw_ops.SeluGrad(gradients=g, outputs=out - tf.constant(TINY[out.dtype], out.dtype))


FUSED = {
    "rectify": tf.nn.relu,
    "leaky_rectify": leaky_rectify,
    "sigmoid": tf.sigmoid,
    "softplus": tf.math.softplus,
    "softsign": tf.nn.softsign,
    "elu": elu,
    "selu": tf.nn.selu,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "rectify_gradient": _alike(lambda g, out: tf.raw_ops.ReluGrad(gradients=g, features=out)),
    "leaky_rectify_gradient": _alike(leaky_rectify_gradient),
    "sigmoid_gradient": _alike(lambda g, out: tf.raw_ops.SigmoidGrad(y=out, dy=g)),
    "tanh_gradient": _alike(lambda g, out: tf.raw_ops.TanhGrad(y=out, dy=g)),
    "softplus_gradient": _alike(lambda g, x: tf.raw_ops.SoftplusGrad(gradients=g, features=x)),
    "softsign_gradient": _alike(lambda g, x: tf.raw_ops.SoftsignGrad(gradients=g, features=x)),
    "elu_gradient": _alike(elu_gradient),
    "selu_gradient": _alike(selu_gradient),
    "hard_sigmoid_gradient": _alike(hard_sigmoid_gradient),
}
