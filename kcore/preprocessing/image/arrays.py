"""`NumpyArrayIterator`: batches of images that are in an array."""

import warnings

import numpy as np

from ...backend.keras_face import normalize_data_format
from ...backend.settings import floatx
from ...errors import ArgumentError, DataError
from .iterator import ImageIterator


class NumpyArrayIterator(ImageIterator):
    """Batches of images `x` (sample, row, column, channel) with their targets `y`; what `ImageDataGenerator.flow` gives.

    `x` may be a tuple (images, further) with one further input or a list of them, all of as many samples, which are
    passed on as they are. A batch is x, (x, y) or (x, y, sample_weight). `subset`: 'training' or 'validation', as the
    generator's `validation_split` divides them: the first samples are for validation.
    """

    _names_below = 10**4

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        sample_weight=None,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        dtype=None,
    ):
        self.dtype = floatx() if dtype is None else dtype
        self.data_format = normalize_data_format(data_format)
        self.image_data_generator = image_data_generator
        images, further = _parted(x)
        # images stay in their type until a batch is made of them: as float32 they may not fit into memory
        images = np.asarray(images)
        targets = None if y is None else np.asarray(y)
        weights = None if sample_weight is None else np.asarray(sample_weight)
        _check_lengths(images, further, targets, weights)
        if subset is not None:
            part = _part(subset, len(images), image_data_generator._validation_split, targets)
            images, further = images[part], [f[part] for f in further]
            targets, weights = (None if a is None else a[part] for a in (targets, weights))
        if images.ndim != 4:
            raise DataError(
                f"images have 4 axes, (sample, row, column, channel) or (sample, channel, row, column); "
                f"the shape of x is {images.shape}."
            )
        told_of_channels("NumpyArrayIterator", images.shape, self.data_format)
        self.x = images
        self.x_misc = further
        self.y = targets
        self.sample_weight = weights
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self._check_saving()
        self.image_shape = images.shape[1:]
        super().__init__(len(images), batch_size, shuffle, seed)

    def _image(self, row):
        return self.x[row].astype(self.dtype)

    def _with_targets(self, rows, x):
        if self.x_misc:
            x = [x, *(f[rows] for f in self.x_misc)]
        if self.y is None:
            return x
        if self.sample_weight is None:
            return x, self.y[rows]
        return x, self.y[rows], self.sample_weight[rows]


def _parted(x):
    """The images, and a list of the further inputs."""
    if not isinstance(x, (tuple, list)):
        return x, []
    if len(x) != 2:
        raise ArgumentError(
            f"x is a {type(x).__name__} of {len(x)}. An array of images is needed, or (images, further) with one further "
            "input or a list of them; images in a list become an array by np.asarray."
        )
    images, further = x
    if not isinstance(further, (tuple, list)):
        further = [further]
    return images, [np.asarray(f) for f in further]


def _check_lengths(images, further, targets, weights):
    others = [(f"further input {i}", f) for i, f in enumerate(further)]
    others += [("y", targets), ("sample_weight", weights)]
    for name, other in others:
        if other is not None and (other.ndim == 0 or len(other) != len(images)):
            raise DataError(
                f"x has {len(images)} images (its shape is {images.shape}), but {name} is {other.shape}."
            )
    if weights is not None and targets is None:
        raise ArgumentError("sample_weight needs y: a batch is (x, y, sample_weight).")


def _part(subset, count, share, targets):
    """The samples of a subset, as a slice."""
    check_subset(subset, share)
    border = int(count * share)
    if targets is not None and _are_labels(targets):
        if not np.array_equal(np.unique(targets[:border]), np.unique(targets[border:])):
            raise DataError(
                "the training and validation subsets have different classes: validation takes the first samples "
                f"({border} of {count}). Shuffle them first if they are sorted by class."
            )
    return slice(border) if subset == "validation" else slice(border, None)


def check_subset(subset, share):
    """Raises ArgumentError for an unknown subset, or if there is no `validation_split`."""
    if subset not in (None, "training", "validation"):
        raise ArgumentError(f"subset={subset!r}: 'training' or 'validation' is needed.")
    if subset is not None and not share:
        raise ArgumentError(f"subset={subset!r} needs an ImageDataGenerator with a validation_split.")


def _are_labels(targets):
    """Whether targets are of classes: numbers with fractions are measurements, which no two samples share."""
    return targets.dtype.kind != "f" or np.array_equal(targets, np.round(targets))


def told_of_channels(who, shape, data_format):
    """Warns of numbers of channels that images do not have."""
    axis = 3 if data_format == "channels_last" else 1
    if shape[axis] not in (1, 3, 4):
        warnings.warn(
            f"{who}: images have 1, 3 or 4 channels, but with {data_format!r} the shape {shape} means {shape[axis]}.",
            UserWarning,
            stacklevel=3,
        )
