"""The same model on two engines, layer by layer: `kcore.compare` and `kcore compare`.

Each engine runs the whole batch forward and backward, from the same weights and the same random numbers. Besides,
each layer runs alone, on what went into it on the reference engine: so a layer that is right is not blamed for what
came before it, and the layer named first is the one whose own numbers are wrong.
"""

from __future__ import annotations

import dataclasses
import functools
import json as _json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import dtypes
from .._lazy import lazy_module
from ..backend.cross_entropies import logits_of
from ..backend.declare import as_tensor, operation
from ..backend.gradients import gradients
from ..backend.graph import inputs_of, leaves_of, nodes_between, rebuild
from ..backend.program import Program
from ..backend.recording import Call
from ..backend.tensor import Constant, Placeholder, SymbolicTensor, numpy_dtype
from ..backend.variables import Variable
from ..errors import ArgumentError, DataError, ShapeError, Unsupported
from ..kernel.context import engine as engine_named
from ..losses import before_rounding
from ..models.explaining import told_type
from ..shapes import describe
from ..training.compile import ones_for
from .batches import made_batch, made_targets
from .calls import Traced, draws_in_a_loop, path_of, traced

rich_console = lazy_module("rich.console")
rich_table = lazy_module("rich.table")

# (relative, absolute) per type; the absolute part grows with the largest number of the tensor
TOLERANCE = {
    "float64": (1e-7, 1e-8), "float32": (3e-4, 5e-5), "float16": (2e-2, 1e-2), "bfloat16": (1e-1, 5e-2),
}  # fmt: skip
LOSS = "(loss)"


@dataclass
class Row:
    """One call of a layer on one engine.

    output, gradient: the largest deviation of the layer alone, as a multiple of the tolerance (above 1: it leaves
    it). whole, whole_gradient: the same of its output, and of the loss's gradient with respect to it, in the whole
    model, where deviations of other layers add up.
    dtypes: the floating types of what goes in and comes out, and in what the engine computes where it is another.
    where: what deviates, such as 'output 0' or 'gradient of dense_1/kernel:0'. reason: why nothing was compared.
    """

    layer: str
    kind: str
    engine: str
    output: float = 0.0
    gradient: float = 0.0
    whole: float = 0.0
    whole_gradient: float = 0.0
    where: str = ""
    reason: str = ""
    dtypes: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """'same', 'output', 'gradient' (what leaves the tolerance), 'failed' or 'not compared'."""
        if self.reason:
            return "failed" if self.where == "error" else "not compared"
        return "output" if not self.output <= 1 else "gradient" if not self.gradient <= 1 else "same"

    @property
    def deviates(self) -> bool:
        return self.state in ("output", "gradient", "failed")


