r"""The formulas of softmax regression as a course writes them, plain and readable.

With samples in the rows of :math:`X` (n_samples, n_features), one-hot labels in the rows of
:math:`Y` (n_samples, n_classes) and weights in the columns of :math:`W` (n_features, n_classes):

.. math::

    P = \mathrm{softmax}(X W), \qquad
    L(W) = -\frac1n \sum_{i,k} Y_{ik} \log P_{ik}, \qquad
    \nabla L(W) = \frac1n X^\top (P - Y).

The bias is the weight of a first column of ones in :math:`X`. The training loop is three lines::

    for step in range(n_steps):
        W = W - learning_rate * cross_entropy_gradient(X, Y, W)
        losses.append(cross_entropy(X, Y, W))

This module imports NumPy alone. The fast code of this package is tested against these functions,
so they must not use it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "cross_entropy",
    "cross_entropy_gradient",
    "cross_entropy_gradient_elementwise",
    "softmax",
]


def softmax(logits: ArrayLike) -> NDArray[np.floating]:
    r"""Turn rows of logits into rows of probabilities.

    .. math:: p_k = \frac{e^{z_k}}{\sum_j e^{z_j}} = \frac{e^{z_k - m}}{\sum_j e^{z_j - m}},
              \qquad m = \max_j z_j

    Subtracting the maximum m of a row does not change the result. It keeps every exponential in
    [0, 1], so that none overflows.

    Parameters
    ----------
    logits : array-like of shape (..., n_classes)
        Real numbers; the last axis runs over the classes.

    Returns
    -------
    proba : ndarray of shape (..., n_classes)
        Probabilities: not negative, and each row sums to one.

    Raises
    ------
    ValueError
        If the logits are a single number, or of no class.

    References
    ----------
    Bishop, C. M., Pattern Recognition and Machine Learning, 2006, equation (4.104).

    Examples
    --------
    >>> from skl_softmax.textbook import softmax
    >>> softmax([[0.0, 0.0], [1000.0, 0.0]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    logits = np.asarray(logits) * 1.0  # small integers would wrap around
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(
            f"Give rows of logits, (..., n_classes), of one class at least: the shape is"
            f" {logits.shape}."
        )
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    proba: NDArray[np.floating] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return proba


def cross_entropy(X: ArrayLike, Y: ArrayLike, W: ArrayLike) -> float:
    r"""Return the mean cross-entropy of the labels, in nats per sample.

    .. math:: L(W) = -\frac1n \sum_i \sum_k Y_{ik} \log P_{ik}, \qquad
              \log P_{ik} = z_{ik} - \log \sum_j e^{z_{ij}}, \quad Z = X W

    The logarithm is taken of the sum of exponentials, never of a probability: a probability that
    underflows to zero would make the loss infinite.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples; with a first column of ones if the model has a bias.
    Y : array-like of shape (n_samples, n_classes)
        One-hot labels, or other rows that sum to one.
    W : array-like of shape (n_features, n_classes)
        Weights.

    Returns
    -------
    loss : float
        Mean cross-entropy in nats per sample; log(n_classes) for zero weights.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or if a row of `Y` does not sum to one.

    References
    ----------
    Bishop, C. M., Pattern Recognition and Machine Learning, 2006, equation (4.108).

    Examples
    --------
    >>> from skl_softmax.textbook import cross_entropy
    >>> X, Y = [[1.0, 0.0], [1.0, 2.0]], [[1, 0], [0, 1]]
    >>> round(cross_entropy(X, Y, [[0.0, 0.0], [0.0, 0.0]]), 4)
    0.6931
    """
    X, Y, W = _checked(X, Y, W)
    logits = X @ W  # (n_samples, n_classes)
    logits = logits - logits.max(axis=1, keepdims=True)
    log_proba = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return float(-(Y * log_proba).sum() / len(X))


def cross_entropy_gradient(X: ArrayLike, Y: ArrayLike, W: ArrayLike) -> NDArray[np.floating]:
    r"""Return the gradient of `cross_entropy` with respect to the weights.

    .. math:: \nabla L(W) = \frac1n X^\top (P - Y), \qquad P = \mathrm{softmax}(X W)

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples; with a first column of ones if the model has a bias.
    Y : array-like of shape (n_samples, n_classes)
        One-hot labels, or other rows that sum to one.
    W : array-like of shape (n_features, n_classes)
        Weights.

    Returns
    -------
    gradient : ndarray of shape (n_features, n_classes)
        Its rows sum to zero: a shift common to all classes changes no probability.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or if a row of `Y` does not sum to one.

    References
    ----------
    Bishop, C. M., Pattern Recognition and Machine Learning, 2006, equation (4.109).

    Examples
    --------
    >>> from skl_softmax.textbook import cross_entropy_gradient
    >>> X, Y = [[1.0, 0.0], [1.0, 2.0]], [[1, 0], [0, 1]]
    >>> cross_entropy_gradient(X, Y, [[0.0, 0.0], [0.0, 0.0]])
    array([[ 0. ,  0. ],
           [ 0.5, -0.5]])
    """
    X, Y, W = _checked(X, Y, W)
    gradient: NDArray[np.floating] = X.T @ (softmax(X @ W) - Y) / len(X)
    return gradient


def cross_entropy_gradient_elementwise(
    X: ArrayLike, Y: ArrayLike, W: ArrayLike
) -> NDArray[np.floating]:
    r"""Return the gradient of `cross_entropy`, computed one element at a time.

    .. math:: \frac{\partial L}{\partial W_{jk}} = \frac1n \sum_i X_{ij} (P_{ik} - Y_{ik})

    It equals `cross_entropy_gradient`. This function is slow and meant to be read: loops over
    samples, features and classes replace the matrix product.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples; with a first column of ones if the model has a bias.
    Y : array-like of shape (n_samples, n_classes)
        One-hot labels, or other rows that sum to one.
    W : array-like of shape (n_features, n_classes)
        Weights.

    Returns
    -------
    gradient : ndarray of shape (n_features, n_classes)
        The gradient; its rows sum to zero.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or if a row of `Y` does not sum to one.

    References
    ----------
    Bishop, C. M., Pattern Recognition and Machine Learning, 2006, equation (4.109).

    Examples
    --------
    >>> from skl_softmax.textbook import cross_entropy_gradient_elementwise
    >>> X, Y = [[1.0, 0.0], [1.0, 2.0]], [[1, 0], [0, 1]]
    >>> cross_entropy_gradient_elementwise(X, Y, [[0.0, 0.0], [0.0, 0.0]])
    array([[ 0. ,  0. ],
           [ 0.5, -0.5]])
    """
    X, Y, W = _checked(X, Y, W)
    n_samples = len(X)
    n_features, n_classes = W.shape
    gradient = np.zeros((n_features, n_classes))
    for i in range(n_samples):
        proba = softmax(X[i] @ W)
        for j in range(n_features):
            for k in range(n_classes):
                gradient[j, k] += X[i, j] * (proba[k] - Y[i, k]) / n_samples
    return gradient


def _checked(
    X: ArrayLike, Y: ArrayLike, W: ArrayLike
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Return the three as arrays whose shapes fit together."""
    X, Y, W = np.asarray(X), np.asarray(Y), np.asarray(W)
    if Y.ndim == 1:
        raise ValueError(
            f"Y needs a one-hot row for each sample, (n_samples, n_classes); {len(Y)} labels were"
            " given: np.eye(n_classes)[labels] makes rows of labels 0, 1, ..."
        )
    for name, array, wanted in (
        ("X", X, "(n_samples, n_features)"),
        ("Y", Y, "(n_samples, n_classes)"),
        ("W", W, "(n_features, n_classes)"),
    ):
        if array.ndim != 2 or 0 in array.shape:
            raise ValueError(f"{name} must have the shape {wanted}, not {array.shape}.")
    if len(X) != len(Y):
        raise ValueError(f"X has {len(X)} samples, and Y has {len(Y)}: they must be as many.")
    if W.shape != (X.shape[1], Y.shape[1]):
        raise ValueError(
            f"W must have the shape (n_features, n_classes), {(X.shape[1], Y.shape[1])} by X and Y,"
            f" not {W.shape}. A bias needs a column of ones in X."
        )
    if not np.allclose(Y.sum(axis=1), 1.0):
        raise ValueError("Each row of Y must sum to one, as one-hot labels and probabilities do.")
    return X, Y, W
