"""What is computed of a block of dense rows, in one call compiled by Numba.

The interpreter's lock is not held meanwhile, so threads need not wait for it between one small call
of NumPy and the next; and rows are still in the cache when they are multiplied for the second time.

Knows rows, labels and weights; not what they are part of. Needs Numba, so nothing but `_kernels`
may import it.
"""

from __future__ import annotations

import numpy as np

from skl_softmax._compiled import _softmax_losses, _two_class_losses, compiled
from skl_softmax._rows import Array

FEW_ROWS = 16, 96  # at a time: beyond a hundred, OpenBLAS multiplies by few columns more slowly
FEW_BYTES = 2**19  # of X, to be in the cache for the second product
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
    n_classes, n_features = coef.shape
    step = max(FEW_ROWS[0], min(FEW_BYTES // (n_features * X.itemsize), FEW_ROWS[1]))
    loss, gradient, sums = 0.0, np.zeros(coef.shape), np.zeros(n_classes)
    part, buffer = np.empty(coef.shape, X.dtype), np.empty(n_classes * step, X.dtype)
    for start in range(0, len(X), step):
        few = slice(start, start + step)
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
    weights, n_features = np.ascontiguousarray(weights), X.shape[1]
    total, mean = _mean(X, weights, origin)
    scatter = _gram(X, np.sqrt(weights), origin, mean, np.ones(n_features), n_features)
    return total, mean, scatter


def gram(X: Array, weights: Array, center: Array, inverse_scale: Array, n_dof: int) -> Array:
    """Return the weighted sum of x~ x~ᵀ over rows, (n_dof, n_dof).

    X : ndarray (rows, n_features), in any order
    weights : ndarray of float64 (rows,)
        Non-negative: what has none costs nothing.
    center, inverse_scale : ndarray of float64 (n_features,)
        x~ is what they make of a row, and a one if n_dof is larger than n_features.
    """
    nothing = np.zeros(X.shape[1])
    return np.asarray(_gram(X, np.sqrt(weights), center, nothing, inverse_scale, n_dof))


@compiled
def _mean(X: Array, weights: Array, origin: Array) -> tuple[float, Array]:
    """The rows' weight, and their mean less an origin."""
    n_rows, n_features = X.shape
    mean = np.zeros(n_features)
    for i in range(n_rows):
        for j in range(n_features):
            mean[j] += weights[i] * (X[i, j] - origin[j])
    total = weights.sum()
    return total, mean / total


@compiled
def _gram(
    X: Array, roots: Array, origin: Array, mean: Array, inverse_scale: Array, n_dof: int
) -> Array:
    """As `gram`, given the roots of weights; the center in two parts, subtracted one by one."""
    n_rows, n_features = X.shape
    total, part = np.zeros((n_dof, n_dof)), np.empty((n_dof, n_dof))
    buffer, n = np.empty((FEW_ROWS[1], n_dof)), 0
    for i in range(n_rows):
        if roots[i] != 0.0:
            for j in range(n_features):
                deviation = (X[i, j] - origin[j]) - mean[j]
                buffer[n, j] = deviation * inverse_scale[j] * roots[i]
            for j in range(n_features, n_dof):
                buffer[n, j] = roots[i]
            n += 1
        if n == len(buffer) or (i == n_rows - 1 and n > 0):
            rows = buffer[:n]
            np.dot(rows.T, rows, part)
            total += part
            n = 0
    return total
