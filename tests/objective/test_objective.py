"""The block kernels and curvature sums: against `textbook` and finite differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from skl_softmax import textbook
from skl_softmax._engines import kernels as _kernels
from skl_softmax._engines import negligible_rows as _essential
from skl_softmax._engines import protocol as _sums
from skl_softmax._engines import row_curvature as _row_curvature
from skl_softmax._engines import rows as _rows
from skl_softmax._engines.row_sums import RowSums
from skl_softmax._engines.rows import Rows
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.problem import StandardizedProblem
from skl_softmax._fit.task import Task
from skl_softmax._objective.smooth import SoftmaxObjective

LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "csr_array": sparse.csr_array,
    "csr_matrix": sparse.csr_matrix,
}


def make_problem(seed, n_samples, n_features, n_classes, *, zeros=False):
    """Samples, labels of every class if there is room, weights with zeros, params."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) * 10.0 ** rng.integers(-2, 3, n_features)
    if zeros:
        X[rng.random(X.shape) < 0.5] = 0.0
    y = rng.permutation(np.arange(n_samples) % n_classes)
    weights = rng.random(n_samples) * (rng.random(n_samples) < 0.8)
    weights[0] += 0.1
    return X, y, weights / weights.sum(), rng


def make_objective(X, y, weights, n_classes, workers, *, alpha=0.1, fit_intercept=True, rng=None):
    """An objective in raw coordinates, or in random coordinates if `rng` is given."""
    n_outputs, n_features = 1 if n_classes == 2 else n_classes, X.shape[1]
    center, scale = np.zeros(n_features), np.ones(n_features)
    if rng is not None:
        center = rng.normal(size=n_features) * fit_intercept
        scale = rng.uniform(0.5, 2.0, size=n_features)
    return SoftmaxObjective(
        RowSums(Rows(X, n_outputs, workers), y, weights),
        alpha=alpha,
        fit_intercept=fit_intercept,
        center=center,
        scale=scale,
    )


def textbook_value_and_gradient(X, y, weights, coef, intercept, alpha):
    """F and its gradient for coef and intercept, from the textbook's formulas, row by row."""
    X = np.column_stack([X, np.ones(len(X))])
    two_classes = len(coef) == 1
    rows = np.column_stack([coef, intercept])  # (n_outputs, n_features + 1)
    W = (np.vstack([0 * rows, rows]) if two_classes else rows).T
    Y = np.eye(W.shape[1])[y]
    samples = [(X[i : i + 1], Y[i : i + 1], W) for i in range(len(X))]
    value = sum(w * textbook.cross_entropy(*s) for w, s in zip(weights, samples, strict=True))
    gradient = sum(
        w * textbook.cross_entropy_gradient(*s) for w, s in zip(weights, samples, strict=True)
    )
    gradient = gradient[:, two_classes:].T.copy()
    gradient[:, :-1] += alpha * coef
    return value + alpha / 2 * (coef**2).sum(), gradient


@given(
    seed=st.integers(0, 1000),
    n_samples=st.integers(1, 60),
    n_features=st.integers(1, 6),
    n_classes=st.integers(2, 6),
    layout=st.sampled_from(list(LAYOUTS)),
    dtype=st.sampled_from([np.float64, np.float32]),
    block_rows=st.integers(1, 30),
    run_operations=st.sampled_from([1, 100, 10**6]),
    n_threads=st.integers(1, 3),
)
def test_value_and_gradient_equal_the_textbook(
    seed, n_samples, n_features, n_classes, layout, dtype, block_rows, run_operations, n_threads
):
    X, y, weights, rng = make_problem(seed, n_samples, n_features, n_classes)
    X = X.astype(dtype)
    with pytest.MonkeyPatch.context() as patch, Workers() as workers:
        patch.setattr(_rows, "BLOCK_ROWS", (block_rows, block_rows))
        patch.setattr(_rows, "RUN_OPERATIONS", run_operations)
        workers.n_threads = n_threads
        objective = make_objective(LAYOUTS[layout](X), y, weights, n_classes, workers)
        params = rng.normal(size=objective.shape)
        value, gradient = objective.value_and_gradient(params)
        coef, intercept = objective.coef(params)
    expected = textbook_value_and_gradient(
        X.astype(float), y, weights, coef.astype(float), intercept.astype(float), alpha=0.1
    )
    if dtype == np.float64:
        tolerance = {"rtol": 1e-11, "atol": 1e-12}
    else:  # a logit of a few hundred is off by some 1e-5, and so is its probability
        tolerance = {"rtol": 1e-4, "atol": 1e-5 * np.abs(X).max()}
    np.testing.assert_allclose(value, expected[0], **tolerance)
    np.testing.assert_allclose(gradient, expected[1], **tolerance)


