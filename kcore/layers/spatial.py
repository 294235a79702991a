"""What layers on images and their like share: spatial axes, data formats, windows."""

from __future__ import annotations

from .. import backend as K
from ..errors import ArgumentError, ShapeError
from ..shapes import describe
from .base import Layer
from .input_spec import InputSpec


def sizes(value, rank, name, layer):
    """A number or a sequence as a tuple of `rank` numbers of at least 1."""
    found = tuple(value) if hasattr(value, "__iter__") else (value,) * rank
    if len(found) != rank or any(v is None or int(v) != v or v < 1 for v in found):
        raise ArgumentError(
            f"{layer}: {name}={value!r}; a whole number above 0, or {rank} of them, is needed."
        )
    return tuple(int(v) for v in found)


class _Spatial(Layer):
    """A layer on (batch, *spatial, channels), or with channels first; `rank` spatial axes."""

    rank = 2

    def _set_data_format(self, data_format):
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _spatial_axes(self):
        start = 2 if self.data_format == "channels_first" else 1
        return range(start, start + self.rank)

    @property
    def _channel_axis(self):
        return 1 if self.data_format == "channels_first" else -1

    def _with_spatial(self, shape, change, channels=None):
        """`shape` with its spatial sizes changed: `change(sizes)`; and with other channels, if given."""
        made = list(shape)
        axes = list(self._spatial_axes())
        try:
            changed = change(tuple(made[a] for a in axes))
        except ShapeError as error:
            raise ShapeError(f"{self._told()}: input 0 has shape {describe(tuple(shape))}; {error}") from None
        for axis, size in zip(axes, changed, strict=True):
            made[axis] = size
        if channels is not None:
            made[self._channel_axis] = channels
        return tuple(made)
