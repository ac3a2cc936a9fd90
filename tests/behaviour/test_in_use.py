"""In the places where a classifier is used."""

import io
import pickle
import re
import tomllib
from pathlib import Path

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

from skl_softmax import SoftmaxGDClassifier, SoftmaxGDClassifierCV
from skl_softmax._objective.smooth import SoftmaxObjective

pl = pytest.importorskip("polars", reason="polars has no wheel for free-threaded Python")
ROOT = Path(__file__).parents[2]


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
        "l1_ratio": 0.0,
        "fit_intercept": False,
        "max_iter": 7,
        "tol": 0.0,
        "gap_tol": 100.0,
        "class_weight": "balanced",
        "early_stopping": True,
        "n_iter_no_change": 3,
        "penalty_factor": None,
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
        lambda X: pd.DataFrame(X.astype(int)).astype("Int16"),
        lambda X: pd.DataFrame(X, dtype=object),
        lambda X: pd.DataFrame(X).astype(pd.SparseDtype(float, 0.0)),
        lambda X: pl.DataFrame(X, schema=list("abcd")),
        lambda X: pl.DataFrame(X.astype(int), schema=list("abcd")),
        np.asfortranarray,
    ],
)
def test_inputs_that_mean_the_same(iris, convert):
    X, y = np.rint(iris[0]), iris[1]
    expected = SoftmaxGDClassifier(tol=1e-18).fit(X, y)
    for labels in (y, list(y), pd.Series(y, index=np.arange(150) + 7), pl.Series(y)):
        model = SoftmaxGDClassifier(tol=1e-18).fit(convert(X), labels, pd.Series(np.ones(150)))
        np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-6)
        np.testing.assert_array_equal(model.predict(convert(X)), expected.predict(X))


@pytest.mark.parametrize(
    "convert",
    [
        list,
        lambda names: np.array(names, dtype=object),
        lambda names: np.array(names, dtype=np.dtypes.StringDType()),
        pd.Series,
        lambda names: pd.Series(names, dtype="string"),
        lambda names: pd.Series(names, dtype="category"),
        pl.Series,
        lambda names: pl.Series(names, dtype=pl.Categorical),
    ],
)
def test_labels_that_mean_the_same(iris, convert):
    X, y = iris
    names = ["setosa", "versicolor", "virginica"]
    labels = [names[k] for k in y]
    model = SoftmaxGDClassifier().fit(X, convert(labels), X_val=X[::9], y_val=convert(labels[::9]))
    assert model.classes_.tolist() == names
    assert model.predict(X).tolist() == [
        names[k] for k in SoftmaxGDClassifier().fit(X, y).predict(X)
    ]


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "boolean", "int64"])
def test_nullable_labels_keep_their_type(iris, dtype):
    X, y = iris
    labels = pd.Series(y % 2 if dtype == "boolean" else y).astype(dtype)
    model = SoftmaxGDClassifier().fit(X, labels)
    kind = {"boolean": "b", "UInt8": "u"}.get(dtype, "i")
    assert model.classes_.dtype.kind == model.predict(X).dtype.kind == kind
    if dtype == "Int64":
        large = labels + 2**60
        np.testing.assert_array_equal(
            SoftmaxGDClassifier().fit(X, large).classes_, 2**60 + np.arange(3)
        )


@pytest.mark.parametrize(
    "labels",
    [
        pd.Series([0, 1, None] * 50, dtype="Int64"),
        pd.Series(pd.to_datetime(["2020", "2021", None] * 50, utc=True)),
        pd.Series(["a", "b", None] * 50, dtype="string"),
        pd.Series(["a", "b", None] * 50, dtype=object),
        pd.Series([0.0, 1.0, np.nan] * 50),
        np.array(["a", "b", np.nan] * 50, dtype=np.dtypes.StringDType(na_object=np.nan)),
    ],
)
def test_missing_labels(iris, labels):
    with pytest.raises(ValueError, match="Input y contains NaN"):
        SoftmaxGDClassifier().fit(iris[0], labels)


def test_names_of_a_polars_frame(iris):
    names = ["a", "b", "c", "d"]
    X = pl.DataFrame(iris[0], schema=names)
    model = SoftmaxGDClassifier().fit(X, iris[1])
    assert model.feature_names_in_.tolist() == names
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X.rename({"a": "z"}))


HOT, TIME, TEXT = (
    "Encode categories .*OneHotEncoder",
    "Turn times into numbers",
    "pandas.to_numeric",
)
DAYS = pd.date_range("2020-01-01", periods=150)


