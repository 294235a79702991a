"""Images turned, shifted, sheared, zoomed, made brighter: by given amounts (`apply_`) and by drawn ones (`random_`).

All take one image; `row_axis`, `col_axis` and `channel_axis` say how it lies. Amounts are drawn from NumPy's global
generator, in Keras 2's order.
"""

import numpy as np

from ...errors import ArgumentError, DataError
from .packages import ndimage, pillow_enhance
from .pictures import array_to_img, img_to_array

FILL_MODES = ("constant", "nearest", "reflect", "mirror", "wrap", "grid-constant", "grid-mirror", "grid-wrap")


# given amounts --------------------------------------------------------------------------------------------------
def apply_affine_transform(
    x,
    theta=0,
    tx=0,
    ty=0,
    shear=0,
    zx=1,
    zy=1,
    row_axis=0,
    col_axis=1,
    channel_axis=2,
    fill_mode="nearest",
    cval=0.0,
    order=1,
):
    """The image whose pixel (row, column) is that of `x` at R T S Z (row, column), about the centre.

    R turns by `theta` degrees, T moves by `tx` rows and `ty` columns, S shears by `shear` degrees, Z stretches rows by
    `zx` and columns by `zy`. What lies outside follows from `fill_mode` ('nearest', 'constant': `cval`, 'reflect',
    'mirror', 'wrap'). `order`: of the spline between pixels, 0 (nearest pixel) to 5.
    """
    matrix = _affine_matrix(theta, tx, ty, shear, zx, zy)
    size = (x.shape[row_axis], x.shape[col_axis]) if x.ndim == 3 else None
    return _transformed(x, matrix, size, (channel_axis, row_axis, col_axis), fill_mode, cval, order)


def _transformed(x, matrix, size, axes, fill_mode, cval, order):
    """`x` under a 3 by 3 matrix about the centre of an image of a size; `axes`: of channels, rows, columns."""
    check_filling(fill_mode, order)
    if x.ndim != 3:
        raise DataError(f"an image of 3 axes is needed; the shape is {x.shape}.")
    if matrix is None:
        return x
    matrix = transform_matrix_offset_center(matrix, *size)
    channels = np.moveaxis(x, axes, (0, 1, 2))
    if x.dtype == "float16":  # SciPy has no such images
        channels = channels.astype("float32")
    transform = ndimage().affine_transform
    done = [
        transform(c, matrix[:2, :2], matrix[:2, 2], order=order, mode=fill_mode, cval=cval) for c in channels
    ]
    return np.moveaxis(np.stack(done), (0, 1, 2), axes).astype(x.dtype, copy=False)


def _affine_matrix(theta, tx, ty, shear, zx, zy):
    """The product of all that is asked for, 3 by 3; None for nothing."""
    steps = []
    if theta:
        angle = np.deg2rad(theta)
        steps.append([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    if tx or ty:
        steps.append([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    if shear:
        angle = np.deg2rad(shear)
        steps.append([[1, -np.sin(angle), 0], [0, np.cos(angle), 0], [0, 0, 1]])
    if zx != 1 or zy != 1:
        steps.append([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    matrix = None
    for step in steps:
        matrix = np.array(step, float) if matrix is None else matrix @ np.array(step, float)
    return matrix


def transform_matrix_offset_center(matrix, x, y):
    """A 3 by 3 `matrix` applied about the centre of an image of `x` rows and `y` columns.

    The centre is Keras 2's, x / 2 + 1/2 in rows counted from 0: one row and one column beyond the middle.
    """
    row, column = x / 2 + 0.5, y / 2 + 0.5
    there = np.array([[1, 0, row], [0, 1, column], [0, 0, 1]])
    back = np.array([[1, 0, -row], [0, 1, -column], [0, 0, 1]])
    return there @ matrix @ back


def apply_channel_shift(x, intensity, channel_axis=0):
    """`x` + `intensity`, within the limits of the values in `x`."""
    least, greatest = x.min(), x.max()
    if x.dtype.kind in "iu" and isinstance(intensity, (int, np.integer)):
        return np.clip(x.astype("int64") + int(intensity), least, greatest).astype(x.dtype)
    return np.clip(x + float(intensity), least, greatest)


def apply_brightness_shift(x, brightness):
    """An image (row, column, channel) made darker (below 1) or brighter: float, 0 to 255.

    As in Keras 2 its values are first stretched from 0 to 255 (`array_to_img`), whatever they were.
    """
    picture = array_to_img(x, data_format="channels_last")
    changed = pillow_enhance().Brightness(picture).enhance(brightness)
    return img_to_array(changed, data_format="channels_last")


def flip_axis(x, axis):
    """`x` backwards along an axis."""
    return np.flip(x, axis)


# drawn amounts --------------------------------------------------------------------------------------------------
# As in Keras 2 rotations, shears and zooms take the centre from axes 0 and 1 (`x.shape[:2]`), whatever the arguments say:
# it is the image's where rows and columns are these. apply_affine_transform and ImageDataGenerator have it right always.
def random_rotation(
    x, rg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """`x` turned by up to `rg` degrees either way."""
    matrix = _affine_matrix(np.random.uniform(-rg, rg), 0, 0, 0, 1, 1)
    axes = (channel_axis, row_axis, col_axis)
    return _transformed(x, matrix, x.shape[:2], axes, fill_mode, cval, interpolation_order)


def random_shift(
    x, wrg, hrg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """`x` moved by up to the share `wrg` of its width and `hrg` of its height either way."""
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(
        x, tx=tx, ty=ty, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis,
        fill_mode=fill_mode, cval=cval, order=interpolation_order,
    )  # fmt: skip


def random_shear(
    x, intensity, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """`x` sheared by up to `intensity` degrees either way."""
    matrix = _affine_matrix(0, 0, 0, np.random.uniform(-intensity, intensity), 1, 1)
    axes = (channel_axis, row_axis, col_axis)
    return _transformed(x, matrix, x.shape[:2], axes, fill_mode, cval, interpolation_order)


def random_zoom(
    x,
    zoom_range,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    interpolation_order=1,
):
    """`x` zoomed by factors from `zoom_range` (two numbers), one for rows and one for columns; below 1 is nearer."""
    low, high = checked_range("zoom_range", zoom_range)
    zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
    axes = (channel_axis, row_axis, col_axis)
    matrix = _affine_matrix(0, 0, 0, 0, zx, zy)
    return _transformed(x, matrix, x.shape[:2], axes, fill_mode, cval, interpolation_order)


def random_channel_shift(x, intensity_range, channel_axis=0):
    """`apply_channel_shift` by up to `intensity_range` either way."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x, brightness_range):
    """`apply_brightness_shift` by a factor from `brightness_range`, two numbers."""
    return apply_brightness_shift(x, np.random.uniform(*checked_range("brightness_range", brightness_range)))


# checks -----------------------------------------------------------------------------------------------------------
def checked_range(name, given):
    """Two numbers."""
    try:
        low, high = given
        low + high
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}={given!r}: two numbers are needed, as in (0.5, 1.5).") from None
    return low, high


def check_filling(fill_mode, order):
    if fill_mode not in FILL_MODES:
        raise ArgumentError(f"fill_mode={fill_mode!r}: one of {', '.join(FILL_MODES)} is needed.")
    if order not in range(6):
        raise ArgumentError(f"interpolation order {order!r}: 0 to 5 is needed.")
