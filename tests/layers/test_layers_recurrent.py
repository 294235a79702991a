"""Recurrent layers and wrappers: states, masks, dropout, custom cells, constants, weights of other layouts."""

import json

import numpy as np
import pytest

from golden import relative_error
from kcore import backend as K
from kcore import layers
from kcore.errors import ArgumentError, ShapeError
from kcore.models import Model, Sequential

RANDOM = np.random.RandomState(3)


def numbers(*shape):
    return RANDOM.uniform(-1, 1, shape).astype("float32")


def again(model, custom_objects=None):
    """The model from its config as text, with the same weights."""
    copy = Model.from_config(json.loads(json.dumps(model.get_config())), custom_objects=custom_objects)
    copy.set_weights(model.get_weights())
    return copy


KINDS = [
    (layers.SimpleRNN, {}),
    (layers.GRU, {"implementation": 1}),
    (layers.GRU, {"implementation": 2}),
    (layers.GRU, {"reset_after": True}),
    (layers.LSTM, {"implementation": 1}),
    (layers.LSTM, {"implementation": 2}),
]


@pytest.mark.parametrize("kind, settings", KINDS)
class TestEveryKind:
    def test_unrolled_is_the_same(self, kind, settings):
        x = layers.Input((5, 3))
        first = kind(4, return_sequences=True, **settings)
        second = kind(4, return_sequences=True, unroll=True, **settings)
        outputs = [first(x), second(x)]
        second.set_weights(first.get_weights())
        a, b = K.function([x], outputs)([numbers(2, 5, 3)])
        assert relative_error(a, b) < 1e-5

    def test_dropout_only_in_training_with_one_mask_for_all_steps(self, kind, settings):
        layer = kind(6, dropout=0.4, recurrent_dropout=0.4, return_sequences=True, **settings)
        x = layers.Input((None, 3))
        y = layer(x)
        run = K.function([x, K.learning_phase()], [y, *K.gradients(K.sum(y), layer.weights)])
        values = numbers(2, 4, 3)
        plain = run([values, 0])
        np.testing.assert_array_equal(plain[0], run([values, 0])[0])
        drawn = [run([values, 1]) for _ in range(2)]
        assert np.abs(drawn[0][0] - plain[0]).max() > 1e-3
        assert np.abs(drawn[0][0] - drawn[1][0]).max() > 1e-3
        assert all(np.isfinite(v).all() for v in drawn[0])

    def test_state_goes_in_and_comes_out(self, kind, settings):
        layer = kind(4, return_state=True, **settings)
        x = layers.Input((None, 3))
        start = [layers.Input((4,)) for _ in range(2 if kind is layers.LSTM else 1)]
        model = Model([x, *start], layer(x, initial_state=start))
        values = numbers(2, 6, 3)
        zeros = [np.zeros((2, 4), "float32") for _ in start]
        whole = model.predict([values, *zeros])
        half = model.predict([values[:, :3], *zeros])
        rest = model.predict([values[:, 3:], *half[1:]])
        for a, b in zip(rest, whole, strict=True):
            assert relative_error(a, b) < 1e-5
        for a, b in zip(again(model).predict([values, *zeros]), whole, strict=True):
            assert relative_error(a, b) < 1e-6

    def test_masked_steps_do_not_count(self, kind, settings):
        masking, layer = layers.Masking(), kind(4, **settings)
        x = layers.Input((None, 3))
        run = K.function([x], [layer(masking(x))])
        values = numbers(2, 6, 3)
        values[:, 4:] = 0
        assert relative_error(run([values])[0], run([values[:, :4]])[0]) < 1e-5


# with implementation=1 each gate has a mask of its own
@pytest.mark.parametrize("kind, settings", [k for k in KINDS if k[1].get("implementation") != 1])
def test_input_dropout_leaves_out_the_same_features_at_each_step(kind, settings):
    layer = kind(2, dropout=0.5, **settings)
    x = layers.Input((4, 200))
    gradient = K.gradients(K.sum(layer(x)), x)[0]
    found = K.function([x, K.learning_phase()], [gradient])([numbers(1, 4, 200), 1])[0][0]
    silent = found == 0
    assert (silent == silent[0]).all()
    assert 0.3 < silent[0].mean() < 0.7