@pytest.fixture
def layout():
    """The layout of X: dense, unless a test asks for another."""
    return "C"


@pytest.fixture
def objective(n_classes, fit_intercept, layout):
    """An objective in random coordinates."""
    X, y, weights, rng = make_problem(1, 30, 3, n_classes, zeros=True)
    X = LAYOUTS[layout](X / np.abs(X).max(axis=0))
    with Workers() as workers:
        yield make_objective(
            X, y, weights, n_classes, workers, fit_intercept=fit_intercept, rng=rng
        )


@pytest.fixture
def params(objective):
    return np.random.default_rng(2).normal(size=objective.shape)


def differences(function, params, h=1e-5):
    """Central differences of function along every entry of params, (params.size, result.size)."""
    result = []
    for index in np.ndindex(params.shape):
        step = np.zeros_like(params)
        step[index] = h
        result.append(np.ravel(function(params + step) - function(params - step)) / (2 * h))
    return np.array(result)


def numeric_hessian(objective, params):
    return differences(lambda p: objective.value_and_gradient(p)[1], params)


every_kind = pytest.mark.parametrize(
    ("n_classes", "fit_intercept"), [(2, True), (2, False), (3, True), (3, False), (5, True)]
)


@every_kind
@pytest.mark.parametrize("layout", ["C", "csr_array"])
def test_gradient_equals_finite_differences(objective, params):
    slopes = differences(lambda p: objective.value_and_gradient(p)[0], params)
    np.testing.assert_allclose(
        objective.value_and_gradient(params)[1].ravel(), slopes[:, 0], atol=1e-9
    )


@every_kind
@pytest.mark.parametrize("layout", ["C", "csr_array"])
def test_hessian_diagonal_equals_finite_differences(objective, params):
    np.testing.assert_allclose(
        objective.hessian_diagonal(params).ravel(),
        numeric_hessian(objective, params).diagonal(),
        atol=1e-9,
    )


@every_kind
def test_class_hessians_equal_finite_differences(objective, params):
    n_outputs, n_dof = params.shape
    blocks = numeric_hessian(objective, params).reshape(n_outputs, n_dof, n_outputs, n_dof)
    expected = [blocks[k, :, k] for k in range(n_outputs)]
    np.testing.assert_allclose(objective.class_hessians(params), expected, atol=1e-9)


@pytest.mark.parametrize("n_classes", [3, 5])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_full_hessian_equals_finite_differences(objective, params, n_classes):
    """The Hessian for u with a last row of zeros, where params are u - u.mean(axis=0)."""
    n_dof = params.shape[1]
    centering = np.eye(n_classes)[:, :-1] - 1.0 / n_classes  # (n_classes, n_classes - 1)
    to_params = np.kron(centering, np.eye(n_dof))
    np.testing.assert_allclose(
        objective.full_hessian(params),
        to_params.T @ numeric_hessian(objective, params) @ to_params,
        atol=1e-9,
    )


@every_kind
def test_shared_hessian_is_exact_at_zero_and_for_two_classes(objective, params, n_classes):
    direction = np.random.default_rng(3).normal(size=params.shape)
    if n_classes > 2:  # on what sums to zero over the classes
        params = np.zeros_like(params)
        direction -= direction.mean(axis=0)
    np.testing.assert_allclose(
        (direction @ objective.shared_hessian(params)).ravel(),
        numeric_hessian(objective, params) @ direction.ravel(),
        atol=1e-9,
    )


