"""Rows that a curvature model can leave out: near separation few rows have any curvature.

This module knows probabilities and weights, but not X, and not what a model is used for.
"""

from __future__ import annotations

import numpy as np

from skl_softmax._arrays import Array

SPARED_SAMPLES = 2**11  # samples: of so few no row is left out, which would save next to nothing
FEW_SAMPLES = 2**14  # samples: up to so many, all of them give the mean curvature
MEAN_SAMPLES = 2**8  # samples, about, that estimate the mean curvature where there are more
NEGLIGIBLE = 1e-3  # share of the mean curvature; rows below add less than the next step changes
MOST_COPIED_SHARE = 0.6  # of rows: to copy more takes longer than leaving out the others saves


def few_of(n_samples: int) -> Array | None:
    """The indices of a few samples, to estimate the mean curvature; None: use all samples."""
    if n_samples <= FEW_SAMPLES:
        return None
    return np.arange(0, n_samples, n_samples // MEAN_SAMPLES)


def curvature_of_softmax(proba: Array) -> Array:
    """The trace of diag(p) - p pᵀ for each row (rows,), from probabilities (n_classes, rows).

    Never negative, in spite of rounding.
    """
    return np.asarray(np.maximum(1.0 - np.einsum("ki,ki->i", proba, proba), 0.0))


def essential(curvature: Array, weights: Array, mean: float | None = None) -> tuple[Array, Array]:
    """The rows of a block that its curvature sums need: their indices and their weights.

    A row is left out if its curvature is below a thousandth of the mean curvature. All these rows
    together then have less than a thousandth of the sum, which is less than the error of the model
    after the next step. If most rows are needed, copying them takes longer than multiplying all:
    then every row is returned, and the negligible rows have weight zero.

    curvature, weights : ndarray (rows,)
    mean : float, default=None
        The mean curvature of all samples. None: use the mean of the block.
    """
    chosen = has_part(curvature, weights, mean)
    n_kept = np.count_nonzero(chosen)
    if n_kept > MOST_COPIED_SHARE * len(chosen):
        every = np.arange(len(chosen))
        return every, weights if n_kept == len(chosen) else weights * chosen
    kept = np.flatnonzero(chosen)
    return kept, weights.take(kept)


def has_part(curvature: Array, weights: Array, mean: float | None = None) -> Array:
    """Whether each row has more than a negligible curvature, (rows,) of bool. See `essential`."""
    if mean is None:
        mean = weights @ curvature / weights.sum()
    return np.asarray(curvature > NEGLIGIBLE * mean)
