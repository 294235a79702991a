"""What a format of model files is, and which one a file is in: by its suffix when saved, by its bytes when read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError, FileRefused
from ..kernel.registry import OWN, registries
from .gate import head_of, told_path

DEFAULT = "hdf5"  # Keras 2's: what a file is written in whose suffix says nothing, and an open h5py.File


@dataclass(frozen=True)
class ModelFormat:
    """How models go into files of one format and come out of them.

    suffixes: what names of such files end in, with the dot; the longest that fits wins, kcore's own before those of
    plug-ins. matches: whether a file that
    starts with these bytes (512, or the whole file if it is shorter) is in this format.

    Where a function takes a `target` or a `source`, it is a path (str or os.PathLike) or an open binary file; a
    format may take more. What a format cannot do is None.

    save(model, target, *, include_optimizer); save_weights(model, target): write the whole or nothing.
    load(source, *, custom_objects, compile, safe_mode): a new model.
    load_weights(model, source, *, by_name, skip_mismatch, reshape): into a model, all or nothing.
    export(model, target): for running elsewhere; such a file is not loaded again.
    """

    name: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    save: Callable[..., None] | None = None
    load: Callable[..., Any] | None = None
    save_weights: Callable[..., None] | None = None
    load_weights: Callable[..., Any] | None = None
    export: Callable[..., None] | None = None

    def can(self, what: str) -> bool:
        return getattr(self, what) is not None


def by_name(name: str) -> ModelFormat:
    """The format called `name`. Raises UnknownName."""
    found: ModelFormat = registries.model_formats.get(name)
    return found


def for_saving(target: Any, what: str = "save") -> ModelFormat:
    """The format in which `target` is written: by the suffix of a path, else Keras 2's HDF5.

    what: 'save', 'save_weights' or 'export'. Raises ArgumentError if that format cannot do it.
    """
    chosen = _by_suffix(told_path(target)) or by_name(DEFAULT)
    return _that_can(chosen, what, told_path(target))


def for_loading(source: Any, what: str = "load") -> ModelFormat:
    """The format in which `source` is, by its first bytes. Raises FileRefused if there is none."""
    head = head_of(source)
    for known in _formats():
        if known.matches(head):
            return _that_can(known, what, told_path(source))
    raise FileRefused(
        f"{told_path(source)}: is in no known format of models. Known: {', '.join(registries.model_formats.names())}."
    )


def _formats() -> Iterator[ModelFormat]:
    for known in _by_origin():
        yield from known


def _by_suffix(path: str) -> ModelFormat | None:
    name = os.path.basename(path).lower()
    for known in _by_origin():
        fitting = [(len(s), f) for f in known for s in f.suffixes if name.endswith(s.lower())]
        if fitting:
            return max(fitting, key=lambda pair: pair[0])[1]
    return None


def _by_origin() -> Iterator[list[ModelFormat]]:
    """kcore's own formats, then those of plug-ins, which are loaded only if it comes to that."""
    registry = registries.model_formats
    own = [n for n in registry.names() if registry.origin(n).distribution == OWN]
    yield [registry.get(n) for n in own]
    yield [registry.get(n) for n in registry.names() if n not in own]


def _that_can(chosen: ModelFormat, what: str, told: str) -> ModelFormat:
    if chosen.can(what):
        return chosen
    able = [f"{f.name} ({', '.join(f.suffixes)})" for f in _formats() if f.can(what)]
    raise ArgumentError(
        f"{told}: the format {chosen.name!r} cannot {what.replace('_', ' ')}; these can: {', '.join(able) or 'none'}."
    )
