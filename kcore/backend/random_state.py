"""Where randomness comes from: host draws for weights and shuffles, keys for random operations in programs."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from .declare import as_tensor, cast_to, operation
from .tensor import Placeholder, SymbolicTensor

# Stands in every graph that draws random numbers. A program gives it a variable of its own and advances that,
# so that each call draws anew and a run repeats; where nobody does, it is 0.
RANDOM_COUNTER = Placeholder((), "int64", name="random_counter", default=0)


def set_seed(seed: int) -> None:
    """Seeds Python's and NumPy's generators, from which all of kcore's randomness is drawn."""
    random.seed(seed)
    np.random.seed(seed % 2**32)


def draw_seed() -> int:
    """A fresh seed from NumPy's global generator (so `np.random.seed` governs it)."""
    return int(np.random.randint(0, 2**31 - 1))


def make_key(seed: int | None = None, salt: SymbolicTensor | None = None) -> Any:
    """The key of one random operation: its own seed (drawn if None) and the program's counter, plus `salt`."""
    seed = draw_seed() if seed is None else int(seed)
    counter: SymbolicTensor = RANDOM_COUNTER
    if salt is not None:
        counter = operation("add")(operation("multiply")(counter, 1_000_003), cast_to(salt, "int64"))
    return operation("stack")([as_tensor(seed, "int64"), counter])
