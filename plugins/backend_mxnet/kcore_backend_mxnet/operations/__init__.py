"""What MXNet does for each operation of the core: tables by subject, joined here."""

from . import (
    convolution,
    elements,
    folding,
    hosted,
    linear,
    normalization,
    places,
    pooling,
    recurrent,
    reductions,
    resizing,
    shapes,
    steps,
)
from .wrapping import wrapped

_SUBJECTS = (elements, reductions, shapes, places, linear, convolution)
PRIMITIVES = {
    **{
        name: wrapped(name, function)
        for subject in _SUBJECTS
        for name, function in subject.PRIMITIVES.items()
    },
    **hosted.PRIMITIVES,
}
FUSED = {
    **elements.FUSED,
    **convolution.FUSED,
    **pooling.FUSED,
    **recurrent.FUSED,
    **normalization.FUSED,
    **resizing.FUSED,
    **steps.FUSED,
}
# run between graphs; `scan` only where it is too long to be laid out in one
HOSTED = frozenset(hosted.PRIMITIVES) - {"scan"}
# what only this engine's own rewriting of programs names
INTERNAL = {**linear.INTERNAL, **folding.INTERNAL}
UNSUPPORTED: dict[str, str] = {}

__all__ = ["FUSED", "HOSTED", "INTERNAL", "PRIMITIVES", "UNSUPPORTED"]
