"""The course this package grew from, to the digit: by the textbook's loop and by the estimator.

Figures: "Lab2-4. Softmax Regression via Gradient Descent", Byungkook Oh, 2026.
"""

import numpy as np
import pytest

from skl_softmax import SoftmaxGDClassifier, textbook

# Rows: bias, x1, x2; columns: classes.
GRADIENT_AT_ZERO = [
    [-0.0027, 0.0013, 0.0013],
    [0.1211, -0.2308, 0.1097],
    [0.1095, 0.1073, -0.2168],
]
LOSS_AFTER = {0: 1.098612, 1: 1.026042, 5: 0.819554, 30: 0.421889, 300: 0.178821}
ACCURACY_AFTER = {1: 0.756, 5: 0.840, 30: 0.924, 300: 0.956}
FINAL_WEIGHTS = [
    [2.1905, -1.0978, -1.0928],
    [-2.4749, 4.3155, -1.8406],
    [-2.4770, -1.7428, 4.2199],
]


@pytest.fixture(scope="module")
def classifier(lab):
    return SoftmaxGDClassifier(
        learning_rate=0.5, alpha=0, max_iter=300, tol=0, store_coef_history=True
    ).fit(*lab)


@pytest.fixture(scope="module")
def loop(lab):
    """The textbook's loop: weights and loss of every step."""
    X, y = lab
    X, Y = np.column_stack([np.ones(len(X)), X]), np.eye(3)[y]
    weights = [np.zeros((3, 3))]
    for _ in range(300):
        weights.append(weights[-1] - 0.5 * textbook.cross_entropy_gradient(X, Y, weights[-1]))
    return weights, [textbook.cross_entropy(X, Y, W) for W in weights]


def in_lab_layout(coef, intercept):
    return np.column_stack([intercept, coef]).T


def test_samples_per_class(lab):
    np.testing.assert_array_equal(np.bincount(lab[1]), [84, 83, 83])


def test_gradient_at_zero_weights(classifier, loop):
    # The first step goes against the gradient, times the learning rate.
    first = in_lab_layout(classifier.coef_history_[1], classifier.intercept_history_[1])
    for gradient in (first / -0.5, loop[0][1] / -0.5):
        np.testing.assert_allclose(gradient, GRADIENT_AT_ZERO, atol=5e-5)


@pytest.mark.parametrize(("step", "loss"), LOSS_AFTER.items())
def test_loss(classifier, loop, step, loss):
    assert classifier.loss_history_[step] == pytest.approx(loss, abs=5e-7)
    assert loop[1][step] == pytest.approx(loss, abs=5e-7)


def test_training_accuracy(classifier, lab):
    X, y = lab
    accuracy = [np.mean(labels == y) for labels in classifier.staged_predict(X)]
    assert {step: round(accuracy[step], 3) for step in ACCURACY_AFTER} == ACCURACY_AFTER


def test_final_weights(classifier, loop):
    for weights in (in_lab_layout(classifier.coef_, classifier.intercept_), loop[0][-1]):
        np.testing.assert_allclose(weights, FINAL_WEIGHTS, atol=5e-5)


def test_every_step_is_the_textbook_loop(classifier, loop):
    assert len(classifier.loss_history_) == len(classifier.coef_history_) == 301
    np.testing.assert_allclose(classifier.loss_history_, loop[1], rtol=1e-13)
    for coef, intercept, W in zip(
        classifier.coef_history_, classifier.intercept_history_, loop[0], strict=True
    ):
        np.testing.assert_allclose(in_lab_layout(coef, intercept), W, rtol=1e-11, atol=1e-13)


def test_boundaries_meet_in_one_point(classifier):
    # (w_j - w_k) @ x + (b_j - b_k) = 0: where two of them cross, the third passes.
    coef, intercept = classifier.coef_, classifier.intercept_
    crossing = np.linalg.solve(coef[:2] - coef[2], intercept[2] - intercept[:2])
    assert (coef[0] - coef[1]) @ crossing == pytest.approx(intercept[1] - intercept[0], abs=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_two_columns_of_weights_are_one_row_at_twice_the_rate(lab, alpha):
    """With half of the penalty: the loop over both columns, penalised but for the bias."""
    X, y = lab
    X, y = X[y < 2], y[y < 2]
    X1, W = np.column_stack([np.ones(len(X)), X]), np.zeros((3, 2))
    model = SoftmaxGDClassifier(
        learning_rate=1.0, alpha=alpha / 2, max_iter=30, tol=0, store_coef_history=True
    ).fit(X, y)
    for coef, intercept in zip(model.coef_history_, model.intercept_history_, strict=True):
        difference = in_lab_layout(coef, intercept)[:, 0]
        np.testing.assert_allclose(W[:, 1] - W[:, 0], difference, atol=1e-12)
        gradient = textbook.cross_entropy_gradient(X1, np.eye(2)[y], W)
        W = W - 0.5 * (gradient + alpha * W * [[0], [1], [1]])
