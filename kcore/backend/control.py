"""Loops and branches: `scan`, `while_loop`, `cond`, with bodies traced from Python functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, ShapeError
from ..shapes import describe
from .declare import Tensor, Tensors, as_read, as_tensor, operation, primitive
from .gradients import connected, expand_gradients
from .graph import dependents, inputs_of, nodes_between, rebuild
from .program import Body, replaced
from .tensor import Constant, Node, Placeholder, SymbolicTensor

_results = dtypes.Rule(
    lambda given, floatx: given, lambda given, attributes: [t.dtype for t in attributes["body"].outputs]
)


def trace(
    function: Callable[..., Any], inputs: Sequence[SymbolicTensor]
) -> tuple[Body, list[SymbolicTensor]]:
    """`function` on placeholders as a Body, and the outer tensors that it captures.

    Whatever does not depend on `inputs` stays outside, computed once.
    """
    result = function(*inputs)
    outputs = [as_tensor(r) for r in (result if isinstance(result, (list, tuple)) else [result])]
    return close_over(outputs, inputs)


def close_over(
    outputs: Sequence[SymbolicTensor], inputs: Sequence[SymbolicTensor]
) -> tuple[Body, list[SymbolicTensor]]:
    nodes = nodes_between(outputs, inputs)
    inside = dependents(nodes, inputs)
    captured: dict[SymbolicTensor, SymbolicTensor] = {}

    def capture(tensor: SymbolicTensor) -> None:
        if tensor not in inside and tensor not in captured and not isinstance(tensor, Constant):
            captured[tensor] = Placeholder(tensor.shape, tensor.dtype, name=f"captured_{tensor.id}")

    for node in nodes:
        if any(o in inside for o in node.outputs):
            for tensor in inputs_of(node):
                capture(tensor)
    for tensor in outputs:
        capture(tensor)
    closed = rebuild(outputs, captured)
    return Body((*inputs, *captured.values()), tuple(closed)), list(captured)


def put_in_constants(body: Body, n_own: int, captured: Sequence[SymbolicTensor]) -> tuple[Body, Any]:
    """`body` with captured tensors that turned out to be constant numbers (such as the phase) put into it."""
    pairs = list(zip(body.inputs[n_own:], captured, strict=True))
    fixed = {i: o for i, o in pairs if isinstance(o, Constant) and o.value.size == 1}
    if not fixed:
        return body, captured
    kept = [(i, o) for i, o in pairs if i not in fixed]
    outputs = replaced(body.outputs, fixed)
    return Body((*body.inputs[:n_own], *(i for i, _ in kept)), tuple(outputs)), tuple(o for _, o in kept)


# scan -------------------------------------------------------------------------------------------------------
def _scan_shape(sequences: Any, initial: Any, captured: Any, body: Body, reverse: bool = False) -> list[Any]:
    n = len(initial)
    for state, new in zip(initial, body.outputs, strict=False):
        if len(state.shape) != len(new.shape) or any(
            None not in (a, b) and a != b for a, b in zip(state.shape, new.shape, strict=True)
        ):
            raise ShapeError(f"a loop's state of shape {state.shape} became {new.shape} after one step.")
    length = sequences[0].shape[0]
    return [t.shape for t in body.outputs[:n]] + [(length, *t.shape) for t in body.outputs[n:]]


@primitive(shape=_scan_shape, dtype=_results, level="recurrent")
def scan(sequences: Tensors, initial: Tensors, captured: Tensors, body, reverse=False):
    """Runs `body` along axis 0 of the sequences, carrying states.

    sequences: tensors (time, ...); initial: states; `body`(*states, *slices, *captured) gives new states and
    outputs. Results: the last states, then each output stacked (time, ...), in the order of the input also
    where `reverse` runs from the end.
    """
    length = sequences[0].shape[0]
    states = list(initial)
    rows: list[Any] = [None] * length
    for t in range(length - 1, -1, -1) if reverse else range(length):
        result = body(*states, *[s[t] for s in sequences], *captured)
        states = result[: len(initial)]
        rows[t] = result[len(initial) :]
    if not rows:
        # nothing ran: outputs are empty; one call on zeros tells their shapes
        probe = body(*states, *[np.zeros(s.shape[1:], s.dtype) for s in sequences], *captured)
        return [*states, *[np.zeros((0, *np.shape(p)), p.dtype) for p in probe[len(initial) :]]]
    return [*states, *[np.stack(column) for column in zip(*rows, strict=True)]]


def _is_float(tensor: SymbolicTensor) -> bool:
    return dtypes.is_float(tensor.dtype)


def _backward_of(node: Node) -> tuple[list[SymbolicTensor], Body, list[SymbolicTensor], list[bool]]:
    """What the backward loop of a scan needs: residuals (tensors of the forward body), and the graph of the
    gradients of one step, whose inputs are cotangents of the body's outputs."""
    _, initial, _, body, _ = node.arguments
    outputs = [o for o in body.outputs if _is_float(o)]
    seeds = [Placeholder(o.shape, o.dtype, name="cotangent") for o in outputs]
    wanted = [i for i in body.inputs if _is_float(i)]
    reached = connected(outputs, wanted)
    grads = expand_gradients(outputs, wanted, seeds, set())
    found = dict(zip(wanted, grads, strict=True))
    live = dict(zip(wanted, reached, strict=True))
    all_grads = [found.get(i) for i in body.inputs]
    return seeds, body, all_grads, [live.get(i, False) for i in body.inputs]  # type: ignore[return-value]


