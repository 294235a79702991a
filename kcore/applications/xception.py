"""Xception: separable convolutions with residual connections (Chollet, 2016, arXiv:1610.02357, figure 5).

Weights of ImageNet: images of 299 by 299 by `preprocess_input`, mode 'tf'.
"""

from ..layers import Activation, MaxPooling2D, SeparableConv2D, add
from . import imagenet_utils
from .building import Asked, conv, normalized
from .imagenet_utils import decode_predictions
from .weights import source

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

# blocks 2 to 13: filters of their separable convolutions; those that halve sizes have a convolution as their shortcut
BLOCKS = [(128, 128), (256, 256), (728, 728), *[(728, 728, 728)] * 8, (728, 1024)]
HALVING = (2, 3, 4, 13)


def preprocess_input(x, **kwargs):
    """Images as this model wants them: `imagenet_utils.preprocess_input` with mode 'tf'. `data_format` may be given."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def _relu(x, name):
    return Activation("relu", name=f"{name}_act")(x)


def _normalized(x, name=None):
    return normalized(x, None if name is None else f"{name}_bn", last=-1)


def _separable(x, filters, name):
    return _normalized(SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x), name)


def _block(x, filters, number):
    if number in HALVING:
        shortcut = _normalized(conv(x, filters[-1], 1, strides=2))
    else:
        shortcut = x
    for i, n in enumerate(filters, 1):
        name = f"block{number}_sepconv{i}"
        if (number, i) != (2, 1):  # what comes into the first block went through a relu already
            x = _relu(x, name)
        x = _separable(x, n, name)
    if number in HALVING:
        x = MaxPooling2D(3, strides=2, padding="same", name=f"block{number}_pool")(x)
    return add([x, shortcut])


def Xception(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """Xception: (batch, 299, 299, 3) to (batch, classes). Arguments: see docs/applications.md."""
    asked = Asked(
        "Xception", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs, minimum=71, default=299
    )  # fmt: skip
    x = image = asked.image()
    for i, (filters, strides) in enumerate(((32, 2), (64, 1)), 1):
        name = f"block1_conv{i}"
        x = _relu(_normalized(conv(x, filters, 3, name, strides, "valid"), name), name)
    for number, filters in enumerate(BLOCKS, 2):
        x = _block(x, filters, number)
    for i, filters in enumerate((1536, 2048), 1):
        name = f"block14_sepconv{i}"
        x = _relu(_separable(x, filters, name), name)
    x = asked.classified(x, "predictions")
    return asked.model(image, x, "xception", lambda: source("xception", include_top))
