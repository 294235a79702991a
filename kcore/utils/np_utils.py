"""Keras 2's path to `to_categorical` and `normalize`."""

from .numerical import normalize, to_categorical
