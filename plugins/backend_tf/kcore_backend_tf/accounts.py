"""How instructions run, read off the graph that TensorFlow makes of a program: for `model.explain()`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from kcore.spi import Execution, FlatProgram, Instruction, Interpreter

from .compiled import Compiled

TRANSPOSES = ("Transpose", "ConjugateTranspose")
_LAYOUTS = {
    "NHWC": "channels_last", "NDHWC": "channels_last", "NCHW": "channels_first", "NCDHW": "channels_first",
}  # fmt: skip
_NAME = re.compile(r"^kcore_(\d+)(?:_\d+)?/")


class _Named(Compiled):
    """The same graph, in which every operation's name begins with the place of its instruction."""

    places: dict[tuple[int, ...], int]  # by the slots that an instruction writes

    def _interpreter(self, program: FlatProgram) -> Interpreter:
        made = Interpreter(self.engine, program)
        made._calls = [
            (self._named(i, call), out, dead)
            for i, (call, out, dead) in zip(program.instructions, made._calls, strict=True)
        ]
        return made

    def _named(self, instruction: Instruction, call: Callable[..., Any]) -> Callable[..., Any]:
        name = f"kcore_{self.places[instruction.outputs]}"

        def run(table: list[Any]) -> Any:
            with tf.name_scope(name):
                return call(table)

        return run


def executions(engine: Any, program: FlatProgram) -> list[Execution]:
    """For each instruction the layout of its images and the transposes in TensorFlow's graph, loops included.

    What TensorFlow's own optimiser adds or takes away when the graph runs is not seen here.
    """
    made = _Named(engine, program)
    made.places = {i.outputs: place for place, i in enumerate(program.instructions)}
    definition = made.graph().as_graph_def()
    functions = {f.signature.name: f.node_def for f in definition.library.function}
    counts, layouts = [0] * len(program.instructions), [{} for _ in program.instructions]
    for node in definition.node:
        found = _NAME.match(node.name)
        if found:
            place = int(found.group(1))
            for inner in _within(node, functions):
                counts[place] += inner.op in TRANSPOSES
                if "data_format" in inner.attr and inner.op != "BiasAdd":
                    layouts[place][_LAYOUTS[inner.attr["data_format"].s.decode()]] = True
    return [Execution(", ".join(found), count) for found, count in zip(layouts, counts, strict=True)]


def _within(node: Any, functions: dict[str, Any]) -> Iterable[Any]:
    """`node`, and the nodes of the functions that it calls (a loop's body)."""
    yield node
    for value in node.attr.values():
        called = [value.func.name] if value.func.name else [f.name for f in value.list.func]
        for name in called:
            for inner in functions.get(name, ()):
                yield from _within(inner, functions)
