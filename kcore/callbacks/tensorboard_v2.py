"""Keras 2's path `keras.callbacks.tensorboard_v2`: one callback writes for every TensorBoard."""

from .tensorboard import TensorBoard
