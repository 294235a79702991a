"""What holds for every layer: configs and weights go round, shapes told are shapes computed, gradients are right, ...

Each check takes a `LayerSample` and raises AssertionError where it finds something else than the sample promises. They
run on the engine in use.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from .. import backend as K
from .. import layers, losses
from ..backend.tensor import SymbolicTensor
from ..errors import Unsupported
from ..kernel.context import engine
from ..layers.base import Layer
from ..layers.nesting import to_list
from ..layers.policy import policy_scope
from .layer_samples import LayerSample

# how far results may be from those in float64, relative to the largest
CLOSE = {"bfloat16": 1e-1, "float16": 2e-2, "float32": 2e-5, "float64": 1e-12}


class Built:
    """A sample's layer, called on placeholders, its weights set to fixed values."""

    def __init__(
        self,
        sample: LayerSample,
        layer: Any = None,
        open_axes: Sequence[int] = (),
        dtype: str | None = None,
        masks: bool = False,
    ) -> None:
        self.sample = sample
        self.layer = sample.make() if layer is None else layer
        kind = "int32" if sample.integers is not None else dtype
        self.inputs = [
            layers.Input(batch_shape=(None, *_opened(s, open_axes)), dtype=kind) for s in sample.shapes
        ]
        self.masks = (
            [K.placeholder((None, s[_steps(sample)]), dtype="float32") for s in sample.shapes]
            if masks
            else []
        )
        given = (
            [_Masked()([x, m]) for x, m in zip(self.inputs, self.masks, strict=True)]
            if masks
            else self.inputs
        )
        result = self.layer(given[0] if len(given) == 1 else given)
        self.outputs: list[Any] = to_list(result)
        rng = np.random.default_rng(7)
        self.layer.set_weights([_weight(rng, w) for w in self.layer.weights])
        self._functions: dict[tuple[int, ...], Any] = {}

    def run(self, tensors: Sequence[Any], values: Sequence[np.ndarray], phase: int = 0) -> list[Any]:
        wanted = tuple(id(t) for t in tensors)
        if wanted not in self._functions:  # an engine that compiles does so once
            fed = [*self.inputs, *self.masks, K.learning_phase()]
            self._functions[wanted] = K.function(fed, list(tensors))
        return [np.asarray(v) for v in self._functions[wanted]([*values, phase])]

    def __call__(self, values: Sequence[np.ndarray], phase: int = 0) -> list[Any]:
        return self.run(self.outputs, values, phase)


_references: list[tuple[LayerSample, str, str, Built, list[Any]]] = []


def reference(sample: LayerSample) -> tuple[Built, list[Any]]:
    """The sample's layer as it is and what it computes, which several checks compare with: made once for the checks
    of one sample. Its weights are not to be changed."""
    here = engine().name, K.floatx()
    for known, *where, built, results in _references:
        if known is sample and tuple(where) == here:
            return built, results
    built = Built(sample)
    _references.append((sample, *here, built, built(sample.inputs())))
    del _references[:-4]
    return _references[-1][-2:]


class _Masked(Layer):
    """[x, m] -> x with the mask m (batch, steps), given as numbers."""

    def call(self, inputs: Any) -> Any:
        return K.identity(inputs[0])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return K.cast(inputs[1], "bool")

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]


def _opened(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int | None, ...]:
    return tuple(None if axis in axes else size for axis, size in enumerate(shape, 1))


def _weight(rng: Any, weight: Any) -> np.ndarray:
    value = rng.uniform(-0.6, 0.6, weight.shape)
    return np.abs(value) + 0.1 if "variance" in weight.name else value


