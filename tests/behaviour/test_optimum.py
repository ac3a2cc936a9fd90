"""The optimum: `LogisticRegression`'s at C = 1 / (alpha * sum of weights), to its last digits."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from skl_softmax import SoftmaxGDClassifier


def loss(model, X, y, weights, alpha):
    """F, from a fitted model's public attributes alone."""
    logits = model.decision_function(X)
    coef = model.coef_
    if logits.ndim == 1:
        logits = np.column_stack([np.zeros_like(logits), logits])
    codes = np.searchsorted(model.classes_, y)
    own = logits[np.arange(len(codes)), codes]
    losses = logsumexp(logits, axis=1) - own
    return weights @ losses / weights.sum() + alpha / 2 * (coef**2).sum()


def assert_same_optimum(
    X,
    y,
    alpha,
    *,
    sample_weight=None,
    class_weight=None,
    solver="newton-cholesky",
    proba=1e-6,
    **ours,
):
    weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    if class_weight == "balanced":
        weights = weights * (len(y) / len(np.unique(y)) / np.bincount(y))[y]
    elif class_weight is not None:
        weights = weights * np.array([class_weight.get(label, 1.0) for label in y])
    peer = LogisticRegression(
        C=1 / (alpha * weights.sum()),
        tol=1e-12,
        max_iter=10_000,
        solver=solver,
        class_weight=class_weight,
        fit_intercept=ours.get("fit_intercept", True),
    )
    # One thread: its BLAS and OpenMP pools spin against each other.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # at 1e-12 it often meets its precision first
        peer.fit(X, y, sample_weight)
    model = SoftmaxGDClassifier(alpha=alpha, class_weight=class_weight, **{"tol": 1e-18, **ours})
    model.fit(X, y, sample_weight)
    assert model.converged_
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), atol=proba)
    assert model.loss_ <= loss(peer, X, y, weights, alpha) + 1e-9
    assert model.loss_ == pytest.approx(loss(model, X, y, weights, alpha), abs=1e-9)
    return model


raw_data = pytest.mark.parametrize("load", [load_iris, load_wine, load_digits, load_breast_cancer])


@raw_data
@pytest.mark.parametrize("alpha", [1e-2, 1e-4])
def test_raw_data(load, alpha):
    assert_same_optimum(*load(return_X_y=True), alpha)


@raw_data
def test_weights(load, rng):
    X, y = load(return_X_y=True)
    weights = rng.random(len(y)) * (rng.random(len(y)) < 0.9)
    assert_same_optimum(X, y, 1e-2, sample_weight=weights)


@raw_data
def test_class_weights(load, rng):
    X, y = load(return_X_y=True)
    kept = rng.random(len(y)) < 1.0 / (1.0 + y)  # no two classes of the same size
    assert_same_optimum(X[kept], y[kept], 1e-2, class_weight="balanced")
    assert_same_optimum(X[kept], y[kept], 1e-2, class_weight={0: 3.0, 1: 0.2})
    named = {k: 0.5 + k for k in range(12)}  # as in a fold that lacks some of the classes
    assert_same_optimum(X[kept], y[kept], 1e-2, class_weight=named)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3, 7, 20, 50])
def test_number_of_classes(n_classes, fit_intercept):
    X, y = make_blobs(
        n_samples=600, n_features=5, centers=n_classes, cluster_std=4.0, random_state=0
    )
    assert_same_optimum(X, y, 1e-3, fit_intercept=fit_intercept)


@pytest.mark.parametrize(
    "layout",
    [sparse.csr_matrix, sparse.csr_array, sparse.csc_array, sparse.coo_array, sparse.lil_matrix],
)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_sparse(layout, n_classes, rng):
    X = sparse.random(400, 60, density=0.1, random_state=0, format="csr") * 10
    y = rng.integers(n_classes, size=400)
    model = assert_same_optimum(layout(X), y, 1e-3, solver="newton-cg")
    dense = SoftmaxGDClassifier(alpha=1e-3, tol=1e-18).fit(X.toarray(), y)
    np.testing.assert_allclose(model.coef_, dense.coef_, atol=1e-6)


@raw_data
def test_float32(load):
    X, y = load(return_X_y=True)
    model = SoftmaxGDClassifier(alpha=1e-2, tol=1e-12).fit(X.astype(np.float32), y)
    exact = SoftmaxGDClassifier(alpha=1e-2, tol=1e-18).fit(X, y)
    assert model.coef_.dtype == model.intercept_.dtype == np.float32
    proba = model.predict_proba(X.astype(np.float32))
    assert proba.dtype == np.float32
    # Where the loss is flat to a float32's rounding, 1e-7, probabilities may differ by its root.
    np.testing.assert_allclose(proba, exact.predict_proba(X), atol=5e-4)
    assert model.loss_ == pytest.approx(exact.loss_, abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("n_samples", "n_features"), [(20, 60), (30, 400)])
