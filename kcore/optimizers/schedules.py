"""Learning rates that depend on the number of steps done; pass one as `learning_rate`.

(Not in Keras 2.3.1; names and formulas are those of later Kerases.)
"""

import math

from .. import backend as K
from .. import objects
from ..errors import ArgumentError


class LearningRateSchedule:
    """Base: `schedule(step)` gives the learning rate, symbolic for a symbolic step (a float scalar)."""

    def __call__(self, step):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step).")

    def get_config(self):
        raise NotImplementedError(f"{type(self).__name__} must define get_config().")

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate decay_rate^(step / decay_steps); `staircase` rounds the exponent down."""

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name=None):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step):
        exponent = step / float(self.decay_steps)
        if self.staircase:
            exponent = K.floor(exponent)
        return self.initial_learning_rate * K.exp(exponent * math.log(self.decay_rate))

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class InverseTimeDecay(LearningRateSchedule):
    """initial_learning_rate / (1 + decay_rate step / decay_steps); `staircase` rounds the quotient down."""

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name=None):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step):
        periods = step / float(self.decay_steps)
        if self.staircase:
            periods = K.floor(periods)
        return self.initial_learning_rate / (1.0 + self.decay_rate * periods)

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to and including step boundaries[0], then values[1], ...: one value more than boundaries."""

    def __init__(self, boundaries, values, name=None):
        if len(values) != len(boundaries) + 1:
            raise ArgumentError(
                f"{len(boundaries)} boundaries and {len(values)} values; there must be one value more."
            )
        self.boundaries = list(boundaries)
        self.values = list(values)
        self.name = name

    def __call__(self, step):
        rate = self.values[0] + 0.0 * step
        for boundary, before, after in zip(self.boundaries, self.values, self.values[1:]):
            rate = rate + (after - before) * K.cast(K.greater(step, float(boundary)), K.floatx())
        return rate

    def get_config(self):
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


PiecewiseConstant = PiecewiseConstantDecay


class PolynomialDecay(LearningRateSchedule):
    """From the initial to the end learning rate by (1 - step / decay_steps)^power; `cycle` starts again, each time
    over a longer stretch."""

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name=None,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step):
        steps = float(self.decay_steps)
        if self.cycle:
            steps = steps * K.maximum(K.ceil(step / steps), 1.0)
        else:
            step = K.minimum(step, steps)
        left = K.pow(1.0 - step / steps, self.power)
        return (self.initial_learning_rate - self.end_learning_rate) * left + self.end_learning_rate

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


class CosineDecay(LearningRateSchedule):
    """Half a cosine wave from the initial learning rate down to `alpha` times it. I. Loshchilov, F. Hutter, 2016.

    With `warmup_target` the rate first rises to that, evenly over `warmup_steps`, and falls from there.
    """

    def __init__(
        self, initial_learning_rate, decay_steps, alpha=0.0, name=None, warmup_target=None, warmup_steps=0
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        if self.warmup_target is None:
            return self._falling(step, self.initial_learning_rate)
        if not self.warmup_steps:
            return self._falling(step, self.warmup_target)
        done = step / float(self.warmup_steps)
        rising = self.initial_learning_rate + (self.warmup_target - self.initial_learning_rate) * done
        warm = K.cast(K.less(step, float(self.warmup_steps)), K.floatx())
        return warm * rising + (1.0 - warm) * self._falling(
            step - float(self.warmup_steps), self.warmup_target
        )

    def _falling(self, step, start):
        done = K.clip(step / float(self.decay_steps), 0.0, 1.0)
        wave = 0.5 * (1.0 + K.cos(math.pi * done))
        return start * ((1.0 - self.alpha) * wave + self.alpha)

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine waves down to `alpha` times the start, one after the other. I. Loshchilov, F. Hutter, 2016, section 3.

    The first takes `first_decay_steps`, each next one `t_mul` times as many, from `m_mul` times as high.
    """

    def __init__(self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name=None):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step):
        done = step / float(self.first_decay_steps)
        if self.t_mul == 1.0:
            wave = K.floor(done)
            part = done - wave
        else:  # waves 0 to n - 1 take (t_mul^n - 1) / (t_mul - 1) of the first; a logarithm may be rounded down
            wave = K.floor(K.log(1.0 + done * (self.t_mul - 1.0)) / math.log(self.t_mul) + 2e-6)
            longer = K.exp(wave * math.log(self.t_mul))
            part = (done - (longer - 1.0) / (self.t_mul - 1.0)) / longer
        height = 0.5 * (1.0 + K.cos(math.pi * part))
        if self.m_mul != 1.0:
            height = height * K.exp(wave * math.log(self.m_mul))
        return self.initial_learning_rate * ((1.0 - self.alpha) * height + self.alpha)

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


_SCHEDULES = (
    ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay, CosineDecay, CosineDecayRestarts
)  # fmt: skip


def serialize(schedule):
    """{'class_name': ..., 'config': ...}"""
    return {"class_name": type(schedule).__name__, "config": schedule.get_config()}


def deserialize(config, custom_objects=None):
    """The schedule of a configuration; one's own classes by `custom_objects` or `CustomObjectScope`."""
    known = {s.__name__: s for s in _SCHEDULES}
    name = config.get("class_name")
    found = objects.custom(name, custom_objects) or known.get(name)
    if found is None:
        raise ArgumentError(
            f"no learning rate schedule named {name!r}; known: {', '.join(sorted(known))}. Give a class of your own in "
            "custom_objects."
        )
    return found.from_config(config["config"])


def serialize_rate(rate):
    """A learning rate for a configuration: a float, or class name and configuration of a schedule."""
    return serialize(rate) if isinstance(rate, LearningRateSchedule) else float(K.get_value(rate))


def rate_from(value):
    """The reverse of `serialize_rate`: numbers, tensors and schedules as they are."""
    return deserialize(value) if isinstance(value, dict) else value
