"""What `fit` received, and how samples are read from the place where they are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from skl_softmax._arrays import Array, Matrix
from skl_softmax._data.labels import encode_known_labels
from skl_softmax._data.weights import check_sample_weight

# Options of scikit-learn's checks: X of these types is used as it is, other X is converted.
ACCEPTED = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}


class FitParameters(Protocol):
    """The parameters that decide what samples weigh, and which samples are held out."""

    class_weight: Any
    early_stopping: Any
    validation_fraction: Any
    random_state: Any


@dataclass(frozen=True)
class FitInput:
    """What `fit` or `fit_proba` received, not checked yet.

    With `is_proba`, `y` are probabilities (n_samples, n_classes), whose columns belong to
    `classes`, and `y_val` are probabilities or labels; `labels` are what `fit` got beside them.
    """

    X: Matrix
    y: object
    sample_weight: object = None
    X_val: Matrix = None
    y_val: object = None
    sample_weight_val: object = None
    is_proba: bool = False
    classes: ArrayLike | None = None
    labels: object = None

    def with_proba(self, P: object) -> FitInput:
        """The same input with probabilities in the place of labels, if there are any."""
        return self if P is None else replace(self, y=P, labels=self.y, is_proba=True)

    @property
    def y_val_name(self) -> str:
        """The name of the parameter that `y_val` came in."""
        return "P_val" if self.is_proba and self.labels is None else "y_val"

    def arrays(self) -> dict[str, object]:
        """The arrays under the names of the parameters that they came in."""
        y, y_val = ("P", "P_val") if self.is_proba else ("y", "y_val")
        return {
            "X": self.X,
            y: self.y,
            "sample_weight": self.sample_weight,
            "classes": self.classes,
            "X_val": self.X_val,
            y_val: self.y_val,
            "sample_weight_val": self.sample_weight_val,
        }

    def has_validation_set(self) -> bool:
        """Whether a validation set came along; raise a ValueError if only a part of one did."""
        parts = {"X_val": self.X_val, self.y_val_name: self.y_val}
        missing = [name for name, part in parts.items() if part is None]
        if missing and (len(missing) == 1 or self.sample_weight_val is not None):
            raise ValueError(
                f"A validation set needs both X_val and {self.y_val_name}: {missing[0]} is missing."
            )
        return not missing


class Storage(NamedTuple):
    """How samples are read that are stored in memory, on disk or on another device.

    Codes and weights are NumPy's arrays or, on disk, `Derived`: computed when they are read.

    Attributes
    ----------
    open : callable (estimator, X, *, reset, all_finite) -> matrix (n_samples, n_features)
        Checks the type, the shape and the features of X. With `reset`, the estimator gets the
        number and the names of the features; without, X must have the features that were fitted.
        Without `all_finite`, X may contain numbers that are not finite.
    labels : callable (y, matrix) -> classes (n_classes,), codes (n_samples,)
        Finds the classes.
    parts : callable (matrix) -> arrays
        The numbers of a matrix that was opened without `all_finite`, a part at a time.
    known_labels : callable (y, matrix, classes, name) -> codes (n_samples,)
        Refuses labels that are not among the classes.
    weights : callable (sample_weight, n_samples, name) -> weights (n_samples,), float
        The largest weight is one; the number is what it was.
    """

    open: Callable[..., Matrix]
    labels: Callable[[Any, Matrix], tuple[Array, Any]]
    parts: Callable[[Matrix], Iterable[Array]]
    known_labels: Callable[[Any, Matrix, Array, str], Any] = encode_known_labels
    weights: Callable[[Any, int, str], tuple[Any, float]] = check_sample_weight
