"""Inception-ResNet v2: Inception's branches with residual connections (Szegedy et al., 2016, arXiv:1602.07261).

Weights of ImageNet: images of 299 by 299 by `preprocess_input`, mode 'tf'.
"""

from .. import backend as K
from ..layers import Activation, Concatenate, Conv2D, Lambda
from ..layers.core import add_scaled
from . import imagenet_utils
from .building import Asked, channel_axis
from .imagenet_utils import decode_predictions
from .inception import branch, conv_unit, stem
from .weights import source

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

# Branches, of steps as `inception.branch` takes them.
_MIXED_5B = (
    [(96, 1)],
    [(48, 1), (64, 5)],
    [(64, 1), (96, 3), (96, 3)],
    ["average", (64, 1)],
)
_MIXED_6A = (
    [(384, 3, 2)],
    [(256, 1), (256, 3), (384, 3, 2)],
    ["maximum"],
)
_MIXED_7A = (
    [(256, 1), (384, 3, 2)],
    [(256, 1), (288, 3, 2)],
    [(256, 1), (288, 3), (320, 3, 2)],
    ["maximum"],
)
# the residual blocks: branches, scale of the residual, how many
_BLOCKS = {
    "block35": (([(32, 1)], [(32, 1), (32, 3)], [(32, 1), (48, 3), (64, 3)]), 0.17, 10),
    "block17": (([(192, 1)], [(128, 1), (160, (1, 7)), (192, (7, 1))]), 0.1, 20),
    "block8": (([(192, 1)], [(192, 1), (224, (1, 3)), (256, (3, 1))]), 0.2, 9),
}


def preprocess_input(x, **kwargs):
    """Images as this model wants them: `imagenet_utils.preprocess_input` with mode 'tf'. `data_format` may be given."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def _mixed(x, branches, name):
    return Concatenate(axis=channel_axis(), name=name)([branch(x, steps) for steps in branches])


def _residual(x, kind, number, scale, activation="relu"):
    name = f"{kind}_{number}"
    up = Conv2D(K.int_shape(x)[channel_axis()], 1, padding="same", name=f"{name}_conv")
    residual = up(_mixed(x, _BLOCKS[kind][0], f"{name}_mixed"))
    shape = K.int_shape(x)[1:]
    x = Lambda(add_scaled, output_shape=shape, arguments={"scale": scale}, name=name)([x, residual])
    return x if activation is None else Activation(activation, name=f"{name}_ac")(x)


def InceptionResNetV2(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """Inception-ResNet v2: (batch, 299, 299, 3) to (batch, classes). Arguments: see docs/applications.md."""
    asked = Asked(
        "InceptionResNetV2", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs, minimum=75,
        default=299,
    )  # fmt: skip
    image = asked.image()
    x = stem(image)
    mixed = (("mixed_5b", _MIXED_5B), ("mixed_6a", _MIXED_6A), ("mixed_7a", _MIXED_7A))
    for (name, branches), (kind, (_, scale, count)) in zip(mixed, _BLOCKS.items()):
        x = _mixed(x, branches, name)
        for number in range(1, count + 1):
            x = _residual(x, kind, number, scale)
    x = _residual(x, "block8", 10, 1.0, activation=None)
    x = conv_unit(x, 1536, 1, name="conv_7b")
    x = asked.classified(x, "predictions")
    return asked.model(image, x, "inception_resnet_v2", lambda: source("inception_resnet_v2", include_top))
