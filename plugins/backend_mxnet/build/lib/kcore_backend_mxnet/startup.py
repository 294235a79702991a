"""Importing MXNet 1.9.1 beside a newer NumPy: names that NumPy has dropped exist only while MXNet is imported."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

VALUES: dict[str, Any] = {
    "bool": np.bool_, "PZERO": 0.0, "NZERO": -0.0, "NINF": -np.inf, "PINF": np.inf, "NAN": np.nan, "NaN": np.nan,
    "Inf": np.inf,
}  # fmt: skip
GONE = (
    "alltrue", "in1d", "mirr", "msort", "npv", "pmt", "ppmt", "pv", "rate", "trapz", "sometrue", "round_", "product",
)  # fmt: skip


def import_mxnet() -> Any:
    """The module `mxnet`, of version 1.9."""
    if os.environ.get("DMLC_ROLE") in ("server", "scheduler") and "mxnet" not in sys.modules:
        raise ImportError(
            f"DMLC_ROLE={os.environ['DMLC_ROLE']} makes this process a parameter server as soon as MXNet is imported. "
            "Unset it to use the engine here."
        )
    if "mxnet" not in sys.modules:
        with _older_numpy(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_module("mxnet")
    mx = sys.modules["mxnet"]
    if tuple(mx.__version__.split(".")[:2]) != ("1", "9"):
        raise ImportError(
            f"MXNet {mx.__version__} is installed; the engine needs 1.9: pip install mxnet==1.9.1"
        )
    return mx


def _removed(*arguments: Any, **options: Any) -> Any:
    raise NotImplementedError("NumPy has removed this function.")


@contextlib.contextmanager
def _older_numpy() -> Iterator[None]:
    """NumPy with the names that MXNet looks up at import, and afterwards as it was."""
    added = [name for name in (*VALUES, *GONE) if name not in vars(np)]
    for name in added:
        setattr(np, name, VALUES.get(name, _removed))
    try:
        yield
    finally:
        for name in added:
            delattr(np, name)
