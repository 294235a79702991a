"""Helpers that Keras users know from `keras.utils`."""

from ..training.progress import Progbar
from .data import Sequence
from .enqueuers import GeneratorEnqueuer, OrderedEnqueuer, SequenceEnqueuer
from .hdf5 import HDF5Matrix
from .numerical import normalize, to_categorical
