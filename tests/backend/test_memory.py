"""What nobody holds is freed, and calling a function again and again keeps nothing."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from kcore import backend as K
from kcore import models
from kcore.layers import LSTM, BatchNormalization, Dense, Dropout, Input


def resident():
    """Bytes of memory that this process holds, 0 where the system does not tell."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * 4096 if status.exists() else 0


def program():
    """A program with gradients, an update, random numbers and the learning phase."""
    x, w, count = K.placeholder((None, 8)), K.variable(np.ones((8, 8)), name="w"), K.variable(0.0)
    h = K.in_train_phase(K.dropout(K.dot(x, w), 0.5), K.tanh(K.dot(x, w)))
    loss = K.mean(K.square(h))
    updates = [K.update_sub(w, 0.001 * K.gradients(loss, [w])[0]), K.update_add(count, 1.0)]
    return K.function([x, K.learning_phase()], [loss, h], updates=updates), count


def test_ten_thousand_calls_keep_nothing():
    run, count = program()
    data = np.ones((4, 8), "float32")

    def calls(n):
        for _ in range(n):
            run([data, 1])
        gc.collect()
        return len(gc.get_objects()), resident()

    objects, memory = calls(500)
    more_objects, more_memory = calls(10_000)
    assert K.get_value(count) == 10_500
    assert more_objects - objects < 200
    assert more_memory - memory < 3 << 20  # 300 bytes a call would show


def test_ten_thousand_operations_on_arrays_keep_nothing():
    data = np.ones((4, 8), "float32")
    for _ in range(200):
        K.tanh(data)
    gc.collect()
    objects, memory = len(gc.get_objects()), resident()
    for i in range(10_000):
        K.tanh(data)
        if i % 100 == 0:
            K.clip(data, 0.0, i / 10_000)  # a new kind of call each time
    K.clear_session()
    gc.collect()
    assert len(gc.get_objects()) - objects < 2000
    assert resident() - memory < 12 << 20


def references(model):
    """Weak references to everything that a model is made of, the engine's storage included."""
    found = [model, *model.layers, *model.weights, model.optimizer, *model.optimizer.weights]
    found += [model.total_loss, *model.outputs]
    # an engine's own objects, where they can be referred to
    found += [w.native for w in model.weights if type(w.native).__weakrefoffset__]
    return [weakref.ref(item) for item in found]


@pytest.mark.parametrize("cleared", [False, True])
def test_a_model_that_nobody_holds_is_gone(cleared):
    x = Input((5, 3))
    h = Dropout(0.2)(BatchNormalization()(LSTM(4, return_sequences=True)(x)))
    model = models.Model(x, Dense(1)(LSTM(3)(h)))
    model.compile("adam", "mse", metrics=["mae"])
    data, targets = np.ones((8, 5, 3), "float32"), np.ones((8, 1), "float32")
    model.fit(data, targets, epochs=2, verbose=0)
    model.predict(data)
    model(data)
    kept = references(model)
    assert len(kept) > 20
    if cleared:
        K.clear_session()
        assert model.predict(data).shape == (8, 1)  # clearing takes nothing from what is held
    del model, x, h
    gc.collect()
    assert [r() for r in kept if r() is not None] == []


def test_a_function_that_nobody_holds_is_gone():
    run, count = program()
    run([np.ones((4, 8), "float32"), 0])
    kept = [weakref.ref(t) for t in (run, count, *run.inputs[:1], *run.outputs)]
    del run, count
    gc.collect()
    assert [r() for r in kept if r() is not None] == []


def test_clear_session_starts_anew():
    Dense(1), K.set_learning_phase(1)
    K.clear_session()
    assert Dense(1).name == "dense_1"
    assert K.is_tensor(K.learning_phase())


@pytest.mark.parametrize("call", [lambda: K.get_session(), lambda: K.set_session(None)])
def test_sessions_say_what_to_use(call):
    with pytest.raises(NotImplementedError, match=r"no sessions.*K\.function.*K\.get_value"):
        call()


def test_there_is_nothing_to_initialize_by_hand():
    K.manual_variable_initialization(False)
    with pytest.raises(NotImplementedError, match="no sessions"):
        K.manual_variable_initialization(True)
    with pytest.raises(NotImplementedError, match=r"control_dependencies.*updates="):
        K.control_dependencies([])


def test_decorators_of_keras_2_leave_functions_as_they_are():
    assert K.symbolic(len) is len and K.eager(len) is len
