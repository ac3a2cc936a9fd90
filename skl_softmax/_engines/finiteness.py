"""Whether every number of X is finite, without reading X once more to see it.

A number that is not finite shows in every sum that it is part of: in the means of the features, in
the first loss or gradient, in a block's sum while predicting. So who takes such sums looks at them,
and only where one is not finite is X itself looked at, to say what is wrong. Whoever takes none of
these sums has X checked before (`all_finite` of `skl_softmax._data.check`).

Knows what is summed, not what it is for.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite

from skl_softmax._arrays import Array, Matrix


def check_measured(X: Matrix, scale: Array, estimator_name: str) -> None:
    """Refuse features for which there is no scale, (n_features,).

    So the data need not be read once more to see that every number is finite.
    """
    (unusable,) = np.nonzero(np.isnan(scale))
    if len(unusable):
        check_finite(X, estimator_name)
        raise ValueError(
            f"Input X contains values too large to be squared, in column {unusable[0]}:"
            " up to about 1e150 is allowed. Divide such columns by a constant."
        )


def check_started(loss: float, largest: float, X: Matrix, estimator_name: str) -> None:
    """Refuse X if a descent's first loss or largest derivative is not finite.

    So X need not be read once more, wherever it is, if its features are not measured.
    """
    if not (np.isfinite(loss) and np.isfinite(largest)):
        check_finite(X, estimator_name)


def check_finite(X: Matrix, estimator_name: str) -> None:
    """Raise a ValueError if a number of X is not finite."""
    names = {"estimator_name": estimator_name, "input_name": "X"}
    if hasattr(X, "assert_finite"):  # it is no array of NumPy's
        X.assert_finite(**names)
    else:
        assert_all_finite(X, **names)


def check_block(X: Matrix) -> None:
    """Raise a ValueError if a number of a block X is not finite: while it is in the cache."""
    values = X.data[:, np.newaxis] if sparse.issparse(X) else X
    sums = np.ones(len(values), values.dtype) @ values  # by BLAS: NumPy's own takes twice as long
    if not np.isfinite(sums).all():  # or the sums are too large, and they are
        assert_all_finite(values, estimator_name="SoftmaxGDClassifier", input_name="X")
