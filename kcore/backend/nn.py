"""Activations, cross-entropies and what stands around them, with Keras 2.3.1's meanings."""

import math

from .. import dtypes
from ..errors import ShapeError
from ..kernel.config import settings
from ..shapes import broadcast, describe, merge_dimension, normalize_axes, same_first
from .comparison import greater, less, less_equal, where
from .convolution import data_format_of
from .declare import Tensor, composite
from .elementwise import abs, cast, clip, erf, exp, expm1, log, log1p, maximum, minimum, rsqrt, square, tanh
from .indexing import one_hot, take_along_axis
from .reductions import logsumexp, max, sum
from .shaping import expand_dims, reshape, squeeze, transpose


@composite(shape=same_first, dtype=dtypes.floating)
def rectify(x: Tensor):
    """max(x, 0); its gradient at 0 is 0."""
    return maximum(x, 0.0)


@rectify.gradient
def _(g, out, x):
    return rectify_gradient(g, out)


# What the gradients of activations are made of stands in operations of its own, which an engine may have as one. They
# take what arrives and the result, or the argument, of the activation, of one shape.
@composite(shape=same_first, dtype=dtypes.promoted, level="training")
def rectify_gradient(g: Tensor, out: Tensor):
    """`g` where `out` is above 0, else 0."""
    return where(greater(out, 0.0), g, 0.0)


@rectify_gradient.gradient
def _(h, out, g, rectified):
    return rectify_gradient(h, rectified), None


@composite(shape=same_first, dtype=dtypes.floating)
def leaky_rectify(x: Tensor, alpha):
    """x above 0, else alpha * x, for a number `alpha`; its gradient at 0 is alpha, as in Keras 2.3.1."""
    return where(greater(x, 0.0), x, alpha * x)


@leaky_rectify.gradient
def _(g, out, x, alpha):
    return leaky_rectify_gradient(g, x, alpha)


@composite(shape=same_first, dtype=dtypes.promoted, level="training")
def leaky_rectify_gradient(g: Tensor, x: Tensor, alpha):
    """`g` where `x` is above 0, else alpha * g."""
    return where(greater(x, 0.0), g, alpha * g)


@leaky_rectify_gradient.gradient
def _(h, out, g, x, alpha):
    return leaky_rectify_gradient(h, x, alpha), None


@composite
def relu(x: Tensor, alpha=0.0, max_value=None, threshold=0.0):
    """x from `threshold` to `max_value`, `max_value` above, alpha * (x - threshold) below. Shape of x.

    Keras 2.3.1's: with a `max_value` what a negative threshold lets pass is cut at 0; the gradient at 0 is alpha if
    there is neither `max_value` nor threshold, else 0; at `max_value` it is 1, at a `max_value` of 6 (relu6) 0.
    """
    plain = isinstance(alpha, (int, float))
    if plain and alpha != 0.0 and max_value is None and threshold == 0.0:
        return leaky_rectify(x, float(alpha))
    if threshold == 0.0:
        positive = rectify(x)
    elif threshold < 0.0 and max_value is not None:
        positive = where(less(x, 0.0), 0.0, x)
    else:
        positive = where(greater(x, threshold), x, 0.0)
    if max_value == 6 and threshold == 0.0:
        positive = where(less(x, 6.0), positive, 6.0)
    elif max_value is not None:
        positive = minimum(positive, float(max_value))
    if plain and alpha == 0.0:
        return positive
    return positive - rectify(threshold - x) * alpha


@composite(shape=same_first, dtype=dtypes.floating)
def sigmoid(x: Tensor):
    """1 / (1 + exp(-x)), arranged so that nothing overflows."""
    z = exp(-abs(x))
    return where(less(x, 0.0), z, 1.0) / (1.0 + z)


@sigmoid.gradient
def _(g, out, x):
    return sigmoid_gradient(g, out)


@composite(shape=same_first, dtype=dtypes.promoted, level="training")
def sigmoid_gradient(g: Tensor, out: Tensor):
    """g out (1 - out)."""
    return g * out * (1.0 - out)


@composite(shape=same_first, dtype=dtypes.floating)
def hard_sigmoid(x: Tensor):
    """0.2 x + 0.5 cut to [0, 1] (Keras 2)."""
    return clip(x * 0.2 + 0.5, 0.0, 1.0)


@hard_sigmoid.gradient
def _(g, out, x):
    return hard_sigmoid_gradient(g, x)


@composite(shape=same_first, dtype=dtypes.promoted, level="training")
def hard_sigmoid_gradient(g: Tensor, x: Tensor):
    """0.2 g where `x` is from -2.5 to 2.5, else 0."""
    return where(less_equal(abs(x), 2.5), g * 0.2, 0.0)


