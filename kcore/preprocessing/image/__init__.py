"""Images: files and arrays, changes drawn at random, and batches for training (`pip install 'kcore[images]'`)."""

from .arrays import NumpyArrayIterator
from .directories import DirectoryIterator
from .frames import DataFrameIterator
from .generator import ImageDataGenerator
from .iterator import Iterator
from .pictures import array_to_img, img_to_array, list_pictures, load_img, save_img
from .transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)
