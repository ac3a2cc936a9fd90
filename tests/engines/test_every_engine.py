"""Wherever samples are, a fit of them gives what the fit of NumPy's arrays gives.

The reference is the fit of arrays in C order by NumPy's kernels; `engine` is in `conftest`.
"""

import pickle

import numpy as np
import pytest
from engines import draw_problem

from skl_softmax import SeparationWarning, SoftmaxGDClassifier, coefficient_table
from skl_softmax._engines import kernels as _kernels

N, D = 1203, 5
PREDICTIONS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


@pytest.fixture(params=[2, 4])
def problem(request, rng):
    return draw_problem(rng, N, n_classes=request.param)


def fit_both(engine, X, y, weights=None, **params):
    """The reference, and the engine's fit."""
    params = engine.exactly | params
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_kernels, "WORTH_COMPILING", np.inf)
        expected = SoftmaxGDClassifier(**params).fit(X, y, weights)
    weights = None if weights is None else engine.put(weights)
    return expected, engine.classifier(**params).fit(engine.put(X), engine.put_labels(y), weights)


def assert_equal_fits(engine, found, expected):
    """All attributes of a fit are equal: but for rounding, if they are floats."""
    for name, value in vars(expected).items():
        if engine.has_same_steps or name in ("coef_", "intercept_", "classes_", "loss_"):
            mine = getattr(found, name)
            if name in ("loss_", "gap_"):
                assert mine == pytest.approx(value, rel=1e-4, abs=1e-12), name
            elif not isinstance(value, np.ndarray):
                assert mine == value, name
            elif value.dtype.kind != "f":
                np.testing.assert_array_equal(engine.fetch(mine), value, err_msg=name)
            else:
                is_loss = "loss" in name
                tolerance = engine.loss_tolerance if is_loss else engine.tolerance
                np.testing.assert_allclose(engine.fetch(mine), value, **tolerance, err_msg=name)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"learning_rate": 1e-6, "max_iter": 5, "tol": 0, "store_coef_history": True},
        {"learning_rate": 1e-6, "max_iter": 3},
        {"learning_rate": 1e-6, "tol": 0.9},
        {"alpha": 0.01, "l1_ratio": 0.7, "tol": 1e-8},
        {"class_weight": "balanced", "fit_intercept": False},
        {"class_weight": {1: 3.0}},
        {"gap_tol": 1e-6},
        {"alpha": 0.0},
        {"alpha": "1/n_samples", "class_weight": {1: 3.0}},
        {"penalty_factor": [0.0, 1.0, 3.0, 0.5, 0.0]},
        {"penalty_factor": [0.0, 1.0, 3.0, 0.5, 2.0], "alpha": 0.01, "l1_ratio": 0.7, "tol": 1e-8},
    ],
    ids=lambda params: ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in params.items()
    ),
)
def test_fits(params, engine, problem, rng):
    X, y = problem
    weights = 7.0 * rng.random(N)
    expected, found = fit_both(engine, X, y, weights, **params)
    assert_equal_fits(engine, found, expected)
    for method in PREDICTIONS:
        there, here = (
            engine.fetch(getattr(found, method)(engine.put(X))),
            getattr(expected, method)(X),
        )
        assert there.dtype == here.dtype
        np.testing.assert_allclose(there, here, **engine.prediction_tolerance, err_msg=method)
    A, b = engine.put(X), engine.put_labels(y)
    assert found.score(A, b) == pytest.approx(expected.score(X, y))
    assert found.score(A, b, engine.put_labels(weights)) == pytest.approx(
        expected.score(X, y, weights)
    )
    if "alpha" not in params:
        gap = expected.duality_gap(X, y, weights)
        assert found.duality_gap(A, b, engine.put(weights)) == pytest.approx(
            gap, **engine.gap_tolerance
        )
    if "store_coef_history" in params and (reason := engine.refuses.get("stages")):
        with pytest.raises(TypeError, match=reason):
            next(found.staged_predict_proba(A))
    elif "store_coef_history" in params:
        stages = [engine.fetch(stage) for stage in found.staged_predict_proba(A)]
        np.testing.assert_allclose(stages, list(expected.staged_predict_proba(X)), atol=1e-9)


def test_other_shares_of_the_classes(engine, problem, rng):
    X, y = problem
    expected, found = fit_both(engine, X, y, rng.random(N))
    prior = rng.dirichlet(np.ones(len(expected.classes_)))
    moved = found.with_class_prior(prior)
    assert type(moved) is engine.classifier
    assert type(moved.intercept_) is type(found.intercept_)
    there = engine.fetch(moved.predict_proba(engine.put(X)))
    here = expected.with_class_prior(prior).predict_proba(X)
    np.testing.assert_allclose(there, here, **engine.prediction_tolerance)