def _close(got: Sequence[Any], want: Sequence[Any], limit: float, what: str) -> None:
    assert len(got) == len(want), f"{what}: {len(got)} results, {len(want)} expected"
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape, f"{what}: result {i} has shape {a.shape}, {b.shape} expected"
        a, b = a.astype("float64"), b.astype("float64")
        error = np.abs(a - b).max() / max(np.abs(b).max(), 1e-3) if b.size else 0.0
        assert error <= limit, f"{what}: result {i} is off by {error:.2g} of its scale; {limit:g} allowed"


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Layers made inside are of this type."""
    before = K.floatx()
    K.set_floatx(dtype)
    try:
        yield
    finally:
        K.set_floatx(before)


# the checks ----------------------------------------------------------------------------------------------------
def check_config(sample: LayerSample) -> None:
    """A layer made from the config (as JSON has it) has the same config and computes the same."""
    built, want = reference(sample)
    config = built.layer.get_config()
    text = json.dumps(config)
    copy = type(built.layer).from_config(json.loads(text))
    assert json.loads(json.dumps(copy.get_config())) == json.loads(text)
    told = json.loads(json.dumps(layers.serialize(built.layer)))
    again = layers.deserialize(told, {type(built.layer).__name__: type(built.layer)})
    assert type(again) is type(built.layer)
    assert json.loads(json.dumps(again.get_config())) == json.loads(text)
    _close(Built(sample, copy)(sample.inputs()), want, 1e-6, "a layer of the same config")


def check_weights(sample: LayerSample) -> None:
    """Weights come back as they were set, in an order that another layer of the config takes; others are refused."""
    layer = Built(sample).layer
    rng = np.random.default_rng(11)
    given = [_weight(rng, w).astype("float32") for w in layer.weights]
    layer.set_weights(given)
    got = layer.get_weights()
    assert [w.shape for w in got] == [w.shape for w in layer.weights]
    for a, b in zip(got, given, strict=True):
        np.testing.assert_array_equal(a, b)
    assert layer.count_params() == sum(w.size for w in given)
    assert len({w.name for w in layer.weights}) == len(given), "two weights have one name"
    other = Built(sample, type(layer).from_config(layer.get_config())).layer
    other.set_weights(got)
    for a, b in zip(other.get_weights(), got, strict=True):
        np.testing.assert_array_equal(a, b)
    for wrong in ([*given, np.zeros(1)], [np.zeros((*w.shape, 2)) for w in given] or [np.zeros(2)]):
        try:
            layer.set_weights(wrong)
        except ValueError:
            continue
        raise AssertionError("weights that do not fit were taken")


def check_shapes(sample: LayerSample) -> None:
    """The shapes told for known and for unknown sizes are those computed, and so are the values."""
    values = sample.inputs()
    known, want = reference(sample)
    for axes in dict.fromkeys(((), sample.open)):
        built = Built(sample, open_axes=axes) if axes else known
        told = _shape_list(built.layer.compute_output_shape(_one([K.int_shape(x) for x in built.inputs])))
        symbolic = [K.int_shape(o) for o in built.outputs]
        got = built(values)
        assert [len(s) for s in told] == [a.ndim for a in got], (
            f"told {told}, computed {[a.shape for a in got]}"
        )
        for shape, other, array in zip(told, symbolic, got, strict=True):
            for size, second, real in zip(shape, other, array.shape, strict=True):
                assert size in (None, real), f"told {shape}, computed {array.shape}"
                assert second in (None, real), f"symbolic {other}, computed {array.shape}"
            if not axes:
                assert None not in (*shape[1:], *other[1:]), (
                    f"sizes left open: told {shape}, symbolic {other}"
                )
        if axes:
            _close(got, want, 1e-6, "with sizes unknown")
    smaller = [v[:1] for v in values]
    if not _has_fixed_batch(sample) and sample.training == "same":
        _close(known(smaller), [w[:1] for w in want], 1e-5, "a batch of one")


def _one(shapes: list[Any]) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes


def _shape_list(told: Any) -> list[Any]:
    return list(told) if isinstance(told, list) else [told]


def _has_fixed_batch(sample: LayerSample) -> bool:
    return "noise_shape" in sample.config


def check_gradient(sample: LayerSample) -> None:
    """Gradients with respect to inputs and weights agree with central differences along random directions (float64).

    They are those of a weighted sum of the outputs, and of the loss that belongs to the layer, if there is one. Where
    training uses statistics of the batch they are checked in both phases.
    """
    if "float64" not in _types():
        raise Unsupported(f"engine {engine().name!r} has no float64, in which gradients are compared.")
    with floatx("float64"):
        built = Built(sample, dtype="float64")
        values = sample.inputs()
        if sample.settled:
            updating = K.function([*built.inputs, K.learning_phase()], [], updates=built.layer.updates)
            for _ in range(sample.settled):
                updating([*values, 1])
        for phase in (0, 1) if sample.training == "statistics" else (0,):
            _check_gradient(sample, built, values, phase)


def _check_gradient(sample: LayerSample, built: Built, values: list[np.ndarray], phase: int) -> None:
    rng = np.random.default_rng(5)
    total, fed, targets = _total(sample, built, rng)
    weights = built.layer.trainable_weights
    points = [] if sample.integers is not None else list(built.inputs)
    if not points and not weights:
        return
    found = K.gradients(total, [*points, *weights])
    assert all(g is not None for g in found), "no gradient for an input or a weight"
    compute = K.function(fed, [total, *found])  # one for both: an engine that compiles does so once
    arrays = [np.asarray(v) for v in compute([*values, *targets, phase])[1:]]
    start = [K.get_value(w) for w in weights]

    def at(moved: Sequence[np.ndarray], step: float) -> float:
        given = [v + step * d for v, d in zip(values, moved, strict=False)] if points else values
        for w, v, d in zip(weights, start, moved[len(points) :], strict=True):
            K.set_value(w, v + step * d)
        return float(compute([*given, *targets, phase])[0])

    for part in (points, weights):
        if not part:
            continue
        directions = [
            rng.uniform(-1, 1, a.shape) if any(t is p for p in part) else np.zeros(a.shape)
            for t, a in zip([*points, *weights], arrays, strict=True)
        ]
        step = 1e-6
        slope = (at(directions, step) - at(directions, -step)) / (2 * step)
        told = sum(float((a * d).sum()) for a, d in zip(arrays, directions, strict=True))
        scale = max(1.0, sum(float(np.abs(a * d).sum()) for a, d in zip(arrays, directions, strict=True)))
        assert abs(slope - told) <= 1e-6 * scale, f"gradient {told}, differences {slope}"
    at([np.zeros(a.shape) for a in arrays], 0.0)


def _total(sample: LayerSample, built: Built, rng: Any) -> tuple[Any, Any, Any]:
    """What is differentiated, what is fed (inputs, targets, phase), and the targets."""
    with floatx("float32"):
        shapes = [np.shape(o) for o in reference(sample)[1]]
    total = sum(
        K.sum(o * K.constant(rng.uniform(-1, 1, s), dtype="float64"))
        for o, s in zip(built.outputs, shapes, strict=True)
    )
    loss, held, targets = _own_loss(sample, built)
    return total + sum(loss), [*built.inputs, *held, K.learning_phase()], targets


def _own_loss(sample: LayerSample, built: Built) -> tuple[list[Any], list[Any], list[np.ndarray]]:
    """The loss that belongs to the layer, the placeholder of its targets, and targets; nothing, if there is none."""
    if not sample.loss:
        return [], [], []
    kind = K.floatx() if sample.target_integers is None else "int32"
    held = K.placeholder((None, *sample.target), dtype=kind)
    return [K.sum(losses.get(sample.loss)(held, built.outputs[0]))], [held], [sample.targets()]


def check_mask(sample: LayerSample) -> None:
    """A mask is passed on, ended, made anew or refused, as the sample says; what it hides does not matter."""
    if sample.mask == "refuses":
        try:
            Built(sample, masks=True)
        except TypeError as error:
            assert "mask" in str(error) and sample.class_name in str(error), str(error)
            return
        raise AssertionError("a mask was taken; TypeError expected")
    built = Built(sample, masks=True)
    values = sample.inputs()
    masks = [np.ones((len(values[0]), s[_steps(sample)])) for s in sample.shapes]
    for mask in masks:
        mask[0, -1] = mask[1, 0] = 0.0
    told = built.outputs[0]._keras_mask
    if sample.mask == "ends":
        assert told is None, "a mask is given on; none expected"
    else:
        assert isinstance(told, SymbolicTensor), "no mask is given on"
    wanted = [t for t in (told,) if t is not None]
    count, wanted = len(wanted), [*wanted, *(built.outputs if sample.heeds else ())]
    if not wanted:
        return
    found = built.run(wanted, [*values, *masks])
    assert all(m.dtype == bool for m in found[:count])
    if sample.mask == "passes":
        np.testing.assert_array_equal(found[0], masks[0].astype(bool))
    if sample.heeds:
        hidden = [np.where(_along(m, v, _steps(sample)), v, 9.0) for m, v in zip(masks, values, strict=True)]
        shown, other = found[count:], built.run(wanted, [*hidden, *masks])[count:]
        rows = masks[0].astype(bool)
        for a, b in zip(shown, other, strict=True):
            kept = rows if a.ndim > 2 and a.shape[1] == rows.shape[1] else slice(None)
            if sample.config.get("go_backwards"):
                kept = rows[:, ::-1] if a.ndim > 2 else slice(None)
            _close([b[kept]], [a[kept]], 1e-6, "with other values at masked steps")
        if "float16" in _types():  # what holds a state still in a wide type may not be a number in this one
            narrow = Built(sample, _with_dtype(sample, "float16"), dtype="float16", masks=True)
            _close(narrow([*values, *masks]), shown, CLOSE["float16"], "float16 with masks")


def _steps(sample: LayerSample) -> int:
    """Where in an input's shape (without batch) the steps stand."""
    return -1 if sample.config.get("data_format") == "channels_first" and len(sample.shapes[0]) == 2 else 0


