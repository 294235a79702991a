"""Estimators by scikit-learn's own rules, and in its tools."""

import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import kcore
from kcore import backend as K
from kcore.errors import ArgumentError
from kcore.layers import Dense
from kcore.models import Sequential
from kcore.wrappers.scikit_learn import KerasClassifier, KerasRegressor

X, LABELS = make_classification(90, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
NAMES = np.array(["red", "green", "blue"])[LABELS]
XR, YR = make_regression(60, 4, noise=0.1, random_state=0)
YR = YR / YR.std()


@pytest.fixture
def double():
    before = K.floatx()
    K.set_floatx("float64")
    yield
    K.set_floatx(before)


def build(n_features, n_outputs, hidden=8, loss="categorical_crossentropy"):
    model = Sequential([Dense(hidden, activation="tanh", input_shape=(n_features,))])
    model.add(Dense(n_outputs, activation="softmax"))
    model.compile(kcore.optimizers.Adam(0.03), loss)
    return model


def build_regressor(n_features, n_outputs, rate=0.05):
    model = Sequential([Dense(n_outputs, input_shape=(n_features,))])
    model.compile(kcore.optimizers.Adam(rate), "mse")
    return model


def classifier(**arguments):
    return KerasClassifier(build, **{"epochs": 30, "random_state": 0, **arguments})


# estimators know nothing of engines: on those of plug-ins, one kind is enough
CHECKED = [KerasClassifier, KerasRegressor] if K.backend() == "numpy" else [KerasRegressor]


# eager: compiling some sixty small models costs more than running them
@pytest.mark.parametrize("kind", CHECKED)
@pytest.mark.filterwarnings("ignore")  # the checks provoke warnings; what they must be is asserted within
def test_passes_scikit_learns_own_checks(kind, double):
    def model(n_features, n_outputs):
        head, loss = (
            ("sigmoid", "binary_crossentropy") if n_outputs == 1 else ("softmax", "categorical_crossentropy")
        )
        if kind is KerasRegressor:
            head, loss = None, "mse"
        made = Sequential(
            [Dense(10, activation="relu", input_shape=(n_features,)), Dense(n_outputs, activation=head)]
        )
        made.compile(kcore.optimizers.Adam(0.03), loss, run_eagerly=True)
        return made

    globals()["checked_model"] = model  # pickled by name
    model.__qualname__ = model.__name__ = "checked_model"
    results = check_estimator(
        kind(checked_model, epochs=60, batch_size=1000, random_state=0),  # noqa: F821
        on_fail=None,
        on_skip=None,
    )
    failed = {r["check_name"]: repr(r["exception"]) for r in results if r["status"] == "failed"}
    assert not failed and len(results) > 50


def test_classifier():
    made = classifier().fit(X, NAMES)
    assert made.score(X, NAMES) > 0.7
    assert set(made.predict(X)) <= set(NAMES) and list(made.classes_) == ["blue", "green", "red"]
    np.testing.assert_allclose(made.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    assert len(made.history_["loss"]) == 30
    sparse = classifier(loss="sparse_categorical_crossentropy").fit(X, NAMES)
    np.testing.assert_allclose(sparse.predict_proba(X), made.predict_proba(X), rtol=1e-3, atol=1e-5)
    columns = classifier().fit(X, np.eye(3)[LABELS].astype(int))
    assert list(columns.classes_) == [0, 1, 2] and (columns.predict(X) == LABELS).mean() > 0.7


def test_regressor():
    made = KerasRegressor(build_regressor, epochs=80, random_state=0).fit(XR, YR)
    assert made.predict(XR).shape == (60,) and made.score(XR, YR) > 0.95
    two = KerasRegressor(build_regressor, epochs=2).fit(XR, np.stack([YR, -YR], 1))
    assert two.predict(XR).shape == (60, 2)


def test_default_network_and_sparse_rows():
    rows = scipy.sparse.csr_matrix(np.where(np.abs(X) < 0.3, 0, X))
    made = KerasClassifier(epochs=40, random_state=0, hidden_units=12, batch_size=10).fit(rows, LABELS)
    assert made.score(rows, LABELS) > 0.6 and made.model_.layers[0].units == 12


def test_repeats_with_a_random_state():
    np.random.seed(8)
    before = np.random.get_state()[1].copy()
    first, second = classifier(epochs=2).fit(X, NAMES), classifier(epochs=2).fit(X, NAMES)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_weights_of_rows():
    doubled = np.concatenate([X[:30], X[:10]]), np.concatenate([LABELS[:30], LABELS[:10]])
    weights = np.where(np.arange(30) < 10, 2.0, 1.0)
    arguments = {"epochs": 5, "batch_size": 100}
    one = classifier(**arguments).fit(X[:30], LABELS[:30], sample_weight=weights)
    two = classifier(**arguments).fit(*doubled)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), rtol=1e-3, atol=1e-5)


def test_tools():
    search = GridSearchCV(classifier(), {"epochs": [1, 30], "hidden": [8]}, cv=2, n_jobs=1).fit(X, NAMES)
    assert search.best_params_ == {"epochs": 30, "hidden": 8}
    with joblib.parallel_backend("threading", n_jobs=2):
        again = GridSearchCV(classifier(random_state=None), {"epochs": [1, 30]}, cv=2).fit(X, NAMES)
    assert again.best_params_ == {"epochs": 30}
    line = make_pipeline(StandardScaler(), classifier())
    assert cross_val_score(line, X, NAMES, cv=2).mean() > 0.5


def test_pickles_and_clones():
    made = classifier(epochs=2).fit(X, NAMES)
    again = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(again.predict_proba(X), made.predict_proba(X))
    bare = clone(made)
    assert not hasattr(bare, "model_") and bare.get_params() == made.get_params()


def test_parameters():
    made = classifier().set_params(hidden=4, epochs=1)
    assert made.get_params()["hidden"] == 4 and made.filter_sk_params(build) == {"hidden": 4}
    assert made.fit(X, NAMES, epochs=2).history_["loss"].__len__() == 2
    with pytest.raises(ArgumentError, match="'hiden' is no argument of build_fn.*Did you mean 'hidden'"):
        classifier(hiden=3)
    with pytest.raises(ArgumentError, match="a compiled model is needed"):
        KerasClassifier(lambda: 3).fit(X, NAMES)

    class Own(KerasRegressor):
        def __call__(self, rate=0.1):
            return build_regressor(4, 1, rate)

    assert Own(rate=0.01, epochs=1).fit(XR, YR).predict(XR).shape == (60,)
