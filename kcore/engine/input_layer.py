"""Keras 2's path `keras.engine.input_layer`."""

from . import Input, InputLayer
