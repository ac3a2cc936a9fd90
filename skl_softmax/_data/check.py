"""What is known of the samples, labels or probabilities and weights: checked, and held out.

Every error names the input, the value received and what is allowed. Knows scikit-learn's
conventions, and nothing of the objective or the steps.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_consistent_length, validate_data

from skl_softmax._arrays import Array, Matrix, to_numpy
from skl_softmax._compat import is_on_device
from skl_softmax._data.device import encode_device_labels, open_on_device
from skl_softmax._data.disk import open_matrix, read_known, read_samples
from skl_softmax._data.labels import (
    check_proba,
    encode_known_labels,
    encode_labels,
    is_flat,
    normalize_labels,
)
from skl_softmax._data.matrix import check_columns, dense_if_small, one_entry_per_cell, refuse_dask
from skl_softmax._data.samples import Given
from skl_softmax._data.weights import check_sample_weight, class_factors, total_of, totals_of
from skl_softmax._engines.device import OnDevice
from skl_softmax._engines.disk import OnDisk, derived, is_on_disk, parts_of
from skl_softmax._engines.finiteness import check_finite
from skl_softmax._engines.protocol import Samples

X_OPTIONS: dict[str, Any] = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
LARGEST = 1e150  # what can be squared


def check_samples(
    estimator: Any, given: Given, *, all_finite: bool, in_memory: bool = False
) -> tuple[Array, Samples, Samples | None]:
    """Return the sorted classes, the samples to fit and those to validate on, if any.

    The weights of each sum to one. Without `all_finite`, X may hold numbers that are not. What is
    on disk stays there, unless it must be `in_memory`.
    """
    refuse_dask(X=given.X, y=given.y, sample_weight=given.sample_weight, X_val=given.X_val)
    if is_on_disk(given.X) and not in_memory:
        _refuse_to_split(estimator, given)
        classes, train = read_samples(estimator, given)
    elif is_on_device(given.X):
        classes, train = _check_on_device(estimator, given, all_finite=all_finite)
    else:
        classes, train = _check_in_memory(estimator, given, all_finite=all_finite)
    factors = _factors(estimator, classes, train)
    held_out, name = _check_validation(estimator, given, classes), "sample_weight_val"
    if held_out is None and estimator.early_stopping:
        groups = None if given.is_proba else train.y
        train, held_out = _hold_out(train, estimator, groups)
        name = "sample_weight"
    if held_out is not None:
        held_out = _weigh(held_out, factors, name)
    return classes, _weigh(train, factors, "sample_weight"), held_out


def _check_in_memory(estimator: Any, given: Given, *, all_finite: bool) -> tuple[Array, Samples]:
    """Return the sorted classes and the samples, whose largest weight is one."""
    check_columns(given.X)
    options = {**X_OPTIONS, "ensure_all_finite": all_finite}
    y = to_numpy(given.y) if given.is_proba else normalize_labels(to_numpy(given.y))
    try:
        if given.is_proba or is_flat(y):  # to look twice takes as long as a step of a small fit
            X = validate_data(estimator, given.X, **options)
        else:
            X, y = validate_data(estimator, given.X, y=y, **options)
    except OverflowError as error:
        raise ValueError(f"Input X holds numbers out of the range of float64: {error}.") from error
    if sparse.issparse(X) and not all_finite:  # an X of another type may have become CSR
        check_finite(X, type(estimator).__name__)
    X = dense_if_small(one_entry_per_cell(X))
    if given.is_proba:
        classes, y = check_proba(y, X, given.classes, "P")
    else:
        check_consistent_length(X, y)
        classes, y = encode_labels(y)
    weights = check_sample_weight(to_numpy(given.sample_weight), len(y), "sample_weight")
    return classes, Samples(X, y, weights)


def _check_on_device(estimator: Any, given: Given, *, all_finite: bool) -> tuple[Array, Samples]:
    """Return the sorted classes and the samples of an array X of another library.

    Labels and weights may be arrays of that library, or of NumPy.
    """
    X = open_on_device(estimator, given.X, reset=True, all_finite=all_finite)
    if given.is_proba:
        classes, y = check_proba(to_numpy(given.y), X, given.classes, "P")
    else:
        classes, y = encode_device_labels(given.y, X)
    weights = check_sample_weight(to_numpy(given.sample_weight), len(y), "sample_weight")
    return classes, Samples(X, y, weights)


def _refuse_to_split(estimator: Any, given: Given) -> None:
    """Raise a ValueError if early stopping would hold out some of the samples, copying them."""
    if estimator.early_stopping and given.X_val is None:
        raise ValueError(
            "early_stopping=True would copy samples that are not in memory: pass a validation set,"
            " X_val and y_val."
        )


def _check_validation(estimator: Any, given: Given, classes: Array) -> Samples | None:
    """The validation set that came with the training set, if one did."""
    y_name = "P_val" if given.is_proba else "y_val"
    parts = {"X_val": given.X_val, y_name: given.y_val}
    missing = [name for name, part in parts.items() if part is None]
    if len(missing) == 2 and given.sample_weight_val is None:
        return None
    if missing:
        raise ValueError(
            f"A validation set needs both X_val and {y_name}: {missing[0]} is missing."
        )
    check_columns(given.X_val, "X_val")
    try:
        X = known_matrix(estimator, given.X_val, all_finite=is_on_device(given.X_val))
        for values in parts_of(X):
            assert_all_finite(values, input_name="X_val")
            if float(np.abs(values).max(initial=0.0)) > LARGEST:
                raise ValueError(f"it contains values too large to be squared, above {LARGEST:g}.")
    except ValueError as error:
        raise ValueError(f"X_val cannot be used: {error}") from error
    if given.is_proba:
        labels = classes if given.classes is None else given.classes
        _, y = check_proba(to_numpy(given.y_val), X, labels, y_name)
        weights = to_numpy(given.sample_weight_val)
        weights = check_sample_weight(weights, len(y), "sample_weight_val")
        return Samples(X, y, weights)
    return _known(X, given.y_val, given.sample_weight_val, classes, y_name, "sample_weight_val")


def check_known_samples(estimator: Any, X: Any, y: Any, sample_weight: Any) -> Samples:
    """Return samples of a fitted estimator's classes, with weights that sum to one.

    y : labels (n_samples,), or probabilities (n_samples, n_classes) in the order of `classes_`
    """
    check_columns(X)
    X = known_matrix(estimator, X, all_finite=not is_on_disk(X))
    classes = to_numpy(estimator.classes_)
    shape = getattr(y, "shape", None) or np.shape(y)
    if len(shape) == 2 and shape[1] > 1:
        _, y = check_proba(to_numpy(y), X, classes, "y")
        weights = check_sample_weight(to_numpy(sample_weight), len(y), "sample_weight")
        samples = Samples(X, y, weights)
    else:
        samples = _known(X, y, sample_weight, classes, "y", "sample_weight")
    return _weigh(samples, _factors(estimator, classes, samples), "sample_weight")


def _known(
    X: Matrix, y: Any, sample_weight: Any, classes: Array, y_name: str, weight_name: str
) -> Samples:
    """Return samples whose labels are among the classes; their largest weight is one."""
    if isinstance(X, OnDisk):
        return read_known(X, y, sample_weight, classes, y_name, weight_name)
    codes = encode_known_labels(to_numpy(y), X, classes, y_name)
    return Samples(X, codes, check_sample_weight(to_numpy(sample_weight), len(codes), weight_name))


def _factors(estimator: Any, classes: Array, samples: Samples) -> Array:
    """The factors (n_classes,) that `class_weight` puts on the samples' weights."""
    _, y, weights = samples
    return class_factors(estimator.class_weight, classes, lambda: totals_of(y, weights, classes))


