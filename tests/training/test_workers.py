"""Sequences and generators read by threads and processes: order, errors, ends."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import pytest

import kcore
from kcore import models
from kcore.callbacks import LambdaCallback
from kcore.errors import ArgumentError, DataError, WorkerDied
from kcore.layers import Dense
from kcore.utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence

X = np.random.RandomState(3).randn(48, 3).astype("float32")
Y = X[:, :2].copy()


def make():
    np.random.seed(0)
    model = models.Sequential([Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    return model


class Batches(Sequence):
    def __init__(self, uneven=False):
        self.uneven, self.asked, self.ends = uneven, [], 0

    def __len__(self):
        return 12

    def __getitem__(self, i):
        self.asked.append(i)
        if self.uneven:
            time.sleep(0.002 * (i % 3))  # later ones may be ready first
        return X[i * 4 : i * 4 + 4], Y[i * 4 : i * 4 + 4]

    def on_epoch_end(self):
        self.ends += 1


class Failing(Batches):
    def __getitem__(self, i):
        if i == 5:
            return self.broken_helper()
        return super().__getitem__(i)

    def broken_helper(self):
        raise LookupError("file 5 is not there")


class Dying(Batches):
    def __getitem__(self, i):
        if i == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(i)


class Drawing(Batches):
    """Augments with the global generator."""

    def __getitem__(self, i):
        return X[:4] + np.random.randn(4, 3).astype("float32"), Y[:4]


def endless(asked=None):
    for i in itertools.count():
        if asked is not None:
            asked.append(i)
        at = i * 4 % 48
        yield X[at : at + 4], Y[at : at + 4]


WAYS = [(0, False), (1, False), (4, False), (1, True), (3, True)]
ways = pytest.mark.parametrize("workers, processes", WAYS)


def nothing_left():
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        threads = [t for t in threading.enumerate() if t.name.startswith("kcore-reader")]
        if not threads and not multiprocessing.active_children():
            return True
        time.sleep(0.01)
    return False


@ways
def test_order_is_kept(workers, processes):
    seen = []

    class Noting(Batches):
        def __getitem__(self, i):
            x, y = super().__getitem__(i)
            return np.full_like(x, i), y

    model = make()
    model.predict(Noting(), workers=workers, use_multiprocessing=processes)
    want = np.repeat(np.arange(12), 4)
    model.set_weights([np.ones((3, 2)) / 3, np.zeros(2)])
    seen = model.predict(Noting(uneven=True), workers=workers, use_multiprocessing=processes)
    np.testing.assert_allclose(seen[:, 0], want, rtol=1e-6)
    assert nothing_left()


@ways
def test_result_does_not_depend_on_workers(workers, processes):
    def outcome(*how):
        model, data = make(), Batches()
        np.random.seed(1)
        arguments = {"epochs": 2, "verbose": 0, "shuffle": False}
        history = model.fit_generator(
            data, workers=how[0], use_multiprocessing=how[1], validation_data=Batches(), **arguments
        )
        assert data.ends == 2
        return history.history

    assert outcome(workers, processes) == outcome(0, False)


def test_shuffled_between_epochs():
    data = Batches()
    make().fit_generator(data, epochs=2, verbose=0, workers=0)
    first, second = data.asked[:12], data.asked[12:]
    assert sorted(first) == sorted(second) == list(range(12)) and first != second


@pytest.mark.parametrize("workers", [0, 1])
def test_generators_are_not_read_further_than_asked(workers):
    asked, data = [], Batches()
    model, source = make(), None
    source = endless(asked)
    model.fit_generator(source, 3, epochs=2, verbose=0, workers=workers)
    assert asked == list(range(6))
    model.predict_generator(((x,) for x, _ in source), 2, workers=workers)
    assert asked == list(range(8))
    model.fit_generator(data, 5, verbose=0, workers=workers, shuffle=False)
    assert sorted(data.asked) == list(range(5))


def test_queue_is_bounded():
    asked, ahead = [], []
    note = LambdaCallback(on_batch_end=lambda batch, logs: ahead.append(len(asked) - batch))
    slow = LambdaCallback(on_batch_end=lambda batch, logs: time.sleep(0.005))
    make().fit_generator(endless(asked), 20, verbose=0, callbacks=[slow, note], max_queue_size=3)
    assert max(ahead) <= 5


@ways
def test_errors_carry_the_workers_traceback(workers, processes):
    with pytest.raises(LookupError, match="file 5 is not there") as caught:
        make().fit_generator(Failing(), verbose=0, workers=workers, use_multiprocessing=processes)
    text = "".join(traceback.format_exception(caught.value))
    assert "broken_helper" in text
    assert nothing_left()


@pytest.mark.parametrize("workers", [1, 3])
def test_death_of_a_worker_is_told(workers):
    with pytest.raises(WorkerDied, match="a worker process that reads data died"):
        make().fit_generator(Dying(), verbose=0, workers=workers, use_multiprocessing=True)
    assert nothing_left()


def test_generator_in_a_process():
    with pytest.warns(UserWarning, match="read by one process"):
        model = make()
        history = model.fit_generator(
            endless(), 6, epochs=2, verbose=0, workers=4, use_multiprocessing=True, shuffle=False
        )
    assert history.history == make().fit_generator(endless(), 6, epochs=2, verbose=0, workers=0).history
    assert nothing_left()


@pytest.mark.parametrize("processes", [False, True])
def test_generator_that_ends(processes):
    batches = itertools.islice(endless(), 4)
    with pytest.warns(UserWarning, match="ended after 4 of 6 steps"):
        make().fit_generator(batches, 6, verbose=0, use_multiprocessing=processes)
    assert nothing_left()


def test_draws_in_processes_repeat_and_differ():
    def outcome(workers):
        np.random.seed(4)
        return make().predict(Drawing(), workers=workers, use_multiprocessing=True)

    found = outcome(2)
    assert len(np.unique(found[:, 0])) == len(found)
    np.testing.assert_array_equal(found, outcome(3))


def test_usable_after_an_error_in_a_callback():
    def fail(batch, logs):
        if batch == 3:
            raise RuntimeError("enough")

    model = make()
    for processes in (False, True):
        with pytest.raises(RuntimeError, match="enough"):
            model.fit_generator(
                Batches(), verbose=0, workers=3, use_multiprocessing=processes,
                callbacks=[LambdaCallback(on_batch_end=fail)],
            )  # fmt: skip
        assert nothing_left()
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_many_epochs_leave_nothing_behind():
    model = make()
    model.fit_generator(Batches(), epochs=2, verbose=0, workers=4)
    before = threading.active_count()
    model.fit_generator(Batches(), epochs=100, verbose=0, workers=4)
    model.fit_generator(Batches(), epochs=10, verbose=0, workers=4, use_multiprocessing=True)
    assert threading.active_count() <= before
    assert nothing_left()


SCRIPT = """
import os, signal, sys, threading, time
import multiprocessing
import numpy as np
import test_workers as t
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs us in the background may have it ignored
processes = sys.argv[1] == "True"
class Slow(t.Batches):
    def __getitem__(self, i):
        time.sleep(0.02)
        return super().__getitem__(i)
