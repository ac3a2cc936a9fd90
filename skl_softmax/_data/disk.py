"""Samples that are not in memory: checked a stretch at a time, and encoded whenever they are read.

Nothing as long as X is made, except views and functions that compute some rows: the memory that a
fit adds does not depend on the number of samples.

Knows nothing of the objective or the steps.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from sklearn.utils.validation import check_consistent_length, validate_data

from skl_softmax._arrays import Array, Matrix
from skl_softmax._data.labels import (
    check_two_classes,
    encode,
    find_classes,
    normalize_labels,
    one_column,
)
from skl_softmax._data.samples import Storage
from skl_softmax._data.weights import check_length, check_sample_weight, finite_weights
from skl_softmax._engines.disk import Derived, OnDisk, stretches


def open_on_disk(estimator: object, X: Matrix, *, reset: bool, all_finite: bool) -> OnDisk:
    """See `Storage.open`; numbers that are not finite are allowed in any case."""
    del all_finite  # it would take a pass over the disk: see `_engines.finiteness`
    if np.dtype(X.dtype).kind not in "fiub":
        raise ValueError(f"Input X must hold real numbers, got an array of {X.dtype}.")
    if 0 in X.shape:
        raise ValueError(f"Input X must have samples and features, got shape {X.shape}.")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return OnDisk(X, X.dtype if X.dtype in (np.float32, np.float64) else np.float64)


def find_labels(y: object, X: OnDisk) -> tuple[Array, Derived]:
    """See `Storage.labels`; y is read once to find the classes."""
    column = _open_labels(y, X)
    found = (find_classes(np.asarray(column[rows]))[0] for rows in stretches(len(column)))
    classes = reduce(np.union1d, found)
    check_two_classes(classes)
    return classes, Derived(lambda some: encode(some, classes, "y"), column)


def encode_when_read(y: object, X: OnDisk, classes: Array, name: str) -> Derived:
    """See `Storage.known_labels`; an unknown label raises its error when it is read."""
    return Derived(lambda some: encode(some, classes, name), _open_labels(y, X))


def _open_labels(y: object, X: OnDisk) -> Array | OnDisk:
    """Return labels (n_samples,) that slices can be read from."""
    is_on_disk = _is_column_on_disk(y)
    labels = OnDisk(y) if is_on_disk else one_column(normalize_labels(y))
    check_consistent_length(X, labels)
    return labels


def open_weights(sample_weight: object, n_samples: int, name: str) -> tuple[Array | Derived, float]:
    """See `Storage.weights`; weights in an array are divided by the largest when they are read."""
    if _is_column_on_disk(sample_weight):
        sample_weight = OnDisk(sample_weight)
    elif not isinstance(sample_weight, np.ndarray) or sample_weight.ndim != 1:
        return check_sample_weight(sample_weight, n_samples, name)
    check_length(sample_weight, n_samples, name)
    largest = 0.0
    for rows in stretches(n_samples):
        some = sample_weight[rows]
        largest = max(largest, float(finite_weights(some, len(some), name).max()))
    largest = largest or 1.0
    return Derived(lambda some: np.asarray(some, np.float64) / largest, sample_weight), largest


def _is_column_on_disk(y: object) -> bool:
    """Whether y is an array (n_samples,) that is not in memory."""
    is_array = isinstance(getattr(y, "dtype", None), np.dtype) and len(getattr(y, "shape", ())) == 1
    return is_array and not hasattr(y, "__array_interface__") and not hasattr(y, "iloc")


DISK = Storage(open_on_disk, find_labels, OnDisk.parts, encode_when_read, open_weights)
