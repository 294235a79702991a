"""Images made larger, linearly between their pixels."""

import tensorflow as tf

from .choice import by_size, on_gpu
from .convolution import sizes

# values of the smaller images below which the op for nothing but bilinear resizing is the faster one
FEW = 20_000


def _weights(size, factor, dtype):
    """(size * factor, size): what each new row takes of the old ones."""
    place = tf.range(size * factor)
    low = place // factor
    share = tf.expand_dims(tf.cast(place % factor, dtype) / tf.cast(factor, dtype), 1)
    high = tf.one_hot(tf.minimum(low + 1, size - 1), size, dtype=dtype)
    return (1 - share) * tf.one_hot(low, size, dtype=dtype) + share * high


def _both(x, factors):
    return [_weights(n, f, x.dtype) for n, f in zip(sizes(x, 1, 3), factors)]


def enlarge_bilinear(x, factors):
    if x.dtype != tf.float32:  # TensorFlow's op computes in float32
        return tf.einsum("brcd,pr,qc->bpqd", x, *_both(x, factors))
    size = [n * f for n, f in zip(sizes(x, 1, 3), factors)]
    return tf.raw_ops.ResizeBilinear(images=x, size=size)


def enlarge_bilinear_gradient(g, x, factors):
    if g.dtype != tf.float32 or x.dtype != tf.float32:
        return tf.einsum("bpqd,pr,qc->brcd", g, *_both(tf.cast(x, g.dtype), factors))
    plain = lambda: tf.raw_ops.ResizeBilinearGrad(grads=g, original_image=x)
    if max(factors) > 2 or on_gpu():
        return plain()

    # on CPUs the more general op is four times as fast, but takes 0.1 ms for being called; it counts from the middles of
    # the pixels, hence the shift, and takes nothing from half a pixel beyond the last one, where larger factors would
    # have it look
    def general():
        return tf.raw_ops.ScaleAndTranslateGrad(
            grads=g, original_image=x, scale=[float(f) for f in factors],
            translation=[(1.0 - f) / 2.0 for f in factors], kernel_type="triangle", antialias=False,
        )  # fmt: skip

    made = by_size(x, FEW, plain, general)
    made.set_shape(x.shape)
    return made


FUSED = {"enlarge_bilinear": enlarge_bilinear, "enlarge_bilinear_gradient": enlarge_bilinear_gradient}
