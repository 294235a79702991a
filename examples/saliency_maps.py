"""Which pixels make a network say "three"? The gradient of its answer by the image tells (saliency maps).

python examples/saliency_maps.py

K. Simonyan, A. Vedaldi, A. Zisserman: Deep inside convolutional networks, 2013.
"""

import numpy as np
from text_images import show

import kcore
from kcore import backend as K
from kcore.datasets import digits
from kcore.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from kcore.models import Model


def load(count):
    """The first `count` digits, pixels from 0 to 1: (count, 8, 8, 1), and their classes (count,)."""
    (x, y), _ = digits.load_data()
    return (x[:count, ..., None] / 16).astype("float32"), y[:count]


def build():
    """(batch, 8, 8, 1) -> probabilities (batch, 10); the layer `scores` gives what goes into the softmax."""
    image = Input((8, 8, 1))
    h = Conv2D(16, 3, padding="same", activation="relu")(image)
    h = MaxPooling2D(2)(Conv2D(16, 3, padding="same", activation="relu")(h))
    scores = Dense(10, name="scores")(Flatten()(h))
    return Model(
        image, Dense(10, activation="softmax", use_bias=False, trainable=False, weights=[np.eye(10)])(scores)
    )


def saliency_function(model):
    """A compiled function: images, and for each the score of its best class -> how much each pixel moves it."""
    scores = model.get_layer("scores").output
    best = K.max(scores, axis=1)
    (slopes,) = K.gradients(best, [model.input])
    return K.function([model.input], [best, K.abs(slopes)])


def blanked(images, saliency, share, most):
    """The images with a share of their inked pixels taken out: the most salient ones, or the least."""
    changed = images.copy()
    for image, map_ in zip(changed, saliency):
        inked = np.flatnonzero(image.reshape(-1) > 0.2)
        order = inked[np.argsort(map_.reshape(-1)[inked])]
        count = max(1, int(share * len(order)))
        image.reshape(-1)[order[-count:] if most else order[:count]] = 0.0
    return changed


def main(small=False):
    """Trains, draws some maps, and checks them; returns the mean probabilities of the right answers."""
    kcore.set_seed(0)
    images, classes = load(300 if small else 1400)
    model = build()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, classes, batch_size=32, epochs=8 if small else 12, verbose=0 if small else 2)

    shown, answers = images[:100], classes[:100]
    _, maps = saliency_function(model)([shown])
    show(shown[:4], [f"a {c}" for c in answers])
    show(maps[:4], ["its map"] * 4)

    def probability(x):
        return float(np.mean(model.predict(x)[np.arange(len(x)), answers]))

    found = {
        "untouched": probability(shown),
        "without the least salient": probability(blanked(shown, maps, 0.25, most=False)),
        "without the most salient": probability(blanked(shown, maps, 0.25, most=True)),
    }
    for what, value in found.items():
        print(f"{what:>26}: {value:.2f} for the right answer")
    return found


if __name__ == "__main__":
    main()
