"""What layers and models say of themselves (names, shapes, masks, losses, updates) as the original said it."""

import gzip
import json

import numpy as np
import pytest

from golden import FOLDER, attributes
from kcore import backend as K
from kcore import layers, models
from kcore.errors import ArgumentError, NeverCalled, NotBuilt

RECORDED = json.loads(gzip.decompress((FOLDER / "attributes.json.gz").read_bytes()))
MODULES = {"layers": layers, "models": models}


@pytest.fixture(autouse=True)
def names_from_one():
    K.clear_session()


def differences(told, recorded):
    return {k: (told.get(k), recorded.get(k)) for k in {*told, *recorded} if told.get(k) != recorded.get(k)}


@pytest.mark.parametrize("name", sorted({s["class_name"] for s in RECORDED["layers"]}))
def test_layers(name):
    for sample in RECORDED["layers"]:
        if sample["class_name"] == name:
            K.clear_session()
            told = json.loads(json.dumps(attributes.layer_told(MODULES, sample)))
            assert not differences(told, sample["told"]), sample["config"]


@pytest.mark.parametrize("name", attributes.MODELS)
def test_models(name):
    told = json.loads(json.dumps(attributes.MODELS[name](MODULES)))
    assert not differences(told, RECORDED["models"][name])


def test_names_of_tensors():
    first, second = K.variable(1.0), K.zeros((2,))
    assert (first.name, second.name) == ("Variable:0", "Variable_1:0")
    assert (K.placeholder((2,)).name, K.constant(1.0).name) == ("Placeholder:0", "Const:0")
    assert (K.variable(1.0, name="v").name, layers.Input((3,), name="x").name) == ("v:0", "x:0")


def test_a_wrapper_is_trainable_as_the_layer_within():
    timed, both = layers.TimeDistributed(layers.Dense(2)), layers.Bidirectional(layers.LSTM(2))
    for wrapper in (timed, both):
        wrapper(layers.Input((3, 4)))
        wrapper.trainable = False
        assert not wrapper.layer.trainable or wrapper is both
        assert not wrapper.trainable_weights and wrapper.get_config()["trainable"] is False
        wrapper.trainable = True
    for wrap in (layers.TimeDistributed, layers.Bidirectional):
        inner = layers.SimpleRNN(2, return_sequences=True)
        for frozen in (wrap(inner, trainable=False), wrap(layers.SimpleRNN(2, trainable=False))):
            frozen(layers.Input((3, 4)) if wrap is layers.Bidirectional else layers.Input((2, 3, 4)))
            assert frozen.weights and not frozen.trainable_weights
            assert not type(frozen).from_config(frozen.get_config()).layer.trainable
    timed.layer.trainable = False
    assert not timed.trainable and timed.get_config()["trainable"] is False
    both.forward_layer.trainable = False
    assert both.trainable and len(both.trainable_weights) == len(both.non_trainable_weights) == 3


def test_what_a_call_brings_is_told_by_its_input():
    for shape in ((4,), (3, 4)):
        inner = models.Sequential([layers.Dense(2, input_shape=(4,)), layers.BatchNormalization()])
        layer = layers.TimeDistributed(inner) if len(shape) > 1 else inner
        x, other = layers.Input(shape), layers.Input(shape)
        layer(x)
        assert len(layer.get_updates_for(x)) == 2 and not layer.get_updates_for(other)
        assert (
            len(layer.updates) == len(inner.updates) == 2
        )  # the layer's own, without those of the model's graph


def test_mistakes():
    layer = layers.Dense(2)
    with pytest.raises(NotBuilt, match="dense_1.*not built"):
        layer.count_params()
    with pytest.raises(RuntimeError, match="never called"):
        layer.get_input_at(0)
    with pytest.raises(NeverCalled, match="never called"):
        layer.output_shape  # noqa: B018  asking for it is the mistake
    for wrong in ("abc", [["a"]], layer):
        with pytest.raises(ArgumentError, match="'dense_1': called on"):
            layer(wrong)
    for wrong in (3, np.zeros(2), [4], [(1, 2, 3)]):
        with pytest.raises(ArgumentError, match="an update is a pair"):
            layer.add_update(wrong)
    assert not layer.updates


def test_a_model_of_two_inputs_is_no_chain():
    x, y = layers.Input((3,)), layers.Input((3,))
    lines = []
    models.Model([x, y], layers.Dense(2)(layers.concatenate([x, y]))).summary(print_fn=lines.append)
    assert "Connected to" in lines[2]
