"""Connectionist temporal classification: the loss, and decoding.

Graves et al., "Connectionist Temporal Classification", ICML 2006. The blank is the last class, as in Keras 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..kernel.config import settings
from .control import scan_function
from .declare import Tensor, as_tensor, composite, operation, primitive

_IMPOSSIBLE = -1e30  # log of a probability of zero, finite so that differences stay numbers


@composite
def ctc_log_likelihood(labels: Tensor, log_probabilities: Tensor, input_length: Tensor, label_length: Tensor):
    """log p(labels | inputs) by the forward algorithm: (batch,).

    labels: (batch, max labels) integers; log_probabilities: (batch, time, classes), normalised, blank last;
    input_length, label_length: (batch,).
    """
    op = operation
    batch_first = log_probabilities
    n_labels, classes = labels.shape[1], batch_first.shape[-1]
    width = 2 * n_labels + 1
    extended = _with_blanks(op("cast")(labels, "int32"), classes - 1, n_labels)
    emissions = op("transpose")(
        op("take_along_axis")(batch_first, _spread(extended, batch_first), 2), (1, 0, 2)
    )
    skippable = _skippable(extended, classes - 1, width)
    positions = as_tensor(np.arange(width, dtype="int32"))
    impossible = as_tensor(_IMPOSSIBLE, batch_first.dtype)
    first = op("where")(op("less")(positions, 2), emissions[0], impossible)
    valid = op("less")(positions, op("expand_dims")(2 * op("cast")(label_length, "int32") + 1, -1))
    first = op("where")(valid, first, impossible)
    times = op("iota")(op("shape")(emissions)[:1], 0, "int32")
    lengths = op("cast")(input_length, "int32")

    def step(states: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        (alpha,), (emission, time) = states, slices
        one = _shifted(alpha, 1, impossible)
        two = op("where")(skippable, _shifted(alpha, 2, impossible), impossible)
        new = op("logsumexp")(op("stack")([alpha, one, two], 0), 0) + emission
        new = op("maximum")(op("where")(valid, new, impossible), impossible)
        going = op("expand_dims")(op("less")(time, lengths), -1)
        return [op("where")(going, new, alpha)], []

    (alpha,), _ = scan_function(step, [emissions[1:], times[1:]], [first])
    last = op("expand_dims")(2 * op("cast")(label_length, "int32"), -1)
    ends = op("logical_or")(op("equal")(positions, last), op("equal")(positions, last - 1))
    return op("logsumexp")(op("where")(ends, alpha, impossible), -1)


def _with_blanks(labels: Any, blank: int, n_labels: int) -> Any:
    """a b -> - a - b - : (batch, 2 * n + 1)."""
    op = operation
    pairs = op("stack")([op("full_like")(labels, blank), labels], 2)
    flat = op("reshape")(pairs, (-1, 2 * n_labels))
    return op("concatenate")([flat, op("full_like")(labels[:, :1], blank)], 1)


def _skippable(extended: Any, blank: int, width: int) -> Any:
    """Where a label may follow the one before it without the blank between."""
    op = operation
    before = op("concatenate")([op("full_like")(extended[:, :2], blank), extended[:, :-2]], 1)
    return op("logical_and")(op("not_equal")(extended, blank), op("not_equal")(extended, before))


def _spread(extended: Any, like: Any) -> Any:
    """(batch, width) -> (batch, time, width)."""
    op = operation
    sizes = op("shape")(like)
    return op("broadcast_to")(op("expand_dims")(extended, 1), [sizes[0], sizes[1], extended.shape[1]])


def _shifted(alpha: Any, by: int, fill: Any) -> Any:
    op = operation
    head = op("zeros_like")(alpha[:, :by]) + fill
    return op("concatenate")([head, alpha[:, :-by]], 1)


def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """The CTC loss of each sample: (batch, 1).

    y_true: (batch, max labels); y_pred: (batch, time, classes), softmax outputs, blank last; input_length,
    label_length: (batch, 1).
    """
    op = operation
    scores = op("log")(op("add")(y_pred, settings.epsilon))
    log_probabilities = op("log_softmax")(scores)
    lengths = [op("reshape")(t, (-1,)) for t in (input_length, label_length)]
    return op("expand_dims")(op("negative")(ctc_log_likelihood(y_true, log_probabilities, *lengths)), 1)


def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> Any:
    """The labels of each row up to its length, in one row: (total,). On arrays only."""
    labels, lengths = np.asarray(labels), np.asarray(label_lengths).reshape(-1)
    return labels[np.arange(labels.shape[1])[None, :] < lengths[:, None]]


def ctc_decode(
    y_pred: Any,
    input_length: Any,
    greedy: bool = True,
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = False,
) -> tuple[list[Any], Any]:
    """The likeliest label sequences: ([ (batch, longest) filled up with -1, ... ], log probabilities).

    Greedy: one path, and the negated sum of its largest log probabilities, (batch, 1). Otherwise a beam
    search: `top_paths` paths and their log probabilities, (batch, top_paths).
    """
    op = operation
    scores = op("log")(op("add")(y_pred, settings.epsilon))
    if greedy:
        decoded, cost = op("ctc_greedy")(scores, input_length)
        return [decoded], cost
    *paths, log_probability = op("ctc_beam")(scores, input_length, beam_width, top_paths, merge_repeated)
    return paths, log_probability


_decoded = dtypes.Rule(
    lambda given, floatx: given,
    lambda given, attributes: ["int64"] * attributes.get("top_paths", 1) + [given[0]],
)


def _greedy_shape(scores: Any, lengths: Any) -> list[Any]:
    return [(scores.shape[0], None), (scores.shape[0], 1)]


@primitive(shape=_greedy_shape, dtype=_decoded, level="optional", differentiable=False)
def ctc_greedy(scores: Tensor, input_length: Tensor):
    """The best class at each time, repeats merged and blanks removed; scores (batch, time, classes)."""
    lengths = input_length.reshape(-1)
    best = scores.argmax(-1)
    inside = np.arange(scores.shape[1])[None, :] < lengths[:, None]
    kept = (best != scores.shape[2] - 1) & inside
    kept[:, 1:] &= best[:, 1:] != best[:, :-1]
    cost = -(scores.max(-1) * inside).sum(1, keepdims=True)
    return [_padded([row[k] for row, k in zip(best, kept, strict=True)]), cost.astype(scores.dtype)]


def _beam_shape(scores: Any, lengths: Any, width: int, top_paths: int, merge: bool) -> list[Any]:
    return [(scores.shape[0], None)] * top_paths + [(scores.shape[0], top_paths)]


@primitive(shape=_beam_shape, dtype=_decoded, level="optional", differentiable=False)
def ctc_beam(scores: Tensor, input_length: Tensor, beam_width=100, top_paths=1, merge_repeated=False):
    """Prefix beam search over normalised scores (batch, time, classes)."""
    lengths = input_length.reshape(-1).astype(int)
    shifted = scores.astype("float64") - scores.max(-1, keepdims=True)
    normal = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    found = [_beam(row[:n], beam_width, top_paths) for row, n in zip(normal, lengths, strict=True)]
    paths = []
    for k in range(top_paths):
        rows = [np.array(f[k][0], "int64") for f in found]
        if merge_repeated:
            rows = [r[np.r_[True, r[1:] != r[:-1]]] if len(r) else r for r in rows]
        paths.append(_padded(rows))
    return [*paths, np.array([[p for _, p in f] for f in found], scores.dtype)]


def _beam(rows: np.ndarray, width: int, top: int) -> list[tuple[tuple[int, ...], float]]:
    """Each prefix keeps two log probabilities: of alignments ending in blank, and in its last label."""
    never = -np.inf
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, never)}
    for row in rows:
        new: dict[tuple[int, ...], list[float]] = {}
        for prefix, (blank, label) in beams.items():
            total = np.logaddexp(blank, label)
            entry = new.setdefault(prefix, [never, never])
            entry[0] = np.logaddexp(entry[0], total + row[-1])
            if prefix:
                entry[1] = np.logaddexp(entry[1], label + row[prefix[-1]])
            for c in range(len(row) - 1):
                start = blank if prefix and c == prefix[-1] else total
                longer = new.setdefault((*prefix, c), [never, never])
                longer[1] = np.logaddexp(longer[1], start + row[c])
        ranked = sorted(new.items(), key=lambda item: -np.logaddexp(*item[1]))[:width]
        beams = {p: (b, n) for p, (b, n) in ranked}
    best = [(p, float(np.logaddexp(*v))) for p, v in beams.items()][:top]
    return best + [((), never)] * (top - len(best))


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    longest = max((len(r) for r in rows), default=0)
    result = np.full((len(rows), longest), -1, "int64")
    for target, row in zip(result, rows, strict=True):
        target[: len(row)] = row
    return result
