"""What the engine promises beyond the conformance kit."""

import gc
import importlib
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from kcore_backend_tf import NativeLayer, startup

import kcore
from kcore import backend as K
from kcore import mixed_precision
from kcore.callbacks import Callback, LambdaCallback
from kcore.errors import ArgumentError
from kcore.layers import Conv2D, Dense, Dropout, Flatten, Input
from kcore.models import Model, Sequential

ROWS = 70  # with batches of 16 the last one is smaller


def data(seed=0, features=6, classes=3):
    random = np.random.RandomState(seed)
    return random.randn(ROWS, features).astype("float32"), np.eye(classes, dtype="float32")[
        random.randint(0, classes, ROWS)
    ]


def made(backend="tensorflow", dropout=0.0, **options):
    kcore.set_seed(3)
    with kcore.use_backend(backend):
        model = Sequential(
            [Dense(8, activation="tanh", input_shape=(6,)), Dropout(dropout), Dense(3, activation="softmax")]
        )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def fitted(model, epochs=2, **options):
    x, y = data()
    np.random.seed(5)
    history = model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, **options)
    return history.history["loss"], model.get_weights()


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def run(code):
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=env
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_plugin_is_announced_without_tensorflow():
    run(
        "import kcore_backend_tf, kcore.layers, sys\nkcore_backend_tf.kcore_backends()\n"
        "assert 'tensorflow' not in sys.modules"
    )


def test_choosing_the_engine_is_quiet_and_loads_no_keras():
    done = run(
        "import kcore, sys\nfrom kcore.kernel.context import engine\nengine('tensorflow').devices()\n"
        "assert 'tensorflow' in sys.modules and not [m for m in sys.modules if m.split('.')[0] in ('keras', 'tf_keras')]"
    )
    assert done.stderr == "" and done.stdout == ""


def test_it_is_the_default_where_installed(monkeypatch):
    monkeypatch.delenv("KCORE_BACKEND", raising=False)
    assert Sequential([Dense(1, input_shape=(1,))]).backend == "tensorflow"


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_steps_chunks_and_epochs_give_the_same_bits(dropout, monkeypatch):
    whole = fitted(made(dropout=dropout))
    each = fitted(made(dropout=dropout), callbacks=[LambdaCallback(on_batch_end=lambda *a: None)])
    monkeypatch.setattr("kcore_backend_tf.engine.HELD_BYTES", 0)
    passed_in = fitted(made(dropout=dropout))
    assert equal(whole[1], each[1]) and equal(whole[1], passed_in[1])
    assert whole[0] == each[0] == passed_in[0]


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_train_on_batch_in_a_loop_is_fit_without_shuffling(dropout):
    x, y = data()
    one, other = made(dropout=dropout), made(dropout=dropout)
    one.fit(x, y, batch_size=16, epochs=1, verbose=0, shuffle=False)
    for i in range(0, ROWS, 16):
        other.train_on_batch(x[i : i + 16], y[i : i + 16])
    assert equal(one.get_weights(), other.get_weights())