def test_stateful_model_goes_on_until_reset():
    model = Sequential([layers.LSTM(4, stateful=True, batch_input_shape=(2, 3, 5))])
    x = numbers(2, 3, 5)
    first, second = (model.predict(x, batch_size=2) for _ in range(2))
    assert np.abs(first - second).max() > 1e-4
    model.reset_states()
    np.testing.assert_array_equal(model.predict(x, batch_size=2), first)
    layer = model.layers[0]
    layer.reset_states([np.ones((2, 4)), np.zeros((2, 4))])
    np.testing.assert_array_equal(K.get_value(layer.states[0]), np.ones((2, 4)))
    with pytest.raises(ShapeError, match="state 0 has shape"):
        layer.reset_states([np.ones((2, 3)), np.zeros((2, 4))])


class Sums(layers.Layer):
    """A user's cell: adds up its inputs and a constant, each through weights."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        several = isinstance(input_shape, list)
        self.kernel = self.add_weight(
            "kernel", (input_shape[0][-1] if several else input_shape[-1], self.units)
        )
        if several:
            self.other = self.add_weight("other", (input_shape[1][-1], self.units))
        super().build(input_shape)

    def call(self, inputs, states, constants=None):
        output = states[0] + K.dot(inputs, self.kernel)
        if constants:
            output = output + K.dot(constants[0], self.other)
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_custom_cell_with_constants():
    x, constant = layers.Input((None, 3)), layers.Input((2,))
    layer = layers.RNN(Sums(4))
    model = Model([x, constant], layer(x, constants=constant))
    assert len(layer.weights) == 2 and layer.get_config()["num_constants"] == 1
    values, other = numbers(2, 5, 3), numbers(2, 2)
    kernel, further = layer.get_weights()
    want = (values @ kernel).sum(1) + 5 * other @ further
    assert relative_error(model.predict([values, other]), want) < 1e-5
    copy = again(model, {"Sums": Sums})
    assert relative_error(copy.predict([values, other]), want) < 1e-5


def test_constants_of_both_directions():
    x, constant = layers.Input((None, 3)), layers.Input((2,))
    y = layers.Bidirectional(layers.RNN(Sums(4)), merge_mode="sum")(x, constants=constant)
    model = Model([x, constant], y)
    assert model.predict([numbers(2, 5, 3), numbers(2, 2)]).shape == (2, 4)


def test_cells_that_are_no_layers():
    class Plain:
        state_size = 3

        def call(self, inputs, states):
            return inputs + states[0], [inputs + states[0]]

    x = layers.Input((None, 3))
    values = numbers(2, 4, 3)
    got = K.function([x], [layers.RNN([Plain(), Plain()])(x)])([values])[0]
    assert relative_error(got, values.cumsum(1).sum(1)) < 1e-5
    with pytest.raises(ArgumentError, match="state_size"):
        layers.RNN(object())


def test_stacked_cells_are_layers_on_top_of_one_another():
    x = layers.Input((None, 3))
    stacked = layers.RNN([layers.LSTMCell(4), layers.GRUCell(2)], return_state=True)
    outputs = stacked(x)
    assert [o.shape for o in outputs] == [(None, 2), (None, 4), (None, 4), (None, 2)]
    first, second = layers.LSTM(4, return_sequences=True), layers.GRU(2)
    plain = second(first(x))
    first.set_weights(stacked.get_weights()[:3])
    second.set_weights(stacked.get_weights()[3:])
    a, b = K.function([x], [outputs[0], plain])([numbers(2, 5, 3)])
    assert relative_error(a, b) < 1e-5


def as_stored(kernel, recurrent, gates, units):
    """An LSTM's or GRU's kernels in the layout of cuDNN's layers (formats differ by transposed gates)."""

    def gatewise(matrix, change):
        return np.hstack([change(k) for k in np.hsplit(matrix, gates)])

    return (
        gatewise(kernel, lambda k: k.T.reshape(k.shape)),
        gatewise(recurrent, lambda k: k.T),
    )


