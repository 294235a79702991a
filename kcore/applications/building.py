"""What the architectures share: their arguments, the frame of a model around them, and small stacks of layers."""

import os
import warnings
from dataclasses import dataclass
from typing import Any

from .. import backend as K
from ..errors import ArgumentError, ShapeError
from ..layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Input,
)
from ..models import Model
from ..utils.layer_utils import get_source_inputs
from .imagenet_utils import ignore_parts_of_keras
from .weights import fetched

_POOLINGS = {"avg": GlobalAveragePooling2D, "max": GlobalMaxPooling2D, None: None}


def _channels_first():
    return K.image_data_format() == "channels_first"


def _of_size(rows):
    """The shape of a colour image of so many rows and columns, in the layout that is set."""
    return (3, rows, rows) if _channels_first() else (rows, rows, 3)


def spatial(shape):
    """(rows, columns) of the shape of an image, in the layout that is set."""
    return tuple(shape[1:]) if _channels_first() else tuple(shape[:2])


@dataclass
class Asked:
    """What all models are asked for. `name` is the function's; `shape`, without the batch, is settled here.

    minimum, default: the least and the usual number of rows and columns. fixed: the shape must be known even without
    the classifier.
    """

    name: str
    include_top: bool
    weights: str | None
    input_tensor: Any
    input_shape: Any
    pooling: str | None
    classes: int
    further: dict
    minimum: int = 32
    default: int = 224
    fixed: bool = False

    def __post_init__(self):
        ignore_parts_of_keras(self.further, self.name)
        if self.weights not in (None, "imagenet") and not (
            isinstance(self.weights, (str, os.PathLike)) and os.path.exists(self.weights)
        ):
            raise ArgumentError(
                f"{self.name}: weights={self.weights!r}; None, 'imagenet' or the path of a file of weights is needed."
            )
        if self.weights == "imagenet" and self.include_top and self.classes != 1000:
            raise ArgumentError(
                f"{self.name}: weights='imagenet' with the classifier has 1000 classes, not {self.classes}. Use "
                "include_top=False and a classifier of your own, or weights=None."
            )
        if self.pooling not in _POOLINGS:
            raise ArgumentError(f"{self.name}: pooling={self.pooling!r}; use None, 'avg' or 'max'.")
        self.shape = self._settled()

    def _settled(self):
        known = self.include_top or self.fixed
        asked = self.input_shape
        if asked is not None:
            asked = tuple(asked) if isinstance(asked, (tuple, list)) else asked
            if not isinstance(asked, tuple) or len(asked) != 3:
                raise ShapeError(f"{self.name}: input_shape={asked!r}; three numbers are needed.")
            self._check_channels(asked)
        if self.weights == "imagenet" and known:
            if asked not in (None, _of_size(self.default)):
                raise ShapeError(
                    f"{self.name}: weights='imagenet' with the classifier is for input_shape "
                    f"{_of_size(self.default)}; {asked} was given. Use include_top=False for others."
                )
            return _of_size(self.default)
        if asked is None:
            return _of_size(self.default if known else None)
        small = [n for n in spatial(asked) if n is not None and n < self.minimum]
        if small:
            raise ShapeError(
                f"{self.name}: input_shape={asked}; rows and columns must be at least {self.minimum} "
                f"({K.image_data_format()})."
            )
        if known and None in asked:
            raise ShapeError(f"{self.name}: input_shape={asked}; all of it must be known for the classifier.")
        return asked

    def _check_channels(self, asked):
        channels = asked[0 if _channels_first() else -1]
        if self.weights == "imagenet":
            if channels != 3 and not (self.include_top or self.fixed):
                raise ShapeError(
                    f"{self.name}: weights='imagenet' is for 3 channels; input_shape={asked} has {channels}."
                )
        elif channels not in (1, 3):
            warnings.warn(
                f"{self.name} is meant for 1 or 3 channels; input_shape={asked} has {channels} "
                f"({K.image_data_format()}).",
                stacklevel=5,
            )

    def image(self):
        """The tensor that the model begins with."""
        if self.input_tensor is None:
            return Input(shape=self.shape)
        if K.is_keras_tensor(self.input_tensor):
            return self.input_tensor
        return Input(tensor=self.input_tensor, shape=self.shape)

    def pooled(self, x, named=False):
        """`x` (batch, rows, columns, channels), or averages or maxima over rows and columns, as asked for.

        named: whether the pooling is called 'avg_pool' or 'max_pool', as in some families.
        """
        pooling = _POOLINGS[self.pooling]
        return x if pooling is None else pooling(name=f"{self.pooling}_pool" if named else None)(x)

    def classified(self, x, name, named=False):
        """(batch, classes) by averages and a softmax, or without the classifier what `pooled` gives."""
        if not self.include_top:
            return self.pooled(x, named)
        return Dense(self.classes, activation="softmax", name=name)(
            GlobalAveragePooling2D(name="avg_pool")(x)
        )

    def model(self, image, output, name, source):
        """The model, with its weights. source: of the weights of ImageNet: a function that gives file, address, hash."""
        inputs = image if self.input_tensor is None else get_source_inputs(image)
        model = Model(inputs, output, name=name)
        if self.weights == "imagenet":
            model.load_weights(fetched(*source()))
        elif self.weights is not None:
            model.load_weights(self.weights)
        return model


def channel_axis(last=3):
    """The axis of channels, as BatchNormalization takes it; `last` as the family's configs write it."""
    return 1 if _channels_first() else last


def conv(x, filters, size, name=None, strides=1, padding="same", use_bias=False, **options):
    return Conv2D(filters, size, strides=strides, padding=padding, use_bias=use_bias, name=name, **options)(x)


def normalized(x, name=None, last=3, **options):
    return BatchNormalization(axis=channel_axis(last), name=name, **options)(x)


def halving_padding(x, size):
    """Zeros around `x`, ((top, bottom), (left, right)), for a window of `size` that moves by 2 and ends at the border.

    Sizes that are not known count as even.
    """
    even = [1 if n is None else 1 - n % 2 for n in spatial(K.int_shape(x)[1:])]
    return tuple((size // 2 - e, size // 2) for e in even)
