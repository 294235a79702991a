"""Inception v3: branches of factored convolutions (Szegedy et al., 2015, arXiv:1512.00567, table 1, figures 5 to 7).

Weights of ImageNet: images of 299 by 299 by `preprocess_input`, mode 'tf'.
"""

from ..layers import concatenate
from . import imagenet_utils
from .building import Asked, channel_axis
from .imagenet_utils import decode_predictions
from .inception import branch, stem
from .weights import source

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]


def preprocess_input(x, **kwargs):
    """Images as this model wants them: `imagenet_utils.preprocess_input` with mode 'tf'. `data_format` may be given."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


# A block: its branches, of steps as `inception.branch` takes them.
def _at_35(pooled):
    return (
        [(64, (1, 1))],
        [(48, (1, 1)), (64, (5, 5))],
        [(64, (1, 1)), (96, (3, 3)), (96, (3, 3))],
        ["average", (pooled, (1, 1))],
    )


def _at_17(n):
    return (
        [(192, (1, 1))],
        [(n, (1, 1)), (n, (1, 7)), (192, (7, 1))],
        [(n, (1, 1)), (n, (7, 1)), (n, (1, 7)), (n, (7, 1)), (192, (1, 7))],
        ["average", (192, (1, 1))],
    )


_TO_17 = (
    [(384, (3, 3), 2)],
    [(64, (1, 1)), (96, (3, 3)), (96, (3, 3), 2)],
    ["maximum"],
)
_TO_8 = (
    [(192, (1, 1)), (320, (3, 3), 2)],
    [(192, (1, 1)), (192, (1, 7)), (192, (7, 1)), (192, (3, 3), 2)],
    ["maximum"],
)
_TWO = ((384, (1, 3)), (384, (3, 1)))
_AT_8 = (
    [(320, (1, 1))],
    [(384, (1, 1)), _TWO],
    [(448, (1, 1)), (384, (3, 3)), _TWO],
    ["average", (192, (1, 1))],
)
BLOCKS = (
    _at_35(32), _at_35(64), _at_35(64), _TO_17, _at_17(128), _at_17(160), _at_17(160), _at_17(192), _TO_8, _AT_8, _AT_8,
)  # fmt: skip


def InceptionV3(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """Inception v3: (batch, 299, 299, 3) to (batch, classes). Arguments: see docs/applications.md."""
    asked = Asked(
        "InceptionV3", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs, minimum=75, default=299
    )  # fmt: skip
    image = asked.image()
    x = stem(image)
    for number, block in enumerate(BLOCKS):
        # only the first pair of a block has a name, of a number that is one behind
        names = [None, f"mixed9_{number - 9}", None, None]
        branches = [branch(x, steps, name) for steps, name in zip(block, names)]
        x = concatenate(branches, axis=channel_axis(), name=f"mixed{number}")
    x = asked.classified(x, "predictions")
    return asked.model(image, x, "inception_v3", lambda: source("inception_v3", include_top))
