"""Convolutions, their adjoints, and windows, for 1 to 3 spatial dimensions, channels last.

One dimension is computed as two, the first of size 1. Dilation in the adjoints, where TensorFlow lacks it, is a
convolution with a kernel that has zeros between its elements.
"""

import functools

import tensorflow as tf


def sizes(x, first, last):
    """The sizes of axes first..last of `x`: ints where known, else scalars computed while running."""
    running = None
    found = []
    for axis in range(first, last):
        size = x.shape[axis]
        if size is None:
            running = tf.shape(x) if running is None else running
            size = running[axis]
        found.append(size)
    return found


def listed(dims, rank):
    """A shape argument as a list of its sizes."""
    return list(dims) if isinstance(dims, tuple) else [tf.cast(dims[i], tf.int32) for i in range(rank)]


def _at_least_0(value):
    return max(value, 0) if isinstance(value, int) else tf.maximum(value, 0)


def pads(spatial, size, strides, dilation, padding):
    """(before, after) for each spatial dimension."""
    if padding == "valid":
        return [(0, 0)] * len(size)
    if padding != "same":
        return [tuple(p) for p in padding]
    found = []
    for n, k, s, d in zip(spatial, size, strides, dilation):
        total = _at_least_0((-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
        found.append((total // 2, total - total // 2))
    return found


def padded(x, amounts, fill=0.0):
    if all(isinstance(p, int) and p == 0 for pair in amounts for p in pair):
        return x
    return tf.pad(x, [[0, 0], *map(list, amounts), [0, 0]], constant_values=tf.constant(fill, x.dtype))


def unpadded(x, amounts, spatial):
    if all(isinstance(p, int) and p == 0 for pair in amounts for p in pair):
        return x
    cuts = [slice(a, a + n) for (a, _), n in zip(amounts, spatial)]
    return x[(slice(None), *cuts)]


def _spread(kernel, dilation):
    """`kernel` with zeros between its elements."""
    for axis, d in enumerate(dilation):
        if d > 1:
            n = kernel.shape[axis]
            apart = tf.expand_dims(kernel, axis + 1)
            zeros = [[0, 0]] * apart.shape.rank
            zeros[axis + 1] = [0, d - 1]
            apart = tf.pad(apart, zeros)
            shape = list(kernel.shape)
            shape[axis] = n * d
            kernel = tf.gather(tf.reshape(apart, shape), tf.range((n - 1) * d + 1), axis=axis)
    return kernel


def _thinned(kernel, dilation):
    """The adjoint of `_spread`."""
    return kernel[tuple(slice(None, None, d) for d in dilation)]


@functools.cache
def _adjoints_dilate():
    """Whether this TensorFlow dilates in the adjoints of convolutions of float32: on CPUs only where it has oneDNN."""
    with tf.init_scope():
        try:
            tf.raw_ops.Conv2DBackpropFilter(
                input=tf.ones([1, 3, 3, 1]), filter_sizes=[2, 2, 1, 1], out_backprop=tf.ones([1, 1, 1, 1]),
                strides=[1, 1, 1, 1], padding="VALID", dilations=[1, 2, 2, 1],
            )  # fmt: skip
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True


def _is_native(dilation, dtype):
    """Whether the adjoints need no zeros in the kernel. In three dimensions TensorFlow never dilates backwards."""
    if len(dilation) == 3 or all(d == 1 for d in dilation):
        return len(dilation) < 3
    return dtype == tf.float32 and _adjoints_dilate()


def _mode(padding):
    return padding.upper() if isinstance(padding, str) else "VALID"


def _two(x, place=1):
    return tf.expand_dims(x, place)


def _is_mixed_up(x, size, strides, padding, dilation):
    """Whether oneDNN may mix up the places of a convolution's output.

    TensorFlow 2.21 on CPUs returns wrong numbers for one channel where a dimension shrinks to one place by a stride
    larger than that of another dimension.
    """
    if x.shape[-1] != 1:
        return False
    for length, k, s, d in zip(x.shape[1:-1], size, strides, dilation):
        left = 0 if length is None else length - (0 if padding == "same" else (k - 1) * d)
        if s > min(strides) and left <= s:
            return True
    return False


def convolution(x, kernel, strides, padding, dilation):
    rank = len(strides)
    if rank == 3 and padding == "same" and any(k < s for k, s in zip(kernel.shape, strides)):
        # without oneDNN TensorFlow 2.21 begins such windows in the wrong place
        padding = pads(sizes(x, 1, 4), kernel.shape[:3], strides, dilation, padding)
    if not isinstance(padding, str):
        x, padding = padded(x, padding), "valid"
    if max(strides) > 1 and max(dilation) > 1:  # TensorFlow has either
        kernel, dilation = _spread(kernel, dilation), (1,) * rank
    if _is_mixed_up(x, kernel.shape, strides, padding, dilation):  # two channels are in order: one of zeros
        # not by tf.pad, which TensorFlow takes for the convolution's own padding
        x, kernel = tf.concat([x, tf.zeros_like(x)], -1), tf.concat([kernel, tf.zeros_like(kernel)], -2)
    return tf.nn.convolution(x, kernel, list(strides), _mode(padding), dilations=list(dilation))


def convolution_transpose(g, kernel, spatial, strides, padding, dilation):
    rank = len(strides)
    if not _is_native(dilation, g.dtype):
        kernel, dilation = _spread(kernel, dilation), (1,) * rank
    spatial = listed(spatial, rank)
    if any(isinstance(n, int) and n < 0 for n in spatial):  # as small as the windows allow
        counts = sizes(g, 1, 1 + rank)
        explicit = [(0, 0)] * rank if isinstance(padding, str) else padding
        due = [
            c * s if padding == "same" else (c - 1) * s + (k - 1) * d + 1 - a - b
            for c, s, k, d, (a, b) in zip(counts, strides, kernel.shape[:rank], dilation, explicit)
        ]
        spatial = [d if isinstance(n, int) and n < 0 else n for n, d in zip(spatial, due)]
    amounts = [(0, 0)] * rank if isinstance(padding, str) else list(padding)
    full = [n + a + b for n, (a, b) in zip(spatial, amounts)]
    batch = g.shape[0] or tf.shape(g)[0]
    channels = kernel.shape[-2]
    mode = _mode(padding)
    if rank == 3:
        made = tf.raw_ops.Conv3DBackpropInputV2(
            input_sizes=tf.stack([batch, *full, channels]), filter=kernel, out_backprop=g,
            strides=[1, *strides, 1], padding=mode,
        )  # fmt: skip
    elif rank == 1:
        made = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.stack([batch, 1, *full, channels]), filter=_two(kernel, 0), out_backprop=_two(g),
            strides=[1, 1, *strides, 1], padding=mode, dilations=[1, 1, *dilation, 1],
        )  # fmt: skip
        made = tf.squeeze(made, 1)
    else:
        made = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.stack([batch, *full, channels]), filter=kernel, out_backprop=g,
            strides=[1, *strides, 1], padding=mode, dilations=[1, *dilation, 1],
        )  # fmt: skip
    made = unpadded(made, amounts, spatial)
    made.set_shape([g.shape[0], *(n if isinstance(n, int) else None for n in spatial), channels])
    return made


def convolution_kernel_gradient(x, g, size, strides, padding, dilation):
    if not isinstance(padding, str):
        x = padded(x, padding)
    if not _is_native(dilation, x.dtype):
        wide = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
        return _thinned(_kernel_gradient(x, g, wide, strides, padding, (1,) * len(size)), dilation)
    return _kernel_gradient(x, g, size, strides, padding, dilation)


def _kernel_gradient(x, g, size, strides, padding, dilation):
    shape = [*size, x.shape[-1], g.shape[-1]]
    mode = _mode(padding)
    if len(size) == 3:
        return tf.raw_ops.Conv3DBackpropFilterV2(
            input=x, filter_sizes=shape, out_backprop=g, strides=[1, *strides, 1], padding=mode
        )
    if len(size) == 1:
        return tf.raw_ops.Conv2DBackpropFilter(
            input=_two(x), filter_sizes=[1, *shape], out_backprop=_two(g), strides=[1, 1, *strides, 1],
            padding=mode, dilations=[1, 1, *dilation, 1],
        )[0]  # fmt: skip
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x, filter_sizes=shape, out_backprop=g, strides=[1, *strides, 1], padding=mode,
        dilations=[1, *dilation, 1],
    )  # fmt: skip


# depthwise ----------------------------------------------------------------------------------------------------
def _frame(spatial, size, strides, dilation, padding):
    """(step, steps, padding, amounts) in two dimensions: TensorFlow's depthwise ops take one step for both.

    Where the steps differ they are 1 for the op, and `steps` is to be done by others. "SAME" is left to the op; other
    padding is told as amounts, for us to do.
    """
    if len(strides) == 1:  # the other dimension has one row, whatever the step
        strides, size, dilation = strides * 2, (1, *size), (1, *dilation)
        spatial = [1, *spatial]
        padding = padding if isinstance(padding, str) else [(0, 0), *padding]
    if strides[0] == strides[1]:
        if padding == "same":
            return strides[0], None, "SAME", [(0, 0)] * 2
        return strides[0], None, "VALID", pads(spatial, size, strides, dilation, padding)
    return 1, strides, "VALID", pads(spatial, size, strides, dilation, padding)


def _wide(kernel, dilation):
    """`kernel` in two dimensions, with its zeros."""
    return _spread(kernel, dilation) if len(dilation) == 2 else _two(_spread(kernel, dilation), 0)


def _is_a_number(kernel, strides, padding):
    """Whether a depthwise convolution multiplies everything by one number.

    oneDNN (TensorFlow 2.21) fails with "could not create a primitive descriptor" where a 1 x 1 convolution with a bias
    reads what such a depthwise convolution made: a SeparableConv2D of one channel.
    """
    return all(n == 1 for n in (*kernel.shape, *strides)) and isinstance(padding, str)


def depthwise_convolution(x, kernel, strides, padding, dilation):
    rank = len(strides)
    if _is_a_number(kernel, strides, padding):
        return x * tf.reshape(kernel, [])
    if rank == 3:
        return _depthwise_by_places(x, kernel, strides, padding, dilation)
    size = kernel.shape[:rank]
    step, steps, mode, amounts = _frame(sizes(x, 1, 1 + rank), size, strides, dilation, padding)
    x = padded(x if rank == 2 else _two(x), amounts)
    made = tf.nn.depthwise_conv2d(x, _wide(kernel, dilation), [1, step, step, 1], mode)
    if steps is not None:
        made = made[:, :: steps[0], :: steps[1]]
    return tf.squeeze(made, 1) if rank == 1 else made


def _depthwise_by_places(x, kernel, strides, padding, dilation):
    windows = extract_windows(x, tuple(kernel.shape[:3]), strides, dilation, padding)
    made = tf.einsum("bdhwijkc,ijkcm->bdhwcm", windows, kernel)
    return tf.reshape(made, [-1, *sizes(made, 1, 4), kernel.shape[-2] * kernel.shape[-1]])


def _apart(g, strides, rows, columns):
    """`g` with zeros where steps were left out: (batch, rows, columns, channels)."""
    made = tf.raw_ops.StridedSliceGrad(
        shape=tf.stack([tf.shape(g)[0], rows, columns, g.shape[-1]]), begin=[0, 0, 0, 0], end=[0, 0, 0, 0],
        strides=[1, *strides, 1], dy=g, begin_mask=15, end_mask=15,
    )  # fmt: skip
    made.set_shape([None, None, None, g.shape[-1]])
    return made


def depthwise_convolution_transpose(g, kernel, spatial, strides, padding, dilation):
    rank = len(strides)
    spatial = listed(spatial, rank)
    channels = kernel.shape[-2]
    if rank == 3:
        parts = tf.reshape(g, [-1, *sizes(g, 1, 4), channels, kernel.shape[-1]])
        windows = tf.einsum("bdhwcm,ijkcm->bdhwijkc", parts, kernel)
        return accumulate_windows(windows, tuple(spatial), strides, dilation, padding)
    step, steps, mode, amounts = _frame(spatial, kernel.shape[:rank], strides, dilation, padding)
    whole = spatial if rank == 2 else [1, *spatial]
    g = g if rank == 2 else _two(g)
    kernel = _wide(kernel, dilation)
    full = [n + a + b for n, (a, b) in zip(whole, amounts)]
    if steps is not None:
        g = _apart(g, steps, *(n - k + 1 for n, k in zip(full, kernel.shape[:2])))
    made = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
        input_sizes=tf.stack([tf.shape(g)[0], *full, channels]), filter=kernel, out_backprop=g,
        strides=[1, step, step, 1], padding=mode,
    )  # fmt: skip
    made = unpadded(made, amounts, whole)
    made = tf.squeeze(made, 1) if rank == 1 else made
    made.set_shape([None, *(n if isinstance(n, int) else None for n in spatial), channels])
    return made


