"""For plug-ins that go beyond the contract of `kcore.spi`: operations of their own, the rules that kcore's follow.

What stands here keeps its name and meaning as `kcore.spi` does. An engine needs none of it; it helps one that brings
operations (`primitive`, `composite` and their annotations), asks a declared operation for its meaning in NumPy
(`operation(name).meaning`), hands work to another engine (`engine`, `Program`, `Placeholder`), or wants to count
windows and shapes as the core counts them.
"""

from .backend.declare import Dims, Optional, Tensor, Tensors, composite, operation, primitive
from .backend.pooling import window_counts
from .backend.program import Program
from .backend.tensor import Placeholder
from .backend.variables import Variable
from .backend.windows import all_padding_amounts, output_lengths, positions
from .dtypes import Rule, canonical, promote
from .kernel.context import engine
from .shapes import broadcast, broadcast_shapes, normalize_axes, normalize_axis, reshaped

__all__ = [
    "Dims", "Optional", "Placeholder", "Program", "Rule", "Tensor", "Tensors", "Variable", "all_padding_amounts",
    "broadcast", "broadcast_shapes", "canonical", "composite", "engine", "normalize_axes", "normalize_axis", "operation",
    "output_lengths", "positions", "primitive", "promote", "reshaped", "window_counts",
]  # fmt: skip
