"""NASNet-A, whose cells were found by search (Zoph et al., 2017, arXiv:1707.07012, figure 4 and appendix A.4).

Weights of ImageNet: images of 224 by 224 (mobile) or 331 by 331 (large) by `preprocess_input`, mode 'tf'.
"""

from .. import backend as K
from ..layers import (
    Activation,
    AveragePooling2D,
    Cropping2D,
    Dense,
    GlobalAveragePooling2D,
    MaxPooling2D,
    SeparableConv2D,
    ZeroPadding2D,
    add,
    concatenate,
)
from . import imagenet_utils
from .building import Asked, channel_axis, conv, halving_padding, normalized, spatial
from .imagenet_utils import decode_predictions
from .weights import source

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]


def preprocess_input(x, **kwargs):
    """Images as these models want them: `imagenet_utils.preprocess_input` with mode 'tf'. `data_format` may be given."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def _relu(x, name=None):
    return Activation("relu", name=name)(x)


def _normalized(x, name):
    return normalized(x, name, last=-1, momentum=0.9997, epsilon=1e-3)


def _conv(x, filters, size, name, **options):
    return conv(x, filters, size, name, kernel_initializer="he_normal", **options)


def _separable(x, filters, size, name, strides=1):
    """Twice: relu, a separable convolution, normalisation; strides in the first."""
    x, padding = _relu(x), "same"
    if strides == 2:
        x = ZeroPadding2D(halving_padding(x, size), name=f"separable_conv_1_pad_{name}")(x)
        padding = "valid"
    for i, (by, pad) in enumerate(((strides, padding), (1, "same")), 1):
        x = _relu(x) if i == 2 else x
        layer = SeparableConv2D(
            filters, size, strides=by, padding=pad, use_bias=False, name=f"separable_conv_{i}_{name}"
        )
        x = _normalized(layer(x), f"separable_conv_{i}_bn_{name}")
    return x


def _spatial(x):
    return spatial(K.int_shape(x)[1:])


def _adjusted(before, x, filters, name, halved):
    """What the cell before last gave, with as many rows, columns and channels as this cell works with.

    halved: whether a reduction lies between; it tells where sizes are not known.
    """
    if before is None:
        return x
    if _spatial(before) != _spatial(x) or (halved and None in _spatial(x)):
        before = _relu(before, f"adjust_relu_1_{name}")
        shifted = Cropping2D(((1, 0), (1, 0)))(ZeroPadding2D(((0, 1), (0, 1)))(before))
        halves = []
        for i, half in enumerate((before, shifted), 1):
            half = AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{i}_{name}")(half)
            halves.append(_conv(half, filters // 2, 1, f"adjust_conv_{i}_{name}"))
        return _normalized(concatenate(halves, axis=channel_axis(-1)), f"adjust_bn_{name}")
    if K.int_shape(before)[channel_axis(-1)] != filters:
        before = _conv(_relu(before), filters, 1, f"adjust_conv_projection_{name}")
        return _normalized(before, f"adjust_bn_{name}")
    return before


def _average(x, name):
    return AveragePooling2D(3, strides=1, padding="same", name=name)(x)


def _normal_cell(x, before, filters, name, halved):
    """Figure 4, left: same size."""
    before = _adjusted(before, x, filters, name, halved)
    x = _normalized(_conv(_relu(x), filters, 1, f"normal_conv_1_{name}"), f"normal_bn_1_{name}")
    separable = lambda t, size, side: _separable(t, filters, size, f"normal_{side}_{name}")
    pairs = [
        lambda: (separable(x, 5, "left1"), separable(before, 3, "right1")),
        lambda: (separable(before, 5, "left2"), separable(before, 3, "right2")),
        lambda: (_average(x, f"normal_left3_{name}"), before),
        lambda: (_average(before, f"normal_left4_{name}"), _average(before, f"normal_right4_{name}")),
        lambda: (separable(x, 3, "left5"), x),
    ]
    sums = [add(list(pair()), name=f"normal_add_{i}_{name}") for i, pair in enumerate(pairs, 1)]
    return concatenate([before, *sums], axis=channel_axis(-1), name=f"normal_concat_{name}")


def _reduction_cell(x, before, filters, name, halved=False):
    """Figure 4, right: half the rows and columns."""
    before = _adjusted(before, x, filters, name, halved)
    x = _normalized(_conv(_relu(x), filters, 1, f"reduction_conv_1_{name}"), f"reduction_bn_1_{name}")
    padded = ZeroPadding2D(halving_padding(x, 3), name=f"reduction_pad_1_{name}")(x)
    separable = lambda t, size, side: _separable(t, filters, size, f"reduction_{side}_{name}", strides=2)
    pool = lambda layer, side: layer(3, strides=2, name=f"reduction_{side}_{name}")(padded)
    first = add([separable(x, 5, "left1"), separable(before, 7, "right1")], name=f"reduction_add_1_{name}")
    second = add(
        [pool(MaxPooling2D, "left2"), separable(before, 7, "right2")], name=f"reduction_add_2_{name}"
    )
    third = add(
        [pool(AveragePooling2D, "left3"), separable(before, 5, "right3")], name=f"reduction_add3_{name}"
    )
    fourth = add([second, _average(first, f"reduction_left4_{name}")])
    again = _separable(first, filters, 3, f"reduction_left4_{name}")
    fifth = add([again, pool(MaxPooling2D, "right5")], name=f"reduction_add4_{name}")
    parts = [second, third, fourth, fifth]
    return concatenate(parts, axis=channel_axis(-1), name=f"reduction_concat_{name}")


def _build(asked, file, penultimate, cells, stem_filters, skips):
    """penultimate: channels at the end. cells: normal cells per stage. skips: whether the first cell after a
    reduction sees, as the one before, what the reduction itself saw as such."""
    filters = penultimate // 24
    image = asked.image()
    x = _conv(image, stem_filters, 3, "stem_conv1", strides=2, padding="valid")
    x, before = _normalized(x, "stem_bn1"), None
    for i, divisor in enumerate((4, 2), 1):
        x, before = _reduction_cell(x, before, filters // divisor, f"stem_{i}", halved=i == 2), x
    for stage in range(3):
        if stage:
            made = _reduction_cell(x, before, filters * 2**stage, f"reduce_{stage * cells}")
            x, before = made, before if skips else x
        for i in range(cells):
            name = str(stage * cells + i + (stage > 0))
            x, before = _normal_cell(x, before, filters * 2**stage, name, halved=i == 0), x
    x = _relu(x)
    if asked.include_top:
        x = Dense(asked.classes, activation="softmax", name="predictions")(GlobalAveragePooling2D()(x))
    else:
        x = asked.pooled(x)
    return asked.model(image, x, "NASNet", lambda: source(file, asked.include_top))


def NASNetMobile(
    input_shape=None,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """NASNet-A (4 @ 1056): (batch, 224, 224, 3) to (batch, classes). Arguments: see docs/applications.md."""
    asked = Asked(
        "NASNetMobile", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs, fixed=True
    )
    return _build(asked, "nasnet_mobile", 1056, 4, 32, skips=False)


def NASNetLarge(
    input_shape=None,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """NASNet-A (6 @ 4032): (batch, 331, 331, 3) to (batch, classes). Arguments: see docs/applications.md."""
    asked = Asked(
        "NASNetLarge", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs, default=331,
        fixed=True,
    )  # fmt: skip
    return _build(asked, "nasnet_large", 4032, 6, 96, skips=True)
