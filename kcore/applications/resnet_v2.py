"""ResNets whose blocks normalise before they convolve (He et al., 2016, arXiv:1603.05027).

Weights of ImageNet: images by `preprocess_input`, mode 'tf'.
"""

from . import imagenet_utils, residual
from .imagenet_utils import decode_predictions

__all__ = ["ResNet101V2", "ResNet152V2", "ResNet50V2", "decode_predictions", "preprocess_input"]


def preprocess_input(x, **kwargs):
    """Images as these models want them: `imagenet_utils.preprocess_input` with mode 'tf'. `data_format` may be given."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def ResNet50V2(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """ResNet of 50 layers, normalisation first: (batch, 224, 224, 3) to (batch, classes).

    Arguments: see docs/applications.md.
    """
    return residual.build(
        "ResNet50V2", 50, residual.block_v2, True,
        include_top, weights, input_tensor, input_shape, pooling, classes, kwargs,
    )  # fmt: skip


def ResNet101V2(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """ResNet of 101 layers, normalisation first: (batch, 224, 224, 3) to (batch, classes).

    Arguments: see docs/applications.md.
    """
    return residual.build(
        "ResNet101V2", 101, residual.block_v2, True,
        include_top, weights, input_tensor, input_shape, pooling, classes, kwargs,
    )  # fmt: skip


def ResNet152V2(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """ResNet of 152 layers, normalisation first: (batch, 224, 224, 3) to (batch, classes).

    Arguments: see docs/applications.md.
    """
    return residual.build(
        "ResNet152V2", 152, residual.block_v2, True,
        include_top, weights, input_tensor, input_shape, pooling, classes, kwargs,
    )  # fmt: skip