@hard_sigmoid_gradient.gradient
def _(h, out, g, x):
    return hard_sigmoid_gradient(h, x), None


@composite(shape=same_first, dtype=dtypes.floating)
def softplus(x: Tensor):
    """log(1 + exp(x))."""
    return rectify(x) + log1p(exp(-abs(x)))


@softplus.gradient
def _(g, out, x):
    return softplus_gradient(g, x)


@composite(shape=same_first, dtype=dtypes.promoted, level="training")
def softplus_gradient(g: Tensor, x: Tensor):
    """g sigmoid(x)."""
    return g * sigmoid(x)


@composite(shape=same_first, dtype=dtypes.floating)
def softsign(x: Tensor):
    """x / (1 + |x|)."""
    return x / (1.0 + abs(x))


@softsign.gradient
def _(g, out, x):
    return softsign_gradient(g, x)


@composite(shape=same_first, dtype=dtypes.promoted, level="training")
def softsign_gradient(g: Tensor, x: Tensor):
    """g / (1 + |x|)^2."""
    return g / square(1.0 + abs(x))


@composite(shape=same_first, dtype=dtypes.floating)
def elu(x: Tensor, alpha=1.0):
    """x above 0, alpha * (exp(x) - 1) below (Clevert et al., 2015)."""
    return where(greater(x, 0.0), x, alpha * expm1(minimum(x, 0.0)))


@elu.gradient
def _(g, out, x, alpha):
    return elu_gradient(g, x, out, alpha)


