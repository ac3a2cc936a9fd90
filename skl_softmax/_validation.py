"""The parameters and the samples, checked.

Every error names the parameter or input, the value received and what is allowed. Knows
scikit-learn's conventions, and nothing of the objective or the steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite, check_random_state

from skl_softmax._rows import Array

FEW_COLUMNS, FEW_BYTES = 2**10, 2**25  # of CSR that is fitted as an array: 32 MB


def check_parameters(estimator: Any) -> None:
    """Check the constructor's parameters, once they are used: in fit."""
    rate, allowed = estimator.learning_rate, "'auto' or a finite number > 0"
    if isinstance(rate, str):
        if rate != "auto":
            raise ValueError(f"learning_rate must be {allowed}, got {rate!r}.")
    else:
        check_number("learning_rate", rate, above=0.0, allowed=allowed)
    check_number("alpha", estimator.alpha, at_least=0.0, allowed="a finite number >= 0")
    check_number(
        "l1_ratio", estimator.l1_ratio, at_least=0.0, at_most=1.0, allowed="a number from 0 to 1"
    )
    check_number("tol", estimator.tol, at_least=0.0, allowed="a finite number >= 0")
    if estimator.gap_tol is not None:
        check_number("gap_tol", estimator.gap_tol, above=0.0, allowed="None or a finite number > 0")
        if estimator.alpha == 0:
            raise ValueError("gap_tol needs alpha > 0: without a penalty there is no certificate.")
    check_integer("max_iter", estimator.max_iter, at_least=1)
    check_integer("verbose", estimator.verbose, at_least=0)
    check_integer("n_iter_no_change", estimator.n_iter_no_change, at_least=1)
    check_number(
        "validation_fraction",
        estimator.validation_fraction,
        above=0.0,
        below=1.0,
        allowed="a number between 0 and 1",
    )
    try:
        check_random_state(estimator.random_state)
    except ValueError as error:
        raise ValueError(
            "random_state must be None, an integer >= 0 or a numpy.random.RandomState, got"
            f" {estimator.random_state!r}."
        ) from error
    for name in ("fit_intercept", "warm_start", "early_stopping", "store_coef_history"):
        value = getattr(estimator, name)
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name} must be True or False, got {value!r}.")


def check_number(
    name: str,
    value: Any,
    *,
    allowed: str,
    above: float = -np.inf,
    at_least: float = -np.inf,
    below: float = np.inf,
    at_most: float = np.inf,
) -> None:
    """Raise a TypeError or a ValueError that says what is `allowed`, unless it holds."""
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be {allowed}, got {value!r}.")
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the range of float
        number = np.inf
    if not (np.isfinite(number) and above < number < below and at_least <= number <= at_most):
        raise ValueError(f"{name} must be {allowed}, got {value!r}.")


def check_integer(name: str, value: Any, *, at_least: int) -> None:
    """Raise a TypeError or a ValueError that says what is allowed, unless it is."""
    allowed = f"an integer >= {at_least}"
    if name == "verbose" and isinstance(value, bool | np.bool_):
        return  # verbose=True is common usage
    if not isinstance(value, Integral) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be {allowed}, got {value!r}.")
    if value < at_least:
        raise ValueError(f"{name} must be {allowed}, got {value!r}.")


def check_out(out: Any, shape: tuple[int, ...], values: Array) -> None:
    """Check that an array has that shape, and a type that holds values of that kind, any of them.

    values : those there may be, or none to say that they are of a float type
    """
    if not isinstance(out, np.ndarray) or out.shape != shape:
        what = f"shape {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(f"out must be a numpy array of shape {shape}, got {what}.")
    holds = np.can_cast(values.dtype, out.dtype, "same_kind")
    if not holds or (values.astype(out.dtype) != values).any():
        raise ValueError(
            f"out cannot hold what is predicted: that is of {values.dtype}, it of {out.dtype}."
        )


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


def check_measured(X: Any, scale: Array, estimator: Any) -> None:
    """Refuse features for which there is no scale, (n_features,).

    So the data need not be read once more to see that every number is finite.
    """
    (unusable,) = np.nonzero(np.isnan(scale))
    if len(unusable):
        check_finite(X, estimator)
        raise ValueError(
            f"Input X contains values too large to be squared, in column {unusable[0]}:"
            " up to about 1e150 is allowed. Divide such columns by a constant."
        )


def checked_at_start(states: Iterator[Any], X: Any, estimator: Any) -> Iterator[Any]:
    """Yield the states of a descent; refuse X if the first shows numbers that are not finite.

    So X need not be read once more, wherever it is, if its features are not measured.
    """
    first = next(states)
    size = np.abs(first.gradient).max() if first.size is None else first.size
    if not (np.isfinite(first.loss) and np.isfinite(size)):
        check_finite(X, estimator)
    yield first
    yield from states


def check_finite(X: Any, estimator: Any) -> None:
    """Raise a ValueError if a number of X is not finite."""
    names = {"estimator_name": type(estimator).__name__, "input_name": "X"}
    if hasattr(X, "assert_finite"):  # it is no array of NumPy's
        X.assert_finite(**names)
    else:
        assert_all_finite(X, **names)