def _residuals(
    grads: Sequence[SymbolicTensor], seeds: Sequence[SymbolicTensor], body: Body
) -> list[SymbolicTensor]:
    """Forward values that the backward graph reads: on the border between what depends on the cotangents
    and what depends on the body's own inputs only."""
    order = nodes_between(grads, [*seeds, *body.inputs])
    backward = dependents(order, seeds)
    found: dict[SymbolicTensor, None] = {}
    for node in order:
        if any(o in backward for o in node.outputs):
            for tensor in inputs_of(node):
                if tensor not in backward and not isinstance(tensor, Constant):
                    found[_before_turning(tensor)] = None
    for tensor in grads:
        if tensor not in backward and not isinstance(tensor, Constant):
            found[_before_turning(tensor)] = None
    return list(found)


def _before_turning(tensor: SymbolicTensor) -> SymbolicTensor:
    """`tensor`, or what it is the transpose of: that is mostly saved as well, and turned backwards where needed."""
    while tensor.node is not None and tensor.node.op.name in ("transpose", "swapaxes"):
        tensor = tensor.node.arguments[0]
    return tensor


class _Plan:
    """Forward and backward bodies of one scan, made when its gradient is first asked for."""

    def __init__(self, node: Node) -> None:
        sequences, initial, captured, body, _ = node.arguments
        self.n_states, self.n_sequences = len(initial), len(sequences)
        n_own = self.n_states + self.n_sequences
        self.seeds, _, self.grads, self.live = _backward_of(node)
        present = [g for g, used in zip(self.grads, self.live, strict=True) if used]
        residuals = _residuals(present, self.seeds, body)
        fixed = set(body.inputs[n_own:])
        self.outer = {i: c for i, c in zip(body.inputs[n_own:], captured, strict=True)}
        varying = dependents(nodes_between(residuals, body.inputs), body.inputs[:n_own])
        rows = {t: i for i, t in enumerate(body.inputs[self.n_states : n_own])}
        # what the loop reads row by row is there already: which sequence that is
        self.read = {r: rows[r] for r in residuals if r in rows}
        self.saved = [r for r in residuals if r in varying and r not in rows]
        self.invariant = [r for r in residuals if r not in varying and r not in fixed]
        self.forward = Body(body.inputs, (*body.outputs, *self.saved))
        self.saved_stacks: list[SymbolicTensor] = []


def _augment(node: Node) -> list[SymbolicTensor]:
    """The scan again, with what its gradient needs among the outputs; notes the plan on the node."""
    sequences, initial, captured, _, reverse = node.arguments
    node.plan = plan = _Plan(node)
    made = scan.symbolic([sequences, initial, captured, plan.forward, reverse])
    plan.saved_stacks = made[len(node.outputs) :]
    return made[: len(node.outputs)]


