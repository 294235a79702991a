"""Steps that a user writes: `train_step`, `test_step` and `predict_step` of a model's subclass.

They are called once per kind of data (number, rank and dtype of the arrays), on symbolic tensors, and what they do
is compiled as one step program, like kcore's own. Updates take effect in the order of the lines (see
`backend.recording`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import backend as K
from .. import dtypes
from .. import metrics as metrics_module
from ..backend.declare import as_tensor
from ..backend.program import Program
from ..backend.recording import recording
from ..backend.tensor import Placeholder, SymbolicTensor, is_symbolic
from ..errors import ArgumentError, DataError
from . import compile as compiling
from .compile import Head
from .data import Slot, as_array, check_lengths, class_weights_of, fitted, per_output, row_weights
from .guard import Guard
from .rows import concrete, part
from .step import Step

HOOKS = {"train": "train_step", "test": "test_step", "predict": "predict_step"}


# data -------------------------------------------------------------------------------------------------------
@dataclass
class Packed:
    """A data set as a step of one's own gets it: `shape` says how the `arrays` stand in lists, tuples and dicts."""

    shape: Any  # the structure, with numbers of arrays in the places of arrays
    arrays: list[Any]
    dtypes: list[str]

    @property
    def rows(self) -> int:
        return len(self.arrays[0])

    @property
    def read(self) -> list[np.ndarray]:
        return [concrete(a) for a in self.arrays]

    @property
    def signature(self) -> Any:
        kinds = tuple((tuple(a.shape[1:]), d) for a, d in zip(self.arrays, self.dtypes, strict=True))
        return repr(self.shape), kinds

    def placeholders(self) -> list[Placeholder]:
        return [
            Placeholder((None, *a.shape[1:]), d, name=f"data_{i}")
            for i, (a, d) in enumerate(zip(self.arrays, self.dtypes, strict=True))
        ]

    def filled(self, values: Sequence[Any]) -> Any:
        """The structure with `values` in the places of the arrays."""
        return _mapped(self.shape, lambda i: values[i])

    def rows_of(self, start: int, stop: int) -> Packed:
        return Packed(self.shape, [part(a, start, stop) for a in self.arrays], self.dtypes)


def _mapped(shape: Any, function: Callable[[int], Any]) -> Any:
    if isinstance(shape, dict):
        return {k: _mapped(v, function) for k, v in shape.items()}
    if isinstance(shape, (list, tuple)):
        return type(shape)(_mapped(v, function) for v in shape)
    return None if shape is None else function(shape)


def pack(model: Any, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None) -> Packed:
    """The arrays of a data set for a step of one's own: data is x, (x, y) or (x, y, sample_weight)."""
    wanted = [t.dtype for t in model.inputs if isinstance(t, Placeholder)]
    if isinstance(x, Mapping) and set(x) == set(model.input_names):
        x = {name: x[name] for name in model.input_names}  # so that the types of inputs meet their own
    packer = _Packer("float64" if "float64" in wanted else dtypes.at_least_float32(K.floatx()))
    shapes = [packer.add(x, "x", wanted)]
    if y is None and class_weight is not None:
        raise DataError("class_weight needs targets (argument y).")
    if y is not None or sample_weight is not None:
        shapes.append(packer.add(y, "y"))
    if sample_weight is not None or class_weight is not None:
        if class_weight is not None:
            sample_weight = _by_class(packer, shapes[1], model.output_names, sample_weight, class_weight)
        shapes.append(packer.add(sample_weight, "sample_weight"))
    if not packer.arrays:
        raise DataError("no data were given (argument x).")
    check_lengths(dict(zip(packer.titles, packer.arrays, strict=True)))
    return Packed(shapes[0] if len(shapes) == 1 else tuple(shapes), packer.arrays, packer.dtypes)


def _by_class(packer: _Packer, place: Any, names: Sequence[str], given: Any, classes: Any) -> Any:
    """Weights of rows from weights of classes: for one target, or one (or None) for each in a list or dict."""
    if isinstance(place, int):
        slot = Slot("sample_weight of", "y", (), K.floatx())
        classes = class_weights_of(classes, names)[0] if len(names) == 1 else classes
        return row_weights(concrete(packer.arrays[place]), given, classes, slot)
    places = [place.get(n) for n in names] if isinstance(place, dict) else list(place)
    if len(names) != len(places):
        raise DataError("class_weight needs a model that names an output for each target.")
    made = []
    for name, at, w, c in zip(
        names,
        places,
        per_output(given, names, "sample_weight"),
        class_weights_of(classes, names),
        strict=True,
    ):
        slot = Slot("sample_weight of", name, (), K.floatx())
        made.append(None if at is None else row_weights(concrete(packer.arrays[at]), w, c, slot))
    return made


