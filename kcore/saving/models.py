"""`save_model`, `load_model` and their like: what users call, for every format of files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .._lazy import lazy_module
from ..errors import ArgumentError, FileRefused
from . import formats
from .configs import plain, restored
from .dialects import dialect_of
from .formats import for_loading, for_saving
from .gate import budgets, config_from_json, refused
from .restoring import KERAS_VERSION

yaml = lazy_module("yaml")
h5py = lazy_module("h5py")


# whole models -----------------------------------------------------------------------------------------------
def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    include_optimizer: bool = True,
    format: str | None = None,
) -> None:
    """Writes a model, so that `load_model` gives one that predicts the same and goes on training where this one was.

    filepath: a path (str or os.PathLike), an open binary file, an h5py.File or Group. The suffix tells the format:
    `.h5` (also without a suffix) is Keras 2's HDF5, which Keras 2.3.1 reads. format: its name, instead of the suffix.
    The file is written as a whole or not at all. overwrite: False asks before a file is replaced. include_optimizer:
    also what the model was compiled with, and the optimizer's variables.

    Raises NotImplementedError for a model written as a class (save its weights), ArgumentError for a suffix whose
    format cannot save, OSError where the file cannot be written.
    """
    chosen = _format_for(filepath, "save", format)
    if _may_write(filepath, overwrite):
        assert chosen.save is not None
        chosen.save(model, _opened_path(filepath), include_optimizer=include_optimizer)


def load_model(
    filepath: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool | None = None
) -> Any:
    """The model in a file, in whatever format it is: told by its first bytes, not by its name.

    filepath: as for `save_model`. custom_objects: {name: class or function} for what is the user's own. compile: also
    what the model was compiled with, and the optimizer's state. safe_mode: nothing in a file is ever run as code;
    only with False the bytecode that Keras puts into files for Lambda layers, with a warning that names the layer.

    Raises FileRefused for a file that is damaged, hostile, or beyond the budgets (`kcore.saving.file_budgets`);
    UnknownName or CannotMap, which lists everything, for what is not known here; WeightsMismatch, with a table, for
    weights that do not fit; OSError where there is no such file. All of them but the last are ValueErrors.
    """
    with _open_once(filepath) as source:
        chosen = _hdf5() if _is_group(source) else for_loading(source, "load")
        assert chosen.load is not None
        return chosen.load(source, custom_objects=custom_objects, compile=compile, safe_mode=safe_mode)


# weights ----------------------------------------------------------------------------------------------------
def save_weights(model: Any, filepath: Any, overwrite: bool = True, format: str | None = None) -> None:
    """Writes the weights of all layers; `filepath`, `overwrite` and `format` as for `save_model`."""
    chosen = _format_for(filepath, "save_weights", format)
    if _may_write(filepath, overwrite):
        assert chosen.save_weights is not None
        chosen.save_weights(model, _opened_path(filepath))


def load_weights(
    model: Any, filepath: Any, by_name: bool = False, skip_mismatch: bool = False, reshape: bool = False
) -> Any:
    """Weights out of a file (of weights or of a whole model) into `model`; everything or nothing.

    by_name: into the layers of the same names; others, on both sides, are left alone. Otherwise layers count in their
    order, and every weight must have its place. skip_mismatch: with `by_name`, layers that do not fit are left as
    they are, with a warning. reshape: values of another shape but the same number are reshaped.

    Returns the plan that was carried out: `plan.rows` tells what became of each weight. Raises WeightsMismatch with
    the table of all that do not fit, FileRefused for a bad file; the model is then as it was.
    """
    if skip_mismatch and not by_name:
        raise ArgumentError(
            "load_weights(skip_mismatch=True) skips layers by their names: give by_name=True too."
        )
    with _open_once(filepath) as source:
        chosen = _hdf5() if _is_group(source) else for_loading(source, "load_weights")
        assert chosen.load_weights is not None
        return chosen.load_weights(
            model, source, by_name=by_name, skip_mismatch=skip_mismatch, reshape=reshape
        )


# architecture alone -----------------------------------------------------------------------------------------
def model_from_config(config: Mapping[str, Any], custom_objects: Any = None) -> Any:
    """A model from {'class_name': ..., 'config': ...}, in the dialect of any Keras; its weights start anew."""
    if isinstance(config, list):
        raise ArgumentError("a list of layers was given; Sequential.from_config(list) makes a model of it.")
    if not isinstance(config, Mapping):
        raise ArgumentError(f"a config is {{'class_name': ..., 'config': ...}}; {config!r} was given.")
    dialect = dialect_of(config.get("keras_version", KERAS_VERSION))
    wanted = {k: v for k, v in config.items() if k in ("class_name", "config", "registered_name")}
    return restored("layers", plain(wanted), custom_objects, "the config", dialect=dialect)


def model_from_json(json_string: str, custom_objects: Any = None) -> Any:
    """A model from `to_json()` of kcore or another Keras; its weights start anew."""
    config = config_from_json(json_string, "the JSON")
    return model_from_config(_with_dialect(config), custom_objects)


def model_from_yaml(yaml_string: str, custom_objects: Any = None) -> Any:
    """A model from `to_yaml()`; its weights start anew. Only plain YAML is read: a tag that asks for an object is
    refused. Needs the package PyYAML (kcore[yaml])."""
    if len(yaml_string) > budgets().max_config_bytes:
        raise refused("the YAML", "", 11, f"it has {len(yaml_string)} characters", "max_config_bytes")
    if "&" in yaml_string and "*" in yaml_string and _has_aliases(yaml_string):
        raise refused("the YAML", "", 11, "it uses aliases, by which a short text becomes an endless one")
    try:
        config = yaml.load(yaml_string, Loader=_plain_loader())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FileRefused(f"the YAML is refused: {str(error)[:300]} (rule 14).") from error
    return model_from_config(_with_dialect(config), custom_objects)


def to_yaml(description: Mapping[str, Any], **kwargs: Any) -> str:
    """A description of a model as YAML that `model_from_yaml`, and Keras 2's, read."""
    text: str = yaml.safe_dump(json.loads(json.dumps(plain(description))), **kwargs)
    return text


