"""Optimizers against the original's numbers, over ten steps, and what goes with them."""

import numpy as np
import pytest

from golden import case_id, cases, load, relative_error, tolerance
from kcore import backend as K
from kcore import constraints, losses, optimizers, regularizers
from kcore.errors import ArgumentError, GraphError, ShapeError, UnknownName
from kcore.objects import CustomObjectScope
from kcore.optimizers import schedules

LIMIT = 1e-5


class Net:
    """The small models of the recorded cases, made of operations: Dense, Embedding, Flatten."""

    def __init__(self, config, arrays):
        layers = [(la["class_name"], la["config"]) for la in config["layers"]]
        self.x = K.placeholder(shape=layers[0][1]["batch_input_shape"])
        self.params, self.penalty = [], 0.0
        self._arrays = arrays
        y = self.x
        for name, options in layers:
            y = getattr(self, name.lower())(y, options)
        self.output = y

    def weight(self, options, part):
        value = self._arrays[f"weight_init_{len(self.params)}"]
        constraint = constraints.get(options[f"{part}_constraint"])
        self.params.append(K.variable(value, name=part, constraint=constraint))
        self._penalize(options[f"{part}_regularizer"], self.params[-1])
        return self.params[-1]

    def _penalize(self, regularizer, tensor):
        if regularizer:
            self.penalty = self.penalty + regularizers.get(regularizer)(tensor)

    def embedding(self, x, options):
        return K.gather(self.weight(options, "embeddings"), K.cast(x, "int32"))

    def flatten(self, x, options):
        return K.batch_flatten(x)

    def dense(self, x, options):
        y = K.bias_add(K.dot(x, self.weight(options, "kernel")), self.weight(options, "bias"))
        y = y if options["activation"] == "linear" else getattr(K, options["activation"])(y)
        self._penalize(options["activity_regularizer"], y)
        return y


@pytest.mark.parametrize("case", cases("optimizers"), ids=case_id)
def test_ten_steps(case):
    arrays = load(case)
    net = Net(case["model_config"], arrays)
    optimizer = getattr(optimizers, case["class_name"])(**case["arguments"])
    assert optimizer.get_config() == pytest.approx(case["config"], rel=1e-6)
    target = K.placeholder(shape=(None, None))
    loss = K.mean(losses.get(case["loss"])(target, net.output)) + net.penalty
    step = K.function([net.x, target], [loss], updates=optimizer.get_updates(loss, net.params))
    values = []
    for s in range(1, 11):
        values.append(step([arrays[f"x_{s}"], arrays[f"y_{s}"]])[0])
        for i, param in enumerate(net.params):
            name = f"weight_step{s}_{i}"
            if name in arrays:
                got = K.get_value(param)
                assert relative_error(got, arrays[name]) <= tolerance(case, name, LIMIT), name
    assert relative_error(values, arrays["losses"]) <= LIMIT
    own = optimizer.get_weights()
    assert len(own) == case["n_optimizer_weights"]
    assert [w.name for w in optimizer.weights] == case["optimizer_weight_names"]
    for i, value in enumerate(own):
        assert relative_error(value, arrays[f"optimizer_weight_{i}"]) <= LIMIT, i


ALL = [
    optimizers.SGD,
    optimizers.RMSprop,
    optimizers.Adagrad,
    optimizers.Adadelta,
    optimizers.Adam,
    optimizers.AdamW,
    optimizers.Adamax,
    optimizers.Nadam,
]


def problem(optimizer, start=(3.0, -2.0), **variable):
    """A variable, and a function that does one step towards 0.5 sum(w^2) = 0."""
    w = K.variable(np.array(start), name="w", **variable)
    loss = 0.5 * K.sum(K.square(w))
    return w, K.function([], [loss], updates=optimizer.get_updates(loss, [w]))


@pytest.mark.parametrize("make", ALL)
def test_a_loss_goes_down(make):
    _, step = problem(make(lr=0.1))
    values = [float(step([])[0]) for _ in range(20)]
    assert values[-1] < values[0]


@pytest.mark.parametrize("make", ALL)
def test_configuration_round_trip(make):
    optimizer = make(learning_rate=0.25, clipnorm=1.5)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is make
    assert again.get_config() == optimizer.get_config()
    assert again.get_config()["learning_rate"] == 0.25
    assert again.get_config()["clipnorm"] == 1.5


