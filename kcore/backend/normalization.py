"""Normalising by means and variances."""

from .. import dtypes
from ..errors import ArgumentError, ShapeError
from ..shapes import describe, normalize_axes, normalize_axis, reduced, same_first
from .declare import Optional, Tensor, composite
from .elementwise import cast, maximum, product, rsqrt, square
from .reductions import mean, sum
from .shaping import repeat, reshape, resized, sizes_of


def _statistics_shapes(x, axes, epsilon):
    kept = reduced(x.shape, axes, True)
    return [x.shape, kept, kept]


@composite(shape=_statistics_shapes, dtype=dtypes.floating)
def standardize(x: Tensor, axes, epsilon):
    """(x - mean) / sqrt(variance + epsilon), the mean and the (biased) variance over `axes`, which stay as 1."""
    average = mean(x, axes, True)
    centred = x - average
    variance = mean(square(centred), axes, True)
    return [centred * rsqrt(variance + epsilon), average, variance]


@standardize.gradient
def _(g, out, x, axes, epsilon):
    normed, average, variance = out
    arriving, to_mean, to_variance = g
    total = standardize_gradient(arriving, normed, variance, axes, epsilon)
    count = cast(
        product([s for i, s in enumerate(sizes_of(x)) if i in normalize_axes(axes, len(x.shape))]), x.dtype
    )
    if not _nothing(to_mean):
        total = total + to_mean / count
    if not _nothing(to_variance):
        total = total + to_variance * (x - average) * (2.0 / count)
    return total


def _nothing(g):
    """Whether no gradient arrived: the statistics are mostly only kept for the moving averages."""
    return g.node is not None and g.node.op.name == "zeros_like"


@composite(shape=same_first, dtype=dtypes.floating, level="training")
def standardize_gradient(g: Tensor, normed: Tensor, variance: Tensor, axes, epsilon):
    """What `standardize` hands back of `g`, from its result `normed` and its variance. Shape of `g`."""
    along = mean(g * normed, axes, True)
    return (g - mean(g, axes, True) - normed * along) * rsqrt(variance + epsilon)


# with a scale and a shift: for engines that have that as one operation
def _scaled_shapes(x, gamma, beta, axis, epsilon):
    return [x.shape, gamma.shape, gamma.shape]


@composite(shape=_scaled_shapes, dtype=dtypes.floating, level="training", rule_if_fused=True)
def standardize_channels(x: Tensor, gamma: Tensor, beta: Tensor, axis, epsilon):
    """`standardize` over all axes but `axis`, times gamma, plus beta, both (channels,): (result, mean, variance).

    mean and the (biased) variance are (channels,).
    """
    rank = len(x.shape)
    normed, average, variance = standardize(x, tuple(i for i in range(rank) if i != axis), epsilon)
    kept = tuple(-1 if i == axis else 1 for i in range(rank))
    return [
        _scaled(normed, reshape(gamma, kept), reshape(beta, kept)), reshape(average, (-1,)), reshape(variance, (-1,)),
    ]  # fmt: skip


@standardize_channels.gradient
def _(g, out, x, gamma, beta, axis, epsilon):
    arriving, to_mean, to_variance = g
    _, average, variance = out
    total, to_gamma, to_beta = standardize_channels_gradient(arriving, x, gamma, beta, axis, epsilon)
    rank = len(x.shape)
    kept = tuple(-1 if i == axis else 1 for i in range(rank))
    count = cast(product([s for i, s in enumerate(sizes_of(x)) if i != axis]), x.dtype)
    if not _nothing(to_mean):
        total = total + reshape(to_mean, kept) / count
    if not _nothing(to_variance):
        total = total + reshape(to_variance, kept) * (x - reshape(average, kept)) * (2.0 / count)
    return total, to_gamma, to_beta


def _scaled_gradient_shapes(g, x, gamma, beta, axis, epsilon):
    return [x.shape, gamma.shape, gamma.shape]


@composite(shape=_scaled_gradient_shapes, dtype=dtypes.floating, level="training")
def standardize_channels_gradient(g: Tensor, x: Tensor, gamma: Tensor, beta: Tensor, axis, epsilon):
    """What `standardize_channels` hands back of `g`, of the shape of `x`, for x, gamma and beta."""
    rank = len(x.shape)
    axes = tuple(i for i in range(rank) if i != axis)
    kept = tuple(-1 if i == axis else 1 for i in range(rank))
    normed, _, variance = standardize(x, axes, epsilon)
    inner = standardize_gradient(g * reshape(gamma, kept), normed, variance, axes, epsilon)
    return [inner, sum(g * normed, axes), sum(g, axes)]


