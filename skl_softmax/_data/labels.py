"""Labels, checked and turned into codes; probabilities of the classes, checked.

A code is the place of a label among the sorted classes: 0, 1, … Every error names the input, the
value received and what is allowed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from numbers import Real
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d

from skl_softmax._arrays import Array, Matrix, to_numpy
from skl_softmax._data.matrix import check_numbers

# A probability may be this much below zero, and a row's sum this far from one: probabilities that
# were rounded to a few digits are accepted, percentages and counts are not.
SUM_TOLERANCE = 1e-4


def normalize_labels(y: Any) -> Any:
    """Refuse missing labels; convert labels of types that scikit-learn does not know yet.

    NumPy's variable-width strings become strings of fixed width, pandas' nullable numbers become
    NumPy's. Other labels are returned as they are.
    """
    _check_one_type(y)
    dtype = getattr(y, "dtype", None)
    kind = getattr(dtype, "kind", "")
    missing = hasattr(y, "isna") and bool(np.any(y.isna()))
    if kind == "T":
        labels = y.tolist()
        missing = any(not isinstance(label, str) for label in labels)
        y = y if missing else np.array(labels)
    elif isinstance(y, np.ndarray) and kind in "mM":
        missing = bool(np.any(np.isnat(y)))
    if missing or np.ma.is_masked(y):
        raise ValueError("Input y contains NaN: no label may be missing.")
    numpy_dtype = getattr(dtype, "numpy_dtype", None)
    return y.to_numpy(dtype=numpy_dtype) if numpy_dtype is not None and kind in "biu" else y


def _check_one_type(labels: object) -> None:
    """Refuse a sequence of text and numbers, or of truth values and numbers.

    NumPy would make one type of them: "1" and 1 would be one class, and so would True and 1.
    """
    types = set(map(type, labels)) if isinstance(labels, list | tuple) else ()
    kinds = {_kind(each) for each in types} - {""}
    if len(kinds) > 1:
        raise ValueError(
            f"Labels must be of one type, got {' and '.join(sorted(kinds))}: some may look alike."
        )


def _kind(label_type: type) -> str:
    """What labels of a type are; an empty string for a type that is not mistaken for another."""
    if issubclass(label_type, str):
        return "text"
    if issubclass(label_type, bool | np.bool_):
        return "truth values"
    return "numbers" if issubclass(label_type, Real) else ""


def warn_of_twins(classes: Array) -> None:
    """Warn of labels that look alike: Unicode can write é in two ways, and spaces do not show."""
    if classes.dtype.kind not in "UO":
        return
    seen: dict[str, object] = {}
    for label in classes.tolist():
        twin = seen.setdefault(normalize("NFC", str(label)).strip(), label)
        if twin != label:
            warnings.warn(
                f"The labels {twin!a} and {label!a} look alike, but are two classes.",
                UserWarning,
                stacklevel=2,
            )


def one_column(y: Any) -> Array:
    """Return labels (n_samples,); with a warning, if they are in one column (n_samples, 1)."""
    try:
        labels: Array = column_or_1d(y, warn=True)
    except ValueError as error:
        if np.ndim(y) != 2:
            raise
        raise ValueError(
            f"{error} For probabilities of the classes, one-hot labels among them, use fit_proba,"
            " or give them to fit as P."
        ) from error
    return labels


def check_labels(y: object, X: Matrix) -> tuple[Array, Array]:
    """Return the classes (n_classes,) and the codes (n_samples,) of labels in memory."""
    labels = normalize_labels(to_numpy(y))
    # Whole numbers need no more checks, which would take as long as a step of a small fit.
    if not (type(labels) is np.ndarray and labels.ndim == 1 and labels.dtype.kind in "biu"):
        labels = one_column(labels)
        assert_all_finite(labels, input_name="y")
    check_consistent_length(X, labels)
    return encode_labels(labels)


def encode_labels(y: Array) -> tuple[Array, Array]:
    """Return the sorted classes (n_classes,) and the codes (n_samples,) of the labels.

    The codes are of the smallest integer type that holds them.

    y : ndarray of shape (n_samples,), without missing numbers
    """
    classes, codes = find_classes(y)
    check_two_classes(classes)
    return classes, codes.astype(np.min_scalar_type(len(classes)), copy=False)


def check_two_classes(classes: Array) -> None:
    """Raise a ValueError if there are fewer than two classes."""
    if len(classes) < 2:
        raise ValueError(f"y must hold at least two classes, got one class: {classes.tolist()}.")


def find_classes(y: Array) -> tuple[Array, Array]:
    """Return the sorted classes, also if there is only one, and the codes of the labels.

    The codes (n_samples,) are of any integer type.
    """
    try:
        if y.dtype.kind not in "biuSUO":  # floats may be continuous; these types are labels
            check_classification_targets(y)
        if y.dtype.kind in "iu":
            return _unique_integers(y)
        classes, codes = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise TypeError(
            f"y must hold labels that can be sorted, none of them missing: {error}."
        ) from error
    check_label_type(classes, "y")
    return classes, codes


def check_label_type(classes: Array, name: str) -> None:
    """Raise a ValueError for labels that `score` and other metrics of scikit-learn would refuse."""
    kind = classes.dtype.kind
    if kind in "SV" or (kind == "O" and not all(isinstance(label, str) for label in classes)):
        raise ValueError(
            f"Unknown label type: {name} holds {type(classes[0]).__name__} in an array of"
            f" {classes.dtype}, which scikit-learn's metrics refuse. Use integers, booleans,"
            " strings or NumPy's dates: .astype(int), .astype(bool) or .astype(str) converts them."
        )


def encode(y: Array, classes: Array, name: str) -> Array:
    """Return the codes (n_samples,), of the smallest type, of labels among the sorted classes."""
    places = np.searchsorted(classes, y)
    np.minimum(places, len(classes) - 1, out=places)
    is_unknown = classes[places] != y
    if is_unknown.any():
        _refuse_labels(np.unique(y[is_unknown]).tolist(), classes, name)
    return places.astype(np.min_scalar_type(len(classes)))


def _refuse_labels(unknown: list[object], classes: Array, name: str) -> None:
    raise ValueError(
        f"{name} has labels {unknown} that were not fitted: the classes are {classes.tolist()}."
    )


def _unique_integers(y: Array) -> tuple[Array, Array]:
    """The sorted unique integers, and the place of each integer among them, (n_samples,).

    Integers that lie close together are counted: sorting takes ten times as long.
    """
    lowest = y.min()
    if int(y.max()) - int(lowest) > len(y):
        return np.unique(y, return_inverse=True)
    offsets = y - lowest
    if offsets.itemsize < np.intp().itemsize:
        offsets = offsets.view(f"u{offsets.itemsize}")  # a difference may have wrapped around
    offsets = offsets.astype(np.intp, copy=False)
    occurs = np.bincount(offsets) > 0
    place = np.cumsum(occurs) - 1
    classes = np.flatnonzero(occurs).astype(y.dtype) + lowest
    return classes, place.astype(np.min_scalar_type(len(classes)))[offsets]


def encode_groups(groups: Any, n_samples: int) -> Array:
    """Return the codes (n_samples,) of the groups that samples belong to; -1 does not occur."""
    if hasattr(groups, "__dask_graph__"):
        groups = groups.compute()
    labels = np.asarray(to_numpy(groups))
    allowed = f"groups must have one label for each of the {n_samples} samples"
    if labels.shape != (n_samples,):
        raise ValueError(f"{allowed}, got shape {labels.shape}.")
    missing = getattr(groups, "isna", lambda: labels != labels)()  # NaN differs from itself
    if np.any(missing):
        raise ValueError(f"{allowed}, none of them missing.")
    found, codes = np.unique(labels, return_inverse=True)
    if len(found) < 2:
        raise ValueError(f"groups must hold at least two groups, got one: {found.tolist()}.")
    return codes


def encode_known_labels(y: object, X: Matrix, classes: Array, name: str) -> Array:
    """Return the codes (n_samples,) of labels that must be among the classes of a fit."""
    labels = one_column(normalize_labels(to_numpy(y)))
    if labels.dtype == classes.dtype and labels.dtype.kind in "biu":
        check_consistent_length(X, labels)
        return encode(labels, classes, name)
    labels = labels.tolist()
    known = {label: k for k, label in enumerate(classes.tolist())}
    unknown = list({repr(label): label for label in labels if label not in known}.values())
    if unknown:
        _refuse_labels(unknown, classes, name)
    check_consistent_length(X, labels)
    return np.array([known[label] for label in labels])


def check_classes(classes: ArrayLike) -> Array:
    """Return the parameter `classes`, (n_classes,), in its own order."""
    try:
        labels: Array = column_or_1d(normalize_labels(to_numpy(classes)))
    except ValueError as error:
        raise ValueError(
            "classes must be a sequence of labels of one type, one for each class and none of them"
            f" missing, got {classes!r}."
        ) from error
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise ValueError("classes contains NaN: no label may be missing.")
    return labels


def column_names(P: object) -> list[Any] | None:
    """The names of a data frame's columns; None of anything else."""
    columns: Iterable[Any] | None = getattr(P, "columns", None)
    return None if columns is None else list(columns)