@every_kind
def test_curvature_is_finite_where_every_probability_is_zero_or_one(objective, params, n_classes):
    hessians = [objective.hessian_diagonal, objective.shared_hessian, objective.class_hessians]
    if n_classes > 2:
        hessians.append(objective.full_hessian)
    for hessian in hessians:
        assert np.isfinite(hessian(1e4 * params)).all()
    value, gradient = objective.value_and_gradient(1e4 * params)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("n_classes", "kind"),
    [(2, "shared"), (2, "class"), (4, "shared"), (4, "class"), (4, "full")],
)
def test_rows_without_curvature_are_left_out_of_models(n_classes, kind, monkeypatch):
    """The part left out is positive semi-definite, and less than a thousandth of the whole.

    On NumPy alone, where rows can be counted; `test_compiled` compares.
    """
    monkeypatch.setattr(_kernels, "WORTH_COMPILING", np.inf)
    X, y, weights, _ = make_problem(1, 4000, 3, n_classes)
    X /= X.std(axis=0)
    multiplied = []
    with Workers() as workers:
        objective = make_objective(X, y, weights, n_classes, workers)
        measure = {
            "shared": objective.shared_hessian,
            "class": objective.class_hessians,
            "full": objective.full_hessian,
        }[kind]
        standardized = _row_curvature.standardized

        def counting(X, kept, frame):
            multiplied.append(len(kept))
            return standardized(X, kept, frame)

        monkeypatch.setattr(_row_curvature, "standardized", counting)
        params = 40.0 * np.random.default_rng(2).normal(size=objective.shape)
        approximate = np.atleast_3d(np.moveaxis(measure(params), 0, -1))
        monkeypatch.setattr(_essential, "NEGLIGIBLE", -1.0)
        exact = np.atleast_3d(np.moveaxis(measure(params), 0, -1))
    for missing, whole in zip((exact - approximate).T, exact.T, strict=True):
        eigenvalues = np.linalg.eigvalsh(missing)
        trace = np.trace(whole)
        assert eigenvalues.min() >= -1e-12 * trace
        assert 0.0 < eigenvalues.sum() < 1e-2 * trace
    few, every = multiplied
    assert every == len(X)
    assert few == len(X) if kind == "class" else few < 0.5 * len(X)


@every_kind
def test_a_sample_is_an_objective_over_some_of_the_rows(n_classes, fit_intercept):
    X, y, weights, rng = make_problem(1, 50, 3, n_classes)
    with Workers() as workers:
        objective = make_objective(
            X, y, weights, n_classes, workers, fit_intercept=fit_intercept, rng=rng
        )
        params = rng.normal(size=objective.shape)
        sample = objective.sample(20)
        chosen = [np.flatnonzero((row == X).all(axis=1)).item() for row in sample.sums.rows.X]
        assert len(chosen) == 20
        assert chosen == sorted(set(chosen))
        same = make_objective(
            X[chosen],
            y[chosen],
            weights[chosen] / weights[chosen].sum(),
            n_classes,
            workers,
            fit_intercept=fit_intercept,
        )
        same.center, same.scale, same.penalty = objective.center, objective.scale, objective.penalty
        same.frame = objective.frame
        value, gradient = sample.value_and_gradient(params)
        expected_value, expected_gradient = same.value_and_gradient(params)
        assert value == expected_value
        np.testing.assert_array_equal(gradient, expected_gradient)
        np.testing.assert_array_equal(sample.class_hessians(params), same.class_hessians(params))
        np.testing.assert_array_equal(objective.sample(20).sums.rows.X, sample.sums.rows.X)
        sums = objective.sums
        sums.weights = np.where(np.isin(np.arange(50), chosen), 0.0, sums.weights)
        assert sums.sample(20) is sums  # a sample without weight has no curvature


