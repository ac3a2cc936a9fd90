"""Bad input: the error's type, what its message names, and an earlier fit left as it was."""

import re

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from skl_softmax import SoftmaxGDClassifier

X, y = load_iris(return_X_y=True)
ONES = np.ones(len(y))


def changed(array, index, value):
    array = np.array(array, dtype=float)
    array[index] = value
    return array


BAD_PARAMETERS = [
    ("learning_rate", 0, ValueError, "'auto' or a finite number > 0"),
    ("learning_rate", -0.5, ValueError, "'auto' or a finite number > 0"),
    ("learning_rate", np.nan, ValueError, "'auto' or a finite number > 0"),
    ("learning_rate", np.inf, ValueError, "'auto' or a finite number > 0"),
    ("learning_rate", "fast", ValueError, "'auto' or a finite number > 0"),
    ("learning_rate", None, TypeError, "'auto' or a finite number > 0"),
    ("learning_rate", True, TypeError, "'auto' or a finite number > 0"),
    ("learning_rate", 0.1j, TypeError, "'auto' or a finite number > 0"),
    ("alpha", -1e-9, ValueError, "a finite number >= 0"),
    ("alpha", np.nan, ValueError, "a finite number >= 0"),
    ("alpha", np.inf, ValueError, "a finite number >= 0"),
    ("alpha", 10**400, ValueError, "a finite number >= 0"),
    ("alpha", "auto", TypeError, "a finite number >= 0"),
    ("alpha", None, TypeError, "a finite number >= 0"),
    ("tol", -1e-9, ValueError, "a finite number >= 0"),
    ("tol", np.nan, ValueError, "a finite number >= 0"),
    ("tol", None, TypeError, "a finite number >= 0"),
    ("max_iter", 0, ValueError, "an integer >= 1"),
    ("max_iter", -3, ValueError, "an integer >= 1"),
    ("max_iter", 10.0, TypeError, "an integer >= 1"),
    ("max_iter", None, TypeError, "an integer >= 1"),
    ("max_iter", True, TypeError, "an integer >= 1"),
    ("gap_tol", 0, ValueError, "None or a finite number > 0"),
    ("gap_tol", -1e-3, ValueError, "None or a finite number > 0"),
    ("gap_tol", np.nan, ValueError, "None or a finite number > 0"),
    ("gap_tol", "small", TypeError, "None or a finite number > 0"),
    ("n_iter_no_change", 0, ValueError, "an integer >= 1"),
    ("n_iter_no_change", 2.0, TypeError, "an integer >= 1"),
    ("n_iter_no_change", None, TypeError, "an integer >= 1"),
    ("validation_fraction", 0.0, ValueError, "a number between 0 and 1"),
    ("validation_fraction", 1.0, ValueError, "a number between 0 and 1"),
    ("validation_fraction", np.nan, ValueError, "a number between 0 and 1"),
    ("validation_fraction", None, TypeError, "a number between 0 and 1"),
    ("early_stopping", "auto", TypeError, "True or False"),
    ("early_stopping", 1, TypeError, "True or False"),
    ("random_state", "x", ValueError, "None, an integer >= 0 or a numpy.random.RandomState"),
    ("random_state", 0.5, ValueError, "None, an integer >= 0 or a numpy.random.RandomState"),
    ("verbose", -1, ValueError, "an integer >= 0"),
    ("verbose", 0.5, TypeError, "an integer >= 0"),
    ("fit_intercept", 1, TypeError, "True or False"),
    ("fit_intercept", "no", TypeError, "True or False"),
    ("warm_start", None, TypeError, "True or False"),
    ("store_coef_history", "yes", TypeError, "True or False"),
    ("class_weight", "even", ValueError, "None, 'balanced' or a dict"),
    ("class_weight", [1, 2, 3], TypeError, "None, 'balanced' or a dict"),
    (
        "class_weight",
        {0: 1, "setosa": 2},
        ValueError,
        "['setosa'] that are not in y: it has [0, 1, 2]",
    ),
    ("class_weight", {1: -1}, ValueError, "class_weight[1] must be a finite number >= 0, got -1"),
    ("class_weight", {1: np.nan}, ValueError, "class_weight[1] must be a finite number >= 0"),
    ("class_weight", {1: "2"}, TypeError, "class_weight[1] must be a finite number >= 0, got '2'"),
    ("class_weight", {0: 0, 1: 0, 2: 0}, ValueError, "weights are zero"),
]

