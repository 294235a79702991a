"""The layers that `layers_side_by_side.py` measures, with inputs on which each has some milliseconds of work to do."""

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


LARGE = [(128, 128, 256)]  # 4 million numbers
IMAGES = [(32, 64, 64, 32)]
VOLUMES = [(8, 16, 32, 32, 16)]
SERIES = [(64, 512, 64)]
STEPS = [(32, 60, 64)]  # for recurrent layers


def _activations() -> dict[str, Case]:
    names = ("relu", "sigmoid", "tanh", "softmax", "softplus", "softsign", "elu", "selu", "exponential")
    made = {f"Activation({n})": Case(lambda L, n=n: L.Activation(n), LARGE) for n in names}
    # Keras 3 cuts x / 6 + 0.5, Keras 2 cuts 0.2 x + 0.5
    made["Activation(hard_sigmoid)"] = Case(lambda L: L.Activation("hard_sigmoid"), LARGE, same=False)
    return made


CORE = {
    "Dense": Case(lambda L: L.Dense(1024), [(256, 1024)]),
    "Dense(relu)": Case(lambda L: L.Dense(1024, activation="relu"), [(256, 1024)]),
    "Dense(3-D input)": Case(lambda L: L.Dense(256), [(32, 64, 256)]),
    **_activations(),
    "Dropout": Case(lambda L: L.Dropout(0.5), LARGE, training=True, same=False),
    "SpatialDropout1D": Case(lambda L: L.SpatialDropout1D(0.5), LARGE, training=True, same=False),
    "SpatialDropout2D": Case(lambda L: L.SpatialDropout2D(0.5), IMAGES, training=True, same=False),
    "SpatialDropout3D": Case(lambda L: L.SpatialDropout3D(0.5), VOLUMES, training=True, same=False),
    "Flatten": Case(lambda L: L.Flatten(), IMAGES),
    "Reshape": Case(lambda L: L.Reshape((64, 64 * 32)), IMAGES),
    "Permute": Case(lambda L: L.Permute((2, 1)), LARGE),
    "RepeatVector": Case(lambda L: L.RepeatVector(32), [(256, 512)]),
    "Lambda": Case(lambda L: L.Lambda(lambda x: 2.0 * x * x + 1.0), LARGE),
    "ActivityRegularization": Case(lambda L: L.ActivityRegularization(0.01, 0.01), LARGE),
    "Masking": Case(lambda L: L.Masking(), LARGE, zeros=True),
}

ADVANCED = {
    "ReLU": Case(lambda L: L.ReLU(), LARGE),
    "ReLU(6, 0.1, 0.5)": Case(lambda L: L.ReLU(6.0, 0.1, 0.5), LARGE),
    "LeakyReLU": Case(lambda L: L.LeakyReLU(0.3), LARGE),
    "PReLU": Case(lambda L: L.PReLU(shared_axes=[1]), LARGE),
    "ELU": Case(lambda L: L.ELU(), LARGE),
    "ELU(0.5)": Case(lambda L: L.ELU(0.5), LARGE),
    "ThresholdedReLU": Case(lambda L: L.ThresholdedReLU(0.5), LARGE, library="tf_keras"),
    "Softmax": Case(lambda L: L.Softmax(), LARGE),
    "Softmax(axis=1)": Case(lambda L: L.Softmax(axis=1), LARGE),
}

