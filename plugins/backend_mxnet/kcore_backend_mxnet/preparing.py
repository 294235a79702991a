"""Graphs that change no weights: what depends on weights only is computed once.

Packing a recurrent layer's weights, turning kernels, folding a normalisation into a kernel, constants: a part of a graph
that no row of data reaches gives the same for as long as the weights stay. It becomes a graph of its own, whose results
are inputs of the rest.

(MXNet's own fusion by `optimize_for("MKLDNN")` takes a twentieth less time for a ResNet, but its convolutions go on with
the weights that they met first when those change.)
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Sequence
from typing import Any

from .values import mx

Node = dict[str, Any]


class Prepared:
    """The part of a graph that depends on weights only, with what it gave for the weights that it met last."""

    def __init__(self, symbol: Any, feed: list[tuple[Any, Any]]) -> None:
        """feed: for each input of `symbol` its place among a graph's inputs and None, or None and its array."""
        self.op, self.feed = mx.nd.CachedOp(symbol), feed
        self.places = [place for place, _ in feed if place is not None]
        self._key: tuple[Any, ...] = (None,)
        self._made: list[Any] | None = None
        self._lock = threading.Lock()

    def __call__(self, data: Sequence[Any], versions: Sequence[Any]) -> list[Any]:
        """Its results; versions: of each of the graph's inputs what changes whenever it does, None if unknown."""
        key = tuple([versions[place] for place in self.places])
        with self._lock:
            if self._key != key or None in key:
                # into the same arrays: MXNet's recurrent operator looks for a change of the one that it met first
                given = [data[place] if place is not None else array for place, array in self.feed]
                made = self.op(*given, out=self._made)
                self._made = made if isinstance(made, list) else [made]
                self._key = key
        assert self._made is not None
        return self._made


def split(symbol: Any, fixed: Collection[str]) -> tuple[Any, Any, list[str]]:
    """(what in `symbol` depends on the inputs called `fixed` only, the rest, what its inputs from there are called).

    The first is None where there is no such part.
    """
    whole = json.loads(symbol.tojson())
    nodes, heads = whole["nodes"], whole["heads"]
    still: list[bool] = []  # whether a node gives the same as long as the weights stay
    for node in nodes:
        before = all(still[place] for place, *_ in node["inputs"])
        still.append(node["name"] in fixed if node["op"] == "null" else before)
    for place, *_ in heads:  # a graph makes what it gives
        still[place] = still[place] and nodes[place]["op"] == "null"
    read = [
        (place, result)
        for node, is_still in zip(nodes, still, strict=True)
        for place, result, *_ in (() if is_still else node["inputs"])
        if still[place] and nodes[place]["op"] != "null"
    ]
    found = {item: f"prepared{n}" for n, item in enumerate(dict.fromkeys(read))}
    if not found:
        return None, symbol, []
    prepared = _part(whole, [place for place, s in enumerate(still) if s], [[*item, 0] for item in found], {})
    if not prepared.list_inputs():  # nothing but numbers
        return None, symbol, []
    rest = _part(whole, [place for place, s in enumerate(still) if not s], heads, found)
    # no gradient passes, as in all graphs
    return mx.sym.Group([mx.sym.BlockGrad(s) for s in prepared]), rest, list(found.values())


def _part(whole: Any, places: list[int], heads: list[Any], given: dict[tuple[int, int], str]) -> Any:
    """The graph of the nodes at `places` and of the inputs that they read; `given` are results that come from outside."""
    nodes: list[Node] = []
    moved: dict[Any, int] = {}

    def at(item: list[int]) -> list[int]:
        place, result, *more = item
        name = given.get((place, result))
        key = place if name is None else name
        if key not in moved:
            moved[key] = len(nodes)
            nodes.append(
                whole["nodes"][place] if name is None else {"op": "null", "name": name, "inputs": []}
            )
        return [moved[key], result if name is None else 0, *more]

    for place in places:
        node = whole["nodes"][place]
        if node["op"] != "null":
            inputs = [at(item) for item in node["inputs"]]
            moved[place] = len(nodes)
            nodes.append({**node, "inputs": inputs})
    ends = [at(item) for item in heads]
    inputs = [place for place, node in enumerate(nodes) if node["op"] == "null"]
    frame = {"nodes": nodes, "arg_nodes": inputs, "heads": ends, "attrs": whole["attrs"]}
    return mx.sym.load_json(json.dumps(frame))
