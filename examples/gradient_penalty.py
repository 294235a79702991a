"""A Wasserstein GAN whose critic is kept from growing steep: a loss on gradients, so second derivatives.

python examples/gradient_penalty.py

One `train_step`, written once, with `kcore.grad` and `kcore.value_and_grad`; compiled whole by engines that compile.
I. Gulrajani et al.: Improved training of Wasserstein GANs, 2017.
"""

import numpy as np

import kcore
from kcore import backend as K
from kcore.layers import Dense
from kcore.models import Model, Sequential
from kcore.optimizers import Adam

NOISE, PENALTY, CRITIC_STEPS = 4, 10.0, 3


def points(count):
    """Two numbers each, on a ring of radius 1: (count, 2)."""
    angles = np.random.uniform(0, 2 * np.pi, count)
    radii = 1 + 0.05 * np.random.normal(size=count)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1).astype("float32")


def stack(*widths, **first):
    layers = [
        Dense(widths[0], activation="tanh", **first),
        *(Dense(w, activation="tanh") for w in widths[1:-1]),
    ]
    return Sequential([*layers, Dense(widths[-1])])


class WassersteinGAN(Model):
    """The critic tells real from made points by its height; the generator climbs it."""

    def __init__(self, width):
        super().__init__()
        self.generator = stack(width, width, 2, input_dim=NOISE)
        self.critic = stack(width, width, 1, input_dim=2)
        self.critic_optimizer = Adam(0.002, beta_1=0.0, beta_2=0.9)

    def steepness(self, x):
        """The length of the critic's slope at each of the points `x`: (batch,)."""
        slopes = kcore.grad(lambda p: K.sum(self.critic(p)))(x)
        return K.sqrt(K.sum(K.square(slopes), axis=1) + 1e-12)

    def made(self, like):
        return self.generator(K.random_normal((K.shape(like)[0], NOISE)))

    def critic_loss(self, real):
        made = K.stop_gradient(self.made(real))
        gap = K.mean(self.critic(real)) - K.mean(self.critic(made))
        mix = K.random_uniform((K.shape(real)[0], 1))
        steep = self.steepness(mix * real + (1.0 - mix) * made)
        return PENALTY * K.mean(K.square(steep - 1.0)) - gap, (gap, K.mean(steep))

    def train_step(self, data):
        weights = self.critic.trainable_weights
        climb = kcore.value_and_grad(self.critic_loss, variables=weights, has_aux=True)
        for _ in range(CRITIC_STEPS):  # each reads what the one before has written
            (_, (gap, steep)), slopes = climb(data)
            self.critic_optimizer.apply_gradients(zip(slopes, weights))

        weights = self.generator.trainable_weights
        loss, slopes = kcore.value_and_grad(
            lambda: -K.mean(self.critic(self.made(data))), variables=weights
        )()
        self.optimizer.apply_gradients(zip(slopes, weights))
        return {"gap": gap, "steepness": steep, "generator": loss}


def radii(model, count=300):
    """How far made points are from the middle, on average: (count,)."""
    noise = np.random.normal(size=(count, NOISE)).astype("float32")
    return np.hypot(*model.generator.predict(noise).T)


def main(small=False):
    """Trains; returns the history, radii of made points before and after, and the critic's steepness between."""
    kcore.set_seed(0)
    model = WassersteinGAN(24 if small else 64)
    model.compile(Adam(0.0005, beta_1=0.0, beta_2=0.9))
    real = points(512 if small else 2048)
    before = radii(model)
    history = model.fit(real, batch_size=64, epochs=40 if small else 100, verbose=0 if small else 2).history
    after = radii(model)
    steep = np.asarray(K.eval(model.steepness(K.constant(0.9 * real[:200]))))
    print(f"radius of made points: {before.mean():.2f} before, {after.mean():.2f} after (real: 1)")
    print(f"steepness of the critic near the ring: {steep.mean():.2f} (aim: 1)")
    return history, before, after, steep


if __name__ == "__main__":
    main()
