"""What an optimizer is: variables of its own, and updates that lower a loss."""

import numpy as np

from .. import backend as K
from ..backend.declare import operation
from ..backend.graph import copied
from ..backend.program import chained
from ..backend.recording import paused, record
from ..backend.tensor import SymbolicTensor
from ..backend.variables import Variable, as_update
from ..errors import ArgumentError, GraphError, ShapeError, UnknownArgument
from ..layers.policy import number_dtype
from ..shapes import describe
from .lookups import Uses, lookups
from .schedules import LearningRateSchedule, rate_from, serialize_rate

_COMMON = ("clipnorm", "clipvalue", "clipnorm_each", "global_clipnorm", "weight_decay", "name")


def clip_norm(g, c, n):
    """The gradient `g`, scaled by c / n where the norm `n` reaches `c`. No `c` (or 0): `g`."""
    return g if c is None or c <= 0 else operation("scaled_to_norm")(g, n, float(c))


def variable_beside(param, value, name):
    """A variable of an optimizer for `param`: its type, and on its device, as both are written in one step."""
    made = K.variable(value, dtype=param.dtype, name=name)
    made.place(param.device)
    return made


class Optimizer:
    """Base of optimizers.

    A subclass defines `get_updates(loss, params)`: a list of updates of `params` and of its own variables, which
    it lists in `self.weights`, and `get_config`.

    Common arguments: `clipnorm` (or `global_clipnorm`, the same: the norm is that of all gradients together),
    `clipnorm_each` (what later Kerases call clipnorm: the norm of each gradient by itself; not with the others),
    `clipvalue`, `weight_decay` (decoupled: that share of a parameter, times the learning rate, is taken off at each
    step).
    """

    def __init__(self, **kwargs):
        unknown = [k for k in kwargs if k not in _COMMON]
        if unknown:
            raise UnknownArgument(
                f"{type(self).__name__} has no argument {unknown[0]!r}. All optimizers take {', '.join(_COMMON)}."
            )
        for name, value in kwargs.items():
            if value is not None and name != "name" and value < 0:
                raise ArgumentError(f"{type(self).__name__}: {name}={value!r}; it must not be negative.")
            setattr(self, name, value)
        others = [n for n in ("clipnorm", "global_clipnorm", "clipvalue") if kwargs.get(n) is not None]
        if kwargs.get("clipnorm_each") is not None and others:
            raise ArgumentError(f"{type(self).__name__}: clipnorm_each and {others[0]} cannot be combined.")
        self.updates = []
        self.weights = []

    # the learning rate ------------------------------------------------------------------------------------
    @property
    def learning_rate(self):
        """A variable, to be changed by K.set_value or by assigning a number; or a schedule."""
        if "_learning_rate" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no learning rate.")
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        held = self.__dict__.get("_learning_rate")
        number = isinstance(value, (int, float, np.generic, np.ndarray))
        if number and isinstance(held, Variable):
            K.set_value(held, value)
        else:
            self._learning_rate = (
                K.variable(value, number_dtype(), name=self._told("learning_rate"))
                if number
                else rate_from(value)
            )

    lr = learning_rate

    def _told(self, name):
        """What its variable `name` is called."""
        return f"{type(self).__name__}/{name}"

    def current_rate(self):
        """The learning rate of the step to come, symbolic: schedule and `decay` taken into account."""
        step = K.cast(self.iterations, number_dtype()) if hasattr(self, "iterations") else 0.0
        rate = self.learning_rate
        if isinstance(rate, LearningRateSchedule):
            rate = rate(step)
        if getattr(self, "initial_decay", 0) > 0:
            rate = rate * (1.0 / (1.0 + self.decay * step))
        return rate

    # gradients ----------------------------------------------------------------------------------------------
    def get_updates(self, loss, params):
        raise NotImplementedError(f"{type(self).__name__} must define get_updates(loss, params).")

    def get_gradients(self, loss, params):
        """Gradients of `loss`, clipped. Raises GraphError naming the parameters that have none."""
        params = list(params)
        gradients = K.gradients(loss, params)
        missing = [p.name for p, g in zip(params, gradients) if g is None]
        if missing:
            raise GraphError(
                f"the loss has no gradient for {', '.join(map(repr, missing))}: it does not depend on it, or only "
                "by way of operations without a gradient (such as K.argmax, K.round, K.equal). Use others, or set "
                "trainable = False on the layer."
            )
        uses = {}
        if getattr(self, "clipvalue", None):
            uses = {p: Uses(loss, p, nodes) for p, nodes in lookups(loss, params).items()}
        return self._clipped(gradients, [uses.get(p) for p in params])

    # steps of one's own -------------------------------------------------------------------------------------
    def apply_gradients(self, grads_and_vars):
        """Applies gradients: pairs (gradient, variable), clipped as `clipnorm` and `clipvalue` say.

        Gradients that are arrays are applied at once. Symbolic ones give a list of updates, for `K.function`; in a
        `train_step` that is being traced they take effect from here on.
        """
        pairs = [(g, v) for g, v in grads_and_vars]
        missing = [v.name for g, v in pairs if g is None]
        if missing or not pairs:
            raise GraphError(
                f"apply_gradients: there is no gradient for {', '.join(map(repr, missing)) or 'any variable'}. Leave "
                "such variables out."
            )
        fed, updates = self._updates_of([v for _, v in pairs])
        if not any(isinstance(g, SymbolicTensor) for g, _ in pairs):
            return self._apply_now(fed, updates, [g for g, _ in pairs])
        given = {f: K.cast(g, f.dtype) for f, (g, _) in zip(fed, pairs)}
        values = copied([u.value for u in updates], given)
        made = [K.update(u.variable, value) for u, value in zip(updates, values)]
        record(made)
        return made

    def minimize(self, loss, var_list):
        """`apply_gradients` with the gradients of a symbolic loss, or of a function that makes one.

        Variables that the loss does not depend on are left as they are. Raises GraphError if it depends on none.
        """
        loss = loss() if callable(loss) else loss
        params = list(var_list() if callable(var_list) else var_list)
        gradients = K.gradients(loss, params)
        pairs = [(g, p) for g, p in zip(gradients, params) if g is not None]
        return self.apply_gradients(pairs) if pairs else self.get_gradients(loss, params)

    def _updates_of(self, params):
        """Placeholders of gradients and the updates that they lead to; made once for the same variables."""
        key = tuple(id(p) for p in params)
        made = self.__dict__.setdefault("_applied", {})
        if key not in made:
            fed = [K.placeholder(p.shape, dtype=p.dtype, name="gradient") for p in params]
            before = list(self.weights)
            self.get_gradients = lambda loss, params: self._clipped(
                fed
            )  # as optimizers of Keras 2 ask for them
            try:
                with paused():
                    updates = chained([as_update(u) for u in self.get_updates(None, params)])
            finally:
                del self.get_gradients
            self.weights = [*before, *(w for w in self.weights if not any(w is b for b in before))]
            made[key] = (fed, updates, list(params))  # the variables are kept, so that their ids stay theirs
        return made[key][:2]

    def _apply_now(self, fed, updates, gradients):
        functions = self.__dict__.setdefault("_appliers", {})
        key = id(updates)
        if key not in functions:
            functions[key] = K.function(fed, [], updates=updates)
        functions[key](gradients)
        return []

    def _clipped(self, gradients, uses=()):
        """`gradients` after clipping. `uses`: for those of tables the gradients of each look-up, else None.

        As in Keras 2 `clipnorm` is the norm of all gradients together, and `clipvalue` clips what each look-up in a
        table (Embedding) gives, before those of one row are added.
        """
        norms = []
        for limit in (getattr(self, "clipnorm", None), getattr(self, "global_clipnorm", None)):
            if limit:
                norm = K.sqrt(sum(K.sum(K.square(g)) for g in gradients))
                gradients = [clip_norm(g, limit, norm) for g in gradients]
                norms.append((limit, norm))
        limit = getattr(self, "clipnorm_each", None)
        if limit:
            return [clip_norm(g, limit, K.sqrt(K.sum(K.square(g)))) for g in gradients]
        limit = getattr(self, "clipvalue", None)
        if not limit:
            return gradients

        def scaled_and_cut(g):
            for most, norm in norms:
                g = clip_norm(g, most, norm)
            return K.clip(g, -limit, limit)

        uses = uses or [None] * len(gradients)
        return [
            K.clip(g, -limit, limit) if use is None else use.total(scaled_and_cut)
            for g, use in zip(gradients, uses)
        ]

    # weights ------------------------------------------------------------------------------------------------
    def get_weights(self):
        """Values of the optimizer's own variables, in the order of `weights`."""
        return K.batch_get_value(self.weights)

    def set_weights(self, weights):
        """Sets the optimizer's own variables, as `get_weights` gave them. Raises where number or shape differ."""
        if len(weights) != len(self.weights):
            raise ArgumentError(
                f"{type(self).__name__} has {len(self.weights)} weights; {len(weights)} were given. An optimizer "
                "has its weights once the model has been trained a step, or a file was loaded."
            )
        for variable, value in zip(self.weights, weights):
            if tuple(np.shape(value)) != tuple(variable.shape):
                raise ShapeError(
                    f"{type(self).__name__} weight {variable.name!r} has shape {describe(variable.shape)}; "
                    f"a value of shape {describe(np.shape(value))} was given."
                )
        K.batch_set_value(list(zip(self.weights, weights)))

    # configuration -------------------------------------------------------------------------------------------
    def get_config(self):
        return {n: getattr(self, n) for n in _COMMON if getattr(self, n, None) is not None}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class SlotOptimizer(Optimizer):
    """Base of kcore's own optimizers: per parameter some variables (slots), and one operation per step.

    A subclass names its `slots` and defines `step`, and `numbers` for what is common to all parameters.
    """

    slots = ()
    iterations_may_be_missing = False  # Keras 2.2.4 did not save them for some

    def __init__(self, learning_rate, decay=0.0, epsilon=None, **kwargs):
        super().__init__(**kwargs)
        self.iterations = K.variable(0, dtype="int64", name=self._told("iterations"))
        self.iterations.trainable = False
        self.learning_rate = learning_rate
        self.initial_decay = decay
        self.decay = K.variable(decay, number_dtype(), name=self._told("decay"))
        self.epsilon = K.epsilon() if epsilon is None else epsilon

    def numbers(self):
        """What `step` is given besides the parameter, its gradient and its slots; made once for all."""
        return {"rate": self.current_rate()}

    def step(self, param, gradient, *slots, **numbers):
        """The new value of `param` and those of its slots, as a list."""
        raise NotImplementedError

    def slot_shape(self, slot, param):
        return param.shape

    def slot_start(self, slot):
        """What a slot is before the first step."""
        return 0.0

    def _slot(self, slot, i, param):
        """A new variable for parameter `i`, named as in Keras 2: there the zeros took the name without 1."""
        start = np.full(self.slot_shape(slot, param), self.slot_start(slot))
        return variable_beside(param, start, f"training/{self._told(slot)}_{i}_1")

    def get_updates(self, loss, params):
        gradients = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        numbers = self.numbers()
        held = [[self._slot(s, i, p) for i, p in enumerate(params)] for s in self.slots]
        self.weights = [*self.own_variables(), *(v for slot in held for v in slot)]
        for i, (param, gradient) in enumerate(zip(params, gradients)):
            mine = [slot[i] for slot in held]
            value, *slots = self.step(param, gradient, *mine, **numbers)
            self.updates += [K.update(v, new) for v, new in zip(mine, slots)]
            self.updates.append(K.update(param, self._finished(param, value)))
        return self.updates

    def own_variables(self):
        """Variables that stand before the slots in `weights`."""
        return [self.iterations]

    def _finished(self, param, value):
        """`value` after weight decay and the parameter's constraint."""
        if getattr(self, "weight_decay", None):
            value = value - self.current_rate() * self.weight_decay * param
        constraint = getattr(param, "constraint", None)
        return value if constraint is None else constraint(value)

    def set_weights(self, weights):
        weights = list(weights)
        if self.iterations_may_be_missing and len(weights) == len(self.weights) - 1:
            weights.insert(0, np.array(0))
        super().set_weights(weights)

    def get_config(self):
        return dict(
            super().get_config(),
            learning_rate=serialize_rate(self.learning_rate),
            decay=float(K.get_value(self.decay)),
            epsilon=self.epsilon,
        )


def number(variable):
    """The value of a scalar variable as a float, for a configuration."""
    return float(K.get_value(variable))
