"""Activations and their gradients in one op, or in as few as there are."""

import tensorflow as tf

from kcore.spi import promote

# so small that only 0 changes when it is taken away
TINY = {tf.float16: 2.0**-24, tf.bfloat16: 2.0**-120, tf.float32: 2.0**-120, tf.float64: 2.0**-1000}

# the number after 2.5
BESIDE = {tf.float16: 2.5 + 2.0**-9, tf.bfloat16: 2.5 + 2.0**-6}

# so little below 1.2 that 2.5 times it, and 3 more, is below 6
BELOW = {tf.float32: 1.2 - 2.0**-22, tf.float64: 1.2 - 2.0**-50}


def leaky_rectify(x, alpha):
    if x.dtype == tf.float64:  # the op holds alpha as float32
        return tf.where(x > 0, x, alpha * x)
    return tf.nn.leaky_relu(x, alpha)


def elu(x, alpha=1.0):
    made = tf.nn.elu(x)
    return made if alpha == 1.0 else leaky_rectify(made, alpha)


def softmax(x, axis=-1):
    # where oneDNN computes it, a NaN leaves zeros beside it; to spread it would take as long again as a third of the op
    return tf.nn.softmax(x, axis)


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


def _six_times(x):
    """6 hard_sigmoid(x), the value at -2.5 being a little above 0, that at 2.5 a little below 6."""
    return tf.nn.relu6(x * tf.constant(BELOW[x.dtype], x.dtype) + tf.constant(3.0, x.dtype))


def hard_sigmoid(x):
    if x.dtype in BELOW:
        return _six_times(x) * tf.constant(1 / 6, x.dtype)
    return tf.clip_by_value(x * tf.constant(0.2, x.dtype) + tf.constant(0.5, x.dtype), 0, 1)


def hard_sigmoid_gradient(g, x):
    g = g * tf.constant(0.2, g.dtype)
    if x.dtype in BELOW:  # by what the way forwards has as well
        return tf.raw_ops.Relu6Grad(gradients=g, features=_six_times(x))
    after = tf.constant(BESIDE[x.dtype], x.dtype) - tf.abs(x)  # above 0 where |x| <= 2.5
    return tf.raw_ops.ReluGrad(gradients=g, features=after)


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
    "hard_sigmoid": hard_sigmoid,
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
