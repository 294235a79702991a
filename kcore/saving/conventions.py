"""How weights were laid out by those who wrote a file, brought to the one layout of kcore (Keras 2's).

What Keras 2.3.1 converted when it read older files, or files of its other backends, is converted here, by the same
rules: kernels of engines that convolve (instead of correlating) are turned round, weights of Keras 1 are joined and
transposed, cuDNN's recurrent layers and the plain ones are made of one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import CannotMap

# Keras 2's files name the backend that wrote them, and with it how a convolution reads its kernel.
WRITTEN_AS = "tensorflow"  # what kcore's own files say: kernels are correlated
CORRELATES = {"tensorflow": True, "theano": False, "cntk": True, "mxnet": True, "jax": True, "torch": True, "numpy": True,
              "openvino": True, "plaidml": True}  # fmt: skip

_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D")


def turns_kernels(made_by: Mapping[str, str], where: str) -> bool:
    """Whether kernels in a file are to be turned round. Raises CannotMap for a backend that nobody knows."""
    backend = made_by.get("backend")
    if backend is None:
        return False
    if backend not in CORRELATES:
        raise CannotMap(
            f"{where}: it was written by a backend called {backend!r}; whether its convolutions turn the kernel round is "
            f"not known. Set the file's attribute 'backend' to one of {', '.join(CORRELATES)}."
        )
    return not CORRELATES[backend]


def is_keras_1(made_by: Mapping[str, str]) -> bool:
    return made_by.get("keras_version", "1").split(".")[0] == "1"


def converted(
    layer: Any, arrays: Sequence[Any], made_by: Mapping[str, str], where: str, reshape: bool = False
) -> list[Any]:
    """The weights of one layer as kcore lays them out, in the order of `layer.weights`; those that need nothing as
    they came, not even read."""
    given = list(arrays)
    kind = type(layer).__name__
    for name, convert in (("TimeDistributed", _of_wrapped), ("Bidirectional", _of_both)):
        if kind == name:
            return convert(layer, given, made_by, where, reshape)
    if hasattr(layer, "_graph_nodes"):
        return _of_model(layer, given, made_by, where, reshape)
    if is_keras_1(made_by):
        given = _from_keras_1(layer, kind, given)
    if kind in _CONVOLUTIONS and given:
        given = _kernels(layer, kind, given, turns_kernels(made_by, where), reshape)
    return _recurrent(layer, kind, given, where)


def _of_wrapped(layer: Any, given: list[Any], *rest: Any) -> list[Any]:
    return converted(layer.layer, given, *rest)


def _of_both(layer: Any, given: list[Any], *rest: Any) -> list[Any]:
    half = len(given) // 2
    return [
        *converted(layer.forward_layer, given[:half], *rest),
        *converted(layer.backward_layer, given[half:], *rest),
    ]


def _of_model(model: Any, given: list[Any], *rest: Any) -> list[Any]:
    """A model within a model: the trainable weights of all its layers, then the others."""
    made: list[Any] = []
    counts = [len(s.trainable_weights) for s in model.layers]
    counts += [len(s.weights) - len(s.trainable_weights) for s in model.layers]
    if sum(counts) != len(given):
        return given  # of another shape altogether; the table of weights will say so
    for sublayer, count in zip([*model.layers, *model.layers], counts):
        made.extend(converted(sublayer, given[:count], *rest) if count else [])
        given = given[count:]
    return made


# kernels ----------------------------------------------------------------------------------------------------
def turned(kernel: Any) -> np.ndarray:
    """A kernel (window..., in, out) turned round in every axis of its window; of an old 4-D one too."""
    kernel = np.asarray(kernel)
    axes = tuple(range(kernel.ndim - 2))
    return np.copy(np.flip(kernel, axes))


def _kernels(layer: Any, kind: str, given: list[Any], turn: bool, reshape: bool) -> list[Any]:
    several = 2 if kind == "ConvLSTM2D" else 1
    shape = tuple(layer.weights[0].shape) if layer.weights else tuple(given[0].shape)
    made = list(given)
    for i in range(min(several, len(made))):
        if turn:
            made[i] = turned(made[i])
    if tuple(made[0].shape) != shape and len(made[0].shape) == 4 == len(shape):
        if reshape and np.prod(made[0].shape) == np.prod(shape):
            made[0] = np.reshape(np.asarray(made[0]), shape)
        else:
            for i in range(min(several, len(made))):
                swapped = np.transpose(np.asarray(made[i]), (3, 2, 0, 1))
                wanted = tuple(layer.weights[i].shape) if len(layer.weights) > i else swapped.shape
                made[i] = swapped if swapped.shape == wanted else made[i]
    return made


# Keras 1 ----------------------------------------------------------------------------------------------------
def _from_keras_1(layer: Any, kind: str, given: list[Any]) -> list[Any]:
    first = getattr(layer, "data_format", None) == "channels_first"
    if kind == "Conv1D" and given and len(given[0].shape) == 4:
        return [_conv_1d(layer, np.asarray(given[0])), *given[1:]]
    if kind == "Conv2D" and given and first:
        return [np.transpose(np.asarray(given[0]), (2, 3, 1, 0)), *given[1:]]
    if kind == "Conv2DTranspose" and given:
        return [np.transpose(np.asarray(given[0]), (2, 3, 0, 1) if first else (0, 1, 3, 2)), *given[1:]]
    if kind == "Conv3D" and given and first:
        return [np.transpose(np.asarray(given[0]), (2, 3, 4, 1, 0)), *given[1:]]
    # one array per gate: input weights, recurrent weights, bias; LSTM's gates in the order i, c, f, o
    if kind == "GRU" and len(given) == 9:
        return _joined(given, (0, 3, 6))
    if kind == "LSTM" and len(given) == 12:
        return _joined(given, (0, 6, 3, 9))
    if kind == "ConvLSTM2D" and len(given) == 12:
        kernel, recurrent, bias = _joined(given, (0, 6, 3, 9))
        if first:
            kernel, recurrent = (np.transpose(k, (2, 3, 1, 0)) for k in (kernel, recurrent))
        return [kernel, recurrent, bias]
    return given


def _conv_1d(layer: Any, kernel: np.ndarray) -> np.ndarray:
    size, filters = layer.kernel_size[0], layer.filters
    if kernel.shape[:2] != (size, 1) or kernel.shape[3] != filters:  # (filters, in, size, 1)
        kernel = np.transpose(kernel, (2, 3, 1, 0))
    return kernel[:, 0, :, :]


def _joined(given: list[Any], starts: Sequence[int]) -> list[np.ndarray]:
    return [np.concatenate([np.asarray(given[s + part]) for s in starts], axis=-1) for part in range(3)]


# cuDNN ------------------------------------------------------------------------------------------------------
_GATES = {"LSTM": 4, "CuDNNLSTM": 4, "GRU": 3, "CuDNNGRU": 3}


def _recurrent(layer: Any, kind: str, given: list[Any], where: str) -> list[Any]:
    """Between cuDNN's recurrent layers and the plain ones; which one a file holds is told by the shape of the bias."""
    if kind not in _GATES or len(given) != 3:
        return given
    units, gates = layer.units, _GATES[kind]
    shapes = {
        (2 * gates * units,): "cudnn",
        (gates * units,): "plain",
        (2, gates * units): "reset after",
    }
    found = shapes.get(tuple(given[2].shape))
    wanted = (
        "cudnn"
        if kind.startswith("CuDNN")
        else "reset after"
        if getattr(layer, "reset_after", False)
        else "plain"
    )
    if found is None or found == wanted:
        return given
    if gates == 3 and "plain" in (found, wanted):
        raise CannotMap(
            f"{where}: {kind} {layer.name!r} holds the weights of a GRU with reset_after={found != 'plain'}, which computes "
            f"something else. Make the layer with reset_after={found != 'plain'}."
        )
    if found == "reset after" and gates == 4:
        return given
    kernel, recurrent, bias = (np.asarray(a) for a in given)
    from_cudnn = found == "cudnn"
    order = "F" if from_cudnn else "C"
    kernel = _per_gate(kernel, gates, lambda k: k.T.reshape(k.shape, order=order))
    recurrent = _per_gate(recurrent, gates, lambda k: k.T)
    if gates == 3:
        bias = bias.reshape((2, -1) if from_cudnn else (-1,))
    else:
        bias = np.sum(np.split(bias, 2), axis=0) if from_cudnn else np.tile(0.5 * bias, 2)
    return [kernel, recurrent, bias]


def _per_gate(kernel: np.ndarray, gates: int, change: Any) -> np.ndarray:
    return np.hstack([change(k) for k in np.hsplit(kernel, gates)])
