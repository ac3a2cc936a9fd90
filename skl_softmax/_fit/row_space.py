r"""Wide data: with fewer rows than columns, the descent is among combinations of the rows.

The coefficients at the minimum lie in the span of the centred rows: a part outside the span changes
no logit and costs penalty. With :math:`X_c = U S Q^\top`, the n_samples × rank numbers
:math:`L = X_c Q` stand for all of X, the coefficients are :math:`W = W_L Q^\top`, and the penalty
is the same, :math:`\lVert W \rVert = \lVert W_L \rVert`.

This module knows nothing of labels or losses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import eigh, qr, svd, svdvals

from skl_softmax._arrays import Array, Matrix
from skl_softmax._engines.device import OnDevice
from skl_softmax._engines.disk import OnDisk
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.standardization import FEW_ENTRIES, recentered, rounding_deviation

FEW_ROWS = 2**10  # rows: the eigenvectors of more take longer than a hundred passes
COLUMNS_PER_ROW, LEAST_COLUMNS = 2, 200  # of wide data: with fewer, its row space does not pay
# Shares of the largest variance. Below the first, variances from a Gram matrix are rounding; above
# the second, they have ten digits.
ROUNDING_VARIANCE, PRECISE_VARIANCE = 1e-13, 1e-6
# Shares of all variance that a column needs: for a Gram matrix to see it, and for the rows to.
SEEN_BY_GRAM, SEEN_BY_ROWS = 1e-10, 3e-20
ROUNDING_DEVIATION = 1e-12  # share of the largest deviation: from the rows, less is rounding
COLUMNS = 1024  # of X at a time, so that no centred or converted copy of it need exist
SLICE_BYTES = 2**25  # of columns on disk at a time: 32 MB


@dataclass(frozen=True)
class RowSpace:
    """Coordinates in the span of the centred rows.

    Attributes
    ----------
    center : ndarray (n_features,)
        What was subtracted from the features.
    coordinates : ndarray (n_samples, rank)
        L: uncorrelated under the sample weights, with mean zero if there is a center; zeros for
        samples without weight.
    scale : ndarray (rank,)
        The standard deviations of the coordinates.
    deviations : ndarray (n_features,)
        The features' standard deviations; infinite for constant features.
    basis : Basis
        Turns coefficients of the coordinates into coefficients of the features, and back.
    """

    center: Array
    coordinates: Array
    scale: Array
    deviations: Array
    basis: Basis


class Basis(Protocol):
    """An orthonormal basis Q of the centred rows' span, (n_features, rank)."""

    def expand(self, coef: Array) -> Array:
        """Turn coefficients of the coordinates (n_outputs, rank) into those of the features.

        The result is the product with Qᵀ, (n_outputs, n_features), of the data's dtype.
        """

    def reduce(self, coef: Array) -> Array:
        """Turn coefficients (n_outputs, n_features) into those of the coordinates: times Q."""


@dataclass(frozen=True)
class Written(Basis):
    """A basis that keeps Q itself, (n_features, rank)."""

    Q: Array
    dtype: np.dtype

    def expand(self, coef: Array) -> Array:
        """See `Basis.expand`."""
        return np.asarray(coef @ self.Q.T, dtype=self.dtype)

    def reduce(self, coef: Array) -> Array:
        """See `Basis.reduce`."""
        return np.asarray(coef @ self.Q)


@dataclass(frozen=True)
class Combined(Basis):
    """A basis that keeps Q as combinations (n_samples, rank) of the centred rows, not Q itself."""

    combinations: Array
    center: Array
    X: Matrix
    workers: Workers

    def expand(self, coef: Array) -> Array:
        """See `Basis.expand`."""
        of_rows = coef @ self.combinations.T  # (n_outputs, n_samples)
        if hasattr(self.X, "combine"):
            return np.asarray(self.X.combine(of_rows, self.center), dtype=self.X.dtype)
        expanded = np.empty((len(coef), self.X.shape[1]), dtype=self.X.dtype)

        def fill(columns: slice) -> None:
            expanded[:, columns] = of_rows @ (self.X[:, columns] - self.center[columns])

        for _ in self.workers.map(fill, _slices(self.X)):
            pass
        return expanded

    def reduce(self, coef: Array) -> Array:
        """See `Basis.reduce`."""
        logits = np.zeros((len(coef), len(self.combinations)))
        logits -= (coef @ self.center)[:, np.newaxis]
        if hasattr(self.X, "project"):
            logits += self.X.project(coef)
        else:
            for columns in _slices(self.X):
                logits += coef[:, columns] @ self.X[:, columns].T
        return np.asarray(logits @ self.combinations)


