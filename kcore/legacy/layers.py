"""Keras 2's path `keras.legacy.layers`."""

from ..layers.legacy import AtrousConvolution1D, AtrousConvolution2D, Highway, MaxoutDense
from ..layers.legacy_recurrent import ConvRecurrent2D, Recurrent