def check_proba(P: Any, X: Matrix, classes: ArrayLike | None, name: str) -> tuple[Array, Array]:
    """Return the sorted classes (n_classes,) and their probabilities (n_samples, n_classes).

    If each sample has probability one for some class, codes (n_samples,) replace the probabilities.

    classes : the label of each column of P, unless a data frame's columns have just these names;
        None: the names of a data frame's columns, else 0, 1, 2, …
    """
    names = column_names(P)
    if names is not None and (classes is None or set(names) == set(np.ravel(classes).tolist())):
        classes = names
    P = to_numpy(P)
    check_numbers(P, name)
    dtype = getattr(P, "dtype", None)
    is_float = isinstance(dtype, np.dtype) and dtype.kind == "f"
    tolerance = max(SUM_TOLERANCE, np.finfo(dtype).eps ** 0.5 if is_float else 0.0)
    try:
        P = check_array(P, dtype=np.float64, input_name=name)
    except OverflowError as error:
        raise ValueError(f"{name} holds numbers out of the range of float64: {error}.") from error
    check_consistent_length(X, P)
    n_classes = P.shape[1]
    if n_classes < 2:
        raise ValueError(f"{name} must have a column for each of two classes or more, got one.")
    labels = np.arange(n_classes) if classes is None else check_classes(classes)
    try:
        sorted_labels, order = np.unique(labels, return_index=True)
    except TypeError as error:
        raise TypeError(f"classes must hold labels that can be sorted: {error}.") from error
    check_label_type(sorted_labels, "classes")
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


def check_prior(prior: ArrayLike, classes: Array) -> Array:
    """Return the prior probabilities (n_classes,), whose sum is one.

    A series of pandas whose index has the classes is put in their order.
    """
    series: Any = prior
    if hasattr(prior, "reindex") and set(series.index) == set(classes.tolist()):
        prior = series.reindex(classes)
    allowed = (
        f"prior must hold a probability > 0 for each of the classes {classes.tolist()}, with a sum"
        " of one"
    )
    try:
        shares = np.array(to_numpy(prior), dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise type(error)(f"{allowed}, got {prior!r}.") from error
    is_allowed = shares.shape == classes.shape and bool((shares > 0.0).all())
    if not (is_allowed and abs(shares.sum() - 1.0) <= SUM_TOLERANCE):
        raise ValueError(f"{allowed}, got {prior!r}.")
    return np.asarray(shares / shares.sum())
