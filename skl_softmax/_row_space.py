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

COLUMNS = 512  # of X at a time, so that no centred or converted copy of it need exist


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
        of_rows = coef @ self._combinations.T  # (n_outputs, n_samples)
        expanded = np.empty((len(coef), self._X.shape[1]), dtype=self._X.dtype)
        for columns in _slices(self._X):
            expanded[:, columns] = of_rows @ self._X[:, columns]
        return expanded

    def reduce(self, coef: Array) -> Array:
        """Project coefficients (n_outputs, n_features) to the coordinates', (n_outputs, rank)."""
        logits = np.zeros((len(coef), len(self._X)))
        logits -= (coef @ self._center)[:, np.newaxis]
        for columns in _slices(self._X):
            logits += coef[:, columns] @ self._X[:, columns].T
        return np.asarray(logits @ self._combinations)


def _slices(X: Array) -> list[slice]:
    """The columns of X, a few at a time."""
    return [slice(start, start + COLUMNS) for start in range(0, X.shape[1], COLUMNS)]


def is_wide(rows: Rows) -> bool:
    """Whether descending in the row space pays."""
    return not rows.is_sparse and rows.n_features >= max(2 * rows.n_samples, 200)


def row_space(
    rows: Rows, weights: Array, center: Array, scale: Array, workers: Workers
) -> RowSpace | None:
    """Return the row space of dense wide data where it is exact enough, else None.

    Its Gram matrix squares the columns' scales: where the largest hides the smallest in rounding,
    the columns are better left alone.
    """
    X = rows.X
    varying = scale[np.isfinite(scale)]
    if not len(varying) or varying.min() ** 2 < 1e-10 * (varying @ varying):
        return None

    def gram_of(columns: slice) -> Array:
        centered = X[:, columns] - center[columns]
        return np.asarray(centered @ centered.T)

    gram = np.zeros((rows.n_samples, rows.n_samples))
    for part in workers.map(gram_of, _slices(X)):
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
