"""The certificate: never below the true excess, and not far above it."""

import warnings
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._descent.auto import auto_descent
from skl_softmax._descent.l1_curvature import l1_curvature_kinds
from skl_softmax._descent.l1_steps import l1_descent, proximal_descent
from skl_softmax._descent.steps import constant_descent
from skl_softmax._descent.steps import start as start_at
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.problem import RawProblem, StandardizedProblem
from skl_softmax._fit.task import Task


class Problem(NamedTuple):
    """X, targets as probabilities (n_samples, n_classes), weights, penalty, fit_intercept, y."""

    X: np.ndarray
    P: np.ndarray
    weights: np.ndarray
    alpha: float
    fit_intercept: bool
    y: np.ndarray
    l1_ratio: float = 0.0

    def task(self):
        K = self.P.shape[1]
        rest = self.alpha, self.fit_intercept, self.l1_ratio
        return Task(self.X, self.y, self.weights, 1 if K == 2 else K, *rest)

    def loss(self, coef, intercept):
        """F in extended precision, from its definition."""
        X, coef, intercept = (np.asarray(a, np.longdouble) for a in (self.X, coef, intercept))
        logits = X @ coef.T + intercept
        if len(coef) == 1:
            logits = np.hstack([np.zeros((len(X), 1), np.longdouble), logits])
        logits -= logits.max(axis=1, keepdims=True)
        each = np.log(np.exp(logits).sum(axis=1)) - (self.P * logits).sum(axis=1)
        weights = self.weights.astype(np.longdouble)
        mean = (weights @ each) / weights.sum()
        squares, sizes = (coef**2).sum() / 2, np.abs(coef).sum()
        penalty = (1 - np.longdouble(self.l1_ratio)) * squares + self.l1_ratio * sizes
        return mean + np.longdouble(self.alpha) * penalty


def draw(seed):
    """A random problem: scales, weights, soft targets, a constant column or no intercept."""
    rng = np.random.default_rng(seed)
    n, d, K = rng.integers(6, 60), rng.integers(1, 7), rng.integers(2, 6)
    X = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-2, 2, d) + rng.choice([0, 0, 30], d)
    if rng.random() < 0.1:
        X[:, 0] = 3.0
    logits = X / X.std(axis=0).clip(1e-3) @ rng.standard_normal((d, K)) * rng.choice([0.3, 1, 5])
    y = (logits + rng.gumbel(size=(n, K))).argmax(axis=1)
    y[:K] = np.arange(K)
    P = np.eye(K)[y]
    if rng.random() < 0.3:
        P = 0.9 * P + 0.1 * rng.dirichlet(np.ones(K), n)
        y = P
    weights = rng.uniform(0.1, 1.0, n) * (rng.random(n) < 0.9) if rng.random() < 0.5 else np.ones(n)
    weights[:K] = 1.0
    alpha = 10.0 ** rng.uniform(-6, 0)
    return Problem(X, P, weights / weights.sum(), alpha, bool(rng.random() < 0.8), y)


def descent_of(ours):
    """The descent of "auto" from zero weights."""
    objective, zeros = ours.objective, np.zeros(ours.objective.shape)
    if ours.task.has_kinks:
        return l1_descent(objective, start_at(objective, zeros), l1_curvature_kinds)
    return auto_descent(objective, start_at(objective, zeros))


def least_loss(problem):
    """The minimum: the end of a descent, with the loss in extended precision."""
    with Workers() as workers, np.errstate(all="ignore"):
        ours = StandardizedProblem(problem.task(), workers, may_reduce=False)
        descent = descent_of(ours)
        return min(
            problem.loss(*ours.coef(state.params)) for state in list(islice(descent, 300))[-2:]
        )


def in_single(X):
    """X rounded to float32, as float64."""
    return X.astype(np.float32).astype(np.float64)


