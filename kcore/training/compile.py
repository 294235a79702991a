"""What `compile` makes of names and functions: losses, targets and metrics, one set for each output."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import backend as K
from .. import losses as losses_module
from .. import metrics as metrics_module
from ..backend.graph import leaves_of
from ..backend.tensor import Placeholder, is_symbolic
from ..backend.variables import as_update
from ..dtypes import at_least_float32
from ..errors import ArgumentError, ShapeError, UnknownName, nearest
from ..shapes import Shape, describe

SAME_SHAPE = (
    "mean_squared_error",
    "binary_crossentropy",
    "categorical_crossentropy",
)  # as Keras 2.3.1 checks


@dataclass
class Head:
    """One output of a compiled model, with its target, weights, loss and metrics."""

    index: int
    name: str
    output: Any
    loss: Any = None  # a Loss object, None for an output that is not trained on
    weight: float = 1.0  # its part in the total loss
    target: Any = None
    sample_weight: Any = None
    value: Any = None  # the scalar loss
    metrics: list[Measure] = field(default_factory=list)

    @functools.cached_property
    def loss_name(self) -> str:
        return loss_name(self.loss)


@dataclass
class Measure:
    """A metric in the graph of a model: `updates` put a batch in, `result` is the value afterwards."""

    name: str
    metric: Any
    updates: list[Any]
    result: Any


# losses -----------------------------------------------------------------------------------------------------
def loss_name(loss: Any) -> str:
    """The name of the function behind a loss: 'mean_squared_error' for 'mse', the function and the class."""
    inner = getattr(loss, "fn", None) or loss
    name = getattr(inner, "__name__", type(inner).__name__)
    snake = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    return snake


def as_loss(identifier: Any) -> Any:
    """A Loss object from a string, a function, a class's config or an object; None stays None."""
    if identifier is None:
        return None
    found = losses_module.get(identifier)
    if isinstance(found, type):
        found = found()
    if isinstance(found, losses_module.Loss):
        return found
    return losses_module.LossFunctionWrapper(_per_row(found), name=getattr(found, "__name__", None))


def _per_row(function: Any) -> Any:
    """A loss function whose result is a vector, so that weights can be applied, even where it gives one number."""

    @functools.wraps(function)
    def loss(y_true: Any, y_pred: Any) -> Any:
        value = function(y_true, y_pred)
        return value if getattr(value, "shape", ()) else K.expand_dims(value, 0)

    return loss


def losses_per_output(loss: Any, names: Sequence[str]) -> list[Any]:
    """A Loss (or None) for each output."""
    if isinstance(loss, Mapping) and not _is_config(loss):
        _check_names(loss, names, "loss")
        for name in names:
            if name not in loss:
                warnings.warn(
                    f"output {name!r} is missing from the dict of losses: no data are expected for it.",
                    stacklevel=4,
                )
        return [as_loss(loss.get(n)) for n in names]
    if isinstance(loss, (list, tuple)):
        if len(loss) != len(names):
            raise ArgumentError(
                f"loss: {len(loss)} were given for {len(names)} outputs ({', '.join(names)}). Give one per output."
            )
        return [as_loss(item) for item in loss]
    return [as_loss(loss) for _ in names]


def loss_weights_per_output(weights: Any, names: Sequence[str]) -> list[float]:
    if weights is None:
        return [1.0] * len(names)
    if isinstance(weights, Mapping):
        _check_names(weights, names, "loss_weights")
        return [weights.get(n, 1.0) for n in names]
    if isinstance(weights, (list, tuple)):
        if len(weights) != len(names):
            raise ArgumentError(f"loss_weights: {len(weights)} were given for {len(names)} outputs.")
        return list(weights)
    raise ArgumentError(f"loss_weights={weights!r}: a list or a dict, one number per output, is needed.")


def _check_names(given: Mapping[str, Any], names: Sequence[str], what: str) -> None:
    for key in given:
        if key not in names:
            listed = ", ".join(repr(n) for n in names)
            raise UnknownName(
                f"{what}: the model has no output named {key!r}.{nearest(key, names)} It has: {listed}."
            )


def _is_config(value: Any) -> bool:
    return isinstance(value, Mapping) and "class_name" in value and "config" in value


# targets ----------------------------------------------------------------------------------------------------
def target_shape(head: Head) -> Shape | None:
    """What a target must look like without the batch axis; None where the loss takes any shape."""
    name = head.loss_name
    shape = tuple(head.output.shape[1:])
    if name == "sparse_categorical_crossentropy":
        return (*shape[:-1], 1)
    return shape if name in SAME_SHAPE else None


