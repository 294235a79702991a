"""Layers without recurrence: names, errors that say what to do, functions as layers, merging, plug-ins' names."""

import inspect
import json

import numpy as np
import pytest

import kcore
from kcore import backend as K
from kcore import layers
from kcore.errors import ArgumentError, NotBuilt, ShapeError
from kcore.models import Model, clone_model

# Keras 2.3.1's arguments, in order: what users give by position
SIGNATURES = {
    "Dense": "units activation use_bias kernel_initializer bias_initializer kernel_regularizer bias_regularizer "
    "activity_regularizer kernel_constraint bias_constraint",
    "Conv2D": "filters kernel_size strides padding data_format dilation_rate activation use_bias",
    "Conv2DTranspose": "filters kernel_size strides padding output_padding data_format dilation_rate activation",
    "DepthwiseConv2D": "kernel_size strides padding depth_multiplier data_format dilation_rate activation",
    "SeparableConv2D": "filters kernel_size strides padding data_format dilation_rate depth_multiplier activation",
    "MaxPooling2D": "pool_size strides padding data_format",
    "Embedding": "input_dim output_dim embeddings_initializer embeddings_regularizer activity_regularizer "
    "embeddings_constraint mask_zero input_length",
    "LSTM": "units activation recurrent_activation use_bias kernel_initializer recurrent_initializer bias_initializer "
    "unit_forget_bias",
    "GRU": "units activation recurrent_activation use_bias kernel_initializer recurrent_initializer bias_initializer "
    "kernel_regularizer",
    "BatchNormalization": "axis momentum epsilon center scale beta_initializer gamma_initializer",
    "Bidirectional": "layer merge_mode weights",
    "Lambda": "function output_shape mask arguments",
}
ALIASES = {
    "MaxPool2D": "MaxPooling2D", "AvgPool1D": "AveragePooling1D", "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "Convolution2D": "Conv2D", "Deconvolution2D": "Conv2DTranspose", "Deconvolution3D": "Conv3DTranspose",
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_arguments_stand_in_the_order_of_keras(name):
    wanted = SIGNATURES[name].split()
    assert list(inspect.signature(getattr(layers, name)).parameters)[: len(wanted)] == wanted


@pytest.mark.parametrize("alias, name", ALIASES.items())
def test_aliases(alias, name):
    assert getattr(layers, alias) is getattr(layers, name)


def test_unknown_names():
    with pytest.raises(AttributeError, match="Did you mean 'Dense'"):
        layers.Dens  # noqa: B018
    with pytest.raises(ValueError, match="no layer named 'Dens'"):
        layers.deserialize({"class_name": "Dens", "config": {}})


def inputs(*shapes):
    return [layers.Input(s) for s in shapes]


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: layers.Conv2D(3, 3)(layers.Input((3,))),
            r"Conv2D .*: input 0 has shape \(None, 3\); rank 4",
        ),
        (
            lambda: layers.Conv2D(3, 9, name="c")(layers.Input((3, 3, 1))),
            r"Conv2D 'c': input 0 .*does not fit",
        ),
        (lambda: layers.MaxPooling2D(9, name="p")(layers.Input((3, 3, 1))), r"'p': input 0 .*does not fit"),
        (lambda: layers.Conv2D(3, 3)(layers.Input((3, 3, None))), "number of channels must be known"),
        (lambda: layers.Conv2D(3, 3, padding="causal"), "use one of valid, same"),
        (lambda: layers.Conv1D(3, 3, padding="causal", data_format="channels_first"), "channels_last"),
        (lambda: layers.Conv2D(3, (3, 3, 3)), "kernel_size="),
        (lambda: layers.Conv2D(0, 3), "filters=0"),
        (lambda: layers.Conv2DTranspose(2, 3, strides=2, output_padding=2), "output_padding"),
        (lambda: layers.Cropping2D(5)(layers.Input((8, 8, 1))), "leaves nothing"),
        (lambda: layers.ZeroPadding2D(-1), "padding=-1"),
        (lambda: layers.UpSampling2D(0), "size=0"),
        (lambda: layers.UpSampling2D(2, interpolation="cubic"), "interpolation"),
        (lambda: layers.LocallyConnected1D(2, 3)(layers.Input((None, 2))), "weights of its own"),
        (lambda: layers.LocallyConnected2D(2, 3, padding="same"), "only 'valid'"),
        (lambda: layers.Dense(3)(layers.Input((None,))), "known number of features"),
        (lambda: layers.Dense(0), "units=0"),
        (lambda: layers.RepeatVector(1.5), "n=1.5"),
        (lambda: layers.Reshape((7,))(layers.Input((8,))), "cannot reshape"),
        (lambda: layers.Permute((1, 3)), "each of 1..2"),
        (lambda: layers.Embedding(3, 4, input_length=5)(layers.Input((6,))), "input_length=5"),
        (lambda: layers.PReLU()(layers.Input((None, 2))), "shared_axes"),
        (lambda: layers.ReLU(negative_slope=-1.0), "negative_slope"),
        (lambda: layers.BatchNormalization()(layers.Input((None,))), "no known size"),
        (lambda: layers.add(inputs((3,), (4,))), r"input 1 has shape \(None, 4\).*\(None, 3\) of input 0"),
        (lambda: layers.multiply(inputs((3,), (3,), (5,))), "input 2 has shape"),
        (lambda: layers.concatenate(inputs((2, 3), (2, 3), (4, 3))), r"input 2 has shape \(None, 4, 3\)"),
        (lambda: layers.subtract(inputs((3,), (3,), (3,))), "takes 2 inputs"),
        (lambda: layers.dot(inputs((3,), (4,)), 1), "sizes 3 and 4"),
        (lambda: layers.Add()(layers.Input((3,))), "a list of at least 2 inputs"),
    ],
)
def test_mistakes_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def twice(x):
    return 2 * x


