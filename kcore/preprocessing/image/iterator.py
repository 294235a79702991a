"""`Iterator`: which images are in which batch, and what is drawn for each of them."""

import os
import threading

import numpy as np

from ...errors import ArgumentError, DataError
from ...utils.data import Sequence
from .pictures import save_img


class Iterator(Sequence):
    """Batches of `n` images, as a `Sequence` and without end by `next()`. Base of those that know where images are.

    `seed`: batch number i, counted over all epochs, is drawn with the seed `seed + i`; without it all comes from NumPy's
    global generator as it stands. A subclass has `_get_batches_of_transformed_samples(index_array)`, as in Keras 2.
    """

    def __init__(self, n, batch_size, shuffle, seed):
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ArgumentError(f"batch_size={batch_size!r}: a whole number of at least 1 is needed.")
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array = None
        self.index_generator = self._flow_index()

    def __getstate__(self):
        # neither goes into another process; a generator starts anew where this one stands, at batch_index
        return {k: v for k, v in vars(self).items() if k not in ("lock", "index_generator")}

    def __setstate__(self, state):
        vars(self).update(state)
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()

    def get_state(self):
        """The place in the data, for a training that may be interrupted (`BackupAndResume`)."""
        return {
            "index_array": self.index_array,
            "batch_index": self.batch_index,
            "total_batches_seen": self.total_batches_seen,
        }

    def set_state(self, state):
        """Goes on where `get_state` was asked."""
        self.index_array = None if state["index_array"] is None else np.asarray(state["index_array"])
        self.batch_index = int(state["batch_index"])
        self.total_batches_seen = int(state["total_batches_seen"])

    def _set_index_array(self):
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def __len__(self):
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx):
        return self._get_batches_of_transformed_samples(self._rows_of(idx))

    def _rows_of(self, idx):
        """The numbers of the images in batch `idx`; counts it, and seeds for it."""
        count = len(self)
        if not -count <= idx < count:
            raise ArgumentError(f"{type(self).__name__}: batch {idx} was asked for, of {count}.")
        with self.lock:
            self._seed_next()
            if self.index_array is None:
                self._set_index_array()
            first = idx % count * self.batch_size
            return self.index_array[first : first + self.batch_size]

    def _seed_next(self):
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def on_epoch_end(self):
        """A new order, if batches are shuffled."""
        self._set_index_array()

    def reset(self):
        """`next()` goes on with the first batch."""
        self.batch_index = 0

    def _flow_index(self):
        """The numbers of the images of batch after batch, without end; a new order for each epoch."""
        while self.n:
            self._seed_next()
            if self.batch_index == 0 or self.index_array is None:
                self._set_index_array()
            first = self.batch_index * self.batch_size
            self.batch_index = self.batch_index + 1 if first + self.batch_size < self.n else 0
            yield self.index_array[first : first + self.batch_size]
        raise DataError(f"{type(self).__name__}: there are no images, so there is no batch.")

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def next(self):
        """The next batch, epoch after epoch."""
        with self.lock:
            index_array = next(self.index_generator)
        return self._get_batches_of_transformed_samples(index_array)

    def _get_batches_of_transformed_samples(self, index_array):
        raise NotImplementedError(
            f"{type(self).__name__} needs a method _get_batches_of_transformed_samples(self, index_array)"
        )


class ImageIterator(Iterator):
    """An Iterator of images: each is taken (`_image`), changed, standardized; then targets are put to them.

    With several workers all that is drawn for a batch is drawn first, where the loop runs, and they share the rest: one
    seed gives the same batches with any number of them.
    """

    def divided_work(self):
        kind = type(self)
        if (
            kind.__getitem__ is not Iterator.__getitem__
            or kind._get_batches_of_transformed_samples
            is not ImageIterator._get_batches_of_transformed_samples
        ):
            return None  # a subclass makes its batches in a way of its own
        return self._drawn, self._made

    def _drawn(self, index):
        """Which images batch `index` has, and what was drawn for each."""
        rows = self._rows_of(index)
        changes = [self._drawn_change() for _ in rows]
        return rows, changes, self._drawn_names(len(rows))

    def _made(self, drawn):
        rows, changes, names = drawn
        images = [self._changed(self._image(row), change) for row, change in zip(rows, changes)]
        return self._batch(rows, images, names)

    def _get_batches_of_transformed_samples(self, index_array):
        # image by image, as a preprocessing_function may draw too
        images = [self._changed(self._image(row), self._drawn_change()) for row in index_array]
        return self._batch(index_array, images, self._drawn_names(len(index_array)))

    def _drawn_change(self):
        generator = self.image_data_generator
        return None if generator is None else generator.get_random_transform(self.image_shape)

    def _drawn_names(self, count):
        if not self.save_to_dir:
            return None
        return [np.random.randint(self._names_below) for _ in range(count)]

    def _changed(self, image, change):
        generator = self.image_data_generator
        if generator is None:
            return image
        return generator.standardize(generator.apply_transform(image, change))

    def _batch(self, rows, images, names):
        x = np.zeros((len(rows), *self.image_shape), dtype=self.dtype)
        for i, image in enumerate(images):
            if image.shape != x.shape[1:]:
                raise DataError(
                    f"{type(self).__name__}: an image has the shape {image.shape} after its changes, not {x.shape[1:]}; "
                    "a preprocessing_function has to keep it."
                )
            x[i] = image
        if names is not None:
            self._save(rows, x, names)
        return self._with_targets(rows, x)

    def _save(self, rows, x, names):
        for row, image, name in zip(rows, x, names):
            path = os.path.join(self.save_to_dir, f"{self.save_prefix}_{row}_{name}.{self.save_format}")
            save_img(path, image, data_format=self.data_format)

    def _check_saving(self):
        if not self.save_to_dir:
            return
        if not os.path.isdir(self.save_to_dir):
            raise FileNotFoundError(f"save_to_dir: there is no folder {self.save_to_dir}.")
        for name, part in (("save_prefix", self.save_prefix), ("save_format", self.save_format)):
            if os.path.basename(part) != part:
                raise ArgumentError(f"{name}={part!r}: this is a part of a file's name, not a path.")
