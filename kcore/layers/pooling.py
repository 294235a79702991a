"""Pooling over windows and over whole axes."""

from __future__ import annotations

from .. import backend as K
from ..backend.windows import output_lengths
from .base import InputSpec, Layer


def _tuple(value, rank):
    return (int(value),) * rank if isinstance(value, int) else tuple(value)


class _Pooling(Layer):
    """Windows of `pool_size` at `strides` (the window's own size by default)."""

    _rank, _mode = 2, "max"

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = _tuple(pool_size, self._rank)
        self.strides = self.pool_size if strides is None else _tuple(strides, self._rank)
        self.padding = str(padding).lower()
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self._rank + 2)

    def call(self, inputs):
        pool = {1: K.pool1d, 2: K.pool2d, 3: K.pool3d}[self._rank]
        size, strides = (
            (self.pool_size, self.strides) if self._rank > 1 else (self.pool_size[0], self.strides[0])
        )
        return pool(inputs, size, strides, self.padding, self.data_format, self._mode)

    def compute_output_shape(self, input_shape):
        first = self.data_format == "channels_first"
        spatial = input_shape[2:] if first else input_shape[1:-1]
        sizes = output_lengths(tuple(spatial), self.pool_size, self.strides, (1,) * self._rank, self.padding)
        return (*input_shape[:2], *sizes) if first else (input_shape[0], *sizes, input_shape[-1])

    def get_config(self):
        return {
            **super().get_config(), "pool_size": self.pool_size, "padding": self.padding, "strides": self.strides,
            "data_format": self.data_format,
        }  # fmt: skip


class _Pooling1D(_Pooling):
    _rank = 1

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format="channels_last", **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class MaxPooling1D(_Pooling1D):
    """Largest value of each window; (batch, steps, features)."""


class AveragePooling1D(_Pooling1D):
    """Mean of each window; (batch, steps, features)."""

    _mode = "avg"


class MaxPooling2D(_Pooling):
    """Largest value of each window; (batch, rows, cols, channels)."""

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class AveragePooling2D(MaxPooling2D):
    """Mean of each window (padding does not count); (batch, rows, cols, channels)."""

    _mode = "avg"


class MaxPooling3D(_Pooling):
    """Largest value of each window; (batch, dim1, dim2, dim3, channels)."""

    _rank = 3

    def __init__(self, pool_size=(2, 2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class AveragePooling3D(MaxPooling3D):
    """Mean of each window; (batch, dim1, dim2, dim3, channels)."""

    _mode = "avg"


class _GlobalPooling(Layer):
    _rank = 2
    _max = True

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self._rank + 2)

    def _axes(self):
        return (
            list(range(2, self._rank + 2))
            if self.data_format == "channels_first"
            else list(range(1, self._rank + 1))
        )

    def call(self, inputs):
        return (K.max if self._max else K.mean)(inputs, axis=self._axes())

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] if self.data_format == "channels_first" else input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class _GlobalPooling1D(_GlobalPooling):
    _rank = 1

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
        axis = self._axes()[0]
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

    _rank = 3


class GlobalAveragePooling3D(_GlobalPooling):
    """(batch, dim1, dim2, dim3, channels) -> (batch, channels)."""

    _rank, _max = 3, False


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