@dataclass
class Comparison:
    """What `compare` found. `first`: the row of the first layer, in the order of the graph, that deviates; None if
    there is none. `passed`: nothing deviates, nor does the whole. `print()` shows it, `save(path)` writes JSON."""

    model: str
    reference: str
    rows: list[Row]
    loss: dict[str, float] = field(default_factory=dict)

    @property
    def first(self) -> Row | None:
        return next((r for r in self.rows if r.deviates), None)

    @property
    def drifted(self) -> Row | None:
        """The first layer that leaves the tolerance in the whole model, though none does by itself."""
        if self.first is not None:
            return None
        forward = (r for r in self.rows if not r.whole <= 1)
        return next(forward, None) or next((r for r in self.rows if not r.whole_gradient <= 1), None)

    @property
    def passed(self) -> bool:
        return self.first is None and self.drifted is None

    @property
    def verdict(self) -> str:
        if self.first is not None:
            row = self.first
            if row.state == "failed":
                return f"layer {row.layer!r} ({row.kind}) does not run on {row.engine}: {row.reason}"
            return (
                f"layer {row.layer!r} ({row.kind}) is the first to leave the tolerance on {row.engine}: {row.where}, "
                f"{row.gradient if row.output <= 1 else row.output:.3g} times the tolerance"
            )
        if self.drifted is not None:
            return (
                f"every layer by itself is within the tolerance; in the whole model "
                f"{self.drifted.layer!r} leaves it first: small deviations add up, or what is computed between the "
                f"layers differs"
            )
        return "all layers agree"

    def save(self, path: Any) -> None:
        told = {
            "model": self.model, "reference": self.reference, "passed": self.passed, "verdict": self.verdict,
            "loss": self.loss, "rows": [{**dataclasses.asdict(r), "state": r.state} for r in self.rows],
        }  # fmt: skip
        Path(path).write_text(_json.dumps(told, indent=1), encoding="utf-8")

    def print(self, console: Any = None) -> None:
        console = console or rich_console.Console(markup=False, highlight=False)
        title = f"{self.model}: deviation from {self.reference}, in tolerances"
        table = rich_table.Table(
            "layer", "engine", "type", "output", "gradient", "in the whole", "", title=title
        )
        for row in self.rows:
            numbers = [f"{v:.2g}" for v in (row.output, row.gradient)]
            numbers.append(f"{row.whole:.2g} / {row.whole_gradient:.2g}")
            told = f"{row.state}: {row.reason or row.where}" if row.deviates or row.reason else ""
            table.add_row(f"{row.layer} ({row.kind})", row.engine, ", ".join(row.dtypes), *numbers, told)
        console.print(table, markup=False)
        for engine, value in self.loss.items():
            console.print(f"loss on {engine}: {value:.8g}", markup=False, highlight=False)
        console.print(f"\n{self.verdict}.", markup=False, highlight=False, soft_wrap=True)


def compare(
    model: Any,
    backends: Sequence[Any],
    batch: Any = None,
    *,
    training: bool = True,
    tolerance: dict[str, tuple[float, float]] | None = None,
    rows: int = 4,
    seed: int = 0,
) -> Comparison:
    """Runs one batch forward and backward on each of `backends` and compares, layer by layer.

    model: any built model; its weights are read, nothing of it changes. backends: names of engines (or engines),
    the first is the reference. batch: an array for each input, (batch, ...); for a compiled model (x, y) too. None: made
    from the inputs' shapes, `rows` of them. training: the phase. tolerance: type -> (relative, absolute).
    Raises ArgumentError for fewer than two engines, DataError or ShapeError for a batch that does not fit.
    """
    if isinstance(backends, str) or len(backends) < 2:
        raise ArgumentError(
            f"compare needs at least two engines, such as ['a', 'b']; {backends!r} was given."
        )
    engines = [engine_named(b) if isinstance(b, str) else b for b in backends]
    run = _Comparing(model, engines[0], batch, training, {**TOLERANCE, **(tolerance or {})}, rows, seed)
    found = [run.against(engine) for engine in engines[1:]]
    losses = {
        engines[0].name: run.loss,
        **{e.name: loss for e, (_, loss) in zip(engines[1:], found, strict=True)},
    }
    return Comparison(model.name, engines[0].name, [row for part, _ in found for row in part], losses)


