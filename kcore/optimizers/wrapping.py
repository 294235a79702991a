"""Optimizers around optimizers: gradients of several batches, averaged weights, scaled losses for float16.

None of them is in Keras 2.3.1; the names and defaults are those of later Kerases where they have them. They wrap any
optimizer, also one of the user's own that follows `get_updates(loss, params)`, and become part of the compiled step.
"""

import numpy as np

from .. import backend as K
from .. import objects
from ..backend.declare import operation
from ..backend.variables import as_update
from ..dtypes import promote
from ..errors import ArgumentError
from .base import Optimizer, number, variable_beside

_where = operation("where")


class OptimizerWrapper(Optimizer):
    """Base: has the learning rate, the count of steps and the config of the optimizer inside.

    A subclass defines `get_updates` by `_inner_updates`, and lists its own variables before the inner ones.
    """

    def __init__(self, optimizer):
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(
                f"{type(self).__name__} wraps an optimizer; {optimizer!r} was given. Give an object such as Adam()."
            )
        super().__init__()
        self.optimizer = optimizer

    @property
    def learning_rate(self):
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self.optimizer.learning_rate = value

    lr = learning_rate

    @property
    def iterations(self):
        return self.optimizer.iterations

    def current_rate(self):
        return self.optimizer.current_rate()

    def _scaled(self, loss):
        """The loss whose gradients the optimizer inside expects: scaled, where it scales (or one within it does)."""
        inner = self.optimizer
        while isinstance(inner, OptimizerWrapper) and not isinstance(inner, LossScaleOptimizer):
            inner = inner.optimizer
        return (
            inner.get_scaled_loss(loss)
            if loss is not None and isinstance(inner, LossScaleOptimizer)
            else loss
        )

    def _inner_updates(self, gradients, loss, params):
        """The updates of the optimizer inside for these gradients, which it clips as it was told to."""
        inner = self.optimizer
        inner.get_gradients = lambda loss, params: inner._clipped(gradients)
        try:
            return [as_update(u) for u in inner.get_updates(loss, params)]
        finally:
            del inner.get_gradients

    def get_config(self):
        inner = {"class_name": type(self.optimizer).__name__, "config": self.optimizer.get_config()}
        return {"optimizer": inner}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        inner = objects.deserialize("optimizers", config.pop("optimizer"), custom_objects=custom_objects)
        return cls(inner, **config)


def _kept_unless(condition, updates):
    """Updates that take place only where the scalar `condition` holds."""
    return [K.update(u.variable, _where(condition, u.value, u.variable)) for u in updates]


def _counter(name):
    made = K.variable(0, dtype="int64", name=name)
    made.trainable = False
    return made


class GradientAccumulation(OptimizerWrapper):
    """Steps only every `steps` batches, with the mean of their gradients: large batches in little memory.

    With losses that are means over the rows, `steps` batches of n rows move the weights as one batch of steps * n
    rows does (but for layers that look at the batch, such as BatchNormalization). Batches that are left at the end
    of a training are kept for the next.
    """

    def __init__(self, optimizer, steps):
        super().__init__(optimizer)
        if isinstance(steps, bool) or int(steps) != steps or steps < 1:
            raise ArgumentError(f"GradientAccumulation: steps={steps!r}; a whole number from 1 is needed.")
        self.steps = int(steps)
        self.seen = _counter("batches_seen")

    def get_updates(self, loss, params):
        params = list(params)
        gradients = self.get_gradients(self._scaled(loss), params)
        totals = [variable_beside(p, np.zeros(p.shape), f"gradients_{i}") for i, p in enumerate(params)]
        sums = [total + gradient for total, gradient in zip(totals, gradients)]
        due = K.equal((self.seen + 1) % self.steps, 0)
        inner = self._inner_updates([s / float(self.steps) for s in sums], loss, params)
        self.weights = [self.seen, *totals, *self.optimizer.weights]
        self.updates = [K.update_add(self.seen, 1)]
        self.updates += [K.update(t, _where(due, K.zeros_like(s), s)) for t, s in zip(totals, sums)]
        self.updates += _kept_unless(due, inner)
        return self.updates

    def get_config(self):
        return dict(super().get_config(), steps=self.steps)


