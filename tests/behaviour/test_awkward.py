"""Data as users have them: what a fit says of itself is so, or it says that it cannot.

Offsets to 1e8, scales from 1e-6 to 1e6, giant cells, rare classes, duplicate entries, correlated
columns, wide ones, weights over many decades. The judges are the objective in extended precision at
the stored weights, and fits of the same problem in kinder coordinates.
"""

import os
import tempfile
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import xlogy
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from ugly import newton_minimum, objective_at, quietly, rounding_at, ugly

from skl_softmax import SoftmaxGDClassifier, SoftmaxGDClassifierCV, softmax_path
from skl_softmax._compat import HAS_DEVICES
from skl_softmax._descent.curvature import curvature_kinds
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.problem import StandardizedProblem
from skl_softmax._fit.task import Task
from skl_softmax._objective.duality import Certificate
from skl_softmax.textbook import softmax


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


L1 = {"alpha": 1e-3, "l1_ratio": 1.0}
ELASTIC = {"alpha": 1e-4, "l1_ratio": 0.5}


def least_loss(X, codes, weights, params):
    """The least loss that much longer fits find, from where each of them ended."""
    model = SoftmaxGDClassifier(tol=1e-12, max_iter=300, warm_start=True, **params)
    return min(quietly(model, X, codes, weights)[0].loss_ for _ in range(2))


@given(ugly(), st.sampled_from([{}, {}, ELASTIC, L1]))
def test_converged_is_near_the_minimum(data, params):
    """Nearer than a thousandth of the null loss, whatever happens."""
    X, codes, weights = data
    model, _ = quietly(SoftmaxGDClassifier(**params), X, codes, weights)
    _, null_loss = objective_at(model, X, codes, weights)
    if model.converged_:
        assert model.loss_ - least_loss(X, codes, weights, params) <= 1e-3 * null_loss


def halved(X):
    """CSR with two entries for each cell, whose sum is exact, and a zero."""
    rows, columns = np.nonzero(X)
    values = np.tile(0.5 * X[rows, columns], 2)
    values, rows, columns = (np.r_[a, 0] for a in (values, np.tile(rows, 2), np.tile(columns, 2)))
    order = np.argsort(rows, kind="stable")
    starts = np.r_[0, np.bincount(rows, minlength=len(X)).cumsum()]
    return sparse.csr_array((values[order], columns[order], starts), shape=X.shape)


def fit_of_map(model, X, codes, weights):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows keeps it open
        np.save(f"{folder}/X.npy", X)
        return model.fit(np.load(f"{folder}/X.npy", mmap_mode="r"), codes, weights)


def fit_of_chunks(model, X, codes, weights):
    da = pytest.importorskip("dask.array")
    from skl_softmax.dask import DaskSoftmaxGDClassifier

    chunks = [da.from_array(array, chunks=(25, *array.shape[1:])) for array in (X, codes, weights)]
    return DaskSoftmaxGDClassifier(**model.get_params()).fit(*chunks)


def fit_on_device(model, X, codes, weights):
    strict = pytest.importorskip("array_api_strict")
    if not HAS_DEVICES or os.environ.get("SCIPY_ARRAY_API") != "1":
        pytest.skip("scikit-learn wants SCIPY_ARRAY_API=1")
    there, here = strict.Device("device1"), strict.Device("CPU_DEVICE")
    with config_context(array_api_dispatch=True):
        model.fit(*(strict.asarray(array, device=there) for array in (X, codes, weights)))
    for name in ("coef_", "intercept_"):
        setattr(model, name, np.asarray(strict.asarray(getattr(model, name), device=here)))
    return model


def fit_of_path(model, X, codes, weights):
    params = {name: getattr(model, name) for name in ("l1_ratio", "max_iter")}
    alphas = [100 * model.alpha, model.alpha]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        path = softmax_path(X, codes, alphas=alphas, sample_weight=weights, **params)
    model.coef_, model.intercept_, model.loss_ = path.coefs[1], path.intercepts[1], path.losses[1]
    model.converged_ = not caught
    return model


def fit_of_search(model, X, codes, weights):
    """Of one fold, in which every class is."""
    search = SoftmaxGDClassifierCV(
        alphas=[model.alpha],
        l1_ratios=[model.l1_ratio],
        cv=[(np.arange(len(X)), np.arange(len(X)))],
        max_iter=model.max_iter,
    )
    search, is_warned = quietly(search, X, codes, weights)
    model.coef_, model.intercept_ = search.coef_, search.intercept_
    model.loss_, model.converged_ = objective_at(model, X, codes, weights)[0], not is_warned
    return model


