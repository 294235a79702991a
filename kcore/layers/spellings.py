"""Arguments as Keras 1 spelled them, where Keras 2.3.1 still read them: they are renamed, with a warning.

Tables only: which layer reads which old name, and what becomes of it. `read_old_spellings` puts this in front of a
layer's constructor; its signature stays the one of Keras 2.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ArgumentError

_KERNEL = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "W_constraint": "kernel_constraint",
}
_BIAS = {"b_regularizer": "bias_regularizer", "b_constraint": "bias_constraint", "bias": "use_bias"}
_DATA = {"dim_ordering": "data_format"}
_DENSE = {"output_dim": "units", **_KERNEL, **_BIAS}
_CONV = {
    "nb_filter": "filters",
    "subsample": "strides",
    "border_mode": "padding",
    **_DATA,
    **_KERNEL,
    **_BIAS,
}
_CONV_1D = {
    "nb_filter": "filters", "filter_length": "kernel_size", "subsample_length": "strides", "border_mode": "padding",
    "input_dim": "input_shape", "input_length": None, **_KERNEL, **_BIAS,
}  # fmt: skip
_STEPS = {
    **_KERNEL, "inner_init": "recurrent_initializer", "inner_activation": "recurrent_activation",
    "U_regularizer": "recurrent_regularizer", "U_constraint": "recurrent_constraint", **_BIAS,
    "dropout_W": "dropout", "dropout_U": "recurrent_dropout", "forget_bias_init": None,
}  # fmt: skip
_RECURRENT = {"output_dim": "units", **_STEPS, "consume_less": "implementation"}
_POOLING = {"border_mode": "padding", **_DATA}
_POOLING_1D = {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}

# layer: {old name: new name, or several, or None for what is left out}
SPELLINGS: dict[str, Mapping[str, str | tuple[str, ...] | None]] = {
    "Dense": _DENSE,
    "Embedding": {
        "init": "embeddings_initializer", "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint", "dropout": None,
    },
    "Highway": {"transform_bias": None},
    "Dropout": {"p": "rate"}, "SpatialDropout1D": {"p": "rate"}, "GaussianDropout": {"p": "rate"},
    "SpatialDropout2D": {"p": "rate", **_DATA}, "SpatialDropout3D": {"p": "rate", **_DATA},
    "GaussianNoise": {"sigma": "stddev"},
    "BatchNormalization": {"beta_init": "beta_initializer", "gamma_init": "gamma_initializer", "mode": None},
    "PReLU": {"init": "alpha_initializer"},
    "SimpleRNN": _RECURRENT, "GRU": _RECURRENT, "LSTM": _RECURRENT,
    "ConvLSTM2D": {**_CONV, **_STEPS},
    "Conv1D": _CONV_1D, "LocallyConnected1D": _CONV_1D,
    "Conv2D": _CONV, "Conv3D": _CONV, "LocallyConnected2D": _CONV,
    "Conv2DTranspose": {**_CONV, "output_shape": None},
    "SeparableConv2D": {
        **{old: new for old, new in _CONV.items() if old not in _KERNEL},
        "init": ("depthwise_initializer", "pointwise_initializer"),
    },
    **dict.fromkeys(("MaxPooling1D", "AveragePooling1D"), _POOLING_1D),
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D", "MaxPooling3D", "AveragePooling3D"), _POOLING),
    **dict.fromkeys(
        (
            "GlobalMaxPooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling3D",
            "ZeroPadding3D", "Cropping2D", "Cropping3D", "UpSampling2D", "UpSampling3D",
        ),
        _DATA,
    ),
    "UpSampling1D": {"length": "size"}, "ZeroPadding2D": _DATA,
}  # fmt: skip

# what Keras 1 could do by an argument and Keras 2 cannot
_REFUSED: dict[tuple[str, str], Callable[[Any], bool]] = {
    ("BatchNormalization", "mode"): lambda value: value != 0,
}

# values that were spelled otherwise too, by the old name of their argument
_VALUES: dict[str, Mapping[Any, Any]] = {
    "dim_ordering": {"tf": "channels_last", "th": "channels_first", "default": None},
    "consume_less": {"cpu": 0, "mem": 1, "gpu": 2},
}
# one number per axis of the kernel, by name or one after the other: Conv2D(32, 3, 3)
_KERNELS = {
    **dict.fromkeys(
        ("Conv2D", "SeparableConv2D", "Conv2DTranspose", "ConvLSTM2D", "LocallyConnected2D"), ("nb_row", "nb_col")
    ),
    "Conv3D": ("kernel_dim1", "kernel_dim2", "kernel_dim3"),
}  # fmt: skip


def read_old_spellings(name: str, construct: Callable[..., None]) -> Callable[..., None]:
    """`construct`, the `__init__` of the layer called `name`, that also reads Keras 1's arguments."""
    table, axes = SPELLINGS[name], _KERNELS.get(name, ())
    old_names = {*table, *axes}

    @functools.wraps(construct)
    def reading(self: Any, *args: Any, **kwargs: Any) -> None:
        numbered = bool(axes) and len(args) == 1 + len(axes) and all(isinstance(a, int) for a in args[1:])
        edges = [k for k, v in kwargs.items() if isinstance(v, Mapping) and (name, k) in _EDGES]
        if numbered or edges or not old_names.isdisjoint(kwargs):
            told = [n for n in kwargs if n in old_names or n in edges] or list(axes)
            args, kwargs = _with_one_kernel_size(name, axes, args, kwargs)
            kwargs = _renamed(name, table, kwargs)
            warnings.warn(
                f"{name}: {', '.join(told)} {'is' if len(told) == 1 else 'are'} spelled as in Keras 1 and read as "
                f"{', '.join(sorted(kwargs)) or 'the kernel size'}; use the names of Keras 2.",
                stacklevel=2,
            )
        construct(self, *args, **kwargs)

    return reading