def takes_indices(head: Head) -> bool:
    """Whether the loss also takes class indices without a last axis: its function says `takes_indices = True`."""
    return bool(getattr(getattr(head.loss, "fn", head.loss), "takes_indices", False))


def target_advice(head: Head) -> str:
    """What to do about a target that does not fit the loss."""
    if head.loss_name == "categorical_crossentropy":
        return (
            " The loss categorical_crossentropy takes one column per class: use to_categorical(y), or the loss "
            "sparse_categorical_crossentropy for class indices."
        )
    if head.loss_name == "sparse_categorical_crossentropy":
        return (
            " The loss sparse_categorical_crossentropy takes class indices: use argmax(y, -1), or the loss "
            "categorical_crossentropy for one column per class."
        )
    return f" The loss {head.loss_name} compares it with the output {head.name!r} element by element."


def make_target(head: Head, given: Any = None) -> Any:
    if given is not None:
        if not is_symbolic(given):
            raise ArgumentError(f"target_tensors: {given!r} is not a symbolic tensor.")
        return given
    shape = target_shape(head)
    shape = (None,) * (len(head.output.shape) - 1) if shape is None else shape
    # in 16 bits not every class index could be told
    return Placeholder((None, *shape), at_least_float32(head.output.dtype), name=f"{head.name}_target")


def make_weight(head: Head, mode: Any) -> Any:
    if mode not in (None, "temporal", "samplewise"):
        raise ArgumentError(f"sample_weight_mode={mode!r}: None or 'temporal' is needed.")
    if mode == "temporal" and len(head.output.shape) < 3:
        raise ShapeError(
            f"sample_weight_mode='temporal' needs an output (batch, time, ...); output {head.name!r} has shape "
            f"{head.output.shape}."
        )
    shape = (None, None) if mode == "temporal" else (None,)
    return Placeholder(shape, K.floatx(), name=f"{head.name}_sample_weights")


def ones_for(head: Head) -> Any:
    """Weights of one for every row (and time step) of the target, for calls that give none."""
    reference = head.target
    for _ in range(len(head.target.shape) - len(head.sample_weight.shape)):
        reference = reference[..., 0]
    return K.cast(K.ones_like(reference), head.sample_weight.dtype)


# the loss in the graph --------------------------------------------------------------------------------------
def masked_weights(weights: Any, mask: Any) -> Any:
    """Weights with what the mask leaves out set to zero; one of the two, or both, may be None."""
    return weights if mask is None else losses_module.masked_weights(mask, weights)


def head_loss(head: Head) -> Any:
    """The scalar loss of one output: masked, weighted by row."""
    weights = masked_weights(head.sample_weight, mask_of(head.output))
    try:
        value = head.loss(head.target, head.output, sample_weight=weights)
    except ShapeError as error:
        raise ShapeError(
            f"the loss {head.loss_name} does not fit the output {head.name!r} of shape {head.output.shape}: {error}"
        ) from error
    return K.mean(value) if value.shape else value


def scalar_penalty(value: Any) -> Any:
    """What was given to add_loss, as one number of float32 at least."""
    value = losses_module.at_full_precision(value)
    return K.mean(value) if getattr(value, "shape", ()) else value


def logs_of(tensors: Sequence[Any]) -> list[Any]:
    """What a step reports, in one type, so that it can be one vector: float32 at least."""
    wide = any(t.dtype == "float64" for t in tensors)
    kind = "float64" if wide else at_least_float32(K.floatx())
    return [K.cast(t, kind) for t in tensors]


def mask_of(tensor: Any) -> Any:
    return getattr(tensor, "_keras_mask", None)


# metrics ----------------------------------------------------------------------------------------------------
def metrics_per_output(metrics: Any, names: Sequence[str], what: str = "metrics") -> list[list[Any]]:
    """The identifiers of metrics for each output."""
    if not metrics:
        return [[] for _ in names]
    if isinstance(metrics, Mapping) and not _is_config(metrics):
        _check_names(metrics, names, what)
        return [_listed(metrics.get(n)) for n in names]
    if not isinstance(metrics, (list, tuple)):
        metrics = [metrics]
    if any(isinstance(m, (list, tuple)) for m in metrics):
        if len(metrics) != len(names):
            raise ArgumentError(f"{what}: {len(metrics)} lists were given for {len(names)} outputs.")
        return [_listed(m) for m in metrics]
    if len(names) == 1:
        return [list(metrics)]
    return [[_copied(m) for m in metrics] for _ in names]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _copied(metric: Any) -> Any:
    if isinstance(metric, metrics_module.Metric):  # it has a state: every output needs its own
        return type(metric).from_config(metric.get_config())
    return metric


