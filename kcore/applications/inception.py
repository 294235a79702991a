"""What both Inceptions are made of: normalised convolutions, the stem, and branches that are written as steps."""

from ..layers import Activation, AveragePooling2D, MaxPooling2D, concatenate
from .building import channel_axis, conv, normalized


def conv_unit(x, filters, size, strides=1, padding="same", name=None):
    """A convolution, normalised, and its rectifier; named `name`, `name`_bn and `name`_ac."""
    named = (lambda part: None) if name is None else (lambda part: f"{name}_{part}")
    x = normalized(conv(x, filters, size, name, strides, padding), named("bn"), scale=False)
    return Activation("relu", name=named("ac"))(x)


def branch(x, steps, pair_name=None):
    """`x` through steps: (filters, size[, strides]) or the name of a pooling; one with strides has no padding.

    A tuple of two steps stands for two convolutions side by side, joined as `pair_name`.
    """
    for step in steps:
        if step == "average":
            x = AveragePooling2D(3, strides=1, padding="same")(x)
        elif step == "maximum":
            x = MaxPooling2D(3, strides=2)(x)
        elif isinstance(step[0], tuple):
            x = concatenate([conv_unit(x, *part) for part in step], axis=channel_axis(), name=pair_name)
        else:
            x = conv_unit(x, *step, *(["valid"] if len(step) == 3 else []))
    return x


def stem(x):
    """(batch, 299, 299, 3) to (batch, 35, 35, 192)."""
    x = conv_unit(x, 32, 3, 2, "valid")
    x = conv_unit(x, 32, 3, 1, "valid")
    x = MaxPooling2D(3, strides=2)(conv_unit(x, 64, 3))
    x = conv_unit(x, 80, 1, 1, "valid")
    x = conv_unit(x, 192, 3, 1, "valid")
    return MaxPooling2D(3, strides=2)(x)
