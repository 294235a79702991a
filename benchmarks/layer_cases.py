"""The layers that `layers_side_by_side.py` measures, each in three sizes: `large` with milliseconds of work to do, `medium`
as in everyday models, `small` where the calls themselves count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """One layer in one setting.

    make: from a module of layers to the layer, in the words that both libraries share. peer: theirs, where its words
    differ. shapes: of the inputs, the batch first. top: inputs are whole numbers below it. training: call it so.
    same: both compute the same numbers from the same weights. library: who is measured beside kcore.
    zeros: a share of the time steps of the input is all zeros, for layers that mask.
    """

    make: Callable[[Any], Any]
    shapes: list[tuple[int, ...]]
    peer: Callable[[Any], Any] | None = None
    top: int | None = None
    training: bool = False
    same: bool = True
    library: str = "keras"
    zeros: bool = False

    def inputs(self) -> list[np.ndarray]:
        """The arrays, the same in every process."""
        random = np.random.RandomState(0)
        if self.top is not None:
            return [random.randint(0, self.top, s).astype("int32") for s in self.shapes]
        made = [random.randn(*s).astype("float32") for s in self.shapes]
        if self.zeros:
            made[0][:, -made[0].shape[1] // 4 :] = 0.0
        return made


class Size(NamedTuple):
    """How much work the layers get. Shapes of inputs have the batch first."""

    flat: tuple[int, ...]  # for layers of (batch, features), as wide as their features
    wide: tuple[int, ...]  # (batch, time, features), for what works element by element
    images: tuple[int, ...]
    volumes: tuple[int, ...]
    series: tuple[int, ...]  # (batch, time, features), for convolutions
    steps: tuple[int, ...]  # (batch, time, features), for recurrent layers
    units: int  # of recurrent layers
    words: int  # of an embedding

    def filters(self, large: int) -> int:
        """As many as `large`, in proportion to the channels of the images."""
        return max(2, large * self.images[-1] // 32)


SIZES = {
    "small": Size((8, 32), (4, 10, 32), (2, 12, 12, 8), (2, 6, 8, 8, 4), (4, 24, 8), (4, 10, 16), 16, 100),
    "medium": Size(
        (64, 256), (32, 64, 128), (16, 32, 32, 16), (4, 8, 16, 16, 8), (32, 128, 32), (16, 30, 32), 32, 2_000
    ),
    "large": Size(
        (256, 1024), (128, 128, 256), (32, 64, 64, 32), (8, 16, 32, 32, 16), (64, 512, 64), (32, 60, 64), 64, 10_000
    ),
}  # fmt: skip


def less(shape: tuple[int, ...], *parts: int) -> list[tuple[int, ...]]:
    """`shape` divided by `parts`, no size below 2."""
    return [tuple(max(2, a // b) for a, b in zip(shape, parts, strict=True))]


def _activations(wide: list[tuple[int, ...]]) -> dict[str, Case]:
    names = ("relu", "sigmoid", "tanh", "softmax", "softplus", "softsign", "elu", "selu", "exponential")
    made = {f"Activation({n})": Case(lambda L, n=n: L.Activation(n), wide) for n in names}
    # Keras 3 cuts x / 6 + 0.5, Keras 2 cuts 0.2 x + 0.5
    made["Activation(hard_sigmoid)"] = Case(lambda L: L.Activation("hard_sigmoid"), wide, same=False)
    return made


def core(s: Size) -> dict[str, Case]:
    units, wide, images = s.flat[-1], [s.wide], [s.images]
    return {
        "Dense": Case(lambda L: L.Dense(units), [s.flat]),
        "Dense(relu)": Case(lambda L: L.Dense(units, activation="relu"), [s.flat]),
        "Dense(3-D input)": Case(lambda L: L.Dense(s.wide[-1]), less(s.wide, 4, 2, 1)),
        **_activations(wide),
        "Dropout": Case(lambda L: L.Dropout(0.5), wide, training=True, same=False),
        "SpatialDropout1D": Case(lambda L: L.SpatialDropout1D(0.5), wide, training=True, same=False),
        "SpatialDropout2D": Case(lambda L: L.SpatialDropout2D(0.5), images, training=True, same=False),
        "SpatialDropout3D": Case(lambda L: L.SpatialDropout3D(0.5), [s.volumes], training=True, same=False),
        "Flatten": Case(lambda L: L.Flatten(), images),
        "Reshape": Case(lambda L: L.Reshape((s.images[1], s.images[2] * s.images[3])), images),
        "Permute": Case(lambda L: L.Permute((2, 1)), wide),
        "RepeatVector": Case(lambda L: L.RepeatVector(32), less(s.flat, 1, 2)),
        "Lambda": Case(lambda L: L.Lambda(lambda x: 2.0 * x * x + 1.0), wide),
        "ActivityRegularization": Case(lambda L: L.ActivityRegularization(0.01, 0.01), wide),
        "Masking": Case(lambda L: L.Masking(), wide, zeros=True),
    }


def advanced(s: Size) -> dict[str, Case]:
    wide = [s.wide]
    return {
        "ReLU": Case(lambda L: L.ReLU(), wide),
        "ReLU(6, 0.1, 0.5)": Case(lambda L: L.ReLU(6.0, 0.1, 0.5), wide),
        "LeakyReLU": Case(lambda L: L.LeakyReLU(0.3), wide),
        "PReLU": Case(lambda L: L.PReLU(shared_axes=[1]), wide),
        "ELU": Case(lambda L: L.ELU(), wide),
        "ELU(0.5)": Case(lambda L: L.ELU(0.5), wide),
        "ThresholdedReLU": Case(lambda L: L.ThresholdedReLU(0.5), wide, library="tf_keras"),
        "Softmax": Case(lambda L: L.Softmax(), wide),
        "Softmax(2-D input)": Case(lambda L: L.Softmax(), [s.flat]),
        "Softmax(axis=1)": Case(lambda L: L.Softmax(axis=1), wide),
    }


def convolutional(s: Size) -> dict[str, Case]:
    few, some, many = s.filters(16), s.filters(32), s.filters(64)
    series, images, volumes = [s.series], [s.images], [s.volumes]
    half = less(s.images, 2, 1, 1, 1)
    return {
        "Conv1D": Case(lambda L: L.Conv1D(many, 5), series),
        "Conv1D(causal, dilated)": Case(
            lambda L: L.Conv1D(many, 3, padding="causal", dilation_rate=4), less(s.series, 2, 2, 1)
        ),
        "Conv2D": Case(lambda L: L.Conv2D(some, 3, activation="relu"), images),
        "Conv2D(same, strided)": Case(lambda L: L.Conv2D(many, 3, strides=2, padding="same"), images),
        "Conv2D(dilated)": Case(lambda L: L.Conv2D(some, 3, dilation_rate=2), less(s.images, 4, 1, 1, 1)),
        "Conv3D": Case(lambda L: L.Conv3D(few, 3), less(s.volumes, 2, 1, 1, 1, 1)),
        "Conv2DTranspose": Case(
            lambda L: L.Conv2DTranspose(few, 3, strides=2, padding="same"), less(s.images, 2, 2, 2, 1)
        ),
        "Conv3DTranspose": Case(
            lambda L: L.Conv3DTranspose(s.filters(8), 3, strides=2, padding="same"), less(s.volumes, 2, 2, 2, 2, 1)
        ),
        "SeparableConv1D": Case(lambda L: L.SeparableConv1D(many, 5, padding="same"), series),
        "SeparableConv2D": Case(lambda L: L.SeparableConv2D(some, 3), half),
        "DepthwiseConv2D": Case(lambda L: L.DepthwiseConv2D(3), half),
        "DepthwiseConv2D(same, strided)": Case(
            lambda L: L.DepthwiseConv2D(3, strides=2, padding="same"), images
        ),
        "UpSampling1D": Case(lambda L: L.UpSampling1D(2), series),
        "UpSampling2D": Case(lambda L: L.UpSampling2D(2), half),
        # Keras 3 looks up at the middles of the pixels, Keras 2 at their corners
        "UpSampling2D(bilinear)": Case(
            lambda L: L.UpSampling2D(2, interpolation="bilinear"), half, same=False
        ),
        "UpSampling3D": Case(lambda L: L.UpSampling3D(2), less(s.volumes, 2, 1, 2, 2, 1)),
        "ZeroPadding1D": Case(lambda L: L.ZeroPadding1D(3), series),
        "ZeroPadding2D": Case(lambda L: L.ZeroPadding2D(2), images),
        "ZeroPadding3D": Case(lambda L: L.ZeroPadding3D(1), volumes),
        "Cropping1D": Case(lambda L: L.Cropping1D(3), series),
        "Cropping2D": Case(lambda L: L.Cropping2D(2), images),
        "Cropping3D": Case(lambda L: L.Cropping3D(1), volumes),
        "LocallyConnected1D": Case(
            lambda L: L.LocallyConnected1D(some, 3), less(s.series, 2, 8, 2), library="tf_keras"
        ),
        "LocallyConnected2D": Case(
            lambda L: L.LocallyConnected2D(8, 3), less(s.images, 2, 2, 2, 4), library="tf_keras"
        ),
    }  # fmt: skip


def pooling(s: Size) -> dict[str, Case]:
    inputs = {"1D": [s.series], "2D": [s.images], "3D": [s.volumes]}
    made = {
        f"{kind}Pooling{rank}": Case(lambda L, n=f"{kind}Pooling{rank}": getattr(L, n)(2), shapes)
        for kind in ("Max", "Average")
        for rank, shapes in inputs.items()
    }
    made["MaxPooling2D(same, overlapping)"] = Case(
        lambda L: L.MaxPooling2D(3, strides=2, padding="same"), less(s.images, 2, 1, 1, 1)
    )
    names = [(f"Global{kind}Pooling{rank}", inputs[rank]) for kind in ("Max", "Average") for rank in inputs]
    return made | {n: Case(lambda L, n=n: getattr(L, n)(), shapes) for n, shapes in names}


def merge(s: Size) -> dict[str, Case]:
    names = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    return {
        **{name: Case(lambda L, name=name: getattr(L, name)(), [s.wide] * 2) for name in names},
        "Dot(1, 1)": Case(lambda L: L.Dot(1), less(s.series, 1, 2, 1) * 2),
        "Dot(2, 2)": Case(lambda L: L.Dot(2), less(s.series, 1, 4, 1) * 2),
        "Dot(normalized)": Case(lambda L: L.Dot(1, normalize=True), [(4 * s.flat[0], s.flat[1])] * 2),
    }


def _stacked(L: Any, units: int) -> Any:
    cells = [L.GRUCell(units, reset_after=True, recurrent_activation="sigmoid") for _ in range(2)]
    return L.RNN(L.StackedRNNCells(cells))


def recurrent(s: Size) -> dict[str, Case]:
    units, steps = s.units, [s.steps]
    # the same activation in both: its default differs
    sigmoid = {"recurrent_activation": "sigmoid"}
    return {
        "SimpleRNN": Case(lambda L: L.SimpleRNN(2 * units), steps),
        "GRU": Case(lambda L: L.GRU(units, reset_after=True, **sigmoid), steps),
        "GRU(reset_after=False)": Case(lambda L: L.GRU(units, reset_after=False, **sigmoid), steps),
        "LSTM": Case(lambda L: L.LSTM(units, **sigmoid), steps),
        "LSTM(sequences)": Case(lambda L: L.LSTM(units, return_sequences=True, **sigmoid), steps),
        "LSTM(hard_sigmoid)": Case(
            lambda L: L.LSTM(units, recurrent_activation="hard_sigmoid"), steps, same=False
        ),
        "RNN(SimpleRNNCell)": Case(lambda L: L.RNN(L.SimpleRNNCell(units)), steps),
        "RNN(GRUCell)": Case(lambda L: L.RNN(L.GRUCell(units, reset_after=True, **sigmoid)), steps),
        "RNN(LSTMCell)": Case(lambda L: L.RNN(L.LSTMCell(units, **sigmoid)), steps),
        "RNN(stacked GRUCells)": Case(lambda L: _stacked(L, units // 2), steps, same=False),
        "Bidirectional(LSTM)": Case(
            lambda L: L.Bidirectional(L.LSTM(units, return_sequences=True, **sigmoid)), steps
        ),
        "ConvLSTM2D": Case(
            lambda L: L.ConvLSTM2D(s.filters(8), 3, **sigmoid), less((4, 8, *s.images[1:]), 1, 1, 2, 2, 4)
        ),
    }


def others(s: Size) -> dict[str, Case]:
    wide, images = [s.wide], [s.images]
    return {
        "Embedding": Case(
            lambda L: L.Embedding(s.words, s.wide[-1] // 2), less(s.wide[:2], 2, 1), top=s.words
        ),
        "BatchNormalization": Case(lambda L: L.BatchNormalization(), images, training=True),
        "BatchNormalization(2-D input)": Case(
            lambda L: L.BatchNormalization(), [(4 * s.flat[0], s.flat[1])], training=True
        ),
        "BatchNormalization(axis=1)": Case(lambda L: L.BatchNormalization(axis=1), images, training=True),
        "BatchNormalization(inference)": Case(lambda L: L.BatchNormalization(), images),
        "GaussianNoise": Case(lambda L: L.GaussianNoise(0.1), wide, training=True, same=False),
        "GaussianDropout": Case(lambda L: L.GaussianDropout(0.3), wide, training=True, same=False),
        "AlphaDropout": Case(lambda L: L.AlphaDropout(0.3), wide, training=True, same=False),
        "TimeDistributed(Dense)": Case(
            lambda L: L.TimeDistributed(L.Dense(s.wide[-1])), less(s.wide, 4, 2, 1)
        ),
        "TimeDistributed(Conv2D)": Case(
            lambda L: L.TimeDistributed(L.Conv2D(s.filters(8), 3)), less((8, 8, *s.images[1:]), 1, 1, 2, 2, 4)
        ),
    }


def extra(s: Size) -> dict[str, Case]:
    """kcore-layers-extra: what Keras 3 has too."""
    wide, images = [s.wide], [s.images]
    attended = less(s.wide, 4, 1, 4) * 2
    return {
        "LayerNormalization": Case(lambda L: L.LayerNormalization(epsilon=1e-3), wide),
        "GroupNormalization": Case(lambda L: L.GroupNormalization(groups=4, epsilon=1e-3), images),
        "InstanceNormalization": Case(
            lambda L: L.InstanceNormalization(epsilon=1e-3),
            images,
            peer=lambda L: L.GroupNormalization(groups=-1, epsilon=1e-3),
        ),
        "SpectralNormalization": Case(
            lambda L: L.SpectralNormalization(L.Dense(s.flat[-1])), [s.flat], training=True, same=False
        ),
        "MultiHeadAttention": Case(
            lambda L: L.MultiHeadAttention(4, s.wide[-1] // 8),
            less(s.wide, 8, 1, 2),
            peer=lambda L: _self_attention(L, s.wide[-1] // 8),
            same=False,
        ),
        "LuongAttention": Case(lambda L: L.LuongAttention(), attended, peer=lambda L: L.Attention()),
        "BahdanauAttention": Case(  # that of Keras 3 has no kernels for query and value
            lambda L: L.BahdanauAttention(s.wide[-1] // 8),
            less(s.wide, 8, 2, 8) * 2,
            peer=lambda L: L.AdditiveAttention(),
            same=False,
        ),
        "GELU": Case(lambda L: L.GELU(), wide, peer=lambda L: L.Activation("gelu")),
        "Mish": Case(lambda L: L.Mish(), wide, peer=lambda L: L.Activation("mish")),
        "Swish": Case(lambda L: L.Swish(), wide, peer=lambda L: L.Activation("silu")),
    }


def _self_attention(layers: Any, size: int) -> Any:
    """Keras 3's layer takes query and value; the same for both here, without the biases that kcore's lacks."""

    class SelfAttention(layers.MultiHeadAttention):
        def build(self, shape: Any) -> None:
            super().build(shape, shape)

        def call(self, x: Any) -> Any:
            return super().call(x, x)

    return SelfAttention(4, size, use_bias=False)


FAMILIES = {
    function.__name__: function
    for function in (core, advanced, convolutional, pooling, merge, recurrent, others, extra)
}
# by size, then by the layer's name
CASES = {
    size: {name: case for family in FAMILIES.values() for name, case in family(shapes).items()}
    for size, shapes in SIZES.items()
}
