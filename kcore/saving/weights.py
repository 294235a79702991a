"""Weights out of a file into a model: first the plan, told as a table, then everything or nothing."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FileRefused, WeightsMismatch
from ..shapes import describe
from .checksums import beside
from .conventions import converted
from .snapshot import Group

SHOWN = 60  # rows of a table in an error
TWICE = 2**28  # bytes of weights that are rather read twice than held twice


@dataclass(frozen=True)
class Row:
    """One weight: where it is, its shape in the model and in the file (None where it is not), what becomes of it."""

    layer: str
    weight: str
    wanted: tuple[int, ...] | None
    found: tuple[int, ...] | None
    state: str  # 'matched', 'missing', 'unexpected', 'reshaped', 'other shape', 'skipped'


class Plan:
    """What is to be written into which variable, and what does not fit."""

    def __init__(self, where: str, model_name: str) -> None:
        self.where, self.model_name = where, model_name
        self.rows: list[Row] = []
        self.writes: list[tuple[Any, Any]] = []  # (variable, array)

    def write(self, layer: str, name: str, variable: Any, array: Any, reshape: bool = False) -> None:
        """Notes that `variable` gets `array`, if it fits."""
        wanted, found = tuple(variable.shape), tuple(array.shape)
        state = "matched"
        if wanted != found:
            if not (reshape and np.prod(wanted, dtype=object) == np.prod(found, dtype=object)):
                self.rows.append(Row(layer, name, wanted, found, "other shape"))
                return
            array, state = Reshaped(array, wanted), "reshaped"
        self.rows.append(Row(layer, name, wanted, found, state))
        self.writes.append((variable, array))

    def missing(self, layer: str, variables: Sequence[Any]) -> None:
        self.rows += [Row(layer, _short(v.name), tuple(v.shape), None, "missing") for v in variables]

    def unexpected(self, group: Group, start: int = 0) -> None:
        pairs = list(zip(group.weight_names, group.arrays))[start:]
        self.rows += [Row(group.name, n, None, tuple(a.shape), "unexpected") for n, a in pairs]

    def count(self, state: str) -> int:
        return sum(row.state == state for row in self.rows)

    @property
    def fits(self) -> bool:
        return not any(r.state in ("missing", "unexpected", "other shape") for r in self.rows)

    def check(self) -> Plan:
        """Raises WeightsMismatch, with the table, unless every weight has its place."""
        if not self.fits:
            raise WeightsMismatch(self.told())
        return self

    def told(self) -> str:
        states = ("matched", "reshaped", "missing", "unexpected", "other shape", "skipped")
        counts = ", ".join(f"{self.count(s)} {s}" for s in states if self.count(s))
        lines = [
            f"the weights in {self.where} do not fit model {self.model_name!r}: {counts}. Nothing was changed."
        ]
        odd = [r for r in self.rows if r.state != "matched"]
        table = [("layer", "weight", "in the model", "in the file", "")]
        table += [(r.layer, r.weight, _shape(r.wanted), _shape(r.found), r.state) for r in odd[:SHOWN]]
        widths = [max(len(row[i]) for row in table) for i in range(5)]
        lines += ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in table]
        if len(odd) > SHOWN:
            lines.append(f"  ... and {len(odd) - SHOWN} more")
        return "\n".join(lines)

    def apply(self) -> Plan:
        """Writes everything, after all of it has been read: what cannot be read leaves the model as it was.

        Much is read twice, so that it is not in memory twice: first to see that all of it is whole.
        """
        self.check()
        if sum(_nbytes(array) for _, array in self.writes) > TWICE:
            with beside():
                for _, array in self.writes:
                    _verify(array)
            try:
                return self.stream()
            except FileRefused as error:
                raise FileRefused(
                    f"{error}\n  It was whole a moment ago: somebody changes the file. The model has some of its weights, "
                    "and some of those that it had."
                ) from error
        with beside():
            read = [np.asarray(array) for _, array in self.writes]
        for i, (variable, _) in enumerate(self.writes):
            variable.assign_now(_own(read[i]), copy=False)
            read[i] = None  # type: ignore[call-overload]
        return self

    def stream(self) -> Plan:
        """Writes one array after the other, for a new model that nobody has yet: memory for one of them more."""
        self.check()
        with beside():
            for variable, array in self.writes:
                variable.assign_now(_own(np.asarray(array)), copy=False)
        return self


def _nbytes(array: Any) -> int:
    return int(np.prod(array.shape, dtype=object)) * np.dtype(array.dtype).itemsize


def _verify(array: Any) -> None:
    array.verify() if hasattr(array, "verify") else np.asarray(array)


class Reshaped:
    """An array that will be read in another shape."""

    def __init__(self, array: Any, shape: tuple[int, ...]) -> None:
        self.array, self.shape, self.dtype = array, shape, array.dtype

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.array, dtype=dtype).reshape(self.shape)

    def verify(self) -> None:
        _verify(self.array)


def _own(array: np.ndarray) -> np.ndarray:
    """An array that nobody else holds: read from a file it is one already, a view or a mapped file is copied."""
    return array if array.flags.owndata and array.flags.writeable else np.array(array)


def _shape(shape: tuple[int, ...] | None) -> str:
    return "-" if shape is None else describe(shape)


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1]


# making plans -----------------------------------------------------------------------------------------------
def plan_in_order(
    model: Any, groups: Sequence[Group], made_by: Mapping[str, str], where: str, reshape: bool = False
) -> Plan:
    """Layers of the model and groups of the file one after the other, as Keras 2 does; names do not count."""
    plan = Plan(where, model.name)
    layers = [layer for layer in layers_of(model) if layer.weights]
    groups = [g for g in groups if g.arrays]
    pairs = list(zip(layers, groups))
    if len(layers) != len(groups):
        by_name = {g.name: g for g in groups}
        pairs = [(la, by_name[la.name]) for la in layers if la.name in by_name]
        paired = {id(x) for pair in pairs for x in pair}
        for layer in (la for la in layers if id(la) not in paired):
            plan.missing(layer.name, layer.weights)
        for group in (g for g in groups if id(g) not in paired):
            plan.unexpected(group)
    for layer, group in pairs:
        _plan_layer(plan, layer, group, made_by, reshape)
    return plan


def plan_by_name(
    model: Any,
    groups: Sequence[Group],
    made_by: Mapping[str, str],
    where: str,
    skip_mismatch: bool = False,
    reshape: bool = False,
) -> Plan:
    """Layers get the weights of the groups of their names; others are left as they are, on both sides."""
    plan = Plan(where, model.name)
    by_name: dict[str, list[Any]] = {}
    for layer in layers_of(model):
        by_name.setdefault(layer.name, []).append(layer)
    for group in groups:
        for layer in by_name.get(group.name, ()):
            alone = Plan(where, model.name)
            _plan_layer(alone, layer, group, made_by, reshape)
            if skip_mismatch and not alone.fits:
                warnings.warn(
                    f"{where}: the weights of layer {layer.name!r} are skipped, they do not fit:\n{alone.told()}",
                    UserWarning,
                    stacklevel=4,
                )
                plan.rows += [Row(r.layer, r.weight, r.wanted, r.found, "skipped") for r in alone.rows]
                continue
            plan.rows += alone.rows
            plan.writes += alone.writes
    return plan


def layers_of(model: Any) -> list[Any]:
    """The layers that have groups of their own in a file, and the model's own weights as one at the end."""
    own = OwnWeights(model)
    return [*model.layers, *([own] if own.weights else [])]


class OwnWeights:
    """Weights of a model itself, outside of its layers, seen as a layer. (Named as later Kerases name their group.)"""

    name = "top_level_model_weights"

    def __init__(self, model: Any) -> None:
        self.weights = [*model._trainable_weights, *model._non_trainable_weights]
        self.trainable_weights = list(model._trainable_weights)


def _plan_layer(plan: Plan, layer: Any, group: Group, made_by: Mapping[str, str], reshape: bool) -> None:
    arrays = converted(layer, group.arrays, made_by, f"{plan.where}: {group.name}", reshape)
    variables = layer.weights
    names = group.weight_names if len(group.weight_names) == len(arrays) else None
    for i, (variable, array) in enumerate(zip(variables, arrays)):
        plan.write(layer.name, _short(names[i] if names else variable.name), variable, array, reshape)
    plan.missing(layer.name, variables[len(arrays) :])
    if len(arrays) > len(variables):
        more = Group(group.name, tuple(names or ["?"] * len(arrays)), tuple(arrays))
        plan.unexpected(more, len(variables))
