"""kcore's own format, `.kcore`: a zip file of arrays as they lie in memory, and a manifest.

It holds everything that training is made of: architecture, weights, what `compile` was given, the optimizer's
variables, the counters of random operations, states of recurrent layers, the states of NumPy's and Python's generators
(put back only by `restore_random_state`), and where each layer came from. `docs/saving.md` has the layout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import Any

import numpy as np

from ..backend.random_state import seeds_in
from ..backend.variables import Variable
from ..errors import CannotMap, FileRefused, UnknownName
from ..kernel.registry import registries
from ..training.randomness import random_state, set_random_state
from . import container, manifest
from .formats import ModelFormat
from .gate import refused
from .manifest import Manifest, Stored
from .provenance import advice, plugins_of
from .restoring import groups_of, made_by, model_from, snapshot_of
from .snapshot import Held, Snapshot
from .weights import Plan, plan_by_name, plan_in_order

_GENERATOR = "MT19937"  # the one of NumPy's global functions


# saving -----------------------------------------------------------------------------------------------------
def save(model: Any, target: Any, *, include_optimizer: bool = True, random: bool = True) -> None:
    """The whole model. random: also the states of the global generators."""
    snapshot = snapshot_of(model, include_optimizer)
    values, arrays = _state_of(model)
    if random:
        more_values, more_arrays = _generators()
        values, arrays = {**values, **more_values}, {**arrays, **more_arrays}
    _write(
        target,
        Manifest(
            kind="model",
            written_by=_written_by(model),
            plugins=plugins_of(snapshot.architecture, snapshot.training),
            architecture=snapshot.architecture,
            training=snapshot.training,
            layers=snapshot.layers,
            optimizer=snapshot.optimizer,
            values=values,
            arrays=arrays,
        ),
    )


def save_weights(model: Any, target: Any) -> None:
    """The weights alone."""
    _write(target, Manifest("weights", _written_by(model), (), None, None, groups_of(model), None, {}, {}))


def _write(target: Any, told: Manifest) -> None:
    with container.written(target) as writer:
        manifest.write(writer, told)


def _written_by(model: Any) -> dict[str, str]:
    return {"kcore": registries.layers.origin("Dense").version, "engine": model.backend, "model": model.name}


# beside weights and optimizer -------------------------------------------------------------------------------
def _state_of(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    values: dict[str, Any] = {"seeds": [int(s.value) for s in seeds_in(model.outputs)]}
    counter = getattr(getattr(model, "_steps", None), "counter", None)
    if counter is not None:
        values["random_counter"] = int(counter.numpy())
    return values, {f"states/{i}": Held(v) for i, v in enumerate(_carried(model))}


def _carried(model: Any) -> list[Variable]:
    """States of recurrent layers that last from one batch to the next."""
    found: list[Any] = []
    for layer in model.layers:
        found += [s for s in getattr(layer, "states", None) or () if isinstance(s, Variable)]
        found += _carried(layer) if hasattr(layer, "layers") else []
    return list(dict.fromkeys(found))


def put_state(model: Any, told: Manifest, where: str) -> None:
    """The counter and seeds of random operations, and states that last from batch to batch, into a new model."""
    counter, seeds = told.values.get("random_counter", 0), told.values.get("seeds", [])
    if not isinstance(seeds, list) or not all(
        type(n) is int and -(2**63) <= n < 2**63 for n in [counter, *seeds]
    ):
        raise refused(
            where, manifest.MANIFEST, 11, "its random counter and seeds are no whole numbers of 64 bits"
        )
    if hasattr(model, "_steps"):
        model._steps.counter.assign_now(np.array(counter))
    own = seeds_in(model.outputs)
    for constant, seed in zip(own, seeds if len(own) == len(seeds) else ()):
        constant.value = np.array(seed, constant.value.dtype)
    for i, variable in enumerate(_carried(model)):
        stored = told.arrays.get(f"states/{i}")
        if stored is not None and tuple(stored.shape) == tuple(variable.shape):
            variable.assign_now(np.asarray(stored))


def _generators() -> tuple[dict[str, Any], dict[str, Any]]:
    state = random_state()
    kind, keys, position, has_gauss, gauss = state["host"]
    version, numbers, python_gauss = state["python"]
    if kind != _GENERATOR:
        return {}, {}
    values = {
        "host_generator": kind, "host_position": position, "host_has_gauss": has_gauss, "host_gauss": gauss,
        "python_version": version, "python_gauss": python_gauss,
    }  # fmt: skip
    return values, {"host_keys": keys, "python_numbers": numbers}


def restore_random_state(source: Any) -> None:
    """Puts NumPy's and Python's global generators where they were when the model in `source` was saved.

    With it, `load_model` and `fit` in a new process go on exactly as the old one would have. Raises FileRefused where
    the file holds no such states.
    """
    with container.opened(source) as found:
        told = manifest.read(found)
        values, arrays = told.values, told.arrays
        if values.get("host_generator") != _GENERATOR:
            raise FileRefused(f"{found.where}: holds no state of random generators.")
        try:
            host = (_GENERATOR, np.asarray(arrays["host_keys"]), int(values["host_position"]),
                    int(values["host_has_gauss"]), float(values["host_gauss"]))  # fmt: skip
            if host[1].shape != (624,) or not 0 <= host[2] <= 624:
                raise ValueError("not a state")
            python = (values["python_version"], np.asarray(arrays["python_numbers"]), values["python_gauss"])
            np.random.RandomState().set_state(host)  # tried first on generators that nobody uses
            Random().setstate((python[0], tuple(map(int, python[1])), python[2]))
            set_random_state({"host": host, "python": python})
        except (KeyError, TypeError, ValueError) as error:
            raise refused(found.where, manifest.MANIFEST, 11, "its random state is none") from error


# loading ----------------------------------------------------------------------------------------------------
def load(
    source: Any, *, custom_objects: Any = None, compile: bool = True, safe_mode: bool | None = None
) -> Any:
    """The model in a `.kcore` file. See `kcore.models.load_model`."""
    with container.opened(source) as found:
        told = manifest.read(found)
        snapshot = _snapshot(told, found.where)
        for stored in told.arrays.values():  # also those that loading does not use
            stored.verify()
        try:
            model = model_from(snapshot, custom_objects, compile, safe_mode)
        except (UnknownName, CannotMap) as error:
            hint = advice(told.plugins, str(error))
            raise (type(error)(f"{error}\n  {hint}") if hint else error) from None
        if compile:
            put_state(model, told, found.where)
        return model


def snapshot_in(found: container.Archive) -> Snapshot:
    """What a file holds; its arrays are read when they are needed, while it is open."""
    return _snapshot(manifest.read(found), found.where)


def _snapshot(told: Manifest, where: str) -> Snapshot:
    if told.architecture is None:
        raise FileRefused(
            f"{where}: holds weights alone, no model. Make the model, then load_weights() from this file."
        )
    # what `conventions` says, which the manifest was checked for, and never what the engine's name would suggest
    return Snapshot(told.architecture, told.layers, told.training, told.optimizer, made_by(), where)


def load_weights(
    model: Any, source: Any, *, by_name: bool = False, skip_mismatch: bool = False, reshape: bool = False
) -> Plan:
    """Weights out of a file into a model, all or nothing. See `Model.load_weights`."""
    with container.opened(source) as found:
        layers = manifest.read(found).layers
        if by_name:
            plan = plan_by_name(model, layers, made_by(), found.where, skip_mismatch, reshape)
        else:
            plan = plan_in_order(model, layers, made_by(), found.where, reshape)
        return plan.apply()


@contextmanager
def lazy_weights(source: Any) -> Iterator[Mapping[str, Mapping[str, Stored]]]:
    """The weights of a `.kcore` file as {layer: {weight: array}}, none of them read before it is asked for.

    `np.asarray(w)` reads one and checks it, while the block lasts; `w.mapped()` is an array that stays in the file, which
    may be larger than memory; `w.verify()` checks it.
    """
    with container.opened(source) as found:
        layers = manifest.read(found).layers
        yield {g.name: dict(zip(g.weight_names, g.arrays)) for g in layers}


FORMAT = ModelFormat(
    name="kcore",
    suffixes=(".kcore",),
    matches=manifest.is_kcore,
    save=save,
    load=load,
    save_weights=save_weights,
    load_weights=load_weights,
)
