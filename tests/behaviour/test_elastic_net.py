"""The L1 penalty: the optimum, exact zeros, and what the descent is made of."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import approx_fprime
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale
from threadpoolctl import threadpool_limits

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._descent import l1_curvature as _l1_curvature
from skl_softmax._descent.l1_curvature import FreeModel, l1_curvature_kinds
from skl_softmax._descent.l1_steps import OrthantSteps, _to_minimum, l1_descent
from skl_softmax._descent.steps import State, start
from skl_softmax._engines import rows as _rows
from skl_softmax._engines.rows import Rows
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.problem import RawProblem, StandardizedProblem
from skl_softmax._fit.task import Task
from skl_softmax._objective.l1 import L1Objective, pseudo_gradient

DATA = {
    "iris": load_iris(return_X_y=True),
    "wine": load_wine(return_X_y=True),
    "breast cancer": load_breast_cancer(return_X_y=True),
    "digits": load_digits(return_X_y=True),
}


def residuals(model, X, y, weights):
    """(n_samples, n_outputs), by the textbook's formulas and public attributes alone."""
    codes = np.searchsorted(model.classes_, y)
    if len(model.coef_) == 1:
        return (model.predict_proba(X)[:, 1:] - codes[:, np.newaxis]) * weights[:, np.newaxis]
    proba = model.predict_proba(X) - np.eye(len(model.classes_))[codes]
    return proba * weights[:, np.newaxis]


def largest_violation(model, X, y, weights=None):
    """Of the optimality conditions, for standardised features: in raw coordinates."""
    weights = np.ones(len(y)) if weights is None else weights
    weights = weights / weights.sum()
    X = X.toarray() if sparse.issparse(X) else X
    r = residuals(model, X, y, weights)
    mean = weights @ X if model.fit_intercept else np.zeros(X.shape[1])
    size = np.sqrt(weights @ (X - mean) ** 2)
    varying = size > 1e-12 * (1 + np.abs(mean))
    coef, l1 = model.coef_[:, varying], model.alpha * model.l1_ratio
    gradient = r.T @ (X - mean)[:, varying] + model.alpha * (1 - model.l1_ratio) * coef
    at_zero = np.sign(gradient) * np.maximum(np.abs(gradient) - l1, 0)
    violation = np.where(coef != 0, gradient + l1 * np.sign(coef), at_zero) / size[varying]
    of_intercept = np.abs(r.sum(axis=0)).max() if model.fit_intercept else 0.0
    return max(np.abs(violation).max(initial=0.0), of_intercept)


def loss(model, X, y, alpha, l1_ratio):
    own = model.predict_log_proba(X)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    penalty = l1_ratio * np.abs(model.coef_).sum() + (1 - l1_ratio) / 2 * (model.coef_**2).sum()
    return -own.mean() + alpha * penalty


def largest_alpha(X, y, weights=None):
    """Where all weights become zero, by hand: for l1_ratio=1."""
    weights = np.ones(len(y)) if weights is None else weights
    weights = weights / weights.sum()
    labels = (y[:, np.newaxis] == np.unique(y)).astype(float)
    return np.abs((labels - weights @ labels).T @ (weights[:, np.newaxis] * X)).max()


@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
@pytest.mark.parametrize("name", DATA)
def test_no_loss_above_that_of_saga(name, l1_ratio):
    X, y = DATA[name]
    X = scale(X)
    alpha = (0.2 if name == "digits" else 0.03) * largest_alpha(X, y) / l1_ratio
    options = {"C": 1 / (alpha * len(y)), "l1_ratio": l1_ratio, "solver": "saga"}
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        if "penalty" in LogisticRegression().get_params():  # on its way out
            options["penalty"] = "elasticnet"
        peer = LogisticRegression(tol=1e-10, max_iter=5000, **options).fit(X, y)
    model = SoftmaxGDClassifier(alpha=alpha, l1_ratio=l1_ratio, tol=1e-16).fit(X, y)
    assert model.loss_ == pytest.approx(loss(model, X, y, alpha, l1_ratio), rel=1e-12)
    excess = loss(peer, X, y, alpha, l1_ratio) - model.loss_
    assert -1e-12 < excess < 1e-6
    assert largest_violation(model, X, y) < 1.01e-8
    assert 0 < np.count_nonzero(model.coef_) < model.coef_.size


