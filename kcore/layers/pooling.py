"""Pooling over windows and over whole axes."""

from __future__ import annotations

from .. import backend as K
from ..backend.windows import output_lengths
from ..errors import ArgumentError
from .settings import told
from .spatial import _Spatial, sizes


class _Pooling(_Spatial):
    """Windows of `pool_size` at `strides` (the window's own size by default)."""

    _mode = "max"

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = sizes(pool_size, self.rank, "pool_size", self._told())
        self.strides = (
            self.pool_size if strides is None else sizes(strides, self.rank, "strides", self._told())
        )
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ArgumentError(f"{self._told()}: padding={padding!r}; use 'valid' or 'same'.")
        self._set_data_format(data_format)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)  # says so if a window does not fit
        self.built = True

    def call(self, inputs):
        pool = {1: K.pool1d, 2: K.pool2d, 3: K.pool3d}[self.rank]
        return pool(inputs, self.pool_size, self.strides, self.padding, self.data_format, self._mode)

    def _lengths(self, lengths):
        return output_lengths(lengths, self.pool_size, self.strides, (1,) * self.rank, self.padding)

    def compute_output_shape(self, input_shape):
        return self._with_spatial(input_shape, self._lengths)

    def get_config(self):
        return {**super().get_config(), **told(self, ("pool_size", "padding", "strides", "data_format"))}


class _Pooling1D(_Pooling):
    rank = 1

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format="channels_last", **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class MaxPooling1D(_Pooling1D):
    """Largest value of each window; (batch, steps, features)."""


class AveragePooling1D(_Pooling1D):
    """Mean of each window; (batch, steps, features)."""

    _mode = "avg"


class _Pooling2D(_Pooling):
    rank = 2

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class MaxPooling2D(_Pooling2D):
    """Largest value of each window; (batch, rows, cols, channels)."""


class AveragePooling2D(_Pooling2D):
    """Mean of each window, in which padding does not count; (batch, rows, cols, channels)."""

    _mode = "avg"


class _Pooling3D(_Pooling):
    rank = 3

    def __init__(self, pool_size=(2, 2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class MaxPooling3D(_Pooling3D):
    """Largest value of each window; (batch, dim1, dim2, dim3, channels)."""


class AveragePooling3D(_Pooling3D):
    """Mean of each window, in which padding does not count; (batch, dim1, dim2, dim3, channels)."""

    _mode = "avg"


class _GlobalPooling(_Spatial):
    """One value per channel, from all places."""

    _max = True

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set_data_format(data_format)

    def call(self, inputs):
        return (K.max if self._max else K.mean)(inputs, axis=list(self._spatial_axes()))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[self._channel_axis])

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class _GlobalPooling1D(_GlobalPooling):
    rank = 1

    def __init__(self, data_format="channels_last", **kwargs):
        super().__init__(data_format, **kwargs)


class GlobalMaxPooling1D(_GlobalPooling1D):
    """(batch, steps, features) -> (batch, features)."""


class GlobalAveragePooling1D(_GlobalPooling1D):
    """Mean over the steps that are not masked: (batch, steps, features) -> (batch, features)."""

    _max = False

    def __init__(self, data_format="channels_last", **kwargs):
        super().__init__(data_format, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        (axis,) = self._spatial_axes()
        kept = K.expand_dims(K.cast(mask, K.dtype(inputs)), 2 if axis == 1 else 1)
        return K.sum(inputs * kept, axis=axis) / K.sum(kept, axis=axis)

    def compute_mask(self, inputs, mask=None):
        return None


class GlobalMaxPooling2D(_GlobalPooling):
    """(batch, rows, cols, channels) -> (batch, channels)."""


class GlobalAveragePooling2D(_GlobalPooling):
    """(batch, rows, cols, channels) -> (batch, channels)."""

    _max = False


class GlobalMaxPooling3D(_GlobalPooling):
    """(batch, dim1, dim2, dim3, channels) -> (batch, channels)."""

    rank = 3


class GlobalAveragePooling3D(_GlobalPooling):
    """(batch, dim1, dim2, dim3, channels) -> (batch, channels)."""

    rank, _max = 3, False


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
