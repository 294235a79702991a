"""Where randomness comes from: host draws for weights and shuffles, keys for random operations in programs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from .declare import as_tensor, cast_to, operation
from .graph import leaves_of, nodes_between
from .tensor import Constant, Placeholder, SymbolicTensor

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


def seeds_in(outputs: Sequence[SymbolicTensor]) -> list[Constant]:
    """The seeds of the random operations that `outputs` depend on, in the order in which these were made.

    Their values may be replaced as long as no program was made of the graph: so a model that was saved goes on with
    the random numbers that it would have drawn.
    """
    found: list[Constant] = []
    for node in nodes_between(outputs):
        if node.op.name == "stack" and isinstance(node.arguments[0], (list, tuple)):
            seed, *rest = node.arguments[0]
            if isinstance(seed, Constant) and seed.dtype == "int64" and RANDOM_COUNTER in leaves_of(rest):
                found.append(seed)
    return found
