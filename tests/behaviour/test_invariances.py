"""What must not change a fit, and what a fit must not change."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit
from sklearn.datasets import load_digits, load_iris, load_wine, make_blobs
from ugly import quietly, ugly

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._model import SoftmaxModel


@st.composite
def overlapping(draw):
    """Samples and labels whose unpenalised optimum exists and is well determined."""
    k = draw(st.integers(2, 4))
    X, y = make_blobs(
        n_samples=draw(st.integers(60, 150)),
        n_features=draw(st.integers(1, 4)),
        centers=k,
        center_box=(-1.0, 1.0),
        cluster_std=2.0,
        random_state=draw(st.integers(0, 10_000)),
    )
    return X, y


def fit(X, y, sample_weight=None, **params):
    return SoftmaxGDClassifier(**{"tol": 1e-20, **params}).fit(X, y, sample_weight)


@given(overlapping(), st.data())
def test_scaling_and_shifting_columns_without_a_penalty(problem, data):
    X, y = problem
    scale, shift = (
        np.array(data.draw(st.lists(s, min_size=X.shape[1], max_size=X.shape[1])))
        for s in (
            st.sampled_from([1e-6, 1e-2, -3.0, 1e4, 1e6]),
            st.sampled_from([0.0, -2.0, 1e3, 1e5]),
        )
    )
    moved = (X + shift) * scale
    np.testing.assert_allclose(
        fit(moved, y, alpha=0).predict_proba(moved), fit(X, y, alpha=0).predict_proba(X), atol=1e-7
    )


@given(ugly(), st.sampled_from([{}, {"l1_ratio": 0.5}, {"gap_tol": 1e-3}]))
def test_order_of_ugly_samples_and_scale_of_their_weights(data, params):
    """Not bit by bit: but fits that both say they are near the minimum are near each other."""
    X, y, weights = data
    order = np.random.default_rng(0).permutation(len(y))
    model = SoftmaxGDClassifier(max_iter=200, **params)
    first, is_first_warned = quietly(model, X, y, weights)
    loss = first.loss_
    other, is_warned = quietly(model, X[order], y[order], 1e6 * weights[order])
    shares = np.bincount(y, weights) / weights.sum()
    allowed = params.get("gap_tol", -1e-3 * (shares * np.log(shares)).sum())
    assert abs(other.loss_ - loss) <= allowed or is_warned or is_first_warned


@given(overlapping(), st.randoms(use_true_random=False))
def test_order_of_samples(problem, random):
    X, y = problem
    order = random.sample(range(len(y)), len(y))
    before, after = fit(X, y), fit(X[order], y[order])
    np.testing.assert_allclose(after.coef_, before.coef_, atol=1e-9)
    np.testing.assert_allclose(after.intercept_, before.intercept_, atol=1e-9)


@given(
    overlapping(),
    st.sampled_from([1e-300, 1e-12, 1e-3, 7.0, 1e12, 1e307]),
    st.sampled_from(["auto", 0.1]),
)
def test_scale_of_the_weights(problem, factor, learning_rate):
    X, y = problem
    weights = np.random.default_rng(0).uniform(0.1, 1.0, len(y))
    params = {"learning_rate": learning_rate, "max_iter": 20, "tol": 0}
    before, after = (fit(X, y, w, **params) for w in (weights, factor * weights))
    np.testing.assert_allclose(after.coef_, before.coef_, atol=1e-9)


@given(overlapping(), st.sampled_from(["auto", 0.1]), st.booleans(), st.booleans())
def test_weights_are_repetition(problem, learning_rate, balanced, is_sparse):
    X, y = problem
    counts = np.random.default_rng(len(y)).integers(0, 4, len(y))
    counts[:10] = 1
    X_repeated, y_repeated = X.repeat(counts, axis=0), y.repeat(counts)
    if len(np.unique(y_repeated)) < len(np.unique(y)):
        return  # a class without weight would still be one
    params = {
        "learning_rate": learning_rate,
        "class_weight": "balanced" if balanced else None,
        "max_iter": 20,
        "tol": 1e-12 if learning_rate == "auto" else 0,
    }
    if is_sparse:
        X, X_repeated = sparse.csr_array(X), sparse.csr_array(X_repeated)
    weighted, repeated = fit(X, y, counts, **params), fit(X_repeated, y_repeated, **params)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-9)
    np.testing.assert_allclose(weighted.loss_history_, repeated.loss_history_, rtol=1e-9)


@given(
    overlapping() | ugly(),
    st.sampled_from([{"alpha": 0.0}, {"alpha": 1e-8}, {}, {"l1_ratio": 0.5}, {"alpha": 1.0}]),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_the_loss_never_rises(problem, penalty, dtype, fit_intercept):
    X, y = problem[:2]
    model = SoftmaxGDClassifier(**penalty, fit_intercept=fit_intercept, tol=0, max_iter=50)
    model, _ = quietly(model, X.astype(dtype), y)
    assert (np.diff(model.loss_history_) <= 0).all()
    assert model.loss_history_[0] == pytest.approx(np.log(len(model.classes_)))


@pytest.mark.parametrize("load", [load_iris, load_wine, load_digits])
@pytest.mark.parametrize("alpha", [1e-2, 1e-6, 0.0])
def test_the_loss_never_rises_on_raw_data(load, alpha):
    model = fit(*load(return_X_y=True), alpha=alpha, tol=0, max_iter=60)
    assert (np.diff(model.loss_history_) <= 0).all()


@given(
    overlapping(),
    st.sampled_from(["auto", 0.1]),
    st.sampled_from([np.asarray, sparse.csr_array]),
)
def test_coefficients_sum_to_zero_over_classes(problem, learning_rate, layout):
    X, y = problem
    model = fit(layout(X), y, learning_rate=learning_rate, alpha=0, max_iter=30, tol=0)
    if len(model.classes_) > 2:
        size = np.abs(model.coef_).max()
        np.testing.assert_allclose(model.coef_.sum(axis=0), 0.0, atol=1e-10 * size)
        np.testing.assert_allclose(model.intercept_.sum(), 0.0, atol=1e-9)


def logit_model(logits):
    """A model whose logits for the rows of an identity matrix are given."""
    logits = np.asarray(logits, dtype=float)
    if logits.shape[1] == 2:
        logits = logits[:, 1:] - logits[:, :1]
    return SoftmaxModel(np.arange(9), logits.T, np.zeros(logits.shape[1])), np.eye(len(logits))


logits_table = st.integers(2, 5).flatmap(
    lambda k: st.lists(
        st.lists(st.floats(-1e4, 1e4), min_size=k, max_size=k), min_size=1, max_size=6
    )
)


@given(logits_table, st.floats(-1e3, 1e3), st.sampled_from([np.float32, np.float64]))
def test_predicted_rows_are_distributions(logits, shift, dtype):
    model, X = logit_model(logits)
    X = X.astype(dtype)
    proba, log_proba = model.predict_proba(X), model.predict_log_proba(X)
    assert ((proba >= 0) & (proba <= 1)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-14)
    assert np.isfinite(log_proba).all()
    np.testing.assert_allclose(np.exp(log_proba), proba, atol=1e-14)
    shifted, _ = logit_model(np.add(logits, shift))
    np.testing.assert_allclose(shifted.predict_proba(X), proba, rtol=1e-10, atol=1e-300)


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=6))
def test_two_classes_are_the_sigmoid(logits):
    model, X = logit_model(np.column_stack([np.zeros(len(logits)), logits]))
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(logits), rtol=1e-13)


@pytest.mark.parametrize("size", [1e4, 1e6, 1e150, 1e300])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_predictions_are_finite_for_huge_logits(size, n_classes):
    model, X = logit_model(np.array([[size, -size, 0.0], [-size, size, size]])[:, :n_classes])
    log_proba = model.predict_log_proba(X)
    assert np.isfinite(log_proba).all()
    assert log_proba[0, 1] == -2 * size
    np.testing.assert_array_equal(model.predict_proba(X)[0], [1.0, 0.0, 0.0][:n_classes])


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
def test_samples_at_the_end_of_the_range(n_classes, dtype, layout):
    """Their logits are not finite, or not the differences; what follows from them is."""
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes].astype(dtype), y[y < n_classes]
    model = SoftmaxGDClassifier(alpha=1e-2).fit(X, y)
    deviations = X - X.mean(axis=0)
    far = deviations[np.abs(deviations).max(axis=1) > 1.0]
    far *= 0.9 * np.finfo(dtype).max / np.abs(far).max(axis=1, keepdims=True)
    # Logits without an intercept keep their order at any scale.
    logits = (far * 1e-10) @ model.coef_.T
    expected = logits.argmax(axis=1) if n_classes > 2 else (logits[:, 0] > 0).astype(int)
    np.testing.assert_array_equal(model.predict(layout(far)), expected)
    np.testing.assert_allclose(model.predict_proba(layout(far)), np.eye(n_classes)[expected])
    assert np.isfinite(model.predict_log_proba(layout(far))).all()
    assert np.isfinite(model.decision_function(layout(far))).all()
    both = np.concatenate([far, X])  # and their neighbours do not change
    np.testing.assert_array_equal(
        model.predict_proba(layout(both))[len(far) :], model.predict_proba(layout(X))
    )


def test_terms_that_are_out_of_range_but_cancel():
    model = SoftmaxModel(
        np.arange(3), np.array([[2.0, 2.0], [0.0, 0.0], [-2.0, -2.0]]), np.zeros(3)
    )
    np.testing.assert_allclose(model.predict_proba(np.array([[1.5e308, -1.5e308]])), 1 / 3)


def freeze(array):
    array.setflags(write=False)
    return array


@pytest.mark.parametrize("learning_rate", ["auto", 1e-6])
@pytest.mark.parametrize(
    "layout", [np.ascontiguousarray, np.asfortranarray, sparse.csr_array, sparse.csr_matrix]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_are_left_as_they_were(learning_rate, layout, dtype):
    X, y = load_wine(return_X_y=True)
    X = layout(X.astype(dtype))
    weights = np.linspace(0.1, 1.0, len(y))
    arrays = [X] if isinstance(X, np.ndarray) else [X.data, X.indices, X.indptr]
    arrays = [*map(freeze, [*arrays, y, weights])]
    copies = [array.copy() for array in arrays]
    model = fit(X, y, weights, learning_rate=learning_rate, max_iter=5, tol=0)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        getattr(model, method)(X)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_a_memory_mapped_file(tmp_path):
    X, y = load_wine(return_X_y=True)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(fit(mapped, y).coef_, fit(X, y).coef_)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_layouts_agree(n_outputs, rng):
    X = rng.normal(size=(500, 7))
    y = rng.integers(max(2, n_outputs), size=500)
    models = [fit(layout(X), y) for layout in (np.asfortranarray, sparse.csr_array, np.array)]
    for a, b in itertools.pairwise(models):
        np.testing.assert_allclose(a.coef_, b.coef_, atol=1e-8)