def test_functions_as_layers_are_found_by_name_and_never_run_from_a_config():
    x = layers.Input((3,))
    plus = layers.Lambda(lambda t: t + 1)
    model = Model(x, layers.Lambda(twice)(plus(x)))
    values = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(clone_model(model).predict(values), np.full((2, 3), 4))
    config = json.loads(json.dumps(plus.get_config()))
    config["function"][0] = "YwAAAAA="  # code, as other programs write it
    with pytest.raises(ArgumentError, match="not\n? ?run"):
        layers.Lambda.from_config(config)
    told = layers.Lambda(twice).get_config()
    assert layers.Lambda.from_config({**told, "function": "thrice"}, {"thrice": twice}).function is twice
    with pytest.raises(ArgumentError, match="custom_objects"):
        layers.Lambda.from_config({**told, "function": "thrice"})


def test_two_functions_of_one_name_are_not_mixed_up():
    def made(n):
        def scaled(x):
            return n * x

        return scaled

    first, second = layers.Lambda(made(2)), layers.Lambda(made(3))
    assert first.get_config()["function"] == second.get_config()["function"] == "scaled"
    with pytest.raises(ArgumentError, match="stands for 2 functions"):
        layers.Lambda.from_config(first.get_config())


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "make",
    [
        lambda f: layers.Conv2D(4, 3, strides=2, padding="same", data_format=f),
        lambda f: layers.Conv2DTranspose(4, 3, strides=2, padding="same", data_format=f),
        lambda f: layers.SeparableConv2D(4, 3, data_format=f),
        lambda f: layers.DepthwiseConv2D(3, depth_multiplier=2, data_format=f),
        lambda f: layers.MaxPooling2D(data_format=f),
        lambda f: layers.GlobalAveragePooling2D(data_format=f),
        lambda f: layers.UpSampling2D(data_format=f),
        lambda f: layers.ZeroPadding2D(((1, 2), (0, 1)), data_format=f),
        lambda f: layers.Cropping2D(((1, 2), (0, 1)), data_format=f),
    ],
)
def test_unknown_sizes_are_filled_in_when_it_runs(make, data_format):
    values = np.random.RandomState(0).uniform(-1, 1, (2, 7, 6, 3)).astype("float32")
    shape = (None, None, 3)
    if data_format == "channels_first":
        values, shape = values.transpose(0, 3, 1, 2), (3, None, None)
    layer = make(data_format)
    x = layers.Input(shape)
    got = K.function([x], [layer(x)])([values])[0]
    assert got.shape == layer.compute_output_shape(values.shape)
    fixed = layers.Input(values.shape[1:])
    np.testing.assert_allclose(K.function([fixed], [layer(fixed)])([values])[0], got, rtol=1e-5, atol=1e-6)


def test_frozen_batch_normalization_uses_the_batch_but_keeps_its_averages():
    x = layers.Input((3,))
    layer = layers.BatchNormalization()
    y = layer(x)
    assert len(layer.updates) == 2
    layer.trainable = False
    assert layer.updates == []
    values = np.random.RandomState(0).normal(5, 2, (64, 3)).astype("float32")
    got = K.function([x, K.learning_phase()], [y], updates=layer.updates)([values, 1])[0]
    assert abs(got.mean()) < 1e-4
    np.testing.assert_array_equal(layer.get_weights()[2], np.zeros(3))


def test_masks_of_merged_inputs():
    x, y = inputs((4, 3), (4, 3))
    masked = layers.Masking()(x)
    values = np.ones((1, 4, 3), "float32")
    values[0, 2:] = 0
    run = K.function(
        [x, y], [layers.add([masked, y])._keras_mask, layers.concatenate([masked, y])._keras_mask]
    )
    for mask in run([values, values]):
        assert mask.tolist() == [[True, True, False, False]]


