"""Samples that are arrays of other libraries, on whatever device: opened, and predicted.

X stays where it is, and what is predicted is there too. Labels and weights, one number a sample,
are looked at on the host.

Knows nothing of the objective or the steps.
"""

from __future__ import annotations

from typing import Any

from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from skl_softmax._arrays import Array, DeviceArray, to_numpy
from skl_softmax._compat import is_on_device, namespace_and_device
from skl_softmax._data.labels import check_two_classes, encode_labels, normalize_labels
from skl_softmax._engines.device import OnDevice


def open_on_device(estimator: Any, X: DeviceArray, *, reset: bool, all_finite: bool) -> OnDevice:
    """Return X as it is computed with, if it has the features that it should have."""
    xp, _ = namespace_and_device(X)
    if xp.isdtype(X.dtype, "complex floating"):
        raise ValueError("Complex data not supported: X must hold real numbers.")
    dtypes = [xp.float64, xp.float32]
    return OnDevice(
        validate_data(estimator, X, reset=reset, dtype=dtypes, ensure_all_finite=all_finite)
    )


def encode_device_labels(y: Any, X: OnDevice) -> tuple[Array, Array]:
    """Return the sorted classes and each label's place among them, (n_samples,), both NumPy's."""
    if not is_on_device(y):
        y = column_or_1d(normalize_labels(y), warn=True)
        check_consistent_length(X, y)
        return encode_labels(y)
    check_consistent_length(X, y)
    xp, _ = namespace_and_device(y)
    if y.ndim != 1:
        y = column_or_1d(y, warn=True)  # a column, or an error that says what is allowed
    values, places = xp.unique_inverse(y)
    classes = to_numpy(values)
    check_classification_targets(classes)
    check_two_classes(classes)
    small = xp.uint8 if len(classes) < 256 else xp.int32  # there is no need to move more
    return classes, to_numpy(xp.astype(places, small))


def labels_there(classes: Array, y: Any, X: Any) -> Any:
    """The classes (n_classes,) as predictions will have them: where X is, if y came on a device."""
    return X.put(classes) if isinstance(X, OnDevice) and is_on_device(y) else classes
