"""`ImageDataGenerator`: images changed at random and brought to one scale, batch after batch."""

import warnings

import numpy as np

from ...errors import ArgumentError, DataError
from .arrays import NumpyArrayIterator, told_of_channels
from .directories import DirectoryIterator
from .frames import DataFrameIterator
from .packages import linalg
from .transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    check_filling,
    checked_range,
    flip_axis,
)


class ImageDataGenerator:
    """Says how images are changed; `flow`, `flow_from_directory` and `flow_from_dataframe` give the batches.

    Changes are drawn for each image: `rotation_range` and `shear_range` in degrees either way; `width_shift_range` and
    `height_shift_range`: a float below 1 is a share of the size, one from 1 on and an integer are pixels (an integer n
    draws whole ones, 0 to n - 1 either way), a list has what to choose from; `zoom_range`: z for 1 - z to 1 + z, or
    two numbers; `brightness_range`: two factors, and values are then stretched from 0 to 255 as in Keras 2;
    `channel_shift_range`; flips. `fill_mode`, `cval` and `interpolation_order` are those of `apply_affine_transform`.

    Then comes `standardize`: `preprocessing_function`, `rescale` (a factor), `samplewise_center` and
    `samplewise_std_normalization` by each image, `featurewise_...` and `zca_whitening` by what `fit` has found.
    """

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format="channels_last",
        validation_split=0.0,
        interpolation_order=1,
        dtype="float32",
    ):
        if data_format not in ("channels_last", "channels_first"):
            raise ArgumentError(
                f"data_format={data_format!r}: 'channels_last' or 'channels_first' is needed."
            )
        if validation_split and not 0 < validation_split < 1:
            raise ArgumentError(f"validation_split={validation_split!r}: a share between 0 and 1 is needed.")
        if preprocessing_function is not None and not callable(preprocessing_function):
            raise ArgumentError("preprocessing_function: a function of one image is needed.")
        check_filling(fill_mode, interpolation_order)
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = _checked_shift("width_shift_range", width_shift_range)
        self.height_shift_range = _checked_shift("height_shift_range", height_shift_range)
        self.brightness_range = brightness_range
        if brightness_range is not None:
            checked_range("brightness_range", brightness_range)
        self.shear_range = shear_range
        self.zoom_range = _zoom_range(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.dtype = dtype
        self.interpolation_order = interpolation_order
        self.data_format = data_format
        self.channel_axis, self.row_axis, self.col_axis = (
            (3, 1, 2) if data_format == "channels_last" else (1, 2, 3)
        )
        self._validation_split = validation_split
        self.mean = None
        self.std = None
        self.principal_components = None
        self._settle()

    def _settle(self):
        """Divisions by a deviation, and whitening, include centring; whitening replaces the division."""
        if self.zca_whitening:
            self._turn_on("featurewise_center", "zca_whitening")
            if self.featurewise_std_normalization:
                self.featurewise_std_normalization = False
                self._tell("zca_whitening replaces featurewise_std_normalization, which is off now")
        if self.featurewise_std_normalization:
            self._turn_on("featurewise_center", "featurewise_std_normalization")
        if self.samplewise_std_normalization:
            self._turn_on("samplewise_center", "samplewise_std_normalization")

    def _turn_on(self, centring, reason):
        if not getattr(self, centring):
            setattr(self, centring, True)
            self._tell(f"{reason} includes {centring}, which is on now")

    @staticmethod
    def _tell(what):
        warnings.warn(f"ImageDataGenerator: {what}.", UserWarning, stacklevel=5)

    # batches ------------------------------------------------------------------------------------------------
    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
    ):
        """Batches of images in an array: (sample, row, column, channel). `x` may be a tuple of images and further
        inputs, which are passed on as they are. `subset`: 'training' or 'validation', the first part, of the size
        `validation_split`. `save_to_dir`: a folder that gets every image as it was changed."""
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            dtype=self._batch_type(),
        )

    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
    ):
        """Batches of image files in a folder with one folder for each class; see `DirectoryIterator`."""
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            data_format=self.data_format,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            dtype=self._batch_type(),
        )

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
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
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        **kwargs,
    ):
        """Batches of image files named in a pandas data frame; see `DataFrameIterator`."""
        if self._batch_type() is not None:
            kwargs.setdefault("dtype", self._batch_type())
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            data_format=self.data_format,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            validate_filenames=validate_filenames,
            **kwargs,
        )

    def _batch_type(self):
        """A float type that was asked for; None for the default, which is floatx. Keras 2 has floatx always."""
        return self.dtype if self.dtype != "float32" and np.dtype(self.dtype).kind == "f" else None

    # one image ------------------------------------------------------------------------------------------------
    def get_random_transform(self, img_shape, seed=None):
        """Draws what happens to an image of a shape: a dict for `apply_transform`, from NumPy's global generator."""
        if seed is not None:
            np.random.seed(seed)
        theta = np.random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        tx = _drawn_shift(self.height_shift_range, img_shape[self.row_axis - 1])
        ty = _drawn_shift(self.width_shift_range, img_shape[self.col_axis - 1])
        shear = np.random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        low, high = self.zoom_range
        zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
        # flips are drawn even if they are off: turning one on leaves all other draws as they were
        flip_horizontal = (np.random.random() < 0.5) * self.horizontal_flip
        flip_vertical = (np.random.random() < 0.5) * self.vertical_flip
        shift = self.channel_shift_range
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": np.random.uniform(-shift, shift) if shift else None,
            "brightness": None
            if self.brightness_range is None
            else np.random.uniform(*self.brightness_range),
        }

    def apply_transform(self, x, transform_parameters):
        """One image (row, column, channel) changed by given amounts: `theta`, `tx`, `ty`, `shear`, `zx`, `zy`,
        `channel_shift_intensity`, `flip_horizontal`, `flip_vertical`, `brightness`, in this order."""
        given = transform_parameters.get
        row, column, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        x = apply_affine_transform(
            x,
            given("theta", 0),
            given("tx", 0),
            given("ty", 0),
            given("shear", 0),
            given("zx", 1),
            given("zy", 1),
            row_axis=row,
            col_axis=column,
            channel_axis=channel,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        if given("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, given("channel_shift_intensity"), channel)
        if given("flip_horizontal", False):
            x = flip_axis(x, column)
        if given("flip_vertical", False):
            x = flip_axis(x, row)
        if given("brightness") is not None:
            x = np.moveaxis(
                apply_brightness_shift(np.moveaxis(x, channel, 2), given("brightness")), 2, channel
            )
        return x

    def random_transform(self, x, seed=None):
        """One image changed by drawn amounts."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x):
        """One image, or a batch, brought to scale; a float array is changed in place, as in Keras 2."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if x.dtype.kind != "f" and (self.rescale or self._centres()):
            x = x.astype(self.dtype if np.dtype(self.dtype).kind == "f" else "float32")
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + 1e-6
        if self.featurewise_center and self._is_fitted("mean", "featurewise_center"):
            x -= self.mean
        if self.featurewise_std_normalization and self._is_fitted("std", "featurewise_std_normalization"):
            x /= self.std + 1e-6
        if self.zca_whitening and self._is_fitted("principal_components", "zca_whitening"):
            x = (x.reshape(-1, self.principal_components.shape[0]) @ self.principal_components).reshape(
                x.shape
            )
        return x

    def _centres(self):
        return self.samplewise_center or self.featurewise_center

    def _is_fitted(self, name, what):
        if getattr(self, name) is not None:
            return True
        warnings.warn(
            f"ImageDataGenerator: {what} does nothing before fit(x), which finds what it needs.",
            UserWarning,
            stacklevel=3,
        )
        return False

    def fit(self, x, augment=False, rounds=1, seed=None):
        """Finds the mean, the deviation and the principal components of the images `x` (sample, row, column, channel).

        `augment`: of `rounds` times as many images, changed at random. `rescale` is heeded, but, as in Keras 2,
        neither `preprocessing_function` nor what is samplewise.
        """
        x = np.asarray(x, dtype=self.dtype)
        if x.ndim != 4:
            raise DataError(f"ImageDataGenerator.fit: 4 axes are needed; the shape is {x.shape}.")
        told_of_channels("ImageDataGenerator.fit", x.shape, self.data_format)
        if seed is not None:
            np.random.seed(seed)
        x = np.copy(x)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.stack([self.random_transform(image) for _ in range(rounds) for image in x]).astype(x.dtype)
        if self.featurewise_center:
            self.mean = np.mean(x, axis=(0, self.row_axis, self.col_axis)).reshape(self._by_channel(x))
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=(0, self.row_axis, self.col_axis)).reshape(self._by_channel(x))
            x /= self.std + 1e-6
        if self.zca_whitening:
            self.principal_components = _whitening(x.reshape(len(x), -1), self.zca_epsilon)

    def _by_channel(self, x):
        shape = [1, 1, 1]
        shape[self.channel_axis - 1] = x.shape[self.channel_axis]
        return shape


def _whitening(rows, epsilon):
    """The symmetric matrix that makes the covariance of `rows` (sample, feature), centred, the identity.

    ZCA: U diag(1 / sqrt(s + epsilon)) U^T for the covariance U diag(s) U^T. A. Krizhevsky, Learning Multiple Layers of
    Features from Tiny Images (2009), appendix A.
    """
    # SciPy's as in Keras 2: with fewer images than features the least variances, in float32, are what it rounds to
    directions, variances, _ = linalg().svd(rows.T @ rows / len(rows))
    return (directions / np.sqrt(variances + epsilon)) @ directions.T


def _checked_shift(name, given):
    values = np.asarray(given)
    if values.dtype.kind not in "fiu" or values.ndim > 1 or not values.size:
        raise ArgumentError(f"{name}={given!r}: a number or a list of numbers is needed.")
    if values.ndim == 0 and values.dtype.kind in "iu" and values == 1:
        warnings.warn(
            f"ImageDataGenerator: {name}=1 shifts nothing, as the integer n draws from 0 to n - 1 pixels. "
            "A share of the size is a float below 1.",
            UserWarning,
            stacklevel=3,
        )
    return given


def _drawn_shift(shift_range, size):
    """Pixels to move by: of a list one, either way; of an integer n, 0 to n - 1; of a float up to it.

    Below 1 (all of a list) they are shares of the size.
    """
    if not np.any(shift_range):
        return 0
    values = np.asarray(shift_range)
    if values.ndim or values.dtype.kind in "iu":
        shift = np.random.choice(shift_range) * np.random.choice([-1, 1])
    else:
        shift = np.random.uniform(-shift_range, shift_range)
    return shift * size if values.max() < 1 else shift


def _zoom_range(given):
    if np.ndim(given) == 0 and not isinstance(given, str):
        if not 0 <= given < 1:
            warnings.warn(
                f"ImageDataGenerator: zoom_range={given} draws factors from {1 - given} to {1 + given}; those at or "
                "below 0 turn images over. Give two numbers, or one from 0 to 1.",
                UserWarning,
                stacklevel=3,
            )
        return [1 - given, 1 + given]
    return list(checked_range("zoom_range", given))