CONVOLUTIONAL = {
    "Conv1D": Case(lambda L: L.Conv1D(64, 5), SERIES),
    "Conv1D(causal, dilated)": Case(
        lambda L: L.Conv1D(64, 3, padding="causal", dilation_rate=4), [(32, 256, 64)]
    ),
    "Conv2D": Case(lambda L: L.Conv2D(32, 3, activation="relu"), IMAGES),
    "Conv2D(same, strided)": Case(lambda L: L.Conv2D(64, 3, strides=2, padding="same"), IMAGES),
    "Conv2D(dilated)": Case(lambda L: L.Conv2D(32, 3, dilation_rate=2), [(8, 64, 64, 32)]),
    "Conv3D": Case(lambda L: L.Conv3D(16, 3), [(4, 16, 32, 32, 16)]),
    "Conv2DTranspose": Case(
        lambda L: L.Conv2DTranspose(16, 3, strides=2, padding="same"), [(16, 32, 32, 32)]
    ),
    "Conv3DTranspose": Case(
        lambda L: L.Conv3DTranspose(8, 3, strides=2, padding="same"), [(4, 8, 16, 16, 16)]
    ),
    "SeparableConv1D": Case(lambda L: L.SeparableConv1D(64, 5, padding="same"), SERIES),
    "SeparableConv2D": Case(lambda L: L.SeparableConv2D(32, 3), [(16, 64, 64, 32)]),
    "DepthwiseConv2D": Case(lambda L: L.DepthwiseConv2D(3), [(16, 64, 64, 32)]),
    "DepthwiseConv2D(same, strided)": Case(lambda L: L.DepthwiseConv2D(3, strides=2, padding="same"), IMAGES),
    "UpSampling1D": Case(lambda L: L.UpSampling1D(2), SERIES),
    "UpSampling2D": Case(lambda L: L.UpSampling2D(2), [(16, 64, 64, 32)]),
    # Keras 3 looks up at the middles of the pixels, Keras 2 at their corners
    "UpSampling2D(bilinear)": Case(
        lambda L: L.UpSampling2D(2, interpolation="bilinear"), [(16, 64, 64, 32)], same=False
    ),
    "UpSampling3D": Case(lambda L: L.UpSampling3D(2), [(4, 16, 16, 16, 16)]),
    "ZeroPadding1D": Case(lambda L: L.ZeroPadding1D(3), SERIES),
    "ZeroPadding2D": Case(lambda L: L.ZeroPadding2D(2), IMAGES),
    "ZeroPadding3D": Case(lambda L: L.ZeroPadding3D(1), VOLUMES),
    "Cropping1D": Case(lambda L: L.Cropping1D(3), SERIES),
    "Cropping2D": Case(lambda L: L.Cropping2D(2), IMAGES),
    "Cropping3D": Case(lambda L: L.Cropping3D(1), VOLUMES),
    "LocallyConnected1D": Case(lambda L: L.LocallyConnected1D(32, 3), [(32, 64, 32)], library="tf_keras"),
    "LocallyConnected2D": Case(lambda L: L.LocallyConnected2D(8, 3), [(16, 24, 24, 8)], library="tf_keras"),
}

POOLING = {
    "MaxPooling1D": Case(lambda L: L.MaxPooling1D(2), SERIES),
    "MaxPooling2D": Case(lambda L: L.MaxPooling2D(2), IMAGES),
    "MaxPooling2D(same, overlapping)": Case(
        lambda L: L.MaxPooling2D(3, strides=2, padding="same"), [(16, 64, 64, 32)]
    ),
    "MaxPooling3D": Case(lambda L: L.MaxPooling3D(2), VOLUMES),
    "AveragePooling1D": Case(lambda L: L.AveragePooling1D(2), SERIES),
    "AveragePooling2D": Case(lambda L: L.AveragePooling2D(2), IMAGES),
    "AveragePooling3D": Case(lambda L: L.AveragePooling3D(2), VOLUMES),
    "GlobalMaxPooling1D": Case(lambda L: L.GlobalMaxPooling1D(), SERIES),
    "GlobalMaxPooling2D": Case(lambda L: L.GlobalMaxPooling2D(), IMAGES),
    "GlobalMaxPooling3D": Case(lambda L: L.GlobalMaxPooling3D(), VOLUMES),
    "GlobalAveragePooling1D": Case(lambda L: L.GlobalAveragePooling1D(), SERIES),
    "GlobalAveragePooling2D": Case(lambda L: L.GlobalAveragePooling2D(), IMAGES),
    "GlobalAveragePooling3D": Case(lambda L: L.GlobalAveragePooling3D(), VOLUMES),
}

MERGE = {
    **{
        name: Case(lambda L, name=name: getattr(L, name)(), LARGE * 2)
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    },
    "Dot(1, 1)": Case(lambda L: L.Dot(1), [(64, 256, 64), (64, 256, 64)]),
    "Dot(2, 2)": Case(lambda L: L.Dot(2), [(64, 128, 64), (64, 128, 64)]),
    "Dot(normalized)": Case(lambda L: L.Dot(1, normalize=True), [(1024, 1024), (1024, 1024)]),
}

