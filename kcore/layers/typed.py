"""In what types a layer computes and keeps its weights."""

from __future__ import annotations

from typing import Any

from ..backend.declare import cast_to, reading_as
from ..backend.tensor import SymbolicTensor
from ..dtypes import at_least_float32, is_float
from . import policy


class Typed:
    """The part of a layer that knows its policy: the types of its inputs, its computation and its weights."""

    _casts_inputs = True  # floating inputs come in the compute type
    _policy: policy.Policy
    _policy_told: bool
    autocast: bool
    built: bool
    call: Any  # the layer's formula
    _sublayers: Any  # layers within, a property of the layer

    @property
    def dtype_policy(self) -> policy.Policy:
        """In what types it computes and keeps its weights."""
        return self._policy

    @property
    def compute_dtype(self) -> str:
        """The type in which `call` gets floating inputs and reads weights."""
        return self._policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The type in which weights are kept."""
        return self._policy.variable_dtype

    @property
    def dtype(self) -> str:
        """The same as `variable_dtype`."""
        return self._policy.variable_dtype

    @dtype.setter
    def dtype(self, value: Any) -> None:
        self._policy = policy.get(value)

    def _take_policy(self, given: policy.Policy) -> None:
        """Has the policy of the model around it, unless it was told one, or is built already."""
        if not self._policy_told and not self.built:
            self._policy = given
            for layer in self._parts_to_type:
                layer._take_policy(given)

    @property
    def _parts_to_type(self) -> list[Any]:
        return self._sublayers

    @property
    def _entry_dtype(self) -> str:
        """The type of an input that is made for it: whole numbers, where it takes any, are not to be rounded."""
        kind = self.variable_dtype
        return kind if self._casts_inputs else at_least_float32(kind)

    def _computing(self) -> reading_as:
        """Within the block its weights are read in the compute type."""
        return reading_as(self.compute_dtype if self.autocast and self._policy.is_mixed else None)

    def _in_compute_type(self, values: Any) -> Any:
        """Floating tensors in the compute type, alone or in a list; all else as it is."""
        kind = self.compute_dtype
        if not (self.autocast and self._casts_inputs and is_float(kind)):
            return values
        if isinstance(values, (list, tuple)):
            return type(values)(_floating_as(x, kind) for x in values)
        return _floating_as(values, kind)

    def _call_as_part(self, inputs: Any, *arguments: Any, **keywords: Any) -> Any:
        """`call` for a layer around this one, in this one's types."""
        with self._computing():
            return self.call(self._in_compute_type(inputs), *arguments, **keywords)


def _floating_as(x: Any, dtype: str) -> Any:
    if isinstance(x, SymbolicTensor) and x.dtype != dtype and is_float(x.dtype):
        return cast_to(x, dtype)
    return x


def widened(tensor: Any) -> Any:
    """A tensor of 16 bits in float32, so that sums over it stay in range."""
    return cast_to(tensor, at_least_float32(tensor.dtype))
