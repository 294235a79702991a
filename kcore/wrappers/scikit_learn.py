"""`KerasClassifier` and `KerasRegressor`: models as estimators of scikit-learn (`pip install kcore[sklearn]`).

They follow scikit-learn's rules, so they work in `Pipeline`, `GridSearchCV`, `cross_val_score` and with joblib; its
`check_estimator` passes with floatx 'float64' (in float32 the checks that compare results to 1e-7 see the rounding).
Three things differ from Keras 2 for that: `fit` returns the estimator (the history is `history_`), a regressor's
`score` is R^2 (it was minus the loss), and training is silent unless `verbose` is given.
"""

import inspect
import random
from contextlib import contextmanager

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from ..backend import floatx, set_seed
from ..errors import ArgumentError, nearest
from ..layers import Dense
from ..models import Model, Sequential
from ..utils import to_categorical

FOUND = ("n_features", "n_classes", "n_outputs")  # what `build_fn` may ask for, found in the data


class BaseWrapper(BaseEstimator):
    """What both estimators share.

    build_fn: a function, or an object with `__call__`, that gives a compiled model; None: the class's own
    `__call__`, if a subclass defines it, else a small network with one hidden layer. It may take `n_features`,
    `n_classes`, `n_outputs`, which are found in the data. sk_params: arguments of `build_fn`, and of `fit` and
    `predict` (epochs, batch_size, verbose, callbacks, ...); `random_state`: a seed for weights and shuffles.
    """

    def __init__(self, build_fn=None, **sk_params):
        self.build_fn = build_fn
        self._sk_params = sk_params
        self.check_params(sk_params)

    @property
    def sk_params(self):
        return self._sk_params

    # parameters ---------------------------------------------------------------------------------------------
    def check_params(self, params):
        """Raises ArgumentError for a name that neither `build_fn` nor fit, predict or evaluate takes."""
        if self.build_fn is not None and not callable(self.build_fn):
            return  # told when it is to be used: scikit-learn lets parameters be set in any order
        known = {"random_state", "build_fn", *_arguments(self._builder())}
        if any(p.kind is p.VAR_KEYWORD for p in inspect.signature(self._builder()).parameters.values()):
            return
        for method in (Sequential.fit, Sequential.predict, Sequential.predict_classes, Sequential.evaluate):
            known.update(_arguments(method))
        for name in params:
            if name not in known:
                raise ArgumentError(
                    f"{type(self).__name__}: {name!r} is no argument of build_fn, nor of fit or predict."
                    f"{nearest(name, known)}"
                )

    def get_params(self, deep=True):
        """All parameters by name."""
        return {"build_fn": self.build_fn, **self._sk_params}

    def set_params(self, **params):
        """Sets parameters by name; returns the estimator. Raises ArgumentError for names that nobody takes."""
        if not params:
            return self
        if "build_fn" in params:
            self.build_fn = params.pop("build_fn")
        self.check_params(params)
        self._sk_params = {**self._sk_params, **params}
        return self

    def filter_sk_params(self, fn, override=None):
        """Those of the parameters that `fn` takes, with `override` on top."""
        taken = _arguments(fn)
        return {k: v for k, v in {**self._sk_params, **(override or {})}.items() if k in taken}

    def _builder(self):
        if self.build_fn is not None:
            if not callable(self.build_fn):
                raise ArgumentError(f"build_fn={self.build_fn!r}: a function that gives a model is needed.")
            return self.build_fn
        return self.__call__ if callable(self) else self._default_model

    def _default_model(self, n_features, n_outputs, hidden_units=16):
        model = Sequential([Dense(hidden_units, activation="relu", input_shape=(n_features,))])
        activation, loss = self._head()
        model.add(Dense(n_outputs, activation=activation))
        model.compile("adam", loss)
        return model

    # fitting ------------------------------------------------------------------------------------------------
    def _fit(self, x, y, sample_weight, found, given):
        builder = self._builder()
        with _seeded(self._sk_params.get("random_state")):
            made = {k: v for k, v in found.items() if k in _arguments(builder)}
            self.model_ = builder(**{**made, **self.filter_sk_params(builder)})
            if not isinstance(self.model_, Model):
                raise ArgumentError(
                    f"build_fn gave a {type(self.model_).__name__}; a compiled model is needed."
                )
            arguments = {"verbose": 0, **self.filter_sk_params(Sequential.fit, given)}
            if sample_weight is not None:
                weights = np.asarray(_check_sample_weight(sample_weight, x), "float64")
                # the mean over rows becomes the weighted mean: two rows weigh as much as one of weight 2
                arguments["sample_weight"] = weights / max(float(weights.mean()), 1e-12)
            self.history_ = self.model_.fit(x, self._targets(y), **arguments).history
        return self

    @property
    def model(self):
        """The fitted model."""
        check_is_fitted(self)
        return self.model_

    @property
    def history(self):
        check_is_fitted(self)
        return self.history_

    def _outputs(self, x, given):
        check_is_fitted(self)
        x = validate_data(self, x, reset=False, accept_sparse="csr", ensure_min_features=1)
        return self.model_.predict(x, **self.filter_sk_params(Sequential.predict, given))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class KerasClassifier(ClassifierMixin, BaseWrapper):
    """A classifier. Targets are labels of any kind, or one column per class.

    A model with one output unit is fed 0 and 1; else labels are fed as numbers of classes, or as one column per
    class where the loss is categorical_crossentropy.
    """

    def _head(self):
        return (
            ("sigmoid", "binary_crossentropy")
            if self._units() == 1
            else ("softmax", "categorical_crossentropy")
        )

    def _units(self):
        return 1 if len(self.classes_) <= 2 else len(self.classes_)

    def fit(self, x, y, sample_weight=None, **kwargs):
        """Builds a model and trains it on `x` (rows, features). Further arguments: those of `Model.fit`."""
        x, y = validate_data(self, x, y, accept_sparse="csr", multi_output=True)
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] > 1:
            if type_of_target(y) != "multilabel-indicator" or (y.sum(axis=1) != 1).any():
                raise ArgumentError(
                    "KerasClassifier: targets of several columns must have a single 1 in each row."
                )
            self.classes_, numbers = np.arange(y.shape[1]), y.argmax(axis=1)
        else:
            self.classes_, numbers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        self.n_classes_ = len(self.classes_)
        found = {"n_features": x.shape[1], "n_classes": self.n_classes_, "n_outputs": self._units()}
        return self._fit(x, numbers, sample_weight, found, kwargs)

    def _targets(self, numbers):
        if self.model_.output_shape[-1] > 1 and "sparse" not in _loss_name(self.model_):
            return to_categorical(numbers, self.model_.output_shape[-1], floatx())
        return numbers.astype(floatx())

    def predict_proba(self, x, **kwargs):
        """The probability of each class: (rows, classes)."""
        found = self._outputs(x, kwargs)
        if found.shape[1] == 1:
            found = np.hstack([1 - found, found])
        return (
            found[:, : len(self.classes_)]
            if len(self.classes_) > 1
            else np.ones((len(found), 1), found.dtype)
        )

    def predict(self, x, **kwargs):
        """The label of each row."""
        numbers = self.predict_proba(x, **kwargs).argmax(axis=1)
        return self.classes_[numbers]


