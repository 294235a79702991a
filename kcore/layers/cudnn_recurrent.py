"""Keras 2's path to the layers that hold weights in cuDNN's layout; (batch, time, features) -> (batch, units)."""

from __future__ import annotations

from .recurrent import CuDNNGRU, CuDNNLSTM

__all__ = ["CuDNNGRU", "CuDNNLSTM"]
