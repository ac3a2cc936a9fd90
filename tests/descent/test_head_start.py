"""The head start: fewer passes over many samples, and the same minimum."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._descent import head_start as _head_start
from skl_softmax._descent.curvature import curvature_kinds
from skl_softmax._descent.head_start import head_start
from skl_softmax._descent.matrix_descent import matrix_descent
from skl_softmax._descent.steps import Newtonian, State, start
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.problem import StandardizedProblem
from skl_softmax._fit.task import Task


def many(n_samples=40_000, n_features=8, n_classes=3):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features)) * np.geomspace(1e-2, 1e2, n_features)
    logits = (X / X.std(axis=0)) @ rng.standard_normal((n_features, n_classes))
    return X, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


def objective_of(X, y, *, alpha=1e-4, weights=None):
    n_classes = int(y.max()) + 1
    weights = np.full(len(y), 1.0 / len(y)) if weights is None else weights
    task = Task(X, y, weights, 1 if n_classes == 2 else n_classes, alpha, True)
    with Workers() as workers:
        return StandardizedProblem(task, workers).objective


def passes(model, least, excess=1e-6):
    return model.passes_history_[np.argmax(model.loss_history_ <= least + excess)]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
def test_it_saves_passes_and_changes_no_minimum(n_classes, layout, monkeypatch):
    X, y = many(n_classes=n_classes)
    model = SoftmaxGDClassifier(tol=1e-14).fit(layout(X), y)
    monkeypatch.setattr(_head_start, "head_start", lambda *_: None)
    plain = SoftmaxGDClassifier(tol=1e-14).fit(layout(X), y)
    assert passes(model, plain.loss_) < passes(plain, plain.loss_)
    exact = LogisticRegression(C=1.0 / (1e-4 * len(y)), solver="newton-cholesky", tol=1e-12)
    np.testing.assert_allclose(
        model.coef_ * X.std(axis=0), exact.fit(X, y).coef_ * X.std(axis=0), atol=1e-5
    )


def test_the_first_loss_is_that_of_zero_weights_and_none_rises():
    losses = SoftmaxGDClassifier().fit(*many()).loss_history_
    assert losses[0] == pytest.approx(np.log(3), abs=1e-12)
    assert (np.diff(losses) <= 0.0).all()


def test_it_leads_as_near_as_statistics_say():
    """Twice the excess times the number of samples is distributed as chi-squared."""
    X, y = many()
    objective = objective_of(X, y)
    state = head_start(objective, np.zeros(objective.shape))
    loss, _ = objective.value_and_gradient(state.params)
    least = SoftmaxGDClassifier(tol=1e-14).fit(X, y).loss_
    n_free = (3 - 1) * (8 + 1)  # three rows of parameters, of which two are free
    assert 0.2 * n_free < 2 * (len(y) // 16) * (loss - least) < 5.0 * n_free


def test_it_goes_no_further_than_that():
    objective = objective_of(*many())
    zeros = np.zeros(objective.shape)
    few = objective.sample(40_000 // 16)
    beginning = [start(few, zeros)]
    *_, last = matrix_descent(few, beginning, curvature_kinds(few), Newtonian())
    state = head_start(objective, zeros)
    assert state.n_passes < last.n_passes
    assert 0.0 < state.loss - last.loss < 0.1 * 27 / (2 * 2500)


def test_it_is_a_step_of_the_descent_unless_the_loss_is_higher_there(monkeypatch):
    objective = objective_of(*many())
    first = start(objective, np.zeros(objective.shape))
    model = object()
    lower, higher = first.params - 0.1 * first.gradient, first.params + np.eye(3, 9)
    for params, is_taken in ((lower, True), (9.0 * higher, False)):
        ahead = State(5, params, 0.0, params, n_passes=9, model=model)
        monkeypatch.setattr(_head_start, "head_start", lambda *_, ahead=ahead: ahead)
        begun, *rest = _head_start.with_head_start(objective, first)
        assert begun is first
        assert len(rest) == is_taken
        for state in rest:
            assert (state.iteration, state.n_passes, state.model) == (1, 2, model)
            assert state.loss == objective.value_and_gradient(params)[0]


def test_the_copy_is_small(monkeypatch):
    monkeypatch.setattr(_head_start, "MOST_COPIED", 2000 * 9)
    objective = objective_of(*many())
    sizes, sample = [], objective.sample
    objective.sample = lambda n_samples: sizes.append(n_samples) or sample(n_samples)
    head_start(objective, np.zeros(objective.shape))
    assert sizes[0] == 2000  # later samples are for curvature models


@pytest.mark.parametrize(
    "shape", [(27_000, 8, 3), (10_000, 4, 2)], ids=["few for the parameters", "few"]
)
def test_few_samples_have_none(shape):
    objective = objective_of(*many(*shape))
    assert head_start(objective, np.zeros(objective.shape)) is None


def test_without_a_penalty_there_is_none():
    objective = objective_of(*many(), alpha=0.0)
    assert head_start(objective, np.zeros(objective.shape)) is None


def test_few_without_weight_lead_nowhere():
    X, y = many()
    weights = np.zeros(len(y))
    few = np.random.default_rng(0).choice(len(y), len(y) // 16, replace=False)
    weights[np.setdiff1d(np.arange(len(y)), few)[:30_000]] = 1 / 30_000
    objective = objective_of(X, y, weights=weights)
    assert head_start(objective, np.zeros(objective.shape)) is None


def test_files_are_not_read_for_it():
    objective = objective_of(*many())
    objective.sums.may_copy = False
    assert head_start(objective, np.zeros(objective.shape)) is None


def test_earlier_weights_are_a_start_of_their_own(monkeypatch):
    X, y = many()
    model = SoftmaxGDClassifier(warm_start=True).fit(X, y)
    monkeypatch.setattr(_head_start, "head_start", pytest.fail)
    assert model.set_params(tol=1e-12).fit(X, y).converged_


def test_equal_bits_for_any_number_of_threads(monkeypatch):
    X, y = many()
    coefs = []
    for n_threads in (1, 2, 4):
        monkeypatch.setattr(
            "skl_softmax._engines.threads._single_threaded_blas._available", lambda n=n_threads: n
        )
        coefs.append(SoftmaxGDClassifier().fit(X, y).coef_)
    np.testing.assert_array_equal(coefs[0], coefs[1])
    np.testing.assert_array_equal(coefs[0], coefs[2])
