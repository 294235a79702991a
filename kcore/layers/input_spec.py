"""What a layer expects of its inputs."""

from __future__ import annotations

from typing import Any

from ..shapes import describe


class InputSpec:
    """What a layer expects of an input: dtype, shape, rank (exact, least, most), sizes of some axes."""

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
    ) -> None:
        self.dtype, self.shape = dtype, shape
        self.ndim = len(shape) if shape is not None else ndim
        self.max_ndim, self.min_ndim, self.axes = max_ndim, min_ndim, axes or {}

    def __repr__(self) -> str:
        told = [f"{k}={v}" for k, v in vars(self).items() if v]
        return f"InputSpec({', '.join(told)})"

    def problem(self, shape: tuple[int | None, ...]) -> str | None:
        """What is wrong with `shape`, and what to do; None if it fits."""
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            return f"rank {self.ndim} expected.{_advice(rank, self.ndim)}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"rank at most {self.max_ndim} expected.{_advice(rank, self.max_ndim)}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"rank at least {self.min_ndim} expected.{_advice(rank, self.min_ndim)}"
        for axis, size in self.axes.items():
            if not -rank <= axis < rank:
                return f"axis {axis} expected to have size {size}, but there is no such axis."
            if size is not None and shape[axis] not in (size, None):
                return f"axis {axis} has size {shape[axis]}; {size} expected, as when the layer was built."
        for axis, size in enumerate(self.shape or ()):
            if size is not None and shape[axis] not in (size, None):
                return f"shape {describe(tuple(self.shape))} expected."
        return None


def _advice(found: int, wanted: int) -> str:
    if found > wanted == 2:
        return " Add Flatten() before it."
    if found < wanted:
        return " Add a Reshape before it, or give the missing axes (batch, ..., channels)."
    return " Reshape the input, or choose the layer for this rank."
