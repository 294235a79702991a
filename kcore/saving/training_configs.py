"""What `compile` was given, out of files of other Kerases, in the words of Keras 2's `training_config`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import metrics
from ..errors import KcoreError
from .configs import in_words_of_keras_2
from .dialects import KERAS_3, TF_KERAS

_KEYS = ("loss", "metrics", "weighted_metrics", "sample_weight_mode", "loss_weights")


def training_in_keras_2(
    training: Any, custom_objects: Any, where: str, dialect: str
) -> dict[str, Any] | None:
    """A `training_config` (or Keras 3's `compile_config`) for `restoring.compiled`. Raises CannotMap."""
    if not isinstance(training, Mapping):
        return None
    optimizer = training.get("optimizer_config", training.get("optimizer"))
    if not optimizer:
        return None
    told = f"{where}: training"
    made: dict[str, Any] = {
        "optimizer_config": in_words_of_keras_2("optimizers", optimizer, custom_objects, told, dialect)
    }
    made["loss"] = _nested(training.get("loss"), "losses", custom_objects, told, dialect)
    for key in ("metrics", "weighted_metrics"):
        made[key] = _without_none(_nested(training.get(key), "metrics", custom_objects, told, dialect))
    for key in ("sample_weight_mode", "loss_weights"):
        made[key] = training.get(key)
    if dialect in (TF_KERAS, KERAS_3) and isinstance(made["metrics"], list):
        made["metrics"] = _without_loss_means(made["metrics"])
    return made


def _nested(value: Any, family: str, custom_objects: Any, where: str, dialect: str) -> Any:
    if isinstance(value, Mapping) and "class_name" in value:
        if value["class_name"] == "MeanMetricWrapper" and dialect in (TF_KERAS, KERAS_3):
            return _wrapped(value, custom_objects)
        if value["class_name"] == "__tuple__":
            return _nested(value.get("items"), family, custom_objects, where, dialect)
        return in_words_of_keras_2(family, value, custom_objects, where, dialect)
    if isinstance(value, Mapping):
        return {k: _nested(v, family, custom_objects, where, dialect) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_nested(v, family, custom_objects, where, dialect) for v in value]
    if isinstance(value, str):
        return in_words_of_keras_2(family, value, custom_objects, where, dialect)
    return value


def _wrapped(value: Mapping[str, Any], custom_objects: Any) -> Any:
    """A function as a metric: by the name that `compile` was given, if that leads to the same function."""
    config = value.get("config") or {}
    name, function = config.get("name"), config.get("fn")
    if isinstance(function, Mapping):
        function = function.get("config")
    if name in (custom_objects or {}) or not isinstance(function, str) or not isinstance(name, str):
        return name
    parts = name.split("_")  # the name of the output stands before it, if there are several
    for candidate in ("_".join(parts[i:]) for i in range(len(parts))):
        if _leads_to(candidate, function):
            return candidate
    return function


# what is resolved by the shape of the output, and what it may become
_BY_SHAPE = {
    "accuracy": ("binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"),
    "crossentropy": ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"),
}
_BY_SHAPE.update(acc=_BY_SHAPE["accuracy"], ce=_BY_SHAPE["crossentropy"])


def _leads_to(name: str, function: str) -> bool:
    if name in _BY_SHAPE:
        return function in _BY_SHAPE[name] or function == name
    try:
        return metrics.get(name) is metrics.get(function)
    except (KcoreError, ValueError):
        return False


def _without_none(value: Any) -> Any:
    """Lists of metrics for each output, in which some outputs have none."""
    if not isinstance(value, list):
        return value
    return [[m for m in v if m is not None] if isinstance(v, list) else [] if v is None else v for v in value]


def _without_loss_means(listed: list[Any]) -> list[Any]:
    """tf.keras lists the means of the losses among the metrics of a model with several outputs; they come anyway."""

    def is_mean(item: Any) -> bool:
        return isinstance(item, Mapping) and item.get("class_name") == "Mean"

    made = []
    for item in listed:
        if is_mean(item):
            continue
        made.append([i for i in item if not is_mean(i)] if isinstance(item, list) else item)
    return made
