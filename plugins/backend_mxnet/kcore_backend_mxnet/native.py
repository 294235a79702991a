"""MXNet's own backward operations as part of a graph.

MXNet keeps the fast backward kernels (of convolution, pooling, batch normalisation and the recurrent operator) for its
autograd: in a graph such an operation must be tied to the forward one whose workspace, shapes and state it uses, and
Python offers no way to say so. A graph's JSON form does, in the field `control_deps`. So backward operations are
composed as symbols, and once the graph is complete it is read back from JSON with those ties put in.

Such a graph runs in MXNet's training mode, without which forward operations keep nothing.
"""

from __future__ import annotations

import ctypes
import itertools
import json
from collections.abc import Sequence
from typing import Any

from .values import mx

_numbers = itertools.count()
_handles: dict[str, Any] = {}


class Forward:
    """A forward operation in a graph: its results and what it was made with."""

    def __init__(self, operation: str, *inputs: Any, **attributes: Any) -> None:
        self.operation, self.inputs, self.attributes = operation, inputs, attributes
        self.name = f"forward{next(_numbers)}"
        self.made = getattr(mx.sym, operation)(*inputs, name=self.name, **attributes)


class Record:
    """What a graph in the making knows of its forward operations, and the ties of its backward ones."""

    def __init__(self) -> None:
        # name of a backward operation: (its forward operation, {input: which result of that one})
        self.links: dict[str, tuple[Forward, dict[int, int]]] = {}
        self.results: dict[str, list[Any]] = {}
        self.trains = False  # whether an operation computes otherwise, or keeps something, in training mode
        self._forwards: set[str] = set()
        self._known: dict[Any, Any] = {}

    def stopped(self, symbol: Any) -> Any:
        """`symbol` so that MXNet's gradient pass ends there."""
        done = any(symbol is r for results in self.results.values() for r in results)
        return symbol if done else mx.sym.BlockGrad(symbol)

    def forward(self, operation: str, *inputs: Any, **attributes: Any) -> Forward:
        made = Forward(operation, *inputs, **attributes)
        self._forwards.add(made.name)
        return made

    def __contains__(self, forward: Forward) -> bool:
        """Whether it is an operation of this graph, not of an earlier one."""
        return forward.name in self._forwards

    def remember(self, key: Any, entry: Any, *kept: Any) -> None:
        """`kept`: the values whose ids are in the key; they live as long as the entry."""
        self._known[key] = (entry, kept)

    def find(self, key: Any) -> Any:
        return self._known.get(key, (None,))[0]


def backward(
    record: Record,
    forward: Forward,
    inputs: Sequence[Any],
    hidden: dict[int, int] | None = None,
    unwanted: Sequence[int] = (),
) -> list[Any]:
    """The results of the backward operation of `forward`.

    unwanted: which of its results need not be computed, of an operation that can do without. hidden: which inputs,
    given as any result of the forward operation, are others of its results: {input: result}.
    """
    name, attributes = f"backward{next(_numbers)}", forward.attributes
    made = mx.symbol._internal._symbol_creator(
        _handle(f"_backward_{forward.operation}"), list(inputs), None, list(attributes),
        [str(v) for v in attributes.values()], name, False, False,
    )  # fmt: skip
    # MXNet builds its own graph backwards of every graph, and these operations have no part in one
    results = [mx.sym.BlockGrad(made[i]) for i in range(len(made.list_outputs()))]
    record.trains = True
    record.links[name] = (forward, hidden or {})
    record.results[name] = [r for i, r in enumerate(results) if i not in unwanted]
    return results


def _handle(operation: str) -> Any:
    if operation not in _handles:
        found = ctypes.c_void_p()
        base = mx.base
        base.check_call(base._LIB.NNGetOpHandle(base.c_str(operation), ctypes.byref(found)))
        _handles[operation] = found.value
    return _handles[operation]


def linked(symbol: Any, record: Record, bare: bool = True) -> Any:
    """`symbol` with its backward operations tied to their forward ones; a few more outputs may follow its own.

    bare: gradients of dense layers' kernels are outputs as they are. What stops MXNet's gradient pass would copy them
    whole; without it the pass goes on through the layer's own gradient, and fails where something behind has none.
    """
    if not record.links:
        return symbol
    nodes = json.loads(symbol.tojson())["nodes"]
    named = {node["name"] for node in nodes}
    links = {name: link for name, link in record.links.items() if name in named}
    # forward operations first: a tie goes to what stands earlier
    forwards = mx.sym.Group([forward.made for forward, _ in links.values()])
    # MXNet's gradient pass and its convolution fail on results that nobody reads: those get a reader
    read = {(nodes[i[0]]["name"], i[1]) for node in nodes for i in node["inputs"]}
    unread = [r for name in links for r in record.results[name] if r.name not in named]
    unread += [
        mx.sym.BlockGrad(f.made[0])
        for f in {f.name: f for f, _ in links.values()}.values()
        if (f.name, 0) not in read
    ]
    graph = json.loads(mx.sym.Group([forwards, symbol, *unread]).tojson())
    graph["heads"] = graph["heads"][len(forwards.list_outputs()) :]
    stops = _tie(graph["nodes"], links)
    dense = {p for p, i in stops.items() if graph["nodes"][i[0]]["op"] == "_backward_FullyConnected"}
    if bare:
        graph["heads"] = [[*stops[h[0]][:2], 0] if h[0] in dense else h for h in graph["heads"]]
    return mx.sym.load_json(json.dumps(graph))


def _tie(
    nodes: list[dict[str, Any]], links: dict[str, tuple[Forward, dict[int, int]]]
) -> dict[int, list[int]]:
    """Ties them; returns what stops the gradient pass behind a backward operation: its place -> what it stops."""
    places = {node["name"]: place for place, node in enumerate(nodes)}
    for name, (forward, hidden) in links.items():
        node = nodes[places[name]]
        node["control_deps"] = [places[forward.name]]
        for at, result in hidden.items():
            node["inputs"][at] = [places[forward.name], result, 0]
    # one backward operation after the other needs nothing between them, which would cost a change of layout; but for a
    # dense layer's, whose own gradient MXNet knows: its gradient pass would go on to one before, which has none
    stops = {
        place: node["inputs"][0]
        for place, node in enumerate(nodes)
        if node["op"] == "BlockGrad" and nodes[node["inputs"][0][0]]["name"] in links
    }
    for node in nodes:
        if node["name"] in links and node["op"] != "_backward_FullyConnected":
            node["inputs"] = [stops.get(i[0], i) for i in node["inputs"]]
    return stops
