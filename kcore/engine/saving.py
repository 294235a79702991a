"""Keras 2's path `keras.engine.saving`."""

from ..saving import (
    load_model,
    load_weights,
    model_from_config,
    model_from_json,
    model_from_yaml,
    save_model,
    save_weights,
)
