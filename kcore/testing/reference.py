"""The specification, run: every operation by its declared meaning, every composite by its definition."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.declare import declared
from ..backend.tensor import numpy_dtype
from ..kernel.engine import Engine


class ReferenceEngine(Engine):
    """Engines are compared with this one. It has no fused operation, so nothing stands between it and the
    declarations."""

    name = "reference"
    features = frozenset({"float64", "float16", "empty"})
    computed_in = {"bfloat16": "float32"}

    def __init__(self) -> None:
        self.primitives = {op.name: op.meaning for op in declared() if op.is_primitive}

    def from_numpy(self, array: np.ndarray, dtype: str) -> np.ndarray:
        return np.asarray(array, numpy_dtype(dtype))

    def to_numpy(self, tensor: Any) -> np.ndarray:
        return np.asarray(tensor)

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, (np.ndarray, np.generic))


REFERENCE = ReferenceEngine()