@every_kind
def test_a_known_gram_matrix_gives_the_curvature_at_zero(n_classes, fit_intercept):
    X, y, weights, _ = make_problem(1, 30, 3, n_classes)
    X[:, 1] = 0.0  # no feature at all
    n_outputs = 1 if n_classes == 2 else n_classes
    with Workers() as workers:
        task = Task(X, y, weights, n_outputs, 0.1, fit_intercept)
        objective = StandardizedProblem(task, workers).objective
        zero = np.zeros(objective.shape)
        passes = objective.sums.n_passes
        hessian, diagonal = objective.shared_hessian(zero), objective.hessian_diagonal(zero)
        objective.gram = np.diag(objective.gram)
        np.testing.assert_array_equal(objective.hessian_diagonal(zero), diagonal)
        assert objective.sums.n_passes == passes
        objective.gram = None
        np.testing.assert_allclose(objective.shared_hessian(zero), hessian, atol=1e-12)
        np.testing.assert_allclose(objective.hessian_diagonal(zero), diagonal, atol=1e-12)
        assert objective.sums.n_passes == passes + 2


def test_precision_is_of_the_logits_terms():
    """Offsets of 100 deviations cancel in a logit, and cost it digits."""
    X, y, weights, _ = make_problem(1, 30, 3, 3)
    X = (X / X.std(axis=0) + [0.0, 100.0, -10.0]).astype(np.float32)
    with Workers() as workers:
        objective = StandardizedProblem(Task(X, y, weights, 3, 0.1, True), workers).objective
        assert objective.precision == pytest.approx(101 * np.finfo(np.float32).eps, rel=0.2)


def test_the_intercept_makes_up_for_rounding_the_coefficients(rng):
    X, y, weights, _ = make_problem(1, 60, 50, 3)
    X = (X / X.std(axis=0) + 1e3).astype(np.float32)
    with Workers() as workers:
        objective = StandardizedProblem(Task(X, y, weights, 3, 0.1, True), workers).objective
        params = rng.normal(size=objective.shape)
        coef, intercept = objective.coef(params)
        at_center = coef.astype(float) @ objective.center + intercept
    assert (np.abs(at_center - params[:, -1]) <= 0.51 * np.spacing(np.abs(intercept))).all()


@given(
    n_samples=st.integers(1, 5000),
    n_features=st.integers(1, 50),
    size=st.sampled_from([0, 100, 10_000, 1_000_000, 4_000_000]),
    block_rows=st.integers(1, 2000),
)
def test_runs_are_all_rows_in_order_and_long_enough_for_their_results(
    n_samples, n_features, size, block_rows
):
    with pytest.MonkeyPatch.context() as patch, Workers() as workers:
        patch.setattr(_rows, "BLOCK_ROWS", (block_rows, block_rows))
        patch.setattr(_rows, "RUN_OPERATIONS", 1000)
        rows = Rows(np.empty((n_samples, n_features)), 3, workers)
        runs = rows._runs(size)
    assert rows._runs(0) is rows.runs
    assert len(rows._runs(n_features)) <= len(rows.runs)
    found = np.concatenate([np.arange(n_samples)[block.rows] for run in runs for block in run])
    np.testing.assert_array_equal(found, np.arange(n_samples))
    for run in runs:
        lengths = [block.X.shape[0] for block in run]
        assert lengths == [len(range(n_samples)[block.rows]) for block in run]
        if run is not runs[-1]:
            n_rows, n_bytes = sum(lengths), 8 * size * (len(runs) - 1)
            is_long = n_rows * n_features > size - n_features
            assert is_long or (n_rows >= _rows.RUN_ROWS and n_bytes <= _rows.FEW_BYTES)
            assert min(lengths[:-1], default=lengths[0]) >= np.sqrt(size) // 2


@pytest.mark.parametrize(
    ("shape", "size", "n_runs"),
    [
        ((140_001, 8), 9**2, (2, 2)),
        ((3264, 50), 459**2, (1, 4)),  # a whole Hessian takes as long as many passes
        ((1797, 64), 10 * 65**2, (1, 2)),
        ((1_000_000, 300), 301**2, (32, 32)),
    ],
)
def test_how_many_runs(shape, size, n_runs):
    with Workers() as workers:
        rows = Rows(np.broadcast_to(0.0, shape), 4, workers)
        assert (len(rows.runs), len(rows._runs(size))) == n_runs


