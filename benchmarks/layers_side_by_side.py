"""Every layer of kcore on TensorFlow beside the same layer of Keras 3 on the same TensorFlow.

    python benchmarks/layers_side_by_side.py                                  # all, a quarter of an hour
    python benchmarks/layers_side_by_side.py --families pooling merge --sizes small --rounds 9
    python benchmarks/layers_side_by_side.py --layers Conv2D "Dot(1, 1)" --above 1.1
    python benchmarks/layers_side_by_side.py --markdown benchmarks/layers.md  # puts its rows into the table there
    python benchmarks/layers_side_by_side.py --again benchmarks/layers.md --above 1.1  # what is slower in that table

Forward: the layer alone. Backward: the layer and the gradients of its output, times a given tensor, by its inputs
and its weights. kcore: a program compiled as the steps of `fit` and `predict` are. Keras 3: a `tf.function` around the
layer and a `GradientTape`. Both take and give tensors, of a batch of unknown size, as in `fit`, and start from the
same weights; where they mean the same, their numbers are compared too. They run in turn in one process; the time of
a round is the mean over some calls, the time printed the median over the rounds, the ratio the median of the ratios
of the rounds: below 1, kcore is the faster. `--clock cpu` counts processor time of all threads instead, which means more
where other programs run too.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ["KCORE_BACKEND"] = "tensorflow"

import numpy as np
import tensorflow as tf
from layer_cases import CASES, FAMILIES, SIZES, Case
from side_by_side import versions

from kcore import backend as K
from kcore.backend.graph import leaves_of
from kcore.backend.random_state import RANDOM_COUNTER
from kcore.backend.variables import Update
from kcore.extending import Program, Variable, engine

JOBS = ("forward", "backward")
LEAST = 0.02  # seconds that the calls of one round take together
Call = Callable[[], Any]


# the two peers ------------------------------------------------------------------------------------------------
class Kcore:
    """A layer of kcore: `calls[job]` runs it."""

    def __init__(self, case: Case, arrays: list[np.ndarray]) -> None:
        self.layer = case.make(importlib.import_module("kcore.layers"))
        inputs = [K.placeholder((None, *a.shape[1:]), dtype=str(a.dtype)) for a in arrays]
        result = self.layer(
            inputs if len(inputs) > 1 else inputs[0], **({"training": True} if case.training else {})
        )
        arriving = K.placeholder(result.shape)
        roots = [x for x in inputs if case.top is None] + self.layer.trainable_weights
        gradients = K.gradients(K.sum(result * arriving), roots)
        self.programs = {
            "forward": self._compiled(inputs, [result], case.training),
            "backward": self._compiled([*inputs, arriving], [result, *gradients], case.training),
        }

    def _compiled(self, inputs: list[Any], outputs: list[Any], training: bool) -> Any:
        """As the steps of `fit` and `predict` are."""
        counter = Variable(0, RANDOM_COUNTER.dtype, name="random_counter", trainable=False)
        updates = [Update(v, t) for v, t in self.layer.updates] if training else []
        if RANDOM_COUNTER in leaves_of(outputs):
            updates.append(Update(counter, counter + 1))
        givens = {RANDOM_COUNTER: counter, K.learning_phase(): training}
        program = Program(inputs, outputs, updates, givens, rows_together=True)
        self.flat = program.lower(engine("tensorflow"))
        return engine("tensorflow").compile(self.flat)

    def weights(self) -> list[np.ndarray]:
        return self.layer.get_weights()

    def call(self, job: str, tensors: list[Any]) -> Call:
        program = self.programs[job]
        return lambda: program(*tensors)


class Peer:
    """The same layer of Keras 3 (or of tf_keras, where Keras 3 lacks it)."""

    def __init__(self, case: Case, arrays: list[np.ndarray], weights: list[np.ndarray]) -> None:
        layers = importlib.import_module(f"{case.library}.layers")
        layer = self.layer = (case.peer or case.make)(layers)
        training = {"training": True} if case.training else {}

        def run(tensors: Any) -> Any:
            return layer(list(tensors) if len(tensors) > 1 else tensors[0], **training)

        result = run([tf.constant(a) for a in arrays])
        self.same_weights = [w.shape for w in weights] == [tuple(w.shape) for w in layer.get_weights()]
        if self.same_weights:
            layer.set_weights(weights)
        variables = [w if isinstance(w, tf.Variable) else w.value for w in layer.trainable_weights]

        def backward(*given: Any) -> list[Any]:
            *tensors, arriving = given
            roots = [x for x in tensors if case.top is None] + variables
            with tf.GradientTape() as tape:
                tape.watch([x for x in tensors if case.top is None])
                made = run(tensors)
            found = tape.gradient(made, roots, output_gradients=arriving)
            return [made, *(tf.convert_to_tensor(g) for g in found)]  # of an embedding, too: an array as ours

        specs = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in arrays]
        arriving = tf.TensorSpec((None, *result.shape[1:]), result.dtype)
        self.shape = result.shape
        self.programs = {
            "forward": tf.function(lambda *given: [run(given)], input_signature=specs, autograph=False),
            "backward": tf.function(backward, input_signature=[*specs, arriving], autograph=False),
        }

    def call(self, job: str, tensors: list[Any]) -> Call:
        program = self.programs[job]
        return lambda: program(*tensors)


def disagreement(ours: list[Any], theirs: list[Any]) -> float:
    """The largest difference, relative to the scale of the tensor."""
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            return float("inf")
        worst = max(worst, float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-6)))
    return worst


# measuring ----------------------------------------------------------------------------------------------------
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
clock = time.perf_counter


def seconds(call: Call, count: int) -> float:
    started = clock()
    for _ in range(count):
        made = call()
    np.asarray(made[0][(0,) * len(made[0].shape)])  # wait for it
    return (clock() - started) / count


def alternated(ours: Call, theirs: Call, rounds: int) -> tuple[float, float, float]:
    """(median of ours, median of theirs, median of the rounds' ratios), seconds of one call."""
    for _ in range(2):  # traces, and fills the caches
        spent = seconds(ours, 1) + seconds(theirs, 1)
    count = max(2, min(100, int(2 * LEAST / spent)))
    found = []
    for i in range(rounds):
        pair = [seconds(c, count) for c in ((ours, theirs) if i % 2 else (theirs, ours))]
        found.append(pair if i % 2 else pair[::-1])
    first, second = zip(*found, strict=True)
    return (
        statistics.median(first),
        statistics.median(second),
        statistics.median(a / b for a, b in found),
    )


Row = tuple[str, str, float, float, float, bool]  # layer, job, ours, theirs, ratio, whether the numbers agree


def measure(size: str, name: str, rounds: int, jobs: list[str]) -> list[Row]:
    case = CASES[size][name]
    arrays = case.inputs()
    ours = Kcore(case, arrays)
    theirs = Peer(case, arrays, ours.weights())
    tensors = [tf.constant(a) for a in arrays]
    seed = tf.constant(np.random.RandomState(1).randn(*theirs.shape).astype("float32"))
    rows = []
    for job in jobs:
        given = tensors if job == "forward" else [*tensors, seed]
        pair = ours.call(job, given), theirs.call(job, given)
        agree = not (case.same and theirs.same_weights)
        agree = agree or disagreement(*(c() for c in pair)) < 1e-3
        rows.append((name, job, *alternated(*pair, rounds), agree))
    return rows


def overhead(rounds: int) -> tuple[float, float, float]:
    """A layer with nothing to do: what a call costs by itself."""
    case = Case(lambda L: L.Activation("linear"), [(1, 1)])
    arrays = case.inputs()
    ours = Kcore(case, arrays)
    tensors = [tf.constant(a) for a in arrays]
    pair = ours.call("forward", tensors), Peer(case, arrays, []).call("forward", tensors)
    return alternated(*pair, rounds)


# reporting ----------------------------------------------------------------------------------------------------
HEADER = "| layer | size | beside | forward, kcore | peer | ratio | backward, kcore | peer | ratio |"
LINE = re.compile(r"\| (.+?) \| (\w+) \| (?:keras|tf_keras) \|(.*)\|$")
Key = tuple[str, str]  # size, layer


def cells(key: Key, rows: list[Row]) -> str:
    """One line of the table in Markdown."""
    size, name = key
    parts = [name, size, CASES[size][name].library]
    for row in rows:
        parts += [f"{row[2] * 1e3:.3f}", f"{row[3] * 1e3:.3f}", f"{row[4]:.2f}"]
    return f"| {' | '.join(parts)} |"


def table(path: Path) -> dict[Key, str]:
    """The lines of the table in the file `path`."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {(found[2], found[1]): found[0] for line in lines if (found := LINE.match(line))}


def ratios(line: str) -> list[float]:
    """Forward and backward, of one line of the table."""
    numbers = [float(n) for n in LINE.match(line)[3].split("|")]  # type: ignore[index]
    return [numbers[2], numbers[5]]


def summary(lines: list[str]) -> str:
    """The geometric means of the ratios, and how many are above 1.1."""
    columns = list(zip(*map(ratios, lines), strict=True))
    means = [statistics.geometric_mean(c) for c in columns]
    above = sum(r > 1.1 for c in columns for r in c)
    return (
        f"{len(lines)} lines; geometric means of the ratios {means[0]:.2f} forward, {means[1]:.2f} backward; "
        f"{above} of {2 * len(lines)} above 1.1."
    )


def told_command(path: Path, options: Any) -> str:
    """The command of this table; cases that were measured again are told beside the one that the rest is from."""
    if options.again == path and (first := re.search(r"`python [^`]+`", path.read_text())):
        return (
            f"{first[0]}, and\nonce more with `--rounds {options.rounds} --again benchmarks/layers.md --above "
            f"{options.above:g}` for what was above that"
        )
    return (
        f"`python benchmarks/layers_side_by_side.py --clock {options.clock} --rounds {options.rounds} --markdown "
        "benchmarks/layers.md`"
    )


def write(path: Path, lines: dict[Key, str], call: tuple[float, float, float], options: Any) -> None:
    what = {"wall": "milliseconds", "cpu": "milliseconds of processor time, all threads together,"}[
        options.clock
    ]
    lines = table(path) | lines
    kept = [lines[size, name] for name in CASES["large"] for size in CASES if (size, name) in lines]
    text = (
        f"# The layers beside those of Keras 3, measured\n\n{told_command(path, options)}; {what} of one call,\n"
        "forward alone and forward with the gradients by inputs and weights. Ratio: kcore's time through the peer's, below\n"
        "1 kcore is the faster. Layers that Keras 3 lacks stand beside those of tf_keras. The sizes are in\n"
        "`layer_cases.py`; in the small ones a call by itself is most of the time.\n\n"
        f"{versions()}; threads as TensorFlow chooses.\n"
        f"A call by itself, of a layer with nothing to do: kcore {call[0] * 1e6:.0f} us, "
        f"Keras 3 {call[1] * 1e6:.0f} us.\n\n"
        f"{summary(kept)}\n\n"
    )
    path.write_text(text + "\n".join([HEADER, "|---" * 9 + "|", *kept]) + "\n")


def chosen(options: Any) -> list[Key]:
    """The cases to measure, in the order of the sizes."""
    if options.again:
        return [k for k, line in table(options.again).items() if max(ratios(line)) > options.above]
    names = [n for f in options.families for n in FAMILIES[f](SIZES["large"])] + options.layers
    return [(size, name) for size in options.sizes for name in names or CASES[size]]


def arguments() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--families", nargs="+", choices=list(FAMILIES), default=[])
    parser.add_argument("--layers", nargs="+", choices=list(CASES["large"]), default=[])
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--above", type=float, default=0.0, help="print only rows with a ratio above this")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--again", type=Path, help="the cases of the table in this file, those above --above")
    parser.add_argument("--markdown", type=Path)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    global clock
    clock = CLOCKS[options.clock]
    print(versions(), flush=True)
    call = overhead(options.rounds)
    print(f"a call by itself: kcore {call[0] * 1e6:.0f} us, Keras 3 {call[1] * 1e6:.0f} us", flush=True)
    for size, name in chosen(options):
        rows = measure(size, name, options.rounds, options.jobs)
        for _, job, ours, theirs, ratio, agree in rows:
            if ratio > options.above or not agree:
                told = f"{size:7}{name:32} {job:9}{ours * 1e3:9.3f}{theirs * 1e3:9.3f} ms  {ratio:5.2f}"
                print(told + ("" if agree else "  other numbers than the peer's"), flush=True)
        if options.markdown and len(rows) == len(JOBS):  # at once: what was measured is kept if it is ended
            write(options.markdown, {(size, name): cells((size, name), rows)}, call, options)
        tf.keras.backend.clear_session() if CASES[size][name].library == "tf_keras" else None
        gc.collect()


if __name__ == "__main__":
    main()
