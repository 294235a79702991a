"""Training or inference: the learning phase, branches that depend on it, and updates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from .control import branch_of
from .declare import Tensor, as_tensor, composite, operation, reading_as
from .function import Function, numbers_of
from .gradients import gradients as _gradients
from .graph import leaves_of
from .tensor import Constant, Placeholder, SymbolicTensor
from .values import at_clear_session
from .variables import Update, Variable

# 1 in training, 0 in inference. A program for one of them fixes it; K.function takes it as an input.
LEARNING_PHASE = Placeholder((), "bool", name="keras_learning_phase", default=0)
_fixed: ContextVar[int | None] = ContextVar("kcore_learning_phase", default=None)


def _depends_on_phase(tensor: SymbolicTensor) -> bool:
    return vars(tensor).get("_told_of_phase", False) or LEARNING_PHASE in leaves_of([tensor])


def _tell_of_phase(tensor: SymbolicTensor, value: bool) -> None:
    vars(tensor)["_told_of_phase"] = value


# Keras 2's mark of tensors that differ between training and inference, which layers of its users read and set
SymbolicTensor._uses_learning_phase = property(_depends_on_phase, _tell_of_phase)  # type: ignore[attr-defined]


def learning_phase() -> Any:
    """The symbolic learning phase (0 unless fed), or the number that `set_learning_phase` fixed."""
    fixed = _fixed.get()
    return LEARNING_PHASE if fixed is None else fixed


def set_learning_phase(value: int) -> None:
    """Fixes the phase to 0 (inference) or 1 (training) in this context."""
    if value not in (0, 1):
        raise ArgumentError(f"the learning phase is 0 (inference) or 1 (training); {value!r} was given.")
    _fixed.set(int(value))


def _forget_phase() -> None:
    _fixed.set(None)


at_clear_session(_forget_phase)


@contextmanager
def learning_phase_within(value: Any) -> Iterator[None]:
    """Within the block the phase is fixed."""
    token = _fixed.set(int(value))
    try:
        yield
    finally:
        _fixed.reset(token)


@composite
def phase_switch(phase: Tensor, training: Tensor, inference: Tensor):
    """`training` where `phase` is true, else `inference`; of equal shape. Programs that fix the phase keep one."""
    return operation("where")(phase, training, inference)


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in training, `alt` otherwise; each may be a function that makes the tensor."""
    phase = learning_phase() if training is None else training
    if isinstance(phase, Constant):
        phase = bool(phase.value)
    if not isinstance(phase, SymbolicTensor):
        chosen = x if phase else alt
        return chosen() if callable(chosen) else chosen
    made = [v() if callable(v) else v for v in (x, alt)]
    if made[0] is made[1]:
        return made[0]
    return phase_switch.symbolic([phase, as_tensor(made[0]), as_tensor(made[1])])


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in inference, `alt` in training."""
    return in_train_phase(alt, x, training)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """By a scalar condition one of two expressions (tensors, or functions of which only one runs); by a
    tensor condition element by element, its rank filled up with trailing axes."""
    rank = len(getattr(condition, "shape", ()))
    if rank == 0:
        if callable(then_expression) and callable(else_expression):
            results = numbers_of(branch_of(condition, then_expression, else_expression), [condition])
            return results[0] if len(results) == 1 else results
        made = [v() if callable(v) else v for v in (then_expression, else_expression)]
        return operation("where")(condition, *made)
    made = [v() if callable(v) else v for v in (then_expression, else_expression)]
    wanted = max(len(np.shape(m)) if not isinstance(m, SymbolicTensor) else m.ndim for m in made)
    if wanted < rank:
        raise ShapeError(
            f"switch(): the condition has rank {rank}, the expressions rank {wanted}; the condition's must not be above."
        )
    for _ in range(wanted - rank):
        condition = operation("expand_dims")(condition, -1)
    return operation("where")(condition, *made)


def gradients(loss: Any, variables: Any) -> list[Any]:
    """d sum(loss) / dv for each of `variables` (variables, placeholders, inner tensors); None where independent."""
    return _gradients(loss, list(variables) if isinstance(variables, (list, tuple)) else [variables])


def stop_gradient(variables: Any) -> Any:
    """The same values, through which no gradient passes; a tensor or a list."""
    stop = operation("stop_gradient")
    return [stop(v) for v in variables] if isinstance(variables, (list, tuple)) else stop(variables)


def function(inputs: Any, outputs: Any, updates: Sequence[Any] | None = None, **kwargs: Any) -> Function:
    """A callable(list of arrays) -> arrays that computes `outputs` and then writes `updates`; compiled once."""
    known = {"name", "givens", "backend"}
    unknown = set(kwargs) - known
    if unknown:
        raise ArgumentError(
            f"function() has no argument {sorted(unknown)[0]!r} here; it takes {sorted(known)}."
        )
    return Function(inputs, outputs, updates, **kwargs)


def update(x: Variable, new_x: Any) -> Update:
    """`x` becomes `new_x` when the program that holds this update has run."""
    return Update(x, new_x)


def update_add(x: Variable, increment: Any) -> Update:
    """`x` grows by `increment` when the program that holds this update has run."""
    with reading_as(None):  # a state keeps its own precision, whatever its layer computes in
        return Update(x, x + increment)


def update_sub(x: Variable, decrement: Any) -> Update:
    """`x` shrinks by `decrement` when the program that holds this update has run."""
    with reading_as(None):
        return Update(x, x - decrement)


def moving_average_update(x: Variable, value: Any, momentum: Any) -> Update:
    """x * momentum + value * (1 - momentum)."""
    with reading_as(None):
        return Update(x, x * momentum + as_tensor(value) * (1.0 - momentum))
