"""Keras 2's path `keras.engine.base_layer`."""

from . import InputSpec, Layer, Node
