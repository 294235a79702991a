"""Training, evaluation and prediction agree with the original, epoch by epoch."""

import warnings

import numpy as np
import pytest

from golden import case_id, cases, load, relative_error, tolerance
from kcore import callbacks as callbacks_module
from kcore import metrics, models, optimizers

MAKERS = {
    "LearningRateScheduler(lambda epoch, lr: lr * .8)": lambda: callbacks_module.LearningRateScheduler(
        lambda epoch, lr: lr * 0.8
    ),
    "EarlyStopping(monitor='loss', min_delta=.02, patience=1)": lambda: callbacks_module.EarlyStopping(
        monitor="loss", min_delta=0.02, patience=1
    ),
    "ReduceLROnPlateau(monitor='val_loss', factor=.5, patience=1, min_delta=.01, cooldown=1)": lambda: (
        callbacks_module.ReduceLROnPlateau(
            monitor="val_loss", factor=0.5, patience=1, min_delta=0.01, cooldown=1
        )
    ),
}


def numbered(arrays, prefix):
    found = []
    while f"{prefix}_{len(found)}" in arrays:
        found.append(arrays[f"{prefix}_{len(found)}"])
    return found


def one_or_list(values):
    return None if not values else values[0] if len(values) == 1 else values


def with_own_steps(base):
    """A subclass that overrides its steps with the ones they are: they then run as a user's."""

    class Own(base):
        def train_step(self, data):
            return super().train_step(data)

        def test_step(self, data):
            return super().test_step(data)

        def predict_step(self, data):
            return super().predict_step(data)

    Own.__name__ = base.__name__
    return Own


def model_of(case, arrays, own_steps=False):
    kind = getattr(models, case["model_class"])
    model = (with_own_steps(kind) if own_steps else kind).from_config(case["model_config"])
    model.set_weights(numbered(arrays, "weight_init"))
    optimizer = getattr(optimizers, case["optimizer"])(**case["optimizer_arguments"])
    arguments = dict(case["compile"])
    if isinstance(arguments.get("metrics"), list):
        arguments["metrics"] = [metrics.get(m) if isinstance(m, dict) else m for m in arguments["metrics"]]
    model.compile(optimizer, **arguments)
    return model


def integer_keys(weights):
    if weights is None:
        return None
    return {
        int(k) if k.isdigit() else k: integer_keys(v) if isinstance(v, dict) else v
        for k, v in weights.items()
    }


def fit(model, case, arrays):
    arguments = dict(case["fit"])
    arguments["callbacks"] = [MAKERS[text]() for text in arguments.get("callbacks", [])]
    arguments["class_weight"] = integer_keys(arguments.get("class_weight"))
    weights = numbered(arrays, "sample_weight")
    if weights:
        arguments["sample_weight"] = one_or_list(weights)
    if "val_x_0" in arrays:
        val = one_or_list(numbered(arrays, "val_x")), one_or_list(numbered(arrays, "val_y"))
        arguments["validation_data"] = val
    return model.fit(one_or_list(numbered(arrays, "x")), one_or_list(numbered(arrays, "y")), **arguments)


def check(case, name, got, want, default):
    allowed = tolerance(case, name, default)
    assert relative_error(got, want) <= allowed, name


@pytest.mark.parametrize("own_steps", [False, True], ids=["built in", "own steps"])
@pytest.mark.parametrize("case", cases("histories"), ids=case_id)
def test_history(case, own_steps):
    arrays = load(case)
    model = model_of(case, arrays, own_steps)
    if not own_steps:
        assert model.metrics_names == case["metrics_names"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fit(model, case, arrays)
    assert model.metrics_names == case["metrics_names"]
    assert sorted(history.history) == sorted(case["history"])
    assert history.epoch == case["epochs_run"]
    for name, want in case["history"].items():
        check(case, f"history {name}", history.history[name], want, 1e-5)
    for i, (got, want) in enumerate(zip(model.get_weights(), numbered(arrays, "weight_final"), strict=True)):
        check(case, f"weight_final_{i}", got, want, 1e-5)
    x, y = one_or_list(numbered(arrays, "x")), one_or_list(numbered(arrays, "y"))
    got = model.evaluate(x, y, batch_size=case["evaluate_batch_size"], verbose=0)
    check(case, "evaluate", np.atleast_1d(got), arrays["evaluate"], 1e-5)
    if "evaluate_weighted" in arrays:
        weights = one_or_list(numbered(arrays, "sample_weight"))
        size = case["evaluate_batch_size"]
        got = model.evaluate(x, y, batch_size=size, verbose=0, sample_weight=weights)
        check(case, "evaluate_weighted", np.atleast_1d(got), arrays["evaluate_weighted"], 1e-5)
    predicted = model.predict(x, batch_size=case["predict_batch_size"])
    predicted = predicted if isinstance(predicted, list) else [predicted]
    for i, (got, want) in enumerate(zip(predicted, numbered(arrays, "predict"), strict=True)):
        check(case, f"predict_{i}", got, want, 1e-5)