BAD_INPUTS = [
    ((changed(X, (3, 2), np.nan), y), "Input X contains NaN"),
    ((changed(X, (3, 2), np.inf), y), "Input X contains infinity"),
    ((sparse.csr_array(changed(X, (3, 2), np.nan)), y), "Input X contains NaN"),
    ((changed(X, (3, 2), np.nan), y, changed(ONES, 3, 0.0)), "Input X contains NaN"),
    ((changed(X, (3, 2), np.nan), y, changed(0 * ONES, slice(50, 150, 7), 1.0)), "X contains NaN"),
    ((changed(np.tile(X, 200), (3, 2), np.inf), y), "Input X contains infinity"),  # wide
    (  # in a block of rows that all have no weight
        (
            changed(np.repeat(X, 300, axis=0), (-1, 2), np.nan),
            np.repeat(y, 300),
            np.repeat(y < 2, 300),
        ),
        "Input X contains NaN",
    ),
    ((X[:, 0], y), "Expected 2D array, got 1D array"),
    ((X[:0], y[:0]), "0 sample(s)"),
    ((X[:, :0], y), "0 feature(s)"),
    ((X.astype(str) + "cm", y), "could not convert string to float"),
    ((X + 1j, y), "Complex data not supported"),
    ((X, y[:-1]), "inconsistent numbers of samples: [150, 149]"),
    ((X, changed(y, 0, np.nan)), "Input y contains NaN"),
    ((X, X[:, 0] + 0.123), "Unknown label type: continuous"),
    ((X, np.column_stack([y, y])), "y should be a 1d array"),
    ((X, None), "requires y to be passed, but the target y is None"),
    ((X, np.zeros(150, dtype=int)), "at least two classes, got one class: [0]"),
    ((X * [1, 1, 1e160, 1], y), "too large to be squared, in column 2: up to about 1e150"),
    ((X, ["a"] * 150), "at least two classes, got one class: ['a']"),
    ((X, y, ONES[:-1]), "one for each sample, got 149 for X with 150 samples"),
    ((X, y, ONES[:, np.newaxis] * [1, 1]), "sample_weight must be a number or a 1D array"),
    ((X, y, changed(ONES, 5, np.nan)), "sample_weight must be a number or a 1D array of finite"),
    ((X, y, changed(ONES, 5, np.inf)), "numbers >= 0, one for each sample, got inf"),
    ((X, y, changed(ONES, 5, -0.5)), "numbers >= 0, one for each sample, got -0.5"),
    ((X, y, 0 * ONES), "weights are zero"),
    ((X, y, ["heavy"] * 150), "one for each sample: could not convert string to float: 'heavy'"),
    ((changed(X, (3, 2), 1e200), y), "too large to be squared, in column 2: up to about 1e150"),
    ((sparse.csr_array(changed(X, (3, 2), 1e200)), y), "too large to be squared, in column 2"),
]


@pytest.fixture(params=["unfitted", "fitted"])
def model(request):
    model = SoftmaxGDClassifier()
    return model.fit(X, y) if request.param == "fitted" else model


def assert_refused(model, arguments, error, message):
    """Fit raises, and every attribute stays the same object."""
    before = dict(vars(model))
    with pytest.raises(error, match=re.escape(message)):
        model.fit(*arguments)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD_PARAMETERS)
def test_parameters(model, name, value, error, message):
    model.set_params(**{name: value})
    assert_refused(model, (X, y), error, message)
    if isinstance(value, float | str | complex) or value is None:
        with pytest.raises(error, match=f"{name} .*got {re.escape(repr(value))}"):
            model.fit(X, y)


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUTS)
def test_inputs(model, arguments, message):
    assert_refused(model, arguments, ValueError, message)


def test_labels_that_cannot_be_sorted(model):
    labels = np.array([0, "one", 2], dtype=object)[y]
    assert_refused(model, (X, labels), TypeError, "y must hold labels that can be sorted")


def test_an_error_in_the_middle_of_a_fit_leaves_the_earlier_one(monkeypatch):
    model = SoftmaxGDClassifier().fit(X, y)

    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr("skl_softmax._objective.SoftmaxObjective.value_and_gradient", fail)
    assert_refused(model, (X[:, :2], y + 5), MemoryError, "no room")


@pytest.mark.parametrize(
    "method",
    [
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "staged_predict",
        "staged_predict_proba",
        "staged_decision_function",
    ],
)
class TestPrediction:
    def test_unfitted(self, method):
        with pytest.raises(NotFittedError):
            getattr(SoftmaxGDClassifier(), method)(X)

    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            (X[:, :3], "X has 3 features, but SoftmaxGDClassifier is expecting 4 features"),
            (changed(X, (0, 0), np.nan), "Input X contains NaN"),
            (X[0], "Expected 2D array, got 1D array"),
        ],
    )
    def test_inputs(self, method, bad, message):
        model = SoftmaxGDClassifier(store_coef_history=True).fit(X, y)
        with pytest.raises(ValueError, match=re.escape(message)):
            getattr(model, method)(bad)

    def test_feature_names(self, method):
        frame = load_iris(as_frame=True).data
        model = SoftmaxGDClassifier(store_coef_history=True).fit(frame, y)
        with pytest.raises(ValueError, match="feature names should match"):
            getattr(model, method)(frame.rename(columns={frame.columns[0]: "other"}))


@pytest.mark.parametrize(
    "method", ["staged_predict", "staged_predict_proba", "staged_decision_function"]
)
def test_stages_without_a_history(method):
    with pytest.raises(AttributeError, match=f"{method} needs .*store_coef_history=True"):
        getattr(SoftmaxGDClassifier().fit(X, y), method)(X)
