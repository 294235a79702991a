"""Small data sets that come inside the package: nothing is downloaded."""

from . import digits

__all__ = ["digits"]
