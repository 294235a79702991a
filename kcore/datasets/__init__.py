"""Data sets to try things on. `digits` is inside the package; the others are fetched once and kept (`get_file`)."""

from . import boston_housing, cifar, cifar10, cifar100, digits, fashion_mnist, imdb, mnist, reuters

__all__ = [
    "boston_housing", "cifar", "cifar10", "cifar100", "digits", "fashion_mnist", "imdb", "mnist", "reuters",
]  # fmt: skip