@pytest.mark.parametrize(
    ("column", "dtype", "remedy"),
    [
        (pd.Categorical(["red", "blue"] * 75), "category", f"^{HOT}"),
        (pd.Categorical([1, 2] * 75), "category", f"^{HOT}"),
        (pd.Series(["red", "blue"] * 75, dtype="string"), "string", f"^{HOT}"),
        (pd.Series(["red", "12"] * 75, dtype=object), "object", f"^{HOT}"),
        (pd.Series(["1.5", "-2e3", None] * 50, dtype="string"), "string", f"{TEXT}.*{HOT}"),
        (pd.Series(["01067", "80331"] * 75, dtype=object), "object", f"{TEXT}.*{HOT}"),
        (pd.Categorical(["1", "2"] * 75), "category", f"{TEXT}.*{HOT}"),
        (DAYS, "datetime64", f"^{TIME}[^O]*$"),
        (DAYS.tz_localize("UTC"), "datetime64", f"^{TIME}[^O]*$"),
        (DAYS - DAYS[0], "timedelta64", f"^{TIME}[^O]*$"),
        (DAYS.to_period("D"), "period", f"^{TIME}[^O]*$"),
        (pd.Series([*DAYS], dtype=object), "object", f"^{TIME}[^O]*$"),
        (pd.Series([*DAYS.date], dtype=object), "object", f"^{TIME}[^O]*$"),
        (pl.Series(["red", "blue"] * 75), "String", f"^{HOT}"),
        (pl.Series(["1", "2", None] * 50), "String", f"{TEXT}.*{HOT}"),
        (pl.Series(["red", "blue"] * 75, dtype=pl.Categorical), "Categorical", f"^{HOT}"),
        (pl.Series(["red", "blue"] * 75, dtype=pl.Enum(["red", "blue"])), "Enum", f"^{HOT}"),
        (pl.Series(DAYS), "Datetime", f"^{TIME}[^O]*$"),
        (pl.Series([*DAYS.date]), "Date", f"^{TIME}[^O]*$"),
    ],
)
def test_columns_that_are_not_numbers_are_named(iris, column, dtype, remedy):
    if isinstance(column, pl.Series):
        X = pl.DataFrame(iris[0], schema=list("abcd"))
        bad = X.with_columns(column.alias("other"))
    else:
        X = pd.DataFrame(iris[0], columns=list("abcd"))
        bad = X.assign(other=column)
    message = rf"has columns that are not numbers: 'other' \({dtype}.*?\)\. "
    model = SoftmaxGDClassifier()
    for name, use in (
        ("X", lambda: model.fit(bad, iris[1])),
        ("X_val", lambda: model.fit(X, iris[1], X_val=bad, y_val=iris[1])),
        ("X", lambda: model.fit(X, iris[1]).predict(bad)),
    ):
        with pytest.raises(ValueError, match=f"Input {name} {message}") as caught:
            use()
        said = re.split(message, str(caught.value))[1]
        assert re.search(remedy, said), said


def test_columns_of_several_kinds(iris):
    X = pd.DataFrame(iris[0], columns=list("abcd"))
    X = X.assign(day=DAYS, town=["Ulm", "Bonn"] * 75, size=["1", "2"] * 75)
    with pytest.raises(ValueError, match=f"'day' .*'town' .*'size' .*{TIME}.*{TEXT}.*{HOT}"):
        SoftmaxGDClassifier().fit(X, iris[1])


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint16, np.float16])
def test_numbers_of_other_types(iris, dtype):
    X = (iris[0] > iris[0].mean(axis=0)) * 3
    model = SoftmaxGDClassifier().fit(X.astype(dtype), iris[1])
    expected = SoftmaxGDClassifier().fit(X.astype(dtype).astype(float), iris[1])
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    assert model.coef_.dtype == np.float64


@pytest.mark.parametrize("learning_rate", ["auto", 0.01])
def test_ctrl_c_leaves_what_was_reached(iris, learning_rate, monkeypatch):
    params = {"learning_rate": learning_rate, "store_coef_history": True}
    model = SoftmaxGDClassifier(**params)
    evaluate = SoftmaxObjective.value_and_gradient
    calls = []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return evaluate(*arguments)

    monkeypatch.setattr(SoftmaxObjective, "value_and_gradient", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*iris)
    assert (model.stop_reason_, model.converged_) == ("interrupted", False)
    assert len(model.loss_history_) == len(model.coef_history_) == model.n_iter_ + 1
    expected = SoftmaxGDClassifier(**params, max_iter=model.n_iter_, tol=0).fit(*iris)
    np.testing.assert_array_equal(model.predict_proba(iris[0]), expected.predict_proba(iris[0]))
    fitted = model.coef_
    calls[:] = [1, 1, 1]
    with pytest.raises(KeyboardInterrupt):  # before there is anything new
        model.fit(*iris)
    assert model.coef_ is fitted


@pytest.mark.filterwarnings("ignore:The best score is at an end")
@pytest.mark.parametrize("method", ["fit", "fit_proba"])
@pytest.mark.parametrize("model", [SoftmaxGDClassifier(), SoftmaxGDClassifierCV(alphas=2, cv=2)])
def test_a_fit_changes_the_estimator_at_once(iris, model, method, monkeypatch):
    """Another thread predicts meanwhile, and stores the estimator: with the earlier fit."""
    X, y = iris
    if method == "fit_proba" and isinstance(model, SoftmaxGDClassifierCV):
        pytest.skip("a search has no fit_proba")
    model = clone(model).fit(pd.DataFrame(X, columns=list("abcd")), np.array(["u", "v", "w"])[y])
    before = {**vars(model)}
    evaluate, seen = SoftmaxObjective.value_and_gradient, []

    def watched(*arguments):
        seen.append(all(vars(model)[name] is value for name, value in before.items()))
        assert pickle.loads(pickle.dumps(model)).predict(X[:1]) == ["u"]
        return evaluate(*arguments)

    monkeypatch.setattr(SoftmaxObjective, "value_and_gradient", watched)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        getattr(model, method)(X[:100, :2], y[:100] if method == "fit" else np.eye(2)[y[:100]])
    assert len(seen) > 3
    assert all(seen)
    assert model.classes_.tolist() == [0, 1]
    assert model.coef_.shape == (1, 2)
    assert not hasattr(model, "feature_names_in_")


def test_the_page_that_scikit_learn_links_to():
    """The one place in pyproject says where the site is; its reference has a page of that name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    url = SoftmaxGDClassifier()._get_doc_link()
    page = "en/stable/generated/skl_softmax.SoftmaxGDClassifier.html"
    assert url == f"{project['urls']['Documentation']}/{page}"
    assert url in SoftmaxGDClassifier()._repr_html_()