class _Comparing:
    """One model, one batch, one reference."""

    def __init__(
        self, model: Any, reference: Any, batch: Any, training: bool, tolerance: Any, rows: int, seed: int
    ) -> None:
        self.reference, self.tolerance = reference, tolerance
        self.rng = np.random.default_rng(seed)
        x, y = _split(model, batch)
        state = (
            np.random.get_state()
        )  # layers that draw take their seeds from NumPy: not from the user's sequence
        np.random.seed(seed)
        try:
            self.graph = traced(model, x, training)
        finally:
            np.random.set_state(state)
        arrays = made_batch(model, rows, self.rng) if x is None else x
        _check(self.graph.inputs, arrays)
        self.fed: dict[SymbolicTensor, Any] = dict(zip(self.graph.inputs, arrays, strict=True))
        self.fed.update((w, w.numpy()) for w in self.graph.weights)
        self.fed.update(zip(self.graph.drawn, self._run(reference, self.graph.drawn), strict=True))
        total = self._total(model, y)
        self.calls = list(self.graph.calls)
        self.total = total
        self.whole = list(dict.fromkeys(t for c in self.calls for t in c.outputs))
        floating = [t for t in self.whole if dtypes.is_float(t.dtype)]
        self.kinds = _kinds(self.whole)
        self.slopes = {
            t: g for t, g in zip(floating, gradients(total, floating), strict=True) if g is not None
        }
        points = dict.fromkeys(t for c in self.calls for t in (*c.inputs, *_tensors(c.masks), *c.outputs))
        for before in (before_rounding, _before_activation):
            points.update(dict.fromkeys(before(t) for t in self.graph.outputs))
        points.update(dict.fromkeys([total, *self.slopes.values()]))
        self.values = dict(zip(points, self._run(reference, list(points)), strict=True))
        self.loss = float(self.values[total])

    # running --------------------------------------------------------------------------------------------------
    def _run(
        self,
        engine: Any,
        outputs: Sequence[SymbolicTensor],
        fed: dict[Any, Any] | None = None,
        twice: bool = False,
    ) -> list[Any]:
        """Values of `outputs` where `fed` (tensor -> array) is given; no state of the model is touched.

        twice: they are read only after a second run on other numbers, which must leave the first results alone.
        """
        if not outputs:
            return []
        fed = self.fed if fed is None else fed
        needed = list(fed)
        program = Program(needed, list(outputs), givens=self.graph.givens, name="compare")
        compiled = engine.compile(program.lower(engine))
        given = [np.array(fed[t], numpy_dtype(t.dtype)) for t in needed]
        results = compiled(*given)
        if twice:
            compiled(*[a * a.dtype.type(0.5) if a.dtype.kind == "f" else a.copy() for a in given])
        return [np.array(engine.to_numpy(r)) for r in results]

    def _total(self, model: Any, y: Any) -> SymbolicTensor:
        """The compiled loss; of a model that is not compiled, a weighted sum of the outputs."""
        outputs = self.graph.outputs
        compiled = getattr(model, "_compiled", None)
        if compiled is None or not compiled.trained or not model._is_graph:
            values = self._run(self.reference, outputs)
            parts = [
                operation("mean")(o * self._seed(o, v)) for o, v in zip(outputs, values, strict=True)
                if dtypes.is_float(o.dtype)
            ]  # fmt: skip
            if not parts:
                raise ArgumentError(
                    f"model {model.name!r} has no floating output: there is nothing to go back from."
                )
            return functools.reduce(lambda a, b: a + b, parts)
        heads = [h for h in compiled.trained if isinstance(h.target, Placeholder)]
        values = self._run(self.reference, [outputs[h.index] for h in heads])
        targets = made_targets(heads, values, self.rng) if y is None else y
        for head, target in zip(heads, targets, strict=True):
            array = np.asarray(target)
            self.fed[head.target] = array[..., None] if array.ndim == len(head.target.shape) - 1 else array
        swap = {**dict(zip(model.inputs, self.graph.inputs, strict=False))}
        swap.update(zip(model.outputs, outputs, strict=True))
        for before in (before_rounding, _before_activation):  # which a loss may read in their place
            swap.update((before(a), before(b)) for a, b in zip(model.outputs, outputs, strict=True))
        swap.update((h.sample_weight, ones_for(h)) for h in compiled.trained)
        (total,) = rebuild([compiled.total_loss], swap)
        extra = [t for t in leaves_of([total]) if isinstance(t, Variable) and t not in self.fed]
        self.fed.update((w, w.numpy()) for w in extra)
        return total

    def _seed(self, tensor: SymbolicTensor, value: np.ndarray) -> Constant:
        """Weights between 0.5 and 1.5: what each element counts for in the gradient."""
        return Constant(self.rng.uniform(0.5, 1.5, value.shape), tensor.dtype)

    # comparing ------------------------------------------------------------------------------------------------
    def against(self, engine: Any) -> tuple[list[Row], float]:
        """A row for each call, and the loss of the whole on `engine`."""
        made = [*(self._alone(engine, call) for call in self.calls), self._loss_alone(engine)]
        leaving = [*self.whole, self.total, *self.slopes.values()]
        try:
            got = dict(zip(leaving, self._run(engine, leaving), strict=True))
        except Exception:  # told by the row of the layer that fails
            return made, float("nan")
        for row, outputs in zip(made, [*(c.outputs for c in self.calls), [self.total]], strict=True):
            slopes = [self.slopes[t] for t in outputs if t in self.slopes]
            row.whole, row.whole_gradient = (
                max((self._apart(t, got[t], self.values[t], self.kinds) for t in part), default=0.0)
                for part in (outputs, slopes)
            )
        return made, float(got[self.total])

    def _apart(
        self, tensor: SymbolicTensor, got: np.ndarray, want: np.ndarray, computed_in: Sequence[str] = ()
    ) -> float:
        """computed_in: the types that the value went through; the one of the widest tolerance decides."""
        if not dtypes.is_float(tensor.dtype):
            return apart(got, want, None)
        return apart(got, want, max(self.tolerance[k] for k in (tensor.dtype, *computed_in)))

    def _alone(self, engine: Any, call: Call) -> Row:
        row = Row(path_of(call), type(call.layer).__name__, engine.name)
        row.dtypes = [told_type(engine, k) for k in _kinds([*call.inputs, *call.outputs])]
        if draws_in_a_loop(call.outputs):
            row.reason = "it draws random numbers inside a loop, where each engine draws its own"
            return row
        entering = list(dict.fromkeys([*call.inputs, *_tensors(call.masks)]))
        leaving = [*call.outputs, *(m for m in _tensors(call.output_masks) if m not in entering)]
        self._compared(engine, row, entering, leaving)
        return row

    def _loss_alone(self, engine: Any) -> Row:
        row = Row(LOSS, "loss", engine.name)
        near = [f(t) for t in self.graph.outputs for f in (before_rounding, _before_activation)]
        read = {t for node in nodes_between([self.total], near) for t in inputs_of(node)}
        entering = [t for t in near if t in read] or self.graph.outputs
        self._compared(engine, row, list(dict.fromkeys(entering)), [self.total])
        return row

    def _compared(
        self, engine: Any, row: Row, entering: list[SymbolicTensor], leaving: list[SymbolicTensor]
    ) -> None:
        """Outputs and gradients of a part of the graph, on the reference's values of what enters it."""
        holders = {t: Placeholder(t.shape, t.dtype) for t in entering if t not in self.graph.weights}
        outputs = rebuild(leaving, {**holders, **{t: t for t in self.graph.drawn}})
        fed = {t: v for t, v in self.fed.items()}
        fed.update((h, self.values[t] if t in self.values else self.fed[t]) for t, h in holders.items())
        try:
            wanted = self._run(self.reference, outputs, fed)
            floating = [(o, v) for o, v in zip(outputs, wanted, strict=True) if dtypes.is_float(o.dtype)]
            names, slopes = self._slopes(floating, holders, outputs)
            right = self._run(self.reference, slopes, fed)
            # apart, as predicting does, and with the gradients, as training does: other operations may be fused
            alone = self._run(engine, [*outputs, *holders.values()], fed, twice=True)
            trained = self._run(engine, [*outputs, *slopes], fed, twice=True)
        except Unsupported as error:
            row.where, row.reason = "error", str(error)
            return
        except (
            Exception
        ) as error:  # an engine may fail in any way; which layer makes it fail is what is asked
            row.where, row.reason = "error", f"{type(error).__name__}: {error}"
            return
        count, kinds = len(outputs), _kinds([*entering, *leaving])
        leave = [
            (
                self._apart(o, g, w, kinds),
                f"output {i % count}{' beside the gradients' if i >= count else ''}",
            )
            for i, (o, g, w) in enumerate(
                zip(outputs * 2, [*alone[:count], *trained], wanted * 2, strict=False)
            )
        ]
        leave += [
            (self._apart(h, g, fed[h]), "it changes its input")
            for h, g in zip(holders.values(), alone[count:], strict=True)
        ]
        back = [
            (self._apart(s, g, w, kinds), f"gradient of {n}")
            for s, g, w, n in zip(slopes, trained[count:], right, names, strict=True)
        ]
        row.output, row.gradient = (max((d for d, _ in part), default=0.0) for part in (leave, back))
        row.where = next((place for d, place in [*leave, *back] if not d <= 1), "")

    def _slopes(
        self,
        floating: Sequence[tuple[SymbolicTensor, np.ndarray]],
        holders: dict[SymbolicTensor, Placeholder],
        outputs: Sequence[SymbolicTensor],
    ) -> tuple[list[str], list[SymbolicTensor]]:
        """Gradients with respect to what enters and to the weights that are read, with the names of these."""
        if not floating:
            return [], []
        leaves = set(leaves_of(outputs))
        weights = [
            t for t in self.fed if isinstance(t, Variable) and t in leaves and dtypes.is_float(t.dtype)
        ]
        entering = [(f"input {i}", h) for i, h in enumerate(holders.values()) if dtypes.is_float(h.dtype)]
        asked = [*entering, *((w.name, w) for w in weights)]
        seeds = [self._seed(o, v) for o, v in floating]
        found = gradients([o for o, _ in floating], [t for _, t in asked], [as_tensor(s) for s in seeds])
        pairs = [(name, g) for (name, _), g in zip(asked, found, strict=True) if g is not None]
        return [n for n, _ in pairs], [g for _, g in pairs]


