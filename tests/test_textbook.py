"""The formulas: against finite differences, the sigmoid and each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit

from skl_softmax import textbook

logit_rows = st.tuples(st.integers(1, 5), st.integers(2, 6)).flatmap(
    lambda shape: arrays(float, shape, elements=st.floats(-1e4, 1e4))
)


@given(logit_rows)
def test_softmax_rows_are_distributions(logits):
    proba = textbook.softmax(logits)
    assert ((proba >= 0) & (proba <= 1)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-14)


@given(logit_rows, st.floats(-1e3, 1e3))
def test_softmax_is_unmoved_by_a_shift(logits, shift):
    shifted = textbook.softmax(logits + shift)
    # The shift rounds the logits: to 1e-12 where they are about 1e4.
    np.testing.assert_allclose(shifted, textbook.softmax(logits), rtol=1e-11, atol=1e-300)


@given(logit_rows, st.randoms(use_true_random=False))
def test_softmax_is_permuted_with_the_classes(logits, random):
    order = random.sample(range(logits.shape[1]), logits.shape[1])
    np.testing.assert_allclose(
        textbook.softmax(logits[:, order]), textbook.softmax(logits)[:, order], rtol=1e-14
    )


@given(arrays(float, (4, 2), elements=st.floats(-300, 300)))
def test_softmax_of_two_classes_is_the_sigmoid_of_the_difference(logits):
    np.testing.assert_allclose(
        textbook.softmax(logits)[:, 1], expit(logits[:, 1] - logits[:, 0]), rtol=1e-12
    )


@pytest.mark.parametrize("size", [1e4, 1e6, 1e300])
def test_softmax_is_finite_for_huge_logits(size):
    np.testing.assert_array_equal(
        textbook.softmax([[size, -size, 0.0], [-size, -size, -size]]),
        [[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]],
    )


def test_softmax_of_small_integers():
    np.testing.assert_array_equal(
        textbook.softmax(np.array([[0, 255]], dtype=np.uint8)), textbook.softmax([[0.0, 255.0]])
    )


def test_cross_entropy_is_finite_where_the_probability_underflows():
    assert textbook.cross_entropy([[1e6]], [[1, 0]], [[-1.0, 1.0]]) == 2e6


@pytest.fixture
def problem(rng):
    X = np.column_stack([np.ones(12), rng.normal(size=(12, 4))])
    Y = np.eye(3)[rng.integers(3, size=12)]
    return X, Y, rng.normal(size=(5, 3))


def test_gradient_equals_finite_differences(problem):
    X, Y, W = problem
    gradient = textbook.cross_entropy_gradient(X, Y, W)
    h = 1e-6
    for index in np.ndindex(W.shape):
        step = np.zeros_like(W)
        step[index] = h
        slope = textbook.cross_entropy(X, Y, W + step) - textbook.cross_entropy(X, Y, W - step)
        assert gradient[index] == pytest.approx(slope / (2 * h), abs=1e-9)


def test_both_gradients_agree(problem):
    np.testing.assert_allclose(
        textbook.cross_entropy_gradient_elementwise(*problem),
        textbook.cross_entropy_gradient(*problem),
        rtol=1e-12,
        atol=1e-16,
    )


def test_public_names():
    assert textbook.__all__ == sorted(textbook.__all__)
    assert all(callable(getattr(textbook, name)) for name in textbook.__all__)


GRADIENTS = [textbook.cross_entropy_gradient, textbook.cross_entropy_gradient_elementwise]
FITTING = {"X": np.ones((3, 2)), "Y": np.eye(3), "W": np.zeros((2, 3))}


@pytest.mark.parametrize("function", [textbook.cross_entropy, *GRADIENTS])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"Y": [0, 1, 2]}, r"one-hot row for each sample.* 3 labels were given: np\.eye"),
        ({"Y": np.float64(1.0)}, r"Y must have the shape \(n_samples, n_classes\), not \(\)"),
        ({"Y": np.eye(3)[:, np.newaxis]}, r"Y must have the shape .* not \(3, 1, 3\)"),
        ({"Y": [[0], [1], [2]]}, r"W must have the shape .* \(2, 1\) by X and Y, not \(2, 3\)"),
        ({"Y": np.eye(4)[:, :3]}, "X has 3 samples, and Y has 4"),
        ({"Y": 2 * np.eye(3)}, "Each row of Y must sum to one"),
        ({"X": np.ones(3)}, r"X must have the shape \(n_samples, n_features\), not \(3,\)"),
        ({"X": np.ones((3, 0))}, r"X must have the shape .* not \(3, 0\)"),
        (
            {"X": np.ones((3, 3))},
            r"\(3, 3\) by X and Y, not \(2, 3\)\. A bias needs a column of ones",
        ),
        ({"W": np.zeros((3, 2))}, r"\(2, 3\) by X and Y, not \(3, 2\)"),
        ({"W": np.zeros(3)}, r"W must have the shape \(n_features, n_classes\), not \(3,\)"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(function, wrong, message):
    function(**FITTING)
    with pytest.raises(ValueError, match=message):
        function(**{**FITTING, **wrong})


@pytest.mark.parametrize("logits", [1.0, [], [[], []]])
def test_softmax_needs_rows(logits):
    with pytest.raises(ValueError, match=r"rows of logits, \(\.\.\., n_classes\), of one class"):
        textbook.softmax(logits)
