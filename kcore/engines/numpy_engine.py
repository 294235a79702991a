"""The engine that needs nothing but NumPy: the operations' declared meanings, and a table of faster forms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.declare import declared
from ..backend.tensor import numpy_dtype
from ..kernel.engine import Engine
from .numpy_fused import FUSED


class NumpyEngine(Engine):
    """Tensors are NumPy arrays; bfloat16 is kept as float32."""

    name = "numpy"
    features = frozenset({"float64", "float16", "empty"})
    computed_in = {"bfloat16": "float32"}

    def __init__(self) -> None:
        self.primitives = {op.name: op.meaning for op in declared() if op.is_primitive}
        self.fused = FUSED

    def from_numpy(self, array: np.ndarray, dtype: str) -> np.ndarray:
        return np.asarray(array, numpy_dtype(dtype))

    def to_numpy(self, tensor: Any) -> np.ndarray:
        return np.asarray(tensor)

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, (np.ndarray, np.generic))
