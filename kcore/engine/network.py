"""Keras 2's path `keras.engine.network`."""

from . import Network
