"""The same workloads written by hand in TensorFlow: one compiled call per step, or one per epoch.

`Loop(name, whole_epochs)` answers the calls of a Keras model that the benchmark makes. The step is what an expert
would write: concrete functions, tf.GradientTape, Adam by ResourceApplyAdam on large variables and in composed
operations on small ones, loss and accuracy added up in the graph, batches gathered from tensors that are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from workloads import data

LARGE = 50_000
BETA_1, BETA_2, EPSILON, RATE = 0.9, 0.999, 1e-7, 0.001
SMALL = 1e-7  # what Keras 2 keeps probabilities away from 0 and 1


class Weights:
    """Variables made in the order of their first use, found in the same order in later calls."""

    def __init__(self) -> None:
        self.made: list[tf.Variable] = []
        self.trained: list[tf.Variable] = []
        self.at = 0
        self.random = np.random.RandomState(1)

    def __call__(self, shape: tuple[int, ...], kind: str = "uniform") -> tf.Variable:
        if self.at == len(self.made):
            with tf.init_scope():
                fans = np.prod(shape[:-1]) + shape[-1]
                value = {
                    "uniform": lambda: self.random.uniform(-1, 1, shape) * np.sqrt(6 / fans),
                    "zeros": lambda: np.zeros(shape), "ones": lambda: np.ones(shape),
                }[kind.rpartition(" ")[2]]()  # fmt: skip
                self.made.append(tf.Variable(value.astype("float32")))
                if not kind.startswith("fixed"):
                    self.trained.append(self.made[-1])
        self.at += 1
        return self.made[self.at - 1]


def clipped(probabilities: Any) -> Any:
    return tf.clip_by_value(probabilities, SMALL, 1 - SMALL)


def dense(w: Weights, x: Any, units: int, activation: Any = None) -> Any:
    z = tf.matmul(x, w((x.shape[-1], units))) + w((units,), "zeros")
    return z if activation is None else activation(z)


def convolved(w: Weights, x: Any, filters: int, size: int, stride: int = 1, padding: str = "VALID") -> Any:
    return tf.nn.conv2d(x, w((size, size, x.shape[-1], filters)), stride, padding)


def normalized(w: Weights, x: Any, training: bool) -> Any:
    n = x.shape[-1]
    gamma, beta = w((n,), "ones"), w((n,), "zeros")
    mean, variance = w((n,), "fixed zeros"), w((n,), "fixed ones")
    if not training:
        return tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=mean, variance=variance, epsilon=1e-3, is_training=False
        )[0]
    y, m, v, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=[], variance=[], epsilon=1e-3, is_training=True
    )
    mean.assign(mean * 0.99 + m * 0.01, read_value=False)
    variance.assign(variance * 0.99 + v * 0.01, read_value=False)
    return y


def dropped(x: Any, rate: float, training: bool, seed: Any) -> Any:
    if not training:
        return x
    kept = tf.random.stateless_uniform(tf.shape(x), seed) >= rate
    return tf.where(kept, x * (1 / (1 - rate)), 0.0)


def lstm(w: Weights, x: Any, units: int) -> Any:
    kernel, recurrent = w((x.shape[-1], 4 * units)), w((units, 4 * units))
    bias = w((4 * units,), "zeros")
    steps = tf.transpose(tf.tensordot(x, kernel, 1) + bias, (1, 0, 2))
    length, zeros = x.shape[1], tf.zeros((tf.shape(x)[0], units))
    rows = tf.TensorArray(tf.float32, length).unstack(steps)

    def one(i: Any, h: Any, c: Any) -> Any:
        z = rows.read(i) + tf.matmul(h, recurrent)
        gates = tf.sigmoid(z[:, : 2 * units])
        c = gates[:, units:] * c + gates[:, :units] * tf.tanh(z[:, 2 * units : 3 * units])
        return i + 1, tf.sigmoid(z[:, 3 * units :]) * tf.tanh(c), c

    return tf.while_loop(lambda i, *_: i < length, one, (0, zeros, zeros), maximum_iterations=length)[1]


def _resnet20(w: Weights, x: Any, training: bool) -> Any:
    x = tf.nn.relu(normalized(w, convolved(w, x, 16, 3, 1, "SAME"), training))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage and not block else 1
            y = tf.nn.relu(normalized(w, convolved(w, x, filters, 3, stride, "SAME"), training))
            y = normalized(w, convolved(w, y, filters, 3, 1, "SAME"), training)
            if stride == 2:
                x = normalized(w, convolved(w, x, filters, 1, stride, "SAME"), training)
            x = tf.nn.relu(x + y)
    return dense(w, tf.reduce_mean(x, (1, 2)), 10)


def _cnn(w: Weights, x: Any, training: bool, seed: Any) -> Any:
    for filters in (32, 64):
        x = tf.nn.relu(convolved(w, x, filters, 3) + w((filters,), "zeros"))
    x = dropped(tf.nn.max_pool2d(x, 2, 2, "VALID"), 0.25, training, seed)
    x = tf.reshape(x, (-1, int(np.prod(x.shape[1:]))))
    return dense(w, dropped(dense(w, x, 128, tf.nn.relu), 0.5, training, seed + 1), 10)


def logits(name: str, w: Weights, inputs: list[Any], training: bool, seed: Any) -> Any:
    """The outputs before softmax or sigmoid."""
    w.at = 0
    x, relu = inputs[0], tf.nn.relu
    if name == "cnn":
        return _cnn(w, x, training, seed)
    if name == "resnet20":
        return _resnet20(w, x, training)
    if name == "lstm":
        return dense(w, lstm(w, tf.gather(w((20000, 128)), x), 128), 1)
    if name == "recommendation":
        flat = [tf.gather(w((n, 64)), i[:, 0]) for n, i in zip((50_000, 20_000), inputs, strict=True)]
        return dense(w, dense(w, dense(w, tf.concat(flat, -1), 128, relu), 64, relu), 1)
    hidden = {"mlp_small": (64, 64), "mlp": (512, 512), "autoencoder": (128, 64, 32, 64, 128)}[name]
    for units in hidden:
        x = dense(w, x, units, relu)
    return dense(w, x, 784 if name == "autoencoder" else 10)


class Loop:
    def __init__(self, name: str, whole_epochs: bool) -> None:
        self.name, self.whole_epochs = name, whole_epochs
        self.work = data(name)
        self.binary = self.work.loss == "binary_crossentropy"
        self.weights = Weights()
        specs = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in [*self.work.inputs, self.work.targets]]
        self.count = tf.Variable(0.0)
        # one traced call makes the variables
        tf.function(
            lambda *x: logits(name, self.weights, list(x), False, tf.zeros(2, tf.int32))
        ).get_concrete_function(*specs[:-1])
        self.slots = [
            (tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for v in self.weights.trained
        ]
        self._step = self._compiled(self.step, specs)
        self._test = self._compiled(lambda *x: self.losses(x, False), specs)
        self._predict = self._compiled(lambda *x: self.outputs(x), specs[:-1])
        numbers, order = tf.TensorSpec((3,), tf.int32), tf.TensorSpec((None,), tf.int32)
        self._epoch = self._compiled(self.epoch, [numbers, order, *specs]) if whole_epochs else None

    @staticmethod
    def _compiled(function: Callable[..., Any], specs: list[Any]) -> Any:
        return tf.function(function, input_signature=specs, autograph=False).get_concrete_function()

    # in the graph -------------------------------------------------------------------------------------------
    def outputs(self, inputs: Any) -> Any:
        made = logits(self.name, self.weights, list(inputs), False, tf.zeros(2, tf.int32))
        return tf.sigmoid(made) if self.binary else tf.nn.softmax(made)

    def losses(self, batch: Any, training: bool) -> Any:
        *inputs, targets = batch
        seed = tf.stack([tf.cast(self.count, tf.int32), 7])
        made = logits(self.name, self.weights, inputs, training, seed)
        # losses of probabilities, as Keras 2 defines them: kcore computes these numbers, not those of the fused op
        if self.binary:
            each = -tf.reduce_mean(
                targets * tf.math.log(clipped(tf.sigmoid(made)) + SMALL)
                + (1 - targets) * tf.math.log(1 - clipped(tf.sigmoid(made)) + SMALL),
                -1,
            )
            right = tf.equal(made > 0, targets > 0.5)
        else:
            made = tf.nn.softmax(made)
            made = made / tf.reduce_sum(made, -1, keepdims=True)
            each = -tf.reduce_sum(targets * tf.math.log(clipped(made)), -1)
            right = tf.equal(tf.argmax(made, -1), tf.argmax(targets, -1))
        return tf.stack([tf.reduce_mean(each), tf.reduce_mean(tf.cast(right, tf.float32))])

    def step(self, *batch: Any) -> Any:
        trained = self.weights.trained
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(trained)
            logs = self.losses(batch, True)
            loss = logs[0]
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, trained)]
        self.count.assign_add(1.0, read_value=False)
        count = self.count.read_value()
        rate = RATE * tf.sqrt(1 - BETA_2**count) / (1 - BETA_1**count)
        for variable, gradient, (m, v) in zip(trained, gradients, self.slots, strict=True):
            if int(np.prod(variable.shape)) >= LARGE:
                tf.raw_ops.ResourceApplyAdam(
                    var=variable.handle, m=m.handle, v=v.handle, beta1_power=0.0, beta2_power=0.0, lr=rate,
                    beta1=BETA_1, beta2=BETA_2, epsilon=EPSILON, grad=gradient,
                )  # fmt: skip
                continue
            new_m = BETA_1 * m + (1 - BETA_1) * gradient
            new_v = BETA_2 * v + (1 - BETA_2) * tf.square(gradient)
            m.assign(new_m, read_value=False)
            v.assign(new_v, read_value=False)
            variable.assign_sub(rate * new_m / (tf.sqrt(new_v) + EPSILON), read_value=False)
        return logs

    def epoch(self, numbers: Any, order: Any, *held: Any) -> Any:
        first, last, size = numbers[0], numbers[1], numbers[2]

        def one(i: Any, total: Any) -> Any:
            chosen = order[i * size : (i + 1) * size]
            return i + 1, total + self.step(*(tf.gather(a, chosen) for a in held))

        return tf.while_loop(lambda i, _: i < last, one, (first, tf.zeros(2)), parallel_iterations=1)[1]

    # the face of a Keras model --------------------------------------------------------------------------------
    def _batches(self, arrays: list[np.ndarray], size: int) -> Any:
        for start in range(0, len(arrays[0]), size):
            yield [tf.constant(a[start : start + size]) for a in arrays]

    def fit(self, x: Any, y: Any, batch_size: int, **_: Any) -> Any:
        arrays = [*(x if isinstance(x, list) else [x]), y]
        order = np.random.permutation(len(y)).astype("int32")
        if self._epoch is None:
            totals = 0
            for start in range(0, len(y), batch_size):
                rows = order[start : start + batch_size]
                totals = totals + self._step(*(tf.constant(a[rows]) for a in arrays))
            return totals.numpy()
        numbers = tf.constant([0, -(-len(y) // batch_size), batch_size])
        return self._epoch(numbers, tf.constant(order), *(tf.constant(a) for a in arrays)).numpy()

    def evaluate(self, x: Any, y: Any, batch_size: int, **_: Any) -> Any:
        arrays = [*(x if isinstance(x, list) else [x]), y]
        return sum(self._test(*batch) for batch in self._batches(arrays, batch_size)).numpy()

    def predict(self, x: Any, batch_size: int = 32, **_: Any) -> Any:
        arrays = x if isinstance(x, list) else [x]
        return np.concatenate([self._predict(*b).numpy() for b in self._batches(arrays, batch_size)])

    def train_on_batch(self, x: Any, y: Any) -> Any:
        return self._step(*map(tf.constant, [*(x if isinstance(x, list) else [x]), y])).numpy()

    def __call__(self, x: Any) -> Any:
        return self._predict(*map(tf.constant, x if isinstance(x, list) else [x]))
