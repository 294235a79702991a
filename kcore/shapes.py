"""Shapes are tuples of ints and None (unknown); here are the rules that operations share."""

from collections.abc import Sequence
from typing import Any

from .errors import ArgumentError, ShapeError

Shape = tuple[int | None, ...]


def as_shape(value: Any) -> Shape:
    """`value` (a number or a sequence of numbers and None) as a tuple of ints and None."""
    if value is None or isinstance(value, (int,)) or not hasattr(value, "__iter__"):
        value = (value,)
    return tuple(None if d is None else int(d) for d in value)


def describe(shape: Shape) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def merge_dimension(first: int | None, second: int | None) -> int | None:
    """A dimension known from two sources, either of which may not know it."""
    return second if first is None else first


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape of an element-wise operation; None with a number above 1 gives that number."""
    rank = max(len(s) for s in shapes)
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in shapes]
    result: list[int | None] = []
    for axis, sizes in enumerate(zip(*padded, strict=True)):
        known = {s for s in sizes if s is not None and s != 1}
        if len(known) > 1:
            raise ShapeError(
                f"shapes {' and '.join(describe(s) for s in shapes)} do not broadcast: axis {axis - rank} "
                f"has sizes {sorted(known)}. Make them equal, or 1."
            )
        if known:
            result.append(known.pop())
        else:
            result.append(None if None in sizes else 1)
    return tuple(result)


def normalize_axis(axis: int, rank: int, what: str = "axis") -> int:
    """`axis` counted from the front; negative ones count from the end."""
    if not -rank <= axis < rank:
        raise ShapeError(f"{what}={axis} is outside a tensor of rank {rank}; use {-rank}..{rank - 1}.")
    return axis % rank if rank else 0


def normalize_axes(axis: Any, rank: int) -> tuple[int, ...]:
    """`axis` as a sorted tuple: None is all axes, a number one of them."""
    if axis is None:
        return tuple(range(rank))
    axes = [axis] if isinstance(axis, int) or not hasattr(axis, "__iter__") else list(axis)
    normal = [normalize_axis(int(a), rank) for a in axes]
    if len(set(normal)) != len(normal):
        raise ArgumentError(f"axis={axis!r} names an axis twice.")
    return tuple(sorted(normal))


def reduced(shape: Shape, axis: Any, keepdims: bool) -> Shape:
    axes = normalize_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)


def size_of(shape: Sequence[int | None]) -> int | None:
    """The product of the dimensions, None if one is unknown."""
    total = 1
    for d in shape:
        if d is None:
            return None
        total *= d
    return total


def reshaped(shape: Shape, target: Sequence[int | None]) -> Shape:
    """The result of reshaping `shape` to `target`, in which at most one entry is -1."""
    if list(target).count(-1) > 1:
        raise ShapeError(
            f"cannot reshape {describe(shape)} to {describe(tuple(target))}: one size at most may be left open (-1). "
            "Others can be taken from K.shape(x)."
        )
    target = tuple(-1 if d is None else d for d in target)
    if target.count(-1) > 1:
        # more than one unknown: only dynamic shapes (with None) say so, the runtime fills them in
        return tuple(None if d == -1 else d for d in target)
    total = size_of(shape)
    known = size_of([d for d in target if d != -1])
    assert known is not None
    if -1 not in target:
        if total is not None and total != known:
            raise ShapeError(
                f"cannot reshape {describe(shape)} ({total} values) to {describe(target)} ({known})."
            )
        return target
    if total is None:
        return tuple(None if d == -1 else d for d in target)
    if (known == 0 and total != 0) or (known and total % known):
        raise ShapeError(f"cannot reshape {describe(shape)} ({total} values) to {describe(target)}.")
    return tuple((total // known if known else 0) if d == -1 else d for d in target)


def same_first(x: Any, *others: Any, **attributes: Any) -> Shape:
    """Shape rule: that of the first argument."""
    return x.shape


def broadcast(*tensors: Any, **attributes: Any) -> Shape:
    """Shape rule: element-wise with broadcasting."""
    return broadcast_shapes(*(t.shape for t in tensors))


def reduction(x: Any, axis: Any = None, keepdims: bool = False, **attributes: Any) -> Shape:
    """Shape rule: reduced over `axis`."""
    return reduced(x.shape, axis, keepdims)


def window_length(length: int | None, size: int, stride: int, dilation: int = 1) -> int | None:
    """How many windows fit into `length` without padding."""
    if length is None:
        return None
    return max(0, (length - (size - 1) * dilation - 1) // stride + 1)
