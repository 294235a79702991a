"""What is checked of one operation on one engine. Raises `Mismatch` with what to run to see it again."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import dtypes
from ..backend.declare import Operation, declared, operation
from ..backend.gradients import gradients
from ..backend.program import Program
from ..backend.tensor import Constant, Placeholder, SymbolicTensor
from ..errors import ArgumentError, ShapeError, Unsupported
from ..kernel.context import engine as engine_named
from ..kernel.engine import Interpreter
from ..kernel.flat import FlatProgram
from .reference import REFERENCE
from .samples import RANDOM, NoSamples, Sample, edges, samples
from .snippets import snippet

LEVELS = ("inference", "training", "recurrent")
CHECKS = ("value", "edges", "unknown", "gradient", "second_order")

# relative and absolute, for results of each type; an engine may loosen them for its own tests
TOLERANCE = {"float64": (1e-9, 1e-10), "float32": (1e-4, 2e-5), "float16": (1e-2, 1e-3)}
_STEP = 1e-5  # of the finite differences
_DIRECTIONS = 4


class Mismatch(AssertionError):
    """An engine's result is not what the declaration says."""

    def __init__(self, text: str, snippet: str = "") -> None:
        super().__init__(f"{text}\n\n{snippet}" if snippet else text)
        self.text = text
        self.snippet = snippet


class NotApplicable(Exception):
    """This check says nothing about this operation (its message tells why)."""


@dataclass(frozen=True)
class Result:
    """What became of one check: 'passed', 'failed', 'unsupported' or 'skipped', and why."""

    state: str
    reason: str = ""
    snippet: str = ""


# graphs ------------------------------------------------------------------------------------------------------
def _observe_svd(u: Any, s: Any, vh: Any) -> list[Any]:
    scaled = u * operation("expand_dims")(s, -2)
    return [s, operation("matmul")(scaled, vh), u * u, vh * vh]


def _observe_qr(q: Any, r: Any) -> list[Any]:
    return [operation("matmul")(q, r), q * q, r * r]


# results that are defined up to signs only: what of them is compared
_OBSERVED: dict[str, Callable[..., list[Any]]] = {"svd": _observe_svd, "qr": _observe_qr}


def graph(op: Operation, sample: Sample, unknown: str = "") -> tuple[list[Placeholder], list[SymbolicTensor]]:
    """Placeholders for the sample's arrays, and the results. `unknown` leaves sizes of the first tensor open:
    'all', 'spatial' (all but the channels) or 'first' (axis 0)."""
    inputs = []
    for i, array in enumerate(sample.arrays()):
        shape: tuple[int | None, ...] = array.shape
        if unknown == "all" and i == 0:
            shape = (None,) * array.ndim
        elif unknown == "spatial" and i == 0 and array.ndim > 1:
            given = [v for v in (*sample.args, *sample.kwargs.values()) if isinstance(v, str)]
            channels = 1 if "channels_first" in given else array.ndim - 1
            shape = tuple(d if axis == channels else None for axis, d in enumerate(shape))
        elif unknown == "first" and i == 0 and array.ndim:
            shape = (None, *array.shape[1:])
        inputs.append(Placeholder(shape, dtypes.canonical(array.dtype)))
    args, kwargs = sample.put(inputs)
    made = op.symbolic(op.bind(args, dict(kwargs)))
    return inputs, list(made) if isinstance(made, (list, tuple)) else [made]


def observed(op: Operation, outputs: list[SymbolicTensor]) -> list[SymbolicTensor]:
    return _OBSERVED[op.name](*outputs) if op.name in _OBSERVED else outputs


def run(
    engine: Any, inputs: Sequence[Any], outputs: Sequence[Any], arrays: Sequence[np.ndarray]
) -> list[np.ndarray]:
    compiled = engine.compile(
        Program(list(inputs), list(outputs), name="conformance", simplified=False).lower(engine)
    )
    return [engine.to_numpy(t) for t in compiled(*arrays)]


def _instructions(program: FlatProgram) -> Iterator[str]:
    for instruction in program.instructions:
        yield instruction.op
        for value in instruction.attributes.values():
            if isinstance(value, FlatProgram):
                yield from _instructions(value)


