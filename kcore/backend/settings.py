"""Keras 2's global settings: `floatx`, `epsilon`, `image_data_format`, and the session functions' successors."""

from __future__ import annotations

from typing import Any

from ..kernel.config import settings


def floatx() -> str:
    """The default float type, 'float32' unless set."""
    return settings.floatx


def set_floatx(floatx: str) -> None:
    settings.set_floatx(floatx)


def epsilon() -> float:
    """The fuzz factor, 1e-7 unless set (Keras 2.3.1)."""
    return settings.epsilon


def set_epsilon(e: float) -> None:
    settings.set_epsilon(e)


def image_data_format() -> str:
    return settings.image_data_format


def set_image_data_format(data_format: str) -> None:
    settings.set_image_data_format(data_format)


def _no_session(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError(
        "kcore has no sessions. Use K.function to run a graph, K.get_value / K.set_value for variables, "
        "K.clear_session to start names anew."
    )


get_session = set_session = _no_session


def manual_variable_initialization(value: bool) -> None:
    """Variables have their values from the start, so there is nothing to do by hand. Raises if `value`."""
    if value:
        _no_session()
