"""What predicting programs compute once for as long as weights stay, and what goes into weights."""

import numpy as np
import pytest

import kcore
from kcore import backend as K
from kcore.layers import (
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv3D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    SeparableConv2D,
)
from kcore.models import Sequential

FOLDED = [
    [Conv2D(4, 3, use_bias=False, input_shape=(7, 6, 2)), BatchNormalization()],
    [Conv2D(4, 3, strides=2, padding="same", input_shape=(7, 6, 2)), BatchNormalization(scale=False)],
    [DepthwiseConv2D(3, depth_multiplier=2, input_shape=(7, 6, 2)), BatchNormalization(center=False)],
    [SeparableConv2D(4, 3, input_shape=(7, 6, 2)), BatchNormalization(center=False, scale=False)],
    [Conv1D(4, 3, padding="causal", input_shape=(7, 2)), BatchNormalization(), Flatten()],
    [Conv3D(2, 2, input_shape=(4, 4, 4, 2)), BatchNormalization(epsilon=0.1)],
    [Dense(4, use_bias=False, input_shape=(3, 5)), BatchNormalization()],
    [Dense(4, input_shape=(5,)), BatchNormalization(), Dense(2)],
]


@pytest.mark.parametrize("layers", FOLDED)
def test_normalisation_goes_into_the_weights_before_it_when_predicting(layers, monkeypatch):
    """Also when the weights change, are replaced, or trained in place."""
    monkeypatch.setattr("kcore_backend_mxnet.applies.LARGE", 1)
    configs = [(type(layer), layer.get_config()) for layer in layers]
    x = np.random.RandomState(0).randn(5, *configs[0][1]["batch_input_shape"][1:]).astype("float32")
    found = []
    for name in ("mxnet", "numpy"):
        with kcore.use_backend(name):
            model = Sequential([kind.from_config(config) for kind, config in configs])
        model.compile(kcore.optimizers.SGD(0.01, momentum=0.9), "mse")
        random = np.random.RandomState(3)
        values = []
        for _ in range(2):
            model.set_weights([random.uniform(0.3, 1.5, w.shape) for w in model.get_weights()])
            values.append(model.predict(x))
            values.append(model.predict(x))
            y = np.ones_like(values[-1])
            model.train_on_batch(x, y)
            values += [model.predict(x), np.array(model.evaluate(x, y, verbose=0))]
        found.append(values)
        if name == "mxnet":
            step = next(s for key, s in model._steps._made.items() if key[0] == "predict").compiled
            (graph,) = step._layout.steps[0]._made.values()
            assert "BatchNorm" not in {n["op"] for n in graph.nodes()}
            assert graph._prepared is not None and len(graph.op_nodes()) < len(graph.nodes())
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


def test_what_else_reads_a_convolution_is_not_folded():
    """A result that is given beside its normalisation, and one whose gradient is asked for."""
    x = np.random.RandomState(0).randn(3, 5, 5, 2).astype("float32")
    found = []
    for name in ("mxnet", "numpy"):
        kcore.set_seed(1)
        with kcore.use_backend(name):
            image = kcore.layers.Input((5, 5, 2))
            middle = Conv2D(3, 3)(image)
            model = kcore.models.Model(image, [middle, BatchNormalization()(middle)])
            model.set_weights([w + 0.5 for w in model.get_weights()])
            slope = K.function([image], K.gradients(K.sum(K.square(model.outputs[1])), [image]))
            found.append([*model.predict(x), slope([x])[0]])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def one_layer_for_two():
    one, other = (kcore.layers.Input((5, 5, 1)) for _ in range(2))
    conv, normal = Conv2D(2, 3), BatchNormalization()
    model = kcore.models.Model([one, other], kcore.layers.subtract([normal(conv(one)), normal(conv(other))]))
    return model, [(5, 5, 1), (5, 5, 1)], {}


def one_layer_twice():
    x, dense = kcore.layers.Input((4,)), Dense(4, use_bias=False)
    return kcore.models.Model(x, BatchNormalization()(dense(BatchNormalization()(dense(x))))), [(4,)], {}


def scaled_by_data():
    images = kcore.layers.Input(batch_shape=(1, 5, 5, 2))
    scale = kcore.layers.Input(batch_shape=(1, 1, 1, 3))
    model = kcore.models.Model([images, scale], kcore.layers.multiply([Conv2D(3, 3)(images), scale]))
    return model, [(5, 5, 2), (1, 1, 3)], {"batch_size": 1}


def gated_channels():
    x = kcore.layers.Input((5, 5, 2))
    images = Conv2D(3, 3)(x)
    gates = Dense(3, activation="sigmoid")(kcore.layers.GlobalAveragePooling2D()(images))
    gated = kcore.layers.multiply([images, kcore.layers.Reshape((1, 1, 3))(gates)])
    return kcore.models.Model(x, BatchNormalization()(gated)), [(5, 5, 2)], {}


@pytest.mark.parametrize("make", [one_layer_for_two, one_layer_twice, scaled_by_data, gated_channels])
def test_what_only_looks_like_a_layer_with_its_normalisation(make):
    found = []
    for name in ("mxnet", "numpy"):
        random = np.random.RandomState(0)
        with kcore.use_backend(name):
            model, shapes, options = make()
        given = [random.randn(4, *s).astype("float32") for s in shapes]
        rounds = []
        for _ in range(2):
            model.set_weights([random.uniform(0.3, 1.3, w.shape) for w in model.get_weights()])
            rounds.append(model.predict(given if len(given) > 1 else given[0], **options))
        found.append(rounds)
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


def test_a_variable_that_is_set_is_read_anew():
    """What depends on it only is kept while it stays."""
    with kcore.use_backend("mxnet"):
        held, x = K.variable([0.0, 1.0, 2.0]), kcore.layers.Input((3,))
        model = kcore.models.Model(x, kcore.layers.Lambda(lambda t: t * K.exp(held) / K.sum(K.exp(held)))(x))
    for values in ([0.0, 1.0, 2.0], [5.0, 1.0, 2.0], [5.0, 1.0, 2.0], [0.0, 1.0, 2.0]):
        K.set_value(held, values)
        expected = np.exp(values) / np.exp(values).sum()
        np.testing.assert_allclose(model.predict(np.ones((2, 3))), [expected, expected], rtol=1e-5)


@pytest.mark.parametrize("layer", ["LSTM", "GRU", "SimpleRNN"])
def test_recurrent_weights_are_packed_once_while_they_stay(layer):
    options = {"reset_after": True} if layer == "GRU" else {}
    with kcore.use_backend("mxnet"):
        model = Sequential([getattr(kcore.layers, layer)(4, input_shape=(5, 3), **options)])
    x = np.random.RandomState(0).randn(2, 5, 3).astype("float32")
    model.predict(x)
    step = next(s for key, s in model._steps._made.items() if key[0] == "predict").compiled
    (graph,) = step._layout.steps[0]._made.values()
    assert not {"Concat", "SliceChannel"} & {n["op"] for n in graph.op_nodes()}
    packed = graph._prepared._key
    first = model.predict(x)
    assert graph._prepared._key is packed
    model.set_weights([2 * w for w in model.get_weights()])
    again = model.predict(x)
    assert graph._prepared._key is not packed and np.abs(again - first).max() > 1e-3
    np.testing.assert_allclose(again, model.to_backend("numpy").predict(x), atol=1e-6)
