"""One compiled step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Step:
    """A compiled program: `run_steps` for many batches of arrays in memory, a call for one batch."""

    engine: Any
    compiled: Callable[..., list[Any]]

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return self.read(self.begin(arrays))

    def begin(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """Results as the engine holds them; it may still be at work on them."""
        return self.compiled(*arrays)

    def read(self, results: Sequence[Any]) -> list[np.ndarray]:
        return [self.engine.to_numpy(o) for o in results]

    def run(self, data: Sequence[Any], order: Any, batch_size: int, first: int, last: int) -> np.ndarray:
        return self.engine.run_steps(self.compiled, data, order, batch_size, first, last)
