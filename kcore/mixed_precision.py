"""Dtype policies: which types layers compute in and keep their weights in (docs/dtypes.md)."""

from .layers.policy import Policy, get, global_policy, policy_scope, serialize, set_global_policy
from .optimizers import LossScaleOptimizer

DTypePolicy = Policy  # Keras 3's names
dtype_policy, set_dtype_policy = global_policy, set_global_policy


def deserialize(config: object) -> Policy:
    """The policy that `serialize` told."""
    return get(config)


__all__ = [
    "DTypePolicy", "LossScaleOptimizer", "Policy", "deserialize", "dtype_policy", "get", "global_policy",
    "policy_scope", "serialize", "set_dtype_policy", "set_global_policy",
]  # fmt: skip