RECURRENT = {
    "SimpleRNN": Case(lambda L: L.SimpleRNN(128), STEPS),
    "GRU": Case(lambda L: L.GRU(64, reset_after=True, recurrent_activation="sigmoid"), STEPS),
    "GRU(reset_after=False)": Case(
        lambda L: L.GRU(64, reset_after=False, recurrent_activation="sigmoid"), STEPS
    ),
    "LSTM": Case(lambda L: L.LSTM(64, recurrent_activation="sigmoid"), STEPS),
    "LSTM(sequences)": Case(
        lambda L: L.LSTM(64, recurrent_activation="sigmoid", return_sequences=True), STEPS
    ),
    "RNN(LSTMCell)": Case(lambda L: L.RNN(L.LSTMCell(64, recurrent_activation="sigmoid")), STEPS),
    "RNN(stacked GRUCells)": Case(
        lambda L: L.RNN(
            L.StackedRNNCells(
                [L.GRUCell(32, reset_after=True, recurrent_activation="sigmoid") for _ in range(2)]
            )
        ),
        STEPS,
        same=False,
    ),
    "Bidirectional(LSTM)": Case(
        lambda L: L.Bidirectional(L.LSTM(64, recurrent_activation="sigmoid", return_sequences=True)), STEPS
    ),
    "ConvLSTM2D": Case(lambda L: L.ConvLSTM2D(8, 3, recurrent_activation="sigmoid"), [(4, 8, 32, 32, 8)]),
}

OTHERS = {
    "Embedding": Case(lambda L: L.Embedding(10_000, 128), [(64, 128)], top=10_000),
    "BatchNormalization": Case(lambda L: L.BatchNormalization(), IMAGES, training=True),
    "BatchNormalization(2-D input)": Case(lambda L: L.BatchNormalization(), [(1024, 1024)], training=True),
    "BatchNormalization(axis=1)": Case(lambda L: L.BatchNormalization(axis=1), IMAGES, training=True),
    "BatchNormalization(inference)": Case(lambda L: L.BatchNormalization(), IMAGES),
    "GaussianNoise": Case(lambda L: L.GaussianNoise(0.1), LARGE, training=True, same=False),
    "GaussianDropout": Case(lambda L: L.GaussianDropout(0.3), LARGE, training=True, same=False),
    "AlphaDropout": Case(lambda L: L.AlphaDropout(0.3), LARGE, training=True, same=False),
    "TimeDistributed(Dense)": Case(lambda L: L.TimeDistributed(L.Dense(256)), [(32, 64, 256)]),
    "TimeDistributed(Conv2D)": Case(lambda L: L.TimeDistributed(L.Conv2D(8, 3)), [(8, 8, 32, 32, 8)]),
}

# kcore-layers-extra: what Keras 3 has too
EXTRA = {
    "LayerNormalization": Case(lambda L: L.LayerNormalization(epsilon=1e-3), LARGE),
    "GroupNormalization": Case(lambda L: L.GroupNormalization(groups=8, epsilon=1e-3), IMAGES),
    "InstanceNormalization": Case(
        lambda L: L.InstanceNormalization(epsilon=1e-3),
        IMAGES,
        peer=lambda L: L.GroupNormalization(groups=-1, epsilon=1e-3),
    ),
    "SpectralNormalization": Case(
        lambda L: L.SpectralNormalization(L.Dense(1024)), [(256, 1024)], training=True, same=False
    ),
    "MultiHeadAttention": Case(
        lambda L: L.MultiHeadAttention(4, 32), [(16, 128, 128)], peer=lambda L: _self_attention(L), same=False
    ),
    "LuongAttention": Case(
        lambda L: L.LuongAttention(), [(32, 128, 64), (32, 128, 64)], peer=lambda L: L.Attention()
    ),
    "BahdanauAttention": Case(  # that of Keras 3 has no kernels for query and value
        lambda L: L.BahdanauAttention(32),
        [(16, 64, 32), (16, 64, 32)],
        peer=lambda L: L.AdditiveAttention(),
        same=False,
    ),
    "GELU": Case(lambda L: L.GELU(), LARGE, peer=lambda L: L.Activation("gelu")),
    "Mish": Case(lambda L: L.Mish(), LARGE, peer=lambda L: L.Activation("mish")),
    "Swish": Case(lambda L: L.Swish(), LARGE, peer=lambda L: L.Activation("silu")),
}


def _self_attention(layers: Any) -> Any:
    """Keras 3's layer takes query and value; the same for both here, without the biases that kcore's lacks."""

    class SelfAttention(layers.MultiHeadAttention):
        def build(self, shape: Any) -> None:
            super().build(shape, shape)

        def call(self, x: Any) -> Any:
            return super().call(x, x)

    return SelfAttention(4, 32, use_bias=False)


FAMILIES = {
    "core": CORE,
    "advanced": ADVANCED,
    "convolutional": CONVOLUTIONAL,
    "pooling": POOLING,
    "merge": MERGE,
    "recurrent": RECURRENT,
    "others": OTHERS,
    "extra": EXTRA,
}
CASES = {name: case for family in FAMILIES.values() for name, case in family.items()}
