"""The strength of the penalty, where it depends on the samples or on the feature."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold

from skl_softmax import SoftmaxGDClassifier, SoftmaxGDClassifierCV, softmax_path

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