def _pass_back(plan: _Plan, node: Node, g: Sequence[SymbolicTensor]) -> Any:
    sequences, initial, captured, body, reverse = node.arguments
    n_s, n_x = plan.n_states, plan.n_sequences
    own_outputs, saved_stacks = body.outputs, plan.saved_stacks
    live = plan.live
    zeros_like, add = operation("zeros_like"), operation("add")
    # carried backwards: gradients of the float states, and sums for the captured tensors
    state_at = [i for i in range(n_s) if _is_float(body.inputs[i])]
    own = body.inputs[n_s + n_x :]
    captured_at = [i for i in range(len(own)) if live[n_s + n_x + i]]
    sequence_at = [i for i in range(n_x) if live[n_s + i]]
    carried = [g[i] for i in state_at] + [zeros_like(captured[i]) for i in captured_at]
    stacked = [(i, g[i]) for i in range(n_s, len(own_outputs)) if _is_float(own_outputs[i])]
    states_in = [Placeholder(own_outputs[i].shape, own_outputs[i].dtype) for i in state_at]
    sums_in = [Placeholder(own[i].shape, own[i].dtype) for i in captured_at]
    saved_in = [Placeholder(r.shape, r.dtype) for r in (*plan.saved, *plan.read)]
    rows_in = [Placeholder(own_outputs[i].shape, own_outputs[i].dtype) for i, _ in stacked]
    arriving = dict(zip(state_at, states_in, strict=True)) | {
        i: p for (i, _), p in zip(stacked, rows_in, strict=True)
    }
    float_at = [i for i, o in enumerate(own_outputs) if _is_float(o)]
    swap: dict[SymbolicTensor, SymbolicTensor] = {
        s: arriving[i] for s, i in zip(plan.seeds, float_at, strict=True)
    }
    swap.update(zip((*plan.saved, *plan.read), saved_in, strict=True))
    swap.update(plan.outer)
    picked = (
        [plan.grads[i] if live[i] else zeros_like(states_in[state_at.index(i)]) for i in state_at]
        + [plan.grads[n_s + n_x + i] for i in captured_at]
        + [plan.grads[n_s + i] for i in sequence_at]
    )
    made = rebuild(picked, swap)
    a, b = len(state_at), len(state_at) + len(captured_at)
    inputs = [*states_in, *sums_in, *saved_in, *rows_in]
    later = [_Later(t, inputs) for t in made[a:b]]
    sums = [s if t.rest is None else add(s, t.rest) for s, t in zip(sums_in, later, strict=True)]
    rows = [*saved_stacks, *(sequences[i] for i in plan.read.values()), *(t for _, t in stacked)]
    # what the sums that are made after the loop are of, where it is no row that the loop reads
    stacks = dict(zip((*saved_in, *rows_in), rows, strict=True))
    shown = list(dict.fromkeys(t for sum_ in later for t in sum_.needs if t not in stacks))
    back, outer = close_over([*made[:a], *sums, *made[b:], *shown], inputs)
    if not rows:
        raise ArgumentError("a loop without outputs or saved values has nothing to differentiate")
    result = scan.symbolic([rows, carried, outer, back, not reverse])
    stacks.update(zip(shown, result[len(result) - len(shown) :], strict=True))
    to_initial = [result[state_at.index(i)] if i in state_at else None for i in range(n_s)]
    totals = {
        i: t.total(result[a + k], stacks) for k, (i, t) in enumerate(zip(captured_at, later, strict=True))
    }
    to_captured = [totals.get(i) for i in range(len(captured))]
    to_sequences = [result[b + sequence_at.index(i)] if i in sequence_at else None for i in range(n_x)]
    return to_sequences, to_initial, to_captured


class _Later:
    """What one step adds to the gradient of a captured tensor, apart into what is summed step by step, `rest`, and
    what is summed faster after the loop, over all steps at once: products of matrices over the rows of the batch, as
    of a kernel, and sums over these rows, as of a bias.
    """

    def __init__(self, step: SymbolicTensor, inputs: Sequence[SymbolicTensor]) -> None:
        self.products: list[tuple[SymbolicTensor, SymbolicTensor]] = []
        self.biases: list[SymbolicTensor] = []
        rest: list[SymbolicTensor] = []
        inside = dependents(nodes_between([step], inputs), inputs) | set(inputs)
        for term in _terms(step):
            factors = _factors(term)
            if factors and all(f in inside for f in factors):
                self.products.append(factors)
            elif (rows := _summed_rows(term)) is not None and rows in inside:
                self.biases.append(rows)
            else:
                rest.append(term)
        self.rest = sum_of(rest)

    @property
    def needs(self) -> list[SymbolicTensor]:
        return [*(t for pair in self.products for t in pair), *self.biases]

    def total(self, summed: SymbolicTensor, stacks: Any) -> SymbolicTensor:
        """All of it; `summed` is what the loop has summed, `stacks` has the values of all steps (time, batch, ...)."""
        rows = lambda t: operation("reshape")(stacks[t], (-1, t.shape[-1]))
        products = [operation("matmul")(operation("transpose")(rows(x)), rows(y)) for x, y in self.products]
        biases = [operation("sum")(rows(t), 0) for t in self.biases]
        parts = [*products, *biases]
        if self.rest is not None or not parts:
            parts.insert(0, summed)
        return sum_of(parts)