@pytest.mark.parametrize("make", ALL)
def test_weights_round_trip_goes_on_exactly(make):
    first = make(lr=0.1)
    w, step = problem(first)
    for _ in range(3):
        step([])
    second = make(lr=0.1)
    other, resume = problem(second, start=K.get_value(w))
    second.set_weights(first.get_weights())
    for _ in range(3):
        step([])
        resume([])
    np.testing.assert_array_equal(K.get_value(w), K.get_value(other))


def test_the_learning_rate_can_change_without_a_new_graph():
    optimizer = optimizers.SGD(lr=1.0)
    w, step = problem(optimizer)
    assert optimizer.lr is optimizer.learning_rate
    K.set_value(optimizer.lr, 0.0)
    step([])
    np.testing.assert_array_equal(K.get_value(w), [3.0, -2.0])
    optimizer.learning_rate = 0.5
    step([])
    np.testing.assert_array_equal(K.get_value(w), [1.5, -1.0])


def test_constraints_of_parameters_hold():
    w, step = problem(optimizers.SGD(lr=3.0), constraint=constraints.NonNeg())
    step([])
    assert (K.get_value(w) >= 0).all()


def test_a_parameter_without_gradient_is_named():
    w, other = K.variable([1.0], name="w"), K.variable([1.0], name="left_out")
    with pytest.raises(GraphError, match="left_out"):
        optimizers.SGD().get_updates(K.sum(w), [w, other])


@pytest.mark.parametrize("argument", ["clipnorm", "global_clipnorm"])
def test_the_norm_of_all_gradients_is_clipped(argument):
    a, b = K.variable([3.0]), K.variable([4.0])
    loss = 0.5 * (K.sum(K.square(a)) + K.sum(K.square(b)))
    gradients = optimizers.SGD(**{argument: 1.0}).get_gradients(loss, [a, b])
    np.testing.assert_allclose([K.eval(g)[0] for g in gradients], [0.6, 0.8], rtol=1e-6)


def test_weight_decay_is_decoupled():
    plain, decayed = optimizers.Adam(lr=0.1), optimizers.AdamW(lr=0.1, weight_decay=0.5)
    (w, step), (v, other) = problem(plain), problem(decayed)
    step([])
    other([])
    np.testing.assert_allclose(K.get_value(v), K.get_value(w) - 0.1 * 0.5 * np.array([3.0, -2.0]), rtol=1e-6)


def test_an_optimizer_in_keras_2_style():
    class Halving(optimizers.Optimizer):
        def __init__(self, share=0.5, **kwargs):
            super().__init__(**kwargs)
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(share, name="lr")

        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            self.updates = [K.update_add(self.iterations, 1)]
            self.weights = [self.iterations]
            for p, g in zip(params, grads):
                self.updates.append(K.update(p, p - self.lr * g))
            return self.updates

        def get_config(self):
            return dict(super().get_config(), share=float(K.get_value(self.lr)))

    optimizer = Halving()
    w, step = problem(optimizer)
    step([])
    np.testing.assert_array_equal(K.get_value(w), [1.5, -1.0])
    assert optimizer.get_weights()[0] == 1
    found = optimizers.deserialize(
        {"class_name": "Halving", "config": {"share": 0.25}}, custom_objects={"Halving": Halving}
    )
    assert found.get_config() == {"share": 0.25}


def test_weights_of_keras_224_files():
    optimizer = optimizers.RMSprop()
    problem(optimizer)
    optimizer.set_weights([np.array([1.0, 2.0])])  # without the number of steps
    assert optimizer.get_weights()[0] == 0
    nadam = optimizers.Nadam()
    problem(nadam)
    nadam.set_weights([np.array(7), np.zeros(2), np.zeros(2)])  # without the schedule
    assert [float(v) for v in nadam.get_weights()[:2]] == [7.0, 1.0]


def test_weights_that_do_not_fit_are_refused():
    optimizer = optimizers.SGD()
    with pytest.raises(ArgumentError, match="0 weights; 1 were given"):
        optimizer.set_weights([np.zeros(2)])
    problem(optimizer)
    with pytest.raises(ShapeError, match="shape"):
        optimizer.set_weights([np.array(0), np.zeros(3)])