@pytest.mark.parametrize("covariance", ["model", "robust", "cluster"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids="fit_intercept={}".format)
def test_coefficient_tables(covariance, fit_intercept, engine, problem, rng, monkeypatch):
    """Also where sums over groups take more than one pass."""
    monkeypatch.setattr("skl_softmax._fit.inference.FEW_BYTES", 8 * 18 * 50)
    X, y = problem
    X = X / np.logspace(-3, 3, D)
    weights = rng.integers(0, 4, N).astype(float)
    groups = rng.permutation(N) // 9 if covariance == "cluster" else None
    params = {"alpha": 0, "fit_intercept": fit_intercept}
    expected, found = fit_both(engine, X, y, weights, **params)
    here = coefficient_table(expected, X, y, weights, covariance=covariance, groups=groups)
    there = coefficient_table(
        found,
        engine.put(X),
        engine.put_labels(y),
        engine.put(weights),
        covariance=covariance,
        groups=None if groups is None else engine.put_labels(groups),
    )
    assert there.n_samples == here.n_samples == weights.sum()
    for name in ("estimate", "std_error", "log_likelihood", "null_log_likelihood", "class_weights"):
        np.testing.assert_allclose(getattr(there, name), getattr(here, name), rtol=1e-9)
    size = np.sqrt(np.outer(here.covariance.diagonal(), here.covariance.diagonal()))
    np.testing.assert_allclose(there.covariance / size, here.covariance / size, atol=1e-9)


def test_labels_by_name(engine, problem):
    X, y = problem
    names = np.array(["ash", "birch", "cedar", "fir"])[y]
    expected, found = fit_both(engine, X, names, np.arange(float(N)))
    assert found.classes_.tolist() == expected.classes_.tolist()
    np.testing.assert_allclose(engine.fetch(found.coef_), expected.coef_, **engine.tolerance)
    predicted = found.predict(engine.put(X))
    predicted = predicted if isinstance(predicted, np.ndarray) else engine.fetch(predicted)
    assert predicted.tolist() == expected.predict(X).tolist()


SLOWLY = {"learning_rate": 1e-6, "max_iter": 20}  # the same steps, whatever models there are


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_early_stopping(engine, problem):
    """On samples held out of those of the fit."""
    params = {"early_stopping": True, "random_state": 0}
    if reason := engine.refuses.get("hold out"):
        with pytest.raises(ValueError, match=reason):
            engine.classifier(**params).fit(engine.put(problem[0]), engine.put_labels(problem[1]))
        return
    expected, found = fit_both(
        engine, *problem, **params if engine.has_same_steps else params | SLOWLY
    )
    assert_equal_fits(engine, found, expected)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_validation_set(engine, problem):
    """With labels and weights that are where X is."""
    data = *problem, np.arange(1.0, N + 1)
    params = {"early_stopping": True, "n_iter_no_change": 3, "tol": 1e-16}
    params = params if engine.has_same_steps else params | SLOWLY
    fits = []
    for classifier, put in ((SoftmaxGDClassifier, np.asarray), (engine.classifier, engine.put)):
        X, y, weights = ([put(array[:800]), put(array[800:])] for array in data)
        validation = {"X_val": X[1], "y_val": y[1], "sample_weight_val": weights[1]}
        fits.append(classifier(**params).fit(X[0], y[0], **validation))
    assert_equal_fits(engine, fits[1], fits[0])
    y_val = engine.put(np.where(problem[1][800:] == 1, 9, problem[1][800:]))
    with pytest.raises(ValueError, match=r"has labels \[9\] that were not fitted"):
        engine.classifier().fit(X[0], y[0], X_val=X[1], y_val=y_val)


@pytest.mark.parametrize(("value", "message"), [(1e200, "too large"), (np.nan, "NaN")])
def test_bad_validation_set(value, message, engine, problem):
    X, y = problem
    A, b = engine.put(X.copy()), engine.put_labels(y)
    X[1000, 1] = value
    with pytest.raises(ValueError, match=f"X_val cannot be used: .*{message}"):
        engine.classifier().fit(A, b, X_val=engine.put(X), y_val=b)


def test_probabilities_as_targets(engine, problem, rng):
    X, y = problem
    P = rng.dirichlet(np.ones(y.max() + 1), N)
    A, Q = engine.put(X), engine.put_labels(P)
    if reason := engine.refuses.get("probabilities"):
        with pytest.raises(TypeError, match=reason):
            engine.classifier().fit_proba(A, Q)
        return
    expected = SoftmaxGDClassifier(**engine.exactly)
    expected.fit_proba(X, P, X_val=X[:50], P_val=P[:50])
    found = engine.classifier(**engine.exactly)
    found.fit_proba(A, Q, X_val=engine.put(X[:50]), P_val=engine.put_labels(P[:50]))
    assert_equal_fits(engine, found, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_what_is_not_float64(dtype, engine, problem):
    X, y = problem
    X = np.round(X * 100).clip(-30000, 30000).astype(dtype)
    expected, found = fit_both(engine, X, y)
    proba = engine.fetch(found.predict_proba(engine.put(X)))
    coef = engine.fetch(found.coef_)
    assert coef.dtype == proba.dtype == (np.float32 if dtype is np.float32 else np.float64)
    rtol = 1e-3 if dtype is np.float32 else engine.tolerance["rtol"]
    np.testing.assert_allclose(coef, expected.coef_, rtol=rtol)
    assert found.loss_ == pytest.approx(expected.loss_, rel=1e-5)


def test_a_certificate_in_float32(engine, problem):
    """It is computed in float64."""
    A, b = engine.put(problem[0].astype(np.float32)), engine.put_labels(problem[1])
    assert 0.0 < engine.classifier(tol=1e-12).fit(A, b).duality_gap(A, b) < 3e-9


@pytest.mark.parametrize("params", [{}, {"fit_intercept": False}], ids=str)
def test_wide_data(params, engine, rng):
    X, y = rng.normal(size=(60, 300)) + 3.0, rng.integers(0, 3, 60)
    X[:, 7] = 0.1  # a constant
    weights = rng.random(60) * (np.arange(60) > 5)
    if not engine.has_row_space:
        expected, found = fit_both(engine, X, y, weights, **params, tol=1e-12)
        np.testing.assert_allclose(found.loss_, expected.loss_, rtol=1e-6)
        return
    expected, found = fit_both(engine, X, y, weights, **params, warm_start=True)
    np.testing.assert_allclose(engine.fetch(found.coef_), expected.coef_, rtol=1e-7, atol=1e-9)
    assert found.n_iter_ == expected.n_iter_
    b, w = engine.put_labels(y), engine.put(weights)
    assert found.fit(engine.put(X), b, w).n_iter_ == 0
    with pytest.raises(ValueError, match="Input X contains NaN"):
        found.fit(engine.put(np.where(X > 5.0, np.nan, X)), b)


def test_a_warm_start(engine, problem):
    X, y = problem
    A, b = engine.put(X), engine.put_labels(y)
    model = engine.classifier(warm_start=True, tol=1e-12).fit(A, b)
    assert model.fit(A, b).n_iter_ == 0


def test_weights_that_cannot_be_summed(engine, problem):
    weights = np.where(np.arange(N) < N // 2, 1e308, 5e307)
    expected, found = fit_both(engine, *problem, weights)
    np.testing.assert_allclose(engine.fetch(found.coef_), expected.coef_, **engine.tolerance)


@pytest.mark.parametrize("factor", [2.0**-1000, 2.0**1000])
def test_the_unit_of_weights_does_not_matter(factor, engine, problem, rng):
    """Not a bit of the result: a power of two changes no digit."""
    weights = 0.1 + rng.random(N)
    expected, found = (
        engine.classifier().fit(engine.put(problem[0]), engine.put_labels(problem[1]), w)
        for w in (engine.put(weights), engine.put(factor * weights))
    )
    np.testing.assert_array_equal(engine.fetch(found.coef_), engine.fetch(expected.coef_))


@pytest.mark.parametrize("alpha", [0.0], ids="alpha={:g}".format)
def test_collinear_columns(alpha, engine, problem):
    X, y = problem
    X = X / np.logspace(-1, 1, D)
    X = np.column_stack([X, X[:, 0] + X[:, 1]])
    expected, found = fit_both(engine, X, y, alpha=alpha, tol=1e-12)
    np.testing.assert_allclose(engine.fetch(found.coef_), expected.coef_, rtol=1e-4, atol=1e-6)
    assert found.n_iter_ == expected.n_iter_ or not engine.has_same_steps


@pytest.mark.parametrize("n_classes", [2, 3])
def test_separable_classes_are_seen(n_classes, engine):
    X = np.array([[0.0], [1.0], [2.0], [5.0], [6.0], [7.0]])
    X = np.repeat(X, 5, axis=0)
    y = np.minimum(np.repeat([0, 1, 2], 10), n_classes - 1)
    with pytest.warns(SeparationWarning):
        engine.classifier(alpha=0).fit(engine.put(X), engine.put_labels(y))


@pytest.mark.parametrize(
    ("few", "n_classes", "params"),
    [(2**14, 2, {}), (1000, 5, {}), (1000, 5, {"l1_ratio": 0.5})],
    ids=str,
)
def test_near_separation(few, n_classes, params, engine, rng, monkeypatch):
    """Where rows are left out of models: the same ones wherever data are, however they are cut."""
    monkeypatch.setattr("skl_softmax._engines.negligible_rows.FEW_SAMPLES", few)
    monkeypatch.setattr("skl_softmax._engines.rows.BLOCK_ROWS", (700, 700))
    X = rng.normal(size=(4000, 6))
    logits = 30.0 * X @ rng.normal(size=(6, n_classes))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    if engine.has_same_steps:
        expected, found = fit_both(engine, X, y, alpha=1e-7, **params)
        assert_equal_fits(engine, found, expected)
    else:
        expected, found = fit_both(engine, X, y, alpha=1e-7, tol=1e-8, **params)
        assert found.loss_ == pytest.approx(expected.loss_, rel=1e-6)


def test_a_head_start(engine, rng, monkeypatch):
    monkeypatch.setattr("skl_softmax._descent.head_start.WORTHWHILE", 0)
    X = rng.normal(size=(12_000, 3))
    y = (X[:, 0] + rng.logistic(size=len(X)) > 0.0).astype(int)
    expected, found = fit_both(engine, X, y)
    assert expected.loss_history_[1] < expected.loss_ + 0.01
    if not engine.has_head_start:
        assert found.loss_ == pytest.approx(expected.loss_, abs=1e-4)
        return
    np.testing.assert_allclose(
        engine.fetch(found.loss_history_), expected.loss_history_, rtol=1e-12
    )
    np.testing.assert_array_equal(engine.fetch(found.passes_history_), expected.passes_history_)


def test_a_model_of_a_sample(engine, problem, monkeypatch):
    """Of the same rows, with weights that sum to one again."""
    monkeypatch.setattr("skl_softmax._descent.curvature.FIRST_SAMPLE", 3)
    expected, found = fit_both(engine, *problem, tol=1e-16)
    if not engine.has_same_steps:
        assert found.loss_ == pytest.approx(expected.loss_, rel=1e-12)
        return
    np.testing.assert_allclose(
        engine.fetch(found.loss_history_), expected.loss_history_, rtol=1e-10
    )


@pytest.mark.parametrize("problem", [2], indirect=True)
@pytest.mark.parametrize("params", [{}, {"learning_rate": 1e-6, "tol": 0}], ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(params, value, engine, problem):
    X, y = problem
    model = engine.classifier().fit(engine.put(X), engine.put_labels(y)).set_params(**params)
    before = model.coef_
    X[N - 50, 3] = value
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        model.fit(engine.put(X), engine.put_labels(y))
    assert model.coef_ is before  # an earlier fit stays intact
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        engine.fetch(model.predict(engine.put(X)))


BAD_INPUT = {
    "lengths": ({"y": lambda y: y[1:]}, "inconsistent numbers of samples"),
    "one class": ({"y": np.zeros_like}, "at least two classes"),
    "continuous labels": ({"y": lambda y: y + 0.5}, "Unknown label type: continuous"),
    "complex": ({"X": lambda X: X.astype(complex)}, "Complex data not supported"),
    "no samples": (dict.fromkeys("Xy", lambda array: array[:0]), r"Found array with 0 sample\(s\)"),
    "weights' length": ({"w": lambda w: w[1:]}, r"sample_weight must be .* got 1202 for"),
    "a weight below zero": ({"w": lambda w: w - 1e-3}, r"sample_weight must be .* got -"),
    "no weight": ({"w": np.zeros_like}, "All weights are zero"),
}


@pytest.mark.parametrize("problem", [4], indirect=True)
@pytest.mark.parametrize("what", BAD_INPUT)
def test_bad_input(what, engine, problem, rng):
    changes, message = BAD_INPUT[what]
    given = dict(zip("Xyw", (*problem, rng.random(N)), strict=True))
    given |= {name: change(given[name]) for name, change in changes.items()}
    X, y = engine.put(given["X"]), engine.put_labels(given["y"])
    weights = engine.put(given["w"]) if "w" in changes else None
    with pytest.raises(ValueError, match=engine.messages.get(what, message)):
        engine.classifier().fit(X, y, weights)


def test_inputs_stay_as_they_are_and_models_travel(engine, problem):
    """Data may be read-only; a model that is pickled predicts the same bits."""
    X, y = problem
    for array in problem:
        array.flags.writeable = False
    A, b, before = engine.put(X), engine.put_labels(y), X.copy()
    model = engine.classifier().fit(A, b)
    np.testing.assert_array_equal(X, before)
    again = pickle.loads(pickle.dumps(model))
    expected, found = (engine.fetch(each.predict_proba(A)) for each in (model, again))
    np.testing.assert_array_equal(found, expected)
    narrow = engine.put(X[:, :4].copy())
    with pytest.raises(ValueError, match=r"has 4 features, but .* is expecting 5"):
        model.predict(narrow)
