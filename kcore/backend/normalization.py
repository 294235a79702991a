"""Normalising by means and variances."""

from .declare import Optional, Tensor, composite
from .elementwise import rsqrt, square
from .reductions import mean
from .shaping import reshape
from ..shapes import normalize_axes


def _along(vector, rank, axis):
    """A vector (channels,) laid along `axis` of a tensor of `rank`; anything of full rank as it is."""
    if vector is None or len(vector.shape) != 1 or rank == 1:
        return vector
    return reshape(vector, tuple(-1 if i == axis % rank else 1 for i in range(rank)))


@composite
def batch_normalization(
    x: Tensor, mean: Tensor, var: Tensor, beta: Optional, gamma: Optional, axis=-1, epsilon=1e-3
):
    """(x - mean) / sqrt(var + epsilon) * gamma + beta; statistics of shape (channels,) or broadcasting."""
    rank = len(x.shape)
    mean, var, beta, gamma = (_along(v, rank, axis) for v in (mean, var, beta, gamma))
    scale = rsqrt(var + epsilon)
    if gamma is not None:
        scale = scale * gamma
    shifted = (x - mean) * scale
    return shifted if beta is None else shifted + beta


@composite
def normalize_batch_in_training(x: Tensor, gamma: Optional, beta: Optional, reduction_axes, epsilon=1e-3):
    """Normalises by the batch's own statistics over `reduction_axes`: (normed, mean, variance).

    mean and variance (biased) have the shape of the axes that are kept.
    """
    rank = len(x.shape)
    axes = normalize_axes(tuple(reduction_axes), rank)
    average = mean(x, axes, True)
    centred = x - average
    variance = mean(square(centred), axes, True)
    kept = tuple(1 if i in axes else -1 for i in range(rank))
    spread = [None if v is None else (reshape(v, kept) if kept.count(-1) == 1 else v) for v in (gamma, beta)]
    scale = rsqrt(variance + epsilon)
    if spread[0] is not None:
        scale = scale * spread[0]
    normed = centred * scale
    if spread[1] is not None:
        normed = normed + spread[1]
    sizes = tuple(d if d is not None else -1 for i, d in enumerate(x.shape) if i not in axes)
    return [normed, reshape(average, sizes), reshape(variance, sizes)]


@composite
def layer_normalization(x: Tensor, gamma: Optional, beta: Optional, axis=-1, epsilon=1e-3):
    """Normalises each sample over `axis` (Ba et al., 2016); gamma, beta broadcast against x."""
    average = mean(x, axis, True)
    centred = x - average
    normed = centred * rsqrt(mean(square(centred), axis, True) + epsilon)
    if gamma is not None:
        normed = normed * gamma
    return normed if beta is None else normed + beta
