"""Gradients as graphs: reverse mode from the declared rules, on any engine, to any order."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from .. import dtypes
from ..errors import GraphError, SymbolicTensorError, Unsupported
from ..shapes import broadcast
from .declare import Operation, as_tensor, cast_to, operation
from .graph import dependents, inputs_of, nodes_between
from .tensor import GRADIENT, Node, SymbolicTensor, scope


def _gradients_meaning(ys: Any, xs: Any, seeds: Any) -> Any:
    raise GraphError("a `gradients` node is expanded or handed to the engine; it has no meaning in NumPy")


class _GradientsOperation(Operation):
    """The marker in a graph 'd ys / d xs'. Engines with autodiff run it, for others rules expand it."""

    def __init__(self) -> None:
        self.name = self.__name__ = "gradients"
        self.meaning = _gradients_meaning
        self.is_primitive = True
        self.gradient_rule = None
        self.differentiable = True
        self.augment = self.simplify = None
        self.rule_if_fused = False
        self.shape_rule = None
        self.names = ("ys", "xs", "seeds")
        self.kinds = ("list", "list", "list")
        self.tensor_positions = [0, 1, 2]

    def symbolic(self, values: list[Any]) -> list[SymbolicTensor]:
        ys, xs, seeds = (tuple(v) for v in values)
        return list(Node(self, (ys, xs, seeds), [(x.shape, x.dtype) for x in xs]).outputs)


GRADIENTS = _GradientsOperation()


def connected(ys: Sequence[SymbolicTensor], xs: Sequence[SymbolicTensor]) -> list[bool]:
    """For each x whether any y depends on it by way of differentiable operations."""
    order = nodes_between(ys)
    # walk back from ys through operations that pass a gradient on
    needed = set(ys)
    for node in reversed(order):
        if node.op.differentiable and any(o in needed for o in node.outputs):
            needed.update(t for t in inputs_of(node) if dtypes.is_float(t.dtype))
    return [x in needed for x in xs]


def gradients(
    ys: Any, xs: Sequence[SymbolicTensor], seeds: Sequence[Any] | None = None
) -> list[SymbolicTensor | None]:
    """d sum(ys * seeds) / dx for each of `xs`, None where no y depends on it. Symbolic; any order."""
    ys = list(ys) if isinstance(ys, (list, tuple)) else [ys]
    for tensor in [*ys, *xs]:
        if not isinstance(tensor, SymbolicTensor):
            raise SymbolicTensorError(
                f"gradients are of symbolic tensors by symbolic tensors; {type(tensor).__name__} was given. For a "
                "function of arrays use kcore.grad(function)(array)."
            )
    for y in ys:
        if not dtypes.is_float(y.dtype):
            raise GraphError(f"gradient of {y!r} asked for; only floating types have one.")
    starts = [as_tensor(s, y.dtype) for s, y in zip(seeds, ys, strict=True)] if seeds else []
    if not starts:
        starts = [operation("ones_like")(y) for y in ys]
    reached = connected(ys, xs)
    wanted = [x for x, r in zip(xs, reached, strict=True) if r]
    found = iter(GRADIENTS.symbolic([ys, wanted, starts]) if wanted else [])
    return [next(found) if r else None for r in reached]


def expand_gradients(
    ys: Sequence[SymbolicTensor],
    xs: Sequence[SymbolicTensor],
    seeds: Sequence[SymbolicTensor],
    inlined: set[int],
    fused: Container[str] = (),
) -> list[SymbolicTensor]:
    """The graph of the gradients, by the declared rules; `fused`: composites that the engine has as one.

    Composites without a rule are differentiated through their definition; their nodes' ids are added to
    `inlined`, so that forward values come from the same definition and nothing is computed twice.
    """
    order = _inlined_order(ys, xs, inlined, fused)
    reached = dependents(order, xs)
    sums: dict[SymbolicTensor, list[SymbolicTensor]] = {}
    for y, seed in zip(ys, seeds, strict=True):
        sums.setdefault(y, []).append(seed)
    kept = set(xs)
    result: dict[SymbolicTensor, SymbolicTensor] = {}
    for node in reversed(order):
        arrived = [o for o in node.outputs if o in sums]
        if not arrived:
            continue
        for o in arrived:
            if o in kept:
                result[o] = _total(sums[o])
        if node.id in inlined and not _has_rule(node, fused):
            assert node.expansion is not None
            for inner, outer in zip(node.expansion, node.outputs, strict=True):
                if outer in sums:
                    sums.setdefault(inner, []).append(_total(sums[outer]))
            continue
        if not any(t in reached for t in inputs_of(node)):
            continue
        with scope(node.scope if node.scope.startswith(GRADIENT) else GRADIENT + node.scope):
            found = _apply_rule(node, sums)
        for tensor, gradient in found:
            if tensor in reached:
                sums.setdefault(tensor, []).append(gradient)
        for o in arrived:
            if o not in kept:
                sums.pop(o, None)
    for x in xs:
        if x not in result:
            result[x] = _total(sums[x]) if x in sums else operation("zeros_like")(x)
    return [result[x] for x in xs]


def _inlined_order(
    ys: Sequence[SymbolicTensor], xs: Sequence[SymbolicTensor], inlined: set[int], fused: Container[str]
) -> list[Node]:
    """The nodes between, with the definitions of composites that have no rule of their own laid open.

    A composite comes after its definition, so walking backwards meets the composite first.
    """
    seen: dict[int, Node] = {}
    stack = [t.node for t in ys if t.node is not None]
    while stack:
        node = stack.pop()
        if node.id in seen:
            continue
        seen[node.id] = node
        inner: list[SymbolicTensor] = inputs_of(node)
        if _lay_open(node, fused):
            inlined.add(node.id)
            if not _has_rule(node, fused):
                inner = list(node.expansion or ())
        stack.extend(t.node for t in inner if t.node is not None)
    return _ordered(seen)


def _has_rule(node: Node, fused: Container[str]) -> bool:
    op = node.op
    return op.gradient_rule is not None and (not op.rule_if_fused or op.name in fused)


def _lay_open(node: Node, fused: Container[str]) -> bool:
    """True if gradients go through the node's definition (then in `node.expansion`) rather than a rule."""
    op = node.op
    if op.augment is not None:  # a loop: its other form also gives what the gradient needs
        if node.expansion is None:
            with scope(node.scope):
                node.expansion = op.augment(node)
        return True
    if op.is_primitive or _has_rule(node, fused) or not op.differentiable:
        return False
    op.expand(node)
    return True


