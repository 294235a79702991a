"""Stochastic gradient descent."""

from .. import backend as K
from ..backend.declare import operation
from ..errors import ArgumentError
from ..layers.policy import number_dtype
from .base import SlotOptimizer, number


class SGD(SlotOptimizer):
    """Gradient descent with momentum, and Nesterov's if asked for. See `backend.updates.sgd_update`."""

    slots = ("moment",)

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs):
        if "epsilon" in kwargs:
            raise ArgumentError("SGD has no argument 'epsilon'.")
        super().__init__(kwargs.pop("lr", learning_rate), **kwargs)
        self.momentum = K.variable(momentum, number_dtype(), name=self._told("momentum"))
        self.nesterov = nesterov

    def step(self, param, gradient, moment, rate):
        return operation("sgd_update")(param, gradient, moment, rate, self.momentum, self.nesterov)

    def get_config(self):
        config = dict(super().get_config(), momentum=number(self.momentum), nesterov=self.nesterov)
        del config["epsilon"]
        return config
