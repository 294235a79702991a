"""DenseNets: each layer sees all before it (Huang et al., 2016, arXiv:1608.06993, table 1; growth 32, compression 1/2).

Weights of ImageNet: images by `preprocess_input`, mode 'torch'.
"""

from .. import backend as K
from ..layers import Activation, AveragePooling2D, Concatenate, MaxPooling2D, ZeroPadding2D
from . import imagenet_utils
from .building import Asked, channel_axis, conv, normalized
from .imagenet_utils import decode_predictions
from .weights import source

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

# layers per dense block
BLOCKS = {"DenseNet121": (6, 12, 24, 16), "DenseNet169": (6, 12, 32, 32), "DenseNet201": (6, 12, 48, 32)}
GROWTH = 32


def preprocess_input(x, data_format=None, **kwargs):
    """Images as these models want them: `imagenet_utils.preprocess_input` with mode 'torch'."""
    return imagenet_utils.preprocess_input(x, data_format, mode="torch", **kwargs)


def _active(x, name, relu):
    return Activation("relu", name=relu)(normalized(x, name, epsilon=1.001e-5))


def _layer(x, name):
    """`x` and GROWTH further channels, made by a 1x1 and a 3x3 convolution."""
    y = _active(x, f"{name}_0_bn", f"{name}_0_relu")
    y = conv(y, 4 * GROWTH, 1, f"{name}_1_conv", padding="valid")
    y = _active(y, f"{name}_1_bn", f"{name}_1_relu")
    y = conv(y, GROWTH, 3, f"{name}_2_conv")
    return Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, y])


def _transition(x, name):
    """Half the channels, half the rows and columns."""
    x = _active(x, f"{name}_bn", f"{name}_relu")
    x = conv(x, K.int_shape(x)[channel_axis()] // 2, 1, f"{name}_conv", padding="valid")
    return AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def _build(name, include_top, weights, input_tensor, input_shape, pooling, classes, further):
    asked = Asked(name, include_top, weights, input_tensor, input_shape, pooling, classes, further)
    image = asked.image()
    x = conv(ZeroPadding2D(3)(image), 64, 7, "conv1/conv", 2, "valid")
    x = ZeroPadding2D(1)(_active(x, "conv1/bn", "conv1/relu"))
    x = MaxPooling2D(3, strides=2, name="pool1")(x)
    for block, layers in enumerate(BLOCKS[name], 2):
        if block > 2:
            x = _transition(x, f"pool{block - 1}")
        for i in range(1, layers + 1):
            x = _layer(x, f"conv{block}_block{i}")
    x = asked.classified(_active(x, "bn", "relu"), "fc1000", named=True)
    return asked.model(image, x, name.lower(), lambda: source(name.lower(), include_top))


def DenseNet121(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """DenseNet of 121 layers: (batch, 224, 224, 3) to (batch, classes). Arguments: see docs/applications.md."""
    return _build("DenseNet121", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)


def DenseNet169(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """DenseNet of 169 layers: (batch, 224, 224, 3) to (batch, classes). Arguments: see docs/applications.md."""
    return _build("DenseNet169", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)


def DenseNet201(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """DenseNet of 201 layers: (batch, 224, 224, 3) to (batch, classes). Arguments: see docs/applications.md."""
    return _build("DenseNet201", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
