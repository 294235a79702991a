"""Element by element: arithmetic, elementary functions, comparisons, choices."""

import functools
import sys

import tensorflow as tf

from kcore.spi import promote

NARROW = (tf.float16, tf.bfloat16)


def wide(function):
    """`function` on half-precision numbers computed in float32, for ops that TensorFlow has for wider types only."""

    @functools.wraps(function)
    def run(*tensors, **attributes):
        kind = tensors[0].dtype
        if kind not in NARROW:
            return function(*tensors, **attributes)
        results = function(*[tf.cast(t, tf.float32) for t in tensors], **attributes)
        if isinstance(results, list):
            return [tf.cast(r, kind) for r in results]
        return tf.cast(results, kind)

    return run


def _signed_only(function):
    """`function`, or the tensor itself where it has no sign or no fraction."""

    def run(x):
        return x if x.dtype.is_unsigned or x.dtype.is_bool else function(x)

    return run


def _floats_only(function):
    def run(x):
        return function(x) if x.dtype.is_floating else x

    return run


def alike(x, y):
    """Both as elements of the type in which they meet."""
    if x.dtype == y.dtype:
        return x, y
    common = promote(x.dtype.name, y.dtype.name)
    return tf.cast(x, common), tf.cast(y, common)


def _ordered(function):
    """Comparisons of truth values as of the numbers 0 and 1."""

    def run(x, y):
        x, y = alike(x, y)
        if x.dtype.is_bool:
            x, y = tf.cast(x, tf.int32), tf.cast(y, tf.int32)
        return function(x, y)

    return run


def _extreme(function):
    def run(x, y):
        if x.dtype.is_bool:
            return tf.cast(function(tf.cast(x, tf.int32), tf.cast(y, tf.int32)), tf.bool)
        return function(x, y)

    return run


def _truth(x):
    return x if x.dtype.is_bool else tf.not_equal(x, tf.zeros((), x.dtype))


def cast(x, dtype):
    return tf.cast(x, dtype)


def sign(x):
    if x.dtype.is_bool or x.dtype.is_unsigned:
        return tf.cast(tf.not_equal(x, tf.zeros((), x.dtype)), x.dtype)
    return tf.sign(x)


def erf(x):
    if x.dtype == tf.float64:  # at infinity TensorFlow's kernel for it gives NaN
        x = tf.clip_by_value(x, -10, 10)
    return tf.math.erf(x)


def printed(x, message=""):
    """`x`, printed from within the graph, all values of small tensors."""
    with tf.control_dependencies([tf.print(message, x, output_stream=sys.stdout)]):
        return tf.identity(x)


PRIMITIVES = {
    "negative": tf.negative,
    "abs": _signed_only(tf.abs),
    "sign": sign,
    "add": tf.add,
    "subtract": tf.subtract,
    "multiply": tf.multiply,
    "divide": tf.truediv,
    "mod": tf.math.floormod,
    "power": tf.pow,
    "maximum": _extreme(tf.maximum),
    "minimum": _extreme(tf.minimum),
    "floor": _floats_only(tf.floor),
    "round": _floats_only(tf.round),
    "cast": cast,
    "exp": tf.exp,
    "expm1": tf.math.expm1,
    "log": tf.math.log,
    "log1p": tf.math.log1p,
    "sqrt": tf.sqrt,
    "sin": tf.sin,
    "cos": tf.cos,
    "tanh": tf.tanh,
    "atan2": wide(tf.atan2),
    "erf": wide(erf),
    "erfinv": wide(tf.math.erfinv),
    "equal": lambda x, y: tf.equal(x, y),
    "less": _ordered(tf.less),
    "logical_and": lambda x, y: tf.logical_and(_truth(x), _truth(y)),
    "logical_or": lambda x, y: tf.logical_or(_truth(x), _truth(y)),
    # not tf.logical_not: the optimizer of graphs turns not (a < b) into a >= b, which is another thing for NaN
    "logical_not": lambda x: tf.equal(tf.cast(_truth(x), tf.int8), 0),
    "where": lambda condition, x, y: tf.where(_truth(condition), x, y),
    "printed": printed,
}

FUSED = {
    "square": lambda x: x if x.dtype.is_bool else tf.square(x),
    "rsqrt": tf.math.rsqrt,
    "not_equal": lambda x, y: tf.not_equal(*alike(x, y)),
    "greater": _ordered(tf.greater),
    "greater_equal": _ordered(tf.greater_equal),
    "less_equal": _ordered(tf.less_equal),
    "ceil": _floats_only(tf.math.ceil),
    "stop_gradient": tf.stop_gradient,
}
