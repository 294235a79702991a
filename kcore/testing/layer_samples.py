"""The standard layers with arguments, inputs and what is to hold for each: the table of `layer_checks`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import layers

MASKS = ("passes", "ends", "makes", "refuses")
TRAINING = ("same", "random", "statistics")


@dataclass(frozen=True)
class LayerSample:
    """One layer with arguments, and what holds for it.

    name: a registered name, or a class. config: its arguments; a `layer`, `cell` or `cells` in it is told by
    {'class_name', 'config'}. shapes: the inputs' sizes without the batch axis; several make a list of inputs.
    open: axes whose size may be unknown, counted with the batch axis (always unknown), so from 1.
    integers: inputs are whole numbers below this, instead of floats between -1 and 1.
    mask: what becomes of a mask: 'passes', 'ends' (taken, none given on), 'makes' (one of its own, whatever comes) or
    'refuses' (TypeError). heeds: what stands at masked steps does not matter for the others.
    training: 'same' as inference, 'random', or 'statistics' (of the batch are used, and gathered in weights where the
    layer is trainable).
    channels: the axis of channels where data_format is 'channels_first'; None if the layer's weights are then laid
    out in another way. covers: names of layers that are tested by this one.
    loss: a loss that belongs to the layer and reads weights of it: gradients are checked through it too, on a target of
    shape (batch, *target), whole numbers below `target_integers` or floats. settled: so many updates are run before
    gradients are checked, where what the layer gathers (a power iteration) has to settle for its gradient to be one.
    without: checks that say nothing about this layer -> why.
    """

    name: str | type
    config: dict[str, Any] = field(default_factory=dict)
    shapes: tuple[tuple[int, ...], ...] = ((4,),)
    open: tuple[int, ...] = ()
    integers: int | None = None
    mask: str = "refuses"
    heeds: bool = False
    training: str = "same"
    channels: int | None = 1
    covers: tuple[str, ...] = ()
    without: dict[str, str] = field(default_factory=dict)
    loss: str = ""
    target: tuple[int, ...] = ()
    target_integers: int | None = None
    settled: int = 0

    def __post_init__(self) -> None:
        if self.mask not in MASKS or self.training not in TRAINING:
            raise ValueError(f"mask is one of {MASKS}, training one of {TRAINING}; found {self!r}")

    def __str__(self) -> str:
        told = [f"{k}={_short(v)}" for k, v in self.config.items()]
        sizes = " ".join("x".join(map(str, s)) for s in self.shapes)
        return f"{self.class_name}({', '.join(told)}) {sizes}"

    @property
    def class_name(self) -> str:
        return self.name if isinstance(self.name, str) else self.name.__name__

    def make(self, **changed: Any) -> Any:
        """The layer; `changed` replaces arguments."""
        config = {**self.config, **changed}
        cls: Any = getattr(layers, self.name) if isinstance(self.name, str) else self.name
        nested = any(isinstance(v, dict) and "class_name" in v for v in config.values())
        return cls.from_config(config) if nested else cls(**config)

    def with_config(self, **changed: Any) -> LayerSample:
        return replace(self, config={**self.config, **changed})

    def inputs(self, batch: int = 3) -> list[np.ndarray]:
        """Values for the inputs, the same at every call."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        return [_drawn(rng, (batch, *s), self.integers) for s in self.shapes]

    def targets(self, batch: int = 3) -> np.ndarray:
        """What `loss` is told to be right, the same at every call."""
        rng = np.random.default_rng(zlib.crc32(f"target of {self}".encode()))
        return _drawn(rng, (batch, *self.target), self.target_integers)


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], below: int | None) -> np.ndarray:
    return rng.uniform(-1.0, 1.0, shape) if below is None else rng.integers(0, below, shape)


def _short(value: Any) -> str:
    if isinstance(value, dict) and "class_name" in value:
        return f"{value['class_name']}({', '.join(f'{k}={_short(v)}' for k, v in value.get('config', {}).items())})"
    return getattr(value, "__name__", None) or str(value).replace(" ", "")


