"""From a model to its snapshot and back: architecture, weights, what `compile` was given, the optimizer's state."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from .. import losses, metrics, objects, optimizers
from ..errors import ArgumentError, CannotMap, FileRefused, KcoreError, WeightsMismatch
from ..layers.allocation import waiting_for_values
from ..metrics import Metric
from .configs import in_words_of_keras_2, made, plain, told_together
from .conventions import WRITTEN_AS
from .dialects import KERAS_2, dialect_of
from .gate import budgets, check_config, refused
from .optimizer_state import arranged
from .snapshot import Group, Snapshot, group_of
from .training_configs import training_in_keras_2
from .weights import Plan, layers_of, plan_in_order

KERAS_VERSION = "2.3.1"  # whose format of configs and files this is


# a model to data --------------------------------------------------------------------------------------------
def made_by() -> dict[str, str]:
    return {"keras_version": KERAS_VERSION, "backend": WRITTEN_AS}


def groups_of(model: Any) -> tuple[Group, ...]:
    """The weights of every layer. Raises ArgumentError for a model that has no weights yet."""
    if not getattr(model, "built", True) and not model.layers:
        raise ArgumentError(
            f"model {model.name!r} is not built yet: give it data, or call build(input_shape)."
        )
    return tuple(group_of(layer.name, layer.weights) for layer in layers_of(model))


def architecture_of(model: Any) -> dict[str, Any]:
    """{'class_name', 'config'} as plain data. Raises NotImplementedError for a model written as a class."""
    return {"class_name": type(model).__name__, "config": plain(model.get_config())}


def snapshot_of(model: Any, include_optimizer: bool = True) -> Snapshot:
    """`model` as plain data; its arrays are fetched from the engine one by one, as they are written."""
    training, state = None, None
    if include_optimizer and getattr(model, "_arguments", None) is not None:
        training = training_config(model)
        state = _optimizer_group(model)
    return Snapshot(
        architecture_of(model), groups_of(model), training, state, made_by(), f"model {model.name!r}"
    )


def training_config(model: Any) -> dict[str, Any]:
    """What `compile` was given, in the words of Keras 2."""
    given = model._arguments
    return {
        "optimizer_config": {
            "class_name": type(model.optimizer).__name__,
            "config": plain(model.optimizer.get_config()),
        },
        "loss": plain(_described(given.loss)),
        "metrics": plain(_described(given.metrics)) or [],
        "weighted_metrics": plain(_described(given.weighted_metrics)),
        "sample_weight_mode": plain(given.sample_weight_mode),
        "loss_weights": plain(given.loss_weights),
    }


def _described(value: Any) -> Any:
    """Losses and metrics by name or config, in the structure in which they were given."""
    if isinstance(value, Mapping):
        return {k: _described(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_described(v) for v in value]
    if value is None or isinstance(value, str):
        return value
    return objects.serialize(value)


def _optimizer_group(model: Any) -> Group | None:
    variables = list(getattr(model.optimizer, "weights", []))  # none before it has made a step
    return group_of("optimizer", variables) if variables else None


# data to a model --------------------------------------------------------------------------------------------
def model_from(
    snapshot: Snapshot, custom_objects: Any = None, compile: bool = True, safe_mode: bool | None = None
) -> Any:
    """A new model: architecture, weights, and with `compile` also what it was compiled with and its optimizer's state.

    safe_mode: False runs code that a Lambda layer of the file holds. Raises CannotMap, WeightsMismatch, FileRefused,
    UnknownName.
    """
    words = in_keras_2(snapshot, custom_objects, compile, safe_mode)
    stored = sum(group.nbytes for group in snapshot.layers)
    with sized(snapshot.where, stored):
        model = made("layers", words.architecture, custom_objects, snapshot.where)
    check_is_built(model, snapshot.where, stored)
    plan_in_order(model, snapshot.layers, snapshot.made_by, snapshot.where).stream()
    if compile:
        compiled(model, words, custom_objects)
    return model


def in_keras_2(
    snapshot: Snapshot, custom_objects: Any = None, compile: bool = True, safe_mode: bool | None = None
) -> Snapshot:
    """The snapshot with its configs in Keras 2's words. Raises CannotMap, which lists all that cannot be."""
    where = snapshot.where
    dialect = dialect_of(snapshot.made_by.get("keras_version", KERAS_VERSION))
    for config in (snapshot.architecture, snapshot.training):
        check_config(config, where)
    training = snapshot.training if compile else None
    with objects.trusting_code(safe_mode is False), told_together(where):
        architecture = in_words_of_keras_2("layers", snapshot.architecture, custom_objects, where, dialect)
        if training is not None:
            training = training_in_keras_2(training, custom_objects, where, dialect)
    return replace(snapshot, architecture=architecture, training=training)


def check_is_built(model: Any, where: str, stored: int) -> None:
    """Raises FileRefused for what is no model, CannotMap for one whose config does not tell what it is built for."""
    if not hasattr(model, "_graph_nodes"):
        raise FileRefused(f"{where}: its config describes {type(model).__name__}, which is no model.")
    if stored and not model.weights and not getattr(model, "inputs", None):
        raise CannotMap(
            f"{where}: its config does not tell the shape of the model's input (Keras 2.3.1 leaves out an InputLayer), so "
            "its weights cannot be made. Make the model with input_shape= in its first layer, then load_weights()."
        )


