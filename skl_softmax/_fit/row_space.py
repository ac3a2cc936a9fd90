r"""Wide data: fewer rows than columns, so descend among combinations of the rows.

The minimiser's coefficients lie in the span of the centred rows (whatever lies outside changes no
logit and is penalised). With :math:`X_c = U S Q^\top`, n_samples × rank numbers
:math:`L = X_c Q` stand for all of X, the coefficients are :math:`W = W_L Q^\top`, and the penalty
is the same, :math:`\lVert W \rVert = \lVert W_L \rVert`.

Knows nothing of labels or losses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import eigh, qr, svd

from skl_softmax._arrays import Array, Matrix
from skl_softmax._engines.device import OnDevice
from skl_softmax._engines.disk import OnDisk
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.standardization import FEW_ENTRIES

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
        Their standard deviations.
    deviations : ndarray (n_features,)
        The features' standard deviations; infinite for constant ones.
    basis : Basis
    """

    center: Array
    coordinates: Array
    scale: Array
    deviations: Array
    basis: Basis


class Basis(Protocol):
    """An orthonormal basis Q of the centred rows' span, (n_features, rank)."""

    def expand(self, coef: Array) -> Array:
        """Turn coefficients of the coordinates (n_outputs, rank) into (n_outputs, n_features).

        Of the data's dtype: times Qᵀ.
        """

    def reduce(self, coef: Array) -> Array:
        """Project coefficients (n_outputs, n_features) to the coordinates', (n_outputs, rank)."""


@dataclass(frozen=True)
class Written(Basis):
    """Q itself."""

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
    """Q as combinations (n_samples, rank) of the centred rows: no array of its size is kept."""

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
    """The columns of X, a few at a time; of what is stored in chunks of rows, each is read anew."""
    step = max(COLUMNS, SLICE_BYTES // (8 * len(X))) if isinstance(X, OnDisk) else COLUMNS
    return [slice(start, min(start + step, X.shape[1])) for start in range(0, X.shape[1], step)]


def column_space(X: Matrix, weights: Array, center: Array, deviations: Array) -> RowSpace | None:
    """Return coordinates of tall data whose nearly collinear columns no Gram matrix can tell apart.

    The rows themselves are factored: a difference of two columns is resolved down to 1e-12 of their
    spread, where products of columns end at 1e-7. None where one column is too small for that, or
    where X cannot be factored: it is too large, or not a dense array in memory.

    X : (n_samples, n_features)
    weights : (n_samples,)
    center, deviations : (n_features,)
    """
    if not isinstance(X, np.ndarray) or X.size > FEW_ENTRIES:
        return None
    varying = deviations[np.isfinite(deviations)]
    if not varying.min() ** 2 > SEEN_BY_ROWS * (varying**2).sum():
        return None
    rows = X - center
    root = np.sqrt(weights)[:, np.newaxis]
    (triangle,) = qr(root * rows, mode="r", check_finite=False)
    _, scale, right = svd(triangle[: X.shape[1]], full_matrices=False, check_finite=False)
    kept = scale > ROUNDING_DEVIATION * scale[0]
    Q = right[kept].T
    return RowSpace(center, rows @ Q, scale[kept], deviations, Written(Q, X.dtype))


def is_wide(X: Matrix) -> bool:
    """Whether descending in the row space pays."""
    is_dense, least = isinstance(X, np.ndarray | OnDisk | OnDevice), COLUMNS_PER_ROW * X.shape[0]
    return is_dense and X.shape[0] <= FEW_ROWS and X.shape[1] >= max(least, LEAST_COLUMNS)


def row_space(
    X: Matrix, weights: Array, workers: Workers, *, fit_intercept: bool
) -> RowSpace | None:
    """Return the row space of wide data where it is exact enough, else None.

    Its Gram matrix squares the columns' scales. Where the largest hides the smallest in rounding,
    the rows themselves are factored, if they are in memory and not too many; or else the columns
    are better left alone.
    """
    weights = np.ascontiguousarray(weights[:])
    n_samples, first = len(weights), np.argmax(weights > 0.0)

    def measure(columns: slice) -> tuple[Array, Array, Array]:
        """Centers (columns,), variances (columns,) and the rows' Gram matrix."""
        center = X[first, columns].astype(np.float64) * fit_intercept
        rows = X[:, columns] - center  # exactly zero in a constant column, and so is their mean
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