# How X is stored, and the same numbers for the judge.
KINDS = {
    "float64": (np.asarray, np.asarray),
    "float32": (np.float32, in_single),
    "sparse float32": (lambda X: sparse.csr_array(X.astype(np.float32)), in_single),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("first", range(0, 2000, 250))
def test_never_below_the_true_excess(first, kind, l1_ratio):
    """Two thousand problems, at every step of a descent, by "auto" and by a constant rate."""
    n_problems = 6 if l1_ratio else 250 if kind == "float64" else 20
    for seed in range(first, first + n_problems):
        problem, (store, judge) = draw(seed)._replace(l1_ratio=l1_ratio), KINDS[kind]
        exact = problem._replace(X=judge(problem.X))
        task = problem._replace(X=store(problem.X)).task()
        least = least_loss(exact)
        with Workers() as workers, np.errstate(all="ignore"):
            auto = StandardizedProblem(task, workers, may_reduce=False)
            raw = RawProblem(task, workers, measure_scale=True)
            zeros = np.zeros(auto.objective.shape)
            rate = 0.1 / (exact.X**2).sum(axis=1).mean()
            by_number = proximal_descent if l1_ratio else constant_descent
            first = start_at(raw.objective, zeros)
            descents = [(auto, descent_of(auto)), (raw, by_number(raw.objective, first, rate))]
            for ours, descent in descents:
                gap = ours.certificate()
                for state in islice(descent, 25):
                    # `exact` has X in the precision of the sums: with an L1 penalty float64.
                    excess = float(exact.loss(*ours.smooth.coef(state.params)) - least)
                    bound = gap(state.params, state.loss, state.gradient)
                    assert bound >= excess, (seed, state.iteration)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_in_extended_precision(l1_ratio):
    """The bound holds for weights of any size, down to the last digit."""
    rng = np.random.default_rng(0)
    for seed in range(60):
        problem = draw(seed)._replace(l1_ratio=l1_ratio)
        if problem.y.ndim == 2:
            continue
        params = {"alpha": problem.alpha, "fit_intercept": problem.fit_intercept}
        model = SoftmaxGDClassifier(**params, l1_ratio=l1_ratio, tol=1e-2)
        model.fit(problem.X, problem.y, problem.weights)
        least = least_loss(problem)
        for factor in (1.0, 1.0 + 1e-7, 3.0, 100.0):
            model.coef_ = model.coef_ * factor + rng.standard_normal() * (factor > 2)
            bound = model.duality_gap(problem.X, problem.y, problem.weights)
            excess = problem.loss(model.coef_, model.intercept_) - least
            assert np.longdouble(bound) >= excess, (seed, factor)
            rounding = 1e-9 + 1e-12 * l1_ratio / problem.alpha
            loose = 2e-3 * (l1_ratio == 1.0)  # one violation of the dual's condition is enough
            assert bound <= 2.0 * float(excess) + rounding + loose


def exact_loss(X, y, alpha, weights=None):
    """The minimum, from a fit that goes on to the end."""
    return SoftmaxGDClassifier(alpha=alpha, tol=0).fit(X, y, weights).loss_


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
@pytest.mark.parametrize("alpha", [1.0, 1e-2, 1e-5])
@pytest.mark.parametrize("convert", [np.asarray, np.float32, sparse.csr_array])
def test_the_gap_of_a_fit(load, alpha, convert):
    """On raw data the gap is at most twice the excess, apart from rounding."""
    X, y = load(return_X_y=True)
    X = convert(X)
    model = SoftmaxGDClassifier(alpha=alpha, tol=1e-3).fit(X, y)
    least = exact_loss(X.astype(np.float64), y, alpha)
    gap = model.duality_gap(X, y)
    coef = model.coef_.astype(float)
    proba = softmax_of(X @ coef.T + model.intercept_.astype(float))
    excess = log_loss(y, proba) + alpha / 2 * (coef**2).sum() - least
    assert excess <= gap <= 2.0 * excess + 1e-8


def softmax_of(logits):
    return (
        np.hstack([1 - expit(logits), expit(logits)])
        if logits.shape[1] == 1
        else softmax(logits, axis=1)
    )


def test_the_gap_of_any_weights():
    """The weights of a fit that was stopped early, and invented weights."""
    X, y = load_digits(return_X_y=True)
    weights = np.linspace(0.0, 1.0, len(y))
    least = exact_loss(X, y, 1e-2, weights)
    model = SoftmaxGDClassifier(alpha=1e-2, learning_rate=1e-3, max_iter=5, tol=0)
    model.fit(X, y, weights)
    assert model.loss_ - least <= model.duality_gap(X, y, weights) <= 2 * (model.loss_ - least)
    model.coef_ = np.random.default_rng(0).standard_normal((10, 64)) * 0.1
    model.intercept_ = np.ones(10)
    loss = log_loss(y, model.predict_proba(X), sample_weight=weights)
    excess = loss + 0.005 * (model.coef_**2).sum() - least
    assert excess <= model.duality_gap(X, y, weights) <= 2 * excess


def test_class_weights_and_probabilities():
    X, y = load_iris(return_X_y=True)
    P = 0.8 * np.eye(3)[y] + 0.1 * np.eye(3)[(y + 1) % 3] + 0.1 * np.eye(3)[0]
    params = {"alpha": 1e-3, "class_weight": {0: 3.0, 1: 0.5}}
    model = SoftmaxGDClassifier(**params, tol=1e-3).fit_proba(X, P)
    excess = model.loss_ - SoftmaxGDClassifier(**params, tol=0).fit_proba(X, P).loss_
    assert excess <= model.duality_gap(X, P) <= 2 * excess + 1e-12
    assert model.duality_gap(X, y) > 10 * excess  # another objective


def test_the_optimum_has_next_to_no_gap():
    X, y = load_wine(return_X_y=True)
    assert SoftmaxGDClassifier(alpha=1e-2, tol=0).fit(X, y).duality_gap(X, y) < 1e-11


def test_without_a_penalty_there_is_no_bound():
    X, y = load_iris(return_X_y=True)
    model = SoftmaxGDClassifier(alpha=0, max_iter=3, tol=0).fit(X, y)
    with pytest.warns(UserWarning, match="With alpha=0 the gap is infinite"):
        assert model.duality_gap(X, y) == np.inf


@pytest.mark.parametrize("gap_tol", [1e-2, 1e-7])
@pytest.mark.parametrize(
    "params", [{}, {"fit_intercept": False}, {"learning_rate": 0.3, "max_iter": 50_000}]
)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_a_fit_that_stops_by_the_certificate(gap_tol, params, l1_ratio):
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    penalty = {"alpha": 1e-2, "l1_ratio": l1_ratio}
    model = SoftmaxGDClassifier(gap_tol=gap_tol, tol=0, **penalty, **params).fit(X, y)
    params = {name: value for name, value in params.items() if name == "fit_intercept"}
    least = SoftmaxGDClassifier(tol=0, **penalty, **params).fit(X, y).loss_
    assert (model.stop_reason_, model.converged_) == ("gap_tol", True)
    assert model.loss_ - least <= model.gap_ <= gap_tol
    model.set_params(gap_tol=None, max_iter=2).fit(X, y)
    assert not hasattr(model, "gap_")


def test_wide_data():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 400)), np.arange(40) % 3
    model = SoftmaxGDClassifier(alpha=0.1, gap_tol=1e-8).fit(X, y)
    assert model.loss_ - exact_loss(X, y, 0.1) <= model.gap_ <= 1e-8


