"""Activations with settings or weights of their own."""

from __future__ import annotations

from .. import activations
from .. import backend as K
from ..errors import ArgumentError, ShapeError
from ..shapes import describe
from .base import Layer
from .input_spec import InputSpec
from .settings import keep, told, weight_settings


class _ElementWise(Layer):
    """Shape and mask of the input pass through; `settings` are the constructor's arguments."""

    settings: tuple[str, ...] = ()

    def __init__(self, given, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        keep(self, self.settings, given)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), **told(self, self.settings)}


class LeakyReLU(_ElementWise):
    """x, or alpha * x where x is negative. Any shape."""

    settings = ("alpha",)

    def __init__(self, alpha=0.3, **kwargs):
        super().__init__({"alpha": float(alpha)}, **kwargs)

    def call(self, inputs):
        return K.relu(inputs, alpha=self.alpha)


class ELU(_ElementWise):
    """x, or alpha * (exp(x) - 1) where x is negative (Clevert et al., 2015). Any shape."""

    settings = ("alpha",)

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__({"alpha": float(alpha)}, **kwargs)

    def call(self, inputs):
        return K.elu(inputs, self.alpha)


class ThresholdedReLU(_ElementWise):
    """x where x is above theta, else 0 (Konda et al., 2014). Any shape."""

    settings = ("theta",)

    def __init__(self, theta=1.0, **kwargs):
        super().__init__({"theta": float(theta)}, **kwargs)

    def call(self, inputs):
        return inputs * K.cast(K.greater(inputs, self.theta), K.dtype(inputs))


class Softmax(_ElementWise):
    """exp(x) normalised along `axis`. Rank 2 or above."""

    settings = ("axis",)

    def __init__(self, axis=-1, **kwargs):
        super().__init__({"axis": axis}, **kwargs)

    def call(self, inputs):
        return activations.softmax(inputs, axis=self.axis)


class ReLU(_ElementWise):
    """x from threshold to max_value, which it does not exceed; negative_slope * (x - threshold) below. Any shape."""

    settings = ("max_value", "negative_slope", "threshold")

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        given = {
            "max_value": None if max_value is None else float(max_value),
            "negative_slope": float(negative_slope),
            "threshold": float(threshold),
        }
        super().__init__(given, **kwargs)
        for name, value in given.items():
            if name != "threshold" and value is not None and value < 0.0:
                raise ArgumentError(f"{self._told()}: {name}={value}; 0 or more is needed.")

    def call(self, inputs):
        return K.relu(inputs, alpha=self.negative_slope, max_value=self.max_value, threshold=self.threshold)


class PReLU(_ElementWise):
    """x, or a learned alpha * x where x is negative (He et al., 2015).

    Input: (batch, ...), sizes known. Weight: alpha, of the input's shape without the batch, 1 along `shared_axes`.
    """

    settings = ("alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes")

    def __init__(
        self,
        alpha_initializer="zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(locals(), **kwargs)
        if isinstance(shared_axes, int):
            self.shared_axes = [shared_axes]
        elif shared_axes is not None:
            self.shared_axes = list(shared_axes)

    def build(self, input_shape):
        rank = len(input_shape)
        for axis in self.shared_axes or ():
            if not -rank < axis < rank or axis == 0:
                raise ShapeError(
                    f"{self._told()}: shared_axes={self.shared_axes}; inputs have shape {describe(tuple(input_shape))}, "
                    f"whose axes are 1 to {rank - 1} (the batch is not one of them)."
                )
        shared = {axis % rank for axis in self.shared_axes or ()}
        shape = tuple(1 if i in shared else d for i, d in enumerate(input_shape))[1:]
        if None in shape:
            raise ShapeError(
                f"{self._told()}: inputs have shape {describe(tuple(input_shape))}; sizes of axes that are not shared "
                "must be known. Name the unknown ones in shared_axes."
            )
        self.alpha = self.add_weight("alpha", shape, **weight_settings(self, "alpha"))
        axes = {i: d for i, d in enumerate(input_shape) if i and i not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)
        self.built = True

    def call(self, inputs):
        return K.relu(inputs) - self.alpha * K.relu(-inputs)
