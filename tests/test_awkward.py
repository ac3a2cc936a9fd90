"""Data as users have them: what a fit says of itself is so, or it says that it cannot.

Offsets to 1e8, scales from 1e-6 to 1e6, giant cells, rare classes, duplicate entries, correlated
columns, wide ones, weights over many decades. The judges are the objective in extended precision at
the stored weights, and fits of the same problem in kinder coordinates.
"""

import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import xlogy
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from skl_softmax import SoftmaxGDClassifier, SoftmaxGDClassifierCV, softmax_path
from skl_softmax._curvature import curvature_kinds
from skl_softmax._duality import Certificate
from skl_softmax._problem import StandardizedProblem, Task
from skl_softmax._threads import Workers
from skl_softmax.textbook import softmax


def objective_at(model, X, codes, weights=None):
    """F at the stored weights, in extended precision, of centred columns; and the null loss."""
    X = np.asarray(X.toarray() if sparse.issparse(X) else X, np.longdouble)
    weights = np.ones(len(codes)) if weights is None else weights
    shares = np.asarray(weights, np.longdouble) / np.sum(weights, dtype=np.longdouble)
    center = X.mean(axis=0).astype(float)
    coef = np.asarray(model.coef_, np.longdouble)
    intercept = [
        Fraction(float(b))
        + sum(Fraction(float(w)) * Fraction(m) for w, m in zip(row, center, strict=True))
        for b, row in zip(model.intercept_, model.coef_, strict=True)
    ]
    logits = (X - center) @ coef.T + np.array([float(exact) for exact in intercept])
    if len(coef) == 1:
        logits = np.column_stack([0.0 * logits, logits])
    logits -= logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(codes)), codes]
    penalty = (1 - model.l1_ratio) / 2 * (coef**2).sum() + model.l1_ratio * np.abs(coef).sum()
    totals = np.bincount(codes, np.asarray(shares, float))
    null_loss = -(totals[totals > 0] * np.log(totals[totals > 0])).sum()
    return float(shares @ losses + model.alpha * penalty), float(null_loss)


def quietly(model, X, y, weights=None):
    """The fitted model, and whether it said a word."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, weights)
    return model, bool(caught)


@st.composite
def ugly(draw):
    """X, codes and weights: few of them normal."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_samples, n_features = draw(
        st.sampled_from([(60, 3), (200, 8), (40, 220), (30, 400), (300, 2)])
    )
    n_classes = draw(st.sampled_from([2, 3, 5]))
    X = rng.standard_normal((n_samples, n_features))
    kind = draw(st.sampled_from(["plain", "common", "smooth", "duplicates", "integers", "heavy"]))
    if kind == "common":
        X = X + 10.0 ** rng.uniform(0, 4) * rng.standard_normal((n_samples, 1))
    elif kind == "smooth":
        curves = np.sin(np.outer(np.arange(1, 6), np.linspace(0, 6, n_features)))
        X = rng.standard_normal((n_samples, 5)) @ curves + 1e-3 * X
    elif kind == "duplicates":
        X[:, -1] = X[:, 0]
    elif kind == "integers":
        X = np.rint(2.0 * X)
    elif kind == "heavy":
        X = np.sign(X) * np.abs(X) ** 5
    logits = X[:, :2] / X[:, :2].std() @ rng.standard_normal((2, n_classes))
    logits -= rng.uniform(0, 3) * np.arange(n_classes)
    codes = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    codes[:n_classes] = np.arange(n_classes)
    for _ in range(draw(st.integers(0, 4))):
        X[rng.integers(n_samples), rng.integers(n_features)] = 10.0 ** rng.uniform(3, 9)
    X = X * 10.0 ** rng.uniform(-6, 6, draw(st.sampled_from([1, n_features])))
    X += X.std(axis=0) * 10.0 ** draw(st.sampled_from([-9, 0, 2, 5, 8])) * rng.choice([-1, 1])
    spread = draw(st.sampled_from([0.0, 0.0, 1.0, 4.0]))
    weights = 10.0 ** rng.uniform(-spread, spread, n_samples)
    return X, codes, weights


