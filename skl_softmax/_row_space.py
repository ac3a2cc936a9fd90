r"""Wide data: fewer rows than columns, so descend among combinations of the rows.

The minimiser's coefficients lie in the span of the centred rows (whatever lies outside changes no
logit and is penalised). With :math:`X_c = U S Q^\top`, n_samples × rank numbers
:math:`L = X_c Q` stand for all of X, the coefficients are :math:`W = W_L Q^\top`, and the penalty
is the same, :math:`\lVert W \rVert = \lVert W_L \rVert`.

Knows nothing of labels or losses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from skl_softmax._array_api import OnDevice
from skl_softmax._on_disk import OnDisk
from skl_softmax._rows import Array, Matrix
from skl_softmax._threads import Workers

FEW_ROWS = 2**11
COLUMNS = 1024  # of X at a time, so that no centred or converted copy of it need exist
SLICE_BYTES = 2**25  # of columns on disk


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
    """

    center: Array
    coordinates: Array
    scale: Array
    _combinations: Array  # (n_samples, rank): Q = X_cᵀ combinations
    _X: Matrix
    _workers: Workers

    def expand(self, coef: Array) -> Array:
        """Turn coefficients of the coordinates (n_outputs, rank) into (n_outputs, n_features)."""
        # Each combination sums to zero if there is a center: the same rows, centred or not.
        of_rows = coef @ self._combinations.T  # (n_outputs, n_samples)
        if hasattr(self._X, "combine"):
            return np.asarray(self._X.combine(of_rows), dtype=self._X.dtype)
        expanded = np.empty((len(coef), self._X.shape[1]), dtype=self._X.dtype)

        def fill(columns: slice) -> None:
            expanded[:, columns] = of_rows @ self._X[:, columns]

        for _ in self._workers.map(fill, _slices(self._X)):
            pass
        return expanded

    def reduce(self, coef: Array) -> Array:
        """Project coefficients (n_outputs, n_features) to the coordinates', (n_outputs, rank)."""
        logits = np.zeros((len(coef), len(self._combinations)))
        logits -= (coef @ self.center)[:, np.newaxis]
        if hasattr(self._X, "project"):
            logits += self._X.project(coef)
        else:
            for columns in _slices(self._X):
                logits += coef[:, columns] @ self._X[:, columns].T
        return np.asarray(logits @ self._combinations)


def _slices(X: Matrix) -> list[slice]:
    """The columns of X, a few at a time; of what is stored in chunks of rows, each is read anew."""
    step = max(COLUMNS, SLICE_BYTES // (8 * len(X))) if isinstance(X, OnDisk) else COLUMNS
    return [slice(start, min(start + step, X.shape[1])) for start in range(0, X.shape[1], step)]


def is_wide(X: Matrix) -> bool:
    """Whether descending in the row space pays."""
    # Elsewhere only if what is made of X is small.
    is_small = isinstance(X, OnDisk | OnDevice) and X.shape[0] <= FEW_ROWS
    return (is_small or isinstance(X, np.ndarray)) and X.shape[1] >= max(2 * X.shape[0], 200)


def row_space(
    X: Matrix, weights: Array, workers: Workers, *, fit_intercept: bool
) -> RowSpace | None:
    """Return the row space of wide data where it is exact enough, else None.

    Its Gram matrix squares the columns' scales: where the largest hides the smallest in rounding,
    the columns are better left alone.
    """
    weights = np.ascontiguousarray(weights[:])
    n_samples, first = len(weights), np.argmax(weights > 0.0)

    def measure(columns: slice) -> tuple[Array, Array, Array]:
        """Centers (columns,), variances (columns,) and the rows' Gram matrix."""
        center = X[first, columns].astype(np.float64) if fit_intercept else np.zeros(1)
        rows = X[:, columns] - center  # exactly zero in a constant column, and so is their mean
        if fit_intercept:
            mean = weights @ rows
            rows -= mean
            center += mean
        gram = rows @ rows.T
        variances = np.einsum("i,ij,ij->j", weights, rows, rows)
        return np.broadcast_to(center, rows.shape[1]), variances, gram

    if isinstance(X, OnDevice):
        parts = iter([X.row_products(weights, fit_intercept=fit_intercept)])
    else:
        parts = iter(workers.map(measure, _slices(X)))
    centers, squares, gram = [], [], np.zeros((n_samples, n_samples))
    for center, variances, part in parts:
        centers.append(center)
        squares.append(variances)
        gram += part
    root = np.sqrt(weights)[:, np.newaxis]
    gram *= root
    gram *= root.T
    variances = np.concatenate(squares)
    varying = variances[variances != 0.0]
    if not (len(varying) and varying.min() > 1e-10 * varying.sum()):  # false if one is not finite
        return None
    variances, vectors = eigh(gram, driver="evd", overwrite_a=True, check_finite=False)
    kept = variances > 1e-12 * variances[-1]
    scale, vectors = np.sqrt(variances[kept]), vectors[:, kept]
    inverse_root = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0.0)
    return RowSpace(
        center=np.concatenate(centers),
        coordinates=vectors * scale * inverse_root,
        scale=scale,
        _combinations=vectors / scale * root,
        _X=X,
        _workers=workers,
    )
