"""ResNets of 50, 101 and 152 layers (He et al., 2015, arXiv:1512.03385).

Weights of ImageNet: images by `preprocess_input`, mode 'caffe'.
"""

from . import imagenet_utils, residual
from .imagenet_utils import decode_predictions

__all__ = ["ResNet101", "ResNet152", "ResNet50", "decode_predictions", "preprocess_input"]


def preprocess_input(x, **kwargs):
    """Images as these models want them: `imagenet_utils.preprocess_input` with mode 'caffe'. `data_format` may be given."""
    return imagenet_utils.preprocess_input(x, mode="caffe", **kwargs)


def ResNet50(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """ResNet of 50 layers: (batch, 224, 224, 3) to (batch, classes). Arguments: see docs/applications.md.

    Its layers have names like those of the deeper ones here; `kcore.applications.ResNet50` keeps older names, and has
    weights of its own.
    """
    return residual.build(
        "ResNet50", 50, residual.block_v1, False,
        include_top, weights, input_tensor, input_shape, pooling, classes, kwargs, file="resnet50_blocks",
    )  # fmt: skip


def ResNet101(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """ResNet of 101 layers: (batch, 224, 224, 3) to (batch, classes). Arguments: see docs/applications.md."""
    return residual.build(
        "ResNet101", 101, residual.block_v1, False,
        include_top, weights, input_tensor, input_shape, pooling, classes, kwargs,
    )  # fmt: skip


def ResNet152(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """ResNet of 152 layers: (batch, 224, 224, 3) to (batch, classes). Arguments: see docs/applications.md."""
    return residual.build(
        "ResNet152", 152, residual.block_v1, False,
        include_top, weights, input_tensor, input_shape, pooling, classes, kwargs,
    )  # fmt: skip
