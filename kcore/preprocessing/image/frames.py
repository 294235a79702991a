"""`DataFrameIterator`: batches of image files that are named in a pandas data frame."""

import os
import warnings

import numpy as np

from ...errors import ArgumentError, DTypeError, UnknownColumn, nearest
from .directories import BatchFromFilesMixin, check_class_mode
from .iterator import ImageIterator
from .pictures import is_image_name

_BY_CLASS = ("categorical", "binary", "sparse")


class DataFrameIterator(BatchFromFilesMixin, ImageIterator):
    """Batches of the images named in column `x_col`, as paths, or as paths in `directory`.

    `class_mode`: 'categorical' (the names of classes in column `y_col`, for several classes lists of them), 'binary',
    'sparse' (names as well), 'raw' (the values of `y_col`, a column or a list of them, as they are), 'multi_output' (an
    array for each of the columns), 'input' (the images themselves) or None (no targets). `classes`: only rows of these
    are used. `weight_col`: sample weights. Files that are not there, or no images by their endings, are left out with a
    warning, unless `validate_filenames` is False. The data frame is not changed.
    """

    allowed_class_modes = {"categorical", "binary", "sparse", "input", "raw", "multi_output", None}

    def __init__(
        self,
        dataframe,
        directory=None,
        image_data_generator=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format="channels_last",
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        dtype="float32",
        validate_filenames=True,
    ):
        self.set_processing_attrs(
            image_data_generator, target_size, color_mode, data_format,
            save_to_dir, save_prefix, save_format, subset, interpolation,
        )  # fmt: skip
        check_class_mode(class_mode, self.allowed_class_modes)
        self.class_mode = class_mode
        self.dtype = dtype
        self.directory = "" if directory is None else directory
        _check_columns(dataframe, x_col, y_col if class_mode not in (None, "input") else (), weight_col)
        if class_mode == "multi_output" and not isinstance(y_col, (list, tuple)):
            raise DTypeError(f"class_mode='multi_output': y_col is a list of columns; {y_col!r} was given.")
        names = _strings(dataframe, x_col)
        labels = None
        if class_mode in _BY_CLASS:
            labels = _labels(dataframe, y_col, class_mode)
        kept = np.ones(len(names), bool)
        if labels is not None:
            if classes is not None:
                classes = [classes] if isinstance(classes, str) else list(classes)
                labels, kept = _only(labels, classes)
            if class_mode == "binary":
                _check_two_classes(set(labels if classes is None else classes))
        if validate_filenames:
            kept &= self._found(names, kept, x_col)
        rows = np.flatnonzero(kept)
        # as in Keras 2 classes are numbered in their order by all that is used, before a subset is taken
        if labels is not None:
            self.class_indices = _numbered([labels[row] for row in rows] if classes is None else classes)
        rows = self._split_part(rows)
        self._take(dataframe, rows, names, labels, y_col, weight_col)
        known = f" belonging to {len(self.class_indices)} classes" if labels is not None else ""
        print(f"Found {self.samples} {'' if validate_filenames else 'non-'}validated image filenames{known}.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _take(self, dataframe, rows, names, labels, y_col, weight_col):
        self.filenames = [names[row] for row in rows]
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        self.samples = len(rows)
        if labels is not None:
            self.classes = [_numbers(labels[row], self.class_indices) for row in rows]
        elif self.class_mode == "multi_output":
            # cells may hold arrays or lists
            self._targets = [np.array(np.asarray(dataframe[column])[rows].tolist()) for column in y_col]
        elif self.class_mode == "raw":
            columns = dataframe[list(y_col) if isinstance(y_col, tuple) else y_col]
            self._targets = np.asarray(columns)[rows]
        self._sample_weight = None if weight_col is None else np.asarray(dataframe[weight_col])[rows]

    def _found(self, names, kept, x_col):
        """Which names are of image files that are there; warns of others among those kept so far."""
        found = np.array([self._is_image(name) for name in names], dtype=bool)
        missing = [name for name, keep, there in zip(names, kept, found) if keep and not there]
        if missing:
            warnings.warn(
                f"column {x_col!r}: {len(missing)} names are left out, as there is no such image file "
                f"(the first is {missing[0]!r}).",
                UserWarning,
                stacklevel=4,
            )
        return found

    def _is_image(self, name):
        return is_image_name(name) and os.path.isfile(os.path.join(self.directory, name))

    @property
    def filepaths(self):
        """The path of each image."""
        return self._filepaths

    @property
    def labels(self):
        """What targets are made of: numbers of classes, or values of columns."""
        return self._targets if self.class_mode in ("raw", "multi_output") else self.classes

    @property
    def sample_weight(self):
        """The weight of each image, or None."""
        return self._sample_weight


def _check_columns(dataframe, x_col, y_col, weight_col):
    if not hasattr(dataframe, "columns"):
        raise DTypeError(f"a pandas data frame is needed; a {type(dataframe).__name__} was given.")
    wanted = [x_col, *(y_col if isinstance(y_col, (list, tuple)) else [y_col])]
    if weight_col is not None:
        wanted.append(weight_col)
    known = [str(c) for c in dataframe.columns]
    for column in wanted:
        if column not in dataframe.columns:
            raise UnknownColumn(
                f"the data frame has no column {column!r}; there are {known}.{nearest(column, known)}"
            )
    if weight_col is not None and np.asarray(dataframe[weight_col]).dtype.kind not in "fiub":
        raise DTypeError(f"weight_col={weight_col!r}: numbers are needed.")


def _strings(dataframe, column):
    names = dataframe[column].tolist()
    for number, name in enumerate(names):
        if not isinstance(name, str):
            raise DTypeError(f"column {column!r}: row {number} is {name!r}; names of files are needed.")
    return names


def _labels(dataframe, column, class_mode):
    """A class's name for each row, or a list of them."""
    allowed = (str, list, tuple) if class_mode == "categorical" else str
    if not isinstance(column, str) and isinstance(column, (list, tuple)):
        raise DTypeError(f"class_mode={class_mode!r}: y_col is one column; {column!r} was given.")
    labels = dataframe[column].tolist()
    for number, label in enumerate(labels):
        if not isinstance(label, allowed):
            raise DTypeError(
                f"class_mode={class_mode!r}: row {number} of column {column!r} is {label!r}; names of classes are needed "
                f"(strings{', or lists of them' if class_mode == 'categorical' else ''}). For numbers there are "
                "class_mode='raw' and .astype(str)."
            )
    return labels


def _only(labels, classes):
    """Labels without other classes, and which rows have any left."""
    classes = set(classes)
    if not classes:
        raise ArgumentError("classes: at least one is needed, or None for all.")
    left = [label if isinstance(label, str) else [one for one in label if one in classes] for label in labels]
    kept = [label in classes if isinstance(label, str) else bool(label) for label in left]
    return left, np.array(kept, bool)


def _check_two_classes(found):
    if len(found) != 2:
        raise ArgumentError(
            f"class_mode='binary' is for two classes; there are {len(found)}: {sorted(found)[:5]}."
        )


def _numbered(labels):
    names = sorted({name for label in labels for name in ([label] if isinstance(label, str) else label)})
    return {name: number for number, name in enumerate(names)}


def _numbers(label, class_indices):
    return class_indices[label] if isinstance(label, str) else [class_indices[name] for name in label]