def needed(inputs: Sequence[Any], outputs: Sequence[Any]) -> dict[str, str]:
    """The primitives that a graph comes down to, and the level that each belongs to."""
    flat = Program(list(inputs), list(outputs)).lower(REFERENCE)
    return {name: operation(name).level for name in _instructions(flat)}


def _above(engine: Any, level: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Raises NotApplicable if what the graph needs belongs to a level above `level`."""
    found = needed(inputs, outputs)
    for name, due in found.items():
        rank = LEVELS.index("recurrent" if due == "optional" else due)
        if rank > LEVELS.index(level):
            raise NotApplicable(f"{name} belongs to level {due!r}")


def precision(engine: Any) -> str:
    """The widest floating type of the engine."""
    return "float64" if engine.can("float64") else "float32"


# comparing ---------------------------------------------------------------------------------------------------
def compare(
    what: str, got: np.ndarray, want: np.ndarray, dtype: str, snippet: str = "", slack: float = 1.0,
    tolerance: dict[str, tuple[float, float]] | None = None, fine: bool = False,
) -> None:  # fmt: skip
    """Shape, type, and values; NaN equals NaN. Tolerances grow with the largest number in the result, and with
    `fine` they also shrink with it."""
    if got.shape != want.shape:
        raise Mismatch(f"{what}: shape {got.shape}, but the declaration gives {want.shape}", snippet)
    if got.dtype != want.dtype:
        raise Mismatch(f"{what}: type {got.dtype}, but the declaration gives {want.dtype}", snippet)
    if got.dtype.kind != "f":
        if not np.array_equal(got, want):
            raise Mismatch(f"{what}: {_brief(got)}, but the declaration gives {_brief(want)}", snippet)
        return
    relative, absolute = {**TOLERANCE, **(tolerance or {})}.get(dtype, TOLERANCE["float32"])
    finite = np.abs(want[np.isfinite(want)])
    scale = min(float(finite.max()), 1e4) if finite.size else 1.0
    with np.errstate(all="ignore"):
        scale = scale if fine else max(1.0, scale)
        near = np.isclose(got, want, slack * relative, slack * absolute * scale, equal_nan=True)
    if not near.all():
        place = tuple(int(i) for i in np.argwhere(~near)[0])
        raise Mismatch(
            f"{what}: at {place} {got[place]!r}, but the declaration gives {want[place]!r} "
            f"({int((~near).sum())} of {near.size} differ)",
            snippet,
        )


def _brief(array: np.ndarray) -> str:
    return np.array2string(array, threshold=12).replace("\n", "")


def show(engine: Any, name: str, sample: Sample, kind: str = "value") -> None:
    """Prints what an engine (or the engine of that name) makes of a call, and what the declaration says; then checks
    it again: raises Mismatch, or whatever the engine raises, where it fails."""
    engine = engine_named(engine) if isinstance(engine, str) else engine
    op = operation(name)
    inputs, outputs = graph(op, sample)
    outputs = observed(op, outputs)
    if kind in ("gradient", "second_order"):
        _, outputs = _gradient_graph(op, sample, inputs, outputs)
    for title, on in (("engine", engine), ("declaration", REFERENCE)):
        try:
            found = run(on, inputs, outputs, [a.copy() for a in sample.arrays()])
        except Exception as error:  # the engine's own; what it is about is told by the check below
            print(f"{title}: {type(error).__name__}: {error}")
            continue
        for array in found:
            print(f"{title}: {array.dtype} {array.shape}\n{array}")
    applied = False
    for one in _calls_of(engine, op, sample, kind):
        with contextlib.suppress(NotApplicable):
            one()
            applied = True
    print(f"{name} ({kind}): {'passed' if applied else 'nothing to check'}")


def _calls_of(engine: Any, op: Operation, sample: Sample, kind: str) -> Iterator[functools.partial[None]]:
    """The checks of one kind of one call, as `_calls` makes them for all."""

    def call(check: Callable[..., None], *more: Any, **options: Any) -> functools.partial[None]:
        # on arrays of its own: a faulty engine may write over them
        return functools.partial(check, engine, op, _changed(sample, 1), *more, **options)

    if op.name in RANDOM:
        yield call(check_random)
    elif kind == "value":
        yield call(check_call)
        yield call(check_pure, _changed(sample, 2))
    elif kind == "edges":
        yield call(check_call, kind=kind)
    elif kind == "unknown":
        yield call(check_unknown)
        if precision(engine) == "float64" and _float_of(sample) == "float64":
            yield call(_unknown_gradient, "recurrent", {})
    else:
        yield call(check_gradient, second=kind == "second_order")


def _changed(sample: Sample, divisor: int) -> Sample:
    """The same call on floating numbers divided by `divisor`, in new arrays."""
    arrays = [a / np.asarray(divisor, a.dtype) if a.dtype.kind == "f" else a.copy() for a in sample.arrays()]
    args, kwargs = sample.put([np.asarray(a) for a in arrays])
    return replace(sample, args=args, kwargs=kwargs)


def open_sizes(op: Operation) -> tuple[str, ...]:
    """Which sizes of the first tensor may be unknown: the most, then the least. Some must fit other tensors'."""
    if op.name in ("accumulate_windows", "ctc_log_likelihood"):
        return ("first",)
    if "conv" in op.name or op.name == "sparse_softmax_cross_entropy":
        return ("spatial", "first")
    return ("all", "first")


# the checks --------------------------------------------------------------------------------------------------
def check_call(
    engine: Any, op: Operation, sample: Sample, level: str = "recurrent", kind: str = "value", **options: Any
) -> None:
    """Value, shape and type of one call; the inferred shape is the real one."""
    inputs, outputs = graph(op, sample)
    seen = observed(op, outputs)
    _above(engine, level, inputs, seen)
    arrays = sample.arrays()
    told = snippet(engine, op, sample, kind)
    wanted = run(REFERENCE, inputs, seen, arrays)
    got = run(engine, inputs, seen, arrays)
    for i, (tensor, g, w) in enumerate(zip(seen, got, wanted, strict=True)):
        compare(f"{op.name} result {i}", g, w, _coarsest(arrays, w), told, fine=sample.fine, **options)
        _fits(op, tensor, g, told)


def check_pure(
    engine: Any, op: Operation, sample: Sample, other: Sample, level: str = "recurrent", **options: Any
) -> None:
    """An operation changes neither what it is given nor what it gave before.

    `other`: the same call on other numbers, made before the results of the first are read.
    """
    inputs, outputs = graph(op, sample)
    seen = observed(op, outputs)
    _above(engine, level, inputs, seen)
    arrays = sample.arrays()
    if not arrays or any(a.size == 0 for a in arrays):
        raise NotApplicable("nothing that could be changed")
    told = snippet(engine, op, sample)
    wanted = run(REFERENCE, inputs, seen, arrays)
    program = Program(inputs, [*seen, *inputs], name="conformance").lower(engine)
    compiled = engine.compile(program)
    results = compiled(*[a.copy() for a in arrays])
    compiled(*[a.copy() for a in other.arrays()])
    got = [np.array(engine.to_numpy(t)) for t in results]
    for i, (g, w) in enumerate(zip(got[len(seen) :], arrays, strict=True)):
        if not np.array_equal(g, w, equal_nan=w.dtype.kind == "f"):
            raise Mismatch(f"{op.name}: it changes its input {i}; results are new tensors", told)
    for i, (g, w) in enumerate(zip(got, wanted, strict=False)):
        compare(f"{op.name} result {i}, after another call", g, w, _coarsest(arrays, w), told, **options)


def _coarsest(arrays: Sequence[np.ndarray], want: np.ndarray) -> str:
    """The type that limits the precision: the narrowest floating one among inputs and result."""
    kinds = [a.dtype for a in [*arrays, want] if a.dtype.kind == "f"]
    return min(kinds, key=lambda t: t.itemsize).name if kinds else "float64"


def _fits(op: Operation, tensor: SymbolicTensor, array: np.ndarray, told: str) -> None:
    same = len(tensor.shape) == array.ndim and all(
        d in (None, s) for d, s in zip(tensor.shape, array.shape, strict=False)
    )
    if not same:
        raise Mismatch(f"{op.name}: inferred shape {tensor.shape}, real shape {array.shape}", told)


def check_unknown(
    engine: Any, op: Operation, sample: Sample, level: str = "recurrent", **options: Any
) -> None:
    """Sizes that are not known while the graph is built: the same values."""
    arrays = sample.arrays()
    if not arrays or arrays[0].ndim == 0:
        raise NotApplicable("no tensor with a size")
    for unknown in open_sizes(op):
        try:
            inputs, outputs = graph(op, sample, unknown)
        except (ShapeError, ArgumentError, Unsupported):
            continue
        seen = observed(op, outputs)
        _above(engine, level, inputs, seen)
        known_inputs, known = graph(op, sample)
        wanted = run(REFERENCE, known_inputs, observed(op, known), arrays)
        got = run(engine, inputs, seen, arrays)
        told = snippet(engine, op, sample, "unknown")
        for i, (tensor, g, w) in enumerate(zip(seen, got, wanted, strict=True)):
            compare(
                f"{op.name} result {i}, sizes unknown ({unknown})",
                g,
                w,
                _coarsest(arrays, w),
                told,
                **options,
            )
            _fits(op, tensor, g, told)
        return
    raise NotApplicable("needs known sizes")


def _weights(tensor: SymbolicTensor, real: np.ndarray) -> Constant:
    rng = np.random.default_rng(real.size + 17)
    return Constant(rng.uniform(0.5, 1.5, real.shape), tensor.dtype)


def _gradient_graph(
    op: Operation, sample: Sample, inputs: Sequence[Any], outputs: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """The floating inputs that the results depend on, and d (weighted sum of results) / d each."""
    reals = run(REFERENCE, inputs, outputs, sample.arrays())
    parts = [
        operation("sum")(o * _weights(o, r))
        for o, r in zip(outputs, reals, strict=True)
        if dtypes.is_float(o.dtype) and o.dtype == _float_of(sample)
    ]
    if not parts:
        raise NotApplicable("no floating result")
    total = functools.reduce(lambda a, b: a + b, parts)
    wanted = [i for i in inputs if dtypes.is_float(i.dtype)]
    found = gradients(total, wanted)
    pairs = [(x, g) for x, g in zip(wanted, found, strict=True) if g is not None]
    if not pairs:
        raise NotApplicable("no gradient")
    return [x for x, _ in pairs], [g for _, g in pairs] + [total]


def _float_of(sample: Sample) -> str:
    kinds = [a.dtype.name for a in sample.arrays() if a.dtype.kind == "f"]
    return max(kinds, default="")


def _moved(
    arrays: Sequence[np.ndarray], places: Sequence[int], steps: Sequence[np.ndarray], by: float
) -> list[Any]:
    result = list(arrays)
    for place, step in zip(places, steps, strict=True):
        result[place] = arrays[place] + by * step
    return result


def _differences(
    function: Callable[[list[np.ndarray]], float | np.ndarray],
    arrays: Sequence[np.ndarray],
    places: Sequence[int],
    directions: Sequence[Sequence[np.ndarray]],
) -> list[Any]:
    """Derivatives of `function` along each direction, by central differences of fourth order."""
    result = []
    for steps in directions:
        at = lambda k, steps=steps: function(_moved(arrays, places, steps, k * 20 * _STEP))
        result.append((8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * 20 * _STEP))
    return result


def _directions(op: Operation, arrays: Sequence[np.ndarray], places: Sequence[int]) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(len(op.name))
    made = [[rng.uniform(-1, 1, arrays[p].shape) for p in places] for _ in range(_DIRECTIONS)]
    if op.name == "cholesky":  # it reads one triangle only; the gradient is the symmetric one
        made = [[(m + np.swapaxes(m, -1, -2)) / 2 for m in steps] for steps in made]
    return made


def check_gradient(
    engine: Any, op: Operation, sample: Sample, level: str = "recurrent", second: bool = False, unknown: bool = False,
    **options: Any,
) -> None:  # fmt: skip
    """The engine's gradients against the declared rules run by the reference, and those against differences.

    `second`: the gradient of a weighted sum of the first gradients. `sample` holds float64; the engine runs in
    its widest type.
    """
    if not sample.gradient or not op.differentiable or op.name in RANDOM:
        raise NotApplicable("no derivative")
    if LEVELS.index(level) < LEVELS.index("training"):
        raise NotApplicable("gradients belong to level 'training'")
    kind = "second_order" if second else "gradient"
    told = snippet(engine, op, sample, kind)
    arrays = sample.arrays()
    inputs, outputs = graph(op, sample, open_sizes(op)[0] if unknown else "")
    wanted, (*firsts, total) = _gradient_graph(op, sample, inputs, observed(op, outputs))
    targets, reach = firsts, total
    if second:
        values = run(REFERENCE, inputs, firsts, arrays)
        reach = functools.reduce(
            lambda a, b: a + b,
            [operation("sum")(g * _weights(g, v)) for g, v in zip(firsts, values, strict=True)],
        )
        found = gradients(reach, wanted)
        pairs = [(x, g) for x, g in zip(wanted, found, strict=True) if g is not None]
        if not pairs:
            raise NotApplicable("constant gradient")
        wanted, targets = [x for x, _ in pairs], [g for _, g in pairs]
    _above(engine, level, inputs, targets)
    rules = run(REFERENCE, inputs, targets, arrays)
    places = [inputs.index(x) for x in wanted]
    if all(a.dtype == "float64" for a in (arrays[p] for p in places)) and not unknown:
        compiled = REFERENCE.compile(Program(inputs, [reach]).lower(REFERENCE))
        value = lambda given: float(compiled(*given)[0])
        directions = _directions(op, arrays, places)
        measured = _differences(value, arrays, places, directions)
        for steps, d in zip(directions, measured, strict=True):
            along = sum(float(np.sum(g * s)) for g, s in zip(rules, steps, strict=True))
            size = sum(float(np.sum(np.abs(g * s))) for g, s in zip(rules, steps, strict=True))
            if not abs(along - d) <= 2e-6 * max(1.0, size, abs(d)):
                raise Mismatch(
                    f"{op.name}: the declared {kind} gives {along!r} along a direction, finite differences {d!r}",
                    told,
                )
    narrow = precision(engine)
    if narrow == "float64":
        got = run(engine, inputs, targets, arrays)
    else:
        got, rules = _narrowed(engine, op, sample, kind, narrow)
    for i, (g, w) in enumerate(zip(got, rules, strict=True)):
        compare(f"{op.name} {kind} {i}", g, w.astype(g.dtype), narrow, told, slack=10.0, **options)


def _narrowed(
    engine: Any, op: Operation, sample: Sample, kind: str, dtype: str
) -> tuple[list[Any], list[Any]]:
    """Gradients in a narrower type, of the engine and of the reference."""
    found = [s for s in samples(op.name, dtype) if s.gradient]
    all64 = [s for s in samples(op.name) if s.gradient]
    place = next((i for i, s in enumerate(all64) if _same(s, sample)), None)
    if place is None:
        raise NotApplicable(f"no sample of type {dtype}")
    narrow = found[place]
    inputs, outputs = graph(op, narrow)
    wanted, (*targets, _) = _gradient_graph(op, narrow, inputs, observed(op, outputs))
    if kind == "second_order":
        values = run(REFERENCE, inputs, targets, narrow.arrays())
        total = functools.reduce(
            lambda a, b: a + b,
            [operation("sum")(g * _weights(g, v)) for g, v in zip(targets, values, strict=True)],
        )
        targets = [g for g in gradients(total, wanted) if g is not None]
    arrays = narrow.arrays()
    return run(engine, inputs, targets, arrays), run(REFERENCE, inputs, targets, arrays)


def _same(a: Sample, b: Sample) -> bool:
    return len(a.arrays()) == len(b.arrays()) and all(
        x.shape == y.shape and np.array_equal(x, y) for x, y in zip(a.arrays(), b.arrays(), strict=True)
    ) and repr(a.args[len(a.arrays()):]) == repr(b.args[len(b.arrays()):])  # fmt: skip


# randomness --------------------------------------------------------------------------------------------------
# mean, deviation, lowest, highest of what each operation draws
_MOMENTS = {
    "random_uniform": (0.5, 12**-0.5, 0.0, 1.0),
    "random_normal": (0.0, 1.0, -8.0, 8.0),
    "random_truncated_normal": (0.0, 0.8796, -2.0, 2.0),
    "random_binomial": (0.3, 0.21**0.5, 0.0, 1.0),
}


def check_random(engine: Any, op: Operation, sample: Sample, level: str = "recurrent") -> None:
    """Random operations: shape, type, distribution, and that the key decides."""
    inputs, outputs = graph(op, sample)
    _above(engine, level, inputs, outputs)
    key, *rest = sample.arrays()
    told = snippet(engine, op, sample)
    (want,) = run(REFERENCE, inputs, outputs, [key, *rest])
    compiled = engine.compile(Program(inputs, outputs, simplified=False).lower(engine))
    draws = [np.array(engine.to_numpy(compiled(k, *rest)[0])) for k in (key, key, key + [0, 1], key + [1, 0])]
    first, again, *others = draws
    if (first.shape, first.dtype) != (want.shape, want.dtype):
        raise Mismatch(
            f"{op.name}: {first.dtype} {first.shape}, but the declaration gives {want.dtype} {want.shape}",
            told,
        )
    if not np.array_equal(first, again):
        raise Mismatch(f"{op.name}: one key gave two different draws", told)
    if first.size < 1000:
        return
    if any(np.array_equal(first, o) for o in others):
        raise Mismatch(f"{op.name}: another key gave the same draw", told)
    mean, deviation, low, high = _MOMENTS[op.name]
    n = first.size
    for d in draws[1:]:
        d = d.astype("float64")
        if (
            abs(d.mean() - mean) > 5 * deviation / n**0.5
            or abs(d.std() - deviation) > 5 * deviation / (2 * n) ** 0.5
        ):
            raise Mismatch(
                f"{op.name}: mean {d.mean():.4f}, deviation {d.std():.4f}; due are {mean}, {deviation:.4f}",
                told,
            )
        if d.min() < low or d.max() > high or (op.name == "random_uniform" and d.max() >= 1.0):
            raise Mismatch(f"{op.name}: numbers from {d.min()} to {d.max()}", told)
    if abs(np.corrcoef(first.ravel(), others[0].ravel())[0, 1]) > 0.1:
        raise Mismatch(f"{op.name}: draws of neighbouring counts are correlated", told)


# one operation, one kind of check ----------------------------------------------------------------------------
def check(engine: Any, name: str, kind: str, level: str = "recurrent", **options: Any) -> None:
    """One kind of check (see CHECKS) of one operation. Raises Mismatch, Unsupported or NotApplicable."""
    op = operation(name)
    applied = 0
    why = "nothing to check"
    for one in _calls(engine, op, kind, level, options):
        try:
            with _silent() if name == "printed" else contextlib.nullcontext():
                one()
            applied += 1
        except NotApplicable as reason:
            why = str(reason)
        except (Mismatch, Unsupported):
            raise
        except Exception as error:  # an engine may fail in any way
            told = snippet(engine, op, one.args[2], kind)
            raise Mismatch(f"{name}: {type(error).__name__}: {error}", told) from error
    if not applied:
        raise NotApplicable(why)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """What is printed goes nowhere, also what a library writes past Python's own streams."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept, nowhere = [os.dup(1), os.dup(2)], os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        for number, file in enumerate(kept, 1):
            os.dup2(file, number)
        for file in (*kept, nowhere):
            os.close(file)


def _calls(
    engine: Any, op: Operation, kind: str, level: str, options: dict[str, Any]
) -> Iterator[functools.partial[None]]:
    wide = precision(engine)
    types = ["float32"] if wide == "float32" else ["float64", "float32"]
    if op.name in RANDOM:
        if kind == "value":
            for dtype in types:
                for sample in samples(op.name, dtype):
                    yield functools.partial(check_random, engine, op, sample, level)
        return
    if kind == "value":
        for dtype in types:
            for sample in samples(op.name, dtype):
                if not engine.can("empty") and any(a.size == 0 for a in sample.arrays()):
                    continue
                yield functools.partial(check_call, engine, op, sample, level, **options)
        again = samples(op.name, types[-1], variant="again")
        for sample, other in list(zip(samples(op.name, types[-1]), again, strict=True))[:2]:
            yield functools.partial(check_pure, engine, op, sample, other, level, **options)
    elif kind == "edges":
        for dtype in types:
            for sample in edges(op.name, dtype):
                yield functools.partial(check_call, engine, op, sample, level, "edges", **options)
    elif kind == "unknown":
        for sample in samples(op.name, types[0]):
            yield functools.partial(check_unknown, engine, op, sample, level, **options)
        for sample in samples(op.name)[:2]:
            if wide == "float64":
                yield functools.partial(_unknown_gradient, engine, op, sample, level, options)
    elif kind == "gradient":
        for sample in samples(op.name):
            yield functools.partial(check_gradient, engine, op, sample, level, **options)
    elif kind == "second_order":
        for sample in samples(op.name)[:3]:
            yield functools.partial(check_gradient, engine, op, sample, level, second=True, **options)


def _unknown_gradient(
    engine: Any, op: Operation, sample: Sample, level: str, options: dict[str, Any]
) -> None:
    try:
        graph(op, sample, open_sizes(op)[0])
    except (ShapeError, ArgumentError, Unsupported):
        raise NotApplicable("needs known sizes") from None
    try:
        check_gradient(engine, op, sample, level, unknown=True, **options)
    except Unsupported as error:
        if "gradient" in str(error):  # a rule that needs known sizes says so
            raise NotApplicable(str(error)) from None
        raise


def outcome(engine: Any, name: str, kind: str, level: str = "recurrent", **options: Any) -> Result:
    """The same as a value: nothing is raised, whatever the engine does."""
    try:
        check(engine, name, kind, level, **options)
    except NotApplicable as reason:
        return Result("skipped", str(reason))
    except Mismatch as error:
        return Result("failed", error.text, error.snippet)
    except Unsupported as error:
        reason = declared_reason(engine, name, kind)
        if reason is None:
            told = snippet(engine, operation(name), samples(name, precision(engine))[0], kind)
            return Result("failed", f"{name}: {error} Say so, with the reason, in `unsupported`.", told)
        return Result("unsupported", reason)
    except NoSamples as error:
        return Result("failed", str(error))
    return Result("passed")


def declared_reason(engine: Any, name: str, kind: str = "value") -> str | None:
    """Why the engine says it cannot do `name`: its own entry, or that of a primitive that `name` needs."""
    if name in engine.unsupported:
        return str(engine.unsupported[name])
    for sample in samples(name):
        inputs, outputs = graph(operation(name), sample)
        seen = observed(operation(name), outputs)
        try:
            found = needed(inputs, seen)
            if kind in ("gradient", "second_order", "unknown"):
                wanted, targets = _gradient_graph(operation(name), sample, inputs, seen)
                found |= needed(inputs, targets)
                if kind == "second_order":
                    again = [g for t in targets[:-1] for g in gradients(t, wanted) if g is not None]
                    found |= needed(inputs, again)
        except NotApplicable:
            pass
        for primitive in found:
            if primitive in engine.unsupported:
                return f"needs {primitive}: {engine.unsupported[primitive]}"
    return None


def check_unsupported(engine: Any, name: str) -> None:
    """An entry of `unsupported` names an operation, raises, and does not in truth work."""
    if name not in {op.name for op in declared()}:
        raise Mismatch(f"{engine.name}: `unsupported` names {name!r}, which is no operation")
    sample = samples(name, precision(engine))[0]
    inputs, outputs = graph(operation(name), sample)
    function = engine.fused.get(name) or engine.primitives.get(name)
    if operation(name).is_primitive and name not in engine.fused:
        try:
            run(engine, inputs, outputs, sample.arrays())
        except Unsupported as error:
            if str(engine.unsupported[name]) not in str(error):
                raise Mismatch(f"{name}: the error does not tell the reason: {error}") from None
        else:
            raise Mismatch(f"{name} is declared unsupported, but runs")
    if function is None:
        return
    view = _Claiming(engine)
    try:
        check(view, name, "value")
    except Exception:
        return
    raise Mismatch(f"{name} is declared unsupported, but works: remove it from `unsupported`")


class _Claiming:
    """An engine without its `unsupported`."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.unsupported: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def supports(self, op: str) -> bool:
        return op in self.fused or op in self.primitives

    def implementation(self, op: str) -> Any:
        return self.fused.get(op) or self.primitives[op]

    def compile(self, program: FlatProgram, **options: Any) -> Any:
        return Interpreter(self, program)  # type: ignore[arg-type]

    def body(self, program: FlatProgram) -> Any:
        return Interpreter(self, program).run_native  # type: ignore[arg-type]