def test_moments_of_sparse_data_are_not_merged_more_often_than_need_be():
    with Workers() as workers:
        rows = Rows(sparse.csr_array((20_000, 2**20)), 4, workers)
        assert len(rows._runs(2**20)) == len(rows.runs) == 1


@given(
    seed=st.integers(0, 1000),
    n_samples=st.integers(1, 40),
    n_features=st.sampled_from([4, 20]),  # computed along columns, and along rows
    layout=st.sampled_from(list(LAYOUTS)),
    block_rows=st.integers(1, 50),
    offset=st.sampled_from([0.0, 1e6]),
)
def test_column_moments_equal_numpy(seed, n_samples, n_features, layout, block_rows, offset):
    X, _, weights, _ = make_problem(seed, n_samples, n_features, 2)
    X += offset
    X[:, 0] = 0.1  # a constant that binary fractions cannot hold
    rows_of = LAYOUTS[layout](X)
    with pytest.MonkeyPatch.context() as patch, Workers() as workers:
        patch.setattr(_rows, "BLOCK_ROWS", (block_rows, block_rows))
        _, mean, variance = Rows(rows_of, 1, workers).column_moments(weights)
        if layout in "CF":
            _, _, covariance = Rows(rows_of, 1, workers).column_moments(weights, together=True)
    expected = np.average(X, axis=0, weights=weights)
    accuracy = {"rtol": 1e-7, "atol": 1e-18 * (1.0 + offset) ** 2}
    np.testing.assert_allclose(mean, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        variance, np.average((X - expected) ** 2, axis=0, weights=weights), **accuracy
    )
    if layout in "CF":
        assert variance[0] == 0.0
        np.testing.assert_allclose(covariance.diagonal(), variance, **accuracy)
        scale = np.sqrt(np.maximum(variance, 1e-300))
        centered = (X - expected) * np.sqrt(weights)[:, np.newaxis] / scale
        np.testing.assert_allclose(
            (covariance / scale / scale[:, np.newaxis])[1:, 1:],
            (centered.T @ centered)[1:, 1:],
            atol=1e-7,
        )


def test_a_row_with_weight_is_found(monkeypatch):
    monkeypatch.setattr(_rows, "SEARCHED_ROWS", 4)
    assert _rows._first_positive(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 1.0])) == 5
    assert _rows._first_positive(np.zeros(9)) == 0


def test_of_very_many_samples_no_permutation_is_made(monkeypatch):
    monkeypatch.setattr(_sums, "MANY_SAMPLES", 1000)
    np.testing.assert_array_equal(_sums.choose(1000, 3), _sums.choose(1000, 3))
    assert len(_sums.choose(1200, 600)) < 600  # some were drawn twice, and are taken once
    chosen = _sums.choose(10**12, 500)
    assert (np.diff(chosen) > 0).all()
    assert len(chosen) == 500
    assert 4e11 < np.median(chosen) < 6e11


@pytest.mark.parametrize("n_classes", [2, 4])
def test_blocks_of_float32_are_added_in_float64(n_classes, monkeypatch):
    """In float32, fifteen small blocks would be lost beside the first block's gradient."""
    monkeypatch.setattr(_rows, "BLOCK_ROWS", (4, 4))
    X = np.ones((64, 1), dtype=np.float32)
    X[:4] = 2.0**30
    n_outputs = 1 if n_classes == 2 else n_classes
    with Workers(at_most=1) as workers:
        rows = Rows(X, n_outputs, workers)
        assert [len(run) for run in rows.runs] == [16]
        sums = RowSums(rows, np.zeros(64, dtype=int), np.broadcast_to(1.0 / 64, 64))
        coef, intercept = np.zeros((n_outputs, 1), np.float32), np.zeros(n_outputs, np.float32)
        _, gradient, _ = sums.loss_and_gradient(coef, intercept)
    assert gradient.dtype == np.float64
    proba = 1.0 / n_classes
    assert gradient[-1, 0] == proba * (4 * 2.0**30 + 60) / 64
