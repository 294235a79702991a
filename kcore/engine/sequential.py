"""Keras 2's path `keras.engine.sequential`."""

from . import Sequential
