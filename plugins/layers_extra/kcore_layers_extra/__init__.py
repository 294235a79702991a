"""Layers that Keras 2 lacked. Found through the entry point: each is `kcore.layers.<name>`."""

from kcore.spi import ActivationSpec, LayerSpec, LossSpec, hookimpl

KCORE_API = 2

KCORE_SAMPLES = "kcore_layers_extra.samples:SAMPLES"

LAYERS = {
    "attention": ("LuongAttention", "BahdanauAttention", "MultiHeadAttention"),
    "normalization": (
        "LayerNormalization", "GroupNormalization", "InstanceNormalization", "WeightNormalization",
        "SpectralNormalization",
    ),
    "transformer": ("SinusoidalPositions", "LearnedPositions", "TransformerEncoder", "TransformerDecoder"),
    "memory": ("NTMCell", "MemoryNetwork"),
    "structured": ("CRF", "MDN"),
    "capsules": ("PrimaryCapsules", "Capsules", "CapsuleLength"),
    "units": ("GELU", "Mish", "Swish", "SwiGLU", "DropBlock2D", "DropConnectDense"),
    "cells": ("IndRNNCell", "SRUCell", "LayerNormLSTMCell"),
    "convolution": ("TemporalConvBlock", "CoordConv2D", "SqueezeExcitation", "PixelShuffle"),
}  # fmt: skip


@hookimpl
def kcore_layers() -> list[LayerSpec]:
    return [LayerSpec(n, f"{__name__}.{module}:{n}") for module, names in LAYERS.items() for n in names]


@hookimpl
def kcore_losses() -> list[LossSpec]:
    return [LossSpec(n, f"{__name__}.structured:{n}") for n in ("crf_loss", "mdn_loss")]


@hookimpl
def kcore_activations() -> list[ActivationSpec]:
    return [ActivationSpec("gelu", f"{__name__}.units:gelu")]