@st.composite
def problems(draw):
    """Data of many kinds, weights and a penalty."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, d = draw(st.integers(6, 80)), draw(st.integers(1, 30) | st.integers(210, 400))
    n_classes = draw(st.integers(2, 5))
    X = rng.normal(size=(n, d))
    kind = draw(st.sampled_from(["normal", "constant", "collinear", "scaled", "rare", "counts"]))
    if kind == "constant":
        X[:, rng.random(d) < 0.3] = 1.0
    elif kind == "collinear":
        X = X[:, rng.integers(0, d, d)]
    elif kind == "scaled":
        X *= 10.0 ** rng.integers(-6, 7, d)
    elif kind == "rare":
        X *= rng.random((n, d)) < 0.1
    elif kind == "counts":
        X = np.floor(2 * np.abs(X))
    y = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    weights = rng.integers(1, 4, n).astype(float) if draw(st.booleans()) else np.ones(n)
    share = 10.0 ** draw(st.floats(-4.0, 0.1))
    l1_ratio = draw(st.sampled_from([1.0, 0.9, 0.5, 0.01]))
    alpha = share * max(largest_alpha(X, y, weights), 1e-9)
    return X, y, weights, {"alpha": alpha, "l1_ratio": l1_ratio}


@given(problems(), st.booleans(), st.booleans())
def test_optimality_conditions(problem, is_sparse, fit_intercept):
    X, y, weights, penalty = problem
    given_X = sparse.csr_array(X) if is_sparse else X
    model = SoftmaxGDClassifier(**penalty, fit_intercept=fit_intercept, tol=1e-16, max_iter=5000)
    model.fit(given_X, y, weights)
    assert model.converged_
    assert np.all(np.diff(model.loss_history_) <= 0)
    assert largest_violation(model, X, y, weights) < 1e-8


@pytest.mark.parametrize("l1_ratio", [1.0, 0.25])
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
def test_all_weights_are_zero_from_the_largest_alpha_on(name, l1_ratio, layout):
    X, y = DATA[name]
    largest = largest_alpha(X - X.mean(axis=0), y) / l1_ratio

    def fit(alpha):
        model = SoftmaxGDClassifier(alpha=alpha, l1_ratio=l1_ratio, tol=1e-12)
        return model.fit(layout(X), y)

    assert not fit(largest * (1 + 1e-9)).coef_.any()
    assert fit(largest * 0.999).coef_.any()


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
def test_without_l1_every_bit_is_that_of_the_l2_fit(layout):
    X, y = DATA["wine"]
    before = SoftmaxGDClassifier(store_coef_history=True).fit(layout(X), y)
    model = SoftmaxGDClassifier(l1_ratio=0, store_coef_history=True).fit(layout(X), y)
    np.testing.assert_array_equal(model.coef_history_, before.coef_history_)
    # And the other descent ends where it does.
    nearly = SoftmaxGDClassifier(l1_ratio=1e-13, tol=1e-12).fit(layout(X), y)
    exact = SoftmaxGDClassifier(tol=1e-12).fit(layout(X), y)
    np.testing.assert_allclose(nearly.predict_proba(X), exact.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_constant_learning_rate_is_the_textbooks_proximal_gradient_descent(n_classes):
    X, y = DATA["iris"]
    X, y = X[y < n_classes], y[y < n_classes]
    rate, alpha, l1_ratio = 0.1, 0.3, 0.6
    model = SoftmaxGDClassifier(
        learning_rate=rate, alpha=alpha, l1_ratio=l1_ratio, max_iter=40, tol=0,
        store_coef_history=True,
    ).fit(X, y)  # fmt: skip
    current = SoftmaxGDClassifier(max_iter=1, tol=0).fit(X, y)
    current.coef_, current.intercept_ = np.zeros_like(model.coef_), np.zeros_like(model.intercept_)
    for t in range(41):
        np.testing.assert_allclose(model.coef_history_[t], current.coef_, atol=1e-13)
        expected = loss(current, X, y, alpha, l1_ratio)
        assert model.loss_history_[t] == pytest.approx(expected, rel=1e-13)
        r = residuals(current, X, y, np.full(len(y), 1 / len(y)))
        moved = current.coef_ - rate * (r.T @ X + alpha * (1 - l1_ratio) * current.coef_)
        shrunk = np.maximum(np.abs(moved) - rate * alpha * l1_ratio, 0.0)
        current.coef_ = np.sign(moved) * shrunk
        current.intercept_ = current.intercept_ - rate * r.sum(axis=0)
    assert (model.coef_ == 0).any()


def test_the_textbooks_loop_stops_at_tol():
    X, y = DATA["iris"]
    X = scale(X)
    penalty = {"alpha": 0.05, "l1_ratio": 1.0}
    model = SoftmaxGDClassifier(learning_rate=0.1, tol=1e-5, max_iter=20_000, **penalty).fit(X, y)
    assert (model.stop_reason_, model.converged_) == ("tol", True)
    excess = model.loss_history_ - SoftmaxGDClassifier(**penalty, tol=1e-16).fit(X, y).loss_
    assert 0 <= excess[-1] <= 1e-5 * np.log(3)
    early = np.flatnonzero(excess <= 1e-5 * np.log(3))[0]
    assert early <= model.n_iter_ < 3 * early  # a certificate comes after the fact, not long after


@pytest.fixture
def wide(rng):
    """Of 2000 features five tell something."""
    X = rng.normal(size=(80, 2000))
    return X, (X[:, :5] @ rng.normal(size=(5, 4))).argmax(axis=1)


class TestFewOfManyFeatures:
    penalty = {"alpha": 0.05, "l1_ratio": 0.9}  # noqa: RUF012

    @pytest.mark.parametrize("layout", [np.asarray, np.asfortranarray, sparse.csr_array])
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_it_is_the_optimum_of_all(self, wide, layout, dtype):
        X, y = wide
        tol, violation = (1e-10, 2e-8) if dtype == np.float64 else (1e-6, 2e-6)
        model = SoftmaxGDClassifier(tol=tol, **self.penalty).fit(layout(X.astype(dtype)), y)
        assert model.stop_reason_ == "tol"
        assert model.coef_.dtype == dtype
        assert largest_violation(model, X, y) < violation
        assert model.n_passes_ < 20 < model.n_iter_  # most steps are of some features

    def test_a_fit_that_ends_on_some_says_how_far_it_is(self, wide):
        model = SoftmaxGDClassifier(max_iter=3, verbose=2, **self.penalty)
        with pytest.warns(
            ConvergenceWarning, match=r"after max_iter=3 steps the loss may be"
        ) as seen:
            model.fit(*wide)
        told = float(str(seen[0].message).split("may be ")[1].split(" ")[0])
        excess = model.loss_ - SoftmaxGDClassifier(**self.penalty).fit(*wide).loss_
        assert excess < told * np.log(4) < 10 * excess

    def test_a_bound_as_large_as_the_loss_is_not_told(self, rng):
        X = rng.normal(size=(300, 5))
        y = (X[:, :3] + rng.gumbel(size=(300, 3))).argmax(axis=1)
        with pytest.warns(ConvergenceWarning, match="not known how far the loss is above"):
            SoftmaxGDClassifier(l1_ratio=1.0, alpha=1e-6, max_iter=2).fit(X, y)

    def test_what_is_not_known_is_not_printed(self, wide, capsys):
        SoftmaxGDClassifier(verbose=2, **self.penalty).fit(*wide)
        lines = capsys.readouterr().out.splitlines()
        assert "nan" not in "".join(lines)
        assert "gradient" in lines[0]
        assert "gradient" not in lines[1]
        assert "gradient" in lines[-1]

    def test_every_loss_is_that_of_the_weights_of_its_step(self, wide):
        X, y = wide
        model = SoftmaxGDClassifier(store_coef_history=True, **self.penalty).fit(X, y)
        for t in (1, 5, model.n_iter_):
            model.coef_, model.intercept_ = model.coef_history_[t], model.intercept_history_[t]
            assert loss(model, X, y, *self.penalty.values()) == pytest.approx(
                model.loss_history_[t], rel=1e-12
            )

    def test_no_more_memory_than_a_few_columns(self, wide):
        """The copy is of the columns in use and those that violate most, at most three times."""
        X, y = wide
        copied = []

        class Spy(L1Objective):
            def restrict(self, features):
                copied.append(np.count_nonzero(features))
                return super().restrict(features)

        with Workers() as workers:
            task = Task(X, y, np.full(80, 1 / 80), 4, 0.05, True, 0.9)
            problem = StandardizedProblem(task, workers)
            objective = Spy(problem.objective.smooth, problem.objective.l1)
            first = start(objective, np.zeros(objective.shape))
            for state in l1_descent(objective, first, l1_curvature_kinds):
                if state.iteration == 40:
                    break
        assert copied
        assert max(copied) <= 200


@pytest.mark.parametrize("noise", [0.001, 0.01, 0.1])
def test_columns_that_are_nearly_the_same(noise, rng):
    """Cut off at zero they are in each other's way: without going round corners, 3000 steps."""
    X = scale(rng.normal(size=(150, 1)) + noise * rng.normal(size=(150, 100)))
    y = (X[:, 0] + rng.normal(size=150) > 0).astype(int) + (rng.random(150) > 0.7)
    alpha = 1e-3 * largest_alpha(X, y)
    model = SoftmaxGDClassifier(alpha=alpha, l1_ratio=1.0, tol=1e-6).fit(X, y)
    assert model.stop_reason_ == "tol"
    assert model.n_iter_ < 600
    assert largest_violation(model, X, y) < 1.01e-6