@given(
    ugly(),
    st.sampled_from([np.asarray, np.asfortranarray, sparse.csr_array]),
    st.sampled_from([np.float64, np.float32]),
    st.sampled_from(
        [{}, {"alpha": 1e-6}, {"alpha": 1e-2, "l1_ratio": 0.5}, {"alpha": 1e-2, "gap_tol": 1e-3}]
    ),
)
def test_the_loss_is_that_of_the_stored_weights(data, layout, dtype, params):
    X, codes, weights = data
    X = layout(X.astype(dtype))
    model, is_warned = quietly(SoftmaxGDClassifier(max_iter=200, **params), X, codes, weights)
    loss, _ = objective_at(model, X, codes, weights)
    assert model.loss_ == model.loss_history_[-1]
    # A sample's loss is log(1 + …): near zero it is exact to a rounding of one, not of itself.
    assert model.loss_ == pytest.approx(loss, rel=1e-9, abs=1e-15) or is_warned
    assert model.converged_ != is_warned
    assert (np.diff(model.loss_history_) <= 0.0).all()


@given(ugly())
def test_converged_is_near_the_minimum(data):
    """Nearer than a hundredth of the null loss, whatever happens; judged from much longer fits."""
    X, codes, weights = data
    model, _ = quietly(SoftmaxGDClassifier(), X, codes, weights)
    further = SoftmaxGDClassifier(tol=1e-12, max_iter=5000, warm_start=True)
    further = quietly(further, X, codes, weights)[0]
    again = quietly(further, X, codes, weights)[0]
    _, null_loss = objective_at(model, X, codes, weights)
    if model.converged_:
        assert model.loss_ - min(further.loss_, again.loss_) <= 1e-3 * null_loss


def with_duplicates(X, rng, *, index_type=np.int32):
    """CSR of integers >= 0 with an entry of one for every count, unsorted, and explicit zeros."""
    rows, columns = np.nonzero(X >= 0)
    counts = np.maximum(X[rows, columns].astype(int), 1)
    values = np.minimum(X[rows, columns], 1.0)
    rows, columns, values = (np.repeat(a, counts) for a in (rows, columns, values))
    order = np.lexsort([rng.random(len(rows)), rows])
    starts = np.r_[0, np.cumsum(np.bincount(rows, minlength=len(X)))].astype(index_type)
    parts = values[order], columns[order].astype(index_type), starts
    return sparse.csr_array(parts, shape=X.shape)


@pytest.mark.parametrize("n_features", [12, 1500])
@pytest.mark.parametrize("index_type", [np.int32, np.int64])
@pytest.mark.parametrize("params", [{}, {"alpha": 0.01, "l1_ratio": 0.5, "tol": 1e-14}], ids=str)
def test_several_entries_for_a_cell_are_their_sum(rng, n_features, index_type, params):
    X = rng.poisson(0.7, size=(120, n_features)).astype(float)
    y = (X[:, 0] - X[:, 1] + rng.logistic(size=120) > 0).astype(int)
    twice = with_duplicates(X, rng, index_type=index_type)
    before = twice.data.copy(), twice.indices.copy(), twice.indptr.copy()
    for array in (twice.data, twice.indices, twice.indptr):
        array.flags.writeable = False
    once = sparse.csr_array(X)
    expected = SoftmaxGDClassifier(**params).fit(once, y)
    found = SoftmaxGDClassifier(**params).fit(twice, y, X_val=twice, y_val=y)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found.predict_proba(twice), expected.predict_proba(X), atol=1e-10)
    if not params:
        gaps = [model.duality_gap(A, y) for model, A in ((found, twice), (expected, once))]
        assert gaps[0] == pytest.approx(gaps[1], rel=1e-6)
        paths = [softmax_path(A, y, n_alphas=3).coefs for A in (twice, once)]
        np.testing.assert_allclose(*paths, atol=1e-10)
    for array, copy in zip((twice.data, twice.indices, twice.indptr), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("n_samples_for_one", [1000, 10_000, 100_000])
def test_rare_classes(n_samples_for_one):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(100_000, 5))
    logits = X @ [1, -1, 0.5, 0, 0] - np.log(n_samples_for_one) - 1
    y = (rng.logistic(size=len(X)) < logits).astype(int)
    y[:2] = 1
    model = SoftmaxGDClassifier().fit(X, y)
    exact = LogisticRegression(C=1 / (1e-4 * len(y)), solver="newton-cholesky", tol=1e-12).fit(X, y)
    exact.l1_ratio, exact.alpha = 0.0, 1e-4
    least, null_loss = objective_at(exact, X, y)
    assert model.converged_
    assert model.loss_ - least < 1e-3 * null_loss


