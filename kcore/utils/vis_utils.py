"""Pictures of models: their graph of layers in Graphviz's language, drawn by the program `dot` if it is there."""

import html
import shutil
import subprocess
from pathlib import Path

from ..errors import Unsupported
from ..layers.wrappers import Wrapper
from ..models import Network, Sequential
from ..shapes import describe


class Dot:
    """A graph in Graphviz's language: `to_string()`, `write(path)`; `create(format)` draws it."""

    def __init__(self, name="model", graph_type="digraph", **settings):
        self.name, self.graph_type, self.settings = name, graph_type, settings
        self.nodes, self.edges, self.subgraphs = {}, [], []

    def add_node(self, key, label, **settings):
        self.nodes[key] = {"label": label, **settings}

    def add_edge(self, source, target):
        if (source, target) not in self.edges:
            self.edges.append((source, target))

    def add_subgraph(self, graph):
        self.subgraphs.append(graph)

    def _lines(self, indent="    "):
        for key, value in self.settings.items():
            yield f"{indent}{key}={_quoted(value)};"
        for key, values in self.nodes.items():
            told = ", ".join(f"{k}={_quoted(v)}" for k, v in values.items())
            yield f"{indent}{_quoted(key)} [{told}];"
        for graph in self.subgraphs:
            yield f"{indent}subgraph {_quoted(graph.name)} {{"
            yield from graph._lines(indent + "    ")
            yield f"{indent}}}"
        for source, target in self.edges:
            yield f"{indent}{_quoted(source)} -> {_quoted(target)};"

    def to_string(self):
        return "\n".join([f"{self.graph_type} {_quoted(self.name)} {{", *self._lines(), "}"]) + "\n"

    def create(self, format="png"):
        """The picture as bytes. Raises Unsupported if Graphviz's program `dot` is not installed."""
        program = shutil.which("dot")
        if program is None:
            raise Unsupported(
                f"a {format} picture of a model is drawn by Graphviz, whose program `dot` is not installed. Install "
                "Graphviz, or write a file that ends in .dot."
            )
        drawn = subprocess.run(
            [program, f"-T{format}"], input=self.to_string().encode(), capture_output=True, check=True
        )
        return drawn.stdout

    def write(self, path, format=None):
        """Writes the picture; a path that ends in .dot or .gv gets the text of the graph."""
        path = Path(path)
        format = format or path.suffix.lstrip(".").lower() or "png"
        text = format in ("dot", "gv", "raw")
        path.write_bytes(self.to_string().encode() if text else self.create(format))


def _quoted(value):
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def is_model(layer):
    """Whether a layer is a model."""
    return isinstance(layer, Network)


def is_wrapped_model(layer):
    """Whether a layer is a wrapper around a model."""
    return isinstance(layer, Wrapper) and is_model(layer.layer)


def add_edge(dot, src, dst):
    """Adds an edge to a graph unless it is there."""
    dot.add_edge(src, dst)


def model_to_dot(
    model, show_shapes=False, show_layer_names=True, rankdir="TB", expand_nested=False, dpi=96, subgraph=False
):
    """The graph of a model's layers as a `Dot`: a box per layer, an arrow per tensor that goes between them.

    rankdir: 'TB' from top to bottom, 'LR' from left to right. expand_nested: models inside are drawn as boxes of
    boxes. subgraph: a part to be put into another graph.
    """
    if subgraph:
        dot = Dot(f"cluster_{model.name}", "subgraph", style="dashed", label=model.name)
    else:
        dot = Dot(rankdir=rankdir, concentrate="true", dpi=dpi)
    if not model.built:
        dot.add_node(_key(model), model.name, shape="box")
        return dot
    for layer in _drawn_layers(model):
        inner = _inner(layer) if expand_nested else None
        if inner is not None:
            dot.add_subgraph(
                model_to_dot(inner, show_shapes, show_layer_names, rankdir, expand_nested, dpi, True)
            )
        else:
            dot.add_node(_key(layer), _label(layer, show_shapes, show_layer_names), shape="box")
    for source, target in _arrows(model):
        dot.add_edge(_end(source, expand_nested, last=True), _end(target, expand_nested, last=False))
    return dot


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=96,
):
    """Draws a model's graph of layers into `to_file`; a name that ends in .dot gets the graph as text."""
    model_to_dot(model, show_shapes, show_layer_names, rankdir, expand_nested, dpi).write(to_file)


def _key(layer):
    return str(id(layer))


def _drawn_layers(model):
    return model.layers


def _inner(layer):
    """The model inside a layer, if it is one or wraps one whose graph is known."""
    inner = layer if is_model(layer) else layer.layer if is_wrapped_model(layer) else None
    return inner if inner is not None and inner.built and inner.layers else None


def _arrows(model):
    """Pairs of layers of a model between which tensors go."""
    layers = model.layers
    if isinstance(model, Sequential):
        yield from zip(layers, layers[1:], strict=False)
        return
    known = {id(layer) for layer in layers}
    for layer in layers:
        for node in layer._inbound_nodes:
            for before in node.inbound_layers:
                if id(before) in known:
                    yield before, layer


def _end(layer, expand, last):
    """The box at which an arrow from (`last`) or to a layer ends, inside a model that is drawn open."""
    inner = _inner(layer) if expand else None
    while inner is not None:
        layer = inner.layers[-1 if last else 0]
        inner = _inner(layer)
    return _key(layer)


def _label(layer, show_shapes, show_names):
    kind = type(layer).__name__
    if isinstance(layer, Wrapper):
        kind = f"{kind}({type(layer.layer).__name__})"
    label = f"{layer.name}: {kind}" if show_names else kind
    if show_shapes:
        label += f"\ninput: {_shape(layer, 'input_shape')}\noutput: {_shape(layer, 'output_shape')}"
    return html.unescape(label)


def _shape(layer, which):
    try:
        shape = getattr(layer, which)
    except AttributeError:
        return "several" if layer._inbound_nodes else "?"
    return ", ".join(describe(s) for s in shape) if isinstance(shape, list) else describe(tuple(shape))
