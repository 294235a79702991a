"""A variational autoencoder: digits from two numbers each, with a loss that depends on tensors inside the model.

python examples/variational_autoencoder.py

D. Kingma, M. Welling: Auto-encoding variational Bayes, 2013.
"""

import numpy as np
from text_images import show

import kcore
from kcore import backend as K
from kcore.datasets import digits
from kcore.layers import Dense, Input, Lambda
from kcore.losses import binary_crossentropy
from kcore.models import Model

PIXELS, CODES = 64, 2


def sampled(parts):
    """A code drawn near its mean: mean + exp(log variance / 2) times a normal random number."""
    mean, log_variance = parts
    noise = K.random_normal(shape=(K.shape(mean)[0], K.int_shape(mean)[1]))
    return mean + K.exp(0.5 * log_variance) * noise


def build(width):
    """(autoencoder, encoder, decoder, parts of the loss); the autoencoder takes pixels (batch, 64) from 0 to 1."""
    pixels = Input((PIXELS,), name="pixels")
    h = Dense(width, activation="relu")(pixels)
    mean, log_variance = Dense(CODES, name="mean")(h), Dense(CODES, name="log_variance")(h)
    code = Lambda(sampled, output_shape=(CODES,), name="code")([mean, log_variance])
    encoder = Model(pixels, [mean, log_variance, code], name="encoder")

    codes = Input((CODES,), name="codes")
    decoder = Model(
        codes, Dense(PIXELS, activation="sigmoid")(Dense(width, activation="relu")(codes)), name="decoder"
    )

    mean, log_variance, code = encoder(pixels)
    outputs = decoder(code)
    model = Model(pixels, outputs, name="autoencoder")
    reconstruction = PIXELS * K.mean(binary_crossentropy(pixels, outputs))
    # how far the codes are from a normal distribution
    divergence = -0.5 * K.mean(K.sum(1 + log_variance - K.square(mean) - K.exp(log_variance), axis=-1))
    model.add_loss(reconstruction + divergence)
    model.add_metric(divergence, name="divergence")
    model.compile("adam")
    return model, encoder, decoder


def main(small=False):
    """Trains and draws digits out of nothing; returns the history and the pixels drawn."""
    kcore.set_seed(0)
    (images, _), _ = digits.load_data()
    images = (images.reshape(-1, PIXELS) / 16).astype("float32")[: 400 if small else 1400]
    model, encoder, decoder = build(32 if small else 128)
    history = model.fit(images, epochs=10 if small else 60, batch_size=32, verbose=0 if small else 2).history

    means = encoder.predict(images[:4])[0]
    show([i.reshape(8, 8) for i in images[:4]], ["given"] * 4)
    show([i.reshape(8, 8) for i in decoder.predict(means)], ["from two numbers"] * 4)
    grid = np.array([[a, b] for a in (-1.0, 0.0, 1.0) for b in (-1.0, 1.0)], "float32")
    drawn = decoder.predict(grid)
    show([i.reshape(8, 8) for i in drawn], [f"{a:.0f}, {b:.0f}" for a, b in grid])
    return history, drawn


if __name__ == "__main__":
    main()
