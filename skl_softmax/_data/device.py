"""Samples that are arrays of other libraries, on any device.

X stays where it is, and so do predictions. Labels and weights, one number per sample, are checked
on the host.

Knows nothing of the objective or the steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, validate_data

from skl_softmax._arrays import Array, DeviceArray, Matrix, to_numpy
from skl_softmax._compat import is_on_device, namespace_and_device
from skl_softmax._data.labels import check_labels, check_two_classes, one_column
from skl_softmax._data.samples import Storage
from skl_softmax._engines.device import OnDevice


def open_on_device(estimator: object, X: DeviceArray, *, reset: bool, all_finite: bool) -> OnDevice:
    """See `Storage.open`."""
    xp, _ = namespace_and_device(X)
    if xp.isdtype(X.dtype, "complex floating"):
        raise ValueError("Complex data not supported: X must hold real numbers.")
    dtypes = [xp.float64, xp.float32]
    return OnDevice(
        validate_data(estimator, X, reset=reset, dtype=dtypes, ensure_all_finite=all_finite)
    )


def check_device_labels(y: Any, X: OnDevice) -> tuple[Array, Array]:
    """See `Storage.labels`; both arrays are NumPy's."""
    if not is_on_device(y):
        return check_labels(y, X)
    check_consistent_length(X, y)
    xp, _ = namespace_and_device(y)
    if y.ndim != 1:
        y = one_column(y)  # one column is allowed; more raise an error that says so
    values, places = xp.unique_inverse(y)
    classes = to_numpy(values)
    check_classification_targets(classes)
    check_two_classes(classes)
    smallest = xp.uint8 if len(classes) < 256 else xp.int32  # the fewest bytes to move
    return classes, to_numpy(xp.astype(places, smallest))


def labels_there(classes: Array, y: object, X: Matrix) -> Array | DeviceArray:
    """The classes (n_classes,) as predictions contain them: on the device of X, if y is on one."""
    return X.put(classes) if isinstance(X, OnDevice) and is_on_device(y) else classes


# A validation set on a device is opened with `all_finite`: no parts are left to check.
def _largest(X: OnDevice) -> Iterator[Array]:
    """See `Storage.parts`: the largest and the smallest number, in the place of all numbers."""
    yield from X.fetch(X.xp.max(X.X), X.xp.min(X.X))


DEVICE = Storage(open_on_device, check_device_labels, parts=_largest)
