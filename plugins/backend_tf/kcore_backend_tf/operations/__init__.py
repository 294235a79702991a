"""What TensorFlow does for each operation of the core: tables by subject, joined here."""

from . import (
    convolution,
    elements,
    images,
    linear,
    loops,
    nn,
    normalization,
    places,
    pooling,
    randomness,
    reductions,
    shapes,
    steps,
)

_SUBJECTS = (elements, reductions, shapes, places, linear, loops, randomness, convolution)
PRIMITIVES = {name: function for subject in _SUBJECTS for name, function in subject.PRIMITIVES.items()}
FUSED = {
    **elements.FUSED,
    **nn.FUSED,
    **convolution.FUSED,
    **pooling.FUSED,
    **images.FUSED,
    **linear.FUSED,
    **shapes.FUSED,
    **places.FUSED,
    **steps.FUSED,
    **normalization.FUSED,
}
UNSUPPORTED: dict[str, str] = {}

__all__ = ["FUSED", "PRIMITIVES", "UNSUPPORTED"]
