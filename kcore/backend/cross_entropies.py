"""Cross-entropies as Keras 2 computes them: of what came out of softmax or sigmoid, by what went in.

So nothing is cut off at epsilon: a prediction that is wrong and sure of it has its full loss, and a gradient.
"""

from __future__ import annotations

from typing import Any

from .declare import operation
from .tensor import SymbolicTensor


def _made_by(output: Any, op: str) -> Any:
    """The arguments of the operation `op` that `output` comes out of, else None."""
    if not isinstance(output, SymbolicTensor):
        return None
    node = output.node
    while node is not None and node.op.name == "cast" and node.arguments[0].dtype == output.dtype:
        node = node.arguments[0].node  # a cast that changes nothing
    return node.arguments if node is not None and node.op.name == op else None


def _logits_of_classes(output: Any, axis: int) -> Any:
    """x where `output` is softmax(x) of (batch, classes) over the classes; of more axes Keras 2 does not see it."""
    found = _made_by(output, "softmax")
    if found is None or len(output.shape) != 2 or {axis, found[1]} - {1, -1}:
        return None
    return found[0]


def logits_of(output: Any) -> Any:
    """What a cross-entropy reads in the place of `output`, or `output` itself."""
    found = _made_by(output, "sigmoid")
    logits = found[0] if found is not None else _logits_of_classes(output, -1)
    return output if logits is None else logits


def _of_classes(name: str, target: Any, output: Any, from_logits: bool, axis: int) -> Any:
    logits = None if from_logits else _logits_of_classes(output, axis)
    if logits is not None:
        output, from_logits = logits, True
    return operation(name)(target, output, from_logits, axis)


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-sum t log p along `axis`; `output` is p (normalised first) or its logits.

    Where p is softmax(x) of (batch, classes), x is used: the gradient then takes each t to sum to 1.
    """
    return _of_classes("categorical_crossentropy", target, output, from_logits, axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """-log p[target] along `axis`; targets are class numbers, in the output's shape without `axis` (or with 1).

    Where p is softmax(x) of (batch, classes), x is used.
    """
    return _of_classes("sparse_categorical_crossentropy", target, output, from_logits, axis)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-t log p - (1 - t) log(1 - p), element by element; `output` is p, or its logit. Where p is sigmoid(x), x is
    used."""
    found = None if from_logits else _made_by(output, "sigmoid")
    if found is not None:
        return operation("binary_crossentropy")(target, found[0], True)
    return operation("binary_crossentropy")(target, output, from_logits)