def test_warm_start_from_the_optimum_takes_no_step():
    X, y = DATA["digits"]
    model = SoftmaxGDClassifier(alpha=0.01, l1_ratio=1.0, tol=1e-6, warm_start=True).fit(X, y)
    assert model.n_iter_ > 5
    assert model.fit(X, y).n_iter_ == 0


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_weights_are_repetition(l1_ratio, rng):
    X, y = DATA["iris"]
    weights = rng.integers(0, 4, len(y))
    model = SoftmaxGDClassifier(alpha=0.01, l1_ratio=l1_ratio, tol=1e-9)
    weighted = model.fit(X, y, weights).coef_
    repeated = model.fit(np.repeat(X, weights, axis=0), np.repeat(y, weights)).coef_
    np.testing.assert_allclose(repeated, weighted, atol=1e-7)


def test_order_of_classes_of_features_and_units():
    X, y = DATA["wine"]
    X = scale(X)
    params = {"alpha": 0.02, "l1_ratio": 0.8, "tol": 1e-9}
    model = SoftmaxGDClassifier(**params).fit(X, y)
    order = np.random.default_rng(0).permutation(X.shape[1])
    other = SoftmaxGDClassifier(**params).fit(X[:, order], 2 - y)
    np.testing.assert_allclose(other.coef_[::-1], model.coef_[:, order], atol=1e-7)
    # In other units of all features, weights are as much smaller, and the penalty as much larger.
    pure = {**params, "l1_ratio": 1.0}
    small = SoftmaxGDClassifier(**pure).fit(X, y)
    large = SoftmaxGDClassifier(**{**pure, "alpha": 0.02 * 1e6}).fit(X * 1e6, y)
    np.testing.assert_allclose(large.coef_ * 1e6, small.coef_, atol=1e-7)