@pytest.mark.parametrize("gates", [3, 4])
def test_cudnn_layers_hold_the_same_weights_in_another_layout(gates):
    x = layers.Input((None, 5))
    plain = layers.LSTM(3) if gates == 4 else layers.GRU(3, reset_after=True)
    stored = layers.CuDNNLSTM(3) if gates == 4 else layers.CuDNNGRU(3)
    outputs = [plain(x), stored(x)]
    kernel, recurrent, bias = plain.get_weights()
    bias = numbers(*bias.shape)
    plain.set_weights([kernel, recurrent, bias])
    both = np.concatenate([bias, np.zeros_like(bias)]) if gates == 4 else bias.reshape(-1)
    stored.set_weights([*as_stored(kernel, recurrent, gates, 3), both])
    a, b = K.function([x], outputs)([numbers(2, 4, 5)])
    assert relative_error(a, b) < 1e-5
    copy = layers.deserialize(layers.serialize(stored))
    assert copy.get_config() == stored.get_config()


def test_forget_bias_starts_at_one():
    for layer, first in ((layers.LSTM(2), 2), (layers.CuDNNLSTM(2), 10)):
        layer.build((None, 3, 4))
        bias = layer.get_weights()[2]
        assert bias[first : first + 2].tolist() == [1, 1] and bias.sum() == 2


def test_initial_state_as_arrays():
    layer, start = layers.GRU(3), np.full((2, 3), 0.5, "float32")
    values = numbers(2, 4, 5)
    x = layers.Input((4, 5))
    symbolic = K.function([x], [layer(x, initial_state=[start])])([values])[0]
    assert relative_error(layer(values, initial_state=[start]), symbolic) < 1e-6


def test_bidirectional_with_initial_states():
    x, states = layers.Input((None, 3)), [layers.Input((4,)) for _ in range(2)]
    layer = layers.Bidirectional(layers.GRU(4, return_sequences=True, return_state=True), merge_mode=None)
    model = Model([x, *states], layer(x, initial_state=states))
    values = [numbers(2, 5, 3), numbers(2, 4), numbers(2, 4)]
    forward, backward, last, first = model.predict(values)
    np.testing.assert_array_equal(forward[:, -1], last)
    np.testing.assert_array_equal(backward[:, 0], first)
    for a, b in zip(again(model).predict(values), (forward, backward, last, first), strict=True):
        assert relative_error(a, b) < 1e-6
    with pytest.raises(ArgumentError, match="each direction"):
        layers.Bidirectional(layers.GRU(4))(x, initial_state=states[:1])


def test_time_distributed_model_with_unknown_sizes():
    inner = Sequential([layers.Conv2D(2, 3, input_shape=(5, 5, 1)), layers.Flatten(), layers.Dense(3)])
    x = layers.Input((None, 5, 5, 1))
    y = layers.TimeDistributed(inner)(x)
    assert y.shape == (None, None, 3)
    values = numbers(2, 4, 5, 5, 1)
    want = np.stack([inner.predict(values[:, t]) for t in range(4)], 1)
    assert relative_error(Model(x, y).predict(values), want) < 1e-5


def test_masks_through_wrappers():
    x = layers.Input((4,))
    y = layers.TimeDistributed(layers.Dense(2))(layers.Embedding(5, 3, mask_zero=True)(x))
    y = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(y)
    words = np.array([[1, 2, 0, 0]])
    np.testing.assert_array_equal(K.function([x], [y._keras_mask])([words])[0], words != 0)
    text = layers.Input((3, 4))
    inner = layers.TimeDistributed(layers.LSTM(2))
    sentences = inner(layers.TimeDistributed(layers.Embedding(5, 3, mask_zero=True))(text))
    words = np.array([[[1, 2, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]]])
    values, mask = K.function([text], [sentences, sentences._keras_mask])([words])
    assert mask.tolist() == [[True, True, False]]
    assert not values[0, 2].any() and values[0, :2].any()


def test_updates_and_penalties_of_wrapped_layers():
    x = layers.Input((4, 3))
    wrapped = layers.TimeDistributed(layers.BatchNormalization())
    wrapped(x)
    assert len(wrapped.updates) == 2 and len(wrapped.trainable_weights) == 2
    wrapped.trainable = False
    assert wrapped.updates == [] and wrapped.trainable_weights == []
    both = layers.Bidirectional(layers.LSTM(2, kernel_regularizer="l2", activity_regularizer="l1"))
    y = both(x)
    # as in Keras 2: those of weights; the one on what comes out is known to models
    assert len(both.losses) == 2 and len(both.get_losses_for(x)) == 1
    assert len(Model(x, y).losses) == 3
    assert [w.shape for w in both.weights] == 2 * [(3, 8), (2, 8), (8,)]


