"""The states of the generators from which kcore's randomness comes, to be kept and put back."""

from __future__ import annotations

import random
from typing import Any

import numpy as np


def random_state() -> dict[str, Any]:
    """The states of NumPy's and Python's global generators."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, numbers, python_gauss = random.getstate()
    return {
        "host": (kind, keys, position, has_gauss, gauss),
        "python": (version, np.array(numbers, "uint64"), python_gauss),
    }


def set_random_state(state: dict[str, Any]) -> None:
    np.random.set_state(state["host"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(int(n) for n in numbers), gauss))
