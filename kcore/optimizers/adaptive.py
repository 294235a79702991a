"""Optimizers that scale each step by the size of earlier gradients: RMSprop, Adagrad, Adadelta."""

from .. import backend as K
from ..backend.declare import operation
from ..layers.policy import number_dtype
from .base import SlotOptimizer, number


class _ByRoot(SlotOptimizer):
    """Base: with `epsilon_inside` the divisor is sqrt(a + epsilon), as in tf.keras 2.11 and later; Keras 2.3.1's is
    sqrt(a) + epsilon."""

    def __init__(self, learning_rate, **kwargs):
        self.epsilon_inside = bool(kwargs.pop("epsilon_inside", False))
        super().__init__(learning_rate, **kwargs)

    def get_config(self):
        inside = {"epsilon_inside": True} if self.epsilon_inside else {}  # Keras 2 does not know the word
        return dict(super().get_config(), **inside)


class RMSprop(_ByRoot):
    """See `backend.updates.rmsprop_update`."""

    slots = ("accumulator",)
    iterations_may_be_missing = True

    def __init__(self, learning_rate=0.001, rho=0.9, **kwargs):
        super().__init__(kwargs.pop("lr", learning_rate), **kwargs)
        self.rho = K.variable(rho, number_dtype(), name=self._told("rho"))

    def step(self, param, gradient, accumulator, rate):
        if self.epsilon_inside:
            mean_square = self.rho * accumulator + (1.0 - self.rho) * K.square(gradient)
            return param - rate * gradient / K.sqrt(mean_square + self.epsilon), mean_square
        return operation("rmsprop_update")(param, gradient, accumulator, rate, self.rho, self.epsilon)

    def get_config(self):
        return dict(super().get_config(), rho=number(self.rho))


class Adagrad(_ByRoot):
    """See `backend.updates.adagrad_update`. `initial_accumulator_value`: what the sum of squares starts with."""

    slots = ("accumulator",)
    iterations_may_be_missing = True

    def __init__(self, learning_rate=0.01, **kwargs):
        self.initial_accumulator_value = kwargs.pop("initial_accumulator_value", 0.0)
        super().__init__(kwargs.pop("lr", learning_rate), **kwargs)

    def slot_start(self, slot):
        return self.initial_accumulator_value

    def step(self, param, gradient, accumulator, rate):
        if self.epsilon_inside:
            total = accumulator + K.square(gradient)
            return param - rate * gradient / K.sqrt(total + self.epsilon), total
        return operation("adagrad_update")(param, gradient, accumulator, rate, self.epsilon)

    def get_config(self):
        start = self.initial_accumulator_value
        return dict(super().get_config(), **({"initial_accumulator_value": start} if start else {}))


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
