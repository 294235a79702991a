"""Pickles and copies of models: the bytes of a `.kcore` file, and by reference what a program made itself.

A pickle names the program's own classes and functions as pickle always does, by module and name; it holds no code.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator, Mapping
from typing import Any

from ..kernel.registry import backends, registries
from ..layers.core import Lambda
from . import container, manifest, native
from .restoring import model_from


def reduced(model: Any) -> tuple[Any, tuple[Any, ...]]:
    """What `__reduce__` gives, for pickle, copy.copy and copy.deepcopy."""
    held = io.BytesIO()
    native.save(model, held, random=False)
    return restored_copy, (held.getvalue(), own_objects(model))


def restored_copy(data: bytes, custom_objects: Mapping[str, Any]) -> Any:
    """The model out of what `reduced` gave, on the same engine if that is installed here."""
    with container.opened(io.BytesIO(data)) as found:
        told = manifest.read(found)
        snapshot = native.snapshot_in(found)
        model = model_from(snapshot, dict(custom_objects), compile=told.training is not None)
        native.put_state(model, told, found.where)
    name = told.written_by["engine"]
    return model.to_backend(name) if name != model.backend and name in backends else model


# what the program made itself -------------------------------------------------------------------------------
def own_objects(model: Any) -> dict[str, Any]:
    """Classes and functions that the model is made of and that no registry has, by the names in its config."""
    found: dict[str, Any] = {}
    for name, value in _named(model):
        if not _is_registered(name, value):
            found[name] = value
    return found


def _is_registered(name: str, value: Any) -> bool:
    return any(name in r and r.get(name) is value for f, r in registries.items() if f != "backends")


def _named(model: Any) -> Iterator[tuple[str, Any]]:
    seen: set[int] = set()
    given = getattr(model, "_arguments", None)
    yield type(model).__name__, type(model)
    waiting: list[Any] = [
        *model.layers,
        getattr(model, "optimizer", None),
        *(vars(given).values() if given else ()),
    ]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)
        elif inspect.isfunction(value):
            yield value.__name__, value
        elif hasattr(value, "get_config"):
            cls = value if inspect.isclass(value) else type(value)
            yield cls.__name__, cls
            if not inspect.isclass(value):
                yield from _named_in_lambda(value)
                waiting.extend(_parts(value))


# where it stands in graphs, and its types
_NOT_PARTS = {"_inbound_nodes", "_outbound_nodes", "_graph_nodes", "_policy"}


def _parts(instance: Any) -> list[Any]:
    """What an object is made of that its config may name: its arguments, and the layers in it."""
    held = [v for k, v in vars(instance).items() if k not in _NOT_PARTS]
    held = [*held, *getattr(instance, "layers", ()), *getattr(instance, "_sublayers", ())]
    return [
        v for v in held if inspect.isfunction(v) or hasattr(v, "get_config") or type(v) in (list, tuple, dict)
    ]


def _named_in_lambda(layer: Any) -> Iterator[tuple[str, Any]]:
    """A Lambda names its functions in its config in its own way."""
    if isinstance(layer, Lambda):
        config = layer.get_config()
        for key, value in (("function", layer.function), ("output_shape", layer._output_shape)):
            name = config[key][0] if isinstance(config[key], tuple) else config[key]
            if callable(value) and isinstance(name, str):
                yield name, value
