"""Samples that are not in memory: checked a stretch at a time, and encoded whenever they are read.

So nothing of the length of X is made but views and promises: what a fit adds to memory does not
depend on the number of samples.

Knows nothing of the objective or the steps.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from skl_softmax._arrays import Array
from skl_softmax._data.labels import (
    check_proba,
    check_two_classes,
    encode,
    find_classes,
    normalize_labels,
)
from skl_softmax._data.samples import Given
from skl_softmax._data.weights import check_length, check_sample_weight, finite_weights
from skl_softmax._engines.disk import Derived, OnDisk, stretches
from skl_softmax._engines.protocol import Samples


def open_matrix(estimator: Any, X: Any, *, reset: bool) -> OnDisk:
    """Return X as a matrix to be read, if it holds numbers and has the features it should have."""
    if np.dtype(X.dtype).kind not in "fiub":
        raise ValueError(f"Input X must hold real numbers, got an array of {X.dtype}.")
    if 0 in X.shape:
        raise ValueError(f"Input X must have samples and features, got shape {X.shape}.")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return OnDisk(X, X.dtype if X.dtype in (np.float32, np.float64) else np.float64)


def read_samples(estimator: Any, given: Given) -> tuple[Array, Samples]:
    """Return the sorted classes, and the samples, whose largest weight is one."""
    X = open_matrix(estimator, given.X, reset=True)
    y: Any
    if given.is_proba:  # probabilities are of the size of n_samples x n_classes: in memory
        classes, y = check_proba(given.y, X, given.classes, "P")
    else:
        labels = _open_labels(given.y, X)
        found = (find_classes(np.asarray(labels[rows]))[0] for rows in stretches(len(labels)))
        classes = reduce(np.union1d, found)
        check_two_classes(classes)
        y = _encoded(labels, classes, "y")
    return classes, Samples(X, y, _open_weights(given.sample_weight, len(X), "sample_weight"))


def read_known(
    X: OnDisk, y: Any, sample_weight: Any, classes: Array, y_name: str, weight_name: str
) -> Samples:
    """Return samples of known classes, whose largest weight is one."""
    codes = _encoded(_open_labels(y, X), classes, y_name)
    return Samples(X, codes, _open_weights(sample_weight, len(X), weight_name))


def _encoded(labels: Any, classes: Array, name: str) -> Derived:
    return Derived(lambda some: encode(some, classes, name), labels)


def _open_labels(y: Any, X: OnDisk) -> Any:
    """Return labels (n_samples,) of which some can be had, as an array."""
    y = OnDisk(y) if _is_column_elsewhere(y) else column_or_1d(normalize_labels(y), warn=True)
    check_consistent_length(X, y)
    return y


def _open_weights(sample_weight: Any, n_samples: int, name: str) -> Any:
    """Return the weights (n_samples,) to be had a few at a time, the largest of them one."""
    if _is_column_elsewhere(sample_weight):
        sample_weight = OnDisk(sample_weight)
    elif not isinstance(sample_weight, np.ndarray) or sample_weight.ndim != 1:
        return check_sample_weight(sample_weight, n_samples, name)
    check_length(sample_weight, n_samples, name)
    largest = 0.0
    for rows in stretches(n_samples):
        some = sample_weight[rows]
        largest = max(largest, float(finite_weights(some, len(some), name).max()))
    return Derived(lambda some: np.asarray(some, np.float64) / (largest or 1.0), sample_weight)


def _is_column_elsewhere(y: Any) -> bool:
    """Whether it is an array (n,) that is not in memory."""
    is_array = isinstance(getattr(y, "dtype", None), np.dtype) and len(y.shape) == 1
    return is_array and not hasattr(y, "__array_interface__") and not hasattr(y, "iloc")