def sum_of(terms: Sequence[SymbolicTensor]) -> Any:
    """Their sum; None of nothing."""
    total = None
    for term in terms:
        total = term if total is None else operation("add")(total, term)
    return total


def _terms(tensor: SymbolicTensor) -> list[SymbolicTensor]:
    """The tensors, all of its shape, of which `tensor` is the sum."""
    node = tensor.node
    if node is None or node.op.name != "add" or any(t.shape != tensor.shape for t in inputs_of(node)):
        return [tensor]
    return [t for part in node.arguments for t in _terms(part)]


def _factors(tensor: SymbolicTensor) -> tuple[SymbolicTensor, SymbolicTensor] | None:
    """(x, y) where `tensor` is the product of x (batch, m) transposed and y (batch, n), and its shape is known."""
    node = tensor.node
    if node is None or node.op.name != "matmul" or None in tensor.shape or len(tensor.shape) != 2:
        return None
    first, second = node.arguments
    if first.node is None or first.node.op.name not in ("transpose", "swapaxes"):
        return None
    return first.node.arguments[0], second


def _summed_rows(tensor: SymbolicTensor) -> SymbolicTensor | None:
    """The tensor (batch, n) of which `tensor` (n,) is the sum over the rows."""
    node = tensor.node
    if node is None or node.op.name != "sum_to_like" or len(tensor.shape) != 1:
        return None
    rows = node.arguments[0]
    fits = len(rows.shape) == 2 and rows.shape[1] is not None and rows.shape[1] == tensor.shape[0]
    return rows if fits else None


@scan.gradient
def _(g, out, sequences, initial, captured, body, reverse):
    node = out[0].node
    return _pass_back(node.plan, node, g)