class _Packer:
    """Collects arrays out of lists, tuples and dicts, each cast once."""

    def __init__(self, floating: str) -> None:
        self.floating = floating  # what numbers with fractions become
        self.arrays: list[Any] = []
        self.dtypes: list[str] = []
        self.titles: list[str] = []

    def add(self, value: Any, title: str, wanted: Sequence[str] = ()) -> Any:
        """The structure of `value`, whose arrays are taken in; `wanted`: the types of a model's inputs."""
        first = len(self.arrays)
        shape = self._add(value, title)
        if len(wanted) == len(self.arrays) - first:
            for i, dtype in enumerate(wanted, first):
                self.arrays[i] = fitted(self.arrays[i], Slot("data", self.titles[i], None, dtype), "pass")
                self.dtypes[i] = dtype
        return shape

    def _add(self, value: Any, title: str) -> Any:
        if value is None:
            return None
        if isinstance(value, Mapping):
            return {k: self._add(v, f"{title}[{k!r}]") for k, v in value.items()}
        if isinstance(value, (list, tuple)) and any(hasattr(v, "shape") or v is None for v in value):
            return type(value)(self._add(v, f"{title}[{i}]") for i, v in enumerate(value))
        self._take(value, title)
        return len(self.arrays) - 1

    def _take(self, value: Any, title: str) -> None:
        name = getattr(getattr(value, "dtype", None), "name", None) or as_array(value, title).dtype.name
        dtype = dtypes.canonical(name) if not name.startswith("float") else self.floating
        if title.startswith("sample_weight"):
            array = as_array(value, title).astype(K.floatx(), copy=False)
        else:
            array = fitted(value, Slot("data", title, None, dtype))
        self.arrays.append(array)
        self.dtypes.append(dtype)
        self.titles.append(title)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of what a `train_step` gets; None for what was not given."""
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise DataError(f"data must be x, (x, y) or (x, y, sample_weight); a tuple of {len(data)} was given.")
    return (*data, None, None)[:3]  # type: ignore[return-value]


# programs ---------------------------------------------------------------------------------------------------
@dataclass
class CustomStep(Step):
    """A compiled step of one's own. `names`: its logs in order; `means`: those that are averaged over a pass."""

    names: tuple[str, ...] = ()
    means: tuple[str, ...] = ()
    single: bool = True  # for predictions: one output, not a list


def traced(
    model: Any, mode: str, packed: Packed, guard: Guard | None = None
) -> tuple[Program, dict[str, Any]]:
    """The program of a user's step for data like `packed`, and what is known of its results."""
    fed = packed.placeholders()
    data = packed.filled(fed)
    with recording(training=mode == "train") as record:
        made = getattr(model, HOOKS[mode])(data)
    if mode == "predict":
        listed = list(made) if isinstance(made, (list, tuple)) else [made]
        known: dict[str, Any] = {"single": not isinstance(made, (list, tuple))}
        outputs, updates = record.in_sequence([as_tensor(t) for t in listed])
    else:
        logs = _ordered_logs(made, HOOKS[mode])
        means = tuple(n for n, t in logs.items() if not record.depends_on_metrics(t))
        known = {"names": tuple(logs), "means": means}
        called = [(f"the output of layer {la.name!r}", la, t) for la, t in record.called]
        values, updates = record.in_sequence([*logs.values(), *(t for _, _, t in called)])
        values, seen = values[: len(logs)], values[len(logs) :]
        outputs = [K.stack(values)]
        if guard is not None:
            watched = [(f"data {t.name!r}", None, t) for t in fed]
            watched += [(words, layer, t) for (words, layer, _), t in zip(called, seen, strict=True)]
            watched += [(f"the log {n!r}", None, t) for n, t in zip(logs, values, strict=True)]
            result, updates = guard.around(values, updates, watched)
            outputs = [result]
    program = Program(fed, outputs, updates, name=f"{model.name}_{HOOKS[mode]}", rows_together=True)
    return program, known


def _ordered_logs(made: Any, hook: str) -> dict[str, SymbolicTensor]:
    """Name -> scalar, the loss first."""
    if isinstance(made, (SymbolicTensor, int, float)):
        made = {"loss": made}
    if not isinstance(made, Mapping) or not made:
        raise ArgumentError(
            f"{hook}() must return its logs, a dict of name -> scalar such as {{'loss': loss}}; it returned {made!r}."
        )
    logs = {}
    for name in sorted(made, key=lambda n: n != "loss"):
        value = made[name]
        value = value.result() if isinstance(value, metrics_module.Metric) else value
        logs[str(name)] = compiling.scalar_penalty(as_tensor(value))
    return dict(zip(logs, compiling.logs_of(list(logs.values())), strict=True))


