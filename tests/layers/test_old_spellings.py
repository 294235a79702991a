"""Arguments in the spelling of Keras 1 are read where Keras 2.3.1 read them."""

import inspect

import numpy as np
import pytest

from kcore import backend as K
from kcore import layers
from kcore.errors import ArgumentError
from kcore.layers.spellings import SPELLINGS
from kcore.models import Model

CASES = [
    ("Dense", {"output_dim": 3, "init": "zeros", "W_regularizer": "l2", "bias": False}, {"units": 3, "use_bias": False}),
    ("Conv2D", {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "border_mode": "same", "subsample": (2, 1), "dim_ordering": "th"},
     {"filters": 4, "kernel_size": (3, 2), "padding": "same", "strides": (2, 1), "data_format": "channels_first"}),
    ("Conv3D", {"nb_filter": 4, "kernel_dim1": 3, "kernel_dim2": 2, "kernel_dim3": 1}, {"kernel_size": (3, 2, 1)}),
    ("Conv1D", {"nb_filter": 4, "filter_length": 3, "subsample_length": 2}, {"kernel_size": (3,), "strides": (2,)}),
    ("Dropout", {"p": 0.3}, {"rate": 0.3}),
    ("LSTM", {"output_dim": 3, "inner_activation": "relu", "dropout_U": 0.25, "consume_less": "mem"},
     {"units": 3, "recurrent_activation": "relu", "recurrent_dropout": 0.25, "implementation": 1}),
    ("GRU", {"output_dim": 3, "consume_less": "cpu"}, {"implementation": 0}),
    ("MaxPooling1D", {"pool_length": 3, "stride": 2}, {"pool_size": (3,), "strides": (2,)}),
    ("BatchNormalization", {"mode": 0, "beta_init": "ones"}, {"axis": -1}),
    ("UpSampling1D", {"length": 3}, {"size": 3}),
    ("GaussianNoise", {"sigma": 0.5}, {"stddev": 0.5}),
    ("Embedding", {"input_dim": 5, "output_dim": 2, "init": "zeros"}, {"input_dim": 5, "output_dim": 2}),
    ("Embedding", {"input_dim": 5, "output_dim": 2, "dropout": 0.2}, {"input_dim": 5, "output_dim": 2}),
    ("Highway", {"init": "zeros", "transform_bias": -1}, {"bias": True}),
    ("ZeroPadding2D", {"padding": {"top_pad": 1, "bottom_pad": 2, "right_pad": 3}}, {"padding": ((1, 2), (0, 3))}),
    ("Conv1D", {"nb_filter": 4, "filter_length": 3, "input_dim": 2, "input_length": 9},
     {"batch_input_shape": (None, 9, 2)}),
]  # fmt: skip


@pytest.mark.parametrize("name, old, new", CASES, ids=[c[0] for c in CASES])
def test_old_names_are_read(name, old, new):
    with pytest.warns(UserWarning, match=f"{name}.*Keras 1"):
        layer = getattr(layers, name)(**old)
    config = layer.get_config()
    assert {k: config[k] for k in new} == new
    with pytest.warns(UserWarning):  # the configs that Keras 1 wrote
        assert getattr(layers, name).from_config({"name": layer.name, **old}).get_config() == config


@pytest.mark.parametrize(
    "name", ["init", "W_regularizer", "W_constraint", "kernel_initializer", "kernel_regularizer"]
)
def test_depthwise_convolutions_leave_a_kernels_arguments_unused(name):
    with pytest.warns(UserWarning, match=f"does not use {name}.*depthwise_initializer"):
        layer = layers.DepthwiseConv2D(3, **{name: None})
    assert layer.get_config() == layers.DepthwiseConv2D(3, name=layer.name).get_config()


@pytest.mark.parametrize("kind", [layers.GRU, layers.LSTM])
def test_what_was_stored_with_implementation_0_goes_on_with_1(kind):
    config = kind(3, implementation=0).get_config()
    assert config["implementation"] == 0
    assert kind.from_config(config).implementation == 1


def test_one_number_per_axis_of_the_kernel():
    with pytest.warns(UserWarning, match="nb_row"):
        assert layers.Conv2D(4, 3, 2).kernel_size == (3, 2)
    with pytest.warns(UserWarning, match="kernel_dim1"):
        assert layers.Conv3D(4, 3, 2, 1).kernel_size == (3, 2, 1)


def test_both_spellings_of_one_argument_are_refused():
    with pytest.raises(ArgumentError, match="W_regularizer and kernel_regularizer"):
        layers.Dense(3, W_regularizer="l1", kernel_regularizer="l2")


@pytest.mark.parametrize("name", SPELLINGS)
def test_new_names_are_arguments(name):
    arguments = inspect.signature(getattr(layers, name)).parameters
    for targets in SPELLINGS[name].values():
        for target in () if targets is None else (targets,) if isinstance(targets, str) else targets:
            assert (
                target in arguments
                or target == "input_shape"  # every layer's
                or (name, target) == ("SimpleRNN", "implementation")
                or (target in ("recurrent_activation",) and name == "SimpleRNN")
            )


def test_a_recurrent_layer_of_steps():
    class Simple(layers.Recurrent):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape):
            self.kernel = self.add_weight("kernel", (input_shape[-1], self.units))
            self.inner = self.add_weight("inner", (self.units, self.units))
            self.built = True

        def step(self, inputs, states):
            output = K.tanh(K.dot(inputs, self.kernel) + K.dot(states[0], self.inner))
            return output, [output]

    x = layers.Input((5, 3))
    own, known = Simple(4, return_sequences=True), layers.SimpleRNN(4, use_bias=False, return_sequences=True)
    run = K.function([x], [own(x), known(x)])
    known.set_weights(own.get_weights())
    first, second = run([np.random.random((2, 5, 3)).astype("float32")])
    np.testing.assert_allclose(
        first, second, rtol=1e-5, atol=1e-6
    )  # an engine may have the layer as one operation


def test_an_embedding_of_several_lengths_as_keras_2_wrote_it():
    config = {"input_dim": 7, "output_dim": 3, "input_length": [2, 5], "batch_input_shape": [None, [2, 5]]}
    layer = layers.Embedding.from_config(config)
    assert layer.get_config()["batch_input_shape"] == (None, 2, 5)
    assert layers.Embedding(7, 3, input_length=(2, 5)).batch_input_shape == (None, 2, 5)


def test_inputs_of_a_model_in_the_singular():
    x = layers.Input((3,))
    with pytest.warns(UserWarning, match="Keras 1"):
        model = Model(input=x, output=layers.Dense(2)(x))
    assert model.output_shape == (None, 2)
