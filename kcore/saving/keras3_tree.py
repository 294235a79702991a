"""Weights as Keras 3 stores them: a tree of groups by the attributes of objects, `layers/dense_1/vars/0`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import FileRefused
from ..layers.wrappers import Bidirectional, Wrapper
from .hdf5_gate import _Tree
from .snapshot import Group
from .weights import Plan

LAYERS = ("layers", "_layer_checkpoint_dependencies")
_IGNORED = ("seed_generator", "_random_generator", "_dropout_seed_generator")


def is_tree(root: _Tree) -> bool:
    return any(name in root.groups for name in LAYERS) or "vars" in root.groups


def snake_case(name: str) -> str:
    """A class name as Keras 3 spells it in its files: Conv2D is conv2d, SimpleRNN simple_rnn."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def plan(model: Any, root: _Tree, where: str) -> Plan:
    """What of the tree goes into which weight of `model`; everything must have its place."""
    made = Plan(where, model.name)
    used: set[int] = set()
    _match(made, model, root, model.name, used)
    for path, variables in _all_variables(root, ""):
        if not any(id(v) in used for v in variables):
            names = tuple(str(i) for i in range(len(variables)))
            made.unexpected(Group(path, names, tuple(variables)))
    return made


def plan_by_name(model: Any, root: _Tree, where: str, skip_mismatch: bool = False) -> Plan:
    """Groups of layers by the names that they tell, into layers of those names."""
    made = Plan(where, model.name)
    names = {}
    for container in (root.groups[n] for n in LAYERS if n in root.groups):
        for tree in container.groups.values():
            told = tree.groups["vars"].text("name") if "vars" in tree.groups else None
            if told:
                names[told] = tree
    for layer in model.layers:
        if layer.name not in names:
            continue
        alone = Plan(where, model.name)
        _match(alone, layer, names[layer.name], layer.name, set())
        if skip_mismatch and not alone.fits:
            continue
        made.rows += alone.rows
        made.writes += alone.writes
    return made


def _match(made: Plan, layer: Any, tree: _Tree | None, told: str, used: set[int]) -> None:
    """A layer and its group, then the layers in it."""
    own = [*layer._trainable_weights, *layer._non_trainable_weights]
    stored = _variables(tree)
    used.update(id(s) for s in stored)
    for variable, array in zip(own, stored):
        made.write(told, variable.name.rsplit("/", 1)[-1], variable, array)
    made.missing(told, own[len(stored) :])
    if len(stored) > len(own):
        names = tuple(str(i) for i in range(len(stored)))
        made.unexpected(Group(told, names, tuple(stored)), len(own))
    for name, inner, key in _inside(layer):
        group = None
        if tree is not None:
            group = next((tree.group(k) for k in key if tree.group(k) is not None), None)
        if group is None and not inner.weights:
            continue
        _match(made, inner, group, name if inner.name is None else str(inner.name), used)


def _inside(layer: Any) -> Iterator[tuple[str, Any, Sequence[str]]]:
    """The layers within a layer, with the places where Keras 3 puts them."""
    if hasattr(layer, "_graph_nodes"):
        for name, inner in _numbered(layer.layers):
            yield name, inner, [f"{container}/{name}" for container in LAYERS]
    elif isinstance(layer, Bidirectional):
        yield "forward_layer", layer.forward_layer, ["forward_layer"]
        yield "backward_layer", layer.backward_layer, ["backward_layer"]
    elif isinstance(layer, Wrapper):
        yield "layer", layer.layer, ["layer"]
    elif hasattr(layer, "cells"):
        for name, inner in _numbered(layer.cells):
            yield name, inner, [f"cells/{name}"]
    else:
        for name, inner in vars(layer).items():
            if any(inner is s for s in layer._sublayers):
                yield name, inner, [name, name.lstrip("_")]


def _numbered(layers: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Names of layers in a list, as Keras 3 gives them: dense, dense_1, ..."""
    counts: dict[str, int] = {}
    for layer in layers:
        kind = type(layer).__name__
        name = snake_case("Functional" if kind == "Model" else kind)
        count = counts.get(name, 0)
        counts[name] = count + 1
        yield (f"{name}_{count}" if count else name), layer


def _variables(tree: _Tree | None) -> list[Any]:
    """The arrays of a group's `vars`, in their order."""
    holder = tree.groups.get("vars") if tree is not None else None
    if holder is None:
        return []
    names = sorted(holder.datasets, key=lambda n: int(n) if n.isdigit() else -1)
    if names != [str(i) for i in range(len(names))]:
        raise FileRefused(f"{holder.where}: {holder.path}: its arrays are not numbered from 0.")
    return [holder.datasets[n] for n in names]


def _all_variables(tree: _Tree, path: str) -> Iterator[tuple[str, list[Any]]]:
    if "vars" in tree.groups and tree.groups["vars"].datasets:
        yield path or "/", _variables(tree)
    for name, inner in tree.groups.items():
        top = f"{path}/{name}".strip("/")
        if (
            name in ("vars", *_IGNORED)
            or top in ("optimizer", "metrics", "compile_metrics")
            or name == "metrics"
        ):
            continue
        yield from _all_variables(inner, top)


def optimizer_group(root: _Tree, optimizer: Any, count: int) -> Group | None:
    """The optimizer's variables, with names that tell their slots: Keras 3 stores them by number only."""
    arrays = _variables(root.groups.get("optimizer"))
    if not arrays:
        return None
    kind = type(optimizer).__name__
    names = ["iteration"]
    if len(arrays) > 1 and arrays[1].shape == ():  # a schedule is no variable
        names.append("learning_rate")
    if kind == "Nadam" and len(arrays) > 2 and arrays[2].shape == ():
        names.append("u_product")
    rest = len(arrays) - len(names)
    pairs = {
        "Adam": ("momentum", "velocity"), "AdamW": ("momentum", "velocity"), "Nadam": ("momentum", "velocity"),
        "Adamax": ("momentum", "norm"), "Adadelta": ("accumulated_grad", "accumulated_delta_var"),
        "Adagrad": ("accumulator",), "RMSprop": ("velocity",), "SGD": ("momentum",),
    }.get(kind)  # fmt: skip
    if pairs is None:
        return None
    if rest:
        names += [f"param_{i}_{slot}" for i in range(count) for slot in pairs]
    if kind in ("Adam", "AdamW") and rest == 3 * count:
        names += [f"param_{i}_velocity_hat" for i in range(count)]
    if kind == "Nadam" and len(names) == len(arrays) - 1:
        names.append("u_product")
    if len(names) != len(arrays):
        raise FileRefused(
            f"{root.where}: /optimizer: {kind} of {count} weights would have {len(names)} variables; there are "
            f"{len(arrays)}. Load with compile=False to leave them out."
        )
    return Group("optimizer", tuple(names), tuple(arrays))
