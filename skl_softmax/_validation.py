"""What comes from outside, checked and brought into the form the descent works on.

Every error names the parameter or input, the value received and what is allowed. Knows
scikit-learn's conventions, and nothing of the objective or the steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array

from skl_softmax._rows import Array


def check_parameters(estimator: Any) -> None:
    """Check the constructor's parameters, once they are used: in fit."""
    rate, allowed = estimator.learning_rate, "'auto' or a finite number > 0"
    if isinstance(rate, str):
        if rate != "auto":
            raise ValueError(f"learning_rate must be {allowed}, got {rate!r}.")
    else:
        _check_number("learning_rate", rate, above=0.0, allowed=allowed)
    _check_number("alpha", estimator.alpha, at_least=0.0, allowed="a finite number >= 0")
    _check_number("tol", estimator.tol, at_least=0.0, allowed="a finite number >= 0")
    _check_integer("max_iter", estimator.max_iter, at_least=1)
    _check_integer("verbose", estimator.verbose, at_least=0)
    for name in ("fit_intercept", "warm_start", "store_coef_history"):
        value = getattr(estimator, name)
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name} must be True or False, got {value!r}.")


def _check_number(
    name: str,
    value: Any,
    *,
    allowed: str,
    above: float = -np.inf,
    at_least: float = -np.inf,
) -> None:
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be {allowed}, got {value!r}.")
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the range of float
        number = np.inf
    if not (np.isfinite(number) and number > above and number >= at_least):
        raise ValueError(f"{name} must be {allowed}, got {value!r}.")


def _check_integer(name: str, value: Any, *, at_least: int) -> None:
    allowed = f"an integer >= {at_least}"
    if name == "verbose" and isinstance(value, bool | np.bool_):
        return  # verbose=True is common usage
    if not isinstance(value, Integral) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be {allowed}, got {value!r}.")
    if value < at_least:
        raise ValueError(f"{name} must be {allowed}, got {value!r}.")


def check_measured(X: Any, scale: Array, estimator: Any) -> None:
    """Refuse features for which there is no scale, (n_features,).

    So the data need not be read once more to see that every number is finite.
    """
    (unusable,) = np.nonzero(np.isnan(scale))
    if len(unusable):
        assert_all_finite(X, estimator_name=type(estimator).__name__, input_name="X")
        raise ValueError(
            f"Input X contains values too large to be squared, in column {unusable[0]}:"
            " up to about 1e150 is allowed. Divide such columns by a constant."
        )


def fixed_width(y: Any) -> Any:
    """Turn NumPy's variable-width strings, which scikit-learn does not know yet, into others."""
    return np.array(y.tolist()) if getattr(getattr(y, "dtype", None), "kind", "") == "T" else y


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


def combine_weights(sample_weight: Any, class_weight: Any, classes: Array, codes: Array) -> Array:
    """Return sample weight × class weight, scaled to sum to one, (n_samples,).

    Weights that are all one come as a broadcast scalar.
    """
    n_samples = len(codes)
    if sample_weight is None:
        weights = np.broadcast_to(1.0, n_samples)
    else:
        weights = _relative(_check_sample_weight(sample_weight, n_samples))
    if class_weight is not None:
        class_weights = _class_weights(class_weight, classes, codes, weights)
        weights = weights * _relative(class_weights)[codes]
    total = float(weights.sum())
    if total == 0.0:
        raise ValueError(
            "All weights are zero: sample_weight and class_weight leave no sample; at least one"
            " weight must be positive."
        )
    if sample_weight is None and class_weight is None:
        return np.broadcast_to(1.0 / n_samples, n_samples)
    return weights / total


def _relative(weights: Array) -> Array:
    """Weights in units of the largest, so that no product or sum of them overflows."""
    largest = weights.max()
    return weights / largest if largest > 0.0 else weights


def _check_sample_weight(sample_weight: Any, n_samples: int) -> Array:
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    allowed = "a number or a 1D array of finite numbers >= 0, one for each sample"
    try:
        weights: Array = check_array(
            sample_weight,
            dtype=np.float64,
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=False,
            ensure_min_samples=0,
            input_name="sample_weight",
        )
    except (TypeError, ValueError) as error:
        raise type(error)(f"sample_weight must be {allowed}: {error}") from error
    if weights.ndim != 1:
        raise ValueError(f"sample_weight must be {allowed}, got a {weights.ndim}D array.")
    if len(weights) != n_samples:
        raise ValueError(
            f"sample_weight must be {allowed}, got {len(weights)} for X with {n_samples} samples."
        )
    (bad,) = np.nonzero(~(np.isfinite(weights) & (weights >= 0.0)))
    if len(bad):
        raise ValueError(f"sample_weight must be {allowed}, got {weights[bad[0]]:g}.")
    return weights


def _class_weights(class_weight: Any, classes: Array, codes: Array, weights: Array) -> Array:
    """The weight of each class (n_classes,).

    "balanced" gives every class the same total: scikit-learn's formula, up to a factor that does
    not matter here, with weighted counts, so that a weight of two still means a sample seen twice.
    """
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(codes, weights, minlength=len(classes))
        shares = np.zeros(len(classes))
        np.divide(1.0, counts, out=shares, where=counts > 0.0)
        return shares
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
        _check_number(
            f"class_weight[{label!r}]", weight, at_least=0.0, allowed="a finite number >= 0"
        )
    return np.array([float(class_weight.get(label, 1.0)) for label in known])
