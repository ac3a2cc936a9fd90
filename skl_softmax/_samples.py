"""What is known of the samples, labels or probabilities and weights: checked, and held out.

Every error names the input, the value received and what is allowed. Knows scikit-learn's
conventions, and nothing of the objective or the steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from skl_softmax._rows import Array, Matrix
from skl_softmax._validation import check_columns, check_number

X_OPTIONS: dict[str, Any] = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
ON_THE_SIMPLEX = 1e-4  # by how much probabilities may miss zero and the sum of one, at least
LARGEST = 1e150  # what can be squared


@dataclass(frozen=True)
class Given:
    """What a fit was given, as it came; y are probabilities of `classes` if `is_proba`."""

    X: Any
    y: Any
    sample_weight: Any
    X_val: Any
    y_val: Any
    sample_weight_val: Any
    is_proba: bool = False
    classes: Any = None


class Samples(NamedTuple):
    """Samples, and what is known of them.

    Attributes
    ----------
    X : ndarray or CSR (n_samples, n_features)
    y : ndarray
        Codes of their classes (n_samples,), or probabilities of those (n_samples, n_classes).
    weights : ndarray (n_samples,)
    """

    X: Matrix
    y: Array
    weights: Array


def check_samples(
    estimator: Any, given: Given, *, all_finite: bool
) -> tuple[Array, Samples, Samples | None]:
    """Return the sorted classes, the samples to fit and those to validate on, if any.

    The weights of each sum to one. Without `all_finite`, X may hold numbers that are not.
    """
    check_columns(given.X)
    options = {**X_OPTIONS, "ensure_all_finite": all_finite}
    labels = {} if given.is_proba else {"y": _plain(given.y)}
    try:
        found = validate_data(estimator, given.X, **labels, **options)
    except OverflowError as error:
        raise ValueError(f"Input X holds numbers out of the range of float64: {error}.") from error
    if given.is_proba:
        X = found
        classes, y = _check_proba(given.y, X, given.classes, "P")
    else:
        X, y = found
        classes, y = encode_labels(y)
    train = Samples(X, y, _check_sample_weight(given.sample_weight, len(y), "sample_weight"))
    factors = class_factors(estimator.class_weight, classes, y, train.weights)
    held_out, name = _check_validation(estimator, given, classes), "sample_weight_val"
    if held_out is None and estimator.early_stopping:
        groups = None if given.is_proba else y
        train, held_out = _hold_out(train, estimator, groups)
        name = "sample_weight"
    if held_out is not None:
        held_out = _weigh(held_out, factors, name)
    return classes, _weigh(train, factors, "sample_weight"), held_out


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
        X = validate_data(estimator, given.X_val, reset=False, **X_OPTIONS, ensure_all_finite=False)
        assert_all_finite(X, input_name="X_val")
        if float(np.abs(X.data if issparse(X) else X).max(initial=0.0)) > LARGEST:
            raise ValueError(f"it contains values too large to be squared, above {LARGEST:g}.")
    except ValueError as error:
        raise ValueError(f"X_val cannot be used: {error}") from error
    if given.is_proba:
        labels = classes if given.classes is None else given.classes
        _, y = _check_proba(given.y_val, X, labels, y_name)
    else:
        y = _encode_known_labels(given.y_val, X, classes, y_name)
    return Samples(X, y, _check_sample_weight(given.sample_weight_val, len(y), "sample_weight_val"))


def check_known_samples(estimator: Any, X: Any, y: Any, sample_weight: Any) -> Samples:
    """Return samples of a fitted estimator's classes, with weights that sum to one.

    y : labels (n_samples,), or probabilities (n_samples, n_classes) in the order of `classes_`
    """
    check_columns(X)
    X = validate_data(estimator, X, reset=False, **X_OPTIONS)
    classes = estimator.classes_
    if np.ndim(y) == 2 and np.shape(y)[1] > 1:
        _, y = _check_proba(y, X, classes, "y")
    else:
        y = _encode_known_labels(y, X, classes, "y")
    weights = _check_sample_weight(sample_weight, len(y), "sample_weight")
    factors = class_factors(estimator.class_weight, classes, y, weights)
    return _weigh(Samples(X, y, weights), factors, "sample_weight")


def _plain(y: Any) -> Any:
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


def encode_labels(y: Any) -> tuple[Array, Array]:
    """Return the sorted classes (n_classes,) and each label's place among them (n_samples,).

    The places are of the smallest integer type that holds them.

    y : ndarray of shape (n_samples,), without missing numbers
    """
    try:
        if y.dtype.kind not in "biuSUO":  # those are classes, whatever their values
            check_classification_targets(y)
        classes, codes = _unique_integers(y) if y.dtype.kind in "iu" else _unique(y)
    except TypeError as error:
        raise TypeError(
            f"y must hold labels that can be sorted, none of them missing: {error}."
        ) from error
    if len(classes) < 2:
        raise ValueError(f"y must hold at least two classes, got one class: {classes.tolist()}.")
    return classes, codes.astype(np.min_scalar_type(len(classes)), copy=False)


def _unique(y: Array) -> tuple[Array, Array]:
    """The sorted unique values, and each value's place among them."""
    return np.unique(y, return_inverse=True)