def test_convolutions_too_give_the_same_bits():
    x = np.random.RandomState(0).randn(40, 8, 8, 1).astype("float32")
    y = np.random.RandomState(1).randint(0, 3, 40)

    def weights(**options):
        kcore.set_seed(0)
        model = Sequential([Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), Flatten(), Dense(3)])
        model.compile("sgd", "mse")
        model.fit(x, np.eye(3)[y], batch_size=16, epochs=2, verbose=0, **options)
        return model.get_weights()

    assert equal(weights(), weights(callbacks=[LambdaCallback(on_batch_begin=lambda *a: None)]))


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"jit_compile": True}, {"jit_compile": False}])
def test_ways_to_run_agree(options):
    usual, other = fitted(made()), fitted(made(**options))
    np.testing.assert_allclose(usual[0], other[0], rtol=1e-5)
    for a, b in zip(usual[1], other[1], strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_nothing_is_traced_again_for_the_smaller_batch():
    model = made()
    fitted(model, epochs=1)
    step = next(s for key, s in model._steps._made.items() if key[0] == "train").compiled
    loops = dict(step._loops)
    fitted(model, epochs=2)
    x, _ = data()
    for rows in (1, 5, 32):
        assert model.predict(x[:rows]).shape == (rows, 3)
    assert step._loops == loops and len(loops) == 1


def test_two_engines_in_turn_and_in_threads_do_what_each_does_alone():
    alone = {name: fitted(made(name)) for name in ("tensorflow", "numpy")}
    np.testing.assert_allclose(alone["tensorflow"][0], alone["numpy"][0], rtol=1e-5)
    first, second = made("tensorflow"), made("numpy")
    assert equal(first.get_weights(), second.get_weights())
    x, _ = data()
    expected = {m.backend: m.predict(x) for m in (first, second)}
    found = {}

    def work(model):
        found[model.backend] = [model.predict(x) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(m,)) for m in (first, second)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(np.array_equal(p, expected[name]) for name, made_ in found.items() for p in made_)


@pytest.mark.parametrize("start, other", [("tensorflow", "numpy"), ("numpy", "tensorflow")])
def test_training_goes_on_where_it_stood_on_another_engine(start, other):
    stayed, moved = made(start), made(start)
    fitted(stayed, 3)
    fitted(moved, 3)
    x, y = data()
    moved.to_backend(other)
    losses = []
    for model in (stayed, moved):
        np.random.seed(9)
        losses.append(model.fit(x, y, batch_size=16, epochs=5, verbose=0).history["loss"])
    assert moved.backend == other
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_a_model_that_left_and_came_back_uses_its_new_weights():
    model = made()
    x, _ = data()
    before = model.predict(x)
    model.to_backend("numpy")
    model.set_weights([w * 0 for w in model.get_weights()])
    model.to_backend("tensorflow")
    assert not np.allclose(before, model.predict(x))
    np.testing.assert_allclose(model.predict(x), 1 / 3, rtol=1e-6)


def test_tensors_variables_and_datasets_are_data():
    x, y = data()
    model = made()
    expected = model.predict(x)
    np.testing.assert_array_equal(model.predict(tf.constant(x)), expected)
    np.testing.assert_array_equal(model.predict(tf.Variable(x)), expected)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    np.testing.assert_allclose(model.predict(batches.map(lambda a, b: (a, b))), expected, rtol=1e-6)
    one = model.fit(batches, epochs=2, verbose=0, validation_data=batches)
    other = made()
    two = other.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    assert len(one.epoch) == 2 and "val_loss" in one.history
    assert equal(model.get_weights(), other.get_weights())
    np.testing.assert_allclose(one.history["loss"], two.history["loss"], rtol=1e-6)


def test_a_model_inside_a_users_function_and_tape():
    x, _ = data()
    model = made()
    expected = model.predict(x)

    @tf.function
    def inside(values):
        return model(values) * 2.0

    tensor = tf.constant(x)
    np.testing.assert_allclose(inside(tensor).numpy(), expected * 2, rtol=1e-6)
    assert tf.is_tensor(model(tensor))
    weights = [w.native for w in model.trainable_weights]
    assert all(isinstance(w, tf.Variable) for w in weights)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        loss = tf.reduce_sum(model(tensor) ** 2)
    by_tape = tape.gradient(loss, [tensor, *weights])
    function = K.function(
        [model.input], K.gradients(K.sum(K.square(model.output)), [model.input, *model.trainable_weights])
    )
    for a, b in zip(by_tape, function([x]), strict=True):
        np.testing.assert_allclose(a.numpy(), b, atol=1e-5)


def test_code_of_kcore_is_left_as_it_is_within_a_users_function():
    # rewriting it took 7 s for a model of two layers
    conversion = importlib.import_module("tensorflow.python.autograph.impl.conversion")
    model = made()
    for called in (model, model.layers[0], K.tanh, K.dot):
        assert conversion.is_allowlisted(called)
    assert not conversion.is_allowlisted(made)


def test_a_mixed_model_within_a_tape():
    x, _ = data()
    with kcore.use_backend("tensorflow"), mixed_precision.policy_scope("mixed_float16"):
        model = Sequential([Dense(4, activation="tanh", input_shape=(6,)), Dense(2)])
    weights = [w.native for w in model.trainable_weights]
    with tf.GradientTape() as tape:
        output = model(tf.constant(x))
        loss = tf.reduce_sum(tf.cast(output, tf.float32) ** 2)
    assert output.dtype == tf.float16
    by_tape = tape.gradient(loss, weights)
    assert {g.dtype for g in by_tape} == {tf.float32}
    total = K.sum(K.square(K.cast(model.output, "float32")))
    function = K.function([model.input], K.gradients(total, model.trainable_weights))
    for a, b in zip(by_tape, function([x]), strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=2e-2, atol=2e-2)


class Scale(tf.Module):
    def __init__(self):
        self.factor = tf.Variable([1.0, 2.0, 3.0])

    def __call__(self, x):
        return x * self.factor


def test_native_code_trains_with_the_model():
    module = Scale()
    x, y = data()
    with kcore.use_backend("tensorflow"):
        inputs = Input((6,))
        outputs = NativeLayer(lambda t: tf.nn.softmax(t))(NativeLayer(module)(Dense(3)(inputs)))
        model = Model(inputs, outputs)
    model.compile("adam", "categorical_crossentropy")
    before = module.factor.numpy()
    history = model.fit(x, y, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0] and not np.allclose(module.factor.numpy(), before)
    assert len(model.trainable_weights) == 3
    np.testing.assert_array_equal(model.get_weights()[2], module.factor.numpy())
    # the same model written without native code has the same gradients
    factor = K.variable([1.0, 2.0, 3.0])
    tensor = K.placeholder((None, 6))
    hidden = K.dot(tensor, model.layers[1].kernel) + model.layers[1].bias
    by_hand = K.gradients(K.sum(K.square(K.softmax(hidden * factor))), [model.layers[1].kernel])
    K.set_value(factor, module.factor.numpy())
    native = K.gradients(K.sum(K.square(model.output)), [model.layers[1].kernel])
    np.testing.assert_allclose(
        K.function([model.input], native)([x])[0], K.function([tensor], by_hand)([x])[0], atol=1e-5
    )


def test_devices():
    with kcore.use_backend("tensorflow"):
        assert "cpu:0" in kcore.devices()
        with kcore.device("cpu:0"):
            model = made()
        assert "CPU:0" in model.trainable_weights[0].native.device
        assert len(fitted(model)[0]) == 2
        with pytest.raises(ArgumentError, match="no device 'gpu:7'.*there is cpu:0"), kcore.device("gpu:7"):
            pass


def test_gpu_memory_grows_as_needed_from_before_the_runtime_starts(monkeypatch):
    """TensorFlow refuses to change it once its runtime has started, so the order counts. No GPU is needed here."""
    asked = []
    config = SimpleNamespace(
        list_physical_devices=lambda kind: ["a card", "another"] if kind == "GPU" else [],
        experimental=SimpleNamespace(set_memory_growth=lambda gpu, on: asked.append((gpu, on))),
    )
    stand_in = SimpleNamespace(
        __version__="2.21.0", config=config, constant=lambda value: asked.append("started")
    )
    monkeypatch.delitem(sys.modules, "tensorflow")
    monkeypatch.delenv(startup.LEVEL, raising=False)
    monkeypatch.setattr(startup, "import_module", lambda name: stand_in)
    assert startup.import_tensorflow() is stand_in
    assert asked == [("a card", True), ("another", True), "started"]


def test_memory_stays_flat():
    resource = pytest.importorskip("resource")
    x, y = data()
    model = made()

    def calls(n):
        for _ in range(n):
            model.predict(x[:1])
            model.train_on_batch(x[:16], y[:16])
            model(x[:2])
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = calls(300)
    grown = calls(1000) - before
    assert grown < 8_000, f"{grown} KiB more after 1,000 calls of each"


def test_nothing_of_a_call_is_kept():
    """Python's own memory, to less than an object per call."""
    x, y = data()
    model = made()
    calls = {
        "predict": lambda: model.predict(x[:1]), "model(x)": lambda: model(x[:2]),
        "train_on_batch": lambda: model.train_on_batch(x[:16], y[:16]),
    }  # fmt: skip
    for name, call in calls.items():
        blocks = []
        for _ in range(6):  # what TensorFlow and Python keep for reuse grows less and less
            for _ in range(50):
                call()
            gc.collect()
            blocks.append(sys.getallocatedblocks())
        grown = min(np.diff(blocks))
        assert grown < 40, f"{grown} blocks more after 50 calls of {name}"


def test_large_variables_take_the_fused_step():
    """Both forms of Adam and SGD agree; the variable is large enough for the fused one."""
    x = np.random.RandomState(0).randn(8, 400).astype("float32")
    for optimizer in ("adam", kcore.optimizers.SGD(0.1, momentum=0.9, nesterov=True), "sgd"):
        weights = []
        for name in ("tensorflow", "numpy"):
            kcore.set_seed(1)
            with kcore.use_backend(name):
                model = Sequential([Dense(200, input_shape=(400,))])
            config = (
                optimizer
                if isinstance(optimizer, str)
                else type(optimizer).from_config(optimizer.get_config())
            )
            model.compile(config, "mse")
            model.fit(x, np.ones((8, 200)), epochs=4, verbose=0)
            weights.append(model.get_weights()[0])
        np.testing.assert_allclose(weights[0], weights[1], atol=2e-5)


def test_callbacks_that_stop_stop_at_once():
    class Stop(Callback):
        def on_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model = made()
    x, y = data()
    model.fit(x, y, batch_size=16, epochs=3, verbose=0, callbacks=[Stop()])
    assert int(K.get_value(model.optimizer.iterations)) == 2


def test_nan_is_not_below_and_not_above_also_when_denied():
    x = K.placeholder((None,))
    below = K.less(K.abs(K.log(x)), np.inf)
    found = K.function([x], [K.all(below), K.any(below), K.all(K.logical_not(below))])
    assert [bool(f) for f in found([np.array([1.0, -1.0], "float32")])] == [False, True, False]
    assert [bool(f) for f in found([np.array([-1.0], "float32")])] == [False, False, True]


def test_second_gradient_by_way_of_a_bias():
    x, b = K.placeholder((None, 3)), K.variable([0.1, 0.2, 0.3])
    first = K.gradients(K.sum(K.square(K.tanh(x + b))), [b])[0]
    found = K.function([x], K.gradients(K.sum(K.square(first)), [b]))([np.zeros((2, 3))])[0]
    t = np.tanh([0.1, 0.2, 0.3])
    once, twice = 4 * t * (1 - t**2), 4 * (1 - t**2) * (1 - 3 * t**2)
    np.testing.assert_allclose(found, 2 * once * twice, rtol=1e-4)


TWO_DEVICES = """
import tensorflow as tf

[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import numpy as np

import kcore
from kcore import backend as K
from kcore.layers import BatchNormalization, Dense, Dropout
from kcore.models import Sequential
from kcore.optimizers import SGD, Adam, GradientAccumulation

x, y = np.random.RandomState(0).rand(20, 400).astype("float32"), np.eye(4, dtype="float32")[np.arange(20) % 4]


def trained(device, optimizer):
    kcore.set_seed(0)
    with kcore.device(device):
        model = Sequential([Dense(200, activation="relu", input_shape=(400,)), BatchNormalization(), Dropout(0.2),
                            Dense(4, activation="softmax")])
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    losses = model.fit(x, y, batch_size=8, epochs=2, verbose=0).history["loss"]
    model.train_on_batch(x, y)
    return model, losses, model.predict(x)


assert kcore.devices() == ["cpu:0", "cpu:1"]
for make in (Adam, lambda: SGD(0.1, momentum=0.9), lambda: GradientAccumulation(Adam(), 2)):
    first, losses, outputs = trained("cpu:0", make())
    second, same_losses, same_outputs = trained("cpu:1", make())
    assert losses == same_losses
    assert (outputs == same_outputs).all() and (second(x) == first(x)).all()
    for variable in [*second.weights, *second.optimizer.weights]:
        assert "CPU:1" in variable.native.device, variable
    steps = [step.compiled for step in second._steps._made.values()]
    assert steps and all("CPU:1" in op.device for step in steps for op in step.graph().get_operations()
                         if op.type in ("MatMul", "AssignVariableOp", "ResourceApplyAdam"))
function = K.function([second.input], [second.output])
function([x])
assert function._compiled.device == "cpu:1"
second.to_backend("numpy")
assert {variable.device for variable in second.weights} == {None}
np.testing.assert_allclose(second.predict(x), same_outputs, atol=1e-5)
"""


def test_everything_of_a_model_stands_on_its_device():
    """Also what is made later, somewhere else: slots of optimizers, counters, data that are held while `fit` runs."""
    run(TWO_DEVICES)
