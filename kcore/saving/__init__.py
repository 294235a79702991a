"""Saving and loading of models: every reader goes through one gate, every writer leaves whole files.

`save_model`, `load_model` and their like are also `kcore.models.save_model`, ...; `file_budgets` moves the limits for
large files. The formats are plug-ins: `ModelFormat` says what one is.
"""

from .formats import ModelFormat
from .gate import Budgets, file_budgets
from .inspecting import inspected
from .models import (
    load_model,
    load_weights,
    model_from_config,
    model_from_json,
    model_from_yaml,
    save_model,
    save_weights,
)
from .native import lazy_weights, restore_random_state
from .restoring import model_from, snapshot_of
from .snapshot import Snapshot

__all__ = [
    "Budgets",
    "ModelFormat",
    "Snapshot",
    "file_budgets",
    "inspected",
    "lazy_weights",
    "load_model",
    "load_weights",
    "model_from",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "restore_random_state",
    "save_model",
    "save_weights",
    "snapshot_of",
]
