"""TensorFlow, MXNet and NumPy in one process: one seed gives one training, wherever the model is."""

import os
import subprocess
import sys

import numpy as np
import pytest

import kcore
from kcore import layers, optimizers
from kcore.mixed_precision import policy_scope
from kcore.models import Sequential

ENGINES = ("tensorflow", "numpy", "mxnet")
ROWS, BATCH, EPOCHS = 70, 16, 5  # the last batch is smaller


def dense_model():  # no dropout: TensorFlow draws other numbers
    return [
        layers.Dense(16, activation="tanh", input_shape=(6,)), layers.BatchNormalization(),
        layers.Dense(3, activation="softmax"),
    ]  # fmt: skip


def image_model():
    return [
        layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), layers.BatchNormalization(),
        layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(3, activation="softmax"),
    ]  # fmt: skip


def sequence_model():
    return [layers.LSTM(6, input_shape=(7, 4)), layers.Dense(3, activation="softmax")]


SHAPES = {dense_model: (6,), image_model: (8, 8, 1), sequence_model: (7, 4)}


def data(shape):
    random = np.random.RandomState(0)
    classes = np.eye(3, dtype="float32")[random.randint(0, 3, ROWS)]
    return random.randn(ROWS, *shape).astype("float32"), classes


def made(engine, make, optimizer):
    kcore.set_seed(11)
    with kcore.use_backend(engine):
        model = Sequential(make())
    model.compile(optimizer(), "categorical_crossentropy", metrics=["accuracy"])
    return model


def losses(model, make, epochs):
    x, y = data(SHAPES[make])
    return model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0).history["loss"]


def momentum():
    return optimizers.SGD(0.05, momentum=0.9)


def adam():
    return optimizers.Adam(0.005)


CASES = [(make, optimizer) for make in SHAPES for optimizer in (momentum, adam)]


@pytest.mark.parametrize(("make", "optimizer"), CASES)
def test_one_seed_gives_one_training_on_every_engine(make, optimizer):
    starts, found = {}, {}
    for engine in ENGINES:
        model = made(engine, make, optimizer)
        starts[engine] = model.get_weights()
        np.random.seed(5)
        found[engine] = losses(model, make, EPOCHS)
    for engine in ENGINES[1:]:
        for first, other in zip(starts["tensorflow"], starts[engine], strict=True):
            assert first.dtype == other.dtype and first.tobytes() == other.tobytes()
        np.testing.assert_allclose(found[engine], found["tensorflow"], rtol=0, atol=1e-4)
    assert found["numpy"][-1] < found["numpy"][0]


@pytest.mark.parametrize(("make", "optimizer"), CASES)
def test_a_model_moved_while_it_trains_goes_on_as_if_it_had_stayed(make, optimizer):
    stayed, moved = made("tensorflow", make, optimizer), made("tensorflow", make, optimizer)
    found = {}
    for name, model in (("stayed", stayed), ("moved", moved)):
        np.random.seed(5)
        found[name] = losses(model, make, 2)
        for engine in ("mxnet", "numpy", "tensorflow"):
            if name == "moved":
                before = model.get_weights()
                model.to_backend(engine)
                for was, is_now in zip(before, model.get_weights(), strict=True):
                    assert was.tobytes() == is_now.tobytes()
            found[name] += losses(model, make, 2)
    np.testing.assert_allclose(found["moved"], found["stayed"], rtol=0, atol=1e-4)
    x, _ = data(SHAPES[make])
    np.testing.assert_allclose(moved.predict(x), stayed.predict(x), rtol=0, atol=2e-3)


TRAINS_ON_BOTH = """
import warnings
warnings.simplefilter("ignore")
{imports}
import numpy as np
import kcore
from kcore.layers import Conv2D, Dense, Flatten
from kcore.models import Sequential
x = np.random.RandomState(0).randn(64, 6, 6, 1).astype("float32")
y = x.mean((1, 2))
for engine in {engines}:
    kcore.set_seed(1)
    with kcore.use_backend(engine):
        model = Sequential([Conv2D(4, 3, activation="relu", input_shape=(6, 6, 1)), Flatten(), Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(x, y, epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0], (engine, history)
print("trained")
"""
TENSORFLOW = "import tensorflow"
MXNET = "from kcore_backend_mxnet.startup import import_mxnet\nimport_mxnet()"


@pytest.mark.parametrize("imports", [(TENSORFLOW, MXNET), (MXNET, TENSORFLOW)])
def test_both_train_in_one_process_whichever_is_imported_first(imports):
    code = TRAINS_ON_BOTH.format(imports="\n".join(imports), engines=("mxnet", "tensorflow", "mxnet"))
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "trained\n"


WRAPPERS = {
    "scaled": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01), 2.0**10, dynamic_growth_steps=4),
    "accumulated": lambda: optimizers.GradientAccumulation(momentum(), 3),
    "averaged": lambda: optimizers.ExponentialMovingAverage(adam(), 0.8, overwrite_frequency=4),
}


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("name", WRAPPERS)
def test_optimizers_around_optimizers_move_along(name, policy):
    """On to another engine after every third step, in the middle of what they count: as if it had stayed."""
    x, y = data((6,))

    def trained(moves):
        with policy_scope(policy):
            model = made("numpy", dense_model, WRAPPERS[name])
        found = []
        for i in range(12):
            if moves and i % 3 == 1:
                before = model.optimizer.get_weights()
                model.to_backend(("tensorflow", "mxnet", "numpy")[i // 3 % 3])
                for a, b in zip(model.optimizer.get_weights(), before, strict=True):
                    assert a.dtype == b.dtype and a.tobytes() == b.tobytes()
            found.append(model.train_on_batch(x[4 * i : 4 * i + 4], y[4 * i : 4 * i + 4])[0])
        return found, model

    stayed, still = trained(False)
    moved, model = trained(True)
    np.testing.assert_allclose(moved, stayed, atol=1e-4 if policy == "float32" else 2e-2)
    limit = 1e-4 if policy == "float32" else 2e-2
    for a, b in zip(model.optimizer.get_weights(), still.optimizer.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=limit)
    if isinstance(model.optimizer, optimizers.LossScaleOptimizer):
        assert model.optimizer.current_scale == still.optimizer.current_scale
