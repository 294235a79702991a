"""Lookup tables."""

from __future__ import annotations

from .. import backend as K
from .. import constraints, dtypes, initializers, regularizers
from ..backend.declare import cast_to, reading_as
from ..errors import ShapeError
from ..shapes import describe
from .base import Layer
from .nesting import to_list


class Embedding(Layer):
    """Rows of a table: integers (batch, length) -> (batch, length, output_dim).

    Weight: embeddings (input_dim, output_dim). With `mask_zero`, steps holding 0 are masked.
    """

    _casts_inputs = False  # they are places in the table, in 16 bits not all could be told

    def __init__(
        self, input_dim, output_dim, embeddings_initializer="uniform", embeddings_regularizer=None,
        activity_regularizer=None, embeddings_constraint=None, mask_zero=False, input_length=None, **kwargs,
    ):  # fmt: skip
        if "input_shape" not in kwargs and "batch_input_shape" not in kwargs:
            kwargs["input_shape"] = tuple(to_list(input_length)) if input_length else (None,)
        if "batch_input_shape" in kwargs:  # Keras 2 writes input_length=(2, 5) as (None, (2, 5))
            kwargs["batch_input_shape"] = tuple(
                n
                for size in kwargs["batch_input_shape"]
                for n in (to_list(size) if size is not None else [None])
            )
        super().__init__(**kwargs)
        self.input_dim, self.output_dim = int(input_dim), int(output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = bool(mask_zero)
        self.input_length = input_length

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            "embeddings", (self.input_dim, self.output_dim), initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer, constraint=self.embeddings_constraint,
        )  # fmt: skip
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return K.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        if self.input_length is None:
            return (*input_shape, self.output_dim)
        lengths = to_list(self.input_length)
        given = input_shape[1:]
        if len(lengths) != len(given) or any(
            None not in (a, b) and a != b for a, b in zip(lengths, given, strict=True)
        ):
            raise ShapeError(
                f"Embedding {self.name!r}: input_length={self.input_length}, but the input has shape "
                f"{describe(tuple(input_shape))}."
            )
        merged = [a if b is None else b for a, b in zip(lengths, given, strict=True)]
        return (input_shape[0], *merged, self.output_dim)

    def call(self, inputs):
        self.compute_output_shape(K.int_shape(inputs))  # says so if the length is not as told
        if K.dtype(inputs) not in ("int32", "int64"):
            inputs = K.cast(inputs, "int32")
        with reading_as(None):  # the rows are cast, not the whole table
            rows = K.gather(self.embeddings, inputs)
        return cast_to(rows, self.compute_dtype) if dtypes.is_float(self.compute_dtype) else rows

    def get_config(self):
        return {
            **super().get_config(), "input_dim": self.input_dim, "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero, "input_length": self.input_length,
        }  # fmt: skip
