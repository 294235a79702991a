"""One picture painted in the manner of another, by what a network's layers see in both (neural style).

python examples/neural_style.py

Content, style and smoothness losses as in L. Gatys, A. Ecker, M. Bethge: A neural algorithm of artistic style, 2015.
"""

import numpy as np
from text_images import show

import kcore
from kcore import backend as K
from kcore.datasets import digits
from kcore.layers import Conv2D, Dense, GlobalMaxPooling2D, Input, MaxPooling2D
from kcore.models import Model
from kcore.optimizers import Adam

CONTENT_LAYER, STYLE_LAYERS = "conv_2", ("conv_1", "conv_2")
CONTENT_WEIGHT, STYLE_WEIGHT, SMOOTHNESS = 1.0, 3e4, 1e-2


def trained_network(count, epochs):
    """A network that has learned digits: images of any size (batch, rows, columns, 1) -> probabilities."""
    (images, classes), _ = digits.load_data()
    images, classes = (images[:count, ..., None] / 16).astype("float32"), classes[:count]
    image = Input((None, None, 1))
    h = Conv2D(12, 3, padding="same", activation="relu", name="conv_1")(image)
    h = Conv2D(16, 3, padding="same", activation="relu", name="conv_2")(MaxPooling2D(2)(h))
    model = Model(image, Dense(10, activation="softmax")(GlobalMaxPooling2D()(h)))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images, classes, epochs=epochs, verbose=0)
    return model


def pictures(size):
    """What to paint, a ring; and in which manner, slanted stripes: (1, size, size, 1) each."""
    rows, columns = np.mgrid[0:size, 0:size]
    centre = (size - 1) / 2
    distance = np.hypot(rows - centre, columns - centre) / size
    ring = np.exp(-(((distance - 0.3) / 0.08) ** 2))
    stripes = 0.5 + 0.5 * np.sin((rows + columns) * 1.6)
    return [p[None, ..., None].astype("float32") for p in (ring, stripes)]


def gram_matrix(features):
    """(rows, columns, channels) -> how often channels are active together (channels, channels)."""
    flat = K.batch_flatten(K.permute_dimensions(features, (2, 0, 1)))
    return K.dot(flat, K.transpose(flat))


def style_loss(style, painted):
    sizes = K.int_shape(style)
    scale = 4.0 * sizes[2] ** 2 * (sizes[0] * sizes[1]) ** 2
    return K.sum(K.square(gram_matrix(style) - gram_matrix(painted))) / scale


def roughness(image):
    """The total variation of (1, rows, columns, 1)."""
    down = K.square(image[:, :-1, :-1] - image[:, 1:, :-1])
    right = K.square(image[:, :-1, :-1] - image[:, :-1, 1:])
    return K.sum(K.pow(down + right + 1e-6, 1.25))


def losses(network, content, style, painting):
    """Content, style and smoothness losses of the variable `painting`, as in Keras 2's days: one batch of three."""
    batch = K.concatenate([K.constant(content), K.constant(style), painting], axis=0)
    seen = Model(network.input, [network.get_layer(n).output for n in STYLE_LAYERS])(batch)
    features = dict(zip(STYLE_LAYERS, seen))
    kept = features[CONTENT_LAYER]
    content_loss = K.sum(K.square(kept[2] - kept[0])) / 2.0
    manner = sum(style_loss(f[1], f[2]) for f in features.values()) / len(features)
    return CONTENT_WEIGHT * content_loss, STYLE_WEIGHT * manner, SMOOTHNESS * roughness(painting)


def main(small=False):
    """Paints; returns the painting and the three losses at each step."""
    kcore.set_seed(0)
    network = trained_network(200 if small else 1400, 3 if small else 15)
    content, style = pictures(16 if small else 28)
    painting = K.variable(np.random.uniform(0.4, 0.6, content.shape), name="painting")
    parts = losses(network, content, style, painting)
    updates = Adam(0.05).get_updates(sum(parts), [painting])
    step = K.function([], list(parts), updates=updates)  # one call is one stroke, all on the engine

    told = []
    for i in range(60 if small else 400):
        told.append([float(v) for v in step([])])
        if i % 50 == 0:
            print("step {:3d}: content {:8.3f}, style {:8.3f}, smoothness {:6.3f}".format(i, *told[-1]))
    result = np.clip(K.get_value(painting), 0.0, 1.0)
    show([content[0], style[0], result[0]], ["content", "style", "painting"])
    return result, np.array(told)


if __name__ == "__main__":
    main()
