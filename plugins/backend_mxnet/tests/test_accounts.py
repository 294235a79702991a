"""What `model.explain()` tells of transposes and layouts is what stands in MXNet's own graphs."""

from collections import Counter

import numpy as np
import pytest
from kcore_backend_mxnet.accounts import nodes
from kcore_backend_mxnet.compiled import Compiled

import kcore
from kcore import layers as L
from kcore.kernel.context import engine
from kcore.models import Model, Sequential


def made(kind, data_format="channels_last"):
    if kind == "images":
        shape = (6, 6, 2) if data_format == "channels_last" else (2, 6, 6)
        conv = L.Conv2D(3, 3, data_format=data_format, activation="relu", input_shape=shape)
        return Sequential([conv, L.AveragePooling2D(2, data_format=data_format), L.Flatten(), L.Dense(2)])
    x = L.Input((5, 3))
    return Model(x, L.Dense(2)(L.LSTM(4)(x)))


@pytest.mark.parametrize("kind", ["images", "sequences"])
@pytest.mark.parametrize("mode", ["train", "predict"])
def test_transposes_are_those_of_the_graphs_that_run(kind, mode):
    with kcore.use_backend("mxnet"):
        model = made(kind)
        model.compile("sgd", "mse")
        told = model.explain(training=mode == "train")
        _, program, _ = model._steps.lowered(mode)
        compiled = Compiled(engine(), program)
        shapes = [tuple(2 if d is None else d for d in program.specs[s].shape) for s in program.inputs]
        weights = model.get_weights()
        compiled(*[np.zeros(s, program.specs[i].dtype) for s, i in zip(shapes, program.inputs, strict=True)])
        model.set_weights(weights)
    listed = [n for piece in compiled._layout.steps for graph in piece._made.values() for n in graph.nodes()]
    assert told.transposes == sum(n["op"] in ("transpose", "SwapAxis") for n in listed) > 0


def test_asking_writes_nothing_and_leaves_no_marks():
    with kcore.use_backend("mxnet"):
        model = made("images")
        model.compile("sgd", "mse")
        before = model.get_weights()
        model.explain()
        for a, b in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)
        _, program, _ = model._steps.lowered("train")
        assert not any("__kcore__" in n.get("attrs", {}) for n in nodes(engine(), program))


def test_images_have_their_channels_first():
    with kcore.use_backend("mxnet"):
        told = made("images").explain()
    assert told.accounts[0].layouts == ["channels_first"]


def conv(filters=4, **options):
    return L.Conv2D(filters, 3, padding="same", **options)


def merged(x):
    """What networks like ResNet are made of."""
    for merge in (L.add, L.concatenate, L.maximum, L.multiply, L.average, L.subtract):
        ends = [L.BatchNormalization()(conv()(x)), conv()(x)]
        x = L.Activation("relu")(merge(ends))
    return x


BETWEEN = {
    "convolutions": [lambda: conv(strides=2, activation="relu"), lambda: L.Conv2D(4, 3, activation="elu")],
    "depthwise": [lambda: L.DepthwiseConv2D(3, depth_multiplier=2, activation="relu")],
    "separable": [lambda: L.SeparableConv2D(5, 3, activation="sigmoid"), lambda: L.LeakyReLU()],
    "transposed": [lambda: L.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")],
    "max pooling": [lambda: L.MaxPooling2D(2), lambda: L.PReLU(shared_axes=[1, 2])],
    "max pooling, padded": [lambda: L.MaxPooling2D(3, 2, "same"), lambda: L.ThresholdedReLU(0.1)],
    "average pooling": [lambda: L.AveragePooling2D(3, strides=2, padding="same"), lambda: L.ReLU(6.0)],
    "normalised": [L.BatchNormalization, lambda: L.Activation("swish"), lambda: L.SpatialDropout2D(0.5)],
    "not scaled": [lambda: L.BatchNormalization(scale=False), lambda: L.Activation("softplus")],
    "not centred": [lambda: L.BatchNormalization(center=False), lambda: L.ReLU(6.0, 0.1, 0.2)],
    "frozen": [lambda: L.BatchNormalization(trainable=False), lambda: L.Activation("selu")],
    "padded": [lambda: L.ZeroPadding2D(1), lambda: L.Conv2D(4, 3), lambda: L.Cropping2D(1)],
    "larger": [lambda: L.UpSampling2D(2), lambda: L.Activation("tanh")],
    "larger, linear": [lambda: L.UpSampling2D((2, 3), interpolation="bilinear")],
    "softmax": [lambda: L.Activation("softmax"), L.Softmax, lambda: L.Activation("hard_sigmoid")],
    "dropout": [lambda: L.Dropout(0.5), lambda: L.GaussianDropout(0.1)],
    "noise": [lambda: L.GaussianNoise(0.1), lambda: L.AlphaDropout(0.1)],
    "regularized": [
        lambda: conv(kernel_regularizer="l1_l2", activity_regularizer="l1", kernel_constraint="max_norm"),
    ],
    "merged": [lambda: merged],
}
OTHER_RANKS = {
    1: [
        lambda: L.Conv1D(4, 3, strides=2), lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2),
        lambda: L.SeparableConv1D(4, 3), lambda: L.MaxPooling1D(2, 1, "same"), lambda: L.AveragePooling1D(2, 1),
        lambda: L.UpSampling1D(2), L.ZeroPadding1D, L.Cropping1D, L.BatchNormalization, lambda: L.SpatialDropout1D(0.5),
    ],
    3: [
        lambda: L.Conv3D(4, 2), lambda: L.MaxPooling3D(2, 1), lambda: L.AveragePooling3D(2, 1, "same"),
        lambda: L.UpSampling3D(2), L.ZeroPadding3D, L.Cropping3D, L.BatchNormalization,
        lambda: L.SpatialDropout3D(0.5),
    ],
}  # fmt: skip