@pytest.mark.parametrize("name", ["breast cancer", "digits"])
def test_a_sparsified_fit_works_as_before(name):
    X, y = DATA[name]
    model = SoftmaxGDClassifier(alpha=0.1, l1_ratio=1.0, warm_start=True).fit(X, y)
    coef, proba, log_proba = model.coef_, model.predict_proba(X), model.predict_log_proba(X)
    assert model.sparsify() is model
    assert sparse.issparse(model.coef_)
    assert model.coef_.nnz == np.count_nonzero(coef)
    np.testing.assert_array_equal(model.predict_proba(X), proba)
    np.testing.assert_array_equal(model.predict_log_proba(X), log_proba)
    np.testing.assert_array_equal(
        model.predict(sparse.csr_array(X)), model.classes_[proba.argmax(1)]
    )
    np.testing.assert_allclose(model.to_sklearn().predict_proba(X), proba, atol=1e-12)
    np.testing.assert_array_equal(model.sparsify().densify().coef_, coef)
    assert model.sparsify().fit(X, y).n_iter_ == 0
    np.testing.assert_array_equal(model.coef_, coef)


def test_without_a_penalty_there_is_no_certificate():
    X, y = DATA["iris"]
    unpenalised = SoftmaxGDClassifier(l1_ratio=0.5, alpha=0).fit(X[:, 1:2], y)
    with pytest.warns(UserWarning, match="With alpha=0 the gap is infinite"):
        assert unpenalised.duality_gap(X[:, 1:2], y) == np.inf


