"""Keras's HDF5 files: `model.save("m.h5")`, as Keras 2 writes them, read as all Kerases wrote them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, CannotMap, FileRefused, UnknownName
from ..kernel.registry import OWN
from . import keras3_tree
from .atomic import writing
from .formats import ModelFormat
from .gate import config_from_json
from .hdf5_gate import DAMAGED, Checked, _Tree, checksum, h5py, is_hdf5, opened
from .provenance import advice, plugins_of
from .restoring import groups_of, made_by, model_from, snapshot_of
from .snapshot import Group, Snapshot
from .weights import OwnWeights, Plan, plan_by_name, plan_in_order

# An attribute of more bytes does not fit into an object's header: it is divided into name0, name1, ...
HEADER_LIMIT = 64512


# Checksums of texts and arrays beside them, which Keras does not look at. A file without them is read all the same.
CHECKSUMS = "kcore_crc32"


# What came from which plug-in, for the error where it is missing; only where something did.
PLUGINS = "kcore_plugins"


# writing ----------------------------------------------------------------------------------------------------
def save(model: Any, target: Any, *, include_optimizer: bool = True) -> None:
    """Writes architecture, weights, and with `include_optimizer` training config and the optimizer's state.

    Raises NotImplementedError for a model written as a class: its weights alone can be saved.
    """
    _write(target, snapshot_of(model, include_optimizer), whole=True)


def save_weights(model: Any, target: Any) -> None:
    """Writes the weights of all layers."""
    snapshot = Snapshot({}, groups_of(model), made_by=made_by(), where=f"model {model.name!r}")
    _write(target, snapshot, whole=False)


def _write(target: Any, snapshot: Snapshot, whole: bool) -> None:
    if isinstance(target, h5py.Group):
        _fill(target, snapshot, whole)
    elif hasattr(target, "write") and hasattr(target, "seek"):
        with h5py.File(target, "w") as file:
            _fill(file, snapshot, whole)
    else:
        with writing(target) as beside, h5py.File(beside, "w") as file:
            _fill(file, snapshot, whole)


def _fill(root: Any, snapshot: Snapshot, whole: bool) -> None:
    for name, value in snapshot.made_by.items():
        root.attrs[name] = np.bytes_(value.encode())
    if not whole:
        write_layers(root, snapshot.layers, snapshot.made_by)
        return
    texts = [json.dumps(snapshot.architecture), *snapshot.made_by.values()]
    root.attrs["model_config"] = _long_text(texts[0])
    write_layers(root.create_group("model_weights"), snapshot.layers, snapshot.made_by)
    if snapshot.training is not None:
        texts.append(json.dumps(snapshot.training))
        root.attrs["training_config"] = _long_text(texts[-1])
        if snapshot.optimizer is not None:
            _write_arrays(root.create_group("optimizer_weights"), snapshot.optimizer)
    root.attrs[CHECKSUMS] = checksum_of_texts(texts)
    strangers = [
        p
        for p in plugins_of(snapshot.architecture, snapshot.training)
        if p["plugin"] and p["distribution"] != OWN
    ]
    if strangers:
        root.attrs[PLUGINS] = _long_text(json.dumps(strangers))


def _long_text(text: str) -> Any:
    """Bytes of variable length: they may be longer than an object's header, and Keras 2 decodes them."""
    return np.array(text.encode("utf-8"), dtype=h5py.string_dtype("ascii"))


def write_layers(group: Any, layers: Sequence[Group], about: Mapping[str, str]) -> None:
    """The groups of all layers, as Keras 2's `save_weights` lays them out."""
    listed = [layer for layer in layers if layer.name != OwnWeights.name]
    write_names(group, "layer_names", [layer.name for layer in listed])
    for name, value in about.items():
        group.attrs[name] = np.bytes_(value.encode())
    group.attrs[CHECKSUMS] = checksum_of_texts([*about.values(), *(layer.name for layer in listed)])
    for layer in layers:
        _write_arrays(group.create_group(layer.name), layer)


