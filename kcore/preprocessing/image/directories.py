"""Batches of image files: what all of them share, and `DirectoryIterator`, for a folder with a folder for each class."""

import os
import warnings

import numpy as np

from ...backend.keras_face import normalize_data_format
from ...backend.settings import floatx
from ...errors import ArgumentError
from .arrays import check_subset
from .iterator import ImageIterator
from .pictures import (
    COLOR_MODES,
    EXTENSIONS,
    check_color_mode,
    check_interpolation,
    checked_size,
    img_to_array,
    is_image_name,
    load_img,
)


class BatchFromFilesMixin:
    """How an iterator makes batches of files. It needs `filepaths`, `labels` and `sample_weight`."""

    _names_below = 10**7

    def set_processing_attrs(
        self,
        image_data_generator,
        target_size,
        color_mode,
        data_format,
        save_to_dir,
        save_prefix,
        save_format,
        subset,
        interpolation,
    ):
        """Sets what says how images are read, changed and saved, and `split`, the part of the files that is meant."""
        check_color_mode(color_mode)
        check_interpolation(interpolation)
        share = 0 if image_data_generator is None else image_data_generator._validation_split
        check_subset(subset, share)
        self.image_data_generator = image_data_generator
        self.target_size = checked_size(target_size)
        self.color_mode = color_mode
        self.data_format = normalize_data_format(data_format)
        channels = COLOR_MODES[color_mode]
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, channels) if last else (channels, *self.target_size)
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.interpolation = interpolation
        self.subset = subset
        self.split = {None: None, "validation": (0, share), "training": (share, 1)}[subset]
        self._check_saving()

    def _split_part(self, names):
        """The names that belong to the subset."""
        if self.split is None:
            return names
        first, last = (int(border * len(names)) for border in self.split)
        return names[first:last]

    def _image(self, row):
        picture = load_img(
            self.filepaths[row],
            color_mode=self.color_mode,
            target_size=self.target_size,
            interpolation=self.interpolation,
        )
        return img_to_array(picture, data_format=self.data_format, dtype=self.dtype)

    def _with_targets(self, rows, x):
        if self.class_mode is None:
            return x
        y = self._targets_of(rows, x)
        return (x, y) if self.sample_weight is None else (x, y, self.sample_weight[rows])

    def _targets_of(self, rows, x):
        if self.class_mode == "input":
            return x.copy()
        if self.class_mode == "multi_output":
            return [output[rows] for output in self.labels]
        if self.class_mode == "raw":
            return self.labels[rows]
        if self.class_mode in ("binary", "sparse"):
            return np.array([self.labels[row] for row in rows], dtype=self.dtype)
        y = np.zeros((len(rows), len(self.class_indices)), dtype=self.dtype)
        for i, row in enumerate(rows):
            y[i, self.labels[row]] = 1.0
        return y


class DirectoryIterator(BatchFromFilesMixin, ImageIterator):
    """Batches of the images in `directory`, which has a folder for each class.

    `classes`: the names of the folders, in the order of their numbers; None for all, sorted. Folders within them belong
    to the class. `class_mode`: 'categorical' (one column for each class), 'binary', 'sparse' (the class's number),
    'input' (the images themselves) or None (no targets). `subset`: of each class the first files, by name, are for
    validation. Links to folders are followed within classes if `follow_links`.
    """

    allowed_class_modes = {"categorical", "binary", "sparse", "input", None}

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        dtype=None,
    ):
        check_class_mode(class_mode, self.allowed_class_modes)
        self.set_processing_attrs(
            image_data_generator, target_size, color_mode, data_format,
            save_to_dir, save_prefix, save_format, subset, interpolation,
        )  # fmt: skip
        self.directory = directory
        self.class_mode = class_mode
        self.dtype = floatx() if dtype is None else dtype
        names = _class_folders(directory) if classes is None else _named_classes(directory, classes)
        self.num_classes = len(names)
        self.class_indices = {name: number for number, name in enumerate(names)}
        found = {name: self._split_part(_images_in(directory, name, follow_links)) for name in names}
        self.filenames = [file for files in found.values() for file in files]
        self.classes = np.repeat(
            np.arange(len(names), dtype="int32"), [len(files) for files in found.values()]
        )
        self.samples = len(self.filenames)
        self._filepaths = [os.path.join(directory, name) for name in self.filenames]
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        if not self.samples:
            warnings.warn(
                f"no images in {directory}: they are looked for in one folder for each class, with the endings "
                f"{', '.join(EXTENSIONS)}.",
                UserWarning,
                stacklevel=3,
            )
        super().__init__(self.samples, batch_size, shuffle, seed)

    @property
    def filepaths(self):
        """The path of each image."""
        return self._filepaths

    @property
    def labels(self):
        """The class's number of each image."""
        return self.classes

    @property
    def sample_weight(self):
        """None: folders have no weights."""
        return None


def check_class_mode(class_mode, allowed):
    if class_mode not in allowed:
        told = ", ".join(sorted(map(repr, allowed)))
        raise ArgumentError(f"class_mode={class_mode!r}: one of {told} is needed.")


def _class_folders(directory):
    return [name for name in sorted(os.listdir(directory)) if os.path.isdir(os.path.join(directory, name))]


def _named_classes(directory, classes):
    classes = [classes] if isinstance(classes, str) else list(dict.fromkeys(classes))
    top = os.path.abspath(directory)
    for name in classes:
        if os.path.isabs(name) or not os.path.abspath(os.path.join(top, name)).startswith(
            os.path.join(top, "")
        ):
            raise ArgumentError(f"classes: {name!r} is not a folder in {directory}.")
    missing = [name for name in classes if not os.path.isdir(os.path.join(directory, name))]
    if missing:
        warnings.warn(f"classes: {directory} has no folders {missing}.", UserWarning, stacklevel=4)
    return classes


def _images_in(directory, name, follow_links):
    """The images in a class's folder and the folders in it, as paths in `directory`: folder by folder, each sorted."""
    top = os.path.join(directory, name)
    return [
        os.path.normpath(os.path.join(name, os.path.relpath(root, top), file))
        for root, files in sorted(_folders(top, follow_links, ()))
        for file in sorted(files)
    ]


def _folders(folder, follow_links, above):
    """(path, names of images) of a folder and all folders in it; a link to a folder that it is in is not followed."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return  # a class without a folder
    here = (*above, os.path.realpath(folder))
    yield folder, [e.name for e in entries if is_image_name(e.name) and e.is_file()]
    for entry in entries:
        if entry.is_dir(follow_symlinks=follow_links):
            if not entry.is_symlink() or os.path.realpath(entry.path) not in here:
                yield from _folders(entry.path, follow_links, here)
