"""Words of tf.keras 2 and Keras 3 for what Keras 2 has other words for: tables, and few rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..optimizers import schedules

KERAS_1, KERAS_2, TF_KERAS, KERAS_3 = "Keras 1", "Keras 2", "tf.keras 2", "Keras 3"

BASE = {"name", "trainable", "dtype", "batch_input_shape", "input_shape", "input_dtype", "batch_size"}


def dialect_of(keras_version: Any) -> str:
    """The dialect that a Keras of this version writes: '2.3.1', '2.2.4-tf', '2.15.0', '3.4.1'."""
    text = str(keras_version or "1")
    numbers = [int(p) if p.isdigit() else 0 for p in text.split("-")[0].split(".")[:2]]
    major, minor = (*numbers, 0)[:2]
    if major >= 3:
        return KERAS_3
    if major == 2 and (text.endswith("-tf") or minor >= 4):
        return TF_KERAS
    return KERAS_2 if major == 2 else KERAS_1


# names ------------------------------------------------------------------------------------------------------
CLASS_NAMES = {
    "Functional": "Model", "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
    "L1": "L1L2", "L2": "L1L2", "LSTMV2": "LSTM", "GRUV2": "GRU", "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization", "SyncBatchNormalization": "BatchNormalization",
    "ConstantV2": "Constant", "ZerosV2": "Zeros", "OnesV2": "Ones", "MaxPool2D": "MaxPooling2D",
    "AvgPool2D": "AveragePooling2D", "MaxPool1D": "MaxPooling1D", "AvgPool1D": "AveragePooling1D",
    "LossScaleOptimizerV3": "LossScaleOptimizer", "MaxPool3D": "MaxPooling3D", "AvgPool3D": "AveragePooling3D",
}  # fmt: skip

# initializers that are a VarianceScaling here: scale, mode, distribution
_SCALINGS = {
    "GlorotUniform": (1.0, "fan_avg", "uniform"), "GlorotNormal": (1.0, "fan_avg", "normal"),
    "HeUniform": (2.0, "fan_in", "uniform"), "HeNormal": (2.0, "fan_in", "normal"),
    "LecunUniform": (1.0, "fan_in", "uniform"), "LecunNormal": (1.0, "fan_in", "normal"),
}  # fmt: skip


def renames(family: str, name: str) -> bool:
    """Whether `in_keras_2` will give a class of this name another one."""
    return family == "initializers" and (name in _SCALINGS or name == "IdentityInitializer")


def activation(name: str, dialect: str) -> str:
    if dialect == KERAS_3 and name == "hard_sigmoid":
        return "hard_sigmoid_3"  # Keras 3's is another function
    return {"silu": "swish", "hard_silu": "hard_silu"}.get(name, name)


def schedule(name: str) -> Any:
    found = getattr(schedules, name, None)
    return found if isinstance(found, type) and issubclass(found, schedules.LearningRateSchedule) else None


# arguments --------------------------------------------------------------------------------------------------
# What a class here does without being told, by the names under which others tell it.
_ANY = object()
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "ragged": (False, None), "optional": (False, None), "time_major": (False, None), "groups": (1,),
    "renorm": (False, None), "renorm_clipping": (None,), "renorm_momentum": (_ANY,), "fused": (_ANY,),
    "virtual_batch_size": (None,), "adjustment": (None,), "synchronized": (False,), "quantization_config": (None,),
    "lora_rank": (None,), "lora_alpha": (None,), "zero_output_for_mask": (False, None), "keepdims": (False,),
    "seed": (_ANY,), "input_axes": (None,), "output_axes": (None,), "autocast": (_ANY,), "implementation": (_ANY,),
    "use_cudnn": (_ANY,), "sparse": (False, None), "jit_compile": (_ANY,), "is_legacy_optimizer": (_ANY,),
    "use_ema": (False, None), "ema_momentum": (_ANY,), "ema_overwrite_frequency": (_ANY,),
    "loss_scale_factor": (None,), "gradient_accumulation_steps": (None, 1), "weight_decay": (None, 0, False),
    "clipnorm": (None,), "global_clipnorm": (None,), "clipvalue": (None,), "momentum": (0, 0.0), "centered": (False,),
    "name": (_ANY,), "dtype": (_ANY,), "fn": (_ANY,), "axis": (-1,), "ignore_class": (None,), "trainable": (_ANY,),
    "batch_input_shape": (_ANY,), "input_length": (_ANY,), "decay": (0, 0.0), "partitioner": (None,),
    "num_constants": (None,), "mask_type": (_ANY,), "output_padding": (None,), "data_format": ("channels_last", None),
    "experimental_autocast": (_ANY,), "supports_jit": (_ANY,), "build_config": (_ANY,),
}  # fmt: skip


def is_neutral(key: str, value: Any) -> bool:
    """Whether an argument that is not known here says what is done anyway."""
    allowed = _NEUTRAL.get(key)
    return allowed is not None and (_ANY in allowed or any(value == a for a in allowed))


# arguments that a class reads from its **kwargs, and so does not tell in its signature
FURTHER: dict[str, set[str]] = {
    "BatchNormalization": {"convention"}, "RMSprop": {"epsilon_inside"}, "Nadam": {"schedule_decay"},
    "Adagrad": {"epsilon_inside", "initial_accumulator_value"}, "RNN": {"zero_output_for_mask"},
    "ActivityRegularization": {"per_sample"},
    "Optimizer": {"clipnorm", "clipnorm_each", "clipvalue", "global_clipnorm", "weight_decay"},
}  # fmt: skip
# arguments that the base class of another library tells, and the class itself does not heed
_UNHEEDED = {
    "kernel_initializer": ("SeparableConv1D", "SeparableConv2D", "DepthwiseConv2D"),
    "kernel_regularizer": ("SeparableConv1D", "SeparableConv2D", "DepthwiseConv2D"),
    "kernel_constraint": ("SeparableConv1D", "SeparableConv2D", "DepthwiseConv2D"),
    "filters": ("DepthwiseConv2D",),
}

# arguments that others have and a class here does not, with what it does anyway; anything else cannot be mapped
_FIXED: dict[str, dict[str, tuple[Any, ...]]] = {
    "Conv3DTranspose": {"dilation_rate": (1, [1, 1, 1])},
    "ZeroPadding1D": {"data_format": ("channels_last", None)},
    "LocallyConnected1D": {"implementation": (1,)}, "LocallyConnected2D": {"implementation": (1,)},
    "UpSampling2D": {"interpolation": ("nearest", "bilinear_half_pixel")},
}  # fmt: skip

_RENAMED: dict[str, dict[str, str]] = {
    "InputLayer": {"batch_shape": "batch_input_shape"},
    "LeakyReLU": {"negative_slope": "alpha"},
}


def in_keras_2(
    family: str, name: str, config: dict[str, Any], dialect: str, told: str, problems: list[str]
) -> tuple[str, dict[str, Any]]:
    """Class and arguments in the words of Keras 2; what is left over is looked at by the caller."""
    config = dict(config)
    config.pop("shared_object_id", None)
    if family == "initializers":
        return _initializer(name, config)
    if family == "optimizers":
        return _optimizer(name, config, dialect, told, problems)
    if family in ("losses", "metrics"):
        return name, _measure(config)
    if family == "layers":
        return _layer(name, config, dialect, told, problems)
    return name, config


def _initializer(name: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    config.pop("dtype", None)
    if name in _SCALINGS:
        scale, mode, distribution = _SCALINGS[name]
        return "VarianceScaling", {
            "scale": scale, "mode": mode, "distribution": distribution, "seed": _seed(config.get("seed"))
        }  # fmt: skip
    if name == "VarianceScaling" and config.get("distribution") in ("truncated_normal", "untruncated_normal"):
        config["distribution"] = "normal"
    if "seed" in config:
        config["seed"] = _seed(config["seed"])
    return name, config


def _seed(seed: Any) -> int | None:
    return seed if isinstance(seed, int) and 0 <= seed < 2**32 else None


def _layer(
    name: str, config: dict[str, Any], dialect: str, told: str, problems: list[str]
) -> tuple[str, dict[str, Any]]:
    for old, new in _RENAMED.get(name, {}).items():
        if old in config:
            config[new] = config.pop(old)
    config = {k: v for k, v in config.items() if name not in _UNHEEDED.get(k, ())}
    if name == "UpSampling2D" and config.get("interpolation") == "bilinear":
        config["interpolation"] = "bilinear_half_pixel"
    for key, allowed in _FIXED.get(name, {}).items():
        if key in config and config[key] not in allowed:
            problems.append(f"{told}: {key}={config[key]!r}.")
        if key in config and key != "interpolation":
            del config[key]
    if name == "ActivityRegularization":
        config.pop("activity_regularizer", None)
        config["per_sample"] = True
    if config.get("dtype") is None:
        config.pop("dtype", None)
    if name == "BatchNormalization":
        config["convention"] = "tf_keras" if dialect == TF_KERAS else "keras3"
        axis = config.get("axis")
        if isinstance(axis, list) and len(axis) == 1:
            config["axis"] = axis[0]
    if name == "ReLU" and config.get("negative_slope") is None:
        config.pop("negative_slope", None)
    if name == "Bidirectional":
        _bidirectional(config, told, problems)
    if config.get("activity_regularizer"):
        # their sum over the batch is divided by the size of the batch
        config["activity_regularizer"] = {
            "class_name": "PerSample", "config": {"regularizer": config["activity_regularizer"]}
        }  # fmt: skip
    return name, config


def _bidirectional(config: dict[str, Any], told: str, problems: list[str]) -> None:
    """The backward layer must be the forward one turned round: that is what is made here."""
    forward, backward = config.get("layer"), config.pop("backward_layer", None)
    if not isinstance(forward, Mapping) or not isinstance(forward.get("config"), Mapping):
        return
    own = dict(forward["config"])
    if isinstance(backward, Mapping) and isinstance(backward.get("config"), Mapping):
        other = dict(backward["config"])
        same = {k for k in own if k not in ("name", "go_backwards", "zero_output_for_mask")}
        if forward["class_name"] != backward["class_name"] or any(own[k] != other.get(k) for k in same):
            problems.append(f"{told}: its backward layer is another one than its forward layer.")
    name = str(own.get("name", ""))
    if name.startswith("forward_"):
        own["name"] = name.removeprefix("forward_")
    config["layer"] = {**forward, "config": own}


def _measure(config: dict[str, Any]) -> dict[str, Any]:
    """A loss or metric as a class."""
    if config.get("reduction") in ("auto", "mean", "mean_with_sample_weight"):
        config["reduction"] = "sum_over_batch_size"
    return config


def _optimizer(
    name: str, config: dict[str, Any], dialect: str, told: str, problems: list[str]
) -> tuple[str, dict[str, Any]]:
    if name == "LossScaleOptimizer":
        told_here = ("dynamic", "initial_scale", "dynamic_growth_steps")
        own = {k: config[k] for k in told_here if config.get(k) is not None}
        return name, {"optimizer": config.get("inner_optimizer"), **own}
    old = "use_ema" not in config and dialect == TF_KERAS  # tf.keras before 2.11
    config.pop("name", None)
    lower = name.lower()
    if config.get("clipnorm") is not None:
        config["clipnorm_each"] = config.pop("clipnorm")
    if config.get("global_clipnorm") is not None:
        config["clipnorm"] = config.pop("global_clipnorm")
    if lower in ("rmsprop", "adagrad") and not old:
        config["epsilon_inside"] = True  # g / sqrt(a + epsilon)
    if lower == "nadam":
        config["schedule_decay"] = 1.0  # 0.96^t
        config.pop("decay", None)
    for key in ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm"):
        if not config.get(key):
            config.pop(key, None)
    return name, config