class KerasRegressor(RegressorMixin, BaseWrapper):
    """A regressor, of one target or of several. `score` is R^2."""

    def _head(self):
        return "linear", "mean_squared_error"

    def fit(self, x, y, sample_weight=None, **kwargs):
        """Builds a model and trains it on `x` (rows, features). Further arguments: those of `Model.fit`."""
        x, y = validate_data(self, x, y, accept_sparse="csr", multi_output=True, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        found = {"n_features": x.shape[1], "n_outputs": self.n_outputs_}
        return self._fit(x, y, sample_weight, found, kwargs)

    def _targets(self, y):
        return y.astype(floatx())

    def predict(self, x, **kwargs):
        """The value for each row: (rows,), or (rows, outputs) where there are several."""
        found = self._outputs(x, kwargs).astype("float64", copy=False)
        return found[:, 0] if self.n_outputs_ == 1 else found

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _arguments(function):
    """Names that `function` takes, or `__call__` of an object, without `self`."""
    return [
        name
        for name, p in inspect.signature(function).parameters.items()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and name not in ("self", "x", "y")
    ]


def _loss_name(model):
    loss = model.loss
    return loss if isinstance(loss, str) else getattr(loss, "__name__", None) or getattr(loss, "name", "")


@contextmanager
def _seeded(seed):
    """Within the block randomness follows from `seed` (a number, a RandomState, or None for the global generators)."""
    if seed is None:
        yield
        return
    if not isinstance(seed, (int, np.integer)):
        seed = seed.randint(2**31 - 1)
    host, python = np.random.get_state(), random.getstate()
    set_seed(int(seed))
    try:
        yield
    finally:
        np.random.set_state(host)
        random.setstate(python)