# What it is made of.


@pytest.fixture(params=[2, 3, 4])
def objective(request, rng):
    n_classes = request.param
    X = rng.normal(size=(40, 5)) * [1.0, 3.0, 0.1, 2.0, 1.0] + 1.0
    weights = rng.random(40)
    task = Task(
        X, np.arange(40) % n_classes, weights / weights.sum(), n_classes if n_classes > 2 else 1,
        0.1, True, 0.7,
    )  # fmt: skip
    with Workers() as workers:
        yield StandardizedProblem(task, workers).objective


def some_params(rng, shape):
    params = rng.normal(size=shape)
    params[:, :-1] *= rng.random((shape[0], shape[1] - 1)) < 0.6
    return params


def test_the_pseudo_gradient_is_the_steepest_slope(objective, rng):
    """Along its negative, and along no coordinate steeper: by finite differences."""
    params = some_params(rng, objective.shape)
    _, gradient = objective.value_and_gradient(params)
    found = objective.pseudo_gradient(params, gradient)
    value = objective.value_and_gradient(params)[0]
    h = 1e-6
    for index in np.ndindex(params.shape):
        slopes = []
        for sign in (1.0, -1.0):
            moved = params.copy()
            moved[index] += sign * h
            slopes.append((objective.value_and_gradient(moved)[0] - value) / h)
        up, down = slopes
        expected = up if up < 0 else -down if down < 0 else 0.0
        assert found[index] == pytest.approx(expected, abs=1e-5)
    assert objective.violation(params, gradient) == np.abs(found).max()


def test_restricted_to_some_features(objective, rng):
    features = np.array([True, False, True, True, False])
    params = some_params(rng, objective.shape)
    params[:, :-1][:, ~features] = 0.0
    dofs = np.append(features, True)
    part = objective.restrict(features)
    value, gradient = part.value_and_gradient(params[:, dofs])
    expected = objective.value_and_gradient(params)
    assert value == pytest.approx(expected[0], rel=1e-14)
    np.testing.assert_allclose(gradient, expected[1][:, dofs], atol=1e-14)


def test_the_hessian_of_free_coordinates(objective, rng):
    params = some_params(rng, objective.shape)
    free = rng.random(objective.shape) < 0.5
    found = objective.smooth.free_hessian(params, free)

    def gradient(values):
        moved = params.copy()
        moved[free] = values
        return objective.value_and_gradient(moved)[1][free]

    np.testing.assert_allclose(found, approx_fprime(params[free], gradient, 1e-7), atol=1e-6)


@given(st.integers(0, 1000), st.integers(2, 5), st.sampled_from([0.0, 1e-12, 0.3, 10.0]))
def test_balanced_params_have_the_least_penalty(seed, n_classes, l2):
    rng = np.random.default_rng(seed)
    params = np.round(rng.normal(size=(n_classes, 4)), 1) * (rng.random((n_classes, 4)) < 0.7)
    l1 = np.array([0.5, 1.0, 2.0, 0.0])
    smooth = type("Smooth", (), {})()
    smooth.shape, smooth.precision, smooth.penalty = (
        params.shape,
        1e-16,
        l2 * np.array([1, 2, 3, 0]),
    )
    smooth.coef = smooth.params = None
    found = L1Objective(smooth, l1).balanced(params)

    def penalty(shifted):
        return np.abs(shifted).sum(0) * l1 + (shifted**2).sum(0) * smooth.penalty / 2

    common = params - found
    np.testing.assert_allclose(common, common[:1] + np.zeros_like(common), atol=1e-15)
    for shift in np.concatenate([np.linspace(-3, 3, 121), rng.normal(size=50)]):
        assert np.all(penalty(found) <= penalty(params - shift) + 1e-12)
    assert found[:, -1].sum() == pytest.approx(0, abs=1e-15)  # the intercept
    if l2 == 0:  # then there is room for one zero at least
        assert np.all((found[:, :3] == 0).any(axis=0))