def as_metric(identifier: Any, head: Head) -> Any:
    """A Metric object for one output; 'accuracy' and 'crossentropy' are chosen by its shape and loss."""
    if isinstance(identifier, metrics_module.Metric):
        return identifier
    if isinstance(identifier, str) and identifier in ("accuracy", "acc", "crossentropy", "ce"):
        found, name = metrics_module.get(_fitting(identifier, head)), identifier
    else:
        found = metrics_module.get(identifier)
        if isinstance(found, type):
            found = found()
        if isinstance(found, metrics_module.Metric):
            return found
        name = identifier if isinstance(identifier, str) else getattr(found, "__name__", None)
        if name is None:
            name = type(found).__name__
    if isinstance(found, losses_module.Loss):
        found, name = found.call, getattr(found, "name", name)
    return metrics_module.MeanMetricWrapper(found, name=name, dtype=_gathered_in(head.output.dtype))


def _gathered_in(output: str) -> str | None:
    """The type in which a metric gathers what comes of an output; None for the usual one."""
    return "float64" if output == "float64" else None


def _fitting(identifier: str, head: Head) -> str:
    suffix = "accuracy" if identifier in ("accuracy", "acc") else "crossentropy"
    if head.output.shape[-1] == 1 or head.loss_name == "binary_crossentropy":
        return "binary_" + suffix
    if head.loss_name == "sparse_categorical_crossentropy":
        return "sparse_categorical_" + suffix
    return "categorical_" + suffix


def measure(name: str, metric: Any, *arguments: Any, **keywords: Any) -> Measure:
    """A metric put into the graph; its result is the one after this batch. Raises ShapeError unless that is a number."""
    updates = [as_update(u) for u in metric.update_state(*arguments, **keywords)]
    result = metric.result_after(updates)
    if result.shape:
        raise ShapeError(
            f"the metric {name!r} gives numbers of shape {describe(result.shape)}; what is reported of a step is one "
            "number. Use a metric for each of them, such as one for each threshold."
        )
    return Measure(name, metric, updates, result)


def head_measure(name: str, identifier: Any, head: Head, weighted: bool) -> Measure:
    metric = as_metric(identifier, head)
    weights = masked_weights(head.sample_weight if weighted else None, mask_of(head.output))
    try:
        return measure(name, metric, head.target, head.output, sample_weight=weights)
    except ShapeError as error:
        raise ShapeError(
            f"the metric {name!r} does not fit the output {head.name!r} of shape {head.output.shape}: {error}"
        ) from error


def unique(name: str, taken: Sequence[str]) -> str:
    """`name`, with a number behind it if it is taken: Keras's mse, mse_1, mse_2."""
    made, j = name, 1
    while made in taken:
        made, j = f"{name}_{j}", j + 1
    return made


def metric_title(identifier: Any, head: Head) -> str:
    """The name under which a metric is logged: as the user wrote it."""
    if isinstance(identifier, str):
        return identifier
    return as_metric(identifier, head).name if not _is_config(identifier) else _config_title(identifier)


def _config_title(identifier: Mapping[str, Any]) -> str:
    return identifier["config"].get("name") or metrics_module.get(identifier).name


# all together -----------------------------------------------------------------------------------------------
@dataclass
class Arguments:
    """What the user gave to `compile`."""

    optimizer: Any
    loss: Any = None
    metrics: Any = None
    loss_weights: Any = None
    sample_weight_mode: Any = None
    weighted_metrics: Any = None
    target_tensors: Any = None


@dataclass
class Compiled:
    """A model's graph for training: what `compile` made."""

    optimizer: Any
    heads: list[Head]  # one per output
    outputs: list[Any]
    collected: list[Any]  # the trainable weights as they were at compile()
    params: list[Any]  # those of them that the loss depends on
    total_loss: Any
    measures: list[Measure]  # every metric, in the order of metrics_names (without 'loss')

    @property
    def trained(self) -> list[Head]:
        return [h for h in self.heads if h.loss is not None]

    @functools.cached_property
    def resets_to_zero(self) -> bool:
        """Whether every metric starts anew as metrics usually do, with zeros."""
        return all(type(m.metric).reset_states is metrics_module.Metric.reset_states for m in self.measures)

    @property
    def names(self) -> list[str]:
        return ["loss", *(m.name for m in self.measures)]