model = t.make()
model.fit(t.X, t.Y, verbose=0)
threading.Timer(0.5, lambda: os.killpg(os.getpgrp(), signal.SIGINT)).start()
try:
    model.fit_generator(Slow(), epochs=1000, verbose=0, workers=3, use_multiprocessing=processes)
except KeyboardInterrupt:
    print("interrupted", t.nothing_left(), np.isfinite(model.fit(t.X, t.Y, verbose=0).history["loss"][0]))
"""


@pytest.mark.parametrize("processes", [False, True])
def test_ctrl_c(processes):
    paths = [str(Path(kcore.__file__).parent.parent), str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(processes)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
    )
    assert done.stdout.split() == ["interrupted", "True", "True"], done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_arguments():
    with pytest.raises(ArgumentError, match="workers=-1"):
        make().fit_generator(Batches(), verbose=0, workers=-1)
    with pytest.raises(ArgumentError, match="max_queue_size=0"):
        make().fit_generator(Batches(), verbose=0, max_queue_size=0)


@pytest.mark.parametrize("processes", [False, True])
def test_enqueuers(processes):
    data = Batches()
    with OrderedEnqueuer(data, use_multiprocessing=processes) as ahead:
        found = list(itertools.islice(ahead.get(), 15))
    np.testing.assert_array_equal(found[13][0], X[4:8])
    assert data.ends == 1 and not ahead.is_running()
    made = GeneratorEnqueuer(endless(), processes)
    made.start(max_queue_size=2)
    np.testing.assert_array_equal(next(made.get())[0], X[:4])
    made.stop()
    assert nothing_left()
    with pytest.raises(ArgumentError, match="does not run"):
        made.get()
    with pytest.raises(DataError, match="needs a Sequence"):
        OrderedEnqueuer(endless())