def depthwise_convolution_kernel_gradient(x, g, size, strides, padding, dilation):
    rank = len(strides)
    channels = x.shape[-1]
    multiplier = g.shape[-1] // channels
    if rank == 3:
        windows = extract_windows(x, size, strides, dilation, padding)
        parts = tf.reshape(g, [-1, *sizes(g, 1, 4), channels, multiplier])
        return tf.einsum("bdhwijkc,bdhwcm->ijkcm", windows, parts)
    step, steps, mode, amounts = _frame(sizes(x, 1, 1 + rank), size, strides, dilation, padding)
    wide = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    if rank == 1:
        x, g, wide = _two(x), _two(g), [1, *wide]
    x = padded(x, amounts)
    if steps is not None:
        g = _apart(g, steps, *(n - k + 1 for n, k in zip(sizes(x, 1, 3), wide)))
    made = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
        input=x, filter_sizes=[*wide, channels, multiplier], out_backprop=g, strides=[1, step, step, 1],
        padding=mode,
    )  # fmt: skip
    return _thinned(made[0] if rank == 1 else made, dilation)


# windows ------------------------------------------------------------------------------------------------------
def _places(n, k, stride, dilation):
    """(windows, size): where each window's elements stand in a padded dimension of size `n`."""
    reach = (k - 1) * dilation + 1
    count = _at_least_0((n - reach) // stride + 1)
    return tf.range(count)[:, None] * stride + tf.range(k)[None, :] * dilation


def _padded_sizes(spatial, amounts):
    return [n + a + b for n, (a, b) in zip(spatial, amounts)]


def extract_windows(x, size, strides, dilation, padding="valid", fill=0.0):
    rank = len(size)
    spatial = sizes(x, 1, 1 + rank)
    amounts = pads(spatial, size, strides, dilation, padding)
    made = padded(x, amounts, fill)
    for axis in reversed(range(rank)):
        n = _padded_sizes(spatial, amounts)[axis]
        made = tf.gather(made, _places(n, size[axis], strides[axis], dilation[axis]), axis=1 + axis)
    order = [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1]
    return tf.transpose(made, order)


def accumulate_windows(w, spatial, strides, dilation, padding="valid"):
    rank = len(strides)
    spatial = listed(spatial, rank)
    size = [w.shape[1 + rank + i] for i in range(rank)]
    if any(isinstance(n, int) and n < 0 for n in spatial):
        counts = sizes(w, 1, 1 + rank)
        explicit = [(0, 0)] * rank if isinstance(padding, str) else padding
        due = [
            c * s if padding == "same" else (c - 1) * s + (k - 1) * d + 1 - a - b
            for c, s, k, d, (a, b) in zip(counts, strides, size, dilation, explicit)
        ]
        spatial = [d if isinstance(n, int) and n < 0 else n for n, d in zip(spatial, due)]
    amounts = pads(spatial, size, strides, dilation, padding)
    full = _padded_sizes(spatial, amounts)
    order = [
        0,
        *(i for pair in zip(range(1, 1 + rank), range(1 + rank, 1 + 2 * rank)) for i in pair),
        2 * rank + 1,
    ]
    made = tf.transpose(w, order)  # (batch, out 1, size 1, out 2, size 2, ..., channels)
    for axis in range(rank):
        places = tf.reshape(_places(full[axis], size[axis], strides[axis], dilation[axis]), [-1])
        at = 1 + axis
        turn = [at, at + 1, *(i for i in range(made.shape.rank) if i not in (at, at + 1))]
        front = tf.transpose(made, turn)
        rest = tf.shape(front)[2:]
        flat = tf.reshape(front, tf.concat([[-1], rest], 0))
        total = tf.math.unsorted_segment_sum(flat, places, full[axis])
        back = list(range(1, at + 1)) + [0] + list(range(at + 1, made.shape.rank - 1))
        made = tf.transpose(total, back)
    made = unpadded(made, amounts, spatial)
    made.set_shape([w.shape[0], *(n if isinstance(n, int) else None for n in spatial), w.shape[-1]])
    return made


PRIMITIVES = {"extract_windows": extract_windows, "accumulate_windows": accumulate_windows}

FUSED = {
    "convolution": convolution,
    "convolution_transpose": convolution_transpose,
    "convolution_kernel_gradient": convolution_kernel_gradient,
    "depthwise_convolution": depthwise_convolution,
    "depthwise_convolution_transpose": depthwise_convolution_transpose,
    "depthwise_convolution_kernel_gradient": depthwise_convolution_kernel_gradient,
}