def known_matrix(estimator: Any, X: Any, *, all_finite: bool) -> Matrix:
    """Return X (n_samples, n_features) as it is computed with, if it has the features fitted."""
    if is_on_disk(X):
        return open_matrix(estimator, X, reset=False)
    if is_on_device(X):
        return open_on_device(estimator, X, reset=False, all_finite=all_finite)
    return one_entry_per_cell(
        validate_data(estimator, X, reset=False, **X_OPTIONS, ensure_all_finite=all_finite)
    )


def _weigh(samples: Samples, factors: Array, name: str) -> Samples:
    """Return the samples with the classes' factors in their weights, which sum to one.

    A sample of several classes stands for as many samples of one class each, by their
    probabilities: what factors make of it is another weight, and other probabilities.
    """
    X, y, weights = samples
    if (factors != 1.0).any():
        if y.ndim == 1:
            weights = derived(lambda some, codes: some * factors[codes], weights, y)
        else:
            y = y * factors
            totals = y.sum(axis=1)
            weights = weights * totals
            y /= np.where(totals > 0.0, totals, 1.0)[:, np.newaxis]
    total = total_of(weights)
    if total == 0.0:
        raise ValueError(
            f"All weights are zero: {name} and class_weight leave no sample; at least one"
            " weight must be positive."
        )
    if isinstance(weights, np.ndarray) and weights.strides == (0,):  # all one
        return Samples(X, y, np.broadcast_to(1.0 / len(weights), len(weights)))
    return Samples(X, y, derived(lambda some: some / total, weights))


def _hold_out(samples: Samples, estimator: Any, groups: Array | None) -> tuple[Samples, Samples]:
    """Return the samples to fit and those to validate on, copied: of every group alike.

    groups : codes (n_samples,), or None
    """
    fraction = estimator.validation_fraction
    n_samples = len(samples.y)
    n_held_out = ceil(fraction * n_samples)
    if groups is not None:
        n_held_out = max(n_held_out, len(np.unique(groups)))
    try:
        fitted, held_out = train_test_split(
            np.arange(n_samples),
            test_size=n_held_out,
            random_state=estimator.random_state,
            stratify=groups,
        )
        if groups is not None and len(np.unique(groups[fitted])) < len(np.unique(groups)):
            raise ValueError("Not a sample of some class would be left.")
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True holds out validation_fraction={fraction} of the samples, or else"
            f" needs a validation set. {error}"
        ) from error
    return _take(samples, fitted), _take(samples, held_out)


def _take(samples: Samples, rows: Array) -> Samples:
    """Some of the samples; weights that are all one still take no memory."""
    X, y, weights = samples
    are_one = weights.strides == (0,)
    weights = np.broadcast_to(1.0, len(rows)) if are_one else weights[rows]
    X = X.take(rows) if isinstance(X, OnDevice) else X[rows]
    return Samples(X, y[rows], weights)