def _along(mask: np.ndarray, values: np.ndarray, steps: int) -> np.ndarray:
    """The mask spread over values, as truth values."""
    axes = [a for a in range(values.ndim) if a not in (0, steps + 1 if steps == 0 else values.ndim - 1)]
    return np.expand_dims(mask > 0, tuple(axes))


def check_data_format(sample: LayerSample) -> None:
    """With the channels first a layer computes what it computes with the channels last."""
    if sample.config.get("data_format") != "channels_first":
        return
    values = sample.inputs()
    first = Built(sample)
    got = first(values)
    axis = sample.channels or 1
    turned = tuple((*s[: axis - 1], *s[axis:], s[axis - 1]) for s in sample.shapes)
    last = Built(_reshaped(sample.with_config(data_format="channels_last"), turned))
    if sample.channels is None:
        return
    last.layer.set_weights(first.layer.get_weights())
    want = last([np.moveaxis(v, axis, -1) for v in values])
    back = [
        w if w.ndim < values[0].ndim - (axis - 1) else np.moveaxis(w, -1, axis - values[0].ndim + w.ndim)
        for w in want
    ]
    _close(got, back, 2e-5, "with the channels first")


def _reshaped(sample: LayerSample, shapes: tuple[tuple[int, ...], ...]) -> LayerSample:
    return replace(sample, shapes=shapes)