def _with_one_kernel_size(
    name: str, axes: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The sizes of the kernel's axes, given one by one, as `kernel_size`."""
    named = [a for a in axes if a in kwargs]
    loose = list(args[1:])
    if not axes or len(loose) + len(named) != len(axes) or not (named or len(loose) > 1):
        return args, kwargs
    kept = {k: v for k, v in kwargs.items() if k not in axes}
    remaining = iter(loose)
    sizes = tuple(kwargs[a] if a in kwargs else next(remaining) for a in axes)
    return args[:1], {**kept, "kernel_size": sizes}


# zeros around an image, edge by edge: {"top_pad": 1, ...}
_EDGES = {
    ("ZeroPadding2D", "padding"): (("top_pad", "bottom_pad"), ("left_pad", "right_pad")),
}


def _edges(name: str, key: str, value: Mapping[str, int]) -> Any:
    pairs = _EDGES[name, key]
    unknown = set(value) - {edge for pair in pairs for edge in pair}
    if unknown:
        raise ArgumentError(f"{name}: {key} has no edge {sorted(unknown)[0]!r}; they are {pairs}.")
    return tuple(tuple(value.get(edge, 0) for edge in pair) for pair in pairs)


def _renamed(name: str, table: Mapping[str, Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    new: dict[str, Any] = {}
    for key, value in kwargs.items():
        wanted = table.get(key, key)
        if (name, key) in _REFUSED and _REFUSED[name, key](value):
            raise TypeError(
                f"{name}: {key}={value!r} was possible in Keras 1; Keras 2 has nothing of the kind."
            )
        if isinstance(value, Mapping) and (name, key) in _EDGES:
            value = _edges(name, key, value)
        if (key, wanted) == ("input_dim", "input_shape"):
            value = (kwargs.get("input_length"), value)
        if key in table and key in _VALUES:
            value = _VALUES[key].get(value, value)
        for target in () if wanted is None else (wanted,) if isinstance(wanted, str) else wanted:
            if target in new or (target != key and target in kwargs):
                raise ArgumentError(f"{name}: {key} and {target} are one argument; both were given.")
            new[target] = value
    return new
