"""Keras 3's files `.keras`: a zip of two texts and an HDF5 file of weights. Read, not written."""

from __future__ import annotations

import io
from typing import Any

from ..errors import FileRefused
from . import keras3_tree
from .archive import Archive, is_zip, opened_archive
from .configs import made
from .dialects import KERAS_3, dialect_of
from .formats import ModelFormat
from .gate import config_from_json
from .hdf5_gate import opened
from .restoring import check_is_built, compiled, in_keras_2, sized
from .snapshot import Snapshot
from .weights import Plan

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def matches(head: bytes) -> bool:
    """A zip whose first member is one of Keras 3's."""
    return is_zip(head) and any(head[30 : 30 + len(n)] == n.encode() for n in (_CONFIG, _METADATA, _WEIGHTS))


def load(
    source: Any, *, custom_objects: Any = None, compile: bool = True, safe_mode: bool | None = None
) -> Any:
    """The model in a `.keras` file. See `kcore.models.load_model`."""
    with opened_archive(source) as archive:
        metadata = config_from_json(archive.read(_METADATA, 2**20), archive.where, _METADATA)
        dialect = dialect_of(metadata.get("keras_version")) if isinstance(metadata, dict) else KERAS_3
        if dialect != KERAS_3:
            raise FileRefused(
                f"{archive.where}: was written by Keras {metadata.get('keras_version')}; `.keras` files of Keras 3 can be "
                "read. Save the model as .h5 there."
            )
        config = config_from_json(archive.read_config(_CONFIG), archive.where, _CONFIG)
        with _weights(archive) as checked:
            return _model(
                config,
                str(metadata["keras_version"]),
                checked,
                archive.where,
                custom_objects,
                compile,
                safe_mode,
            )


def _model(
    config: Any, version: str, checked: Any, where: str, custom_objects: Any, compile: bool, safe_mode: Any
) -> Any:
    root = checked.tree
    if not isinstance(config, dict):
        raise FileRefused(f"{where}: {_CONFIG} describes no model.")
    snapshot = Snapshot(
        config, (), config.get("compile_config"), made_by={"keras_version": version}, where=where
    )
    words = in_keras_2(snapshot, custom_objects, compile, safe_mode)
    with sized(where, checked.tally.total):
        model = made("layers", words.architecture, custom_objects, where)
    check_is_built(model, where, checked.tally.total)
    keras3_tree.plan(model, root, where).stream()
    if compile:
        _compile(model, root, words, custom_objects)
    return model


def _compile(model: Any, root: Any, snapshot: Snapshot, custom_objects: Any) -> None:
    def state(model: Any) -> Any:
        return keras3_tree.optimizer_group(root, model.optimizer, len(model._compiled.params))

    compiled(model, snapshot, custom_objects, state)


def load_weights(
    model: Any, source: Any, *, by_name: bool = False, skip_mismatch: bool = False, reshape: bool = False
) -> Plan:
    """The weights of a `.keras` file into a model, all or nothing."""
    with opened_archive(source) as archive, _weights(archive) as checked:
        if by_name:
            return keras3_tree.plan_by_name(model, checked.tree, archive.where, skip_mismatch).apply()
        return keras3_tree.plan(model, checked.tree, archive.where).apply()


def _weights(archive: Archive) -> Any:
    """The HDF5 file in the archive, through the gate for such files."""
    file = io.BytesIO(archive.read(_WEIGHTS))
    file.name = f"{archive.where}: {_WEIGHTS}"  # type: ignore[attr-defined]
    return opened(file)


FORMAT = ModelFormat(
    name="keras3", suffixes=(".keras",), matches=matches, load=load, load_weights=load_weights
)
