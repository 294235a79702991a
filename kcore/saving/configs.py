"""Configs to objects: only registered classes and the user's own, whatever dialect the config is in.

Dialects: Keras 1 and 2 (kcore's own), tf.keras 2 and Keras 3. Of the last two, what means the same is put into the
words of Keras 2, and what has no counterpart is told in one error that lists all of it. A config never makes code run:
the bytecode of a Lambda only within `objects.trusting_code(True)`, with a warning that names the layer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import objects
from ..errors import ArgumentError, CannotMap, FileRefused, KcoreError, nearest
from ..kernel.registry import registries
from ..layers import policy
from . import dialects, keras3_masks
from .bytecode import function_from
from .dialects import BASE, KERAS_2, KERAS_3, TF_KERAS
from .gate import budgets, check_config, refused

_MODELS = ("Model", "Sequential", "Functional")
_FAMILY_BY_KEY = (
    ("optimizer", "optimizers"),
    ("initializer", "initializers"), ("regularizer", "regularizers"), ("constraint", "constraints"),
    ("activation", "activations"), ("layer", "layers"), ("cell", "layers"), ("learning_rate", "schedules"),
)  # fmt: skip


# to plain data ----------------------------------------------------------------------------------------------
def plain(value: Any) -> Any:
    """`value` in the words of JSON: NumPy's numbers and arrays, tuples, functions by name, objects by config."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "get_config") and not inspect.isclass(value):
        return plain(objects.config_of(value))
    if hasattr(value, "__name__"):
        return value.__name__
    raise ArgumentError(f"{value!r} cannot be written as JSON.")


# to objects -------------------------------------------------------------------------------------------------
def restored(
    family: str,
    config: Any,
    custom_objects: Any = None,
    where: str = "the config",
    make: Callable[..., Any] | None = None,
    dialect: str = KERAS_2,
) -> Any:
    """The object that a config from outside describes. Raises CannotMap, UnknownName or FileRefused."""
    check_config(config, where)
    return made(
        family,
        in_words_of_keras_2(family, config, custom_objects, where, dialect),
        custom_objects,
        where,
        make,
    )


def made(
    family: str, config: Any, custom_objects: Any, where: str, make: Callable[..., Any] | None = None
) -> Any:
    """The object of a config that is in Keras 2's words already."""
    try:
        if config is None:
            raise FileRefused(f"{where}: its config describes nothing.")
        if make is not None:
            return make(config, custom_objects)
        return objects.deserialize(family, config, custom_objects)
    except KcoreError:
        raise
    except MemoryError:
        raise refused(where, "", 11, "the config asks for more memory than there is") from None
    except Exception as error:  # whatever nonsense the config holds
        raise FileRefused(
            f"{where}: its config describes nothing that can be made: {type(error).__name__}: {str(error)[:300]}"
        ) from error


