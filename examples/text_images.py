"""Images as text, for the examples."""

import numpy as np

INK = " .:-=+*#%@"


def lines_of(image):
    """An image (rows, columns) or (rows, columns, 1) as lines of text: its least value blank, its largest '@'."""
    image = np.asarray(image, "float64").reshape(np.shape(image)[:2])
    spread = image.max() - image.min()
    shades = (image - image.min()) / (spread or 1.0) * (len(INK) - 1)
    return ["".join(2 * INK[shade] for shade in row) for row in shades.round().astype(int)]


def show(images, captions=()):
    """Prints images side by side, with a caption below each."""
    drawn = [lines_of(image) for image in images]
    for lines in zip(*drawn):
        print(" | ".join(lines))
    if captions:
        print(" | ".join(str(c).ljust(len(d[0])) for c, d in zip(captions, drawn)))
    print()