def apart(got: np.ndarray, want: np.ndarray, tolerance: tuple[float, float] | None) -> float:
    """The largest deviation, as a multiple of the tolerance; infinite where shape or type differ, or one is NaN.

    tolerance None: the values must be equal.
    """
    if got.shape != want.shape or got.dtype != want.dtype:
        return float("inf")
    if want.size == 0:
        return 0.0
    if tolerance is None or got.dtype.kind not in "f":
        return 0.0 if np.array_equal(got, want) else float("inf")
    relative, absolute = tolerance
    wide, due = got.astype("float64"), want.astype("float64")
    same = (wide == due) | (np.isnan(wide) & np.isnan(due))
    finite = np.abs(due[np.isfinite(due)])
    scale = min(max(1.0, float(finite.max())), 1e4) if finite.size else 1.0
    with np.errstate(all="ignore"):
        found = np.where(same, 0.0, np.abs(wide - due) / (relative * np.abs(due) + absolute * scale))
    found = np.where(np.isfinite(found), found, np.inf)
    return float(found.max())


def _before_activation(output: SymbolicTensor) -> SymbolicTensor:
    """What a cross-entropy reads in the place of a model's output: what went into its softmax or sigmoid."""
    return logits_of(before_rounding(output))


def _kinds(tensors: Sequence[SymbolicTensor]) -> list[str]:
    """The floating types among tensors."""
    return [k for k in dict.fromkeys(t.dtype for t in tensors) if dtypes.is_float(k)]