def in_words_of_keras_2(
    family: str, config: Any, custom_objects: Any, where: str, dialect: str = KERAS_2
) -> Any:
    """A config with everything put into Keras 2's words. Raises CannotMap with the list of what cannot be."""
    reader = _Reader(custom_objects, where, dialect)
    try:
        words = reader.entry(family, config, "")
    except KcoreError:
        raise
    except (TypeError, KeyError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise FileRefused(
            f"{where}: its config is not one of a model: {type(error).__name__}: {str(error)[:200]}"
        ) from error
    collected = _collected.get()
    if collected is not None:
        collected.extend(reader.problems)
    elif reader.problems:
        raise _cannot_map(where, reader.problems)
    return words


_collected: ContextVar[list[str] | None] = ContextVar("kcore_cannot_map", default=None)


@contextmanager
def told_together(where: str) -> Iterator[None]:
    """What cannot be mapped in any of the configs read within is told in one error, at the end."""
    problems: list[str] = []
    token = _collected.set(problems)
    try:
        yield
    finally:
        _collected.reset(token)
    if problems:
        raise _cannot_map(where, problems)


def _cannot_map(where: str, problems: list[str]) -> CannotMap:
    told = "\n  ".join(dict.fromkeys(problems))
    return CannotMap(f"{where}: these parts of it have no counterpart here:\n  {told}")


class _Reader:
    """Goes through a config once, noting what cannot be mapped."""

    def __init__(self, custom_objects: Any, where: str, dialect: str) -> None:
        self.custom = dict(custom_objects or {})
        self.where, self.dialect = where, dialect
        self.problems: list[str] = []
        self.layers = self.depth = 0

    @property
    def foreign(self) -> bool:
        return self.dialect in (TF_KERAS, KERAS_3)

    def known(self, name: str) -> bool:
        return objects.custom(name, self.custom) is not None

    # one object ---------------------------------------------------------------------------------------------
    def entry(self, family: str, entry: Any, path: str) -> Any:
        """{'class_name', 'config'} of a family, a name, or None."""
        if entry is None or isinstance(entry, str):
            return self.name(family, entry, path)
        if not isinstance(entry, Mapping) or not isinstance(entry.get("class_name"), str):
            raise ArgumentError(
                f"{self.where}: {path or 'the config'} is no {{'class_name': ..., 'config': ...}}."
            )
        if entry["class_name"] == "function":
            return self.name(family, entry.get("config"), path)
        name = self.class_name(family, entry)
        config = entry.get("config")
        if config is None:
            config = {}
        told = (
            f"{path}{name} {config.get('name')!r}"
            if isinstance(config, Mapping) and "name" in config
            else path + name
        )
        if family == "layers":
            self.layers += 1
            if self.layers > budgets().max_layers:
                raise refused(self.where, "", 11, "the config has too many layers", "max_layers")
            own = self.known(name)
            described = isinstance(config, Mapping) and isinstance(config.get("layers"), list)
            if (described and own) or (name in _MODELS and not own):
                return self.model(name, entry, config, told, own)
        found = self.target(family, name, told)
        if found is None:
            return {"class_name": name, "config": {}}
        if not isinstance(config, Mapping):
            raise ArgumentError(f"{self.where}: the config of {told} is no dict.")
        if name == "Lambda" and not self.known(name):
            return {"class_name": name, "config": self.code(config, told)}
        custom = self.known(name)
        made = {k: self.value(k, v, told) for k, v in config.items()}
        if self.foreign and not custom:
            name, made = dialects.in_keras_2(family, name, made, self.dialect, told, self.problems)
            found = self.target(family, name, told) or found
            made = self.accepted(found, made, told)
        elif self.foreign and isinstance(made.get("dtype"), Mapping):
            made.pop("dtype")
        return {"class_name": name, "config": made}

    def class_name(self, family: str, entry: Mapping[str, Any]) -> str:
        name = str(entry["class_name"])
        full = entry.get("registered_name")
        if isinstance(full, str) and full in self.custom:
            return full
        if ">" in name and name not in self.custom:
            name = name.rsplit(">", 1)[-1]
        return dialects.CLASS_NAMES.get(name, name) if self.foreign and not self.known(name) else name

    def name(self, family: str, name: Any, path: str) -> Any:
        if name is None or family in ("layers", "schedules") or self.known(str(name)):
            return name
        if not isinstance(name, str):
            raise ArgumentError(f"{self.where}: {path} names something by a {type(name).__name__}.")
        if ">" in name:
            name = name.rsplit(">", 1)[-1]
            if self.known(name):
                return name
        if self.foreign and family == "activations":
            name = dialects.activation(name, self.dialect)
        if name not in registries[family] and family in (
            "activations",
            "initializers",
            "regularizers",
            "constraints",
        ):
            self.unknown(family, name, path)
        return name

    def target(self, family: str, name: str, told: str) -> Any:
        """The class of that name, None (and a problem noted) if there is none."""
        own = objects.custom(name, self.custom)
        if own is not None:
            return own
        if family == "schedules":
            return dialects.schedule(name) or self.unknown("learning rate schedules", name, told)
        registry = registries[family]
        if family == "optimizers" and name not in registry:
            name = next((n for n in registry.names() if n.lower() == name.lower()), name)
        if family in ("losses", "metrics") and name not in registry:
            return self.unknown(family, name, told)
        if name not in registry:
            if self.foreign and dialects.renames(family, name):
                return object
            return self.unknown(family, name, told)
        return registry.get(name)

    def unknown(self, family: str, name: str, told: str) -> None:
        known = registries[family].names() if family in registries else ()
        kind = registries[family].kind if family in registries else family
        self.problems.append(
            f"{told}: no {kind} named {name!r}.{nearest(name, known)} If it is your own, pass "
            f"custom_objects={{{name!r}: ...}}."
        )

    # what is in it ------------------------------------------------------------------------------------------
    def value(self, key: str, value: Any, told: str) -> Any:
        if isinstance(value, Mapping) and "class_name" in value:
            return self.described(key, value, told)
        if isinstance(value, list):
            return [self.value(key, v, told) for v in value]
        if isinstance(value, str):
            family = self.family(key)
            return self.name(family, value, told) if family not in (None, "layers", "schedules") else value
        if isinstance(value, Mapping):
            return {k: self.value(k, v, told) for k, v in value.items()}
        return value

    @staticmethod
    def family(key: str) -> str | None:
        last = key.rsplit("_", 1)[-1]
        for word, family in _FAMILY_BY_KEY:
            if key == word or last == word or (word == "cell" and key == "cells"):
                return family
        return None

    def described(self, key: str, value: Mapping[str, Any], told: str) -> Any:
        kind = value["class_name"]
        if kind in policy.CLASS_NAMES:
            name = (value.get("config") or {}).get("name")
            try:
                return None if name == "_infer" else policy.Policy(name).name
            except KcoreError:
                self.problems.append(f"{told}: dtype policy {name!r}.")
                return None
        if kind == "__tuple__":
            return [self.value(key, v, told) for v in value.get("items", value.get("config", []))]
        if kind in ("__numpy__", "__tensor__"):
            return (value.get("config") or {}).get("value")
        if kind in ("TensorShape",):
            return value.get("items")
        if kind == "__lambda__":
            self.problems.append(f"{told}: {key} is code, which is not run.")
            return None
        family = self.family(key)
        if family is None:
            family = next(
                (f for f in ("layers", "initializers", "regularizers", "constraints", "activations", "losses", "metrics")
                 if self.class_name(f, value) in registries[f]),
                "layers",
            )  # fmt: skip
        return self.entry(family, value, f"{told}: {key}: " if family != "layers" else f"{told}: ")

    def accepted(self, target: Any, config: dict[str, Any], told: str) -> dict[str, Any]:
        """The arguments that a class takes; others must say what it does anyway."""
        takes = arguments_of(target)
        if takes is None:
            return config
        made = {}
        for key, value in config.items():
            if key in takes:
                made[key] = value
            elif not dialects.is_neutral(key, value):
                self.problems.append(f"{told}: {key}={value!r}.")
        return made

    # models -------------------------------------------------------------------------------------------------
    def model(self, name: str, entry: Mapping[str, Any], config: Any, told: str, own: bool) -> Any:
        """A model, or one of a class of the user's own that is described by its layers."""
        if isinstance(config, list):  # Keras 2.0 and before: a bare list of layers
            return {"class_name": name, "config": [self.entry("layers", e, f"{told}: ") for e in config]}
        if not own:
            name = "Sequential" if name == "Sequential" else "Model"
        layers = config.get("layers")
        if not isinstance(layers, list):
            raise ArgumentError(f"{self.where}: the config of {told} has no list of layers.")
        inner = f"{told}: " if self.depth else ""
        self.depth += 1
        try:
            made = self.model_of("input_layers" in config or name == "Model", config, layers, inner)
        finally:
            self.depth -= 1
        further = {k: self.value(k, v, told) for k, v in config.items() if k not in made} if own else {}
        return {"class_name": name, "config": {**further, **made}}

    def model_of(self, is_graph: bool, config: Any, layers: list[Any], inner: str) -> dict[str, Any]:
        """The config of a model, with those of its layers."""
        if not is_graph:
            made = {"name": config.get("name"), "layers": [self.entry("layers", e, inner) for e in layers]}
            if config.get("build_input_shape") is not None:
                made["build_input_shape"] = config["build_input_shape"]
            return {**{k: v for k, v in made.items() if v is not None}, **_frozen(config)}
        listed = []
        # Keras 3 does not count a model's own inputs and outputs as its first node (but among outputs)
        shifted = {i.get("name") for i in layers if self.dialect == KERAS_3 and _is_model(i)}
        if self.dialect == KERAS_3:
            layers, odd = keras3_masks.without_masks(layers, config["output_layers"])
            self.problems += [f"{inner}{problem}" for problem in odd]
        for item in layers:
            calls = item.get("inbound_nodes", [])
            one = self.entry("layers", item, inner)
            within = item.get("config")
            named = item.get("name", within.get("name") if isinstance(within, Mapping) else None)
            made_calls = self.calls(calls, f"{inner}{named!r}")
            for address in (a for call in made_calls for a in call):
                address[1] += address[0] in shifted
            listed.append({**one, "name": named, "inbound_nodes": made_calls})
        outputs = _addresses(config["output_layers"])
        counted = {a[0] for a in outputs if a[1] > 0} & {
            i.get("name") for i in layers if "input_layers" in (i.get("config") or {})
        }
        outputs = [[a[0], a[1] + (a[0] in shifted - counted), *a[2:]] for a in outputs]
        return {
            "name": config.get("name"), "layers": listed, "input_layers": _addresses(config["input_layers"]),
            "output_layers": outputs, **_frozen(config),
        }  # fmt: skip

    def calls(self, calls: Any, told: str) -> list[Any]:
        return [self.keras_3_call(c, told) if isinstance(c, Mapping) else self.call(c, told) for c in calls]

    def call(self, call: Any, told: str) -> Any:
        """[[layer, node, tensor, {arguments}], ...]; later Kerases write one input without the outer list."""
        if call and isinstance(call[0], str):
            call = [call]
        made = []
        for address in call:
            arguments = dict(address[3]) if len(address) > 3 else {}
            for key in [k for k, v in arguments.items() if _names_tensor(v)]:
                self.problems.append(f"{told}: it is called with a tensor as {key}=.")
                arguments.pop(key)
            if self.foreign:
                arguments = {
                    k: v for k, v in arguments.items() if k not in ("training", "mask") or v is not None
                }
            made.append([*address[:3], arguments])
        return made

    def keras_3_call(self, call: Mapping[str, Any], told: str) -> Any:
        tensors = keras3_masks.tensors_in(call.get("args"))
        arguments = {}
        for key, value in (call.get("kwargs") or {}).items():
            inner = keras3_masks.tensors_in(value)
            if key in ("mask", "training"):
                continue  # masks go along with their tensors here; the model's phase overrides that of a call there
            if inner and key in ("initial_state", "constants"):
                tensors += inner
            elif inner:
                self.problems.append(f"{told}: it is called with a tensor as {key}=.")
            elif value is not None:
                arguments[key] = value
        return [[*t, dict(arguments) if i == 0 else {}] for i, t in enumerate(tensors)]

    # code ---------------------------------------------------------------------------------------------------
    def code(self, config: Mapping[str, Any], told: str) -> dict[str, Any]:
        """A Lambda: functions by name; code only where it is trusted."""
        made = {k: v for k, v in config.items() if not k.endswith("module")}
        if isinstance(made.get("dtype"), Mapping):
            made["dtype"] = self.described("dtype", made["dtype"], told)
        for key, kind in (
            ("function", "function_type"),
            ("output_shape", "output_shape_type"),
            ("mask", "mask_type"),
        ):
            value = made.get(key)
            inner = value.get("config") if isinstance(value, Mapping) else None
            if isinstance(value, Mapping) and value.get("class_name") == "function":
                made[key], made[kind] = inner, "function"
            elif isinstance(value, Mapping) and value.get("class_name") == "__lambda__":
                value = [inner["code"], inner.get("defaults"), inner.get("closure")]
                made[key], made[kind] = value, "lambda"
            if _is_code(made.get(key), made.get(kind)):
                made[key] = function_from(made[key], f"{self.where}: {told}", self.custom)
                made[kind] = "raw"
            if kind == "mask_type":
                made.pop(kind, None)
        if not made.get("mask"):
            made.pop("mask", None)
        made.pop("mask_type", None)
        return made


def _frozen(config: Mapping[str, Any]) -> dict[str, bool]:
    return {"trainable": False} if config.get("trainable") is False else {}


def _is_model(entry: Mapping[str, Any]) -> bool:
    config = entry.get("config")
    return entry["class_name"] in _MODELS or (
        isinstance(config, Mapping) and isinstance(config.get("layers"), list)
    )


def _is_code(value: Any, kind: Any) -> bool:
    """Whether a Lambda's function is bytecode; kcore's own lambdas are names in brackets."""
    if kind != "lambda":
        return False
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    return isinstance(first, str) and not first.startswith("<lambda")


def arguments_of(target: Any) -> set[str] | None:
    """The arguments that a class or function takes, those of its bases included; None if that cannot be told."""
    try:
        if not inspect.isclass(target):
            return set(inspect.signature(target).parameters)
        names: set[str] = set()
        for base in target.__mro__:
            if "__init__" not in vars(base) or base is object:
                continue
            parameters = inspect.signature(vars(base)["__init__"]).parameters
            names |= {n for n, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
            if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
                break
        further = {n for base in target.__mro__ for n in dialects.FURTHER.get(base.__name__, ())}
        return (names | BASE | further) - {"self", "given"}
    except (TypeError, ValueError):
        return None


def _addresses(value: Any) -> list[Any]:
    """Inputs or outputs of a model as a list of [layer, node, tensor]."""
    if isinstance(value, Mapping):
        return [a for key in sorted(value) for a in _addresses(value[key])]
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        return [value]
    return [a for v in value for a in _addresses(v)]


def _names_tensor(value: Any) -> bool:
    """Whether an argument in a call of tf.keras is a tensor: ['layer', 0, 0], or a list of them."""
    if not isinstance(value, list) or not value:
        return False
    if isinstance(value[0], str) and len(value) in (3, 4) and all(isinstance(v, int) for v in value[1:3]):
        return True
    return all(_names_tensor(v) for v in value)
