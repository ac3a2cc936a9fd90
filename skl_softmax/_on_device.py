"""Samples that are arrays of other libraries, on whatever device: opened, and predicted.

X stays where it is, and what is predicted is there too. Labels and weights, one number a sample,
are looked at on the host.

Knows nothing of the objective or the steps.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from skl_softmax._array_api import DeviceArray, OnDevice, probabilities
from skl_softmax._arrays import to_numpy
from skl_softmax._compat import is_on_device, namespace_and_device
from skl_softmax._labels import check_two_classes, encode_labels, plain
from skl_softmax._model import SoftmaxModel, row_per_class
from skl_softmax._rows import Array


def on_host(estimator: Any) -> Any:
    """A fitted estimator with NumPy's arrays alone: itself, if it has no others."""
    arrays = {name: to_numpy(value) for name, value in vars(estimator).items()}
    if all(arrays[name] is value for name, value in vars(estimator).items()):
        return estimator
    host = copy(estimator)
    vars(host).update(arrays)
    return host


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
        y = column_or_1d(plain(y), warn=True)
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


@dataclass(frozen=True)
class DeviceModel:
    """A `SoftmaxModel` whose predictions are where X is."""

    model: SoftmaxModel

    def decision_function(self, X: OnDevice) -> DeviceArray:
        """Logits (n_samples, n_classes), or (n_samples,) for two classes."""
        logits = X.linear(self.model.coef, self.model.intercept)
        return logits if len(self.model.coef) > 1 else logits[:, 0]

    def predict(self, X: OnDevice) -> DeviceArray:
        """The most probable labels (n_samples,): NumPy's, if they are no numbers."""
        codes = X.xp.argmax(self._logits(X), axis=1)
        classes = self.model.classes
        if classes.dtype.kind in "biuf":
            return X.xp.take(X.put(classes), codes)
        return classes[to_numpy(codes)]

    def predict_proba(self, X: OnDevice) -> DeviceArray:
        """Probabilities (n_samples, n_classes)."""
        return probabilities(X.xp, self._logits(X))

    def predict_log_proba(self, X: OnDevice) -> DeviceArray:
        """Log-probabilities (n_samples, n_classes), from the logits: finite where those are."""
        logits = self._logits(X)
        logits -= X.xp.max(logits, axis=1, keepdims=True)
        return logits - X.xp.log(X.xp.sum(X.xp.exp(logits), axis=1, keepdims=True))

    def _logits(self, X: OnDevice) -> DeviceArray:
        """A column for each class, two classes included."""
        return X.linear(*row_per_class(self.model.coef, self.model.intercept))
