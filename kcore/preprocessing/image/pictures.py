"""Arrays and pictures: loading, saving, and turning one into the other (`pip install 'kcore[images]'`)."""

import os
import warnings

import numpy as np

from ...backend.keras_face import normalize_data_format
from ...backend.settings import floatx
from ...errors import ArgumentError, DataError, nearest
from ...saving.atomic import writing
from ...saving.gate import budgets, refused, told_path
from .packages import pillow

COLOR_MODES = {"rgb": 3, "rgba": 4, "grayscale": 1}  # by name: how many channels
EXTENSIONS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")  # of files that iterators look for
_ENDINGS = tuple(f".{extension}" for extension in EXTENSIONS)
_RUNS_PROGRAMS = {"EPS"}  # formats that Pillow reads by means of other programs: not from files of strangers
_DEEP = ("I", "F")  # beginnings of Pillow's modes with more than 8 bits


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """A Pillow image of an array (row, column, channel), or (channel, row, column) with 'channels_first'.

    `scale`: the least value becomes black and the greatest 255, whatever they are; without it values are taken as they
    are, and what is beyond 0 to 255 is cut. 1, 3 or 4 channels.
    """
    image = pillow()
    x = np.asarray(x, dtype=_float_type(dtype))
    if x.ndim != 3:
        raise DataError(f"array_to_img: an array of 3 axes is needed, of one image; the shape is {x.shape}.")
    if normalize_data_format(data_format) == "channels_first":
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3, 4):
        raise DataError(
            f"array_to_img: {x.shape[2]} channels; 1, 3 or 4 can be shown. Is data_format the right one?"
        )
    if np.isnan(x).any():
        raise DataError("array_to_img: there are NaN in the array.")
    if scale:
        x = x - x.min()
        greatest = x.max()
        if greatest != 0:
            x /= greatest
        x *= 255
    if x.shape[2] == 1:
        x = x[:, :, 0]
        if x.max() > 255:
            return image.fromarray(x.astype("int32"))
    return image.fromarray(np.clip(x, 0, 255).astype("uint8"))


def _float_type(dtype):
    """The type to compute in: integers would be scaled to 0 and 1."""
    dtype = np.dtype(floatx() if dtype is None else dtype)
    return dtype if dtype.kind == "f" else np.dtype(floatx())


def img_to_array(img, data_format=None, dtype=None):
    """A Pillow image as an array (row, column, channel), or (channel, row, column) with 'channels_first'."""
    data_format = normalize_data_format(data_format)
    x = np.asarray(img, dtype=floatx() if dtype is None else dtype)
    if x.ndim == 2:
        x = x[:, :, None]
    if x.ndim != 3:
        raise DataError(f"img_to_array: an image of 2 or 3 axes is needed; the shape is {x.shape}.")
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def load_img(path, grayscale=False, color_mode="rgb", target_size=None, interpolation="nearest"):
    """A Pillow image from a file (a path, or an open binary file).

    `color_mode`: 'rgb', 'rgba' or 'grayscale', which keeps images of 16 bits and more as they are. `target_size`:
    (height, width). `interpolation`: 'nearest', 'bilinear', 'bicubic', 'hamming', 'box' or 'lanczos'.
    """
    if grayscale:
        warnings.warn("load_img: grayscale=True is color_mode='grayscale' now.", UserWarning, stacklevel=2)
        color_mode = "grayscale"
    check_color_mode(color_mode)
    check_interpolation(interpolation)
    if target_size is not None:
        target_size = checked_size(target_size)
    with _opened(path) as opened:
        try:
            loaded = _in_mode(opened, color_mode, path)
            if target_size is not None and loaded.size != target_size[::-1]:
                return loaded.resize(target_size[::-1], pillow().Resampling[interpolation.upper()])
            loaded.load()  # before its file is closed
            return loaded
        except (OSError, SyntaxError) as error:  # of pixels that cannot be decoded, which do not say where
            raise OSError(f"{told_path(path)}: the image is damaged: {error}") from error


