"""kcore beside Gluon and beside a hand-written step, on the same MXNet: training and predicting with six models.

All peers share one process and work in turn, round after round. Gluon is hybridized with static memory and shapes,
its `Trainer` applies Adam; the hand-written step is a static CachedOp under `autograd.record` with one fused update
for each array. Weights start differently: this measures time only.

`--recurrent` takes kcore alone, with recurrent layers of all kinds, on whole sequences and on sequences of which a mask
takes the ends.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when MXNet is loaded
warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
from kcore_backend_mxnet.startup import import_mxnet  # noqa: E402

import kcore  # noqa: E402
from kcore import layers, models, optimizers  # noqa: E402

mx = import_mxnet()
STEPS = {"tiny": 100, "mlp": 20, "cnn": 4, "lstm": 10, "gru": 10, "resnet": 2}
PEERS = ("kcore", "gluon", "hand")
RATE = 0.001


def arrays(workload: str):
    """(inputs, channels first where there are images, class numbers, rows of a batch)."""
    random = np.random.RandomState(0)
    shapes = {
        "tiny": (32, 8),
        "mlp": (128, 784),
        "cnn": (64, 1, 28, 28),
        "lstm": (32, 40, 32),
        "gru": (32, 40, 32),
        "resnet": (16, 3, 32, 32),
    }
    size, *rest = shapes[workload]
    rows = size * STEPS[workload]
    return random.randn(rows, *rest).astype("float32"), random.randint(0, 10, rows), size


def resnet20(convolve, add, relu, mean, x):
    """He et al. 2016 for 32x32 images: convolve(x, filters, stride, size) normalises what it gives."""
    x = relu(convolve(x, 16, 1, 3))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage and not block else 1
            made = convolve(relu(convolve(x, filters, stride, 3)), filters, 1, 3)
            x = relu(add(made, x if stride == 1 else convolve(x, filters, stride, 1)))
    return mean(x)


def kcore_resnet():
    image = layers.Input((32, 32, 3))

    def convolve(x, filters, stride, size):
        # padded evenly, as Gluon does, so that all peers compute the same
        x = layers.ZeroPadding2D(size // 2)(x) if stride > 1 and size > 1 else x
        padding = "valid" if stride > 1 else "same"
        made = layers.Conv2D(filters, size, strides=stride, padding=padding, use_bias=False)(x)
        return layers.BatchNormalization()(made)

    relu, pool = layers.Activation("relu"), layers.GlobalAveragePooling2D()
    out = resnet20(convolve, lambda a, b: layers.add([a, b]), relu, pool, image)
    return models.Model(image, layers.Dense(10, activation="softmax")(out))


def kcore_step(workload: str, predict: bool):
    x, labels, size = arrays(workload)
    y = np.eye(10, dtype="float32")[labels]
    dense = layers.Dense
    if x.ndim == 4:
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    if workload == "cnn":
        body = [
            layers.Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)), layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2), layers.Flatten(),
        ]  # fmt: skip
    elif workload == "lstm":
        body = [layers.LSTM(64, input_shape=(40, 32))]
    elif workload == "gru":  # the form that MXNet has, whose reset gate acts after the product
        body = [layers.GRU(64, reset_after=True, input_shape=(40, 32))]
    elif workload != "resnet":
        units = 8 if workload == "tiny" else 512
        body = [dense(units, activation="relu", input_shape=x.shape[1:])]
        body += [dense(units, activation="relu")] if workload == "mlp" else []
    with kcore.use_backend("mxnet"):
        if workload == "resnet":
            model = kcore_resnet()
        else:
            model = models.Sequential([*body, dense(10, activation="softmax")])
    model.compile(optimizers.Adam(RATE), "categorical_crossentropy")
    if predict:
        return lambda: model.predict(x, batch_size=size)
    return lambda: model.fit(x, y, batch_size=size, shuffle=False, verbose=0)


def batches(workload: str):
    x, labels, size = arrays(workload)
    cut = [slice(i, i + size) for i in range(0, len(x), size)]
    return x, labels.astype("float32"), cut


class GluonResNet(mx.gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        self.parts = []

        def convolve(x, filters, stride, size):
            part = mx.gluon.nn.HybridSequential()
            part.add(
                mx.gluon.nn.Conv2D(filters, size, strides=stride, padding=size // 2, use_bias=False),
                mx.gluon.nn.BatchNorm(epsilon=1e-3),
            )
            self.register_child(part)
            self.parts.append(part)

        resnet20(convolve, lambda a, b: a, lambda x: x, lambda x: x, None)
        self.out = mx.gluon.nn.Dense(10)

    def hybrid_forward(self, F, x):
        parts = iter(self.parts)
        relu = lambda x: F.Activation(x, act_type="relu")
        mean = lambda x: F.mean(x, axis=(2, 3))
        return self.out(resnet20(lambda x, *_: next(parts)(x), lambda a, b: a + b, relu, mean, x))


def gluon_step(workload: str, predict: bool):
    nn, rnn = mx.gluon.nn, mx.gluon.rnn
    net = nn.HybridSequential()
    if workload == "cnn":
        net.add(
            nn.Conv2D(32, 3, activation="relu"),
            nn.Conv2D(64, 3, activation="relu"),
            nn.MaxPool2D(2),
            nn.Flatten(),
        )
    elif workload in ("lstm", "gru"):
        net.add(
            (rnn.LSTM if workload == "lstm" else rnn.GRU)(64, layout="NTC", input_size=32),
            nn.HybridLambda(lambda F, h: F.slice_axis(h, axis=1, begin=-1, end=None)),
        )
    elif workload == "resnet":
        net.add(GluonResNet())
    else:
        units = 8 if workload == "tiny" else 512
        net.add(*(nn.Dense(units, activation="relu") for _ in range(2 if workload == "mlp" else 1)))
    if workload != "resnet":
        net.add(nn.Dense(10))
    net.initialize()
    net.hybridize(static_alloc=True, static_shape=True)
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    loss.hybridize(static_alloc=True, static_shape=True)
    trainer = mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": RATE})
    x, labels, cut = batches(workload)

    def forward():
        return np.concatenate([mx.nd.softmax(net(mx.nd.array(x[part]))).asnumpy() for part in cut])

    def run():
        total = 0.0
        for part in cut:
            data, target = mx.nd.array(x[part]), mx.nd.array(labels[part])
            with mx.autograd.record():
                value = loss(net(data), target)
            value.backward()
            trainer.step(len(target))
            total = value
        total.wait_to_read()
        mx.nd.waitall()

    return forward if predict else run


def hand_symbol(workload: str, size: int):
    """(the mean loss, the class scores, shapes of the weights)."""
    F, shapes, count = mx.sym, {}, itertools.count()
    data, label = F.var("data"), F.var("label")

    def weight(name, *shape):
        shapes[name] = shape
        return F.var(name, shape=shape)

    def dense(x, name, inputs, units):
        return F.FullyConnected(
            x, weight(f"{name}_w", units, inputs), weight(f"{name}_b", units), num_hidden=units
        )

    if workload == "cnn":
        x = data
        for name, inputs, units in (("a", 1, 32), ("b", 32, 64)):
            w, b = weight(f"{name}_w", units, inputs, 3, 3), weight(f"{name}_b", units)
            x = F.Activation(F.Convolution(x, w, b, kernel=(3, 3), num_filter=units), act_type="relu")
        x, width = F.flatten(F.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max")), 64 * 12 * 12
    elif workload in ("lstm", "gru"):
        gates, start = {"lstm": 4, "gru": 3}[workload], F.zeros((1, size, 64))
        flat = weight("rnn", gates * (64 * (32 + 64) + 2 * 64))
        begin = [start, start] if workload == "lstm" else [start]
        rows = F.transpose(data, axes=(1, 0, 2))
        out = F.RNN(rows, flat, *begin, state_size=64, num_layers=1, mode=workload)
        x, width = F.slice_axis(out, axis=0, begin=-1, end=None).reshape((-1, 64)), 64
    elif workload == "resnet":
        channels: dict[str, int] = {}

        def convolve(x, filters, stride, kernel):
            n, inputs = next(count), channels.get(x.name, 3)
            w = weight(f"conv{n}_w", filters, inputs, kernel, kernel)
            made = F.Convolution(
                x, w, kernel=(kernel, kernel), stride=(stride, stride), pad=(kernel // 2,) * 2, num_filter=filters,
                no_bias=True,
            )  # fmt: skip
            parts = [weight(f"bn{n}_{kind}", filters) for kind in ("gamma", "beta")]
            kept = [F.var(f"bn{n}_{kind}", shape=(filters,)) for kind in ("mean", "var")]
            made = F.BatchNorm(made, *parts, *kept, fix_gamma=False, eps=1e-3)
            channels[made.name] = filters
            return made

        def through(x, made):
            channels[made.name] = channels[x.name]
            return made

        x = resnet20(
            convolve, lambda a, b: through(a, a + b), lambda x: through(x, F.Activation(x, act_type="relu")),
            lambda x: F.mean(x, axis=(2, 3)), data,
        )  # fmt: skip
        width = 64
    else:
        units, width, x = (8, 8, data) if workload == "tiny" else (512, 784, data)
        for i in range(2 if workload == "mlp" else 1):
            x, width = F.Activation(dense(x, f"d{i}", width, units), act_type="relu"), units
    scores = dense(x, "out", width, 10)
    return -F.mean(F.pick(F.log_softmax(scores), label)), F.softmax(scores), shapes


def hand_step(workload: str, predict: bool):
    x, labels, cut = batches(workload)
    loss, shares, shapes = hand_symbol(workload, cut[0].stop)
    loss = shares if predict else loss
    op = mx.nd.CachedOp(loss, [("static_alloc", True), ("static_shape", True)])
    weights = {name: mx.nd.random.normal(0, 0.05, shape) for name, shape in shapes.items()}
    slots = {name: (mx.nd.zeros(w.shape), mx.nd.zeros(w.shape)) for name, w in weights.items()}
    for w in weights.values():
        w.attach_grad()
    names, count = loss.list_inputs(), [0]
    kept = {n: mx.nd.ones(shapes[n.rsplit("_", 1)[0] + "_beta"]) for n in loss.list_auxiliary_states()}

    def forward():
        found = []
        for part in cut:
            fed = {**kept, "data": mx.nd.array(x[part]), **weights}
            found.append(op(*[fed[n] for n in names]).asnumpy())
        return np.concatenate(found)

    def run():
        value = None
        for part in cut:
            fed = {**kept, "data": mx.nd.array(x[part]), "label": mx.nd.array(labels[part]), **weights}
            with mx.autograd.record():
                value = op(*[fed[n] for n in names])
            value.backward()
            count[0] += 1
            rate = RATE * (1 - 0.999 ** count[0]) ** 0.5 / (1 - 0.9 ** count[0])
            for name, w in weights.items():
                mx.nd.adam_update(w, w.grad, *slots[name], lr=rate, epsilon=1e-7, out=w)
        value.wait_to_read()
        mx.nd.waitall()

    return forward if predict else run


RECURRENT = {
    "LSTM": lambda: layers.LSTM(64),
    "GRU, reset after": lambda: layers.GRU(64, reset_after=True),
    "GRU, reset before": lambda: layers.GRU(64),
    "SimpleRNN": lambda: layers.SimpleRNN(64),
}


def recurrent_step(make, masked: bool, predict: bool):
    """A layer between sequences (40 steps of 32 numbers) and ten classes; masked: of 5 to 40 steps each."""
    x, labels, size = arrays("lstm")
    y, first = np.eye(10, dtype="float32")[labels], [layers.InputLayer((40, 32))]
    if masked:
        first = [layers.Masking(input_shape=(40, 32))]
        for row, length in zip(x, np.random.RandomState(1).randint(5, 41, len(x)), strict=True):
            row[length:] = 0.0
    with kcore.use_backend("mxnet"):
        model = models.Sequential([*first, make(), layers.Dense(10, activation="softmax")])
    model.compile(optimizers.Adam(RATE), "categorical_crossentropy")
    if predict:
        return lambda: model.predict(x, batch_size=size)
    return lambda: model.fit(x, y, batch_size=size, shuffle=False, verbose=0)


def recurrent(rounds: int) -> None:
    print(
        f"milliseconds of processor time, least of {rounds} rounds: step, step masked, predict, predict masked"
    )
    for name, make in RECURRENT.items():
        runs = [
            recurrent_step(make, masked, predict) for predict in (False, True) for masked in (False, True)
        ]
        best = [float("inf")] * len(runs)
        for number in range(rounds + 1):
            for i, run in enumerate(runs):
                before = time.process_time()
                run()
                taken = (time.process_time() - before) / STEPS["lstm"] * 1e3
                best[i] = min(best[i], taken) if number else best[i]  # the first makes the graphs
        print(f"{name:18}", *(f"{t:7.2f}" for t in best), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workloads", nargs="+", default=list(STEPS), choices=list(STEPS))
    parser.add_argument("--predict", action="store_true", help="predict instead of training")
    parser.add_argument("--recurrent", action="store_true", help="recurrent layers of all kinds, kcore alone")
    options = parser.parse_args()
    if options.recurrent:
        recurrent(options.rounds)
        return
    makers = {"kcore": kcore_step, "gluon": gluon_step, "hand": hand_step}
    what = "batch predicted" if options.predict else "training step"
    print(f"milliseconds per {what}, least of {options.rounds} rounds: processor time (wall time)")
    threads = f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}, {os.cpu_count()} processors"
    print(f"MXNet {mx.__version__}, {threads}, the peers in turn round after round")
    for workload in options.workloads:
        runs = {peer: makers[peer](workload, options.predict) for peer in PEERS}
        for run in runs.values():
            run()
        found: dict[str, list[tuple[float, float]]] = {peer: [] for peer in PEERS}
        for _ in range(options.rounds):
            for peer, run in runs.items():
                processor, wall = time.process_time(), time.perf_counter()
                run()
                taken = time.process_time() - processor, time.perf_counter() - wall
                found[peer].append(tuple(t / STEPS[workload] * 1e3 for t in taken))
        best = {peer: [min(t[i] for t in times) for i in (0, 1)] for peer, times in found.items()}
        told = "  ".join(f"{peer} {processor:8.3f} ({wall:.3f})" for peer, (processor, wall) in best.items())
        first = best["kcore"][0]
        beside = f"kcore/gluon {first / best['gluon'][0]:.2f}  kcore/hand {first / best['hand'][0]:.2f}"
        print(f"{workload:6} {told}  {beside}", flush=True)


if __name__ == "__main__":
    main()
