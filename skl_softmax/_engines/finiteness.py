"""Checks that every number of X is finite, without one more pass over X.

A number that is not finite makes every sum that contains it not finite: the means of the features,
the first loss or gradient, the sum of a block while predicting. So the code that computes such a
sum checks the sum, and X itself is searched only after a check has failed, to say what is wrong.
Code that computes none of these sums asks for a check of X before (`all_finite` of
`skl_softmax._data.check`).

This module knows the sums, not what they are used for.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite

from skl_softmax._arrays import Array, Matrix


def check_measured(X: Matrix, scale: Array, estimator_name: str) -> None:
    """Raise a ValueError if the scale (n_features,) of a feature is NaN, and say why it is.

    The scale of a feature is NaN if the feature has a number that is not finite, or whose square
    is not finite.
    """
    (unusable,) = np.nonzero(np.isnan(scale))
    if len(unusable):
        check_finite(X, estimator_name)
        raise ValueError(
            f"Input X contains values too large to be squared, in column {unusable[0]}:"
            " up to about 1e150 is allowed. Divide such columns by a constant."
        )


def check_started(loss: float, largest: float, X: Matrix, estimator_name: str) -> None:
    """Raise a ValueError if X makes the first loss or the largest derivative not finite.

    This check is for features that are not standardised, whose scales are not computed.
    """
    if not (np.isfinite(loss) and np.isfinite(largest)):
        check_finite(X, estimator_name)


def check_finite(X: Matrix, estimator_name: str) -> None:
    """Raise a ValueError if a number of X is not finite."""
    names = {"estimator_name": estimator_name, "input_name": "X"}
    if hasattr(X, "assert_finite"):  # X is on disk, on another device or on a cluster
        X.assert_finite(**names)
    else:
        assert_all_finite(X, **names)


def check_block(X: Matrix) -> None:
    """Raise a ValueError if a number of a block X (rows, n_features) is not finite."""
    values = X.data[:, np.newaxis] if sparse.issparse(X) else X
    sums = np.ones(len(values), values.dtype) @ values  # BLAS takes half the time of `sum`
    if not np.isfinite(sums).all():  # a number is not finite, or finite numbers overflow
        assert_all_finite(values, estimator_name="SoftmaxGDClassifier", input_name="X")
