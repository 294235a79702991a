"""Layers of several inputs, and their functional forms."""

from __future__ import annotations

from functools import reduce
from typing import Any

from .. import backend as K
from ..errors import ArgumentError, ShapeError
from ..shapes import broadcast_shapes, describe
from .base import Layer
from .nesting import is_shape_list


def _others(shapes, i):
    """The shapes of the inputs before the i-th, as text."""
    return ", ".join(describe(tuple(s)) for s in shapes[:i]) + (
        " of the inputs before it" if i > 1 else " of input 0"
    )


class _Merge(Layer):
    """Element by element, inputs broadcast to one another."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def _merged(self, inputs: list[Any]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say how to merge.")

    def _check_count(self, shapes: Any, least: int = 2) -> None:
        if not is_shape_list(shapes) or len(shapes) < least:
            raise ArgumentError(
                f"{self._told()} merges a list of at least {least} inputs; {shapes!r} was given."
            )

    def build(self, input_shape):
        self._check_count(input_shape)
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ArgumentError(f"{self._told()} takes a list of inputs.")
        rank = max(K.ndim(x) for x in inputs)
        raised = []
        for x in inputs:
            while K.ndim(x) < rank:  # as in Keras 2: missing axes come right after the batch axis
                x = K.expand_dims(x, 1)
            raised.append(x)
        return self._merged(raised)

    def compute_output_shape(self, input_shape):
        self._check_count(input_shape, 1)
        rank = max(len(s) for s in input_shape)
        merged = None
        for i, shape in enumerate(input_shape):
            padded = (shape[0], *(1,) * (rank - len(shape)), *shape[1:])
            try:
                merged = padded if merged is None else broadcast_shapes(merged, padded)
            except ShapeError:
                raise ShapeError(
                    f"{self._told()}: input {i} has shape {describe(tuple(shape))}, which does not go with "
                    f"{_others(input_shape, i)} element by element. Make the sizes equal, or use Concatenate."
                ) from None
        return merged

    def compute_mask(self, inputs, mask=None):
        masks = [m for m in (mask or []) if m is not None] if isinstance(mask, (list, tuple)) else []
        return reduce(K.logical_and, masks) if masks else None


class Add(_Merge):
    """Sum of the inputs."""

    def _merged(self, inputs):
        return reduce(lambda a, b: a + b, inputs)


class Subtract(_Merge):
    """First input minus second."""

    def build(self, input_shape):
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ArgumentError(f"{self._told()} takes 2 inputs; {len(input_shape)} were given.")

    def _merged(self, inputs):
        return inputs[0] - inputs[1]


class Multiply(_Merge):
    """Product of the inputs."""

    def _merged(self, inputs):
        return reduce(lambda a, b: a * b, inputs)


class Average(_Merge):
    """Mean of the inputs."""

    def _merged(self, inputs):
        return reduce(lambda a, b: a + b, inputs) / float(len(inputs))


class Maximum(_Merge):
    """Largest of the inputs."""

    def _merged(self, inputs):
        return reduce(K.maximum, inputs)


class Minimum(_Merge):
    """Smallest of the inputs."""

    def _merged(self, inputs):
        return reduce(K.minimum, inputs)


class Concatenate(_Merge):
    """Inputs one after the other along `axis`; all other sizes equal."""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs):
        return K.concatenate(list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape):
        self._check_count(input_shape, 1)
        shapes = [tuple(s) for s in input_shape]
        rank = len(shapes[0])
        axis = self.axis % rank
        merged: list[Any] = list(shapes[0])
        for n, shape in enumerate(shapes[1:], 1):
            if len(shape) != rank or any(
                i != axis and None not in (a, b) and a != b
                for i, (a, b) in enumerate(zip(merged, shape, strict=False))
            ):
                raise ShapeError(
                    f"{self._told()}: input {n} has shape {describe(shape)}, which must agree with "
                    f"{_others(shapes, n)} in every axis but {self.axis}. Reshape or pad it."
                )
            for i in range(rank):
                if i == axis:
                    merged[i] = None if None in (merged[i], shape[i]) else merged[i] + shape[i]
                elif merged[i] is None:
                    merged[i] = shape[i]
        return tuple(merged)

    def compute_mask(self, inputs, mask=None):
        if not isinstance(mask, (list, tuple)) or all(m is None for m in mask):
            return None
        parts = []
        for x, m in zip(inputs, mask, strict=True):
            if m is None:
                parts.append(K.cast(K.ones_like(x), "bool"))
            elif K.ndim(m) < K.ndim(x):
                parts.append(K.logical_and(K.expand_dims(m, -1), K.cast(K.ones_like(x), "bool")))
            else:
                parts.append(m)
        return K.all(K.concatenate(parts, axis=self.axis), axis=-1)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


class Dot(_Merge):
    """Dot product of two inputs along `axes`, sample by sample; of unit vectors if `normalize`."""

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        self.axes, self.normalize = axes, normalize

    def _axes_of(self, first, second):
        if isinstance(self.axes, int):
            return self.axes % len(first), self.axes % len(second)
        return self.axes[0] % len(first), self.axes[1] % len(second)

    def build(self, input_shape):
        self._check_count(input_shape)
        if len(input_shape) != 2:
            raise ArgumentError(f"{self._told()} takes 2 inputs; {len(input_shape)} were given.")
        first, second = input_shape
        a, b = self._axes_of(first, second)
        if None not in (first[a], second[b]) and first[a] != second[b]:
            raise ShapeError(
                f"{self._told()}: axes {self.axes} have sizes {first[a]} and {second[b]} in shapes "
                f"{describe(tuple(first))} and {describe(tuple(second))}; they must be equal."
            )
        self.built = True

    def call(self, inputs):
        x, y = inputs
        a, b = self._axes_of(x.shape, y.shape)
        if self.normalize:
            x, y = K.l2_normalize(x, axis=a), K.l2_normalize(y, axis=b)
        return K.batch_dot(x, y, axes=[a, b])

    def compute_output_shape(self, input_shape):
        first, second = (list(s) for s in input_shape)
        a, b = self._axes_of(first, second)
        del first[a], second[b]
        shape = (*first, *second[1:])
        return shape if len(shape) > 1 else (*shape, 1)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def add(inputs, **kwargs):
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes, normalize=False, **kwargs):
    return Dot(axes=axes, normalize=normalize, **kwargs)(inputs)
