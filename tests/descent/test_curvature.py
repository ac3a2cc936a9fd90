"""Curvature models: what they solve, which kinds suit which data, and singular matrices."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from skl_softmax._descent import curvature as _curvature
from skl_softmax._descent.curvature import (
    GrowingSubsample,
    _block_model,
    _diagonal_model,
    _full_model,
    curvature_kinds,
    starts_from_gram_matrix,
)
from skl_softmax._engines.row_sums import RowSums
from skl_softmax._engines.rows import Rows
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.problem import StandardizedProblem
from skl_softmax._fit.task import Task
from skl_softmax._objective.inverse import cholesky, inverse
from skl_softmax._objective.smooth import SoftmaxObjective


def definite(rng, *shape):
    """Random positive definite matrices; the last dimension of the shape is repeated."""
    half = rng.normal(size=(*shape, shape[-1]))
    return half @ half.swapaxes(-1, -2) + 0.1 * np.eye(shape[-1])


def centered(array):
    return array - array.mean(axis=0)


@pytest.fixture
def gradient(rng):
    """A gradient of four classes and three features that sums to zero over the classes."""
    return centered(rng.normal(size=(4, 3)))


def test_block_model_of_one_matrix(gradient, rng):
    hessian = definite(rng, 3)
    solve = _block_model(hessian.copy(), SoftmaxObjective)
    step = solve(gradient)
    np.testing.assert_allclose(step @ hessian, gradient, atol=1e-9)
    drifted = solve(gradient + 1.0)  # as rounding might
    np.testing.assert_allclose(drifted, step, atol=1e-12)


def test_block_model_of_a_matrix_for_each_class(gradient, rng):
    hessians = definite(rng, 4, 3)
    expected = np.linalg.solve(hessians, gradient[:, :, np.newaxis])[:, :, 0]
    np.testing.assert_allclose(
        _block_model(hessians, SoftmaxObjective)(gradient), centered(expected), atol=1e-9
    )


def test_full_model(gradient, rng):
    """The step minimises the quadratic model over all directions that sum to zero."""
    hessian = definite(rng, 12)
    centering = np.kron(np.eye(4)[:, :-1] - 0.25, np.eye(3))  # (12, 9)
    step = _full_model(centering.T @ hessian @ centering, SoftmaxObjective)(gradient)
    np.testing.assert_allclose(step.sum(axis=0), 0.0, atol=1e-12)
    left = hessian @ step.ravel() - gradient.ravel()
    np.testing.assert_allclose(centering.T @ left, 0.0, atol=1e-9)


def test_diagonal_model(gradient, rng):
    diagonal = rng.uniform(0.5, 2.0, size=(4, 3))
    np.testing.assert_allclose(
        _diagonal_model(diagonal, SoftmaxObjective)(gradient), centered(gradient / diagonal)
    )
    step = _diagonal_model(diagonal[:1], SoftmaxObjective)(
        gradient[:1]
    )  # the one row of two classes
    np.testing.assert_allclose(step, gradient[:1] / diagonal[:1])


def test_a_class_as_good_as_fitted_takes_no_endless_step_in_the_diagonal_model():
    diagonal = np.array([[1.0, 0.0], [1e-20, 0.0], [1.0, 0.0]])
    gradient = np.array([[0.0, 1.0], [1.0, -1.0], [-1.0, 0.0]])
    step = _diagonal_model(diagonal, SoftmaxObjective)(gradient)
    expected = [
        [0.0, 1.0],
        [1e6, -1.0],
        [-1.0, 0.0],
    ]  # the least curvature: 1e-6 times the largest, or 1
    np.testing.assert_allclose(step, centered(np.array(expected)))


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_collinear_columns_get_a_ridge_that_changes_nothing_else(scale, rng):
    """In the range of a singular matrix, the factor solves as the pseudo-inverse does."""
    X = rng.normal(size=(40, 3))
    X = np.column_stack([X, X[:, 0], np.zeros(40)]) * [1.0, 1e3, 1e-3, 1.0, 1.0]
    gram = X.T @ X * scale
    gradient = X.T @ rng.normal(size=40)
    step = inverse(gram.copy())(gradient[np.newaxis])[0]
    np.testing.assert_allclose(gram @ step, gradient, rtol=1e-4, atol=1e-6)
    assert step[4] == 0.0
    assert step[0] == pytest.approx(step[3], rel=1e-2)


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_indefinite_matrix_gets_a_ridge_of_its_size(order):
    """Rounding can make a matrix indefinite: it gets the smallest ridge that is enough."""
    for size, ridge in ((1e-13, 1e-12), (1e-10, 1e-9), (1e-7, 1e-6)):
        matrix = np.array([[4.0, 4.0 + size], [4.0 + size, 4.0]], order=order)
        factor = np.tril(cholesky(matrix.copy(order)))
        change = factor @ factor.T - matrix
        np.testing.assert_allclose(change.diagonal(), 4.0 * ridge, rtol=0.01)
        assert abs(change[1, 0]) < 1e-14


def test_without_curvature_the_model_is_plain_descent():
    np.testing.assert_array_equal(cholesky(-np.eye(3)), np.eye(3))


@pytest.mark.parametrize(
    ("X", "n_classes", "expected"),
    [
        (np.eye(40, 4), 2, [True]),  # the one row's model is exact
        (np.eye(40, 4), 3, [False, False, True]),  # for all classes, for each, the Hessian
        (
            sparse.eye_array(40, 4, format="csr"),
            3,
            [False, False, False, True],
        ),  # the diagonal first
    ],
)
def test_kinds(X, n_classes, expected):
    assert kinds(X, n_classes) == expected


@pytest.mark.parametrize("n_classes", [2, 3])
def test_without_a_penalty_no_step_leaves_the_space_of_the_data(n_classes, rng):
    """A gradient's part in the null space is rounding: a step has no such part."""
    X = rng.normal(size=(60, 2))
    X = np.column_stack([X, X[:, 0] + X[:, 1]])
    y = np.arange(60) % n_classes
    n_outputs = 1 if n_classes == 2 else n_classes
    with Workers() as workers:
        task = Task(X, y, np.full(60, 1 / 60), n_outputs, alpha=0.0, fit_intercept=True)
        objective = StandardizedProblem(task, workers).objective
        null = np.array([*(objective.scale * [1.0, 1.0, -1.0]), 0.0])
        null /= np.linalg.norm(null)
        _, gradient = objective.value_and_gradient(np.zeros(objective.shape))
        drift = np.outer(centered(np.arange(1.0, n_outputs + 1)) if n_outputs > 1 else [1.0], null)
        for kind in curvature_kinds(objective):
            solve = kind.measure(np.zeros(objective.shape))
            step = solve(gradient)
            np.testing.assert_allclose(step @ null, 0.0, atol=1e-9)
            np.testing.assert_allclose(solve(gradient + drift), step, atol=1e-9)
            assert np.abs(step).max() > 0.1