def _inner(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def _both(sample: LayerSample, first: tuple[int, ...] | None = None) -> Iterator[LayerSample]:
    """The sample with the channels last, and with the channels first in the axis told (by default the first)."""
    yield sample.with_config(data_format="channels_last")
    axis = (sample.channels or 1) - 1
    moved = tuple(_moved(s, axis) for s in sample.shapes)
    spatial = tuple(a + 1 if a > axis else a for a in sample.open)
    yield replace(sample.with_config(data_format="channels_first"), shapes=moved, open=spatial)


def _moved(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], shape[-1], *shape[axis:-1])


def standard_layers() -> list[LayerSample]:
    """At least one sample for every layer that kcore brings."""
    families = (
        _core, _advanced_activations, _convolutions, _resizing, _locally_connected, _pooling, _recurrent,
        _convolutional_recurrent, _merging, _normalization_and_noise, _wrappers,
    )  # fmt: skip
    return [*(sample for family in families for sample in family()), *_beside_their_layers()]


def _beside_their_layers() -> Iterator[LayerSample]:
    """What classes of layers say of themselves in `_samples`: arguments of LayerSample but the name."""
    for name in layers.__all__:
        for told in vars(getattr(layers, name)).get("_samples", ()):
            yield LayerSample(name, **told)


