"""What is computed of a block of dense rows, in one call compiled by Numba.

The interpreter's lock is not held meanwhile, so threads need not wait for it between one small call
of NumPy and the next; and rows are still in the cache when they are multiplied for the second time.

Knows rows, labels and weights; not what they are part of. Needs Numba, so nothing but `_kernels`
may import it.
"""

from __future__ import annotations

import math

import numpy as np

from skl_softmax._compiled import _softmax_losses, _two_class_losses, compiled
from skl_softmax._rows import Array

FEW_ROWS = 96  # at a time: from some hundred on, OpenBLAS multiplies by few columns more slowly
MORE_ROWS = 1024  # by a single column it does not, and fewer calls are better


def softmax_pass(
    X: Array, y: Array, weights: Array, coef: Array, intercept: Array
) -> tuple[float, Array, Array]:
    """Return the rows' loss, their residuals s (p - y) times X, and the sums of those.

    X : ndarray (rows, n_features), in any order, of the dtype of coef and intercept
    y : ndarray of int (rows,)
    weights : ndarray of float64 (rows,)
    coef : ndarray (n_classes, n_features)
    intercept : ndarray (n_classes,)
    """
    labels, weights = y.astype(np.intp, copy=False), np.ascontiguousarray(weights)
    loss, gradient, sums = _softmax_pass(X, labels, weights, np.asfortranarray(coef), intercept)
    return loss, gradient, sums


@compiled
def _softmax_pass(
    X: Array, y: Array, weights: Array, coef: Array, intercept: Array
) -> tuple[float, Array, Array]:
    """The same, of labels and weights side by side in memory."""
    n_classes = len(coef)
    loss, gradient, sums = 0.0, np.zeros(coef.shape), np.zeros(n_classes)
    part, buffer = np.empty(coef.shape, X.dtype), np.empty(n_classes * FEW_ROWS, X.dtype)
    for start in range(0, len(X), FEW_ROWS):
        few = slice(start, start + FEW_ROWS)
        rows = np.ascontiguousarray(X[few])  # a copy only of what is in another order
        n = len(rows)
        logits = buffer[: n_classes * n].reshape(n_classes, n)
        np.dot(coef, rows.T, logits)
        for k in range(n_classes):
            logits[k] += intercept[k]
        loss += _softmax_losses(logits, y[few], weights[few]).sum()  # logits: now residuals
        np.dot(logits, rows, part)
        gradient += part
        for k in range(n_classes):
            for i in range(n):
                sums[k] += logits[k, i]
    return loss, gradient, sums


def two_class_pass(
    X: Array, signs: Array, weights: Array, coef: Array, intercept: Array
) -> tuple[float, Array, Array]:
    """The same of two classes: signs for labels, 1 or -1, and one row of coef (1, n_features)."""
    weights, (row,) = np.ascontiguousarray(weights), np.ascontiguousarray(coef)
    loss, gradient, total = _two_class_pass(X, signs, weights, row, intercept[0])
    return loss, gradient[np.newaxis], np.array([total])


@compiled
def _two_class_pass(
    X: Array, signs: Array, weights: Array, coef: Array, intercept: float
) -> tuple[float, Array, float]:
    """The same, of that row (n_features,)."""
    loss, gradient, total = 0.0, np.zeros(len(coef)), 0.0
    part, buffer = np.empty(len(coef), X.dtype), np.empty(MORE_ROWS, X.dtype)
    for start in range(0, len(X), MORE_ROWS):
        few = slice(start, start + MORE_ROWS)
        rows = np.ascontiguousarray(X[few])
        z = buffer[: len(rows)]
        np.dot(rows, coef, z)
        z += intercept
        logits = z.reshape(1, len(z))
        loss += _two_class_losses(logits, signs[few], weights[few]).sum()  # z: now residuals
        np.dot(z, rows, part)
        gradient += part
        for i in range(len(rows)):
            total += z[i]
    return loss, gradient, total


def moments(X: Array, weights: Array, origin: Array) -> tuple[float, Array, Array]:
    """Return the rows' weight, their mean less an origin, and their scatter about the mean.

    X : ndarray (rows, n_features), in any order
    weights : ndarray of float64 (rows,)
        Non-negative; one is positive.
    origin : ndarray of float64 (n_features,)
    """
    total, mean, scatter = _moments(X, np.ascontiguousarray(weights), origin)
    return total, mean, scatter


@compiled
def _moments(X: Array, weights: Array, origin: Array) -> tuple[float, Array, Array]:
    """The same, of weights side by side in memory."""
    n_rows, n_features = X.shape
    total, mean = weights.sum(), np.zeros(n_features)
    for i in range(n_rows):
        for j in range(n_features):
            mean[j] += weights[i] * (X[i, j] - origin[j])
    mean /= total
    scatter = np.zeros((n_features, n_features))
    part, buffer = np.empty_like(scatter), np.empty(n_features * FEW_ROWS)
    for start in range(0, n_rows, FEW_ROWS):
        n = min(FEW_ROWS, n_rows - start)
        deviations = buffer[: n * n_features].reshape(n, n_features)
        for i in range(n):
            root = math.sqrt(weights[start + i])
            for j in range(n_features):
                deviations[i, j] = ((X[start + i, j] - origin[j]) - mean[j]) * root
        np.dot(deviations.T, deviations, part)
        scatter += part
    return total, mean, scatter