@pytest.mark.parametrize(
    ("n_features", "n_outputs", "is_first"), [(4, 3, True), (784, 10, True), (1500, 8, False)]
)
def test_a_gram_matrix_that_costs_more_than_ten_steps_waits(n_features, n_outputs, is_first):
    X = np.zeros((10, n_features))
    with Workers() as workers:

        def sums_of(X):
            rows = Rows(X, n_outputs, workers)
            return RowSums(rows, np.zeros(10, dtype=int), np.full(10, 0.1))

        assert starts_from_gram_matrix(sums_of(X)) == is_first
        assert not starts_from_gram_matrix(sums_of(sparse.csr_array(X)))


@pytest.mark.parametrize(("n_features", "n_classes"), [(3, 2), (4, 3), (900, 4), (1500, 8)])
def test_the_first_kind_is_the_cheapest(n_features, n_classes):
    with Workers() as workers:
        task = Task(
            np.eye(2 * n_features, n_features),
            np.arange(2 * n_features) % n_classes,
            np.full(2 * n_features, 0.5 / n_features),
            1 if n_classes == 2 else n_classes,
            alpha=0.1,
            fit_intercept=True,
        )
        found = curvature_kinds(StandardizedProblem(task, workers, may_reduce=False).objective)
    costs = [kind.whole_cost for kind in found]
    assert costs[0] == min(costs)