def test_a_gap_that_is_not_reached():
    X, y = load_wine(return_X_y=True)
    with pytest.warns(
        match=r"max_iter=2 steps the loss may be .* more than gap_tol=1e-09\. Raise max_iter"
    ):
        SoftmaxGDClassifier(gap_tol=1e-9, max_iter=2).fit(X, y)


def test_a_gap_that_rounding_makes_negative_is_none(monkeypatch):
    X, y = load_iris(return_X_y=True)
    model = SoftmaxGDClassifier(tol=1e-14).fit(X, y)
    monkeypatch.setattr("skl_softmax._objective.duality.Certificate.gap", lambda *_: -1e-9)
    assert 1e-9 <= model.duality_gap(X, y) < 1.1e-9


def test_early_stopping_certifies_the_weights_it_keeps():
    X, y = load_digits(return_X_y=True)
    model = SoftmaxGDClassifier(early_stopping=True, n_iter_no_change=1000, random_state=0)
    model.set_params(gap_tol=1e-6).fit(X[:300], y[:300])
    assert model.best_iter_ < model.n_iter_
    assert (model.stop_reason_, model.converged_) == ("gap_tol", False)
    assert model.gap_ > 1e-2  # the gap is that of the weights that are kept


def test_rounding_that_hides_the_minimum_is_no_convergence():
    X, y = load_iris(return_X_y=True)
    with pytest.warns(
        ConvergenceWarning, match=r"precision of its numbers, but the loss may be .*"
    ):
        model = SoftmaxGDClassifier(gap_tol=1e-9).fit(X.astype(np.float32), y)
    assert not model.converged_
    assert model.gap_ > 1e-9


def test_saturated_weights_start_from_zeros():
    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    model = SoftmaxGDClassifier(alpha=1e-8).fit(X, y)
    model.coef_ = rng.normal(size=(3, 4)) / X.std(axis=0) * 30
    model.intercept_ = rng.normal(size=3) * 30
    loss = log_loss_of(model, X, y) + 5e-9 * (model.coef_**2).sum()
    assert loss - np.log(3) < model.duality_gap(X, y) < 2 * loss


def log_loss_of(model, X, y):
    return -model.predict_log_proba(X)[np.arange(len(y)), y].mean()


def test_an_absent_class_still_has_a_bound():
    X, y = load_iris(return_X_y=True)
    model = SoftmaxGDClassifier(alpha=0.1).fit(X, y)
    some = y < 2
    gap = model.duality_gap(X[some], y[some])
    two = SoftmaxGDClassifier(alpha=0.1, tol=0).fit_proba(X[some], np.eye(3)[y[some]])
    loss = log_loss(y[some], model.predict_proba(X[some]), labels=[0, 1, 2])
    excess = loss + 0.05 * (model.coef_**2).sum() - two.loss_
    assert np.isfinite(gap)
    assert gap >= excess