def _tensors(items: Sequence[Any]) -> list[SymbolicTensor]:
    return [t for t in items if isinstance(t, SymbolicTensor)]


def _split(model: Any, batch: Any) -> tuple[list[np.ndarray] | None, list[Any] | None]:
    """Inputs and targets of a batch: arrays in the order of the model's inputs, or None."""
    if batch is None:
        return None, None
    y = None
    if isinstance(batch, tuple) and len(batch) == 2:
        batch, y = batch
    if isinstance(batch, dict):
        batch = model._by_name(batch)
    listed = [np.asarray(v) for v in (batch if isinstance(batch, (list, tuple)) else [batch])]
    targets = None if y is None else list(y) if isinstance(y, (list, tuple)) else [y]
    return listed, targets


def _check(inputs: Sequence[SymbolicTensor], arrays: Sequence[np.ndarray]) -> None:
    if len(inputs) != len(arrays):
        raise DataError(f"the model takes {len(inputs)} inputs; the batch has {len(arrays)}.")
    for tensor, array in zip(inputs, arrays, strict=True):
        if len(tensor.shape) != array.ndim or any(
            d is not None and d != s for d, s in zip(tensor.shape, array.shape, strict=True)
        ):
            raise ShapeError(
                f"input {tensor.name!r} takes shape {describe(tensor.shape)}; an array of shape "
                f"{describe(array.shape)} was given."
            )


__all__ = ["Comparison", "Row", "Traced", "apart", "compare"]
