"""Adam and its like."""

import numpy as np

from .. import backend as K
from ..backend.declare import operation
from ..layers.policy import number_dtype
from .base import SlotOptimizer, number


class _Moments(SlotOptimizer):
    """Base: moving averages of the gradient and of its size, with the variables beta_1 and beta_2."""

    def __init__(self, learning_rate, beta_1, beta_2, **kwargs):
        super().__init__(kwargs.pop("lr", learning_rate), **kwargs)
        self.beta_1 = K.variable(beta_1, number_dtype(), name=self._told("beta_1"))
        self.beta_2 = K.variable(beta_2, number_dtype(), name=self._told("beta_2"))

    def _time(self):
        """The number of the step to come, from 1."""
        return K.cast(self.iterations, self.beta_1.dtype) + 1.0

    def get_config(self):
        return dict(super().get_config(), beta_1=number(self.beta_1), beta_2=number(self.beta_2))


class Adam(_Moments):
    """See `backend.updates.adam_update`; `amsgrad`: divides by the largest average so far."""

    slots = ("m", "v", "vhat")

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, amsgrad=False, **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, **kwargs)
        self.amsgrad = amsgrad

    def slot_shape(self, slot, param):
        # Keras 2.3.1: without amsgrad a placeholder of shape (1,) stands in the list of weights
        return (1,) if slot == "vhat" and not self.amsgrad else param.shape

    def numbers(self):
        t = self._time()
        correction = K.sqrt(1.0 - K.pow(self.beta_2, t)) / (1.0 - K.pow(self.beta_1, t))
        return {"rate": self.current_rate() * correction}

    def step(self, param, gradient, m, v, vhat, rate):
        if self.amsgrad:
            return operation("amsgrad_update")(
                param, gradient, m, v, vhat, rate, self.beta_1, self.beta_2, self.epsilon
            )
        return operation("adam_update")(param, gradient, m, v, rate, self.beta_1, self.beta_2, self.epsilon)

    def get_config(self):
        return dict(super().get_config(), amsgrad=self.amsgrad)


class AdamW(Adam):
    """Adam with weight decay that does not pass through the averages. I. Loshchilov and F. Hutter, 2017.

    (Not in Keras 2.3.1; later Kerases: weight_decay=0.004.)
    """

    def __init__(
        self, learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, amsgrad=False, **kwargs
    ):
        super().__init__(learning_rate, beta_1, beta_2, amsgrad, weight_decay=weight_decay, **kwargs)


class Adamax(_Moments):
    """See `backend.updates.adamax_update`."""

    slots = ("m", "u")

    def __init__(self, learning_rate=0.002, beta_1=0.9, beta_2=0.999, **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, **kwargs)

    def numbers(self):
        return {"rate": self.current_rate() / (1.0 - K.pow(self.beta_1, self._time()))}

    def step(self, param, gradient, m, u, rate):
        return operation("adamax_update")(param, gradient, m, u, rate, self.beta_1, self.beta_2, self.epsilon)


class Nadam(_Moments):
    """Adam with Nesterov momentum on a schedule: at step t it is beta_1 (1 - 0.96^(t schedule_decay) / 2).

    See `backend.updates.nadam_update`. The product of all momenta so far, `m_schedule`, is a weight.
    """

    slots = ("m", "v")

    def __init__(self, learning_rate=0.002, beta_1=0.9, beta_2=0.999, **kwargs):
        self.schedule_decay = kwargs.pop("schedule_decay", 0.004)
        super().__init__(learning_rate, beta_1, beta_2, **kwargs)
        self.m_schedule = K.variable(1.0, number_dtype(), name=self._told("m_schedule"))
        self.m_schedule.trainable = False

    def own_variables(self):
        return [self.iterations, self.m_schedule]

    def _momentum(self, t):
        return self.beta_1 * (1.0 - 0.5 * K.pow(K.constant(0.96), t * self.schedule_decay))

    def numbers(self):
        t = self._time()
        now, then = self._momentum(t), self._momentum(t + 1.0)
        product = self.m_schedule * now
        self.updates.append(K.update(self.m_schedule, product))
        return {
            "rate": self.current_rate(),
            "gradient_share": (1.0 - now) / (1.0 - product),
            "m_share": then / (1.0 - product * then),
            "v_share": 1.0 / (1.0 - K.pow(self.beta_2, t)),
        }

    def step(self, param, gradient, m, v, rate, gradient_share, m_share, v_share):
        return operation("nadam_update")(
            param,
            gradient,
            m,
            v,
            rate,
            self.beta_1,
            self.beta_2,
            gradient_share,
            m_share,
            v_share,
            self.epsilon,
        )

    def set_weights(self, weights):
        weights = list(weights)
        if len(weights) == len(self.weights) - 1:
            weights.insert(1, np.array(1.0))  # Keras 2.2.4 did not save m_schedule
        super().set_weights(weights)

    def get_config(self):
        config = dict(super().get_config(), schedule_decay=self.schedule_decay)
        if not self.initial_decay:
            del config["decay"]  # Keras 2.3.1's Nadam has none
        return config
