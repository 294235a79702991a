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
from ..saving.keras_face import (
    load_attributes_from_hdf5_group,
    load_weights_from_hdf5_group,
    load_weights_from_hdf5_group_by_name,
    preprocess_weights_for_loading,
    save_attributes_to_hdf5_group,
    save_weights_to_hdf5_group,
)
