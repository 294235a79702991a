"""Looking at a model file without loading it: `kcore inspect`.

Only the file's directory and its configs are read, within budgets that are tighter than those for loading; no engine
and no plug-in is imported, no layer is made, no array is read (but by `verify`). What comes out of the file is told as
data: nothing of it can move a terminal's cursor.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, FileRefused
from ..kernel.loader import own_names
from . import container, keras3, manifest
from .archive import opened_archive
from .gate import MIB, config_from_json, file_budgets, file_size, head_of, told_path
from .hdf5_gate import is_hdf5, opened

BUDGETS = {"max_config_bytes": 16 * MIB, "max_config_nodes": 500_000, "max_attribute_bytes": 16 * MIB}
_MOST_UNPACKED = 64 * MIB  # of compressed weights
_LARGEST = 2**40  # no size of a layer is larger
_HOLDS_CODE = {"lambda", "__lambda__"}
_KNOWN_MODULES = {"keras", "tf_keras", "kcore", "builtins"}


def inspected(source: Any, verify: bool = False) -> dict[str, Any]:
    """A report on a model file as plain data, fit for JSON:

    file, bytes, format, kind ('model' or 'weights'), written_by, conventions; model {class, name, inputs}; layers
    [{name, class, weights [{name, shape, dtype}], parameters, bytes}]; parameters and weight_bytes in all; optimizer
    {class, variables, bytes}; plugins (as told by the file); unknown: names that kcore itself does not have;
    suspicious: what is odd, in words. verify: also read everything that has a checksum, and check it.

    Raises OSError where there is no such file; a file that is refused is reported, with the reason among `suspicious`.
    """
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:  # once: what is told of it all belongs together
            return inspected(file, verify)
    report: dict[str, Any] = {
        "file": told_path(source), "bytes": file_size(source), "format": "unknown", "kind": "unknown",
        "written_by": {}, "conventions": {}, "model": None, "layers": [], "parameters": 0, "weight_bytes": 0,
        "optimizer": None, "plugins": [], "unknown": {}, "suspicious": [],
    }  # fmt: skip
    with file_budgets(**BUDGETS):
        try:
            _READERS[_kind_of(source)](source, report, verify)
        except FileRefused as error:
            report["suspicious"].append(f"it would be refused: {error}")
    layers = report["layers"]
    report["parameters"] = sum(la["parameters"] for la in layers)
    report["weight_bytes"] = sum(la["bytes"] for la in layers)
    return report


def _kind_of(source: Any) -> str:
    head = head_of(source)
    for name, matches in (("hdf5", is_hdf5), ("kcore", manifest.is_kcore), ("keras3", keras3.matches)):
        if matches(head):
            return name
    raise ArgumentError(
        f"{told_path(source)}: is no file of a model that kcore knows (HDF5, .keras, .kcore)."
    )


# one reader per format --------------------------------------------------------------------------------------
def _kcore(source: Any, report: dict[str, Any], verify: bool) -> None:
    report["format"] = "kcore"
    with container.opened(source) as found:
        told = manifest.read(found)
        report.update(
            kind=told.kind,
            written_by=dict(told.written_by),
            conventions=dict(manifest.CONVENTIONS),
            plugins=list(told.plugins),
        )
        _take_weights(report, [(g.name, g.weight_names, g.arrays) for g in told.layers])
        _take_configs(report, told.architecture, told.training)
        if told.optimizer is not None:
            _take_optimizer(report, told.optimizer.arrays)
        if verify:
            for member in found.members.values():
                found.verify(member)
            report["verified"] = True


def _hdf5(source: Any, report: dict[str, Any], verify: bool) -> None:
    report["format"] = "hdf5"
    with opened(source) as checked:
        root, where = checked.tree, checked.where
        report["kind"] = "model" if root.text("model_config") is not None else "weights"
        weights = root.groups.get("model_weights", root)
        for tree in (weights, root):
            for name in ("keras_version", "backend"):
                if tree.text(name) is not None:
                    report["written_by"][name] = tree.text(name)
        _take_tree(report, weights)
        configs = []
        for name in ("model_config", "training_config"):
            text = root.text(name)
            configs.append(None if text is None else config_from_json(text, where, name))
        _take_configs(report, *configs)
        state = root.group("optimizer_weights")
        if state is not None:
            _take_optimizer(report, list(_arrays_below(state)))


def _keras3(source: Any, report: dict[str, Any], verify: bool) -> None:
    report["format"], report["kind"] = "keras3", "model"
    with opened_archive(source) as archive:
        about = config_from_json(archive.read("metadata.json", MIB), archive.where, "metadata.json")
        if isinstance(about, dict):
            report["written_by"] = {
                k: str(v) for k, v in about.items() if k in ("keras_version", "date_saved")
            }
        config = config_from_json(archive.read_config("config.json"), archive.where, "config.json")
        training = config.get("compile_config") if isinstance(config, dict) else None
        _take_configs(report, config, training)
        with opened(archive.stream("model.weights.h5", _MOST_UNPACKED)) as checked:
            for name, tree in checked.tree.groups.items():
                if name == "optimizer":
                    _take_optimizer(report, list(_arrays_below(tree)))
                else:
                    _take_tree(report, tree)


_READERS = {"kcore": _kcore, "hdf5": _hdf5, "keras3": _keras3}


# weights ----------------------------------------------------------------------------------------------------
def _take_weights(report: dict[str, Any], groups: Sequence[tuple[str, Sequence[str], Sequence[Any]]]) -> None:
    for name, weight_names, arrays in groups:
        report["layers"].append(
            {
                "name": name,
                "class": "",
                "weights": [
                    {"name": n, "shape": list(a.shape), "dtype": np.dtype(a.dtype).name}
                    for n, a in zip(weight_names, arrays)
                ],
                "parameters": sum(_count(a) for a in arrays),
                "bytes": sum(_count(a) * np.dtype(a.dtype).itemsize for a in arrays),
            }
        )


def _take_tree(report: dict[str, Any], tree: Any) -> None:
    """The groups right within `tree` as layers, with every array below them."""
    named = tree.names("layer_names")
    for name, inner in tree.groups.items():
        if named is None or name in named or _count_below(inner):
            pairs = list(_named_below(inner, ""))
            _take_weights(report, [(name, [n for n, _ in pairs], [a for _, a in pairs])])


def _named_below(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, stored in tree.datasets.items():
        yield f"{path}{name}", stored
    for name, inner in tree.groups.items():
        yield from _named_below(inner, f"{path}{name}/")


def _arrays_below(tree: Any) -> Iterator[Any]:
    return (stored for _, stored in _named_below(tree, ""))


def _count_below(tree: Any) -> int:
    return sum(1 for _ in _arrays_below(tree))


def _count(array: Any) -> int:
    return int(np.prod(array.shape, dtype=object))


def _take_optimizer(report: dict[str, Any], arrays: Sequence[Any]) -> None:
    known = report["optimizer"] or {"class": ""}
    nbytes = sum(_count(a) * np.dtype(a.dtype).itemsize for a in arrays)
    report["optimizer"] = {**known, "variables": len(arrays), "bytes": nbytes}


# configs ----------------------------------------------------------------------------------------------------
def _take_configs(report: dict[str, Any], architecture: Any, training: Any) -> None:
    if isinstance(architecture, Mapping):
        inner = architecture.get("config")
        report["model"] = {
            "class": _text(architecture.get("class_name")),
            "name": _text(inner.get("name")) if isinstance(inner, Mapping) else "",
        }
        _name_classes(report, _layers_in(inner))
    if isinstance(training, Mapping):
        optimizer = training.get("optimizer_config", training.get("optimizer"))
        if isinstance(optimizer, Mapping):
            known = report["optimizer"] or {"variables": 0, "bytes": 0}
            report["optimizer"] = {**known, "class": _text(optimizer.get("class_name"))}
    report["unknown"] = _unknown((architecture, training))
    for odd in dict.fromkeys(_odd_in((architecture, training))):
        report["suspicious"].append(odd)


def _layers_in(config: Any) -> list[Any]:
    listed = config.get("layers") if isinstance(config, Mapping) else config
    return [la for la in listed if isinstance(la, Mapping)] if isinstance(listed, list) else []


def _name_classes(report: dict[str, Any], layers: Sequence[Mapping[str, Any]]) -> None:
    """Puts classes to the layers that have weights, in the order of the config; the others have none."""
    by_name = {la["name"]: la for la in report["layers"]}
    ordered = []
    for layer in layers:
        config = layer.get("config")
        own = config.get("name") if isinstance(config, Mapping) else None
        name = _text(layer.get("name") or own)
        empty: dict[str, Any] = {"name": name, "class": "", "weights": [], "parameters": 0, "bytes": 0}
        entry = by_name.pop(name, empty)
        entry["class"] = _text(layer.get("class_name"))
        ordered.append(entry)
    report["layers"] = [*ordered, *by_name.values()]


def _unknown(configs: Any) -> dict[str, int]:
    """Classes that kcore itself does not have, and how often they are named."""
    known = set().union(*own_names().values())
    counts: Counter[str] = Counter()
    for value, _ in _walked(configs):
        name = value.get("class_name") if isinstance(value, Mapping) else None
        if (
            isinstance(name, str)
            and name not in known
            and name not in ("Functional", "__tuple__", "__lambda__")
        ):
            counts[name[:200]] += 1
    return dict(counts)


def _odd_in(configs: Any) -> Iterator[str]:
    for value, where in _walked(configs):
        if isinstance(value, Mapping):
            name = value.get("class_name")
            kinds = {str(value.get(k)).lower() for k in ("function_type", "output_shape_type", "class_name")}
            if kinds & _HOLDS_CODE and (name == "__lambda__" or value.get("function_type") == "lambda"):
                yield f"{where}: holds Python code (a Lambda); it is not run without safe_mode=False"
            module = value.get("module")
            if (
                isinstance(module, str)
                and isinstance(name, str)
                and _KNOWN_MODULES.isdisjoint(module.split(".")[:3])
            ):
                yield f"{where}: names the module {module[:80]!r}; kcore imports none that a file names"
        elif isinstance(value, str):
            if "://" in value or value.startswith(("/", "~", "\\\\")):
                yield f"{where}: names a path or an address, {value[:80]!r}; kcore opens none that a file names"
        elif isinstance(value, int) and abs(value) > _LARGEST:
            yield f"{where}: holds a number of {len(str(abs(value)))} digits"


def _walked(config: Any) -> Iterator[tuple[Any, str]]:
    """Every value in a config, with the name of the object that it belongs to."""
    stack = [(config, "the config")]
    while stack:
        value, where = stack.pop()
        yield value, where
        if isinstance(value, Mapping):
            inner = value.get("config")
            if isinstance(inner, Mapping) and isinstance(inner.get("name"), str):
                where = f"{_text(value.get('class_name'))} {inner['name'][:80]!r}"
            stack.extend((v, where) for v in value.values())
        elif isinstance(value, (list, tuple)):
            stack.extend((v, where) for v in value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# to be read -------------------------------------------------------------------------------------------------
def told(report: Mapping[str, Any]) -> str:
    """A report as text."""
    size = os.path.basename(report["file"])
    lines = [f"{size}: {report['format']}, {report['kind']}, {_bytes(report['bytes'])}"]
    if report["written_by"]:
        lines.append("written by: " + ", ".join(f"{k} {v}" for k, v in report["written_by"].items()))
    if report["conventions"]:
        lines.append("conventions: " + ", ".join(f"{k}: {v}" for k, v in report["conventions"].items()))
    if report["model"]:
        lines.append(f"model: {report['model']['class']} {report['model']['name']!r}")
    lines += _table(report["layers"])
    lines.append(f"weights: {report['parameters']:,} numbers, {_bytes(report['weight_bytes'])}")
    if report["optimizer"]:
        told = report["optimizer"]
        lines.append(f"optimizer: {told['class']}, {told['variables']} variables, {_bytes(told['bytes'])}")
    for plugin in report["plugins"]:
        names = [n for listed in plugin["gives"].values() for n in listed]
        origin = f"{plugin['distribution']} {plugin['version']}".strip() or "the program that saved it"
        lines.append(f"needs: {origin}: {', '.join(names)}")
    for name, count in report["unknown"].items():
        lines.append(
            f"not of kcore itself: {name} ({count} times); a plug-in or custom_objects has to give it"
        )
    if report.get("verified"):
        lines.append("every checksum is right")
    lines += [f"SUSPICIOUS: {odd}" for odd in report["suspicious"]] or ["nothing suspicious"]
    return "\n".join(shown(line) for line in lines)


def _table(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [("layer", "class", "weights", "numbers")]
    for layer in layers:
        shapes = " ".join("x".join(map(str, w["shape"])) or "number" for w in layer["weights"])
        rows.append((layer["name"], layer["class"], shapes, f"{layer['parameters']:,}"))
    rows = [tuple(_short(shown(cell)) for cell in row) for row in rows]  # type: ignore[misc]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return (
        ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows] if layers else []
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _bytes(number: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"


def shown(text: str) -> str:
    """Text out of a file, with what a terminal would obey made visible."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
