"""Which rows a curvature model needs: near separation few have any curvature.

Knows probabilities and weights; not X, nor what a model is.
"""

from __future__ import annotations

import numpy as np

from skl_softmax._arrays import Array

FEW_SAMPLES = 2**14  # samples: up to so many, all of them give the mean curvature
MEAN_SAMPLES = 2**8  # samples, about, that estimate the mean curvature where there are more
NEGLIGIBLE = 1e-3  # share of the mean curvature; rows below add less than the next step changes
MOST_COPIED = 0.6  # share of rows: to copy more rows takes longer than leaving out the others saves


def few_of(n_samples: int) -> Array | None:
    """Which samples tell the mean curvature, at equal distances; None: all, since they are few."""
    if n_samples <= FEW_SAMPLES:
        return None
    return np.arange(0, n_samples, n_samples // MEAN_SAMPLES)


def curvature_of_softmax(proba: Array) -> Array:
    """The trace of diag(p) - p pᵀ for each row, of probabilities (n_classes, rows).

    Never negative, whatever rounding does to the squares.
    """
    return np.asarray(np.maximum(1.0 - np.einsum("ki,ki->i", proba, proba), 0.0))


def essential(curvature: Array, weights: Array, mean: float | None = None) -> tuple[Array, Array]:
    """Which rows of a block to multiply for its curvature sums, and with which weights.

    Near separation few have a part. The others have less than a thousandth of the mean curvature
    each, and so of the sum together: less than a model is off by after the next step. Where so many
    rows have a part that leaving out the others does not pay, those have a weight of zero.

    curvature, weights : ndarray (rows,)
    mean : float, default=None
        That of the curvature of all samples; None: it is the block's.
    """
    chosen = has_part(curvature, weights, mean)
    n_kept = np.count_nonzero(chosen)
    if n_kept > MOST_COPIED * len(chosen):
        every = np.arange(len(chosen))
        return every, weights if n_kept == len(chosen) else weights * chosen
    kept = np.flatnonzero(chosen)
    return kept, weights.take(kept)


def has_part(curvature: Array, weights: Array, mean: float | None = None) -> Array:
    """Which rows are essential, (rows,) of bool; parameters as there."""
    if mean is None:
        mean = weights @ curvature / weights.sum()
    return np.asarray(curvature > NEGLIGIBLE * mean)
