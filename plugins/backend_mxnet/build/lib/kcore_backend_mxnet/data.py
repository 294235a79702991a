"""`mx.io.DataIter` as data: gone through once in each pass, without the rows that fill up its last batch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any


class DataIterAdapter:
    """Batches of an `mx.io.DataIter`: (data, label), lists where there are several of either."""

    def __init__(self, data: Any) -> None:
        self.data = data

    @staticmethod
    def handles(data: Any) -> bool:
        mx = sys.modules.get("mxnet")  # without MXNet loaded nothing can be one of its iterators
        return mx is not None and isinstance(data, mx.io.DataIter)

    def __iter__(self) -> Iterator[Any]:
        self.data.reset()
        for batch in self.data:
            kept = batch.data[0].shape[0] - (batch.pad or 0)
            parts = [_one_or_all(arrays, kept) for arrays in (batch.data, batch.label) if arrays]
            yield tuple(parts)


def _one_or_all(arrays: Any, kept: int) -> Any:
    made = [a.asnumpy()[:kept] for a in arrays]
    return made[0] if len(made) == 1 else made
