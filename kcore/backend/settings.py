"""Keras 2's global settings: `floatx`, `epsilon`, `image_data_format`, and the session functions' successors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..kernel.config import settings

_Function = TypeVar("_Function", bound=Callable[..., Any])


def floatx() -> str:
    """The default float type, 'float32' unless set."""
    return settings.floatx


def set_floatx(floatx: str) -> None:
    """Sets the default float type: 'float16', 'bfloat16', 'float32' or 'float64'."""
    settings.set_floatx(floatx)


def epsilon() -> float:
    """The fuzz factor, 1e-7 unless set (Keras 2.3.1)."""
    return settings.epsilon


def set_epsilon(e: float) -> None:
    """Sets the fuzz factor."""
    settings.set_epsilon(e)


def image_data_format() -> str:
    """'channels_last' (unless set) or 'channels_first'."""
    return settings.image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets the layout of images: 'channels_last' or 'channels_first'."""
    settings.set_image_data_format(data_format)


def _no_session() -> NotImplementedError:
    return NotImplementedError(
        "kcore has no sessions. Use K.function to run a graph, K.get_value / K.set_value for variables, "
        "K.clear_session to start names anew."
    )


def get_session() -> Any:
    """Raises NotImplementedError: there are no sessions here, and says what to use."""
    raise _no_session()


def set_session(session: Any) -> None:
    """Raises NotImplementedError: there are no sessions here, and says what to use."""
    raise _no_session()


def manual_variable_initialization(value: bool) -> None:
    """Variables have their values from the start, so there is nothing to do by hand. Raises if `value`."""
    if value:
        raise _no_session()


def symbolic(func: _Function) -> _Function:
    """`func` as it is: every function takes symbolic tensors here. (In Keras 2.3.1: run within its graph.)"""
    return func


def eager(func: _Function) -> _Function:
    """`func` as it is: functions of K compute at once on arrays. (In Keras 2.3.1: run outside of its graph.)"""
    return func


def control_dependencies(control_inputs: Any) -> Any:
    """Raises NotImplementedError: an order of running has no meaning in graphs that are pure functions.

    All reads in a program see the values from before the call; updates are written together at its end.
    """
    raise NotImplementedError(
        "K.control_dependencies: graphs here are pure functions, nothing in them waits for anything. Give what is to "
        "be written to K.function(inputs, outputs, updates=[...]) or layer.add_update(...); updates of one variable "
        "are chained in their order."
    )
