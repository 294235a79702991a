"""One static graph of MXNet: traced symbols, constants that became inputs, and how it is called."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Sequence
from typing import Any

from . import native, preparing
from .values import HELD, Value, held_as, mx, raw, running, scope

_numbers = itertools.count()


class Trace:
    """One graph in the making: its inputs, and the constants that became inputs."""

    def __init__(self, stands_in: bool = False, convolutions_learn: bool = False) -> None:
        """stands_in: only shapes are wanted; for what no graph can hold there is something of its shape.
        convolutions_learn: the graph has gradients of convolutions."""
        self.stands_in = stands_in
        self.convolutions_learn = convolutions_learn
        self.arrays: dict[str, Any] = {}
        self._lifted: dict[Any, Any] = {}
        self._kept: list[Any] = []
        self.native = native.Record()

    def lifted(self, value: Value) -> Any:
        array = value.data
        key = (id(array), value.dtype)
        if key not in self._lifted:
            name = f"c{next(_numbers)}"
            single = array.size > 1 and not any(array.strides)
            if single:
                number = array.flat[0].item()
                self._lifted[key] = mx.sym.full(value.held, float(number), dtype=HELD[value.dtype])
            else:
                self.arrays[name] = running(array, value.dtype).data
                self._lifted[key] = mx.sym.var(name, shape=value.held)
            self._kept.append(array)
        return self._lifted[key]


class Graph:
    """A static CachedOp with what it is fed and what it gives."""

    def __init__(
        self,
        trace: Trace,
        names: dict[str, int],
        outputs: list[Value],
        held: dict[int, Value],
        slots: list[int],
        passing: Collection[int] = (),
        fixed: Collection[str] = (),
    ) -> None:
        """passing: which outputs (by their places) are needed until the next call only, and keep their arrays.
        fixed: names of inputs that seldom change."""
        fed = {
            id(v.base): place
            for place, s in enumerate(slots)
            if (v := held[s]) is not None and not v.known and (v.first is None or v._data is not None)
        }
        symbols: dict[int, int] = {}
        listed: list[Any] = []
        self.results: list[tuple[str, Any, Value]] = []
        for value in outputs:
            if value.known:
                self.results.append(("known", None, value))
                continue
            data = value.base
            if id(data) in fed:
                self.results.append(("input", fed[id(data)], value))
                continue
            if id(data) not in symbols:
                symbols[id(data)] = len(listed)
                listed.append(data)
            self.results.append(("made", symbols[id(data)], value))
        lasting = {
            at for place, (kind, at, _) in enumerate(self.results) if kind == "made" and place not in passing
        }
        self._kept: dict[int, Any] = {}
        self._keeps = [at for at in range(len(listed)) if at not in lasting]
        self.op, self.symbol, self.running, self._prepared = None, None, None, None
        self.constants = trace.arrays
        if listed:
            # no gradient passes: MXNet would otherwise build its own graph backwards, and not every operation has one
            heads = mx.sym.Group([trace.native.stopped(s) for s in listed])
            # MXNet's backward operations want what the forward ones keep for them in training only
            self.trains = trace.native.trains
            if fixed and not self.trains:
                self.symbol = heads
                self.running = self._with_weights_prepared(heads, names, {*fixed, *trace.arrays}, len(slots))
                self.op = _static(self.running)
            else:
                self.symbol, self.op = _tied(heads, trace.native)
                self.running = self.symbol
            self._count = len(self.symbol.list_outputs())
            self.single = self._count == 1
            self.feed = [self._source(n, names) for n in self.running.list_inputs()]

    def _source(self, name: str, names: dict[str, int]) -> tuple[Any, Any]:
        """The place of an input among those that the graph is fed, or the array that it is."""
        return names.get(name), self.constants.get(name)

    def _with_weights_prepared(
        self, group: Any, names: dict[str, int], fixed: Collection[str], count: int
    ) -> Any:
        """What is left of the graph; its further inputs follow the `count` that it is fed."""
        part, rest, made = preparing.split(group, fixed)
        if part is not None:
            self._prepared = preparing.Prepared(part, [self._source(n, names) for n in part.list_inputs()])
            names.update((name, count + place) for place, name in enumerate(made))
        return rest

    def nodes(self) -> list[dict[str, Any]]:
        """The graph's operations, as in MXNet's symbol files."""
        return json.loads(self.symbol.tojson())["nodes"] if self.symbol is not None else []

    def op_nodes(self) -> list[dict[str, Any]]:
        """The operations that run in each call, without those that only weights reach."""
        return json.loads(self.running.tojson())["nodes"] if self.running is not None else []

    def run(self, data: Sequence[Any], versions: Sequence[Any] = ()) -> list[Any]:
        """The arrays that the graph makes, of those that it is fed."""
        if self.op is None:
            return []
        if self._prepared is not None:
            data = [*data, *self._prepared(data, versions)]
        fed = [data[place] if place is not None else array for place, array in self.feed]
        # large arrays that are made anew cost more than what is written into them: the system clears every page
        into = self._into() if self._kept else None
        if self.trains:
            with mx.autograd.train_mode():
                made = self.op(*fed, out=into)
        else:
            made = self.op(*fed, out=into)
        made = [made] if self.single and into is None else made
        if self._keeps and into is None:
            self._kept = {at: made[at] for at in self._keeps}
        return made

    def _into(self) -> list[Any]:
        return [self._kept[at] if at in self._kept else _empty() for at in range(self._count)]

    def __call__(self, values: list[Value]) -> list[Value]:
        data = [raw(v) if v.known and v.size else v.base for v in values]
        made = self.run(data, [v.version for v in values] if self._prepared is not None else ())
        found = []
        for kind, at, value in self.results:
            if kind == "known":
                found.append(value)
            elif kind == "input":
                found.append(held_as(values[at].base.copy(), value.shape, value.dtype, value.order))
            else:
                found.append(held_as(made[at], value.shape, value.dtype, value.order))
        return found


def _tied(heads: Any, record: Any) -> tuple[Any, Any]:
    """The graph with its backward operations, and the operation that runs it."""
    group = native.linked(heads, record)
    try:
        return group, _static(group)
    except mx.base.MXNetError:  # behind a dense layer stands something without a gradient of MXNet's own
        if not record.links:
            raise
        group = native.linked(heads, record, bare=False)
        return group, _static(group)


def _static(symbol: Any) -> Any:
    return mx.nd.CachedOp(symbol, [("static_alloc", True), ("static_shape", True)])


def _empty() -> Any:
    """An array that takes what an operation makes."""
    return mx.nd.NDArray(mx.ndarray.ndarray._new_empty_handle())


def graphed(function: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """`function`, which only knows how to make graphs, also on values that exist: by a graph of its own."""
    made: dict[Any, Graph] = {}

    def run(*values: Value | None, **attributes: Any) -> list[Any]:
        if scope.trace is not None:
            return function(*values, **attributes)
        given = [v for v in values if v is not None]
        given = [running(v.asnumpy(), v.dtype) if v.known else v for v in given]
        key = (tuple(None if v is None else (v.shape, v.dtype) for v in values), tuple(attributes.items()))
        if key not in made:
            made[key] = _graph_of(function, values, attributes)
        return [v.data for v in made[key](given)]

    return run


def _graph_of(function: Callable[..., list[Any]], values: Sequence[Value | None], attributes: Any) -> Graph:
    scope.trace = Trace()
    try:
        symbols = [
            None if v is None else Value(mx.sym.var(f"i{place}", shape=v.held), v.shape, v.dtype)
            for place, v in enumerate(values)
        ]
        results = [
            r if isinstance(r, Value) else Value(r, (), values[0].dtype)
            for r in function(*symbols, **attributes)
        ]
        held = [s for s in symbols if s is not None]
        names = {f"i{place}": held.index(s) for place, s in enumerate(symbols) if s is not None}
        return Graph(scope.trace, names, results, dict(enumerate(held)), list(range(len(held))))
    finally:
        scope.trace = None
