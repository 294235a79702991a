"""Keras 2's path `keras.backend.common`: global settings, also under the names of Keras 1."""

from ..errors import ArgumentError
from .keras_face import normalize_data_format
from .settings import (
    eager,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    symbolic,
)
from .values import cast_to_floatx

_ORDERINGS = {"tf": "channels_last", "th": "channels_first"}


def image_dim_ordering():
    """Keras 1's name of `image_data_format`: 'tf' for 'channels_last', 'th' for 'channels_first'."""
    return next(short for short, name in _ORDERINGS.items() if name == image_data_format())


def set_image_dim_ordering(dim_ordering):
    """Keras 1's name of `set_image_data_format`: 'tf' or 'th'. Raises ArgumentError for anything else."""
    if dim_ordering not in _ORDERINGS:
        raise ArgumentError(f"dim_ordering is 'tf' or 'th'; {dim_ordering!r} was given.")
    set_image_data_format(_ORDERINGS[dim_ordering])
