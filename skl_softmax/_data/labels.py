"""Labels, or probabilities of the classes: checked, and turned into codes.

Every error names the input, the value received and what is allowed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d

from skl_softmax._arrays import Array

ON_THE_SIMPLEX = 1e-4  # by how much probabilities may miss zero and the sum of one, at least


def normalize_labels(y: Any) -> Any:
    """Labels of the types that scikit-learn does not know yet, as others; none may be missing.

    NumPy's variable-width strings become fixed ones, pandas' nullable numbers NumPy's.
    """
    dtype = getattr(y, "dtype", None)
    kind, missing = getattr(dtype, "kind", ""), False
    if hasattr(y, "isna"):
        missing = bool(np.any(y.isna()))
    if kind == "T":
        labels = y.tolist()
        missing = any(not isinstance(label, str) for label in labels)
        y = y if missing else np.array(labels)
    if kind in "mM" and kind:
        missing = missing or bool(np.any(np.isnat(np.asarray(y))))
    if missing or np.ma.is_masked(y):
        raise ValueError("Input y contains NaN: no label may be missing.")
    numpy_dtype = getattr(dtype, "numpy_dtype", None)
    return y.to_numpy(dtype=numpy_dtype) if numpy_dtype is not None and kind in "biu" else y


def is_flat(y: Any) -> bool:
    """Whether these are labels (n_samples,) of which nothing can be wrong: integers, or bool."""
    return type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "biu"


def encode_labels(y: Any) -> tuple[Array, Array]:
    """Return the sorted classes (n_classes,) and each label's place among them (n_samples,).

    The places are of the smallest integer type that holds them.

    y : ndarray of shape (n_samples,), without missing numbers
    """
    classes, codes = find_classes(y)
    check_two_classes(classes)
    return classes, codes.astype(np.min_scalar_type(len(classes)), copy=False)


def check_two_classes(classes: Array) -> None:
    """Raise a ValueError if there is nothing to tell apart."""
    if len(classes) < 2:
        raise ValueError(f"y must hold at least two classes, got one class: {classes.tolist()}.")


def find_classes(y: Array) -> tuple[Array, Array]:
    """Return the sorted classes, of any number, and each label's place among them.

    The places (n_samples,) are of any integer type.
    """
    try:
        if y.dtype.kind not in "biuSUO":  # those are classes, whatever their values
            check_classification_targets(y)
        return _unique_integers(y) if y.dtype.kind in "iu" else _unique(y)
    except TypeError as error:
        raise TypeError(
            f"y must hold labels that can be sorted, none of them missing: {error}."
        ) from error


def encode(y: Array, classes: Array, name: str) -> Array:
    """Return each label's place among the sorted classes, (n_samples,), of the smallest type."""
    places = np.searchsorted(classes, y)
    np.minimum(places, len(classes) - 1, out=places)
    is_unknown = classes[places] != y
    if is_unknown.any():
        _refuse_labels(np.unique(y[is_unknown]).tolist(), classes, name)
    return places.astype(np.min_scalar_type(len(classes)))


def _refuse_labels(unknown: list[Any], classes: Array, name: str) -> None:
    raise ValueError(
        f"{name} has labels {unknown} that were not fitted: those are {classes.tolist()}."
    )


def _unique(y: Array) -> tuple[Array, Array]:
    """The sorted unique values, and each value's place among them."""
    return np.unique(y, return_inverse=True)


def _unique_integers(y: Array) -> tuple[Array, Array]:
    """The sorted unique integers, and each one's place among them.

    By counting where they lie close together: sorting takes ten times as long.
    """
    lowest = y.min()
    if int(y.max()) - int(lowest) > len(y):
        return _unique(y)
    offsets = y - lowest
    if offsets.itemsize < np.intp().itemsize:
        offsets = offsets.view(f"u{offsets.itemsize}")  # a difference may have wrapped around
    offsets = offsets.astype(np.intp, copy=False)
    occurs = np.bincount(offsets) > 0
    place = np.cumsum(occurs) - 1
    classes = np.flatnonzero(occurs).astype(y.dtype) + lowest
    return classes, place.astype(np.min_scalar_type(len(classes)))[offsets]


def encode_known_labels(y: Any, X: Any, classes: Array, name: str) -> Array:
    """Return the place of each label among the classes of a fit, (n_samples,)."""
    labels = column_or_1d(normalize_labels(y), warn=True).tolist()
    known = {label: k for k, label in enumerate(classes.tolist())}
    unknown = list({repr(label): label for label in labels if label not in known}.values())
    if unknown:
        _refuse_labels(unknown, classes, name)
    check_consistent_length(X, labels)
    return np.array([known[label] for label in labels])


def check_proba(P: Any, X: Any, classes: ArrayLike | None, name: str) -> tuple[Array, Array]:
    """Return the sorted classes (n_classes,) and probabilities of them (n_samples, n_classes).

    Where every row is all one class, their codes (n_samples,) take the probabilities' place.
    """
    dtype = getattr(P, "dtype", None)
    is_float = isinstance(dtype, np.dtype) and dtype.kind == "f"
    tolerance = max(ON_THE_SIMPLEX, np.finfo(dtype).eps ** 0.5 if is_float else 0.0)
    P = check_array(P, dtype=np.float64, input_name=name)
    check_consistent_length(X, P)
    n_classes = P.shape[1]
    if n_classes < 2:
        raise ValueError(f"{name} must have a column for each of two classes or more, got one.")
    labels = np.arange(n_classes) if classes is None else column_or_1d(normalize_labels(classes))
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise ValueError("classes contains NaN: no label may be missing.")
    try:
        sorted_labels, order = np.unique(labels, return_index=True)
    except TypeError as error:
        raise TypeError(f"classes must hold labels that can be sorted: {error}.") from error
    if len(labels) != n_classes or len(sorted_labels) < n_classes:
        raise ValueError(
            f"classes must hold a different label for each of the {n_classes} columns of {name},"
            f" got {labels.tolist()}."
        )
    allowed = f"{name} must hold numbers >= 0 whose sum over each row is one"
    if P.min() < -tolerance:
        raise ValueError(f"{allowed}, got {P.min():g}.")
    P = P[:, order]  # the only copy
    np.maximum(P, 0.0, out=P)
    sums = P.sum(axis=1)
    (off,) = np.nonzero(np.abs(sums - 1.0) > tolerance)
    if len(off):
        raise ValueError(f"{allowed}, got a sum of {sums[off[0]]:.9g} in row {off[0]}.")
    P /= sums[:, np.newaxis]
    return sorted_labels, P.argmax(axis=1) if (P.max(axis=1) == 1.0).all() else P
