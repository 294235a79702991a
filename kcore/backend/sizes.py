"""Which sizes are surely equal, though unknown: the shape rules are run with stand-ins for unknown sizes.

Every unknown size of an input is given several values in turn, small and large, odd and even. Sizes that come out
equal each time are equal whatever is fed; what a rule refuses or leaves open gets a number that equals no other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .graph import nodes_between
from .tensor import Constant, Node, SymbolicTensor

# Values for one unknown size; the next unknown size takes other ones, a step further.
_STARTS = (3, 4, 11, 1_000_003, 1_000_036)
_STEPS = (2, 4, 6, 1_002, 2_008)
_TRIALS = range(len(_STARTS))

Sizes = tuple[tuple[int, ...], ...]  # a shape for each trial


class _StandIn(NamedTuple):
    """What a shape rule sees of a tensor."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def ndim(self) -> int:
        return len(self.shape)


class KnownSizes:
    """Sizes of the tensors of one program; each node is noted after those that it reads.

    inputs: the tensors that are fed. together: their first sizes, where unknown, are one: the rows of a batch.
    """

    def __init__(self, inputs: Iterable[SymbolicTensor], together: bool) -> None:
        self._sizes: dict[SymbolicTensor, Sizes] = {}
        self._values: dict[SymbolicTensor, Sizes | None] = {}
        self._numbers = itertools.count()
        self._strangers = itertools.count(-2, -1)  # no size is negative
        rows = next(self._numbers)
        for tensor in inputs:
            places = [
                rows if together and axis == 0 else None if size is not None else next(self._numbers)
                for axis, size in enumerate(tensor.shape)
            ]
            self._sizes[tensor] = tuple(
                tuple(
                    size if size is not None else _STARTS[t] + place * _STEPS[t]
                    for size, place in zip(tensor.shape, places, strict=True)
                )
                for t in _TRIALS
            )

    def of(self, tensor: SymbolicTensor) -> Sizes:
        if tensor not in self._sizes:
            if tensor.node is not None:
                self.note(tensor.node)
            else:
                self._sizes[tensor] = self._open(tensor.shape)
        return self._sizes[tensor]

    def same(self, first: SymbolicTensor, second: SymbolicTensor) -> bool:
        """Whether both have one shape, whatever is fed."""
        return self.of(first) == self.of(second)

    def is_alias(self, tensor: SymbolicTensor, of: SymbolicTensor) -> None:
        """`tensor` is another name of `of`, an operation opened: what is known of either is known of both."""
        inner = self.of(of)
        if tensor.node is not None and tensor.node.op.shape_rule is not None and _has_strangers(inner):
            self.note(tensor.node)
            if not _has_strangers(self.of(tensor)):
                self._sizes[of] = self.of(tensor)
                return
        self._sizes[tensor] = inner

    def note(self, node: Node) -> None:
        """Finds the sizes of all results of `node`; what is known of some of them already stays."""
        before = {o: self._sizes[o] for o in node.outputs if o in self._sizes}
        if len(before) < len(node.outputs):
            self._find(node)
            self._sizes.update(before)

    def _find(self, node: Node) -> None:
        if node.op.shape_rule is None and not node.op.is_primitive:
            for output, inner in zip(node.outputs, node.op.expand(node), strict=True):
                self.is_alias(output, inner)
            return
        if node.op.name == "scan":
            self._note_loop(node)
            return
        trials = [self._tried(node, t) for t in _TRIALS]
        for i, output in enumerate(node.outputs):
            if all(size is not None for size in output.shape):
                self._sizes[output] = (output.shape,) * len(_STARTS)
            elif any(t is None or None in t[i] or len(t[i]) != len(output.shape) for t in trials):
                self._sizes[output] = self._open(output.shape)
            else:
                self._sizes[output] = tuple(t[i] for t in trials)

    def _note_loop(self, node: Node) -> None:
        """The results of a loop over sequences have the sizes that its body gives them, and the loop's length."""
        sequences, initial, _, body = node.arguments[:4]
        inside, states = self._inside(node)
        made = [inside.of(t) for t in body.outputs]
        lengths = [shape[:1] for shape in self.of(sequences[0])]
        for i, output in enumerate(node.outputs):
            if i < len(initial):
                self._sizes[output] = states[i]
            else:
                self._sizes[output] = tuple(n + shape for n, shape in zip(lengths, made[i], strict=True))

    def inside(self, node: Node) -> KnownSizes | None:
        """What is known of sizes within the body of `node`; None where that is no loop over sequences."""
        return self._inside(node)[0] if node.op.name == "scan" else None

    def _inside(self, node: Node) -> tuple[KnownSizes, list[Sizes]]:
        """For every round of a loop: what is known of sizes within it, and the sizes of its states."""
        sequences, initial, captured, body = node.arguments[:4]
        states = [self.of(s) for s in initial]
        rows = [tuple(shape[1:] for shape in self.of(s)) for s in sequences]
        others = [*rows, *(self.of(c) for c in captured)]
        opened: set[int] = set()
        while True:
            inside = KnownSizes((), together=False)
            inside._strangers = self._strangers
            inside._sizes.update(zip(body.inputs, [*states, *others], strict=True))
            for inner in nodes_between(body.outputs, body.inputs):
                inside.note(inner)
            made = [inside.of(t) for t in body.outputs[: len(states)]]
            changed = {i for i, (m, s) in enumerate(zip(made, states, strict=True)) if m != s} - opened
            if not changed:
                return inside, states
            # states that do not keep their sizes: nothing is known of these, and perhaps less of others
            for i in changed:
                states[i] = self._open(tuple(
                    a if a == b else None for a, b in zip(initial[i].shape, body.outputs[i].shape, strict=True)
                ))  # fmt: skip
            opened |= changed

    def _open(self, shape: Sequence[int | None]) -> Sizes:
        """Sizes that equal no others where `shape` does not tell them."""
        made = tuple(next(self._strangers) if size is None else size for size in shape)
        return (made,) * len(_STARTS)

    def _tried(self, node: Node, trial: int) -> list[Any] | None:
        """The shapes that the rule gives in one trial; None where it cannot tell."""
        arguments: list[Any] = []
        for kind, argument in zip(node.op.kinds, node.arguments, strict=True):
            if kind == "dims" and isinstance(argument, SymbolicTensor):
                values = self._shape_values(argument)
                if values is None:
                    return None
                argument = values[trial]
            elif isinstance(argument, SymbolicTensor):
                argument = self._stand_in(argument, trial)
            elif kind == "list":
                argument = tuple(self._stand_in(a, trial) for a in argument)
            arguments.append(argument)
        if any(isinstance(a, _StandIn) and min(a.shape, default=0) < 0 for a in arguments):
            return None
        try:
            shape = node.op.shape_rule(*arguments)
        except Exception:  # a rule may refuse these sizes, or want to know more than a size
            return None
        return shape if isinstance(shape, list) else [shape]

    def _stand_in(self, tensor: SymbolicTensor, trial: int) -> _StandIn:
        return _StandIn(self.of(tensor)[trial], tensor.dtype)

    # shapes that are values --------------------------------------------------------------------------------------
    def _shape_values(self, tensor: SymbolicTensor) -> Sizes | None:
        """The numbers in a tensor that holds a shape, or part of one, for each trial."""
        if tensor not in self._values:
            self._values[tensor] = self._computed(tensor)
        return self._values[tensor]

    def _computed(self, tensor: SymbolicTensor) -> Sizes | None:
        if isinstance(tensor, Constant):
            return (tuple(int(v) for v in tensor.value.reshape(-1)),) * len(_STARTS)
        node = tensor.node
        if node is None:
            return None
        if node.op.name == "shape":
            return self.of(node.arguments[0])
        if node.op.name in ("cast", "expand_dims", "squeeze", "reshape"):
            return self._shape_values(node.arguments[0])
        if node.op.name in ("stack", "concatenate"):
            parts = [self._shape_values(part) for part in node.arguments[0]]
            if any(p is None for p in parts):
                return None
            return tuple(tuple(v for p in parts for v in p[t]) for t in _TRIALS)  # type: ignore[index]
        if node.op.name == "slice" and node.arguments[0].ndim == 1:
            whole = self._shape_values(node.arguments[0])
            _, begin, end, step = node.arguments
            if whole is not None:
                return tuple(values[slice(begin[0], end[0], step[0])] for values in whole)
        elif not node.op.is_primitive:
            return self._shape_values(node.op.expand(node)[tensor.index])
        return None


def _has_strangers(sizes: Sizes) -> bool:
    return any(size < 0 for shape in sizes for size in shape)