DOORS = {
    "columns": lambda model, X, *rest: model.fit(np.asfortranarray(X), *rest),
    "sparse": lambda model, X, *rest: model.fit(sparse.csc_array(X), *rest),
    "two entries for a cell": lambda model, X, *rest: model.fit(halved(X), *rest),
    "frame": lambda model, X, *rest: model.fit(pd.DataFrame(X), *rest),
    "probabilities": lambda model, X, codes, weights: model.fit_proba(
        X, np.eye(codes.max() + 1)[codes], weights
    ),
    "memory map": fit_of_map,
    "Dask": fit_of_chunks,
    "device": fit_on_device,
    "path": fit_of_path,
    "cross-validation": fit_of_search,
}


@pytest.mark.parametrize("door", DOORS)
@settings(max_examples=10)
@given(ugly(), st.sampled_from([{}, ELASTIC]))
def test_every_door_leads_to_a_true_claim(door, data, params):
    X, codes, weights = data
    model = SoftmaxGDClassifier(max_iter=200, **params)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = DOORS[door](model, X, codes, weights)
    loss, null_loss = objective_at(model, X, codes, weights)
    error = abs(model.loss_ - loss)
    assert error <= 1e-9 * loss + rounding_at(model, X, weights) or caught
    if model.converged_:
        assert model.loss_ - least_loss(X, codes, weights, params) <= 1e-3 * null_loss


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


def buffers(data):
    """The arrays that hold an input's numbers."""
    if sparse.issparse(data):
        names = ("data", "row", "col") if data.format == "coo" else ("data", "indices", "indptr")
        return [getattr(data, name) for name in names]
    if isinstance(data, pd.DataFrame):
        return [column.to_numpy() for _, column in data.items()]
    return [data]


KINDS_OF_X = {
    "rows": np.asarray,
    "columns": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
    "integers": lambda X: X.astype(np.int64),
    "a view": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "objects": lambda X: X.astype(object),
    "CSR": halved,
    "CSC": lambda X: halved(X).tocsc(),
    "COO": lambda X: halved(X).tocoo(),
    "float32 CSR": lambda X: halved(X).astype(np.float32),
    "unsorted CSR": lambda X: sparse.csr_array(X)[:, ::-1],
    "frame": lambda X: pd.DataFrame(np.asfortranarray(X), copy=False),
}


@pytest.mark.parametrize("kind", KINDS_OF_X)
@pytest.mark.parametrize("width", [4, 1400])
def test_no_input_is_written_to(kind, width, rng):
    X = KINDS_OF_X[kind](rng.poisson(1.0, size=(40, width)).astype(float))
    y, weights = np.arange(40) % 3, rng.random(40)
    proba = np.eye(3)[y] * 0.7 + 0.1
    inputs = [X, y, weights, proba]
    held = [buffer for data in inputs for buffer in buffers(data)]
    before = [buffer.copy() for buffer in held]
    for buffer in held:
        buffer.flags.writeable = False
    cv = [(np.arange(40), np.arange(40))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for params in ({}, {"alpha": 0}, ELASTIC, {"learning_rate": 0.01}, {"gap_tol": 0.1}):
            model = SoftmaxGDClassifier(max_iter=5, store_coef_history=True, **params)
            model.fit(X, y, weights, X_val=X, y_val=y, sample_weight_val=weights)
            model.fit_proba(X, proba, weights)
            model.set_params(early_stopping=True, warm_start=True, class_weight="balanced")
            model.fit(X, y, weights)
        model.set_params(alpha=1e-3)
        for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            getattr(model, method)(X)
            if method != "predict_log_proba":
                list(getattr(model, f"staged_{method}")(X))
        model.score(X, y, weights)
        model.duality_gap(X, y, weights)
        for ratio in (0.0, 0.5):
            softmax_path(X, y, sample_weight=weights, n_alphas=2, l1_ratio=ratio, max_iter=5)
            search = SoftmaxGDClassifierCV(alphas=[0.1], l1_ratios=[ratio], cv=cv, max_iter=5)
            search.fit(X, y, sample_weight=weights).score(X, y)
    for buffer, copy in zip(held, before, strict=True):
        np.testing.assert_array_equal(buffer, copy)


@pytest.mark.parametrize("params", [{}, ELASTIC, L1], ids=str)
@pytest.mark.parametrize("n_samples_for_one", [1000, 10_000, 100_000])
def test_rare_classes(n_samples_for_one, params):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(100_000, 5))
    logits = X @ [1, -1, 0.5, 0, 0] - np.log(n_samples_for_one) - 1
    y = (rng.logistic(size=len(X)) < logits).astype(int)
    y[:2] = 1
    model = SoftmaxGDClassifier(**params).fit(X, y)
    exact = LogisticRegression(C=1 / (1e-4 * len(y)), solver="newton-cholesky", tol=1e-12).fit(X, y)
    exact.l1_ratio, exact.alpha = 0.0, 1e-4
    least, null_loss = objective_at(exact, X, y)
    if params:
        least = least_loss(X, y, None, params)
    assert model.converged_
    assert model.loss_ - least < 1e-3 * null_loss


