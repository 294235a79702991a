"""What turns texts, sequences and images into arrays. A leaf: nothing in kcore imports it.

Pillow, SciPy and pandas are imported when something needs them, not before.
"""

from . import image, sequence, text

__all__ = ["image", "sequence", "text"]
