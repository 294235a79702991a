"""Dtype policies: what they are, how layers get them, what is computed in which type. (Every layer: the table.)"""

import json

import numpy as np
import pytest

import kcore
from kcore import backend as K
from kcore import initializers, layers, mixed_precision, models, regularizers
from kcore.engines.numpy_engine import NumpyEngine
from kcore.errors import ArgumentError, DTypeError, Unsupported
from kcore.kernel import context
from kcore.layers import Dense, Embedding, Input, Layer
from kcore.mixed_precision import Policy, global_policy, policy_scope, set_global_policy

RNG = np.random.RandomState(0)
X = RNG.uniform(-1, 1, (6, 4)).astype("float32")


@pytest.fixture
def back_to_floatx():
    floatx = K.floatx()
    yield
    set_global_policy(None)
    K.set_floatx(floatx)


def value_of(tensor, *pairs):
    return np.asarray(K.function([p for p, _ in pairs], [tensor])([v for _, v in pairs])[0])


# policies ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name, compute, variable",
    [
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("float16", "float16", "float16"),
        ("bfloat16", "bfloat16", "bfloat16"),
        ("mixed_float16", "float16", "float32"),
        ("mixed_bfloat16", "bfloat16", "float32"),
        ("int32", "int32", "int32"),
    ],
)
def test_types_of_policies(name, compute, variable):
    policy = Policy(name)
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == (name, compute, variable)
    assert policy == Policy.from_config(policy.get_config()) and hash(policy) == hash(Policy(name))
    assert mixed_precision.deserialize(mixed_precision.serialize(policy)) == policy
    assert Dense(2, dtype=name).dtype_policy == policy


@pytest.mark.parametrize("wrong", ["float31", "mixed_float32", None, 3])
def test_other_names_are_refused(wrong):
    with pytest.raises(DTypeError):
        Policy(wrong)
    if isinstance(wrong, str):
        with pytest.raises(DTypeError, match="mixed_float16"):
            Dense(2, dtype=wrong)


def test_the_global_policy_is_floatx_until_it_is_set(back_to_floatx):
    assert global_policy().name == "float32"
    K.set_floatx("float64")
    assert global_policy().name == "float64" and Dense(1).dtype == "float64"
    K.set_floatx("float32")
    set_global_policy("mixed_float16")
    assert Dense(1).compute_dtype == "float16"
    K.set_floatx("float64")  # a policy that was set stays
    assert global_policy().name == "mixed_float16"
    with policy_scope(Policy("float32")) as inner:
        assert global_policy() is inner and Dense(1).dtype_policy.name == "float32"
        with policy_scope("bfloat16"):
            assert Dense(1).dtype == "bfloat16"
        assert global_policy() is inner
    assert global_policy().name == "mixed_float16"
    set_global_policy(None)
    assert global_policy().name == "float64"
    for setting in (set_global_policy, lambda p: policy_scope(p).__enter__()):
        with pytest.raises(DTypeError, match="int32"):
            setting("int32")


@pytest.mark.parametrize(
    "given",
    [
        "mixed_float16",
        Policy("mixed_float16"),
        {"class_name": "Policy", "config": {"name": "mixed_float16"}},
        {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": "mixed_float16"},
            "registered_name": None,
        },
    ],
    ids=["name", "policy", "tf.keras", "keras 3"],
)
def test_a_layer_takes_a_policy_in_any_form(given):
    layer = Dense(2, dtype=given)
    assert (layer.dtype, layer.variable_dtype, layer.compute_dtype) == ("float32", "float32", "float16")
    assert layer.dtype_policy.name == "mixed_float16"


def test_configs_tell_plain_types_as_keras_2_does():
    assert Dense(2).get_config()["dtype"] == "float32"
    assert Dense(2, dtype=np.float64).get_config()["dtype"] == "float64"
    config = json.loads(json.dumps(Dense(2, dtype="mixed_bfloat16").get_config()))
    assert config["dtype"] == {"class_name": "Policy", "config": {"name": "mixed_bfloat16"}}
    assert Dense.from_config(config).dtype_policy == Policy("mixed_bfloat16")
    assert layers.deserialize(layers.serialize(Dense.from_config(config))).compute_dtype == "bfloat16"


