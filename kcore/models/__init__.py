"""Models: `Sequential`, the functional and subclassed `Model`, and ways to make them again."""

from ..layers.input_layer import Input, InputLayer
from ..saving.models import load_model, model_from_config, model_from_json, model_from_yaml, save_model
from .clone import clone_model
from .model import Model
from .network import Network
from .sequential import Sequential

__all__ = [
    "Input",
    "InputLayer",
    "Model",
    "Network",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "save_model",
]
