"""Weights and reductions of losses, by Keras 2's path."""

from ..losses import (
    Reduction,
    broadcast_weights,
    compute_weighted_loss,
    reduce_weighted_loss,
    squeeze_or_expand_dimensions,
)