def _write_arrays(group: Any, layer: Group) -> None:
    write_names(group, "weight_names", list(layer.weight_names))
    checksums = [checksum_of_texts(layer.weight_names)]
    for name, array in zip(layer.weight_names, layer.arrays):
        values = np.ascontiguousarray(np.asarray(array))
        group.create_dataset(name, data=values.reshape(array.shape))
        checksums.append(checksum(values))
    group.attrs[CHECKSUMS] = np.array(checksums, "uint32")


def checksum_of_texts(texts: Sequence[str]) -> np.uint32:
    return np.uint32(zlib.crc32("\0".join(texts).encode("utf-8", "surrogateescape")))


def write_names(group: Any, attribute: str, names: Sequence[str]) -> None:
    """A list of names as an attribute, divided into several where it does not fit into a header."""
    encoded = [n.encode("utf-8") for n in names]
    too_long = [n for n in encoded if len(n) > HEADER_LIMIT]
    if too_long:
        raise ArgumentError(f"a name of {len(too_long[0])} bytes is too long for an HDF5 file.")
    pieces = 1
    while any(np.asarray(p).nbytes > HEADER_LIMIT for p in np.array_split(np.asarray(encoded), pieces)):
        pieces += 1
    if pieces == 1:
        group.attrs[attribute] = np.asarray(encoded) if encoded else np.zeros(0)  # as Keras 2 writes none
        return
    for i, part in enumerate(np.array_split(np.asarray(encoded), pieces)):
        group.attrs[f"{attribute}{i}"] = part


# reading ----------------------------------------------------------------------------------------------------
def load(
    source: Any, *, custom_objects: Any = None, compile: bool = True, safe_mode: bool | None = None
) -> Any:
    """The model in a file of Keras 2, tf.keras 2 or Keras 3. See `kcore.models.load_model`."""
    with opened(source) as checked:
        try:
            return model_from(snapshot_in(checked), custom_objects, compile, safe_mode)
        except (UnknownName, CannotMap) as error:
            hint = advice(_plugins_told(checked), str(error))
            raise (type(error)(f"{error}\n  {hint}") if hint else error) from None


def _plugins_told(checked: Checked) -> list[dict[str, Any]]:
    """The plug-ins that a file says it needs; none where it says it in a way that is not understood."""
    text = checked.tree.text(PLUGINS)
    told = config_from_json(text, checked.where, PLUGINS) if text is not None else []
    words = ("plugin", "distribution", "version")
    return [
        entry
        for entry in (told if isinstance(told, list) else [])
        if isinstance(entry, dict)
        and all(isinstance(entry.get(w), str) for w in words)
        and isinstance(entry.get("gives"), dict)
        and all(isinstance(names, list) for names in entry["gives"].values())
    ]


def snapshot_in(checked: Checked) -> Snapshot:
    """What an HDF5 file holds; its arrays are read when they are needed, while it is open."""
    root, where = checked.tree, checked.where
    config = root.text("model_config")
    if config is None:
        if "layer_names" in root.attributes or "layer_names0" in root.attributes or "layers" in root.groups:
            raise FileRefused(
                f"{where}: holds weights alone, no model. Make the model, then load_weights() from this file."
            )
        raise FileRefused(f"{where}: holds no model: there is no attribute 'model_config'.")
    weights = root.group("model_weights")
    if weights is None:
        raise FileRefused(f"{where}: holds no weights: there is no group 'model_weights'.")
    told = about(root, weights)
    training = root.text("training_config")
    state = root.group("optimizer_weights")
    _verify_texts(root, [config, *_own_about(root), *([] if training is None else [training])])
    architecture = config_from_json(config, where, "model_config")
    return Snapshot(
        architecture=architecture,
        layers=groups_in(weights),
        training=None if training is None else config_from_json(training, where, "training_config"),
        optimizer=None if state is None else _group("optimizer", state),
        made_by=told,
        where=where,
    )


