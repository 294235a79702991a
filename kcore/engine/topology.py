"""Keras 2's path `keras.engine.topology`."""

from ..utils.layer_utils import get_source_inputs
from . import Input, InputLayer, InputSpec, Layer, Network, Node
