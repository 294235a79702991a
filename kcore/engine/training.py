"""Keras 2's path `keras.engine.training`."""

from . import Model