def test_layers_compute_on_arrays():
    dense = kcore.layers.Dense(2, kernel_initializer="ones")
    np.testing.assert_array_equal(dense(np.ones((1, 3), "float32")), [[3, 3]])
    with pytest.raises(ShapeError):
        dense(np.ones((1, 4), "float32"))


REFUSED = [
    (lambda: layers.Dense(2.5), None, ArgumentError, "units=2.5"),
    (lambda: layers.Softmax(axis=5), (3, 2), ShapeError, "axis=5"),
    (lambda: layers.PReLU(shared_axes=[3]), (3, 2), ShapeError, r"shared_axes=\[3\]"),
    (lambda: layers.ZeroPadding1D(padding=(1, 1, 1, 1)), None, ArgumentError, "padding"),
    (lambda: layers.Conv3DTranspose(2, 2, dilation_rate=2), None, ArgumentError, "dilation_rate=2"),
    (lambda: layers.BatchNormalization(mode=1), None, TypeError, "mode=1"),
    (lambda: layers.ConvLSTM2D(2, 2, stateful=True), "unknown size", ShapeError, "known in full"),
    (lambda: layers.Concatenate().compute_output_shape((None, 3)), None, ArgumentError, "list of at least"),
]


@pytest.mark.parametrize("make, shape, error, told", REFUSED, ids=[r[3] for r in REFUSED])
@pytest.mark.filterwarnings("ignore:.*Keras 1")
def test_refused_when_made_or_called(make, shape, error, told):
    x = (
        layers.Input(batch_shape=(2, 3, None, 5, 1))
        if shape == "unknown size"
        else layers.Input(shape or (3,))
    )
    with pytest.raises(error, match=told):
        make()(x)


def test_dtype_of_an_input_spec():
    class Looks(layers.Layer):
        def call(self, inputs):
            return inputs

    layer = Looks()
    layer.input_spec = layers.InputSpec(dtype="int32")
    layer(layers.Input((3,), dtype="int32"))
    with pytest.raises(ArgumentError, match="int32 expected"):
        layer(layers.Input((3,)))


def test_what_a_layer_says_before_it_is_built():
    layer = layers.Dense(3)
    with pytest.raises(NotBuilt, match="not built yet"):
        layer.count_params()
    assert issubclass(NotBuilt, RuntimeError)  # Keras 2's
    with pytest.raises(ArgumentError, match="called on None"):
        layer(None)


@pytest.mark.parametrize(
    "wrap", [layers.TimeDistributed, lambda cell: layers.Bidirectional(layers.RNN(cell))]
)
def test_trainable_of_a_wrapper_holds_within(wrap):
    wrapper = wrap(layers.Dense(2) if wrap is layers.TimeDistributed else layers.LSTMCell(2))
    wrapper.trainable = False
    assert not any(layer.trainable for layer in wrapper._sublayers)
    wrapper.trainable = True
    assert all(layer.trainable for layer in wrapper._sublayers)


def test_names_for_what_a_weight_is_given():
    class Adds(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(
                "w", input_shape[1:], initializer="ones", regularizer="l2", constraint="non_neg"
            )
            self.built = True

        def call(self, inputs):
            return inputs * self.w

    layer = Adds()
    layer(layers.Input((3,)))
    assert K.eval(layer.losses[0]) == pytest.approx(0.03)
    assert layer.w.constraint is not None


def test_mark_of_what_depends_on_the_phase():
    x = layers.Input((3,))
    dropout = layers.Dropout(0.5)
    assert layers.Dense(2)(dropout(x))._uses_learning_phase
    assert not dropout(x, training=True)._uses_learning_phase
    plain = layers.Dense(2)(x)
    assert not plain._uses_learning_phase
    plain._uses_learning_phase = True  # as layers of Keras 2's users set it
    assert plain._uses_learning_phase


def test_a_call_in_names():
    x = layers.Input((3,), name="x")
    shared = layers.Dense(3, name="shared")
    shared(shared(x))
    assert shared._inbound_nodes[1].get_config() == {
        "outbound_layer": "shared", "inbound_layers": ["shared"], "node_indices": [0], "tensor_indices": [0]
    }  # fmt: skip
    assert isinstance(layers.DepthwiseConv2D(2), layers.Conv2D)  # as in Keras 2


def test_the_shape_of_a_weight_may_come_first():
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.a = self.add_weight((input_shape[-1],), "ones", name="a")
            self.b = self.add_weight((2,), "b", initializer="zeros")
            self.c = self.add_weight("c", (3,), initializer="ones")
            with pytest.raises(TypeError, match="two positional arguments"):
                self.add_weight((2,), "d", "float32")

    layer = Scale(name="scale")
    layer.build((None, 4))
    assert [(w.name, w.shape) for w in layer.weights] == [
        ("scale/a:0", (4,)), ("scale/b:0", (2,)), ("scale/c:0", (3,)),
    ]  # fmt: skip
    np.testing.assert_array_equal(layer.a.numpy(), np.ones(4))