def _types() -> list[str]:
    """The float types of the engine in use, the widest first; those that it computes in another one too."""
    used = engine()
    has = lambda kind: kind == "float32" or used.can(kind) or kind in used.computed_in
    return [kind for kind in ("float64", "float32", "float16", "bfloat16") if has(kind)]


def check_dtypes(sample: LayerSample) -> None:
    """In each float type that the engine has the results are of this type and near to those in the widest."""
    values = sample.inputs()
    exact: list[Any] = []
    for dtype in _types():
        if dtype == K.floatx():
            built, got = reference(sample)
        else:
            built = Built(sample, _with_dtype(sample, dtype), dtype=dtype)
            got = built(values)
        assert {w.dtype for w in built.layer.weights} <= {dtype}, [w.dtype for w in built.layer.weights]
        assert {K.dtype(o) for o in built.outputs} == {dtype}, [K.dtype(o) for o in built.outputs]
        if dtype != "bfloat16":  # NumPy has none: its values come as another type
            assert {str(a.dtype) for a in got} == {dtype}, [str(a.dtype) for a in got]
        exact = exact or got
        _close(got, exact, CLOSE[dtype], dtype)


def check_policies(sample: LayerSample) -> None:
    """Under a mixed policy results are of the compute type and near to those in float32, weights and their gradients
    stay in float32; the policy goes round through the config."""
    values = sample.inputs()
    exact = reference(sample)[1]
    for name in (f"mixed_{kind}" for kind in _types() if kind in ("float16", "bfloat16")):
        with policy_scope(name) as policy:
            built = Built(sample)
        layer, kind = built.layer, policy.compute_dtype
        assert layer.dtype_policy == policy, layer.dtype_policy
        assert {K.dtype(o) for o in built.outputs} == {kind}, [K.dtype(o) for o in built.outputs]
        assert {w.dtype for w in layer.weights} <= {"float32"}, [w.dtype for w in layer.weights]
        wide = [K.cast(o, "float32") for o in built.outputs]
        points = [*layer.trainable_weights, *(x for x in built.inputs if K.dtype(x) == "float32")]
        loss, held, targets = _own_loss(sample, built)
        total = sum(K.sum(o) for o in wide) + sum(K.cast(v, "float32") for v in loss)
        slopes = K.gradients(total, points) if points else []
        assert all(s is not None and K.dtype(s) == "float32" for s in slopes), slopes
        run = K.function([*built.inputs, *held, K.learning_phase()], [*wide, *slopes])
        got = [np.asarray(v) for v in run([*values, *targets, 0])]
        _close(got[: len(exact)], exact, CLOSE[kind], name)
        assert all(np.isfinite(s).all() for s in got[len(exact) :]), f"{name}: a gradient is not finite"
        config = json.loads(json.dumps(layer.get_config()))
        assert type(layer).from_config(config).dtype_policy == policy, config["dtype"]