def _core() -> Iterator[LayerSample]:
    S = LayerSample
    yield S(
        "Dense",
        {"units": 3, "activation": "tanh", "kernel_regularizer": "l2", "bias_regularizer": "l1"},
        mask="passes",
    )
    yield S(
        "Dense",
        {"units": 3, "use_bias": False, "activity_regularizer": "l2"},
        ((2, 5, 4),),
        (1, 2),
        mask="passes",
    )
    yield S(
        "Dense", {"units": 3, "kernel_constraint": "max_norm", "bias_constraint": "non_neg"}, mask="passes"
    )
    yield S("Activation", {"activation": "softmax"}, ((3, 4),), (1,), mask="passes")
    yield S("Dropout", {"rate": 0.4}, ((5, 8),), (1,), mask="passes", training="random")
    yield S("Dropout", {"rate": 0.4, "noise_shape": (3, 1, 8)}, ((5, 8),), mask="passes", training="random")
    yield S("SpatialDropout1D", {"rate": 0.4}, ((3, 16),), (1,), mask="passes", training="random")
    yield from _both(
        S("SpatialDropout2D", {"rate": 0.4}, ((2, 3, 16),), (1, 2), mask="passes", training="random")
    )
    yield from _both(
        S("SpatialDropout3D", {"rate": 0.4}, ((2, 1, 3, 16),), (1,), mask="passes", training="random")
    )
    yield from _both(S("Flatten", {}, ((2, 3, 4),)))
    yield S("Reshape", {"target_shape": (-1, 2)}, ((3, 4),))
    yield S("Reshape", {"target_shape": (2, 6)}, ((3, 4),))
    yield S("Permute", {"dims": (3, 1, 2)}, ((2, 3, 4),), (1, 2, 3))
    yield S("RepeatVector", {"n": 3}, ((4,),))
    yield S("Lambda", {"function": _twice}, ((3, 4),), (1,), mask="ends")
    yield S("Masking", {"mask_value": 0.5}, ((3, 4),), (1,), mask="makes")
    yield S("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, ((3, 4),), (1,), mask="passes")
    yield S("Embedding", {"input_dim": 7, "output_dim": 3}, ((5,),), (1,), 7, mask="ends")
    yield S("Embedding", {"input_dim": 7, "output_dim": 3, "mask_zero": True}, ((5,),), (1,), 7, mask="makes")
    yield S("Embedding", {"input_dim": 7, "output_dim": 3, "input_length": 5}, ((5,),), (1,), 7, mask="ends")
    yield S("MaxoutDense", {"output_dim": 3, "nb_feature": 2, "W_regularizer": "l2"})
    yield S("Highway", {"activation": "tanh"})


def _twice(x: Any) -> Any:
    return x * 2.0


def _advanced_activations() -> Iterator[LayerSample]:
    for name, config in (
        ("LeakyReLU", {"alpha": 0.2}), ("ELU", {"alpha": 0.7}), ("ThresholdedReLU", {"theta": 0.3}),
        ("Softmax", {"axis": 1}), ("ReLU", {"max_value": 0.8, "negative_slope": 0.1, "threshold": 0.2}),
    ):  # fmt: skip
        yield LayerSample(name, config, ((3, 4),), (1,), mask="passes")
    yield LayerSample("PReLU", {"shared_axes": [1], "alpha_regularizer": "l2"}, ((3, 4),), mask="passes")
    yield LayerSample("PReLU", {}, ((3, 4),), mask="passes")


def _convolutions() -> Iterator[LayerSample]:
    S = LayerSample
    for config in (
        {"padding": "same", "dilation_rate": 2}, {"padding": "causal", "dilation_rate": 3},
        {"padding": "causal", "strides": 2}, {"strides": 3, "use_bias": False},
    ):  # fmt: skip
        yield S("Conv1D", {"filters": 3, "kernel_size": 3, **config}, ((9, 4),), (1,))
    yield from _both(
        S("Conv1D", {"filters": 3, "kernel_size": 2, "padding": "same", "strides": 2}, ((7, 4),), (1,))
    )
    plane, space = ((7, 6, 3),), ((4, 5, 3, 2),)
    kernel = {"filters": 3, "kernel_size": (2, 3)}
    yield from _both(S("Conv2D", {**kernel, "padding": "same", "strides": (2, 1)}, plane, (1, 2)))
    yield from _both(S("Conv2D", {**kernel, "dilation_rate": (2, 1), "activation": "elu"}, plane, (1, 2)))
    yield S("Conv2D", {**kernel, "kernel_regularizer": "l2", "activity_regularizer": "l1"}, plane, (1,))
    yield from _both(
        S(
            "Conv3D",
            {"filters": 3, "kernel_size": (2, 3, 1), "padding": "same", "strides": 2},
            space,
            (1, 2, 3),
        )
    )
    yield S("Conv3D", {"filters": 2, "kernel_size": 2, "dilation_rate": (1, 2, 1)}, space, (1,))
    yield from _both(S("Conv2DTranspose", {**kernel, "padding": "same", "strides": 2}, plane, (1, 2)))
    yield from _both(
        S("Conv2DTranspose", {**kernel, "strides": (2, 3), "output_padding": (1, 2)}, plane, (1, 2))
    )
    yield from _both(
        S(
            "Conv3DTranspose",
            {"filters": 2, "kernel_size": (2, 3, 2), "padding": "same", "strides": 2},
            space,
            (1,),
        )
    )
    yield S("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": (2, 1, 3)}, space, (1, 2, 3))
    yield from _both(
        S("DepthwiseConv2D", {"kernel_size": (2, 3), "depth_multiplier": 2, "strides": 2}, plane, (1, 2))
    )
    yield S(
        "DepthwiseConv2D", {"kernel_size": 3, "padding": "same", "depthwise_regularizer": "l2"}, plane, (1, 2)
    )
    yield from _both(
        S("SeparableConv1D", {"filters": 3, "kernel_size": 3, "depth_multiplier": 2}, ((9, 4),), (1,))
    )
    yield S(
        "SeparableConv1D", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, ((9, 4),), (1,)
    )
    yield from _both(
        S("SeparableConv2D", {**kernel, "depth_multiplier": 2, "padding": "same"}, plane, (1, 2))
    )
    yield S("SeparableConv2D", {**kernel, "dilation_rate": 2, "activation": "sigmoid"}, plane, (1, 2))
    yield S("SeparableConv2D", {"filters": 1, "kernel_size": 1}, ((3, 4, 1),), (1, 2))


