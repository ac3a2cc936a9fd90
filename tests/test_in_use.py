"""In the places where a classifier is used."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skl_softmax import SoftmaxGDClassifier


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def frame():
    """Numbers and a category, as a table."""
    frame = load_iris(as_frame=True).frame
    frame["garden"] = pd.Categorical(np.array(["north", "south"])[np.arange(150) % 2])
    return frame.drop(columns="target"), load_iris().target_names[frame["target"]]


def test_pipeline_with_a_scaler(iris):
    X, y = iris
    scaled = make_pipeline(StandardScaler(), SoftmaxGDClassifier(alpha=0.1)).fit(X, y)
    expected = SoftmaxGDClassifier(alpha=0.1).fit(StandardScaler().fit_transform(X), y)
    np.testing.assert_array_equal(scaled[-1].coef_, expected.coef_)
    assert scaled.score(X, y) > 0.9


@pytest.mark.parametrize("sparse_output", [True, False])
def test_column_transformer_on_a_data_frame(frame, sparse_output):
    X, y = frame
    numbers = list(X.columns[:4])
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), numbers),
            ("garden", OneHotEncoder(sparse_output=sparse_output), ["garden"]),
        ],
        sparse_threshold=1.0,
    )
    model = make_pipeline(columns, SoftmaxGDClassifier()).fit(X, y)
    assert model.score(X, y) > 0.95
    assert set(model.predict(X)) == {"setosa", "versicolor", "virginica"}


def test_feature_names(frame):
    X, y = frame[0].drop(columns="garden"), frame[1]
    model = SoftmaxGDClassifier().fit(X, y)
    np.testing.assert_array_equal(model.feature_names_in_, X.columns)
    plain = SoftmaxGDClassifier().fit(X.to_numpy(), y)
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    assert not hasattr(plain, "feature_names_in_")


def test_cross_val_predict(iris):
    proba = cross_val_predict(SoftmaxGDClassifier(alpha=1e-2), *iris, method="predict_proba")
    assert proba.shape == (150, 3)
    assert log_loss(iris[1], proba) < 0.2


def test_cross_validate_hands_back_histories(iris):
    result = cross_validate(SoftmaxGDClassifier(), *iris, return_estimator=True)
    assert all(np.all(np.diff(model.loss_history_) <= 0) for model in result["estimator"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_grid_search_in_two_processes(iris):
    grid = {"learning_rate": ["auto", 0.1, 0.5], "alpha": [1e-3, 1e-1]}
    search = GridSearchCV(
        SoftmaxGDClassifier(max_iter=50),
        grid,
        n_jobs=2,
        scoring="neg_log_loss",
        error_score="raise",
    ).fit(*iris)
    alone = GridSearchCV(SoftmaxGDClassifier(max_iter=50), grid, scoring="neg_log_loss").fit(*iris)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
    assert search.best_params_["learning_rate"] == "auto"


def test_calibration(iris):
    X, y = iris
    model = CalibratedClassifierCV(SoftmaxGDClassifier(alpha=1.0)).fit(X, y)
    assert log_loss(y, model.predict_proba(X)) < log_loss(
        y, SoftmaxGDClassifier(alpha=1.0).fit(X, y).predict_proba(X)
    )


def test_clone_copies_parameters_and_no_fit(iris):
    params = {
        "learning_rate": 0.1,
        "alpha": 0.2,
        "fit_intercept": False,
        "max_iter": 7,
        "tol": 0.0,
        "class_weight": "balanced",
        "early_stopping": True,
        "n_iter_no_change": 3,
        "validation_fraction": 0.25,
        "random_state": 5,
        "warm_start": True,
        "store_coef_history": True,
        "verbose": 0,
    }
    model = SoftmaxGDClassifier(**params).fit(*iris)
    copy = clone(model)
    assert copy.get_params() == params == model.get_params()
    assert not hasattr(copy, "coef_")


@pytest.mark.parametrize("dump", ["pickle", "joblib"])
def test_saved_and_loaded(iris, dump):
    X, y = iris
    model = SoftmaxGDClassifier(store_coef_history=True).fit(X, y)
    if dump == "pickle":
        copy = pickle.loads(pickle.dumps(model))
    else:
        file = io.BytesIO()
        joblib.dump(model, file)
        file.seek(0)
        copy = joblib.load(file)
    assert vars(copy).keys() == vars(model).keys()
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(copy.coef_history_, model.coef_history_)


@pytest.mark.parametrize(
    "convert",
    [
        np.ndarray.tolist,
        pd.DataFrame,
        lambda X: pd.DataFrame(X).convert_dtypes(),
        np.asfortranarray,
    ],
)
def test_inputs_that_mean_the_same(iris, convert):
    X, y = np.rint(iris[0]), iris[1]
    expected = SoftmaxGDClassifier().fit(X, y)
    for labels in (y, list(y), pd.Series(y, index=np.arange(150) + 7)):
        model = SoftmaxGDClassifier().fit(convert(X), labels, pd.Series(np.ones(150)))
        np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-9)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint16, np.float16])
def test_numbers_of_other_types(iris, dtype):
    X = (iris[0] > iris[0].mean(axis=0)) * 3
    model = SoftmaxGDClassifier().fit(X.astype(dtype), iris[1])
    expected = SoftmaxGDClassifier().fit(X.astype(dtype).astype(float), iris[1])
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    assert model.coef_.dtype == np.float64
