"""The kit on every layer of the collection, on the engine in use."""

from kcore.testing.layer_conformance import LayersConformance


class TestKit(LayersConformance):
    plugin = "layers_extra"