@pytest.mark.parametrize("n_measured", [0, 4, 7])
def test_a_free_model_solves_for_the_free_coordinates(n_measured, rng):
    half = rng.normal(size=(12, 12))
    dense = half @ half.T + np.eye(12)
    measured = np.sort(rng.choice(12, n_measured, replace=False))
    diagonal = dense.diagonal().reshape(3, 4)
    model = FreeModel(diagonal, measured, dense[np.ix_(measured, measured)])
    free = rng.random((3, 4)) < 0.7
    free[2, :] = [True, False, True, False]
    free[0, 1] = free[1, 3] = False
    free[1, 0] = free[0, 2] = False  # of no feature all classes: nothing is common
    damping = 0.25 * rng.random((3, 4))
    expected = np.diag((diagonal + damping).ravel())
    expected[np.ix_(measured, measured)] = dense[np.ix_(measured, measured)]
    expected[measured, measured] += damping.ravel()[measured]
    gradient = np.where(free, rng.normal(size=(3, 4)), 0.0)
    step = model.on(free, damping)(gradient)
    index = np.flatnonzero(free)
    solved = np.linalg.solve(expected[np.ix_(index, index)], gradient.ravel()[index])
    np.testing.assert_allclose(step.ravel()[index], solved, rtol=1e-9)
    assert not step[~free].any()
    both = model.on(free, damping)(np.array([gradient, 2 * gradient]))
    np.testing.assert_allclose(both, [step, 2 * step], rtol=1e-12)


def test_to_the_minimum_of_the_model_in_an_orthant(rng):
    """With all in it free, the conditions of a minimum with bounds hold where it ends."""
    half = rng.normal(size=(12, 12))
    hessian = half @ half.T + 0.1 * np.eye(12)
    model = FreeModel(hessian.diagonal().reshape(1, 12), np.arange(12), hessian)
    params = np.abs(rng.normal(size=(1, 12)))
    slopes, orthant = 3 * rng.normal(size=(1, 12)), np.ones((1, 12))
    damping = np.zeros((1, 12))
    step = _to_minimum(model, params, slopes, orthant, orthant > 0, damping)
    end, slopes_there = params + step, slopes + step @ hessian
    assert np.all(end >= 0)
    assert 0 < np.count_nonzero(end) < 12
    np.testing.assert_allclose(slopes_there[end > 0], 0.0, atol=1e-9)
    np.testing.assert_allclose(
        model.times(step, damping + 0.5), step @ hessian + 0.5 * step, atol=1e-12
    )


def test_what_is_common_to_all_classes_is_held(objective):
    """It has no curvature, which would make for endless steps: but for that no step has any."""
    if objective.shape[0] == 1:
        return
    params = np.zeros(objective.shape)
    free = np.ones(objective.shape, dtype=bool)
    hessian = objective.smooth.free_hessian(params, free)
    diagonal = objective.smooth.hessian_diagonal(params)
    solve = FreeModel(diagonal, np.arange(free.size), hessian).on(free, np.zeros(free.shape))
    gradient = np.ones(objective.shape)
    gradient[0] += 1e-3
    assert np.abs(solve(gradient)).max() < 100
    centred = gradient - gradient.mean(axis=0)
    np.testing.assert_allclose(hessian @ solve(centred).ravel(), centred.ravel(), atol=1e-10)


def test_a_step_stays_in_its_orthant(objective, rng):
    params = objective.balanced(some_params(rng, objective.shape))
    state = start(objective, params)
    kind = l1_curvature_kinds(objective)[-1]
    state = State(0, params, state.loss, state.gradient, 1, model=kind.measure(params))
    steps, state_there = OrthantSteps(), state
    direction, _ = steps.direction(objective, state_there, [])
    after = steps.search(objective, state_there, direction)
    assert after.loss < state.loss
    assert after.iteration == 1
    slope = pseudo_gradient(params, state.gradient, objective.l1)
    orthant = np.where(params != 0, np.sign(params), -np.sign(slope))[:, :-1]
    if objective.shape[0] == 1:  # else it is balanced anew
        assert np.all(after.params[:, :-1] * orthant >= 0)


