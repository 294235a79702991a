"""MobileNetV2: inverted residuals (Sandler et al., 2018, arXiv:1801.04381, table 2).

Weights of ImageNet: images of 96, 128, 160, 192 or 224 rows and columns by `preprocess_input`, mode 'tf'.
"""

from .. import backend as K
from ..errors import ArgumentError, ShapeError
from ..layers import Add, Dense, DepthwiseConv2D, GlobalAveragePooling2D, ReLU, ZeroPadding2D
from . import imagenet_utils
from .building import Asked, channel_axis, conv, halving_padding, normalized, spatial
from .imagenet_utils import decode_predictions
from .mobilenet import imagenet_rows, size_of
from .weights import mobilenet_source

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

# times by which channels are expanded, filters, how many blocks, strides of the first of them
STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
ALPHAS, SIZES = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), (96, 128, 160, 192, 224)


def preprocess_input(x, **kwargs):
    """Images as this model wants them: `imagenet_utils.preprocess_input` with mode 'tf'. `data_format` may be given."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def in_eights(filters):
    """The multiple of 8 nearest to `filters`, at least 8; the next one where that is less than 0.9 of `filters`."""
    nearest = max(8, int(filters + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * filters else nearest


def _normalized(x, name):
    return normalized(x, name, last=-1, epsilon=1e-3, momentum=0.999)


def _block(x, times, filters, strides, number):
    """x + (1x1 expanding, 3x3 depthwise, 1x1 projecting); without `x` where shapes differ."""
    name = f"block_{number}" if number else "expanded_conv"
    before, channels = x, K.int_shape(x)[channel_axis()]
    if number:
        x = _normalized(conv(x, times * channels, 1, f"{name}_expand"), f"{name}_expand_BN")
        x = ReLU(6.0, name=f"{name}_expand_relu")(x)
    if strides == 2:
        x = ZeroPadding2D(halving_padding(x, 3), name=f"{name}_pad")(x)
    padding = "same" if strides == 1 else "valid"
    x = DepthwiseConv2D(3, strides=strides, use_bias=False, padding=padding, name=f"{name}_depthwise")(x)
    x = ReLU(6.0, name=f"{name}_depthwise_relu")(_normalized(x, f"{name}_depthwise_BN"))
    x = _normalized(conv(x, filters, 1, f"{name}_project"), f"{name}_project_BN")
    return Add(name=f"{name}_add")([before, x]) if channels == filters and strides == 1 else x


def _usual_size(input_shape, input_tensor):
    if input_shape is not None or input_tensor is None or not K.is_keras_tensor(input_tensor):
        return size_of(input_shape, SIZES)
    return size_of(K.int_shape(input_tensor)[1:], SIZES)


def _check_agree(input_shape, input_tensor):
    if input_shape is None or input_tensor is None:
        return
    found = K.int_shape(input_tensor)[1:]
    if len(input_shape) == 3 and spatial(found) != spatial(input_shape):
        raise ShapeError(f"MobileNetV2: input_shape={tuple(input_shape)}, but input_tensor has {found}.")


def MobileNetV2(
    input_shape=None, alpha=1.0, include_top=True, weights="imagenet", input_tensor=None, pooling=None, classes=1000,
    **kwargs,
):  # fmt: skip
    """MobileNetV2: (batch, 224, 224, 3) to (batch, classes). Further arguments: see docs/applications.md.

    alpha: how many times the filters of the paper, rounded to multiples of 8.
    """
    _check_agree(input_shape, input_tensor)
    asked = Asked(
        "MobileNetV2", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs,
        default=_usual_size(input_shape, input_tensor),
    )  # fmt: skip
    if weights == "imagenet" and alpha not in ALPHAS:
        raise ArgumentError(
            f"MobileNetV2: there are weights='imagenet' for alpha {ALPHAS}; {alpha} was given."
        )
    image = asked.image()
    x = ZeroPadding2D(halving_padding(image, 3), name="Conv1_pad")(image)
    x = _normalized(conv(x, in_eights(32 * alpha), 3, "Conv1", 2, "valid"), "bn_Conv1")
    x = ReLU(6.0, name="Conv1_relu")(x)
    number = 0
    for times, filters, blocks, strides in STAGES:
        for i in range(blocks):
            x = _block(x, times, in_eights(filters * alpha), strides if i == 0 else 1, number)
            number += 1
    last = in_eights(1280 * alpha) if alpha > 1.0 else 1280  # it is not made smaller
    x = ReLU(6.0, name="out_relu")(_normalized(conv(x, last, 1, "Conv_1", padding="valid"), "Conv_1_bn"))
    if include_top:
        x = Dense(classes, activation="softmax", name="Logits")(GlobalAveragePooling2D()(x))
    else:
        x = asked.pooled(x)
    rows = spatial(asked.shape)[0]
    if weights == "imagenet":
        rows = imagenet_rows("MobileNetV2", asked.shape, SIZES)
    return asked.model(
        image,
        x,
        f"mobilenetv2_{alpha:0.2f}_{rows}",
        lambda: mobilenet_source(2, alpha, rows, include_top),
    )
