"""Progress of training on a terminal, in a notebook, in a log file."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 25
INTERVALS = {"terminal": 0.1, "notebook": 0.3, "file": math.inf}  # seconds between two updates of a line


def place_of(stream: Any = None) -> str:
    """'terminal', 'notebook' or 'file': where lines written to `stream` end up."""
    stream = sys.stdout if stream is None else stream
    shell = sys.modules.get("IPython")
    if shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell":
        return "notebook"
    return "terminal" if getattr(stream, "isatty", lambda: False)() else "file"


def resolved(verbose: Any) -> int:
    """0, 1 or 2 from what users give: 'auto' shows a bar where one can move, a line per epoch elsewhere."""
    if verbose == "auto":
        return 2 if place_of() == "file" else 1
    return int(verbose)


def number(value: float) -> str:
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"


def duration(seconds: float) -> str:
    """Seconds in the largest units that fit: 2:03:04, 3:04, 12s."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole >= 60 else f"{whole}s"


def per_step(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.1f}s/step"
    return f"{seconds * 1e3:.0f}ms/step" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/step"


def bar(done: int, steps: int | None, width: int = WIDTH) -> str:
    if steps is None:
        return f"{done}/?"
    filled = min(width, width * done // max(steps, 1))
    body = "=" * filled + (">" if filled < width else "")
    return f"{done:{len(str(steps))}d}/{steps} [{body:.<{width}}]"


class Line:
    """One line that moves: rewritten in place on a terminal or in a notebook, written once into a file."""

    def __init__(
        self, steps: int | None, verbose: int = 1, width: int = WIDTH, interval: float | None = None
    ) -> None:
        self.steps = steps
        self.stream = sys.stdout
        self.place = "file" if verbose == 2 else place_of(self.stream)
        self.interval = INTERVALS[self.place] if interval is None or self.place == "file" else interval
        self.width = width
        self.verbose = verbose
        self.started = time.perf_counter()
        self._next = 0.0
        self._length = 0
        self.open = False

    def update(self, done: int, values: Mapping[str, float]) -> None:
        """Shows `done` steps if it is time to."""
        now = time.perf_counter()
        if not self.verbose or self.place == "file" or now < self._next:
            return
        self._next = now + self.interval
        self._rewrite(self._text(done, values, now - self.started, left=True))

    def finish(self, done: int, values: Mapping[str, float]) -> None:
        """Shows the end and leaves the line."""
        if not self.verbose:
            return
        text = self._text(done, values, time.perf_counter() - self.started, left=False)
        if self.place == "file":
            self._write(text + "\n")
        else:
            self._rewrite(text)
            self.leave()

    def leave(self) -> None:
        if self.open:
            self._write("\n")
            self.open = False

    def _text(self, done: int, values: Mapping[str, float], elapsed: float, left: bool) -> str:
        each = elapsed / max(done, 1)
        if self.place == "file":
            parts = [f"{done} step{'' if done == 1 else 's'}"]
        else:
            parts = [bar(done, self.steps, self.width)]
        if left and self.steps is not None:
            parts.append(f"ETA: {duration(each * (self.steps - done))}")
        else:
            parts.append(duration(elapsed))
        parts.append(per_step(each))
        parts += [f"{k}: {number(v)}" for k, v in values.items()]
        return " - ".join(parts)

    def _rewrite(self, text: str) -> None:
        self._write("\r" + text.ljust(self._length))
        self._length = len(text)
        self.open = True

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


class Progbar:
    """Keras's progress bar: `update(current, values)` with values as pairs (name, value) to be averaged.

    target: steps in all, None if unknown. interval: seconds between updates. Names in `stateful_metrics` are
    shown as they are.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 30,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Sequence[str] | None = None,
    ) -> None:
        self.target = target
        self.stateful_metrics = set(stateful_metrics or ())
        self._line = Line(target, verbose, width, interval)
        self._sums: dict[str, tuple[float, float]] = {}
        self._seen = 0

    def update(self, current: int, values: Sequence[tuple[str, float]] | None = None) -> None:
        for name, value in values or ():
            if name in self.stateful_metrics:
                self._sums[name] = (float(value), 1.0)
            else:
                total, count = self._sums.get(name, (0.0, 0.0))
                step = current - self._seen
                self._sums[name] = (total + float(value) * step, count + step)
        self._seen = current
        shown = {k: total / max(count, 1) for k, (total, count) in self._sums.items()}
        if self.target is not None and current >= self.target:
            self._line.finish(current, shown)
        else:
            self._line.update(current, shown)

    def add(self, n: int, values: Sequence[tuple[str, float]] | None = None) -> None:
        self.update(self._seen + n, values)