def _ordered(nodes: dict[int, Node]) -> list[Node]:
    """A topological order; expansions made late have ids above their composite's, so ids do not suffice."""
    state: dict[int, int] = {}
    result: list[Node] = []
    for root in nodes.values():
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, done = stack.pop()
            if done:
                result.append(node)
                state[node.id] = 2
                continue
            if node.id in state:
                continue
            state[node.id] = 1
            stack.append((node, True))
            before = inputs_of(node) + list(node.expansion or ())
            stack.extend(
                (t.node, False)
                for t in before
                if t.node is not None and t.node.id in nodes and t.node.id not in state
            )
    return result


def _total(parts: list[SymbolicTensor]) -> SymbolicTensor:
    terms = _put_together(parts) if len(parts) > 1 else parts
    total = terms[0]
    for part in terms[1:]:
        total = operation("add")(total, part)
    parts[:] = [total]
    return total


def _put_together(parts: list[SymbolicTensor]) -> list[SymbolicTensor]:
    """`parts` with those joined that are the gradients of neighbouring pieces, as of gates: no sums with zeros."""
    found = {part: _piece(part) for part in parts}
    for axis in {piece[0] for piece in found.values() if piece}:
        pieces = sorted(
            ((piece[1:], part) for part, piece in found.items() if piece and piece[0] == axis),
            key=lambda pair: pair[0],
        )
        ends = [0, *(end for (_, end), _ in pieces)]
        whole = pieces[0][1].shape[axis] == ends[-1]
        if len(pieces) > 1 and whole and [start for (start, _), _ in pieces] == ends[:-1]:
            joined = {part for _, part in pieces}
            rest = [p for p in parts if p not in joined]
            inner = [part.node.arguments[0] for _, part in pieces]  # type: ignore[union-attr]
            return [operation("concatenate")(inner, axis), *rest]
    return parts


def _piece(tensor: SymbolicTensor) -> tuple[int, int, int] | None:
    """(axis, begin, end) where `tensor` is the gradient of a piece, cut out along one axis, and zeros around it."""
    node = tensor.node
    if node is None or node.op.name != "unslice":
        return None
    _, like, *cut = node.arguments
    ranges = [slice(*c) for c in zip(*cut, strict=True)]
    cut_axes = [i for i, r in enumerate(ranges) if r != slice(None, None, r.step) or r.step not in (None, 1)]
    if len(cut_axes) != 1 or like.shape[cut_axes[0]] is None:
        return None
    begin, end, step = ranges[cut_axes[0]].indices(like.shape[cut_axes[0]])
    return (cut_axes[0], begin, end) if step == 1 and end > begin else None


def _apply_rule(node: Node, sums: dict[SymbolicTensor, list[SymbolicTensor]]) -> list[tuple[Any, Any]]:
    op = node.op
    if not op.differentiable:
        return []
    if op.gradient_rule is None:
        raise Unsupported(
            f"operation {op.name!r} has no gradient; no path to the variables may go through it."
        )
    arriving = [_total(sums[o]) if o in sums else None for o in node.outputs]
    if not node.many:
        g: Any = arriving[0]
        out: Any = node.outputs[0]
    else:
        g = tuple(
            operation("zeros_like")(o) if a is None else a
            for a, o in zip(arriving, node.outputs, strict=True)
        )
        out = node.outputs
    given = op.gradient_rule(g, out, *node.arguments)
    if len(op.tensor_positions) == 1 and (
        op.kinds[op.tensor_positions[0]] == "list" or not isinstance(given, tuple)
    ):
        given = (given,)
    pairs: list[tuple[Any, Any]] = []
    for position, part in zip(op.tensor_positions, given, strict=True):
        argument = node.arguments[position]
        if part is None or argument is None:
            continue
        if isinstance(argument, tuple):
            pairs.extend((t, _fitted(p, t, op)) for t, p in zip(argument, part, strict=True) if p is not None)
        else:
            pairs.append((argument, _fitted(part, argument, op)))
    return pairs


def _fitted(gradient: Any, tensor: SymbolicTensor, op: Operation) -> SymbolicTensor:
    """`gradient` in the shape and type of `tensor`: sums over what was broadcast, spreads what is smaller."""
    gradient = cast_to(as_tensor(gradient), tensor.dtype)
    # two unknown sizes that met element by element are equal unless one of them is 1: only sum_to_like sees
    known = None not in tensor.shape or op.shape_rule is not broadcast
    if gradient.shape == tensor.shape and known:
        return gradient
    if len(gradient.shape) == len(tensor.shape) and op.shape_rule is not broadcast:
        same = all(a == b or None in (a, b) for a, b in zip(gradient.shape, tensor.shape, strict=True))
        if same:
            return gradient
    return operation("sum_to_like")(gradient, tensor)