def _along(vector, rank, axis):
    """A vector (channels,) laid along `axis` of a tensor of `rank`; anything of full rank as it is."""
    if vector is None or len(vector.shape) != 1 or rank == 1:
        return vector
    return reshape(vector, tuple(-1 if i == axis % rank else 1 for i in range(rank)))


def _scaled(normed, gamma, beta):
    if gamma is not None:
        normed = normed * gamma
    return normed if beta is None else normed + beta


@composite
def batch_normalization(
    x: Tensor, mean: Tensor, var: Tensor, beta: Optional = None, gamma: Optional = None, axis=-1, epsilon=1e-3
):
    """(x - mean) / sqrt(var + epsilon) * gamma + beta; statistics of shape (channels,) or broadcasting."""
    rank = len(x.shape)
    if rank > 1 and all(v is not None and len(v.shape) == 1 for v in (mean, var, beta, gamma)):
        return normalize_channels(x, mean, var, gamma, beta, normalize_axis(axis, rank), float(epsilon))
    mean, var, beta, gamma = (_along(v, rank, axis) for v in (mean, var, beta, gamma))
    scale = rsqrt(var + epsilon)
    if gamma is not None:
        scale = scale * gamma
    # the small tensors first: x is passed over twice only
    return x * scale + (-mean * scale if beta is None else beta - mean * scale)


@composite(shape=same_first, dtype=dtypes.floating, rule_if_fused=True)
def normalize_channels(
    x: Tensor, mean: Tensor, var: Tensor, gamma: Tensor, beta: Tensor, axis, epsilon
):  # fmt: skip
    """(x - mean) / sqrt(var + epsilon) * gamma + beta, all four (channels,) along `axis`. Shape of `x`."""
    kept = tuple(-1 if i == axis else 1 for i in range(len(x.shape)))
    scale = rsqrt(var + epsilon) * gamma
    return x * reshape(scale, kept) + reshape(beta - mean * scale, kept)


@normalize_channels.gradient
def _(g, out, x, mean, var, gamma, beta, axis, epsilon):
    rank = len(x.shape)
    axes, kept = (
        tuple(i for i in range(rank) if i != axis),
        tuple(-1 if i == axis else 1 for i in range(rank)),
    )
    inverse, total = rsqrt(var + epsilon), sum(g, axes)
    to_normed = sum(g * (x - reshape(mean, kept)), axes) * inverse
    return (
        g * reshape(gamma * inverse, kept), -gamma * inverse * total, to_normed * gamma * square(inverse) * -0.5,
        to_normed, total,
    )  # fmt: skip


@composite
def normalize_batch_in_training(x: Tensor, gamma: Optional, beta: Optional, reduction_axes, epsilon=1e-3):
    """Normalises by the batch's own statistics over `reduction_axes`: (normed, mean, variance).

    mean and variance have the shape of the axes that are kept. The variance is the biased one, except for
    images (batch, rows, cols, channels) over their first three axes: there n / (n - 1) times as large, as in
    Keras 2.3.1, whose BatchNormalization corrects it once more.
    """
    rank = len(x.shape)
    axes = normalize_axes(tuple(reduction_axes), rank)
    kept = tuple(1 if i in axes else -1 for i in range(rank))
    vectors = [v for v in (gamma, beta) if v is not None and len(v.shape) == 1]
    whole = len(vectors) == 2 and kept.count(-1) == 1
    if whole:
        result, average, variance = standardize_channels(x, gamma, beta, kept.index(-1), epsilon)
    else:
        result, average, variance = standardize(x, axes, epsilon)
    spread = [None if v is None else (reshape(v, kept) if kept.count(-1) == 1 else v) for v in (gamma, beta)]
    sizes = sizes_of(x)
    if rank == 4 and axes == (0, 1, 2):
        count = product(sizes[:3])
        if isinstance(count, int):
            variance = variance * (count / max(count - 1, 1))
        else:
            count = cast(count, x.dtype)
            variance = variance * (count / maximum(count - 1.0, 1.0))
    rest = [d for i, d in enumerate(sizes) if i not in axes]
    result = result if whole else _scaled(result, *spread)
    return [result, resized(average, rest), resized(variance, rest)]


@composite
def layer_normalization(x: Tensor, gamma: Optional = None, beta: Optional = None, axis=-1, epsilon=1e-3):
    """Normalises each sample over `axis` (Ba et al., 2016); gamma, beta broadcast against x."""
    return _scaled(standardize(x, normalize_axes(axis, len(x.shape)), epsilon)[0], gamma, beta)


