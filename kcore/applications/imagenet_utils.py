"""What goes into classifiers of ImageNet, and what comes out of them."""

import functools

import numpy as np

from .. import backend as K
from ..errors import ArgumentError, DataError, UnknownArgument
from ..saving.gate import config_from_json
from .weights import CLASSES, fetched

# Means and deviations over ImageNet, by channel: of Caffe's models (blue, green, red; 0 to 255) and of Torch's (red,
# green, blue; 0 to 1).
_CAFFE_MEAN = (103.939, 116.779, 123.68)
_TORCH_MEAN, _TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MODES = ("caffe", "tf", "torch")
_PARTS_OF_KERAS = {"backend", "layers", "models", "utils"}


def ignore_parts_of_keras(given, who):
    """Keras 2 takes its own modules as arguments of these names, and then uses its own all the same."""
    unknown = sorted(set(given) - _PARTS_OF_KERAS)
    if unknown:
        raise UnknownArgument(f"{who} has no argument {unknown[0]!r}.")


def preprocess_input(x, data_format=None, mode="caffe", **kwargs):
    """Images (batch, rows, columns, 3) or (rows, columns, 3), 0 to 255, as a model wants them: arrays or tensors.

    mode: 'caffe': red, green, blue become blue, green, red, minus their means; 'tf': -1 to 1; 'torch': 0 to 1, minus
    means, by deviations. data_format: K.image_data_format() by default.

    As in Keras 2 an array of floats is changed in place; others become K.floatx().
    """
    ignore_parts_of_keras(kwargs, "preprocess_input")
    data_format = K.normalize_data_format(data_format)
    if mode not in MODES:
        raise ArgumentError(f"preprocess_input: mode={mode!r}; use one of {', '.join(MODES)}.")
    if not hasattr(x, "shape"):
        raise DataError(f"preprocess_input takes an array or a tensor; {type(x).__name__} was given.")
    if isinstance(x, np.ndarray):
        return _array(x, data_format, mode)
    return _tensor(x, data_format, mode)


def _channels(x, data_format):
    """The axis of the channels. Raises DataError where there are not three."""
    axis = -3 if data_format == "channels_first" else -1
    if len(x.shape) < 3 or x.shape[axis] not in (3, None):
        raise DataError(
            f"preprocess_input: 3 channels at axis {axis} are needed ({data_format}); the shape is {tuple(x.shape)}."
        )
    return axis


def _array(x, data_format, mode):
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(K.floatx())
    if mode == "tf":
        x /= 127.5
        x -= 1.0
        return x
    axis = _channels(x, data_format)
    along = (3, 1, 1) if axis == -3 else (3,)
    if mode == "caffe":
        x = np.flip(x, axis)
        x -= np.reshape(_CAFFE_MEAN, along).astype(x.dtype)
        return x
    x /= 255.0
    x -= np.reshape(_TORCH_MEAN, along).astype(x.dtype)
    x /= np.reshape(_TORCH_DEVIATION, along).astype(x.dtype)
    return x


def _tensor(x, data_format, mode):
    if not str(K.dtype(x)).startswith(("float", "bfloat")):
        x = K.cast(x, K.floatx())
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = _channels(x, data_format)
    along = (3, 1, 1) if axis == -3 else (3,)
    constant = lambda values: K.constant(np.reshape(values, along), dtype=K.dtype(x))
    if mode == "caffe":
        return K.reverse(x, K.ndim(x) + axis) - constant(_CAFFE_MEAN)
    return (x / 255.0 - constant(_TORCH_MEAN)) / constant(_TORCH_DEVIATION)


def decode_predictions(preds, top=5, **kwargs):
    """Per row of `preds` (rows, 1000) the `top` classes, best first: [(WordNet's number, name, score), ...].

    Names come from a file that is fetched once. Raises DataError for another shape.
    """
    ignore_parts_of_keras(kwargs, "decode_predictions")
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise DataError(f"decode_predictions takes predictions of shape (rows, 1000); it is {preds.shape}.")
    names = _classes()
    best = np.argsort(preds, axis=1)[:, ::-1][:, : max(0, top)]
    return [[(*names[i], row[i]) for i in order] for row, order in zip(preds, best)]


def _classes():
    return _classes_in(fetched("imagenet_class_index.json", *CLASSES))


@functools.lru_cache(1)
def _classes_in(path):
    """[(WordNet's number, name), ...] of the 1000 classes."""
    with open(path, "rb") as file:
        held = config_from_json(file.read(), path)
    return [tuple(held[str(i)]) for i in range(1000)]
