"""A batch for a model of which only the inputs' shapes are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backend.tensor import SymbolicTensor, numpy_dtype
from ..training.compile import Head
from ..training.steps import fed_inputs

OPEN_SIZE = 7  # stands for a size other than the batch's that a model leaves open


def made_batch(model: Any, rows: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Numbers around 0 for each input of `model`; for one that is looked up in an embedding, numbers of its rows."""
    return [_values(t, _highest(model, t), rows, rng) for t in fed_inputs(model)]


def _values(tensor: SymbolicTensor, highest: int | None, rows: int, rng: np.random.Generator) -> np.ndarray:
    lead, *rest = tensor.shape
    shape = (rows if lead is None else lead, *(OPEN_SIZE if d is None else d for d in rest))
    if highest is not None or not dtypes.is_float(tensor.dtype):
        return rng.integers(0, highest or 2, shape).astype(numpy_dtype(tensor.dtype))
    return rng.normal(size=shape).astype(numpy_dtype(tensor.dtype))


def _highest(model: Any, tensor: SymbolicTensor) -> int | None:
    """The number of rows of the table that an input is looked up in, None if it is not."""
    for layer in model.layers:
        for node in layer._inbound_nodes:
            if any(t is tensor for t in node.input_tensors):
                size = getattr(layer, "input_dim", None) if "embeddings" in vars(layer) else None
                if size is None and not dtypes.is_float(tensor.dtype):
                    size = getattr(layer, "words", None)
                if size is not None:
                    return int(size)
    return None


def made_targets(heads: Sequence[Head], outputs: Sequence[np.ndarray], rng: np.random.Generator) -> list[Any]:
    """A target for each output of a compiled model, such as its loss takes."""
    made = []
    for head, output in zip(heads, outputs, strict=True):
        kind = numpy_dtype(head.target.dtype)
        if head.loss_name.startswith("sparse_") or head.loss_name == "crf_loss":
            made.append(rng.integers(0, output.shape[-1], (*output.shape[:-1], 1)).astype(kind))
            continue
        rank = len(head.target.shape)
        sizes = [o if t is None else t for t, o in zip(head.target.shape, output.shape, strict=False)]
        shares = np.exp(rng.normal(size=[*sizes, *[1] * (rank - len(sizes))]))
        made.append(
            (shares / shares.sum(-1, keepdims=True) if shares.shape[-1] > 1 else shares / 8).astype(kind)
        )
    return made