def _unique_integers(y: Array) -> tuple[Array, Array]:
    """The same, by counting where integers lie close together: sorting takes ten times as long."""
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


def _encode_known_labels(y: Any, X: Any, classes: Array, name: str) -> Array:
    """Return the place of each label among the classes of a fit, (n_samples,)."""
    labels = column_or_1d(_plain(y), warn=True).tolist()
    known = {label: k for k, label in enumerate(classes.tolist())}
    unknown = list({repr(label): label for label in labels if label not in known}.values())
    if unknown:
        raise ValueError(
            f"{name} has labels {unknown} that were not fitted: those are {classes.tolist()}."
        )
    check_consistent_length(X, labels)
    return np.array([known[label] for label in labels])


def _check_proba(P: Any, X: Any, classes: ArrayLike | None, name: str) -> tuple[Array, Array]:
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
    labels = np.arange(n_classes) if classes is None else column_or_1d(_plain(classes))
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


def _check_sample_weight(sample_weight: Any, n_samples: int, name: str) -> Array:
    """Return the weights (n_samples,), the largest of them one; all one is a broadcast scalar."""
    if sample_weight is None:
        return np.broadcast_to(1.0, n_samples)
    return _relative(_finite_weights(sample_weight, n_samples, name))


def class_factors(class_weight: Any, classes: Array, y: Array, weights: Array) -> Array:
    """Return the factor on the weight of each class's samples, (n_classes,).

    "balanced" gives every class the same total: scikit-learn's formula, up to a factor that does
    not matter here, with weighted counts, so that a weight of two still means a sample seen twice.

    y : codes (n_samples,) or probabilities (n_samples, n_classes)
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(y, weights, len(classes)) if y.ndim == 1 else weights @ y
        shares = np.zeros(len(classes))
        np.divide(1.0, counts, out=shares, where=counts > 0.0)
        return _relative(shares)
    if not isinstance(class_weight, Mapping):
        error = ValueError if isinstance(class_weight, str) else TypeError
        raise error(
            "class_weight must be None, 'balanced' or a dict of class: weight,"
            f" got {class_weight!r}."
        )
    known = classes.tolist()
    unknown = [label for label in class_weight if label not in known]
    if unknown:
        raise ValueError(f"class_weight has labels {unknown} that are not in y: it has {known}.")
    for label, weight in class_weight.items():
        check_number(
            f"class_weight[{label!r}]", weight, at_least=0.0, allowed="a finite number >= 0"
        )
    return _relative(np.array([float(class_weight.get(label, 1.0)) for label in known]))


def _weigh(samples: Samples, factors: Array, name: str) -> Samples:
    """Return the samples with the classes' factors in their weights, which sum to one.

    A sample of several classes stands for as many samples of one class each, by their
    probabilities: what factors make of it is another weight, and other probabilities.
    """
    X, y, weights = samples
    if (factors != 1.0).any():
        if y.ndim == 1:
            weights = weights * factors[y]
        else:
            y = y * factors
            totals = y.sum(axis=1)
            weights = weights * totals
            y /= np.where(totals > 0.0, totals, 1.0)[:, np.newaxis]
    total = float(weights.sum())
    if total == 0.0:
        raise ValueError(
            f"All weights are zero: {name} and class_weight leave no sample; at least one"
            " weight must be positive."
        )
    if weights.strides == (0,):  # all one
        return Samples(X, y, np.broadcast_to(1.0 / len(weights), len(weights)))
    return Samples(X, y, weights / total)


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
    return Samples(X[rows], y[rows], weights)


def _relative(weights: Array) -> Array:
    """Weights in units of the largest, so that no product or sum of them overflows."""
    largest = weights.max()
    return weights / largest if largest > 0.0 else weights


def _finite_weights(sample_weight: Any, n_samples: int, name: str) -> Array:
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    allowed = "a number or a 1D array of finite numbers >= 0, one for each sample"
    if np.ma.is_masked(sample_weight):
        raise ValueError(f"{name} must be {allowed}: some are masked.")
    try:
        weights: Array = check_array(
            sample_weight,
            dtype=np.float64,
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=False,
            ensure_min_samples=0,
            input_name=name,
        )
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must be {allowed}: {error}") from error
    if weights.ndim != 1:
        raise ValueError(f"{name} must be {allowed}, got a {weights.ndim}D array.")
    if len(weights) != n_samples:
        raise ValueError(
            f"{name} must be {allowed}, got {len(weights)} for X with {n_samples} samples."
        )
    (bad,) = np.nonzero(~(np.isfinite(weights) & (weights >= 0.0)))
    if len(bad):
        raise ValueError(f"{name} must be {allowed}, got {weights[bad[0]]:g}.")
    return weights