def _slices(X: Matrix) -> list[slice]:
    """Slices of the columns of X: more at a time for X on disk, since each slice reads all rows."""
    step = max(COLUMNS, SLICE_BYTES // (8 * len(X))) if isinstance(X, OnDisk) else COLUMNS
    return [slice(start, min(start + step, X.shape[1])) for start in range(0, X.shape[1], step)]


def column_space(X: Matrix, weights: Array, center: Array, deviations: Array) -> RowSpace | None:
    """Return coordinates of tall data with columns so nearly collinear that a Gram matrix fails.

    The rows themselves are factored. So a difference of two columns is known down to 1e-12 of their
    spread; from a Gram matrix it is known down to 1e-7. None if a combination of the columns, each
    in units of its deviation, is lost where the columns have their own units, since a column with
    large numbers hides it; or if X cannot be factored because it is too large, or not a dense array
    in memory.

    X : (n_samples, n_features)
    weights : (n_samples,)
    center, deviations : (n_features,)
    """
    if not isinstance(X, np.ndarray) or X.size > FEW_ENTRIES:
        return None
    rows, root = X - center, np.sqrt(weights)[:, np.newaxis]
    (triangle,) = qr(root * recentered(rows, weights, center), mode="r", check_finite=False)
    triangle = triangle[: X.shape[1]]
    _, scale, right = svd(triangle, full_matrices=False, check_finite=False)
    kept = scale > ROUNDING_DEVIATION * scale[0]
    in_units = svdvals(triangle / deviations, check_finite=False)
    told = in_units > rounding_deviation(X.dtype, center, deviations)
    if np.count_nonzero(kept) < np.count_nonzero(told):
        return None
    Q = right[kept].T
    return RowSpace(center, rows @ Q, scale[kept], deviations, Written(Q, X.dtype))


def is_wide(X: Matrix) -> bool:
    """Whether a descent in the row space of X pays."""
    is_dense, least = isinstance(X, np.ndarray | OnDisk | OnDevice), COLUMNS_PER_ROW * X.shape[0]
    return is_dense and X.shape[0] <= FEW_ROWS and X.shape[1] >= max(least, LEAST_COLUMNS)


def row_space(
    X: Matrix, weights: Array, workers: Workers, *, fit_intercept: bool
) -> RowSpace | None:
    """Return the row space of wide data if it can be computed exactly enough, else None.

    The Gram matrix of the rows squares the columns' scales. If the largest scale then hides the
    smallest in rounding, the rows themselves are factored, provided that X is in memory and not too
    large. Otherwise the result is None.
    """
    weights = np.ascontiguousarray(weights[:])
    n_samples, first = len(weights), np.argmax(weights > 0.0)

    def measure(columns: slice) -> tuple[Array, Array, Array]:
        """The centers and variances (columns,) of some columns, and the Gram matrix of the rows."""
        center = X[first, columns].astype(np.float64) * fit_intercept
        rows = X[:, columns] - center  # a constant column is exactly zero, and so is its mean
        mean = weights @ rows * fit_intercept
        rows -= mean
        return center + mean, np.einsum("i,ij,ij->j", weights, rows, rows), rows @ rows.T

    parts: Iterable[tuple[Array, Array, Array]] = (
        [X.row_products(weights, fit_intercept=fit_intercept)]
        if isinstance(X, OnDevice)
        else workers.map(measure, _slices(X))
    )
    centers, squares, gram = [], [], np.zeros((n_samples, n_samples))
    for center, variances, part in parts:
        centers.append(center)
        squares.append(variances)
        gram += part
    root = np.sqrt(weights)[:, np.newaxis]
    gram *= root
    gram *= root.T
    feature_variances = np.concatenate(squares)
    varying = feature_variances[feature_variances != 0.0]
    if not (len(varying) and varying.min() > SEEN_BY_ROWS * varying.sum()):  # or not finite
        return None
    center = np.concatenate(centers)
    variances, vectors = eigh(gram, driver="evd", overwrite_a=True, check_finite=False)
    kept = variances > ROUNDING_VARIANCE * variances[-1]
    scale, vectors = np.sqrt(variances[kept]), vectors[:, kept]
    has_all = variances[kept][0] > PRECISE_VARIANCE * variances[-1]
    if has_all and varying.min() > SEEN_BY_GRAM * varying.sum():
        basis: Basis = Combined(vectors / scale * root, center, X, workers)
    elif isinstance(X, np.ndarray) and X.size <= FEW_ENTRIES:
        Q, triangle = qr((root * (X - center)).T, mode="economic", check_finite=False)
        left, scale, right = svd(triangle, check_finite=False)
        kept = scale > ROUNDING_DEVIATION * scale[0]
        scale, vectors = scale[kept], right[kept].T
        basis = Written(Q @ left[:, kept], X.dtype)
    else:
        return None
    inverse_root = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0.0)
    deviations = np.where(feature_variances > 0.0, np.sqrt(feature_variances), np.inf)
    return RowSpace(center, vectors * scale * inverse_root, scale, deviations, basis)