# what a subclass overrides ------------------------------------------------------------------------------------
class CustomSteps:
    """The steps that a subclass may override, and what they are made of. Part of every model."""

    _own_metrics: dict[Any, Any] | None = None  # of steps of one's own: made once, so that their state lasts

    def train_step(self, data):
        """One step of training on symbolic `data`: x, (x, y) or (x, y, sample_weight). Returns logs, name -> scalar.

        Override it, and call the model, losses, `K.gradients` (or `kcore.value_and_grad`), metrics and
        `self.optimizer.apply_gradients` as if lines ran one after the other:

            def train_step(self, data):
                x, y = data
                loss = self.compute_loss(x, y, self(x, training=True))
                weights = self.trainable_weights
                self.optimizer.apply_gradients(zip(K.gradients(loss, weights), weights))
                return {"loss": loss}

        It is traced once and compiled, so it must not do anything by itself (print, count): that happens once.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        self.optimizer.minimize(loss, self.trainable_weights)
        return {"loss": loss, **self.compute_metrics(x, y, y_pred, sample_weight)}

    def test_step(self, data):
        """One step of evaluation; like `train_step`."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        return {"loss": loss, **self.compute_metrics(x, y, y_pred, sample_weight)}

    def predict_step(self, data):
        """The outputs for symbolic `data`."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self(x, training=False)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        """The scalar loss as `compile` says, weights and masks heeded, with `self.losses` added."""
        heads = self._own_heads(y, y_pred, sample_weight) if y is not None else []
        parts = [compiling.head_loss(h) * h.weight for h in heads if h.loss is not None]
        parts += [compiling.scalar_penalty(v) for v in self.losses]
        if not parts:
            raise ArgumentError(
                "compute_loss() has nothing to add up: give compile() a loss and data a target, or use add_loss()."
            )
        total = parts[0]
        for value in parts[1:]:
            total = total + value
        return total

    def compute_metrics(self, x=None, y=None, y_pred=None, sample_weight=None):
        """Gathers the metrics given to `compile`, and with several outputs the loss of each; returns name -> scalar."""
        if y is None:
            return {}
        heads = self._own_heads(y, y_pred, sample_weight)
        names = [h.name for h in heads]
        given = self._arguments
        plain = compiling.metrics_per_output(given.metrics, names)
        weighted = compiling.metrics_per_output(given.weighted_metrics, names, "weighted_metrics")
        found: dict[str, Any] = {}
        trained = [h for h in heads if h.loss is not None]
        for head in trained if len(heads) > 1 else []:
            name = f"{head.name}_loss"
            metric = self._own_metric(name, lambda n=name: metrics_module.Mean(name=n))
            metric.update_state(compiling.head_loss(head))
            found[name] = metric.result()
        for head, some, others in zip(heads, plain, weighted, strict=True):
            for identifier, by_weight in [*((i, False) for i in some), *((i, True) for i in others)]:
                title = compiling.metric_title(identifier, head)
                name = compiling.unique(f"{head.name}_{title}" if len(heads) > 1 else title, ["loss", *found])
                metric = self._own_metric(name, lambda i=identifier, h=head: compiling.as_metric(i, h))
                weights = compiling.masked_weights(
                    head.sample_weight if by_weight else None, compiling.mask_of(head.output)
                )
                metric.update_state(head.target, head.output, sample_weight=weights)
                found[name] = metric.result()
        return found

    def _own_metric(self, name, make):
        if self._own_metrics is None:
            self._own_metrics = {}
        if name not in self._own_metrics:
            self._own_metrics[name] = make()
        return self._own_metrics[name]

    def _own_heads(self, y, y_pred, sample_weight):
        outputs = list(y_pred) if isinstance(y_pred, (list, tuple)) else [y_pred]
        names = list(self.output_names)
        if len(names) != len(outputs):
            names = [f"output_{i + 1}" for i in range(len(outputs))]
        given = self._arguments
        losses = compiling.losses_per_output(given.loss, names) if given.loss else [None] * len(names)
        factors = compiling.loss_weights_per_output(given.loss_weights, names)
        targets = _each(y, names)
        weights = _each(sample_weight, names)
        heads = []
        for i, name in enumerate(names):
            head = Head(i, name, outputs[i], losses[i], factors[i])
            head.target, head.sample_weight = targets[i], weights[i]
            heads.append(head)
        return heads

    def _customized(self, mode: str) -> bool:
        """Whether the user's class has its own step for 'train', 'test' or 'predict'."""
        name = HOOKS[mode]
        return getattr(type(self), name) is not getattr(CustomSteps, name)


def _each(value: Any, names: Sequence[str]) -> list[Any]:
    if value is None:
        return [None] * len(names)
    if isinstance(value, Mapping):
        return [value.get(n) for n in names]
    if isinstance(value, (list, tuple)):
        return list(value)
    return (
        [value] * len(names)
        if len(names) > 1 and not is_symbolic(value)
        else [value] + [None] * (len(names) - 1)
    )
