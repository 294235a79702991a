"""MobileNet: depthwise and pointwise convolutions in turn (Howard et al., 2017, arXiv:1704.04861, table 1).

Weights of ImageNet: images of 128, 160, 192 or 224 rows and columns by `preprocess_input`, mode 'tf'.
"""

import warnings

from .. import backend as K
from ..errors import ArgumentError
from ..layers import (
    Activation,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    ReLU,
    Reshape,
    ZeroPadding2D,
)
from . import imagenet_utils
from .building import Asked, conv, normalized, spatial
from .imagenet_utils import decode_predictions
from .weights import mobilenet_source

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

# filters and strides of each block
BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),
)  # fmt: skip
ALPHAS, SIZES = (0.25, 0.5, 0.75, 1.0), (128, 160, 192, 224)


def preprocess_input(x, **kwargs):
    """Images as this model wants them: `imagenet_utils.preprocess_input` with mode 'tf'. `data_format` may be given."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def size_of(shape, sizes):
    """Rows of the shape of an image, if it is square and they are in `sizes`; else 224."""
    rows, columns = spatial(shape) if isinstance(shape, (tuple, list)) and len(shape) == 3 else (None, None)
    return rows if rows == columns and rows in sizes else 224


def imagenet_rows(name, shape, sizes):
    """The rows by which a file of weights is chosen; a warning where there is none for this size."""
    rows, columns = spatial(shape)
    if rows != columns or rows not in sizes:
        warnings.warn(
            f"{name}: there are weights for {', '.join(map(str, sizes))} rows and as many columns; those for 224 are "
            "taken.",
            stacklevel=4,
        )
        return 224
    return rows


def _active(x, name):
    return ReLU(6.0, name=f"{name}_relu")(normalized(x, f"{name}_bn", last=-1))


def _block(x, filters, strides, depth_multiplier, number):
    if strides > 1:
        x = ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
    depthwise = DepthwiseConv2D(
        3, padding="same" if strides == 1 else "valid", depth_multiplier=depth_multiplier, strides=strides,
        use_bias=False, name=f"conv_dw_{number}",
    )  # fmt: skip
    x = _active(depthwise(x), f"conv_dw_{number}")
    return _active(conv(x, filters, 1, f"conv_pw_{number}"), f"conv_pw_{number}")


def _classifier(x, filters, dropout, classes):
    shape = (filters, 1, 1) if K.image_data_format() == "channels_first" else (1, 1, filters)
    x = Reshape(shape, name="reshape_1")(GlobalAveragePooling2D()(x))
    x = conv(Dropout(dropout, name="dropout")(x), classes, 1, "conv_preds", use_bias=True)
    return Activation("softmax", name="act_softmax")(Reshape((classes,), name="reshape_2")(x))


def MobileNet(
    input_shape=None, alpha=1.0, depth_multiplier=1, dropout=1e-3, include_top=True, weights="imagenet",
    input_tensor=None, pooling=None, classes=1000, **kwargs,
):  # fmt: skip
    """MobileNet: (batch, 224, 224, 3) to (batch, classes). Further arguments: see docs/applications.md.

    alpha: how many times the filters of the paper. depth_multiplier: filters of depthwise convolutions per channel.
    dropout: the share before the classifier.
    """
    asked = Asked(
        "MobileNet", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs,
        default=size_of(input_shape, SIZES),
    )  # fmt: skip
    if weights == "imagenet" and (alpha not in ALPHAS or depth_multiplier != 1):
        raise ArgumentError(
            f"MobileNet: there are weights='imagenet' for alpha {ALPHAS} and depth_multiplier 1; alpha={alpha}, "
            f"depth_multiplier={depth_multiplier} were given."
        )
    image = asked.image()
    x = conv(
        ZeroPadding2D(((0, 1), (0, 1)), name="conv1_pad")(image), int(32 * alpha), 3, "conv1", 2, "valid"
    )
    x = _active(x, "conv1")
    for number, (filters, strides) in enumerate(BLOCKS, 1):
        x = _block(x, int(filters * alpha), strides, depth_multiplier, number)
    if include_top:
        x = _classifier(x, int(1024 * alpha), dropout, classes)
    else:
        x = asked.pooled(x)
    rows = spatial(asked.shape)[0]
    if weights == "imagenet":
        rows = imagenet_rows("MobileNet", asked.shape, SIZES)
    return asked.model(
        image,
        x,
        f"mobilenet_{alpha:0.2f}_{rows}",
        lambda: mobilenet_source(1, alpha, rows, include_top),
    )
