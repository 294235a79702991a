"""The variables of an optimizer, as different Kerases order and name them, in the order of kcore's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend as K
from ..errors import WeightsMismatch
from ..shapes import describe
from .snapshot import Group

# our slot -> what other Kerases call it
_SLOTS: dict[str, dict[str, tuple[str, ...]]] = {
    "SGD": {"moment": ("momentum", "m")},
    "RMSprop": {"accumulator": ("velocity", "rms")},
    "Adagrad": {"accumulator": ("accumulator",)},
    "Adadelta": {
        "accumulator": ("accumulated_grad", "accum_grad"),
        "delta_accumulator": ("accumulated_delta_var", "accum_var"),
    },
    "Adam": {"m": ("momentum", "m"), "v": ("velocity", "v"), "vhat": ("velocity_hat", "vhat")},
    "Adamax": {"m": ("momentum", "m"), "u": ("norm", "u", "v")},
    "Nadam": {"m": ("momentum", "m"), "v": ("velocity", "v")},
}
_SLOTS["AdamW"] = _SLOTS["Adam"]
# what other Kerases call the two variables of a LossScaleOptimizer
_SCALE = {
    "dynamic_scale": "scale",
    "current_loss_scale": "scale",
    "step_counter": "steps",
    "good_steps": "steps",
}


def is_named_by_slot(group: Group) -> bool:
    """Whether names tell the slots: those of tf.keras and Keras 3 do, those of Keras 2 are numbers."""
    return any(_last(n) in ("iteration", "iter") for n in group.weight_names[:1])


def arranged(
    optimizer: Any, group: Group, params: Sequence[Any], where: str, names: Sequence[str] | None = None
) -> list[Any]:
    """The arrays of `group` in the order of `optimizer.weights`. Raises WeightsMismatch.

    names: those of `params` in the file, if it has them in the order of their names.
    """
    if type(optimizer).__name__ == "LossScaleOptimizer" and is_named_by_slot(group):
        return _scaled(optimizer, group, params, where)
    slots = _SLOTS.get(type(optimizer).__name__)
    if slots is None or not is_named_by_slot(group):
        arrays = [np.asarray(a) for a in group.arrays]
        return arrays if slots is None else _of_keras_2(optimizer, arrays, params, names)
    found = _by_slot(slots, group)
    steps = np.asarray(found["iterations"][0]) if found["iterations"] else np.array(0)
    own: list[Any] = [steps]
    if hasattr(optimizer, "m_schedule"):
        product = found["u_product"]
        own.append(np.asarray(product[0]) if product else _product_of_momenta(optimizer, int(steps)))
    made = own
    for slot in optimizer.slots:
        arrays = found[slot]
        shapes = [tuple(optimizer.slot_shape(slot, p)) for p in params]
        if not arrays:  # not used by its settings: it starts with zeros
            made += [np.zeros(s, "float32") for s in shapes]
            continue
        if [tuple(a.shape) for a in arrays] != shapes:
            raise WeightsMismatch(
                f"{where}: {type(optimizer).__name__} has {len(shapes)} variables {slot!r} of shapes "
                f"{', '.join(map(describe, shapes))}; the file has {', '.join(describe(tuple(a.shape)) for a in arrays)}."
            )
        made += [np.asarray(a) for a in arrays]
    return made


def _of_keras_2(
    optimizer: Any, arrays: list[Any], params: Sequence[Any], names: Sequence[str] | None
) -> list[Any]:
    """Counters, then slot by slot an array for each parameter: as 2.3.1 has them, where earlier versions differ.

    Adam had no `vhat` before it had `amsgrad`. Seen in files that these versions wrote.
    """
    count, kept = len(params), list(optimizer.slots)
    if "vhat" in kept and len(arrays) == 1 + (len(kept) - 1) * count:
        arrays = [*arrays, *(np.zeros(optimizer.slot_shape("vhat", p), "float32") for p in params)]
    counters = len(arrays) - len(kept) * count
    if names is None or counters < 0:
        return arrays
    made = list(arrays)
    by_name = sorted(range(count), key=lambda i: names[i])
    # what was added above already stands in the order of the parameters, and all of it is alike
    for start in range(counters, len(arrays), count):
        for place, i in enumerate(by_name):
            made[start + i] = arrays[start + place]
    return made


def _scaled(optimizer: Any, group: Group, params: Sequence[Any], where: str) -> list[Any]:
    """The factor of the loss and the steps since it changed, where the file tells them; then the inner optimizer's."""
    inner, found = [], {}
    for name, array in zip(group.weight_names, group.arrays):
        last = _last(name)
        if last in _SCALE or name.startswith("loss_scale_optimizer/") and name.count("/") == 1:
            found[_SCALE.get(last, last)] = np.asarray(array)
        else:  # tf.keras leaves the inner optimizer's name away
            inner.append((f"inner/{name}" if name.startswith(("m/", "v/")) else name, array))
    names, arrays = zip(*inner) if inner else ((), ())
    own = [
        found.get(n, K.get_value(v)) for n, v in (("scale", optimizer.scale), ("steps", optimizer.good_steps))
    ]
    return [*own, *arranged(optimizer.optimizer, Group(group.name, names, arrays), params, where)]


def _last(name: str) -> str:
    return name.split(":")[0].rsplit("/", 1)[-1]


def _by_slot(slots: dict[str, tuple[str, ...]], group: Group) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {s: [] for s in (*slots, "iterations", "u_product")}
    words = sorted(((w, s) for s, ws in slots.items() for w in ws), key=lambda pair: -len(pair[0]))
    for name, array in zip(group.weight_names, group.arrays):
        parts, last = name.split(":")[0].split("/"), _last(name)
        if last in ("iteration", "iter"):
            found["iterations"].append(array)
        elif last.endswith("u_product") or last == "variable":
            found["u_product"].append(array)
        elif last == "learning_rate":
            continue
        else:
            for word, slot in words:
                if last == word or last.endswith(f"_{word}") or (len(parts) > 2 and parts[1] == word):
                    found[slot].append(array)
                    break
    return found


def _product_of_momenta(optimizer: Any, steps: int) -> np.ndarray:
    """Nadam's product of all momenta so far, which some do not save: it follows from the number of steps."""
    beta_1 = float(optimizer.get_config()["beta_1"])
    times = np.arange(1, steps + 1)
    return np.array(np.prod(beta_1 * (1.0 - 0.5 * 0.96 ** (times * optimizer.schedule_decay))), "float32")
