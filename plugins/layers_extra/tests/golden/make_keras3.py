"""Records what Keras 3 computes where it has a layer of the collection, or one can be put together from its layers.

python make_keras3.py, with keras 3 and tensorflow installed; it was run with the versions that keras3.json names.
Weights are in the order of the collection's layers. `gradient`: that of sum(output * cos(0, 1, 2, ...)) by input 0.
"""

import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

RNG = np.random.default_rng(20)
HERE = Path(__file__).parent
PAIR, IMAGE = ((2, 4, 6), (2, 3, 5)), ((2, 5, 6, 4),)


def drawn(*shape, low=-0.8):
    return RNG.uniform(low, 0.8, shape).astype("float32")


def set_weights(layer, *arrays):
    layer.set_weights([a.reshape(w.shape) for a, w in zip(arrays, layer.weights, strict=True)])
    return layer


def attention(query, value, heads=2, size=3, **how):
    """Keras 3's MultiHeadAttention has biases, the collection's has one at the end only; so those are 0."""
    d, e = query.shape[-1], value.shape[-1]
    ours = [
        drawn(d, heads, size),
        drawn(e, heads, size),
        drawn(e, heads, size),
        drawn(heads, size, d),
        drawn(d),
    ]
    layer = keras.layers.MultiHeadAttention(heads, size)
    layer(query, value, **how)
    zero = np.zeros((heads, size), "float32")
    q, k, v, o, b = ours
    set_weights(layer, q, zero, k, zero, v, zero, o, b)
    return ours, layer


def norm(d):
    layer = keras.layers.LayerNormalization(epsilon=1e-6)
    layer.build((None, None, d))
    ours = [drawn(d, low=0.2), drawn(d)]
    return ours, set_weights(layer, *ours)


def dense(inputs, units, **how):
    layer = keras.layers.Dense(units, **how)
    layer.build((None, inputs))
    ours = [drawn(inputs, units), drawn(units)]
    return ours, set_weights(layer, *ours)


def multi_head(causal=False, alone=True):
    def make(x, y=None):
        y = x if alone else y
        ours, layer = attention(x, y)
        return ours, lambda x, y=None: layer(x, x if alone else y, use_causal_mask=causal)

    return make


def masked_attention(x):
    ours, layer = attention(x, x)
    seen = np.ones((2, 1, 4), bool)
    seen[0, :, 3] = seen[1, :, 0] = False
    return ours, lambda x: layer(x, x, attention_mask=seen)


def encoder(x):
    attended, attend = attention(x, x)
    first, up = dense(6, 8, activation="relu")
    second, down = dense(8, 6)
    (one, norm_1), (two, norm_2) = norm(6), norm(6)

    def run(x):
        y = norm_1(x + attend(x, x))
        return norm_2(y + down(up(y)))

    return [*attended, *first, *second, *one, *two], run


def decoder(x, y):
    own, attend = attention(x, x, use_causal_mask=True)
    other, look = attention(x, y)
    first, up = dense(6, 8, activation="relu")
    second, down = dense(8, 6)
    norms = [norm(6) for _ in range(3)]

    def run(x, y):
        x = norms[0][1](x + attend(x, x, use_causal_mask=True))
        x = norms[1][1](x + look(x, y))
        return norms[2][1](x + down(up(x)))

    return [*own, *other, *first, *second, *(w for ours, _ in norms for w in ours)], run


def dot(x, y):
    return [], lambda x, y: keras.layers.Attention()([x, y])


def additive(x, y):
    ours = [drawn(6, 7), drawn(5, 7), drawn(7)]
    layer = keras.layers.AdditiveAttention()
    layer.build([(2, 4, 7), (2, 3, 5), (2, 3, 7)])
    set_weights(layer, ours[2])
    return ours, lambda x, y: layer([x @ ours[0], y, y @ ours[1]])


def group(groups):
    def make(x):
        ours = [drawn(4, low=0.2), drawn(4)]
        layer = keras.layers.GroupNormalization(groups, epsilon=1e-3)
        layer.build(x.shape)
        return ours, set_weights(layer, *ours)

    return make


def layer_norm(x):
    return norm(6)


def spectral(training):
    """One step of the power iteration; Keras 3 normalises the kernel in a step of training only."""

    def make(x):
        kernel, bias, u = drawn(5, 3), drawn(3), drawn(1, 3)

        def run(x):
            inner = keras.layers.Dense(3)
            layer = keras.layers.SpectralNormalization(inner, 1)
            layer.build(x.shape)
            inner.set_weights([kernel, bias])
            layer.vector_u.assign(u)
            return layer(x, training=training)

        return [kernel, bias, u], run

    return make


def activation(name, **how):
    return lambda x: ([], lambda x: getattr(keras.activations, name)(x, **how))


def temporal(x):
    shapes = ((2, 6, 3), (2, 3, 3))
    kernels, biases = [drawn(*s) for s in shapes], [drawn(3), drawn(3)]
    layers = []
    for kernel, bias in zip(kernels, biases, strict=True):
        layer = keras.layers.Conv1D(3, 2, padding="causal", dilation_rate=2, activation="relu")
        layer.build((None, 4, kernel.shape[1]))
        layers.append(set_weights(layer, kernel, bias))
    shortcut = drawn(6, 3)
    run = lambda x: keras.activations.relu(x @ shortcut + layers[1](layers[0](x)))
    return [*kernels, *biases, shortcut], run