def assemble(model: Any, given: Arguments) -> Compiled:
    """Targets, losses, metrics and the total loss of a model whose outputs are there."""
    heads = _make_heads(model, given)
    taken = ["loss"]
    measures = _loss_measures(heads, taken)
    identifiers = metrics_per_output(given.metrics, [h.name for h in heads])
    weighted = metrics_per_output(given.weighted_metrics, [h.name for h in heads], "weighted_metrics")
    for head, plain, by_weight in zip(heads, identifiers, weighted, strict=True):
        if head.loss is None:
            continue
        for identifier, is_weighted in [*((i, False) for i in plain), *((i, True) for i in by_weight)]:
            head.metrics.append(_named_measure(identifier, head, is_weighted, len(heads) > 1, taken))
        measures.extend(head.metrics)
    measures.extend(_layer_measures(model, taken))
    total = _total(model, heads)
    return Compiled(
        optimizer=given.optimizer,
        heads=heads,
        outputs=list(model.outputs),
        collected=list(model.trainable_weights),
        params=_params(model, heads, total),
        total_loss=total,
        measures=measures,
    )


def _params(model: Any, heads: Sequence[Head], total: Any) -> list[Any]:
    """The weights to train. Those that only outputs without a loss depend on are left as they are."""
    params = list(model.trainable_weights)
    if all(h.loss is not None for h in heads):
        return params
    needed = set(leaves_of([total]))
    return [p for p in params if p in needed]


def _make_heads(model: Any, given: Arguments) -> list[Head]:
    names = list(model.output_names)
    losses = losses_per_output(given.loss, names)
    weights = loss_weights_per_output(given.loss_weights, names)
    modes = _modes(given.sample_weight_mode, names)
    targets = _given_targets(given.target_tensors, names)
    heads = []
    for i, (name, output) in enumerate(zip(names, model.outputs, strict=True)):
        head = Head(i, name, output, losses[i], weights[i])
        if head.loss is not None:
            head.target = make_target(head, targets[i])
            head.sample_weight = make_weight(head, modes[i])
            head.value = head_loss(head)
        heads.append(head)
    return heads


def _modes(mode: Any, names: Sequence[str]) -> list[Any]:
    if isinstance(mode, Mapping):
        _check_names(mode, names, "sample_weight_mode")
        return [mode.get(n) for n in names]
    if isinstance(mode, (list, tuple)):
        if len(mode) != len(names):
            raise ArgumentError(f"sample_weight_mode: {len(mode)} were given for {len(names)} outputs.")
        return list(mode)
    return [mode for _ in names]


def _given_targets(targets: Any, names: Sequence[str]) -> list[Any]:
    if isinstance(targets, Mapping):
        _check_names(targets, names, "target_tensors")
        return [targets.get(n) for n in names]
    if targets is None or (isinstance(targets, (list, tuple)) and not targets):
        return [None for _ in names]
    listed = list(targets) if isinstance(targets, (list, tuple)) else [targets]
    if len(listed) != len(names):
        raise ArgumentError(f"target_tensors: {len(listed)} were given for {len(names)} outputs.")
    return listed


def _loss_measures(heads: Sequence[Head], taken: list[str]) -> list[Measure]:
    """With several outputs the loss of each is logged, as a mean over batches."""
    if len(heads) == 1:
        return []
    made = []
    for head in heads:
        if head.loss is not None:
            name = f"{head.name}_loss"
            taken.append(name)
            mean = metrics_module.Mean(name=name, dtype=_gathered_in(head.value.dtype))
            made.append(measure(name, mean, head.value))
    return made


def _named_measure(identifier: Any, head: Head, weighted: bool, prefixed: bool, taken: list[str]) -> Measure:
    title = metric_title(identifier, head)
    name = unique(f"{head.name}_{title}" if prefixed else title, taken)
    taken.append(name)
    return head_measure(name, identifier, head, weighted)


def _layer_measures(model: Any, taken: list[str]) -> list[Measure]:
    """What layers report by `add_metric`, as means over batches."""
    made = []
    for title, value in _reported(model):
        name = unique(title, taken)
        taken.append(name)
        made.append(measure(name, metrics_module.Mean(name=name), value))
    return made


def _reported(layer: Any) -> list[tuple[str, Any]]:
    return [*layer._metrics, *(pair for inner in layer._sublayers for pair in _reported(inner))]


def _total(model: Any, heads: Sequence[Head]) -> Any:
    parts = [h.value if h.weight == 1.0 else h.value * h.weight for h in heads if h.loss is not None]
    parts += [scalar_penalty(v) for v in model.losses]
    if not parts:
        raise ArgumentError(
            "the model has no loss to minimise: give compile() a loss for at least one output, or use add_loss()."
        )
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