@pytest.mark.parametrize("giant", [1e3, 1e6, 1e9, 1e12])
@pytest.mark.parametrize("n_cells", [1, 4])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_giant_cells(giant, n_cells, sign, layout, l1_ratio):
    """The minimum is that without the samples of the giants, or with them out of the way."""
    rng = np.random.default_rng(n_cells)
    X = rng.normal(size=(1000, 5))
    y = (X[:, 0] + rng.logistic(size=1000) > 0).astype(int)
    cells = np.arange(n_cells), np.arange(n_cells)
    X[cells] = sign * giant
    model = SoftmaxGDClassifier(l1_ratio=l1_ratio).fit(layout(X), y)
    assert model.converged_
    assert model.n_passes_ <= 120
    # By the method of others: a giant is out of the way or at a kink, in units of its own.
    peer = LogisticRegression(C=1e1, solver="newton-cholesky", tol=1e-12, max_iter=10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.fit(X, y)
    peer.l1_ratio, peer.alpha = l1_ratio, 1e-4
    assert model.loss_ <= objective_at(peer, X, y)[0] + 1e-4


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e5, 1e7, 1e9, 1e10, 1e12]),
    st.sampled_from([0.0, 1e6, 1.7e9]),
    st.sampled_from([np.float64, np.float64, np.float32]),
    st.booleans(),
)
def test_giants_of_several_classes_in_one_column(seed, giant, offset, dtype, fit_intercept):
    """It may say that it has not converged; if it says that it has, it is near the minimum."""
    rng = np.random.default_rng(seed)
    n_classes, n_cells = rng.integers(2, 5), rng.choice([1, 3, 6])
    X = rng.normal(size=(100, 3))
    logits = 2.0 * X @ rng.normal(size=(3, n_classes))
    codes = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    codes[:n_classes] = np.arange(n_classes)
    X[rng.choice(100, n_cells, replace=False), 0] = giant
    X[:, 1] += offset
    X = X.astype(dtype)
    model, is_warned = quietly(SoftmaxGDClassifier(fit_intercept=fit_intercept), X, codes)
    assert model.converged_ != is_warned
    if model.converged_:
        _, null_loss = objective_at(model, X, codes)
        least = newton_minimum(X, codes, 1e-4, model)
        assert model.loss_ - least <= 1e-3 * null_loss


