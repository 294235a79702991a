"""What a metric is: variables that gather over batches, updates that gather, and a result."""

import functools
import re

import numpy as np

from .. import backend as K
from .. import initializers
from ..backend.graph import rebuild
from ..backend.recording import record, recorder
from ..backend.tensor import SymbolicTensor
from ..backend.variables import as_update
from ..dtypes import at_least_float32
from ..errors import ArgumentError
from ..layers.base import Layer
from ..layers.policy import global_policy
from ..losses import (
    as_value,
    broadcast_weights,
    fits_by_broadcasting,
    squeeze_or_expand_dimensions,
)


def safe_divide(x, y):
    """x / y, and 0 where y is 0."""
    nothing = K.cast(K.equal(y, 0.0), K.dtype(y))
    return x / (y + nothing) * (1.0 - nothing)


def _snake_case(name):
    """TruePositives -> true_positives, AUC -> auc, MeanIoU -> mean_io_u, as Keras 2 makes names of layers."""
    apart = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", apart).lower()


def _symbolic(value):
    return (
        any(map(_symbolic, value)) if isinstance(value, (list, tuple)) else isinstance(value, SymbolicTensor)
    )


def _listed(updates):
    """What an `update_state` returned, as a list of updates."""
    if updates is None:
        return []
    if isinstance(updates, list):
        return [as_update(u) for u in updates]
    return [as_update(updates)]


def applied_at_once(update_state):
    """Wraps `update_state`: with symbolic arguments it returns updates, with arrays it also performs them."""

    @functools.wraps(update_state)
    def update(self, *args, **kwargs):
        if _symbolic(args) or _symbolic(list(kwargs.values())):
            updates = _listed(update_state(self, *args, **kwargs))
            record(updates, gathered=True)
            return updates
        names = [*range(len(args)), *kwargs]
        values = {n: v for n, v in zip(names, [*args, *kwargs.values()]) if v is not None}
        arrays = {n: np.asarray(as_value(v)) for n, v in values.items()}
        key = (update_state, *((n, a.shape, a.dtype.name) for n, a in arrays.items()))
        if key not in self._functions:
            self._functions[key] = _gathering(self, update_state, args, kwargs, arrays)
        updates, function = self._functions[key]
        function(list(arrays.values()))
        return updates

    update.is_wrapped = True
    return update


def _gathering(metric, update_state, args, kwargs, arrays):
    """The updates for placeholders like `arrays`, and a function that performs them."""
    held = {n: K.placeholder(shape=a.shape, dtype=_held_type(a)) for n, a in arrays.items()}
    args = [held.get(i) for i in range(len(args))]
    kwargs = {n: held.get(n) for n in kwargs}
    updates = _listed(update_state(metric, *args, **kwargs))
    return updates, K.function(list(held.values()), [], updates=updates)


def _held_type(array):
    return K.floatx() if array.dtype.kind == "f" else array.dtype.name


