"""VGG19, and what goes into and comes out of it. Weights of ImageNet: images by `preprocess_input`, mode 'caffe'."""

from . import vgg
from .imagenet_utils import decode_predictions, preprocess_input

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]


def VGG19(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """VGG19 (Simonyan and Zisserman, 2014): (batch, 224, 224, 3) to (batch, classes).

    Arguments are those of all models here: see docs/applications.md.
    """
    return vgg.build("VGG19", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