def test_convolutional_recurrence():
    for data_format, shape in (
        ("channels_last", (None, None, None, 3)),
        ("channels_first", (None, 3, None, None)),
    ):
        layer = layers.ConvLSTM2D(
            2,
            (3, 3),
            padding="same",
            return_sequences=True,
            data_format=data_format,
            dropout=0.3,
            recurrent_dropout=0.3,
        )
        x = layers.Input(shape)
        y = layer(x)
        run = K.function([x, K.learning_phase()], [y])
        values = numbers(2, 4, *(d or 6 for d in shape[1:]))
        plain, drawn = run([values, 0])[0], run([values, 1])[0]
        assert plain.shape == ((2, 4, 6, 6, 2) if data_format == "channels_last" else (2, 4, 2, 6, 6))
        assert np.isfinite(drawn).all() and np.abs(drawn - plain).max() > 1e-3


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: layers.LSTM(3)(layers.Input((3,))),
            r"LSTM .*input 0 has shape \(None, 3\); rank 3 expected",
        ),
        (lambda: layers.LSTM(3)(layers.Input((4, None))), "number of features must be known"),
        (lambda: layers.GRU(3, unroll=True)(layers.Input((None, 4))), "unroll=True needs a known number"),
        (lambda: layers.GRU(3, stateful=True)(layers.Input((2, 4))), "batch_input_shape"),
        (lambda: layers.GRU(3)(layers.Input((2, 4)), initial_state=[layers.Input((4,))]), "initial state 0"),
        (lambda: layers.LSTM(3)(layers.Input((2, 4)), initial_state=[layers.Input((3,))]), "it has 2"),
        (lambda: layers.LSTM(0), "units=0"),
        (lambda: layers.Bidirectional(layers.LSTM(2), merge_mode="x"), "merge_mode='x'"),
        (lambda: layers.TimeDistributed(layers.Conv2D(2, 3))(layers.Input((4, 5))), "rank 4 expected"),
        (lambda: layers.TimeDistributed(3), "wraps a layer"),
        (lambda: layers.ConvLSTM2D(2, 9)(layers.Input((2, 4, 4, 1))), "does not fit"),
    ],
)
def test_mistakes_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "kind, settings", [KINDS[0], *KINDS[2:4], (layers.GRU, {"use_bias": False}), KINDS[5]]
)
@pytest.mark.parametrize("masks", [False, True])
def test_all_steps_in_one_operation_are_the_steps_one_by_one(kind, settings, masks, monkeypatch):
    """Outputs, states, gradients and gradients of gradients, with states to start from, backwards where masked."""
    flags = np.array([[0, 1, 1, 0, 1], [1, 1, 1, 1, 1], [0, 0, 1, 1, 0]], bool)
    found = []
    for at_once in (True, False):
        if not at_once:
            monkeypatch.setattr(kind.cell_class, "has_sequence", False)
        inputs, mask = layers.Input((5, 4)), layers.Input((5,), dtype="bool")
        starts = [layers.Input((3,)) for _ in range(2 if kind is layers.LSTM else 1)]
        layer = kind(3, return_sequences=True, return_state=True, go_backwards=masks, **settings)
        results = layer(inputs, mask=mask if masks else None, initial_state=starts)
        random = np.random.RandomState(1)
        layer.set_weights([random.uniform(-1, 1, w.shape) for w in layer.get_weights()])
        wrt = [inputs, *starts, *layer.trainable_weights]
        first = K.gradients(sum(K.sum(K.sin(r)) for r in results), wrt)
        second = K.gradients(sum(K.sum(K.square(t)) for t in first), wrt)
        values = [random.uniform(-1, 1, (3, *t.shape[1:])) for t in (inputs, *starts)]
        function = K.function([inputs, mask, *starts], [*results, *first, *second])
        found.append(function([values[0], flags, *values[1:]]))
    for one, other in zip(*found, strict=True):
        assert relative_error(one, other) < 1e-4