def coordinates(x):
    layer = keras.layers.Conv2D(3, (2, 3))
    layer.build((None, 5, 6, 6))
    ours = [drawn(2, 3, 6, 3), drawn(3)]
    set_weights(layer, *ours)
    rows = np.tile(np.linspace(-1, 1, 5, dtype="float32")[None, :, None, None], (2, 1, 6, 1))
    columns = np.tile(np.linspace(-1, 1, 6, dtype="float32")[None, None, :, None], (2, 5, 1, 1))
    return ours, lambda x: layer(keras.ops.concatenate([x, rows, columns], -1))


def squeeze(x):
    first, down = dense(4, 2, activation="relu")
    second, up = dense(2, 4, activation="sigmoid")
    pool = keras.layers.GlobalAveragePooling2D(keepdims=True)
    return [*first, *second], lambda x: x * up(down(pool(x)))


def shuffle(x):
    return [], lambda x: tf.nn.depth_to_space(x, 2)


def primary(x):
    layer = keras.layers.Conv2D(6, 3, strides=2)
    layer.build((None, 5, 6, 4))
    ours = [drawn(3, 3, 4, 6), drawn(6)]
    set_weights(layer, *ours)

    def run(x):
        s = keras.ops.reshape(layer(x), (2, -1, 3))
        n = keras.ops.sum(s * s, -1, keepdims=True)
        return s * n / (1 + n) / keras.ops.sqrt(n + 1e-7)

    return ours, run


# name of the collection's layer, its arguments, shapes of the inputs, what makes the weights and the function
CASES = {
    "attention": ("MultiHeadAttention", {"num_heads": 2, "key_size": 3}, PAIR[:1], multi_head()),
    "attention_causal": (
        "MultiHeadAttention", {"num_heads": 2, "key_size": 3, "causal": True}, PAIR[:1], multi_head(True),
    ),
    "attention_to_another": (
        "MultiHeadAttention", {"num_heads": 2, "key_size": 3}, PAIR, multi_head(alone=False),
    ),
    "attention_masked": ("MultiHeadAttention", {"num_heads": 2, "key_size": 3}, PAIR[:1], masked_attention),
    "encoder": ("TransformerEncoder", {"num_heads": 2, "hidden": 8}, PAIR[:1], encoder),
    "decoder": ("TransformerDecoder", {"num_heads": 2, "hidden": 8}, PAIR, decoder),
    "luong": ("LuongAttention", {}, ((2, 4, 6), (2, 3, 6)), dot),
    "bahdanau": ("BahdanauAttention", {"units": 7}, PAIR, additive),
    "layer_norm": ("LayerNormalization", {"epsilon": 1e-6}, PAIR[:1], layer_norm),
    "group_norm": ("GroupNormalization", {"groups": 2}, IMAGE, group(2)),
    "instance_norm": ("InstanceNormalization", {}, IMAGE, group(4)),
    "spectral": ("SpectralNormalization", {}, ((2, 5),), spectral(True)),
    "gelu": ("GELU", {}, ((2, 7),), activation("gelu", approximate=False)),
    "mish": ("Mish", {}, ((2, 7),), activation("mish")),
    "swish": ("Swish", {}, ((2, 7),), activation("silu")),
    "temporal": (
        "TemporalConvBlock", {"filters": 3, "kernel_size": 2, "dilation_rate": 2}, PAIR[:1], temporal,
    ),
    "coordinates": ("CoordConv2D", {"filters": 3, "kernel_size": [2, 3]}, IMAGE, coordinates),
    "squeeze": ("SqueezeExcitation", {"ratio": 2}, IMAGE, squeeze),
    "shuffle": ("PixelShuffle", {"factor": 2}, IMAGE, shuffle),
    "primary_capsules": ("PrimaryCapsules", {"capsules": 2, "size": 3, "kernel_size": 3}, IMAGE, primary),
}  # fmt: skip


def main():
    arrays, told = {}, {"made_with": f"Keras {keras.__version__}, TensorFlow {tf.__version__}", "cases": {}}
    for name, (layer, config, shapes, make) in CASES.items():
        inputs = [drawn(*s) for s in shapes]
        weights, run = make(*inputs)
        first = tf.constant(inputs[0])
        with tf.GradientTape() as tape:
            tape.watch(first)
            output = run(first, *inputs[1:])
            count = np.arange(int(np.prod(output.shape)), dtype="float32").reshape(output.shape)
            total = tf.reduce_sum(output * np.cos(count))
        told["cases"][name] = {
            "layer": layer,
            "config": config,
            "inputs": len(inputs),
            "weights": len(weights),
        }
        arrays.update({f"{name}/input_{i}": a for i, a in enumerate(inputs)})
        arrays.update({f"{name}/weight_{i}": a for i, a in enumerate(weights)})
        arrays[f"{name}/output"] = np.asarray(output)
        arrays[f"{name}/gradient"] = np.asarray(tape.gradient(total, first))
    np.savez_compressed(HERE / "keras3.npz", **arrays)
    (HERE / "keras3.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