class Metric(Layer):
    """Base of stateful metrics.

    A subclass makes its variables in the constructor (`add_weight`) and defines `update_state`, which returns
    updates of them, and `result`, a symbolic tensor of them. `update_state` on arrays gathers at once:

        m = Mean()
        m.update_state([1.0, 3.0])
        K.eval(m.result())  # 2.0
    """

    _is_part = False

    def __init__(self, name=None, dtype=None, **kwargs):
        if kwargs:
            raise ArgumentError(f"{type(self).__name__} has no argument {next(iter(kwargs))!r}.")
        if name is None:
            prefix = _snake_case(type(self).__name__)
            name = f"{prefix}_{K.get_uid(prefix)}"
        if dtype is None:  # sums over many batches: in 16 bits they would stand still
            dtype = at_least_float32(global_policy().variable_dtype)
        super().__init__(name=name, dtype=dtype)
        self.stateful = self.built = True
        self._written: list = []  # by the calls on symbolic tensors

    def __new__(cls, *args, **kwargs):
        made = super().__new__(cls)
        made._weights = []
        made._functions = {}
        return made

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        update_state = cls.__dict__.get("update_state")
        if update_state is not None and not getattr(update_state, "is_wrapped", False):
            cls.update_state = applied_at_once(update_state)

    def __call__(self, *args, **kwargs):
        """Gathers, and returns the result with what was gathered."""
        updates = self.update_state(*args, **kwargs)
        if not (_symbolic(args) or _symbolic(list(kwargs.values()))):
            return self.result()
        if recorder() is not None:
            return self.result()  # made after the updates, so it reads what they wrote
        self._written.extend(updates)
        result = self.result_after(updates)
        result._metric_obj = self
        return result

    def result_after(self, updates):
        """`result()` as it will be once `updates` are written: reads in a program see the values before them."""
        values = {}
        for update in updates:
            # several updates of one variable build on each other, in order
            values[update.variable] = rebuild([update.value], dict(values))[0]
        return rebuild([self.result()], values)[0]

    def add_weight(self, name, shape=(), initializer=None, dtype=None):
        """A variable of the metric's state; zeros unless an initializer says otherwise."""
        dtype = self.dtype if dtype is None else dtype
        shape = tuple(shape)
        value = np.zeros(shape) if initializer is None else initializers.get(initializer)(shape, dtype=dtype)
        weight = K.variable(value, dtype=dtype, name=name)
        weight.trainable = False
        self._weights.append(weight)
        return weight

    def update_state(self, *args, **kwargs):
        """Updates of the state by a batch, as a list."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state().")

    def result(self):
        """The metric's value, a symbolic tensor of the state."""
        raise NotImplementedError(f"{type(self).__name__} must define result().")

    def reset_states(self):
        """Sets the state to zeros. Called when an epoch starts."""
        K.batch_set_value([(w, np.zeros(w.shape)) for w in self.weights])

    @property
    def updates(self):
        return self._written

    @property
    def weights(self):
        return list(self._weights)

    variables = non_trainable_weights = weights

    @property
    def trainable_weights(self):
        return []

    def get_weights(self):
        return K.batch_get_value(self.weights)

    def set_weights(self, weights):
        K.batch_set_value(list(zip(self.weights, weights)))

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Reduce(Metric):
    """Base of sums and means. `reduction`: 'sum', 'weighted_mean' or 'sum_over_batch_size'."""

    SUM, MEAN, MEAN_OVER_SIZE = "sum", "weighted_mean", "sum_over_batch_size"

    def __init__(self, reduction, name, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if reduction not in (self.SUM, self.MEAN, self.MEAN_OVER_SIZE):
            raise ArgumentError(
                f"reduction={reduction!r} is not 'sum', 'weighted_mean' or 'sum_over_batch_size'."
            )
        self.reduction = reduction
        self.total = self.add_weight("total")
        if reduction != self.SUM:
            self.count = self.add_weight("count")

    def update_state(self, values, sample_weight=None):
        """Adds `values`, each times its weight. Weights of lower rank count for all that they stand over."""
        values = K.cast(as_value(values), self.dtype)
        weights = None
        if sample_weight is not None:
            weights = K.cast(as_value(sample_weight), self.dtype)
            values, _, weights = squeeze_or_expand_dimensions(values, None, weights)
            values, weights = self._fitted(values, weights)
            values = values * weights
        updates = [K.update_add(self.total, K.sum(values))]
        if self.reduction != self.SUM:
            updates.append(K.update_add(self.count, self._number(values, weights)))
        return updates

    @staticmethod
    def _fitted(values, weights):
        """Both in one shape; where weights do not spread over values, values are averaged over further axes."""
        rank = K.ndim(weights)
        if rank and rank < K.ndim(values) and not fits_by_broadcasting(weights.shape, values.shape):
            values = K.mean(values, axis=list(range(rank, K.ndim(values))))
        return values, broadcast_weights(values, weights)

    def _number(self, values, weights):
        if weights is None or self.reduction == self.MEAN_OVER_SIZE:
            weights = K.ones_like(values)
        return K.sum(weights)

    def result(self):
        if self.reduction == self.SUM:
            return self.total + 0.0
        return self.total / self.count  # NaN before anything was gathered, as in Keras 2


class Mean(Reduce):
    """The mean of all values, weighted: sum(w x) / sum(w)."""

    def __init__(self, name="mean", dtype=None):
        super().__init__(Reduce.MEAN, name, dtype)


class Sum(Reduce):
    """The sum of all values, each times its weight."""

    def __init__(self, name="sum", dtype=None):
        super().__init__(Reduce.SUM, name, dtype)


class MeanMetricWrapper(Mean):
    """The mean of a function `fn(y_true, y_pred, **kwargs)` that gives a value per sample."""

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = K.cast(as_value(y_true), self.dtype), K.cast(as_value(y_pred), self.dtype)
        y_pred, y_true, _ = squeeze_or_expand_dimensions(y_pred, y_true)
        return super().update_state(self._fn(y_true, y_pred, **self._fn_kwargs), sample_weight)

    def get_config(self):
        return dict(super().get_config(), **self._fn_kwargs)