@settings(max_examples=40)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from([1.0, 1e3, 1e6]), st.sampled_from([1e-3, 0.1, 1.0])
)
def test_a_number_as_learning_rate_that_is_too_large(seed, scale, rate):
    """Saturated weights have no curvature: they are not the minimum for that."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100, 2)) * [1.0, scale]
    codes = np.digitize(X[:, 0] + rng.logistic(size=100), [-1, 1])
    model, is_warned = quietly(SoftmaxGDClassifier(learning_rate=rate, max_iter=300), X, codes)
    assert model.converged_ != is_warned
    if model.converged_:
        assert model.loss_ - SoftmaxGDClassifier().fit(X, codes).loss_ <= 1e-3 * np.log(3)


DIFFERENCE_DOORS = {
    "rows": lambda model, *data: model.fit(*data),
    "sparse": DOORS["sparse"],
    "Dask": fit_of_chunks,
    "probabilities": DOORS["probabilities"],
    "a number": lambda model, *data: model.set_params(learning_rate=1.0).fit(*data),
}


@pytest.mark.parametrize("door", DIFFERENCE_DOORS)
@settings(max_examples=15)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-4, 1e-6, 3e-7, 1e-7, 1e-8, 1e-9]),
    st.sampled_from([0.0, 1e6, 1.7e9]),
    st.booleans(),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from(["plain", "a giant beside", "in few rows"]),
)
@example(0, 1e-8, 0.0, True, 0.0, "a giant beside")
@example(0, 1e-7, 0.0, True, 0.0, "in few rows")
def test_what_the_difference_of_two_columns_tells(
    door, seed, ratio, offset, fit_intercept, l1_ratio, kind
):
    """As start and end of an event: no product of columns has the digits for that."""
    rng = np.random.default_rng(seed)
    n = 2000 if kind == "in few rows" else 200
    start = offset + rng.normal(size=n)
    differs = rng.random(n) < (0.02 if kind == "in few rows" else 1.0)
    X = np.column_stack([start, start + ratio * differs * rng.gamma(2.0, size=n)])
    D = X[:, 1] - X[:, 0]
    if kind == "a giant beside":
        X = np.column_stack([X, np.exp(rng.normal(size=n))])
        X[rng.integers(n), 2] = 10.0 ** rng.uniform(4, 8)
    if D.std() == 0.0 or (not fit_intercept and ratio < 1e-11 * offset):
        return  # beside the offset hardly a digit is left
    slope = 0.2 if kind == "in few rows" else 3.0  # a few rows have D of seven deviations
    codes = (slope * (D - D.mean()) / D.std() + rng.logistic(size=n) > 0).astype(int)
    alpha = 0.0 if l1_ratio == 0.0 else 1e-3 * ratio
    model = SoftmaxGDClassifier(
        alpha=alpha, l1_ratio=l1_ratio, fit_intercept=fit_intercept, max_iter=200
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = DIFFERENCE_DOORS[door](model, X, codes, np.ones(n))
    if model.converged_:
        witness = SoftmaxGDClassifier(alpha=0, fit_intercept=fit_intercept)
        witness.fit((D / D.std())[:, np.newaxis], codes)
        weight = witness.coef_[0, 0] / D.std()
        witness.coef_ = np.array([[-weight, weight, 0.0][: X.shape[1]]])
        witness.set_params(alpha=alpha, l1_ratio=l1_ratio)
        loss, null_loss = objective_at(witness, X, codes)
        assert model.loss_ - loss <= 1e-2 * null_loss


@pytest.mark.parametrize("door", DOORS)
@settings(max_examples=12)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float64, np.float32]))
@example(125, np.float64)
@example(196, np.float64)
def test_few_rows_of_nearly_equal_columns(door, seed, dtype):
    """Curvature along some directions is below the ridge of a Cholesky factor."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.choice([10, 12, 20, 30])), int(rng.choice([6, 14, 20]))
    difference = 10.0 ** rng.uniform(-7, -1, d)
    X = rng.normal(size=(n, 1)) + difference * rng.normal(size=(n, d))
    X = (X * 10.0 ** rng.uniform(-6, 6, d)).astype(dtype)
    codes = np.append([0, 1], rng.integers(0, 2, n)[2:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may say that it has not converged
        model = DOORS[door](SoftmaxGDClassifier(), X, codes, np.ones(n))
    least = least_loss(X.astype(np.float64), codes, np.ones(n), {})
    assert model.loss_ - least <= 3e-4 * np.log(2) or not model.converged_


@pytest.mark.parametrize("seed", range(8))
def test_giants_in_wide_data(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(20, 400)), np.arange(20) % 4
    X[[5, 6, 7], [0, 1, 2]] = 10.0 ** rng.integers(3, 9)
    model, is_warned = quietly(SoftmaxGDClassifier(alpha=1e-4), X, y)
    assert model.converged_ != is_warned
    further = quietly(SoftmaxGDClassifier(alpha=1e-4, tol=1e-9, max_iter=3000), X, y)[0]
    assert is_warned or model.loss_ - further.loss_ <= 1e-3 * np.log(4)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_four_giant_cells_take_few_passes(l1_ratio):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(2000, 5))
    y = (X[:, 0] + rng.logistic(size=2000) > 0).astype(int)
    X[[1, 2, 3, 4], [0, 1, 2, 3]] = 1e7
    model = SoftmaxGDClassifier(l1_ratio=l1_ratio).fit(X, y)
    assert model.converged_
    assert model.n_passes_ <= 60


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


RAW = {
    "time": lambda rng: 1.7e9 + 3e7 * rng.random(400),
    "income": lambda rng: np.round(np.exp(rng.normal(12, 1.5, 400))),
    "share": lambda rng: 1e-6 * rng.random(400),
    "giant": lambda rng: np.where(np.arange(400) == 3, 1e10, rng.normal(size=400)),
    "heavy": lambda rng: np.exp(6.0 * np.abs(rng.normal(size=400)).clip(0, 2)),
}


@pytest.mark.parametrize("kind", RAW)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(2))
def test_raw_columns_in_cross_validation(kind, l1_ratio, seed):
    rng = np.random.default_rng(seed)
    signal, noise = rng.normal(size=400), RAW[kind](rng)
    y = (2 * signal + rng.logistic(size=400) > 0).astype(int)
    X = np.column_stack([signal, noise])
    plain = SoftmaxGDClassifier(l1_ratio=l1_ratio).fit(X, y)
    if kind != "giant":  # which has, where it is held out, a loss that outweighs all others
        model, _ = quietly(SoftmaxGDClassifierCV(l1_ratios=[l1_ratio]), X, y)
        assert model.score(X, y) >= plain.score(X, y) - 0.02
    path = softmax_path(X, y, l1_ratio=l1_ratio)
    assert path.losses[-1] <= plain.loss_ + 0.02