class ExponentialMovingAverage(OptimizerWrapper):
    """Keeps an average of the weights: a' = momentum * a + (1 - momentum) * w after each step; at first a' = w.

    B. Polyak and A. Juditsky, 1992. overwrite_frequency: after each so many steps the weights become their averages;
    None: never, and `swap_weights()` exchanges both, for an evaluation or before saving.
    """

    def __init__(self, optimizer, momentum=0.99, overwrite_frequency=None):
        super().__init__(optimizer)
        if not 0 <= momentum <= 1:
            raise ArgumentError(f"ExponentialMovingAverage: momentum={momentum!r}; 0 to 1 is needed.")
        if overwrite_frequency is not None and overwrite_frequency < 1:
            raise ArgumentError(
                f"ExponentialMovingAverage: overwrite_frequency={overwrite_frequency!r}; None or a number from 1 "
                "is needed."
            )
        self.momentum, self.overwrite_frequency = momentum, overwrite_frequency
        self.steps_done = _counter("steps_done")
        self._averaged = []

    def get_updates(self, loss, params):
        params = list(params)
        inner = self._inner_updates(self.get_gradients(self._scaled(loss), params), loss, params)
        averages = [variable_beside(p, K.get_value(p), f"average_{i}") for i, p in enumerate(params)]
        self._averaged = list(zip(params, averages))
        average_of = {id(p): a for p, a in self._averaged}
        first = K.equal(self.steps_done, 0)
        due = None
        if self.overwrite_frequency is not None:
            due = K.equal((self.steps_done + 1) % int(self.overwrite_frequency), 0)
        self.updates = [K.update_add(self.steps_done, 1)]
        for update in inner:
            average = average_of.get(id(update.variable))
            if average is None:
                self.updates.append(update)
                continue
            moved = self.momentum * average + (1.0 - self.momentum) * update.value
            moved = _where(first, update.value, moved)
            self.updates.append(K.update(average, moved))
            value = update.value if due is None else _where(due, moved, update.value)
            self.updates.append(K.update(update.variable, value))
        self.weights = [self.steps_done, *averages, *self.optimizer.weights]
        return self.updates

    def swap_weights(self):
        """Exchanges the weights with their averages; a second call exchanges them back."""
        if not self._averaged:
            raise ArgumentError("ExponentialMovingAverage: no step has been made yet, there are no averages.")
        values = [(K.get_value(p), K.get_value(a)) for p, a in self._averaged]
        pairs = [
            pair
            for (p, a), (weight, average) in zip(self._averaged, values)
            for pair in ((p, average), (a, weight))
        ]
        K.batch_set_value(pairs)

    def get_config(self):
        return dict(
            super().get_config(), momentum=self.momentum, overwrite_frequency=self.overwrite_frequency
        )


class LossScaleOptimizer(OptimizerWrapper):
    """Multiplies the loss before its gradients are taken, and divides these by the same: small gradients survive float16.

    P. Micikevicius et al., 2018. Where a gradient is not finite the step is left out and the scale halved, to 1 at the
    least; after `dynamic_growth_steps` steps in a row that were made it is doubled. dynamic=False: the scale stays, and
    steps that are not finite are left out all the same.
    """

    def __init__(self, optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, dynamic=True):
        super().__init__(optimizer)
        if initial_scale <= 0 or dynamic_growth_steps < 1:
            raise ArgumentError(
                f"LossScaleOptimizer: initial_scale={initial_scale!r}, dynamic_growth_steps={dynamic_growth_steps!r}; "
                "a positive number and a number from 1 are needed."
            )
        self.initial_scale, self.dynamic_growth_steps = float(initial_scale), int(dynamic_growth_steps)
        self.dynamic = bool(dynamic)
        self.scale = K.variable(self.initial_scale, dtype="float32", name="loss_scale")
        self.scale.trainable = False
        self.good_steps = _counter("steps_since_change")

    # for steps of one's own -----------------------------------------------------------------------------------
    def get_scaled_loss(self, loss):
        """The loss times the scale, whose gradients are then not too small for float16."""
        return K.cast(loss, promote(K.dtype(loss), "float32")) * self.scale

    scale_loss = get_scaled_loss  # Keras 3's name

    def get_unscaled_gradients(self, grads):
        """Gradients of the scaled loss as those of the loss itself; what `apply_gradients` takes."""
        return [None if g is None else self._unscaled(g, K.dtype(g)) for g in grads]

    def _unscaled(self, gradient, dtype):
        return K.cast(K.cast(gradient, promote(dtype, "float32")) / self.scale, dtype)

    def minimize(self, loss, var_list):
        """As every optimizer's, the loss scaled."""
        loss = loss() if callable(loss) else loss
        params = list(var_list() if callable(var_list) else var_list)
        gradients = K.gradients(self.get_scaled_loss(loss), params)
        pairs = [(self._unscaled(g, p.dtype), p) for g, p in zip(gradients, params) if g is not None]
        return self.apply_gradients(pairs) if pairs else self.get_gradients(loss, params)

    # all together ---------------------------------------------------------------------------------------------
    def get_updates(self, loss, params):
        params = list(params)
        if loss is None:  # the gradients are given, unscaled
            gradients = self.get_gradients(None, params)
        else:
            found = self.get_gradients(self.get_scaled_loss(loss), params)
            gradients = [self._unscaled(g, p.dtype) for g, p in zip(found, params)]
        # x - x is 0 for every number but infinities and NaN
        finite = K.all(K.stack([K.all(K.equal(g - g, 0)) for g in gradients]))
        self.updates = _kept_unless(finite, self._inner_updates(gradients, loss, params))
        self.weights = [self.scale, self.good_steps, *self.optimizer.weights]
        if self.dynamic:
            good = _where(finite, self.good_steps + 1, K.zeros_like(self.good_steps))
            grown = good >= self.dynamic_growth_steps
            larger = _where(grown, self.scale * 2.0, K.identity(self.scale))
            smaller = K.maximum(self.scale * 0.5, 1.0)
            self.updates.append(K.update(self.scale, _where(finite, larger, smaller)))
            self.updates.append(K.update(self.good_steps, _where(grown, K.zeros_like(good), good)))
        return self.updates

    @property
    def current_scale(self):
        """The scale as a number."""
        return number(self.scale)

    def get_config(self):
        return dict(
            super().get_config(),
            initial_scale=self.initial_scale,
            dynamic_growth_steps=self.dynamic_growth_steps,
            dynamic=self.dynamic,
        )


def scaling_loss(optimizer):
    """The optimizer within a LossScaleOptimizer, unless there is one around or within it already."""
    inner = optimizer
    while isinstance(inner, OptimizerWrapper):
        if isinstance(inner, LossScaleOptimizer):
            return optimizer
        inner = inner.optimizer
    return LossScaleOptimizer(optimizer)