def test_bad_input():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(NotFittedError):
        SoftmaxGDClassifier().duality_gap(X, y)
    model = SoftmaxGDClassifier().fit(X, y)
    for arguments, message in [
        ((X[:, :3], y), "X has 3 features"),
        ((X, y[:-1]), "inconsistent numbers of samples"),
        ((X, y + 1), r"y has labels \[3\] that were not fitted: the classes are \[0, 1, 2\]"),
        ((X, y, -np.ones(150)), "sample_weight must be"),
        ((X * np.nan, y), "contains NaN"),
        ((X * 1e160, y), "too large to be squared"),
        ((X, np.eye(3)[y] * 2), "whose sum over each row is one"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.duality_gap(*arguments)
    with pytest.raises(ValueError, match="alpha must be a finite number >= 0"):
        model.set_params(alpha=-1.0).duality_gap(X, y)


@pytest.mark.parametrize("share", [0.0, 1e-30, 1e-17, 1e-15, 1e-6])
@pytest.mark.parametrize("start", [0.0, -36.0, -300.0])
def test_classes_with_next_to_no_share(share, start):
    """The classes' shares are less than rounding: mixed probabilities must not be negative."""
    rng = np.random.default_rng(0)
    for seed in range(8):
        X = rng.standard_normal((12, 2)) * 10.0 ** rng.uniform(-1, 1)
        P = rng.dirichlet(np.ones(2), 12)
        P = np.column_stack([np.full(12, share), P * (1.0 - share)])
        problem = Problem(X, P, np.full(12, 1 / 12), 10.0 ** rng.uniform(-4, 0), True, P)
        with Workers() as workers, np.errstate(all="ignore"):
            ours = StandardizedProblem(problem.task(), workers, may_reduce=False)
            params = np.zeros(ours.objective.shape)
            params[:, -1] = [start, -start / 2, -start / 2]
            # No descent goes below the bound, whatever its first intercept.
            far = np.array([[0.0, 0.0, start - 700.0], [0.0] * 3, [0.0] * 3])
            begun = [start_at(ours.objective, each) for each in (params, far)]
            descents = [auto_descent(ours.objective, each) for each in begun]
            states = [state for descent in descents for state in islice(descent, 60)]
            losses = [float(problem.loss(*ours.coef(state.params))) for state in states]
            gap = ours.certificate()
            for state, loss in zip(states, losses, strict=True):
                bound = gap(state.params, state.loss, state.gradient)
                assert bound >= loss - min(losses), (seed, state.iteration)


def test_tiny_losses():
    """The error of a loss is a rounding of one, not of the loss."""
    for seed in range(150):
        rng = np.random.default_rng(seed)
        n = rng.integers(4, 12)
        X = rng.standard_normal((n, 3)) * 10.0 ** rng.uniform(0, 4)
        y = np.arange(n) % 2
        weights = 10.0 ** rng.uniform(-12, 0, n)
        P = np.eye(2)[y]
        problem = Problem(X, P, weights / weights.sum(), 10.0 ** rng.uniform(-14, -6), True, y)
        model = SoftmaxGDClassifier(alpha=problem.alpha, tol=1e-12).fit(X, y, weights)
        bound = model.duality_gap(X, y, weights)
        excess = problem.loss(model.coef_, model.intercept_) - least_loss(problem)
        assert np.longdouble(bound) >= excess, seed


@pytest.mark.parametrize("offset", [1e9, 1e12, 1e15])
@pytest.mark.parametrize("max_iter", [1, 3, 1000])
def test_a_certificate_of_an_id_far_from_zero(offset, max_iter):
    """The offset's product with a coefficient has no digits to lose."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        number = np.arange(50.0)
        X = np.column_stack([offset + number, rng.normal(size=50)])
        y = (X[:, 1] + number / 25 - 1 + rng.logistic(size=50) > 0).astype(int)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = SoftmaxGDClassifier(max_iter=max_iter).fit(X, y)
        gap = model.duality_gap(X, y)
        near = SoftmaxGDClassifier(tol=1e-14).fit(X - [offset, 0.0], y)
        logits = [
            Fraction(model.coef_[0, 0]) * Fraction(x) + Fraction(model.intercept_[0])
            for x in X[:, 0]
        ]
        logits = np.array([float(z) for z in logits]) + model.coef_[0, 1] * X[:, 1]
        loss = np.logaddexp(0.0, np.where(y == 1, -logits, logits)).mean()
        loss += model.alpha / 2 * (model.coef_**2).sum()
        assert gap >= loss - near.loss_ - 1e-15
