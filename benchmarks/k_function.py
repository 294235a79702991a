"""`K.function` beside the same program written by hand for TensorFlow: microseconds for one call.

python benchmarks/k_function.py [--rounds 9] [--calls 500]
"""

from __future__ import annotations

import argparse
import gc
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import kcore
from kcore import backend as K

RANDOM = np.random.RandomState(0)


def dense(size):
    """One layer: (batch, size) -> tanh(x w)."""
    start = RANDOM.randn(size, size).astype("float32") / size**0.5
    x, w = K.placeholder((None, size)), K.variable(start)
    by_hand = tf.Variable(start)

    @tf.function(input_signature=[tf.TensorSpec((None, size), tf.float32)])
    def program(x):
        return tf.tanh(tf.matmul(x, by_hand))

    return K.function([x], [K.tanh(K.dot(x, w))]), program, [RANDOM.randn(32, size).astype("float32")]


def gradient(size):
    """A loss of two layers and its gradient by the input, as saliency maps ask for."""
    start = RANDOM.randn(size, size).astype("float32") / size**0.5
    x, w = K.placeholder((None, size)), K.variable(start)
    loss = K.mean(K.square(K.dot(K.tanh(K.dot(x, w)), w)))
    by_hand = tf.Variable(start)

    @tf.function(input_signature=[tf.TensorSpec((None, size), tf.float32)])
    def program(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_mean(tf.square(tf.matmul(tf.tanh(tf.matmul(x, by_hand)), by_hand)))
        return value, tape.gradient(value, x)

    ours = K.function([x], [loss, *K.gradients(loss, [x])])
    return ours, program, [RANDOM.randn(32, size).astype("float32")]


def update(size):
    """A step of gradient descent: what is written stays on the engine, the loss comes back."""
    start = RANDOM.randn(size, 1).astype("float32")
    x, y, w = K.placeholder((None, size)), K.placeholder((None, 1)), K.variable(start)
    loss = K.mean(K.square(K.dot(x, w) - y))
    by_hand = tf.Variable(start)

    @tf.function(
        input_signature=[tf.TensorSpec((None, size), tf.float32), tf.TensorSpec((None, 1), tf.float32)]
    )
    def program(x, y):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(tf.square(tf.matmul(x, by_hand) - y))
        by_hand.assign_sub(0.001 * tape.gradient(value, by_hand))
        return value

    ours = K.function([x, y], [loss], updates=[K.update_sub(w, 0.001 * K.gradients(loss, [w])[0])])
    return ours, program, [RANDOM.randn(32, size).astype("float32"), RANDOM.randn(32, 1).astype("float32")]


PROGRAMS = {
    "dense 8": lambda: dense(8),
    "dense 512": lambda: dense(512),
    "gradient 8": lambda: gradient(8),
    "gradient 256": lambda: gradient(256),
    "update 8": lambda: update(8),
    "update 512": lambda: update(512),
}


def as_arrays(result):
    return [r.numpy() for r in (result if isinstance(result, (list, tuple)) else [result])]


def ways(name):
    """The three ways to run one program, each a function without arguments; they must agree."""
    ours, program, data = PROGRAMS[name]()
    concrete = program.get_concrete_function()
    calls = {
        "K.function": lambda: ours(data),
        "tf.function": lambda: as_arrays(program(*data)),
        "concrete": lambda: as_arrays(concrete(*[tf.constant(d) for d in data])),
    }
    results = [call() for call in calls.values()][: 2 if name.startswith("update") else 3]
    if not name.startswith("update"):
        for got in results[1:]:
            for a, b in zip(results[0], got):
                np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    return calls


def measure(calls, rounds, count):
    """The least time of each in microseconds, in turn, so that a busy moment of the machine meets all of them."""
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            gc.collect()
            start = time.perf_counter()
            for _ in range(count):
                call()
            least[name] = min(least[name], 1e6 * (time.perf_counter() - start) / count)
    return least


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=500)
    options = parser.parse_args()
    print(
        f"{'program':14} {'K.function':>11} {'tf.function':>12} {'concrete':>9}   ratio to the faster by hand"
    )
    with kcore.use_backend("tensorflow"):
        for name in PROGRAMS:
            found = measure(ways(name), options.rounds, options.calls)
            ratio = found["K.function"] / min(found["tf.function"], found["concrete"])
            numbers = f"{found['K.function']:11.0f} {found['tf.function']:12.0f} {found['concrete']:9.0f}"
            print(f"{name:14} {numbers}   {ratio:.2f}")


if __name__ == "__main__":
    main()
