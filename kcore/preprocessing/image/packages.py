"""The packages that images need, imported when they are first used."""

from ...errors import MissingPackage


def pillow():
    """Pillow's module `PIL.Image`."""
    try:
        import PIL.Image
    except ImportError as error:
        raise MissingPackage(
            "Reading, writing and showing images needs Pillow: pip install 'kcore[images]'"
        ) from error
    return PIL.Image


def pillow_enhance():
    """Pillow's module `PIL.ImageEnhance`."""
    pillow()
    import PIL.ImageEnhance

    return PIL.ImageEnhance


def ndimage():
    """SciPy's module `scipy.ndimage`."""
    try:
        import scipy.ndimage
    except ImportError as error:
        raise MissingPackage(
            "Turning, shifting and zooming images needs SciPy: pip install 'kcore[images]'"
        ) from error
    return scipy.ndimage


def linalg():
    """SciPy's module `scipy.linalg`."""
    try:
        import scipy.linalg
    except ImportError as error:
        raise MissingPackage("Whitening images needs SciPy: pip install 'kcore[images]'") from error
    return scipy.linalg
