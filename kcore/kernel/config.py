"""Settings that Keras 2 keeps globally: float type, epsilon, image layout; read from kcore.json if it is there."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from ..errors import ArgumentError


def config_file() -> Path:
    """~/.kcore/kcore.json, or kcore.json in the folder that KCORE_HOME names. Read, never written."""
    return Path(os.environ.get("KCORE_HOME") or Path.home() / ".kcore") / "kcore.json"


def problem_of_config() -> str:
    """What is wrong with the configuration file; empty if it is right, or not there."""
    return _look()[1]


def _look() -> tuple[dict[str, Any], str]:
    """What the file says, and what is wrong with it."""
    try:
        path = config_file()
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, RuntimeError):  # RuntimeError: this user has no home
        return {}, ""
    except (OSError, ValueError) as error:
        return {}, f"{path} cannot be read and is ignored: {error}"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        return {}, f"{path} is no JSON and is ignored: {error}. Repair or delete it."
    if not isinstance(found, dict):
        return {}, f"{path} holds no JSON object and is ignored. Repair or delete it."
    return found, ""


def _read() -> dict[str, Any]:
    found, problem = _look()
    if problem:
        warnings.warn(problem, stacklevel=3)
    return found


class Settings:
    """`floatx`, `epsilon`, `image_data_format`, and `backend` as the configuration file gives it."""

    def __init__(self) -> None:
        given = _read()
        self.floatx = "float32"
        self.epsilon = 1e-7  # Keras 2.3.1
        self.image_data_format = "channels_last"
        self.backend: str | None = given.get("backend")
        if "floatx" in given:
            self.set_floatx(given["floatx"])
        if "epsilon" in given:
            self.set_epsilon(given["epsilon"])
        if "image_data_format" in given:
            self.set_image_data_format(given["image_data_format"])

    def set_floatx(self, value: str) -> None:
        if value not in ("float16", "bfloat16", "float32", "float64"):
            raise ArgumentError(
                f"floatx {value!r} is not known; use 'float16', 'bfloat16', 'float32' or 'float64'."
            )
        self.floatx = str(value)

    def set_epsilon(self, value: float) -> None:
        self.epsilon = float(value)

    def set_image_data_format(self, value: str) -> None:
        if value not in ("channels_first", "channels_last"):
            raise ArgumentError(
                f"image_data_format {value!r} is not known; use 'channels_last' or 'channels_first'."
            )
        self.image_data_format = str(value)


settings = Settings()
