"""The image classifiers of Keras 2.3.1: architectures by the papers, weights by Keras's addresses.

Each family has a module with its models, `preprocess_input` and `decode_predictions`; the models are here too.
"""

from importlib import import_module
from typing import Any

_MODELS = {
    "DenseNet121": "densenet", "DenseNet169": "densenet", "DenseNet201": "densenet",
    "InceptionResNetV2": "inception_resnet_v2", "InceptionV3": "inception_v3", "MobileNet": "mobilenet",
    "MobileNetV2": "mobilenet_v2", "NASNetLarge": "nasnet", "NASNetMobile": "nasnet", "ResNet50": "resnet50",
    "ResNet101": "resnet", "ResNet152": "resnet", "ResNet50V2": "resnet_v2", "ResNet101V2": "resnet_v2",
    "ResNet152V2": "resnet_v2", "VGG16": "vgg16", "VGG19": "vgg19", "Xception": "xception",
}  # fmt: skip
_MODULES = {*_MODELS.values(), "imagenet_utils"}

__all__ = sorted({*_MODELS, *_MODULES})


def __getattr__(name: str) -> Any:
    """Families are loaded when first asked for, so that importing this costs next to nothing."""
    if name in _MODELS:
        return getattr(import_module(f"kcore.applications.{_MODELS[name]}"), name)
    if name in _MODULES:
        return import_module(f"kcore.applications.{name}")
    raise AttributeError(f"module 'kcore.applications' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
