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

from skl_softmax._rows import Array, Rows
from skl_softmax._threads import Workers

COLUMNS = 512  # of X at a time, so that a centred copy of it need not exist


@dataclass(frozen=True)
class RowSpace:
    """Coordinates in the span of the centred rows.

    Attributes
    ----------
    coordinates : ndarray (n_samples, rank)
        L: uncorrelated under the sample weights, with mean zero.
    scale : ndarray (rank,)
        Their standard deviations.
    """

    coordinates: Array
    scale: Array
    _combinations: Array  # (n_samples, rank): Q = X_cᵀ combinations
    _X: Array
    _center: Array

    def expand(self, coef: Array) -> Array:
        """Turn coefficients of the coordinates (n_outputs, rank) into (n_outputs, n_features)."""
        # Each combination sums to zero if there is a center: the same rows, centred or not.
        return np.asarray(coef @ self._combinations.T @ self._X, dtype=self._X.dtype)

    def reduce(self, coef: Array) -> Array:
        """Project coefficients (n_outputs, n_features) to the coordinates', (n_outputs, rank)."""
        logits = coef @ self._X.T - (coef @ self._center)[:, np.newaxis]
        return np.asarray(logits @ self._combinations)


def row_space(
    rows: Rows, weights: Array, center: Array, scale: Array, workers: Workers
) -> RowSpace | None:
    """Return the row space where descending in it pays and is exact enough, else None.

    Its Gram matrix squares the columns' scales: where the largest hides the smallest in rounding,
    the columns are better left alone.
    """
    X = rows.X
    if rows.is_sparse or rows.n_features < max(2 * rows.n_samples, 200):
        return None
    varying = scale[np.isfinite(scale)]
    if not len(varying) or varying.min() ** 2 < 1e-10 * (varying @ varying):
        return None

    def gram_of(start: int) -> Array:
        columns = slice(start, start + COLUMNS)
        centered = X[:, columns] - center[columns]
        return np.asarray(centered @ centered.T)

    gram = np.zeros((rows.n_samples, rows.n_samples))
    for part in workers.map(gram_of, range(0, rows.n_features, COLUMNS)):
        gram += part
    root = np.sqrt(weights)
    variances, vectors = eigh(
        gram * root * root[:, np.newaxis], driver="evd", overwrite_a=True, check_finite=False
    )
    kept = variances > 1e-12 * variances[-1]
    if not kept.any():
        return None
    scale = np.sqrt(variances[kept])
    combinations = root[:, np.newaxis] * vectors[:, kept] / scale
    return RowSpace(gram @ combinations, scale, combinations, X, center)