def transposes(x, y):
    with kcore.use_backend("mxnet"):
        model = Model(x, y)
        model.compile("adam", "mse")
        counted = {}
        for mode in ("predict", "train"):
            graphs = nodes(engine(), model._steps.lowered(mode)[1])
            counted[mode] = sum(n["op"] in ("transpose", "SwapAxis") for n in graphs)
    return counted


@pytest.mark.parametrize("rank", OTHER_RANKS)
def test_sequences_and_volumes_are_turned_at_the_ends_only(rank):
    x = y = L.Input((12, 3) if rank == 1 else (6, 6, 6, 3))
    make = L.Conv1D if rank == 1 else L.Conv3D
    for layer in [*OTHER_RANKS[rank], lambda: make(2, 2)]:
        y = layer()(y)
    assert transposes(x, y) == {"predict": 2, "train": 2}


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("end", ["images", "global average", "global maximum"])
def test_images_are_turned_at_the_ends_of_a_convolutional_stack_only(between, end):
    x = y = L.Input((8, 8, 3))
    for make in [lambda: conv(activation="relu"), *BETWEEN[between], conv]:
        y = make()(y)
    if end != "images":
        y = (L.GlobalAveragePooling2D if end == "global average" else L.GlobalMaxPooling2D)()(y)
    counted = transposes(x, y)
    into_and_out = 2 if end == "images" else 1
    assert counted["predict"] == into_and_out
    # learning, the targets are turned in place of what comes out, or the gradients that come back from vectors
    assert counted["train"] <= 2


def test_what_dropout_draws_is_turned_once():
    with kcore.use_backend("mxnet"):
        model = Sequential([conv(input_shape=(8, 8, 3)), L.Dropout(0.5), conv(), L.Flatten(), L.Dense(2)])
        model.compile("adam", "mse")
        program = model._steps.lowered("train")[1]
        compiled = Compiled(engine(), program)
        made = [n["op"] for n in nodes(engine(), program)]
        given = [np.zeros((2, 8, 8, 3), "float32"), np.zeros((2, 2), "float32")]
        compiled.run([compiled.engine.from_numpy(v, "float32") for v in given])
    # images, and between images and vectors twice; what is drawn arrives with its channels first
    assert made.count("transpose") == 3
    # what is drawn waits for no graph, so that layers and their gradients stand in one
    assert [made.count(f"{kind}Convolution") for kind in ("", "_backward_")] == [2, 2]


def test_half_precision_is_told_to_be_computed_in_single():
    with kcore.use_backend("mxnet"):
        x = L.Input((3,), dtype="float16")
        told = Model(x, L.Dense(2, dtype="float16")(x)).explain()
    assert told.accounts[0].dtypes == ["float16 (in float32)"]


@pytest.mark.parametrize(
    ("make", "operations"),
    [
        (
            lambda: [
                L.Conv2D(3, 3, activation="relu", input_shape=(6, 6, 2)), L.MaxPooling2D(2), L.BatchNormalization(),
                L.Flatten(), L.Dense(2),
            ],
            {"Convolution", "Activation", "BatchNorm", "Pooling"},
        ),
        (lambda: [L.LSTM(4, input_shape=(5, 3)), L.Dense(2)], {"RNN", "FullyConnected"}),
        (lambda: [L.GRU(4, reset_after=True, input_shape=(5, 3)), L.Dense(2)], {"RNN", "FullyConnected"}),
        (lambda: [L.SimpleRNN(4, input_shape=(5, 3)), L.Dense(2)], {"RNN", "FullyConnected"}),
    ],
)  # fmt: skip
def test_training_uses_the_backward_operations_of_mxnet(make, operations):
    with kcore.use_backend("mxnet"):
        model = Sequential(make())
        model.compile("sgd", "mse")
        _, program, _ = model._steps.lowered("train")
        made = nodes(engine(), program)
    for name in operations:
        forward = [n for n in made if n["op"] == name]
        backward = [n for n in made if n["op"] == f"_backward_{name}"]
        assert len(forward) == len(backward) == 1, name
        (tied,) = backward[0]["control_deps"]
        assert made[tied] is forward[0]


def network():
    return Sequential(
        [
            L.Conv2D(3, 3, activation="relu", input_shape=(8, 8, 2)), L.DepthwiseConv2D(2), L.AveragePooling2D(2),
            L.MaxPooling2D(), L.Flatten(), L.Dense(4, activation="softmax"),
        ]
    )  # fmt: skip


def told_and_made(mode):
    """How often each operation is told, and how often each operation stands in the graph."""
    with kcore.use_backend("mxnet"):
        model = network()
        model.compile("sgd", "categorical_crossentropy")
        accounts = model.explain(training=mode == "train").accounts
        _, program, _ = model._steps.lowered(mode)
        made = Counter(n["op"] for n in nodes(engine(), program))
    told = Counter()
    for account in accounts:
        told += account.fused + account.primitives
    return told, made


@pytest.mark.parametrize("mode", ["train", "predict"])
def test_what_is_told_as_one_operation_is_one(mode):
    told, made = told_and_made(mode)
    assert told["convolution"] + told["depthwise_convolution"] == made["Convolution"] == 2
    assert told["avg_pool"] + told["max_pool"] == made["Pooling"] == 2
    assert told["rectify"] == made["Activation"] == 1
    assert told["softmax"] == made["softmax"] == 1 and not told["exp"] and not made["exp"]
    if mode == "train":
        back = ("convolution_kernel_gradient", "depthwise_convolution_kernel_gradient")
        assert sum(told[name] for name in back) == made["_backward_Convolution"] == 2