def test_names():
    assert isinstance(optimizers.get("sgd"), optimizers.SGD)
    assert isinstance(optimizers.get("RMSprop"), optimizers.RMSprop)
    assert isinstance(optimizers.get({"class_name": "adam", "config": {"lr": 0.5}}), optimizers.Adam)
    adam = optimizers.Adam()
    assert optimizers.get(adam) is adam
    with pytest.raises(UnknownName, match="[aA]dagrad"):
        optimizers.get("adagrat")
    with pytest.raises(ArgumentError):
        optimizers.get(3)
    with pytest.raises(ArgumentError, match="speed"):
        optimizers.SGD(speed=3)
    with pytest.raises(ArgumentError, match="negative"):
        optimizers.SGD(clipnorm=-1.0)


def rate_at(schedule, step):
    return float(K.eval(schedule(K.constant(float(step)))))


@pytest.mark.parametrize(
    "schedule, wanted",
    [
        (schedules.ExponentialDecay(0.1, 10, 0.5), {0: 0.1, 5: 0.1 * 0.5**0.5, 20: 0.025}),
        (schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True), {9: 0.1, 10: 0.05, 29: 0.025}),
        (schedules.InverseTimeDecay(0.1, 10, 0.5), {0: 0.1, 20: 0.05}),
        (schedules.PiecewiseConstant([5, 8], [1.0, 0.5, 0.1]), {5: 1.0, 6: 0.5, 8: 0.5, 9: 0.1}),
        (schedules.PolynomialDecay(1.0, 10, 0.2), {0: 1.0, 5: 0.6, 10: 0.2, 30: 0.2}),
        (schedules.PolynomialDecay(1.0, 10, 0.0, cycle=True), {0: 1.0, 10: 0.0, 15: 0.25}),
        (schedules.CosineDecay(1.0, 10, alpha=0.1), {0: 1.0, 5: 0.55, 10: 0.1, 50: 0.1}),
        (
            schedules.CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=4),
            {0: 0.0, 2: 0.5, 4: 1.0, 14: 0.0},
        ),
        (schedules.CosineDecay(0.1, 10, warmup_target=1.0), {0: 1.0, 5: 0.5, 10: 0.0}),
        (
            schedules.CosineDecayRestarts(1.0, 4, m_mul=0.5, alpha=0.1),
            {0: 1.0, 2: 0.55, 4: 0.55, 8: 0.325, 12: 0.325, 28: 0.2125},
        ),
        (schedules.CosineDecayRestarts(1.0, 4, t_mul=1.0), {0: 1.0, 2: 0.5, 4: 1.0, 402: 0.5}),
    ],
    ids=lambda v: type(v).__name__,
)
def test_schedules(schedule, wanted):
    for step, rate in wanted.items():
        assert rate_at(schedule, step) == pytest.approx(rate, abs=1e-6)
    again = schedules.deserialize(schedules.serialize(schedule))
    assert type(again) is type(schedule)
    assert rate_at(again, 3) == rate_at(schedule, 3)


def test_a_schedule_of_ones_own():
    class Halved(schedules.ExponentialDecay):
        def __call__(self, step):
            return 0.5 * super().__call__(step)

    stored = optimizers.serialize(optimizers.SGD(Halved(0.1, 10, 0.5)))
    with pytest.raises(ArgumentError, match="Halved.*custom_objects"):
        optimizers.deserialize(stored)
    assert type(optimizers.deserialize(stored, {"Halved": Halved}).learning_rate) is Halved
    with CustomObjectScope({"Halved": Halved}):
        assert rate_at(optimizers.deserialize(stored).learning_rate, 10) == pytest.approx(0.025)


def test_a_schedule_as_learning_rate():
    optimizer = optimizers.SGD(learning_rate=schedules.PiecewiseConstant([0], [1.0, 0.0]))
    w, step = problem(optimizer)
    step([])
    np.testing.assert_array_equal(K.get_value(w), [0.0, 0.0])
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.learning_rate.get_config() == optimizer.learning_rate.get_config()