@pytest.mark.parametrize("giant", [1e3, 1e6, 1e9, 1e12])
@pytest.mark.parametrize("n_cells", [1, 4])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
def test_giant_cells(giant, n_cells, sign, layout):
    """The minimum is that without the samples of the giants, or with them out of the way."""
    rng = np.random.default_rng(n_cells)
    X = rng.normal(size=(1000, 5))
    y = (X[:, 0] + rng.logistic(size=1000) > 0).astype(int)
    cells = np.arange(n_cells), np.arange(n_cells)
    X[cells] = sign * giant
    model = SoftmaxGDClassifier().fit(layout(X), y)
    assert model.converged_
    assert model.n_passes_ <= 120
    # By the method of others: a giant is out of the way or at a kink, in units of its own.
    peer = LogisticRegression(C=1e1, solver="newton-cholesky", tol=1e-12, max_iter=10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.fit(X, y)
    peer.l1_ratio, peer.alpha = 0.0, 1e-4
    assert model.loss_ <= objective_at(peer, X, y)[0] + 1e-4


def test_four_giant_cells_take_few_passes():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(2000, 5))
    y = (X[:, 0] + rng.logistic(size=2000) > 0).astype(int)
    X[[1, 2, 3, 4], [0, 1, 2, 3]] = 1e7
    assert SoftmaxGDClassifier().fit(X, y).n_passes_ <= 60


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_correlated_columns_far_from_zero(dtype):
    """Barometers, in Pa: the fit is that of the same columns less their means."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    X = (1e3 * rng.standard_normal((60, 1)) + rng.standard_normal((60, 300))).astype(dtype)
    far = X + np.asarray(101_300, dtype)
    kind = SoftmaxGDClassifier().fit((far - far.mean(axis=0, dtype=float)).astype(float), y)
    model, is_warned = quietly(SoftmaxGDClassifier(), far, y)
    assert model.loss_ == pytest.approx(kind.loss_, abs=1e-4) or (dtype is np.float32 and is_warned)


def test_smooth_curves_far_from_zero():
    """Directions that a Gram matrix cannot tell from rounding, and that tell the classes apart."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        factors, place = rng.normal(size=(80, 8)), np.linspace(0, 1, 1500)
        curves = np.array([np.sin(5 * (k + 1) * place) / (k + 1) ** 2 for k in range(8)])
        X = 1e4 + 1e3 * factors @ curves + 1e-3 * rng.normal(size=(80, 1500))
        y = (factors[:, 0] > 0).astype(int) + (factors[:, 3] > 0.5)
        model, is_warned = quietly(SoftmaxGDClassifier(), X, y)
        loss, null_loss = objective_at(model, X, y)
        assert model.loss_ == pytest.approx(loss, rel=1e-9)
        assert not is_warned
        # With gap_tol the columns' own coordinates are descended in.
        least = quietly(SoftmaxGDClassifier(gap_tol=1e-5, max_iter=5000), X, y)[0].loss_
        assert model.loss_ - least <= 1e-3 * null_loss


@pytest.mark.parametrize("shape", [(2500, 5000), (1100, 2300), (1024, 2048), (900, 2049)])
def test_wide_data_with_many_rows(rng, shape):
    X, y = rng.standard_normal(shape), rng.integers(0, 2, shape[0])
    model = SoftmaxGDClassifier().fit(X, y)
    assert model.converged_
    assert model.score(X, y) == 1.0