def _scan_constants(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    sequences, initial, captured, body, reverse = arguments
    body, captured = put_in_constants(body, len(initial) + len(sequences), captured)
    return sequences, initial, captured, body, reverse


scan.augment = _augment
scan.simplify = _scan_constants


# while and cond ---------------------------------------------------------------------------------------------
def _while_shape(initial: Any, captured: Any, condition: Body, body: Body) -> list[Any]:
    return [t.shape for t in body.outputs]


@primitive(shape=_while_shape, dtype=_results, level="recurrent", differentiable=False)
def while_loop(initial: Tensors, captured: Tensors, condition, body):
    """Repeats `body`(*states, *captured) while `condition` of the same arguments holds; the last states.

    Both bodies capture the same outer tensors. Not differentiable: the number of steps is not known.
    """
    states = list(initial)
    while bool(condition(*states, *captured)[0]):
        states = body(*states, *captured)
    return states


def _cond_shape(predicate: Any, captured: Any, body: Body, otherwise: Body) -> list[Any]:
    for a, b in zip(body.outputs, otherwise.outputs, strict=True):
        if len(a.shape) != len(b.shape):
            raise ShapeError(f"the branches give shapes {a.shape} and {b.shape}; they must have equal rank.")
    return [
        tuple(x if x == y else None for x, y in zip(a.shape, b.shape, strict=True))
        for a, b in zip(body.outputs, otherwise.outputs, strict=True)
    ]


@primitive(shape=_cond_shape, dtype=_results, level="recurrent")
def cond(predicate: Tensor, captured: Tensors, body, otherwise):
    """`body`(*captured) if the scalar `predicate` is true, else `otherwise`(*captured); only one of them runs."""
    return (body if bool(predicate) else otherwise)(*captured)


@cond.gradient
def _(g, out, predicate, captured, body, otherwise):
    asked = [i for i, c in enumerate(captured) if _is_float(c)]
    seeds = [Placeholder(o.shape, o.dtype) for o in out]

    def backward(branch: Body) -> Body:
        kept = [(o, s) for o, s in zip(branch.outputs, seeds, strict=True) if _is_float(o)]
        targets = [branch.inputs[i] for i in asked]
        found = expand_gradients([o for o, _ in kept], targets, [s for _, s in kept], set())
        return Body((*branch.inputs, *seeds), tuple(found))

    found = cond.symbolic([predicate, [*captured, *g], backward(body), backward(otherwise)])
    grads: list[Any] = [None] * len(captured)
    for i, t in zip(asked, found, strict=True):
        grads[i] = t
    return None, grads


def _cond_constants(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """A branch reads constants directly; both branches keep one list of captured tensors."""
    predicate, captured, body, otherwise = arguments
    first, kept = put_in_constants(body, 0, captured)
    second, _ = put_in_constants(otherwise, 0, captured)
    return predicate, kept, first, second


cond.simplify = _cond_constants


def branch_of(predicate: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> list[SymbolicTensor]:
    """`then()` or `otherwise()` depending on a scalar; both are traced, one runs.

    What was made before the call is passed in; what the functions make stays in their branch.
    """
    start = SymbolicTensor((), "bool").id
    made = [[as_read(t) for t in _listed(f())] for f in (then, otherwise)]
    outer: dict[SymbolicTensor, SymbolicTensor] = {}

    def note(tensor: SymbolicTensor) -> None:
        if tensor.id < start and not isinstance(tensor, Constant):
            outer.setdefault(tensor, Placeholder(tensor.shape, tensor.dtype))

    results = [t for branch in made for t in branch]
    inner = [n for n in _younger(results, start)]
    for tensor in [*results, *(t for n in inner for t in inputs_of(n))]:
        note(tensor)
    bodies = [Body(tuple(outer.values()), tuple(rebuild(branch, outer))) for branch in made]
    return cond.symbolic([as_tensor(predicate), list(outer), *bodies])


def _younger(tensors: Sequence[SymbolicTensor], start: int) -> list[Node]:
    """Nodes made after `start` on which `tensors` depend."""
    found: dict[int, Node] = {}
    stack = [t.node for t in tensors if t.node is not None and t.node.id > start]
    while stack:
        node = stack.pop()
        if node.id not in found:
            found[node.id] = node
            stack.extend(t.node for t in inputs_of(node) if t.node is not None and t.node.id > start)
    return list(found.values())


def repeat_while(
    condition: Callable[..., Any], body: Callable[..., Any], initial: Sequence[Any]
) -> list[SymbolicTensor]:
    """`while condition(*states): states = body(*states)`; the last states."""
    start = [as_read(t) for t in initial]
    inputs = [Placeholder(t.shape, t.dtype) for t in start]
    tests, n = _listed(condition(*inputs)), 1
    news = [as_tensor(t) for t in _listed(body(*inputs))]
    both, captured = close_over([as_tensor(tests[0]), *news], inputs)
    return while_loop.symbolic(
        [start, captured, Body(both.inputs, both.outputs[:n]), Body(both.inputs, both.outputs[n:])]
    )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def scan_function(
    function: Callable[..., Any], sequences: Sequence[Any], initial: Sequence[Any], reverse: bool = False
) -> tuple[list[SymbolicTensor], list[SymbolicTensor]]:
    """`function`(states, slices) -> (states, outputs) along axis 0; gives (last states, stacked outputs)."""
    rows = [as_read(s) for s in sequences]
    if not rows or any(not r.shape for r in rows):
        raise ShapeError(
            f"a loop goes along the first axis of its sequences; {', '.join(describe(r.shape) for r in rows) or 'none'} "
            "was given."
        )
    start = [as_read(s) for s in initial]
    states_in = [Placeholder(s.shape, s.dtype, name="state") for s in start]
    slices_in = [Placeholder(s.shape[1:], s.dtype, name="slice") for s in rows]

    def step(*values: SymbolicTensor) -> list[SymbolicTensor]:
        states, outputs = function(list(values[: len(start)]), list(values[len(start) :]))
        kept = [operation("cast")(as_tensor(n), o.dtype) if as_tensor(n).dtype != o.dtype else n
                for n, o in zip(states, start, strict=True)]  # fmt: skip
        return [*kept, *outputs]

    body, captured = trace(step, [*states_in, *slices_in])
    result = scan.symbolic([rows, start, captured, body, reverse])
    return result[: len(start)], result[len(start) :]