def _opened(path):
    """An image whose size is known and whose pixels have not been read. Raises FileRefused if there are too many."""
    image = pillow()
    image.init()
    try:
        opened = image.open(path, formats=[f for f in image.OPEN if f not in _RUNS_PROGRAMS])
    except image.DecompressionBombError as error:
        raise refused(told_path(path), "", 23, str(error)) from error
    if opened.width * opened.height > budgets().max_pixels:
        size = f"{opened.width} by {opened.height} pixels"
        opened.close()
        raise refused(told_path(path), "", 23, f"has {size}", "max_pixels")
    return opened


def _in_mode(opened, color_mode, path):
    if color_mode == "grayscale":
        return opened if opened.mode == "L" or opened.mode in ("I", "I;16") else opened.convert("L")
    if opened.mode.startswith(_DEEP):
        warnings.warn(
            f"load_img: {path} has more than 8 bits a pixel, and as {color_mode} everything above 255 is cut. "
            "color_mode='grayscale' keeps all values.",
            UserWarning,
            stacklevel=4,
        )
        opened = pillow().fromarray(np.clip(np.asarray(opened), 0, 255).astype("uint8"))
    return opened if opened.mode == color_mode.upper() else opened.convert(color_mode.upper())


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Writes an array as an image file (a path, or an open binary file); `array_to_img` says how values are taken.

    `file_format`: 'png', 'jpeg', ..., None for what the path ends in. `kwargs` go to Pillow (`quality=`). JPEG has no
    transparency: a fourth channel is left out. The file is there as a whole or not at all.
    """
    picture = array_to_img(x, data_format=data_format, scale=scale)
    file_format = _format_of(path, file_format)
    if file_format == "JPEG" and picture.mode == "RGBA":
        warnings.warn(
            "save_img: JPEG has no transparency; the fourth channel is left out.", UserWarning, stacklevel=2
        )
        picture = picture.convert("RGB")
    if hasattr(path, "write"):
        picture.save(path, format=file_format, **kwargs)
        return
    with writing(path) as file:
        picture.save(file, format=file_format, **kwargs)


def _format_of(path, file_format):
    """Pillow's name of the format."""
    extensions = pillow().registered_extensions()  # ".jpg" to "JPEG"
    if file_format is not None:
        name = str(file_format).lower()
        found = extensions.get(f".{name}", name.upper())
        if found in set(extensions.values()):
            return found
        raise ArgumentError(f"file_format={file_format!r} is no format that Pillow knows.")
    if hasattr(path, "write"):
        raise ArgumentError("save_img: an open file has no ending; give file_format='png' or another.")
    ending = os.path.splitext(os.fsdecode(os.fspath(path)))[1].lower()
    if ending not in extensions:
        raise ArgumentError(
            f"save_img: {path} ends in {ending!r}, which is no image format; give file_format='png' or another."
        )
    return extensions[ending]


def list_pictures(directory, ext=EXTENSIONS):
    """The paths of all images in a folder and the folders in it, sorted; `ext`: what their names end in."""
    endings = (ext,) if isinstance(ext, str) else tuple(ext)
    return [
        os.path.join(root, name)
        for root, _, names in sorted(os.walk(directory))
        for name in sorted(names)
        if name.lower().endswith(tuple(f".{e}" for e in endings))
    ]


def is_image_name(name):
    """Whether a file's name is that of an image."""
    return name.lower().endswith(_ENDINGS)


def check_color_mode(color_mode):
    if color_mode not in COLOR_MODES:
        raise ArgumentError(f"color_mode={color_mode!r}: one of {', '.join(COLOR_MODES)} is needed.")


def check_interpolation(interpolation):
    known = [m.name.lower() for m in pillow().Resampling]
    if interpolation not in known:
        raise ArgumentError(
            f"interpolation={interpolation!r}: one of {', '.join(known)} is needed.{nearest(interpolation, known)}"
        )


def checked_size(size):
    """(height, width) of a `target_size`."""
    try:
        height, width = size
        if height < 1 or width < 1:
            raise ValueError
    except (TypeError, ValueError):
        raise ArgumentError(
            f"target_size={size!r}: (height, width) is needed, two numbers above 0."
        ) from None
    return int(height), int(width)
