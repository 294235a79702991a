"""Masks in Keras 3's graphs: it lists the operations that make them as layers, and hands them to layers as arguments.

Here masks go along with the tensors that they belong to. So what makes them is left out, where it makes what would be
made anyway: the mask of an `Embedding(mask_zero=True)` or of a `Masking`, passed on. Any other mask cannot be mapped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_OPERATIONS = (
    "NotEqual",
    "Any",
    "ExpandDims",
    "ZerosLike",
    "OnesLike",
    "LogicalOr",
    "LogicalAnd",
    "Concatenate",
    "All",
)


def tensors_in(value: Any) -> list[list[Any]]:
    """The tensors of Keras 3 in arguments of a call, as [layer, node, tensor]."""
    found: list[list[Any]] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            if item.get("class_name") == "__keras_tensor__":
                found.append(list(item["config"]["keras_history"]))
            else:
                stack.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            stack.extend(reversed(item))
    return found


def without_masks(layers: Sequence[Any], outputs: Any) -> tuple[list[Any], list[str]]:
    """The layers of a model without the operations that only make masks, and what of the masks cannot be mapped."""
    by_name = {_name(item): item for item in layers}
    operations = {n for n, item in by_name.items() if _is_operation(item)}
    while True:  # those whose values something else uses are no masks
        used = {
            t[0] for item in layers if _name(item) not in operations for c in _calls(item) for t in _values(c)
        }
        used |= set(_texts(outputs))
        if not operations & used:
            break
        operations -= used
    kept = [item for item in layers if _name(item) not in operations]
    odd = []
    for item in kept:
        for call in _calls(item):
            for mask in tensors_in((call.get("kwargs") or {}).get("mask")):
                if mask[0] not in operations or not _comes_anyway(mask[0], by_name, operations):
                    odd.append(f"{_name(item)!r}: it is called with a mask of its own, made by {mask[0]!r}.")
    return kept, odd


def _name(item: Any) -> Any:
    return item.get("name", (item.get("config") or {}).get("name"))


def _is_operation(item: Any) -> bool:
    """A layer of the same name has its own settings; in HDF5 files the module is not told."""
    config, module = item.get("config") or {}, item.get("module")
    told = "trainable" not in config if module is None else ".ops." in str(module)
    return item.get("class_name") in _OPERATIONS and told


def _calls(item: Any) -> list[Mapping[str, Any]]:
    return [c for c in item.get("inbound_nodes", []) if isinstance(c, Mapping)]


def _values(call: Mapping[str, Any]) -> list[list[Any]]:
    """The tensors that are no masks."""
    further = {k: v for k, v in (call.get("kwargs") or {}).items() if k != "mask"}
    return tensors_in([call.get("args"), further])


def _comes_anyway(name: str, by_name: Mapping[str, Any], operations: set[str]) -> bool:
    """Whether a mask is that of a single Embedding or Masking: several are joined by `or` there, by `and` here."""
    sources, waiting, seen = set(), [name], {name}
    while waiting:
        item = by_name[waiting.pop()]
        if item["class_name"] == "OnesLike":
            return False
        if item["class_name"] == "NotEqual":
            sources.add(_source(item, by_name))
            continue
        if item["class_name"] == "ZerosLike":  # only its shape counts
            continue
        for inner in {t[0] for call in _calls(item) for t in _values(call)} - seen:
            if inner not in operations:
                return False
            seen.add(inner)
            waiting.append(inner)
    return len(sources) == 1 and None not in sources


def _source(compared: Any, by_name: Mapping[str, Any]) -> Any:
    """The tensor and the value with which it is compared, if an Embedding or a Masking does the same."""
    calls = _calls(compared)
    tensors = tensors_in(calls[0].get("args")) if len(calls) == 1 else []
    if len(tensors) != 1 or len(calls[0]["args"]) != 2:
        return None
    for item in by_name.values():
        config = item.get("config") or {}
        if not any(tensors[0] in _values(call) for call in _calls(item)):
            continue
        embeds = item["class_name"] == "Embedding" and config.get("mask_zero") and calls[0]["args"][1] == 0
        masks = item["class_name"] == "Masking" and calls[0]["args"][1] == config.get("mask_value")
        if embeds or masks:
            return (*tensors[0], calls[0]["args"][1])
    return None


def _texts(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