def test_fewer_samples_than_features(n_samples, n_features, n_classes, fit_intercept, rng):
    X = rng.normal(size=(n_samples, n_features)) * rng.uniform(0.1, 10.0, n_features) + 3.0
    y = np.arange(n_samples) % n_classes
    weights = rng.random(n_samples) * (np.arange(n_samples) > 2)
    for sample_weight in (None, weights):
        model = assert_same_optimum(
            X, y, 1e-2, solver="newton-cg", sample_weight=sample_weight, fit_intercept=fit_intercept
        )
        assert model.n_iter_ < 60


@pytest.mark.parametrize(
    ("n_samples", "n_features", "layout"),
    [
        (150, 4, np.asarray),  # the full model
        (150, 90, np.asarray),  # the shared one
        (30, 400, np.asarray),  # too far apart for the Gram matrix of wide data
        (150, 4, sparse.csr_array),  # the diagonal one
    ],
)
@pytest.mark.parametrize("extremes", [(1e9, 1e-9), (1e3, 1e-4)])
def test_penalties_powers_of_ten_apart(n_samples, n_features, layout, extremes, rng):
    """A penalty of as good as none, and as good as no column at all."""
    scale = np.ones(n_features)
    scale[:2] = extremes
    X, y = rng.normal(size=(n_samples, n_features)), np.arange(n_samples) % 3
    model = SoftmaxGDClassifier(alpha=1e-2, tol=1e-18).fit(layout(X * scale), y)
    residuals = model.predict_proba(layout(X * scale)) - np.eye(3)[y]
    slopes = residuals.T @ X / n_samples  # of the loss, for the columns before they were scaled
    np.testing.assert_allclose(slopes, -1e-2 * model.coef_ / scale, atol=2e-9)


def test_collinear_and_constant_columns(rng):
    X, y = load_iris(return_X_y=True)
    X = np.column_stack([X, X[:, 0], X @ rng.normal(size=(4, 2)), np.full(150, 0.1), np.zeros(150)])
    model = assert_same_optimum(X, y, 1e-3, solver="newton-cg")
    np.testing.assert_allclose(model.coef_[:, 0], model.coef_[:, 4], atol=1e-6)
    # As good as zero: a constant's coefficient costs penalty, the intercept does not.
    np.testing.assert_allclose(model.coef_[:, -2:], 0.0, atol=1e-9)


def test_collinear_columns_without_a_penalty(rng):
    """No unique coefficients, but unique probabilities."""
    X, y = make_blobs(n_samples=300, cluster_std=5.0, random_state=0)
    full_rank = SoftmaxGDClassifier(alpha=0, tol=1e-20).fit(X, y)
    X2 = np.column_stack([X, X @ rng.normal(size=(2, 3)), np.ones(300)])
    collinear = SoftmaxGDClassifier(alpha=0, tol=1e-20).fit(X2, y)
    np.testing.assert_allclose(collinear.predict_proba(X2), full_rank.predict_proba(X), atol=1e-8)


def test_sparse_matrices_with_indices_of_two_types():
    X = sparse.random(400, 60, density=0.1, random_state=0, format="csr")
    y = np.arange(400) % 3
    expected = SoftmaxGDClassifier().fit(X, y)
    X.indptr = X.indptr.astype(np.int64)
    model = SoftmaxGDClassifier().fit(X, y)
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_constant_columns_of_sparse_data(rng):
    X = sparse.random(200, 20, density=0.2, random_state=0, format="csr")
    X = sparse.hstack([X, np.full((200, 1), 0.1), np.full((200, 1), 1e6)], format="csr")
    y = rng.integers(3, size=200)
    model = SoftmaxGDClassifier(alpha=1e-3, tol=1e-18).fit(X, y)
    without = SoftmaxGDClassifier(alpha=1e-3, tol=1e-18).fit(X[:, :20], y)
    assert model.n_iter_ <= without.n_iter_ + 1
    np.testing.assert_allclose(model.coef_[:, :20], without.coef_, atol=1e-7)
    # The gradient is rounded where the intercept's, times 1e6, is taken off it; over alpha.
    np.testing.assert_allclose(model.coef_[:, 20:], 0.0, atol=1e6 * 1e-16 / 1e-3)


