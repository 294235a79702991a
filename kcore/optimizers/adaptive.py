"""Optimizers that scale each step by the size of earlier gradients: RMSprop, Adagrad, Adadelta."""

from .. import backend as K
from ..backend.declare import operation
from .base import SlotOptimizer, number


class RMSprop(SlotOptimizer):
    """See `backend.updates.rmsprop_update`."""

    slots = ("accumulator",)
    iterations_may_be_missing = True

    def __init__(self, learning_rate=0.001, rho=0.9, **kwargs):
        super().__init__(kwargs.pop("lr", learning_rate), **kwargs)
        self.rho = K.variable(rho, name="rho")

    def step(self, param, gradient, accumulator, rate):
        return operation("rmsprop_update")(param, gradient, accumulator, rate, self.rho, self.epsilon)

    def get_config(self):
        return dict(super().get_config(), rho=number(self.rho))


class Adagrad(SlotOptimizer):
    """See `backend.updates.adagrad_update`."""

    slots = ("accumulator",)
    iterations_may_be_missing = True

    def __init__(self, learning_rate=0.01, **kwargs):
        super().__init__(kwargs.pop("lr", learning_rate), **kwargs)

    def step(self, param, gradient, accumulator, rate):
        return operation("adagrad_update")(param, gradient, accumulator, rate, self.epsilon)


class Adadelta(SlotOptimizer):
    """See `backend.updates.adadelta_update`."""

    slots = ("accumulator", "delta_accumulator")
    iterations_may_be_missing = True

    def __init__(self, learning_rate=1.0, rho=0.95, **kwargs):
        super().__init__(kwargs.pop("lr", learning_rate), **kwargs)
        self.rho = rho

    def step(self, param, gradient, accumulator, delta_accumulator, rate):
        return operation("adadelta_update")(
            param, gradient, accumulator, delta_accumulator, rate, self.rho, self.epsilon
        )

    def get_config(self):
        return dict(super().get_config(), rho=self.rho)