def _plain_loader() -> Any:
    """YAML's safe loader, which also reads the tuples that Keras 2's files tag, as lists."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor(
        "tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node, deep=True)
    )
    Loader.add_constructor(
        "tag:yaml.org,2002:python/unicode", lambda loader, node: loader.construct_scalar(node)
    )
    return Loader


def _has_aliases(text: str) -> bool:
    try:
        count = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return False  # what is wrong with it is told when it is read
    return count > 1000


def _with_dialect(config: Any) -> Any:
    """Later Kerases tell their version beside the config; a config of theirs without it is told by its words."""
    if not isinstance(config, Mapping):
        raise FileRefused("the text describes no model.")
    if "keras_version" not in config and "module" in config and "registered_name" in config:
        return {**config, "keras_version": "3.0.0"}
    return config


# where to -----------------------------------------------------------------------------------------------------
def _hdf5() -> Any:
    return formats.by_name("hdf5")


def _is_group(value: Any) -> bool:
    return isinstance(value, h5py.Group)


def _opened_path(value: Any) -> Any:
    if isinstance(value, (str, os.PathLike)) or _is_group(value):
        return value
    if hasattr(value, "read") or hasattr(value, "write"):
        return value
    raise ArgumentError(
        f"a path, an open binary file, an h5py.File or an h5py.Group is needed; {value!r} was given."
    )


@contextmanager
def _open_once(value: Any) -> Iterator[Any]:
    """What is to be read; a path is opened here and nowhere else, so that what is looked at first is what is read."""
    if not isinstance(value, (str, os.PathLike)):
        yield _opened_path(value)
        return
    with open(value, "rb") as file:
        yield file


def _format_for(target: Any, what: str, name: str | None) -> Any:
    if name is not None:
        chosen = formats.by_name(name)
        if not chosen.can(what):
            raise ArgumentError(f"the format {name!r} cannot {what.replace('_', ' ')}.")
        return chosen
    return _hdf5() if _is_group(target) else for_saving(_opened_path(target), what)


def _may_write(target: Any, overwrite: bool) -> bool:
    if overwrite or not isinstance(target, (str, os.PathLike)) or not os.path.exists(target):
        return True
    return _asks(f"{os.fspath(target)!r} is there already. Overwrite it? [y/n] ")


def _asks(question: str) -> bool:
    """What Keras 2 asks before it replaces a file; Raises FileExistsError where nobody can answer."""
    try:
        answer = input(question).strip().lower()
        while answer not in ("y", "n"):
            answer = input("y or n: ").strip().lower()
    except EOFError:
        raise FileExistsError(
            f"{question.split(' is there')[0]} is there already, and overwrite=False."
        ) from None
    return answer == "y"
