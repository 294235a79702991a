"""Helpers that Keras users know from `keras.utils`."""

from ..training.progress import Progbar
from .data import Sequence
from .numerical import normalize, to_categorical
