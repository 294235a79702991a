"""Recurrence and folds in Keras 2's form: `rnn`, `map_fn`, `foldl`, `foldr`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ShapeError
from .control import scan_function
from .declare import as_read, as_tensor, operation
from .function import numbers_of


def _time_major(x: Any) -> Any:
    return operation("transpose")(x, (1, 0, *range(2, x.ndim)))


def rnn(
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: Any = None,
) -> tuple[Any, Any, list[Any]]:
    """Runs `step_function(input, states) -> (output, new states)` over the time axis.

    inputs: (batch, time, ...); mask: (batch, time) or (batch, time, 1): at a masked step states stay and
    the output repeats the one before (zeros at first). Gives (last output (batch, ...), outputs
    (batch, time, ...), last states). With `go_backwards` outputs are in the order of processing.
    """
    given = [inputs, *initial_states, *(constants or []), *([] if mask is None else [mask])]
    last, outputs, states = _rnn(
        step_function, as_tensor(inputs), initial_states, go_backwards, mask, constants, unroll
    )
    last, outputs, *states = numbers_of([last, outputs, *states], given)
    return last, outputs, states


def _rnn(
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool,
    mask: Any,
    constants: Sequence[Any] | None,
    unroll: bool,
) -> tuple[Any, Any, list[Any]]:
    if inputs.ndim < 3:
        raise ShapeError(f"rnn(): inputs have shape {inputs.shape}; (batch, time, ...) is needed.")
    sequence = _time_major(inputs)
    extra = list(constants or [])
    rows = [sequence]
    if mask is not None:
        mask = as_tensor(mask)
        if mask.ndim == 2:
            mask = operation("expand_dims")(mask, -1)
        rows.append(operation("cast")(_time_major(mask), "bool"))
    if go_backwards:
        rows = [operation("reverse")(r, 0) for r in rows]
    initial = [as_read(s) for s in initial_states]
    step = _Step(step_function, extra, mask is not None, len(initial))
    if unroll:
        return _unrolled(step, rows, initial)
    if mask is None:
        states, (outputs,) = scan_function(step.plain, rows, initial)
        return _last(outputs), _time_major(outputs), states
    zeros = step.zero_output(rows[0], initial)
    states, (outputs,) = scan_function(step.masked, rows, [*initial, zeros])
    return states[-1], _time_major(outputs), states[:-1]


def _last(stacked: Any) -> Any:
    return stacked[-1]


class _Step:
    """One time step, with and without mask."""

    def __init__(
        self, function: Callable[..., Any], constants: list[Any], masked: bool, n_states: int
    ) -> None:
        self.function = function
        self.constants = constants
        self.n_states = n_states

    def plain(self, states: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        output, new = self.function(slices[0], [*states, *self.constants])
        return list(new)[: self.n_states], [output]

    def masked(self, states: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        own, before = states[:-1], states[-1]
        (new, (output,)) = self.plain(own, slices[:1])
        kept = [_where(slices[1], n, o) for n, o in zip(new, own, strict=True)]
        shown = _where(slices[1], output, before)
        return [*kept, shown], [shown]

    def zero_output(self, sequence: Any, initial: list[Any]) -> Any:
        """Zeros in the shape of one output, found by tracing a step on the first slice."""
        output, _ = self.function(sequence[0], [*initial, *self.constants])
        return operation("zeros_like")(output)


def _where(mask: Any, yes: Any, no: Any) -> Any:
    """`mask` (batch, 1), or of the values' own rank, spread over values of any rank."""
    while mask.ndim < yes.ndim:
        mask = operation("expand_dims")(mask, -1)
    return operation("where")(mask, yes, no)


def _unrolled(step: _Step, rows: list[Any], initial: list[Any]) -> tuple[Any, Any, list[Any]]:
    length = rows[0].shape[0]
    if length is None:
        raise ShapeError(
            "rnn(unroll=True) needs a known number of time steps; give the input's shape a length."
        )
    states = initial if len(rows) == 1 else [*initial, step.zero_output(rows[0], initial)]
    outputs = []
    for t in range(length):
        slices = [r[t] for r in rows]
        states, (output,) = step.plain(states, slices) if len(rows) == 1 else step.masked(states, slices)
        outputs.append(output)
    stacked = operation("stack")(outputs, 1)
    return outputs[-1], stacked, list(states)[: len(initial)]


def _as_list(value: Any) -> tuple[list[Any], bool]:
    return (list(value), True) if isinstance(value, (list, tuple)) else ([value], False)


def map_fn(fn: Callable[..., Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """`fn` of each element along axis 0, stacked."""
    rows, many = _as_list(elems)
    shape: list[bool] = []

    def step(states: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        results, several = _as_list(fn(slices if many else slices[0]))
        shape.append(several)
        return [], [operation("cast")(r, dtype) if isinstance(dtype, str) else r for r in results]

    _, outputs = scan_function(step, [as_tensor(r) for r in rows], [])
    outputs = numbers_of(outputs, rows)
    return outputs if shape[0] else outputs[0]


def foldl(fn: Callable[..., Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """fn(fn(initializer, x0), x1)...; the first element starts it if no initializer is given."""
    return _fold(fn, elems, initializer, False)


def foldr(fn: Callable[..., Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """Like foldl from the last element to the first."""
    return _fold(fn, elems, initializer, True)


def _fold(fn: Callable[..., Any], elems: Any, initializer: Any, reverse: bool) -> Any:
    given = [elems, initializer]
    rows = as_tensor(elems)
    if initializer is None:
        initializer = rows[-1] if reverse else rows[0]
        rows = rows[:-1] if reverse else rows[1:]

    def step(states: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        return [fn(states[0], slices[0])], []

    states, _ = scan_function(step, [rows], [as_tensor(initializer)], reverse)
    return numbers_of(states, given)[0]