def _resizing() -> Iterator[LayerSample]:
    S = LayerSample
    line, plane, space = ((5, 3),), ((4, 5, 3),), ((3, 4, 5, 2),)
    yield S("UpSampling1D", {"size": 3}, line, (1,))
    yield from _both(S("UpSampling2D", {"size": (2, 3)}, plane, (1, 2)))
    yield from _both(S("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, plane, (1, 2)))
    yield from _both(S("UpSampling3D", {"size": (2, 1, 3)}, space, (1, 2, 3)))
    yield S("ZeroPadding1D", {"padding": (2, 1)}, line, (1,))
    yield from _both(S("ZeroPadding2D", {"padding": ((1, 2), (0, 3))}, plane, (1, 2)))
    yield from _both(S("ZeroPadding3D", {"padding": ((1, 2), (0, 3), (1, 0))}, space, (1, 2, 3)))
    yield S("Cropping1D", {"cropping": (2, 1)}, line, (1,))
    yield from _both(S("Cropping2D", {"cropping": ((1, 2), (0, 3))}, plane, (1, 2)))
    yield from _both(S("Cropping3D", {"cropping": ((1, 0), (0, 2), (3, 1))}, space, (1, 2, 3)))


def _locally_connected() -> Iterator[LayerSample]:
    S = LayerSample
    yield S(
        "LocallyConnected1D", {"filters": 2, "kernel_size": 3, "strides": 2, "activation": "tanh"}, ((7, 3),)
    )
    plane: Any = {"filters": 2, "kernel_size": (2, 3)}
    yield from _both(S("LocallyConnected2D", plane, ((4, 5, 2),), channels=None))
    yield S("LocallyConnected2D", {**plane, "strides": (2, 1), "kernel_regularizer": "l2"}, ((5, 5, 2),))


def _pooling() -> Iterator[LayerSample]:
    for kind in ("Max", "Average"):
        for rank, shape in ((1, (7, 3)), (2, (5, 7, 3)), (3, (4, 5, 6, 2))):
            axes = tuple(range(1, rank + 1))
            name = f"{kind}Pooling{rank}D"
            yield from _both(
                LayerSample(name, {"pool_size": 3, "strides": 2, "padding": "same"}, (shape,), axes)
            )
            yield LayerSample(name, {"pool_size": 2}, (shape,), axes)
            averages = kind == "Average" and rank == 1
            yield from _both(
                LayerSample(
                    f"Global{name}",
                    {},
                    (shape,),
                    axes,
                    mask="ends" if averages else "refuses",
                    heeds=averages,
                )
            )


def _recurrent() -> Iterator[LayerSample]:
    S = LayerSample
    line: Any = {"shapes": ((5, 4),), "open": (1,), "heeds": True}
    for name in ("SimpleRNN", "GRU", "LSTM"):
        yield S(name, {"units": 3}, mask="ends", **line)
        yield S(
            name,
            {"units": 3, "return_sequences": True, "go_backwards": True, "use_bias": False},
            mask="passes",
            **line,
        )
        yield S(name, {"units": 3, "return_sequences": True, "return_state": True}, mask="passes", **line)
        yield replace(S(name, {"units": 3, "unroll": True}, mask="ends", **line), open=())
        dropping = {"units": 16, "dropout": 0.4, "recurrent_dropout": 0.3}
        yield S(name, dropping, mask="ends", training="random", **line)
    for config in (
        {"reset_after": True}, {"implementation": 2}, {"reset_after": True, "implementation": 2}, {"implementation": 1},
    ):  # fmt: skip
        yield S("GRU", {"units": 3, **config}, mask="ends", **line)
    yield S("LSTM", {"units": 3, "implementation": 1, "kernel_regularizer": "l2"}, mask="ends", **line)
    yield S(
        "LSTM", {"units": 3, "implementation": 2, "recurrent_activation": "hard_sigmoid"}, mask="ends", **line
    )
    yield S("CuDNNGRU", {"units": 3}, mask="ends", **line)
    yield S("CuDNNLSTM", {"units": 3, "return_sequences": True}, mask="passes", **line)
    cells = [_inner("LSTMCell", units=3), _inner("GRUCell", units=2, reset_after=True)]
    for cell in (_inner("SimpleRNNCell", units=3), *cells, _inner("StackedRNNCells", cells=cells)):
        covers = (cell["class_name"],)
        yield S("RNN", {"cell": cell, "return_sequences": True}, mask="passes", covers=covers, **line)


def _convolutional_recurrent() -> Iterator[LayerSample]:
    config = {"filters": 2, "kernel_size": (2, 3)}
    sample = LayerSample("ConvLSTM2D", config, ((3, 4, 5, 2),), (1,), mask="ends", channels=2)
    yield from _both(sample)
    more = {"padding": "same", "strides": 2, "return_sequences": True, "return_state": True}
    yield replace(sample.with_config(**more), mask="passes")
    yield sample.with_config(dilation_rate=2, kernel_size=2, go_backwards=True)
    cell = _inner("ConvLSTM2DCell", filters=2, kernel_size=2)
    yield LayerSample(
        "ConvRNN2D", {"cell": cell}, ((3, 4, 5, 2),), (1,), mask="ends", covers=("ConvLSTM2DCell",)
    )


def _merging() -> Iterator[LayerSample]:
    S = LayerSample
    three, spread = ((3, 4), (3, 4), (3, 4)), ((3, 4), (3, 1), (3, 4))
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum"):
        yield S(name, {}, three, (1,), mask="passes")
        yield S(name, {}, spread, mask="passes")
    yield S("Subtract", {}, three[:2], (1,), mask="passes")
    yield S("Concatenate", {}, ((3, 4), (3, 2)), (1,), mask="passes")
    yield S("Concatenate", {"axis": 1}, ((3, 4), (2, 4)), (1,), mask="makes")
    yield S("Dot", {"axes": 1}, ((4,), (4,)), mask="ends")
    yield S("Dot", {"axes": (2, 1), "normalize": True}, ((3, 4), (4, 5)), mask="ends")
    yield S("Dot", {"axes": 2}, ((3, 4), (5, 4)), mask="ends")
    yield S("Dot", {"axes": (1, 2)}, ((4,), (3, 4)), mask="ends")


def _normalization_and_noise() -> Iterator[LayerSample]:
    S = LayerSample
    for axis, shape in ((-1, (6,)), (-1, (3, 4)), (1, (3, 4)), (1, (3, 4, 2)), (-1, (2, 3, 4))):
        yield S("BatchNormalization", {"axis": axis}, (shape,), mask="passes", training="statistics")
    plain = {"center": False, "scale": False, "momentum": 0.8, "epsilon": 0.01}
    yield S("BatchNormalization", plain, ((3, 4),), (1,), mask="passes", training="statistics")
    yield S("BatchNormalization", {"trainable": False}, ((3, 4),), mask="passes", training="statistics")
    for name, config in (
        ("GaussianNoise", {"stddev": 0.3}),
        ("GaussianDropout", {"rate": 0.3}),
        ("AlphaDropout", {"rate": 0.3}),
    ):
        yield S(name, config, ((5, 8),), (1,), mask="passes", training="random")


def _wrappers() -> Iterator[LayerSample]:
    S = LayerSample
    for inner, shape, mask in (
        (_inner("Dense", units=3, activity_regularizer="l2"), (5, 4), "passes"),
        (_inner("Conv2D", filters=2, kernel_size=2), (3, 4, 5, 2), "passes"),
        (_inner("LSTM", units=3), (3, 5, 2), "passes"),
        (_inner("Bidirectional", layer=_inner("GRU", units=2)), (3, 5, 2), "passes"),
        (_inner("Flatten"), (3, 4, 2), "passes"),
        (_inner("Flatten"), (3, 4), "passes"),
    ):
        yield S("TimeDistributed", {"layer": inner}, (shape,), (1,), mask=mask)
    inner = _inner("BatchNormalization")
    yield S("TimeDistributed", {"layer": inner}, ((3, 4),), (1,), mask="passes", training="statistics")
    line: Any = {"shapes": ((5, 4),), "open": (1,), "heeds": True}
    for merge in ("concat", "sum", "mul", "ave"):
        yield S("Bidirectional", {"layer": _inner("LSTM", units=3), "merge_mode": merge}, mask="ends", **line)
    several = _inner("GRU", units=3, return_sequences=True, return_state=True)
    yield S("Bidirectional", {"layer": several, "merge_mode": None}, mask="passes", **line)
    yield S(
        "Bidirectional", {"layer": _inner("SimpleRNN", units=3, return_sequences=True)}, mask="passes", **line
    )