def test_the_intercept_may_change_its_sign(objective):
    """It is not penalised, so zero is no place to stop at."""
    params = np.zeros(objective.shape)
    _, gradient = objective.value_and_gradient(params)
    params[:, -1] = 1e-3 * np.sign(gradient[:, -1])
    state = start(objective, params)
    (kind,) = l1_curvature_kinds(objective)[-1:]
    steps, state_there = OrthantSteps(), state._replace(model=kind.measure(params))
    direction, _ = steps.direction(objective, state_there, [])
    after = steps.search(objective, state_there, direction)
    if objective.shape[0] == 1:
        np.testing.assert_array_equal(np.sign(after.params[:, -1]), -np.sign(state.gradient[:, -1]))
    else:
        assert after.params[:, -1].sum() == pytest.approx(0, abs=1e-15)


def test_models_worth_having(rng, monkeypatch):
    """All coordinates of a tiny problem; else those in use, if not many; of CSR the diagonal."""
    n_measured = {}
    for name, X in {
        "tiny": rng.normal(size=(40, 4)),
        "larger": rng.normal(size=(40, 30)),
        "sparse": sparse.csr_array(rng.normal(size=(40, 4))),
    }.items():
        with Workers() as workers:
            task = Task(X, np.arange(40) % 3, np.full(40, 1 / 40), 3, 0.1, True, 0.5)
            objective = StandardizedProblem(task, workers).objective
            params = np.zeros(objective.shape)
            params[1, :2] = 1.0
            kinds = l1_curvature_kinds(objective)
            n_measured[name] = [len(kind.measure(params).measured) for kind in kinds]
            if name == "larger":
                assert 1.0 < kinds[1].cost(params) < kinds[1].cost(np.ones_like(params)) < np.inf
                monkeypatch.setattr(_l1_curvature, "LARGEST", 10)
                assert kinds[1].cost(params) == np.inf
                monkeypatch.undo()
    assert n_measured == {"tiny": [15], "larger": [0, 5], "sparse": [0]}


@pytest.mark.parametrize(("n_columns", "is_sparse"), [(2, False), (60, True)])
def test_few_columns_of_sparse_data_become_dense(n_columns, is_sparse, rng, monkeypatch):
    monkeypatch.setattr(_rows, "FEW_BYTES", 8 * 50 * 2)
    X = sparse.csr_array(rng.normal(size=(50, 80)) * (rng.random((50, 80)) < 0.1))
    with Workers() as workers:
        rows = Rows(X, 3, workers)
        chosen = np.arange(80) < n_columns
        part = rows.columns(chosen)
    assert part.is_sparse == is_sparse
    dense = part.X.toarray() if is_sparse else part.X
    np.testing.assert_array_equal(dense, X.toarray()[:, chosen])


def test_no_step_where_none_is_left(objective):
    first = start(objective, np.zeros(objective.shape))
    *_, last = l1_descent(objective, first, l1_curvature_kinds)
    assert objective.violation(last.params, last.gradient) < 1e-10


def test_raw_and_standardised_problems_measure_alike(rng):
    X, y = rng.normal(size=(30, 4)) * [1, 10, 0.1, 1] + 3, np.arange(30) % 3
    X[:, 3] = 2.0  # a constant
    task = Task(X, y, np.full(30, 1 / 30), 3, 0.1, True, 0.5)
    with Workers() as workers:
        raw, standardized = (
            RawProblem(task, workers, measure_scale=True),
            StandardizedProblem(task, workers),
        )
        coef, intercept = some_params(rng, (3, 4)), rng.normal(size=3)
        coef[:, 3] = 0.0
        sizes = []
        for problem in (raw, standardized):
            params = problem.objective.params(coef, intercept)
            value, gradient = problem.objective.value_and_gradient(params)
            sizes.append((value, problem.gradient_size(params, gradient)))
    np.testing.assert_allclose(sizes[0], sizes[1], rtol=1e-12)
