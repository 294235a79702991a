"""`model.explain()` says what the lowered program says, on whichever engine is active."""

from collections import Counter

import numpy as np
import pytest

from kcore import backend as K
from kcore import layers as L
from kcore.backend.declare import declared
from kcore.backend.tensor import GRADIENT
from kcore.engines.numpy_engine import NumpyEngine
from kcore.errors import ArgumentError, NotCompiled
from kcore.kernel.context import current_engine_name, engine
from kcore.kernel.flat import Execution, FlatProgram
from kcore.models import Model, Sequential
from kcore.models.explaining import OUTSIDE
from kcore.testing.models import active

PRIMITIVES = {op.name for op in declared() if op.is_primitive}


def images(data_format="channels_last"):
    shape = (6, 6, 2) if data_format == "channels_last" else (2, 6, 6)
    return Sequential(
        [
            L.Conv2D(3, 3, data_format=data_format, activation="relu", input_shape=shape, name="conv"),
            L.MaxPooling2D(2, data_format=data_format, name="pool"),
            L.BatchNormalization(axis=-1 if data_format == "channels_last" else 1, name="norm"),
            L.Dropout(0.5, name="drop"),
            L.Flatten(name="flat"),
            L.Dense(3, activation="softmax", name="top"),
        ]
    )


def sequences():
    words = L.Input((None,), dtype="int32")
    x = L.Embedding(9, 4, mask_zero=True, name="embed")(words)
    return Model(words, L.Dense(1, name="top")(L.GRU(3, name="gru")(x)))


def operations(program):
    for instruction in program.instructions:
        yield instruction.op
        for value in instruction.attributes.values():
            if isinstance(value, FlatProgram):
                yield from operations(value)


@pytest.mark.parametrize("make", [images, sequences])
@pytest.mark.parametrize("mode", ["train", "predict"])
def test_it_counts_what_the_lowered_program_holds(make, mode):
    model = make()
    model.compile("adam", "mse")
    told = model.explain(training=mode == "train")
    _, program, opened = model._steps.lowered(mode)
    counted = Counter()
    for account in told.accounts:
        counted += account.fused + account.primitives
        assert set(account.primitives) <= PRIMITIVES
        assert set(account.fused) <= set(engine().fused)
        for name, reason in account.composed.items():
            assert name not in PRIMITIVES
            if name in engine().fused:
                assert "gradients go through its definition" in reason
            else:
                assert f"{current_engine_name()!r} has no fused form" in reason
    assert counted == Counter(operations(program))
    assert {name for a in told.accounts for name in a.composed} == {o.op for o in opened}
    assert told.transposes == sum(e.transposes for e in engine().executions(program))
    backward = [i for i in program.instructions if i.scope.startswith(GRADIENT)]
    assert bool(backward) == (mode == "train") == any(a.backward for a in told.accounts)
    assert sum(a.backward for a in told.accounts) >= len(backward)


def test_each_layer_has_its_own():
    model = images()
    told = model.explain()
    assert [a.layer for a in told.accounts] == ["conv", "pool", "norm", "drop", "flat", "top", OUTSIDE]
    assert told.program.endswith("predict_step")
    conv, drop = told["conv"], told["drop"]
    assert (conv.kind, conv.engine, conv.device) == (
        "Conv2D",
        current_engine_name(),
        engine().default_device(),
    )
    assert conv.dtypes == ["float32"] and conv.fused["convolution"] == 1 and "conv2d" in conv.composed
    assert conv.layouts in (["channels_last"], ["channels_first"]) and told["top"].layouts == []
    # nothing of dropout is left when predicting
    assert drop.how == "nothing" and not drop.composed
    model.compile("sgd", "mse")
    told = model.explain()
    assert told.program.endswith("train_step")
    assert told["drop"].operations > 0 and told["conv"].backward > 0 and told["norm"].backward > 0
    assert told[OUTSIDE].operations > 0  # the loss and the update
    assert told["conv"].fused["convolution_kernel_gradient"] == 1


def test_the_other_order_of_axes_costs_transposes():
    # on an engine with its channels last, and none on one that has them first anyway
    first, last = images("channels_first").explain(), images().explain()
    if last["conv"].layouts == ["channels_last"]:
        assert last["conv"].transposes == 0 and first["conv"].transposes == 2 == first["pool"].transposes
    assert first["conv"].layouts == last["conv"].layouts


def test_an_engine_says_how_it_runs():
    class Turning(NumpyEngine):
        name = "turning"

        def executions(self, program):
            return [Execution("sideways", 5 if i.op == "matmul" else 0) for i in program.instructions]

        def default_device(self):
            return "loom:1"

    with active(Turning()):
        told = images().explain()
    assert (told["top"].transposes, told["top"].layouts, told["top"].device) == (5, ["sideways"], "loom:1")
    assert told.transposes == 5


def test_what_is_fused_depends_on_the_engine_and_on_the_gradient():
    class Fusing(NumpyEngine):
        name = "fusing"

        def __init__(self):
            super().__init__()
            self.fused = {**self.fused, "relu": lambda x, **_: np.maximum(x, 0)}

    with active(Fusing()):
        model = Sequential([L.Activation("relu", input_shape=(3,), name="a"), L.Dense(1)])
        assert model.explain()["a"].fused["relu"] == 1
        model = Sequential([L.Dense(3, input_shape=(3,)), L.Activation("relu", name="a"), L.Dense(1)])
        model.compile("sgd", "mse")
        account = model.explain()["a"]
    assert "relu" not in account.fused and "a fused form would hide" in account.composed["relu"]
    with active(NumpyEngine()):
        model = Sequential([L.Activation("relu", input_shape=(3,), name="a")])
        assert "no fused form" in model.explain()["a"].composed["relu"]


def test_models_within_models_and_models_in_python():
    inner = Sequential([L.Dense(3, input_shape=(2,), name="deep")], name="inner")
    x = L.Input((2,))
    told = Model(
        x, L.TimeDistributed(L.Dense(1), name="timed")(L.Reshape((3, 1), name="r")(inner(x)))
    ).explain()
    assert [a.layer for a in told.accounts] == ["inner/deep", "r", "timed", OUTSIDE]
    assert told["inner/deep"].primitives["matmul"] == 1 == told["timed"].primitives["matmul"]
    assert told[OUTSIDE].operations == 0

    class Written(Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = L.Dense(3, name="a"), L.Dense(2, name="b")

        def call(self, inputs):
            return self.b(K.sin(self.a(inputs)))

    model = Written()
    with pytest.raises(ArgumentError, match="not built"):
        model.explain()
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 4), "float32"), np.ones((2, 2), "float32"), verbose=0)
    told = model.explain(training=False)
    assert told["a"].primitives["matmul"] == 1 == told["b"].primitives["matmul"]
    assert told[OUTSIDE].primitives["sin"] == 1


def test_types_and_devices_and_text():
    model = Sequential([L.Dense(2, input_shape=(3,), dtype="float64", name="wide")])
    told = model.explain()
    assert "float64" in told["wide"].dtypes
    text = str(told)
    assert "wide (Dense)" in text and current_engine_name() in text and "Transposes" in text
    assert "wide: composed dot, bias_add" in text
    with pytest.raises(NotCompiled):
        model.explain(training=True)
