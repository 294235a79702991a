"""ResNet50 with the layer names of its first weights (He et al., 2015, arXiv:1512.03385, table 1).

Strides stand in a block's first convolution, 1 by 1. Weights of ImageNet: `preprocess_input`, mode 'caffe'.
"""

from ..layers import Activation, MaxPooling2D, ZeroPadding2D, add
from .building import Asked, conv, normalized
from .imagenet_utils import decode_predictions, preprocess_input
from .weights import source

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]

# blocks per stage, and the filters of their three convolutions
STAGES = ((3, (64, 64, 256)), (4, (128, 128, 512)), (6, (256, 256, 1024)), (3, (512, 512, 2048)))


def _block(x, filters, stage, letter, strides):
    """relu(shortcut + 1x1, 3x3, 1x1); the first block of a stage has a convolution in its shortcut."""
    part = lambda kind, branch: f"{kind}{stage}{letter}_branch{branch}"
    shortcut, y = x, x
    for branch, n, size in zip(("2a", "2b", "2c"), filters, (1, 3, 1)):
        by = strides if branch == "2a" else 1
        padding = "same" if size == 3 else "valid"
        y = _conv(y, n, size, part("res", branch), by, padding)
        y = normalized(y, part("bn", branch))
        if branch != "2c":
            y = Activation("relu")(y)
    if letter == "a":
        shortcut = _conv(x, filters[-1], 1, part("res", "1"), strides, "valid")
        shortcut = normalized(shortcut, part("bn", "1"))
    return Activation("relu")(add([y, shortcut]))


def _conv(x, filters, size, name, strides, padding):
    return conv(x, filters, size, name, strides, padding, use_bias=True, kernel_initializer="he_normal")


def ResNet50(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """ResNet of 50 layers: (batch, 224, 224, 3) to (batch, classes). Arguments: see docs/applications.md."""
    asked = Asked("ResNet50", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
    image = asked.image()
    x = ZeroPadding2D(3, name="conv1_pad")(image)
    x = Activation("relu")(normalized(_conv(x, 64, 7, "conv1", 2, "valid"), "bn_conv1"))
    x = MaxPooling2D(3, strides=2)(ZeroPadding2D(1, name="pool1_pad")(x))
    for stage, (blocks, filters) in enumerate(STAGES, 2):
        for i in range(blocks):
            x = _block(x, filters, stage, "abcdef"[i], strides=2 if stage > 2 and i == 0 else 1)
    x = asked.classified(x, "fc1000")
    return asked.model(image, x, "resnet50", lambda: source("resnet50", include_top))
