"""The strength of the penalty, where it depends on the samples or on the feature."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_softmax import (
    SeparationWarning,
    SoftmaxGDClassifier,
    SoftmaxGDClassifierCV,
    softmax_path,
)
from skl_softmax._descent.auto import auto_descent
from skl_softmax._descent.head_start import head_start
from skl_softmax._descent.steps import start
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.problem import StandardizedProblem
from skl_softmax._fit.task import Task

PER_SAMPLE = "1/n_samples"
EXACT = {"tol": 1e-17}


@pytest.fixture(params=[2, 3])
def problem(request, rng):
    """Four columns of different scales, and labels that they only half explain."""
    Z = rng.normal(size=(120, 4))
    logits = Z @ rng.normal(size=(4, request.param))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return Z * [0.1, 1.0, 3.0, 10.0] + [0.0, 5.0, -1.0, 20.0], y


@pytest.mark.parametrize("class_weight", [None, "balanced", "5, 2, 1"])
@pytest.mark.parametrize("layout", [np.asfortranarray, sparse.csr_array])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_one_over_n_is_the_default_of_logistic_regression(
    problem, class_weight, layout, is_weighted, rng
):
    X, y = problem
    weights = rng.uniform(0.2, 3.0, len(y)) if is_weighted else None
    if class_weight == "5, 2, 1":
        class_weight = {0: 5.0, 1: 2.0} if y.max() == 1 else {0: 5.0, 1: 2.0, 2: 1.0}
    elif class_weight and is_weighted:  # older versions of the peer do not count the weights
        counts = np.bincount(y, weights)
        class_weight = dict(enumerate(counts.sum() / counts / len(counts)))
    options = {"class_weight": class_weight, "max_iter": 10_000}
    peer = LogisticRegression(tol=1e-12, solver="newton-cholesky", **options).fit(X, y, weights)
    model = SoftmaxGDClassifier(alpha=PER_SAMPLE, **EXACT, **options).fit(layout(X), y, weights)
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-6, atol=1e-7)


def test_one_over_n_counts_a_weight_as_repetitions(problem, rng):
    X, y = problem
    times = rng.integers(0, 4, len(y))
    fits = [
        SoftmaxGDClassifier(alpha=PER_SAMPLE, **EXACT).fit(X, y, times),
        SoftmaxGDClassifier(alpha=PER_SAMPLE, **EXACT).fit(
            np.repeat(X, times, axis=0), np.repeat(y, times)
        ),
        SoftmaxGDClassifier(alpha=1 / times.sum(), **EXACT).fit(X, y, times),
        SoftmaxGDClassifier(alpha=PER_SAMPLE, **EXACT).fit_proba(X, np.eye(y.max() + 1)[y], times),
        SoftmaxGDClassifier(alpha=PER_SAMPLE, **EXACT).fit(X, y, np.float32(times)),
    ]
    for fit in fits[1:]:
        np.testing.assert_allclose(fit.coef_, fits[0].coef_, rtol=1e-6, atol=1e-8)
    assert fits[0].duality_gap(X, y, times) < 1e-10
    assert fits[0].duality_gap(X, y, times / times.sum()) > 1e-3  # of an alpha of one


def test_one_over_n_counts_what_is_fitted(problem):
    X, y = problem
    model = SoftmaxGDClassifier(
        alpha=PER_SAMPLE, early_stopping=True, n_iter_no_change=100, random_state=0, **EXACT
    )
    held_out = clone(model).set_params(alpha=1 / 108, validation_fraction=0.1).fit(X, y)
    np.testing.assert_array_equal(model.fit(X, y).coef_, held_out.coef_)
    model = SoftmaxGDClassifier(alpha=PER_SAMPLE, **EXACT)
    model.fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    expected = SoftmaxGDClassifier(alpha=1 / 80, **EXACT).fit(X[:80], y[:80])
    np.testing.assert_array_equal(model.coef_, expected.coef_)


def test_one_over_n_in_a_search_is_of_each_fold(problem):
    X, y = problem
    folds = KFold(5, shuffle=True, random_state=0)
    search = GridSearchCV(
        SoftmaxGDClassifier(**EXACT),
        {"alpha": [PER_SAMPLE, 1 / 96]},
        cv=folds,
        scoring="neg_log_loss",
    ).fit(X, y)
    each = [search.cv_results_[f"split{fold}_test_score"] for fold in range(5)]
    np.testing.assert_array_equal(*np.transpose(each))


def test_one_over_n_is_no_number_of_a_path(problem):
    X, y = problem
    for alphas in (PER_SAMPLE, [PER_SAMPLE, 0.1]):
        with pytest.raises(ValueError, match="alphas must be None or a sequence of finite numbers"):
            softmax_path(X, y, alphas=alphas)
        with pytest.raises(ValueError, match=r"alphas must be .* a sequence of finite numbers"):
            SoftmaxGDClassifierCV(alphas=alphas).fit(X, y)


@pytest.mark.parametrize("size", [1e308, 1e-320])
def test_one_over_n_needs_weights_that_can_be_added(problem, size):
    X, y = problem
    with pytest.raises(ValueError, match="one over the total weight of the samples"):
        SoftmaxGDClassifier(alpha=PER_SAMPLE).fit(X, y, np.full(len(y), size))


def test_other_words_are_refused(problem):
    with pytest.raises(TypeError, match="alpha must be a finite number >= 0 or '1/n_samples'"):
        SoftmaxGDClassifier(alpha="1/n").fit(*problem)


def objective_at(coef, intercept, X, P, shares, penalties):
    """F and its gradients, from the definition; `penalties` are L1 and L2 of each feature."""
    l1, l2 = penalties
    logits = X @ coef.T + intercept
    if len(coef) == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    proba = softmax(logits, axis=1)
    residuals = (shares[:, np.newaxis] * (proba - P))[:, -len(coef) :]
    loss = -shares @ (P * np.log(proba)).sum(axis=1)
    value = loss + (l1 * np.abs(coef)).sum() + 0.5 * (l2 * coef**2).sum()
    return value, residuals.T @ X + l2 * coef, residuals.sum(axis=0)


def violation(model, X, P, weights, factor):
    """How far a fit is from the conditions of a minimum, in units of standardised features."""
    alpha, ratio, shares = model.alpha, model.l1_ratio, weights / weights.sum()
    penalties = l1, l2 = alpha * ratio * factor, alpha * (1 - ratio) * factor
    coef, intercept = model.coef_, model.intercept_
    center = shares @ X if model.fit_intercept else np.zeros(X.shape[1])
    _, slopes, of_intercept = objective_at(coef, intercept, X, P, shares, penalties)
    slopes = slopes - np.outer(of_intercept * model.fit_intercept, center)
    slopes = np.where(coef != 0, slopes + l1 * np.sign(coef), np.maximum(np.abs(slopes) - l1, 0.0))
    spread = np.sqrt(shares @ (X - center) ** 2)
    varies = spread > 1e-9 * np.abs(center)
    units = np.sqrt(spread**2 + l2)[varies]
    largest = np.abs(slopes[:, varies] / units).max(initial=0.0)
    return max(largest, np.abs(of_intercept).max() if model.fit_intercept else 0.0)


def draw(seed, n_samples=None, n_features=None):
    """X of any scales, soft or hard targets, weights, and factors, with and without zeros."""
    rng = np.random.default_rng(seed)
    n, d, K = (
        n_samples or rng.integers(80, 300),
        n_features or rng.integers(2, 9),
        rng.integers(2, 5),
    )
    Z = rng.normal(size=(n, d))
    Z[:, 1] += Z[:, 0]
    if rng.random() < 0.2:
        Z[:, -1] = 0.0
    logits = Z @ rng.normal(size=(d, K)) / d**0.5
    y = (logits + rng.gumbel(size=(n, K))).argmax(axis=1)
    y[:K] = np.arange(K)
    P = np.eye(K)[y] * 0.8 + 0.2 / K if rng.random() < 0.3 else np.eye(K)[y]
    weights = rng.uniform(0.1, 1.0, n) * (rng.random(n) < 0.9)
    weights[:K] = 1.0
    factor = 10.0 ** rng.uniform(-2, 2, d) * (rng.random(d) < rng.choice([0.6, 1.0]))
    factor[0] += factor.sum() == 0.0
    return Z * 10.0 ** rng.uniform(-3, 3, d) + rng.choice([0.0, 2.0], d), P, weights, factor


@pytest.mark.parametrize("seed", range(40))
def test_the_conditions_of_a_minimum_hold(seed):
    """Whatever the scales, the layout, the targets and the penalty."""
    X, P, weights, factor = draw(seed)
    rng = np.random.default_rng(seed)
    layout = [np.ascontiguousarray, np.asfortranarray, sparse.csr_array][seed % 3]
    model = SoftmaxGDClassifier(
        alpha=10.0 ** rng.uniform(-4, -1),
        l1_ratio=[0.0, 0.0, 0.5, 1.0][seed % 4],
        penalty_factor=factor,
        fit_intercept=seed % 5 > 0,
        tol=1e-12,
    )
    model.fit_proba(layout(X), P, weights)
    assert model.converged_
    assert violation(model, X, P, weights, factor) < 3e-6
    if P.max() == 1.0:
        again = clone(model).fit(layout(X), P.argmax(axis=1), weights)
        np.testing.assert_array_equal(again.coef_, model.coef_)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_the_certificate_knows_the_factors(seed, l1_ratio):
    """No weights have a loss that is lower by more than the gap, and the gap is not far above."""
    X, P, weights, factor = draw(seed)
    params = {"alpha": 0.01, "l1_ratio": l1_ratio, "penalty_factor": factor}
    best = SoftmaxGDClassifier(**params, tol=1e-13).fit_proba(X, P, weights)
    rough = SoftmaxGDClassifier(**params, tol=0, max_iter=2).fit_proba(X, P, weights)
    excess = rough.loss_ - best.loss_
    gap = rough.duality_gap(X, P, weights)
    assert excess <= gap <= 2.01 * excess + 1e-9
    assert best.duality_gap(X, P, weights) < 1e-8
    certified = SoftmaxGDClassifier(**params, gap_tol=1e-5).fit_proba(X, P, weights)
    assert certified.converged_
    assert certified.loss_ - best.loss_ <= certified.gap_ + 1e-12 <= 1.1e-5


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_no_weights_are_certified_to_be_nearer_than_they_are(seed, l1_ratio, rng):
    """On the way to the minimum, and where only weights without a penalty are off."""
    X, P, weights, factor = draw(seed)
    factor[0] = 0.0
    factor[1] += factor.sum() == 0.0
    n_outputs = 1 if P.shape[1] == 2 else P.shape[1]
    task = Task(X, P, weights / weights.sum(), n_outputs, 0.01, True, l1_ratio, factor=factor)
    with Workers() as workers, np.errstate(all="ignore"):
        ours = StandardizedProblem(task, workers)
        zeros = np.zeros(ours.objective.shape)
        states = list(auto_descent(ours.objective, start(ours.objective, zeros)))
        least = states[-1]
        for size in (1e-6, 1e-3, 0.1):
            off = size * rng.normal(size=zeros.shape) * ours.smooth.dof_of(factor == 0.0)
            states.append(start(ours.objective, least.params + off))
        for state in states:
            assert ours.gap(state) >= state.loss - least.loss - 1e-13


@pytest.mark.parametrize("learning_rate", ["auto", 0.5])
@pytest.mark.parametrize("is_wide", [False, True])
def test_a_factor_is_a_scale_of_the_column(learning_rate, is_wide, rng):
    """Under L2 the square root of it, under L1 the factor itself."""
    n, d = (60, 400) if is_wide else (150, 6)
    X, P, weights = rng.normal(size=(n, d)), rng.dirichlet(np.ones(3), n), rng.random(n)
    factor = 10.0 ** rng.uniform(-0.5, 0.5, d)
    for l1_ratio, scale in ((0.0, np.sqrt(factor)), (1.0, factor)):
        params = {"alpha": 0.05, "l1_ratio": l1_ratio, "tol": 1e-14}
        expected = SoftmaxGDClassifier(**params).fit_proba(X / scale, P, weights)
        params |= {"learning_rate": learning_rate, "tol": 1e-9, "max_iter": 20_000}
        if learning_rate == 0.5 and is_wide:
            params["learning_rate"] = 0.2
        model = SoftmaxGDClassifier(**params, penalty_factor=factor).fit_proba(X, P, weights)
        assert model.converged_
        assert model.loss_ - expected.loss_ < 1e-8
        np.testing.assert_allclose(model.coef_, expected.coef_ / scale, atol=2e-3)


def test_equal_factors_are_a_factor_of_alpha(problem):
    X, y = problem
    model = SoftmaxGDClassifier(alpha=0.02, penalty_factor=np.full(4, 5.0), **EXACT).fit(X, y)
    expected = SoftmaxGDClassifier(alpha=0.1, **EXACT).fit(X, y)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-9)
    wide = np.random.default_rng(0).normal(size=(30, 300))
    model = SoftmaxGDClassifier(alpha=0.02, penalty_factor=np.full(300, 5.0), **EXACT)
    expected = SoftmaxGDClassifier(alpha=0.1, **EXACT).fit(wide, y[:30])
    np.testing.assert_allclose(model.fit(wide, y[:30]).coef_, expected.coef_, rtol=1e-6, atol=1e-9)
    assert model.n_iter_ == expected.n_iter_  # in the row space


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_zeros_are_no_penalty(problem, l1_ratio):
    X, y = problem
    params = {"l1_ratio": l1_ratio, **EXACT}
    model = SoftmaxGDClassifier(alpha=0.5, penalty_factor=np.zeros(4), **params).fit(X, y)
    expected = SoftmaxGDClassifier(alpha=0.0, **EXACT).fit(X, y)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-6)
    # A feature with a giant penalty is as good as left out.
    model = SoftmaxGDClassifier(alpha=0.5, penalty_factor=[0, 1e12, 0, 0], **params).fit(X, y)
    expected = SoftmaxGDClassifier(alpha=0.0, **EXACT).fit(X[:, [0, 2, 3]], y)
    np.testing.assert_allclose(model.coef_[:, [0, 2, 3]], expected.coef_, rtol=1e-6)
    assert np.abs(model.coef_[:, 1]).max() < 1e-10


def test_columns_without_a_penalty_may_be_collinear_or_constant(problem):
    X, y = problem
    twice = np.column_stack([X, X[:, 0] + X[:, 2], np.full(len(y), 3.0)])
    for l1_ratio in (0.0, 1.0):
        params = {"alpha": 0.01, "l1_ratio": l1_ratio, "tol": 1e-13}
        model = SoftmaxGDClassifier(penalty_factor=[0, 1, 0, 1, 0, 0], **params).fit(twice, y)
        expected = SoftmaxGDClassifier(penalty_factor=[0, 1, 0, 1], **params).fit(X, y)
        assert model.converged_
        assert abs(model.loss_ - expected.loss_) < 1e-11
        np.testing.assert_allclose(model.predict_proba(twice), expected.predict_proba(X), atol=1e-5)
        assert np.abs(model.coef_).max() < 10 * np.abs(expected.coef_).max()
        assert model.duality_gap(twice, y) < 1e-8


@pytest.mark.parametrize("seed", range(6, 12))
def test_collinear_columns_without_a_penalty_far_from_zero(seed):
    """What rounding leaves along them is no step."""
    rng = np.random.default_rng(seed)
    n, K = int(rng.integers(50, 400)), int(rng.integers(2, 5))
    Z = rng.standard_normal((n, 8))
    y, far = (Z[:, :K] + rng.gumbel(size=(n, K))).argmax(axis=1), 1e5
    sums = np.column_stack([Z[:, 0] + Z[:, 1] + 2 * far, 3 * Z[:, 2] + 1])
    X = np.column_stack([Z[:, :3] + far, sums, Z[:, 3:]])
    factor = np.r_[np.zeros(5), np.ones(5)]
    params = {"alpha": 0.01, "tol": 1e-14}
    model = SoftmaxGDClassifier(penalty_factor=factor, **params).fit(X, y)
    expected = SoftmaxGDClassifier(penalty_factor=factor[2:], **params).fit(Z, y)
    assert model.converged_
    assert abs(model.loss_ - expected.loss_) < 1e-10
    assert np.abs(model.coef_).max() < 1.5 * np.abs(expected.coef_).max()


def test_no_head_start_where_a_feature_without_a_penalty_may_be_zero_in_the_few(rng):
    X, y = rng.normal(size=(40_000, 4)), rng.integers(0, 2, 40_000)
    for factor, is_none in ((np.ones(4), False), (np.array([0.0, 1, 1, 1]), True)):
        task = Task(X, y, np.full(len(y), 1 / len(y)), 1, 0.01, True, factor=factor)
        with Workers() as workers:
            smooth = StandardizedProblem(task, workers).smooth
            assert (head_start(smooth, np.zeros(smooth.shape)) is None) == is_none


def test_the_textbooks_loop(problem):
    X, y = problem
    P, shares, factor = (
        np.eye(y.max() + 1)[y],
        np.full(len(y), 1 / len(y)),
        np.array([0, 1, 2, 5.0]),
    )
    for l1_ratio in (0.0, 0.5):
        params = {"alpha": 0.1, "l1_ratio": l1_ratio, "penalty_factor": factor}
        model = SoftmaxGDClassifier(learning_rate=1e-3, tol=0, max_iter=5, **params).fit(X, y)
        coef, intercept = np.zeros_like(model.coef_), np.zeros_like(model.intercept_)
        penalties = l1, _ = 0.1 * l1_ratio * factor, 0.1 * (1 - l1_ratio) * factor
        for loss in model.loss_history_:
            value, slopes, of_intercept = objective_at(coef, intercept, X, P, shares, penalties)
            assert loss == pytest.approx(value, rel=1e-12)
            last = coef, intercept
            moved = coef - 1e-3 * slopes
            coef = np.sign(moved) * np.maximum(np.abs(moved) - 1e-3 * l1, 0.0)
            intercept = intercept - 1e-3 * of_intercept
        np.testing.assert_allclose(model.coef_, last[0], rtol=1e-10)
        np.testing.assert_allclose(model.intercept_, last[1], rtol=1e-10)


def test_the_stable_learning_rate_knows_the_largest_factor(problem):
    X, y = problem
    X = StandardScaler().fit_transform(X)
    params = {"alpha": 1.0, "penalty_factor": [0, 1, 1, 50.0], "max_iter": 300}
    with pytest.warns(ConvergenceWarning, match="With a learning rate below") as found:
        SoftmaxGDClassifier(learning_rate=1.0, **params).fit(X, y)
    stable = float(str(found[0].message).split("With a learning rate below ")[1].split()[0])
    assert 2 / 60 < stable < 2 / 50
    params |= {"tol": 0}
    assert (
        np.diff(SoftmaxGDClassifier(learning_rate=stable, **params).fit(X, y).loss_history_) <= 0
    ).all()


@pytest.mark.filterwarnings("ignore:The best score is at an end")
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("zeros", [[], [1], [0, 3]], ids=str)
def test_a_path_begins_where_the_first_penalised_feature_comes(problem, l1_ratio, zeros):
    X, y = problem
    factor = np.array([3.0, 1.0, 0.2, 1.0])
    factor[zeros] = 0.0
    params = {"l1_ratio": l1_ratio, "penalty_factor": factor}
    path = softmax_path(X, y, n_alphas=4, tol=1e-10, **params)
    penalised = factor > 0.0
    assert not path.coefs[0][:, penalised].any()
    assert path.coefs[0][:, zeros].all()
    model = SoftmaxGDClassifier(alpha=0.999 * path.alphas[0], tol=1e-12, **params).fit(X, y)
    assert model.coef_[:, penalised].any()
    for alpha, loss in zip(path.alphas, path.losses, strict=True):
        exact = SoftmaxGDClassifier(alpha=alpha, tol=1e-12, **params).fit(X, y)
        assert loss == pytest.approx(exact.loss_, abs=1e-8)
    search = SoftmaxGDClassifierCV(alphas=4, l1_ratios=[l1_ratio], penalty_factor=factor)
    np.testing.assert_allclose(search.fit(X, y).alphas_[0], path.alphas, rtol=1e-9)
    assert search.coef_[:, zeros].all()
    assert search.best_estimator_.penalty_factor is factor


def test_a_search_fits_its_folds_with_the_factors(problem):
    X, y = problem
    factor, folds = [0.0, 1.0, 10.0, 0.1], KFold(3, shuffle=True, random_state=0)
    options = {"cv": folds, "scoring": "neg_log_loss"}
    search = SoftmaxGDClassifierCV(alphas=[0.1], penalty_factor=factor, tol=1e-12, **options)
    peer = GridSearchCV(
        SoftmaxGDClassifier(alpha=0.1, tol=1e-12), {"penalty_factor": [factor]}, **options
    )
    peer.fit(X, y)
    expected = [peer.cv_results_[f"split{fold}_test_score"][0] for fold in range(3)]
    np.testing.assert_allclose(search.fit(X, y).scores_.ravel(), expected, rtol=1e-6)


def test_a_path_without_a_penalty_has_no_beginning(problem):
    for l1_ratio in (0.0, 1.0):
        with pytest.raises(ValueError, match="penalty_factor leaves no feature a penalty"):
            softmax_path(*problem, penalty_factor=np.zeros(4), l1_ratio=l1_ratio)
    path = softmax_path(*problem, penalty_factor=np.zeros(4), alphas=[1.0, 0.1], tol=1e-12)
    np.testing.assert_allclose(path.coefs[0], path.coefs[1], rtol=1e-5)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_that_features_without_a_penalty_tell_apart(n_classes, l1_ratio, rng):
    y = np.arange(90) % n_classes
    X = np.column_stack(
        [rng.normal(size=90), y == 0, rng.normal(size=90), y + 0.1 * rng.random(90)]
    )
    X[:10, 1] = 1.0  # so that only zeros are told apart
    params = {"alpha": 0.01, "l1_ratio": l1_ratio}
    model = SoftmaxGDClassifier(penalty_factor=[1, 0, 0, 1], **params)
    with pytest.warns(SeparationWarning, match="by x1, and with penalty_factor=0 .* Set their"):
        model.fit(X, y)
    assert not model.converged_
    assert model.stop_reason_ == "separation"
    for factor in ([1, 1, 0, 1], [0, 1, 0, 3]):  # what is penalised tells them too
        assert SoftmaxGDClassifier(penalty_factor=factor, **params).fit(X, y).converged_
    wide = np.column_stack([X, rng.normal(size=(90, 3000))])
    model.set_params(penalty_factor=np.r_[1, 0, 0, 1, np.ones(3000)])
    with pytest.warns(SeparationWarning, match="by x1, and with penalty_factor=0"):
        model.fit(wide, y)


def test_all_classes_told_apart_without_a_penalty(rng):
    """Where there are too many such features for a linear program."""
    X, y = sparse.random(300, 2000, 0.02, "csr", random_state=0), rng.integers(0, 4, 300)
    model = SoftmaxGDClassifier(penalty_factor=np.arange(2000) % 2)
    with pytest.warns(SeparationWarning, match="own class .* with penalty_factor=0 .* Set their"):
        model.fit(X, y)
    assert model.stop_reason_ == "separation"


def test_wide_data_with_features_without_a_penalty():
    """Ages among genes."""
    X, P, weights, _ = draw(5, 120, 600)
    X = X / X.std(axis=0).clip(1e-9)
    factor = np.r_[0.0, 0.0, np.ones(598)]
    for l1_ratio in (0.0, 1.0):
        model = SoftmaxGDClassifier(
            alpha=0.05, l1_ratio=l1_ratio, penalty_factor=factor, tol=1e-12
        ).fit_proba(X, P, weights)
        assert model.converged_
        assert violation(model, X, P, weights, factor) < 2e-5
    model = SoftmaxGDClassifier(alpha=0.05, penalty_factor=factor).fit_proba(X, P, weights)
    assert model.duality_gap(X, P, weights) < 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
def test_float32_and_warm_starts(problem, dtype, l1_ratio):
    X, y = problem
    factor = [0.0, 1.0, 4.0, 0.5]
    model = SoftmaxGDClassifier(
        alpha=0.01, l1_ratio=l1_ratio, penalty_factor=factor, tol=1e-6, warm_start=True
    )
    exact = clone(model).set_params(tol=1e-13).fit(X, y)
    model.fit(X.astype(dtype), y)
    assert model.converged_
    assert model.coef_.dtype == dtype
    assert model.loss_ - exact.loss_ < 2e-6
    assert model.fit(X.astype(dtype), y).n_iter_ <= 2
    model.set_params(penalty_factor=None, warm_start=False).fit(X, y)
    assert model.loss_ != pytest.approx(exact.loss_, rel=1e-4)


ALLOWED = "penalty_factor must be None or a sequence of finite numbers >= 0, one for each feature"


@pytest.mark.parametrize(
    ("factor", "error", "said"),
    [
        ([1, 1, 1, -1e-9], ValueError, "got -1e-09 for feature 3"),
        ([1, np.nan, 1, 1], ValueError, "got nan for feature 1"),
        ([1, np.inf, 1, 1], ValueError, "got inf for feature 1"),
        ([1, 1, 1], ValueError, "got 3 for X with 4 features"),
        (np.ones(5), ValueError, "got 5 for X with 4 features"),
        ([], ValueError, "got []"),
        (2.0, ValueError, "got 2.0"),
        ([[1, 1, 1, 1]], ValueError, "got [[1, 1, 1, 1]]"),
        ("auto", ValueError, "got 'auto'"),
        ([1, 1, 1, "x"], ValueError, "got [1, 1, 1, 'x']"),
        ([1, 1, 1, 1j], TypeError, "got [1, 1, 1, 1j]"),
        ({0: 1.0}, TypeError, "got {0: 1.0}"),
        ([1, 1, 1, None], ValueError, "got nan for feature 3"),
        ([1, 1, 1, 1e308], ValueError, "alpha times 1e+308 is out of range"),
    ],
    ids=str,
)
def test_what_is_no_factor_is_refused(problem, factor, error, said):
    X, y = problem
    message = f"^{re.escape(ALLOWED)}.*{re.escape(said)}"
    P = np.eye(y.max() + 1)[y]
    for fit in (
        lambda: SoftmaxGDClassifier(penalty_factor=factor, alpha=100.0).fit(X, y),
        lambda: SoftmaxGDClassifier(penalty_factor=factor, alpha=100.0).fit_proba(X, P),
        lambda: SoftmaxGDClassifierCV(penalty_factor=factor).fit(X, y),
        lambda: softmax_path(X, y, penalty_factor=factor),
        lambda: (
            SoftmaxGDClassifier(alpha=100.0)
            .fit(X, y)
            .set_params(penalty_factor=factor)
            .duality_gap(X, y)
        ),
    ):
        if "out of range" in said and fit.__code__.co_names[0] != "SoftmaxGDClassifier":
            continue  # of a grid, alphas are small there
        with pytest.raises(error, match=message):
            fit()


def test_no_certificate_where_nothing_has_a_penalty(problem):
    with pytest.raises(ValueError, match="gap_tol needs alpha > 0, and a penalty_factor > 0"):
        SoftmaxGDClassifier(penalty_factor=np.zeros(4), gap_tol=1e-3).fit(*problem)
    model = SoftmaxGDClassifier(penalty_factor=np.zeros(4)).fit(*problem)
    with pytest.warns(UserWarning, match="With penalty_factor=0 for all features the gap is inf"):
        assert model.duality_gap(*problem) == np.inf


def test_factors_by_name_are_in_the_order_of_the_columns(problem):
    X, y = problem
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    factor = pd.Series([0.0, 1.0, 2.0, 3.0], index=frame.columns)
    by_name = SoftmaxGDClassifier(penalty_factor=factor).fit(frame, y)
    by_place = SoftmaxGDClassifier(penalty_factor=factor.to_numpy()).fit(X, y)
    np.testing.assert_allclose(by_name.coef_, by_place.coef_)
    message = "penalty_factor must have the features in the order of X: it has 'b' where X has 'd'"
    for fit in (
        SoftmaxGDClassifier(penalty_factor=factor).fit,
        SoftmaxGDClassifierCV(penalty_factor=factor).fit,
        lambda X, y: softmax_path(X, y, penalty_factor=factor),
    ):
        with pytest.raises(ValueError, match=message):
            fit(frame[["a", "d", "c", "b"]], y)


def test_clones_pipelines_searches_and_representations(problem):
    X, y = problem
    factor = np.array([0.0, 1.0, 2.0, 3.0])
    model = SoftmaxGDClassifier(penalty_factor=factor)
    assert "penalty_factor=array([0., 1., 2., 3.])" in repr(model)
    assert "penalty_factor" in model._repr_html_()
    copy = clone(model)
    np.testing.assert_array_equal(copy.penalty_factor, factor)
    pipeline = make_pipeline(StandardScaler(), model)
    factors = [None, factor, factor.tolist(), tuple(factor)]
    search = GridSearchCV(pipeline, {"softmaxgdclassifier__penalty_factor": factors}, cv=3)
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    assert scores[1] == scores[2] == scores[3]
    model.fit(X, y)
    assert model.penalty_factor is factor
    np.testing.assert_array_equal(factor, [0.0, 1.0, 2.0, 3.0])
    assert softmax_path(X, y, penalty_factor=factor, n_alphas=3).losses.shape == (3,)