def test_larger_alphas_that_may_be_better_are_named():
    """Wide data with a signal: the largest of the default grid is the best."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 500))
    y = (2 * X[:, :3].sum(axis=1) + rng.logistic(size=60) > 0).astype(int)
    with pytest.warns(UserWarning, match="at the largest of 10, .* Larger alphas may: give alphas"):
        model = SoftmaxGDClassifierCV().fit(X, y)
    wider = np.r_[100 * model.alpha_, 10 * model.alpha_, model.alpha_]
    assert SoftmaxGDClassifierCV(alphas=wider).fit(X, y).alpha_ > model.alpha_


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
    further = quietly(SoftmaxGDClassifier(tol=1e-8, max_iter=600), X, y)[0]
    assert is_warned or model.loss_ - further.loss_ < 1e-2 * np.log(2)


@pytest.mark.parametrize("kind", ["random walks", "groups of columns", "waves"])
def test_models_that_classes_share_are_not_believed_alone(kind):
    """Many classes and correlated columns: no Hessian of all is to be had."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        n, d, K = 700, 400, 12
        X = rng.normal(size=(n, d))
        if kind == "random walks":
            X = np.cumsum(X, axis=1)
        elif kind == "groups of columns":
            X = np.repeat(rng.normal(size=(n, d // 10)), 10, axis=1) + 0.03 * X
        else:
            t = np.linspace(0.0, 6.0, d)
            X = rng.normal(size=(n, 6)) @ np.sin(np.outer(np.arange(1, 7), t)) + 0.01 * X
        logits = X[:, ::80] @ rng.normal(size=(5, K)) / X.std()
        y = (logits + rng.gumbel(size=(n, K))).argmax(axis=1)
        for tol in (1e-3, 1e-4):
            model = SoftmaxGDClassifier(alpha=1e-3, tol=tol).fit(X, y)
            exact = SoftmaxGDClassifier(alpha=1e-3, gap_tol=1e-8).fit(X, y)
            assert model.converged_
            assert model.loss_ - exact.loss_ < 2.0 * tol * np.log(K), (seed, tol)


def test_a_warm_start_with_another_alpha_is_no_minimum():
    """Skewed columns and several classes: the curvatures of the classes lie far apart."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        K = rng.integers(3, 9)
        X = np.exp(2.0 * rng.normal(size=(300, 2)))
        logits = 2.0 * np.log(X) @ rng.normal(size=(2, K))
        y = (logits + rng.gumbel(size=(300, K))).argmax(axis=1)
        warm = SoftmaxGDClassifier(warm_start=True)
        for alpha in (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5):
            warm.set_params(alpha=alpha).fit(X, y)
            cold = SoftmaxGDClassifier(alpha=alpha, tol=1e-12).fit(X, y)
            assert warm.converged_
            assert warm.loss_ - cold.loss_ < 1.1e-4 * np.log(K), (seed, alpha)


@pytest.mark.parametrize("alpha", [1e-4, 1e-6, 1e-8])
def test_a_warm_start_in_float32(alpha):
    """Few rows and scales far apart: the Hessian's small eigenvalues are rounding in float32."""
    n_converged = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = (rng.normal(size=(30, 25)) * 10.0 ** rng.uniform(-3, 3, 25)).astype(np.float32)
        y = np.r_[np.arange(4), rng.integers(0, 4, 26)]
        warm, _ = quietly(SoftmaxGDClassifier(alpha=1e-3, warm_start=True), X, y)
        quietly(warm.set_params(alpha=alpha), X, y)
        exact = SoftmaxGDClassifier(alpha=alpha, tol=1e-8).fit(X.astype(float), y)
        n_converged += warm.converged_
        assert not warm.converged_ or warm.loss_ - exact.loss_ < 1.1e-4 * np.log(4), seed
    assert n_converged >= 4


@pytest.mark.parametrize("alpha", [1e-4, 1e-2])
def test_a_few_rows_with_a_date(alpha):
    """The date's penalty is as good as none, and what tells it from a constant are a few rows."""
    n_warned = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        dates = np.round(1.7e9 + 3e7 * rng.random(10))
        X = np.column_stack([dates, rng.normal(size=(10, 2))])
        y = np.r_[np.arange(4), rng.integers(0, 4, 6)]
        model, is_warned = quietly(SoftmaxGDClassifier(alpha=alpha), X, y)
        exact, _ = quietly(SoftmaxGDClassifier(alpha=alpha, tol=1e-12), X, y)
        assert model.loss_ - exact.loss_ < 1.1e-4 * np.log(4), seed
        n_warned += is_warned
    assert n_warned <= 2


@pytest.mark.parametrize(("alpha", "degree"), [(1e-4, 6), (1e-7, 7), (0.0, 7), (0.0, 4)])
def test_powers_of_a_number_far_from_zero(alpha, degree):
    """Collinear columns whose scales lie far apart: it may say that it does not know."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        low, width = rng.choice([10.0, 50.0, 1000.0]), rng.choice([1.0, 10.0, 20.0])
        x = rng.uniform(low, low + width, 300)
        z = 2.0 * (x - low) / width - 1.0  # the same powers, of a number near zero
        y = (4.0 * np.sin(8.0 * z) + rng.logistic(size=300) > 0).astype(int)
        powers, kinder = (
            np.column_stack([number**k for k in range(1, degree + 1)]) for number in (x, z)
        )
        model, _ = quietly(SoftmaxGDClassifier(alpha=alpha), powers, y)
        if not model.converged_:
            continue
        if alpha == 0.0:
            least = SoftmaxGDClassifier(alpha=0.0, tol=1e-10).fit(kinder, y).loss_
        else:
            least = quietly(SoftmaxGDClassifier(alpha=alpha, gap_tol=1e-9), powers, y)[0].loss_
        assert model.loss_ - least < 1e-3 * np.log(2), seed


def test_rows_that_point_nearly_one_way_without_an_intercept():
    """The columns' means are a million deviations from zero, and their scales lie far apart."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        scale = 10.0 ** rng.uniform(0, 6, 18)
        Z = rng.normal(size=(300, 18))
        y = (3.0 * Z[:, 0] + rng.logistic(size=300) > 0).astype(int)
        X = (10.0 ** rng.choice([5.0, 6.0, 7.0]) + Z) * scale
        model, _ = quietly(SoftmaxGDClassifier(fit_intercept=False), X, y)
        further, _ = quietly(SoftmaxGDClassifier(fit_intercept=False, gap_tol=1e-9), X, y)
        assert not model.converged_ or model.loss_ - further.loss_ < 1e-3 * np.log(2), seed


@pytest.mark.parametrize("shape", [(25, 30), (25, 48), (40, 60)])
@pytest.mark.parametrize("offset", [1e4, 1e5, 1e6])
def test_more_columns_than_rows_far_from_zero_are_separated(shape, offset):
    """The weights that are stored separate the classes, not weights of rounding."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=shape) + offset, rng.integers(0, 2, shape[0])
        model, is_warned = quietly(SoftmaxGDClassifier(alpha=0.0), X, y)
        assert is_warned
        assert model.stop_reason_ == "separation"
        assert model.score(X, y) == 1.0
        assert model.loss_ == pytest.approx(objective_at(model, X, y)[0], rel=1e-6)


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
        X[rng.integers(200), 1] = 600.0
        n_outputs, weights = (1 if n_classes == 2 else n_classes), np.full(200, 1 / 200)
        with Workers() as workers, np.errstate(all="ignore"):
            problem = StandardizedProblem(Task(X, y, weights, n_outputs, 60.0, True), workers)
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
        assert loss - dual < loss  # or that would be the bound
        assert bound == pytest.approx(loss - dual, rel=1e-8)
