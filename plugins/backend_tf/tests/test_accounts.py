"""What `model.explain()` tells of transposes and layouts is what stands in TensorFlow's own graphs."""

from collections import Counter

import pytest
from kcore_backend_tf.compiled import Compiled

import kcore
from kcore import layers as L
from kcore.kernel.context import engine
from kcore.models import Model, Sequential


def made(kind):
    if kind == "images":
        conv = L.Conv2D(3, 3, data_format="channels_first", activation="relu", input_shape=(2, 6, 6))
        return Sequential(
            [conv, L.AveragePooling2D(2, data_format="channels_first"), L.Flatten(), L.Dense(2)]
        )
    x = L.Input((None, 3))
    return Model(x, L.Dense(2)(L.LSTM(4)(L.Permute((1, 2))(x))))


def transposes(definition):
    """Transposes in a graph and in the functions that it calls, each function counted as often as it is called."""
    functions = {f.signature.name: f.node_def for f in definition.library.function}

    def count(nodes):
        total = 0
        for node in nodes:
            total += node.op == "Transpose"
            called = [a.func.name for a in node.attr.values() if a.func.name]
            total += sum(count(functions[name]) for name in called)
        return total

    return count(definition.node)


@pytest.mark.parametrize("kind", ["images", "sequences"])
@pytest.mark.parametrize("mode", ["train", "predict"])
def test_transposes_are_those_of_the_graph_that_runs(kind, mode):
    with kcore.use_backend("tensorflow"):
        model = made(kind)
        model.compile("sgd", "mse")
        told = model.explain(training=mode == "train")
        _, program, _ = model._steps.lowered(mode)
        definition = Compiled(engine(), program).graph().as_graph_def()
    assert told.transposes == transposes(definition) > 0


def test_layouts_are_those_of_the_nodes():
    with kcore.use_backend("tensorflow"):
        model = made("images")
        told = model.explain()
        _, program, _ = model._steps.lowered("predict")
        nodes = Compiled(engine(), program).graph().as_graph_def().node
    formats = {n.attr["data_format"].s for n in nodes if n.op in ("Conv2D", "AvgPool")}
    assert formats == {b"NHWC"} and told.accounts[0].layouts == ["channels_last"] == told.accounts[1].layouts


def test_devices():
    with kcore.use_backend("tensorflow"):
        assert made("images").explain().accounts[0].device == engine().default_device()


def network():
    return Sequential(
        [
            L.Conv2D(3, 3, activation="relu", input_shape=(8, 8, 2)), L.DepthwiseConv2D(2), L.AveragePooling2D(2),
            L.MaxPooling2D(), L.Flatten(), L.Dense(4, activation="softmax"),
        ]
    )  # fmt: skip


def told_and_made(mode):
    """How often each operation is told, and how often each operation stands in the graph."""
    with kcore.use_backend("tensorflow"):
        model = network()
        model.compile("sgd", "categorical_crossentropy")
        accounts = model.explain(training=mode == "train").accounts
        _, program, _ = model._steps.lowered(mode)
        made = Counter(n.op for n in Compiled(engine(), program).graph().as_graph_def().node)
    told = Counter()
    for account in accounts:
        told += account.fused + account.primitives
    return told, made


FUSED = {
    "convolution": "Conv2D", "depthwise_convolution": "DepthwiseConv2dNative", "avg_pool": "AvgPool",
    "rectify": "Relu", "softmax": "Softmax", "matmul": "MatMul",
}  # fmt: skip
FUSED_BACKWARD = {
    "convolution_kernel_gradient": "Conv2DBackpropFilter", "rectify_gradient": "ReluGrad",
    "depthwise_convolution_transpose": "DepthwiseConv2dNativeBackpropInput",
    "depthwise_convolution_kernel_gradient": "DepthwiseConv2dNativeBackpropFilter",
    "avg_pool_gradient": "AvgPoolGrad", "max_pool_gradient": "MaxPoolGrad",
}  # fmt: skip


@pytest.mark.parametrize("mode", ["train", "predict"])
def test_what_is_told_as_one_operation_is_one(mode):
    told, made = told_and_made(mode)
    for name, node in (
        FUSED | FUSED_BACKWARD if mode == "train" else FUSED | {"max_pool": "MaxPool"}
    ).items():
        assert told[name] == made[node] > 0, name