@pytest.mark.parametrize("n_outputs", [1, 3, 200])
@pytest.mark.parametrize("n_features", [1, 199, 200, 1023, 1500, 2048, 2049, 4096])
@pytest.mark.parametrize("n_samples", [2, 90, 700, 1024, 1025])
def test_there_is_always_a_model(n_outputs, n_features, n_samples):
    """Over all thresholds of shapes; the data are one row, repeated by reference."""
    X = np.broadcast_to(np.random.default_rng(0).random((n_samples, 1)), (n_samples, n_features))
    y = np.arange(n_samples) % max(2, n_outputs)
    with Workers() as workers, np.errstate(all="ignore"):
        task = Task(X, y, np.full(n_samples, 1 / n_samples), n_outputs, 0.1, True)
        assert curvature_kinds(StandardizedProblem(task, workers).objective)


def test_raw_columns_in_cross_validation():
    rng = np.random.default_rng(0)
    signal, time = rng.normal(size=400), 1.7e9 + 3e7 * rng.random(400)
    y = (2 * signal + rng.logistic(size=400) > 0).astype(int)
    X = np.column_stack([signal, time])
    model = SoftmaxGDClassifierCV().fit(X, y)
    assert model.score(X, y) >= SoftmaxGDClassifier().fit(X, y).score(X, y) - 0.01
    assert model.alpha_ not in model.alphas_[0, [0, -1]]


def test_an_end_of_the_grid_that_is_best_is_warned_of(rng):
    X = rng.normal(size=(2000, 2))
    y = (X[:, 0] + 0.1 * rng.logistic(size=2000) > 0).astype(int)
    with pytest.warns(UserWarning, match="at an end .* at the smallest of 3, .*Give alphas"):
        narrow = SoftmaxGDClassifierCV(alphas=3, eps=0.5).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SoftmaxGDClassifierCV(alphas=narrow.alphas_[0]).fit(X, y)  # the user's own


@pytest.mark.parametrize(
    "fit", [SoftmaxGDClassifier().fit, SoftmaxGDClassifierCV().fit, softmax_path]
)
def test_sparse_frames_with_nan_are_refused(rng, fit):
    frame = pd.DataFrame(rng.poisson(0.3, size=(60, 4)).astype(float))
    frame.iloc[3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        fit(frame.astype(pd.SparseDtype(float, 0.0)), np.arange(60) % 2)


def test_float32_csr_far_from_zero_leaves_no_column_out(rng):
    X = np.column_stack([rng.normal(size=300), 1e6 + rng.normal(size=300)]).astype(np.float32)
    X = np.hstack([X, sparse.random(300, 1500, 0.01, random_state=0).toarray().astype(np.float32)])
    y = (X[:, 1].astype(float) - 1e6 + rng.logistic(size=300) > 0).astype(int)
    model, is_warned = quietly(SoftmaxGDClassifier(), sparse.csr_array(X), y)
    assert model.coef_[0, 1] != 0.0 or is_warned


def test_arrays_of_arrow_are_labels(rng):
    pyarrow = pytest.importorskip("pyarrow")
    X, y = rng.normal(size=(60, 2)), rng.integers(0, 2, 60)
    model = SoftmaxGDClassifier().fit(X, pyarrow.array(y), pyarrow.array(np.ones(60)))
    np.testing.assert_array_equal(model.coef_, SoftmaxGDClassifier().fit(X, y).coef_)


def test_hundreds_of_classes_with_few_samples():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(300), 5)
    X = rng.normal(size=(300, 20))[y] + rng.normal(size=(1500, 20))
    model = SoftmaxGDClassifier(alpha=1e-5).fit(X, y)
    exact = SoftmaxGDClassifier(alpha=1e-5, tol=1e-10).fit(X, y)
    assert model.loss_ - exact.loss_ < 1e-3 * np.log(300)