@contextmanager
def sized(where: str, stored: int | None) -> Iterator[None]:
    """Within it, weights that layers make are counted: no more than the file holds (twice that, since conversions may
    shrink them), no more than the budget."""
    total = 0
    slack = None if stored is None else 2 * stored + 2**20

    def count(name: str, shape: tuple[int, ...], dtype: str) -> None:
        nonlocal total
        if any(not isinstance(d, (int, np.integer)) or d < 0 for d in shape):
            raise refused(where, name, 11, "the config asks for weights of a size that is no whole number")
        total += (
            int(np.prod(shape, dtype=object)) * np.dtype("float32" if dtype == "bfloat16" else dtype).itemsize
        )
        if total > budgets().max_bytes_total:
            raise refused(where, name, 11, f"the config asks for {total} bytes of weights", "max_bytes_total")
        if slack is not None and total > slack:
            raise WeightsMismatch(
                f"{where}: the config asks for weights of {total} bytes and more, up to {name!r}; the file holds "
                f"{stored} bytes of them. Nothing was loaded."
            )

    with waiting_for_values(count):
        yield


def compiled(model: Any, snapshot: Snapshot, custom_objects: Any = None, state: Any = None) -> None:
    """Compiles a loaded model as the snapshot says, and puts its optimizer where it was.

    state: a function of the compiled model that gives the optimizer's variables, where the snapshot does not hold them.
    """
    if snapshot.training is None:
        warnings.warn(
            f"{snapshot.where}: no training configuration is in it; the model is not compiled. Call compile() before "
            "training it.",
            UserWarning,
            stacklevel=5,
        )
        return
    training = snapshot.training
    with objects.CustomObjectScope(custom_objects or {}):
        optimizer = made(
            "optimizers", training["optimizer_config"], custom_objects, snapshot.where, optimizers.deserialize
        )
        model.compile(
            optimizer,
            loss=_made(losses.get, training.get("loss")),
            metrics=_made(_metric, training.get("metrics")),
            loss_weights=training.get("loss_weights"),
            sample_weight_mode=training.get("sample_weight_mode"),
            weighted_metrics=_made(_metric, training.get("weighted_metrics")),
            auto_scale_loss=False,  # what is around the optimizer is in the file
        )
        group = snapshot.optimizer
        if state is not None and model._compiled is not None:
            group = state(model)
        if group is None or not group.arrays:
            return
        if model._compiled is not None:
            model._make_train_function()
        if getattr(model.optimizer, "weights", None):
            _put_state(model, group, snapshot)
        else:
            warnings.warn(
                f"{snapshot.where}: the state of its optimizer is not restored: the model has a train_step of its own, which "
                "makes the optimizer's variables only when it runs.",
                UserWarning,
                stacklevel=5,
            )


def _put_state(model: Any, group: Group, snapshot: Snapshot) -> None:
    """The optimizer's variables. Raises WeightsMismatch where they do not fit."""
    try:
        params = model._compiled.params
        values = arranged(
            model.optimizer, group, params, snapshot.where, _sorting_names(model, params, snapshot)
        )
        model.optimizer.set_weights(values)
    except FileRefused:
        raise
    except (KcoreError, ValueError) as error:
        if _may_have_been_frozen(model, group, snapshot):
            warnings.warn(
                f"{snapshot.where}: the state of the optimizer is left out, and it starts anew: the file holds it for fewer "
                "weights than are trained now. Keras 2 does not store that a model within a model is not trainable; if "
                "one was, set its `trainable` to False and compile again.",
                UserWarning,
                stacklevel=6,
            )
            return
        raise WeightsMismatch(
            f"{snapshot.where}: the state of the optimizer does not fit: {error} Load with compile=False to leave it out."
        ) from error


def _sorting_names(model: Any, params: Any, snapshot: Snapshot) -> list[str] | None:
    """The names of `params` in a file of Keras 2.0.0 to 2.0.5, which put an optimizer's variables into their order."""
    if not re.fullmatch(r"2\.0\.[0-5]", snapshot.made_by.get("keras_version", "")):
        return None
    groups = {group.name: group.weight_names for group in snapshot.layers}
    told = {
        id(w): name for layer in model.layers for w, name in zip(layer.weights, groups.get(layer.name, ()))
    }
    return [told.get(id(p), p.name) for p in params]


def _may_have_been_frozen(model: Any, group: Group, snapshot: Snapshot) -> bool:
    """Whether the state is for fewer weights because Keras 2's file does not tell of a model within the model that it
    was frozen. Keras 2.3.1 goes on with a fresh optimizer then."""
    told = dialect_of(snapshot.made_by.get("keras_version", KERAS_VERSION)) == KERAS_2
    nested = any(hasattr(layer, "_graph_nodes") for layer in model.layers)
    return told and nested and len(group.arrays) < len(model.optimizer.weights)


def _made(make: Any, value: Any) -> Any:
    """Losses or metrics in the structure of a training config, names left as names."""
    if isinstance(value, Mapping) and not {"class_name", "config"} <= set(value):
        return {k: _made(make, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_made(make, v) for v in value]
    if value is None or isinstance(value, str):
        return make(value) if isinstance(value, str) and objects.custom(value) is not None else value
    return make(value)


def _metric(identifier: Any) -> Any:
    found = metrics.get(identifier)
    return found if isinstance(found, Metric) or not isinstance(found, type) else found()


def weights_into(model: Any, plan: Plan) -> Plan:
    """Carries a plan out: everything or nothing."""
    return plan.apply()
