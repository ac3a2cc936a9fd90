"""Other shares of the classes: `with_class_prior`, whose oracle is Bayes' theorem."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from skl_softmax import SoftmaxGDClassifier, SoftmaxGDClassifierCV

CELLS = np.eye(4)  # with a weight for each cell, a model can have any probabilities there


@pytest.fixture(params=[2, 3])
def table(request, rng):
    """How often each class was seen in each cell, (n_cells, n_classes)."""
    return rng.integers(5, 60, size=(4, request.param)) * np.arange(1, request.param + 1) ** 2


def samples_of(table):
    """One sample for each entry of the table, weighted by it."""
    n_cells, n_classes = table.shape
    return (
        np.repeat(CELLS, n_classes, axis=0),
        np.tile(np.arange(n_classes), n_cells),
        table.ravel(),
    )


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 30.0, 1: 0.2}], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_model_that_is_right_gives_the_frequencies_of_the_population(table, class_weight, dtype):
    """However classes were weighted in training; without a penalty."""
    X, y, counts = samples_of(table)
    model = SoftmaxGDClassifier(alpha=0, tol=1e-14, class_weight=class_weight)
    model.fit(X.astype(dtype), y, counts)
    moved = model.with_class_prior(table.sum(axis=0) / table.sum())
    assert moved.intercept_.dtype == dtype
    frequencies = table / table.sum(axis=1, keepdims=True)
    tolerance = 1e-6 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(moved.predict_proba(CELLS), frequencies, atol=tolerance)


def test_it_is_bayes_theorem(table, rng):
    X, y, counts = samples_of(table)
    prior = rng.dirichlet(np.ones(table.shape[1]))
    model = SoftmaxGDClassifier(class_weight="balanced", store_coef_history=True)
    model.fit(X, y, counts)
    before = model.intercept_.copy()
    moved = model.with_class_prior(prior)
    np.testing.assert_allclose(model.class_prior_, 1 / table.shape[1])
    for found, proba in zip(
        moved.staged_predict_proba(X), model.staged_predict_proba(X), strict=True
    ):
        expected = proba * prior / model.class_prior_
        np.testing.assert_allclose(found, expected / expected.sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(found, moved.predict_proba(X))
    np.testing.assert_array_equal(model.intercept_, before)
    assert abs(moved.intercept_.sum() - before.sum()) < 1e-12 or len(before) == 1
    back = moved.with_class_prior(model.class_prior_)
    np.testing.assert_allclose(back.intercept_, before, atol=1e-12)


@pytest.mark.parametrize(
    "params",
    [{}, {"class_weight": {"a": 3.0}}, {"early_stopping": True, "random_state": 0}],
    ids=str,
)
@pytest.mark.parametrize("learning_rate", ["auto", 0.1])
def test_the_prior_is_the_classes_share_of_the_weight(params, learning_rate, rng):
    X, y, weights = rng.normal(size=(80, 3)), np.repeat(["a", "b"], [60, 20]), rng.random(80)
    model = SoftmaxGDClassifier(learning_rate=learning_rate, tol=0, max_iter=3, **params)
    model.fit(X, y, weights)
    if "early_stopping" in params:  # other samples than all
        assert model.class_prior_.sum() == pytest.approx(1.0)
        return
    weights = weights * np.where((y == "a") & ("class_weight" in params), 3.0, 1.0)
    expected = [weights[y == label].sum() / weights.sum() for label in "ab"]
    np.testing.assert_allclose(model.class_prior_, expected)


def test_soft_targets_a_search_and_sparse_weights(table):
    X, y, counts = samples_of(table)
    n_classes = table.shape[1]
    prior = np.full(n_classes, 1 / n_classes)
    frequencies = table / table.sum(axis=1, keepdims=True)
    soft = SoftmaxGDClassifier(alpha=0, tol=1e-14)
    soft.fit_proba(CELLS, frequencies, table.sum(axis=1))
    hard = SoftmaxGDClassifier(alpha=0, tol=1e-14).fit(X, y, counts)
    np.testing.assert_allclose(
        soft.with_class_prior(prior).predict_proba(X),
        hard.with_class_prior(prior).sparsify().predict_proba(X),
        atol=1e-6,
    )
    many = np.repeat(X, 5, axis=0), np.repeat(y, 5)
    search = SoftmaxGDClassifierCV(alphas=[0.1, 0.01]).fit(*many)
    assert search.best_estimator_.with_class_prior(prior).predict_proba(X).shape == (
        len(y),
        n_classes,
    )


@pytest.mark.parametrize(
    "prior",
    [
        [0.5, 0.4],
        [0.5, 0.5, 0.0],
        [1.0, 0.0],
        [1.5, -0.5],
        [np.nan, 0.5],
        [0.5, "half"],
        0.5,
        [[0.5, 0.5]],
        None,
    ],
    ids=str,
)
def test_what_is_no_prior_is_refused(prior, rng):
    model = SoftmaxGDClassifier().fit(rng.normal(size=(20, 2)), np.arange(20) % 2)
    allowed = (
        r"prior must hold a probability > 0 for each of the classes \[0, 1\], with a sum of one"
    )
    with pytest.raises((ValueError, TypeError), match=allowed):
        model.with_class_prior(prior)


def test_where_there_is_no_training_prior_it_is_refused(rng):
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 3
    with pytest.raises(NotFittedError):
        SoftmaxGDClassifier().with_class_prior([0.5, 0.5])
    through_zero = SoftmaxGDClassifier(fit_intercept=False).fit(X, y)
    with pytest.raises(ValueError, match="needs fit_intercept=True"):
        through_zero.with_class_prior([0.2, 0.3, 0.5])
    unseen = SoftmaxGDClassifier(class_weight={1: 0.0}).fit(X, y)
    with pytest.raises(ValueError, match="Class 1 had no weight in training"):
        unseen.with_class_prior([0.2, 0.3, 0.5])


def test_a_series_is_taken_by_its_labels():
    y = np.repeat(["common", "mid", "rare"], [20, 50, 30])
    X = np.random.default_rng(0).normal(size=(100, 2))
    model = SoftmaxGDClassifier().fit(X, y)
    shares = pd.Series(y).value_counts(normalize=True)  # the most frequent class first
    np.testing.assert_allclose(model.with_class_prior(shares).class_prior_, [0.2, 0.5, 0.3])
    plain = pd.Series([0.2, 0.5, 0.3])  # no labels but its own numbers
    np.testing.assert_allclose(model.with_class_prior(plain).class_prior_, [0.2, 0.5, 0.3])
