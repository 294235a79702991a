"""kcore on TensorFlow beside its peers: Keras 3 on TensorFlow and on JAX, tf_keras, and loops written by hand.

    python benchmarks/side_by_side.py                        # everything, a quarter of an hour
    python benchmarks/side_by_side.py --workloads mlp lstm --peers kcore keras --jobs fit
    python benchmarks/side_by_side.py --markdown table.md    # the tables, for the documentation

Each peer lives in one process of its own for all rounds; rounds alternate between the peers, so that what else the
machine does hits all alike. Printed are medians of wall time, and for each peer how many times as fast as it kcore
is. Fresh processes measure the import, the time to the first step and the peak of memory.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import workloads

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# peer: (module, environment)
PEERS = {
    "kcore": ("kcore", {"KCORE_BACKEND": "tensorflow"}),
    "keras": ("keras", {"KERAS_BACKEND": "tensorflow"}),
    "keras_jax": ("keras", {"KERAS_BACKEND": "jax"}),
    "tf_keras": ("tf_keras", {}),
    "hand_steps": ("handwritten", {}),
    "hand_epochs": ("handwritten", {}),
}
JOBS = ("fit", "evaluate", "predict", "predict_one", "call", "train_on_batch")
COLD = ("import", "first_step", "peak_memory")


# in a peer's process ------------------------------------------------------------------------------------------
def build(peer: str, name: str):
    """(model, x, y, batch size)"""
    work = workloads.data(name)
    if PEERS[peer][0] == "handwritten":
        model = importlib.import_module("handwritten").Loop(name, peer == "hand_epochs")
    else:
        model = workloads.model(PEERS[peer][0], name)
    x = work.inputs if len(work.inputs) > 1 else work.inputs[0]
    return model, x, work.targets, work.batch


def _rows(x, stop: int):
    return [a[:stop] for a in x] if isinstance(x, list) else x[:stop]


def measure(job: str, model, x, y, size: int) -> float:
    """Microseconds: per step of fit and evaluate, per batch of predict, per call of the others."""
    few = len(y) // size <= 8  # a heavy model
    repeat = {"fit": 1, "evaluate": 1, "predict": 1, "train_on_batch": 5 if few else 50}.get(job, 20)
    started = time.perf_counter()
    if job == "fit":
        model.fit(x, y, batch_size=size, epochs=1, verbose=0)
    elif job == "evaluate":
        model.evaluate(x, y, batch_size=size, verbose=0)
    elif job == "predict":
        model.predict(x, batch_size=size, verbose=0)
    elif job == "predict_one":
        one = _rows(x, 1)
        for _ in range(repeat):
            model.predict(one, verbose=0)
    elif job == "call":
        some = _rows(x, size)
        for _ in range(repeat):
            made = model(some)
        getattr(made, "block_until_ready", lambda: None)()
    else:
        inputs, targets = _rows(x, size), y[:size]
        for _ in range(repeat):
            model.train_on_batch(inputs, targets)
    steps = -(-len(y) // size) if job in ("fit", "evaluate", "predict") else repeat
    return (time.perf_counter() - started) / steps * 1e6


def serve(peer: str) -> None:
    """Answers jobs from standard input, one line each."""
    kept: dict = {}
    for line in sys.stdin:
        name, job = line.split()
        if name not in kept:
            kept.clear()
            kept[name] = build(peer, name)
            measure("fit", *kept[name])
        print(json.dumps(measure(job, *kept[name])), flush=True)


def cold(peer: str, name: str) -> None:
    """Seconds to import and to the first step of a fresh process, and its peak memory in MB after three epochs."""
    import resource

    started = time.perf_counter()
    importlib.import_module(PEERS[peer][0])
    if peer == "kcore":
        importlib.import_module("kcore").devices()  # loads the engine
    imported = time.perf_counter()
    model, x, y, size = build(peer, name)
    if PEERS[peer][0] == "handwritten":
        model.fit(_rows(x, size), y[:size], batch_size=size)
    else:
        model.fit(_rows(x, size), y[:size], batch_size=size, epochs=1, verbose=0)
    stepped = time.perf_counter()
    for _ in range(3):
        model.fit(x, y, batch_size=size, epochs=1, verbose=0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([imported - started, stepped - imported, peak]), flush=True)


# in the main process --------------------------------------------------------------------------------------------
class Worker:
    def __init__(self, peer: str) -> None:
        command = [sys.executable, __file__, "--serve", peer]
        self.process = subprocess.Popen(
            command,
            stdin=-1,
            stdout=-1,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **PEERS[peer][1]},
        )

    def ask(self, name: str, job: str) -> float:
        self.process.stdin.write(f"{name} {job}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def warm_rows(peers: list[str], names: list[str], jobs: list[str], rounds: int):
    """(workload, job, medians by peer), as they are measured."""
    workers = {p: Worker(p) for p in peers}
    for name in names:
        for job in jobs:
            times: dict = {p: [] for p in peers}
            for _ in range(rounds + 1):  # the first warms up
                for peer in peers:
                    times[peer].append(workers[peer].ask(name, job))
            yield name, job, [statistics.median(times[p][1:]) for p in peers]
    for worker in workers.values():
        worker.close()


def cold_rows(peers: list[str], names: list[str], rounds: int):
    for name in names:
        found: dict = {p: [] for p in peers}
        for _ in range(rounds):
            for peer in peers:
                command = [sys.executable, __file__, "--cold", peer, name]
                done = subprocess.run(
                    command, capture_output=True, text=True, env={**os.environ, **PEERS[peer][1]}, check=True
                )
                found[peer].append(json.loads(done.stdout.splitlines()[-1]))
        for i, job in enumerate(COLD):
            if job != "import" or name == names[0]:
                yield name, job, [statistics.median(f[i] for f in found[p]) for p in peers]


def report(rows, peers: list[str], markdown: list[str]) -> list[tuple[str, str, float]]:
    """Prints rows as they come. Returns (workload, job, times as fast as Keras)."""
    ratios = []
    others = peers[1:]
    print(f"{'workload':15} {'job':15}{peers[0]:>12}" + "".join(f"{p:>22}" for p in others), flush=True)
    markdown.append(f"| workload | job | {peers[0]} | " + " | ".join(others) + " |")
    markdown.append("|---" * (len(peers) + 2) + "|")
    for name, job, medians in rows:
        unit = {"import": "s", "first_step": "s", "peak_memory": "MB"}.get(job, "us")
        show = (lambda v: f"{v:.2f}") if unit == "s" else (lambda v: f"{v:.0f}")
        cells = [f"{show(m)} (x {m / medians[0]:.2f})" for m in medians[1:]]
        print(f"{name:15} {job:15}{show(medians[0]):>12}" + "".join(f"{c:>22}" for c in cells), flush=True)
        markdown.append(f"| {name} | {job} ({unit}) | {show(medians[0])} | " + " | ".join(cells) + " |")
        if "keras" in peers:
            ratios.append((name, job, medians[peers.index("keras")] / medians[0]))
    return ratios


def versions() -> str:
    def of(name: str) -> str:
        try:
            return f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            return ""

    names = ("tensorflow-cpu", "tensorflow", "keras", "tf_keras", "jax", "numpy")
    return (
        ", ".join(filter(None, map(of, names))) + f"; {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold-rounds", type=int, default=3, help="fresh processes per peer and workload")
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--workloads", nargs="+", default=list(workloads.NAMES), choices=workloads.NAMES)
    parser.add_argument("--jobs", nargs="+", default=list(JOBS), choices=JOBS)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--cold", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve or options.cold:
        serve(options.serve) if options.serve else cold(*options.cold)
        return
    print(versions())
    text = [f"{versions()}. Load while measuring: {os.getloadavg()[0]:.1f}.", ""]
    rows = warm_rows(options.peers, options.workloads, options.jobs, options.rounds)
    ratios = report(rows, options.peers, text)
    if ratios:
        mean = math.exp(statistics.fmean(math.log(r) for *_, r in ratios))
        line = f"Geometric mean over all rows: {mean:.2f} times as fast as Keras 3 on the same TensorFlow."
        print(line)
        text += ["", line]
    if options.cold_rounds:
        text.append("")
        report(cold_rows(options.peers, options.workloads, options.cold_rounds), options.peers, text)
    if options.markdown:
        options.markdown.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
