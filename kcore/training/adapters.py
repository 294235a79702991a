"""Data sets of other libraries, as batches: the hook `kcore_data_adapters`, and kcore's own adapter of loaders.

An adapter is a class. `handles(data)` (static) says at a glance, importing nothing, whether it knows the data;
`adapter(data)` then is gone through once in each pass and yields batches `(x,)`, `(x, y)` or `(x, y, sample_weight)`
of arrays, or of lists or dicts of them. With `len` it tells the number of batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..kernel.registry import registries


def adapted(data: Any) -> Any:
    """`data`, or the adapter of a plug-in around it."""
    known = (np.ndarray, list, tuple, Mapping, str, bytes)
    if data is None or isinstance(data, known):
        return data
    if hasattr(data, "shape") or getattr(data, "use_sequence_api", False):
        return data
    adapters = registries.data_adapters
    for name in adapters.names():
        adapter = adapters.get(name)
        if adapter.handles(data):
            return adapter(data)
    return data


class LoaderAdapter:
    """Loaders of the kind of PyTorch's and Gluon's `DataLoader`: batches are tensors, or lists of them."""

    def __init__(self, data: Any) -> None:
        self.data = data

    @staticmethod
    def handles(data: Any) -> bool:
        return any(c.__name__ == "DataLoader" for c in type(data).__mro__) and hasattr(data, "__iter__")

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        for batch in self.data:
            made = as_arrays(batch)
            yield tuple(made) if isinstance(made, (list, tuple)) else (made,)


def as_arrays(value: Any) -> Any:
    """Tensors of any library as NumPy arrays, within lists, tuples and dicts."""
    if isinstance(value, (list, tuple)):
        return type(value)(as_arrays(v) for v in value)
    if isinstance(value, Mapping):
        return {k: as_arrays(v) for k, v in value.items()}
    if hasattr(value, "asnumpy"):
        return value.asnumpy()
    if hasattr(value, "detach"):  # it may carry a gradient, or be on another device
        return value.detach().cpu().numpy()
    return np.asarray(value)