def test_a_diagonal_model_is_not_believed_alone(rng):
    """Smooth curves on more columns than any matrix may have: nothing but the diagonal is there."""
    curves = np.sin(np.outer(np.arange(1, 9), np.linspace(0, 6, 2300)))
    curves /= np.arange(1, 9)[:, np.newaxis] ** 2
    factors = rng.normal(size=(1100, 8))
    X = 1e3 * factors @ curves + 0.1 * rng.normal(size=(1100, 2300))
    y = (factors[:, 7] + 0.3 * rng.logistic(size=1100) > 0).astype(int)
    model, is_warned = quietly(SoftmaxGDClassifier(), X, y)
    further = quietly(SoftmaxGDClassifier(tol=1e-8, max_iter=3000), X, y)[0]
    assert is_warned or model.loss_ - further.loss_ < 1e-2 * np.log(2)


def test_hundreds_of_classes_with_three_samples():
    rng = np.random.default_rng(3000)
    y = np.repeat(np.arange(800), 3)
    X = rng.normal(size=(800, 4))[y] + rng.normal(size=(2400, 4))
    model = SoftmaxGDClassifier(max_iter=100).fit(X, y)
    assert model.converged_
    exact = SoftmaxGDClassifier(tol=1e-9, max_iter=200).fit(X, y)
    assert model.loss_ - exact.loss_ < 1e-3 * np.log(800)


def test_no_promise_without_convergence(rng):
    X, y = rng.normal(size=(300, 5)), rng.integers(0, 3, 300)
    with pytest.warns(
        ConvergenceWarning, match="of the null loss above its minimum, more than tol"
    ):
        SoftmaxGDClassifier(max_iter=1, tol=1e-9).fit(X, y)


def test_a_giant_hides_no_constant_column_and_no_overflow(rng):
    X = rng.normal(size=(400, 3))
    y = (X[:, 0] + rng.logistic(size=400) > 0).astype(int)
    X[0, 0] = 1e7
    without = SoftmaxGDClassifier().fit(X, y)
    model = SoftmaxGDClassifier().fit(np.column_stack([X, np.full(400, 5.0)]), y)
    np.testing.assert_allclose(model.coef_[:, :3], without.coef_)
    assert model.coef_[0, 3] == 0.0
    for wrong, message in (
        (np.nan, "contains NaN"),
        (1e200, "too large to be squared, in column 3"),
    ):
        bad = np.column_stack([X, np.where(np.arange(400) == 5, wrong, X[:, 1])])
        with pytest.raises(ValueError, match=message):
            SoftmaxGDClassifier().fit(bad, y)


def test_a_certificate_beside_giants_is_the_dual(rng):
    """Term by term what the dual at the mixture is, of features whose mean is not zero."""
    for n_classes in (2, 3, 4):
        X = rng.normal(size=(200, 3))
        y = np.minimum(rng.integers(0, 3 * n_classes, 200), n_classes - 1)  # most are the last
        X[rng.integers(200), 1] = 1e4
        n_outputs, weights = (1 if n_classes == 2 else n_classes), np.full(200, 1 / 200)
        with Workers() as workers, np.errstate(all="ignore"):
            problem = StandardizedProblem(Task(X, y, weights, n_outputs, 0.3, True), workers)
            objective = problem.objective
            assert objective.has_outliers
            params = 0.1 * rng.normal(size=objective.shape)
            params -= params.mean(axis=0) * (n_outputs > 1)
            loss, gradient = objective.value_and_gradient(params)
            bound = problem.certificate()(params, loss, gradient)
            _, at_zero = objective.value_and_gradient(np.zeros_like(params))
        Z = (X - problem.center) / problem.scale
        logits = Z @ params[:, :-1].T + params[:, -1]
        logits = np.column_stack([np.zeros(200), logits]) if n_outputs == 1 else logits
        p = softmax(logits)
        t = np.eye(n_classes)[y]
        certificate = Certificate(objective, at_zero, Z.mean(axis=0))
        share, constant = certificate._mixture(weights @ (p - t), 0.0)
        assert share > 0.01
        moved = (((1 - share) * p + share * constant - t) * weights[:, np.newaxis]).T @ Z
        moved = moved[-n_outputs:]
        entropies = (1 - share) * weights @ xlogy(p, p).sum(axis=1) + share * xlogy(
            constant, constant
        ).sum()
        dual = -entropies - 0.5 * (moved**2 / objective.penalty[:-1]).sum()
        assert bound == pytest.approx(loss - dual, rel=1e-8)