@composite(shape=same_first, dtype=dtypes.promoted, level="training")
def elu_gradient(g: Tensor, x: Tensor, out: Tensor, alpha=1.0):
    """`g` where `x` is above 0, else g (out + alpha); `out` is elu(x, alpha)."""
    return where(greater(x, 0.0), g, g * (out + alpha))


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@composite(shape=same_first, dtype=dtypes.floating)
def selu(x: Tensor):
    """scale * elu(x, alpha), constants of Klambauer et al., 2017."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


@selu.gradient
def _(g, out, x):
    return selu_gradient(g, out)


@composite(shape=same_first, dtype=dtypes.promoted, level="training")
def selu_gradient(g: Tensor, out: Tensor):
    """scale * g where `out` is above 0, else g (out + scale * alpha)."""
    return g * where(greater(out, 0.0), SELU_SCALE, out + SELU_SCALE * SELU_ALPHA)


@composite(shape=same_first, dtype=dtypes.floating)
def swish(x: Tensor):
    """x * sigmoid(x) (Ramachandran et al., 2017)."""
    return x * sigmoid(x)


@swish.gradient
def _(g, out, x):
    s = sigmoid(x)
    return g * (s + out * (1.0 - s))


@composite
def gelu(x: Tensor, approximate=False):
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016); `approximate`: by tanh."""
    if approximate:
        return 0.5 * x * (1.0 + tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


@composite(shape=same_first, dtype=dtypes.floating)
def softmax(x: Tensor, axis=-1):
    """exp(x) normalised to sum 1 along `axis`. NaN stays NaN; whether what stands beside it becomes NaN or 0 is the
    engine's choice, its gradient is NaN throughout."""
    e = exp(x - max(x, axis, True))
    return e / sum(e, axis, True)


@softmax.gradient
def _(g, out, x, axis):
    return out * (g - sum(g * out, axis, True))


@composite(shape=same_first, dtype=dtypes.floating)
def log_softmax(x: Tensor, axis=-1):
    """log of softmax, without its overflow."""
    return x - logsumexp(x, axis, True)


@log_softmax.gradient
def _(g, out, x, axis):
    return g - exp(out) * sum(g, axis, True)


@composite
def l2_normalize(x: Tensor, axis=None):
    """x / sqrt(max(sum(x^2), 1e-12)) along `axis`."""
    return x * rsqrt(maximum(sum(square(x), axis, True), 1e-12))


@composite
def bias_add(x: Tensor, bias: Tensor, data_format=None):
    """x plus a bias of shape (channels,), or of x's shape without the batch axis (channels last in it)."""
    first = data_format_of(data_format) == "channels_first"
    rank, shape = len(x.shape), bias.shape
    if len(shape) not in (1, rank - 1):
        raise ShapeError(
            f"the bias has shape {describe(shape)}; rank 1 or {rank - 1} is needed for {describe(x.shape)}."
        )
    if rank > 2 and first:
        if len(shape) == 1:
            return x + reshape(bias, (1, -1, *(1,) * (rank - 2)))
        return x + reshape(bias, (1, shape[-1], *shape[:-1]))  # a reshape, as in Keras 2.3.1
    return x + (bias if len(shape) == 1 else expand_dims(bias, 0))


def _clipped(output):
    return clip(output, settings.epsilon, 1.0 - settings.epsilon)


@composite
def binary_crossentropy(target: Tensor, output: Tensor, from_logits=False):
    """-t log p - (1 - t) log(1 - p), element by element; `output` is p, or its logit."""
    if not from_logits:
        p, fuzz = _clipped(output), settings.epsilon  # epsilon twice, as in Keras 2.3.1
        return -(target * log(p + fuzz) + (1.0 - target) * log(1.0 - p + fuzz))
    return sigmoid_cross_entropy(target, output)


@composite(shape=broadcast, dtype=dtypes.floating)
def sigmoid_cross_entropy(target: Tensor, logits: Tensor):
    """-t log p - (1 - t) log(1 - p) for p = sigmoid(logits), element by element, without overflow."""
    return rectify(logits) - logits * target + log1p(exp(-abs(logits)))


@sigmoid_cross_entropy.gradient
def _(g, out, target, logits):
    return -g * logits, g * (sigmoid(logits) - target)


def _check_same_shape(target, output):
    known = zip(target.shape, output.shape, strict=False)
    if len(target.shape) != len(output.shape) or any(None not in (a, b) and a != b for a, b in known):
        raise ShapeError(
            f"targets have shape {describe(target.shape)}, outputs {describe(output.shape)}; make them equal."
        )


@composite
def categorical_crossentropy(target: Tensor, output: Tensor, from_logits=False, axis=-1):
    """-sum t log p along `axis`; `output` is p (normalised first) or its logits."""
    _check_same_shape(target, output)
    if from_logits:
        return softmax_cross_entropy(target, output, axis)
    p = _clipped(output / sum(output, axis, True))
    return -sum(target * log(p), axis)


@composite
def softmax_cross_entropy(target: Tensor, logits: Tensor, axis=-1):
    """-sum t log softmax(logits) along `axis`. Its gradient takes each t to sum to 1: softmax(logits) - t."""
    return -sum(target * log_softmax(logits, axis), axis)


@softmax_cross_entropy.gradient
def _(g, out, target, logits, axis):
    g = expand_dims(g, axis)
    return -log_softmax(logits, axis) * g, (softmax(logits, axis) - target) * g


@composite
def sparse_categorical_crossentropy(target: Tensor, output: Tensor, from_logits=False, axis=-1):
    """-log p[target] along `axis`; targets are class numbers, in the output's shape without `axis` (or with 1)."""
    (axis,) = normalize_axes(axis, len(output.shape))
    logits = output if from_logits else log(_clipped(output))
    if axis != len(output.shape) - 1:
        order = [i for i in range(len(output.shape)) if i != axis]
        logits = transpose(logits, (*order, axis))
    alone = len(target.shape) == len(logits.shape) == 1  # classes of one sample and its target in a list
    if len(target.shape) == len(logits.shape) and target.shape[-1] == 1:
        target = squeeze(target, -1)
    if len(target.shape) != len(logits.shape) - 1:
        raise ShapeError(
            f"targets have shape {describe(target.shape)}, outputs {describe(output.shape)}; class numbers need the "
            "output's shape without its class axis."
        )
    if logits.shape[-1] is None:
        raise ShapeError(f"outputs have shape {describe(output.shape)}; the number of classes must be known.")
    loss = sparse_softmax_cross_entropy(cast(target, "int64"), logits)
    return expand_dims(loss, 0) if alone else loss  # of one sample a list of one loss, as in Keras 2


def _classes_shape(target, logits):
    return tuple(merge_dimension(a, b) for a, b in zip(target.shape, logits.shape, strict=False))


@composite(
    shape=_classes_shape, dtype=dtypes.Rule(lambda given, floatx: given, lambda given, attributes: given[1])
)
def sparse_softmax_cross_entropy(target: Tensor, logits: Tensor):
    """-log softmax(logits)[target] over the last axis; `target` (...,) whole numbers, `logits` (..., classes)."""
    return -sum(one_hot(target, logits.shape[-1], logits.dtype) * log_softmax(logits, -1), -1)


@sparse_softmax_cross_entropy.gradient
def _(g, out, target, logits):
    return None, (softmax(logits, -1) - one_hot(target, logits.shape[-1], logits.dtype)) * expand_dims(g, -1)


@composite
def in_top_k(predictions: Tensor, targets: Tensor, k):
    """Whether fewer than k classes score higher than the target: (batch,) of bool. NaN is never in."""
    own = take_along_axis(predictions, expand_dims(cast(targets, "int64"), -1), -1)
    higher = sum(cast(greater(predictions, own), "int32"), -1)
    finite = less(max(abs(predictions), -1), float("inf"))
    return less(where(finite, higher, k), k)
