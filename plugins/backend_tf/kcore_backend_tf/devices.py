"""Devices by short names, 'cpu:0', 'gpu:0', and names that TensorFlow takes for variables."""

from __future__ import annotations

import re

import tensorflow as tf


def names() -> list[str]:
    """The devices that there are, as 'cpu:0', 'gpu:0', ..."""
    found = []
    for device in tf.config.list_logical_devices():
        if device.device_type in ("CPU", "GPU", "TPU"):
            kind, number = device.name.rsplit("/device:", 1)[1].lower().split(":")
            found.append(f"{kind}:{number}")
    return found


def path(name: str) -> str:
    """TensorFlow's name of the device `name`."""
    kind, _, number = name.partition(":")
    return f"/device:{kind.upper()}:{number or 0}"


def scope_name(name: str) -> str:
    """`name` without characters that TensorFlow refuses."""
    cleaned = re.sub(r"[^A-Za-z0-9_.\\/>-]", "_", name)
    return cleaned if re.match(r"[A-Za-z0-9.]", cleaned) else f"v{cleaned}"
