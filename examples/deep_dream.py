"""An image is changed until a layer of a network sees more of what it knows in it (deep dream).

python examples/deep_dream.py

The picture grows in octaves, as in A. Mordvintsev, C. Olah, M. Tyka: Inceptionism, 2015.
"""

import numpy as np
from text_images import show

import kcore
from kcore import backend as K
from kcore.datasets import digits
from kcore.layers import Conv2D, Dense, GlobalMaxPooling2D, Input
from kcore.models import Model

# how much each layer's activity counts
WEIGHTS = {"edges": 0.2, "strokes": 1.0}


def build():
    """Images of any size (batch, rows, columns, 1) -> probabilities (batch, 10)."""
    image = Input((None, None, 1))
    h = Conv2D(12, 3, padding="same", activation="relu", name="edges")(image)
    h = Conv2D(24, 5, padding="same", activation="relu", name="strokes")(h)
    return Model(image, Dense(10, activation="softmax")(GlobalMaxPooling2D()(h)))


def dreaming(model):
    """A compiled function: image -> how active the layers are, and the direction in which they become more so."""
    activity = 0.0
    for name, weight in WEIGHTS.items():
        activity += weight * K.mean(K.square(model.get_layer(name).output))
    slopes = K.gradients(activity, [model.input])[0]
    slopes -= K.mean(slopes)  # as bright as before on the whole: ink alone is no dream
    slopes /= K.maximum(K.mean(K.abs(slopes)), K.epsilon())
    return K.function([model.input], [activity, slopes])


def resized(image, size):
    return np.asarray(K.eval(K.resize(image, size, "bilinear")))


def dream(step, image, octaves=3, growth=1.4, steps=10, rate=0.02):
    """Climbs from a small version of `image` (1, rows, columns, 1) to the full size; the activity after each step."""
    full, climbed = np.array(image.shape[1:3]), []
    sizes = [tuple((full / growth**i).astype(int).tolist()) for i in range(octaves)][::-1]
    picture, before = resized(image, sizes[0]), resized(image, sizes[0])
    for size in sizes:
        # what the shrinking lost comes back; what was dreamt stays
        picture = resized(picture, size) + resized(image, size) - resized(before, size)
        before = resized(image, size)
        octave = []
        for _ in range(steps):
            activity, slopes = step([picture])
            picture = np.clip(picture + rate * slopes, 0.0, 1.0)
            octave.append(float(activity))
        climbed.append(octave)
    return picture, climbed


def main(small=False):
    """Trains a network on digits, then dreams over a field of noise; returns the picture and the activities."""
    kcore.set_seed(1)
    (images, classes), _ = digits.load_data()
    count = 200 if small else 1400
    images, classes = (images[:count, ..., None] / 16).astype("float32"), classes[:count]
    model = build()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, classes, batch_size=32, epochs=3 if small else 12, verbose=0 if small else 2)

    size = 16 if small else 28
    start = (0.3 + 0.1 * np.random.rand(1, size, size, 1)).astype("float32")
    picture, climbed = dream(dreaming(model), start, octaves=2 if small else 3, steps=6 if small else 20)
    show([start[0], picture[0]], ["noise", "what the network dreams into it"])
    for number, octave in enumerate(climbed, 1):
        print(f"octave {number}: activity from {octave[0]:.3f} to {octave[-1]:.3f}")
    return start, picture, climbed


if __name__ == "__main__":
    main()
