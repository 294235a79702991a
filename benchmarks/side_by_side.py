"""kcore beside Keras 3 on the same TensorFlow: fit, predict of many rows and of one, train_on_batch, memory."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
WORKLOADS = ("mlp_small", "mlp", "cnn", "lstm")
MODULES = {"kcore": "kcore", "keras": "keras"}


def build(peer: str, workload: str):
    """(model, inputs, targets, batch size) in the words that both libraries share."""
    import numpy as np

    layers = importlib.import_module(f"{MODULES[peer]}.layers")
    models = importlib.import_module(f"{MODULES[peer]}.models")
    random = np.random.RandomState(0)

    def one_hot(rows, classes):
        return np.eye(classes, dtype="float32")[random.randint(0, classes, rows)]

    def stack(shape, *rest, dtype=None):
        first = layers.Input(shape) if dtype is None else layers.Input(shape, dtype=dtype)
        out = first
        for layer in rest:
            out = layer(out)
        return models.Model(first, out)

    dense = layers.Dense
    if workload == "mlp_small":
        model = stack(
            (20,), dense(64, activation="relu"), dense(64, activation="relu"), dense(10, activation="softmax")
        )
        x, y, size = random.randn(6400, 20), one_hot(6400, 10), 32
    elif workload == "mlp":
        model = stack(
            (784,),
            dense(512, activation="relu"),
            dense(512, activation="relu"),
            dense(10, activation="softmax"),
        )
        x, y, size = random.randn(6400, 784), one_hot(6400, 10), 128
    elif workload == "cnn":
        model = stack(
            (28, 28, 1), layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2), layers.Dropout(0.25), layers.Flatten(), dense(128, activation="relu"),
            layers.Dropout(0.5), dense(10, activation="softmax"),
        )  # fmt: skip
        x, y, size = random.randn(1024, 28, 28, 1), one_hot(1024, 10), 128
    else:
        model = stack(
            (80,),
            layers.Embedding(20000, 128),
            layers.LSTM(128),
            dense(1, activation="sigmoid"),
            dtype="int32",
        )
        x, y, size = random.randint(0, 20000, (256, 80)), random.randint(0, 2, (256, 1)).astype("float32"), 32
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        return model, x.astype("int32"), y, size
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model, x.astype("float32"), y, size


def measure(job: str, model, x, y, size: int) -> float:
    """Microseconds: per step of fit and train_on_batch, per call of the others."""
    repeat = 1 if job in ("fit", "predict") else 50
    started = time.perf_counter()
    if job == "fit":
        model.fit(x, y, batch_size=size, epochs=1, verbose=0)
        repeat = -(-len(x) // size)
    elif job == "predict":
        model.predict(x, batch_size=size, verbose=0)
    elif job == "predict_one":
        repeat = 10
        for _ in range(repeat):
            model.predict(x[:1], verbose=0)
    else:
        for _ in range(repeat):
            model.train_on_batch(x[:size], y[:size])
    return (time.perf_counter() - started) / repeat * 1e6


def serve(peer: str) -> None:
    """Answers jobs from standard input, one line each."""
    kept: dict = {}
    for line in sys.stdin:
        workload, job = line.split()
        if workload not in kept:
            kept.clear()
            kept[workload] = build(peer, workload)
        if job == "first":
            answer = measure("fit", *kept[workload])
        else:
            answer = measure(job, *kept[workload])
        print(json.dumps(answer), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", nargs="+", default=["kcore", "keras"], choices=list(MODULES))
    parser.add_argument("--workloads", nargs="+", default=list(WORKLOADS), choices=WORKLOADS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    workers = {}
    for peer in options.peers:
        env = {**os.environ, "KERAS_BACKEND": "tensorflow", "KCORE_BACKEND": "tensorflow"}
        command = [sys.executable, __file__, "--serve", peer]
        workers[peer] = subprocess.Popen(
            command, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True, env=env
        )

    def ask(peer: str, workload: str, job: str) -> float:
        worker = workers[peer]
        worker.stdin.write(f"{workload} {job}\n")
        worker.stdin.flush()
        return json.loads(worker.stdout.readline())

    print(
        f"{'workload':10} {'job':15}"
        + "".join(f"{p:>14}" for p in options.peers)
        + "   ratio   (microseconds)"
    )
    for workload in options.workloads:
        for peer in options.peers:
            ask(peer, workload, "first")
        for job in ("fit", "predict", "predict_one", "train_on_batch"):
            times: dict = {p: [] for p in options.peers}
            for _ in range(options.rounds + 1):
                for peer in options.peers:
                    times[peer].append(ask(peer, workload, job))
            medians = [statistics.median(times[p][1:]) for p in options.peers]
            print(
                f"{workload:10} {job:15}"
                + "".join(f"{m:14.0f}" for m in medians)
                + f"   {medians[-1] / medians[0]:5.2f}",
                flush=True,
            )
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()


if __name__ == "__main__":
    main()