@composite
def group_normalization(
    x: Tensor, groups, gamma: Optional = None, beta: Optional = None, axis=-1, epsilon=1e-3
):
    """Normalises each sample over its other axes and the channels of one of `groups` groups (Wu and He, 2018).

    gamma, beta: (channels,) along `axis`, or broadcasting. Shape of `x`.
    """
    rank = len(x.shape)
    axis = normalize_axis(axis, rank)
    if axis == 0:
        raise ArgumentError("axis=0 is the batch; give the axis of the channels.")
    _check_groups(x, groups, axis)
    return _scaled_by_places(x, groups, gamma, beta, axis, epsilon)


@composite
def instance_normalization(x: Tensor, gamma: Optional = None, beta: Optional = None, axis=-1, epsilon=1e-3):
    """Normalises each channel of each sample over its other axes (Ulyanov et al., 2016). Shape of `x`."""
    return _scaled_by_places(x, None, gamma, beta, normalize_axis(axis, len(x.shape)), epsilon)


def _scaled_by_places(x, groups, gamma, beta, axis, epsilon):
    """`x` normalised over all axes but the first and `axis`, and over the channels of a group; `groups` None: none."""
    if all(v is None or len(v.shape) == 1 for v in (gamma, beta)) and axis > 0:
        return normalize_places(x, gamma, beta, groups, axis, float(epsilon))
    centred, scale = _places(x, groups, axis, epsilon)
    return _scaled(centred * scale, gamma, beta)


def _check_groups(x, groups, axis):
    channels = x.shape[axis]
    if groups is not None and (channels is None or groups < 1 or channels % groups):
        raise ShapeError(f"{describe(x.shape)}: axis {axis} cannot be divided into {groups} equal groups.")


def _places_shape(x, gamma, beta, groups, axis, epsilon):
    _check_groups(x, groups, axis)
    return x.shape


@composite(shape=_places_shape, dtype=dtypes.floating)
def normalize_places(x: Tensor, gamma: Optional, beta: Optional, groups, axis, epsilon):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, the mean and the (biased) variance of each sample over
    all its axes but `axis`, and over each of `groups` groups of the channels there; `groups` None: of each alone.

    gamma, beta: (channels,). Shape of `x`.
    """
    rank = len(x.shape)
    centred, scale = _places(x, groups, axis, epsilon)
    return _scaled(
        centred, scale if gamma is None else scale * _along(gamma, rank, axis), _along(beta, rank, axis)
    )


@normalize_places.gradient
def _(g, out, x, gamma, beta, groups, axis, epsilon):
    rank = len(x.shape)
    axes = tuple(i for i in range(rank) if i != axis)
    centred, scale = _places(x, groups, axis, epsilon)
    # all that is summed over x is summed in these two, the rest is small: one number for each channel
    plain, along = _mean_of_places(g, axis), _mean_of_places(g * centred, axis)
    count = cast(product([n for i, n in enumerate(sizes_of(x)) if 0 < i != axis]), x.dtype)
    to_gamma, to_beta = sum(along * scale * count, axes), sum(plain * count, axes)
    factor = scale
    if gamma is not None:
        spread = _along(gamma, rank, axis)
        plain, along, factor = plain * spread, along * spread, scale * spread
    plain, along = (t if groups is None else _shared_in_groups(t, groups, axis) for t in (plain, along))
    total = g * factor - (centred * (along * square(scale) * scale) + plain * scale)
    return total, None if gamma is None else to_gamma, None if beta is None else to_beta


def _places(x, groups, axis, epsilon):
    """(x - mean, 1 / deviation), the latter one number for each channel: x keeps its shape, and is passed over few
    times."""
    share = (lambda t: t) if groups is None else (lambda t: _shared_in_groups(t, groups, axis))
    centred = x - share(_mean_of_places(x, axis))
    return centred, rsqrt(share(_mean_of_places(square(centred), axis)) + epsilon)


def _mean_of_places(x, axis):
    axes = tuple(i for i in range(1, len(x.shape)) if i != axis)
    return mean(x, axes, True) if axes else x


def _shared_in_groups(means, groups, axis):
    """`means` (batch, ..., channels, ...) with the mean of its group in the place of each channel."""
    sizes, together = sizes_of(means), means.shape[axis] // groups
    apart = resized(means, [*sizes[:axis], groups, together, *sizes[axis + 1 :]])
    return repeat(mean(apart, axis + 1, False), together, axis)
