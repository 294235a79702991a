"""Saving and loading of models."""

from .formats import ModelFormat
from .gate import Budgets, file_budgets

__all__ = ["Budgets", "ModelFormat", "file_budgets"]
