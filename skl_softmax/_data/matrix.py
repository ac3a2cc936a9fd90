"""The matrix of the samples: which types are refused, and how CSR is stored.

Every error names the input, what it holds and what is allowed. Knows nothing of labels or weights.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite

from skl_softmax._arrays import Array, Matrix

# CSR up to these limits is fitted as an array: 1024 columns, since the Gram matrix of more features
# costs more than about ten steps; 32 MiB, so that the copy is never large.
MAX_DENSE_COLUMNS, MAX_DENSE_BYTES = 2**10, 2**25
# Squares up to 1e300, and the sum of 1e8 of them, are below float64's largest number, 1.8e308.
MAX_SQUARED = 1e150
# What to do with columns that are not numbers.
OF_TIMES = "Turn times into numbers first, for instance into days since some date."
OF_NUMBERS = "Where text spells numbers, convert it with pandas.to_numeric or Polars' cast(float)."
OF_CATEGORIES = (
    "Encode categories first, for instance with sklearn.preprocessing.OneHotEncoder in a"
    " ColumnTransformer."
)
NAMES_OF_TIMES = "date", "time", "period", "duration"  # how the names of their types begin
TIMES = np.datetime64, np.timedelta64, date, timedelta  # pandas' are among the last two
CLUSTER = "skl_softmax.dask.DaskSoftmaxGDClassifier uses it where it is, and "


def refuse_dask(inputs: Mapping[str, object], remedy: str = CLUSTER) -> None:
    """Raise a TypeError if an input is a Dask collection: NumPy would load it without a word.

    inputs : the inputs by name
    remedy : what else to do than to load it; the beginning of a sentence
    """
    dask = sys.modules.get("dask")  # what is a collection has loaded it
    for name, value in inputs.items():
        # Arrays of xarray have the methods of a collection, but may be in memory.
        if hasattr(value, "__dask_graph__") and dask and dask.is_dask_collection(value):
            raise TypeError(
                f"{name} is a Dask collection: {remedy}{name}.compute() brings it into memory."
            )


def holds_times(values: object) -> bool:
    """Whether an array or a sequence holds dates or durations, which NumPy takes for numbers."""
    dtype: Any = getattr(values, "dtype", None)
    if hasattr(dtype, "is_temporal"):  # Polars, whose oldest versions cannot convert times
        return bool(dtype.is_temporal())
    if isinstance(values, list | tuple) or hasattr(values, "to_numpy"):
        with suppress(Exception):  # what NumPy cannot convert is refused elsewhere
            values = np.asarray(values)
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    if kind == "O" and isinstance(values, np.ndarray):
        return any(issubclass(each, TIMES) for each in set(map(type, values.ravel())))
    return kind in ("m", "M")


def check_columns(X: Matrix, name: str = "X") -> None:
    """Refuse data frames with columns of categories, text or times, of pandas or Polars.

    Refuse arrays of times and of masked numbers too: NumPy would convert both to plain numbers.
    """
    if not hasattr(X, "columns"):
        check_numbers(X, f"Input {name}")
        return
    names = Counter(getattr(X, "column_names", X.columns))  # pyarrow's columns are the numbers
    repeated = [each for each, count in names.items() if count > 1]
    if repeated:
        raise ValueError(f"Input {name} has several columns of the same name: {repeated}.")
    if not hasattr(X, "dtypes"):
        return
    refused, remedies = [], set()
    for j, (column, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
        if not _is_numeric(X, j, dtype):
            refused.append(f"{column!r} ({dtype})")
            remedies.update(_remedies(X.iloc[:, j] if hasattr(X, "iloc") else X[:, j], dtype))
    if refused:
        said = " ".join(each for each in (OF_TIMES, OF_NUMBERS, OF_CATEGORIES) if each in remedies)
        raise ValueError(
            f"Input {name} has columns that are not numbers: {', '.join(refused)}. {said}"
        )


def check_numbers(values: Any, name: str) -> None:
    """Refuse masked numbers and times: NumPy would take what they hold for plain numbers."""
    if np.ma.is_masked(values):
        raise ValueError(f"{name} holds masked numbers, where numbers are needed.")
    if holds_times(values):
        raise ValueError(f"{name} holds times, where numbers are needed. {OF_TIMES}")


def _is_numeric(X: Matrix, column: int, dtype: Any) -> bool:
    """Whether the column of a data frame, which has that dtype, holds numbers."""
    if hasattr(dtype, "is_numeric"):  # Polars
        return bool(dtype.is_numeric() or str(dtype) == "Boolean")
    if str(dtype) == "object":  # text, in older versions of pandas; or numbers, which are converted
        return not any(isinstance(value, (str, *TIMES)) for value in X.iloc[:, column])
    return dtype.kind in "biuf"


def _remedies(column: Any, dtype: Any) -> list[str]:
    """What to do with a column that does not hold numbers."""
    is_time = str(dtype).lower().startswith(NAMES_OF_TIMES)
    if is_time or any(isinstance(value, TIMES) for value in column):
        return [OF_TIMES]
    texts = [value for value in column if isinstance(value, str)]
    try:
        np.array(texts).astype(float)
    except ValueError:
        return [OF_CATEGORIES]
    return [OF_NUMBERS, OF_CATEGORIES] if texts else [OF_CATEGORIES]


def check_held_out(numbers: Array) -> None:
    """Refuse numbers of X_val, some or all, that are not finite or too large to be squared."""
    try:
        assert_all_finite(numbers, input_name="X_val")
        # Not `abs`, which would take as much memory as the numbers.
        if max(float(numbers.max(initial=0.0)), -float(numbers.min(initial=0.0))) > MAX_SQUARED:
            raise ValueError(f"it contains values too large to be squared, above {MAX_SQUARED:g}.")
    except ValueError as error:
        raise ValueError(f"X_val cannot be used: {error}") from error


def one_entry_per_cell(X: Matrix) -> Matrix:
    """Return CSR with one entry per cell, a copy if need be; return an array as it is.

    SciPy allows several entries in a cell, and their sum is the cell's value. The square of the sum
    is not the sum of the squares, so sums over entries would be wrong.
    """
    if not sparse.issparse(X):
        return X
    # SciPy caches this property of the caller's matrix, maybe out of date; a view has no cache.
    view = type(X)((X.data, X.indices, X.indptr), shape=X.shape)
    if view.has_canonical_format:
        return X
    ordered = view.copy()
    ordered.sum_duplicates()
    return ordered


def dense_if_small(X: Matrix) -> Matrix:
    """Return small CSR as an array: for arrays, every curvature model is available and exact."""
    return X.toarray() if sparse.issparse(X) and is_small(X.shape, X.nnz, X.dtype) else X


def is_small(shape: tuple[int, int], n_stored: int, dtype: np.dtype) -> bool:
    """Whether CSR takes at most twice the memory as an array, or has few columns and few bytes.

    n_stored : the number of entries that CSR stores
    """
    n_bytes = shape[0] * shape[1] * dtype.itemsize
    has_few_columns = shape[1] <= MAX_DENSE_COLUMNS and n_bytes <= MAX_DENSE_BYTES
    return has_few_columns or n_bytes <= 2 * n_stored * (dtype.itemsize + 4)
