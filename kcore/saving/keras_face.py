"""Keras 2's functions of `keras.engine.saving` and `keras.utils.io_utils` that work on open HDF5 groups and streams."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from . import hdf5
from .conventions import converted
from .gate import told_path
from .hdf5_gate import Checked, h5py, opened
from .restoring import made_by
from .snapshot import group_of
from .weights import plan_by_name, plan_in_order


class _Layers:
    """A list of layers, as a model is for plans."""

    name = "(a list of layers)"

    def __init__(self, layers: Sequence[Any]) -> None:
        self.layers = list(layers)
        self._trainable_weights: list[Any] = []
        self._non_trainable_weights: list[Any] = []


def save_weights_to_hdf5_group(f: Any, layers: Sequence[Any]) -> None:
    """Writes the weights of `layers` into an open h5py group."""
    hdf5.write_layers(f, [group_of(layer.name, layer.weights) for layer in layers], made_by())


def load_weights_from_hdf5_group(f: Any, layers: Sequence[Any], reshape: bool = False) -> None:
    """Weights out of an open h5py group into `layers`, one after the other; all or nothing. Raises WeightsMismatch."""
    groups, about = _groups_in(f)
    plan_in_order(_Layers(layers), groups, about, told_path(f), reshape).apply()


def load_weights_from_hdf5_group_by_name(
    f: Any, layers: Sequence[Any], skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Weights out of an open h5py group into the layers of the same names. Raises WeightsMismatch."""
    groups, about = _groups_in(f)
    plan_by_name(_Layers(layers), groups, about, told_path(f), skip_mismatch, reshape).apply()


def _groups_in(f: Any) -> Any:
    tree = Checked(f, told_path(f), f.file.id.get_filesize()).tree
    return hdf5.groups_in(tree), hdf5.about(tree)


def preprocess_weights_for_loading(
    layer: Any,
    weights: Sequence[Any],
    original_keras_version: str | None = None,
    original_backend: str | None = None,
    reshape: bool = False,
) -> list[Any]:
    """Weights of a layer as another Keras, or another backend, laid them out, in the layout of kcore."""
    about = {"keras_version": original_keras_version or "2"}
    if original_backend is not None:
        about["backend"] = original_backend
    return converted(layer, list(weights), about, f"layer {layer.name!r}", reshape)


def save_attributes_to_hdf5_group(group: Any, name: str, data: Sequence[Any]) -> None:
    """A list of names as an attribute, divided into name0, name1, ... where it is too long for one."""
    hdf5.write_names(group, name, [d.decode("utf-8") if isinstance(d, bytes) else str(d) for d in data])


def load_attributes_from_hdf5_group(group: Any, name: str) -> list[str]:
    """What `save_attributes_to_hdf5_group` wrote; an empty list if there is none."""
    return Checked(group, told_path(group), group.file.id.get_filesize()).tree.names(name) or []


def save_to_binary_h5py(save_function: Callable[[Any], Any], stream: Any) -> None:
    """What `save_function(h5py_file)` writes, as bytes of an HDF5 file into a binary stream."""
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        save_function(file)
    stream.write(held.getvalue())


def load_from_binary_h5py(load_function: Callable[[Any], Any], stream: Any) -> Any:
    """What `load_function(h5py_file)` makes of the bytes of an HDF5 file in a stream. Raises FileRefused."""
    held = io.BytesIO(stream.read())
    with opened(held):  # through the gate, before anybody reads it
        pass
    with h5py.File(held, "r") as file:
        return load_function(file)