def test_a_dtype_may_be_assigned_as_keras_2_code_does():
    layer = Dense(2)
    layer.dtype = "float64"
    layer.build((None, 3))
    assert layer.kernel.dtype == "float64" and layer.get_config()["dtype"] == "float64"


# weights -------------------------------------------------------------------------------------------------------
class Own(Layer):
    """As Keras 2 users write layers, with a weight of each kind."""

    def build(self, input_shape):
        self.kernel = self.add_weight(
            "kernel", (input_shape[-1], 3), initializer="glorot_uniform", regularizer="l2"
        )
        self.exact = self.add_weight("exact", (3,), initializer="ones", autocast=False)
        self.places = self.add_weight("places", (3,), dtype="int32", initializer="zeros", trainable=False)
        self.wide = self.add_weight("wide", (3,), dtype="float64", initializer="ones", trainable=False)
        self.held = K.variable(np.ones(3))
        super().build(input_shape)

    def call(self, inputs):
        self.seen = {
            "inputs": K.dtype(inputs),
            "product": K.dtype(K.dot(inputs, self.kernel)),
            "exact": K.dtype(self.exact * 2.0),
            "places": K.dtype(self.places + 1),
            "wide": K.dtype(self.wide * 2.0),
            "held": K.dtype(self.held * 2.0),
            "cast": K.dtype(K.cast(self.kernel, "float64")),
            "told": K.dtype(self.kernel),
        }
        return K.dot(inputs, self.kernel) * self.held


def test_weights_are_read_in_the_compute_type_within_call():
    layer = Own(dtype="mixed_float16")
    output = layer(Input((4,)))
    assert layer.seen == {
        "inputs": "float16", "product": "float16", "exact": "float32", "places": "int32", "wide": "float16",
        "held": "float16", "cast": "float64",
        "told": "float16",
    }  # fmt: skip
    assert output.dtype == "float16"
    assert [w.dtype for w in layer.weights] == ["float32", "float32", "float32", "int32", "float64"]
    assert K.dtype(layer.kernel * 2.0) == "float32"  # outside they are what they are
    assert {w.dtype for w in layer.get_weights()} == {np.dtype(d) for d in ("float32", "int32", "float64")}


def test_without_autocast_nothing_is_cast():
    layer = Own(dtype="mixed_float16", autocast=False)
    layer(Input((4,)))
    assert layer.seen["inputs"] == layer.seen["product"] == "float32"
    config = layer.get_config()
    assert config["autocast"] is False and Own.from_config(config).autocast is False


def test_penalties_are_computed_in_the_weights_type():
    layer = Dense(
        3, dtype="mixed_float16", kernel_regularizer=regularizers.l2(0.1), activity_regularizer="l1"
    )
    inputs = Input((4,))
    layer(inputs)
    kernel = layer.get_weights()[0]
    of_weight, of_output = layer.losses
    assert of_weight.dtype == of_output.dtype == "float32"
    np.testing.assert_allclose(K.eval(of_weight), 0.1 * np.sum(kernel.astype("float64") ** 2), rtol=1e-6)


class Counting(Layer):
    stateful = True

    def build(self, input_shape):
        self.count = self.add_weight("count", (), initializer=lambda shape: 2048.0, trainable=False)
        super().build(input_shape)

    def call(self, inputs):
        self.add_update([K.update_add(self.count, 1.0)], inputs)
        return inputs


def test_states_are_updated_in_their_own_type():
    layer = Counting(dtype="mixed_float16")
    inputs = Input((2,))
    output = layer(inputs)
    K.function([inputs], [output], updates=layer.get_updates_for(inputs))([np.ones((1, 2))])
    assert layer.get_weights()[0] == 2049.0  # float16 would stay at 2048


