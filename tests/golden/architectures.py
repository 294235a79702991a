"""How an architecture is told by a list and by a digest, and the weights for which predictions were recorded.

The record (`tests/golden/architectures.json`) was made from Keras 2.3.1 by the same functions.
"""

import hashlib
import json

import numpy as np

SETTINGS = (
    "filters", "kernel_size", "strides", "padding", "pool_size", "use_bias", "activation", "epsilon", "momentum",
    "scale", "axis", "rate", "max_value", "cropping", "units", "depth_multiplier", "target_shape", "arguments",
)  # fmt: skip


def described(layers, config, shape_of):
    """Per layer: class, name, shape of the output, shapes of weights, layers it stands behind, settings."""
    told = {layer["config"]["name"]: layer for layer in config["layers"]}
    found = []
    for layer in layers:
        entry = told[layer.name]
        behind = [inbound[0] for node in entry["inbound_nodes"] for inbound in node]
        settings = {key: entry["config"][key] for key in SETTINGS if key in entry["config"]}
        weights = [shape_of(w) for w in layer.weights]
        found.append([type(layer).__name__, layer.name, layer.output_shape, weights, behind, settings])
    return json.loads(json.dumps(found))


def digest(found):
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def drawn_weights(names, shapes, seed):
    """Weights under which what goes through a deep network neither dies out nor grows without bounds.

    A softmax at its end has no clear winner.
    """
    random, made = np.random.RandomState(seed), []
    for name, shape in zip(names, shapes):
        last = name.split("/")[-1]
        if "gamma" in last or "variance" in last:
            values = random.uniform(0.5, 1.5, shape)
        elif "beta" in last or "mean" in last or "bias" in last:
            values = random.uniform(-0.2, 0.2, shape)
        else:
            inputs = np.prod(shape[:2] if "depthwise" in last else shape[:-1])
            values = random.randn(*shape) * np.sqrt(1.6 / inputs) * (0.02 if len(shape) == 2 else 1.0)
        made.append(values.astype("float32"))
    return made


def drawn_images(shape, seed):
    return np.random.RandomState(seed).uniform(-1, 1, (2, *shape)).astype("float32")
