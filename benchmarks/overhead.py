"""What kcore costs on TensorFlow beside a hand-written `tf.function`: microseconds per call, and memory over many.

    python benchmarks/overhead.py [--rounds 15] [--calls 200] [--memory-calls 10000]

Both have the same small dense model (64-64-10 on 20 features). By hand means concrete functions with their variables
caught, given NumPy arrays and read back as NumPy arrays. Rounds alternate; printed are medians and their difference.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KCORE_BACKEND"] = "tensorflow"

import handwritten
import workloads


def calls() -> dict[str, dict[str, Callable[[], Any]]]:
    """{what: {who: a call of it}}"""
    work = workloads.data("mlp_small")
    ours, by_hand = workloads.model("kcore", "mlp_small"), handwritten.Loop("mlp_small", False)
    one, some, targets = work.inputs[0][:1], work.inputs[0][:32], work.targets[:32]
    return {
        "predict of one row": {"kcore": lambda: ours.predict(one), "hand": lambda: by_hand.predict(one)},
        "model(x), 32 rows": {"kcore": lambda: ours(some), "hand": lambda: by_hand(some)},
        "train_on_batch, 32 rows": {
            "kcore": lambda: ours.train_on_batch(some, targets),
            "hand": lambda: by_hand.train_on_batch(some, targets),
        },
    }


def microseconds(call: Callable[[], Any], count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - started) / count * 1e6


def resident() -> float:
    """Memory of this process that is in use, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--memory-calls", type=int, default=10_000)
    options = parser.parse_args()
    print(
        f"{'':28}{'kcore':>8}{'hand':>8}{'above':>8}  us per call; memory over {options.memory_calls} calls"
    )
    for what, ways in calls().items():
        found: dict[str, list[float]] = {who: [] for who in ways}
        for _ in range(options.rounds + 1):  # the first warms up
            for who, call in ways.items():
                found[who].append(microseconds(call, options.calls))
        ours, by_hand = (statistics.median(times[1:]) for times in found.values())
        before = resident()
        microseconds(ways["kcore"], options.memory_calls)
        grown = resident() - before
        print(f"{what:28}{ours:8.0f}{by_hand:8.0f}{ours - by_hand:8.0f}  {grown:+.1f} MB", flush=True)


if __name__ == "__main__":
    main()
