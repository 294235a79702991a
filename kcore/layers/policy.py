"""Which types a layer computes in and keeps its weights in: policies, the global one, and scopes.

The names are those of tf.keras 2.4 and later. P. Micikevicius et al., Mixed precision training, 2018.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .. import backend as K
from .. import dtypes
from ..errors import DTypeError

# compute type, variable type
_MIXED = {"mixed_float16": ("float16", "float32"), "mixed_bfloat16": ("bfloat16", "float32")}
CLASS_NAMES = ("Policy", "DTypePolicy", "FloatDTypePolicy", "PolicyV1")  # as tf.keras and Keras 3 write them


class Policy:
    """A dtype policy: `compute_dtype` is what a layer's inputs and weights are cast to for its computation,
    `variable_dtype` what its weights are kept in.

    name: a dtype such as 'float32', which then is both; 'mixed_float16' or 'mixed_bfloat16', which compute in 16 bits
    and keep weights in float32. Raises DTypeError for other names.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise DTypeError(f"Policy: {name!r} was given; a name such as 'mixed_float16' is needed.")
        if name in _MIXED:
            self._name = name
            self._compute_dtype, self._variable_dtype = _MIXED[name]
        else:
            try:
                self._name = self._compute_dtype = self._variable_dtype = dtypes.canonical(name)
            except DTypeError as error:
                raise DTypeError(f"{error} Policies besides: {', '.join(_MIXED)}.") from None

    @property
    def name(self) -> str:
        return self._name

    @property
    def compute_dtype(self) -> str:
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self._variable_dtype

    @property
    def is_mixed(self) -> bool:
        """Whether weights are kept in another type than they are computed with."""
        return self._compute_dtype != self._variable_dtype

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(("kcore policy", self.name))

    def __repr__(self) -> str:
        return f'<Policy "{self.name}">'

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Policy:
        return cls(config["name"])


@functools.cache
def _named(name: str) -> Policy:
    return Policy(name)


def get(identifier: Any) -> Policy:
    """The policy for a dtype, a policy's name, its config or itself; the global one for None."""
    if identifier is None:
        return global_policy()
    if isinstance(identifier, Policy):
        return identifier
    if isinstance(identifier, str):
        return _named(identifier)
    if isinstance(identifier, Mapping) and identifier.get("class_name") in CLASS_NAMES:
        return Policy.from_config(identifier["config"])
    if hasattr(identifier, "compute_dtype") and isinstance(getattr(identifier, "name", None), str):
        return _named(identifier.name)  # another Keras's own object
    return _named(dtypes.canonical(identifier))


def serialize(policy: Policy) -> Any:
    """As a config tells it: the dtype by its name, which Keras 2.3.1 reads; a mixed policy as tf.keras 2 writes it."""
    return {"class_name": "Policy", "config": policy.get_config()} if policy.is_mixed else policy.name


_global: list[Policy] = []  # none: floatx
_scoped: ContextVar[Policy | None] = ContextVar("kcore_policy", default=None)


def global_policy() -> Policy:
    """The policy of layers made without a dtype: that of the scope, else the one set, else floatx as it is now."""
    scoped = _scoped.get()
    if scoped is not None:
        return scoped
    return _global[0] if _global else _named(K.floatx())


def _for_all(policy: Any) -> Policy:
    found = get(policy)
    if not dtypes.is_float(found.compute_dtype):
        raise DTypeError(
            f"{found.name!r} cannot be the policy of all layers: a floating type is needed, or a mixed policy."
        )
    return found


def set_global_policy(policy: Any) -> None:
    """Sets the policy of layers that are made from now on without a dtype; None: floatx again.

    Layers that are there keep theirs. Raises DTypeError for a type that is not floating.
    """
    _global[:] = [] if policy is None else [_for_all(policy)]


@contextmanager
def policy_scope(policy: Any) -> Iterator[Policy]:
    """Layers made within have this policy unless they are given a dtype:

    with policy_scope("float64"):
        model = Sequential([Dense(8, input_shape=(3,)), Dense(1)])
    """
    found = _for_all(policy)
    token = _scoped.set(found)
    try:
        yield found
    finally:
        _scoped.reset(token)


def input_dtype() -> str:
    """The type of an Input that is given none: floatx; float64 under the policy 'float64', which would come too late
    for data that were rounded already."""
    return "float64" if global_policy().variable_dtype == "float64" else K.floatx()


def number_dtype() -> str:
    """The type of numbers that govern a training, such as rates and counts of steps: float32 at least."""
    return dtypes.at_least_float32(input_dtype())
