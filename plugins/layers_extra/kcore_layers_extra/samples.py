"""The layers with arguments and shapes: what `kcore check layers_extra` tries them with. Nothing else imports this."""

from kcore.testing.layer_samples import LayerSample

_SEQUENCE, _IMAGE, _ROW = ((4, 6),), ((5, 6, 4),), ((5,),)
_PAIR = ((4, 6), (3, 6))


def _dense(units):
    return {"class_name": "Dense", "config": {"units": units}}


def _cell(name, **config):
    """A cell is checked in the layer that runs it."""
    told = {"class_name": name, "config": config}
    return LayerSample("RNN", {"cell": told}, _SEQUENCE, (1,), mask="ends", heeds=True, covers=(name,))


SAMPLES = [
    LayerSample("LuongAttention", {}, _PAIR, mask="passes", heeds=True),
    LayerSample("LuongAttention", {"score": "general"}, ((4, 6), (3, 5)), mask="passes", heeds=True),
    LayerSample(
        "LuongAttention", {"score": "concat", "units": 7}, ((4, 6), (3, 5)), mask="passes", heeds=True
    ),
    LayerSample("BahdanauAttention", {"units": 7}, ((4, 6), (3, 5)), mask="passes", heeds=True),
    LayerSample("MultiHeadAttention", {"num_heads": 2, "key_size": 3}, _SEQUENCE, mask="passes", heeds=True),
    LayerSample(
        "MultiHeadAttention",
        {"num_heads": 2, "key_size": 3, "causal": True},
        _SEQUENCE,
        mask="passes",
        heeds=True,
    ),
    LayerSample("MultiHeadAttention", {"num_heads": 3, "key_size": 2}, _PAIR, mask="passes", heeds=True),
    LayerSample("LayerNormalization", {"epsilon": 1e-6}, _SEQUENCE, (1,), mask="passes"),
    LayerSample("GroupNormalization", {"groups": 2}, _IMAGE, mask="passes"),
    LayerSample("InstanceNormalization", {}, _IMAGE, mask="passes"),
    LayerSample("WeightNormalization", {"layer": _dense(3)}, _ROW, mask="passes"),
    LayerSample("SinusoidalPositions", {}, _SEQUENCE, (1,), mask="passes"),
    LayerSample("LearnedPositions", {"length": 9}, _SEQUENCE, (1,), mask="passes"),
    LayerSample("TransformerEncoder", {"num_heads": 2, "hidden": 8}, _SEQUENCE, mask="passes", heeds=True),
    LayerSample(
        "TransformerEncoder",
        {"num_heads": 3, "hidden": 8, "norm_first": True},
        _SEQUENCE,
        mask="passes",
        heeds=True,
    ),
    LayerSample("TransformerDecoder", {"num_heads": 2, "hidden": 8}, _PAIR, mask="passes", heeds=True),
    LayerSample("MDN", {"components": 2, "dimensions": 3}, _ROW, loss="mdn_loss", target=(3,)),
    LayerSample("CapsuleLength", {}, _SEQUENCE),
    LayerSample("Capsules", {"capsules": 3, "size": 5}, _SEQUENCE),
    LayerSample("GELU", {}, _SEQUENCE, (1,), mask="passes"),
    LayerSample("Mish", {}, _SEQUENCE, (1,), mask="passes"),
    LayerSample("Swish", {"beta": 1.5}, _SEQUENCE, (1,), mask="passes"),
    LayerSample("SwiGLU", {"units": 3}, _SEQUENCE, (1,), mask="passes"),
    LayerSample("DropBlock2D", {"rate": 0.4, "block_size": 3}, _IMAGE, mask="passes", training="random"),
    LayerSample("DropConnectDense", {"units": 3, "rate": 0.5}, _ROW, mask="passes", training="random"),
    _cell("IndRNNCell", units=4),
    _cell("SRUCell", units=4),
    _cell("LayerNormLSTMCell", units=4),
    LayerSample("TemporalConvBlock", {"filters": 3, "kernel_size": 2, "dilation_rate": 2}, _SEQUENCE),
    LayerSample("CoordConv2D", {"filters": 3, "kernel_size": (2, 3)}, _IMAGE),
    LayerSample("SqueezeExcitation", {"ratio": 2}, _IMAGE),
    LayerSample(
        "SpectralNormalization",
        {"layer": _dense(3)},
        _ROW,
        mask="passes",
        training="statistics",
        settled=60,  # the vector of the power iteration counts as constant, which it is where it has settled
    ),
    _cell("NTMCell", units=4, slots=5, width=3),
    LayerSample("MemoryNetwork", {"words": 9, "units": 6, "hops": 2}, ((3, 4), (4,)), integers=9),
    LayerSample(
        "CRF",
        {"tags": 3},
        _SEQUENCE,
        mask="ends",
        heeds=True,
        loss="crf_loss",
        target=(4,),
        target_integers=3,
    ),
    LayerSample("PrimaryCapsules", {"capsules": 2, "size": 3, "kernel_size": 3}, _IMAGE),
    LayerSample("PixelShuffle", {"factor": 2}, _IMAGE),
]