class InLoops(Layer):
    """Weights as states of a loop, in its body, in a branch, dropped."""

    def build(self, input_shape):
        self.first = self.add_weight("first", (2, 3), initializer="ones")
        self.factor = self.add_weight("factor", (3,), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        def step(x, states):
            new = x * self.factor + states[0]
            return new, [new]

        _, outputs, _ = K.rnn(step, inputs, [self.first])
        _, unrolled, _ = K.rnn(step, inputs, [self.first], unroll=True)
        chosen = K.switch(K.equal(K.sum(inputs), 0.5), lambda: self.factor * 2.0, lambda: self.factor)
        dropped = K.in_train_phase(K.dropout(self.factor, 0.5), self.factor)
        self.seen = {K.dtype(t) for t in (outputs, unrolled, chosen, dropped)}
        return outputs + unrolled + chosen * dropped


def test_loops_and_branches_read_weights_in_the_compute_type():
    layer = InLoops(dtype="mixed_float16")
    inputs = Input(batch_shape=(2, 4, 3))
    output = layer(inputs)
    assert layer.seen == {"float16"} and output.dtype == "float16"
    slopes = K.gradients(K.sum(K.cast(output, "float32")), layer.trainable_weights)
    assert [K.dtype(s) for s in slopes] == ["float32"] * 2
    rows = np.full((2, 4, 3), 0.25, "float32")
    got, first, factor = (np.asarray(v) for v in K.function([inputs], [output, *slopes])([rows]))
    steps = np.arange(1, 5)
    np.testing.assert_allclose(got[0, :, 0], 2 * (1 + 0.25 * steps) + 1)
    np.testing.assert_allclose(first, np.full((2, 3), 8.0))
    np.testing.assert_allclose(factor, np.full(3, 2 * 2 * 0.25 * steps.sum() + 2 * 8))


# inputs --------------------------------------------------------------------------------------------------------
def test_floating_inputs_are_cast_others_are_not():
    for policy, kind in (("mixed_float16", "float16"), ("float64", "float64"), ("float32", "float32")):
        seen = []
        probe = layers.Lambda(
            lambda x, seen=seen: seen.append(K.dtype(x)) or K.cast(x, "float32"), dtype=policy
        )
        for dtype in ("float16", "float32", "float64", "int32", "bool"):
            probe(Input((2,), dtype=dtype))
        assert seen == [kind, kind, kind, "int32", "bool"]


def test_places_in_a_table_are_not_rounded():
    table = np.arange(5000, dtype="float32").reshape(-1, 1) / 5000
    ids = np.array([[0, 2049, 4097, 4999]])
    for dtype in ("mixed_float16", "float16", "mixed_bfloat16"):
        model = models.Sequential([Embedding(5000, 1, dtype=dtype, input_length=4)])
        model.set_weights([table])
        got = np.asarray(model.predict(ids), "float32")
        np.testing.assert_allclose(got[0, :, 0], table[ids[0], 0], rtol=8e-3)
        np.testing.assert_allclose(np.asarray(model.layers[0](ids), "float32"), got)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool"])
def test_integer_data_become_what_the_input_is(dtype):
    """As in Keras 2.3.1: data are cast to the placeholder's type, floatx unless told otherwise."""
    data = RNG.randint(0, 2 if dtype == "bool" else 200, (5, 4)).astype(dtype)
    model = models.Sequential([Dense(3, input_shape=(4,)), Dense(1)])
    model.compile("sgd", "mse")
    assert model.inputs[0].dtype == "float32"
    floats = data.astype("float32")
    np.testing.assert_array_equal(model.predict(data), model.predict(floats))
    np.testing.assert_array_equal(model(data), model.predict(floats))
    start, losses = model.get_weights(), []
    for rows in (data, floats):
        model.set_weights(start)
        losses.append(model.train_on_batch(rows, np.ones((5, 1))))
    assert losses[0] == losses[1]
    told = Input((4,), dtype=dtype)
    assert told.dtype == dtype
    output = layers.Lambda(lambda x: K.cast(x, "float32") * 2.0)(told)
    np.testing.assert_array_equal(models.Model(told, output).predict(data), floats * 2)
    embedded = Embedding(256, 2)(told)
    table = RNG.randn(256, 2).astype("float32")
    model = models.Model(told, embedded)
    model.set_weights([table])
    np.testing.assert_array_equal(model.predict(data), table[data.astype(int)])


def test_layers_on_integer_arrays():
    layer = Dense(2, dtype="mixed_float16")
    data = np.arange(8).reshape(2, 4)
    got = np.asarray(layer(data), "float32")
    assert K.dtype(layer(data)) == "float16"
    np.testing.assert_allclose(got, data @ layer.get_weights()[0], rtol=1e-2, atol=1e-2)


def test_an_input_has_the_type_of_floatx_and_float64_under_that_policy():
    with policy_scope("mixed_float16"):
        assert Input((2,)).dtype == "float32"
    with policy_scope("float64"):
        assert Input((2,)).dtype == "float64"
        assert Input((2,), dtype="float32").dtype == "float32"


# models --------------------------------------------------------------------------------------------------------
def test_a_sequential_model_hands_its_policy_to_layers_without_one():
    model = models.Sequential([Dense(5, input_shape=(4,)), Dense(2, dtype="float32")], dtype="float64")
    assert [la.dtype for la in model.layers] == ["float64", "float32"]
    assert model.inputs[0].dtype == "float64" and model.outputs[0].dtype == "float32"
    model = models.Sequential(
        [layers.Bidirectional(layers.GRU(2), input_shape=(3, 4))], dtype="mixed_float16"
    )
    assert {w.dtype for w in model.weights} == {"float32"} and model.output.dtype == "float16"
    again = models.Sequential.from_config(model.get_config())
    assert again.output.dtype == "float16"


class Subclassed(models.Model):
    def __init__(self):
        super().__init__(dtype="float64")
        self.first, self.second = Dense(3), Dense(1, dtype="float32")

    def call(self, inputs):
        return self.second(self.first(inputs))


def test_a_model_written_as_a_class_hands_its_policy_on_too():
    model = Subclassed()
    model.compile("sgd", "mse")
    model.fit(X.astype("float64"), np.ones((6, 1)), verbose=0)
    assert (model.first.dtype, model.second.dtype, model.inputs[0].dtype) == ("float64", "float32", "float64")


def test_a_functional_model_has_its_layers_already():
    x = Input((4,))
    with pytest.raises(ArgumentError, match="policy_scope"):
        models.Model(x, Dense(2)(x), dtype="float64")


def test_layers_of_several_types_in_one_model():
    x = Input((4,))
    with policy_scope("mixed_float16"):
        half = Dense(8, activation="relu")(x)
    double = Dense(8, dtype="float64", activation="relu")(half)
    merged = layers.Add()([half, double])
    inner = models.Sequential([Dense(3, input_shape=(8,), dtype="mixed_bfloat16")])
    model = models.Model(x, [merged, inner(double)])
    assert (half.dtype, double.dtype, merged.dtype, model.outputs[1].dtype) == (
        "float16", "float64", "float32", "bfloat16",
    )  # fmt: skip
    first, second, third = (la.get_weights() for la in (model.layers[1], model.layers[2], inner))
    want = np.maximum(X @ first[0], 0)
    wide = np.maximum(want @ second[0], 0)
    got = model.predict(X)
    np.testing.assert_allclose(got[0], want + wide, rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(np.asarray(got[1], "float32"), wide @ third[0], rtol=1e-1, atol=5e-2)
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(X, [np.ones((6, 8)), np.ones((6, 3))])).all()


def test_layers_within_layers_keep_their_own_policy():
    line = Input((5, 4))
    with policy_scope("mixed_float16"):
        exact = layers.TimeDistributed(Dense(2, dtype="float32"))
        assert exact(line).dtype == "float32" and exact.compute_dtype == "float16"
        both = layers.Bidirectional(layers.LSTM(2, dtype="float64"))
        assert both(line).dtype == "float64"
        cells = [layers.GRUCell(2), layers.LSTMCell(3, dtype="float32"), layers.SimpleRNNCell(2)]
        stacked = layers.RNN(cells, return_sequences=True)
        output = stacked(line)
    assert output.dtype == "float16" and {w.dtype for w in stacked.weights} == {"float32"}
    assert layers.RNN(layers.GRUCell(2, dtype="float64"), dtype="mixed_float16")(line).dtype == "float64"


class PlainCell:
    """A cell that is no layer."""

    state_size = 4

    def call(self, inputs, states):
        output = K.tanh(inputs + states[0])
        return output, [output]


def test_a_cell_that_is_no_layer_computes_in_the_layers_type():
    assert layers.RNN(PlainCell(), dtype="mixed_float16")(Input((5, 4))).dtype == "float16"


def test_states_and_constants_come_in_any_type():
    layer = layers.LSTM(3, dtype="mixed_float16", return_state=True)
    line, states = Input((5, 4)), [Input((3,), dtype="float64") for _ in range(2)]
    assert [t.dtype for t in layer(line, initial_state=states)] == ["float16"] * 3
    stateful = layers.GRU(3, dtype="mixed_float16", stateful=True, batch_input_shape=(2, 5, 4))
    model = models.Sequential([stateful])
    assert stateful.states[0].dtype == "float16"
    rows = RNG.randn(2, 5, 4)
    first, second = (model.predict(rows, batch_size=2) for _ in range(2))
    assert not np.allclose(first, second)
    model.reset_states()
    np.testing.assert_array_equal(model.predict(rows, batch_size=2), first)


def test_sparse_inputs_of_a_mixed_layer():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    x = Input((4,), sparse=True)
    layer = Dense(3, dtype="mixed_float16")
    model = models.Model(x, layer(x))
    dense = X * (X > 0)
    got = model.predict(scipy_sparse.csr_matrix(dense))
    np.testing.assert_allclose(got, dense @ layer.get_weights()[0], atol=1e-2)


# what is computed in float32 all the same ----------------------------------------------------------------------
def test_statistics_of_a_batch_are_taken_in_float32():
    rows = (RNG.randn(4096, 2) * 3 + 300).astype("float32")  # in float16 their squares are infinite
    model = models.Sequential(
        [layers.BatchNormalization(input_shape=(2,), momentum=0.0, dtype="mixed_float16")]
    )
    model.compile("sgd", "mse")
    model.train_on_batch(rows, np.zeros_like(rows))
    _, _, mean, variance = model.get_weights()
    stored = rows.astype("float16").astype("float64")
    np.testing.assert_allclose(mean, stored.mean(0), rtol=1e-5)
    np.testing.assert_allclose(variance, stored.var(0), rtol=1e-2)
    assert model.output.dtype == "float16"


@pytest.mark.parametrize("name", ["softmax", "sigmoid"])
def test_probabilities_are_rounded_only_at_the_end(name):
    x = K.placeholder((None, 3), dtype="float16")
    rows = np.array([[11.0, 0.0, -3.0]], "float16")
    got = value_of(kcore.activations.get(name)(x), (x, rows))
    wide = rows.astype("float64")
    want = np.exp(wide) / np.exp(wide).sum() if name == "softmax" else 1 / (1 + np.exp(-wide))
    assert K.dtype(got) == "float16"
    np.testing.assert_array_equal(got, want.astype("float16"))


def test_initializers_give_the_variable_type():
    asked = []

    def initial(shape, dtype=None):
        asked.append(dtype)
        return initializers.get("ones")(shape, dtype=dtype)

    Dense(2, dtype="mixed_float16", kernel_initializer=initial)(Input((3,)))
    assert asked == ["float32"]


def test_output_shapes_are_found_under_a_policy():
    assert Own(dtype="mixed_float16").compute_output_shape((None, 4)) == (None, 3)


# engines that lack a type --------------------------------------------------------------------------------------
@pytest.fixture
def plain_engine(monkeypatch):
    class Plain(NumpyEngine):
        name, features, computed_in = "plain", frozenset({"float64", "empty"}), {}

    monkeypatch.setitem(context._loaded, "plain", Plain())
    with kcore.use_backend("plain"):
        yield "plain"


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "mixed_bfloat16"])
def test_a_type_that_the_engine_lacks_is_refused_before_anything_runs(plain_engine, kind):
    type_told = f"needs {kind.removeprefix('mixed_')}, which engine 'plain' does not have; its types are float32, float64"
    x = Input((4,))
    hidden = Dense(3, dtype=kind, name="narrow")(x)
    with pytest.raises(Unsupported, match=f"narrow.* {type_told}"):
        models.Model(x, hidden)
    with pytest.raises(Unsupported, match=f"narrow.* {type_told}"):
        models.Sequential([Dense(3, dtype=kind, name="narrow", input_shape=(4,))])
    with pytest.raises(Unsupported, match=f"narrow {type_told}"):
        Dense(3, dtype=kind, name="narrow")(X)
    with kcore.use_backend("numpy"):
        model = models.Sequential([Dense(3, dtype=kind, name="narrow", input_shape=(4,))])
    with pytest.raises(Unsupported, match=type_told):
        model.to_backend("plain")
    assert model.backend == "numpy" and model.predict(X).shape == (6, 3)