def test_no_model_is_larger_than_the_limit(monkeypatch):
    full = 4 * (8 * 5) ** 2  # the whole Hessian takes four matrices of its size
    class_blocks = 9 * 5 * 5 / 2  # all blocks together may have twice as many entries
    for largest, n_kinds in ((full, 3), (full - 1, 2), (class_blocks, 2), (class_blocks - 1, 1)):
        monkeypatch.setattr(_curvature, "LARGEST", largest)
        assert len(kinds(np.eye(90, 4), 9)) == n_kinds
    monkeypatch.setattr(_curvature, "LARGEST", 15)
    assert kinds(np.eye(90, 4), 2) == [False]  # the diagonal


def kinds(X, n_classes):
    """For each kind of model, whether it is the Hessian."""
    n = X.shape[0]
    with Workers() as workers:
        task = Task(
            X,
            np.arange(n) % n_classes,
            np.full(n, 1 / n),
            1 if n_classes == 2 else n_classes,
            alpha=0.1,
            fit_intercept=True,
        )
        objective = StandardizedProblem(task, workers).objective
        return [kind.is_hessian for kind in curvature_kinds(objective)]


def test_models_are_measured_on_more_rows_each_time():
    """64, 256 and 1024 rows for each of five coefficients, then all rows."""
    n_samples = 64 * 5 * 40
    rows = []
    with Workers() as workers:
        y = np.arange(n_samples) % 3
        weights = np.full(n_samples, 1.0 / n_samples)
        task = Task(np.eye(n_samples, 4), y, weights, 3, alpha=0.1, fit_intercept=True)
        objective = StandardizedProblem(task, workers).objective
        shared, per_class, full = curvature_kinds(objective)
        sample, start = GrowingSubsample(objective), np.zeros(objective.shape)
        for share in (1 / 40, 4 / 40, 16 / 40, 1.0, 1.0):
            assert sample.share() == per_class.share(start) == full.share(start) == share
            assert full.cost(start) == share * full.whole_cost
            assert per_class.patience(start) == (4 if share < 1.0 else 8)
            rows.append(sample.draw().sums.n_samples)
            full.measure(start)  # its sample is drawn here
        assert shared.share(start) == 1.0
    assert rows == [64 * 5, 256 * 5, 1024 * 5, n_samples, n_samples]


def test_some_of_the_rarest_class_are_in_a_sample():
    """The effective number of rows counts; a class without weight does not."""
    y = np.zeros(10_000, dtype=int)
    y[:40], y[40:80] = 1, 2
    weights = np.ones(len(y))
    weights[40:80] = 0.0
    for heavy, share in (
        (1.0, 0.4),
        (1e6, 1.0),
    ):  # one heavy sample makes the effective number of the class one
        weights[0] = heavy
        with Workers() as workers:
            task = Task(np.eye(len(y), 4), y, weights / weights.sum(), 3, 0.1, True)
            assert GrowingSubsample(StandardizedProblem(task, workers).objective).share() == share


def test_a_sample_is_no_larger_than_the_limit(monkeypatch):
    monkeypatch.setattr(_curvature, "LARGEST", 64 * 5 * 5)
    sums = SimpleNamespace(n_samples=10**6, class_weights=lambda: np.ones((2, 3)) * 3e5)
    objective = SimpleNamespace(shape=(3, 5), sums=sums, has_outliers=False)
    sample = GrowingSubsample(objective)
    assert sample.share() == 64 * 5 / 10**6
    monkeypatch.setattr(_curvature, "LARGEST", 64 * 5 * 5 - 1)
    assert sample.share() == 1.0


def test_costs_grow_with_what_is_computed():
    """Measured in passes: full 7 and shared 2 for 1e6 × 20 × 5; shared 8 for 60000 × 784 × 10."""
    cost = _curvature.costs(5, 21)
    assert 0.5 < cost["shared"] < cost["per class"] < cost["full"] < 10
    assert _curvature.costs(10, 785)["shared"] == pytest.approx(8, abs=3)