@pytest.mark.parametrize(("dtype", "value"), [(np.float32, 1e7), (np.float64, 1e15), (float, 0.1)])
def test_constant_columns_are_inert(dtype, value):
    X, y = load_iris(return_X_y=True)
    X = X.astype(dtype)
    without = SoftmaxGDClassifier(alpha=1e-2, tol=1e-10).fit(X, y)
    X5 = np.column_stack([X, np.full(150, value, dtype)])
    model = SoftmaxGDClassifier(alpha=1e-2, tol=1e-10).fit(X5, y)
    np.testing.assert_array_equal(model.coef_[:, 4], 0.0)
    np.testing.assert_allclose(model.coef_[:, :4], without.coef_, atol=1e-4)
    assert model.stop_reason_ == "tol"


@pytest.mark.parametrize(
    ("dtype", "offset", "step"), [(np.float32, 2**10, -10), (float, 2**20, -25)]
)
def test_a_spread_of_a_few_roundings_is_a_feature(dtype, offset, step, rng):
    """If all that rounding leaves is two values, they are still two."""
    y = rng.integers(2, size=2000)
    flag = np.where(rng.random(2000) < 0.9, y, 1 - y)[:, np.newaxis]
    X = (offset + flag * 2.0**step).astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the digits run out, and it says so
        model = SoftmaxGDClassifier(alpha=0).fit(X, y)
    expected = SoftmaxGDClassifier(alpha=0).fit(flag, y)
    assert model.coef_[0, 0] != 0.0
    assert model.score(X, y) == expected.score(flag, y)


def test_constant_columns_of_wide_data_are_inert(rng):
    X, y = rng.normal(size=(30, 400)), np.arange(30) % 3
    without = SoftmaxGDClassifier(alpha=1e-2, tol=1e-16).fit(X, y)
    model = SoftmaxGDClassifier(alpha=1e-2, tol=1e-16).fit(
        np.column_stack([X, np.full(30, 1e15 / 3)]), y
    )
    np.testing.assert_allclose(model.coef_[:, :-1], without.coef_, atol=1e-8)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_columns_of_any_scale_and_offset(offset):
    X, y = load_wine(return_X_y=True)
    scale = np.geomspace(1e-6, 1e6, X.shape[1])
    y = np.where(np.arange(len(y)) % 3, y, np.arange(len(y)) // 3 % 3)  # so that there is a minimum
    plain = SoftmaxGDClassifier(alpha=0.0, tol=1e-3).fit(X, y)
    scaled = SoftmaxGDClassifier(alpha=0.0, tol=1e-3).fit((X + offset) * scale, y)
    assert scaled.n_iter_ <= plain.n_iter_ + 2
    np.testing.assert_allclose(
        scaled.predict_proba((X + offset) * scale), plain.predict_proba(X), atol=1e-3
    )


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(
    ("dtype", "size"),
    [(float, 1e150), (float, 1e-150), (np.float32, 1e30), (np.float32, 1e-30)],
)
def test_values_at_the_ends_of_the_range(layout, dtype, size, rng):
    X, y = rng.normal(size=(60, 3)), np.arange(60) % 3
    expected = SoftmaxGDClassifier(alpha=0).fit(layout(X), y)
    sized = layout((X * size).astype(dtype))
    model = SoftmaxGDClassifier(alpha=0).fit(sized, y)
    assert model.converged_
    np.testing.assert_allclose(model.predict_proba(sized), expected.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("size", [1e-170, 1e-320])
def test_values_too_small_to_be_squared_are_no_feature(size, rng):
    X, y = rng.normal(size=(60, 3)), np.arange(60) % 3
    model = SoftmaxGDClassifier().fit(X * [1.0, 1.0, size], y)
    without = SoftmaxGDClassifier().fit(X[:, :2], y)
    np.testing.assert_allclose(model.coef_[:, :2], without.coef_, atol=1e-12)


def test_a_single_point_with_many_features():
    model = SoftmaxGDClassifier().fit(np.ones((20, 300)), np.arange(20) % 2)
    np.testing.assert_allclose(model.predict_proba(np.ones((1, 300))), 0.5)


def test_a_constant_step_ends_at_the_same_optimum(lab):
    X, y = lab
    model = assert_same_optimum(X, y, 1e-2, learning_rate=0.9, max_iter=5000, tol=1e-16)
    assert model.n_iter_ < 5000


def test_many_classes(rng):
    """1000 classes: the optimality conditions, by the fit's own gradient and by the outcome."""
    n_classes = 1000
    X = rng.normal(size=(3000, 4))
    y = np.arange(3000) % n_classes
    model = SoftmaxGDClassifier(alpha=1e-2, tol=1e-16).fit(X, y)
    assert model.converged_
    residuals = model.predict_proba(X) - np.eye(n_classes)[y]
    np.testing.assert_allclose(residuals.sum(axis=0) / 3000, 0.0, atol=1e-8)
    np.testing.assert_allclose(residuals.T @ X / 3000, -1e-2 * model.coef_, atol=1e-7)
