"""HDF5 and questions to the user, by Keras 2's path."""

import sys

from ..saving.keras_face import load_from_binary_h5py, save_to_binary_h5py
from .h5dict import H5Dict, h5dict
from .hdf5 import HDF5Matrix


def ask_to_proceed_with_overwrite(filepath):
    """Asks on the terminal whether the file may be overwritten; True for y. No where nobody can answer."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"{filepath} exists. Overwrite it? [y/n] ").strip().lower()
    return answer == "y"