def about(*trees: _Tree) -> dict[str, str]:
    found: dict[str, str] = {}
    for tree in reversed(trees):
        for name in ("keras_version", "backend"):
            value = tree.text(name)
            if value is not None:
                found[name] = value
    return found


def _own_about(tree: _Tree) -> list[str]:
    return [tree.text(name) or "" for name in ("keras_version", "backend")]


def _verify_texts(tree: _Tree, texts: Sequence[str]) -> None:
    """Raises FileRefused where a checksum is there and is another one."""
    stored = tree.attributes.get(CHECKSUMS)
    if stored is not None and np.atleast_1d(stored)[0] != checksum_of_texts(texts):
        raise FileRefused(
            f"{tree.where}: {tree.path or '/'}: its texts do not have their checksum. {DAMAGED}"
        )


def groups_in(weights: _Tree) -> tuple[Group, ...]:
    names = weights.names("layer_names")
    if names is None:
        raise FileRefused(
            f"{weights.where}: {weights.path or '/'}: holds no weights of Keras: no 'layer_names'."
        )
    _verify_texts(weights, [*_own_about(weights), *names])
    listed = [_group(n, _existing(weights, n)) for n in names]
    own = weights.groups.get(OwnWeights.name)
    if own is not None and OwnWeights.name not in names:
        listed.append(_group(OwnWeights.name, own))
    return tuple(listed)


def _existing(weights: _Tree, name: str) -> _Tree:
    found = weights.group(name)
    if found is None:
        raise FileRefused(f"{weights.where}: there is no group {name!r}, though the file names it.")
    return found


def _group(name: str, tree: _Tree) -> Group:
    names = tree.names("weight_names") or []
    if len(set(names)) != len(names):
        raise FileRefused(f"{tree.where}: {tree.path}: names a weight twice.")
    _verify_texts(tree, names)
    arrays = tuple(tree.dataset(n) for n in names)
    checksums = np.atleast_1d(tree.attributes.get(CHECKSUMS, np.zeros(0, "uint32")))
    if CHECKSUMS in tree.attributes:
        if len(checksums) != len(arrays) + 1:
            raise FileRefused(f"{tree.where}: {tree.path}: has not one checksum for each array. {DAMAGED}")
        arrays = tuple(a.with_checksum(int(c)) for a, c in zip(arrays, checksums[1:]))
    return Group(name, tuple(names), arrays)


def load_weights(
    model: Any, source: Any, *, by_name: bool = False, skip_mismatch: bool = False, reshape: bool = False
) -> Plan:
    """Weights out of a file into a model, all or nothing. See `Model.load_weights`."""
    with opened(source) as checked:
        return weights_plan(model, checked, by_name, skip_mismatch, reshape).apply()


def weights_plan(model: Any, checked: Checked, by_name: bool, skip_mismatch: bool, reshape: bool) -> Plan:
    root = checked.tree
    if root.names("layer_names") is None and keras3_tree.is_tree(root):
        if by_name:
            return keras3_tree.plan_by_name(model, root, checked.where, skip_mismatch)
        return keras3_tree.plan(model, root, checked.where)
    tree = root
    if root.names("layer_names") is None and "model_weights" in root.groups:
        tree = root.groups["model_weights"]
    told = about(root, tree)
    if by_name:
        return plan_by_name(model, groups_in(tree), told, checked.where, skip_mismatch, reshape)
    return plan_in_order(model, groups_in(tree), told, checked.where, reshape)


FORMAT = ModelFormat(
    name="hdf5",
    suffixes=(".h5", ".hdf5", ".hdf", ".keras2"),
    matches=is_hdf5,
    save=save,
    load=load,
    save_weights=save_weights,
    load_weights=load_weights,
)
