"""Saving and loading a model beside h5py writing and reading the same arrays: seconds, and the most memory taken.

`read` is load_model, `again` is reading once more from the system's cache, `into` is load_weights into a model that is
there, whose memory is not counted.

    python benchmarks/saving.py [--megabytes 1024] [--folder FOLDER] [--repeat 3]

Every measurement runs in a process of its own. Each way of writing is timed until the bytes are on the disk (fsync);
before reading the file is taken out of the cache. Memory is what the process has at its peak beyond what it had before
(with the model in it, for saving), as a multiple of the weights.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = ("h5py", ".kcore", ".h5")


def arrays_of(megabytes):
    """Sizes of square matrices, 16 MiB each."""
    return [2048] * max(1, megabytes // 16)


def model_of(sizes):
    from kcore import layers
    from kcore.models import Sequential

    return Sequential(
        [layers.Dense(n, use_bias=False, input_shape=(n,), kernel_initializer="ones") for n in sizes]
    )


def resident():
    """Bytes of memory that this process holds now, without pages of files."""
    with open("/proc/self/status", encoding="ascii") as file:
        told = dict(line.split(":", 1) for line in file)
    return int(told["RssAnon"].split()[0]) * 1024


class Peak:
    """The most anonymous memory within a block, looked at every few milliseconds."""

    def __enter__(self):
        import threading

        self.before = self.most = resident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._stop.wait(0.005):
            self.most = max(self.most, resident())

    def __exit__(self, *details):
        self._stop.set()
        self._thread.join()
        self.most = max(self.most, resident())


def synced(path, forget=False):
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    if forget:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def write(way, path, sizes):
    import h5py
    import numpy as np

    if way == "h5py":
        made = [np.ones((n, n), "float32") for n in sizes]

        def action():
            with h5py.File(path, "w") as file:
                for i, array in enumerate(made):
                    file[str(i)] = array
            synced(path)
    else:
        model = model_of(sizes)

        def action():
            model.save(path)

    return timed(action)


def read(way, path, sizes, task="read"):
    import h5py
    import numpy as np

    import kcore.models

    if way == "h5py":

        def action():
            with h5py.File(path, "r") as file:
                return [np.asarray(file[str(i)]) for i in range(len(sizes))]
    elif task == "into":
        model = model_of(sizes)
        model.get_weights()  # the model's own values are there

        def action():
            return model.load_weights(path)
    else:

        def action():
            return kcore.models.load_model(path, compile=False)

    synced(path, forget=task != "again")
    return timed(action)


def timed(action):
    with Peak() as peak:
        start = time.perf_counter()
        kept = action()
        seconds = time.perf_counter() - start
    del kept
    return seconds, peak.most - peak.before


def one(task, way, path, megabytes):
    if way != "h5py":  # what is done once in a process, such as finding plug-ins, is not what is measured
        small = f"{path}.small{way}"
        model_of([8]).save(small)
        read(way, small, [8])
        os.unlink(small)
    if task == "write":
        seconds, memory = write(way, path, arrays_of(megabytes))
    else:
        seconds, memory = read(way, path, arrays_of(megabytes), task)
    print(json.dumps([seconds, memory]))


def measured(task, way, folder, megabytes):
    path = Path(folder) / ("plain.hdf5" if way == "h5py" else f"model{way}")
    if task == "write":
        path.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, __file__, "--one", task, way, str(path), "--megabytes", str(megabytes)],
        capture_output=True, text=True, check=True, env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **os.environ},
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--folder")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(*options.one, options.megabytes)
        return
    weights = sum(4 * n * n for n in arrays_of(options.megabytes))
    print(f"{weights / 2**20:.0f} MiB of weights; the best of {options.repeat}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for task in ("write", "read", "again", "into"):
            best = {way: (float("inf"), 0) for way in WAYS}
            for _ in range(options.repeat):  # in turn, so that a busy moment strikes all alike
                for way in WAYS:
                    seconds, memory = measured(task, way, folder, options.megabytes)
                    best[way] = (min(best[way][0], seconds), max(best[way][1], memory))
            for way, (seconds, memory) in best.items():
                print(
                    f"{task:6} {way:7} {seconds:6.2f} s  {weights / seconds / 1e9:5.2f} GB/s  "
                    f"{seconds / best['h5py'][0]:5.2f} x h5py  memory {memory / weights:5.2f} x weights"
                )


if __name__ == "__main__":
    main()
