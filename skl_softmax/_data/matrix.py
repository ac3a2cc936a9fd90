"""The matrix of the samples: what is refused, and how CSR is stored.

Every error names the input, what it holds and what is allowed. Knows nothing of labels or weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

FEW_COLUMNS, FEW_BYTES = 2**10, 2**25  # of CSR that is fitted as an array: 32 MB


def refuse_dask(**collections: Any) -> None:
    """Raise a TypeError if one is a Dask collection: it would be loaded without a word."""
    for name, collection in collections.items():
        if hasattr(collection, "__dask_graph__"):
            raise TypeError(
                f"{name} is a Dask collection: skl_softmax.dask.DaskSoftmaxGDClassifier uses it"
                f" where it is, and {name}.compute() brings it into memory."
            )


def check_columns(X: Any, name: str = "X") -> None:
    """Refuse a data frame, pandas' or Polars', that has columns of categories, text or times.

    And arrays that hold times, or masked numbers: what they hold is not what it seems.
    """
    if np.ma.is_masked(X) or (isinstance(X, np.ndarray) and X.dtype.kind in "mM"):
        what = "masked numbers" if np.ma.is_masked(X) else "times"
        raise ValueError(f"Input {name} holds {what}, where numbers are needed.")
    if not (hasattr(X, "columns") and hasattr(X, "dtypes")):
        return
    refused = [
        f"{column!r} ({dtype})"
        for j, (column, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True))
        if not _is_numeric(X, j, dtype)
    ]
    if refused:
        raise ValueError(
            f"Input {name} has columns that are not numbers: {', '.join(refused)}. Encode them"
            " first, for instance with sklearn.preprocessing.OneHotEncoder in a ColumnTransformer."
        )


def _is_numeric(X: Any, column: int, dtype: Any) -> bool:
    """Whether a column of a data frame, of that dtype, holds numbers."""
    if hasattr(dtype, "is_numeric"):  # Polars
        return bool(dtype.is_numeric() or str(dtype) == "Boolean")
    if str(dtype) == "object":  # text in older versions of pandas; numbers are converted
        return not any(isinstance(value, str) for value in X.iloc[:, column])
    return dtype.kind in "biuf"


def one_entry_per_cell(X: Any) -> Any:
    """CSR in which no cell has several entries: their sums, in a copy; anything else as it is.

    SciPy allows several entries for a cell, whose sum is its value. Squares and means of entries
    are not those of cells.
    """
    if not sparse.issparse(X):
        return X
    # What SciPy remembers of the caller's matrix may be out of date; the view looks for itself.
    view = type(X)((X.data, X.indices, X.indptr), shape=X.shape)
    if view.has_canonical_format:
        return X
    ordered = view.copy()
    ordered.sum_duplicates()
    return ordered


def dense_if_small(X: Any) -> Any:
    """CSR as an array if that is small: then each curvature model is to be had, and is exact."""
    return X.toarray() if sparse.issparse(X) and is_small(X.shape, X.nnz, X.dtype) else X


def is_small(shape: tuple[int, int], n_stored: int, dtype: np.dtype) -> bool:
    """Whether CSR takes hardly more memory as an array, or has few columns and not very many rows.

    n_stored : how many entries are stored
    """
    n_bytes = shape[0] * shape[1] * dtype.itemsize
    has_few_columns = shape[1] <= FEW_COLUMNS and n_bytes <= FEW_BYTES
    return has_few_columns or n_bytes <= 2 * n_stored * (dtype.itemsize + 4)