def _with_dtype(sample: LayerSample, dtype: str) -> Any:
    """The sample's layer, it and all within it being of a type."""

    def typed(config: dict[str, Any]) -> dict[str, Any]:
        return {**{k: nested(v) for k, v in config.items()}, "dtype": dtype}

    def nested(value: Any) -> Any:
        if isinstance(value, dict) and "class_name" in value:
            inner = value["config"]
            return {**value, "config": typed(inner) if isinstance(inner, dict) else inner}
        return [nested(v) for v in value] if isinstance(value, list) else value

    return sample.make(**typed(sample.config))


def check_training(sample: LayerSample) -> None:
    """Training is as inference, or random, or uses and gathers the batch's statistics, as the sample says."""
    values = sample.inputs(batch=3)
    if sample.training == "same":
        known, quiet = reference(sample)
        assert not known.layer.updates
        _close(known(values), quiet, 1e-7, "inference, again")
        _close(known(values, phase=1), quiet, 1e-6, "training")
        return
    built = Built(sample)
    updates = built.layer.updates
    function = K.function([*built.inputs, K.learning_phase()], built.outputs, updates=updates)
    quiet = [np.asarray(v) for v in function([*values, 0])]
    _close(
        function([*values, 0]), quiet, 1e-7 if sample.training != "statistics" else np.inf, "inference, again"
    )
    before = built.layer.get_weights()
    loud = [np.asarray(v) for v in function([*values, 1])]
    assert not np.allclose(loud[0], quiet[0], atol=1e-3), "training gives what inference gives"
    if sample.training == "random":
        assert not np.allclose(function([*values, 1])[0], loud[0], atol=1e-3), "the same numbers twice"
        return
    trained = {id(w) for w in built.layer.trainable_weights}
    for weight, old in zip(built.layer.weights, before, strict=True):
        new = K.get_value(weight)
        kept = id(weight) in trained or not built.layer.trainable
        assert np.array_equal(new, old) == kept, f"{weight.name} after an update"


CHECKS: dict[str, Callable[[LayerSample], None]] = {
    "config": check_config, "weights": check_weights, "shapes": check_shapes, "gradient": check_gradient,
    "mask": check_mask, "data_format": check_data_format, "dtypes": check_dtypes, "policies": check_policies,
    "training": check_training,
}  # fmt: skip
