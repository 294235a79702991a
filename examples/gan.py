"""A generative adversarial network, as in Keras 2's days: the discriminator is frozen in the combined model.

python examples/gan.py

I. Goodfellow et al.: Generative adversarial networks, 2014.
"""

import warnings

import numpy as np
from text_images import show

import kcore
from kcore.datasets import digits
from kcore.layers import Dense, Dropout, Input, LeakyReLU
from kcore.models import Model, Sequential
from kcore.optimizers import Adam

PIXELS, NOISE = 64, 16
# as in Keras 2: told whenever `trainable` is not what it was when a model was compiled, which is the point here
warnings.filterwarnings("ignore", "Discrepancy between trainable weights")


def build(width):
    """(generator, discriminator, combined): noise (batch, 16) -> pixels (batch, 64) -> probability of being real."""
    generator = Sequential(
        [
            Dense(width, input_dim=NOISE),
            LeakyReLU(0.2),
            Dense(width),
            LeakyReLU(0.2),
            Dense(PIXELS, activation="sigmoid"),
        ],
        name="generator",
    )
    discriminator = Sequential(
        [
            Dense(width, input_dim=PIXELS),
            LeakyReLU(0.2),
            Dropout(0.3),
            Dense(width),
            LeakyReLU(0.2),
            Dense(1, activation="sigmoid"),
        ],
        name="discriminator",
    )
    discriminator.compile(Adam(0.001, beta_1=0.5), "binary_crossentropy", metrics=["accuracy"])

    # what is trainable is settled when a model is compiled: alone the discriminator learns, in here it does not
    discriminator.trainable = False
    noise = Input((NOISE,))
    combined = Model(noise, discriminator(generator(noise)), name="combined")
    combined.compile(Adam(0.001, beta_1=0.5), "binary_crossentropy")
    return generator, discriminator, combined


def noise_for(count):
    return np.random.normal(size=(count, NOISE)).astype("float32")


def train(models, images, steps, batch_size=32, told=100):
    """Both in turn; the losses (discriminator, generator) of each step."""
    generator, discriminator, combined = models
    real, fake = np.full((batch_size, 1), 0.9, "float32"), np.zeros((batch_size, 1), "float32")
    losses = []
    for i in range(steps):
        chosen = images[np.random.randint(0, len(images), batch_size)]
        made = generator.predict(noise_for(batch_size))
        on_real, _ = discriminator.train_on_batch(chosen, real)
        on_fake, _ = discriminator.train_on_batch(made, fake)
        fooled = combined.train_on_batch(noise_for(batch_size), np.ones_like(real))
        losses.append((0.5 * float(on_real + on_fake), float(fooled)))
        if i % told == 0:
            print("step {:4d}: discriminator {:.3f}, generator {:.3f}".format(i, *losses[-1]))
    return losses


def distance(generator, images):
    """How far the mean made image is from the mean real one (root of the mean square over pixels)."""
    made = generator.predict(noise_for(200))
    return float(np.sqrt(np.mean(np.square(made.mean(0) - images.mean(0)))))


def main(small=False):
    """Trains; returns the distance from real images before and after, and the models."""
    kcore.set_seed(0)
    (images, classes), _ = digits.load_data()
    images = (images.reshape(-1, PIXELS) / 16).astype("float32")[classes == 3]
    models = build(48 if small else 128)
    before = distance(models[0], images)
    losses = train(models, images, 200 if small else 2000)
    after = distance(models[0], images)
    print(f"distance from real threes: {before:.3f} before, {after:.3f} after")
    show([i.reshape(8, 8) for i in images[:4]], ["real"] * 4)
    show([i.reshape(8, 8) for i in models[0].predict(noise_for(4))], ["made"] * 4)
    return before, after, losses, models


if __name__ == "__main__":
    main()
